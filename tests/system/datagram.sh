#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `datagram-size`: what either side allows is the most that path discovery comes to, in a push and in a pull, down to the
# least that is; and without it loopback takes the largest.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

# IP packets in use at the end of a copy that takes long enough for discovery.
mtu() { # BYTES COPY ARGUMENT...
    local wanted=$1
    shift
    rm -rf "$room/root/big" "$room/back/big"
    wants 0 '' copy --json --rate 200m "$@"
    tail -n 1 "$room/stdout" | grep -q "\"mtu\":$wanted,\"cipher" ||
        fail "$*: $(tail -n 1 "$room/stdout" | grep -o '"mtu":[0-9]*'), not $wanted"
}

mkdir "$room/root" "$room/back"
head -c 20000000 /dev/urandom >"$room/big"
cp "$room/big" "$room/root/source"
start_server "$room/root"
mtu 16384 "$room/big" "$(url)"
mtu 1428 --datagram-size 1400 "$room/big" "$(url)"
cmp -s "$room/big" "$room/root/big" || fail "pushed with 1400: it differs"
mtu 9028 --datagram-size 9000 "$(url source)" "$room/back/big"
mtu 536 --datagram-size 508 "$(url source)" "$room/back/big"
cmp -s "$room/big" "$room/back/big" || fail "pulled with 508: it differs"
mtu 828 --datagram-size 800 "$room/big" "$(url)"
cmp -s "$room/big" "$room/root/big" || fail "pushed with 800: it differs"
wants 2 'datagram-size 507 is below 508' copy --datagram-size 507 "$room/big" "$(url)"
wants 2 '16356' copy --datagram-size 16357 "$room/big" "$(url)"
end_server TERM

# Without the kernel's offloads, as on a kernel that has none: one by one, but still many in a call.
start_server "$room/root" --no-udp-offload
for size in 508 1280 9000; do
    mtu $((size + 28)) --no-udp-offload --datagram-size $size "$room/big" "$(url)"
    cmp -s "$room/big" "$room/root/big" || fail "pushed with $size and no offload: it differs"
done
mtu 1308 --datagram-size 1280 "$(url source)" "$room/back/big"
cmp -s "$room/big" "$room/back/big" || fail "pulled without the server's offload: it differs"
end_server TERM

# A small socket: what it cannot hold is not sent.
start_server "$room/root" --udp-buffer 212992
wants 0 '' copy --json --udp-buffer 212992 --overwrite always "$room/big" "$(url)"
cmp -s "$room/big" "$room/root/big" || fail "pushed to a small socket: it differs"
end_server TERM

# The server's own.
start_server "$room/root" --datagram-size 2000
mtu 2028 "$room/big" "$(url)"
mtu 1528 --datagram-size 1500 "$(url source)" "$room/back/big"
mtu 2028 --datagram-size 9000 "$(url source)" "$room/back/big"
end_server TERM
wants 2 'datagram-size' "$SLUICE" serve --listen 127.0.0.1:0 --root "$room/root" --ticket-file "$room/ticket" --datagram-size 100
finish
