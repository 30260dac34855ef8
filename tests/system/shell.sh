#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `sluice shell` by scripts: several jobs at once, what is changed of them, answers as JSON, failures and their status.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
export SLUICE_PROGRAM=$SLUICE
cd "$room" || exit 99

mkdir -p root/into root/listed root/paired root/later back/below tree
head -c 3000000 /dev/urandom >big
head -c 2000000 /dev/urandom >second
head -c 1000 /dev/urandom >small
head -c 700000 /dev/urandom >tree/one
printf 'x' >tree/$'new\nline'
printf 'y' >tree/$'\xff\e[31m'
printf 'z' >'two words'
start_server root

# Runs commands, one an argument, with options before "--".
run_shell() { # [OPTION...] -- COMMAND...
    local options=()
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    { printf 'set ticket-file %s\n' "$room/ticket"; [ $# = 0 ] || printf '%s\n' "$@"; } |
        timeout 60 "$SLUICE" shell "${options[@]}"
}

# Every line on stdout of the last command is an object; the answers alone come into answers.
wants_json() {
    grep '^{"command":' stdout >answers
    grep -vE '^\{"(command|event)":.*\}$' stdout && fail "lines that are no objects"
    command -v python3 >/dev/null || return 0
    python3 -c 'import json,sys; [json.loads(line) for line in sys.stdin.buffer]' <stdout || fail "not JSON: $(cat stdout)"
}

# ---- several at once ----

wants 0 '' run_shell -- \
    "push --rate 40m big $(url)   # slow enough to run beside the others" \
    "push --rate 40m \\" "    second $(url)" \
    "push 'tree' \"two words\" $(url into/)" \
    'jobs' 'wait'
cmp -s big root/big || fail "big differs"
cmp -s second root/second || fail "second differs"
same tree root/into/tree
cmp -s 'two words' 'root/into/two words' || fail "two words differ"
[ "$(grep -c '^\[[1-3]\] finished: ' stdout)" = 3 ] || fail "not three jobs have finished: $(cat stdout)"
grep -Eq '^   3  (submitted|connecting|running|finished)  *push' stdout || fail "jobs does not list the third: $(cat stdout)"
# All three had begun when the first one ended.
sed '/finished/,$d' stdout | grep -c '^\[[1-3]\] push' | grep -qx 3 || fail "they did not run at once: $(cat stdout)"

# The same as JSON, and back; without a wait, the end of the script waits.
wants 0 '' run_shell --json -- "pull $(url big) $(url into/tree) back" "pull $(url second) back/other" 'wait last' 'files 1'
wants_json
cmp -s big back/big || fail "big differs after the way back"
cmp -s second back/other || fail "second differs after the way back"
same tree back/tree
[ "$(sed -n 1p answers)" = '{"command":"set","status":"ok"}' ] || fail "set was answered by $(sed -n 1p answers)"
[ "$(sed -n 2p answers)" = '{"command":"pull","job":1,"status":"ok"}' ] || fail "pull was answered by $(sed -n 2p answers)"
grep -q '^{"command":"wait","jobs":\[{"job":2,"state":"finished","direction":"pull",.*"files":1,.*"total_bytes":2000000,' answers ||
    fail "wait was answered by $(grep wait answers)"
for event in connecting session-start file-start file-stop session-stop; do
    grep -q "^{\"event\":\"$event\",.*\"job\":1" stdout || fail "no event $event of job 1"
done
wants 0 '' run_shell --json -- "push tree $(url again)" 'wait' 'files'
wants_json
grep -q '"path":"tree/new\\u000aline","state":"done","bytes":1,' answers || fail "files were answered by $(tail -n 1 answers)"
if command -v python3 >/dev/null; then
    python3 -c '
import base64, json, sys
answer = [json.loads(line) for line in sys.stdin.buffer][-1]
names = {base64.b64decode(f["path_base64"]) for f in answer["jobs"][0]["list"] if "path_base64" in f}
sys.exit(names != {b"tree/\xff\x1b[31m"})' <answers || fail "path_base64 is wrong: $(tail -n 1 answers)"
else
    grep -q '"path_base64":"dHJlZS//G1szMW0="' answers || fail "path_base64 is wrong: $(tail -n 1 answers)"
fi
wants 0 '' run_shell -- "push tree $(url once-more)" 'wait' 'files'
grep -q '\\xff\\x1b\[31m' stdout || fail "a name is not escaped: $(cat stdout)"
grep -q $'\e' stdout && fail "a name has reached the terminal as it is"

# Lists, and defaults.
printf '%s\n' "$room/small" "$room/two words" >list
printf '%s\n' "$room/small" a/b/c "$room/big" d >pairs
wants 0 '' run_shell -- "push --file-list list $(url listed/)" "push --pair-list $room/pairs --rate 0 $(url paired/)" 'wait'
cmp -s small root/listed/small || fail "--file-list left small out"
cmp -s small root/paired/a/b/c || fail "--pair-list did not put small at a/b/c"
printf '%s\n' a/b/c d >below
wants 0 '' run_shell -- "set file-list below" "pull $(url paired) back/below/" 'wait'
cmp -s big back/below/d && cmp -s small back/below/a/b/c || fail "a list below an address was not fetched"

# Ways in: -c, a file, the end of a line as DOS has it.
wants 0 '' timeout 60 "$SLUICE" shell -c "push --ticket-file '$room/ticket' small $(url by-c)" --command wait
cmp -s small root/by-c || fail "-c did nothing"
printf 'push --ticket-file %s/ticket small %s\r\nwait last --timeout 1min\r\n' "$room" "$(url by-file)" >script
wants 0 '' timeout 60 "$SLUICE" shell script
cmp -s small root/by-file || fail "a file of commands did nothing"
wants 0 '' timeout 60 "$SLUICE" shell --quiet script
[ ! -s stdout ] || fail "--quiet says: $(cat stdout)"

# ---- what is changed while they run: a dialogue ----

coproc shell { exec timeout 120 "$SLUICE" shell --json 2>said; }
shell_pid=$shell_PID
exec {out}<&"${shell[0]}" {in}>&"${shell[1]}"
eval "exec ${shell[0]}<&- ${shell[1]}>&-"

# The answer to a command; events before it are passed over.
ask() { # COMMAND
    local line
    printf '%s\n' "$1" >&"$in"
    while IFS= read -r -t 60 line <&"$out"; do
        case $line in '{"command"'*) answer=$line; return 0 ;; esac
    done
    fail "no answer to $1: $(cat said)"
    answer=
    return 1
}
of_answer() { sed -n "s/.*\"$1\":\(\"[^\"]*\"\|[-0-9.]*\).*/\1/p" <<<"$answer" | tr -d '"'; } # KEY
succeeds() { ask "$1" && [ "$(of_answer status)" = ok ] || fail "$1 was answered by $answer"; }
is_told() { ask "stats $1" && [ "$(of_answer "$2")" = "$3" ]; } # JOB KEY VALUE
has_present() { ask "stats $1" && [ "$(of_answer present_bytes)" -gt "$2" ]; } # JOB BYTES

succeeds "set ticket-file $room/ticket"
head -c 30000000 /dev/urandom >huge
succeeds "push --rate 8m huge $(url)"
await 30 "the first bytes" has_present 1 0
succeeds 'pause 1'
await 30 "the pause" is_told 1 state paused
# What was in flight is told with the figures of the next second.
sleep 1.5
ask 'stats 1'
before=$(of_answer present_bytes)
sleep 1.5
ask 'stats 1'
[ "$(of_answer present_bytes)" = "$before" ] || fail "paused, and $(of_answer present_bytes) bytes are there, not $before"
succeeds 'resume 1'
await 30 "what follows the pause" has_present 1 "$before"
succeeds 'minrate 1 1m'
await 30 "the minimum" is_told 1 minimum_bps 1000000
succeeds 'policy 1 fixed'
await 30 "the policy" is_told 1 policy fixed
succeeds 'rate 1 200m'
await 30 "the rate" is_told 1 target_bps 200000000
ask 'wait 1 --timeout 30'
[ "$(of_answer status)" = ok ] || fail "wait was answered by $answer"
cmp -s huge root/huge || fail "huge differs"
ask 'rate 1 5m'
[ "$(of_answer message)" = "job 1 is over, or takes no more" ] || fail "a rate of what is over: $answer"

# Cancelled, and the same order again.
rm root/huge
succeeds "push --rate 8m huge $(url)"
await 30 "the first bytes" has_present 2 100000
ask 'wait 2 --timeout 0.1'
[ "$(of_answer exit)" = 1 ] && [[ $(of_answer message) == *"not over in time" ]] || fail "wait was answered by $answer"
ask 'forget 2'
[ "$(of_answer status)" = failed ] || fail "a job that runs was forgotten"
succeeds 'cancel 2'
succeeds 'wait 2 --timeout 30'
is_told 2 state cancelled || fail "it was not cancelled: $answer"
[ ! -e root/huge ] || fail "huge is there though it was cancelled"
succeeds "push huge $(url)"
succeeds 'wait last --timeout 30'
cmp -s huge root/huge || fail "huge differs when it was taken up again"

# Sources that come later, and parts of files.
succeeds "push --persistent $(url later/)"
succeeds 'add 4 small'
succeeds 'add 4 small renamed'
succeeds 'add 4 big 1000:5000'
succeeds 'add 4 big tail 2999k:'
has_files() { ask "stats 4" && [ "$(of_answer files)" = "$1" ]; }
await 30 "four files" has_files 4
succeeds 'nomore 4'
succeeds 'wait 4 --timeout 30'
cmp -s small root/later/small && cmp -s small root/later/renamed || fail "what was added differs"
cmp -s <(tail -c +1001 big | head -c 4000) root/later/big || fail "a part differs"
cmp -s <(tail -c 1000 big) root/later/tail || fail "the tail differs"
ask 'add 4 small more'
[ "$(of_answer status)" = failed ] || fail "what is over takes more: $answer"
succeeds 'forget done'
[[ $answer == *'"jobs":[1,2,3,4]'* ]] || fail "forget done was answered by $answer"
ask 'jobs'
[ "$answer" = '{"command":"jobs","jobs":[],"status":"ok"}' ] || fail "forgotten jobs are listed: $answer"
exec {in}>&- {out}<&-
wait "$shell_pid"
# The first failure of the dialogue was a rate of a job that was over.
[ $? = 1 ] || fail "the dialogue ended with another status than its first failure"

# ---- failures ----

wants 2 'sluice: standard input:3: unknown command .raet.; did you mean rate' run_shell -- "push small $(url a)" 'raet 1 5m' 'wait'
cmp -s small root/a || fail "a failed command ended the script"
wants 2 'standard input:3: .*quote' run_shell --stop-on-error -- "push --rate 1m huge $(url b)" "jobs 'open" "push small $(url c)"
[ ! -e root/b ] && [ ! -e root/c ] || fail "--stop-on-error went on"
wants 1 'not-there' run_shell -- "push not-there $(url d)"
wants 6 'not-there' run_shell -- "push not-there small $(url into/)"
wants 6 'has failed' run_shell --stop-on-error -- "push not-there small $(url into/)" 'wait' "push small $(url e)"
[ ! -e root/e ] || fail "--stop-on-error went on after a job had failed"
wants 4 '' run_shell -- "push --attempts 0 --ticket-file $room/none small $(url f)"
wants 5 'refused' run_shell -- "push --attempts 0 small sluice://127.0.0.1:1/"
wants 0 '' run_shell -- "push --rate 1m huge $(url g)" 'cancel last' 'wait'
wants 1 'nowhere.*No such file' timeout 20 "$SLUICE" shell nowhere
wants 2 'one file at most' timeout 20 "$SLUICE" shell a b
wants 2 '--jsno' timeout 20 "$SLUICE" shell --jsno
wants 2 '' run_shell -- 'push small'
wants 3 'raet' timeout 20 "$SLUICE" shell --set transfer.raet=5 -c jobs
wants 0 '' run_shell -- "push --rate 1m huge $(url h)" 'quit!' 'jobs'
grep -q '^\[1\] cancelled' stdout || fail "quit! did not cancel: $(cat stdout)"

# The end of a script waits for what is paused, and for what is persistent, too.
wants 0 '' run_shell -- "push small $(url paused)" 'pause 1' "push --persistent $(url later/)" 'add 2 big end'
cmp -s small root/paused && cmp -s big root/later/end || fail "the end of a script did not wait"

# A signal: what runs is cancelled, and no worker stays.
mkfifo pipe
env --default-signal=INT "$SLUICE" shell --json <pipe >told 2>said &
shell_pid=$!
exec {in}>pipe
printf 'set ticket-file %s\npush --rate 1m huge %s\n' "$room/ticket" "$(url interrupted)" >&"$in"
await 30 "a session" grep -q '"event":"session-start"' told
worker=$(sed -n 's/^{"event":"session-start".*"worker":\([0-9]*\).*/\1/p' told)
kill -0 "$worker" || fail "no worker runs by the number $worker"
kill -INT "$shell_pid"
has_gone() { ! kill -0 "$shell_pid" 2>/dev/null; }
await 20 "the end after SIGINT" has_gone
wait "$shell_pid"
[ $? = 130 ] || fail "SIGINT ended it with another status than 130"
exec {in}>&-
kill -0 "$worker" 2>/dev/null && fail "its worker stays"

# A password goes to ssh, and nowhere else.
cat >ssh <<'SSH'
#!/bin/sh
case " $* " in *" -G "*) exit 255 ;; esac
"$SSH_ASKPASS" "u@h's password:" >>"${0%/*}/asked" </dev/null
env | grep -c '^SLUICE_PASSWORD=' >>"${0%/*}/asked"
exit 255
SSH
chmod +x ssh
wants 5 'ssh' env SLUICE_PASSWORD='s p"cret' timeout 60 "$SLUICE" shell -c "push --password --attempts 0 --ssh $room/ssh small u@h:x"
[ "$(head -n 2 asked 2>/dev/null)" = 's p"cret'$'\n0' ] || fail "ssh was told: $(cat asked 2>&1)"
finish
