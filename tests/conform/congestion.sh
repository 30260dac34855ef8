#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What every congestion control must stand, on those that are built in.
failures=0
for plugin in $("$SLUICE" plugins congestion | sed -n 's#^\(congestion/[a-z0-9_-]*\) .*#\1#p'); do
    "$SLUICE" simulate --conformance "$plugin" || {
        echo "FAILED: $plugin" >&2
        failures=$((failures + 1))
    }
done
[ -n "$plugin" ] || failures=1
"$SLUICE" simulate --conformance congestion/no-such-plugin 2>/dev/null
[ $? = 3 ] || failures=$((failures + 1))
[ "$failures" -eq 0 ]
