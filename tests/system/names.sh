#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Memory does not grow with the number of files: of one source of names (plugins/names.c) a long list costs neither side more
# than a short one, which is itself several times as long as the window of entries.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
export SLUICE_PLUGIN_PATH=${TOP_BUILDDIR:?}/tests/names/.libs:$SLUICE_PLUGIN_PATH
[ -e "$TOP_BUILDDIR/tests/names/.libs/source_file.so" ] || exit 77 # without plugins in files
at_server=("$TOP_BUILDDIR/tests/bench/measure" "$room/server.json")
at_client=("$TOP_BUILDDIR/tests/bench/measure" "$room/client.json")
few=20000 many=200000
# Address sanitizers keep what was freed: then the figures say nothing, and it is only looked whether all names arrive.
[ -z "${SANITIZER_CFLAGS:-}" ] || few=2000 many=20000
allowed=8192 # KiB; 180 000 names alone would have 7 MB, and what either side remembers of them many times as much

peak() { sed -n 's/.*"peak_kib":\([0-9]*\).*/\1/p' "$room/$1.json"; } # SIDE

for names in $few $many; do
    start_server "$room"
    COPY_TIMEOUT=300 copy --json "$(url $names)" null: >"$room/copy.json" 2>"$room/said" || fail "$names names: $(cat "$room/said")"
    end_server TERM
    port=
    grep -q "\"event\":\"done\".*\"files\":$names," "$room/copy.json" || fail "of $names names: $(tail -n 1 "$room/copy.json")"
    declare "server_$names=$(peak server)" "client_$names=$(peak client)"
done
for side in server client; do
    short=${side}_$few long=${side}_$many
    [ -n "${SANITIZER_CFLAGS:-}" ] || [ "${!long}" -lt $((${!short} + allowed)) ] || fail "the $side: ${!short} KiB for $few names, ${!long} KiB for $many"
done
finish
