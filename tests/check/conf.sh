#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every file in conf/ passes `sluice check`; conf/sluice.ini is what `sluice check --sample` prints.
failures=0
sample=$("$SLUICE" check --sample) || exit 1
if [ "$sample" != "$(cat "$TOP_SRCDIR/conf/sluice.ini")" ]; then
    echo "conf/sluice.ini is not what the option tables say; 'make -C conf sample' makes it anew:" >&2
    echo "$sample" | diff "$TOP_SRCDIR/conf/sluice.ini" - >&2
    failures=1
fi
for file in "$TOP_SRCDIR"/conf/*.ini; do
    "$SLUICE" check "$file" >/dev/null || failures=1
done
exit "$failures"
