#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Streams outlive a client that moves and an outage shorter than the time-out, and lose or double no byte.  When one side
# dies, or the outage is longer, the other side's calls say so.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"
ferry=$TOP_BUILDDIR/tests/system/ferry
bytes=6000000

network

port_known() { port=$(sed -n 's/^port //p' "$room/served"); [ -n "$port" ]; }
begin_serving() {
    : >"$room/served"
    "${at_server[@]}" "$ferry" serve "10.80.2.2:0" "$room/ticket" timeout 4 >"$room/served" 2>&1 &
    server=$!
    await 10 "the server" port_known || exit 1
}

begin_ferry() { # KIND
    : >"$room/out"
    "${at_client[@]}" "$ferry" go "10.80.2.2:$port" "$room/ticket" "$1" "$bytes" 2 rate 24m timeout 4 transport "${transport:-udp}" \
        >"$room/out" 2>&1 &
    copier=$!
}
moved() { sed -n 's/^moved //p' "$room/out" | tail -n 1; }

# Streams of that kind while something happens after each so many bytes; all of both sides must be done.
disturbed() { # WHAT KIND DISTURBANCE...
    local what=$1 kind=$2 mark=1000000 disturbance got directions=2
    shift 2
    [ "$kind" = both ] && directions=4
    : >"$room/served"
    begin_ferry "$kind"
    for disturbance in "$@"; do
        await "${MOVE_TIMEOUT:-60}" "$mark bytes" has_moved "$mark" || break
        under_way || fail "$what: it was over before $mark bytes"
        $disturbance
        mark=$(($(moved) + 2000000))
    done
    await 60 "the end of $what" has_ended || kill -KILL "$copier"
    wait "$copier"
    got=$?
    copier=0
    [ "$got" = 0 ] || fail "$what ended with $got: $(grep -v moved "$room/out" | tail -n 3)"
    [ "$(grep -c "^done .*: $bytes bytes, OK" "$room/out")" = "$directions" ] || fail "$what: not all is done at the client"
    await 10 "the server's part of $what" served_all "$directions"
}
served_all() { [ "$(grep -c "^done .*: $bytes bytes, OK" "$room/served")" = "$1" ]; }

# As long as it takes to lose what was under way and some attempts to repeat it.
has_dropped() { [ "$(dropped line)" -ge 6 ]; }
short_outage() { link_down && await 3 "packets that are lost" has_dropped && link_up; }

begin_serving
for kind in push pull both; do
    disturbed "$kind of a client that moves" "$kind" roam roam
    disturbed "$kind through an outage" "$kind" short_outage
done
nat_on
disturbed "both through a translator that rebinds" both "nat_rebind port" "nat_rebind address"
nat_off

# ---- one side dies, or the way does ----

ends_with() { # FILE WHO PATTERN
    await 20 "the end at the $2" grep -Eq "^failed (writing|reading) .*($3)" "$room/$1" ||
        echo "it said: $(tail -n 4 "$room/$1")" >&2
}

for kind in push pull; do
    : >"$room/served"
    begin_ferry "$kind"
    await 60 "1000000 bytes" has_moved 1000000
    kill -KILL "$copier"
    wait "$copier" 2>/dev/null
    copier=0
    ends_with served "server whose client was killed in a $kind" "ETIMEOUT|ECLOSED"
done

: >"$room/served"
begin_ferry both
await 60 "1000000 bytes" has_moved 1000000
link_down
ends_with out "client after a long outage" ETIMEOUT
ends_with served "server after a long outage" ETIMEOUT
await 20 "the client's end" has_ended
wait "$copier" && fail "a client that was cut off ended well"
copier=0
link_up

begin_ferry both
await 60 "1000000 bytes" has_moved 1000000
end_server KILL
ends_with out "client whose server was killed" "ETIMEOUT|EGONE|ECONNECT"
await 20 "the client's end" has_ended
wait "$copier" && fail "a client whose server was killed ended well"
copier=0
finish
