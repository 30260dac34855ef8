/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes and ACLs.  Their list comes from a peer: only the name space user and the two POSIX ACLs are ever
 * set, and each of these only if it was asked for.  The copy gets what the source has and keeps nothing else: what it
 * inherited from its directory, or had before, is taken away.
 */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define HEAD_BYTES 6u /* before each name: the lengths of name and value */
#define USER "user."
#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

typedef struct attribute {
    const uint8_t *name; /* without NUL */
    const uint8_t *value;
    size_t name_bytes, value_bytes;
} attribute;

/* Takes the first attribute off the list; false at its end, or where it is malformed: then bytes are left. */
static bool take(sluice_file_extended *list, attribute *out)
{
    const uint8_t *at = list->list;
    if (list->bytes < HEAD_BYTES)
        return false;
    size_t room = list->bytes - HEAD_BYTES;
    size_t name = (size_t)at[0] << 8 | at[1];
    size_t value = (size_t)at[2] << 24 | (size_t)at[3] << 16 | (size_t)at[4] << 8 | at[5];
    if (name == 0 || name > SLUICE_ATTRIBUTE_NAME_MAX || name > room || value > room - name)
        return false;
    *out = (attribute){.name = at + HEAD_BYTES, .name_bytes = name, .value_bytes = value};
    out->value = out->name + name;
    list->list = out->value + value;
    list->bytes = room - name - value;
    return true;
}

static bool is_named(const attribute *found, const char *name)
{
    return found->name_bytes == strlen(name) && memcmp(found->name, name, found->name_bytes) == 0;
}

static bool is_user(const attribute *found)
{
    size_t prefix = strlen(USER);
    return found->name_bytes > prefix && memcmp(found->name, USER, prefix) == 0 &&
           memchr(found->name, 0, found->name_bytes) == NULL;
}

int sluice_file_extended_take(const sluice_file_sink *sink, const sluice_entry *entry, sluice_file_extended *out)
{
    const sluice_host *host = sink->host;
    bool xattr = (sink->preserve & SLUICE_PRESERVE_XATTR) != 0;
    bool acl = (sink->preserve & SLUICE_PRESERVE_ACL) != 0;
    *out = (sluice_file_extended){0};
    if ((!xattr && !acl) || entry->attributes == NULL || entry->type == SLUICE_ENTRY_SYMLINK)
        return SLUICE_OK;
    sluice_file_extended rest = {.list = entry->attributes, .bytes = entry->attribute_bytes};
    bool fine = rest.bytes <= SLUICE_ATTRIBUTES_MAX;
    attribute found;
    while (fine && take(&rest, &found)) {
        if (!(xattr && is_user(&found)) && !(acl && is_named(&found, ACCESS)) &&
            !(acl && entry->type == SLUICE_ENTRY_DIRECTORY && is_named(&found, DEFAULT)))
            return host->fail(host, SLUICE_EINVAL,
                              "%s: the sender's list of its extended attributes has one that was not asked for",
                              sluice_beneath_shown(entry->name));
    }
    if (!fine || rest.bytes > 0)
        return host->fail(host, SLUICE_EINVAL, "%s: the sender's list of its extended attributes is malformed",
                          sluice_beneath_shown(entry->name));
    *out = (sluice_file_extended){.list = entry->attributes, .bytes = entry->attribute_bytes};
    return SLUICE_OK;
}

/* The first one counts. */
static void note_trouble(sluice_file_trouble *trouble, const char *name)
{
    if (trouble->errnum != 0)
        return;
    trouble->errnum = errno;
    (void)snprintf(trouble->name, sizeof trouble->name, "%s", name);
}

static bool holds(sluice_file_extended list, const char *name)
{
    attribute found;
    while (take(&list, &found)) {
        if (is_named(&found, name))
            return true;
    }
    return false;
}

static void remove_others(const sluice_file_sink *sink, const sluice_file_extended *extended, int fd,
                          sluice_file_trouble *trouble)
{
    ssize_t bytes = flistxattr(fd, NULL, 0);
    if (bytes <= 0)
        return; /* none, or a file system that has none */
    size_t room = (size_t)bytes;
    char *names = sink->host->resize(sink->host, NULL, room);
    if (names == NULL) {
        errno = ENOMEM;
        note_trouble(trouble, USER);
        return;
    }
    bytes = flistxattr(fd, names, room);
    for (const char *name = names; bytes > 0 && name < names + bytes; name += strlen(name) + 1) {
        if (strncmp(name, USER, strlen(USER)) == 0 && !holds(*extended, name) && fremovexattr(fd, name) != 0 &&
            errno != ENODATA)
            note_trouble(trouble, name);
    }
    (void)sink->host->resize(sink->host, names, 0);
}

void sluice_file_extended_user(const sluice_file_sink *sink, const sluice_file_extended *extended, int fd,
                               sluice_file_trouble *trouble)
{
    if (extended->list == NULL || (sink->preserve & SLUICE_PRESERVE_XATTR) == 0)
        return;
    remove_others(sink, extended, fd, trouble);
    sluice_file_extended rest = *extended;
    attribute found;
    while (take(&rest, &found)) {
        char name[SLUICE_ATTRIBUTE_NAME_MAX + 1];
        if (!is_user(&found))
            continue;
        memcpy(name, found.name, found.name_bytes);
        name[found.name_bytes] = '\0';
        if (fsetxattr(fd, name, found.value, found.value_bytes, 0) != 0)
            note_trouble(trouble, name);
    }
}

static sluice_file_acl set_acl(const sluice_file_extended *extended, int fd, const char *name,
                               sluice_file_trouble *trouble)
{
    sluice_file_extended rest = *extended;
    attribute found;
    while (take(&rest, &found)) {
        if (!is_named(&found, name))
            continue;
        if (fsetxattr(fd, name, found.value, found.value_bytes, 0) == 0)
            return SLUICE_FILE_ACL_SET;
        note_trouble(trouble, name);
        return SLUICE_FILE_ACL_LOST;
    }
    if (fremovexattr(fd, name) == 0)
        return SLUICE_FILE_ACL_NONE;
    if (errno == ENODATA || errno == EOPNOTSUPP)
        return SLUICE_FILE_ACL_ALONE;
    note_trouble(trouble, name);
    return SLUICE_FILE_ACL_LOST;
}

sluice_file_acl sluice_file_extended_acl(const sluice_file_sink *sink, const sluice_file_extended *extended, int fd,
                                         bool directory, sluice_file_trouble *trouble)
{
    if (extended->list == NULL || (sink->preserve & SLUICE_PRESERVE_ACL) == 0)
        return SLUICE_FILE_ACL_ALONE;
    if (directory)
        (void)set_acl(extended, fd, DEFAULT, trouble);
    return set_acl(extended, fd, ACCESS, trouble);
}

int sluice_file_extended_explain(const sluice_file_trouble *trouble, const char *path, char *out, size_t bytes)
{
    bool acl = strncmp(trouble->name, USER, strlen(USER)) != 0;
    (void)snprintf(out, bytes, "%s: is in place, but its %s%s cannot be set: %s; %s", sluice_beneath_shown(path),
                   acl ? "ACL" : "extended attribute ", acl ? "" : trouble->name, strerror(trouble->errnum),
                   acl ? "leave acl out of --preserve to do without" : "leave xattr out of --preserve to do without");
    return trouble->errnum == EOPNOTSUPP ? SLUICE_EUNSUPPORTED : sluice_beneath_status(trouble->errnum);
}
