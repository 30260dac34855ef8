#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a path does to a transfer is said: its capacity, its loss, its length where memory is short.  And a source that stalls
# keeps nothing else on a path that loses from being sent, and sent again.  An emulator that does not get the processor in time
# is another path than it was told to be, so each case gets three tries, the last two alone.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
wanem=${TOP_BUILDDIR:?}/tests/wan/wanem
plugins=$TOP_BUILDDIR/tests/.libs

if [ "$(id -u)" != 0 ] || [ ! -w /dev/net/tun ]; then
    echo "skipped: the WAN emulator needs root and /dev/net/tun" >&2
    [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && exit 1
    exit 77
fi

# A session across a path; its events, and what plugins say, come into $room/NAME.
across() { # NAME "PATH" MEMORY-OF-THE-SERVER KEY=VALUE... [[SECTION] KEY=VALUE...]
    local name=$1 path=$2 memory=$3 at=$room/of-$1
    shift 3
    rm -rf "$at" "$room/$name.over"
    mkdir -p "$at/root"
    printf '[transfer]\njson = yes\nticket-file = %s\n[session %s]\ndestination = sluice://10.99.0.2:33001/\n' "$at/ticket" "$name" >"$at/ini"
    printf '%s\n' "$@" >>"$at/ini"
    printf '#!/bin/bash\nexec "%s" serve --listen 10.99.0.2:33001 --root "%s" --ticket-file "%s" --memory %s >"%s" 2>&1\n' \
        "$SLUICE" "$at/root" "$at/ticket" "$memory" "$at/serve.log" >"$at/serve"
    printf '#!/bin/bash\nfor i in $(seq 200); do [ -s "%s" ] && break; sleep 0.05; done\nexec "%s" run --plugin-dir "%s" "%s" >"%s" 2>&1\n' \
        "$at/ticket" "$SLUICE" "$plugins" "$at/ini" "$room/$name" >"$at/copy"
    chmod +x "$at/serve" "$at/copy"
    "$wanem" $path --seed 3 --timeout 60 --linger 0.2 --quiet run "exec $at/serve" "exec $at/copy" >"$at/wanem" 2>&1
    echo "ended with $?" >>"$room/$name"
}

# The stall is over when all others are done, or after so long that they should have been.
release() { # NAME
    local tries
    for tries in $(seq 400); do
        [ "$(grep '"event":"file"' "$room/$1" 2>/dev/null | grep -c '"state":"done"')" -ge 3 ] && break
        sleep 0.1
    done
    : >"$room/$1.over"
}

start() { # NAME
    case $1 in
    network) across "$1" '--rate 20m --rtt 20ms' 64Mi "source = $room/middle" ;;
    # CUBIC, which takes every loss for a full path, comes to a small part of this one.
    loss) across "$1" '--rate 50m --rtt 20ms --loss 4%' 64Mi "source = $room/small" 'congestion = cubic' ;;
    # 4 MiB may be on their way, where 30 MB would have to be.
    window) across "$1" '--rate 600m --rtt 400ms' 4Mi "source = $room/large" 'policy = fixed' 'rate = 600m' ;;
    stalled)
        release "$1" &
        across "$1" '--rate 50m --rtt 20ms --loss 5%' 64Mi 'source = sluggish:x' '[source sluggish]' 'files = 4' 'bytes = 3Mi' \
            'stall = 1s' "until = $room/$1.over"
        ;;
    esac
}

limited() { # NAME: by what it is called after
    why="$1: not limited by it: $(grep -o '"event":"[dp][^,]*\|"limited_by":[^,}]*\|ended.*' "$room/$1" | tr '\n' ' ')"
    grep -q '^ended with 0' "$room/$1" && grep '"event":"done"' "$room/$1" | grep -q "\"limited_by\":\"$1\"" &&
        grep '"event":"progress"' "$room/$1" | grep -q "\"limited_by\":\"$1\""
}

# The others went on while 0 stalled, with what was lost of them.
passed() { # NAME
    local line object
    line=$(grep -n 'sluggish: goes on' "$room/$1" | cut -d: -f1)
    why="$1: nothing stalled, or nothing was sent again: $(tail -n 2 "$room/$1")"
    [ -n "$line" ] && grep -q '^ended with 0' "$room/$1" &&
        grep '"event":"done"' "$room/$1" | grep -q '"resent_bytes":[1-9]' || return
    for object in 1 2 3; do
        why="$1: $object was held up by 0"
        head -n "$line" "$room/$1" | grep '"event":"file"' | grep "\"path\":\"$object\"" | grep -q '"state":"done"' || return
    done
}

judge() { # CHECK NAME
    local tries
    for tries in 1 2; do
        "$@" && return
        start "$2"
    done
    "$@" || fail "$why"
}

head -c 24000000 /dev/urandom >"$room/large"
head -c 8000000 "$room/large" >"$room/middle"
head -c 1200000 "$room/large" >"$room/small"
for name in network loss window stalled; do start $name & done
wait
judge limited network
judge limited loss
judge limited window
judge passed stalled
finish
