#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What files do to the disk and to the page cache: holes are neither sent nor written, and with --drop-behind nothing of what
# was copied stays in memory.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

mkdir "$room/root" "$room/back"
start_server "$room/root"
figure() { sed -n "s/.*\"event\":\"done\".*\"$1\":\(\"[^\"]*\"\|[-0-9.]*\).*/\1/p" "$room/stdout"; } # KEY
blocks_of() { stat -c %b "$1"; }

# Data at the beginning, in the middle and at the end of a file of 256 MB; two MB of it in all.
truncate -s 256M "$room/sparse"
for at in 0 100 255; do
    dd if=/dev/urandom of="$room/sparse" bs=500k count=1 seek=$((at * 1048576)) oflag=seek_bytes conv=notrunc status=none
done
wants 0 '' copy --json "$room/sparse" "$(url sparse)"
[ "$(figure wire_bytes)" -lt 8000000 ] || fail "of a file that is nearly all hole $(figure wire_bytes) bytes were sent"
[ "$(blocks_of "$room/root/sparse")" -lt 16384 ] || fail "the sparse file takes $(blocks_of "$room/root/sparse") blocks"
cmp -s "$room/sparse" "$room/root/sparse" || fail "the sparse file differs"

# The page cache.  A file system in memory has nothing behind it.
if [ "$(stat -f -c %T "$room")" = tmpfs ]; then
    echo "$room lies in memory: --drop-behind was not tried"
    finish
fi
cached() { fincore --bytes --noheadings --output RES "$1" | tr -d ' '; } # FILE: bytes of it that are in memory
kept() { # FILE
    [ "$(cached "$1")" -gt 30000000 ] || fail "$2: of $1 only $(cached "$1") bytes are still cached"
}
gone() { # FILE
    [ "$(cached "$1")" -lt 1000000 ] || fail "$2: of $1 $(cached "$1") bytes are still cached"
}
warm() { # Pages that wait to be written cannot be dropped, so the source is on disk.
    cat "$room/large" >/dev/null
    kept "$room/large" "before"
}
head -c 33554433 /dev/urandom >"$room/large"
sync "$room/large"
warm
wants 0 '' copy "$room/large" "$(url plain)"
kept "$room/large" "without the option"
kept "$room/root/plain" "without the option"
wants 0 '' copy --drop-behind "$room/large" "$(url pushed)"
gone "$room/large" "a push"
gone "$room/root/pushed" "a push"
cmp -s "$room/large" "$room/root/pushed" || fail "pushed differs"
wants 0 '' copy --drop-behind "$(url pushed)" "$room/back/"
gone "$room/root/pushed" "a pull"
gone "$room/back/pushed" "a pull"
# What lies there already is read for a comparison.
warm
cat "$room/root/pushed" >/dev/null
wants 0 '' copy --drop-behind "$room/large" "$(url pushed)"
gone "$room/large" "a comparison"
gone "$room/root/pushed" "a comparison"

# A server may want it for itself.
end_server TERM
start_server "$room/root" --drop-behind
warm
wants 0 '' copy "$room/large" "$(url served)"
kept "$room/large" "a server's option"
gone "$room/root/served" "a server's option"

# So it is with streams, whose names say what lies there.
end_server TERM
printf '[stream log]\nsink = %s\n[stream data]\nsource = %s\n' "$room/log" "$room/root/plain" >"$room/serve.ini"
start_server "$room/root" --config "$room/serve.ini"
stream() { timeout 60 "$SLUICE" "$1" --progress never "${admission[@]}" "${@:2}"; } # send OR recv, OPTION...
warm
cat "$room/root/plain" >/dev/null
wants 0 '' stream send --source "$room/large" "$(url log)"
kept "$room/large" "a stream without the option"
kept "$room/log" "a stream without the option"
wants 0 '' stream recv --sink "$room/back/data" "$(url data)"
kept "$room/root/plain" "a stream without the option"
kept "$room/back/data" "a stream without the option"
wants 0 '' stream send --drop-behind --source "$room/large" "$(url log)"
gone "$room/large" "a stream"
gone "$room/log" "a stream"
cmp -s "$room/large" "$room/log" || fail "the stream differs"
sync "$room/root/plain"
wants 0 '' stream recv --drop-behind --sink "$room/back/data" "$(url data)"
gone "$room/root/plain" "a stream"
gone "$room/back/data" "a stream"
end_server TERM
start_server "$room/root" --config "$room/serve.ini" --drop-behind
warm
wants 0 '' stream send --source "$room/large" "$(url log)"
kept "$room/large" "a server's option"
gone "$room/log" "a server's option"
finish
