#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# [ROWS=PATTERN] beside.sh [SECONDS [COUNTED [RUNS]]]     also: make bench CASES=beside [BESIDE='SECONDS COUNTED RUNS'] [ROWS=PATTERN]
#
# Transfers of `sluice` beside one TCP of the kernel's on the WAN emulator, and what `sluice simulate` says of the same path: a JSON
# line a row.  A run takes SECONDS (40), the last COUNTED (20) of them count; of several RUNS (1) the median is told, of the simulator
# that of three seeds.  ROWS are those that match the pattern (grep -E).
#
# share, tcp: of the link, in bytes of IP that arrive.  part: of what both get.  For `low`, which was there ten seconds before:
# before, its share in the three seconds before the TCP's first data; yields_s, from then until the beginning of the first second in
# which `low` has less than a fifth of the link (-1: never); tcp_keeps, what the TCP gets of what the same TCP gets alone.  sim_... is the
# simulator's answer.  late_ms: the worst that the emulator was held up by in any of the runs.
#
# Needs root, /dev/net/tun and the kernel's cubic and bbr.  Beside other work run it ahead of that (chrt -r 5): what is measured are
# delays of a few ms.
set -u
: "${SLUICE:?}" "${TOP_BUILDDIR:?}"
seconds=${1:-40}
counted=${2:-$((seconds / 2))}
runs=${3:-1}
wanem=$TOP_BUILDDIR/tests/wan/wanem
rivals=$TOP_BUILDDIR/tests/bench/rivals
room=$(mktemp -d "${TMPDIR:-/tmp}/sluice-beside.XXXXXX")
trap 'rm -rf "$room"' EXIT

# Rate in Mbit/s, rtt in ms, queue in bandwidth-delay products, policy, the kernel's TCP or none, and what is aimed at.
rows="100 20 1 fair cubic part 0.25 to 0.75
100 50 1 fair cubic part 0.25 to 0.75
100 100 1 fair cubic part 0.25 to 0.75
100 20 2 fair cubic part 0.25 to 0.75
100 50 2 fair cubic part 0.25 to 0.75
100 100 2 fair cubic part 0.25 to 0.75
100 50 1 fair bbr share 0.20
100 50 2 fair bbr share 0.20
100 20 1 low cubic tcp_keeps 0.95, yields_s 2
100 50 1 low cubic tcp_keeps 0.95, yields_s 2
100 100 1 low cubic tcp_keeps 0.95, yields_s 2
100 20 1 low none share 0.85
100 50 1 low none share 0.85
100 100 1 low none share 0.85"

# Leaves the emulator's series in $room/series.  A stream from `zero` into `null` needs no room and no disk; it has no end, and is
# ended when its time is over (by SIGTERM: a shell lets its background commands ignore SIGINT).
real() { # RATE RTT QUEUE TCP|none START-OF-TCP SEED POLICY|none
    local tcp="sleep $seconds"
    rm -rf "$room/state"
    mkdir "$room/state"
    [ "$4" = none ] || tcp="sleep $5; '$rivals' send 10.99.0.2 0 $((seconds - $5)) $4"
    local send="'$SLUICE' send --json --ticket-file '$room/state/ticket' --policy $7 --source zero:1T sluice://10.99.0.2:33001/ \
        >'$room/send.json' 2>'$room/send.log' & sender=\$!"
    [ "$7" != none ] || send="sender="
    "$wanem" --rate "${1}m" --rtt "${2}ms" --queue-bdp "$3" --seed "$6" --run 1 --timeout $((seconds + 30)) --linger 1 \
        --series "$room/series" --stats "$room/stats" run \
        "'$rivals' sink 10.99.0.2 & exec '$SLUICE' recv --listen 10.99.0.2:33001 --ticket-file '$room/state/ticket' --sink null: \
            >'$room/recv.log' 2>&1" \
        "i=0; while [ ! -s '$room/state/ticket' ] && [ \$i -lt 100 ]; do sleep 0.05; i=\$((i+1)); done; \
            $send; $tcp; \
            [ -z \"\$sender\" ] || { kill -TERM \$sender; wait \$sender; }; exit 0" >"$room/tcp" 2>"$room/tcp.log" ||
        sed 's/^/bench: /' "$room/tcp.log" >&2
    [ "$7" = none ] || grep -q '"moved_bytes":[1-9]' "$room/send.json" || sed 's/^/bench: /' "$room/send.log" >&2
    sed -n 's/.*"late_max_us":\([0-9]*\)},"b_to_a".*/\1/p' "$room/stats" >>"$room/late"
}

# The same by the simulator, as a series of the same form.
simulated() { # the same
    {
        printf '[simulation]\nseed = %s\nduration = %ss\ninterval = 100ms\n[link wan]\nrate = %sm\ndelay = %sms\nqueue-bdp = %s\n' \
            "$6" "$seconds" "$1" "$(awk -v r="$2" 'BEGIN { print r / 2 }')" "$3"
        [ "$7" = none ] || printf '[flow sluice]\npolicy = %s\n' "$7"
        [ "$4" = none ] || printf '[competitor tcp]\nkind = %s\nstart = %ss\n' "$4" "$5"
    } >"$room/scenario.ini"
    "$SLUICE" simulate --csv - "$room/scenario.ini" | awk -F, '
        $3 == "flow" { flow += $6 * ($2 - $1) / 8 }
        $3 == "competitor" { tcp += $6 * ($2 - $1) / 8 }
        $3 == "link" && $4 == "wan" { printf "%.1f %.0f %.0f 0 0\n", $2, flow, tcp }' >"$room/series"
}

# Of the series: the flow's share, the TCP's, when the flow has yielded (-1: never), and its share before the TCP came.
judge() { # RATE
    awk -v rate="$1" -v seconds="$seconds" -v counted="$counted" '
        { t[++n] = $1; flow[n] = $2; tcp[n] = $3 }
        END {
            second = rate * 1e6 / 8
            for (i = 1; i <= n && t[i] < seconds - counted - 0.05; i++) ;
            for (j = n; j > i && t[j] > seconds + 0.05; j--) ;
            for (a = 1; a <= n && tcp[a] < 3000; a++) ;
            for (y = a; y + 10 <= n && flow[y + 10] - flow[y] >= second / 5; y++) ;
            span = (t[j] - t[i]) * second
            b = a > 31 ? a - 30 : 1
            print (flow[j] - flow[i]) / span, (tcp[j] - tcp[i]) / span, (y + 10 <= n ? t[y] - t[a] : -1), \
                (a > b && a <= n ? (flow[a] - flow[b]) / (second * (t[a] - t[b])) : 0)
        }' "$room/series"
}

# Median of a column of $room/judged.
median() { sort -g -k "$1,$1" "$room/judged" | awk -v k="$1" '{ v[NR] = $k } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

several() { # WAY POLICY: what each run gave, in $room/judged
    local seed most=$runs
    [ "$1" = real ] || most=3
    for seed in $(seq "$most"); do
        "$1" "$rate" "$rtt" "$queue" "$tcp" "$start" "$seed" "$2" </dev/null
        judge "$rate"
    done >"$room/judged"
}

echo "$rows" | grep -E -- "${ROWS:-.}" | while read -r rate rtt queue policy tcp reach; do
    figures=()
    start=0
    [ "$policy" != low ] || start=10
    : >"$room/late"
    for way in real simulated; do
        alone=0
        # Alone the TCP begins as late as beside `low`, so it is as old in what counts.
        if [ "$policy" = low ] && [ "$tcp" != none ]; then
            several $way none
            alone=$(median 2)
        fi
        several $way "$policy"
        figures+=("$(median 1)" "$(median 2)" "$(median 3)" "$alone" "$(median 4)")
    done
    awk -v path="$rate Mbit/s, $rtt ms, $queue BDP" -v policy="$policy" -v tcp="$tcp" -v reach="$reach" -v figures="${figures[*]}" \
        -v late="$(sort -n "$room/late" | tail -n 1)" 'BEGIN {
            split(figures, f)
            printf "{\"case\":\"beside\",\"path\":\"%s\",\"policy\":\"%s\",\"beside\":\"%s\"", path, policy, tcp
            for (w = 0; w < 2; w++) {
                share = f[5 * w + 1]; other = f[5 * w + 2]; p = w ? "sim_" : ""
                printf ",\"%sshare\":%.3f", p, share
                if (tcp == "none") continue
                printf ",\"%stcp\":%.3f,\"%spart\":%.3f", p, other, p, (share + other > 0 ? share / (share + other) : 0)
                if (policy == "low")
                    printf ",\"%sbefore\":%.3f,\"%syields_s\":%.1f,\"%stcp_keeps\":%.3f", p, f[5 * w + 5], p, f[5 * w + 3],
                           p, other / f[5 * w + 4]
            }
            printf ",\"late_ms\":%.1f,\"reach\":\"%s\"}\n", late / 1e3, reach
        }'
done
