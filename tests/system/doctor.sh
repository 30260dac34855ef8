#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sluice doctor on loopback: what is well is said to be, what was broken on purpose is found, each with its exit status;
# nothing stays on either side.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
relay=${TOP_BUILDDIR:?}/tests/system/relay

mkdir "$room/root" "$room/here"
cd "$room/here" || exit 99
start_server "$room/root"

# A low rate, so that no finding depends on how fast this machine is.
doctor() { timeout 90 "$SLUICE" doctor --rate 20m --ticket-file "$room/ticket" "$@"; }

# found LEVEL TOPIC WHERE [PATTERN [REMEDY]]: the last examination has such a finding; LEVEL and WHERE may be patterns.
found() {
    local mark="^($1) +$2 +($3) +.*${4:-}"
    grep -Eq -- "$mark" "$room/stdout" || fail "no finding '$*': $(cat "$room/stdout")"
    [ -z "${5:-}" ] || grep -E -A1 -- "$mark" "$room/stdout" | grep -Eq -- "-> .*$5" || fail "no remedy '$5': $(cat "$room/stdout")"
}

# 127.0.0.2 is a way to the server that takes TCP and swallows UDP.
begin_swallowing() {
    : >"$room/relay.out"
    "$relay" 127.0.0.2 127.0.0.1 "$port" <"$room/relay.in" >"$room/relay.out" 2>&1 &
    swallowing=$!
    exec 9>"$room/relay.in"
    await 10 "the relay" grep -q ready "$room/relay.out"
}

end_swallowing() {
    exec 9>&-
    wait "$swallowing"
}

# Everything is well.
wants 0 '' doctor "127.0.0.1:$port"
for topic in name tcp tls udp rtt rate cipher disk clock; do
    found 'ok|WARN|note' "$topic" '.*'
done
found ok name here 'numeric'
found ok tcp path "127.0.0.1:$port takes connections"
found ok tls there "sluice .* there, sluice .* here"
found ok udp path 'come back'
found ok clock path 'agree'
found 'ok|note' rate path 'to 127.0.0.1.*20 Mbit/s'
found 'ok|note' rate path 'from 127.0.0.1.*20 Mbit/s'
grep -q '^BAD' "$room/stdout" && fail "on a good path something is bad: $(grep ^BAD "$room/stdout")"
tail -n 1 "$room/stdout" | grep -q "sluice copy --ticket-file .*--rate 20m FILE... sluice://127.0.0.1:$port/" ||
    fail "no copy command at the end: $(tail -n 1 "$room/stdout")"
[ -z "$(ls -A "$room/root")$(ls -A "$room/here")" ] || fail "the doctor left something: $(ls -A "$room/root" "$room/here")"
[ "$(grep -c ' done .*ticket default' "$room/serve.log")" -ge 2 ] || fail "the server did not see two sessions end well"

# The same as JSON: each line an object with the same keys, the last one sums up.
wants 0 '' doctor --json "sluice://127.0.0.1:$port/"
keys='"topic":"[a-z]+","level":"(good|note|warning|bad)","where":"(here|there|path)","message":"([^"\\]|\\.)+","remedy":"([^"\\]|\\.)*"'
sed '$d' "$room/stdout" | grep -Evq "^\{\"event\":\"finding\",$keys\}\$" && fail "a finding is no such object: $(cat "$room/stdout")"
tail -n 1 "$room/stdout" | grep -Eq '^\{"event":"done","status":"ok","exit":0,"code":0,"message":"","good":[0-9]+,"note":[0-9]+,"warning":[0-9]+,"bad":0,"address":"sluice://127.0.0.1:[0-9]+/","options":""\}$' ||
    fail "the last object: $(tail -n 1 "$room/stdout")"
if command -v python3 >/dev/null; then
    python3 -c 'import json,sys; [json.loads(line) for line in sys.stdin]' <"$room/stdout" || fail "no JSON: $(cat "$room/stdout")"
fi
# A server measures its disk now and then only.
grep -q '"topic":"disk","level":"note","where":"there","message":"not measured.*a moment ago' "$room/stdout" ||
    fail "the disk there was measured twice in a row: $(grep '"disk"' "$room/stdout")"

# UDP is swallowed on the way.
mkfifo "$room/relay.in"
begin_swallowing
wants 1 '' doctor "127.0.0.2:$port"
found BAD udp there "none of our datagrams reaches 127.0.0.2" "UDP port $port of 127.0.0.2.*--transport tcp"
found 'ok|note' rate path 'over TCP'
tail -n 1 "$room/stdout" | grep -q -- '--transport tcp' || fail "TCP is not advised: $(tail -n 1 "$room/stdout")"

end_swallowing

# Nothing but TCP is allowed there; nothing but UDP, which is swallowed.
end_server TERM
start_server "$room/root" --transport tcp
wants 0 '' doctor "127.0.0.1:$port"
found WARN udp there 'takes no UDP' 'serve --transport'
end_server TERM
start_server "$room/root" --transport udp
begin_swallowing
wants 1 '' doctor "127.0.0.2:$port"
found BAD udp path 'no datagram of 127.0.0.2' 'nft'
end_swallowing
end_server TERM

# A server that gives only, and one that takes only.
start_server "$room/root" --read-only
wants 0 '' doctor "127.0.0.1:$port"
found note ticket there 'read-only' 'right'
found note disk there 'may not write'
grep -Eq 'rate .*to 127.0.0.1' "$room/stdout" && fail "a push to a read-only server was measured"
end_server TERM
start_server "$room/root" --write-only --max-rate 5m
wants 0 '' doctor "127.0.0.1:$port"
found note ticket there 'write-only' 'right'
found note rate path 'to 127.0.0.1' 'no more than 5 Mbit/s'
[ -z "$(ls -A "$room/root")" ] || fail "the doctor left something in the root"

# Wrong tickets: one of another server's key, one that the server does not know, none at all, and one that is no ticket.
mkdir "$room/other"
"$SLUICE" serve --listen 127.0.0.1:0 --root "$room/root" --ticket-file "$room/other/ticket" >"$room/other/log" 2>&1 &
other=$!
await 10 "another server" grep -q 'sluice://' "$room/other/log"
kill "$other"
wait "$other"
wants 4 'another|key' doctor --ticket-file "$room/other/ticket" "127.0.0.1:$port"
found BAD tls path '' 'new ticket'
# The right key with a secret of its own.
key=$(sed -n 's/.*key sha256:\([0-9a-f]*\).*/\1/p' "$room/serve.log" | head -n 1)
wants 4 'does not know this ticket' doctor --ticket-file "$room/other/ticket" --pin "$key" "127.0.0.1:$port"
found BAD ticket there 'does not know this ticket' 'anew'
wants 4 'no such ticket' doctor --ticket-file "$room/none" "127.0.0.1:$port"
found ok tcp path
found BAD ticket here 'no such ticket' '--ticket-file'

# Nothing listens; no such name; what makes no sense.
end_server TERM
wants 5 "127.0.0.1:$port" doctor "127.0.0.1:$port"
found BAD tcp there 'refuses' 'sluice serve'
wants 5 '' doctor --json "127.0.0.1:$port"
tail -n 1 "$room/stdout" | grep -q '"event":"done","status":"failed","exit":5,' || fail "done: $(tail -n 1 "$room/stdout")"
wants 5 'no-such-host.invalid' doctor no-such-host.invalid
found BAD name here 'no-such-host.invalid'
wants 2 'one host' doctor
wants 2 'one host' doctor a b
wants 2 '--mkdir' doctor --mkdir 127.0.0.1
wants 2 'host' doctor 'a b'

# Through ssh: a stand-in that runs here what it is to run there.
cat >"$room/ssh" <<'END'
#!/bin/bash
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    [ "$1" = -G ] && echo "hostname 127.0.0.1" && exit 0
    shift
done
shift 2
cd "$(dirname "$0")/root" || exit 255
SSH_CONNECTION="127.0.0.1 5000 127.0.0.1 22" exec sh -c "$*"
END
chmod +x "$room/ssh"
wants 0 '' doctor --ssh "$room/ssh" --remote-command "$SLUICE" user@elsewhere.example
found ok ssh path 'user@elsewhere.example answers through ssh'
found ok udp path 'come back'
found 'ok|note|WARN' disk there 'home directory'
tail -n 1 "$room/stdout" | grep -q 'sluice copy --rate 20m FILE... user@elsewhere.example:' || fail "ssh: $(tail -n 1 "$room/stdout")"
wants 5 'not found' doctor --ssh "$room/ssh" --remote-command "$room/no-such-program" elsewhere.example:
found BAD ssh path 'not found' '--remote-command'

# Small socket buffers, where the system's limit is below what is asked for and may not be passed.
limit=$(cat /proc/sys/net/core/rmem_max 2>/dev/null || echo 8388608)
humble=""
[ "$(id -u)" = 0 ] && humble="setpriv --bounding-set=-net_admin"
if [ "$limit" -lt 8388608 ] && $humble true 2>/dev/null; then
    start_server "$room/root"
    wants 0 '' $humble timeout 90 "$SLUICE" doctor --rate 20m --ticket-file "$room/ticket" "127.0.0.1:$port"
    found 'note|WARN' buffer here 'in place of 8 MiB' 'sysctl -w net.core.rmem_max=8388608'
    end_server TERM
else
    echo "skipped: small buffers: net.core.rmem_max is $limit, or setpriv does not work" >&2
fi

# Interrupted: at once, and said.  So slow a rate makes it last for seconds.
start_server "$room/root"
env --default-signal=INT "$SLUICE" doctor --rate 5m --ticket-file "$room/ticket" "127.0.0.1:$port" >"$room/stdout" 2>"$room/stderr" &
client=$!
await 10 "the first findings" grep -q '^ok *tcp' "$room/stdout"
kill -INT "$client"
wait "$client"
got=$?
[ "$got" = 130 ] || fail "an interrupted doctor ended with $got: $(cat "$room/stdout" "$room/stderr")"
finish
