#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The plugins that encrypt: by whichever one the two sides do it, the bytes are the same; without being told which, each side
# takes the one that it has measured to be the fastest; and one that does not load is no reason to fail.
. "${TOP_SRCDIR:?}/tests/system/session.sh"

mkdir "$room/root" "$room/back" "$room/plugins"
head -c 3000000 /dev/urandom >"$room/file"
printf '[log]\nlevel = debug\n' >"$room/debug.ini"

told_last() { sed -n "s/.*\"event\":\"done\".*\"$1\":\"\([^\"]*\)\".*/\1/p" "$room/stdout"; } # KEY

# there SERVER-PLUGIN CLIENT-PLUGIN CIPHER: a push and a pull, each side by its own.
there() {
    rm -f "$room/root/file" "$room/back/file"
    wants 0 '' copy --json --crypto "$2" --cipher "$3" "$room/file" "$(url)"
    cmp -s "$room/file" "$room/root/file" || fail "$3, $2 to $1: it differs"
    [ "$(told_last crypto)" = "$2" ] || fail "$3, $2 to $1: the client used '$(told_last crypto)'"
    [ "$(told_last cipher)" = "$3" ] || fail "$3, $2 to $1: the cipher was '$(told_last cipher)'"
    wants 0 '' copy --crypto "$2" --cipher "$3" "$(url file)" "$room/back/"
    cmp -s "$room/file" "$room/back/file" || fail "$3, $1 to $2: it differs"
    [ "$(grep -c "admitted .*$3 ($1)" "$room/serve.log")" = 2 ] || fail "$3: the server did not use $1 twice: $(tail -n 2 "$room/serve.log")"
}

# The plugins with which this machine can encrypt at all, as the log has them.
start_server "$room/root" --verbose
end_server TERM
mapfile -t plugins < <(sed -n 's/.*crypto plugin \([a-z0-9]*\): aes-128-gcm, [0-9]* packets.*/\1/p' "$room/serve.log")
case "${plugins[*]}" in
*openssl*) ;;
*) fail "the log of the server has no measurement of openssl: $(cat "$room/serve.log")" ;;
esac
[ "${#plugins[@]}" -gt 1 ] || echo "not tested: two plugins together; there is one: ${plugins[*]}" >&2

for theirs in "${plugins[@]}"; do
    start_server "$room/root" --crypto "$theirs"
    for ours in "${plugins[@]}"; do
        for cipher in aes-128-gcm aes-256-gcm chacha20-poly1305; do
            there "$theirs" "$ours" "$cipher"
            : >"$room/serve.log"
        done
    done
    end_server TERM
done

# By itself: of what it says it has measured, the fastest.
start_server "$room/root"
for cipher in aes-128-gcm chacha20-poly1305; do
    wants 0 "crypto plugin openssl: $cipher, [1-9][0-9]* packets" copy --json --overwrite always --config "$room/debug.ini" \
        --cipher "$cipher" "$room/file" "$(url)"
    fastest=$(sed -n "s/.*crypto plugin \([a-z0-9]*\): $cipher, \([0-9]*\) packets.*/\2 \1/p" "$room/stderr" | sort -rn | head -n 1)
    [ "$(told_last crypto)" = "${fastest#* }" ] || fail "$cipher by '$(told_last crypto)', but it has measured: $(cat "$room/stderr")"
done

# A plugin whose library is not there: told to whoever asks, and the others are used.  The name of the library is changed in a copy.
cripple() { # PLUGIN LIBRARY WRONG-NAME
    [ "${#2}" = "${#3}" ] || exit 99
    sed "s/$2/$3/g" "$TOP_BUILDDIR/plugins/.libs/crypto_$1.so" >"$room/plugins/crypto_$1.so"
}
if ! "$SLUICE" plugins crypto | grep -q '^crypto/ipsecmb'; then
    echo "not tested: ipsecmb without its library; it was not built" >&2
    wants 3 "no crypto plugin 'ipsecmb'" copy --crypto ipsecmb "$room/file" "$(url)"
elif [ ! -f "$TOP_BUILDDIR/plugins/.libs/crypto_ipsecmb.so" ]; then
    echo "not tested: ipsecmb without its library; it is linked in" >&2
else
    cripple ipsecmb libIPSec_MB libIPSec_XX
    without=(copy --plugin-dir "$room/plugins" --overwrite always --config "$room/debug.ini")
    wants 0 'debug: crypto plugin ipsecmb is left out: .*/crypto_ipsecmb.so: libIPSec_XX.so.*: cannot open shared object file' \
        "${without[@]}" --json "$room/file" "$(url)"
    [ "$(told_last crypto)" = openssl ] || fail "without libipsec-mb: by '$(told_last crypto)'"
    wants 0 '' copy --plugin-dir "$room/plugins" --overwrite always "$room/file" "$(url)"
    [ ! -s "$room/stderr" ] || fail "without libipsec-mb it complains: $(cat "$room/stderr")"
    wants 3 'crypto_ipsecmb.so: libIPSec_XX.so.*: cannot open shared object file' "${without[@]}" --crypto ipsecmb "$room/file" "$(url)"
    "$SLUICE" plugins --plugin-dir "$room/plugins" crypto 2>&1 | grep -q 'libIPSec_XX.so.*: cannot open' ||
        fail "sluice plugins does not say why ipsecmb is left out"
fi
end_server TERM
finish
