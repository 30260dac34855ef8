#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Jobs through outages of 20 s, which their sessions outlive: both ways, in a pause, and with sources that come meanwhile.  And
# a disk that is full.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/foremen.sh"
. "$TOP_SRCDIR/tests/system/network.sh"
outage=${OUTAGE:-20} # seconds

network
mkdir -p "$room/root" "$room/back"
head -c 20000000 /dev/urandom >"$room/root/big"
cp "$room/root/big" "$room/big"
head -c 100000 /dev/urandom >"$room/small"
listen=10.80.2.2
host=10.80.2.2
start_server "$room/root"
cd "$room" || exit 99

# Nothing passes for so long, by the clock, for that is what an outage is; and something must have been lost.
cut() { link_down && sleep "$outage" && await 30 "packets that are lost" has_dropped && link_up; }
has_dropped() { [ "$(dropped line)" -ge 6 ]; }
wants_same_session() { # WHAT
    wants_figure attempts 1 "$1"
    [ "$(grep -c '^session-start' "$room/events")" = 1 ] && ! has_told '^retry' || fail "$1: another session: $(cat "$room/events")"
}
arrived() { cmp -s big "$1" || fail "what $2 has brought differs"; } # FILE WHAT

for way in push pull; do
    [ "$way" = push ] && to=cut || to=back/cut
    [ "$way" = push ] && place=root/cut || place=back/cut
    begin_job "$way" "$to" rate=16m timeout=60s -- big
    await_told '^progress .* transferred=[1-9][0-9]{6}'
    cut
    ask rate 0
    end_job 0 "a $way through an outage"
    arrived "$place" "a $way through an outage"
    wants_same_session "a $way through an outage"
    wants_figure present 20000000 "a $way through an outage"
done

# What stood still before the outage stands still behind it, and goes on when it is asked to.
begin_job push paused rate=16m timeout=60s -- big
await_told '^progress .* transferred=[1-9][0-9]{6}'
ask pause
await_told '^rate state=paused '
cut
told_since() { [ "$(grep -c '^progress' "$room/events")" -ge "$1" ]; }
await 30 "more progress" told_since $(($(grep -c '^progress' "$room/events") + 2))
grep '^progress' "$room/events" | tail -n 1 | grep -q 'state=paused' || fail "the pause is over: $(last)"
before=$(grep '^progress' "$room/events" | tail -n 1 | sed 's/.* transferred=\([0-9]*\) .*/\1/')
await 30 "more progress" told_since $(($(grep -c '^progress' "$room/events") + 2))
grep '^progress' "$room/events" | tail -n 1 | grep -q " transferred=$before " || fail "what is paused moves: $(last)"
ask resume
await_told '^rate state=running '
ask rate 0
end_job 0 'a pause through an outage'
arrived root/paused 'a pause through an outage'
wants_same_session 'a pause through an outage'

# What is asked for in an outage comes about behind it.
begin_job push stays/ persistent=yes mkdir=yes timeout=60s
await_told '^session-start'
link_down
ask add big
ask add small
ask no-more
await 30 "packets that are lost" has_dropped
sleep "$outage"
link_up
end_job 0 'sources that came in an outage'
arrived root/stays/big 'sources that came in an outage'
cmp -s small root/stays/small || fail 'what was added in an outage differs'
wants_same_session 'sources that came in an outage'

# ---- no room ----

mkdir "$room/root/tight" "$room/tight"
mount -t tmpfs -o size=4m tmpfs "$room/root/tight" || exit 99
begin_job push tight/big retries=5 -- big
end_job 1 'a push to a full disk'
has_told '^session-error state=failed attempts=1 .*code=25 status=ENOSPACE' || fail "a push to a full disk: $(last)"
mount -t tmpfs -o size=4m tmpfs "$room/tight" || exit 99
begin_job pull tight/big retries=5 -- big
end_job 1 'a pull to a full disk'
has_told '^session-error state=failed attempts=1 .*code=25 status=ENOSPACE' || fail "a pull to a full disk: $(last)"
umount "$room/root/tight" "$room/tight"
finish
