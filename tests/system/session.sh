# SPDX-License-Identifier: Apache-2.0
# Sourced by the system tests: a room of their own, a server, and checks that say what they expected.
set -u
: "${SLUICE:?}"
room=$(mktemp -d "${TMPDIR:-/tmp}/sluice-test.XXXXXX")
server=0
copier=0
failures=0
# Where both run, and where the server listens: a test may say otherwise.
host=127.0.0.1
at_server=()
at_client=()
# What lets the client in.
admission=(--ticket-file "$room/ticket")
trap 'end_server KILL; [ "$copier" = 0 ] || kill -KILL "$copier" 2>/dev/null; chmod -R u+rwx "$room" 2>/dev/null; rm -rf "$room"' EXIT

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
    "${at_server[@]}" "$SLUICE" serve --listen "${listen:-$host}:${port:-0}" --root "$root" --ticket-file "$room/ticket" "$@" \
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

url() { printf 'sluice://%s:%s/%s' "$host" "$port" "${1:-}"; }

copy() { timeout "${COPY_TIMEOUT:-60}" "${at_client[@]}" "$SLUICE" copy --progress never "${admission[@]}" "$@"; }

# Starts a copy that is to be disturbed; its events come into $room/events, what it says into $room/said.
begin_copy() { # COPY ARGUMENT...
    : >"$room/events"
    "${at_client[@]}" env --default-signal=INT "$SLUICE" copy --json --progress never "${admission[@]}" "$@" \
        >"$room/events" 2>"$room/said" &
    copier=$!
}

# Bytes that it says have been moved; the number of another key of its last line; whether it still runs.
moved() { sed -n 's/.*"moved_bytes":\([0-9]*\).*/\1/p' "$room/events" | tail -n 1; }
told() { sed -n "s/.*\"$1\":\(\"[^\"]*\"\|[-0-9.]*\).*/\1/p" "$room/events" | tail -n 1 | tr -d '"'; } # KEY
under_way() { kill -0 "$copier" 2>/dev/null; }

# Waits until a command succeeds; false, and said, if it does not within so many seconds.
await() { # SECONDS WHAT COMMAND...
    local tries=$(($1 * 20)) what=$2
    shift 2
    until "$@"; do
        if [ $((tries -= 1)) -le 0 ]; then
            fail "waited in vain for $what"
            return 1
        fi
        sleep 0.05
    done
}

has_moved() { [ "$(moved)" -ge "$1" ] 2>/dev/null || ! under_way; } # BYTES

# Waits until a copy under way has moved so much.
await_moved() { # BYTES
    if ! await "${MOVE_TIMEOUT:-60}" "$1 bytes" has_moved "$1"; then
        echo "$(moved) bytes were moved; it said: $(tail -n 3 "$room/said")" >&2
        return 1
    fi
    under_way && return 0
    fail "the copy ended before $1 bytes were moved: $(tail -n 3 "$room/said")"
    return 1
}

has_ended() { ! under_way; }

# Waits for the end of a copy and wants this exit status; one that does not end is ended.
end_copy() { # STATUS WHAT
    local got
    if ! await "${END_TIMEOUT:-60}" "the end of $2" has_ended; then
        echo "$(moved) bytes were moved; it said: $(tail -n 3 "$room/said")" >&2
        kill -KILL "$copier"
    fi
    wait "$copier"
    got=$?
    copier=0
    [ "$got" = "$1" ] || fail "$2 ended with $got, not $1: $(tail -n 3 "$room/said")"
    return 0
}

# Wants an event or a line on stderr of the last copy that was begun to match an extended pattern.
wants_said() { # PATTERN
    grep -Eqi -- "$1" "$room/said" || grep -Eqi '"event":"(warning|error|done)".*"message":"[^"]*('"$1"')' "$room/events" ||
        fail "nothing like '$1' was said, but '$(tail -n 3 "$room/said")'"
}

wants_told() { # KEY VALUE
    [ "$(told "$1")" = "$2" ] || fail "$1 is '$(told "$1")', not '$2'"
}

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
