#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the user changes in a session that runs holds for all its lanes: rate, pause, policy.
. "${TOP_SRCDIR:?}/tests/system/managed.sh"
rate() { told rate_bps; }
slower() { local now; now=$(rate); [ -n "$now" ] && [ "$now" -gt 0 ] && [ "$now" -lt "$1" ]; } # BITS
progresses() { grep -c '"event":"progress"' "$room/events"; }
await_progress() { # COUNT
    local until=$(($(progresses) + $1))
    await 15 "more progress" eval '[ "$(progresses)" -ge '"$until"' ]'
}
still() { # true: nothing was moved between two reports
    local before
    await_progress 2
    before=$(moved)
    await_progress 2
    [ "$(moved)" = "$before" ]
}
mkdir "$room/root" "$room/back"
head -c 64000000 /dev/urandom >"$room/big"
cp "$room/big" "$room/root/source"
start_server "$room/root"

control() { # WHAT FROM TO ARRIVED
    local what=$1 at_pause
    start_manager
    begin_copy --lanes 3 --management "$at" --rate 40m --policy fixed "$2" "$3"
    await_moved 4000000
    wants_told lanes 3
    ask say RATE Rate=8000 MinRate=0 Adaptive=Fixed
    await 3 "the answer to RATE" said '^NOTIFICATION\|.*\|Rate: 8000\|' || messages | tail -n 3 >&2
    # Half more than it should be: what three lanes send that each take it for theirs is far beyond.
    await 6 "a lower rate ($what)" slower 12000000
    ask say RATE Rate=0 MinRate=0 Adaptive=Fixed
    await 3 "the pause" said '^NOTIFICATION\|.*\|Rate: 0\|'
    still || fail "$what: data goes on in a pause"
    at_pause=$(moved)
    ask say RATE Rate=24000 MinRate=0 Adaptive=Adaptive Priority=2
    await 3 "the end of the pause" said '^NOTIFICATION\|.*\|Rate: 24000\|'
    await 5 "data after the pause" eval '[ "$(moved)" -gt '"$((at_pause + 2000000))"' ]'
    ask say RATE Adaptive=Adaptive Priority=1
    await 3 "the policy high" said '^NOTIFICATION\|.*\|Adaptive: Adaptive\|Priority: 1'
    ask say RATE Rate=400000 MinRate=0 Adaptive=Fixed
    end_copy 0 "$what"
    wants_told lanes 3
    wait "$manager"
    cmp -s "$room/big" "$4" || fail "$what: it differs"
}
control "a push" "$room/big" "$(url)" "$room/root/big"
control "a pull" "$(url source)" "$room/back/" "$room/back/source"
finish
