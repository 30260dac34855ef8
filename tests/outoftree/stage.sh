# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests that see sluice as its users do: installed below $stage/root, found by pkg-config alone.
stage=$(mktemp -d) || exit 99
trap 'chmod -R u+w "$stage"; rm -rf "$stage"' EXIT
failures=0

complain() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

MAKEFLAGS='' ${MAKE:-make} -s -C "$TOP_BUILDDIR" install DESTDIR="$stage/root" >"$stage/install.log" 2>&1 || {
    tail -n 20 "$stage/install.log" >&2
    exit 1
}
pc=$(find "$stage/root" -name sluice.pc)
export PKG_CONFIG_PATH="${pc%/sluice.pc}" PKG_CONFIG_SYSROOT_DIR="$stage/root"
libdir=${pc%/pkgconfig/sluice.pc}
export LD_LIBRARY_PATH="$libdir"
export SLUICE_PLUGIN_PATH="$libdir/sluice"
runner=$(find "$stage/root" -name sluice -type f -perm -u+x)
