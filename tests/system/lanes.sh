#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sessions of several lanes: the same files arrive by 1, 2 and 4, in a push and in a pull; what was cut off in the middle is
# taken up by another number of them; the rate is that of all together; fewer than were asked for have a reason; and no key
# ever seals two packets with one nonce.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

mkdir "$room/root" "$room/back" "$room/tree" "$room/tree/many"
head -c 40000000 /dev/urandom >"$room/tree/big"
head -c 3000001 /dev/urandom >"$room/tree/odd"
truncate -s 8000000 "$room/tree/hole"
: >"$room/tree/empty"
for i in $(seq 300); do head -c $((i * 37)) "$room/tree/big" >"$room/tree/many/$i"; done

lanes_of() { grep '"event":"done"' "$room/stdout" | grep -o '"lanes":[0-9]*'; }
wants_lanes() { [ "$(lanes_of)" = "\"lanes\":$1" ] || fail "$2: $(lanes_of), not $1"; }

start_server "$room/root"
for lanes in 1 2 4; do
    wants 0 '' copy --json --lanes $lanes "$room/tree" "$(url by$lanes)"
    wants_lanes $lanes "a push by $lanes"
    same "$room/tree" "$room/root/by$lanes"
    wants 0 '' copy --json --lanes $lanes "$(url by$lanes)" "$room/back"
    wants_lanes $lanes "a pull by $lanes"
    same "$room/tree" "$room/back/by$lanes"
    # Each file is begun once, however many lanes carry it.
    [ "$(grep -c '"event":"file_start".*/big"' "$room/stdout")" -le 1 ] || fail "one file began several times"
done

# With little memory what was sent is read again when it is lost; lanes get by with what each has.
wants 0 '' copy --lanes 2 --memory 8Mi "$room/tree" "$(url small)"
same "$room/tree" "$room/root/small"
wants 0 'has 1 lane, not 4: each wants' copy --lanes 4 --memory 4Mi "$room/tree/odd" "$(url tiny)"
cmp -s "$room/tree/odd" "$room/root/tiny" || fail "with 4 MiB of memory the file differs"

# Cut off by a signal that leaves no time for anything, and gone on with in another way.
mkdir "$room/root/cut" "$room/root/cut14" "$room/back/cut"
resumed() { # WHAT FROM TO COMPARED FIRST THEN
    local resumed
    begin_copy --lanes "$5" --rate 100m "$2" "$3"
    if await_moved 15000000; then kill -KILL "$copier"; fi
    wait "$copier" 2>/dev/null
    copier=0
    wants 0 '' copy --json --lanes "$6" "$2" "$3"
    resumed=$(grep '"event":"file".*/big"' "$room/stdout" | grep -o '"resumed_bytes":[0-9]*' | cut -d: -f2)
    [ "${resumed:-0}" -gt 1000000 ] || fail "$1: only ${resumed:-0} bytes were taken up"
    same "$room/tree" "$4"
}
resumed "a push by 4, then by 2" "$room/tree" "$(url cut)" "$room/root/cut/tree" 4 2
resumed "a pull by 2, then by 1" "$(url by1)" "$room/back/cut" "$room/back/cut/by1" 2 1
resumed "a push by 1, then by 4" "$room/tree" "$(url cut14)" "$room/root/cut14/tree" 1 4

# A target is the session's: 40 MB at 160 Mbit/s take two seconds, by as many lanes as one likes.
seconds() { grep '"event":"done"' "$room/stdout" | grep -o '"seconds":[0-9.]*' | cut -d: -f2; }
for lanes in 1 4; do
    wants 0 '' copy --json --lanes $lanes --policy fixed --rate 160m "$room/tree/big" "$(url rate$lanes)"
    awk -v s="$(seconds)" 'BEGIN { exit !(s > 1.9) }' || fail "40 MB at 160m by $lanes lanes took only $(seconds) s"
done
end_server TERM

# ---- fewer than were asked for ----

start_server "$room/root" --max-lanes 2
wants 0 'has 2 lanes, not 4: the server takes no more' copy --lanes 4 "$room/tree/big" "$(url two)"
cmp -s "$room/tree/big" "$room/root/two" || fail "what came to a server that takes 2 lanes differs"
wants 0 'has one lane, not 3: it travels over TCP' copy --lanes 3 --transport tcp "$room/tree/odd" "$(url tcp)"
cmp -s "$room/tree/odd" "$room/root/tcp" || fail "what came over TCP differs"
wants 2 'lanes' copy --lanes 17 "$room/tree/odd" "$(url no)"
wants 2 'lanes' copy --lanes 0 "$room/tree/odd" "$(url no)"
end_server TERM
start_server "$room/root" --max-lanes 1
wants 0 'has 1 lane, not 2' copy --lanes 2 "$room/tree/odd" "$(url one)"
end_server TERM

# ---- keys and nonces ----

notary=$TOP_BUILDDIR/tests/.libs/crypto_notary.so
if [ -e "$notary" ]; then
    mkdir "$room/books" "$room/plugins"
    cp "$notary" "$room/plugins/"
    export NOTARY=$room/books SLUICE_PLUGIN_PATH=$SLUICE_PLUGIN_PATH:$room/plugins
    start_server "$room/root" --crypto notary
    wants 0 '' copy --json --lanes 4 --crypto notary --datagram-size 1400 "$room/tree/big" "$(url sealed)"
    wants_lanes 4 "with keys written down"
    end_server TERM
    cmp -s "$room/tree/big" "$room/root/sealed" || fail "what was sealed for the books differs"
    # Each side first measures what its ciphers can do, with a key that is nobody's.
    for book in "$room/books"/*; do head -n 1 "$book" | grep -q '^0102030' && rm "$book"; done
    cat "$room/books"/* >"$room/book"
    # At least 40 MB / 1400 packets by four lanes, some of whose keys have turned, and reports back.
    packets=$(wc -l <"$room/book")
    keys=$(cut -d' ' -f1 "$room/book" | sort -u | wc -l)
    # Each lane has its part: in a push of 40 MB no sender has less than a tenth of the packets of the most used one.
    wc -l "$room/books"/* | grep -v total | sort -n | awk '{ n[NR] = $1 } END { exit !(n[NR - 3] > n[NR] / 10) }' ||
        fail "the lanes are not all used: $(wc -l "$room/books"/* | tr '\n' ' ')"
    [ "$packets" -gt 28000 ] || fail "only $packets packets are in the books"
    [ "$keys" -gt 40 ] || fail "only $keys keys are in the books"
    [ "$(ls "$room/books" | wc -l)" = 8 ] || fail "$(ls "$room/books" | wc -l) have sealed, not 4 at either side"
    twice=$(sort "$room/book" | uniq -d | wc -l)
    [ "$twice" = 0 ] || fail "$twice nonces were used twice with one key: $(sort "$room/book" | uniq -d | head -n 1)"
    # A key is one lane's: no two books share one.
    shared=$(for book in "$room/books"/*; do cut -d' ' -f1 "$book" | sort -u; done | sort | uniq -d | wc -l)
    [ "$shared" = 0 ] || fail "$shared keys were used by more than one lane"
fi
finish
