#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How jobs end: workers, managers and servers that are killed, and what is resumed then; errors that are tried again and those
# that are not; SIGINT before and behind the last word.
. "${TOP_SRCDIR:?}/tests/system/foremen.sh"

mkdir -p "$room/root" "$room/back"
head -c 12000000 /dev/urandom >"$room/root/big"
cp "$room/root/big" "$room/big"
head -c 300000 /dev/urandom >"$room/small"
start_server "$room/root"
cd "$room" || exit 99

# A job of the big file under a rate, in either direction, that has moved so much.
begin_moving() { # push|pull NAME MEGABYTES OPTION...
    local source=big to=$2
    [ "$1" = push ] || to=back/$2
    begin_job "$1" "$to" rate=16m "${@:4}" -- "$source"
    await_told "^progress .* transferred=([$3-9]|1[0-9])[0-9]{6} "
}
place() { [ "$1" = push ] && echo "root/$2" || echo "back/$2"; } # push|pull NAME
arrived() { cmp -s big "$(place "$1" "$2")" || fail "what $3 has brought differs"; }
wants_resumed() { # BYTES WHAT: not all was sent again
    [ "$(figure transferred)" -lt "$1" ] || fail "$2: $(figure transferred) bytes were sent: $(last)"
    wants_figure present 12000000 "$2"
}

# ---- killed ----

for way in push pull; do
    begin_moving "$way" killed 4 retries=5
    ask kill
    await_told '^session-start .*attempts=2'
    ask kill
    await_told '^session-start .*attempts=3'
    ask rate 0
    end_job 0 "a $way whose workers were killed"
    arrived "$way" killed "a $way whose workers were killed"
    wants_resumed 15500000 "a $way whose workers were killed"
    wants_figure attempts 3 "a $way whose workers were killed"
    [ "$(grep -c '^retry .*code=2 .*killed by signal 9' "$room/events")" = 2 ] || fail "$way: not two retries"

    begin_moving "$way" orphan 4
    worker=$(figure worker)
    ask die
    end_job 97 "the manager of a $way"
    await 20 "the end of a worker without its manager" worker_gone
    [ ! -e "$(place "$way" orphan)" ] || fail "a $way has gone on without its manager"
    [ "$way" = push ] && to=orphan || to=back/orphan
    begin_job "$way" "$to" -- big
    end_job 0 "the same $way by another manager"
    arrived "$way" orphan "the same $way by another manager"
    wants_resumed 9500000 "the same $way by another manager"

    [ "$way" = push ] && to=heir || to=back/heir
    begin_job "$way" "$to" rate=40m outlive=yes -- big
    await_told '^session-start'
    worker=$(sed -n 's/^session-start .* worker=\([0-9]*\) .*/\1/p' "$room/events")
    ask die
    end_job 97 "the manager of a $way that outlives it"
    await 60 "what outlives its manager" worker_gone
    arrived "$way" heir "a $way that outlives its manager"

    # The server comes back: the session is another one, and the job is the same.
    begin_moving "$way" restarted 4 retries=20
    end_server KILL
    start_server "$room/root"
    ask rate 0
    end_job 0 "a $way whose server was restarted"
    arrived "$way" restarted "a $way whose server was restarted"
    wants_resumed 15500000 "a $way whose server was restarted"

    # It does not.
    begin_moving "$way" lost 1 retries=2 timeout=1s
    end_server KILL
    end_job 1 "a $way whose server is gone"
    has_told '^session-error state=failed .*code=(12|13|14|15|16|40) ' || fail "a $way whose server is gone: $(last)"
    wants_figure attempts 3 "a $way whose server is gone"
    start_server "$room/root"
done

# ---- tried again, or not ----

# An order that fails at once: its code, how often it is tried, and what is said.
fails() { # CODE STATUS ATTEMPTS PATTERN WHAT FOREMAN ARGUMENT...
    begin_job "${@:6}"
    end_job 1 "$5"
    has_told "^session-error state=failed .*code=$1 status=$2 .*($4)" || fail "$5: $(last)"
    wants_figure attempts "$3" "$5"
}
refused() { # PATTERN WHAT FOREMAN ARGUMENT...
    begin_job "${@:3}"
    end_job 99 "$2"
    grep -Eq -- "$1" "$room/said" || fail "$2: $(cat "$room/said")"
}

refused "unknown key 'raet'.*rate" 'an option that is misspelt' push x raet=5m -- small
refused "rate" 'a value that is none' push x rate=fast -- small
refused "it has a call of its own" 'a destination as an option' push x destination=y -- small
refused "no source" 'an order without a source' push x
fails 4 ENOENT 1 'no such' 'a pull of nothing' pull back/x retries=3 -- nothing
fails 41 EOUTSIDE 1 'outside|\.\.' 'a pull from outside of the root' pull back/x retries=3 -- ../small
fails 41 EOUTSIDE 1 'outside|\.\.' 'a push to outside of the root' push ../x retries=3 -- small
fails 27 EPARTIAL 1 'absent' 'a push of something and nothing' push x/ mkdir=yes retries=3 -- small absent

SLUICE_PROGRAM=$room/absent
fails 50 ECONFIG 0 'absent.*No such file' 'a worker that is not there' push x retries=3 -- small
SLUICE_PROGRAM=$room/small
fails 50 ECONFIG 0 'small.*Permission denied' 'a worker that is no program' push x retries=3 -- small
printf '#!/bin/sh\necho "it is what it is" >&2\nexit 3\n' >"$room/broken"
chmod +x "$room/broken"
SLUICE_PROGRAM=$room/broken
fails 50 ECONFIG 1 'it is what it is' 'a worker that ends at once' push x retries=3 -- small
SLUICE_PROGRAM=$SLUICE

cp "$room/ticket" "$room/kept"
mkdir "$room/elsewhere"
timeout 20 "$SLUICE" serve --listen 127.0.0.1:0 --root "$room/elsewhere" --ticket-file "$room/elsewhere/ticket" >"$room/other" 2>&1 &
other=$!
await 10 "another server" test -s "$room/elsewhere/ticket"
kill "$other" && wait "$other" 2>/dev/null
# The other server's ticket for this server: its key is not the one that the ticket knows.
cp "$room/elsewhere/ticket" "$room/ticket"
fails 19 EAUTH 1 'key|ticket|fingerprint' "another server's ticket" push x retries=3 -- small
cp "$room/kept" "$room/ticket"

# Each wait is twice the one before, up to a second.
kept=$port
port=1
fails 12 ECONNECT 7 'refused' 'a port at which nobody listens' push x retries=6 -- small
waits=$(sed -n 's/^retry .* wait=\([0-9]*\) .*/\1/p' "$room/events" | tr '\n' ' ')
[ "$waits" = '50 100 200 400 800 1000 ' ] || fail "the waits are $waits"
port=$kept
host=nowhere.invalid
fails 12 ECONNECT 2 'nowhere.invalid' 'a host that is unknown' push x retries=1 -- small
host=127.0.0.1

# ---- SIGINT ----

interrupt() { timeout 60 "${TOP_BUILDDIR:?}/tests/system/interrupter" "$@"; } # TYPE PROGRAM...
printf '%s\0' set ticket-file "$room/ticket" base . path small '' '' '' destination "$(url worker)" >"$room/order"
printf '%s\0' set ticket-file "$room/ticket" set rate 40m base . path big '' '' '' destination "$(url cut-worker)" >"$room/long"
export ORDER
last_type() { tail -n 1 "$room/stdout"; }

for round in 1 2 3 4 5; do
    ORDER=$room/order
    wants 0 '' interrupt DONE "$SLUICE" worker 3 4
    [ "$(last_type)" = DONE ] || fail "the last word of a worker is $(last_type)"
    wants 0 '' interrupt DONE "$SLUICE" copy --progress never "${admission[@]}" --management PORT small "$(url copied)"
    [ "$(last_type)" = DONE ] || fail "the last word of a copy is $(last_type)"
    wants 0 '' interrupt DONE "$SLUICE" ascp -q -W "@$room/ticket" -P "$port" -M PORT small "$host:taken"
    [ "$(last_type)" = DONE ] || fail "the last word of ascp is $(last_type)"
    rm -f root/worker root/copied root/taken
done

# Before the last word it is a cancel, and what has come is taken up again.
ORDER=$room/long
wants 130 '' interrupt STATS "$SLUICE" worker 3 4
[ "$(last_type)" = ERROR ] || fail "the last word of a worker that is interrupted is $(last_type)"
wants 130 '' interrupt STATS "$SLUICE" copy --progress never "${admission[@]}" --rate 40m --management PORT big "$(url cut-copy)"
[ "$(last_type)" = ERROR ] || fail "the last word of a copy that is interrupted is $(last_type)"
wants 1 '' interrupt STATS "$SLUICE" ascp -q -W "@$room/ticket" -P "$port" -l 40m -k 2 -M PORT big "$host:cut-ascp"
[ "$(last_type)" = ERROR ] || fail "the last word of ascp that is interrupted is $(last_type)"
for what in worker copy ascp; do
    begin_job push "cut-$what" -- big
    end_job 0 "what an interrupted $what has begun"
    arrived push "cut-$what" "what an interrupted $what has begun"
    wants_resumed 11900000 "what an interrupted $what has begun"
done

# A worker of a manager that gets it from somebody else: the job is cancelled.
begin_moving push struck 1
kill -INT "$(figure worker)"
end_job 1 'a job whose worker is interrupted'
has_told '^session-error state=cancelled .*code=28 status=EINTERRUPTED' || fail "a worker that is interrupted: $(last)"
finish
