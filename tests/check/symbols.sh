#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What shared objects show: libsluice only sluice_*; a plugin its one symbol, and nothing undefined but what libc and
# the library that it wraps have.
cd "${TOP_BUILDDIR:-.}" || exit 99
failures=0

complain() {
    echo "$1" >&2
    failures=$((failures + 1))
}

library=core/.libs/libsluice.so
if [ -f "$library" ]; then
    foreign=$(nm -D --defined-only "$library" | awk '{print $NF}' | sed 's/@.*//' | grep -v '^sluice_' |
        grep -Ev '^(__asan_|__odr_asan|__ubsan_|_init$|_fini$|__sancov)')
    [ -z "$foreign" ] || complain "$library exports: $foreign"
    # No state but the lock of libltdl's, and the manager that a process shares with itself (core/manager/default.c): what
    # the linker put in .data and .bss from our files. Sanitizers add theirs.
    if [ -z "$SANITIZER_CFLAGS" ]; then
        state=$(objdump -t "$library" | awk 'NF > 3 && ($(NF-2) == ".data" || $(NF-2) == ".bss") { print $NF }' |
            grep -Ev '^(\.data|\.bss|completed\.[0-9]+|__dso_handle|__TMC_END__|_end|_edata|__bss_start|libltdl_lock|shared_manager)$')
        [ -z "$state" ] || complain "$library has file-scope variables: $state"
    fi
else
    echo "no shared library was built: its symbols were not checked"
fi

for plugin in plugins/.libs/*.so; do
    [ -f "$plugin" ] || continue
    name=$(basename "$plugin" .so)
    wanted="$(echo "$name" | tr -c 'a-z0-9\n' _)_LTX_sluice_plugin"
    defined=$(nm -D --defined-only "$plugin" | awk '{print $NF}' | sed 's/@.*//' |
        grep -Ev '^(__asan_|__odr_asan|__ubsan_|_init$|_fini$|__sancov)')
    [ "$defined" = "$wanted" ] || complain "$plugin exports '$defined', not '$wanted' alone"
    # Versioned symbols come from the libraries it names; sluice's own would have no version.
    borrowed=$(nm -D --undefined-only "$plugin" | awk '{print $NF}' | grep '^sluice_')
    [ -z "$borrowed" ] || complain "$plugin takes from the core: $borrowed"
    for needed in $(readelf -d "$plugin" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        case $needed in
        libc.so.* | libm.so.* | libpthread.so.* | libgcc_s.so.* | libasan.so.* | libubsan.so.* | ld-linux*) ;;
        libcrypto.so.*) case $name in crypto_*) ;; *) complain "$plugin needs $needed" ;; esac ;;
        libarchive.so.*) case $name in *_tar) ;; *) complain "$plugin needs $needed" ;; esac ;;
        libIPSec_MB.so.*) case $name in crypto_ipsecmb) ;; *) complain "$plugin needs $needed" ;; esac ;;
        *) complain "$plugin needs $needed" ;;
        esac
    done
done
[ "$failures" -eq 0 ]
