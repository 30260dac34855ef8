# SPDX-License-Identifier: Apache-2.0
# Sourced by the system tests: a room of their own, a server, and checks that say what they expected.
set -u
: "${SLUICE:?}"
room=$(mktemp -d "${TMPDIR:-/tmp}/sluice-test.XXXXXX")
server=0
failures=0
trap 'end_server KILL; chmod -R u+rwx "$room" 2>/dev/null; rm -rf "$room"' EXIT

end_server() { # SIGNAL
    [ "$server" = 0 ] && return 0
    kill "-$1" "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    local status=$?
    server=0
    return $status
}

# Starts `sluice serve` on a free port and waits for its ticket and port; further options as given.
start_server() { # ROOT OPTION...
    local root=$1 tries
    shift
    : >"$room/serve.log"
    "$SLUICE" serve --listen "127.0.0.1:${port:-0}" --root "$root" --ticket-file "$room/ticket" "$@" \
        >"$room/serve.log" 2>&1 &
    server=$!
    for tries in $(seq 200); do
        port=$(sed -n 's#.*sluice://[^ /]*:\([0-9][0-9]*\)/.*#\1#p' "$room/serve.log" | head -n 1)
        [ -n "$port" ] && return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    echo "the server did not start:" >&2
    cat "$room/serve.log" >&2
    exit 1
}

url() { printf 'sluice://127.0.0.1:%s/%s' "$port" "${1:-}"; }

copy() { timeout "${COPY_TIMEOUT:-60}" "$SLUICE" copy --progress never --ticket-file "$room/ticket" "$@"; }

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# Runs a command and wants this exit status, and stderr to match a pattern (extended, may be empty).
wants() { # STATUS PATTERN COMMAND...
    local status=$1 pattern=$2 got
    shift 2
    "$@" >"$room/stdout" 2>"$room/stderr"
    got=$?
    if [ "$got" != "$status" ]; then
        fail "$* ended with $got, not $status: $(tail -n 3 "$room/stderr")"
    elif [ -n "$pattern" ] && ! grep -Eq -- "$pattern" "$room/stderr"; then
        fail "$* said '$(tail -n 3 "$room/stderr")', nothing like '$pattern'"
    fi
}

same() { # TREE TREE: contents, links, modes and times
    if ! diff -r --no-dereference "$1" "$2" >"$room/diff" 2>&1; then
        fail "$1 and $2 differ: $(head -n 3 "$room/diff")"
    elif ! diff <(listing "$1") <(listing "$2") >"$room/diff"; then
        fail "modes or times of $1 and $2 differ: $(head -n 5 "$room/diff")"
    fi
}

listing() { (cd "$1" && find . -mindepth 1 \( -type l -printf '%P %y %l\0' -o -printf '%P %y %m %T@\0' \) | sort -z | tr '\0\n' '\n?'); }

finish() {
    [ "$failures" = 0 ] || exit 1
    exit 0
}
