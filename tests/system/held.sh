#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A disk that does not answer holds up the files that lie on it, and nothing else: neither the other files of their session nor
# other sessions of the server, however many files wait for it (plugins/held.c).
. "${TOP_SRCDIR:?}/tests/system/session.sh"
[ -e "${TOP_BUILDDIR:?}/tests/held/.libs/sink_file.so" ] || exit 77 # without plugins in files
mkdir "$room/root" "$room/first" "$room/second"
mkfifo "$room/gate"
for number in 1 2 3 4 5 6 7 8; do
    head -c 100000 /dev/urandom >"$room/first/held$number"
    head -c 100000 /dev/urandom >"$room/first/other$number"
    head -c 100000 /dev/urandom >"$room/second/file$number"
done
at_server=(env "SLUICE_PLUGIN_PATH=$TOP_BUILDDIR/tests/held/.libs:$SLUICE_PLUGIN_PATH")
start_server "$room/root" --set "sink.file.gate=$room/gate"

held() { [ "$(grep -c '^held: ' "$room/serve.log")" -ge "$1" ]; } # COUNT
others_done() { [ "$(grep '"event":"file"' "$room/events" | grep '"path":"[^"]*other' | grep -c '"state":"done"')" = 8 ]; }
begin_copy "$room/first" "$(url)"
await 60 "eight writes that wait for the disk" held 8
await 60 "the other files of that session" others_done
wants 0 '' copy "$room/second" "$(url)"
under_way || fail "the first session ended though its disk did not answer"
grep '"event":"file"' "$room/events" | grep -q '"path":"[^"]*held.*"state":"done"' && fail "what is held was done"
exec 9>"$room/gate"
end_copy 0 "the session whose files were held"
[ "$failures" -eq 0 ]
