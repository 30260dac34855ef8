#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The client's address changes in mid-transfer, by a translator that rebinds and by moving to another cable, again and
# again: nothing is lost.  Somebody who replays what he sees from an address of his own moves nothing, and gets back at
# most three times what he sent.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"

network
mkdir "$room/root" "$room/tree" "$room/back"
head -c 24000000 /dev/urandom >"$room/tree/big"
cp -a /usr/include/linux "$room/tree/" 2>/dev/null || cp -a "$TOP_SRCDIR/core" "$room/tree/"
cp -a "$room/tree" "$room/root/origin"
start_server "$room/root"

# A copy under way, disturbed each time so many bytes more have moved; the other side must see new addresses.
disturbed() { # WHAT FROM TO COMPARED DISTURBANCE...
    local what=$1 to=$3 compared=$4 from=$2 mark=2000000 disturbance count
    shift 4
    count=$#
    watch_sources "$port"
    begin_copy --rate 40m --transport udp "$from" "$to"
    for disturbance in "$@"; do
        await_moved "$mark" || break
        $disturbance
        mark=$(($(moved) + 3000000))
    done
    end_copy 0 "$what"
    wants_told transport udp
    [ "$(sources)" -gt "$count" ] || fail "$what: the server saw $(sources) addresses, not $((count + 1)) or more"
    same "$room/tree" "$compared"
}

nat_on
disturbed "a push through a translator that rebinds" "$room/tree" "$(url nat)" "$room/root/nat" \
    "nat_rebind port" "nat_rebind address" "nat_rebind port" "nat_rebind address"
disturbed "a pull through a translator that rebinds" "$(url origin)" "$room/back/nat" "$room/back/nat" \
    "nat_rebind port" "nat_rebind address" "nat_rebind port" "nat_rebind address"
nat_off

disturbed "a push whose client moves" "$room/tree" "$(url roam)" "$room/root/roam" roam roam roam
disturbed "a pull whose client moves" "$(url origin)" "$room/back/roam" "$room/back/roam" roam roam roam

# Over TCP alone the connection dies with the address: another one takes its place.
begin_copy --rate 40m --transport tcp "$room/tree" "$(url roam-tcp)"
if await_moved 4000000; then roam; fi
end_copy 0 "a push over TCP whose client moves"
same "$room/tree" "$room/root/roam-tcp"

# ---- replayed packets ----

spoofer
# The attacker is to see datagrams as they are on a wire, one by one.
in_client ip link set "c$((roamed % 2))" gso_max_segs 1
mkfifo "$room/replay.in"

# Replays what passes while a copy is under way.  Every twentieth datagram of the client is lost on the way behind the
# attacker, so that his copy is the first and only one, with the highest number so far.
replayed() { # WHAT FROM TO COMPARED
    local sent received before
    local -a at
    at_host spoofer
    rule filter 'iifname { "rc0", "rc1" } meta l4proto udp numgen inc mod 20 0 counter drop'
    begin_copy --rate 40m --transport udp "$2" "$3"
    await_moved 2000000
    "${at[@]}" "$TOP_BUILDDIR/tests/system/replay" "/proc/${holder[router]}/ns/net" "rc$((roamed % 2))" "$host" "$port" \
        <"$room/replay.in" >"$room/replay.out" 2>"$room/replay.err" &
    attacker=$!
    exec 8>"$room/replay.in"
    await 10 "the attacker" grep -q ready "$room/replay.out" || cat "$room/replay.err"
    before=$(moved)
    await_moved $((before + 8000000))
    # Only now, so that the copy was attacked long enough.
    exec 8>&-
    await 10 "the attacker's figures" grep -q sent_packets "$room/replay.out"
    wait "$attacker"
    end_copy 0 "$1"
    filter_off
    same "$room/tree" "$4"
    sent=$(sed -n 's/.*"sent_bytes":\([0-9]*\).*/\1/p' "$room/replay.out")
    received=$(sed -n 's/.*"received_bytes":\([0-9]*\).*/\1/p' "$room/replay.out")
    [ "${sent:-0}" -ge 10000 ] || fail "$1: the attacker sent only ${sent:-0} bytes"
    [ "${received:-0}" -le $((3 * ${sent:-0})) ] || fail "$1: the attacker got $received bytes for $sent"
    # Whoever moved the session to him would have sent him the data.
    [ "${received:-0}" -le 1000000 ] || fail "$1: the session went to the attacker: $(tail -n 1 "$room/replay.out")"
    echo "$1: $(tail -n 1 "$room/replay.out")"
}
replayed "a push that is replayed" "$room/tree" "$(url replayed)" "$room/root/replayed"
replayed "a pull that is replayed" "$(url origin)" "$room/back/replayed" "$room/back/replayed"

end_server TERM || fail "the server ended with $?"
finish
