#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Jobs through a real sshd: keys and passwords, both ways, a session that stays, and what is not tried again.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"
. "$TOP_SRCDIR/tests/system/sshd.sh"

needs openssl
network
ssh_room
export SLUICE_PROGRAM=$SLUICE
mkdir -p "$room/there" "$room/back" "$room/tree/sub"
head -c 3000000 /dev/urandom >"$room/big"
echo one >"$room/tree/one"
echo two >"$room/tree/sub/two"
cd "$room/back" || exit 99

jobs() { timeout 60 "${at_client[@]}" "$SLUICE" shell "$@"; }

# ---- keys ----

wants 0 '' jobs -c "push $room/big near:$room/there/" -c "push $room/tree near:$room/there/"
cmp -s "$room/big" "$room/there/big" || fail "big did not arrive"
same "$room/tree" "$room/there/tree"
wants 0 '' jobs -c "pull near:$room/there/big near:$room/there/tree ."
cmp -s "$room/big" big || fail "big did not come back"
same "$room/tree" tree
# A key that is named, on a port that is, for a user that is.
cp "$keys/id" "$keys/a key's"
wants 0 '' jobs -c "push --key-file \"$keys/a key's\" $room/big root@near:$room/there/named"
cmp -s "$room/big" "$room/there/named" || fail "it did not arrive by a key that is named"
# Who is not let in is told at once, and once; so is who does not know the host.
wants 4 'ermission denied' jobs --stop-on-error -c "push $room/big stranger:$room/there/x" -c wait
wants 4 '' jobs --stop-on-error -c "push $room/big mistaken:$room/there/x" -c wait
grep -q 'again in' "$room/stdout" && fail "what cannot get better was tried again: $(cat "$room/stdout")"
# A port at which nobody listens is tried again, as often as is asked for.
wants 5 '' jobs --stop-on-error -c "push --attempts 1 $room/big nobody-listens:$room/there/x" -c wait

# ---- a session that stays ----

wants 0 '' jobs -c "push --persistent near:$room/there/later/ --mkdir" -c "add 1 $room/big" -c "add 1 $room/tree under/this 0:" -c 'nomore 1'
cmp -s "$room/big" "$room/there/later/big" || fail "big did not arrive later"
same "$room/tree" "$room/there/later/under/this"
wants 0 '' jobs -c "pull --persistent near: $room/back/later/ --mkdir" -c "add 1 $room/there/big" -c "add 1 $room/there/big part 1000:2000" \
    -c 'nomore 1'
cmp -s "$room/big" later/big || fail "big did not come later"
dd if="$room/big" bs=1000 skip=1 count=1 status=none | cmp -s - later/part || fail "a part did not come"

# ---- passwords ----

{ grep -v '^root:' /etc/shadow; echo "root:$(openssl passwd -6 'pass "word'):19000:0:99999:7:::"; } >"$keys/shadow.new"
cat "$keys/shadow.new" >"$keys/shadow"
sed -e 's/^Port .*/Port 2223/' -e 's/^PasswordAuthentication .*/PasswordAuthentication yes/' -e 's/^PermitRootLogin .*/PermitRootLogin yes/' \
    "$keys/sshd_config.server" >"$keys/sshd_config.password"
"${at_server[@]}" "$(command -v sshd)" -D -e -f "$keys/sshd_config.password" 2>"$keys/log.password" &
await 10 "an sshd that takes passwords" grep -qs "Server listening" "$keys/log.password"
# The first value counts.
sed -i '1i Host asks\n    HostName 10.80.2.2\n    Port 2223\n    PubkeyAuthentication no' "$home/.ssh/config"
SLUICE_PASSWORD='pass "word' wants 0 '' jobs -c "push --password $room/big asks:$room/there/asked"
cmp -s "$room/big" "$room/there/asked" || fail "it did not arrive by a password"
SLUICE_PASSWORD=wrong wants 4 '' jobs --stop-on-error -c "push --password $room/big asks:$room/there/x" -c wait
[ -z "$(processes 'pass "word')" ] || fail "the password stands in an argument list"

[ "$failures" -eq 0 ]
