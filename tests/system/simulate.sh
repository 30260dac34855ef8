#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sluice simulate: its scenarios run, the same seed gives the same bytes, wrong files are told with all of their errors, and what
# it writes is what it says.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
scenarios=$TOP_SRCDIR/tests/sim/scenarios

simulate() { timeout 60 "$SLUICE" simulate "$@"; }

# ---- the library of scenarios ----

for file in "$scenarios"/*.ini; do
    # Short: that they are right is what is asked here, and that every event of theirs can happen.
    wants 0 '' simulate --set simulation.from=100ms --set simulation.duration=400ms "$file"
done

# ---- the same seed, the same bytes ----

cat >"$room/mixed.ini" <<'END'
[simulation]
duration = 8s
interval = 250ms
[link wan]
rate = 40m
delay = 15ms
loss = 0.01
jitter = 1ms
jitter-reorders = yes
burst-start = 0.0005
[flow fair]
[flow late]
congestion = fair
start = 2s
delay = 10ms
stop = 7s
[competitor tcp]
kind = bbr
start = 1s
[competitor home]
kind = cubic
direction = back
[event out]
at = 4s
outage = 300ms
END
wants 0 '' simulate --csv "$room/one.csv" --svg "$room/one.svg" "$room/mixed.ini"
wants 0 '' simulate --csv "$room/two.csv" --svg "$room/two.svg" "$room/mixed.ini"
wants 0 '' simulate --csv "$room/three.csv" --seed 2 "$room/mixed.ini"
cmp -s "$room/one.csv" "$room/two.csv" && cmp -s "$room/one.svg" "$room/two.svg" || fail "the same seed gives other figures"
cmp -s "$room/one.csv" "$room/three.csv" && fail "another seed gives the same figures"

# 32 intervals of four senders and both ways of the link, under one heading; every row as many fields as that.
[ "$(wc -l <"$room/one.csv")" = 193 ] || fail "the CSV has $(wc -l <"$room/one.csv") lines, not 193"
awk -F, 'NR == 1 { n = NF } NF != n { exit 1 }' "$room/one.csv" || fail "rows of the CSV differ in length"
grep -Eqi 'nan|inf' "$room/one.csv" && fail "the CSV has what is no number"
# The flow that is late has sent nothing before, and nothing arrives in the outage; the link carries what it can at most.
awk -F, '$4 == "late" && ($2 < 2 || $1 >= 7.25) && $8 > 0 { exit 1 }' "$room/one.csv" || fail "a flow sends out of its time"
# While it is alone, the first flow has most of it.
awk -F, '$4 == "fair" && $1 >= 0.25 && $2 <= 1 && $6 < 20000000 { exit 1 }' "$room/one.csv" || fail "the flow starves alone"
awk -F, '$3 == "link" && $6 > 40.5e6 { exit 1 }' "$room/one.csv" || fail "the link carries more than it can"

# ---- the picture ----

if command -v xmllint >/dev/null; then
    xmllint --noout "$room/one.svg" || fail "the SVG is not well-formed"
fi
[ "$(grep -c '<svg' "$room/one.svg")" = 1 ] && [ "$(tail -n 1 "$room/one.svg")" = "</svg>" ] || fail "the SVG has no frame"
[ "$(grep -c 'class="title"' "$room/one.svg")" = 5 ] || fail "the SVG has not five panels"
for word in 'fair (fair)' 'late (fair)' 'tcp (bbr)' 'home (cubic)' 'wan (link)' 'rate that arrives, Mbit/s' 'round trip, ms'; do
    grep -qF "$word" "$room/one.svg" || fail "the SVG does not say '$word'"
done
# Within its frame: no point beside or above it.
grep -o 'points="[^"]*"' "$room/one.svg" | tr ' "' '\n\n' | awk -F, 'NF == 2 && ($1 < 70 || $1 > 970 || $2 < 60 || $2 > 1300) { exit 1 }' ||
    fail "the SVG draws beside its axes"

# ---- JSON, and standard output ----

wants 0 '' simulate --json "$room/mixed.ini"
if command -v python3 >/dev/null; then
    python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert sum(r["event"] == "interval" for r in rows) == 192, len(rows)
results = {r["name"]: r for r in rows if r["event"] == "result"}
assert set(results) == {"fair", "late", "tcp", "home", "wan", "wan/back"}, results
assert results["fair"]["goodput_bps"] < results["fair"]["rate_bps"] < 40e6
assert 30 <= results["fair"]["rtt_ms"] < 200
' "$room/stdout" || fail "the JSON is not what it should be"
fi
wants 0 '' simulate --csv - "$room/mixed.ini"
cmp -s "$room/stdout" "$room/one.csv" || fail "--csv - differs from the file"
wants 1 'cannot be written' simulate --csv "$room/no/such/place" "$room/mixed.ini"
wants 0 '' simulate --sample
for section in simulation 'link NAME' 'flow NAME' 'competitor NAME' 'event NAME'; do
    grep -qF ";[$section]" "$room/stdout" || fail "the sample has no section [$section]"
done

# ---- exact figures, where there is no doubt ----

# A steady sender of 8 Mbit/s: alone on 10 it gets all, on 4 half, with the queue always full: 30 kB are 60 ms there.
cat >"$room/steady.ini" <<'END'
[simulation]
duration = 20s
[link wan]
rate = 10m
queue = 30k
[competitor steady]
kind = steady
rate = 8m
[event narrow]
at = 0s
rate = 10m
END
result() { awk -v name="$1" -v field="$2" '$1 == name { print $field }' "$room/stdout"; }
within() { awk -v a="$1" -v b="$2" -v d="$3" 'BEGIN { exit !(a > b - d && a < b + d) }'; }
wants 0 '' simulate "$room/steady.ini"
within "$(result steady 3)" 8 0.01 || fail "of 10 Mbit/s it gets $(result steady 3), not 8"
wants 0 '' simulate --set link.wan.rate=4m --set event.narrow.rate=4m "$room/steady.ini"
within "$(result steady 3)" 4 0.01 || fail "of 4 Mbit/s it gets $(result steady 3), not 4"
within "$(result wan 5)" 60 3.1 || fail "the queue of 30 kB is $(result wan 5) ms, not 60"
within "$(result wan 6)" 50 0.2 || fail "$(result wan 6) % are lost, not 50"
# A control with a fixed rate is there at once, and its loss is that of the link.
cat >"$room/fixed.ini" <<'END'
[simulation]
duration = 20s
[link wan]
rate = 100m
loss = 0.05
[flow f]
policy = fixed
rate = 20m
END
wants 0 '' simulate "$room/fixed.ini"
within "$(result f 3)" 19 0.1 || fail "of 20 Mbit/s with 5 % loss $(result f 3) arrive, not 19"
within "$(result f 8)" 5 0.5 || fail "$(result f 8) % are told as lost, not 5"
# A transfer of so many bytes, and no more.
wants 0 '' simulate --set flow.f.bytes=5M --set simulation.from=1ms --json "$room/fixed.ini"
grep -Eq '"event":"result","type":"flow".*"goodput_bps":2000[01]' "$room/stdout" || fail "5 MB in 20 s are not told as 2 Mbit/s"

# ---- several seeds: the median lies between the worst and the best, and each is the run of its seed ----

for seed in 5 6 7; do
    wants 0 '' simulate --seed $seed "$room/mixed.ini"
    result fair 3
done | sort -n >"$room/rates"
wants 0 '' simulate --seed 5 --seeds 3 "$room/mixed.ini"
[ "$(result fair 3) $(result fair 4)" = "$(sed -n 2p "$room/rates") $(sed -n 1p "$room/rates")" ] ||
    fail "of $(tr '\n' ' ' <"$room/rates") the median and worst are told as $(result fair 3) $(result fair 4)"
wants 2 'no number from 1' simulate --seeds 0 "$room/mixed.ini"

# ---- wrong files: all errors at once, each with its line ----

cat >"$room/wrong.ini" <<'END'
[simulation]
seeds = 3
duration = 10 parsecs
[link wan]
rate = fast
loss = 2
[link wan]
[flow one]
link = wam
congestion = fairy
[flw two]
[competitor c]
kind = vegas
window = 1
window = 2
[event e]
at = 1s
flow = on
[congestion fair]
target-queu = 5ms
[session x]
END
wants 3 '' simulate "$room/wrong.ini"
for sentence in "wrong.ini:2: unknown key 'seeds'; did you mean 'seed'?" 'wrong.ini:3: duration' 'wrong.ini:5: rate' \
    'wrong.ini:6: loss: 2 is above the maximum of 1' "wrong.ini:7: section 'link wan' is there already, in line 4" \
    "wrong.ini:9: link: there is no link 'wam'; did you mean 'wan'?" "wrong.ini:10: congestion: no congestion plugin 'fairy'" \
    "wrong.ini:11: a scenario has no section 'flw two'; did you mean 'flow'?" "wrong.ini:13: kind: 'vegas'" \
    "wrong.ini:15: key 'window' is there twice" "wrong.ini:18: flow: there is no flow 'on'; did you mean 'one'?" \
    "wrong.ini:20: unknown key 'target-queu'; did you mean 'target-queue'?" "wrong.ini:21: a scenario has no section 'session x'"; do
    grep -qF -- "$sentence" "$room/stderr" || fail "it was not said: $sentence; but: $(cat "$room/stderr")"
done

# What no key tells alone.
cat >"$room/apart.ini" <<'END'
[link a]
[link b]
[flow one]
[flow two]
link = a, b
policy = fair
congestion = fixed
stop = 1s
start = 2s
[competitor c]
link = b
kind = steady
[event idle]
link = a
[event both]
link = a
weight = 2
[flow three]
link = a
set = no-such-key=1
END
wants 3 '' simulate "$room/apart.ini"
for sentence in "apart.ini:3: flow 'one' has to say which link" "apart.ini:4: flow 'two' has policy fair and congestion fixed" \
    "apart.ini:4: flow 'two' stops before it starts" "apart.ini:10: competitor 'c' is steady and has no rate" \
    "apart.ini:13: event 'idle' changes nothing" "apart.ini:15: event 'both' is about a link, which has no weight" \
    "apart.ini:18: flow 'three' sets what congestion/fair does not take"; do
    grep -qF -- "$sentence" "$room/stderr" || fail "it was not said: $sentence; but: $(cat "$room/stderr")"
done
printf '[simulation]\n' >"$room/empty.ini"
wants 3 'there is no \[link NAME\]' simulate "$room/empty.ini"
wants 3 'cannot be opened' simulate "$room/nowhere.ini"
wants 2 'which scenario' simulate
wants 2 "no link 'lan'" simulate --set link.lan.rate=1m "$room/mixed.ini"
wants 2 "did you mean 'rate'" simulate --set link.wan.rat=1m "$room/mixed.ini"
wants 2 'seed' simulate --seed many "$room/mixed.ini"
wants 2 'unknown option' simulate --cvs x "$room/mixed.ini"
wants 2 'is no congestion plugin' simulate --conformance crypto/openssl
# ---- the report card: the same whatever the number of processes ----

card() { simulate --report-card congestion/fair --rows start-target,target --paths '10 Mbit/s' "$@"; }
wants 0 '' card --seeds 3 --jobs 1
cp "$room/stdout" "$room/card"
wants 0 '' card --seeds 3 --jobs 4
cmp -s "$room/stdout" "$room/card" || fail "the report card depends on the number of processes"
[ "$(wc -l <"$room/card")" = 7 ] || fail "six cases and a sum are told in $(wc -l <"$room/card") lines"
grep -Eq '^ok    start-target +10 Mbit/s, 200 ms, 4 BDP .* filled after rtt 0.000 \(0.000\), longest queue BDP 0.01' "$room/card" ||
    fail "the report card does not tell a start with a known target: $(cat "$room/card")"
grep -q '^2 of 2 rows met; medians of 3 seeds' "$room/card" || fail "the report card has no sum"
wants 0 '' card --seeds 2 --json
if command -v python3 >/dev/null; then
    python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
cases = [r for r in rows if r["event"] == "case"]
assert [r["row"] for r in rows if r["event"] == "row"] == ["target", "start-target"], rows
assert len(cases) == 6 and all(c["verdict"] == "passed" and c["seeds"] == 2 for c in cases), cases
assert cases[0]["path"] == "10 Mbit/s, 10 ms" and cases[0]["figures"][0]["name"] == "share", cases[0]
assert cases[0]["figures"][0]["least"] == 0.85 and cases[0]["figures"][0]["most"] is None, cases[0]
assert 0.85 < cases[0]["figures"][0]["worst"] <= cases[0]["figures"][0]["median"] < 1.05, cases[0]
' "$room/stdout" || fail "the JSON of the report card is not what it should be"
fi
wants 0 '' card --seeds 1 --markdown
[ "$(wc -l <"$room/stdout")" = 4 ] && [ "$(grep -c '| met |$' "$room/stdout")" = 2 ] ||
    fail "the report card in Markdown: $(cat "$room/stdout")"
# What a control does not reach, it misses; a row that is not its own is tried when it is asked for.
wants 1 'congestion/fair misses 1 of 1 rows' simulate --report-card congestion/fair --rows low --paths '10 Mbit/s, 20 ms, 1 BDP' --seeds 1
grep -q '^miss  low  .* of what it has alone 0\.' "$room/stdout" || fail "fair is held to be low: $(cat "$room/stdout")"
wants 0 '' simulate --report-card congestion/fixed --paths '10 Mbit/s, 10 ms' --seeds 1
grep -q '^1 of 1 rows met' "$room/stdout" || fail "a control that needs a rate is tried without one: $(cat "$room/stdout")"
wants 2 'there is no row' simulate --report-card congestion/fair --rows one-flo
wants 2 'no case has all of' simulate --report-card congestion/fair --rows start --paths '11 Mbit/s'
wants 2 'no number from 1' simulate --report-card congestion/fair --jobs 0
wants 2 'takes no scenario' simulate --report-card congestion/fair "$room/mixed.ini"
wants 3 "did you mean 'fair'" simulate --report-card congestion/fairy
# A control that keeps a given rate, and was given none.
wants 1 'keeps a given rate and none was given' simulate --set flow.f.rate=0 "$room/fixed.ini"

[ "$failures" -eq 0 ]
