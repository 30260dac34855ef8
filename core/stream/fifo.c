/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/fifo.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct sluice_fifo_segment {
    sluice_fifo_segment *next; /* written before the bytes beyond this segment are published; or in the row of spares */
    uint8_t bytes[SLUICE_FIFO_SEGMENT];
};

/* ---- segments ---- */

void sluice_fifo_store_init(sluice_fifo_store *store, size_t most)
{
    *store = (sluice_fifo_store){.most = most};
    pthread_mutex_init(&store->lock, NULL);
}

static void segment_free(sluice_fifo *fifo, sluice_fifo_segment *segment)
{
    sluice_fifo_store *store = fifo->store;
    if (store) {
        pthread_mutex_lock(&store->lock);
        if (store->count < store->most) {
            segment->next = store->spare;
            store->spare = segment;
            store->count++;
            segment = NULL;
        }
        pthread_mutex_unlock(&store->lock);
    }
    free(segment);
}

static sluice_fifo_segment *segment_new(sluice_fifo *fifo)
{
    sluice_fifo_store *store = fifo->store;
    sluice_fifo_segment *segment = NULL;
    if (store) {
        pthread_mutex_lock(&store->lock);
        segment = store->spare;
        if (segment) {
            store->spare = segment->next;
            store->count--;
            store->least = store->count < store->least ? store->count : store->least;
        }
        pthread_mutex_unlock(&store->lock);
    }
    if (!segment)
        segment = malloc(sizeof *segment);
    if (segment)
        segment->next = NULL;
    return segment;
}

static void row_free(sluice_fifo_segment *segment)
{
    while (segment) {
        sluice_fifo_segment *next = segment->next;
        free(segment);
        segment = next;
    }
}

void sluice_fifo_store_trim(sluice_fifo_store *store, size_t keep)
{
    sluice_fifo_segment *idle = NULL;
    pthread_mutex_lock(&store->lock);
    size_t count = store->least > keep ? store->least - keep : 0;
    for (; count > 0; count--) {
        sluice_fifo_segment *segment = store->spare;
        store->spare = segment->next;
        store->count--;
        segment->next = idle;
        idle = segment;
    }
    store->least = store->count;
    pthread_mutex_unlock(&store->lock);
    row_free(idle);
}

void sluice_fifo_store_fini(sluice_fifo_store *store)
{
    row_free(store->spare);
    pthread_mutex_destroy(&store->lock);
}

void sluice_fifo_fini(sluice_fifo *fifo)
{
    /* What the reader has not looked at yet hangs on what it has. */
    row_free(fifo->known_count ? fifo->known[fifo->known_first & (fifo->known_room - 1)] : atomic_load(&fifo->head));
    free(fifo->known);
    memset(fifo, 0, sizeof *fifo);
}

/* ---- the writer ---- */

static int tail_extend(sluice_fifo *fifo)
{
    sluice_fifo_segment *segment = segment_new(fifo);
    if (!segment)
        return SLUICE_ENOMEM;
    if (fifo->tail)
        fifo->tail->next = segment;
    else
        atomic_store_explicit(&fifo->head, segment, memory_order_release);
    fifo->tail = segment;
    return SLUICE_OK;
}

int sluice_fifo_write(sluice_fifo *fifo, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;
    while (count > 0) {
        size_t at = (size_t)(fifo->written % SLUICE_FIFO_SEGMENT);
        size_t part = SLUICE_FIFO_SEGMENT - at < count ? SLUICE_FIFO_SEGMENT - at : count;
        if (at == 0 && tail_extend(fifo) != SLUICE_OK)
            return SLUICE_ENOMEM;
        memcpy(fifo->tail->bytes + at, from, part);
        fifo->written += part;
        from += part;
        count -= part;
    }
    return SLUICE_OK;
}

void sluice_fifo_publish(sluice_fifo *fifo)
{
    atomic_store_explicit(&fifo->published, fifo->written, memory_order_release);
}

/* ---- the reader ---- */

static int known_grow(sluice_fifo *fifo)
{
    size_t room = fifo->known_room ? fifo->known_room * 2 : 8;
    sluice_fifo_segment **known = malloc(room * sizeof *known);
    if (!known)
        return SLUICE_ENOMEM;
    for (uint64_t i = fifo->known_first; i < fifo->known_first + fifo->known_count; i++)
        known[i & (room - 1)] = fifo->known[i & (fifo->known_room - 1)];
    free(fifo->known);
    fifo->known = known;
    fifo->known_room = room;
    return SLUICE_OK;
}

/* The segment of that number, some of whose bytes can be seen. */
static sluice_fifo_segment *segment_find(sluice_fifo *fifo, uint64_t number)
{
    while (fifo->known_first + fifo->known_count <= number) {
        uint64_t next = fifo->known_first + fifo->known_count;
        if (fifo->known_count == fifo->known_room && known_grow(fifo) != SLUICE_OK)
            return NULL;
        size_t mask = fifo->known_room - 1;
        fifo->known[next & mask] = next == 0 ? atomic_load_explicit(&fifo->head, memory_order_acquire)
                                             : fifo->known[(next - 1) & mask]->next;
        fifo->known_count++;
    }
    return fifo->known[number & (fifo->known_room - 1)];
}

size_t sluice_fifo_fetch(sluice_fifo *fifo, uint64_t offset, const struct iovec *buffers, int count)
{
    uint64_t end = sluice_fifo_published(fifo);
    size_t filled = 0;
    assert(offset >= atomic_load_explicit(&fifo->released, memory_order_relaxed));
    for (int i = 0; i < count && offset < end; i++) {
        uint8_t *to = buffers[i].iov_base;
        size_t room = buffers[i].iov_len;
        while (room > 0 && offset < end) {
            sluice_fifo_segment *segment = segment_find(fifo, offset / SLUICE_FIFO_SEGMENT);
            size_t at = (size_t)(offset % SLUICE_FIFO_SEGMENT), part = SLUICE_FIFO_SEGMENT - at;
            if (!segment)
                return filled;
            part = part < room ? part : room;
            part = end - offset < part ? (size_t)(end - offset) : part;
            memcpy(to, segment->bytes + at, part);
            to += part;
            room -= part;
            offset += part;
            filled += part;
        }
    }
    return filled;
}

void sluice_fifo_release(sluice_fifo *fifo, uint64_t upto)
{
    uint64_t last = upto / SLUICE_FIFO_SEGMENT;
    /* The last segment stays though all of it is released: the next one hangs on it. */
    if (upto > 0 && upto % SLUICE_FIFO_SEGMENT == 0)
        last--;
    while (fifo->known_first < last && segment_find(fifo, fifo->known_first + 1)) {
        sluice_fifo_segment *segment = fifo->known[fifo->known_first & (fifo->known_room - 1)];
        fifo->known_first++;
        fifo->known_count--;
        segment_free(fifo, segment);
    }
    atomic_store_explicit(&fifo->released, upto, memory_order_release);
}
