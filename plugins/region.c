/* SPDX-License-Identifier: Apache-2.0 */
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int sluice_region_fail(const sluice_region *region, const sluice_host *host, int errnum, const char *what)
{
    int status = errnum == ENOENT                      ? SLUICE_ENOENT
                 : errnum == EACCES || errnum == EPERM ? SLUICE_EACCESS
                 : errnum == ENOSPC                    ? SLUICE_ENOSPACE
                                                       : SLUICE_EIO;
    return host->fail(host, status, "memory:%.300s: %s: %s", region->text, what, strerror(errnum));
}

static bool parse_number(const char *text, int *out)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    long number = strtol(text, &end, 10);
    *out = (int)number;
    return errno == 0 && *end == '\0' && number <= INT_MAX;
}

int sluice_region_parse(sluice_region *region, const sluice_host *host, const char *text)
{
    const char *name = text + 1;
    *region = (sluice_region){.text = text, .number = -1};
    if (parse_number(text, &region->number))
        return SLUICE_OK;
    bool good = text[0] == '/' && name[0] != '\0' && strchr(name, '/') == NULL && strlen(name) <= NAME_MAX &&
                strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    if (good)
        return SLUICE_OK;
    return host->fail(host, SLUICE_EUSAGE,
                      "memory:%.300s: give the name of a shared memory object (memory:/name) or the number of an open "
                      "descriptor (memory:3)",
                      text);
}

static int open_named(const sluice_region *region, int flags)
{
    int directory = open(SLUICE_REGION_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    int fd = openat(directory, region->text + 1, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int errnum = errno;
    (void)close(directory);
    errno = errnum;
    return fd;
}

int sluice_region_open(const sluice_region *region, const sluice_host *host, int flags)
{
    struct stat about;
    int fd = region->number >= 0 ? fcntl(region->number, F_DUPFD_CLOEXEC, 3) : open_named(region, flags);
    if (fd < 0)
        return sluice_region_fail(region, host, errno, "cannot be opened");
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
        return fd;
    (void)close(fd);
    return host->fail(host, SLUICE_EUSAGE, "memory:%.300s: is no memory but a pipe, a device or the like", region->text);
}
