#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several lanes on ways that lose, change and die: one lane's flow that is swallowed goes on by another port, or ends the
# session with a word about it; when no datagram comes through any more a new session takes up over TCP what is there.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"
needs ss

network
mkdir "$room/root" "$room/tree" "$room/back"
head -c 24000000 /dev/urandom >"$room/tree/big"
for i in $(seq 100); do head -c $((i * 100)) "$room/tree/big" >"$room/tree/$i"; done
cp -a "$room/tree" "$room/root/origin"
start_server "$room/root"

# ---- loss, and addresses that change ----

rule filter 'meta l4proto udp numgen random mod 100 < 3 counter drop'
wants 0 '' copy --lanes 4 --rate 100m --transport udp "$room/tree" "$(url lossy)"
same "$room/tree" "$room/root/lossy"
wants 0 '' copy --lanes 4 --rate 100m --transport udp "$(url origin)" "$room/back/lossy"
same "$room/tree" "$room/back/lossy"
filter_off

disturbed() { # WHAT FROM TO COMPARED DISTURBANCE...
    local what=$1 compared=$4 disturbance
    begin_copy --lanes 3 --rate 40m --transport udp "$2" "$3"
    shift 4
    for disturbance in "$@"; do
        await_moved $((${mark:-0} + 3000000)) || break
        $disturbance
        mark=$(moved)
    done
    mark=0
    end_copy 0 "$what"
    wants_told transport udp
    wants_told lanes 3
    same "$room/tree" "$compared"
}
nat_on
disturbed "a push through a translator that rebinds" "$room/tree" "$(url nat)" "$room/root/nat" "nat_rebind port" "nat_rebind address"
nat_off
disturbed "a pull whose client moves" "$(url origin)" "$room/back/roam" "$room/back/roam" roam roam

# ---- one lane's flow is swallowed ----

# Local ports of the client's sockets in the order of the lanes.
ports() { in_client ss -Hune state established | sed 's/.*:\([0-9]*\) .*:\([0-9]*\) .*ino:\([0-9]*\).*/\3 \2 \1/' | sort -n | awk -v p="$port" '$2 == p { print $3 }'; }
swallow_last() {
    local last
    last=$(ports | tail -n 1)
    [ -n "$last" ] || fail "no ports of lanes were found"
    rule filter udp sport "$last" counter drop
    rule filter udp dport "$last" counter drop
}
watch_sources "$port"
disturbed "a push, one of whose lanes is swallowed" "$room/tree" "$(url hole)" "$room/root/hole" swallow_last
[ "$(dropped filter)" -gt 0 ] || fail "nothing was swallowed"
[ "$(sources)" -ge 4 ] || fail "the server saw $(sources) addresses: no lane took another port"
filter_off
disturbed "a pull, one of whose lanes is swallowed" "$(url origin)" "$room/back/hole" "$room/back/hole" swallow_last
filter_off

# All but the first one, whatever port it takes: what the first has cannot be the whole.
mkdir "$room/root/dead"
begin_copy --lanes 2 --rate 20m --transport udp --timeout 6 "$room/tree" "$(url dead)"
if await_moved 4000000; then
    first=$(ports | head -n 1)
    rule filter udp dport "$port" udp sport != "$first" counter drop
    # What the server repeats until it is acknowledged would keep the client waiting for the server's time-out.
    rule filter udp sport "$port" udp dport != "$first" counter drop
fi
END_TIMEOUT=30 end_copy 1 "a push, one of whose lanes died"
wants_said 'lane 1 of the session'
filter_off
wants 0 '' copy --lanes 2 "$room/tree" "$(url dead)"
same "$room/tree" "$room/root/dead/tree"

# ---- no datagram comes through any more ----

mkdir "$room/root/moved"
begin_copy --lanes 3 --rate 20m "$room/tree" "$(url moved)"
if await_moved 6000000; then udp_off; fi
END_TIMEOUT=40 end_copy 0 "a push that loses UDP"
wants_told transport tcp
wants_told lanes 1
same "$room/tree" "$room/root/moved/tree"
# From the start: one lane, over TCP.
begin_copy --lanes 3 --rate 100m "$room/tree" "$(url filtered)"
END_TIMEOUT=40 end_copy 0 "a push without UDP"
wants_told transport tcp
wants_told lanes 1
same "$room/tree" "$room/root/filtered"
udp_on
finish
