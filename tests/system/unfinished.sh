#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A tree that is copied under a new name stays under that name, however often the copy is cut off: neither the same command, given
# again, nor a session that the client begins anew takes what the first one made for a directory to copy into.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

mkdir -p "$room/root" "$room/tree/sub" "$room/other"
head -c 3000000 /dev/urandom >"$room/tree/large"
for number in $(seq 20); do head -c 20000 /dev/urandom >"$room/tree/sub/small$number"; done
echo other >"$room/other/file"
chmod 750 "$room/tree"
touch -d '2020-02-02 02:02:02' "$room/tree"
start_server "$room/root"
slowly=(--rate 8m --policy fixed)

tops() { stat -c '%a %Y' "$1"; }
as_it_was() { # WHERE WHAT
    same "$room/tree" "$1"
    [ "$(tops "$1")" = "$(tops "$room/tree")" ] || fail "$2: mode and time of the tree are $(tops "$1")"
    find "$1" -name '*.sluice-*' | grep . && fail "$2: something was left over"
}
cut_off() { # COPY ARGUMENT...
    begin_copy "${slowly[@]}" "$@"
    await_moved 1000000
    kill -KILL "$copier"
    wait "$copier" 2>/dev/null
    copier=0
}

cut_off "$room/tree" "$(url new)"
wants 0 '' copy "$room/tree" "$(url new)"
as_it_was "$room/root/new" "a push"

# What is complete is an ordinary directory.
wants 0 '' copy "$room/tree" "$(url new)"
as_it_was "$room/root/new/tree" "a push into"

# So is an unfinished one for anything else.
cut_off "$room/tree" "$(url started)"
wants 0 '' copy "$room/other" "$(url started)"
same "$room/other" "$room/root/started/other"
wants 0 '' copy "$room/tree" "$(url started/)"
same "$room/tree" "$room/root/started/tree"
rm -r "$room/root/started/other" "$room/root/started/tree"
wants 0 '' copy "$room/tree" "$(url started)"
as_it_was "$room/root/started" "a push after others"

# The server is restarted, and the client goes on with a new session.
begin_copy "${slowly[@]}" --verbose "$room/tree" "$(url deep/new)" --mkdir
await_moved 1000000
end_server KILL
start_server "$room/root"
end_copy 0 "a push whose server was restarted"
as_it_was "$room/root/deep/new" "a push whose server was restarted"

# A pull.
cut_off "$(url new/tree)" "$room/back"
wants 0 '' copy "$(url new/tree)" "$room/back"
as_it_was "$room/back" "a pull"

# Several go into a directory, whoever made it.
cut_off --mkdir "$room/tree" "$room/other" "$(url both)"
wants 0 '' copy --mkdir "$room/tree" "$room/other" "$(url both)"
as_it_was "$room/root/both/tree" "two"
same "$room/other" "$room/root/both/other"
finish
