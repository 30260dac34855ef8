#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make bench [CASES="loopback wan1g ..."]
#
# One JSON line a case: what was measured and what is aimed at.  Needs root and /dev/net/tun for the WAN cases and
# room in $BENCH_DIR (default /dev/shm) for 9 GB.  Figures are defined in doc/performance.md.
set -u
: "${SLUICE:?}" "${TOP_BUILDDIR:?}"
wanem=$TOP_BUILDDIR/tests/wan/wanem
measure=$TOP_BUILDDIR/tests/bench/measure
room=$(mktemp -d "${BENCH_DIR:-/dev/shm}/sluice-bench.XXXXXX")
trap 'rm -rf "$room"' EXIT
cases=${CASES:-setup loopback wan1g wan100m small}

# The number that a key has in a line of JSON.
value() { sed -n "s/.*\"$2\":\([-0-9.]*\).*/\1/p" "$1" | tail -n 1; }

# Starts server and client on both ends of a path and leaves done.json, client.json, server.json in $room/out.
over_wan() { # wanem options -- source copy-options...
    local path=() source
    while [ "$1" != -- ]; do path+=("$1"); shift; done
    shift
    source=$1
    shift
    rm -rf "$room/in" "$room/out" "$room/state"
    mkdir -p "$room/in" "$room/out" "$room/state"
    "$wanem" "${path[@]}" --timeout 300 --linger 1 --stats "$room/out/wan.json" run \
        "exec '$measure' '$room/out/server.json' '$SLUICE' serve --listen 10.99.0.2:33001 --root '$room/in' \
            --ticket-file '$room/state/ticket' >'$room/out/serve.log' 2>&1" \
        "i=0; while [ ! -s '$room/state/ticket' ] && [ \$i -lt 100 ]; do sleep 0.05; i=\$((i+1)); done; sleep 0.2; \
            exec '$measure' '$room/out/client.json' '$SLUICE' copy --json --progress never \
            --ticket-file '$room/state/ticket' $* '$source' sluice://10.99.0.2:33001/ \
            >'$room/out/copy.json' 2>'$room/out/copy.log'"
    local status=$?
    grep '"event":"done"' "$room/out/copy.json" >"$room/out/done.json" 2>/dev/null
    [ $status = 0 ] || sed 's/^/bench: /' "$room/out/copy.log" >&2
    return $status
}

identical() { cmp -s "$1" "$room/in/$(basename "$1")" 2>/dev/null || diff -rq "$1" "$room/in/$(basename "$1")" >/dev/null; }

# name rate loss reach-text: the figures of done.json with share, resent and redundant as doc/performance.md has them.
report() {
    local name=$1 rate=$2 loss=$3 reach=$4 same=no
    identical "$5" && same=yes
    awk -v name="$name" -v rate="$rate" -v loss="$loss" -v reach="$reach" -v same="$same" \
        -v bytes="$(value "$room/out/done.json" bytes)" -v seconds="$(value "$room/out/done.json" seconds)" \
        -v setup="$(value "$room/out/done.json" setup_seconds)" -v resent="$(value "$room/out/done.json" resent_packets)" \
        -v packets="$(value "$room/out/done.json" data_packets)" \
        -v redundant="$(value "$room/out/done.json" redundant_bytes)" -v goodput="$(value "$room/out/done.json" goodput_bps)" \
        -v sender="$(value "$room/out/client.json" peak_kib)" -v receiver="$(value "$room/out/server.json" peak_kib)" \
        'BEGIN {
            share = (rate > 0 && seconds > setup) ? bytes * 8 / (seconds - setup) / (rate * (1 - loss) * 1432 / 1500) : 0
            printf "{\"case\":\"%s\",\"identical\":\"%s\",\"seconds\":%.3f,\"setup_seconds\":%.3f,\"goodput_mbps\":%.1f," \
                   "\"share\":%.3f,\"resent\":%.4f,\"redundant\":%.4f,\"sender_peak_mb\":%.0f,\"receiver_peak_mb\":%.0f," \
                   "\"reach\":\"%s\"}\n", name, same, seconds, setup, goodput / 1e6, share,
                   (packets > 0 ? resent / packets : 0), (bytes > 0 ? redundant / bytes : 0),
                   sender / 1024, receiver / 1024, reach
        }'
}

random_file() { [ -s "$2" ] || head -c "$1" /dev/urandom >"$2"; }

case_setup() {
    random_file 1000 "$room/one"
    over_wan --rate 1g --rtt 100ms -- "$room/one" && report "setup 100ms" 0 0 "setup 0.350 s" "$room/one"
}

# What this machine does bare: cp of the same file, twice.  The first time touches memory that the machine (a virtual one
# gives free memory back to its host) may have to fetch first, which no program can help; the second time is the measure.
bare_copy() { # FILE
    local pass start
    for pass in cold warm; do
        start=$(date +%s%N)
        cp "$1" "$room/in/bare"
        printf '{"case":"bare: cp of the same file, %s","seconds":%s}\n' "$pass" \
            "$(awk -v ns=$(($(date +%s%N) - start)) 'BEGIN { printf "%.3f", ns / 1e9 }')"
        rm "$room/in/bare"
    done
}

case_loopback() {
    random_file 4294967296 "$room/four"
    rm -rf "$room/in" "$room/out" "$room/state"
    mkdir -p "$room/in" "$room/out" "$room/state"
    bare_copy "$room/four"
    "$measure" "$room/out/server.json" "$SLUICE" serve --listen 127.0.0.1:33991 --root "$room/in" --ticket-file "$room/state/ticket" \
        >"$room/out/serve.log" 2>&1 &
    local server=$!
    for _ in $(seq 100); do [ -s "$room/state/ticket" ] && break; sleep 0.05; done
    "$measure" "$room/out/client.json" "$SLUICE" copy --json --progress never --ticket-file "$room/state/ticket" "$room/four" \
        sluice://127.0.0.1:33991/ >"$room/out/copy.json" 2>"$room/out/copy.log" || sed 's/^/bench: /' "$room/out/copy.log" >&2
    kill -TERM $server
    wait $server
    grep '"event":"done"' "$room/out/copy.json" >"$room/out/done.json"
    report "loopback 4 GiB" 0 0 "3000 Mbit/s" "$room/four"
    rm -f "$room/four" "$room/in/four"
}

case_wan1g() {
    random_file 1000000000 "$room/gig"
    over_wan --rate 1g --rtt 100ms --loss 1% -- "$room/gig" --policy fair &&
        report "1 Gbit/s 100 ms 1 % fair" 1e9 0.01 "share 0.80 resent 0.017 redundant 0.005" "$room/gig"
    rm -f "$room/gig" "$room/in/gig"
}

case_wan100m() {
    random_file 300000000 "$room/three"
    over_wan --rate 100m --rtt 200ms --loss 10% -- "$room/three" --policy fixed --rate 100m &&
        report "100 Mbit/s 200 ms 10 % fixed" 1e8 0.10 "share 0.90 resent 0.11 redundant 0.005" "$room/three"
    rm -f "$room/three" "$room/in/three"
}

case_small() {
    mkdir -p "$room/small"
    random_file 20480000 "$room/blob"
    split -b 4096 -a 5 -d "$room/blob" "$room/small/f"
    over_wan --rate 100m --rtt 100ms --loss 0.1% -- "$room/small" &&
        report "5000 files of 4 KB, 100 Mbit/s 100 ms 0.1 %" 0 0 "4.0 s from start to end" "$room/small"
}

for case in $cases; do
    "case_$case"
done
