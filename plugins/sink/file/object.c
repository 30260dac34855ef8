/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of an open object, in and out. */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define ZERO_BYTES 65536

/* All of one buffer, however many calls that takes.  -1 and errno. */
static int write_all(int fd, const char *from, size_t bytes, uint64_t offset)
{
    while (bytes > 0) {
        ssize_t written = pwrite(fd, from, bytes, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        from += written;
        bytes -= (size_t)written;
        offset += (uint64_t)written;
    }
    return 0;
}

int64_t sluice_file_object_write(sluice_file_sink *sink, sluice_file_object *object, uint64_t offset,
                                 const struct iovec *buffers, int count)
{
    int64_t total = 0;
    int result = 0;
    pthread_rwlock_rdlock(&object->growth);
    for (int i = 0; i < count && result == 0; i++) {
        result = write_all(object->fd, buffers[i].iov_base, buffers[i].iov_len, offset + (uint64_t)total);
        total += (int64_t)buffers[i].iov_len;
    }
    int errnum = errno;
    pthread_rwlock_unlock(&object->growth);
    if (result != 0)
        return sluice_file_destination_fail(sink, object->path, errnum, "cannot be written");
    sluice_file_behind_put(sink, object, offset, (uint64_t)total);
    return total;
}

static int64_t read_buffers(const sluice_file_sink *sink, const sluice_file_object *object, uint64_t offset,
                            const struct iovec *buffers, int count)
{
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
        size_t done = 0;
        while (done < buffers[i].iov_len) {
            ssize_t bytes = pread(object->fd, (char *)buffers[i].iov_base + done, buffers[i].iov_len - done,
                                  (off_t)(offset + (uint64_t)total));
            if (bytes < 0 && errno == EINTR)
                continue;
            if (bytes < 0)
                return sluice_file_destination_fail(sink, object->path, errno, "cannot be read back");
            if (bytes == 0)
                return total;
            done += (size_t)bytes;
            total += bytes;
        }
    }
    return total;
}

int64_t sluice_file_object_read(sluice_file_sink *sink, sluice_file_object *object, uint64_t offset,
                                const struct iovec *buffers, int count)
{
    int64_t total = read_buffers(sink, object, offset, buffers, count);
    if (total > 0)
        sluice_file_behind_put(sink, object, offset, (uint64_t)total);
    return total;
}

/* For file systems that cannot punch. */
static int write_zeroes(int fd, uint64_t from, uint64_t to)
{
    static const char zeroes[ZERO_BYTES];
    while (from < to) {
        size_t bytes = to - from < ZERO_BYTES ? (size_t)(to - from) : ZERO_BYTES;
        if (write_all(fd, zeroes, bytes, from) != 0)
            return -1;
        from += bytes;
    }
    return 0;
}

/* The lock is held for writing: a write beside us could otherwise be cut off by ftruncate.  Beyond the file's size nothing
 * can be punched, so where room was reserved there the file is made longer first. */
static int make_hole(int fd, bool reserved, uint64_t from, uint64_t to)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -1;
    uint64_t size = (uint64_t)status.st_size;
    if (to > size && ftruncate(fd, (off_t)to) != 0)
        return -1;
    uint64_t end = to < size || reserved ? to : size;
    if (from < end) {
        int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
        if (fallocate(fd, mode, (off_t)from, (off_t)(end - from)) != 0) {
            if (errno != EOPNOTSUPP && errno != ENOSYS)
                return -1;
            if (write_zeroes(fd, from, end) != 0)
                return -1;
        }
    }
    return 0;
}

int sluice_file_object_hole(sluice_file_sink *sink, sluice_file_object *object, uint64_t from, uint64_t to)
{
    if (from >= to)
        return SLUICE_OK;
    pthread_rwlock_wrlock(&object->growth);
    int result = make_hole(object->fd, object->reserved, from, to);
    int errnum = errno;
    pthread_rwlock_unlock(&object->growth);
    return result == 0 ? SLUICE_OK : sluice_file_destination_fail(sink, object->path, errnum, "a hole cannot be made");
}
