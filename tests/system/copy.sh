#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Push and pull between two processes over loopback: trees, names, options, and what bad input gets.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

make_tree() {
    local t=$1 deep i
    mkdir -p "$t/empty directory" "$t/sub/deeper"
    : >"$t/empty"
    head -c 100 /dev/urandom >"$t/small"
    head -c 1048576 /dev/urandom >"$t/one chunk"
    head -c 3500001 /dev/urandom >"$t/sub/three chunks and a bit"
    printf 'x' >"$t/sub/"$'new\nline'
    printf 'y' >"$t/sub/"$'\xff\xfe not utf-8'
    printf 'z' >"$t/sub/deeper/$(printf 'n%.0s' $(seq 255))"
    printf '#!/bin/sh\n' >"$t/sub/script"
    chmod 750 "$t/sub/script"
    ln -s ../small "$t/sub/link"
    ln -s /nowhere/at/all "$t/dangling"
    truncate -s 8M "$t/sparse"
    printf 'end' | dd of="$t/sparse" bs=1 seek=5000000 conv=notrunc status=none
    deep=$t/deep
    for i in $(seq 60); do deep=$deep/d$i; done
    mkdir -p "$deep"
    echo bottom >"$deep/file"
    for i in $(seq 300); do echo "$i" >"$t/sub/deeper/f$i"; done
    touch -d '2001-02-03 04:05:06.123456789' "$t/small" "$t/sub/deeper"
    chmod 700 "$t/empty directory"
}

mkdir "$room/root" "$room/back"
make_tree "$room/tree"
start_server "$room/root"

# A tree there and back.
wants 0 '' copy "$room/tree" "$(url)"
same "$room/tree" "$room/root/tree"
wants 0 '' copy "$(url tree)" "$room/back/"
same "$room/tree" "$room/back/tree"
blocks=$(stat -c %b "$room/root/tree/sparse")
[ "$blocks" -lt 4096 ] || fail "the sparse file takes $blocks blocks"

# Once more: nothing is sent.
wants 0 '' copy --json "$room/tree" "$(url)"
grep -q '"event":"done".*"files":0,"failed":0,"skipped":[1-9]' "$room/stdout" || fail "the second copy sent something: $(tail -n 1 "$room/stdout")"

# One file under another name; into a directory; a missing parent, with and without --mkdir.
wants 0 '' copy "$room/tree/small" "$(url renamed)"
cmp -s "$room/tree/small" "$room/root/renamed" || fail "renamed differs"
wants 0 '' copy "$room/tree/small" "$room/tree/empty" "$(url tree/sub/)"
cmp -s "$room/tree/small" "$room/root/tree/sub/small" || fail "small was not copied into sub/"
wants 1 'nowhere' copy "$room/tree/small" "$(url nowhere/at/all)"
wants 0 '' copy --mkdir "$room/tree/small" "$(url made/on/the/way)"
cmp -s "$room/tree/small" "$room/root/made/on/the/way" || fail "--mkdir did not make the way"

# The same size and time, but other bytes: found by digest.
printf 'Q' | dd of="$room/root/tree/one chunk" bs=1 seek=500000 conv=notrunc status=none
touch -r "$room/tree/one chunk" "$room/root/tree/one chunk"
wants 0 '' copy "$room/tree" "$(url)"
cmp -s "$room/tree/one chunk" "$room/root/tree/one chunk" || fail "a changed byte under the same time went unseen"

# Lists and pairs.
printf '%s\n' "$room/tree/small" "$room/tree/empty" >"$room/list"
mkdir "$room/root/listed"
wants 0 '' copy --file-list "$room/list" "$(url listed/)"
cmp -s "$room/tree/small" "$room/root/listed/small" || fail "--file-list left small out"
printf '%s\n' "$room/tree/small" one/two/three "$room/tree/empty" four >"$room/pairs"
wants 0 '' copy --pair-list "$room/pairs" "$(url paired/)"
cmp -s "$room/tree/small" "$room/root/paired/one/two/three" || fail "--pair-list did not put small at one/two/three"

# Filters.
# By time: before now, as a date, as a number; directories stay.
mkdir -p "$room/aged/sub"
touch -d '2001-02-03 04:05:06' "$room/aged/old"
touch -d '2001-02-03 04:05:06' "$room/aged/sub/old"
touch "$room/aged/new"
aged() { (cd "$1" && find . -type f | sort | xargs); } # DIRECTORY
wants 0 '' copy --exclude-newer-than -3600 "$room/aged" "$(url)"
[ "$(aged "$room/root/aged")" = "./old ./sub/old" ] || fail "--exclude-newer-than: $(aged "$room/root/aged")"
rm -rf "$room/root/aged"
wants 0 '' copy --exclude-older-than 2001-02-04 "$room/aged" "$(url)"
[ "$(aged "$room/root/aged")" = "./new" ] && [ -d "$room/root/aged/sub" ] || fail "--exclude-older-than: $(aged "$room/root/aged")"
cp -rp "$room/aged" "$room/root/"
wants 0 '' copy --exclude-older-than 2001-02-03T04:05:06Z --exclude-newer-than 981173106 "$(url aged)" "$room/back/"
[ "$(aged "$room/back/aged")" = "./old ./sub/old" ] || fail "a pull by times: $(aged "$room/back/aged")"
rm -rf "$room/back/aged"
wants 0 '' copy --exclude-older-than 981173107 "$(url aged)" "$room/back/"
[ "$(aged "$room/back/aged")" = "./new" ] || fail "a pull by --exclude-older-than: $(aged "$room/back/aged")"
wants 2 'no moment' copy --exclude-older-than yesterday "$room/aged" "$(url)"
wants 2 'no moment' copy --exclude-newer-than never "$room/aged" "$(url)"

wants 0 '' copy --exclude 'f1*' --exclude /deep "$room/tree/sub/deeper" "$(url filtered)"
[ -e "$room/root/filtered/f2" ] && [ ! -e "$room/root/filtered/f1" ] || fail "--exclude 'f1*' did not do what it says"

# Unreadable and vanished sources: the rest goes on.
wants 1 'not-there' copy "$room/not-there" "$(url)"
wants 6 'not-there' copy "$room/not-there" "$room/tree/small" "$(url listed/)"

# Outside of the root.
ln -s "$room" "$room/root/way-out"
wants 1 '' copy "$room/tree/small" "$(url ../escaped)"
wants 1 '' copy "$room/tree/small" "$(url way-out/escaped)"
wants 1 '' copy "$(url ../tree/small)" "$room/back/got"
wants 1 '' copy "$(url way-out/tree/small)" "$room/back/got"
[ ! -e "$room/escaped" ] && [ ! -e "$room/back/got" ] || fail "something left the root"

# Usage and configuration.
wants 2 'progres' copy --progres never "$room/tree/small" "$(url)"
wants 2 '' copy "$room/tree/small"
wants 2 'rate' copy --rate 10x "$room/tree/small" "$(url)"
wants 3 'nosuch' copy --congestion nosuch "$room/tree/small" "$(url x)"
wants 2 '' copy --policy fair --congestion fixed "$room/tree/small" "$(url x)"
# The one who cannot send says why, on either side.
wants 2 'keeps a given rate' copy --policy fixed "$room/tree/small" "$(url x)"
wants 2 'keeps a given rate' copy --policy fixed "$(url tree/small)" "$room/x"
printf '[transfer]\nraet = 5m\n' >"$room/bad.ini"
wants 3 'bad.ini:2.*rate' copy --config "$room/bad.ini" "$room/tree/small" "$(url x)"

# Who may come in.
cp "$room/ticket" "$room/kept"
chmod 644 "$room/kept"
wants 4 'chmod' "$SLUICE" copy --ticket-file "$room/kept" "$room/tree/small" "$(url x)"
wants 4 '' "$SLUICE" copy --ticket-file "$room/none" "$room/tree/small" "$(url x)"
wants 4 '' copy --pin 0000000000000000000000000000000000000000000000000000000000000000 "$room/tree/small" "$(url x)"
head -c 100 /dev/urandom >"$room/wrong"
chmod 600 "$room/wrong"
wants 4 '' "$SLUICE" copy --ticket-file "$room/wrong" "$room/tree/small" "$(url x)"

# Every cipher, and sha-256.
for cipher in aes-128-gcm aes-256-gcm chacha20-poly1305; do
    wants 0 '' copy --json --cipher $cipher "$room/tree/one chunk" "$(url "by $cipher")"
    grep -q "\"cipher\":\"$cipher\"" "$room/stdout" || fail "$cipher was not used"
done
wants 5 'cipher' copy --cipher none "$room/tree/small" "$(url x)"
wants 0 '' copy --checksum sha-256 "$room/tree/one chunk" "$(url by-sha)"

# Many at once from one host: more than the server takes as strangers at a time.
mkdir "$room/root/crowd"
pids=
for i in $(seq 24); do
    echo "$i" >"$room/crowd$i"
    copy --quiet "$room/crowd$i" "$(url crowd/)" 2>"$room/crowd.log" &
    pids="$pids $!"
done
for pid in $pids; do wait "$pid" || fail "one of many copies at once failed: $(cat "$room/crowd.log")"; done

# Read-only and write-only servers; nothing there.
end_server TERM || fail "SIGTERM: the server ended with $?"
old=$port
wants 5 "127.0.0.1:$old" copy "$room/tree/small" "$(url)"
port=
start_server "$room/root" --read-only
wants 1 "127.0.0.1:$port: .*read-only" copy "$room/tree/small" "$(url y)"
wants 0 '' copy "$(url tree/small)" "$room/back/read"
end_server TERM
port=
start_server "$room/root" --write-only --once
wants 1 'write-only' copy "$(url tree/small)" "$room/back/written"
for _ in $(seq 100); do kill -0 "$server" 2>/dev/null || break; sleep 0.05; done
kill -0 "$server" 2>/dev/null && fail "--once: the server goes on"
find "$room" -name '*sluice-part*' | grep -q . && fail "partial files were left: $(find "$room" -name '*sluice-part*')"
finish
