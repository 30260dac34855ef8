#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `sluice ascp`, and the program under the name ascp: through ssh against real sshds, and to a server whose ticket is the
# token; the shapes of old scripts, what is said at the end, and exit statuses.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"
. "$TOP_SRCDIR/tests/system/sshd.sh"

needs openssl
network
ssh_room
mkdir -p "$room/there" "$room/back" "$room/tree/sub/deeper"
head -c 3000000 /dev/urandom >"$room/big"
head -c 30000 /dev/urandom >"$room/small"
cp "$room/small" "$room/tree/small"
echo kept >"$room/tree/sub/kept.txt"
echo left >"$room/tree/sub/left.o"
echo deep >"$room/tree/sub/deeper/file"
ln -s ../small "$room/tree/sub/link"
touch -d '2001-02-03 04:05:06' "$room/tree/small"
cd "$room/back" || exit 99

ascp() { timeout 60 "${at_client[@]}" "$SLUICE" ascp "$@"; }
same_file() { cmp -s "$1" "$2" || fail "$3: $1 and $2 differ"; }
# The last line of standard output, as scripts take it apart.
completed() { # K FILES
    tail -n 1 "$room/stdout" | grep -Eq "^Completed: $1K bytes transferred in [0-9]+ seconds \([0-9]+K bits/sec\), in $2\.\$" ||
        fail "no line for $1K and $2: $(tail -n 1 "$room/stdout")"
}
silent() { [ ! -s "$room/stdout" ] || fail "$1 printed $(head -n 1 "$room/stdout")"; }
# What is there afterwards, with the destination empty before.
lands() { # FILE COMMAND...: pushes the small file
    local where=$1
    shift
    rm -rf "${room:?}/there"
    mkdir "$room/there"
    wants 0 '' ascp "$@"
    same_file "$room/small" "$where" "$*"
}

# ---- wrong usage, and what is told without a transfer ----

wants 1 'a source and a destination' ascp
wants 1 '--no-such-option: unknown option' ascp --no-such-option a near:b
wants 1 '-z: unknown option' ascp -qz a near:b
wants 1 '-l: a value is missing' ascp a near:b -l
wants 1 'both sides are here' ascp "$room/small" "$room/there/x"
grep -q '^Session Stop  (Error: .*both sides are here' "$room/stderr" || fail "no Session Stop: $(cat "$room/stderr")"
silent "a session that failed"
wants 1 'stdio-tar' ascp 'stdio-tar://?1' near:x
wants 1 'set old files aside' ascp --save-before-overwrite "$room/small" near:x
wants 0 '' ascp -A
grep -Eq ' version [0-9.]+' "$room/stdout" || fail "-A: no version in $(cat "$room/stdout")"
wants 0 '' ascp -DDL- -A
wants 0 '' ascp --help
grep -q -- '--file-pair-list FILE' "$room/stdout" || fail "--help does not tell of --file-pair-list"
# Under the name ascp: what libtool leaves in the build tree is a script that starts the program by another name.
called_ascp() {
    local program=$SLUICE libraries=$TOP_BUILDDIR/core/.libs
    [ ! -x "$libraries/sluice" ] || program=$libraries/sluice
    LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} bash -c 'exec -a /usr/bin/ascp "$0" "$@"' "$program" "$@"
}
wants 1 'a source and a destination' called_ascp
wants 0 '' called_ascp -A
grep -q ' version ' "$room/stdout" || fail "called ascp, -A printed $(cat "$room/stdout")"

# ---- through ssh ----

lands "$room/there/x" -QT -l 300m -P2222 -i "$keys/id" "$room/small" "root@10.80.2.2:$room/there/x"
completed 30 '1 file'
grep -q 'always encrypted' "$room/stderr" || fail "-T was not warned of"
lands "$room/there/x" -q -l300m "$room/small" "near:$room/there/x"
silent "-q"
[ ! -s "$room/stderr" ] || fail "-q said $(head -n 3 "$room/stderr")"
lands "$room/there/small" -q "$room/small" "near:$room/there"
lands "$room/there/new/er/small" -dq "$room/small" "near:$room/there/new/er"
wants 1 'there/not/there' ascp -q "$room/small" "near:$room/there/not/there/x"
wants 0 '' ascp -q -l 1g "near:$room/there/new/er/small" .
same_file "$room/small" "$room/back/small" "a pull"
wants 0 '' ascp -q --mode=recv --host=10.80.2.2 --user root "$room/there/new/er/small" "$room/back/other"
same_file "$room/small" "$room/back/other" "a pull with --mode recv"
wants 1 'no-such-file' ascp -q near:no-such-file "$room/back/"
wants 1 '' ascp -q "$room/small" nobody-listens:x
wants 1 '' ascp -q "$room/small" stranger:x
[ "$(grep -c '^Session Stop  (Error: ' "$room/stderr")" = 1 ] || fail "a stranger: $(cat "$room/stderr")"

# A tree: links are followed, times are kept on demand, patterns leave things out.
rm -rf "$room/there/t"
wants 0 '' ascp -p -d -l 1g "$room/tree" "near:$room/there/t"
completed 59 '5 files'
same_file "$room/small" "$room/there/t/tree/sub/link" "a link that is followed"
[ ! -L "$room/there/t/tree/sub/link" ] || fail "a link was copied, not followed"
[ "$(stat -c %Y "$room/there/t/tree/small")" = "$(stat -c %Y "$room/tree/small")" ] || fail "-p did not keep the time"
rm -rf "$room/there/t"
wants 0 '' ascp -q --symbolic-links=copy -d -N kept.txt -E '*.o' -E deeper "$room/tree" "near:$room/there/t"
[ -L "$room/there/t/tree/sub/link" ] || fail "--symbolic-links=copy did not copy the link"
[ -e "$room/there/t/tree/sub/kept.txt" ] || fail "-N left something out"
[ ! -e "$room/there/t/tree/sub/left.o" ] && [ ! -e "$room/there/t/tree/sub/deeper" ] || fail "-E left nothing out"
[ "$(stat -c %Y "$room/there/t/tree/small")" != "$(stat -c %Y "$room/tree/small")" ] || fail "times are kept without -p"

# What is complete is not sent again.
wants 0 '' ascp -d -k 1 -l 1g "$room/tree" "near:$room/there/again"
wants 0 '' ascp -d -k 1 -l 1g "$room/tree" "near:$room/there/again"
completed 0 '0 files'

# Overwriting.
echo old >"$room/there/o"
wants 0 '' ascp -q --overwrite=never "$room/small" "near:$room/there/o"
[ "$(cat "$room/there/o")" = old ] || fail "--overwrite=never overwrote"
wants 0 '' ascp -q --overwrite=always "$room/small" "near:$room/there/o"
same_file "$room/small" "$room/there/o" "--overwrite=always"

# An interrupted copy goes on with -k 2, and is begun anew without.
"${at_client[@]}" env --default-signal=INT "$SLUICE" ascp -k 2 -l 8m --policy fixed "$room/big" "near:$room/there/resumed" \
    >"$room/stdout" 2>"$room/stderr" &
copier=$!
partly() { [ "$(find "$room/there" -name '*resumed*' -size +800k | wc -l)" -gt 0 ] || ! kill -0 "$copier" 2>/dev/null; }
await 20 "a part of a file" partly
kill -INT "$copier"
wait "$copier"
got=$?
copier=0
[ "$got" = 1 ] || fail "an interrupted ascp ended with $got, not 1"
grep -q '^Session Stop  (Error: ' "$room/stderr" || fail "interrupted without Session Stop: $(cat "$room/stderr")"
wants 0 '' ascp -q -k 2 -l 300m -L "$room" "$room/big" "near:$room/there/resumed"
same_file "$room/big" "$room/there/resumed" "-k 2"
log=$room/aspera-scp-transfer.log
grep -Eq 'LOG FASP Transfer Stop file=\S+ size=3000000 start_byte=[1-9]' "$log" || fail "nothing was resumed: $(cat "$log")"
for line in 'Session Start op=send' 'Session Params targetrate=300000000' 'Transfer Start' 'Session Statistics' 'Session Stop op=send status=success'; do
    grep -q "LOG FASP $line" "$log" || fail "the log has no '$line': $(cat "$log")"
done
wants 0 'LOG FASP Session Stop' ascp -q -L- "$room/small" "near:$room/there/x"

# Lists.
printf '%s\n' "$room/small" '' "$room/big" >"$room/list"
rm -rf "$room/there/l"
wants 0 '' ascp -l 1g -d --mode send --host near --file-list="$room/list" "$room/there/l"
completed 2959 '2 files'
same_file "$room/big" "$room/there/l/big" "--file-list"
wants 0 '' ascp -q -d -l 1g --mode=recv --host=near --file-list "$room/list" "$room/back/l"
same_file "$room/small" "$room/back/l/small" "--file-list, fetched"
printf '%s\n' "$room/small" a/one "$room/tree/sub/kept.txt" /b >"$room/list"
wants 0 '' ascp -q -d --mode=send --host=near --file-pair-list="$room/list" "$room/there/p"
same_file "$room/small" "$room/there/p/a/one" "--file-pair-list"
same_file "$room/tree/sub/kept.txt" "$room/there/p/b" "--file-pair-list"
wants 0 '' ascp -q -d --mode=recv --host=near --file-pair-list="$room/list" "$room/back/p"
same_file "$room/small" "$room/back/p/a/one" "--file-pair-list, fetched"
printf '%s\n' "$room/small" >"$room/list"
wants 1 'no destination' ascp -q --mode=send --host=near --file-pair-list="$room/list" "$room/there/p"
wants 1 'no-such-list' ascp -q --mode=send --host=near --file-list=no-such-list "$room/there/p"
wants 0 '' ascp -q -d --src-base="$room/tree" "$room/tree/sub/deeper/file" "near:$room/there/s"
[ "$(cat "$room/there/s/sub/deeper/file")" = deep ] || fail "--src-base did not keep directories"
wants 0 '' ascp -q -d --source-prefix="$room" small "near:$room/there/f"
same_file "$room/small" "$room/there/f/small" "--source-prefix"

# One of several processes for one job.
wants 0 '-C 2:2' ascp -C2:2 "$room/small" "near:$room/there/never"
[ ! -e "$room/there/never" ] || fail "the second of two processes moved something"
wants 1 'only the first process' ascp -C 2:2 -M 4000 "$room/small" "near:$room/there/never"
lands "$room/there/x" -q -C 1:2 "$room/small" "near:$room/there/x"

# What is no file.
wants 0 '' ascp -q 'faux:///zeroes?64k' "near:$room/there/"
[ "$(stat -c %s "$room/there/zeroes")" = 65536 ] || fail "faux:///zeroes?64k is not 64 KiB"
wants 0 '' ascp -l 1g "near:$room/there/zeroes" faux://
completed 64 '1 file'
echo piped | wants 0 '' ascp -q stdio:///piped "near:$room/there/"
[ "$(cat "$room/there/piped")" = piped ] || fail "stdio:///piped"
mkfifo "$room/pipe"
cat "$room/small" >"$room/pipe" &
wants 0 '' ascp -q "stdio://$room/pipe" "near:$room/there/by-pipe"
same_file "$room/small" "$room/there/by-pipe" "a named pipe"
cat "$room/pipe" >"$room/back/by-pipe" &
reader=$!
wants 0 '' ascp -q "near:$room/there/by-pipe" "stdio://$room/pipe"
wait "$reader"
same_file "$room/small" "$room/back/by-pipe" "into a named pipe"
# Exactly so much of standard input: what is behind stays there, and too little is nothing.
printf '0123456789rest' | { wants 0 '' ascp -q 'stdio:///ten?10' "near:$room/there/"; cat >"$room/rest"; }
[ "$(cat "$room/there/ten")" = 0123456789 ] || fail "stdio:///ten?10 got $(cat "$room/there/ten")"
[ "$(cat "$room/rest")" = rest ] || fail "behind ten bytes '$(cat "$room/rest")' was left"
wants 0 '' ascp -q -l 1g 'stdio:///all?3000000' "near:$room/there/" <"$room/big"
same_file "$room/big" "$room/there/all" "stdio:///all?3000000"
wants 1 'ended after 30000 of 30001 bytes' ascp -q 'stdio:///lacking?30001' "near:$room/there/" <"$room/small"
[ ! -e "$room/there/lacking" ] || fail "an input that was too short has got its name"
wants 0 '^Completed: 1K' ascp "near:$room/there/piped" stdio://
[ "$(cat "$room/stdout")" = piped ] || fail "stdio:// got $(cat "$room/stdout")"

# Several files in one stream: behind heads, as ascp has them, and out again; and in a tar.
rm -rf "$room/there/h"
wants 0 '' ascp -q -d -l 1g stdio-tar:// "near:$room/there/h" < <(
    printf 'File: one\nSize: 30000\n\n'; cat "$room/small"; printf 'File: sub/two\nSize: 3000000\n\n'; cat "$room/big")
same_file "$room/small" "$room/there/h/one" "the first of several files"
same_file "$room/big" "$room/there/h/sub/two" "the second of several files"
wants 0 '^Completed: 2959K bytes .* in 2 files' ascp -l 1g "near:$room/there/h/one" "near:$room/there/h/sub/two" stdio-tar://
cmp -s "$room/stdout" <(printf '\nFile: one\0\nSize: 30000\n\n'; cat "$room/small"; printf '\nFile: two\0\nSize: 3000000\n\n'; cat "$room/big") ||
    fail "stdio-tar:// is not as ascp has it: $(head -c 60 "$room/stdout" | od -c | head -n 4)"
if ! ldd "$TOP_BUILDDIR/plugins/.libs/source_tar.so" 2>/dev/null | grep -q libarchive; then
    echo "not tested: tars, without libarchive" >&2
else
    (cd "$room" && tar --format=pax -cf tree.tar tree)
    wants 0 '' ascp -q -p -d -l 1g stdio-tar:// "near:$room/there/h" <"$room/tree.tar"
    same "$room/tree" "$room/there/h/tree"
fi

# Receipts.
receipts() { find "$room/there" -maxdepth 1 -name 'aspera-transfer-*'; }
lands "$room/there/x" -q --file-manifest=text --file-manifest-path="$room/there" --file-manifest-inprogress-suffix .s \
    --file-checksum=sha-256 "$room/small" "near:$room/there/x"
[[ $(receipts) =~ /aspera-transfer-[0-9a-f]{32}-manifest.txt$ ]] || fail "the receipt is called $(receipts)"
grep -q $'^file\tdone\t30000\tsha-256:[0-9a-f]\{64\}\tsmall$' "$(receipts)" ||
    fail "a receipt: $(cat "$(receipts)")"
wants 1 'receipt cannot be written' ascp -q --file-manifest=text --file-manifest-path=/no/such "$room/small" "near:$room/there/x"

# What is no file, directory or link counts as failed, unless it is to be left out.
mkdir -p "$room/special/sub"
mkfifo "$room/special/pipe"
echo file >"$room/special/sub/file"
wants 1 'is a named pipe' ascp -q -d "$room/special" "near:$room/there"
rm -rf "$room/there/special"
wants 0 '' ascp -q -d --skip-special-files "$room/special" "near:$room/there"
[ -e "$room/there/special/sub/file" ] && [ ! -e "$room/there/special/pipe" ] || fail "--skip-special-files: $(find "$room/there/special")"
[ ! -s "$room/stderr" ] || fail "--skip-special-files said $(cat "$room/stderr")"

# Sources that go when they have arrived: what is done goes; what fails, was changed, is a link, or was left out stays.
sources() { (cd "$room/going" 2>/dev/null && find . -mindepth 1 | sort | xargs); }
make_sources() {
    rm -rf "${room:?}/going" "${room:?}/there" "${room:?}/archive"
    mkdir -p "$room/there" "$room/going/sub/deeper" "$room/going/empty" "$room/archive"
    cp "$room/small" "$room/going/a"
    cp "$room/small" "$room/going/sub/deeper/b"
    echo left >"$room/going/sub/c.o"
    ln -s ../small "$room/going/link"
}
make_sources
wants 0 '' ascp -q -d -l 1g --remove-after-transfer "$room/going" "near:$room/there"
[ "$(sources)" = "./empty ./link ./sub ./sub/deeper" ] || fail "--remove-after-transfer left $(sources)"
same_file "$room/small" "$room/there/going/sub/deeper/b" "what was removed"
make_sources
wants 0 '' ascp -q -d -l 1g --remove-after-transfer --remove-empty-directories -E '*.o' "$room/going" "near:$room/there"
[ "$(sources)" = "./empty ./link ./sub ./sub/c.o" ] || fail "--remove-empty-directories with -E left $(sources)"
make_sources
rm "$room/going/link"
wants 0 '' ascp -q -d -l 1g --remove-after-transfer --remove-empty-directories "$room/going/" "near:$room/there"
[ -d "$room/going" ] && [ -z "$(sources)" ] || fail "--remove-empty-directories left $(sources)"
make_sources
rm "$room/going/link"
wants 0 '' ascp -q -d -l 1g --remove-after-transfer --remove-empty-directories --remove-empty-source-directory "$room/going" "near:$room/there"
[ ! -e "$room/going" ] || fail "--remove-empty-source-directory left $(sources)"
# Without its own option a source that is a directory stays.
make_sources
rm -rf "$room/going/link" "$room/going/sub"
wants 0 '' ascp -q -d -l 1g --remove-after-transfer --remove-empty-source-directory "$room/going" "near:$room/there"
[ "$(sources)" = "./empty" ] || fail "--remove-empty-source-directory alone left $(sources)"
# Skipped: only when it is asked for, and only where it is the same file that is there.
make_sources
wants 0 '' ascp -q -p -d -l 1g "$room/going" "near:$room/there"
wants 0 '' ascp -q -p -d -l 1g --remove-after-transfer "$room/going" "near:$room/there"
[ -e "$room/going/a" ] || fail "a skipped file was removed unasked"
wants 0 'so what was skipped stays' ascp -q -p -d -l 1g --overwrite=never --remove-after-transfer --remove-skipped "$room/going" "near:$room/there"
[ -e "$room/going/a" ] || fail "with --overwrite=never a skipped file was removed"
wants 0 '' ascp -q -p -d -l 1g --remove-after-transfer --remove-skipped "$room/going" "near:$room/there"
[ "$(sources)" = "./empty ./link ./sub ./sub/deeper" ] || fail "--remove-skipped left $(sources)"
# What fails stays, while others go.
make_sources
mkdir -p "$room/there/going/a"
wants 1 '' ascp -q -d -l 1g --remove-after-transfer "$room/going" "near:$room/there"
[ "$(sources)" = "./a ./empty ./link ./sub ./sub/deeper" ] || fail "beside a file that failed $(sources) is left"
# Changed while the transfer runs, after it was read: it stays, and that is said.
make_sources
head -c 4000000 /dev/urandom >"$room/going/slow"
"${at_client[@]}" "$SLUICE" ascp -q -d -l 20m --remove-after-transfer "$room/going" "near:$room/there" >"$room/stdout" 2>"$room/stderr" &
copier=$!
await 20 "the first file" test -e "$room/there/going/a"
touch "$room/going/a"
wait "$copier" || fail "a copy whose source was touched ended with $?: $(cat "$room/stderr")"
copier=0
[ -e "$room/going/a" ] && [ ! -e "$room/going/slow" ] || fail "of a touched file and others $(sources) is left"
grep -q 'going/a: stays where it is: it was changed' "$room/stderr" || fail "no word of a file that was changed: $(cat "$room/stderr")"
# One that is interrupted removes nothing.
make_sources
head -c 4000000 /dev/urandom >"$room/going/slow"
"${at_client[@]}" env --default-signal=INT "$SLUICE" ascp -q -d -l 8m --remove-after-transfer "$room/going" "near:$room/there" \
    >"$room/stdout" 2>"$room/stderr" &
copier=$!
await 20 "the first file" test -e "$room/there/going/a"
kill -INT "$copier"
wait "$copier"
copier=0
[ -e "$room/going/a" ] && grep -q 'all sources stay' "$room/stderr" || fail "interrupted, $(sources) is left: $(cat "$room/stderr")"
# Moved away, under the name that it has below its source; what lies there is not replaced.
make_sources
mkdir -p "$room/archive/going/sub"
echo mine >"$room/archive/going/sub/c.o"
wants 0 'c.o: stays where it is: File exists' ascp -q -d -l 1g --move-after-transfer="$room/archive" "$room/going" "near:$room/there"
[ "$(sources)" = "./empty ./link ./sub ./sub/c.o ./sub/deeper" ] || fail "--move-after-transfer left $(sources)"
same_file "$room/small" "$room/archive/going/sub/deeper/b" "--move-after-transfer"
[ "$(cat "$room/archive/going/sub/c.o")" = mine ] || fail "--move-after-transfer replaced something"
# By a list of pairs; two sources that become one file stay.
make_sources
printf '%s\n' "$room/going/a" x/one "$room/going/sub/c.o" y >"$room/list"
wants 0 '' ascp -q -d --remove-after-transfer --mode=send --host=near --file-pair-list="$room/list" "$room/there"
[ "$(sources)" = "./empty ./link ./sub ./sub/deeper ./sub/deeper/b" ] || fail "pairs: $(sources) is left"
make_sources
cp "$room/small" "$room/going/sub/a"
wants 1 '' ascp -q -d --remove-after-transfer "$room/going/a" "$room/going/sub/a" "near:$room/there"
[ -e "$room/going/a" ] && [ -e "$room/going/sub/a" ] || fail "one of two of a name was removed"
# Of a part nothing goes, nor what is no file.
make_sources
wants 0 'a part of them is sent' ascp -q -@ 0:99 --remove-after-transfer "$room/going/a" "near:$room/there/part"
[ -e "$room/going/a" ] || fail "a file of which a part was sent was removed"
wants 0 'they are no files' ascp -q --remove-after-transfer 'faux:///zeroes?1k' "near:$room/there/"
# On the other machine nothing goes.
wants 0 'sources stay where they are: they lie on the other machine' ascp -q -l 1g --remove-after-transfer "near:$room/small" "$room/back/stays"
[ -e "$room/small" ] || fail "a source on the other machine was removed"

# Options that have no effect here are said and gone on with; tokens of others too.
lands "$room/there/x" -q --policy=low "$room/small" "near:$room/there/x"
grep -q 'policy' "$room/stderr" && fail "the policy low was warned of: $(cat "$room/stderr")"
lands "$room/there/x" -q -Z 1400 -G 1m -j 0 -y 1 -t 443 "$room/small" "near:$room/there/x"
grep -q 'warning: -G' "$room/stderr" || fail "-G was not warned of"
wants 0 'no ticket of sluice' ascp -q -W ATV7_token "$room/small" "near:$room/there/x"

# As a well-known client calls it, and what it is told then.
mkfifo "$room/asks"
"${at_client[@]}" "$TOP_BUILDDIR/tests/system/manager" "$room/told" <"$room/asks" >"$room/at" 2>"$room/manager.log" &
exec 7>"$room/asks"
await 5 "a manager" test -s "$room/at"
lands "$room/there/z/small" -M "$(cat "$room/at")" -u job-7 -q -c aes128 -d --mode send -O 33001 --policy fair \
    --host 10.80.2.2 --user root -k 2 -P 2222 -l 100000 -m 0 --dest64 --file-list=<(echo "$room/small") \
    "$(printf %s "$room/there/z" | base64 -w 0)"
await 5 "the last word to the manager" grep -q '^Type: DONE' "$room/told"
exec 7>&-
[ "$(sed -n 's/^Type: //p' "$room/told" | head -n 2 | xargs)" = "INIT SESSION" ] || fail "the manager was told $(cat "$room/told")"
grep -q '^UserStr: job-7$' "$room/told" || fail "the manager was not told whose the session is: $(cat "$room/told")"
# A manager that is not there.
wants 1 'anage' ascp -q -M "$(cat "$room/at")" -P 2222 "$room/small" "root@10.80.2.2:$room/there/z"

# ---- keys and passwords ----

mv "$home/.ssh/config" "$keys/config"
anyhow=(--ignore-host-key -P 2222)
wants 1 'Permission denied|permission denied' ascp -q "${anyhow[@]}" "$room/small" "root@10.80.2.2:$room/there/k"
wants 1 '' ascp -q "${anyhow[@]}" -i "$keys/stranger" "$room/small" "root@10.80.2.2:$room/there/k"
lands "$room/there/k" -q "${anyhow[@]}" -i "$keys/stranger" -i "$keys/id" "$room/small" "root@10.80.2.2:$room/there/k"
quoted="$room/a 'key' of \"mine\""
cp "$keys/id" "$quoted"
lands "$room/there/k" -q "${anyhow[@]}" -i "$quoted" "$room/small" "root@10.80.2.2:$room/there/k"
ASPERA_SCP_KEY=$(cat "$keys/id") lands "$room/there/k" -q "${anyhow[@]}" "$room/small" "root@10.80.2.2:$room/there/k"
ssh-keygen -q -p -P '' -N 'of the key' -f "$quoted"
ASPERA_SCP_PASS='of the key' lands "$room/there/k" -q "${anyhow[@]}" -i "$quoted" "$room/small" "root@10.80.2.2:$room/there/k"
ASPERA_SCP_PASS=wrong wants 1 '' ascp -q "${anyhow[@]}" -i "$quoted" "$room/small" "root@10.80.2.2:$room/there/k"

# The host's key pinned, in each form; known_hosts has no say then, and neither has a connection that stands already.
key_digest() { cut -d ' ' -f 2 "$keys/$1.pub" | base64 -d | "$2" | cut -d ' ' -f 1; } # KEY PROGRAM
pinned() { ascp -q -P 2222 -i "$keys/id" --check-sshfp "$@" "$room/small" "root@10.80.2.2:$room/there/pinned"; }
fingerprint=$(ssh-keygen -lf "$keys/host.pub" | cut -d ' ' -f 2)
for pin in "$(key_digest host sha1sum)" "$(key_digest host sha256sum | sed 's/../&:/g;s/:$//')" \
    "$(key_digest host md5sum | tr a-f A-F)" "$fingerprint"; do
    rm -f "$room/there/pinned"
    wants 0 '' pinned "$pin"
    same_file "$room/small" "$room/there/pinned" "the pin $pin"
done
rm -f "$room/there/pinned"
stranger=$(ssh-keygen -lf "$keys/stranger.pub" | cut -d ' ' -f 2)
cp "$keys/known" "$home/.ssh/known_hosts"
for pin in "$(key_digest stranger sha1sum)" "$(key_digest stranger sha256sum)" "$stranger"; do
    wants 1 'ost key verification failed' pinned "$pin"
    wants 1 'ost key verification failed' pinned "$pin" --ignore-host-key
done
cp "$keys/mistaken" "$home/.ssh/known_hosts"
wants 0 '' pinned "$fingerprint"
wants 1 'no fingerprint' pinned 'SHA256:$(touch /tmp/x)'
rm "$home/.ssh/known_hosts"

# A second sshd, which takes passwords.
{ grep -v '^root:' /etc/shadow; echo "root:$(openssl passwd -6 'pass "word'):19000:0:99999:7:::"; } >"$keys/shadow.new"
cat "$keys/shadow.new" >"$keys/shadow"
sed -e 's/^Port .*/Port 2223/' -e 's/^PasswordAuthentication .*/PasswordAuthentication yes/' -e 's/^PermitRootLogin .*/PermitRootLogin yes/' \
    "$keys/sshd_config.server" >"$keys/sshd_config.password"
"${at_server[@]}" "$(command -v sshd)" -D -e -f "$keys/sshd_config.password" 2>"$keys/log.password" &
await 10 "an sshd that takes passwords" grep -qs "Server listening" "$keys/log.password"
asked=(-q --ignore-host-key -P 2223 "$room/small" "root@10.80.2.2:$room/there/w")
ASPERA_SCP_PASS='pass "word' lands "$room/there/w" "${asked[@]}"
ASPERA_SCP_PASS=wrong wants 1 '' ascp "${asked[@]}"
# It stands in no argument list while the session runs.
ASPERA_SCP_PASS='pass "word' "${at_client[@]}" "$SLUICE" ascp -q --ignore-host-key -P 2223 -l 8m "$room/big" \
    "root@10.80.2.2:$room/there/slow" >"$room/stdout" 2>"$room/stderr" &
copier=$!
await 10 "ssh" child_of "$copier" ssh >"$room/child"
[ -z "$(processes 'pass "word')" ] || fail "the password stands in an argument list"
wait "$copier" || fail "a slow copy with a password failed: $(cat "$room/stderr")"
copier=0
same_file "$room/big" "$room/there/slow" "a slow copy with a password"
mv "$keys/config" "$home/.ssh/config"

# ---- to a server, by its ticket ----

mkdir "$room/root"
listen=10.80.2.2 start_server "$room/root"
ASPERA_SCP_TOKEN=$(cat "$room/ticket")
export ASPERA_SCP_TOKEN
wants 0 '' ascp -d -l 300m -P "$port" "$room/small" 10.80.2.2:/in
completed 30 '1 file'
same_file "$room/small" "$room/root/in/small" "a push to a server"
wants 0 '' ascp -q -d --mode=recv --host=10.80.2.2 -O 33001 -P"$port" /in "$room/back/from"
same_file "$room/small" "$room/back/from/in/small" "a pull from a server"
printf '%s\n' "$room/small" 'a b%20/c:d' >"$room/list"
wants 0 '' ascp -q --mode=send --host=10.80.2.2 -P"$port" --file-pair-list="$room/list" /
same_file "$room/small" "$room/root/a b%20/c:d" "a strange name on a server"
wants 0 '' ascp -q --mode=recv --host=10.80.2.2 -P"$port" '/a b%20/c:d' "$room/back/cd"
same_file "$room/small" "$room/back/cd" "a strange name from a server"
unset ASPERA_SCP_TOKEN
wants 0 '' ascp -q -W "@$room/ticket" -P "$port" "$room/small" 10.80.2.2:/by-file
same_file "$room/small" "$room/root/by-file" "a token of a file"
wants 1 '' ascp -q -W sluice1:AAAA -P "$port" "$room/small" 10.80.2.2:/never
wants 1 'no-such-token' ascp -q -W @no-such-token -P "$port" "$room/small" 10.80.2.2:/never
wants 1 '' ascp -q -W "@$room/ticket" -P "$port" "$room/small" 10.80.2.2:/no/such/place
# Some files fail: all others are there, and the status is 1.
wants 1 '' ascp -q -d -l 1g -W "@$room/ticket" -P "$port" "$room/small" "$room/no-such-source" 10.80.2.2:/some
same_file "$room/small" "$room/root/some/small" "what did not fail"

finish
