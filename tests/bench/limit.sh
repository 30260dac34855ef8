#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# limit.sh [BYTES [PASSES]]
#
# How near transfers on loopback come to what this machine can do bare with datagrams of the same size (limit.c), measured in
# turns, and what they cost.  A line of JSON a case; figures are medians of the passes, and `share` is the median of ours over
# bare of the same pass.  `make bench CASES=limit`; LIMIT='BYTES PASSES' for other sizes, LIMIT_CASES for some of the cases.
# Beside other work run it ahead of that: chrt -r 5 (doc/performance.md).
set -u
: "${SLUICE:?}" "${TOP_SRCDIR:?}" "${TOP_BUILDDIR:?}" "${SLUICE_PLUGIN_PATH:?}"
bytes=${1:-4000000000} passes=${2:-3}
bench=$TOP_BUILDDIR/tests/bench
room=$(mktemp -d "${BENCH_DIR:-/dev/shm}/sluice-limit.XXXXXX") || exit 99
server=
trap 'end_server; rm -rf "$room"' EXIT
port=33997

value() { sed -n "s/.*\"$2\":\([-0-9.]*\).*/\1/p" "$1" 2>/dev/null | tail -n 1; }

# A server's sink that keeps nothing, for memory to memory.
mkdir "$room/nowhere"
${CC:-cc} -O2 -shared -fPIC -I"$TOP_SRCDIR/include" -o "$room/nowhere/sink_file.so" "$TOP_SRCDIR/tests/bench/sink_nowhere.c" || exit 99

start_server() { # PLUGIN-PATH OPTION...
    local path=$1
    shift
    rm -rf "$room/in" "$room/state" "$room/out"
    mkdir -p "$room/in" "$room/state" "$room/out"
    SLUICE_PLUGIN_PATH=$path "$bench/measure" "$room/out/server.json" "$SLUICE" serve --listen "127.0.0.1:$port" --root "$room/in" \
        --ticket-file "$room/state/ticket" "$@" >"$room/out/serve.log" 2>&1 &
    server=$!
    for _ in $(seq 200); do grep -qs fetch "$room/out/serve.log" && return; sleep 0.05; done
    sed 's/^/bench: /' "$room/out/serve.log" >&2
}
end_server() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null
    wait "$server"
    server=
}

# One transfer: its figures in done.json, client.json and server.json.
ours() { # PLUGIN-PATH SERVER-OPTIONS SOURCE COPY-OPTION...
    local path=$1 serving=$2 source=$3
    shift 3
    # shellcheck disable=SC2086
    start_server "$path" $serving
    "$bench/measure" "$room/out/client.json" "$SLUICE" copy --json --progress never --ticket-file "$room/state/ticket" "$@" "$source" \
        "sluice://127.0.0.1:$port/" >"$room/out/copy.json" 2>"$room/out/copy.log" || sed 's/^/bench: /' "$room/out/copy.log" >&2
    end_server
    grep '"event":"done"' "$room/out/copy.json" >"$room/out/done.json"
}

# Seconds of CPU for each GB of a side.
cpu() { awk -v u="$(value "$1" user)" -v s="$(value "$1" system)" -v b="$2" 'BEGIN { printf "%.3f", (u + s) / (b / 1e9) }'; }

median() { # COLUMN FILE
    cut -d ' ' -f "$1" "$2" | sort -n | awk '{ v[NR] = $1 } END { printf "%s", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# name, reach, bare's arguments, what comes before the source of `ours`, and behind it.
compare() { # NAME REACH 'BARE...' PLUGIN-PATH SOURCE COPY-OPTION...
    local name=$1 reach=$2 bare=$3 path=$4 source=$5 pass got
    shift 5
    : >"$room/rows"
    # Once uncounted: a virtual machine may have to fetch memory from its host first.
    # shellcheck disable=SC2086
    "$bench/limit" "$bytes" $bare >"$room/bare.json" || return
    for pass in $(seq "$passes"); do
        rm -rf "$room/copy" "$room/in"
        # shellcheck disable=SC2086
        "$bench/limit" "$bytes" $bare >"$room/bare.json" || return
        rm -f "$room/copy"
        ours "$path" "${serving:-}" "$source" "$@"
        got=$(value "$room/out/done.json" bytes)
        [ "${got:-0}" -gt 0 ] || return
        [ "$source" != "$room/file" ] || cmp -s "$room/file" "$room/in/file" || echo "bench: $name: the copy differs" >&2
        awk -v bare="$(value "$room/bare.json" mbps)" -v bits="$(value "$room/out/done.json" goodput_bps)" \
            -v bs="$(value "$room/bare.json" sender_cpu_per_gb)" -v br="$(value "$room/bare.json" receiver_cpu_per_gb)" \
            -v s="$(cpu "$room/out/client.json" "$got")" -v r="$(cpu "$room/out/server.json" "$got")" \
            -v sp="$(value "$room/out/client.json" peak_kib)" -v rp="$(value "$room/out/server.json" peak_kib)" \
            -v resent="$(value "$room/out/done.json" resent_packets)" -v packets="$(value "$room/out/done.json" data_packets)" \
            -v drops="$(value "$room/out/done.json" receiver_drops)" 'BEGIN {
                print bits / 1e6, bare, bits / 1e6 / bare, s, r, bs, br, sp / 1024, rp / 1024, resent / packets, drops }' >>"$room/rows"
    done
    [ -z "${BENCH_VERBOSE:-}" ] || cat "$room/rows" >&2
    printf '{"case":"%s","mbps":%.0f,"bare_mbps":%.0f,"share":%.2f,"sender_cpu_s_per_gb":%.2f,"receiver_cpu_s_per_gb":%.2f,' \
        "$name" "$(median 1 "$room/rows")" "$(median 2 "$room/rows")" "$(median 3 "$room/rows")" "$(median 4 "$room/rows")" \
        "$(median 5 "$room/rows")"
    printf '"bare_sender_cpu":%.2f,"bare_receiver_cpu":%.2f,"sender_peak_mb":%.0f,"receiver_peak_mb":%.0f,"resent":%.4f,' \
        "$(median 6 "$room/rows")" "$(median 7 "$room/rows")" "$(median 8 "$room/rows")" "$(median 9 "$room/rows")" \
        "$(median 10 "$room/rows")"
    printf '"receiver_drops":%.0f,"reach":"%s"}\n' "$(median 11 "$room/rows")" "$reach"
}

# What both sluice and the bare program have here.
ciphers() {
    local name
    for name in openssl ipsecmb; do
        "$SLUICE" plugins 2>/dev/null | grep -q "^crypto/$name " && "$bench/limit" 1000 1440 "$name" >/dev/null 2>&1 && echo $name
    done
}

# Memory to memory, datagrams of 1440 bytes, without digests and with them.
case_memory() {
    local crypto
    for crypto in $(ciphers); do
        compare "memory to memory, 1440, $crypto, no digests" "share 0.85" "1440 $crypto" "$room/nowhere:$SLUICE_PLUGIN_PATH" \
            "zero:$bytes" --datagram-size 1440 --cipher aes-128-gcm --crypto "$crypto" --checksum none
        compare "memory to memory, 1440, $crypto, digests" "share 0.78" "1440 $crypto digest" "$room/nowhere:$SLUICE_PLUGIN_PATH" \
            "zero:$bytes" --datagram-size 1440 --cipher aes-128-gcm --crypto "$crypto"
    done
}

# A file, tmpfs to tmpfs.  The bare program reads it once, writes it once, and makes both digests.
file_make() { [ -s "$room/file" ] || head -c "$bytes" /dev/urandom >"$room/file"; }
case_file() {
    local crypto
    file_make
    for crypto in $(ciphers); do
        compare "file, tmpfs to tmpfs, 1440, $crypto" "share 0.75, CPU 1.3 and 1.6 s/GB (ipsecmb)" \
            "1440 $crypto digest $room/file $room/copy" "$SLUICE_PLUGIN_PATH" "$room/file" \
            --datagram-size 1440 --cipher aes-128-gcm --crypto "$crypto"
    done
}

# The same as it comes: path discovery says how large datagrams are, the fastest plugin and cipher are taken.
case_default() {
    local fastest
    file_make
    fastest=$(ciphers | tail -n 1)
    compare "file, tmpfs to tmpfs, default settings" "share 0.75" "16356 $fastest digest $room/file $room/copy" \
        "$SLUICE_PLUGIN_PATH" "$room/file"
}

# The socket that an untuned system gives (net.core.rmem_default): loss of its own must not be felt.
case_buffer() {
    ours "$room/nowhere:$SLUICE_PLUGIN_PATH" "--udp-buffer 212992" "zero:$bytes" --udp-buffer 212992 --datagram-size 1440
    small "loopback, sockets of 212992 bytes" 0
    [ -w /dev/net/tun ] || return 0
    rm -rf "$room/in" "$room/state"
    mkdir -p "$room/in" "$room/state"
    "$TOP_BUILDDIR/tests/wan/wanem" --stats "$room/out/wan.json" --rate 1g --rtt 20ms --loss 1% --timeout 120 --linger 1 run \
        "export SLUICE_PLUGIN_PATH='$room/nowhere:$SLUICE_PLUGIN_PATH'; exec '$SLUICE' serve --listen 10.99.0.2:33001 --root '$room/in' \
            --udp-buffer 212992 --ticket-file '$room/state/ticket' >'$room/out/serve.log' 2>&1" \
        "i=0; while [ ! -s '$room/state/ticket' ] && [ \$i -lt 100 ]; do sleep 0.05; i=\$((i+1)); done; sleep 0.2; \
            exec '$SLUICE' copy --json --progress never --udp-buffer 212992 --policy fixed --rate 1g \
            --ticket-file '$room/state/ticket' zero:$((bytes / 4)) sluice://10.99.0.2:33001/ >'$room/out/copy.json' 2>'$room/out/copy.log'" ||
        sed 's/^/bench: /' "$room/out/copy.log" >&2
    grep '"event":"done"' "$room/out/copy.json" >"$room/out/done.json"
    small "1 Gbit/s, 20 ms, 1 %, sockets of 212992 bytes" 0.01
}
small() { # NAME LOSS
    awk -v name="$1" -v loss="$2" -v bits="$(value "$room/out/done.json" goodput_bps)" \
        -v resent="$(value "$room/out/done.json" resent_packets)" -v packets="$(value "$room/out/done.json" data_packets)" \
        -v drops="$(value "$room/out/done.json" receiver_drops)" 'BEGIN {
            printf "{\"case\":\"%s\",\"mbps\":%.0f,\"resent\":%.4f,\"receiver_drops\":%d,\"reach\":\"resent %.3f\"}\n",
                   name, bits / 1e6, (packets > 0 ? resent / packets : 1), drops, loss + 0.01 }'
}

# Nanoseconds of CPU that all threads of a process have had.
process_ns() { cat "/proc/$1/task/"*/schedstat 2>/dev/null | awk '{ sum += $1 } END { printf "%d", sum }'; }
child_of() { cat "/proc/$1/task/"*/children 2>/dev/null | tr ' ' '\n' | head -n 1; }

# A session that is paused: what both sides cost while nothing moves.
case_idle() {
    local shell worker serving before after seconds=10
    start_server "$room/nowhere:$SLUICE_PLUGIN_PATH"
    mkfifo "$room/orders"
    SLUICE_PROGRAM=$SLUICE "$SLUICE" shell <"$room/orders" >"$room/out/shell.log" 2>&1 &
    shell=$!
    exec 8>"$room/orders"
    printf 'set ticket-file %s\npush --rate 200m zero:%s sluice://127.0.0.1:%s/\n' "$room/state/ticket" "$bytes" "$port" >&8
    sleep 2
    echo 'pause all' >&8
    sleep 2
    worker=$(child_of $shell) serving=$(child_of "$server")
    before="$(process_ns "$worker") $(process_ns "$serving")"
    sleep $seconds
    after="$(process_ns "$worker") $(process_ns "$serving")"
    printf 'cancel all\nquit\n' >&8
    exec 8>&-
    wait $shell
    end_server
    rm -f "$room/orders"
    echo "$before $after" | awk -v s=$seconds '{ printf "{\"case\":\"idle paused session\",\"sender_share_of_a_core\":%.5f," \
        "\"receiver_share_of_a_core\":%.5f,\"reach\":\"0.01\"}\n", ($3 - $1) / s / 1e9, ($4 - $2) / s / 1e9 }'
}

# What leaves in any 10 ms, by the kernel's own time of each packet at the sender's device.
case_pacing() {
    [ -w /dev/net/tun ] || { echo '{"case":"pacing","skipped":"no /dev/net/tun"}'; return; }
    rm -rf "$room/in" "$room/state" "$room/out"
    mkdir -p "$room/in" "$room/state" "$room/out"
    "$TOP_BUILDDIR/tests/wan/wanem" --stats "$room/out/wan.json" --rate 20m --rtt 50ms --timeout 120 --linger 1 run \
        "exec '$SLUICE' serve --listen 10.99.0.2:33001 --root '$room/in' --ticket-file '$room/state/ticket' >'$room/out/serve.log' 2>&1" \
        "i=0; while [ ! -s '$room/state/ticket' ] && [ \$i -lt 100 ]; do sleep 0.05; i=\$((i+1)); done; sleep 0.2; \
            device=\$(ip -o route get 10.99.0.2 | sed 's/.* dev \([^ ]*\).*/\1/'); \
            '$bench/wire' \$device 10 60 >'$room/out/wire.json' & wire=\$!; sleep 0.3; \
            '$SLUICE' copy --json --progress never --policy fixed --rate 10m --ticket-file '$room/state/ticket' zero:12000000 \
            sluice://10.99.0.2:33001/ >'$room/out/copy.json' 2>'$room/out/copy.log'; kill \$wire; wait \$wire"
    # A burst is what the rate brings in 0.5 ms, at least two packets.
    printf '{"case":"pacing, 10 Mbit/s fixed, 50 ms","packets":%s,"most_bytes_in_10_ms":%s,"emulator_late_max_us":%s,"reach":"%s"}\n' \
        "$(value "$room/out/wire.json" packets)" "$(value "$room/out/wire.json" most_bytes)" \
        "$(sed -n 's/.*"late_max_us":\([0-9]*\).*/\1/p' "$room/out/wan.json" | head -n 1)" $((12500 + 2 * 1500))
}

for case in ${LIMIT_CASES:-memory file default buffer idle pacing}; do
    "case_$case"
done
