#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What goes wrong on the way: each failure has its exit status and one line that says what, where, why and what to try,
# and nothing half-written stands under a final name.
if [ "$(id -u)" = 0 ] && [ -z "${FAULTS_NAMESPACE:-}" ] && unshare -m true 2>/dev/null; then
    # Mounts of this test are its own.
    FAULTS_NAMESPACE=yes exec unshare -m --propagation private bash "$0"
fi
. "${TOP_SRCDIR:?}/tests/system/session.sh"
relay=${TOP_BUILDDIR:?}/tests/system/relay

# Runs a copy in the background; $client is the program itself.
start_copy() { # OPTION...
    "$SLUICE" copy --progress never --ticket-file "$room/ticket" "$@" >"$room/client.out" 2>"$room/client.err" &
    client=$!
}

ends_with() { # STATUS PATTERN: of what start_copy began
    local got
    wait "$client"
    got=$?
    [ "$got" = "$1" ] || fail "the copy ended with $got, not $1: $(cat "$room/client.err")"
    grep -Eq -- "$2" "$room/client.err" || fail "the copy said '$(cat "$room/client.err")', nothing like '$2'"
}

# Waits for a condition, 10 s at most.
until_true() { # COMMAND...
    local tries
    for tries in $(seq 500); do
        "$@" && return 0
        sleep 0.02
    done
    fail "waited in vain for: $*"
    return 1
}

# A partial file of this name in this directory.
partial() { find "$1" -name "*$2*sluice-part*" 2>/dev/null | grep -q .; }

mkdir "$room/root" "$room/source" "$room/back"
head -c 6000000 /dev/urandom >"$room/source/big"
head -c 2000 /dev/urandom >"$room/source/small"
echo other >"$room/source/other"
start_server "$room/root"

# UDP is filtered, TCP is not.  This takes a few seconds: it goes on while the rest is tested.
mkfifo "$room/relay.in"
"$relay" 127.0.0.2 127.0.0.1 "$port" <"$room/relay.in" >"$room/relay.out" 2>&1 &
exec 9>"$room/relay.in"
until_true grep -q ready "$room/relay.out"
timeout 30 "$SLUICE" copy --progress never --ticket-file "$room/ticket" "$room/source/small" \
    "sluice://127.0.0.2:$port/filtered" >/dev/null 2>"$room/filtered.err" 9>&- &
filtered=$!

# No parent at the destination, either side.
wants 1 '/back/no/where.*--mkdir' copy "$room/source/small" "$(url back/no/where/)"
cp "$room/source/small" "$room/root/served"
wants 1 "$room/no/where.*--mkdir" copy "$(url served)" "$room/no/where/x"
[ ! -e "$room/no" ] || fail "a parent was made without --mkdir"

# Plugins and settings that are not there.
wants 3 'nosuch' copy --report nosuch "$room/source/small" "$(url x)"
wants 3 'nosuch' copy --set congestion.nosuch.gain=1 "$room/source/small" "$(url x)"
wants 3 'target-queue' copy --set congestion.fair.target-quue=5ms "$room/source/small" "$(url x)"
wants 3 'none.ini' copy --config "$room/none.ini" "$room/source/small" "$(url x)"
wants 2 '--rate' copy --rat 5m "$room/source/small" "$(url x)"

# Sources that shrink, grow or are written to while they are read: an error for each, the rest goes on.
for how in shrinks grows changes; do
    mkdir "$room/$how"
    cp "$room/source/big" "$room/$how/big"
    cp "$room/source/small" "$room/$how/small"
    start_copy --rate 30m --memory 2M "$room/$how" "$(url)"
    if until_true partial "$room/root/$how" big; then
        case $how in
        shrinks) truncate -s 5000000 "$room/$how/big" ;;
        grows) echo more >>"$room/$how/big" ;;
        changes) printf 'changed' | dd of="$room/$how/big" bs=1 seek=5900000 conv=notrunc status=none ;;
        esac
    fi
    ends_with 6 'big'
    [ ! -e "$room/root/$how/big" ] || fail "$how: a file that changed while it was read got its name"
    cmp -s "$room/$how/small" "$room/root/$how/small" || fail "$how: the file beside it is not there"
done

# Two writers of one file: the second one gets an error, the first one goes on.
start_copy --rate 8m "$room/source/big" "$(url twice)"
until_true partial "$room/root" twice
wants 1 'twice' copy "$room/source/other" "$(url twice)"
grep -q 'another' "$room/stderr" || fail "the second writer was told: $(cat "$room/stderr")"

# The first one is interrupted: what it had is kept, and the next copy goes on from there.
kill -INT "$client"
ends_with 130 'interrupted'
[ ! -e "$room/root/twice" ] || fail "an interrupted copy left something under the final name"
wants 0 '' copy --json "$room/source/big" "$(url twice)"
grep -q '"event":"file".*"resumed_bytes":[1-9]' "$room/stdout" || fail "an interrupted copy was not resumed"
cmp -s "$room/source/big" "$room/root/twice" || fail "the resumed file differs"

# The server is killed in the middle: said, not waited for without end, and taken up again.
start_copy --rate 8m --timeout 2 "$room/source/big" "$(url killed)"
until_true partial "$room/root" killed
end_server KILL
ends_with 1 "127.0.0.1:$port.*same command"
wants 5 "127.0.0.1:$port.*refused" copy "$room/source/small" "$(url)"
start_server "$room/root"
wants 0 '' copy --json "$room/source/big" "$(url killed)"
grep -q '"event":"file".*"resumed_bytes":[1-9]' "$room/stdout" || fail "after a kill nothing was resumed"
cmp -s "$room/source/big" "$room/root/killed" || fail "the file resumed after a kill differs"

# A directory that may not be written to.  For root that takes the loss of a capability.
humble=""
[ "$(id -u)" = 0 ] && humble="setpriv --bounding-set=-dac_override,-dac_read_search"
if $humble true 2>/dev/null; then
    mkdir "$room/closed"
    chmod 555 "$room/closed"
    wants 1 "$room/closed.*[Pp]ermission" $humble "$SLUICE" copy --progress never --ticket-file "$room/ticket" \
        "$(url served)" "$room/closed/"
    [ -z "$(ls -A "$room/closed")" ] || fail "something was written into a read-only directory"
    chmod 000 "$room/source/other"
    wants 6 'other.*[Pp]ermission' $humble "$SLUICE" copy --progress never --ticket-file "$room/ticket" \
        "$room/source/small" "$room/source/other" "$(url)"
    chmod 644 "$room/source/other"
else
    echo "skipped: setpriv cannot drop root's right to write everywhere" >&2
    [ "${CI:-}" = true ] && fail "in CI this may not be skipped"
fi

# The receiver's disk is full: that file fails, the others are there; then on the client's side.
if [ -n "${FAULTS_NAMESPACE:-}" ] && mkdir "$room/tiny" && mount -t tmpfs -o size=4m none "$room/tiny"; then
    ln -s "$room/tiny" "$room/tiny-link"
    end_server TERM
    port=
    start_server "$room/tiny"
    mkdir "$room/tree"
    cp "$room/source/"* "$room/tree/"
    cp "$room/source/small" "$room/tree/zlast"
    wants 6 'tree/big.*[Nn]o space' copy "$room/tree" "$(url)"
    [ ! -e "$room/tiny/tree/big" ] || fail "a file that did not fit got its name"
    for name in small other zlast; do
        cmp -s "$room/tree/$name" "$room/tiny/tree/$name" || fail "disk full: $name is not there"
    done
    wants 1 'big.*[Nn]o space' copy "$room/source/big" "$(url big)"
    end_server TERM
    port=
    start_server "$room/source"
    wants 1 "$room/tiny/again.*[Nn]o space" copy "$(url big)" "$room/tiny/again"
    [ ! -e "$room/tiny/again" ] || fail "a pulled file that did not fit got its name"
    umount "$room/tiny"
else
    echo "skipped: a disk that is full needs root and a mount namespace" >&2
    [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && fail "in CI as root this may not be skipped"
fi

wait "$filtered"
status=$?
[ "$status" = 5 ] || fail "UDP filtered: ended with $status: $(cat "$room/filtered.err")"
grep -Eq 'UDP.*127\.0\.0\.2:[0-9]+.*firewall' "$room/filtered.err" || fail "UDP filtered: said $(cat "$room/filtered.err")"
exec 9>&-
finish
