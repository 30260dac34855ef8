#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hundred jobs at once, pushes and pulls, all of which come to their end and leave nothing behind; and callbacks that do not
# return before everything is done, for which no transfer waits.  JOBS says how many (default 100).
. "${TOP_SRCDIR:?}/tests/system/session.sh"
export SLUICE_PROGRAM=$SLUICE
jobs=${JOBS:-100}
# Where long tests are not wanted once more, fewer.
[ "${SLUICE_LONG_TESTS:-yes}" = yes ] || jobs=${JOBS:-20}

mkdir -p "$room/src" "$room/root" "$room/back"
head -c $((jobs * 1000000)) /dev/urandom | split -b 1000000 -a 4 --numeric-suffixes - "$room/src/part"
i=0
for part in "$room"/src/part*; do
    mv "$part" "$room/src/$i"
    i=$((i + 1))
done
cp -r "$room/src" "$room/root/src"
start_server "$room/root"
cd "$room" || exit 99

crowd() { timeout "${CROWD_TIMEOUT:-300}" "${TOP_BUILDDIR:?}/tests/system/crowd" "$@" "$host" "$port" "$room/ticket" >"$room/events"; }
wants 0 '' crowd slow
rm -rf root/[0-9]* back/*
wants 0 '' crowd many "$jobs"
finish
