#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A client that stands still for a while, as one does on a machine that has too much to do, is not taken for dead because others
# come from the same host by the same ticket: only who has what a newcomer waits for has to give way.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

mkdir "$room/root"
head -c 4000000 /dev/urandom >"$room/first"
head -c 1000000 /dev/urandom >"$room/second"
start_server "$room/root"

begin_copy --rate 8m "$room/first" "$(url)"
await_moved 1000000
kill -STOP "$copier"
# At its rate this one takes 8 s: three times what a session may be silent that is in somebody's way.
wants 0 '' copy --rate 1m --policy fixed "$room/second" "$(url)"
kill -CONT "$copier"
wait "$copier"
status=$?
copier=0
[ "$status" = 0 ] || fail "the client that stood still ended with $status: $(cat "$room/said")"
grep -E '"event":"(warning|error)"' "$room/events" | grep -v '"message":""' && fail "it was disturbed"
cmp -s "$room/first" "$room/root/first" || fail "the first file differs"
cmp -s "$room/second" "$room/root/second" || fail "the second file differs"

# In the way is who has the very file: he gives way to the same command, given again.
begin_copy --rate 4m --overwrite always "$room/first" "$(url again)"
await_moved 1000000
kill -STOP "$copier"
wants 0 '' copy "$room/first" "$(url again)"
kill -KILL "$copier"
wait "$copier" 2>/dev/null
copier=0
cmp -s "$room/first" "$room/root/again" || fail "the file that was in another's hands differs"

[ "$failures" -eq 0 ]
