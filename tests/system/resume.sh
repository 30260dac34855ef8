#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Either side is killed again and again; each repeat goes on from what is there, and the end is identical.
# KILLS says how often (default 6).
. "${TOP_SRCDIR:?}/tests/system/session.sh"
kills=${KILLS:-6}
RANDOM=${SEED:-1}

# Without the time limit around it, so that $client is the process itself.
begin_copy() {
    "$SLUICE" copy --progress never --ticket-file "$room/ticket" "$@" 2>/dev/null &
    client=$!
}

mkdir "$room/root" "$room/tree"
head -c 30000000 /dev/urandom >"$room/tree/big"
for i in $(seq 200); do head -c $((RANDOM * 2)) /dev/urandom >"$room/tree/f$i"; done
start_server "$room/root"

for round in $(seq "$kills"); do
    begin_copy --rate 150m "$room/tree" "$(url)"
    sleep 0.$((RANDOM % 8 + 1))$((RANDOM % 10))
    if [ $((RANDOM % 2)) = 0 ]; then
        kill -KILL "$client" 2>/dev/null
        wait "$client" 2>/dev/null
    else
        end_server KILL
        start_server "$room/root"
        kill -TERM "$client" 2>/dev/null
        wait "$client" 2>/dev/null
    fi
    # Nothing half-written may stand under a final name.
    for file in "$room/root/tree"/*; do
        [ -e "$file" ] || continue
        cmp -s "$file" "$room/tree/$(basename "$file")" || fail "round $round: $file is not what it should be"
    done
done
wants 0 '' copy --json "$room/tree" "$(url)"
same "$room/tree" "$room/root/tree"

# A partial file with one byte flipped: only its chunk is sent again.
rm -rf "$room/root/tree"
begin_copy --rate 100m "$room/tree/big" "$(url big)"
sleep 1.2
kill -TERM "$client"
wait "$client" 2>/dev/null
part=$(find "$room/root" -name '*big*part*' | head -n 1)
if [ -z "$part" ]; then
    fail "SIGTERM left no partial file"
else
    was=$(od -An -tu1 -j 1000 -N 1 "$part" | tr -d ' ')
    printf "\\$(printf %03o $((was ^ 1)))" | dd of="$part" bs=1 seek=1000 conv=notrunc status=none
    wants 0 '' copy --json "$room/tree/big" "$(url big)"
    cmp -s "$room/tree/big" "$room/root/big" || fail "the resumed file differs"
    grep -q '"event":"file".*"resumed_bytes":[1-9]' "$room/stdout" || fail "nothing was resumed: $(grep '"file"' "$room/stdout")"
fi
finish
