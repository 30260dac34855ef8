/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partial file: what has arrived of a file that is not complete.  It lies in the final file's directory, so that
 * the final name comes by a rename; it survives a kill, and the next run goes on with it.
 *
 * Its access time is no time but a fingerprint of the source's size and modification time: writes leave it alone, we
 * never read without O_NOATIME, and it needs no second file that could get lost.  RESUME_ATTRIBUTES trusts it.
 */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SUFFIX ".sluice-part"
#define DIGEST_SUFFIX ".sluice-name" /* no leaf leads to a name that ends so but by its digest */
#define RACES 16
#define PARTIAL_FLAGS (O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_NOATIME | O_CLOEXEC)

/* Two rows of FNV-1a from different starts, each stirred at the end: 128 bits that tell names apart.  Where an
 * adversary made two meet, one of them would be told that the other holds the file. */
static uint64_t digest_half(const char *text, uint64_t state)
{
    for (; *text != '\0'; text++)
        state = (state ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    state ^= state >> 33;
    state *= UINT64_C(0xff51afd7ed558ccd);
    state ^= state >> 33;
    return state;
}

void sluice_file_partial_name(const char *leaf, char out[SLUICE_LEAF_BYTES])
{
    size_t bytes = strlen(leaf);
    if (bytes + 1 + strlen(SUFFIX) < SLUICE_LEAF_BYTES) {
        out[0] = '.';
        memcpy(out + 1, leaf, bytes);
        strcpy(out + 1 + bytes, SUFFIX);
        return;
    }
    const uint64_t halves[2] = {digest_half(leaf, UINT64_C(0xcbf29ce484222325)),
                                digest_half(leaf, UINT64_C(0x9e3779b97f4a7c15))};
    out[0] = '.';
    for (unsigned i = 0; i < 32; i++)
        out[1 + i] = "0123456789abcdef"[halves[i / 16] >> (60 - 4 * (i % 16)) & 15];
    strcpy(out + 33, DIGEST_SUFFIX);
}

bool sluice_file_partial_is_name(const char *leaf, size_t bytes)
{
    size_t suffix = strlen(SUFFIX);
    if (bytes <= suffix || leaf[0] != '.')
        return false;
    const char *end = leaf + bytes - suffix;
    return memcmp(end, SUFFIX, suffix) == 0 || memcmp(end, DIGEST_SUFFIX, suffix) == 0;
}

static uint64_t stir(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* False: the source's size or time is unknown, there is nothing to be told by. */
static bool fingerprint(const sluice_entry *entry, struct timespec *out)
{
    if (entry->size == SLUICE_UNKNOWN || entry->mtime_ns == INT64_MIN)
        return false;
    uint64_t stirred = stir(stir(entry->size) + (uint64_t)entry->mtime_ns);
    out->tv_sec = (time_t)(stirred & 0x3fffffff);
    out->tv_nsec = (long)((stirred >> 32) % 1000000000u);
    return true;
}

/* File systems that keep whole seconds only are told by those. */
static bool matches(const struct timespec *kept, const struct timespec *wanted)
{
    return kept->tv_sec == wanted->tv_sec && (kept->tv_nsec == wanted->tv_nsec || kept->tv_nsec == 0);
}

bool sluice_file_partial_is(int parent, const char *name, int fd)
{
    struct stat named;
    struct stat held;
    return fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &held) == 0 &&
           named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

/* Why a file under the partial's name is not one that we made; NULL if it may be. */
static const char *stranger(const sluice_file_sink *sink, const struct stat *status)
{
    if (!S_ISREG(status->st_mode))
        return "is no regular file";
    if (status->st_nlink != 1)
        return "has other links";
    if (status->st_uid != sink->self)
        return "belongs to another user";
    return NULL;
}

static int refuse(const sluice_file_sink *sink, const char *path, const char *name, const char *why)
{
    return sink->host->fail(sink->host, SLUICE_EEXIST, "%s: its partial file %s %s; remove that and copy again",
                            sluice_beneath_shown(path), name, why);
}

static int fail_busy(const sluice_file_sink *sink, const char *path)
{
    return sink->host->fail(sink->host, SLUICE_EBUSY, "%s: another transfer is writing it; wait for that to end",
                            sluice_beneath_shown(path));
}

static int make(int parent, const char *name)
{
    return openat(parent, name, PARTIAL_FLAGS | O_CREAT | O_EXCL, 0600);
}

/* Opens what is there or makes it: the descriptor, or a status.  SLUICE_EAGAIN: somebody was quicker. */
static int open_or_make(sluice_file_sink *sink, int parent, const char *path, const char *name, bool *made)
{
    struct stat status;
    int fd;
    *made = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0;
    if (*made) {
        fd = make(parent, name);
        if (fd < 0 && errno == EEXIST)
            return SLUICE_EAGAIN;
    } else {
        const char *why = stranger(sink, &status);
        if (why != NULL)
            return refuse(sink, path, name, why);
        fd = openat(parent, name, PARTIAL_FLAGS);
        if (fd < 0 && errno == ENOENT)
            return SLUICE_EAGAIN;
    }
    return fd >= 0 ? fd : sluice_file_destination_fail(sink, path, errno, "cannot be written");
}

static int lock(const sluice_file_sink *sink, const char *path, int fd)
{
    const sluice_host *host = sink->host;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return SLUICE_OK;
    if (errno == EWOULDBLOCK)
        return fail_busy(sink, path);
    host->log(host, SLUICE_LOG_WARNING, "%s: cannot be locked (%s); a second writer would not be noticed",
              sluice_beneath_shown(path), strerror(errno));
    return SLUICE_OK;
}

/* The lock counts only if the name still means this file afterwards: its writer may have committed it meanwhile. */
static int lock_and_check(sluice_file_sink *sink, int parent, const char *path, const char *name, int fd, bool made)
{
    int locked = lock(sink, path, fd);
    if (locked != SLUICE_OK)
        return locked;
    if (!sluice_file_partial_is(parent, name, fd))
        return SLUICE_EAGAIN;
    struct stat status;
    if (fstat(fd, &status) != 0)
        return sluice_file_destination_fail(sink, path, errno, "cannot be written");
    const char *why = made ? NULL : stranger(sink, &status);
    if (why != NULL)
        return refuse(sink, path, name, why);
    if ((status.st_mode & 07777) != 0600 && fchmod(fd, 0600) != 0)
        return sluice_file_destination_fail(sink, path, errno, "its partial file cannot be made private");
    return SLUICE_OK;
}

/* What of an earlier run's bytes counts, and the mark of this run's source. */
static int settle(sluice_file_sink *sink, const char *path, const sluice_entry *entry, int fd, uint64_t *have)
{
    struct stat status;
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_nsec = UTIME_OMIT}};
    if (fstat(fd, &status) != 0)
        return sluice_file_destination_fail(sink, path, errno, "cannot be written");
    bool marked = fingerprint(entry, &times[0]);
    bool trusted = sink->resume != SLUICE_RESUME_NONE &&
                   (sink->resume != SLUICE_RESUME_ATTRIBUTES || (marked && matches(&status.st_atim, &times[0])));
    if (!trusted && status.st_size > 0 && ftruncate(fd, 0) != 0)
        return sluice_file_destination_fail(sink, path, errno, "its partial file cannot be emptied");
    if (futimens(fd, times) != 0)
        return sluice_file_destination_fail(sink, path, errno, "its partial file cannot be marked");
    *have = trusted ? (uint64_t)status.st_size : 0;
    if (*have > entry->size)
        *have = entry->size;
    return SLUICE_OK;
}

int sluice_file_partial_open(sluice_file_sink *sink, int parent, const char *path, const char *leaf,
                             const sluice_entry *entry, int *fd, uint64_t *have)
{
    char name[SLUICE_LEAF_BYTES];
    sluice_file_partial_name(leaf, name);
    for (int i = 0; i < RACES; i++) {
        bool made = false;
        int opened = open_or_make(sink, parent, path, name, &made);
        if (opened == SLUICE_EAGAIN)
            continue;
        if (opened < 0)
            return opened;
        int status = lock_and_check(sink, parent, path, name, opened, made);
        if (status == SLUICE_OK)
            status = settle(sink, path, entry, opened, have);
        if (status == SLUICE_OK) {
            *fd = opened;
            return SLUICE_OK;
        }
        (void)close(opened);
        if (status != SLUICE_EAGAIN)
            return status;
    }
    return fail_busy(sink, path);
}

/* Whether the name still means this file after the lock was got is looked at when it gets its final name, which is
 * soon. */
int sluice_file_partial_make(sluice_file_sink *sink, int parent, const char *path, const char *leaf, int *fd)
{
    char name[SLUICE_LEAF_BYTES];
    sluice_file_partial_name(leaf, name);
    int made = make(parent, name);
    if (made < 0 && errno == EEXIST)
        return SLUICE_EAGAIN;
    if (made < 0)
        return sluice_file_destination_fail(sink, path, errno, "cannot be written");
    int status = lock(sink, path, made);
    if (status != SLUICE_OK)
        (void)close(made);
    else
        *fd = made;
    return status;
}
