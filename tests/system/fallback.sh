#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A way that drops UDP, from the start or in mid-session: the session goes over TCP and says so, or ends as it was told to;
# outages of everything and a server that comes again cost time only.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"

network
mkdir "$room/root" "$room/back" "$room/tree"
head -c 15000000 /dev/urandom >"$room/big"
cp -a /usr/include/linux "$room/tree/" 2>/dev/null || cp -a "$TOP_SRCDIR/core" "$room/tree/"
ln -s big "$room/tree/link"
head -c 3000000 /dev/urandom >"$room/tree/big"
start_server "$room/root"
cp -a "$room/big" "$room/tree" "$room/root/"
cp -a "$room/big" "$room/root/pulled"

# Filtered from the start, both ways or one: auto waits at least 3 s for UDP, then goes over TCP and says it.
falls_back() { # WAY COPY ARGUMENT...
    local way=$1 setup
    shift
    udp_off "$way"
    begin_copy "$@"
    end_copy 0 "auto with UDP dropped ($way)"
    [ "$(dropped filter)" -gt 0 ] || fail "auto with UDP dropped ($way): no UDP was ever tried"
    filter_off
    wants_told transport tcp
    wants_said 'UDP'
    setup=$(told setup_seconds)
    awk -v s="$setup" 'BEGIN { exit !(s >= 3 && s < 8) }' || fail "UDP dropped ($way): the set-up took $setup s, not 3 to 8"
}
falls_back both "$room/tree" "$(url fallen)"
same "$room/tree" "$room/root/fallen"
falls_back to "$(url tree)" "$room/back/to"
same "$room/tree" "$room/back/to"
falls_back from "$(url tree)" "$room/back/from"
same "$room/tree" "$room/back/from"

# Who wants UDP alone is told where it ended.
udp_off
wants 5 "UDP to $host:$port got no answer" copy --transport udp "$room/tree/big" "$(url never)"
[ ! -e "$room/root/never" ] || fail "--transport udp through a filter left a file"
filter_off

# Who wants TCP alone sends no datagram at all.
udp_off
mkdir "$room/root/straight"
wants 0 '' copy --transport tcp "$room/tree" "$(url straight/)"
same "$room/tree" "$room/root/straight/tree"
wants 0 '' copy --transport tcp --json "$(url tree)" "$room/back/straight"
same "$room/tree" "$room/back/straight"
grep -q '"event":"done".*"transport":"tcp"' "$room/stdout" || fail "--transport tcp is called: $(grep '"done"' "$room/stdout")"
[ "$(dropped filter)" = 0 ] || fail "--transport tcp sent $(dropped filter) datagrams"
filter_off

# Whole feature set over TCP: what is there is not sent again; a tree from a list; a digest; a receipt of each file.
wants 0 '' copy --transport tcp --json "$room/tree" "$(url straight/)"
grep -q '"event":"done".*"files":0,' "$room/stdout" || fail "over TCP complete files are sent again: $(grep '"done"' "$room/stdout")"
cp "$room/big" "$room/twin"
printf '%s\n' "$room/tree/big" "$room/twin" >"$room/list"
mkdir "$room/root/listed"
wants 0 '' copy --transport tcp --checksum sha-256 --file-list "$room/list" "$(url listed/)"
cmp -s "$room/twin" "$room/root/listed/twin" && cmp -s "$room/tree/big" "$room/root/listed/big" || fail "the list over TCP: files differ"
wants 1 'no-such' copy --transport tcp "$(url no-such)" "$room/back/"

# UDP dies in mid-session and stays dead.
forgets() { # FROM TO COMPARED WHAT
    begin_copy --rate 30m "$1" "$2"
    if await_moved 3000000; then
        wants_told transport udp
        udp_off
    fi
    end_copy 0 "$4 whose UDP dies"
    filter_off
    wants_told transport tcp
    wants_said 'TCP'
    cmp -s "$room/big" "$3" || fail "$4 whose UDP dies: the file differs"
}
forgets "$room/big" "$(url forgotten)" "$room/root/forgotten" "a push"
forgets "$(url pulled)" "$room/back/forgotten" "$room/back/forgotten" "a pull"

# The TCP connection that carries it is reset, with UDP dead: another one takes its place.
udp_off
begin_copy --rate 30m "$room/big" "$(url reset)"
if await_moved 3000000; then
    tcp_reset
    udp_off
fi
end_copy 0 "a push whose TCP is reset"
filter_off
cmp -s "$room/big" "$room/root/reset" || fail "a push whose TCP is reset: the file differs"

# TCP dies in mid-session: UDP does not care.
begin_copy --rate 30m "$(url pulled)" "$room/back/untouched"
if await_moved 3000000; then tcp_off; fi
end_copy 0 "a pull without TCP"
filter_off
wants_told transport udp
cmp -s "$room/big" "$room/back/untouched" || fail "a pull without TCP: the file differs"

# All is dead for 10 s, and comes back: the session goes on as it was, over UDP.
outage() { # FROM TO COMPARED WHAT
    local session end
    begin_copy --rate 30m "$1" "$2"
    if await_moved 3000000; then
        session=$(told session)
        link_down
        end=$((SECONDS + 11))
        await 15 "10 s to pass" eval '[ "$SECONDS" -ge '$end' ]'
        link_up
    fi
    end_copy 0 "$4 with an outage of 10 s"
    wants_told transport udp
    wants_told session "$session"
    cmp -s "$room/big" "$3" || fail "$4 with an outage: the file differs"
}
outage "$room/big" "$(url outage)" "$room/root/outage" "a push"
outage "$(url pulled)" "$room/back/outage" "$room/back/outage" "a pull"

# The server is killed and comes again on its port: the client begins a session anew and goes on where it was.
restarts() { # TRANSPORT FROM TO COMPARED
    local session
    begin_copy --transport "$1" --rate 30m "$2" "$3"
    if await_moved 6000000; then
        session=$(told session)
        end_server KILL
        start_server "$room/root"
    fi
    end_copy 0 "a copy ($1) whose server is restarted"
    [ "$(told session)" != "$session" ] || fail "a restarted server ($1): there was only one session"
    cmp -s "$room/big" "$4" || fail "a restarted server ($1): the file differs"
}
restarts auto "$room/big" "$(url again)" "$room/root/again"
restarts auto "$(url pulled)" "$room/back/again" "$room/back/again"
restarts tcp "$room/big" "$(url again-tcp)" "$room/root/again-tcp"
restarts udp "$room/big" "$(url again-udp)" "$room/root/again-udp"

end_server TERM || fail "the server ended with $?"
finish
