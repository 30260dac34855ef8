#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The systemd unit is one that systemd takes without a word, where its tool is there to ask.
unit=${TOP_BUILDDIR:?}/conf/sluice.service
grep '@[a-z]*@' "$unit" >&2 && { echo "$unit: something was not filled in" >&2; exit 1; }
command -v systemd-analyze >/dev/null || { echo "no systemd-analyze here: the unit was not checked"; exit 77; }
room=$(mktemp -d "${TMPDIR:-/tmp}/sluice-unit.XXXXXX") || exit 99
trap 'rm -rf "$room"' EXIT
# The program where it is now; nothing of it is run.
sed "s|^ExecStart=[^ ]*|ExecStart=$SLUICE|" "$unit" >"$room/sluice.service"
said=$(systemd-analyze verify --man=no "$room/sluice.service" 2>&1)
status=$?
[ "$status" = 0 ] && [ -z "$said" ] && exit 0
echo "$said" >&2
exit 1
