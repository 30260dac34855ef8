#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# doc/streams.md is true: its listings, taken from the page as they stand, are compiled against what is installed, and its
# first programs do what it says.
. "$TOP_SRCDIR/tests/outoftree/stage.sh"
page=$TOP_SRCDIR/doc/streams.md
trap 'kill $(cat "$stage/server.pid" 2>/dev/null) 2>/dev/null; chmod -R u+w "$stage"; rm -rf "$stage"' EXIT

# listing LANGUAGE: the page's listings in it, each C one into the file that its first line names.
listing() {
    awk -v language="$1" '/^```/ { inside = !inside && $0 == "```" language; next } inside' "$page"
}

mkdir "$stage/streams" "$stage/bin"
cd "$stage/streams" || exit 99
listing c | awk '$1 == "/*" && $2 ~ /^[a-z_]+\.c$/ && $3 == "-" { file = $2 } { print > file }'
for file in first_server.c first_client.c with_libevent.c as_file.c frames.c rates.c store.c; do
    [ -s "$file" ] || complain "the page has no listing $file"
done
[ "$(grep -c '^```c$' "$page")" = "$(find . -name '*.c' | wc -l)" ] || complain "a listing of the page names no file"
for file in *.c; do
    # shellcheck disable=SC2046
    ${CC:-cc} $SANITIZER_CFLAGS -std=c17 -Wall -Wextra -Werror $(pkg-config --cflags sluice) -c -o /dev/null "$file" ||
        complain "$file: was not compiled"
done

# The commands as they stand, but for the port, a server that is waited for, and what it says kept.
printf '#!/bin/sh\nexec %s %s -Wall -Wextra -Werror "$@"\n' "${CC:-cc}" "$SANITIZER_CFLAGS" >"$stage/bin/cc"
chmod +x "$stage/bin/cc"
export PATH="$stage/bin:$PATH" XDG_STATE_HOME="$stage/state"
port=33001
while (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((20000 + RANDOM % 12000))
done
listing sh | sed -e "s/33001/$port/" -e 's/^\(.*\) &$/\1 >said \& echo $! >..\/server.pid/' \
    -e 's/^sleep 1$/for i in $(seq 1200); do [ -s "$XDG_STATE_HOME\/sluice\/ticket" ] \&\& break; sleep 0.05; done; sleep 1/' \
    >commands.sh
grep -q '^./first_client' commands.sh || complain "the page does not run its first client"
timeout 120 sh -e commands.sh >commands.log 2>&1 || complain "the page's commands ended with $?: $(cat commands.log)"
for _ in $(seq 1200); do
    grep -q hello said && break
    sleep 0.05
done
[ "$(cat said)" = hello ] || complain "the first server did not say hello but: $(cat said)"

[ "$failures" -eq 0 ]
