#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Source and sink `tar`: trees there and back as tars and behind heads, names of any bytes, what a tar may hold that cannot
# be sent, streams that end early, and what stands in a stream that was broken off.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

command -v tar >/dev/null || { echo "skipped: there is no tar here" >&2; exit 77; }
mkdir -p "$room/root" "$room/back" "$room/t/sub/deeper" "$room/t/empty directory"
head -c 3500001 /dev/urandom >"$room/t/large"
head -c 1048576 /dev/urandom >"$room/t/sub/just small"
head -c 1048577 /dev/urandom >"$room/t/sub/just large"
head -c 100 /dev/urandom >"$room/t/sub/deeper/small"
: >"$room/t/empty"
printf 'x' >"$room/t/"$'raw \xff\xfe\nline'
printf 'y' >"$room/t/ä"
printf 'z' >"$room/t/sub/$(printf 'n%.0s' $(seq 255))"
for i in $(seq 500); do head -c $((i * 37)) "$room/t/large" >"$room/t/sub/deeper/f$i"; done
ln -s ../nowhere "$room/t/link"
chmod 640 "$room/t/large"
touch -d '2001-02-03 04:05:06.123456789' "$room/t/large" "$room/t/sub/deeper"
start_server "$room/root"

# Builds without libarchive have the heads alone.
"$SLUICE" copy --progress never "${admission[@]}" "$(url)" tar:/dev/null 2>"$room/stderr"
grep -q 'without libarchive' "$room/stderr" && tars=no || tars=yes

# Whatever is read of standard input is wanted to be what was put there.
from() { # FILE COMMAND...
    local file=$1
    shift
    "$@" <"$file"
}
put_tar() { (cd "$room" && tar "$@"); }

if [ "$tars" = yes ]; then
    # There: in each form of tars.  What seconds cannot hold is in pax alone.
    for form in pax gnu; do
        rm -rf "$room/root/t"
        put_tar --format=$form -cf "$room/t.$form" t
        wants 0 '' from "$room/t.$form" copy tar:- "$(url)"
        if [ $form = pax ]; then
            same "$room/t" "$room/root/t"
        else
            diff -r --no-dereference "$room/t" "$room/root/t" >"$room/diff" 2>&1 || fail "a tar of GNU's: $(head -n 3 "$room/diff")"
        fi
    done
    rm -rf "$room/root/t"
    wants 0 '' copy "tar:$room/t.pax" "$(url)"
    same "$room/t" "$room/root/t"
    wants 0 "" copy --json --resume attributes "tar:$room/t.pax" "$(url)"
    grep -q '"event":"done".*"files":0,"failed":0,"skipped":5[0-9][0-9]' "$room/stdout" || fail "again: $(tail -n 1 "$room/stdout")"

    # Back.
    wants 0 '' copy "$(url t)" tar:-
    tar -xf "$room/stdout" -C "$room/back" 2>"$room/stderr" || fail "tar takes it not: $(head -n 3 "$room/stderr")"
    same "$room/t" "$room/back/t"
    wants 0 '' copy --json "$(url t/large)" "$(url t/sub)" "tar:$room/out.tar"
    [ "$(tar -tf "$room/out.tar" 2>/dev/null | head -n 1)" = large ] || fail "several sources: $(tar -tf "$room/out.tar" | head -n 2)"
    tar -tf "$room/out.tar" >"$room/names" 2>/dev/null || fail "a tar in a file is none"
    wants 1 'not to be overwritten' copy --overwrite never "$(url t/large)" "tar:$room/out.tar"
    mkfifo "$room/pipe"
    tar -xf "$room/pipe" -C "$room/back" --one-top-level=piped &
    reader=$!
    wants 0 '' copy "$(url t)" "tar:$room/pipe"
    wait "$reader"
    [ -e "$room/back/piped/t/large" ] || fail "nothing came through a named pipe"
    wants 1 'who read it has gone' bash -c 'set -o pipefail; "$0" copy --progress never "${@:1:2}" "$3" tar:- | head -c 100 >/dev/null' \
        "$SLUICE" "${admission[@]}" "$(url t/large)"
    # What is from the tar of this tar's own place: names below the destination, patterns, links.
    rm -rf "$room/root/t"
    put_tar -cf "$room/dot.tar" -C t .
    wants 0 '' copy --symlinks skip --exclude deeper --exclude '*large' "tar:$room/dot.tar" "$(url)"
    [ -e "$room/root/sub/just small" ] || fail "a tar of '.' did not land in the root"
    [ ! -e "$room/root/sub/deeper" ] && [ ! -e "$room/root/large" ] || fail "what was left out is there"
    [ ! -L "$room/root/link" ] || fail "a link that was to be skipped is there"

    # What cannot be sent fails by itself.
    mkdir -p "$room/odd"
    echo one >"$room/odd/a"
    ln "$room/odd/a" "$room/odd/b"
    mkfifo "$room/odd/c"
    echo last >"$room/odd/z"
    put_tar -cf "$room/odd.tar" odd/a odd/b odd/c odd/z
    wants 6 '' copy --manifest "$room/receipt" "tar:$room/odd.tar" "$(url)"
    grep -q 'odd/b.*hard link' "$room/receipt" && grep -q 'odd/c.*is no file' "$room/receipt" || fail "odd: $(cat "$room/receipt")"
    [ "$(cat "$room/root/odd/z")" = last ] || fail "behind what failed nothing came"
    put_tar -cPf "$room/evil.tar" --transform 's,^odd/a,../../evil,' odd/a
    put_tar -rPf "$room/evil.tar" --transform 's,^odd/a,/tmp/evil,' odd/a
    wants 1 'leads out of the archive' copy "tar:$room/evil.tar" "$(url)"
    grep -q 'and 1 more' "$room/stderr" || fail "an absolute name: $(cat "$room/stderr")"

    # One name twice: the later one stands.
    echo two >"$room/odd/a"
    put_tar -rf "$room/odd.tar" odd/a
    rm -rf "$room/root/odd"
    wants 6 '' copy --overwrite always "tar:$room/odd.tar" "$(url)"
    [ "$(cat "$room/root/odd/a")" = two ] || fail "of two of a name the first stands"

    # Early ends, and what is no tar.
    rm -rf "$room/root/t"
    head -c 2000000 "$room/t.pax" >"$room/cut.tar"
    wants 1 'damaged|ends early|Truncated' copy "tar:$room/cut.tar" "$(url)"
    head -c 100000 /dev/urandom >"$room/noise"
    wants 1 'is no tar' copy "tar:$room/noise" "$(url)"
    wants 1 'no-such-tar' copy "tar:$room/no-such-tar" "$(url)"

    # A silent pipe does not hold up who interrupts.
    mkfifo "$room/silent"
    begin_copy "tar:$room/silent" "$(url)"
    exec 7>"$room/silent"
    head -c 1500000 "$room/t.pax" >&7
    await 10 "the first files" test -e "$room/root/t"
    kill -INT "$copier"
    END_TIMEOUT=5 end_copy 130 "a copy of a silent pipe"
    exec 7>&-
else
    wants 1 'without libarchive' copy "tar:$room/t/large" "$(url)"
fi

# ---- behind heads ----

heads() { # NAME SIZE: of the large file
    printf 'File: %s\nSize: %s\n\n' "$1" "$2"
    head -c "$2" "$room/t/large"
}
same_bytes() { # NAME SIZE
    cmp -s "$room/root/$1" <(head -c "$2" "$room/t/large") || fail "$1 is not the first $2 bytes"
}
wants 0 '' copy tar:- "$(url)" < <(heads h/small 100; heads h/large 3000000; heads h/none 0; heads h/last 5)
same_bytes h/small 100
same_bytes h/large 3000000
same_bytes h/none 0
same_bytes h/last 5

# Out, to the byte as readers of ascp's take it, and in again.
heads_sink=(--set sink.tar.form=heads)
wants 0 '' copy "${heads_sink[@]}" "$(url h/small)" "$(url h/large)" "$(url h/none)" tar:-
cmp -s "$room/stdout" <(
    printf '\nFile: small\0\nSize: 100\n\n'; head -c 100 "$room/t/large"
    printf '\nFile: large\0\nSize: 3000000\n\n'; head -c 3000000 "$room/t/large"
    printf '\nFile: none\0\nSize: 0\n\n') || fail "heads are not as ascp writes them: $(head -c 60 "$room/stdout" | od -c | head)"
mkdir "$room/root/again"
cp "$room/stdout" "$room/heads"
wants 0 '' from "$room/heads" copy tar:- "$(url again/)"
same_bytes again/large 3000000
same_bytes again/none 0
ln -s small "$room/root/h/link"
wants 6 'symbolic link' copy "${heads_sink[@]}" --symlinks copy "$(url h)" tar:/dev/null

# What is wrong with heads.
wants 1 'ended in the middle of a file' copy tar:- "$(url)" < <(heads x/cut 1000000 | head -c 900000)
wants 1 'ended in the middle of a file' copy tar:- "$(url)" < <(heads x/cut 3000000 | head -c 900000)
[ ! -e "$room/root/x/cut" ] || fail "what was cut has its name"
wants 1 'lacks File or Size' copy tar:- "$(url)" < <(printf 'File: a\n\nbytes')
wants 1 'no number' copy tar:- "$(url)" < <(printf 'File: a\nSize: -5\n\nbytes')
wants 1 'longer than' copy tar:- "$(url)" < <(printf 'File: '; head -c 100000 /dev/zero | tr '\0' a)
wants 6 'middle of a file' copy tar:- "$(url)" < <(printf 'File: at\nSize: 5\nOffset: 10\n\n12345'; heads after 10)
same_bytes after 10
wants 1 'leads out' copy tar:- "$(url)" < <(heads ../../out 10)
wants 0 '' copy tar:- "$(url)" </dev/null

# A file that is broken off: nothing follows, and no end of an archive.
form=${heads_sink[*]}
[ "$tars" = no ] || form=
head -c 40000000 /dev/zero | tr '\0' q >"$room/root/slow"
mkdir "$room/root/z"
echo after >"$room/root/z/after"
# shellcheck disable=SC2086
begin_copy --rate 100m $form "$(url slow)" "$(url z)" "tar:$room/broken"
await_moved 3000000
kill -INT "$copier"
end_copy 130 "an interrupted pull into a tar"
if [ "$tars" = yes ]; then
    tar -tf "$room/broken" >/dev/null 2>&1 && fail "a tar that was broken off looks whole"
fi
finish
