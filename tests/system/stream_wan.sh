#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Streams across emulated paths of all kinds of loss, pushed, pulled and both at once, in pieces of random sizes: every byte
# is there and in its place.  BYTES of each stream (default 3000000), LOSSES.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
wanem=${TOP_BUILDDIR:?}/tests/wan/wanem
ferry=$TOP_BUILDDIR/tests/system/ferry
bytes=${BYTES:-3000000}

if [ "$(id -u)" != 0 ] || [ ! -w /dev/net/tun ]; then
    echo "skipped: the WAN emulator needs root and /dev/net/tun" >&2
    [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && exit 1
    exit 77
fi

cat >"$room/go" <<END
#!/bin/bash
i=0
while ! grep -qs "^port" "$room/served" && [ \$i -lt 200 ]; do sleep 0.05; i=\$((i + 1)); done
exec "$ferry" go 10.99.0.2:33001 "$room/ticket" "\$@" timeout 20 >"$room/out" 2>&1
END
chmod +x "$room/go"

across() { # LOSS KIND STREAMS DIRECTIONS
    rm -f "$room/served" # else the words of the server before it would do for the one that is about to start
    "$wanem" --rate 100m --rtt 40ms --loss "$1" --reorder 1% --duplicate 0.5% --seed 7 --timeout "${WAN_TIMEOUT:-60}" \
        --linger 0.2 --quiet run "exec $ferry serve 10.99.0.2:33001 $room/ticket >$room/served 2>&1" \
        "$room/go $2 $bytes $3" || fail "$2 with $1 loss: $(grep -v moved "$room/out" | tail -n 3)"
    [ "$(grep -c "^done .*: $bytes bytes, OK" "$room/out")" = "$4" ] ||
        fail "$2 with $1 loss: $(grep -c ^done "$room/out") directions of $4 are done at the client"
    [ "$(grep -c "^done .*: $bytes bytes, OK" "$room/served")" = "$4" ] ||
        fail "$2 with $1 loss: $(grep -c ^done "$room/served") directions of $4 are done at the server"
}

for loss in ${LOSSES:-0 1% 5% 10%}; do
    across "$loss" push 1 1
    across "$loss" pull 2 2
    across "$loss" both 2 4
done
finish
