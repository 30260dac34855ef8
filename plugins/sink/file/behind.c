/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --drop-behind: what was written leaves the page cache.
 *
 * Only pages that are on disk can be dropped.  So each piece is given to the disk at once and stands in a row; when the
 * row is long its first piece, which has had the longest time, is waited for and dropped.  So there is always something
 * on its way to the disk, and a writer waits only for a disk that is slower than the network.
 *
 * A piece has a descriptor of its own, since its object may be committed long before: opened for reading, so that nobody
 * is kept from running a program that was just copied, and without the object's lock.
 */
#include "file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FOLIO_BYTES (UINT64_C(2) << 20) /* pages are kept in groups of up to this size, at multiples of it, and go as such */

/* Errors are left: those of writing are told where the file is written, synced or committed. */
static void piece_drop(const sluice_file_piece *piece)
{
    off_t begin = (off_t)(piece->from - piece->from % FOLIO_BYTES), end = (off_t)piece->to;
    (void)sync_file_range(piece->fd, (off_t)piece->from, (off_t)(piece->to - piece->from),
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    (void)posix_fadvise(piece->fd, begin, end - begin, POSIX_FADV_DONTNEED);
    (void)close(piece->fd);
}

static int reopen(int fd)
{
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The lock is not held while the disk is waited for. */
void sluice_file_behind_put(sluice_file_sink *sink, const sluice_file_object *object, uint64_t from, uint64_t bytes)
{
    sluice_file_behind *behind = &sink->behind;
    sluice_file_piece piece = {.from = from, .to = from + bytes}, first = {.fd = -1};
    if (!sink->drop_behind || bytes == 0 || (piece.fd = reopen(object->fd)) < 0)
        return;
    (void)sync_file_range(piece.fd, (off_t)from, (off_t)bytes, SYNC_FILE_RANGE_WRITE);
    pthread_mutex_lock(&sink->lock);
    if (behind->count == SLUICE_FILE_PIECES) {
        first = behind->pieces[behind->first];
        behind->first = (behind->first + 1) % SLUICE_FILE_PIECES;
        behind->count--;
    }
    behind->pieces[(behind->first + behind->count++) % SLUICE_FILE_PIECES] = piece;
    pthread_mutex_unlock(&sink->lock);
    if (first.fd >= 0)
        piece_drop(&first);
}

void sluice_file_behind_flush(sluice_file_sink *sink)
{
    sluice_file_behind *behind = &sink->behind;
    for (; behind->count > 0; behind->count--) {
        piece_drop(&behind->pieces[behind->first]);
        behind->first = (behind->first + 1) % SLUICE_FILE_PIECES;
    }
}
