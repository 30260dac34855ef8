#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plugins built against nothing but what `make install` puts in place and pkg-config says, run by the installed runner.
. "$TOP_SRCDIR/tests/outoftree/stage.sh"
here=$TOP_SRCDIR/tests

# expect STATUS PART COMMAND...: the exit status, and a part of what is said on stdout or stderr.
expect() {
    wanted=$1 part=$2
    shift 2
    said=$("$@" 2>&1)
    status=$?
    [ "$status" -eq "$wanted" ] || complain "'$*' ended with $status, not $wanted: $said"
    case $said in
    *"$part"*) ;;
    *) complain "'$*' did not say '$part' but: $said" ;;
    esac
}

[ "$stage/root$(pkg-config --variable=plugindir sluice)" = "$libdir/sluice" ] ||
    [ "$(pkg-config --variable=plugindir sluice)" = "$libdir/sluice" ] ||
    complain "plugindir of sluice.pc is $(pkg-config --variable=plugindir sluice)"
[ -z "$(find "$libdir/sluice" -name '*.la')" ] || complain "libtool's archives of plugins were installed"

mkdir "$stage/plugins"
# build FILE OUTPUT FLAG...
build() {
    source=$1 output=$2
    shift 2
    # shellcheck disable=SC2046
    ${CC:-cc} $SANITIZER_CFLAGS -std=c17 -Wall -Wextra -Werror -shared -fPIC "$@" $(pkg-config --cflags sluice) \
        -o "$stage/plugins/$output.so" "$source" || complain "$output: was not compiled"
}

build "$here/outoftree/congestion_steady.c" congestion_steady
build "$here/outoftree/source_letters.c" source_letters
expect 0 "congestion/steady 0.3" "$runner" plugins --plugin-dir "$stage/plugins" congestion/steady
expect 0 "rate (rate, default 10m, minimum 1k)" "$runner" plugins --plugin-dir "$stage/plugins" congestion/steady
expect 0 "source/letters" "$runner" plugins --plugin-dir "$stage/plugins" source
expect 0 "$stage/plugins/congestion_steady.so" "$runner" plugins --plugin-dir "$stage/plugins"
expect 3 "no plugin 'congestion/unsteady'" "$runner" plugins --plugin-dir "$stage/plugins" congestion/unsteady
expect 2 "'colour' is none of" "$runner" plugins colour

cat >"$stage/good.ini" <<END
[congestion steady]
rate = 20 Mbit/s
[source letters]
length = 3Mi
END
expect 0 "rate = 20m" "$runner" check --plugin-dir "$stage/plugins" "$stage/good.ini"
expect 0 "length = 4Mi" "$runner" check --plugin-dir "$stage/plugins" --set source.letters.length=4Mi "$stage/good.ini"
expect 3 "good.ini:1: no congestion plugin 'steady'" "$runner" check "$stage/good.ini"
printf '[congestion steady]\nrat = 1m\n\nrate = 1\n' >"$stage/bad.ini"
expect 3 "bad.ini:2: unknown key 'rat'; did you mean 'rate'?" "$runner" check --plugin-dir "$stage/plugins" "$stage/bad.ini"
expect 3 "bad.ini:4: rate: 1 is below the minimum of 1k" "$runner" check --plugin-dir "$stage/plugins" "$stage/bad.ini"

# The laboratory runs a stranger's plugin like any other, with its options; and finds those out that must not pass.
cat >"$stage/lab.ini" <<END
[simulation]
duration = 5s
[link wan]
rate = 50m
[congestion steady]
rate = 20m
[flow stranger]
congestion = steady
[flow slower]
congestion = steady
set = rate=5m
END
expect 0 "stranger         steady         20.0" "$runner" simulate --plugin-dir "$stage/plugins" "$stage/lab.ini"
expect 0 "slower           steady          5.0" "$runner" simulate --plugin-dir "$stage/plugins" "$stage/lab.ini"
expect 3 "lab.ini:5: no congestion plugin 'steady'" "$runner" simulate "$stage/lab.ini"
expect 3 "lab.ini:8: congestion: no congestion plugin 'steady'" "$runner" simulate "$stage/lab.ini"
expect 0 "0 required failed" "$runner" simulate --plugin-dir "$stage/plugins" --set congestion.steady.rate=1g \
    --conformance congestion/steady
for row in "nan:an answer that cannot be used, after samples of nothing" "shared:other answers to the same calls" \
    "silent:an answer that cannot be used, after silence" "slow:FAIL  target: 10 Mbit/s, 10 ms"; do
    flag=$(echo "MAD_${row%%:*}" | tr a-z A-Z)
    build "$here/plugins/mad.c" "congestion_${row%%:*}" "-DNAME=${row%%:*}" "-D$flag"
    expect 1 "${row#*:}" "$runner" simulate --plugin-dir "$stage/plugins" --conformance "congestion/${row%%:*}"
done

# What crashes takes its own run with it, and all of them are told.
build "$here/plugins/mad.c" congestion_crash -DNAME=crash -DMAD_CRASH
expect 1 "0 of 1 rows met" "$runner" simulate --plugin-dir "$stage/plugins" --report-card congestion/crash --rows target \
    --paths '10 Mbit/s' --seeds 2
expect 1 "seed 1: its process was ended by signal 6" "$runner" simulate --plugin-dir "$stage/plugins" \
    --report-card congestion/crash --rows target --paths '10 Mbit/s, 200 ms' --seeds 2
expect 0 "1 of 1 rows met" "$runner" simulate --plugin-dir "$stage/plugins" --set congestion.steady.rate=100m \
    --report-card congestion/steady --rows target --paths '10 Mbit/s' --seeds 1

# Plugins that must be refused, each with the true reason.
build "$here/plugins/crooked.c" congestion_alien -DNAME=alien -DCROOKED_ABI
build "$here/plugins/crooked.c" congestion_newer -DNAME=newer -DCROOKED_MINOR
build "$here/plugins/crooked.c" congestion_orphan -DNAME=orphan -DCROOKED_UNDEFINED
build "$here/plugins/crooked.c" congestion_partial -DNAME=partial -DCROOKED_LACKING
build "$here/plugins/crooked.c" congestion_alias -DNAME=alias -DCROOKED_NAME
echo "not a shared object" >"$stage/plugins/congestion_text.so"
for row in "alien:plugin ABI 9.3, this is 1.0" "newer:congestion ABI 1.2, this is 1.1" \
    "orphan:undefined symbol: sluice_nobody_has_this" "partial:lacks the required operation 'sample'" \
    "alias:its descriptor says 'other'" "text:file too short"; do
    expect 3 "congestion_${row%%:*}.so: " "$runner" plugins --plugin-dir "$stage/plugins" "congestion/${row%%:*}"
    expect 3 "${row#*:}" "$runner" plugins --plugin-dir "$stage/plugins" "congestion/${row%%:*}"
done

# The current directory is not searched, and a relative path is refused.
cd "$stage/plugins" || exit 99
expect 3 "no plugin" env SLUICE_PLUGIN_PATH= "$runner" plugins congestion/steady
expect 3 "is not a full path" env SLUICE_PLUGIN_PATH=. "$runner" plugins congestion/steady
expect 0 "congestion/steady 0.3" "$runner" plugins --plugin-dir . congestion/steady

[ "$failures" -eq 0 ]
