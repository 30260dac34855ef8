#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Walks through all that can be asked of jobs, in orders that seeds determine, with real workers: what callbacks said, what
# polls said and what lies on disk must agree.  WALK_SEEDS says which (default "1 2 4 18 42"), WALK_STEPS how long they are.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
export SLUICE_PROGRAM=$SLUICE

mkdir -p "$room/src/small" "$room/root" "$room/back"
for i in 0 1 2; do head -c $((1000000 + i * 1234567)) /dev/urandom >"$room/src/large$i"; done
for i in 0 1 2 3 4 5 6 7; do head -c $((i * 30011 + 1)) /dev/urandom >"$room/src/middle$i"; done
for i in 0 1 2 3 4 5; do head -c $((i * 777)) /dev/urandom >"$room/src/small/$i"; done
: >"$room/src/empty"
cp -r "$room/src" "$room/root/src"
start_server "$room/root"
cd "$room" || exit 99

for seed in ${WALK_SEEDS:-1 2 4 18 42}; do
    if ! timeout "${WALK_TIMEOUT:-300}" "${TOP_BUILDDIR:?}/tests/system/walk" "$seed" "${WALK_STEPS:-120}" "$host" "$port" \
        "$room/ticket" >"$room/steps" 2>"$room/said"; then
        fail "a walk of seed $seed: $(head -n 20 "$room/said")"
        tail -n 40 "$room/steps" >&2
    fi
    [ -z "${WALK_LOG:-}" ] || cp "$room/steps" "$WALK_LOG.$seed"
    rm -rf "$room"/root/lane* "$room"/back/*
done
finish
