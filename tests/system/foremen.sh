# SPDX-License-Identifier: Apache-2.0
# Sourced by tests of jobs: one job at a time, by a foreman, who says its events and does what he is asked to.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
tool=${TOP_BUILDDIR:?}/tests/system/foreman
foreman=0
trap 'end_foreman; end_server KILL; rm -rf "$room"' EXIT
export SLUICE_PROGRAM=$SLUICE

end_foreman() {
    exec 7>&-
    [ "$foreman" = 0 ] || kill -KILL "$foreman" 2>/dev/null
    foreman=0
}

# Begins a job; its events come into $room/events, and `ask` makes it do something.
begin_job() { # FOREMAN ARGUMENT...
    end_foreman
    rm -f "$room/asks"
    mkfifo "$room/asks"
    : >"$room/events"
    : >"$room/said"
    "${at_client[@]}" "$tool" "$1" "$host" "$port" "$room/ticket" "${@:2}" <"$room/asks" >"$room/events" 2>"$room/said" &
    foreman=$!
    exec 7>"$room/asks"
}
ask() { echo "$*" >&7; }
has_told() { grep -Eq -- "$1" "$room/events"; } # PATTERN
await_told() { await 60 "'$1': $(tail -n 3 "$room/events" "$room/said")" has_told "$1"; } # PATTERN
job_runs() { kill -0 "$foreman" 2>/dev/null; }
job_over() { ! job_runs; }
last() { tail -n 1 "$room/events"; }
figure() { last | sed -n "s/.* $1=\([^ ]*\).*/\1/p"; } # KEY
wants_figure() { [ "$(figure "$1")" = "$2" ] || fail "$3: $1 is $(figure "$1"), not $2: $(last)"; } # KEY VALUE WHAT
end_job() { # STATUS WHAT
    await 60 "the end of $2" job_over || kill -KILL "$foreman"
    wait "$foreman"
    local got=$?
    foreman=0
    exec 7>&-
    [ "$got" = "$1" ] || fail "$2 ended with $got, not $1: $(last) $(cat "$room/said")"
}
worker_gone() { ! kill -0 "$worker" 2>/dev/null; }
