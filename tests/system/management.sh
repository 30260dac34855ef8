#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The management protocol on live transfers: what a manager is told, in which order, and what it may ask; managers that are
# late, gone, broken or not there.
. "${TOP_SRCDIR:?}/tests/system/managed.sh"
rate() { told rate_bps; }
slower() { local now; now=$(rate); [ -n "$now" ] && [ "$now" -lt "$1" ]; } # BITS
progresses() { grep -c '"event":"progress"' "$room/events"; }
# Of figures that are told once a second the next ones may be from before a pause, those after them are not.
await_progress() { # COUNT
    local until=$(($(progresses) + $1))
    await 15 "more progress" eval '[ "$(progresses)" -ge '"$until"' ]'
}
still() { # true: nothing was moved between two reports
    local before
    await_progress 2
    before=$(moved)
    await_progress 2
    [ "$(moved)" = "$before" ]
}
mkdir "$room/root" "$room/back"
head -c 64000000 /dev/urandom >"$room/big"
mkdir "$room/tree"
head -c 3000000 /dev/urandom >"$room/tree/a"
echo b >"$room/tree/b"
start_server "$room/root"

# ---- the whole story of an upload ----

start_manager 700 # listens after we were started, as some do
wants 0 '' copy --management "$at" --management-user 'job 7' --rate 20m "$room/tree" "$(url)"
wait "$manager"
id=$(messages | head -n 1 | value SessionId)
[[ $id =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]] || fail "'$id' is no uuid"
[ "$(messages | grep -vc "|SessionId: $id|")" = 0 ] || fail "messages without the id: $(messages | grep -v "$id")"
types=$(messages | cut -d'|' -f1 | uniq | tr '\n' ' ')
[[ $types =~ ^INIT\ SESSION\ NOTIFICATION\ (STATS\ |STOP\ )+DONE\ $ ]] || fail "the order is $types"
said '^INIT\|.*\|UserStr: job 7\|Direction: Send\|Operation: Transfer$' || fail "INIT is $(messages | grep INIT)"
said "^SESSION\|.*Host: 127.0.0.1\|Port: $port\|TCPPort: $port\|.*Cipher: [a-z0-9-]+\|Rate: 20000\|MinRate: 0\|Adaptive: Adaptive\|Priority: 2" ||
    fail "SESSION is $(messages | grep SESSION)"
said '^NOTIFICATION\|.*\|Rate: 20000\|MinRate: 0\|Adaptive: Adaptive\|Priority: 2' || fail "no rates were told"
said '^NOTIFICATION\|.*\|PreTransferBytes: 3000002\|PreTransferFiles: 2\|' || fail "no totals were told: $(messages | grep PreTransfer)"
said '^STATS\|.*\|File: .*tree/a\|Size: 3000000\|StartByte: 0\|' || fail "no STATS: $(messages | grep STATS)"
said '^STOP\|.*\|File: .*tree/a\|.*\|Written: 3000000\|.*\|FileChecksum: [0-9a-f]{32}\|FileChecksumType: xxh3-128$' || fail "no STOP of a file"
last | grep -q '^DONE|.*|StartByte: 0|TransferBytes: 3000002|FileBytes: 3000002|' || fail "the last word is $(last)"
grep -q $'\r' "$room/told" && fail "there is a CR"

# The same once more: everything is there already.  Two managers hear the same.
start_manager
"$tool" "$room/second" </dev/null >"$room/at2" &
second=$!
await 5 "a second manager" test -s "$room/at2"
wants 0 '' copy --management "localhost:$at" --management "127.0.0.1:$(cat "$room/at2")" "$room/tree" "$(url)"
wait "$manager" "$second"
cmp "$room/told" "$room/second" || fail "two managers are told different things"
said '^SKIP\|.*\|File: .*tree/a\|Size: 3000000$' || fail "no SKIP: $(messages)"
last | grep -q '^DONE|.*|TransferBytes: 0|FileBytes: 3000002|.*|TransfersSkipped: 2$' || fail "nothing was to be sent: $(last)"

# A file that fails, and one that does not.
start_manager
wants 6 'not-there' copy --management "$at" "$room/not-there" "$room/tree/b" "$(url)"
wait "$manager"
said '^FILEERROR\|.*\|Code: 4\|Description: .*not-there' || fail "no FILEERROR: $(messages)"
last | grep -q '^ERROR|.*|Code: 27|Description: .*not-there' || fail "the last word is $(last)"

# No session at all: the last word comes nonetheless.
start_manager
wants 5 '' copy --management "$at" "$room/tree/b" sluice://127.0.0.1:1/
wait "$manager"
types=$(messages | cut -d'|' -f1 | tr '\n' ' ')
[ "$types" = 'INIT ERROR ' ] || fail "without a session they are told $types"
last | grep -q '|Code: 12|Description: .*127.0.0.1:1' || fail "no server: the last word is $(last)"

# ---- rates, a pause, and a cancel that can be resumed ----

control() { # WHERE FROM TO: of one direction
    local what=$1 at_pause
    start_manager
    begin_copy --management "$at" --rate 40m "$2" "$3"
    await_moved 2000000
    ask say RATE Rate=8000 MinRate=1000 Adaptive=Fixed
    await 3 "the answer to RATE" said '^NOTIFICATION\|.*\|Rate: 8000\|MinRate: 1000\|Adaptive: Fixed\|' || messages | tail -n 3 >&2
    await 5 "a lower rate ($what)" slower 11000000
    # What is in force already is answered too.
    local before
    before=$(messages | grep -c '^NOTIFICATION')
    ask say RATE Rate=8000 MinRate=1000 Adaptive=Fixed
    await 3 "another answer" eval '[ "$(messages | grep -c "^NOTIFICATION")" -gt '"$before" ']'

    ask say RATE Rate=0 MinRate=0 Adaptive=Fixed
    await 3 "the pause" said '^NOTIFICATION\|.*\|Rate: 0\|'
    still || fail "$what: data goes on in a pause"
    at_pause=$(moved)
    ask say RATE Rate=24000 MinRate=0 Adaptive=Adaptive Priority=2
    await 3 "the end of the pause" said '^NOTIFICATION\|.*\|Rate: 24000\|MinRate: 0\|Adaptive: Adaptive\|'
    await 5 "data after the pause" eval '[ "$(moved)" -gt '"$((at_pause + 2000000))"' ]'

    # The other policies, at either side.
    ask say RATE Adaptive=Adaptive Priority=1
    await 3 "the policy high" said '^NOTIFICATION\|.*\|Adaptive: Adaptive\|Priority: 1'
    ask say RATE Adaptive=Trickle
    await 3 "the policy low" said '^NOTIFICATION\|.*\|Adaptive: Trickle\|Priority: 2'
    at_pause=$(moved)
    await 5 "data that trickles" eval '[ "$(moved)" -gt '"$((at_pause + 1000000))"' ]'

    # What this cannot do, and what nobody knows.
    ask say NOP
    ask say START Source=/x Destination=/y
    ask say DONE Operation=Linger
    ask say VLINK VlinkID=1
    ask say CANCEL
    wants_outcome 130 "$what: CANCEL"
    last | grep -q '^ERROR|.*|Code: 28|Description: ' || fail "$what: CANCEL ends with $(last)"
    sent=$(last | value TransferBytes)
    [ "$sent" -gt 4000000 ] || fail "$what: $sent bytes are said to have been sent"

    # Every count rises; a total is never below what was sent.
    messages | grep -E '^(STATS|STOP|ERROR)' | sed 's/.*|TransferBytes: \([0-9]*\)|FileBytes: \([0-9]*\).*/\1 \2/' |
        awk '$1 < sent || $2 < there || $2 < $1 { exit 1 } { sent = $1; there = $2 }' || fail "$what: counts fell: $(messages)"

    # The rest.
    start_manager
    wants 0 '' copy --management "$at" "$2" "$3"
    wait "$manager"
    messages | grep '^STOP' | awk -F'|' '{ for (i = 1; i <= NF; i++) { split($i, kv, ": "); v[kv[1]] = kv[2] }
        exit !(v["StartByte"] > 1000000 && v["StartByte"] + v["TransferBytes"] == 64000000 && v["FileBytes"] == 64000000) }' ||
        fail "$what: the numbers of a resume: $(messages | grep '^STOP')"
    last | grep -q '^DONE|.*|FileBytes: 64000000|' || fail "$what: the last word of a resume is $(last)"
}
control push "$room/big" "$(url big)"
cmp -s "$room/big" "$room/root/big" || fail "what was pushed differs"
control pull "$(url big)" "$room/back/big"
cmp -s "$room/big" "$room/back/big" || fail "what was pulled differs"

# A time-out is no matter of a pause.
rm "$room/root/big"
start_manager
begin_copy --management "$at" --rate 40m --timeout 2s "$room/big" "$(url big)"
await_moved 1000000
ask say RATE Rate=0
sleep 5
under_way || fail "a pause ended with the time-out: $(cat "$room/said")"
ask say RATE Rate=400000
wants_outcome 0 "after a long pause"

# ---- managers that fail ----

# One that dies.
rm "$room/root/big"
start_manager
begin_copy --management "$at" --rate 100m "$room/big" "$(url big)"
await_moved 2000000
ask quit
wants_outcome 0 "a manager that died"
cmp -s "$room/big" "$room/root/big" || fail "the copy of a manager that died differs"

# Garbage, without end or with; messages without end.
for what in 'raw GET / HTTP/1.1\r\n\r\n' 'raw FASPMGR 4\nType: PUT\n\n' 'raw FASPMGR 2\nno colon\n\n' 'raw \0' 'flood 5000'; do
    rm "$room/root/big"
    start_manager
    begin_copy --management "$at" --rate 200m "$room/big" "$(url big)"
    await_moved 2000000
    ask "$what"
    wants_outcome 0 "$what"
    last | grep -q '^DONE' && fail "a manager that said '$what' was listened to"
    grep -q 'is cut off' "$room/said" || fail "nobody was told of '$what': $(cat "$room/said")"
done

# One that does not read.
rm -r "$room/root/big"
deep=$room/many
for i in $(seq 12); do deep=$deep/$(printf 'n%.0s' $(seq 240)); done
mkdir -p "$deep"
(cd "$deep" && for i in $(seq 3000); do echo "$i" >"$i"; done)
start_manager
ask deaf
begin_copy --management "$at" "$room/many" "$(url)"
wants_outcome 0 "a manager that does not read"
grep -q 'is cut off: it does not read' "$room/said" || fail "nobody was told of a manager that does not read: $(cat "$room/said")"

# Nobody there; another machine.
end_manager
start_manager 60000
SECONDS=0
wants 1 "required management connection to localhost:$at failed: Connection refused" copy --management "$at" "$room/tree" "$(url x)"
[ "$SECONDS" -ge 4 ] && [ "$SECONDS" -le 8 ] || fail "refusals were tried for $SECONDS s"
wants 2 'management-insecure' copy --management "192.0.2.1:$at" "$room/tree" "$(url x)"
wants 2 'HOST' copy --management 0 "$room/tree" "$(url x)"
[ -e "$room/root/x" ] && fail "something was copied without the required manager"

# ---- SIGINT ----

# Before the end it cancels; behind the last word it is nothing.
rm -rf "$room/root/big"
start_manager
begin_copy --management "$at" --rate 40m "$room/big" "$(url big)"
await_moved 1000000
kill -INT "$copier"
wants_outcome 130 "SIGINT"
last | grep -q '^ERROR|.*|Code: 28|' || fail "SIGINT ends with $(last)"
for _ in 1 2 3; do
    start_manager
    begin_copy --management "$at" "$room/tree/b" "$(url)"
    wait "$manager" # it ends when the connection does
    kill -INT "$copier" 2>/dev/null
    wants_outcome 0 "SIGINT after the end"
done
finish
