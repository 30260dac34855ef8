#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real tree across an emulated path of 5 % loss and back, with both sides killed on the way, ends identical.
# TREE (default: a part of /usr/include), KILLS (default 2) of each side, PATH_OPTIONS of wanem.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
wanem=${TOP_BUILDDIR:?}/tests/wan/wanem
kills=${KILLS:-2}
path=${PATH_OPTIONS:---rate 200m --rtt 40ms --loss 5% --reorder 0.5% --duplicate 0.5%}

if [ "$(id -u)" != 0 ] || [ ! -w /dev/net/tun ]; then
    echo "skipped: the WAN emulator needs root and /dev/net/tun" >&2
    [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && exit 1
    exit 77
fi

tree=${TREE:-}
if [ -z "$tree" ]; then
    tree=$room/tree
    mkdir "$tree"
    cp -a /usr/include/linux "$tree/" 2>/dev/null || cp -a "$TOP_SRCDIR"/. "$tree/"
    head -c 20000000 /dev/urandom >"$tree/big"
    ln -s big "$tree/link"
    : >"$tree/empty"
fi
name=$(basename "$tree")
mkdir "$room/root" "$room/back"

# Serves again whenever it was killed; kills itself as often as wanted, at times that $1 seeds.
cat >"$room/serve" <<END
#!/bin/bash
RANDOM=7
for round in \$(seq $kills); do
    "$SLUICE" serve --listen 10.99.0.2:33001 --root "$room/root" --ticket-file "$room/ticket" >>"$room/serve.log" 2>&1 &
    sleep 1.\$((RANDOM % 10))
    kill -KILL \$!
    wait \$!
done
exec "$SLUICE" serve --listen 10.99.0.2:33001 --root "$room/root" --ticket-file "$room/ticket" >>"$room/serve.log" 2>&1
END

# Copies \$1 to \$2 until it works; the first attempts are killed.
cat >"$room/copy" <<END
#!/bin/bash
RANDOM=3
i=0
while [ ! -s "$room/ticket" ] && [ \$i -lt 100 ]; do sleep 0.1; i=\$((i + 1)); done
for round in \$(seq $kills); do
    "$SLUICE" copy --progress never --timeout 5 --ticket-file "$room/ticket" "\$1" "\$2" >>"$room/copy.log" 2>&1 &
    sleep 0.\$((RANDOM % 9 + 1))
    kill -KILL \$! 2>/dev/null
    wait \$!
done
for attempt in \$(seq 12); do
    "$SLUICE" copy --progress never --timeout 5 --ticket-file "$room/ticket" "\$1" "\$2" >>"$room/copy.log" 2>&1 && exit 0
    sleep 0.5
done
exit 1
END
chmod +x "$room/serve" "$room/copy"

across() { # SOURCE DESTINATION
    "$wanem" $path --seed 5 --timeout "${WAN_TIMEOUT:-100}" --linger 0.2 --quiet run "exec $room/serve" "exec $room/copy $1 $2" ||
        fail "copying $1 to $2 failed: $(tail -n 3 "$room/copy.log")"
}

across "$tree" sluice://10.99.0.2:33001/
same "$tree" "$room/root/$name"
across "sluice://10.99.0.2:33001/$name" "$room/back/"
same "$tree" "$room/back/$name"
finish
