#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sessions of an INI file compose every kind of source and sink with a server, both ways, under every congestion control
# that is installed.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

mkdir "$room/root"
start_server "$room/root"
shared=/sluice-compositions-$$
trap 'rm -f "/dev/shm$shared"; end_server KILL; rm -rf "$room"' EXIT
kinds="file stdin pipe command memory"
controls=$("$SLUICE" plugins congestion | sed -n 's#^congestion/\([^ ]*\).*#\1#p')
[ "$(echo "$controls" | wc -w)" -ge 2 ] || fail "the congestion controls are '$controls'"
mkfifo "$room/pipe"
head -c 1500000 /dev/urandom >"$room/data"
cp "$room/data" "/dev/shm$shared"

# What stands in the INI file for a kind: as a source, and as a destination.
source_of() {
    case $1 in
    file) echo "$room/data" ;;
    stdin) echo - ;;
    pipe) echo "stdio:$room/pipe" ;;
    command) echo "\"command:head -c 700000 '$room/data'; tail -c +700001 '$room/data'\"" ;;
    memory) echo "memory:$shared" ;;
    esac
}
sink_of() {
    case $1 in
    file) echo "$room/got" ;;
    stdin) echo - ;;
    pipe) echo "stdio:$room/pipe" ;;
    command) echo "\"command:cat >'$room/got'; exit 0\"" ;;
    memory) echo "memory:$shared" ;;
    esac
}

compose() { # CONTROL: prints the file
    local from to
    printf '[transfer]\nticket-file = %s\nrate = 800m\ncongestion = %s\nmkdir = yes\nreport =\noverwrite = always\n' \
        "$room/ticket" "$1"
    printf '[sink command]\ngrace = 1s\n'
    for from in $kinds; do
        printf '[session push-%s]\nsource = %s\ndestination = %s\n' "$from" "$(source_of "$from")" "$(url "$1/$from")"
        for to in $kinds; do
            printf '[session %s-%s]\nsource = %s\ndestination = %s\n' "$from" "$to" "$(url "$1/$from")" "$(sink_of "$to")"
        done
    done
}

run() { timeout 60 "$SLUICE" run "$room/$control.ini" "$@"; }

push() { # FROM
    [ "$1" = pipe ] && { cat "$room/data" >"$room/pipe" & }
    wants 0 '' run "push-$1" <"$room/data"
    cmp -s "$room/data" "$room/root/$control/$1" || fail "$control: $1 did not arrive at the server"
}

pull() { # FROM TO
    local got=$room/got
    rm -f "$room/got" "/dev/shm$shared"
    [ "$2" = pipe ] && { cat "$room/pipe" >"$room/got" & }
    wants 0 '' run "$1-$2"
    case $2 in
    stdin) got=$room/stdout ;;
    pipe) wait $! ;;
    memory) got=/dev/shm$shared ;;
    esac
    cmp -s "$room/data" "$got" || fail "$control: $1 from the server did not arrive as $2"
    [ -e "/dev/shm$shared" ] || cp "$room/data" "/dev/shm$shared"
}

for control in $controls; do
    compose "$control" >"$room/$control.ini"
    wants 0 '' "$SLUICE" check "$room/$control.ini"
    for from in $kinds; do push "$from"; done
    for from in $kinds; do
        for to in $kinds; do pull "$from" "$to"; done
    done
done

# Several in one run; one that fails does not keep the others.
control=${controls%%$'\n'*}
cat >>"$room/$control.ini" <<END
[session bad]
source = "command:echo some; exit 7"
destination = $(url bad)
END
wants 1 'bad: .*ended with status 7' run push-command bad command-command memory-file
cmp -s "$room/data" "$room/got" || fail "a session behind one that failed was not run"
[ ! -e "$room/root/bad" ] || fail "a command that failed left its file"
finish
