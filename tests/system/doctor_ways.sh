#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sluice doctor between hosts: which direction of UDP is dead, a firewall that refuses and one that swallows, and what a wide
# path is like.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"

network
mkdir "$room/root"
start_server "$room/root"

doctor() { timeout 90 "${at_client[@]}" "$SLUICE" doctor "${admission[@]}" --rate 20m "$@" "$host:$port"; }

# found LEVEL TOPIC WHERE [PATTERN]: the last examination has such a finding.
found() {
    grep -Eq -- "^($1) +$2 +($3) +.*${4:-}" "$room/stdout" || fail "no finding '$*': $(cat "$room/stdout")"
}

wants 0 '' doctor
found ok udp path "$host:$port and come back"
found ok mtu path "1500 bytes pass to"

# Only what tells the two directions apart is the server's word.
udp_off to
wants 1 '' doctor
found BAD udp there 'none of our datagrams'
filter_off
udp_off from
wants 1 '' doctor
found BAD udp here 'our datagrams reach .*no answer arrives here'
filter_off

# TCP: nothing listens, and nothing answers.
kept=$port
port=1
wants 5 "$host:1" doctor
found BAD tcp there 'refuses'
port=$kept
tcp_off
wants 5 "$host:$port" doctor
found BAD tcp path 'does not answer within 3 s'
filter_off

# A wide path: 40 ms, a packet in twenty lost, and a tunnel.
widen --rate 100m --rtt 40ms --loss 5%
wants 0 '' doctor
# A host that sets its clock by a few ms meanwhile shortens one round trip by as much, for packets are stamped by it.
found 'ok|WARN' rtt path 'round trip (3[6-9]|4[0-9])'
found WARN loss path 'to .* were lost'
found WARN loss path 'from .* were lost'
finish
