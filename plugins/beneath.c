/* SPDX-License-Identifier: Apache-2.0 */
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sluice/status.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIECE_BYTES 4000 /* below PATH_MAX, with room for one more component */
#define COMPONENT_BYTES 255
#define SHOWN_BYTES 400
#define RACES 32 /* openat2 answers EAGAIN when a rename runs at the same moment */

#ifdef SYS_openat2
static int open_by_kernel(int top, const char *path, int flags, mode_t mode, sluice_beneath rule)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)flags, .mode = (flags & O_CREAT) != 0 ? mode : 0};
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    if (rule == SLUICE_BENEATH_STRICT)
        how.resolve |= RESOLVE_NO_SYMLINKS;
    long fd = -1;
    for (int i = 0; i < RACES; i++) {
        fd = syscall(SYS_openat2, top, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return (int)fd;
}
#else
static int open_by_kernel(int top, const char *path, int flags, mode_t mode, sluice_beneath rule)
{
    (void)top, (void)path, (void)flags, (void)mode, (void)rule;
    errno = ENOSYS;
    return -1;
}
#endif

static void close_quietly(int fd)
{
    int kept = errno;
    (void)close(fd);
    errno = kept;
}

/* O_PATH with O_NOFOLLOW opens a link itself; who did not ask for that must not get it. */
static bool is_unwanted_link(int fd, int flags)
{
    struct stat status;
    return (flags & O_PATH) != 0 && (flags & O_NOFOLLOW) == 0 && fstat(fd, &status) == 0 && S_ISLNK(status.st_mode);
}

/* One component after the other, none of them a link.  What openat answers for a link where a directory must be
 * (ENOTDIR) is turned into what openat2 would have said. */
static int open_by_steps(int top, const char *path, int flags, mode_t mode)
{
    char component[COMPONENT_BYTES + 1];
    int at = top;
    for (;;) {
        size_t length = strcspn(path, "/");
        const char *rest = path + length + strspn(path + length, "/");
        if (length > COMPONENT_BYTES) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(component, path, length);
        component[length] = '\0';
        if (path[0] == '/' || strcmp(component, "..") == 0) {
            errno = EXDEV;
            break;
        }
        bool last = *rest == '\0';
        int fd = last ? openat(at, component, flags | O_NOFOLLOW | O_CLOEXEC, mode)
                      : openat(at, component, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOTDIR) {
            char target;
            errno = readlinkat(at, component, &target, 1) >= 0 ? ELOOP : ENOTDIR;
        }
        if (at != top)
            close_quietly(at);
        if (fd >= 0 && last && is_unwanted_link(fd, flags)) {
            (void)close(fd);
            errno = ELOOP;
            return -1;
        }
        if (fd < 0 || last)
            return fd;
        at = fd;
        path = rest;
    }
    if (at != top)
        close_quietly(at);
    return -1;
}

static int open_piece(int top, const char *path, int flags, mode_t mode, sluice_beneath rule)
{
    if (rule == SLUICE_BENEATH_FREE)
        return openat(top, path, flags, mode);
    int fd = open_by_kernel(top, path, flags, mode, rule);
    /* Old kernels do not know the call, and some container filters answer EPERM for what they do not know. */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = open_by_steps(top, path, flags, mode);
    return fd;
}

/* How many bytes of path the first piece has: whole components. */
static size_t piece_bytes(const char *path)
{
    size_t cut = 0;
    for (size_t at = 0; path[at] != '\0'; at++) {
        if (path[at] == '/')
            cut = at;
        if (at >= PIECE_BYTES)
            return cut;
    }
    return strlen(path);
}

int sluice_beneath_open(int top, const char *path, int flags, mode_t mode, sluice_beneath rule)
{
    int at = top;
    int fd;
    flags |= O_CLOEXEC;
    if (path[0] == '\0')
        path = ".";
    for (;;) {
        size_t bytes = piece_bytes(path);
        if (path[bytes] == '\0') {
            fd = open_piece(at, path, flags, mode, rule);
            break;
        }
        char piece[PIECE_BYTES + 1];
        if (bytes == 0) {
            errno = path[0] == '/' && rule != SLUICE_BENEATH_FREE ? EXDEV : ENAMETOOLONG;
            fd = -1;
            break;
        }
        memcpy(piece, path, bytes);
        piece[bytes] = '\0';
        fd = open_piece(at, piece, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, rule);
        if (fd < 0)
            break;
        if (at != top)
            close_quietly(at);
        at = fd;
        path += bytes;
        path += strspn(path, "/");
        if (*path == '\0')
            path = ".";
    }
    if (at != top)
        close_quietly(at);
    return fd;
}

bool sluice_beneath_normalise(const char *path, char *out)
{
    size_t used = 0;
    if (path[0] == '/')
        return false;
    while (*path != '\0') {
        size_t length = strcspn(path, "/");
        if (length == 2 && memcmp(path, "..", 2) == 0) {
            if (used == 0)
                return false;
            while (used > 0 && out[--used] != '/')
                continue;
        } else if (length > 1 || (length == 1 && path[0] != '.')) {
            if (used > 0)
                out[used++] = '/';
            memmove(out + used, path, length);
            used += length;
        }
        path += length;
        path += strspn(path, "/");
    }
    out[used] = '\0';
    return true;
}

bool sluice_beneath_is_name(const char *name)
{
    for (;;) {
        size_t length = strcspn(name, "/");
        if (length == 0 || length > COMPONENT_BYTES)
            return false;
        if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
            return false;
        if (name[length] == '\0')
            return true;
        name += length + 1;
    }
}

int sluice_beneath_status(int errnum)
{
    switch (errnum) {
    case ENOENT:
        return SLUICE_ENOENT;
    case EEXIST:
    case ENOTEMPTY:
    case EISDIR:
        return SLUICE_EEXIST;
    case EACCES:
    case EPERM:
    case EROFS:
        return SLUICE_EACCESS;
    case ENOSPC:
    case EDQUOT:
        return SLUICE_ENOSPACE;
    case EXDEV:
    case ELOOP:
        return SLUICE_EOUTSIDE;
    case ENOMEM:
        return SLUICE_ENOMEM;
    case EMFILE:
    case ENFILE:
    case EFBIG:
        return SLUICE_ELIMIT;
    case ETXTBSY:
    case EBUSY:
        return SLUICE_EBUSY;
    default:
        return SLUICE_EIO;
    }
}

const char *sluice_beneath_shown(const char *name)
{
    size_t length = strlen(name);
    if (length <= SHOWN_BYTES)
        return name;
    const char *tail = name + length - SHOWN_BYTES;
    const char *slash = strchr(tail, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : tail;
}
