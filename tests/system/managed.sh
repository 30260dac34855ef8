# SPDX-License-Identifier: Apache-2.0
# Sourced by tests that are a manager's: one that writes down what it is told, and says what it is asked to.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
tool=${TOP_BUILDDIR:?}/tests/system/manager
manager=0
trap 'end_manager; end_server KILL; [ "$copier" = 0 ] || kill -KILL "$copier" 2>/dev/null; rm -rf "$room"' EXIT

end_manager() {
    exec 7>&-
    [ "$manager" = 0 ] || kill "$manager" 2>/dev/null
    manager=0
}

# Starts a manager; its port comes into $at, what it is told into $room/told, and `ask` makes it say something.
start_manager() { # [DELAY_MS]
    end_manager
    rm -f "$room/asks" "$room/at"
    mkfifo "$room/asks"
    : >"$room/at"
    "$tool" "$room/told" "${1:-0}" <"$room/asks" >"$room/at" 2>"$room/manager.log" &
    manager=$!
    exec 7>"$room/asks"
    await 5 "a manager" test -s "$room/at"
    at=$(cat "$room/at")
}
ask() { echo "$*" >&7; }

# Messages, one a line: "Type|Key: Value|...".
messages() { awk 'BEGIN { RS = ""; FS = "\n" } { line = $2; sub(/^Type: /, "", line); for (i = 3; i <= NF; i++) line = line "|" $i; print line }' "$room/told"; }
value() { sed -n "s/.*|$1: \([^|]*\).*/\1/p" | tail -n 1; } # KEY
said() { messages | grep -qE -- "$1"; } # PATTERN
last() { messages | tail -n 1; }
# Waits for the copy and gives its exit status.
outcome() { wait "$copier"; local status=$?; copier=0; return $status; }
wants_outcome() { # STATUS WHAT
    outcome
    local status=$?
    [ "$status" = "$1" ] || fail "$2: the copy ended with $status, not $1: $(tail -n 3 "$room/said")"
}
