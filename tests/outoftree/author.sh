#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# doc/plugin-author.md is true: its two plugins and its commands, taken from the page as they stand, are compiled against
# what is installed and move a file over loopback.
. "$TOP_SRCDIR/tests/outoftree/stage.sh"
page=$TOP_SRCDIR/doc/plugin-author.md
server=0
trap 'end_server; chmod -R u+w "$stage"; rm -rf "$stage"' EXIT

end_server() {
    [ "$server" = 0 ] && return
    kill -TERM "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=0
}

# listing LANGUAGE: the page's listings in it, each C one into the file that its first line names.
listing() {
    awk -v language="$1" '/^```/ { inside = !inside && $0 == "```" language; next } inside' "$page"
}

mkdir "$stage/author" "$stage/bin" "$stage/served" "$stage/state"
cd "$stage/author" || exit 99
listing c | awk '$1 == "/*" && $2 ~ /^(congestion|source)_[a-z]+\.c$/ { file = $2 } { print > file }'
for file in congestion_gentle.c source_lines.c; do
    [ -s "$file" ] || complain "the page has no listing $file"
done

# What the page calls cc and sluice.
printf '#!/bin/sh\nexec %s -Wall -Wextra -Werror "$@"\n' "${CC:-cc}" >"$stage/bin/cc"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$runner" >"$stage/bin/sluice"
chmod +x "$stage/bin/cc" "$stage/bin/sluice"
export PATH="$stage/bin:$PATH" XDG_STATE_HOME="$stage/state"

sluice serve --listen 127.0.0.1:0 --root "$stage/served" >"$stage/serve.log" 2>&1 &
server=$!
port=
for _ in $(seq 200); do
    port=$(sed -n 's#.*sluice://127.0.0.1:\([0-9]*\)/.*#\1#p' "$stage/serve.log" | head -n 1)
    [ -n "$port" ] && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
done
[ -n "$port" ] || {
    echo "the server did not start:" >&2
    cat "$stage/serve.log" >&2
    exit 1
}

# The ticket is where both look for it; only the server is another one.
listing sh | sed "s#sluice://server.example/#sluice://127.0.0.1:$port/ --json#" >"$stage/commands.sh"
grep -q -- "--json" "$stage/commands.sh" || complain "the page copies nothing to server.example"
timeout 60 sh -e "$stage/commands.sh" >"$stage/said" 2>&1 ||
    complain "the page's commands ended with $?: $(tail -n 5 "$stage/said")"
for part in "congestion/gentle 1.0" "target-queue (duration, default 5ms, minimum 100us, maximum 1s)" \
    "gain (number, default 0.2, minimum 0.01, maximum 1)" '"congestion":"gentle"' '"status":"ok"' "0 required failed"; do
    grep -qF -- "$part" "$stage/said" || complain "the page's commands did not say '$part' but: $(cat "$stage/said")"
done
seq -f %015.0f 0 999 | cmp - "$stage/served/lines.txt" || complain "lines:1000 did not arrive as a thousand numbered lines"

[ "$failures" -eq 0 ]
