#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sessions whose sources come while they run: both ways, ranges of files, sources that are given up, wrong ones, a server that
# is restarted, and both kinds of end.
. "${TOP_SRCDIR:?}/tests/system/managed.sh"

mkdir -p "$room/root/up" "$room/here/d/e" "$room/down"
head -c 3000000 /dev/urandom >"$room/here/a"
head -c 9000000 /dev/urandom >"$room/here/b"
echo f >"$room/here/d/e/f"
start_server "$room/root"

# Begins a session that stays; it runs as $copier.
begin_session() { # MODE DESTINATION ARGUMENT...
    local mode=$1 to=$2
    shift 2
    start_manager
    env --default-signal=INT ASPERA_SCP_TOKEN="$(cat "$room/ticket")" "$SLUICE" ascp -q -p -l 1g --keepalive -M "$at" -u it --mode "$mode" \
        --host "$host" -P "$port" "$@" "$to" >"$room/said" 2>&1 &
    copier=$!
    await 5 "a session to $mode" said '^SESSION' || cat "$room/said" >&2
}
await_said() { await "${3:-5}" "$1" said "$2" || messages | tail -n 5 >&2; } # WHAT PATTERN [SECONDS]
equal() { cmp -s "$1" "$2" || fail "$2 is not what $1 is"; } # FILE FILE
range() { dd if="$1" bs=1 skip="$2" count="$3" status=none | cmp -s - "$4" || fail "$4 is not bytes $2 on of $1"; } # FILE FROM COUNT FILE

# ---- to a server ----

cd "$room/here" || exit 1
begin_session send /up
ask say START Source=a
await_said "a" '^STOP\|.*\|File: a\|'
ask say START Source=d Destination=/x/dd
await_said "a directory under another name" '^STOP\|.*\|File: x/dd/e/f\|'
ask say START Source=b Destination=part FileBytes=10:1500009
await_said "a range" '^STOP\|.*\|File: part\|Size: 1500000\|'
ask say START Source="$room/here/b" Destination=tail FileBytes=8999990:
await_said "a range to the end" '^STOP\|.*\|File: tail\|Size: 10\|'
# The same source again: nothing of it has changed; then it has.
ask say START Source=a
await_said "the same once more" '^SKIP\|.*\|File: a\|'
echo changed >>a
ask say START Source=a
await_said "what has changed" '^STOP\|.*\|File: a\|Size: 3000008\|'
equal a "$room/root/up/a"
equal d/e/f "$room/root/up/x/dd/e/f"
range b 10 1500000 "$room/root/up/part"
range b 8999990 10 "$room/root/up/tail"

# One that is given up while it is on its way, and one before it is.
ask say RATE Rate=4000
await_said "a low rate" '^NOTIFICATION\|.*\|Rate: 4000\|'
ask say START Source=b Destination=slow
ask say START Source=b Destination=never
await_said "its way" '^STATS\|.*\|File: slow\|' 10
ask say STOP Source=b
await_said "its end" '^SKIP\|.*\|File: slow\|'
await_said "that of the other" '^SKIP\|.*\|File: never\|'
[ ! -e "$room/root/up/slow" ] && [ ! -e "$room/root/up/never" ] || fail "what was given up is there"
ask say RATE Rate=0
await_said "a pause" '^NOTIFICATION\|.*\|Rate: 0\|'
ask say START Source=b
ask say RATE Rate=100000
await_said "what came in a pause" '^STOP\|.*\|File: b\|' 10
equal b "$room/root/up/b"

# What cannot be is told, and the session goes on.
ask say START Source=a Destination=../../out
await_said "a refusal" '^FILEERROR\|.*\|File: a\|Code: [0-9]+\|Description: .*\.\.'
ask say START Source=a FileBytes=7:3
await_said "another" '^FILEERROR\|.*\|File: a\|.*range'
ask say START
ask say STOP Source=stranger
ask say START Source=d FileBytes=1:2
await_said "a range of a directory" '^FILEERROR\|.*\|File: d\|'
ask say DONE Operation=Linger
wants_outcome 1 "a session in which something failed"
last | grep -q '^ERROR|.*|Code: 27|' || fail "the last word is $(last)"
said '\|TransfersPassed: 6\|TransfersSkipped: 3$' || fail "it counts $(last)"

# All went well, and a source that is asked for after the last is refused.
begin_session send /up a
ask say START Source=b Destination=again
ask say DONE Operation=Linger
wants_outcome 0 "a session that was to end when all is done"
last | grep -q '^DONE|' || fail "the last word is $(last)"
equal b "$room/root/up/again"

# DONE alone ends it at once, and what has come can be taken up.
begin_session send /up -l 4m
ask say START Source=b Destination=half
await_said "its way" '^STATS\|.*\|File: half\|' 10
ask say DONE
wants_outcome 1 "a session that was to end at once"
last | grep -q '^ERROR|.*|Code: 28|' || fail "the last word is $(last)"
[ ! -e "$room/root/up/half" ] || fail "a part of a file has its name"

# ---- from a server ----

fair_last() { messages | grep '^NOTIFICATION|.*|Adaptive: ' | tail -n 1 | grep -q '|Adaptive: Adaptive|'; }

mkdir -p "$room/root/up/x/y"
begin_session recv "$room/down" -d
ask say START Source=up/a
await_said "a" '^STOP\|.*\|File: a\|'
ask say START Source=/up/x Destination=z
await_said "a directory" '^STOP\|.*\|File: z/dd/e/f\|'
ask say START Source=up/b Destination=part FileBytes=:99
await_said "a range" '^STOP\|.*\|File: part\|Size: 100\|'
ask say RATE Adaptive=Fixed
await_said "a policy" '^NOTIFICATION\|.*\|Adaptive: Fixed\|'
ask say RATE Adaptive=Adaptive
await 5 "the former policy" fair_last
ask say START Source=../../etc/passwd
await_said "a refusal" '^FILEERROR\|.*\|Code: 41\|'
ask say RATE Rate=4000
await_said "a low rate" '^NOTIFICATION\|.*\|Rate: 4000\|'
ask say START Source=up/b Destination=slow
await_said "its way" '^STATS\|.*\|File: slow\|' 10
ask say STOP Source=up/b
await_said "its end" '^SKIP\|.*\|File: slow\|'
ask say RATE Rate=100000
ask say START Source=up/b

# The server is restarted in the middle: the sources that there are come again, and new ones go on.
await_said "b" '^STOP\|.*\|File: b\|' 10
end_server KILL
start_server "$room/root"
ask say START Source=up/part Destination=late
await_said "what came while there was no server" '^STOP\|.*\|File: late\|' 40
equal "$room/root/up/part" "$room/down/late"
ask say DONE Operation=Linger
wants_outcome 1 "a session in which something failed"
equal a "$room/down/a"
equal d/e/f "$room/down/z/dd/e/f"
equal b "$room/down/b"
range b 0 100 "$room/down/part"
[ -d "$room/down/z/y" ] || fail "an empty directory did not come"
[ ! -e "$room/down/slow" ] || fail "what was given up is there"

# One that is given up after the last was asked for.
begin_session recv "$room/down" -d -l 4m
ask say START Source=up/b Destination=late-slow
await_said "its way" '^STATS\|.*\|File: late-slow\|' 10
ask say START Source=up/part Destination=late-part
ask say DONE Operation=Linger
ask say STOP Source=up/b
wants_outcome 0 "a session that gives up a source after the last"
said '^SKIP\|.*\|File: late-slow\|' || fail "nothing is said of what was given up: $(messages | tail -n 3)"
equal "$room/root/up/part" "$room/down/late-part"
[ ! -e "$room/down/late-slow" ] || fail "what was given up late is there"

# ---- parts without a manager ----

wants 0 '' "$SLUICE" ascp -q -W "@$room/ticket" -P "$port" -@ 1000000:1999999 a "$host:/up/middle"
range a 1000000 1000000 "$room/root/up/middle"
wants 0 '' "$SLUICE" ascp -q -W "@$room/ticket" -P "$port" -@ 3000000: "$host:/up/a" "$room/down/end"
range a 3000000 8 "$room/down/end"
wants 1 'one source' "$SLUICE" ascp -q -W "@$room/ticket" -P "$port" -@ 1:2 a b "$host:/up/"
wants 1 'manager' "$SLUICE" ascp -q -W "@$room/ticket" -P "$port" --keepalive --mode send --host "$host" /up/

end_manager
[ "$failures" -eq 0 ]
