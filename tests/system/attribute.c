/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attribute - extended attributes for system tests, on machines without setfattr and setfacl.
 *
 *     attribute set PATH NAME HEX     exit status 77 if the file system has no such attributes
 *     attribute list PATH...          PATH NAME HEX, of the name space user and POSIX ACLs, a line each
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define VALUE_BYTES 65536

static int stop(const char *what)
{
    fprintf(stderr, "attribute: %s: %s\n", what, strerror(errno));
    return errno == EOPNOTSUPP ? 77 : 1;
}

static int set(const char *path, const char *name, const char *hex)
{
    static unsigned char value[VALUE_BYTES];
    size_t bytes = strlen(hex) / 2;
    for (size_t i = 0; i < bytes && i < sizeof value; i++) {
        unsigned byte = 0;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return 2;
        value[i] = (unsigned char)byte;
    }
    return lsetxattr(path, name, value, bytes, 0) == 0 ? 0 : stop(path);
}

static int show(const char *path, const char *name)
{
    static unsigned char value[VALUE_BYTES];
    ssize_t bytes = lgetxattr(path, name, value, sizeof value);
    if (bytes < 0)
        return stop(path);
    printf("%s %s ", path, name);
    for (ssize_t i = 0; i < bytes; i++)
        printf("%02x", value[i]);
    printf("\n");
    return 0;
}

static int list(const char *path)
{
    static char names[VALUE_BYTES];
    ssize_t bytes = llistxattr(path, names, sizeof names);
    if (bytes < 0)
        return errno == EOPNOTSUPP ? 0 : stop(path);
    for (const char *name = names; name < names + bytes; name += strlen(name) + 1) {
        if ((strncmp(name, "user.", 5) == 0 || strncmp(name, "system.posix_acl_", 17) == 0) && show(path, name) != 0)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "set") == 0)
        return set(argv[2], argv[3], argv[4]);
    if (argc < 3 || strcmp(argv[1], "list") != 0)
        return 2;
    for (int i = 2; i < argc; i++) {
        int status = list(argv[i]);
        if (status != 0)
            return status;
    }
    return 0;
}
