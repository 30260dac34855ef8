/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes and ACLs of what the walk has found.
 *
 * Only the name space user and the two POSIX ACLs are read: security, system and trusted belong to the machine.  They
 * are reached through /proc/self/fd, so that a descriptor which cannot be read or written will do, and nothing is
 * opened (a device, a pipe) that was put in the place of what was listed.
 */
#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define HEAD_BYTES 6u      /* before each name: the lengths of name and value */
#define NAMES_BYTES 65536u /* the system's own limit for all names of a file */

/* A file system without attributes has none; one that went away meanwhile is not there. */
static bool is_absence(int errnum)
{
    return errnum == ENODATA || errnum == EOPNOTSUPP;
}

/* Appends one attribute; what is not there is left out. */
static bool append(uint8_t *list, size_t *used, const char *path, const char *name, int *errnum)
{
    size_t length = strlen(name);
    if (length > SLUICE_ATTRIBUTE_NAME_MAX || *used + HEAD_BYTES + length > SLUICE_ATTRIBUTES_MAX) {
        *errnum = E2BIG;
        return false;
    }
    uint8_t *at = list + *used;
    size_t room = SLUICE_ATTRIBUTES_MAX - *used - HEAD_BYTES - length;
    /* With no room at all the call would tell the value's length. */
    ssize_t value = getxattr(path, name, at + HEAD_BYTES + length, room);
    if (value < 0) {
        *errnum = errno == ERANGE ? E2BIG : errno;
        return is_absence(errno);
    }
    if ((size_t)value > room) {
        *errnum = E2BIG;
        return false;
    }
    at[0] = (uint8_t)(length >> 8);
    at[1] = (uint8_t)length;
    for (unsigned i = 0; i < 4; i++)
        at[2 + i] = (uint8_t)((size_t)value >> (24 - 8 * i));
    memcpy(at + HEAD_BYTES, name, length);
    *used += HEAD_BYTES + length + (size_t)value;
    return true;
}

static bool append_user(uint8_t *list, size_t *used, const char *path, int *errnum)
{
    char *names = (char *)list + SLUICE_ATTRIBUTES_MAX;
    ssize_t bytes = listxattr(path, names, NAMES_BYTES);
    if (bytes < 0) {
        *errnum = errno == ERANGE ? E2BIG : errno;
        return is_absence(errno);
    }
    for (const char *name = names; name < names + bytes; name += strlen(name) + 1) {
        if (strncmp(name, "user.", 5) == 0 && !append(list, used, path, name, errnum))
            return false;
    }
    return true;
}

bool sluice_file_attributes_list(sluice_file_source *source, int fd, bool directory, size_t *bytes, int *errnum)
{
    sluice_file_walk *walk = &source->walk;
    char path[32];
    size_t used = 0;
    if (walk->attributes == NULL)
        walk->attributes = source->host->resize(source->host, NULL, SLUICE_ATTRIBUTES_MAX + NAMES_BYTES);
    if (walk->attributes == NULL) {
        *errnum = ENOMEM;
        return false;
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool acl = (source->preserve & SLUICE_PRESERVE_ACL) != 0;
    if ((source->preserve & SLUICE_PRESERVE_XATTR) != 0 && !append_user(walk->attributes, &used, path, errnum))
        return false;
    if (acl && !append(walk->attributes, &used, path, "system.posix_acl_access", errnum))
        return false;
    if (acl && directory && !append(walk->attributes, &used, path, "system.posix_acl_default", errnum))
        return false;
    *bytes = used;
    return true;
}

void sluice_file_attributes_fini(sluice_file_source *source)
{
    if (source->walk.attributes != NULL)
        (void)source->host->resize(source->host, source->walk.attributes, 0);
    source->walk.attributes = NULL;
}
