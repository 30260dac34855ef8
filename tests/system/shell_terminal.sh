#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `sluice shell` at a terminal: the prompt, history, completion, what jobs tell meanwhile, the live table, Ctrl-C, passwords.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
export SLUICE_PROGRAM=$SLUICE TERM=xterm XDG_STATE_HOME=$room/state LC_ALL=C.UTF-8
typist=$TOP_BUILDDIR/tests/system/typist
cd "$room" || exit 99
mkdir root
head -c 1000 /dev/urandom >small
head -c 30000000 /dev/urandom >'huge file'
start_server root

# Plays a scene from standard input; what is shown lies in shown.
play() { # STATUS WHAT [OPTION...]
    local status=$1 what=$2 got
    shift 2
    timeout 120 "$typist" shown "$SLUICE" shell "$@" 2>said
    got=$?
    [ "$got" = "$status" ] || fail "$what ended with $got, not $status: $(cat said; tail -c 2000 shown | cat -v)"
}

# Completion of commands, options, values and paths; what it has completed is carried out.
play 0 "a first job" <<EOT
await sluice> 
type jo\t\n
await no jobs
type set ticket-f\t$room/tick\t\n
await sluice> 
type sh\t\n
await $room/ticket
type push --poli\tfa\tsma\t$(url)\n
await [1] push
await [1] finished: 1 file
type pau\t\n
await too few arguments; write: pause JOB|all
type forget d\t\n
type jobs\n
await no jobs
EOT
