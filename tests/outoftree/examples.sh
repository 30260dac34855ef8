#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The examples, built as they are installed, by their own Makefile, do what their first lines say.
. "$TOP_SRCDIR/tests/outoftree/stage.sh"
trap 'kill -KILL $(jobs -p) 2>/dev/null; chmod -R u+w "$stage"; rm -rf "$stage"' EXIT
export XDG_STATE_HOME="$stage/state"

installed=$(find "$stage/root" -name stream_server.c)
cp -r "${installed%/stream_server.c}" "$stage/examples"
chmod -R u+w "$stage/examples"
for file in "$TOP_SRCDIR"/doc/examples/*; do
    [ -e "$stage/examples/${file##*/}" ] || complain "${file##*/} was not installed"
done
MAKEFLAGS='' ${MAKE:-make} -s -C "$stage/examples" CC="${CC:-cc} $SANITIZER_CFLAGS" \
    CFLAGS="-std=c17 -Wall -Wextra -Werror" >"$stage/built" 2>&1 || {
    cat "$stage/built" >&2
    exit 1
}
[ -s "$stage/built" ] && complain "building the examples said: $(cat "$stage/built")"
cd "$stage/examples" || exit 99

# soon WHAT COMMAND...: it succeeds within a minute, which is for machines that are busy.
soon() {
    local what=$1
    shift
    for _ in $(seq 1200); do
        "$@" && return
        sleep 0.05
    done
    complain "$what: not within a minute"
    return 1
}

# expect STATUS PART COMMAND...: the exit status, and a part of what is said on stderr.
expect() {
    local wanted=$1 part=$2 status
    shift 2
    "$@" 2>"$stage/said" >/dev/null
    status=$?
    [ "$status" -eq "$wanted" ] || complain "'$*' ended with $status, not $wanted: $(cat "$stage/said")"
    [ -z "$part" ] || grep -qF -- "$part" "$stage/said" || complain "'$*' did not say '$part' but: $(cat "$stage/said")"
}

hash_of() { sha256sum | cut -d ' ' -f 1; }

# begun LOG: sets address to where the server that writes it listens.
begun() {
    soon "the server's first line" grep -q '^port ' "$1" || cat "$1" >&2
    address=127.0.0.1:$(sed -n 's/^port \([0-9]*\),.*/\1/p' "$1")
}

# ---- files, time and echo ----

mkdir "$stage/served"
./stream_server 127.0.0.1:0 "$stage/served" 2>"$stage/server.log" &
server=$!
begun "$stage/server.log"
head -c 20000000 /dev/urandom >"$stage/data"
wanted=$(hash_of <"$stage/data")

expect 0 "" ./stream_client push "$address" film.bin <"$stage/data"
[ "$(hash_of <"$stage/served/film.bin")" = "$wanted" ] || complain "what was stored is not what was pushed"
[ "$(./stream_client pull "$address" film.bin | hash_of)" = "$wanted" ] || complain "what was pulled is not what is there"
[ "$(./stream_client both "$address" echo <"$stage/data" | hash_of)" = "$wanted" ] || complain "the echo is another"
./stream_client pull "$address" time | grep -qE '[0-9]+:[0-9]+:[0-9]+ [0-9]{4}$' || complain "no time came"

expect 1 "there is no stream '../film.bin' here" ./stream_client push "$address" ../film.bin </dev/null
expect 1 "there is no stream 'film.bin' here" ./stream_client both "$address" film.bin </dev/null
expect 1 "there is no such file here" ./stream_client pull "$address" nothing
expect 2 "usage: " ./stream_client carry "$address" film.bin
expect 2 "unknown key 'speed'" ./stream_client pull "$address" film.bin speed=10
[ "$(ls -A "$stage/served")" = film.bin ] || complain "refused streams left something: $(ls -A "$stage/served")"

seq -f 'line %.0f of 10' 10 | cmp - <(./stream_file "$address" lines.txt) || complain "ten lines did not come back"
expect 1 "pushed: " ./stream_file "$address" ../lines.txt

[ "$(./stream_poll "$address" copy.bin film.bin <"$stage/data" | hash_of)" = "$wanted" ] ||
    complain "one thread did not pull what is there"
[ "$(hash_of <"$stage/served/copy.bin")" = "$wanted" ] || complain "one thread did not push what it read"

# The runner at the other end.
ticket=$(sed -n 's/^port .*, ticket //p' "$stage/server.log")
expect 0 "" "$runner" send --quiet --ticket-file "$ticket" "sluice://$address/shell.bin" <"$stage/data"
[ "$("$runner" recv --quiet --ticket-file "$ticket" "sluice://$address/shell.bin" | hash_of)" = "$wanted" ] ||
    complain "what the shell has sent is not what it gets"

# Drained: the stream that is under way ends as if nothing were, new sessions do not begin.
mkfifo "$stage/slowly"
./stream_client both "$address" echo <"$stage/slowly" >"$stage/echoed" 2>"$stage/client.log" &
client=$!
exec 5>"$stage/slowly"
echo before >&5
soon "the echo of a line" grep -q before "$stage/echoed"
kill -TERM "$server"
refused() { ! ./stream_client pull "$address" time >/dev/null 2>"$stage/said"; }
soon "a server that is drained turns clients away" refused
echo after >&5
exec 5>&-
wait "$client" || complain "the last client ended with $?: $(cat "$stage/client.log")"
[ "$(tr '\n' ' ' <"$stage/echoed")" = "before after " ] || complain "a server that is drained cut a stream short"
wait "$server" || complain "the server ended with $?: $(cat "$stage/server.log")"

# ---- live ----

./live_capture receive 127.0.0.1:0 >"$stage/received" 2>"$stage/receiver.log" &
receiver=$!
begun "$stage/receiver.log"
# With time enough all of them arrive.
./live_capture record "$address" 60 50000 </dev/null >"$stage/recorded" 2>&1 || complain "$(cat "$stage/recorded")"
soon "the end of the first record" grep -q '^end: ' "$stage/received"
seq -f 'frame %.0f' 0 59 | cmp - <(sed -n 's/^\(frame [0-9]*\),.*/\1/p' "$stage/received") ||
    complain "not every frame arrived: $(cat "$stage/received")"
grep -q '^skipped' "$stage/received" && complain "frames were skipped that had time enough"
grep -qE '^60 frames, .* 0 given up' "$stage/recorded" || complain "$(cat "$stage/recorded")"

# A pause that outlasts the deadline: what was recorded then is skipped, and what comes after it arrives.
mkfifo "$stage/commands"
./live_capture record "$address" 0 400 <"$stage/commands" >"$stage/recorded" 2>&1 &
recorder=$!
exec 5>"$stage/commands"
second() { sed '1,/^end: /d' "$stage/received"; }
frame_came() { second | grep -q '^frame '; }
soon "a first frame" frame_came
echo "rate 40m" >&5
echo pause >&5
gave_up() { grep -qE ', [1-9][0-9]* given up' "$stage/recorded"; }
soon "frames that are given up" gave_up
echo resume >&5
came_after_gap() { second | sed '1,/^skipped/d' | grep -q '^frame '; }
soon "a frame behind the gap" came_after_gap
kill -TERM "$recorder"
exec 5>&-
wait "$recorder" || complain "the recorder ended with $?: $(cat "$stage/recorded")"
for part in "rate: done" "pause: done" "resume: done" "of 40.0, rtt"; do
    grep -qF "$part" "$stage/recorded" || complain "the recorder did not say '$part' but: $(cat "$stage/recorded")"
done
second_over() { second | grep -q '^end: '; }
soon "the end of the second record" second_over
second | sed -n 's/^frame \([0-9]*\),.*/\1/p' >"$stage/numbers"
sort -n -u -c "$stage/numbers" || complain "frames came twice, or out of order"
written=$(sed -n 's/^\([0-9]*\) frames,.*/\1/p' "$stage/recorded" | tail -n 1)
[ "$(wc -l <"$stage/numbers")" -lt "$written" ] || complain "$written frames were written, and as many came"
kill -TERM "$receiver"
wait "$receiver" || complain "the receiver ended with $?: $(cat "$stage/receiver.log")"

[ "$failures" -eq 0 ]
