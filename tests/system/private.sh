# SPDX-License-Identifier: Apache-2.0
# Sourced first by tests that need a machine of their own: runs the test again in private network, mount and process
# namespaces.  Whatever ends the test, even SIGKILL, ends every process in them, and with the processes go links, rules and
# mounts.  /run is empty memory there and holds the room, so nothing is left behind on disk either.
set -u

skip() { # WHY
    echo "skipped: $*" >&2
    [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && exit 1
    exit 77
}

needs() { # TOOL...
    local tool
    PATH=$PATH:/usr/sbin:/sbin
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "there is no $tool here"
    done
}

# Tests that take minutes of waiting need not be part of every run.
[ "${SLUICE_LONG_TESTS:-yes}" = yes ] || { echo "skipped: SLUICE_LONG_TESTS=$SLUICE_LONG_TESTS" >&2; exit 77; }
needs unshare nsenter mount ip

if [ "${SLUICE_PRIVATE:-}" != yes ]; then
    case $TOP_BUILDDIR/$TOP_SRCDIR/ in /run/* | */run/media/*) skip "the tree lies in /run, which these tests cover" ;; esac
    private=(unshare --net --mount --pid --fork --kill-child=KILL --mount-proc)
    # Root of a user namespace can do all but what needs real users, such as sshd.
    [ "$(id -u)" = 0 ] || private+=(--map-root-user)
    "${private[@]}" mount -t tmpfs tmpfs /run 2>/dev/null || skip "namespaces cannot be made here (root can)"
    real_user=$(id -u) SLUICE_PRIVATE=yes exec "${private[@]}" bash "$0" "$@"
fi

# The first process of a namespace takes only the signals for which it has a trap.
trap 'exit 143' TERM
trap 'exit 130' INT
trap 'exit 129' HUP
mount -t tmpfs tmpfs /run || exit 99
mkdir /run/sshd
export TMPDIR=/run
ip link set lo up

# Puts a file in the place of one of /etc, for this test alone.
instead() { # FILE PATH
    [ -e "$2" ] || skip "there is no $2 here"
    mount --bind "$1" "$2" || skip "$2 cannot be covered here"
}

# Processes whose command line matches an extended pattern, one a line; of this test only.
processes() { # PATTERN
    local folder line
    for folder in /proc/[0-9]*; do
        line=$({ tr '\0' ' ' <"$folder/cmdline"; } 2>/dev/null)
        [[ $line =~ $1 ]] && [ "${folder#/proc/}" != $$ ] && echo "${folder#/proc/}"
    done
    return 0
}

child_of() { # PID NAME: the child of that name, or nothing
    local folder
    for folder in /proc/[0-9]*; do
        [ "$(sed -n 's/^PPid:[[:space:]]*//p' "$folder/status" 2>/dev/null)" = "$1" ] &&
            [ "$(cat "$folder/comm" 2>/dev/null)" = "$2" ] && echo "${folder#/proc/}" && return 0
    done
    return 1
}
