#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What limits a transfer is said, of each second and of the whole; and a source or a sink that stalls holds up nothing else.
# Everything is held back by plugins that wait, or work, for a set time, so that it does not matter how fast the machine is.
# But a machine that is full of other work is itself what limits, in truth: so each case gets three tries, the last two alone.
# What a path does stands in limits_wan.sh.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
plugins=$TOP_BUILDDIR/tests/.libs

# Runs a session of an INI file whose keys are given; its events, and what plugins say, come into $room/NAME.
run() { # NAME KEY=VALUE... [[SECTION] KEY=VALUE...]
    local name=$1
    shift
    rm -rf "$room/root/$name" "$room/$name.over"
    printf '[transfer]\njson = yes\nmkdir = yes\nticket-file = %s\n[session %s]\n' "$room/ticket" "$name" >"$room/$name.ini"
    printf '%s\n' "$@" >>"$room/$name.ini"
    timeout 60 "$SLUICE" run --plugin-dir "$plugins" "$room/$name.ini" >"$room/$name" 2>&1
    echo "ended with $?" >>"$room/$name"
}

# A stall is over when all others are done, or after so long that they should have been.
release() { # NAME
    local tries
    for tries in $(seq 400); do
        [ "$(grep '"event":"file"' "$room/$1" 2>/dev/null | grep -c '"state":"done"')" -ge 3 ] && break
        sleep 0.1
    done
    : >"$room/$1.over"
}

# Encrypts, or decrypts, as slowly as it is told.
toil() { # NAME SOURCE DESTINATION OPTION
    run "$1" "source = $2" "destination = $3" 'cipher = none' 'crypto = toil' 'datagram-size = 1400' 'memory = 4Mi' \
        '[crypto toil]' "$4 = 400us"
}

start() { # NAME
    case $1 in
    target) run "$1" "source = $room/root/large" "destination = $(url target)" "rate = 60m" ;;
    source) run "$1" "source = sluggish:x" "destination = $(url source/)" '[source sluggish]' 'pause = 250ms' ;;
    sink) run "$1" "source = $(url middle)" "destination = sluggish:x" "memory = 4Mi" '[sink sluggish]' 'pause = 800ms' ;;
    # A source on a pipe, and a reader that is many times slower.
    pipe) run "$1" "source = command:head -c 8000000 /dev/urandom" "stream = slow" "destination = $(url)" ;;
    sender_cpu) toil "$1" "$room/root/large" "$(url sender_cpu)" seal ;;
    receiver_cpu)
        rm -f "$room/received" # else a second try finds it there, and has nothing to do
        toil "$1" "$(url large)" "$room/received" open
        ;;
    stalled-source)
        release "$1" &
        run "$1" "source = sluggish:x" "destination = $(url stalled-source/)" '[source sluggish]' 'files = 4' 'bytes = 3Mi' \
            'stall = 1s' "until = $room/$1.over"
        ;;
    stalled-sink)
        release "$1" &
        run "$1" "source = $(url four)" "destination = sluggish:x" '[sink sluggish]' 'stall = 1s' "until = $room/$1.over"
        ;;
    esac
}

# Whether it went well, and was limited by that: as a whole, and of one second at least.  If not, $why says how it was.
limited() { # NAME WORD
    why="$1: not limited by $2: $(grep -o '"event":"[dp][^,]*\|"limited_by":[^,}]*\|ended.*' "$room/$1" | tr '\n' ' ')"
    grep -q '^ended with 0' "$room/$1" && grep '"event":"done"' "$room/$1" | grep -q "\"limited_by\":\"$2\"" &&
        grep '"event":"progress"' "$room/$1" | grep -q "\"limited_by\":\"$2\""
}

# The same, and hardly anything was lost: it is missing credit that held the sender back.
without_loss() { # NAME WORD
    local resent
    limited "$1" "$2" || return
    resent=$(sed -n 's/.*"event":"done".*"resent_bytes":\([-0-9.]*\).*/\1/p' "$room/$1")
    why="$1: of 8 MB $resent bytes were sent again"
    [ "$resent" -lt 400000 ]
}

# Everything else was done before the stall was over.
passed() { # NAME
    local line object
    line=$(grep -n 'sluggish: goes on' "$room/$1" | cut -d: -f1)
    why="$1: nothing stalled, or it did not end well: $(tail -n 1 "$room/$1")"
    [ -n "$line" ] && grep -q '^ended with 0' "$room/$1" || return
    for object in 1 2 3; do
        why="$1: $object was held up by 0"
        head -n "$line" "$room/$1" | grep '"event":"file"' | grep "\"path\":\"[^\"]*$object\"" | grep -q '"state":"done"' || return
    done
}

judge() { # CHECK NAME WORD
    local tries
    for tries in 1 2; do
        "$@" && return
        start "$2"
    done
    "$@" || fail "$why"
}

mkdir -p "$room/root/four"
head -c 24000000 /dev/urandom >"$room/root/large"
head -c 8000000 /dev/urandom >"$room/root/middle"
for object in 0 1 2 3; do head -c 3000000 /dev/urandom >"$room/root/four/$object"; done
cat >"$room/serve.ini" <<END
[serve]
memory = 4Mi
[stream slow]
sink = sluggish:x
[sink sluggish]
pause = 40ms
END
start_server "$room/root" --plugin-dir "$plugins" --config "$room/serve.ini" --cipher aes-128-gcm,none

# They wait more than they work, so they may run at once.
for name in target source sink pipe stalled-source stalled-sink; do start $name & done
wait $(jobs -p | grep -v "^$server\$")
judge limited target target
judge limited source source
judge without_loss sink sink
judge without_loss pipe sink
judge passed stalled-source
judge passed stalled-sink
# These work, so one after the other.
for name in sender_cpu receiver_cpu; do
    start $name
    judge limited $name $name
done
cmp -s "$room/root/large" "$room/received" || fail "receiver_cpu: it differs"
finish
