#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a path does to a transfer is said: its capacity, its loss, its length where memory is short.  And a source that stalls
# keeps nothing else on a path that loses from being sent, and sent again.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
wanem=${TOP_BUILDDIR:?}/tests/wan/wanem
plugins=$TOP_BUILDDIR/tests/.libs
server=0

if [ "$(id -u)" != 0 ] || [ ! -w /dev/net/tun ]; then
    echo "skipped: the WAN emulator needs root and /dev/net/tun" >&2
    [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && exit 1
    exit 77
fi

# A session across a path; its events, and what plugins say, come into $room/NAME.
across() { # NAME "PATH" MEMORY-OF-THE-SERVER KEY=VALUE... [[SECTION] KEY=VALUE...]
    local name=$1 path=$2 memory=$3 at=$room/of-$1
    shift 3
    mkdir -p "$at/root"
    printf '[transfer]\njson = yes\nticket-file = %s\n[session %s]\ndestination = sluice://10.99.0.2:33001/\n' "$at/ticket" "$name" >"$at/ini"
    printf '%s\n' "$@" >>"$at/ini"
    printf '#!/bin/bash\nexec "%s" serve --listen 10.99.0.2:33001 --root "%s" --ticket-file "%s" --memory %s >"%s" 2>&1\n' \
        "$SLUICE" "$at/root" "$at/ticket" "$memory" "$at/serve.log" >"$at/serve"
    printf '#!/bin/bash\nfor i in $(seq 200); do [ -s "%s" ] && break; sleep 0.05; done\nexec "%s" run --plugin-dir "%s" "%s" >"%s" 2>&1\n' \
        "$at/ticket" "$SLUICE" "$plugins" "$at/ini" "$room/$name" >"$at/copy"
    chmod +x "$at/serve" "$at/copy"
    "$wanem" $path --seed 3 --timeout 60 --linger 0.2 --quiet run "exec $at/serve" "exec $at/copy" >"$room/$name.failed" 2>&1 ||
        echo "$name failed: $(tail -n 3 "$room/$name")" >>"$room/$name.failed"
}

limited() { # NAME WORD
    grep -q failed "$room/$1.failed" && fail "$(cat "$room/$1.failed")"
    grep '"event":"done"' "$room/$1" | grep -q "\"limited_by\":\"$2\"" ||
        fail "$1: not limited by $2: $(grep -o '"event":"[dp][^,]*\|"limited_by":[^,}]*' "$room/$1" | tr '\n' ' ')"
    grep '"event":"progress"' "$room/$1" | grep -q "\"limited_by\":\"$2\"" ||
        fail "$1: no second was limited by $2: $(grep -o '"limited_by":[^,}]*' "$room/$1" | tr '\n' ' ')"
}

head -c 24000000 /dev/urandom >"$room/large"
head -c 8000000 "$room/large" >"$room/middle"
head -c 1200000 "$room/large" >"$room/small"
across network '--rate 20m --rtt 20ms' 64Mi "source = $room/middle" &
# CUBIC, which takes every loss for a full path, comes to a small part of this one.
across loss '--rate 50m --rtt 20ms --loss 4%' 64Mi "source = $room/small" 'congestion = cubic' &
# 4 MiB may be on their way, where 30 MB would have to be.
across window '--rate 600m --rtt 400ms' 4Mi "source = $room/large" 'policy = fixed' 'rate = 600m' &
across stalled '--rate 50m --rtt 20ms --loss 5%' 64Mi 'source = sluggish:x' '[source sluggish]' 'files = 4' 'bytes = 3Mi' 'stall = 6s' &
wait
limited network network
limited loss loss
limited window window
line=$(grep -n 'sluggish: goes on' "$room/stalled" | cut -d: -f1)
for object in 1 2 3; do
    head -n "${line:-0}" "$room/stalled" | grep '"event":"file"' | grep "\"path\":\"$object\"" | grep -q '"state":"done"' ||
        fail "stalled: $object was held up by 0, or nothing stalled"
done
grep '"event":"done"' "$room/stalled" | grep -q '"resent_bytes":[1-9]' || fail "stalled: nothing was sent again"
finish
