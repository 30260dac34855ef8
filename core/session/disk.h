/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - how fast the disk below a directory takes and gives bytes.
 */
#ifndef SLUICE_SESSION_DISK_H
#define SLUICE_SESSION_DISK_H

#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_DISK_BYTES (UINT64_C(48) << 20) /* written and read back at most */
#define SLUICE_DISK_NS (1 * SLUICE_SECOND)     /* for either, about: a slow disk is measured by what it did */

typedef struct sluice_disk_speed {
    uint64_t write_bps, read_bps; /* bits per second, of the disk rather than of the cache in front of it; never 0 */
} sluice_disk_speed;

/* Writes a file without a name there, waits for the disk, forgets what is cached of it, and reads it back.  Where the
 * file system knows no such files it has a name for a moment.  Nothing stays.  Takes about 2 s at most; for threads
 * that may block.  The status of the error that occurs, with a sentence that does not name the directory. */
int sluice_disk_measure(const char *directory, sluice_disk_speed *out, sluice_error *error);

#endif
