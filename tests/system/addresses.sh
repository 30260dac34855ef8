#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# IPv6 and IPv4 on one socket, link-local addresses, and names with several addresses of which the first ones are black
# holes, refuse, or have no UDP.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"

network
mkdir "$room/root" "$room/back"
head -c 2000000 /dev/urandom >"$room/file"
cp "$room/file" "$room/root/origin"
listen='[::]'
start_server "$room/root"

number=0
reaches() { # HOST COPY OPTION...: a push and a pull by that address or name
    local there=$1
    shift
    number=$((number + 1))
    wants 0 '' copy --json "$@" "$room/file" "sluice://$there:$port/to$number"
    cmp -s "$room/file" "$room/root/to$number" || fail "a push to $there: the file differs"
    wants 0 '' copy --json "$@" "sluice://$there:$port/origin" "$room/back/from$number"
    cmp -s "$room/file" "$room/back/from$number" || fail "a pull from $there: the file differs"
}
# The last copy's set-up, in seconds, was below so much.
quick() { # SECONDS WHAT
    local setup
    setup=$(sed -n 's/.*"event":"done".*"setup_seconds":\([0-9.]*\).*/\1/p' "$room/stdout")
    awk -v s="${setup:-99}" -v most="$1" 'BEGIN { exit !(s < most) }' || fail "$2: the set-up took ${setup:-?} s, not less than $1"
}

# Dual stack: one after the other, and at once.
reaches 10.80.2.2
reaches '[fd80:2::2]'
begin_copy --rate 20m "$room/file" "sluice://10.80.2.2:$port/at-once-4"
wants 0 '' copy --rate 20m "$room/file" "sluice://[fd80:2::2]:$port/at-once-6"
end_copy 0 "IPv4 beside IPv6"
cmp -s "$room/root/at-once-4" "$room/root/at-once-6" || fail "IPv4 and IPv6 at once: the files differ"

# Link-local, with the scope written as in RFC 6874 and plainly.  The router is on the server's link.
local_address=$(in_server ip -6 -o addr show dev s0 scope link | sed -n 's#.* inet6 \(fe80:[^/]*\)/.*#\1#p')
away=("${at_client[@]}")
at_host router
at_client=("${at[@]}")
reaches "[$local_address%25rs0]"
reaches "[$local_address%rs0]"
wants 5 '' copy "$room/file" "sluice://[$local_address%25no-such]:$port/never"
at_client=("${away[@]}")

# Addresses where nothing is: a black hole in the router, and a host without a server.
in_router ip route add blackhole 10.80.5.0/24
in_router ip -6 route add blackhole fd80:5::/64
in_server ip addr add 10.80.2.9/24 dev s0
end_server TERM || fail "the server ended with $?"
listen=10.80.2.2
start_server "$room/root"

hosts hole-first 10.80.5.1 10.80.2.2
hosts holes-first 10.80.5.1 10.80.5.2 10.80.2.2
hosts hole-of-six-first fd80:5::1 10.80.2.2
hosts refuses-first 10.80.2.9 10.80.2.2
hosts refuses-six-first fd80:2::2 10.80.2.2
hosts all-refuse 10.80.2.9 fd80:2::2
hosts all-holes 10.80.5.1 fd80:5::1
for name in hole-first holes-first hole-of-six-first refuses-first refuses-six-first; do
    reaches "$name"
    quick 2.5 "$name"
done
wants 5 "all-refuse" copy "$room/file" "sluice://all-refuse:$port/never"
COPY_TIMEOUT=40 wants 5 "all-holes" copy --timeout 5 "$room/file" "sluice://all-holes:$port/never"
wants 5 "no-such-name" copy "$room/file" "sluice://no-such-name:$port/never"

# Both addresses are the server's, and UDP to the first one is dropped: TCP, or the other address, but it arrives.
end_server TERM || fail "the server ended with $?"
listen='[::]'
start_server "$room/root"
hosts no-udp-first 10.80.2.9 10.80.2.2
hosts no-udp-six-first fd80:2::2 10.80.2.2
filter_off
udp_off both 10.80.2.9
udp_off both fd80:2::2
for name in no-udp-first no-udp-six-first; do
    reaches "$name"
    quick 8 "$name"
done
[ "$(dropped filter)" -gt 0 ] || fail "the first address of no-udp-first was not tried with UDP"
filter_off

end_server TERM || fail "the server ended with $?"
finish
