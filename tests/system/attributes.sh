#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --preserve xattr, acl, links and owner, there and back.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
attribute=${TOP_BUILDDIR:?}/tests/system/attribute

le32() { printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }
entry() { printf '%02x00%02x00%s' "$1" "$2" "$(le32 "$3")"; } # TAG RIGHTS ID, as in linux/posix_acl_xattr.h
nobody=4294967295
# The user rw-, user 1234 rw-, the group none, at most rw-, others none.
acl="$(le32 2)$(entry 1 6 $nobody)$(entry 2 6 1234)$(entry 4 0 $nobody)$(entry 16 6 $nobody)$(entry 32 0 $nobody)"
# What things made below get: the user rwx, user 4321 r-x, the group r-x, at most r-x, others none.
default="$(le32 2)$(entry 1 7 $nobody)$(entry 2 5 4321)$(entry 4 5 $nobody)$(entry 16 5 $nobody)$(entry 32 0 $nobody)"

attributes() { (cd "$1" && find . ! -type l -print0 | sort -z | xargs -0 "$attribute" list | sort); }

same_attributes() { # TREE TREE
    diff <(attributes "$1") <(attributes "$2") >"$room/diff" ||
        fail "attributes of $1 and $2 differ: $(head -n 5 "$room/diff")"
}

make_tree() {
    mkdir -p "$1/d/e"
    printf one >"$1/one"
    printf two >"$1/d/two"
    printf plain >"$1/d/plain"
    printf read-only >"$1/d/read-only"
    ln -s one "$1/link"
}

mkdir "$room/root" "$room/back"
make_tree "$room/tree"

# Whether this file system has attributes at all.
: >"$room/probe"
"$attribute" set "$room/probe" user.probe 00 2>/dev/null
xattr=$?
"$attribute" set "$room/probe" system.posix_acl_access "$acl" 2>/dev/null
acls=$?
kept=times,mode
if [ $xattr = 0 ]; then
    kept=$kept,xattr
    long=$(printf 'ab%.0s' $(seq 1000))
    "$attribute" set "$room/tree/one" user.empty ''
    "$attribute" set "$room/tree/one" user.bytes 00ff0a
    "$attribute" set "$room/tree/d" user.directory 6469
    "$attribute" set "$room/tree/d/two" user.long "$long"
    "$attribute" set "$room/tree/d/read-only" user.locked 01
else
    echo "skipped: no extended attributes in $room"
fi
if [ $acls = 0 ]; then
    kept=$kept,acl
    "$attribute" set "$room/tree/d/two" system.posix_acl_access "$acl"
    "$attribute" set "$room/tree/d/e" system.posix_acl_default "$default"
else
    echo "skipped: no ACLs in $room"
fi
chmod 400 "$room/tree/d/read-only"
touch -d '2001-02-03 04:05:06.123456789' "$room/tree/d/two" "$room/tree/d"
start_server "$room/root"

wants 0 '' copy --preserve $kept "$room/tree" "$(url)"
same "$room/tree" "$room/root/tree"
same_attributes "$room/tree" "$room/root/tree"
wants 0 '' copy --preserve $kept "$(url tree)" "$room/back/"
same "$room/tree" "$room/back/tree"
same_attributes "$room/tree" "$room/back/tree"

if [ $xattr = 0 ]; then
    # Without being asked for they stay behind.
    wants 0 '' copy "$room/tree/one" "$(url bare)"
    [ -z "$("$attribute" list "$room/root/bare")" ] || fail "attributes were copied that nobody asked for"

    # A complete file keeps its own; one that is sent again has the source's and no others.
    "$attribute" set "$room/root/tree/one" user.here 01
    wants 0 '' copy --preserve $kept "$room/tree/one" "$(url tree/)"
    "$attribute" list "$room/root/tree/one" | grep -q user.here || fail "a file that was skipped lost an attribute"
    printf 'one more' >"$room/tree/one"
    wants 0 '' copy --preserve $kept "$room/tree" "$(url)"
    same_attributes "$room/tree" "$room/root/tree"

    # Through a link that is followed, below a server's root.
    ln -s one "$room/root/tree/through"
    wants 0 '' copy --preserve $kept --symlinks follow "$(url tree)" "$room/back/followed"
    [ "$("$attribute" list "$room/back/followed/through" | cut -d' ' -f2-)" = \
        "$("$attribute" list "$room/tree/one" | cut -d' ' -f2-)" ] || fail "a followed link has not its file's attributes"

    # More than a list may hold fails that file, and the rest goes on.  Only some file systems take that much.
    many=0
    for i in $(seq 5); do
        "$attribute" set "$room/tree/d/plain" user.$i "$(head -c 16000 /dev/zero | od -An -v -tx1 | tr -d ' \n')" \
            2>/dev/null && many=$((many + 1))
    done
    if [ $many = 5 ]; then
        wants 6 'plain: its extended attributes and ACLs are more than 65536 bytes' \
            copy --preserve $kept --overwrite always "$room/tree" "$(url many)"
        cmp -s "$room/tree/d/two" "$room/root/many/d/two" || fail "two was not sent beside a file that failed"
    else
        echo "skipped: this file system does not take 80000 bytes of attributes in one file"
    fi
fi

if [ $acls = 0 ]; then
    # A directory's default ACL is inherited, but not by the copy of a file that has none.
    mkdir "$room/root/heir"
    "$attribute" set "$room/root/heir" system.posix_acl_default "$default"
    wants 0 '' copy --preserve times,mode,acl "$room/tree/one" "$(url heir/)"
    [ -z "$("$attribute" list "$room/root/heir/one" | grep posix_acl)" ] || fail "an inherited ACL was left on a copy"
    [ "$(stat -c %a "$room/root/heir/one")" = "$(stat -c %a "$room/tree/one")" ] || fail "the mode without an ACL is wrong"

    # A list of rights that was asked for counts, whatever the mask.
    (umask 077 && wants 0 '' copy --preserve acl "$(url tree/d/two)" "$room/back/acl-alone" && [ "$failures" = 0 ]) ||
        fail "the copy with an ACL alone failed"
    "$attribute" list "$room/back/acl-alone" | grep -q "system.posix_acl_access $acl" || fail "the mask changed an ACL"
fi

# links: one that is named as a source is copied as a link.
wants 0 '' copy --preserve links "$room/tree/link" "$(url as-link)"
[ "$(readlink "$room/root/as-link")" = one ] || fail "--preserve links did not copy the link"
wants 0 '' copy "$room/tree/link" "$(url as-file)"
cmp -s "$room/tree/one" "$room/root/as-file" && [ ! -L "$room/root/as-file" ] || fail "a named link was not followed"

# Owners, and what goes with them.
printf '#!/bin/sh\n' >"$room/suid"
if [ "$(id -u)" = 0 ]; then
    chown 54321:54322 "$room/suid"
    chmod 6755 "$room/suid"
    wants 0 '' copy --preserve mode "$room/suid" "$(url others)"
    [ "$(stat -c '%a %u' "$room/root/others")" = "755 0" ] || fail "setuid came over without its owner"
    wants 0 '' copy --preserve mode,owner "$room/suid" "$(url owned)"
    [ "$(stat -c '%a %u %g' "$room/root/owned")" = "6755 54321 54322" ] ||
        fail "--preserve owner made $(stat -c '%a %u %g' "$room/root/owned")"
    mkdir "$room/owners"
    ln -s nowhere "$room/owners/link"
    chown -h 54321:54322 "$room/owners" "$room/owners/link"
    wants 0 '' copy --preserve owner "$room/owners" "$(url)"
    for made in owners owners/link; do
        [ "$(stat -c '%u %g' "$room/root/$made")" = "54321 54322" ] || fail "$made: owner was not kept"
    done
else
    echo "skipped: only root can give files away"
    chmod 6755 "$room/suid"
    wants 0 '' copy --preserve mode,owner "$room/suid" "$(url owned)"
    [ "$(stat -c '%u' "$room/root/owned")" = "$(id -u)" ] || fail "the file does not belong to us"
fi
end_server TERM
finish
