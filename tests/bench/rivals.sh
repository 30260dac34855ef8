#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# [ROWS=PATTERN] rivals.sh [SECONDS [RUNS]]     also: make bench CASES=rivals [RIVALS='SECONDS RUNS'] [ROWS=PATTERN]
#
# The models of TCP in `sluice simulate` beside the kernel's own TCPs on the WAN emulator: a JSON line for each TCP of each row, with
# what both get in the last two thirds of SECONDS (60), and how far apart they are as a share of the path (aim: 0.15; of a TCP alone, of
# what the kernel's gets).  Medians: of RUNS (3) of the kernel, of twenty seeds of the models.  ROWS are those that match the
# pattern (grep -E).  Needs root, /dev/net/tun, the kernel's reno, cubic and bbr, and a machine with little else to do: where the
# emulator was held up for more than a few ms (late_ms, the worst of a run) the kernel's figure is the machine's.  Beside other work
# run it ahead of that: chrt -r 5.
set -u
: "${SLUICE:?}" "${TOP_BUILDDIR:?}"
seconds=${1:-60}
runs=${2:-3}
from=$((seconds / 3))
wanem=$TOP_BUILDDIR/tests/wan/wanem
rivals=$TOP_BUILDDIR/tests/bench/rivals
room=$(mktemp -d "${TMPDIR:-/tmp}/sluice-rivals.XXXXXX")
trap 'rm -rf "$room"' EXIT

# Rate in Mbit/s, rtt in ms, queue in bandwidth-delay products, loss, kinds.
rows="20 50 1 0 reno
20 50 1 0 cubic
20 50 1 0 bbr
20 50 1 0.001 reno
20 50 1 0.001 cubic
20 50 1 0.01 reno
20 50 1 0.01 cubic
20 50 1 0.01 bbr
100 50 1 0 cubic
100 50 1 0 bbr
100 50 1 0.001 cubic
100 200 1 0 bbr
100 200 1 0.01 bbr
20 50 1 0 cubic reno
20 50 2 0 cubic cubic
20 50 1 0 cubic bbr
20 50 2 0 cubic bbr
20 50 4 0 cubic bbr"

# A line comes to its packets one by one, so --run 1: a run of sixteen would come all at once with the last of them.
kernel() { # RATE RTT QUEUE LOSS SEED KIND...: a line for each kind
    local rate=$1 rtt=$2 queue=$3 loss=$4 seed=$5
    shift 5
    "$wanem" --rate "${rate}m" --rtt "${rtt}ms" --queue-bdp "$queue" --fwd-loss "$loss" --seed "$seed" --run 1 --stats "$room/stats" \
        --linger 0 run "exec '$rivals' sink 10.99.0.2" "sleep 0.3; exec '$rivals' send 10.99.0.2 $from $seconds $*"
    sed -n 's/.*"late_max_us":\([0-9]*\)},"b_to_a".*/\1/p' "$room/stats" >>"$room/late"
}

model() { # the same
    local rate=$1 rtt=$2 queue=$3 loss=$4 seed=$5 kind n=0
    shift 5
    printf '[simulation]\nseed = %s\nduration = %ss\nfrom = %ss\n[link wan]\nrate = %sm\ndelay = %sms\nqueue-bdp = %s\nloss = %s\n' \
        "$seed" "$seconds" "$from" "$rate" "$(awk -v r="$rtt" 'BEGIN { print r / 2 }')" "$queue" "$loss" >"$room/model.ini"
    for kind in "$@"; do
        n=$((n + 1))
        printf '[competitor c%s]\nkind = %s\n' $n "$kind" >>"$room/model.ini"
    done
    "$SLUICE" simulate "$room/model.ini" | awk '$1 ~ /^c[0-9]/ { print $2, $4, $9 / 100, $6 }'
}

echo "$rows" | grep -E -- "${ROWS:-.}" | while read -r rate rtt queue loss kinds; do
    : >"$room/kernel"
    : >"$room/model"
    : >"$room/late"
    for seed in $(seq "$runs"); do
        # shellcheck disable=SC2086
        kernel "$rate" "$rtt" "$queue" "$loss" "$seed" $kinds </dev/null | cat -n >>"$room/kernel"
    done
    for seed in $(seq 20); do # they cost nothing
        # shellcheck disable=SC2086
        model "$rate" "$rtt" "$queue" "$loss" "$seed" $kinds </dev/null | cat -n >>"$room/model"
    done
    awk -v path="$rate Mbit/s, $rtt ms, $queue BDP, loss $loss, $kinds" -v rate="$rate" \
        -v late="$(sort -n "$room/late" | tail -n 1)" '
        function median(of, i, count,  j, k, t, v) {
            for (j = 1; j <= count; j++) {
                t = of[i, j]
                for (k = j - 1; k >= 1 && v[k] > t; k--) v[k + 1] = v[k]
                v[k + 1] = t
            }
            return (v[int((count + 1) / 2)] + v[int(count / 2) + 1]) / 2
        }
        FNR == NR { kind[$1] = $2; real[$1, ++n[$1]] = $3; rtt[$1] += $5; next }
        { model[$1, ++m[$1]] = $3; mrtt[$1] += $5 }
        END {
            count = length(kind)
            for (i = 1; i <= count; i++) {
                a = median(real, i, n[i]); b = median(model, i, m[i])
                off = (b - a) / (count > 1 ? rate : a)
                printf "{\"case\":\"rivals\",\"path\":\"%s\",\"kind\":\"%s\",\"kernel_mbps\":%.3f,\"model_mbps\":%.3f,", path, kind[i], a, b
                printf "\"kernel_rtt_ms\":%.1f,\"model_rtt_ms\":%.1f,\"off\":%.3f,\"late_ms\":%.1f,\"reach\":\"0.15\"}\n",
                       rtt[i] / n[i], mrtt[i] / m[i], off, late / 1e3
            }
        }' "$room/kernel" "$room/model"
done
