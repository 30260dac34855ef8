#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sluice send and recv: a stream both ways, with either side as the server; names, refusals, rights, ends of every kind.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

# A server of streams; what it writes comes to $room/served, what it says to the log.
serve_stream() { # INPUT send|recv|serve OPTION...
    local input=$1 tries
    shift
    port=
    : >"$room/serve.log"
    env --default-signal=INT "$SLUICE" "$@" --listen "127.0.0.1:0" --ticket-file "$room/ticket" <"$input" >"$room/served" \
        2>"$room/serve.log" &
    server=$!
    for tries in $(seq 200); do
        port=$(sed -n 's#.*sluice://[^ /]*:\([0-9][0-9]*\)/.*#\1#p' "$room/serve.log" | head -n 1)
        [ -n "$port" ] && return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    echo "the server did not start: $(cat "$room/serve.log")" >&2
    exit 1
}

server_is_gone() { ! kill -0 "$server" 2>/dev/null; }

# Waits until it ends by itself and wants this exit status.
server_ends() { # STATUS WHAT
    local got
    await 20 "the end of the server, $2" server_is_gone || kill -KILL "$server"
    wait "$server"
    got=$?
    server=0
    [ "$got" = "$1" ] || fail "the server, $2, ended with $got, not $1: $(tail -n 3 "$room/serve.log")"
}

logged() { grep -Eq -- "$1" "$room/serve.log"; }
log_has() { logged "$1" || fail "the log says nothing like '$1': $(tail -n 5 "$room/serve.log")"; }

push() { timeout 60 "$SLUICE" send --progress never "${admission[@]}" "$@"; }
pull() { timeout 60 "$SLUICE" recv --progress never "${admission[@]}" "$@"; }

agrees() { # FILE FILE WHAT
    cmp -s "$1" "$2" || fail "$3: what arrived differs ($(stat -c %s "$1" "$2" 2>&1 | tr '\n' ' '))"
}

# The JSON lines of a file, between which a sentence may stand, are objects, and the last one is done with these words.
json_ends() { # FILE PATTERN
    grep '^{' "$1" >"$room/json"
    python3 - "$room/json" <<'PY' || fail "$1 is not JSON, one object a line"
import json, sys
lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
events = [json.loads(line) for line in lines]
assert events and all(isinstance(event, dict) for event in events) and events[-1]["event"] == "done"
assert sum(event["event"] == "done" for event in events) == 1
PY
    tail -n 1 "$room/json" | grep -q -- "$2" || fail "no '$2' in: $(tail -n 1 "$room/json")"
}

head -c 30000000 /dev/urandom >"$room/data"
head -c 10 "$room/data" >"$room/ten"
: >"$room/empty"

# ---- one stream, client and server in all four roles ----

serve_stream /dev/null recv
log_has 'sluice send --ticket-file .*/ticket sluice://'
grep -q 'sluice1:' "$room/serve.log" && fail "a secret is in the log"
wants 0 '' push --json "127.0.0.1:$port" <"$room/data"
json_ends "$room/stdout" '"status":"ok","exit":0.*"files":1,"failed":0,"skipped":0,"bytes":30000000,'
server_ends 0 "which took a stream"
agrees "$room/data" "$room/served" "send to recv --listen"

serve_stream "$room/data" send
log_has 'sluice recv --ticket-file .*/ticket sluice://'
wants 0 '' pull --json "$(url)" <"$room/empty"
agrees "$room/data" "$room/stdout" "recv from send --listen"
json_ends "$room/stderr" '"status":"ok","exit":0.*"bytes":30000000,'
server_ends 0 "which gave a stream"

serve_stream /dev/null recv
wants 0 '' push "$(url)" </dev/null
server_ends 0 "which took an empty stream"
agrees "$room/empty" "$room/served" "an empty stream"

serve_stream /dev/null send
wants 0 '' pull "$(url)"
server_ends 0 "which gave an empty stream"
agrees "$room/empty" "$room/stdout" "an empty stream back"

# What trickles in leaves at once: the reader has the first line while the writer waits for more.
mkfifo "$room/slow"
serve_stream /dev/null recv
push "$(url)" <"$room/slow" 2>"$room/said" &
copier=$!
exec 7>"$room/slow"
echo first >&7
has_first() { [ "$(cat "$room/served")" = first ]; }
await 10 "the first line of a slow stream" has_first
echo second >&7
exec 7>&-
end_copy 0 "a slow stream"
server_ends 0 "of a slow stream"
[ "$(cat "$room/served")" = $'first\nsecond' ] || fail "a slow stream came as '$(cat "$room/served")'"

# ---- files, commands and settings in place of standard input and output; many clients of one server ----

serve_stream /dev/null send --source "$room/data"
for i in 1 2 3 4; do
    pull --sink "$room/got$i" "$(url)" 2>"$room/pull$i" &
    eval "client$i=$!"
done
for i in 1 2 3 4; do
    eval "wait \$client$i" || fail "one of four clients at once failed: $(cat "$room/pull$i")"
    agrees "$room/data" "$room/got$i" "client $i of four"
done
wants 0 '' pull --sink "command:cat >'$room/by-command'" --checksum sha-256 --cipher aes-256-gcm --rate 500m "$(url)"
agrees "$room/data" "$room/by-command" "a stream into a command"
for transport in udp tcp; do
    wants 0 '' pull --json --transport "$transport" "$(url any-name)"
    agrees "$room/data" "$room/stdout" "a stream by $transport"
    json_ends "$room/stderr" "\"transport\":\"$transport\""
done
# Rate and control are those of whoever sends, which is the server: 30 MB at 200 Mbit/s take more than a second.
wants 0 '' pull --json --rate 200m --policy fixed --sink null: "$(url)"
json_ends "$room/stdout" '"congestion":"fixed".*"target_bps":200000000,'
[ "$(sed -n 's/.*"event":"done".*"seconds":\([0-9]*\).*/\1/p' "$room/stdout")" -ge 1 ] || fail "--rate did not reach the server"
wants 0 '' pull --memory 4Mi --timeout 10 --gather 5ms "$(url)"
agrees "$room/data" "$room/stdout" "a stream within 4 MiB"

# The other direction is not what this server does.
wants 1 'gives them, use sluice recv' push "$(url)" <"$room/ten"
log_has 'warning refused 127\.0\.0\.1:[0-9]+, ticket default, stream .*takes no streams'
wants 1 'streams, and no files: use sluice send or recv' copy "$(url data)" "$room/"
end_server TERM || fail "a server of streams ended with $? after SIGTERM"

serve_stream /dev/null recv --sink "command:cat >>'$room/collected'" --once
wants 0 '' push --source 'command:printf one' "$(url)"
server_ends 0 "which was to serve once"
[ "$(cat "$room/collected")" = one ] || fail "the command got '$(cat "$room/collected")'"

# A command that fails is a stream that fails, at both ends; nothing gets its name.
serve_stream /dev/null recv --sink "$room/never"
wants 1 "command 'printf part; exit 3': ended with status 3" push --json --source 'command:printf part; exit 3' "$(url)"
json_ends "$room/stdout" '"status":"failed","exit":1.*"files":0,"failed":1,'
await 10 "the server's word of a source that failed" logged "warning stream '': .*ended with status 3"
[ ! -e "$room/never" ] || fail "a stream that failed has got its name"
wants 0 '' push "$(url)" <"$room/ten"
agrees "$room/ten" "$room/never" "a stream after one that failed"
wants 1 'no such file' push --source "$room/nowhere" "$(url)"
mkdir "$room/directory"
wants 1 'directory.*is no file' push --source "$room/directory" "$(url)"
wants 1 'several files' push --source 'zero:1k*2' "$(url)"
end_server TERM

# The writer hears of a sink that took everything and then failed.
serve_stream /dev/null recv --sink 'command:cat >/dev/null; exit 7' --once
wants 1 'ended with status 7' push "$(url)" <"$room/data"
server_ends 1 "whose command failed"

# ---- names ----

serve_stream "$room/data" send --name wanted
wants 1 'no stream called other; it gives: wanted' pull "$(url other)"
wants 1 'no stream was named; the server gives: wanted' pull "$(url)"
wants 0 '' pull --name wanted "$(url other)"
agrees "$room/data" "$room/stdout" "a stream by its name"
server_ends 0 "of a named stream"

# Standard output is one: the second client is told so.
serve_stream /dev/null recv
push "$(url)" <"$room/slow" 2>"$room/said" &
copier=$!
exec 7>"$room/slow"
echo first >&7
await 10 "the first line" has_first
wants 1 'taken once, and another client sends it' push "$(url)" <"$room/ten"
exec 7>&-
end_copy 0 "the first of two clients"
server_ends 0 "which two clients wanted"

# ---- who may ----

cat >"$room/rights.ini" <<INI
[ticket reader]
ticket-file = $room/reader
rights = read
[ticket writer]
ticket-file = $room/writer
rights = write
[stream both]
source = $room/data
sink = $room/both
INI
by() { # TICKET send|recv OPTION...
    local ticket=$1 command=$2
    shift 2
    timeout 60 "$SLUICE" "$command" --progress never --ticket-file "$room/$ticket" "$@"
}
serve_stream /dev/null serve --config "$room/rights.ini"
log_has 'serving 1 stream on'
wants 0 '' by reader recv "$(url both)"
agrees "$room/data" "$room/stdout" "a stream by a reader's ticket"
wants 1 'no right to write' by reader send "$(url both)" <"$room/ten"
log_has 'warning session [0-9a-f]{8}: failed .*, ticket reader, streams, .*no right to write'
[ ! -e "$room/both" ] || fail "a ticket without the right to write has written"
wants 0 '' by writer send "$(url both)" <"$room/ten"
agrees "$room/ten" "$room/both" "a stream by a writer's ticket"
wants 1 'no right to read' by writer recv "$(url both)"
cp "$room/reader" "$room/open"
chmod 644 "$room/open"
wants 4 'chmod' by open recv "$(url both)"
wants 4 '' by none recv "$(url both)"
head -c 100 /dev/urandom >"$room/wrong"
chmod 600 "$room/wrong"
wants 4 '' by wrong send "$(url both)" <"$room/ten"
wants 4 '' by reader recv --pin 0000000000000000000000000000000000000000000000000000000000000000 "$(url both)"
# What a client calls a stream is a name, and never a place or a command.
for name in "command:touch $room/owned" '../data' "$room/data" '-' 'stdio:'; do
    wants 1 "gives no stream called .*; it gives: both" by reader recv --name "$name" "$(url)"
    wants 1 "takes no stream called .*; it takes: both" by writer send --name "$name" "$(url)" <"$room/ten"
done
[ ! -e "$room/owned" ] || fail "a client has named a command, and it was run"
end_server TERM

# ---- ends of every kind ----

# Nobody there; wrong usage.
wants 5 "127.0.0.1:$port" push "$(url)" <"$room/ten"
wants 5 "127.0.0.1:$port" pull --json "$(url)"
json_ends "$room/stderr" '"status":"failed","exit":5'
wants 2 'needs the address' push
wants 2 'takes one address' push "$(url)" more
wants 2 '--resume: unknown option' push --resume full "$(url)"
wants 2 'did you mean --gather' push --gathr 5ms "$(url)"
wants 2 'goes with --listen' pull --once "$(url)"
wants 2 '--sink: unknown option' push --sink x "$(url)"
wants 2 'deadline' pull --deadline soon "$(url)"
wants 3 'no.*such' pull --sink nosuch:x "$(url)"
wants 2 'no such server' push user@host:path <"$room/ten"
wants 2 '--deadline: unknown option' copy --deadline 1s "$room/ten" "$(url)"

# A reader that has enough: its writer is told, and soon.
serve_stream /dev/null send --source zero:100G
( timeout 20 "$SLUICE" recv --progress never "${admission[@]}" "$(url)" 2>"$room/said"; echo $? >"$room/status" ) | head -c 10 |
    wc -c >"$room/count"
[ "$(cat "$room/count")" = 10 ] || fail "head got $(cat "$room/count") bytes"
[ "$(cat "$room/status")" = 1 ] || fail "recv into a closed pipe ended with $(cat "$room/status")"
grep -q 'has gone' "$room/said" || fail "recv into a closed pipe said '$(cat "$room/said")'"
await 10 "the writer's word of a reader that has enough" logged "warning stream '': .*has gone"
end_server TERM || fail "a server whose client had enough ended with $?"

# Interrupted: the client's exit status is 130, the server hears who it was.
serve_stream /dev/null recv
begin_stream() { # SIGNAL COMMAND...
    env --default-signal=INT "$SLUICE" "$@" --json --progress never "${admission[@]}" "$(url)" <"$room/slow" \
        >"$room/events" 2>"$room/said" &
    copier=$!
    exec 7>"$room/slow"
    echo first >&7
}
begin_stream send
await 10 "the first line before an interruption" has_first
kill -INT "$copier"
end_copy 130 "an interrupted send"
json_ends "$room/events" '"status":"failed","exit":130'
exec 7>&-
server_ends 1 "whose client was interrupted"
log_has "warning stream '': .*cancelled"

# Killed: the other side notices within its time-out.
serve_stream /dev/null recv --timeout 2
begin_stream send
await 10 "the first line before a kill" has_first
kill -KILL "$copier"
wait "$copier" 2>/dev/null
copier=0
exec 7>&-
server_ends 1 "whose client was killed"
log_has "warning stream '': .*too long"

serve_stream /dev/null recv
begin_stream send --timeout 2
await 10 "the first line before the server is killed" has_first
end_server KILL
end_copy 1 "a send whose server was killed"
wants_said 'too long|no longer|refused'
exec 7>&-

# A server that drains lets its stream finish; one that is interrupted does not.
serve_stream /dev/null recv
begin_stream send
await 10 "the first line before SIGTERM" has_first
kill -TERM "$server"
await 10 "the drain" logged 'info draining: 1 session left'
wants 5 '' push "$(url)" <"$room/ten"
echo second >&7
exec 7>&-
end_copy 0 "a stream of a server that drains"
server_ends 0 "which drained"
[ "$(cat "$room/served")" = $'first\nsecond' ] || fail "a drained stream came as '$(cat "$room/served")'"

serve_stream /dev/null recv
begin_stream send
await 10 "the first line before SIGINT" has_first
kill -INT "$server"
server_ends 130 "which was interrupted"
end_copy 1 "a send whose server was interrupted"
wants_said 'cancelled'
exec 7>&-
serve_stream /dev/null recv
end_server TERM || fail "a server of streams to which nobody came ended with $?"

# ---- live ----

serve_stream /dev/null recv
wants 0 '' push --deadline 10s "$(url)" <"$room/data"
server_ends 0 "of a live stream"
agrees "$room/data" "$room/served" "a live stream that was in time"

# What cannot arrive in time is left out: 400 kB take 3 s at this rate, and wait in the sender for longer than 100 ms.
serve_stream /dev/null recv
wants 0 '' push --deadline 100ms --rate 1m --policy fixed --source zero:400k "$(url)"
server_ends 0 "of a live stream that was late"
[ "$(stat -c %s "$room/served")" -lt 400000 ] || fail "nothing of a late stream was given up"
log_has 'warning stream: [0-9]+ bytes in [0-9]+ places came too late and were left out'
finish
