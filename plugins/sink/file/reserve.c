/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for a file whose size is known is taken before its bytes come: so a disk that is too small says so at once, two files
 * cannot each count on the same room, and what arrives in any order lies together.
 *
 * The partial file keeps its size meanwhile (FALLOC_FL_KEEP_SIZE), for its size says how much of it there is to a resume.
 * What is reserved beyond it is given back when the file is committed smaller, or left as it is.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <unistd.h>

#define RESERVE_LEAST (UINT64_C(1) << 20) /* what is smaller is written by one call */

static int fail_full(const sluice_file_sink *sink, const sluice_file_object *object, uint64_t needed, int errnum)
{
    char what[64];
    (void)snprintf(what, sizeof what, "%" PRIu64 " bytes more cannot be written", needed);
    return sluice_file_destination_fail(sink, object->path, errnum, what);
}

/* Without a limit, as some in memory have none, there are no blocks to count. */
static bool is_full(const sluice_file_sink *sink, const struct statfs *system, uint64_t needed)
{
    uint64_t free_blocks = (uint64_t)(sink->self == 0 ? system->f_bfree : system->f_bavail);
    return system->f_blocks != 0 && needed / (uint64_t)system->f_bsize > free_blocks;
}

static int take(int fd, uint64_t size)
{
    int result;
    do
        result = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

/* 0, or the errno of what is really in the way: where room cannot be reserved, it is found when it is written.  A first piece
 * tells whether it can; then what is free is looked at, so that no file that is too large takes all there is for a moment. */
static int reserve(const sluice_file_sink *sink, sluice_file_object *object, uint64_t size, uint64_t needed)
{
    struct statfs system;
    if (fstatfs(object->fd, &system) != 0)
        return 0;
    /* Memory would have to find every page now, while the sender waits, and nothing lies better for it. */
    bool in_memory = system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC;
    int errnum = in_memory ? 0 : take(object->fd, RESERVE_LEAST);
    object->reserved = !in_memory && errnum == 0;
    if ((in_memory || object->reserved) && is_full(sink, &system, needed))
        return ENOSPC;
    if (object->reserved)
        errnum = take(object->fd, size);
    return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG ? errnum : 0;
}

int sluice_file_reserve(const sluice_file_sink *sink, sluice_file_object *object, const sluice_entry *entry)
{
    struct stat status;
    uint64_t size = entry->size;
    if (!sink->preallocate || entry->sparse || size == SLUICE_UNKNOWN || size < RESERVE_LEAST || size > INT64_MAX ||
        fstat(object->fd, &status) != 0)
        return SLUICE_OK;
    uint64_t taken = (uint64_t)status.st_blocks * 512;
    if (taken >= size)
        return SLUICE_OK;
    int errnum = reserve(sink, object, size, size - taken);
    return errnum == 0 ? SLUICE_OK : fail_full(sink, object, size - taken, errnum);
}

void sluice_file_reserve_return(sluice_file_object *object)
{
    struct stat status;
    if (object->reserved && fstat(object->fd, &status) == 0)
        (void)!ftruncate(object->fd, status.st_size);
    object->reserved = false;
}
