#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each installed header compiles alone, as C17 and as C++17, with warnings as errors.
cd "${TOP_SRCDIR:-.}" || exit 99
failures=0
for header in include/sluice/*.h; do
    name=${header#include/}
    echo "#include <$name>" | ${CC:-cc} -std=c17 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c - || {
        echo "$name: does not compile alone as C17" >&2
        failures=$((failures + 1))
    }
    [ -n "$CXX" ] || continue
    echo "#include <$name>" | $CXX -std=c++17 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c++ - || {
        echo "$name: does not compile alone as C++17" >&2
        failures=$((failures + 1))
    }
done
[ -n "$CXX" ] || echo "no C++ compiler: C++17 was not checked"
[ "$failures" -eq 0 ]
