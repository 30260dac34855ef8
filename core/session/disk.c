/* SPDX-License-Identifier: Apache-2.0 */
#include "session/disk.h"

#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)1 << 20)
#define FLIGHT_BYTES ((uint64_t)4 << 20) /* given to the disk before the part before it is waited for */

static int fail(const char *what, sluice_error *error)
{
    int errnum = errno;
    return sluice_fail(error, sluice_status_from_errno(errnum), "%s: %s", what, strerror(errnum));
}

/* A file that is gone when its descriptor is. */
static int open_nameless(const char *directory)
{
    char path[PATH_MAX];
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
        return fd;
    if (snprintf(path, sizeof path, "%s/.sluice-doctor-XXXXXX", directory) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

/* Bytes that no file system finds a short way of writing. */
static void fill(uint8_t *bytes, size_t count)
{
    uint64_t word = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i + sizeof word <= count; i += sizeof word) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        memcpy(bytes + i, &word, sizeof word);
    }
}

static uint64_t speed_of(uint64_t bytes, sluice_duration took_ns)
{
    double bps = (double)bytes * 8 * (double)SLUICE_SECOND / (double)(took_ns ? took_ns : 1);
    return bps < 1 ? 1 : (uint64_t)bps;
}

/* What was given to the disk last is under way while more is written; what was given before has arrived, so that the
 * time is the disk's and does not run away.  Where the file system cannot do that, the last wait does it all. */
static void push_out(int fd, uint64_t upto)
{
    uint64_t from = upto > FLIGHT_BYTES ? upto - FLIGHT_BYTES : 0,
             before = from > FLIGHT_BYTES ? from - FLIGHT_BYTES : 0;
    (void)sync_file_range(fd, (off_t)from, (off_t)(upto - from), SYNC_FILE_RANGE_WRITE);
    if (from > before)
        (void)sync_file_range(fd, (off_t)before, (off_t)(from - before),
                              SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

static int write_out(int fd, uint8_t *piece, uint64_t *written, sluice_disk_speed *out, sluice_error *error)
{
    sluice_time start = sluice_clock_now();
    uint64_t done = 0;
    while (done < SLUICE_DISK_BYTES && (done == 0 || sluice_clock_now() - start < SLUICE_DISK_NS)) {
        memcpy(piece, &done, sizeof done); /* no two are alike */
        ssize_t put = pwrite(fd, piece, PIECE_BYTES, (off_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail("a file for measuring the disk cannot be written", error);
        done += (uint64_t)put;
        if (done % FLIGHT_BYTES == 0)
            push_out(fd, done);
    }
    if (fdatasync(fd) != 0)
        return fail("a file for measuring the disk cannot be written", error);
    out->write_bps = speed_of(done, sluice_clock_now() - start);
    *written = done;
    return SLUICE_OK;
}

static int read_back(int fd, uint8_t *piece, uint64_t written, sluice_disk_speed *out, sluice_error *error)
{
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    sluice_time start = sluice_clock_now();
    uint64_t done = 0;
    while (done < written && (done == 0 || sluice_clock_now() - start < SLUICE_DISK_NS)) {
        ssize_t got = pread(fd, piece, PIECE_BYTES, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fail("a file for measuring the disk cannot be read", error);
        done += (uint64_t)got;
    }
    out->read_bps = speed_of(done, sluice_clock_now() - start);
    return SLUICE_OK;
}

int sluice_disk_measure(const char *directory, sluice_disk_speed *out, sluice_error *error)
{
    sluice_disk_speed speed = {0};
    uint64_t written = 0;
    int fd = open_nameless(directory);
    if (fd < 0)
        return fail("no file for measuring the disk can be made", error);
    uint8_t *piece = malloc(PIECE_BYTES);
    int status = piece ? SLUICE_OK : sluice_fail(error, SLUICE_ENOMEM, "out of memory to measure the disk");
    if (status == SLUICE_OK) {
        fill(piece, PIECE_BYTES);
        status = write_out(fd, piece, &written, &speed, error);
    }
    if (status == SLUICE_OK)
        status = read_back(fd, piece, written, &speed, error);
    free(piece);
    close(fd);
    if (status == SLUICE_OK)
        *out = speed;
    return status;
}
