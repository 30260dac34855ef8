#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# [ROWS=PATTERN] grid.sh [RUNS]            also: make bench CASES=grid [GRID=RUNS] [ROWS=PATTERN]
#
# Memory to memory across emulated paths up to the rate of the emulator: a line of JSON a row, the median of RUNS (1) for each
# figure.  As much is sent as takes 20 s or 100 round trips on the path, whichever is longer.  share, resent and redundant are those of
# doc/performance.md; late_ms, the worst that the emulator was held up by: where that is more than a few ms, the machine was the limit.
# ROWS are those that match the pattern (grep -E).
#
# Needs root and /dev/net/tun.  Emulator, sender and receiver share the machine: beside other work run it ahead of that (chrt -r 5).
set -u
: "${SLUICE:?}" "${TOP_SRCDIR:?}" "${TOP_BUILDDIR:?}" "${SLUICE_PLUGIN_PATH:?}"
runs=${1:-1}
wanem=$TOP_BUILDDIR/tests/wan/wanem
measure=$TOP_BUILDDIR/tests/bench/measure
room=$(mktemp -d "${TMPDIR:-/tmp}/sluice-grid.XXXXXX") || exit 99
trap 'rm -rf "$room"' EXIT

# A server's sink that keeps nothing.
mkdir "$room/nowhere"
${CC:-cc} -O2 -shared -fPIC -I"$TOP_SRCDIR/include" -o "$room/nowhere/sink_file.so" "$TOP_SRCDIR/tests/bench/sink_nowhere.c" || exit 99

# Rate in Mbit/s, round trip in ms, loss in percent, policy, and the seconds where it is not 20 s or 100 round trips; share to reach;
# lanes where there are several.
rows="1000 10 0.1 fixed 0 0.95
1000 90 1 fixed 0 0.95
1000 150 2 fixed 0 0.95
1000 200 2 fixed 0 0.95
300 550 5 fixed 0 0.95
1000 10 0.1 fair 0 0.90
1000 90 1 fair 0 0.90
1000 150 2 fair 0 0.90
1000 200 2 fair 0 0.90
300 550 5 fair 0 0.90
1000 1000 30 fixed 120 0.90
2000 100 1 fixed 0 0.90
2000 100 1 fair 0 0.90
1000 90 1 fixed 0 0.95 2"

value() { sed -n "s/.*\"$2\":\([-0-9.]*\).*/\1/p" "$1" 2>/dev/null | tail -n 1; }

# One transfer; its figures are a line of $room/figures.
one() { # RATE RTT LOSS POLICY SECONDS LANES
    local bytes target=() memory=()
    bytes=$(awk -v rate="$1" -v rtt="$2" -v loss="$3" -v seconds="$5" 'BEGIN {
        least = rtt / 10 > 20 ? rtt / 10 : 20
        printf "%.0f", (seconds > 0 ? seconds : least) * rate * 1e6 / 8 * (1 - loss / 100) * 1432 / 1500 }')
    [ "$4" != fixed ] || target=(--rate "${1}m")
    # What the path holds, and what waits for its repeats, is more than the 64 MiB of the default.
    [ "$2" -lt 1000 ] || memory=(--memory 300M)
    rm -rf "$room/in" "$room/state" "$room/out"
    mkdir "$room/in" "$room/state" "$room/out"
    "$wanem" --rate "${1}m" --rtt "${2}ms" --loss "$3%" --timeout 400 --linger 1 --stats "$room/out/wan.json" run \
        "SLUICE_PLUGIN_PATH='$room/nowhere:$SLUICE_PLUGIN_PATH' exec '$measure' '$room/out/server.json' '$SLUICE' serve \
            ${memory[*]} --listen 10.99.0.2:33001 --root '$room/in' --ticket-file '$room/state/ticket' >'$room/out/serve.log' 2>&1" \
        "i=0; while ! grep -qs fetch '$room/out/serve.log' && [ \$i -lt 200 ]; do sleep 0.05; i=\$((i+1)); done; \
            exec '$measure' '$room/out/client.json' '$SLUICE' copy --json --progress never --ticket-file '$room/state/ticket' \
            --policy $4 --lanes $6 ${target[*]} ${memory[*]} zero:$bytes sluice://10.99.0.2:33001/ >'$room/out/copy.json' 2>'$room/out/copy.log'" \
        >"$room/out/wan.log" 2>&1 || sed 's/^/bench: /' "$room/out/copy.log" "$room/out/wan.log" >&2
    grep '"event":"done"' "$room/out/copy.json" >"$room/out/done.json" || return
    [ "$(value "$room/out/done.json" lanes)" = "$6" ] || echo "bench: there were $(value "$room/out/done.json" lanes) lanes, not $6" >&2
    awk -v rate="$1" -v loss="$3" -v bytes="$(value "$room/out/done.json" bytes)" \
        -v seconds="$(value "$room/out/done.json" seconds)" -v setup="$(value "$room/out/done.json" setup_seconds)" \
        -v resent="$(value "$room/out/done.json" resent_packets)" -v packets="$(value "$room/out/done.json" data_packets)" \
        -v redundant="$(value "$room/out/done.json" redundant_bytes)" -v late="$(value "$room/out/wan.json" late_max_us)" \
        -v sender="$(value "$room/out/client.json" peak_kib)" -v receiver="$(value "$room/out/server.json" peak_kib)" 'BEGIN {
            printf "%.4f %.5f %.5f %.3f %.0f %.0f %.1f\n", bytes * 8 / (seconds - setup) / (rate * 1e6 * (1 - loss / 100) * 1432 / 1500),
                   (packets > 0 ? resent / packets : 0), (bytes > 0 ? redundant / bytes : 0), seconds - setup,
                   sender / 1024, receiver / 1024, late / 1000 }' >>"$room/figures"
}

median() { # COLUMN
    cut -d ' ' -f "$1" "$room/figures" | sort -n | awk '{ v[NR] = $1 } END { printf "%s", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

while read -r rate rtt loss policy seconds reach lanes; do
    name="$rate Mbit/s, $rtt ms, $loss %, $policy${lanes:+, $lanes lanes}"
    [[ "$name" =~ ${ROWS:-.} ]] || continue
    : >"$room/figures"
    for _ in $(seq "$runs"); do one "$rate" "$rtt" "$loss" "$policy" "$seconds" "${lanes:-1}"; done
    [ -s "$room/figures" ] || continue
    printf '{"case":"grid","path":"%s","share":%s,"resent":%s,"redundant":%s,"seconds":%s,"sender_peak_mb":%s,"receiver_peak_mb":%s,"late_ms":%s,"reach":"share %s%s"}\n' \
        "$name" "$(median 1)" "$(median 2)" "$(median 3)" "$(median 4)" "$(median 5)" "$(median 6)" "$(median 7)" "$reach" \
        "$([ "$policy" != fixed ] || awk -v l="$loss" 'BEGIN { printf ", resent %.3f, redundant 0.005", l / 100 + 0.005 }')"
done <<<"$rows"
