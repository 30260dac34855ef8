#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Streams: standard input and output, named pipes, commands and memory, there and back; what fails at either end; what is
# ended in the middle; and bytes that trickle.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

mkdir "$room/root"
root=$room/root
start_server "$root" --json

sum() { sha256sum "$@" | cut -d' ' -f1; }
like() { [ "$(sum <"$1")" = "$(sum <"$2")" ] || fail "$3: $2 is not what $1 was"; } # WANTED GOT WHAT
# Nothing of that name came to be, not even in part.
unborn() { [ -z "$(find "$root" -name "*$1*")" ] || fail "$2 left $(cd "$root" && echo *"$1"* .*"$1"*)"; } # NAME WHAT

# The same through ssh: a program that does what sshd would.
cat >"$room/ssh" <<'END'
#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift 2
exec sh -c "$*"
END
chmod +x "$room/ssh"
by_ssh=(--ssh "$room/ssh" --remote-command "$SLUICE" --udp-host 127.0.0.1)

# ---- there and back, of every size that matters ----

mkfifo "$room/pipe"
shared=/sluice-test-$$
trap 'rm -f "/dev/shm$shared"; end_server KILL; [ "$copier" = 0 ] || kill -KILL "$copier" 2>/dev/null; rm -rf "$room"' EXIT
for size in 0 1 65536 1048575 1048576 1048577 3500001; do
    some=$room/some
    head -c $size /dev/urandom >"$some"
    cat "$some" | wants 0 '' copy - "$(url a)"
    like "$some" "$root/a" "$size bytes of a pipe"
    wants 0 '' copy - "$(url b)" <"$some"
    like "$some" "$root/b" "$size bytes of a file as standard input"
    cat "$some" >"$room/pipe" &
    wants 0 '' copy "stdio:$room/pipe" "$(url c)"
    like "$some" "$root/c" "$size bytes of a named pipe"
    wants 0 '' copy "command:cat '$some'" "$(url d)"
    like "$some" "$root/d" "$size bytes of a command"
    cp "$some" "/dev/shm$shared"
    wants 0 '' copy "memory:$shared" "$(url e)"
    like "$some" "$root/e" "$size bytes of memory"

    copy "$(url a)" - 2>"$room/stderr" | cat >"$room/got"
    like "$some" "$room/got" "$size bytes to a pipe"
    copy "$(url a)" - 2>"$room/stderr" >"$room/got"
    like "$some" "$room/got" "$size bytes to a file as standard output"
    cat "$room/pipe" >"$room/got" &
    wants 0 '' copy "$(url a)" "stdio:$room/pipe"
    wait $!
    like "$some" "$room/got" "$size bytes to a named pipe"
    wants 0 '' copy "$(url a)" "command:cat >'$room/got'"
    like "$some" "$room/got" "$size bytes to a command"
    rm "/dev/shm$shared"
    wants 0 '' copy "$(url a)" "memory:$shared"
    like "$some" "/dev/shm$shared" "$size bytes to memory"

    cat "$some" | wants 0 '' "$SLUICE" copy "${by_ssh[@]}" - "there:$room/by-ssh"
    like "$some" "$room/by-ssh" "$size bytes of a pipe through ssh"
    "$SLUICE" copy "${by_ssh[@]}" "there:$room/by-ssh" - 2>"$room/stderr" >"$room/got"
    like "$some" "$room/got" "$size bytes to standard output through ssh"
done

# Several hundred megabytes, through commands at both ends.
many() { seq 60000000 | head -c 400000000; }
wanted=$(many | sum)
many | wants 0 '' copy - "$(url many)"
[ "$(sum <"$root/many")" = "$wanted" ] || fail "400 MB from standard input did not arrive as they were"
[ "$(copy "$(url many)" - | sum)" = "$wanted" ] || fail "400 MB to standard output did not arrive as they were"
wants 0 '' copy "$(url many)" "command:sha256sum | cut -d' ' -f1"
[ "$(cat "$room/stdout")" = "$wanted" ] || fail "400 MB to a command did not arrive as they were"
rm "$root/many"

# Names where the destination is a directory; what stays, of memory and a file under `never`.
mkdir "$root/into"
echo text | wants 0 '' copy - "$(url into/)"
echo text | wants 0 '' copy --set source.stdio.name=given - "$(url into/)"
wants 0 '' copy 'command:echo text' "$(url into/)"
wants 0 '' copy "memory:$shared" "$(url into/)"
[ "$(cd "$root/into" && echo *)" = "command given ${shared#/} stdin" ] || fail "into/ has $(ls "$root/into")"
wants 0 '' copy --overwrite never "$(url into/stdin)" "memory:$shared"
like "$root/e" "/dev/shm$shared" "memory with --overwrite never"
exec 8<>"/dev/shm$shared"
wants 0 '' copy "$(url into/stdin)" memory:8
[ "$(cat "/dev/shm$shared")" = text ] || fail "memory:8 was not filled"
exec 8>&-

# What is told goes to stderr where the data goes to stdout.
head -c 3000000 /dev/urandom >"$root/three"
wants 0 '"event":"done".*"status":"ok"' copy --json "$(url three)" -
like "$root/three" "$room/stdout" "standard output with --json"
wants 0 '"event":"done".*"status":"ok"' copy --json "$(url three)" stdio:
like "$root/three" "$room/stdout" "stdio: with --json"
wants 0 'done: 1 file' copy --progress always "$(url three)" -
like "$root/three" "$room/stdout" "standard output with --progress always"

# ---- what fails ----

wants 1 "command 'echo some; exit 3': ended with status 3" copy 'command:echo some; exit 3' "$(url failed)"
unborn failed "a command that failed"
wants 1 'was ended by signal 9' copy 'command:head -c 5000000 /dev/zero; kill -9 $$' "$(url failed)"
unborn failed "a command that was killed"
wants 1 'ended with status 4, after all 3000000 bytes' copy "$(url three)" 'command:cat >/dev/null; exit 4'
wants 1 "'head -c 10 >/dev/null': ended with status 0 before it had read all" copy "$(url three)" 'command:head -c 10 >/dev/null'
wants 1 '' copy "$(url nosuch)" "command:cat >/dev/null; touch $room/nosuch"
[ ! -e "$room/nosuch" ] || fail "a command saw the end of a stream that failed"
copy "$(url three)" - 2>"$room/stderr" | head -c 10 >/dev/null
[ "${PIPESTATUS[0]}" = 1 ] && grep -q 'standard output: who read it has gone' "$room/stderr" ||
    fail "a reader that went: $(cat "$room/stderr")"
wants 1 'No space left' copy "$(url three)" stdio:/dev/full
wants 1 'into: is a directory, and standard output takes one file' copy "$(url into)" -
[ ! -s "$room/stdout" ] || fail "what lies in a directory came to standard output"
wants 2 'takes one file' copy "$(url three)" "$(url into/stdin)" -
wants 2 'copied alone' copy - "$room/some" "$(url into/)" </dev/null
wants 2 'says no command' copy command: "$(url x)"
wants 1 'no such file|No such file' copy "stdio:$room/nowhere" "$(url x)"
wants 1 'nowhere/at/all: cannot be opened' copy "$(url three)" "stdio:$room/nowhere/at/all"
wants 2 'memory:/name' copy memory:nothing "$(url x)"
wants 1 'closed' copy - "$(url x)" <&-
# What cannot be written there ends the copy, though its source here has not ended and says nothing.
exec 7<>"$room/pipe"
mkdir "$root/into/taken"
wants 1 'taken: a directory of that name is there' copy --set source.stdio.name=taken "stdio:$room/pipe" "$(url into/)"

# ---- what is ended in the middle ----

ended() { # SIGNAL WHAT: within two seconds
    END_TIMEOUT=2
    kill "-$1" "$copier"
    end_copy 130 "$2"
}
sleeping() { grep -lzs "^1234567\\.$$\$" /proc/[0-9]*/cmdline | grep -q .; }
gone() { ! sleeping; }
started() { grep -q '"event":"file-start"' "$room/events" || ! under_way; }

# A pipe that says nothing, and one that nobody has opened at the other end.
begin_copy "stdio:$room/pipe" "$(url idle)"
await 10 "the session" grep -q '"event":"scan"' "$room/events"
ended INT "a copy from an idle pipe"
unborn idle "an interrupted copy"
rm "$room/pipe"
exec 7>&-
mkfifo "$room/pipe"
begin_copy "stdio:$room/pipe" "$(url idle)"
await 10 "the session" grep -q '"event":"scan"' "$room/events"
ended TERM "a copy from a pipe without a writer"
begin_copy "$(url three)" "stdio:$room/pipe"
await 10 "the session" grep -q '"event":"scan"' "$room/events"
ended TERM "a copy to a pipe without a reader"
exec 7<>"$room/pipe"
begin_copy "$(url three)" "stdio:$room/pipe"
await 10 "the first bytes" started
ended INT "a copy to a pipe that nobody reads"
exec 7>&-

# Commands, and what they have started.
begin_copy "command:echo some; sleep 1234567.$$ | cat" "$(url idle)"
await 10 "the command" sleeping
await 10 "the first bytes" started
ended TERM "a copy from a command"
await 5 "the end of what the command has started" gone
unborn idle "an interrupted command"
begin_copy "$(url three)" "command:sleep 1234567.$$; touch $room/nosuch"
await 10 "the command" sleeping
ended INT "a copy to a command"
await 5 "the end of what the command has started" gone
begin_copy --set sink.command.grace=100ms "$(url three)" "command:trap '' TERM; sleep 1234567.$$; cat >$room/nosuch"
await 10 "the command" sleeping
ended TERM "a copy to a command that is deaf to SIGTERM"
await 5 "the end of the deaf command" gone
[ ! -e "$room/nosuch" ] || fail "a command that was ended went on"

# ---- bytes that trickle ----

there() { grep -q "\"event\":\"progress\".*\"moved_bytes\":$1," "$room/serve.log"; }
rm "$room/pipe"
mkfifo "$room/pipe"
: >"$room/serve.log"
begin_copy "stdio:$room/pipe" "$(url slow)"
exec 7>"$room/pipe"
printf 0123456789 >&7
await 5 "ten bytes at the other side" there 10
printf 01234567890123456789 >&7
await 5 "thirty bytes at the other side" there 30
exec 7>&-
end_copy 0 "a slow stream"
[ "$(cat "$root/slow")" = 012345678901234567890123456789 ] || fail "the slow stream arrived as '$(cat "$root/slow")'"

# To standard output what comes slowly comes soon, not only once a megabyte is full.
begin_copy --rate 2m "$(url three)" "stdio:$room/pipe"
exec 7<"$room/pipe"
[ "$(head -c 20000 <&7 | sum)" = "$(head -c 20000 "$root/three" | sum)" ] || fail "the first bytes of a slow pull differ"
under_way || fail "a slow pull was over before its first bytes had come"
cat <&7 >/dev/null &
ended INT "a slow pull"
exec 7<&-

# ---- a server that was restarted cannot go on with what cannot be read again ----

exec 7<>"$room/pipe"
printf begun >&7
begin_copy "stdio:$room/pipe" "$(url anew)"
await 10 "the first bytes" started
end_server KILL
find "$root" -name '*anew*' -delete
start_server "$root"
END_TIMEOUT=30
end_copy 1 "a stream whose server was restarted"
wants_said 'the source cannot begin anew'
unborn anew "a stream whose server was restarted"
exec 7>&-

# But a command is run anew.
begin_copy --rate 8m "command:echo run >>'$room/runs'; cat '$root/three'" "$(url again)"
await_moved 100000
end_server KILL
start_server "$root"
END_TIMEOUT=30
end_copy 0 "a command whose server was restarted"
like "$root/three" "$root/again" "what a command gave the second time"
[ "$(wc -l <"$room/runs")" = 2 ] || fail "the command was run $(wc -l <"$room/runs") times"
finish
