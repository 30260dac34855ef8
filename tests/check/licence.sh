#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One SPDX line in each file that is ours to write by hand.
cd "${TOP_SRCDIR:-.}" || exit 99
failures=0
for file in $(find core plugins include tests -name '*.[ch]' -o -name '*.sh' -path '*tests*') \
    configure.ac Makefile.am */Makefile.am m4/sluice_*.m4 sluice.pc.in; do
    [ "$(grep -c 'SPDX-License-Identifier: Apache-2.0' "$file")" -ge 1 ] && head -n 3 "$file" |
        grep -q 'SPDX-License-Identifier: Apache-2.0' && continue
    echo "$file: no SPDX line at its head" >&2
    failures=$((failures + 1))
done
[ "$failures" -eq 0 ]
