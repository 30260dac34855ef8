#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What every congestion control must stand, on those that are built in.  Where long tests are not wanted once more, on one.
failures=0
all=$("$SLUICE" plugins congestion | sed -n 's#^\(congestion/[a-z0-9_-]*\) .*#\1#p')
[ "${SLUICE_LONG_TESTS:-yes}" = yes ] || all=congestion/fair
for plugin in $all; do
    "$SLUICE" simulate --conformance "$plugin" || {
        echo "FAILED: $plugin" >&2
        failures=$((failures + 1))
    }
done
[ -n "$plugin" ] || failures=1
"$SLUICE" simulate --conformance congestion/no-such-plugin 2>/dev/null
[ $? = 3 ] || failures=$((failures + 1))
[ "$failures" -eq 0 ]
