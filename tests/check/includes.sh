#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The walls: which room includes which, and which library has which door (doc/architecture.md).
cd "${TOP_SRCDIR:-.}" || exit 99
failures=0

complain() {
    echo "$1" >&2
    failures=$((failures + 1))
}

# The includes of one file, as written, without quotes and brackets.
includes_of() {
    sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]\([^>"]*\)[>"].*/\1/p' "$1"
}

# Rooms below a room, and itself.
allowed_rooms() {
    case $1 in
    faspmgr) echo "faspmgr" ;;
    base) echo "base" ;;
    plugin) echo "base plugin" ;;
    net) echo "base plugin net" ;;
    session) echo "base plugin net session" ;;
    manager) echo "base plugin net session faspmgr manager" ;;
    stream) echo "base plugin net session stream" ;;
    simulate) echo "base plugin simulate" ;;
    cli) echo "cli" ;;
    esac
}

check_library() { # FILE INCLUDE: each library's headers only behind its door
    case $2 in
    ltdl.h | ini.h) case $1 in core/plugin/*) return ;; esac ;;
    event2/*) case $1 in core/net/*) return ;; esac ;;
    openssl/*) case $1 in core/net/* | plugins/crypto/*) return ;; esac ;;
    intel-ipsec-mb.h) case $1 in plugins/crypto/ipsecmb.c) return ;; esac ;;
    archive.h | archive_entry.h) case $1 in plugins/source/tar/archive.c | plugins/sink/tar/archive.c) return ;; esac ;;
    histedit.h) case $1 in core/cli/shell_edit.c) return ;; esac ;;
    xxhash.h) case $1 in core/session/digest.c) return ;; esac ;;
    *) return ;;
    esac
    complain "$1: includes <$2>: that library has its door elsewhere"
}

for file in $(find core -name '*.[ch]'); do
    room=$(echo "$file" | cut -d/ -f2)
    rooms=$(allowed_rooms "$room")
    [ -n "$rooms" ] || complain "$file: lies in no room"
    for include in $(includes_of "$file"); do
        check_library "$file" "$include"
        case $include in
        sluice/* | event2/* | openssl/*) continue ;;
        plugins/* | */plugins/* | ../*) complain "$file: includes $include" ;;
        faspmgr/* | base/* | plugin/* | net/* | session/* | manager/* | stream/* | simulate/* | cli/*)
            target=${include%%/*}
            case " $rooms " in
            *" $target "*) ;;
            *) complain "$file: room $room may not include $include" ;;
            esac
            ;;
        esac
    done
done

for file in $(find plugins -name '*.[ch]'); do
    for include in $(includes_of "$file"); do
        check_library "$file" "$include"
        case $include in
        sluice/sluice.h) complain "$file: a plugin does not see the library's own header" ;;
        sluice/*) ;;
        faspmgr/*) case $file in plugins/report/*) ;; *) complain "$file: includes $include" ;; esac ;;
        base/* | plugin/* | net/* | session/* | simulate/* | cli/* | core/* | *../*)
            complain "$file: a plugin sees installed headers only, not $include" ;;
        *)
            # Its own folder: quoted, with the folder's name or none.
            if grep -q "include[[:space:]]*\"$include\"" "$file" && [ ! -f "$(dirname "$file")/$include" ] &&
                [ ! -f "plugins/$include" ]; then
                complain "$file: $include lies outside of the plugin's folder"
            fi
            ;;
        esac
    done
done

for file in include/sluice/*.h; do
    for include in $(includes_of "$file"); do
        case $include in
        sluice/* | std*.h | sys/uio.h | inttypes.h) ;;
        *) complain "$file: an installed header includes $include" ;;
        esac
    done
done

[ "$failures" -eq 0 ]
