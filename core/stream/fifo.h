/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fifo.h - a row of bytes between two threads, one of which writes while the other reads, without locks around them.
 *
 * Bytes have offsets, counted from the first one that was ever written.  What is written can be seen by the reader once it
 * is published.  The reader may fetch what it can see any number of times, at any offset, until it releases it.  Memory
 * comes in segments, which a store keeps for use again.
 */
#ifndef SLUICE_STREAM_FIFO_H
#define SLUICE_STREAM_FIFO_H

#include <pthread.h>
#include <sluice/status.h>
#include <sluice/types.h>
#include <stdatomic.h>
#include <sys/uio.h>

#define SLUICE_FIFO_SEGMENT 16384u /* bytes */

typedef struct sluice_fifo_segment sluice_fifo_segment;

/* Segments for use again, of any number of fifos.  Any thread. */
typedef struct sluice_fifo_store {
    pthread_mutex_t lock;
    sluice_fifo_segment *spare;
    size_t count, most;
    size_t least; /* there were since the last trim */
} sluice_fifo_store;

void sluice_fifo_store_init(sluice_fifo_store *store, size_t most);
/* From time to time: what was not needed since the last time goes, but for `keep`. */
void sluice_fifo_store_trim(sluice_fifo_store *store, size_t keep);
void sluice_fifo_store_fini(sluice_fifo_store *store); /* after its fifos */

typedef struct sluice_fifo {
    /* The writer's. */
    sluice_fifo_segment *tail;
    uint64_t written;

    /* The reader's: segments from the one of `released` on, by number, in a ring. */
    sluice_fifo_segment **known;
    size_t known_room, known_count; /* known_room: a power of two */
    uint64_t known_first;           /* number of the first */

    /* Both sides'. */
    sluice_fifo_segment *_Atomic head; /* set once, with the first bytes */
    atomic_uint_fast64_t published, released;
    sluice_fifo_store *store; /* where segments come from; NULL: from malloc */
} sluice_fifo;

/* A zeroed fifo is ready; its store may be set then.  fini when neither side uses it any more. */
void sluice_fifo_fini(sluice_fifo *fifo);

/* ---- the writer ---- */

/* Appends; all of it, or with SLUICE_ENOMEM what fitted (see written). */
int sluice_fifo_write(sluice_fifo *fifo, const void *bytes, size_t count);
void sluice_fifo_publish(sluice_fifo *fifo);

/* ---- the reader ---- */

/* Copies what can be seen of [offset, ...), which must not be released, into the buffers.  SLUICE_ENOMEM shows as 0. */
size_t sluice_fifo_fetch(sluice_fifo *fifo, uint64_t offset, const struct iovec *buffers, int count);
/* What lies before upto, which is published, is not fetched any more. */
void sluice_fifo_release(sluice_fifo *fifo, uint64_t upto);

/* ---- either side ---- */

static inline uint64_t sluice_fifo_published(const sluice_fifo *fifo)
{
    return atomic_load_explicit(&fifo->published, memory_order_acquire);
}
static inline uint64_t sluice_fifo_released(const sluice_fifo *fifo)
{
    return atomic_load_explicit(&fifo->released, memory_order_acquire);
}

#endif
