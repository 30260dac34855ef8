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

# Runs a copy in the background; $client is the program itself, NAME that of its output.
start_copy() { # NAME OPTION...
    local name=$1
    shift
    env --default-signal=INT "$SLUICE" copy --progress never --ticket-file "$room/ticket" "$@" >"$room/$name.out" 2>"$room/$name.err" 9>&- &
    client=$!
}

# What start_copy began ends in this way.
ends_with() { # NAME PID STATUS PATTERN
    local got
    wait "$2"
    got=$?
    [ "$got" = "$3" ] || fail "$1: the copy ended with $got, not $3: $(cat "$room/$1.err")"
    grep -Eq -- "$4" "$room/$1.err" || fail "$1: the copy said '$(cat "$room/$1.err")', nothing like '$4'"
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

# Somewhere in this directory lies a partial file of this name with so many MiB on disk.
partial() { # DIRECTORY NAME MIB
    local bytes
    bytes=$(find "$1" -name "*$2*sluice-part*" -printf '%s\n' 2>/dev/null | head -n 1)
    [ -n "$bytes" ] && [ "$bytes" -ge $(($3 * 1048576)) ]
}

mkdir "$room/root" "$room/source" "$room/back"
head -c 6000000 /dev/urandom >"$room/source/big"
head -c 2000 /dev/urandom >"$room/source/small"
echo other >"$room/source/other"
start_server "$room/root"

# UDP is filtered, TCP is not.  This and the next take a few seconds: they go on while the rest is tested.
mkfifo "$room/relay.in"
"$relay" 127.0.0.2 127.0.0.1 "$port" <"$room/relay.in" >"$room/relay.out" 2>&1 &
exec 9>"$room/relay.in"
until_true grep -q ready "$room/relay.out"
start_copy filtered --transport udp "$room/source/small" "sluice://127.0.0.2:$port/filtered"
filtered=$client

# Two writers of one file: the second one is told after some patience, the first one goes on.
start_copy first --rate 3m "$room/source/big" "$(url twice)"
first=$client
until_true partial "$room/root" twice 0
start_copy second "$room/source/other" "$(url twice)"
second=$client

# No parent at the destination, either side.
wants 1 "127.0.0.1:$port: back/no/where.*--mkdir" copy "$room/source/small" "$(url back/no/where/)"
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
changed_clients=()
for how in shrinks grows changes; do
    mkdir "$room/$how"
    cp "$room/source/big" "$room/$how/big"
    cp "$room/source/small" "$room/$how/small"
    start_copy $how --rate 10m --memory 4Mi "$room/$how" "$(url)"
    changed_clients+=("$client")
done
for how in shrinks grows changes; do
    until_true partial "$room/root/$how" big 0 || continue
    case $how in
    shrinks) truncate -s 5000000 "$room/$how/big" ;;
    grows) echo more >>"$room/$how/big" ;;
    changes) printf 'changed' | dd of="$room/$how/big" bs=1 seek=5900000 conv=notrunc status=none ;;
    esac
done
for how in shrinks grows changes; do
    ends_with $how "${changed_clients[0]}" 6 '/big: '
    changed_clients=("${changed_clients[@]:1}")
    [ ! -e "$room/root/$how/big" ] || fail "$how: a file that changed while it was read got its name"
    cmp -s "$room/$how/small" "$room/root/$how/small" || fail "$how: the file beside it is not there"
done

# UDP that is filtered, and a second writer: both were waited for.
ends_with filtered "$filtered" 5 'UDP.*127\.0\.0\.2:[0-9]+.*firewall'
exec 9>&-
ends_with second "$second" 1 'twice: another transfer'

# The first writer is interrupted: what it had is kept, and the next copy goes on from there.
until_true partial "$room/root" twice 2
kill -INT "$first"
ends_with first "$first" 130 'interrupted'
[ ! -e "$room/root/twice" ] || fail "an interrupted copy left something under the final name"
wants 0 '' copy --json "$room/source/big" "$(url twice)"
grep -q '"event":"file".*"resumed_bytes":[1-9]' "$room/stdout" || fail "an interrupted copy was not resumed"
cmp -s "$room/source/big" "$room/root/twice" || fail "the resumed file differs"

# The server is killed in the middle: said, not waited for without end, and taken up again.
start_copy killed --rate 16m --timeout 2 "$room/source/big" "$(url killed)"
until_true partial "$room/root" killed 2
end_server KILL
ends_with killed "$client" 1 "127.0.0.1:$port.*same command"
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

finish
