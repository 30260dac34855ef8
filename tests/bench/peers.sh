#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# peers.sh [BYTES [PASSES]]
#
# Other programs on the same loopback as sluice: one file, tmpfs to tmpfs, by those that move files; memory to memory by iperf3.
# A line of JSON for each with the median of the passes, which go round all of them.  What is not installed is said to be missing.
# `make bench CASES=peers`; PEERS='BYTES PASSES' for other sizes, PEER_CASES for some of them.  Needs root for the sshd that scp,
# rsync and rclone talk to.  On Debian: openssh-server rsync rclone srt-tools libudt-dev iperf3 ngtcp2-client ngtcp2-server.
set -u
: "${SLUICE:?}" "${TOP_SRCDIR:?}" "${TOP_BUILDDIR:?}"
bytes=${1:-4000000000} passes=${2:-3}
room=$(mktemp -d "${BENCH_DIR:-/dev/shm}/sluice-peers.XXXXXX") || exit 99
started=()
trap 'for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done; rm -rf "$room"' EXIT
PATH=$PATH:/usr/sbin:/sbin
mkdir "$room/in"
head -c "$bytes" /dev/urandom >"$room/file"

has() { # TOOL...
    local tool
    for tool in "$@"; do command -v "$tool" >/dev/null || { missing=$tool; return 1; }; done
}

# Seconds that a command takes.
timed() {
    local start
    rm -rf "$room/in"
    mkdir "$room/in"
    start=$(date +%s%N)
    "$@" >"$room/said" 2>&1 || { sed 's/^/bench: /' "$room/said" | tail -n 3 >&2; return 1; }
    cmp -s "$room/file" "$room/in/file" || { echo "bench: $1: the copy differs" >&2; return 1; }
    awk -v ns=$(($(date +%s%N) - start)) 'BEGIN { printf "%.3f", ns / 1e9 }'
}
mbps_of() { awk -v b="$bytes" -v s="$1" 'BEGIN { printf "%.0f", b * 8 / s / 1e6 }'; }

peer_sluice() {
    local pid
    "$SLUICE" serve --listen 127.0.0.1:33997 --root "$room/in" --ticket-file "$room/ticket" >"$room/serve.log" 2>&1 &
    pid=$!
    for _ in $(seq 200); do grep -qs fetch "$room/serve.log" && break; sleep 0.05; done
    timed "$SLUICE" copy --quiet --ticket-file "$room/ticket" "$room/file" sluice://127.0.0.1:33997/file
    kill "$pid"
    wait "$pid"
}

# An sshd of our own, once for all.
sshd_start() {
    [ ! -e "$room/sshd.pid" ] || return 0
    has sshd ssh ssh-keygen || return 1
    [ "$(id -u)" = 0 ] || { missing="root, for sshd"; return 1; }
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$room/host"
    ssh-keygen -q -t ed25519 -N '' -f "$room/key"
    printf 'Port 33998\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPidFile %s\nSubsystem sftp internal-sftp\nPermitRootLogin prohibit-password\n' \
        "$room/host" "$room/key.pub" "$room/sshd.pid" >"$room/sshd.conf"
    printf 'Port 33998\nIdentityFile %s\nIdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile %s\nLogLevel ERROR\n' \
        "$room/key" "$room/known" >"$room/ssh.conf"
    "$(command -v sshd)" -D -f "$room/sshd.conf" >"$room/sshd.log" 2>&1 &
    started+=($!)
    for _ in $(seq 100); do [ -e "$room/sshd.pid" ] && return 0; sleep 0.05; done
    missing="an sshd that starts"
    return 1
}
peer_scp() { has scp && sshd_start && timed scp -q -F "$room/ssh.conf" "$room/file" 127.0.0.1:"$room/in/file"; }
peer_rsync() { has rsync && sshd_start && timed rsync -W -e "ssh -F $room/ssh.conf" "$room/file" 127.0.0.1:"$room/in/file"; }
peer_rclone() {
    has rclone && sshd_start && RCLONE_CONFIG=/dev/null timed rclone copyto --sftp-host 127.0.0.1 --sftp-port 33998 --sftp-user "$(id -un)" \
        --sftp-key-file "$room/key" --sftp-disable-hashcheck "$room/file" ":sftp:$room/in/file"
}
peer_srt() { # with its encryption
    local pid
    has srt-file-transmit || return 1
    srt-file-transmit 'srt://127.0.0.1:33996?mode=listener&passphrase=measurement' "file://$room/in" >"$room/srt.log" 2>&1 &
    pid=$!
    sleep 0.5
    timed srt_send "$pid"
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}
srt_send() {
    srt-file-transmit "file://$room/file" 'srt://127.0.0.1:33996?passphrase=measurement' || return
    for _ in $(seq 200); do [ "$(stat -c %s "$room/in/file" 2>/dev/null)" = "$bytes" ] && return; sleep 0.02; done
}
quic_files() { # of ngtcp2, with GnuTLS
    [ -e "$room/quic.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$room/quic.key" \
        -out "$room/quic.pem" -subj /CN=localhost -days 2 2>/dev/null
}
peer_quic() {
    local pid
    has gtlsserver gtlsclient openssl && quic_files || return 1
    gtlsserver -q -d "$room" --cc bbr --max-data=100M --max-stream-data-bidi-local=100M 127.0.0.1 33995 "$room/quic.key" "$room/quic.pem" >"$room/quic.log" 2>&1 &
    pid=$!
    sleep 0.5
    timed gtlsclient -q --cc bbr --max-data=100M --max-stream-data-bidi-local=100M --exit-on-all-streams-close --download="$room/in" \
        127.0.0.1 33995 https://localhost:33995/file
    kill "$pid"
    wait "$pid" 2>/dev/null
}
udt_ready() { # its library alone is packaged; the program is ours
    [ -x "$room/udt_file" ] && return
    "${CXX:-g++}" -O2 -o "$room/udt_file" "$TOP_SRCDIR/tests/bench/udt_file.cpp" -ludt -pthread 2>/dev/null ||
        { missing="libudt-dev, or a C++ compiler"; return 1; }
}
udt_send() { # PID of the receiver, which has all when it ends
    "$room/udt_file" send 33993 "$room/file" "$bytes" && wait "$1"
}
peer_udt() {
    local pid
    udt_ready || return 1
    "$room/udt_file" receive 33993 "$room/in/file" "$bytes" >"$room/udt.log" 2>&1 &
    pid=$!
    sleep 0.5
    timed udt_send "$pid"
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}
iperf() { # CONGESTION: seconds that BYTES take at its rate, memory to memory and without encryption
    local pid
    has iperf3 || return 1
    iperf3 -s -1 -p 33994 -B 127.0.0.1 >"$room/iperf.log" 2>&1 &
    pid=$!
    sleep 0.3
    iperf3 -c 127.0.0.1 -p 33994 -C "$1" -n "$bytes" -J >"$room/iperf.json" 2>&1
    wait "$pid"
    grep -A 8 '"sum_received"' "$room/iperf.json" | sed -n 's/.*"seconds":[^0-9]*\([0-9.]*\).*/\1/p' | head -n 1 | grep . ||
        { missing="congestion control $1"; return 1; }
}
peer_tcp_cubic() { iperf cubic; }
peer_tcp_bbr() { iperf bbr; }

all=${PEER_CASES:-sluice scp rsync rclone srt udt quic tcp_cubic tcp_bbr}
for pass in $(seq "$passes"); do
    for name in $all; do
        missing=
        [ ! -e "$room/$name.missing" ] || continue
        if "peer_$name" >"$room/one"; [ -s "$room/one" ]; then
            mbps_of "$(cat "$room/one")" >>"$room/$name.mbps"
            echo >>"$room/$name.mbps"
        else
            echo "${missing:-a run that ends well}" >"$room/$name.missing"
        fi
    done
done
for name in $all; do
    if [ -s "$room/$name.mbps" ]; then
        sort -n "$room/$name.mbps" | awk -v name="$name" -v bytes="$bytes" '{ v[NR] = $1 } END {
            printf "{\"case\":\"peers: %s\",\"bytes\":%s,\"mbps\":%s,\"runs\":%d}\n", name, bytes, v[int((NR + 1) / 2)], NR }'
    else
        printf '{"case":"peers: %s","missing":"%s"}\n' "$name" "$(cat "$room/$name.missing")"
    fi
done
