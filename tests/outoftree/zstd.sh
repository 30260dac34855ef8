#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The example plugins, built as their first lines say against what is installed: a file is compressed on its way out, and
# expanded on its way in.
pkg-config --exists libzstd 2>/dev/null || {
    echo "skipped: libzstd (libzstd-dev) is not here"
    exit 77
}
. "$TOP_SRCDIR/tests/outoftree/stage.sh"
server=0
trap 'end_server; chmod -R u+w "$stage"; rm -rf "$stage"' EXIT

end_server() {
    [ "$server" = 0 ] && return
    kill -TERM "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=0
}

mkdir "$stage/plugins" "$stage/bin" "$stage/served" "$stage/state"
printf '#!/bin/sh\nexec %s %s -Wall -Wextra -Werror "$@"\n' "${CC:-cc}" "$SANITIZER_CFLAGS" >"$stage/bin/cc"
chmod +x "$stage/bin/cc"
export PATH="$stage/bin:$PATH" XDG_STATE_HOME="$stage/state"
cd "$stage/plugins" || exit 99
for name in source_zstd sink_unzstd; do
    cp "$TOP_SRCDIR/doc/examples/plugins/$name.c" .
    # The command as it stands in the file's head.  Libraries that are not staged must be found where they are.
    sed -n '/^ \*     cc /,/[^\\]$/s/^ \* *//p' $name.c >$name.sh
    grep -q "^cc .*pkg-config" $name.sh || complain "$name.c does not say how it is built"
    sed -i "s#\$(pkg-config --cflags sluice libzstd)#$(pkg-config --cflags sluice) $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --cflags libzstd)#
        s#\$(pkg-config --libs libzstd)#$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --libs libzstd)#" $name.sh
    sh -e $name.sh || complain "$name was not compiled"
    [ "$(wc -l <$name.c)" -le 180 ] || complain "$name.c is too long for an example"
done

# expect STATUS PART COMMAND...
expect() {
    wanted=$1 part=$2
    shift 2
    said=$(timeout 60 "$@" 2>&1)
    status=$?
    [ "$status" -eq "$wanted" ] || complain "'$*' ended with $status, not $wanted: $said"
    case $said in
    *"$part"*) ;;
    *) complain "'$*' did not say '$part' but: $said" ;;
    esac
}

"$runner" serve --listen 127.0.0.1:0 --root "$stage/served" >"$stage/serve.log" 2>&1 &
server=$!
port=
for _ in $(seq 200); do
    port=$(sed -n 's#.*sluice://127.0.0.1:\([0-9]*\)/.*#\1#p' "$stage/serve.log" | head -n 1)
    [ -n "$port" ] && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
done
url=sluice://127.0.0.1:$port
copy() { expect "$1" "$2" "$runner" copy --progress never --plugin-dir "$stage/plugins" "${@:3}"; }
# zstd(1) where it is, else our own sink says whether a file is good.
good() {
    if command -v zstd >/dev/null; then
        zstd -qt "$1" && zstd -qdc "$1" | cmp -s - "$2"
    else
        copy 0 '' "$url/${1##*/}" "unzstd:$stage/checked" && cmp -s "$stage/checked" "$2"
    fi
}

expect 0 "level (number, default 3, minimum 1, maximum 19)" "$runner" plugins --plugin-dir "$stage/plugins" source/zstd
expect 0 "sink/unzstd" "$runner" plugins --plugin-dir "$stage/plugins" sink
seq 3000000 >"$stage/numbers"
: >"$stage/empty"
head -c 3000000 /dev/urandom >"$stage/noise"
for name in numbers empty noise; do
    copy 0 '' "zstd:$stage/$name" "$url/"
    good "$stage/served/$name.zst" "$stage/$name" || complain "$name did not arrive as a good zstd file"
    copy 0 '' "$url/$name.zst" "unzstd:$stage/back"
    cmp "$stage/$name" "$stage/back" || complain "$name did not come back as it was"
    rm -f "$stage/back"
done
[ "$(wc -c <"$stage/served/numbers.zst")" -lt $(($(wc -c <"$stage/numbers") / 3)) ] || complain "numbers are not compressed"
copy 0 '' --set source.zstd.level=19 --set source.zstd.checksum=no "zstd:$stage/empty" "$url/other"
copy 3 'level' --set source.zstd.level=20 "zstd:$stage/numbers" "$url/other"

# In a session of an INI file.
printf '[session there]\nsource = zstd:%s\ndestination = %s/by-ini.zst\n[source zstd]\nlevel = 1\n' "$stage/numbers" "$url" \
    >"$stage/zstd.ini"
expect 0 '' "$runner" run --plugin-dir "$stage/plugins" "$stage/zstd.ini"
good "$stage/served/by-ini.zst" "$stage/numbers" || complain "by-ini.zst is not good"

# What is not good leaves nothing, and says why.
head -c 1000 "$stage/noise" >"$stage/served/noise"
head -c 500000 "$stage/served/numbers.zst" >"$stage/served/cut.zst"
cp "$stage/served/numbers.zst" "$stage/served/hurt.zst"
printf 'XXXXXXXX' | dd of="$stage/served/hurt.zst" bs=1 seek=400000 conv=notrunc status=none
copy 1 'no good zstd file' "$url/noise" "unzstd:$stage/back"
copy 1 'ends in its middle, after 500000 bytes' "$url/cut.zst" "unzstd:$stage/back"
copy 1 'no good zstd file' "$url/hurt.zst" "unzstd:$stage/back"
copy 1 'takes one file' "$url/" "unzstd:$stage/back"
copy 1 'cannot be opened' "zstd:$stage/nowhere" "$url/nowhere.zst"
copy 2 'give the path' zstd: "$url/nowhere.zst"
[ -z "$(find "$stage" -name 'back*' -o -name '*nowhere*')" ] || complain "what failed left something behind"

[ "$failures" -eq 0 ]
