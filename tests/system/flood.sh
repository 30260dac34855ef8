#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Half-open connections, other protocols, noise and stray datagrams during a transfer: it goes on, newcomers are still
# served, and the server's memory stays within bounds.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
flood=${TOP_BUILDDIR:?}/tests/hostile/flood
connections=1000
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -gt 1100 ] || connections=$(($(ulimit -Hn) - 100))

mkdir "$room/root" "$room/source"
head -c 10000000 /dev/urandom >"$room/source/big"
head -c 2000 /dev/urandom >"$room/source/small"
start_server "$room/root"

copy --rate 40m --json "$room/source/big" "$(url)" >"$room/copy.out" 2>"$room/copy.err" &
client=$!
for _ in $(seq 200); do
    find "$room/root" -name '*big*part*' | grep -q . && break
    sleep 0.02
done
mkfifo "$room/flood.in"
"$flood" "$port" "$connections" 8000 <"$room/flood.in" >"$room/flood.out" 2>&1 &
flooder=$!
exec 8>"$room/flood.in"
for _ in $(seq 500); do
    grep -q ready "$room/flood.out" && break
    kill -0 "$flooder" 2>/dev/null || break
    sleep 0.02
done
grep -q ready "$room/flood.out" || fail "the flood did not come about: $(cat "$room/flood.out")"

# All of these connections are still open.
wants 0 '' copy "$room/source/small" "$(url newcomer)" 8>&-
cmp -s "$room/source/small" "$room/root/newcomer" || fail "a newcomer's file differs"
wait "$client" || fail "the transfer under way failed: $(cat "$room/copy.err")"
cmp -s "$room/source/big" "$room/root/big" || fail "the file differs"
exec 8>&-
wait "$flooder" || fail "the flood ended badly: $(cat "$room/flood.out")"
wants 0 '' copy "$room/source/small" "$(url after)"

# Address sanitizers keep what was freed: then the figure says nothing.
most=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$server/status")
[ -n "${SANITIZER_CFLAGS:-}" ] || [ "$most" -lt 200000 ] || fail "the server took $most kB"
end_server TERM || fail "the server ended with $?"
finish
