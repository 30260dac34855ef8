#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# doc/manager.md is true: its listings, taken from the page as they stand, are compiled against what is installed, and run
# against the installed server.  So are the examples of jobs.
. "$TOP_SRCDIR/tests/outoftree/stage.sh"
page=$TOP_SRCDIR/doc/manager.md
trap 'kill $(cat "$stage/server.pid" 2>/dev/null) 2>/dev/null; kill -KILL $(jobs -p) 2>/dev/null; chmod -R u+w "$stage"; rm -rf "$stage"' EXIT
export XDG_STATE_HOME="$stage/state"

# listing LANGUAGE: the page's listings in it, each C one into the file that its first line names.
listing() {
    awk -v language="$1" '/^```/ { inside = !inside && $0 == "```" language; next } inside' "$page"
}

# soon WHAT COMMAND...: it succeeds within a minute, which is for machines that are busy.
soon() {
    local what=$1
    shift
    for _ in $(seq 1200); do
        "$@" && return
        sleep 0.05
    done
    complain "$what: not within a minute"
    return 1
}

# expect STATUS PART COMMAND...: the exit status, and a part of what is said on either output.
expect() {
    local wanted=$1 part=$2 status
    shift 2
    timeout 60 "$@" >"$stage/said" 2>&1 </dev/null
    status=$?
    [ "$status" -eq "$wanted" ] || complain "'$*' ended with $status, not $wanted: $(cat "$stage/said")"
    [ -z "$part" ] || grep -qF -- "$part" "$stage/said" || complain "'$*' did not say '$part' but: $(cat "$stage/said")"
}
same() { diff -r "$1" "$2" >/dev/null || complain "$1 and $2 differ"; }

mkdir "$stage/page" "$stage/bin"
cd "$stage/page" || exit 99
listing c | awk '$1 == "/*" && $2 ~ /^[a-z_]+\.c$/ && $3 == "-" { file = $2 } { print > file }'
[ "$(grep -c '^```c$' "$page")" = "$(find . -name '*.c' | wc -l)" ] || complain "a listing of the page names no file"

printf '#!/bin/sh\nexec %s %s -Wall -Wextra -Werror "$@"\n' "${CC:-cc}" "$SANITIZER_CFLAGS" >"$stage/bin/cc"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$runner" >"$stage/bin/sluice"
printf '#!/bin/sh\nexec "%s" ascp "$@"\n' "$runner" >"$stage/bin/ascp"
chmod +x "$stage/bin/cc" "$stage/bin/sluice" "$stage/bin/ascp"
export PATH="$stage/bin:$PATH"

# ---- the worker that is found without being named ----

# It is the one below the prefix, which is not where this installation lies.
# shellcheck disable=SC2046
cc -std=c17 $(pkg-config --cflags sluice) -o first_push first_push.c $(pkg-config --libs sluice) || exit 1
unset SLUICE_PROGRAM
touch film.mov
if [ ! -e "${runner#"$stage/root"}" ]; then
    expect 3 "cannot start the worker ${runner#"$stage/root"}: No such file or directory - is it installed?" \
        ./first_push 127.0.0.1 1 film.mov
fi
export SLUICE_PROGRAM="$runner"

# ---- the page's commands, and its other listings ----

# As they stand, but for the port, and a server that is waited for.
port=33001
while (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((20000 + RANDOM % 12000))
done
listing sh | sed -e "s/33001/$port/" -e 's/^\(.*\) &$/\1 >server.log 2>\&1 \& echo $! >..\/server.pid/' \
    -e 's/^sleep 1$/for i in $(seq 1200); do grep -q "^sluice: serving" server.log \&\& break; sleep 0.05; done/' >commands.sh
grep -q '^./first_push' commands.sh || complain "the page does not run its first program"
timeout 120 sh -e commands.sh >commands.log 2>&1 || complain "the page's commands ended with $?: $(cat commands.log)"
for part in "30000000 bytes are there" "finished, 1 files"; do
    grep -qF "$part" commands.log || complain "the first program did not say '$part' but: $(cat commands.log)"
done
[ "$failures" -eq 0 ] || exit 1

mkdir pictures
for name in one.jpg two.jpg three.tmp; do
    head -c 300000 /dev/urandom >"pictures/$name"
done
ticket=$stage/state/sluice/ticket
mv first_push.c first_push.done
# shellcheck disable=SC2046
cc -std=c17 $(pkg-config --cflags sluice) -o page_of_jobs "$TOP_SRCDIR/tests/outoftree/page_of_jobs.c" ./*.c \
    $(pkg-config --libs sluice) || complain "the page's listings were not compiled"
timeout 240 ./page_of_jobs "$port" "$ticket" "$stage/bin/ascp" >page.log 2>&1 ||
    complain "the page's listings ended with $?: $(cat page.log)"
grep -qE '^job [0-9]+ running: [01] of 1 files, [0-9.]+ Mbit/s' page.log || complain "nothing was followed: $(cat page.log)"
for name in today/film.mov followed/film.mov looped.mov controlled.mov delivered/film.mov by_ascp/film.mov; do
    same film.mov "inbox/$name"
done
head -c 65536 film.mov | cmp - inbox/today/film.head || complain "the head of the film is another"
for name in one.jpg two.jpg; do
    same "pictures/$name" "inbox/today/album/summer/$name"
    same "pictures/$name" "inbox/delivered/$name"
done
[ ! -e inbox/today/album/summer/three.tmp ] || complain "what was excluded came all the same"
same pictures inbox/followed/pictures

# The table of numbers is that of the source.
codes=$TOP_SRCDIR/core/faspmgr/codes.h
again=$(sed -nE 's/^    X\(([0-9]+), [A-Z0-9_]+, 1, .*/\1/p' "$codes" | sort)
told=$( (sed -nE 's/^\| ([0-9]+) \|.*\| yes \|$/\1/p' "$page"
    sed -nE 's/.*these are tried again: (.*)\.$/\1/p' "$page" | sed 's/ and /, /' | tr -d ' ' | tr ',' '\n') | sort)
[ "$again" = "$told" ] || complain "the page has other numbers that are tried again: $(diff <(echo "$again") <(echo "$told"))"
while read -r number name statuses; do
    grep -qE "^    X\($number, $name, " "$codes" || complain "the page calls $number $name"
    for status in $statuses; do
        grep -qE "^    X\(${status#SLUICE}, $number\)" "$codes" && continue
        grep -qE "^    X\($number, $name, [01], ${status#SLUICE_}," "$codes" && continue
        grep -qE "^    X\(${status#SLUICE_}, $number\)" "$codes" || complain "the page gives $status the number $number"
    done
done < <(awk -F'|' '/^\| [1-9][0-9]* \| [A-Z]/ { gsub(/, _/, ", SLUICE_", $4); sub(/:.*/, "", $4); gsub(/,/, "", $4); print $2, $3, $4 }' "$page")

# ---- the examples ----

installed=$(find "$stage/root" -name job_push.c)
cp -r "${installed%/job_push.c}" "$stage/examples"
chmod -R u+w "$stage/examples"
cd "$stage/examples" || exit 99
for example in job_push job_pull job_list job_watch; do
    [ -e "$example.c" ] || complain "$example.c was not installed"
    MAKEFLAGS='' ${MAKE:-make} -s CC="${CC:-cc} $SANITIZER_CFLAGS" CFLAGS="-std=c17 -Wall -Wextra -Werror" "$example" || exit 1
done
address=127.0.0.1:$port inbox=$stage/page/inbox film=$stage/page/film.mov pictures=$stage/page/pictures
mkdir "$stage/back"

expect 0 "Mbit/s" ./job_push "$address" "$film" pushed.mov rate=120m
same "$film" "$inbox/pushed.mov"
expect 0 "finished: 3 files, 0 there already, 0 failed; 900000 bytes sent" ./job_push "[::ffff:127.0.0.1]:$port" "$pictures" pushed/ mkdir=yes
same "$pictures" "$inbox/pushed/pictures"
expect 0 "finished: 0 files, 3 there already" ./job_push "$address" "$pictures" pushed/
expect 1 "there is no such directory" ./job_push "$address" "$pictures" nowhere/
expect 1 "(ENOENT, ASCP 4)" ./job_push "$address" "$pictures/none.jpg" pushed/
expect 2 "unknown key 'rat'; did you mean 'rate'?" ./job_push "$address" "$film" pushed.mov rat=100m
expect 4 "(EAUTH, ASCP 19)" ./job_push "$address" "$film" pushed.mov ticket-file=/nonexistent
expect 2 "usage: " ./job_push "$address" "$film"

expect 0 "film.mov: 30000000 bytes, xxh3-128:" ./job_pull "$address" film.mov "$stage/back"
grep -q "^connected to $address, " "$stage/said" || complain "the pull did not say whereto: $(cat "$stage/said")"
same "$film" "$stage/back/film.mov"
expect 0 "finished: 3 files" ./job_pull "$address" pushed/pictures "$stage/back"
same "$pictures" "$stage/back/pictures"
expect 1 "none.mov: no such file or directory" ./job_pull "$address" none.mov "$stage/back"

printf '%s\n' "$film" films/first.mov "$pictures" stills "$pictures/one.jpg" one >pairs
expect 0 "done films/first.mov, 30000000 bytes" ./job_list push pairs "$address" pairs listed mkdir=yes
same "$film" "$inbox/listed/films/first.mov"
same "$pictures" "$inbox/listed/stills"
same "$pictures/one.jpg" "$inbox/listed/one"
printf '%s\n' listed/one none.jpg listed/stills >files
mkdir "$stage/back/listed"
expect 6 "failed none.jpg, 0 bytes: none.jpg: no such file" ./job_list pull files "$address" files "$stage/back/listed"
grep -q "^failed: 4 files, 0 there already, 1 failed" "$stage/said" || complain "the list did not count: $(cat "$stage/said")"
same "$pictures" "$stage/back/listed/stills"
echo "$film" >half
expect 2 "half:1: the last source has no destination" ./job_list push pairs "$address" half listed

# ---- a directory that is watched ----

mkdir "$stage/outbox"
echo early >"$stage/outbox/early"
echo hidden >"$stage/outbox/.hidden"
mkfifo commands
./job_watch "$address" "$stage/outbox" watched mkdir=yes rate=16m <commands >watched.log 2>&1 &
watcher=$!
exec 5>commands
said() { grep -qE -- "$1" watched.log; }
soon "what was there before" said '^file-stop early 6/6'
cp "$film" "$stage/outbox/film.mov"
soon "a file on its way" said '^progress film.mov [1-9][0-9]*/30000000'
echo pause >&5
soon "a pause" said '^rate paused,.* 16.0 Mbit/s'
echo "rate 400" >&5
echo resume >&5
soon "going on" said '^rate running,.* 400.0 Mbit/s'
soon "the end of a file" said '^file-stop film.mov 30000000/30000000'
echo "policy greedy" >&5
soon "no to a policy" said '^policy: invalid argument'
echo "drop $film" >&5
soon "no to a drop" said '^drop: no such file or directory'
cp "$pictures/one.jpg" "$stage/outbox/.one"
mv "$stage/outbox/.one" "$stage/outbox/one.jpg"
soon "a file that was renamed" said '^file-stop one.jpg 300000/300000'
echo later and longer >"$stage/outbox/early"
soon "a file that was written anew" said '^file-stop early 17/17'
echo "add $pictures/two.jpg" >&5
soon "a file from elsewhere" said '^file-stop two.jpg 300000/300000'
kill -0 "$watcher" || complain "the watcher has ended before its time"
echo end >&5
exec 5>&-
wait "$watcher" || complain "the watcher ended with $?: $(cat watched.log)"
said '^finished: 5 files, 0 there already, 0 failed' || complain "the watcher did not count: $(tail -n 3 watched.log)"
rm "$stage/outbox/.hidden"
cp "$pictures/two.jpg" "$stage/outbox"
same "$stage/outbox" "$inbox/watched"

# ---- what is kept of one that is killed ----

./job_push "$address" "$film" killed.mov rate=24m >killed.log &
pusher=$!
soon "a job under way" test -e "$inbox/.killed.mov.sluice-part"
sleep 3
{ kill -KILL "$pusher" && wait "$pusher"; } 2>/dev/null
[ ! -e "$inbox/killed.mov" ] || complain "a job was killed too late: this proves nothing"
expect 0 "finished: 1 files" ./job_push "$address" "$film" killed.mov
sent=$(sed -n 's/.* \([0-9]*\) bytes sent.*/\1/p' "$stage/said")
[ "${sent:-30000000}" -lt 29000000 ] || complain "all of it was sent again: $(cat "$stage/said")"
same "$film" "$inbox/killed.mov"

[ "$failures" -eq 0 ]
