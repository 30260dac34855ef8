#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A server in earnest: tickets with rights, roots and rates of their own, revoked while they are in use; reload, drain,
# limits, and what is told of all that.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
notified=${TOP_BUILDDIR:?}/tests/system/notified

# Waits for a condition, 20 s at most.
until_true() { # COMMAND...
    local tries
    for tries in $(seq 1000); do
        "$@" && return 0
        sleep 0.02
    done
    fail "waited in vain for: $*"
    return 1
}

logged() { grep -Eq -- "$1" "$room/serve.log"; }
log_has() { logged "$1" || fail "the log says nothing like '$1': $(tail -n 5 "$room/serve.log")"; }
times_logged() { [ "$(grep -Ec -- "$2" "$room/serve.log")" -ge "$1" ]; }

# Sends SIGHUP and waits until the log says that it was so many times heeded, well or not.
reloads=0
reload() { # [failed]
    kill -HUP "$server"
    reloads=$((reloads + 1))
    until_true times_logged "$reloads" 'reloaded: |reload: failed; the old configuration stays in force'
    grep -E 'reloaded: |reload: failed' "$room/serve.log" | tail -n 1 | grep -q "${1:-reloaded: }" ||
        fail "the reload did not end as it should: $(tail -n 5 "$room/serve.log")"
}

by() { # TICKET OPTION...
    local ticket=$1
    shift
    timeout "${COPY_TIMEOUT:-60}" "$SLUICE" copy --progress never --ticket-file "$room/$ticket" "$@"
}

# A copy in the background: $client is the program itself, NAME that of its output.
start_by() { # NAME TICKET OPTION...
    local name=$1 ticket=$2
    shift 2
    "$SLUICE" copy --progress never --ticket-file "$room/$ticket" "$@" >"$room/$name.out" 2>"$room/$name.err" &
    client=$!
}

ends_with() { # NAME PID STATUS PATTERN
    local got
    wait "$2"
    got=$?
    [ "$got" = "$3" ] || fail "$1: the copy ended with $got, not $3: $(cat "$room/$1.err")"
    [ -z "$4" ] || grep -Eq -- "$4" "$room/$1.err" || fail "$1: the copy said '$(cat "$room/$1.err")', nothing like '$4'"
}

# Somewhere in this directory lies a partial file of this name with so many MiB on disk.
partial() { # DIRECTORY NAME MIB
    local bytes
    bytes=$(find "$1" -name "*$2*sluice-part*" -printf '%s\n' 2>/dev/null | head -n 1)
    [ -n "$bytes" ] && [ "$bytes" -ge $(($3 * 1048576)) ]
}

# What the last event of a --json copy in $room/stdout says.
done_says() { # PATTERN
    grep '"event":"done"' "$room/stdout" | grep -q -- "$1" || fail "no $1 in: $(grep '"event":"done"' "$room/stdout")"
}

# Three tickets beside the default one; what stands in $more, $writer and $late goes into their sections.
more='' writer='max-rate = 16m' late='expires = 2036-01-01'
configure() {
    cat >"$room/serve.ini" <<INI
[serve]
$more
[ticket reader]
ticket-file = $room/reader
rights = read
root = $room/public
max-rate = 16m
[ticket writer]
ticket-file = $room/writer
rights = write
root = $room/inbox
max-sessions = 1
$writer
[ticket late]
ticket-file = $room/late
$late
[log]
level = info
INI
}

mkdir "$room/root" "$room/public" "$room/inbox" "$room/source" "$room/back"
head -c 1000000 /dev/urandom >"$room/public/paper"
head -c 12000000 /dev/urandom >"$room/source/big"
head -c 1000000 /dev/urandom >"$room/source/small"
echo hidden >"$room/root/hidden"

# ---- systemd is told; both sorts of its sockets ----

for socket in "$room/socket" "@sluice-test-$$"; do
    mkfifo "$room/notified.in"
    "$notified" "$socket" <"$room/notified.in" >"$room/notified.out" &
    listener=$!
    exec 9>"$room/notified.in"
    until_true grep -q ready "$room/notified.out"
    configure
    NOTIFY_SOCKET=$socket start_server "$room/root" --config "$room/serve.ini" 9>&-
    until_true grep -q '^READY=1$' "$room/notified.out"
    kill -HUP "$server"
    until_true grep -Eq '^RELOADING=1 MONOTONIC_USEC=[0-9]+$' "$room/notified.out"
    until_true eval '[ "$(grep -c "^READY=1$" "$room/notified.out")" = 2 ]'
    end_server TERM || fail "a server that had nothing to do ended with $?"
    until_true grep -q '^STOPPING=1$' "$room/notified.out"
    exec 9>&-
    wait "$listener"
    rm "$room/notified.in"
    port=
done

# ---- rights and roots ----

configure
start_server "$room/root" --config "$room/serve.ini"
[ "$(stat -c %a "$room/writer")" = 600 ] || fail "a new ticket is open to others"
log_has 'info ticket writer: write below .*/inbox, max-rate 16m, expires never'
wants 0 '' by reader --json "$(url paper)" "$room/back/"
cmp -s "$room/public/paper" "$room/back/paper" || fail "what the reader got differs"
done_says '"target_bps":16000000,'
log_has 'info session [0-9a-f]{8}: admitted 127\.0\.0\.1:[0-9]+, ticket reader, pull, transport udp, '
log_has 'info session [0-9a-f]{8}: done 127\.0\.0\.1:[0-9]+, ticket reader, pull, 1 files, 1000000 bytes, '
wants 1 'no right to write' by reader "$room/source/small" "$(url)"
log_has 'warning session [0-9a-f]{8}: failed .*, ticket reader, push, .*no right to write'
wants 1 'hidden.*no such file' by reader "$(url hidden)" "$room/back/"
wants 0 '' by writer --json "$room/source/small" "$(url)"
cmp -s "$room/source/small" "$room/inbox/small" || fail "what the writer sent is not in its root"
done_says '"target_bps":16000000,'
wants 1 'no right to read' by writer "$(url small)" "$room/back/"
wants 0 '' copy "$(url hidden)" "$room/back/"
cmp -s "$room/root/hidden" "$room/back/hidden" || fail "the default ticket sees another root"

# A rate is the lower one of both sides'.
wants 0 '' by writer --json --rate 12m --overwrite always "$room/source/small" "$(url)"
done_says '"target_bps":12000000,'
wants 0 '' by writer --json --rate 900m --min-rate 800m --overwrite always "$room/source/small" "$(url)"
done_says '"target_bps":16000000,"minimum_bps":16000000,'
wants 0 '' by reader --json --rate 900m --overwrite always "$(url paper)" "$room/back/"
done_says '"target_bps":16000000,'

# ---- expiry ----

wants 0 '' by late "$(url hidden)" "$room/back/"
cp "$room/late" "$room/late.copy"
late='expires = 2020-01-01'
configure
reload
log_has 'info ticket late: expired'
wants 4 'expired' by late "$(url hidden)" "$room/back/"
wants 4 "127.0.0.1:$port: the ticket has expired" by late.copy "$(url hidden)" "$room/back/"
log_has 'warning refused 127\.0\.0\.1:[0-9]+, ticket late: the ticket has expired'

# ---- sessions of a ticket; revoked while it is in use ----

start_by slow writer "$room/source/big" "$(url)"
slow=$client
until_true partial "$room/inbox" big 2
wants 1 'this ticket has as many sessions' by writer "$room/source/small" "$(url other)"
wants 0 '' copy "$room/source/small" "$(url other)"
id=$(sed -n 's/.*session \([0-9a-f]\{8\}\): admitted .*ticket writer.*/\1/p' "$room/serve.log" | tail -n 1)
writer='revoked = yes'
configure
reload
ends_with slow "$slow" 4 'revoked'
until_true logged "warning session $id: failed .*, ticket writer, push, .*the ticket was revoked"
partial "$room/inbox" big 2 || fail "the partial file of a revoked ticket is gone"
wants 4 'revoked' by writer "$room/source/small" "$(url)"
log_has 'refused 127\.0\.0\.1:[0-9]+, ticket writer: the ticket was revoked'

# What was revoked by mistake goes on where it was.
writer='max-rate = 900m'
configure
reload
wants 0 '' by writer --json "$room/source/big" "$(url)"
grep -q '"event":"file".*"resumed_bytes":[1-9]' "$room/stdout" || fail "nothing was resumed after a revocation"
cmp -s "$room/source/big" "$room/inbox/big" || fail "the file differs after a revocation"

# ---- a configuration that is none: every error is told, nothing changes ----

cp "$room/serve.ini" "$room/good.ini"
sed -i -e 's/^rights = read$/rights = reed/' -e 's/^expires = .*/expires = yesterday/' "$room/serve.ini"
reload 'failed; the old'
log_has "error reload: $room/serve.ini:[0-9]+: rights: 'reed' is none of read, write"
log_has "error reload: $room/serve.ini:[0-9]+: expires: 'yesterday' is no date"
sed -e "s#^root = .*#root = $room/nowhere#" "$room/good.ini" >"$room/serve.ini"
reload 'failed; the old'
log_has "error reload: ticket reader: $room/nowhere: cannot serve"
log_has "error (reload: )?ticket writer: $room/nowhere: cannot serve"
wants 0 '' by reader --overwrite always "$(url paper)" "$room/back/"

# ---- what a reload changes, and what it cannot ----

more='write-only = yes
cipher = aes-256-gcm'
configure
reload
log_has 'warning reload: cipher stays aes-128-gcm,aes-256-gcm,chacha20-poly1305 until the server is started again'
wants 1 'write-only' copy "$(url hidden)" "$room/back/"
more='default-ticket = no'
configure
reload
wants 4 'does not know this ticket' copy "$(url hidden)" "$room/back/"
more=''
configure
sed -i 's/^level = info$/level = error/' "$room/serve.ini"
kill -HUP "$server"
until_true copy --overwrite always "$(url hidden)" "$room/back/" 2>/dev/null
before=$(grep -c 'info session' "$room/serve.log")
wants 0 '' copy --overwrite always "$(url hidden)" "$room/back/"
[ "$(grep -c 'info session' "$room/serve.log")" = "$before" ] || fail "the level of the log did not change"
grep -E 'sluice1:' "$room/serve.log" && fail "a secret is in the log"
end_server TERM || fail "the server ended with $?"

# ---- drain ----

port=
configure
start_server "$room/root" --config "$room/serve.ini"
reloads=0
start_by drained ticket --rate 16m "$room/source/big" "$(url drained)"
drained=$client
until_true partial "$room/root" drained 1
kill -TERM "$server"
until_true logged 'info draining: 1 session left'
wants 5 "127.0.0.1:$port" copy "$room/source/small" "$(url late)"
# Another server does not take the port from under those that run.
wants 5 "127.0.0.1:$port.*in use" "$SLUICE" serve --listen "127.0.0.1:$port" --root "$room/root" \
    --ticket-file "$room/ticket"
kill -HUP "$server"
until_true logged 'reloaded: '
ends_with drained "$drained" 0 ''
cmp -s "$room/source/big" "$room/root/drained" || fail "what was drained differs"
wait "$server"
status=$?
server=0
[ "$status" = 0 ] || fail "a drained server ended with $status: $(tail -n 3 "$room/serve.log")"
log_has 'info draining: 0 sessions left'

# At once on the same port, also while a client still speaks to the one before.
start_server "$room/root" --config "$room/serve.ini"
start_by orphan ticket --rate 16m --timeout 2 "$room/source/big" "$(url orphan)"
orphan=$client
until_true partial "$room/root" orphan 1
end_server KILL
start_server "$room/root" --config "$room/serve.ini"
wants 0 '' copy "$room/source/small" "$(url after)"
kill -TERM "$orphan" 2>/dev/null
wait "$orphan"
end_server TERM || fail "the server ended with $?"

# ---- limits of strangers, and the journal's form of the log ----

port=
: >"$room/serve.log"
JOURNAL_STREAM=$(stat -c %d:%i "$room/serve.log") start_server "$room/root" --max-handshakes-per-host 1 --report log
exec 8<>"/dev/tcp/127.0.0.1/$port"
wants 5 "127.0.0.1:$port" copy "$room/source/small" "$(url crowd)"
until_true logged '^<4>turned away [0-9]+ clients? before admission: .*max-handshakes-per-host 1$'
exec 8>&-
wants 0 '' copy "$room/source/small" "$(url crowd)"
log_has '^<6>session [0-9a-f]{8}: done '
log_has '^<6>file session=[0-9a-f]* name=default '
grep -Eq '[0-9]{4}-[0-9]{2}-[0-9]{2}T' "$room/serve.log" && fail "the journal gets times of ours"
wants 4 'does not know' by late.copy "$room/source/small" "$(url crowd)"
log_has '^<4>refused 127\.0\.0\.1:[0-9]+, ticket unknown: the server does not know this ticket'
end_server TERM || fail "the server ended with $?"
finish
