#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every source file is named in the Makefile.am of its top-level folder, or of its own: else `make dist` leaves it out, or no
# build compiles it.
cd "${TOP_SRCDIR:-.}" || exit 99
failures=0
for folder in core plugins include tests; do
    for file in $(cd "$folder" && find . -name '*.[ch]' -o -name '*.sh'); do
        name=${file#./}
        # A test program's own source goes without saying.
        grep -qE "(^|[[:space:]=])(${name}|${name%.c})([[:space:]\\]|\$)" "$folder/Makefile.am" && continue
        own=$folder/$(dirname "$name")/Makefile.am
        [ -f "$own" ] && grep -qE "(^|[[:space:]=])$(basename "$name")([[:space:]\\]|\$)" "$own" && continue
        echo "$folder/$name: is not named in $folder/Makefile.am" >&2
        failures=$((failures + 1))
    done
done
[ "$failures" -eq 0 ]
