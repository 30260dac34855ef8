#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What limits a transfer is said, of each second and of the whole; and a source or a sink that stalls holds up nothing else.
# Everything is held back by plugins that wait, or work, for a set time, so that it does not matter how fast the machine is.
# What a path does stands in limits_wan.sh.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
plugins=$TOP_BUILDDIR/tests/.libs

# Runs a session of an INI file whose keys are given; its events, and what plugins say, come into $room/NAME.
run() { # NAME KEY=VALUE... [[SECTION] KEY=VALUE...]
    local name=$1
    shift
    printf '[transfer]\njson = yes\nmkdir = yes\nticket-file = %s\n[session %s]\n' "$room/ticket" "$name" >"$room/$name.ini"
    printf '%s\n' "$@" >>"$room/$name.ini"
    timeout 60 "$SLUICE" run --plugin-dir "$plugins" "$room/$name.ini" >"$room/$name" 2>&1 ||
        fail "$name: ended with $?: $(tail -n 3 "$room/$name")"
}

# Of the whole; and of one second at least.
limited() { # NAME WORD
    grep '"event":"done"' "$room/$1" | grep -q "\"limited_by\":\"$2\"" ||
        fail "$1: not limited by $2: $(grep -o '"event":"[dp][^,]*\|"limited_by":[^,}]*' "$room/$1" | tr '\n' ' ')"
    grep '"event":"progress"' "$room/$1" | grep -q "\"limited_by\":\"$2\"" ||
        fail "$1: no second was limited by $2: $(grep -o '"limited_by":[^,}]*' "$room/$1" | tr '\n' ' ')"
}

figure() { sed -n "s/.*\"event\":\"done\".*\"$2\":\([-0-9.]*\).*/\1/p" "$room/$1"; } # NAME KEY

# Everything else is done before the stall is over.
passed() { # NAME
    local line
    line=$(grep -n 'sluggish: goes on' "$room/$1" | cut -d: -f1)
    [ -n "$line" ] || { fail "$1: nothing stalled"; return; }
    for object in 1 2 3; do
        head -n "$line" "$room/$1" | grep '"event":"file"' | grep "\"path\":\"[^\"]*$object\"" | grep -q '"state":"done"' ||
            fail "$1: $object was held up by 0"
    done
}

mkdir -p "$room/root/four"
head -c 24000000 /dev/urandom >"$room/root/large"
for object in 0 1 2 3; do head -c 3000000 /dev/urandom >"$room/root/four/$object"; done
cat >"$room/serve.ini" <<END
[serve]
memory = 4Mi
[stream slow]
sink = sluggish:x
[sink sluggish]
pause = 30ms
END
start_server "$room/root" --plugin-dir "$plugins" --config "$room/serve.ini" --cipher aes-128-gcm,none

# They wait more than they work, so they may run at once.
run target "source = $room/root/large" "destination = $(url target)" "rate = 60m" &
run source "source = sluggish:x" "destination = $(url source/)" '[source sluggish]' 'pause = 250ms' &
run sink "source = $(url large)" "destination = sluggish:x" "memory = 4Mi" "rate = 400m" '[sink sluggish]' 'pause = 250ms' &
run stalled-source "source = sluggish:x" "destination = $(url stalled/)" \
    '[source sluggish]' 'files = 4' 'bytes = 3Mi' 'stall = 3s' &
run stalled-sink "source = $(url four)" "destination = sluggish:x" '[sink sluggish]' 'stall = 3s' &
# A source on a pipe, and a reader that is many times slower.
run pipe "source = command:head -c 24000000 /dev/urandom" "stream = slow" "destination = $(url)" &
wait $(jobs -p | grep -v "^$server\$")
limited target target
limited source source
limited sink sink
limited pipe sink
passed stalled-source
passed stalled-sink
for name in sink pipe; do
    [ "$(figure $name resent_bytes)" -lt 1200000 ] || fail "$name: of 24 MB $(figure $name resent_bytes) bytes were sent again"
done

# These work, so one after the other.
toil() { # NAME SOURCE DESTINATION OPTION
    run "$1" "source = $2" "destination = $3" 'cipher = none' 'crypto = toil' 'datagram-size = 1400' 'memory = 4Mi' \
        '[crypto toil]' "$4 = 150us"
    limited "$1" "$1"
}
toil sender_cpu "$room/root/large" "$(url sender_cpu)" seal
toil receiver_cpu "$(url large)" "$room/received" open
cmp -s "$room/root/large" "$room/received" || fail "receiver_cpu: it differs"
finish
