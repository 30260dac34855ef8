#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `--manifest`: what a receipt says of pushes and pulls, of files that are done, skipped and failed, of many of them, and
# of what hinders it.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

receipt=$room/receipt
lines() { grep -Pc "$1" "$receipt"; } # PATTERN
# The last line has these fields.
ends() { # FIELD...
    local field
    for field in "$@"; do
        tail -n 1 "$receipt" | tr '\t' '\n' | grep -qxE -- "$field" || fail "the receipt ends with '$(tail -n 1 "$receipt")', without $field"
    done
}
# Size and SHA-256 of a whole file as the line of its name has them.
digest_line() { # NAME FILE
    local expected
    expected=$(printf 'file\tdone\t%s\tsha-256:' "$(stat -c %s "$2")")
    grep -qF -- "$expected" "$receipt" || fail "no '$expected' in $(cat "$receipt")"
    [ "$(grep -cP "\t\Q$1\E\$" "$receipt")" = 1 ] || fail "not one line of $1 in $(cat "$receipt")"
}

mkdir -p "$room/root" "$room/back" "$room/tree/sub"
head -c 100 /dev/urandom >"$room/tree/small"
head -c 3500001 /dev/urandom >"$room/tree/sub/large"
printf 'x' >"$room/tree/sub/"$'new\nline\ttab'
printf 'y' >"$room/tree/sub/"$'\xff raw'
start_server "$room/root"

# A push: header, a line for each file, totals.
wants 0 '' copy --manifest "$receipt" --checksum sha-256 "$room/tree" "$(url)"
[ "$(head -n 1 "$receipt")" = $'sluice-manifest\t1' ] || fail "it begins with $(head -n 1 "$receipt")"
for head in '^start\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$' '^direction\tpush$' '^source\t.*/tree$' '^destination\tsluice://' \
    "^session\t[0-9a-f]{32}\t127\.0\.0\.1:$port\$"; do
    [ "$(lines "$head")" = 1 ] || fail "not one line like $head in $(cat "$receipt")"
done
digest_line tree/small "$room/tree/small"
digest_line tree/sub/large "$room/tree/sub/large"
[ "$(lines '^file\tdone\t1\tsha-256:[0-9a-f]{64}\ttree/sub/new\\nline\\ttab$')" = 1 ] || fail "a strange name: $(cat "$receipt")"
[ "$(lines '^file\tdone\t1\tsha-256:[0-9a-f]{64}\ttree/sub/\\xff raw$')" = 1 ] || fail "a name that is no UTF-8: $(cat "$receipt")"
ends end status=ok code=0 files=4 skipped=0 failed=0 bytes=3500103 complete=yes
[ ! -e "$receipt.inprogress" ] || fail "the unfinished receipt is still there"
[ "$(stat -c %a "$receipt")" = 600 ] || fail "its mode is $(stat -c %a "$receipt")"

# Once more: everything is there.
wants 0 '' copy --manifest "$receipt" "$room/tree" "$(url)"
ends status=ok files=0 skipped=4 complete=yes
[ "$(lines '^file\tskipped\t3500001\t-\ttree/sub/large$')" = 1 ] || fail "nothing of what was skipped: $(cat "$receipt")"

# A pull, of which one file fails, with its sentence.
ln -s nowhere "$room/root/dangling"
wants 6 '' copy --symlinks follow --manifest "$receipt" "$(url tree)" "$(url dangling)" "$room/back/"
[ "$(lines '^direction\tpull$')" = 1 ] || fail "no pull: $(cat "$receipt")"
[ "$(lines '^file\tfailed\t0\t-\tdangling\t-\d+\t.*dangling')" = 1 ] || fail "no word of what failed: $(cat "$receipt")"
ends status=failed 'code=-14' files=4 failed=1 complete=yes 'message=.*dangling.*'

# Far more files than reports may be behind with.
mkdir "$room/many"
(cd "$room/many" && seq 12000 | xargs -n 2000 touch)
wants 0 '' copy --manifest "$receipt" "$room/many" "$(url)"
[ "$(lines '^file\tdone\t0\t')" = 12000 ] || fail "$(lines '^file\tdone\t0\t') lines of 12000"
ends files=12000 complete=yes

# One that is interrupted has a receipt as well.
head -c 30000000 /dev/zero | tr '\0' x >"$room/slow"
begin_copy --rate 20m --manifest "$receipt" "$room/slow" "$(url)"
await_moved 500000
[ -e "$receipt.inprogress" ] || fail "no unfinished receipt while a copy runs"
wants 3 'another transfer writes it' copy --manifest "$receipt" "$room/tree" "$(url)"
kill -INT "$copier"
end_copy 130 "an interrupted copy"
ends status=failed 'code=-15' complete=yes

# What hinders it is said before anything is moved; so is what it does not go with.
wants 3 'receipt cannot be written' copy --manifest "$room/no/such/place" "$room/tree/small" "$(url never)"
wants 3 'it is a directory' copy --manifest "$room/back" "$room/tree/small" "$(url never)"
[ ! -e "$room/root/never" ] || fail "something was moved without its receipt"
wants 2 'see --manifest' copy --report manifest "$room/tree/small" "$(url never)"
wants 1 '' copy --manifest "$receipt" "$room/no-such-file" "$(url never)"
ends status=failed

# By an INI file, with another suffix.
printf '[transfer]\nticket-file = %s\n[report manifest]\ninprogress-suffix = .part\n[session s]\nsource = %s\ndestination = %s\nmanifest = %s\n' \
    "$room/ticket" "$room/tree" "$(url by-ini/)" "$room/by-ini" >"$room/run.ini"
mkdir "$room/root/by-ini"
wants 0 '' "$SLUICE" run --quiet "$room/run.ini"
receipt=$room/by-ini ends files=4 complete=yes

finish
