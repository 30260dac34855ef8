#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Streams by INI file: every kind of source into every kind of sink, both ways, by every congestion control that is
# installed; sections beside files; and what a reload makes of them.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

logged() { grep -Eq -- "$1" "$room/serve.log"; }
log_has() { logged "$1" || fail "the log says nothing like '$1': $(tail -n 5 "$room/serve.log")"; }
reloads=0
reload() { # [failed]
    kill -HUP "$server"
    reloads=$((reloads + 1))
    times_logged() { [ "$(grep -Ec 'reloaded: |reload: failed' "$room/serve.log")" -ge "$reloads" ]; }
    await 10 "a reload" times_logged
    grep -E 'reloaded: |reload: failed' "$room/serve.log" | tail -n 1 | grep -q "${1:-reloaded: }" ||
        fail "the reload did not end as it should: $(tail -n 5 "$room/serve.log")"
}
run() { timeout 60 "$SLUICE" run --progress never "$@"; }

mkdir "$room/root"
head -c 3000000 /dev/urandom >"$room/data"
mkfifo "$room/pipe-out" "$room/pipe-in"
controls=$("$SLUICE" plugins congestion | awk -F'[/ ]' '/^congestion\// { print $2 }')
[ "$(wc -w <<<"$controls")" -ge 2 ] || fail "no congestion controls are installed: '$controls'"

# ---- the server: one stream for each kind ----

listed=$(paste -sd, <<<"$controls")
configure() {
    cat >"$room/serve.ini" <<INI
[serve]
congestion = $listed
${files:-}
[stream file]
source = $room/data
sink = $room/file-arrived
[stream pipe]
source = stdio:$room/pipe-out
sink = stdio:$room/pipe-in
[stream command]
source = "command:cat '$room/data'"
sink = "command:cat >'$room/command-arrived'"
${more:-}
INI
}
start_streams() { # OPTION...: as start_server, but for the root
    local tries
    port=
    reloads=0
    : >"$room/serve.log"
    "$SLUICE" serve --listen 127.0.0.1:0 --ticket-file "$room/ticket" --config "$room/serve.ini" "$@" >"$room/serve.log" 2>&1 &
    server=$!
    for tries in $(seq 200); do
        port=$(sed -n 's#.*sluice://[^ /]*:\([0-9][0-9]*\)/.*#\1#p' "$room/serve.log" | head -n 1)
        [ -n "$port" ] && return 0
        sleep 0.05
    done
    echo "the server did not start: $(cat "$room/serve.log")" >&2
    exit 1
}
configure
start_streams
log_has 'serving 3 streams on'
log_has 'sluice send --ticket-file .*/command$'

# ---- the client: one session for each combination ----

# What stands at either end of the client's side; - is standard input or output of sluice itself.
own_source() { case $1 in file) echo "$room/data" ;; pipe) echo "-" ;; command) echo "\"command:cat '$room/data'\"" ;; esac; }
own_sink() { case $1 in file) echo "$room/file-came" ;; pipe) echo "-" ;; command) echo "\"command:cat >'$room/command-came'\"" ;; esac; }
{
    printf '[transfer]\nticket-file = %s\nrate = 800m\nreport =\n' "$room/ticket"
    for control in $controls; do
        for here in file pipe command; do
            for there in file pipe command; do
                printf '[session push-%s-%s-%s]\nsource = %s\ndestination = sluice://127.0.0.1:%s\nstream = %s\ncongestion = %s\n' \
                    "$control" "$here" "$there" "$(own_source "$here")" "$port" "$there" "$control"
                printf '[session pull-%s-%s-%s]\nsource = sluice://127.0.0.1:%s/%s\ndestination = %s\nstream =\ncongestion = %s\n' \
                    "$control" "$here" "$there" "$port" "$there" "$(own_sink "$here")" "$control"
            done
        done
    done
} >"$room/client.ini"
wants 0 '' "$SLUICE" check "$room/client.ini"
grep -q 'stream = command' "$room/stdout" || fail "check does not show the stream of a session"

# Compares and removes what has arrived.
arrived() { # FILE WHAT
    cmp -s "$room/data" "$1" || fail "$2: what arrived differs ($(stat -c %s "$1" 2>&1))"
    rm -f "$1"
}
try_push() { # CONTROL HERE THERE
    local session=push-$1-$2-$3 reader=0
    if [ "$3" = pipe ]; then
        cat "$room/pipe-in" >"$room/pipe-arrived" &
        reader=$!
    fi
    wants 0 '' run "$room/client.ini" "$session" <"$room/data"
    [ "$reader" = 0 ] || wait "$reader"
    arrived "$room/$3-arrived" "$session"
}
try_pull() { # CONTROL HERE THERE
    local session=pull-$1-$2-$3 writer=0
    if [ "$3" = pipe ]; then
        cat "$room/data" >"$room/pipe-out" &
        writer=$!
    fi
    wants 0 '' run "$room/client.ini" "$session" </dev/null
    [ "$writer" = 0 ] || wait "$writer"
    case $2 in pipe) cp "$room/stdout" "$room/pipe-came" ;; esac
    arrived "$room/$2-came" "$session"
}
for control in $controls; do
    for here in file pipe command; do
        for there in file pipe command; do
            try_push "$control" "$here" "$there"
            try_pull "$control" "$here" "$there"
        done
    done
done
wants 0 '' run --json "$room/client.ini" push-fair-file-file
grep -q '"event":"done".*"congestion":"fair".*"name":"push-fair-file-file"' "$room/stdout" ||
    fail "the events of a stream do not name its session: $(tail -n 1 "$room/stdout")"
wants 1 'no stream called' run --set session.push-fair-file-file.stream=nosuch "$room/client.ini" push-fair-file-file
wants 2 'a stream goes from' run --set session.push-fair-file-file.destination="$room/x" "$room/client.ini" push-fair-file-file

# ---- files: none here; with a root both; what reloads change ----

wants 1 'streams, and no files' copy "$room/data" "$(url)"
more="[stream late]
source = zero:1k"
configure
wants 1 'no stream called late; it gives: file, pipe, command' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url late)"
reload
wants 0 '' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url late)"
[ "$(stat -c %s "$room/stdout")" = 1000 ] || fail "a stream of a reload gave $(stat -c %s "$room/stdout") bytes"
more="[stream late]
source = comand:ls"
configure
reload 'failed; the old'
log_has "error reload: $room/serve.ini:? ?\[stream late\]: comand:ls: no source plugin 'comand'"
wants 0 '' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url late)"
end_server TERM || fail "the server ended with $?"

# A server of files that gets its first stream, and loses its last one.
more=
printf '[serve]\n' >"$room/serve.ini"
wants 2 '--root DIR' "$SLUICE" serve --listen 127.0.0.1:0 --ticket-file "$room/ticket" --config "$room/serve.ini"
start_streams --root "$room/root"
wants 1 'files, and no streams' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url file)"
configure
reload
wants 0 '' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url file)"
arrived "$room/stdout" "a stream beside files"
wants 0 '' copy "$room/data" "$(url)"
cmp -s "$room/data" "$room/root/data" || fail "a file beside streams differs"
printf '[serve]\n' >"$room/serve.ini"
reload
wants 1 'files, and no streams' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url file)"
end_server TERM

# Streams alone need their sections: a reload without them is refused.
configure
start_streams
printf '[serve]\n' >"$room/serve.ini"
reload 'failed; the old'
log_has 'error reload: .*root'
end_server TERM

# send and recv --listen have the sections too; standard input is theirs where nothing else is said.
configure
start_listening() { # COMMAND OPTION...
    port=
    : >"$room/serve.log"
    "$SLUICE" "$@" --listen 127.0.0.1:0 --ticket-file "$room/ticket" --config "$room/serve.ini" <"$room/data" \
        >"$room/served" 2>"$room/serve.log" &
    server=$!
    has_port() { port=$(sed -n 's#.*sluice://[^ /]*:\([0-9][0-9]*\)/.*#\1#p' "$room/serve.log" | head -n 1); [ -n "$port" ]; }
    await 10 "the port of $*" has_port
}
start_listening send
wants 0 '' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url file)"
arrived "$room/stdout" "a section of send --listen"
wants 1 'no stream called other' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url other)"
end_server TERM
start_listening send --name other
wants 0 '' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url command)"
wants 0 '' timeout 20 "$SLUICE" recv "${admission[@]}" "$(url other)"
arrived "$room/stdout" "a stream beside the sections"

# ---- mistakes in the file ----

bad() { # PATTERN LINE...
    local pattern=$1
    shift
    printf '%s\n' "$@" >"$room/bad.ini"
    wants 3 "$pattern" "$SLUICE" check "$room/bad.ini"
}
bad 'source and sink are missing' '[stream x]'
bad "unknown key 'sourec'; did you mean 'source'" '[stream x]' 'sourec = a'
bad "no sink plugin 'comand'" '[stream x]' 'sink = comand:cat'
bad 'this machine' '[stream x]' 'source = sluice://elsewhere/y'
bad 'needs a name' '[stream]' 'source = a'
bad "unknown section 'strean x'; did you mean 'stream'" '[strean x]'
bad 'one source' '[session x]' 'stream = y' 'source = a' 'source = b' 'destination = sluice://h'
bad 'contradict' '[session x]' 'stream = y' 'file-list = a' 'destination = sluice://h'
finish
