#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make bench [CASES="loopback wan1g ..."]
#
# One JSON line a case: what was measured and what is aimed at.  Needs root and /dev/net/tun for the WAN cases and
# room in $BENCH_DIR (default /dev/shm) for 9 GB.  Figures are defined in doc/performance.md.
set -u
: "${SLUICE:?}" "${TOP_SRCDIR:?}" "${TOP_BUILDDIR:?}"
wanem=$TOP_BUILDDIR/tests/wan/wanem
measure=$TOP_BUILDDIR/tests/bench/measure
if [ "${1:-}" != private ]; then
    room=$(mktemp -d "${BENCH_DIR:-/dev/shm}/sluice-bench.XXXXXX")
    trap 'rm -rf "$room"' EXIT
fi
cases=${CASES:-crypto setup loopback limit wan1g wan100m small many ssh_setup tcp_loopback fifty siege stream stream_wan jobs lanes} # names, grid, rivals, beside and peers: by name

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

# crypto: what sealing and opening a packet of 1408 bytes costs by each crypto plugin (crypto.c), and how they compare in that run.
case_crypto() {
    SLUICE_PLUGIN_PATH=$TOP_BUILDDIR/plugins/.libs "$TOP_BUILDDIR/tests/bench/crypto" 1408 ${SECONDS_EACH:-1} >"$room/crypto.json" &&
        cat "$room/crypto.json" && awk -F'[,:]' '
        { gsub(/["{}]/, ""); for (i = 1; i < NF; i += 2) row[$i] = $(i + 1)
          seal[row["cipher"], row["plugin"]] = row["seal_ns"]; open[row["cipher"], row["plugin"]] = row["open_ns"]; seen[row["cipher"]] }
        END { for (c in seen) if (seal[c, "ipsecmb"] > 0) printf "{\"case\":\"crypto: openssl / ipsecmb\",\"cipher\":\"%s\",\"seal\":%.2f,\"open\":%.2f}\n",
              c, seal[c, "openssl"] / seal[c, "ipsecmb"], open[c, "openssl"] / open[c, "ipsecmb"] }' "$room/crypto.json"
}

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
        report "5000 files of 4 KB, 100 Mbit/s 100 ms 0.1 %" 0 0 "2.9 s from start to end" "$room/small"
    over_wan --rate 100m --rtt 100ms --loss 0.1% -- "$room/small" --rate 100m --policy fixed &&
        report "5000 files of 4 KB, 100 Mbit/s 100 ms 0.1 %, fixed" 0 0 "2.5 s from start to end" "$room/small"
    rm -rf "$room/small" "$room/blob"
}

# many: 100 000 files of 1 KB on loopback, tmpfs to tmpfs, beside cp -r of the same tree; both twice, in turns, for the first
# time finds cold memory.
case_many() {
    local directory pass start bare ours same
    mkdir -p "$room/many"
    random_file 102400000 "$room/blob"
    for directory in $(seq 0 99); do
        mkdir "$room/many/$directory"
        tail -c +$((directory * 1024000 + 1)) "$room/blob" | head -c 1024000 | split -b 1024 -a 3 -d - "$room/many/$directory/f"
    done
    serve_here 127.0.0.1
    for pass in cold warm; do
        start=$(date +%s%N)
        cp -r "$room/many" "$room/bare"
        bare=$(($(date +%s%N) - start))
        rm -rf "$room/bare" "$room/in/many"
        start=$(date +%s%N)
        "$measure" "$room/out/client.json" "$SLUICE" copy --json --progress never --ticket-file "$room/state/ticket" "$room/many" \
            "sluice://127.0.0.1:$port/" >"$room/out/copy.json" 2>"$room/out/copy.log" || sed 's/^/bench: /' "$room/out/copy.log" >&2
        ours=$(($(date +%s%N) - start))
        identical "$room/many" && same=yes || same=no
        awk -v pass=$pass -v bare=$bare -v ours=$ours -v same=$same -v sender="$(value "$room/out/client.json" peak_kib)" \
            -v receiver="$(peak_mb)" 'BEGIN {
                printf "{\"case\":\"100000 files of 1 KB, loopback, %s\",\"identical\":\"%s\",\"seconds\":%.2f,\"cp_seconds\":%.2f," \
                       "\"ratio\":%.2f,\"sender_peak_mb\":%.0f,\"receiver_peak_mb\":%s,\"reach\":\"ratio 2.5\"}\n",
                       pass, same, ours / 1e9, bare / 1e9, ours / bare, sender / 1024, receiver }'
    done
    end_server
    rm -rf "$room/many" "$room/blob" "$room/in"
}

# names: ten million empty files that exist only by name (tests/plugins/names.c), into null: what either side remembers of them.
# NAMES says how many.
case_names() {
    local names=${NAMES:-10000000} start took
    export SLUICE_PLUGIN_PATH=$TOP_BUILDDIR/tests/names/.libs:$SLUICE_PLUGIN_PATH
    serve_here 127.0.0.1
    start=$(date +%s%N)
    "$measure" "$room/out/client.json" "$SLUICE" copy --json --progress never --ticket-file "$room/state/ticket" \
        "sluice://127.0.0.1:$port/$names" null: 2>"$room/out/copy.log" | grep '"event":"done"' >"$room/out/done.json"
    took=$(($(date +%s%N) - start))
    end_server
    [ -s "$room/out/done.json" ] || sed 's/^/bench: /' "$room/out/copy.log" >&2
    awk -v files="$(value "$room/out/done.json" files)" -v took=$took -v sender="$(value "$room/out/server.json" peak_kib)" \
        -v receiver="$(value "$room/out/client.json" peak_kib)" 'BEGIN {
            printf "{\"case\":\"names\",\"files\":%d,\"seconds\":%.1f,\"files_per_second\":%.0f,\"sender_peak_mb\":%.0f," \
                   "\"receiver_peak_mb\":%.0f,\"reach\":\"200 MB a side\"}\n",
                   files, took / 1e9, files / (took / 1e9), sender / 1024, receiver / 1024 }'
}

# ---- the ways in ----

# Runs one case in network, mount and process namespaces of its own, which end with it.
in_private() { # FUNCTION
    ROOM=$room unshare --net --mount --pid --fork --kill-child=KILL --mount-proc bash "$0" private "$1"
}

# Starts a server for files in $room/in; sets server and port.
serve_here() { # ADDRESS COMMAND-BEFORE...
    local address=$1
    shift
    port=33991
    rm -rf "$room/in" "$room/out" "$room/state"
    mkdir -p "$room/in" "$room/out" "$room/state"
    "$@" "$measure" "$room/out/server.json" "$SLUICE" serve --listen "$address:$port" --max-sessions 100 \
        --root "$room/in" --ticket-file "$room/state/ticket" >"$room/out/serve.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do grep -qs fetch "$room/out/serve.log" && break; sleep 0.05; done
}
end_server() {
    kill -TERM "$server"
    wait "$server"
}

# ssh_setup: what the way through ssh adds once the remote program has spoken, in a push across 100 ms with a real sshd:
#
#     added = setup_seconds - (the first byte of the remote's stdout has left ssh - ssh was started)
#
# in round trips of the path.  setup_seconds ends with the first data packet.  It begins a little before ssh is started, so this
# is never less than the truth.  The remote's first word is seen by a program that stands between client and ssh; the startup
# file of the remote shell says nothing.  What ssh takes until then is given beside it (until_first_word), and what `ssh host
# true` takes, which also waits for the exit status.
case_ssh_setup() { in_private ssh_setup_inside; }
ssh_setup_inside() {
    local start=0 true_seconds pass
    export room TMPDIR=/run SLUICE_PRIVATE=yes real_user=0
    . "$TOP_SRCDIR/tests/system/private.sh"
    . "$TOP_SRCDIR/tests/system/session.sh"
    . "$TOP_SRCDIR/tests/system/network.sh"
    . "$TOP_SRCDIR/tests/system/sshd.sh"
    network --rate 1g --rtt 100ms
    ssh_room
    head -c 1048576 /dev/urandom >"$room/one"
    start=$(date +%s%N)
    in_client ssh near true
    true_seconds=$(awk -v ns=$(($(date +%s%N) - start)) 'BEGIN { printf "%.3f", ns / 1e9 }')
    for pass in 1 2 3 4 5; do
        in_client "$SLUICE" copy --json --progress never --overwrite always \
            --ssh "$TOP_BUILDDIR/tests/bench/firstword $room/word.json ssh" "$room/one" near:one \
            >"$room/events" 2>"$room/said" || { sed 's/^/bench: /' "$room/said" >&2; return 1; }
        awk -v setup="$(value "$room/events" setup_seconds)" \
            -v ssh="$(value "$room/word.json" started_ns)" -v word="$(value "$room/word.json" first_word_ns)" \
            -v bare="$true_seconds" 'BEGIN {
                printf "{\"case\":\"ssh setup, 100 ms\",\"ssh_true_seconds\":%.3f,\"until_first_word\":%.3f," \
                       "\"setup_seconds\":%.3f,\"added_round_trips\":%.2f,\"reach\":\"at most 1 round trip\"}\n",
                       bare, (word - ssh) / 1e9, setup, (setup - (word - ssh) / 1e9) / 0.1
            }'
    done
}

# tcp_loopback: transport tcp against one TLS connection of OpenSSL with the same cipher, on loopback: as its own s_client and
# s_server carry it, and as two programs do that have nothing else to do (tls.c); from zeroes to nothing in all three.
case_tcp_loopback() {
    local bytes=4000000000 suite name pass
    serve_here 127.0.0.1
    head -c "$bytes" /dev/zero >"$room/in/zeroes"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$room/key.pem" \
        -out "$room/certificate.pem" -subj /CN=bench -days 2 2>/dev/null
    printf '[session pull]\nsource = sluice://127.0.0.1:%s/zeroes\ndestination = null:\nticket-file = %s\ntransport = tcp\n' \
        "$port" "$room/state/ticket" >"$room/bench.ini"
    for pass in 1 2 3; do
        "$SLUICE" run --json --progress never "$room/bench.ini" pull >"$room/out/copy.json" 2>"$room/out/copy.log" ||
            { sed 's/^/bench: /' "$room/out/copy.log" >&2; break; }
        name=$(sed -n 's/.*"cipher":"\([^"]*\)".*/\1/p' "$room/out/copy.json" | tail -n 1)
        case $name in
        aes-256-gcm) suite=TLS_AES_256_GCM_SHA384 ;;
        chacha20-poly1305) suite=TLS_CHACHA20_POLY1305_SHA256 ;;
        *) suite=TLS_AES_128_GCM_SHA256 ;;
        esac
        openssl_pair "$suite" "$bytes" >"$room/out/openssl.json"
        "$TOP_BUILDDIR/tests/bench/tls" "$room/certificate.pem" "$room/key.pem" "$suite" "$bytes" >"$room/out/tls.json"
        awk -v name="$name" -v ours="$(value "$room/out/copy.json" goodput_bps)" \
            -v theirs="$(value "$room/out/openssl.json" mbps)" -v bare="$(value "$room/out/tls.json" mbps)" \
            -v transport="$(sed -n 's/.*"transport":"\([^"]*\)".*/\1/p' "$room/out/copy.json" | tail -n 1)" 'BEGIN {
                printf "{\"case\":\"tcp loopback\",\"transport\":\"%s\",\"cipher\":\"%s\",\"mbps\":%.0f," \
                       "\"openssl_mbps\":%.0f,\"ratio\":%.2f,\"bare_mbps\":%.0f,\"bare_ratio\":%.2f," \
                       "\"reach\":\"ratio 0.8\"}\n",
                       transport, name, ours / 1e6, theirs, ours / 1e6 / theirs, bare, ours / 1e6 / bare }'
    done
    end_server
    rm -f "$room/in/zeroes"
}

# s_client reads zeroes from a file, s_server writes to /dev/null and reads a stdin that never ends.
openssl_pair() { # SUITE BYTES
    local start keeper
    head -c "$2" /dev/zero >"$room/zeroes"
    mkfifo "$room/hold" 2>/dev/null
    sleep 300 >"$room/hold" &
    keeper=$!
    openssl s_server -accept 127.0.0.1:33992 -quiet -naccept 1 -cert "$room/certificate.pem" -key "$room/key.pem" \
        -ciphersuites "$1" <"$room/hold" >/dev/null 2>&1 &
    local pair=$!
    for _ in $(seq 100); do grep -q ":84C8 00000000:0000 0A" /proc/net/tcp && break; sleep 0.02; done
    start=$(date +%s%N)
    openssl s_client -connect 127.0.0.1:33992 -quiet -no_ign_eof -ciphersuites "$1" <"$room/zeroes" >/dev/null 2>&1
    wait $pair
    awk -v ns=$(($(date +%s%N) - start)) -v bytes="$2" 'BEGIN { printf "{\"mbps\":%.1f}\n", bytes * 8000 / ns }'
    kill $keeper
    rm -f "$room/zeroes"
}

# lanes: one session by 1, 2 and 4 lanes on loopback, from a file of zeroes to nothing, in turns; with datagrams as large as
# loopback takes, and of 1440 bytes.  ratio is to one lane in the same turn.  The processor seconds for each GB are the
# server's, which sends: of the thread of the session (main), of all others for packets (lanes), and of the pool.
case_lanes() {
    local bytes=${LANES_BYTES:-4000000000} turn lanes size
    serve_here 127.0.0.1
    head -c "$bytes" /dev/zero >"$room/in/zeroes"
    for size in 16356 1440; do
        for turn in 1 2 3; do
            for lanes in 1 2 4; do
                printf '[session pull]\nsource = sluice://127.0.0.1:%s/zeroes\ndestination = null:\nticket-file = %s\n' \
                    "$port" "$room/state/ticket" >"$room/bench.ini"
                printf 'lanes = %s\ndatagram-size = %s\n' "$lanes" "$size" >>"$room/bench.ini"
                threads_seconds >"$room/before"
                "$SLUICE" run --json --progress never "$room/bench.ini" pull >"$room/out/copy.json" 2>"$room/out/copy.log" ||
                    sed 's/^/bench: /' "$room/out/copy.log" >&2
                threads_seconds >"$room/after"
                echo "$size $turn $lanes $(value "$room/out/copy.json" goodput_bps) $(value "$room/out/copy.json" lanes) \
                    $(paste -d' ' "$room/before" "$room/after" | awk -v gb=$((bytes / 1000000)) '{ print ($2 - $1) * 1000 / gb }' | tr '\n' ' ')"
            done
        done
    done | awk '{ if ($3 == 1) one = $4
        printf "{\"case\":\"lanes\",\"datagram\":%d,\"turn\":%d,\"lanes\":%d,\"live\":%d,\"mbps\":%.0f,\"ratio\":%.2f," \
               "\"main_s_per_gb\":%.2f,\"lanes_s_per_gb\":%.2f,\"pool_s_per_gb\":%.2f,\"reach\":\"ratio 0.97 on two cores\"}\n",
               $1, $2, $3, $5, $4 / 1e6, $4 / one, $6, $7, $8; fflush() }'
    end_server
    rm -f "$room/in/zeroes"
}

# Processor seconds of the server's threads so far, one line each: the session's, the lanes', the pool's.
threads_seconds() {
    local pid
    pid=$(cat "/proc/$server/task/$server/children")
    cat "/proc/${pid%% *}"/task/*/stat | awk -v hz="$(getconf CLK_TCK)" '
        { kind = $2 ~ /sluice-serve/ ? "main" : $2 ~ /sluice-lane/ ? "lanes" : "pool"; used[kind] += ($14 + $15) / hz }
        END { printf "%.2f\n%.2f\n%.2f\n", used["main"], used["lanes"], used["pool"] }'
}

# fifty: fifty clients of one server at once on this machine.  Each one's goodput in a window of time that is common to all;
# spread is (most - least) / mean.  In the pull they read one file and keep nothing: the worker sends, and shares its capacity.  In
# the push they send zeroes, and fifty senders and the worker fight for the cores of this machine; so that is done a second
# time with clients that run only when the server does not want to (behind).
case_fifty() {
    local way number behind
    serve_here 127.0.0.1
    head -c 2000000000 /dev/zero >"$room/in/zeroes"
    for number in $(seq 50); do
        printf '[session pull%s]\nsource = sluice://127.0.0.1:%s/zeroes\ndestination = null:\nticket-file = %s\n' \
            "$number" "$port" "$room/state/ticket"
        printf '[session push%s]\nsource = zero:8G\ndestination = sluice://127.0.0.1:%s/push%s\nticket-file = %s\n' \
            "$number" "$port" "$number" "$room/state/ticket"
    done >"$room/bench.ini"
    for way in pull push behind; do
        behind=()
        [ $way != behind ] || behind=(chrt --idle 0)
        "${behind[@]}" "$TOP_BUILDDIR/tests/bench/crowd" 50 15 "$SLUICE" run --json --progress never "$room/bench.ini" \
            "${way/behind/push}{}" >"$room/out/crowd.json" 2>"$room/out/crowd.log" || grep '^crowd:' "$room/out/crowd.log" >&2
        sed "s/^{/{\"case\":\"fifty at once, ${way/behind/push behind}\",/
            s/}\$/,\"server_peak_mb\":$(peak_mb),\"reach\":\"spread 0.20\"}/" "$room/out/crowd.json"
        rm -f "$room/in"/push* "$room/in"/.push*
    done
    end_server
    rm -rf "$room/in"
}

# The most memory that the server has held so far.
peak_mb() {
    local pid
    pid=$(cat "/proc/$server/task/$server/children")
    awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/${pid%% *}/status"
}

# siege: a transfer on loopback, alone and while the server is besieged from another namespace: 10 000 half-open TCP
# connections and 50 000 random datagrams a second to its port.  Half-open in two ways: connected and silent (opened again when
# the server hangs up), and SYNs that nobody stands behind; `none` are the datagrams alone.  `aside` are the same datagrams to an address
# that this side drops at once: what the besieger itself takes of this machine.  Rates are medians of three; ratio is to the
# quiet ones, fair_ratio to those beside the siege of the other address.
case_siege() { in_private siege_inside; }
siege_inside() {
    local kind pass
    room=$ROOM
    ip link set lo up
    unshare --net sleep infinity &
    local holder=$!
    while [ "$(readlink /proc/$holder/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
    away=(nsenter "--net=/proc/$holder/ns/net" --)
    ip link add s0 type veth peer name a0 netns $holder
    ip addr add 10.81.0.2/24 dev s0
    ip link set s0 up
    "${away[@]}" ip addr add 10.81.0.1/24 dev a0
    "${away[@]}" ip link set a0 up
    "${away[@]}" ip link set lo up
    "${away[@]}" ip route add local 10.81.128.0/17 dev lo
    "${away[@]}" ip route add 10.83.0.0/16 via 10.81.0.2
    ip route add 10.81.128.0/17 via 10.81.0.1
    ip route add 10.82.0.0/16 via 10.81.0.1
    for pass in 1 2 3; do
        for kind in quiet aside none silent syn; do besieged $kind; done
    done >"$room/siege.txt"
    [ -z "${BENCH_VERBOSE:-}" ] || cat "$room/siege.txt" >&2
    awk '{ rate[$1, ++n[$1]] = $2; if ($3 > peak[$1]) peak[$1] = $3; resent[$1] += $4 / 3; did[$1] = $5 }
        function median(k,  a, b, c) { a = rate[k, 1]; b = rate[k, 2]; c = rate[k, 3]
            return a > b ? (b > c ? b : (a > c ? c : a)) : (a > c ? a : (b > c ? c : b)) }
        END { split("aside none silent syn", kinds)
            for (i = 1; i <= 4; i++) { k = kinds[i]
                printf "{\"case\":\"siege: %s\",\"quiet_mbps\":%.0f,\"mbps\":%.0f,\"ratio\":%.2f,\"fair_ratio\":%.2f," \
                       "\"resent\":%.3f,\"peak_mb\":%.0f,\"growth_mb\":%.0f,\"did\":%s,\"reach\":\"ratio 0.90, growth 50 MB\"}\n",
                       k, median("quiet"), median(k), median(k) / median("quiet"), median(k) / median("aside"),
                       resent[k], peak[k], peak[k] - peak["quiet"], did[k] } }' "$room/siege.txt"
}

# One transfer: kind, Mbit/s, the server's peak in MB, share of packets sent again, what the besieger did.
besieged() { # KIND
    local attacker=0 target=10.81.0.2 kind=$1
    serve_here 0.0.0.0
    printf '[session push]\nsource = zero:3G\ndestination = sluice://127.0.0.1:%s/zeroes\nticket-file = %s\n' \
        "$port" "$room/state/ticket" >"$room/bench.ini"
    echo '{}' >"$room/out/siege.json"
    if [ "$1" != quiet ]; then
        rm -f "$room/stop"
        mkfifo "$room/stop"
        [ "$1" != aside ] || { target=10.83.0.1; kind=none; }
        "${away[@]}" "$TOP_BUILDDIR/tests/bench/siege" "$kind" $target "$port" 10000 50000 <"$room/stop" \
            >"$room/out/siege.json" 2>"$room/out/siege.log" &
        attacker=$!
        exec 7>"$room/stop"
        for _ in $(seq 400); do grep -q ready "$room/out/siege.json" && break; sleep 0.05; done
        grep -q ready "$room/out/siege.json" || sed 's/^/bench: /' "$room/out/siege.log" >&2
    fi
    "$SLUICE" run --json --progress never "$room/bench.ini" push >"$room/out/copy.json" 2>"$room/out/copy.log" 7>&- ||
        sed 's/^/bench: /' "$room/out/copy.log" >&2
    exec 7>&-
    [ $attacker = 0 ] || wait $attacker
    end_server
    echo "$1" "$(awk -v bps="$(value "$room/out/copy.json" goodput_bps)" 'BEGIN { printf "%.1f", bps / 1e6 }')" \
        "$(awk -v kib="$(value "$room/out/server.json" peak_kib)" 'BEGIN { printf "%.1f", kib / 1024 }')" \
        "$(awk -v r="$(value "$room/out/copy.json" resent_packets)" -v d="$(value "$room/out/copy.json" data_packets)" \
            'BEGIN { printf "%.4f", (d > 0 ? r / d : 0) }')" "$(tail -n 1 "$room/out/siege.json")"
    rm -f "$room/in/zeroes"
}

# ---- streams ----

stream=$TOP_BUILDDIR/tests/bench/stream

# Starts a server of streams; sets server.
serve_streams() { # ADDRESS:PORT
    rm -rf "$room/out" "$room/state"
    mkdir -p "$room/out" "$room/state"
    "$measure" "$room/out/server.json" "$stream" serve "$1" "$room/state/ticket" >"$room/out/serve.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do grep -qs ready "$room/out/serve.log" && break; sleep 0.05; done
}

# stream: memory to memory on loopback beside a file transfer there (tmpfs to tmpfs), in turns; the round trip of a message of
# 100 bytes; and 200 streams of one session.
case_stream() {
    local pass bytes=4294967296 address=127.0.0.1:33993
    random_file $bytes "$room/four"
    for pass in 1 2 3; do
        serve_here 127.0.0.1
        "$SLUICE" copy --json --progress never --ticket-file "$room/state/ticket" "$room/four" sluice://127.0.0.1:$port/ \
            >"$room/copy.json" 2>"$room/copy.log" || sed 's/^/bench: /' "$room/copy.log" >&2
        end_server
        rm -rf "$room/in"
        serve_streams $address
        "$stream" bulk $address "$room/state/ticket" $bytes >"$room/bulk.json"
        end_server
        awk -v stream="$(value "$room/bulk.json" mbps)" -v file="$(value "$room/copy.json" goodput_bps)" \
            -v sender="$(value "$room/bulk.json" peak_mb)" -v receiver="$(value "$room/out/server.json" peak_kib)" 'BEGIN {
                printf "{\"case\":\"stream, loopback 4 GiB\",\"mbps\":%.0f,\"file_mbps\":%.0f,\"ratio\":%.2f," \
                       "\"sender_peak_mb\":%.0f,\"receiver_peak_mb\":%.0f,\"reach\":\"ratio 0.9, peak 104 MB\"}\n",
                       stream, file / 1e6, stream / (file / 1e6), sender, receiver / 1024 }'
    done
    rm -f "$room/four"
    for pass in 1 2 3; do
        serve_streams $address
        "$stream" ping $address "$room/state/ticket" 10000 100 |
            sed 's/^{/{"case":"stream, round trip on loopback",/; s/}$/,"reach":"median 300 us"}/'
        end_server
    done
    for pass in 1 2 3; do
        serve_streams $address
        "$stream" many $address "$room/state/ticket" 200 10 >"$room/many.json"
        end_server
        sed "s/^{/{\"case\":\"200 streams on loopback\",/
            s/}\$/,\"receiver_peak_mb\":$(($(value "$room/out/server.json" peak_kib) / 1024)),\"reach\":\"least 0.5 of the mean\"}/" \
            "$room/many.json"
    done
}

# stream_wan: one stream across 1 Gbit/s, 100 ms, 1 %, with 64 MiB at either side; and 200 of them.
case_stream_wan() {
    local what bytes=2621440000
    for what in "bulk \$address \$ticket $bytes" "many \$address \$ticket 200 20"; do
        rm -rf "$room/out" "$room/state"
        mkdir -p "$room/out" "$room/state"
        "$wanem" --rate 1g --rtt 100ms --loss 1% --timeout 300 --linger 1 run \
            "exec '$measure' '$room/out/server.json' '$stream' serve 10.99.0.2:33001 '$room/state/ticket' >'$room/out/serve.log' 2>&1" \
            "address=10.99.0.2:33001; ticket='$room/state/ticket'; i=0; \
                while [ ! -s \"\$ticket\" ] && [ \$i -lt 100 ]; do sleep 0.05; i=\$((i+1)); done; sleep 0.2; \
                exec '$stream' $what >'$room/out/client.json' 2>'$room/out/client.log'" ||
            sed 's/^/bench: /' "$room/out/client.log" >&2
        awk -v what="${what%% *}" -v bytes=$bytes -v mbps="$(value "$room/out/client.json" mbps)" \
            -v least="$(value "$room/out/client.json" least_to_mean)" \
            -v resent="$(value "$room/out/client.json" resent_packets)" -v packets="$(value "$room/out/client.json" data_packets)" \
            -v sender="$(value "$room/out/client.json" peak_mb)" -v receiver="$(value "$room/out/server.json" peak_kib)" 'BEGIN {
                printf "{\"case\":\"stream, 1 Gbit/s 100 ms 1 %%, %s\",\"mbps\":%.1f,\"share\":%.3f,\"resent\":%.4f,",
                       (what == "bulk" ? "one" : "200"), mbps, mbps / (1000 * 0.99 * 1432 / 1500), (packets > 0 ? resent / packets : 0)
                if (what == "many") printf "\"least_to_mean\":%.3f,", least
                printf "\"sender_peak_mb\":%.0f,\"receiver_peak_mb\":%.0f,\"reach\":\"share 0.90, peak 104 MB\"}\n",
                       sender, receiver / 1024 }'
    done
}

# rivals: the simulator's models of TCP beside the kernel's; beside: transfers beside a TCP of the kernel's, and what the simulator says
# of them.  The head of each script has what RIVALS, BESIDE and ROWS may say.
case_rivals() {
    # shellcheck disable=SC2086
    bash "$TOP_SRCDIR/tests/bench/rivals.sh" ${RIVALS:-}
}
case_beside() {
    # shellcheck disable=SC2086
    bash "$TOP_SRCDIR/tests/bench/beside.sh" ${BESIDE:-}
}

# limit: transfers on loopback beside what the machine can do bare; peers: other programs on the same loopback.  The head of
# each script has what LIMIT, LIMIT_CASES and PEERS may say.
case_grid() {
    # shellcheck disable=SC2086
    bash "$TOP_SRCDIR/tests/bench/grid.sh" ${GRID:-}
}
case_limit() {
    # shellcheck disable=SC2086
    bash "$TOP_SRCDIR/tests/bench/limit.sh" ${LIMIT:-}
}
case_peers() {
    # shellcheck disable=SC2086
    bash "$TOP_SRCDIR/tests/bench/peers.sh" ${PEERS:-}
}

# Jobs of a manager: how soon a worker has reported; a hundred of them at once, 10 MB each; how soon a change of the rate shows
# where the bytes arrive, which is half a round trip away from where it is asked for.
case_jobs() {
    local jobs=$TOP_BUILDDIR/tests/bench/jobs server i
    export SLUICE_PROGRAM=$SLUICE
    rm -rf "$room/in" "$room/out" "$room/state" "$room/hundred"
    mkdir -p "$room/in" "$room/out" "$room/state" "$room/hundred"
    for i in $(seq 100); do head -c 10000000 /dev/urandom >"$room/hundred/$i"; done
    "$SLUICE" serve --listen 127.0.0.1:33994 --root "$room/in" --ticket-file "$room/state/ticket" >"$room/out/serve.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do [ -s "$room/state/ticket" ] && break; sleep 0.05; done
    "$jobs" launch "$room/state/ticket" sluice://127.0.0.1:33994/ "$room/hundred/1" 50 >"$room/out/launch.json"
    rm -f "$room/in/1"
    "$jobs" crowd "$room/state/ticket" sluice://127.0.0.1:33994/ "$room/hundred" 100 >"$room/out/crowd.json"
    kill -TERM $server
    wait $server
    printf '{"case":"jobs: from launch to the worker, one at a time","median_ms":%s,"worst_ms":%s,"reach":"50 ms"}\n' \
        "$(value "$room/out/launch.json" launch_ms)" "$(value "$room/out/launch.json" launch_worst_ms)"
    printf '{"case":"jobs: 100 at once, 10 MB each, loopback","identical":"%s","at_once":%s,"seconds":%s,"worker_peak_mb":%s,"reach":"25 MB"}\n' \
        "$(diff -rq "$room/hundred" "$room/in" >/dev/null && echo yes || echo no)" "$(value "$room/out/crowd.json" at_once)" \
        "$(value "$room/out/crowd.json" seconds)" "$(value "$room/out/crowd.json" worker_peak_mb)"
    rm -rf "$room/in" "$room/state" "$room/hundred"
    mkdir -p "$room/in" "$room/state"
    random_file 1000000000 "$room/gig"
    "$wanem" --rate 300m --rtt 100ms --timeout 300 --linger 1 run \
        "echo \$\$ >'$room/out/pid'; exec '$SLUICE' serve --listen 10.99.0.2:33001 --root '$room/in' \
            --ticket-file '$room/state/ticket' >'$room/out/serve.log' 2>&1" \
        "i=0; while [ ! -s '$room/state/ticket' ] && [ \$i -lt 100 ]; do sleep 0.05; i=\$((i+1)); done; sleep 0.2; \
            exec '$jobs' rate '$room/state/ticket' sluice://10.99.0.2:33001/ '$room/gig' \"\$(cat '$room/out/pid')\" 100 \
            >'$room/out/rate.json'"
    printf '{"case":"jobs: 200 to 20 Mbit/s and back, 100 ms: until it is seen at the receiver","median_ms":%s,"worst_ms":%s,"reach":"%s ms"}\n' \
        "$(value "$room/out/rate.json" change_ms)" "$(value "$room/out/rate.json" change_worst_ms)" \
        "$(value "$room/out/rate.json" aim_ms)"
    rm -rf "$room/gig" "$room/in"
}

if [ "${1:-}" = private ]; then
    "$2"
    exit
fi
for case in $cases; do
    "case_$case"
done
