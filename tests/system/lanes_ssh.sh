#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sessions of several lanes that ssh sets up, against a real sshd: the same files by 2 lanes in a push and in a pull, also when
# ssh dies on the way and where one port is open; and by one, where the remote side takes no more or the second finds no way.
. "${TOP_SRCDIR:?}/tests/system/private.sh"
. "$TOP_SRCDIR/tests/system/session.sh"
. "$TOP_SRCDIR/tests/system/network.sh"
. "$TOP_SRCDIR/tests/system/sshd.sh"

network
ssh_room
mkdir "$room/there" "$room/back" "$room/tree"
head -c 24000000 /dev/urandom >"$room/tree/big"
for i in $(seq 100); do head -c $((i * 100)) "$room/tree/big" >"$room/tree/$i"; done

went_by() { # LANES WHAT
    [ "$(told lanes) $(told transport)" = "$1 udp" ] ||
        fail "$2 went by $(told lanes) lanes, not $1, over $(told transport): $(tail -n 3 "$room/said")"
}

# A push and a pull of the tree by so many lanes, through that name of the host.
go_by() { # HOST LANES OPTION...
    local there=$1 lanes=$2
    shift 2
    rm -rf "$room/there/tree" "$room/back/tree"
    begin_copy --lanes 2 --transport udp --rate 100m "$@" "$room/tree" "$there:$room/there/"
    end_copy 0 "a push by lanes to $there"
    went_by "$lanes" "a push to $there $*"
    same "$room/tree" "$room/there/tree"
    begin_copy --lanes 2 --transport udp --rate 100m "$@" "$there:$room/there/tree" "$room/back/"
    end_copy 0 "a pull by lanes from $there"
    went_by "$lanes" "a pull from $there $*"
    same "$room/tree" "$room/back/tree"
}

go_by near 2
go_by far 2
go_by '[fd80:2::2]' 2

# Ssh is not needed any more when the session lives.
ssh_dies() { # WHAT FROM TO COMPARED
    local child
    begin_copy --lanes 2 --rate 40m "$2" "$3"
    if await_moved 4000000; then
        child=$(child_of "$copier" ssh) && kill -KILL "$child" || fail "$1 has no child called ssh"
    fi
    end_copy 0 "$1 by lanes whose ssh was killed"
    went_by 2 "$1 whose ssh was killed"
    same "$room/tree" "$4"
}
rm -rf "$room/there/tree" "$room/back/tree"
ssh_dies "a push" "$room/tree" "near:$room/there/" "$room/there/tree"
ssh_dies "a pull" "near:$room/there/tree" "$room/back/" "$room/back/tree"

# All lanes use the server's one port.
udp_port_only 33033
go_by near 2 --udp-ports 33033-33033
filter_off
# Where the server must have sent first only lane 0 comes about, whose port it was told in the set-up: it does the work, also when
# the other one has waited in vain for as long as it may at either end.
echo '--timeout 4' >"$room/remote_options"
udp_answers_only
go_by near 1 --udp-ports 33033-33033 --timeout 4 --rate 24m
wants_said 'does without lane 1'
filter_off

# The remote side takes fewer.
echo '--max-lanes 1' >"$room/remote_options"
go_by near 1
wants_said 'has 1 lane, not 2'
: >"$room/remote_options"

await 10 "the end of the servers" no_stdio_server

# A lane that is alone has all the credit of the session: on a path of one second a fourth of 16 MiB would be 32 Mbit/s at most, and
# waiting for credit most of the time.
widen --rate 100m --rtt 1s
udp_answers_only
echo '--memory 16Mi' >"$room/remote_options"
head -c 80000000 /dev/zero >"$room/large"
begin_copy --lanes 4 --transport udp --policy fixed --rate 90m "$room/large" "near:$room/there/"
end_copy 0 "a push by one lane of four on a long path"
went_by 1 "a push over a long path"
wants_told limited_by target
cmp -s "$room/large" "$room/there/large" || fail "what came over a long path differs"
filter_off
finish
