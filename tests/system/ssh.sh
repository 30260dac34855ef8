#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copies through ssh, against real sshds: names, jumps, noise, what is missing or not allowed, strange paths, processes that
# die on the way, and firewalls.  PATH_OPTIONS: of the emulated path that the last part goes over.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"
. "$TOP_SRCDIR/tests/system/sshd.sh"

network
ssh_room
mkdir "$room/there" "$room/back" "$room/tree"
head -c 15000000 /dev/urandom >"$room/big"
head -c 30000 /dev/urandom >"$room/small"
cp -a /usr/include/linux "$room/tree/" 2>/dev/null || cp -a "$TOP_SRCDIR/core" "$room/tree/"
ln -s ../small "$room/tree/link"
: >"$room/tree/empty"
cd "$room/back" || exit 99

same_file() { cmp -s "$1" "$2" || fail "$3: $1 and $2 differ"; }
no_servers_left() { await 10 "the end of the servers of $1" no_stdio_server; }

# A push and a pull of a small file by that name of the host.
goes_by() { # HOST COPY OPTION...
    local there=$1
    shift
    rm -f "$room/there/by" "$room/back/by"
    wants 0 '' copy "$@" "$room/small" "$there:$room/there/by"
    same_file "$room/small" "$room/there/by" "a push to $there"
    wants 0 '' copy "$@" "$there:$room/there/by" "$room/back/by"
    same_file "$room/small" "$room/back/by" "a pull from $there"
}

# ---- names and paths ----

goes_by near
goes_by root@near
goes_by far
goes_by 10.80.2.2
goes_by root@10.80.2.2
goes_by '[fd80:2::2]'
goes_by 'root@[fd80:2::2]'
mv "$home/.ssh/config" "$keys/config"
goes_by near --ssh "ssh -F $keys/config"
goes_by near --ssh "ssh -F '$keys/config' -o 'ConnectTimeout 20'"
mv "$keys/config" "$home/.ssh/config"
no_servers_left "the first copies"
away=("${at_client[@]}")
at_client=("${at_server[@]}")
goes_by '[::1]'
goes_by 'root@[::1]'
goes_by localhost
at_client=("${away[@]}")

# A tree, both ways, and into a directory.
wants 0 '' copy --json "$room/tree" near:
same "$room/tree" "$home/tree"
grep -q '"event":"done".*"transport":"udp"' "$room/stdout" || fail "through ssh: $(grep '"done"' "$room/stdout")"
wants 0 '' copy near:tree "$room/back/"
same "$room/tree" "$room/back/tree"

# Relative to home, absolute, and what only looks remote.
wants 0 '' copy "$room/small" near:in-home
same_file "$room/small" "$home/in-home" "relative to home"
mkdir "$home/folder"
wants 0 '' copy "$room/small" near:folder/
same_file "$room/small" "$home/folder/small" "into a folder in home"
wants 0 '' copy "$room/small" near:folder
wants 0 '' copy near:folder/small "$room/back/relative"
same_file "$room/small" "$room/back/relative" "a pull relative to home"
cp "$room/small" ./near:local
wants 0 '' copy ./near:local near:folder/with-colon
same_file "$room/small" "$home/folder/with-colon" "a local name with a colon"
wants 1 'no-such-file' copy near:no-such-file "$room/back/"
wants 0 '' copy "$room/small" "near:$room/there/absolute"
same_file "$room/small" "$room/there/absolute" "an absolute path"
wants 2 '' copy near:in-home near:elsewhere
# As with scp, a tilde is home.
wants 0 '' copy "$room/small" "near:~/tilde"
same_file "$room/small" "$home/tilde" "relative to a tilde"
wants 0 '' copy "near:~/tilde" "$room/back/tilde"

# No path is read by a shell.
for name in 'a;touch b' '$(touch b)' '`touch b`' "quote ' and \" it" 'two  blanks' $'a line\nand another' '*' '-n' '~x' 'back\slash'; do
    wants 0 '' copy "$room/small" "near:$name"
    same_file "$room/small" "$home/$name" "a push to '$name'"
    wants 0 '' copy "near:$name" "$room/back/strange"
    same_file "$room/small" "$room/back/strange" "a pull of '$name'"
    cp "$room/small" "$room/back/$name"
    wants 0 '' copy "./$name" near:folder/
    same_file "$room/small" "$home/folder/$name" "a push of '$name'"
    rm -f "$home/$name" "$room/back/$name" "$home/folder/$name"
done
for folder in "$home" "$home/folder" "$room/back" /; do
    [ ! -e "$folder/b" ] || fail "a path was run by a shell: there is $folder/b"
done

# A host is never an option.
for there in "-oProxyCommand=touch $room/owned" "-oProxyCommand=x" "root@-oProxyCommand=touch $room/owned" "-E$room/owned"; do
    wants 2 '' copy -- "$room/small" "$there:x"
    wants 2 '' copy -- "$there:x" "$room/back/"
    wants 2 '' copy "$there:x" "$room/back/"
done
[ ! -e "$room/owned" ] || fail "an option in the place of a host was carried out"

# ---- what the remote shell says, and lacks ----

startup yes 'echo Welcome to this machine.' 'echo noise on stderr >&2' 'head -c 30000 /dev/urandom' 'printf sluice1' 'printf "no end of line"'
goes_by near
startup yes 'head -c 100000 /dev/zero'
wants 5 'near' copy "$room/small" near:never
startup no
wants 5 'install' copy "$room/small" near:never
grep -q near "$room/stderr" || fail "sluice is missing there, and the host is not named: $(cat "$room/stderr")"
goes_by near --remote-command "$room/bin/sluice"
wants 5 '' copy --remote-command /no/such/sluice "$room/small" near:never
startup no 'echo "this account is closed"' 'exit 3'
wants 5 'near' copy "$room/small" near:never
startup no "exec $room/bin/sluice --version"
wants 5 'near' copy "$room/small" near:never
startup yes
wants 4 'stranger' copy "$room/small" stranger:never
wants 4 'mistaken' copy "$room/small" mistaken:never
wants 5 'nobody-listens' copy "$room/small" nobody-listens:never
wants 5 'no-such-name' copy "$room/small" no-such-name:never
wants 5 'no-such-ssh' copy --ssh no-such-ssh "$room/small" near:never
[ ! -e "$home/never" ] || fail "a copy that could not connect left a file"
no_servers_left "those that failed"

# ---- processes that die on the way ----

# ssh is killed: the session goes on.
for way in push pull; do
    rm -f "$room/there/big" "$room/back/big"
    if [ $way = push ]; then
        begin_copy --rate 40m "$room/big" "near:$room/there/big"
    else
        begin_copy --rate 40m "near:$room/big" "$room/back/big"
    fi
    if await_moved 3000000; then
        child=$(child_of "$copier" ssh) && kill -KILL "$child" || fail "a $way through ssh has no child called ssh"
    fi
    end_copy 0 "a $way whose ssh was killed"
    wants_told transport udp
    if [ $way = push ]; then
        same_file "$room/big" "$room/there/big" "a push whose ssh was killed"
    else
        same_file "$room/big" "$room/back/big" "a pull whose ssh was killed"
    fi
done
no_servers_left "those whose ssh was killed"

# The client is killed: no server stays, and what arrived is gone on with.
echo '--timeout 4' >"$room/remote_options"
rm -f "$room/there/big"
begin_copy --rate 40m "$room/big" "near:$room/there/big"
if await_moved 4000000; then
    [ -n "$(stdio_servers)" ] || fail "there is no server while a copy is under way"
    kill -KILL "$copier"
fi
wait "$copier" 2>/dev/null
copier=0
await 15 "the end of a server whose client was killed" no_stdio_server
wants 0 '' copy --json "$room/big" "near:$room/there/big"
same_file "$room/big" "$room/there/big" "again after the client was killed"
grep -q '"event":"file".*"resumed_bytes":[1-9]' "$room/stdout" || fail "nothing was resumed: $(grep '"file"' "$room/stdout")"
# By an interrupt too.
rm -f "$room/there/big"
begin_copy --rate 40m "$room/big" "near:$room/there/big"
if await_moved 3000000; then kill -INT "$copier"; fi
end_copy 130 "an interrupted copy"
no_servers_left "an interrupted copy"
: >"$room/remote_options"

# ---- firewalls ----

# The server's side lets one port through.
udp_port_only 33033
goes_by near --transport udp --udp-ports 33033-33033
goes_by far --transport udp --udp-ports 33033-33033
filter_off
# The server's side lets nothing in that is not an answer: it must have sent first.
udp_answers_only
goes_by near --transport udp --udp-ports 33033-33033
filter_off
# The server has an address that only the user knows.
in_server ip addr add 10.80.2.7/24 dev s0
rule filter "$from_client" ip daddr 10.80.2.2 meta l4proto udp counter drop
goes_by near --transport udp --udp-host 10.80.2.7
filter_off

# The one port is taken by another session: there is another way, and without it that is said.
begin_copy --rate 20m --udp-ports 33033-33033 "near:$room/big" "$room/back/slow"
if await_moved 1000000; then
    wants 0 '' copy --udp-ports 33033-33033 "$room/small" "near:$room/there/second"
    same_file "$room/small" "$room/there/second" "a second session on the one port"
    wants 5 'no UDP port of 33033-33033 is free' copy --transport udp --udp-ports 33033-33033 "$room/small" "near:$room/there/third"
fi
end_copy 0 "the session that has the one port"

# No UDP at all.
udp_off
goes_by near --transport tcp
goes_by far --transport tcp
wants 0 '' copy --transport tcp "$room/tree" "near:$room/there/piped"
same "$room/tree" "$room/there/piped"
[ "$(dropped filter)" = 0 ] || fail "--transport tcp through ssh sent $(dropped filter) datagrams"
for there in near far; do
    begin_copy "$room/small" "$there:$room/there/fallen"
    end_copy 0 "auto through ssh to $there, with UDP dropped"
    wants_told transport tcp
    wants_said UDP
    awk -v s="$(told setup_seconds)" 'BEGIN { exit !(s >= 3 && s < 10) }' || fail "UDP dropped: the set-up took $(told setup_seconds) s, not 3 to 10"
    same_file "$room/small" "$room/there/fallen" "auto with UDP dropped"
done
[ "$(dropped filter)" -gt 0 ] || fail "auto through ssh never tried UDP"
wants 5 'UDP to 10\.80\.2\.2:33[0-9]* got no answer' copy --transport udp "$room/small" near:never
filter_off
# UDP dies on the way: the pipe takes over.
begin_copy --rate 40m "$room/big" "near:$room/there/forgotten"
if await_moved 3000000; then udp_off; fi
end_copy 0 "a push through ssh whose UDP dies"
filter_off
wants_told transport tcp
same_file "$room/big" "$room/there/forgotten" "a push whose UDP dies"
# And with UDP and ssh both gone it ends, with a sentence.
begin_copy --rate 40m --timeout 5 "$room/big" "near:$room/there/cut"
if await_moved 3000000; then
    child=$(child_of "$copier" ssh) && kill -KILL "$child"
    udp_off
fi
end_copy 1 "a push that lost UDP and ssh"
filter_off
no_servers_left "the firewalls"

# ---- a long way ----

widen ${PATH_OPTIONS:---rate 50m --rtt 100ms --loss 1% --seed 3}
wants 0 '' copy "$room/tree" "near:$room/there/wide"
same "$room/tree" "$room/there/wide"
wants 0 '' copy "far:$room/there/wide" "$room/back/"
same "$room/tree" "$room/back/wide"
kill -USR1 "$wan"
begin_copy "$room/small" "near:$room/there/wide-tcp"
end_copy 0 "auto through ssh over a long way without UDP"
wants_told transport tcp
same_file "$room/small" "$room/there/wide-tcp" "over a long way without UDP"

finish
