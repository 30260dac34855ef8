/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waiting.h - memory for the bytes of an ordered object that came before those in front of them.
 *
 * Memory comes in segments of 16 KiB, each with its fixed place in the row of bytes, so what waits within a window
 * takes no more than the window and two segments, however it is scattered.  The segments hang in a ring that is as long
 * as what waits reaches: a window that is not used costs nothing.  A zeroed struct is empty.
 */
#ifndef ENGINE_WAITING_H
#define ENGINE_WAITING_H

#include <sluice/host.h>

#define ENGINE_SEGMENT_BYTES 16384u

typedef struct engine_waiting {
    uint8_t **ring; /* by number of the segment; NULL: nothing of it waits */
    size_t room;    /* a power of two */
    size_t used;    /* segments */
} engine_waiting;

/* Segments kept for the next gap, of all objects. */
typedef struct engine_waiting_spare {
    uint8_t *segments[64];
    size_t count;
} engine_waiting_spare;

/* Keeps bytes at offset, which lies at or behind base: the offset from which on the object waits.  SLUICE_ENOMEM. */
int engine_waiting_store(engine_waiting *waiting, const sluice_host *host, engine_waiting_spare *spare, uint64_t base,
                         uint64_t offset, const uint8_t *bytes, size_t count);

/* What was kept at offset; valid to the end of its segment. */
const uint8_t *engine_waiting_at(const engine_waiting *waiting, uint64_t offset);

/* The base goes from `from` to `upto`: segments that lie wholly before are let go. */
void engine_waiting_move(engine_waiting *waiting, const sluice_host *host, engine_waiting_spare *spare, uint64_t from,
                         uint64_t upto);

void engine_waiting_fini(engine_waiting *waiting, const sluice_host *host);
void engine_waiting_spare_fini(engine_waiting_spare *spare, const sluice_host *host);

#endif
