#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `sluice shell` at a terminal: the prompt, history, completion, what jobs tell meanwhile, the live table, Ctrl-C, passwords.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
export SLUICE_PROGRAM=$SLUICE TERM=xterm XDG_STATE_HOME=$room/state LC_ALL=C.UTF-8 HOME=$room
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

# What completion has made is carried out: commands, options and their values, keys, jobs, paths with blanks.
play 0 "completion" <<EOT
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
type push --rat\t2m hug\t$(url)\n
await [2] push
type pol\t\t\t
await all
type 2 fi\t\n
type can\t2\t\n
await [2] cancelled
type forget d\t\n
type jobs\n
await no jobs
type quit\n
EOT
cmp -s small root/small || fail "small was not copied"

# Choices are shown, and the line stands as it was.
play 0 "choices" <<EOT
await sluice> 
type set resume \t
await attributes
await sparse
await sluice> 
type fu\t\n
type show\n
await resume           full
await sluice> 
type help r\t\t
await rate
await resume
await sluice> 
type ate\n
await Sets the target rate
await sluice> 
type \^D
EOT

# What jobs tell comes above the line that is being typed, which stays, though it is longer than the terminal is wide.
play 0 "an event amid a line" <<EOT
await sluice> 
columns 30
type set ticket-file $room/ticket\n
await sluice> 
type push --rate 10m small 'huge file' $(url)\n
await [1] push
type set cookie 0123456789012345678901234567890123456789
await [1] session with
await 6789
columns 40
type abc\n
type show\n
await cookie
await 0123456789012345678901234567890123456789abc
type rate 1 0\n
type jo
await [1] finished: 
await jo
type bs\n
await finished
type quit\n
EOT

# Ctrl-C clears the line; the history brings lines back, and does not keep those that begin with a blank.
play 0 "Ctrl-C" <<EOT
await sluice> 
type frobnicate it\^C
await ^C
type jobs\n
await no jobs
type  set cookie hidden\n
await sluice> 
type \e[A\e[A\e[B\n
await no jobs
type quit\n
EOT
grep -q frobnicate state/sluice/history && fail "a line that was cleared is in the history"
grep -q hidden state/sluice/history && fail "a line that began with a blank is in the history"
[ "$(stat -c %a state/sluice/history)" = 600 ] || fail "the history has mode $(stat -c %a state/sluice/history)"
[ "$(stat -c %a state/sluice)" = 700 ] || fail "its directory has mode $(stat -c %a state/sluice)"
play 0 "the history of the last shell" <<EOT
await sluice> 
type \e[A\e[A\n
await no jobs
await sluice> 
type \^D
EOT

# Editing: in the middle of a line, and letters of other alphabets.
play 0 "editing" <<EOT
await sluice> 
type obs\^Aj\n
await no jobs
type set cookie äöx\e[D\^H\^H\n
type show\n
await cookie           x
type set cookie ×ß\n
type show\n
await cookie           ×ß
await sluice> 
type \^D
EOT

# The terminal changes its size in mid-line, to much less and back.
play 0 "another size" <<EOT
await sluice> 
type set cookie 012345678901234567890123456789
await 6789
columns 20
await 56789
type a
await a
columns 100
await 56789a
type \e[D\e[D\e[D
columns 10
await a
type b\n
await sluice> 
columns 80
type show\n
await cookie           0123456789012345678901234567b89a
await sluice> 
type \^D
EOT

# The live table: drawn again and again, ended by a key, by Ctrl-C, and by the end of all jobs.  Waiting, and the question at the end.
rm -f 'root/huge file'
play 0 "watch" <<EOT
await sluice> 
type set ticket-file $room/ticket\n
type push --rate 4m 'huge file' $(url)\n
await [1] session
type watch 0.2\n
await JOB  STATE
await running
await JOB  STATE
await running
await JOB  STATE
type x
await sluice> 
type watch 0.2\n
await JOB  STATE
await JOB  STATE
type \^C
await sluice> 
type pause 1\n
await sluice> 
type resume 1\n
await sluice> 
# What is typed ahead is thrown away by Ctrl-C.
type wait\n
await wait\r\n
type \^C
await interrupted: 1 job still runs
type quit\n
await 1 job still runs. Cancel, and end? (y/n)
type n
await sluice> 
type \^D
await (y/n)
type \^C
await sluice> 
type rate 1 0\n
type watch 0.2\n
await finished
await sluice> 
type watch\n
await finished
await sluice> 
type \^D
EOT
cmp -s 'huge file' 'root/huge file' || fail "huge file was not copied"
grep -c 'running' shown | grep -qx 0 && fail "the table was never drawn"

rm -f 'root/huge file'
play 0 "the end while a job runs" <<EOT
await sluice> 
type set ticket-file $room/ticket\n
type push --rate 4m 'huge file' $(url)\n
await [1] session
await sluice> 
type \^D
await (y/n)
type y
await [1] cancelled
EOT
[ ! -e 'root/huge file' ] || fail "huge file is there though its job was cancelled"

# Stopped and continued; ended by signals.
play 130 "SIGTERM" <<EOT
await sluice> 
type set ticket-file $room/ticket\n
type push --rate 4m 'huge file' $(url)\n
await [1] session
signal STOP
signal CONT
type jobs\n
await running
type half a li
signal TERM
await [1] cancelled
EOT
play 130 "SIGHUP" <<EOT
await sluice> 
signal HUP
EOT

# A password is asked for, and neither shown nor kept.
cat >ssh <<'SSH'
#!/bin/sh
case " $* " in *" -G "*) exit 255 ;; esac
"$SSH_ASKPASS" "u@h's password:" >>"${0%/*}/asked" </dev/null
exit 255
SSH
chmod +x ssh
play 5 "a password" <<EOT
await sluice> 
type push --password --attempts 0 --ssh $room/ssh small u@h:x\n
await Password for u@h: 
type secrex\^Ht word\n
await [1] push
await [1] failed: 
type push --password small u@h:x\n
await Password for u@h: 
type \^C
await no password was given
type quit\n
EOT
[ "$(cat asked)" = 'secret word' ] || fail "ssh was told: $(cat asked)"
grep -q 'secre' shown && fail "the password was shown"
grep -rq 'secre' state && fail "the password was kept"

# JSON at a terminal: events are objects there, too.
play 0 "JSON" --json <<EOT
await sluice> 
type push --ticket-file $room/ticket small $(url json)\n
await {"command":"push","job":1,"status":"ok"}
await {"event":"session-stop","job":1,"state":"finished"
type quit\n
await {"command":"quit","status":"ok"}
EOT

# No terminal at one of both ends: no prompt.
echo jobs | timeout 20 "$SLUICE" shell >plain 2>&1
[ "$(cat plain)" = 'no jobs' ] || fail "from a pipe it says: $(cat plain)"
finish
