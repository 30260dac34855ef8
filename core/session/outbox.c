/* SPDX-License-Identifier: Apache-2.0 */
#include "session/outbox.h"

#include <stdlib.h>
#include <string.h>

#define OUTBOX_LEAST 4096 /* bytes; the ring never shrinks below */

void sluice_outbox_fini(sluice_outbox *outbox)
{
    free(outbox->ring);
    sluice_floor_fini(&outbox->acked);
    memset(outbox, 0, sizeof(*outbox));
}

size_t sluice_outbox_kept(const sluice_outbox *outbox)
{
    return (size_t)(outbox->to - outbox->acked.at);
}

/* Copies out of the ring, which may wrap once. */
static void ring_read(const sluice_outbox *outbox, uint64_t offset, uint8_t *out, size_t count)
{
    size_t at = (size_t)offset & (outbox->capacity - 1), first = outbox->capacity - at;
    if (first > count)
        first = count;
    memcpy(out, outbox->ring + at, first);
    memcpy(out + first, outbox->ring, count - first);
}

static void ring_write(sluice_outbox *outbox, uint64_t offset, const uint8_t *bytes, size_t count)
{
    size_t at = (size_t)offset & (outbox->capacity - 1), first = outbox->capacity - at;
    if (first > count)
        first = count;
    memcpy(outbox->ring + at, bytes, first);
    memcpy(outbox->ring, bytes + first, count - first);
}

static int ring_grow(sluice_outbox *outbox, size_t need)
{
    size_t capacity = outbox->capacity ? outbox->capacity : OUTBOX_LEAST;
    while (capacity < need) {
        if (capacity > SIZE_MAX / 2)
            return SLUICE_ENOMEM;
        capacity *= 2;
    }
    uint8_t *ring = malloc(capacity);
    if (!ring)
        return SLUICE_ENOMEM;
    sluice_outbox old = *outbox;
    outbox->ring = ring;
    outbox->capacity = capacity;
    for (uint64_t at = old.acked.at; at < old.to;) {
        size_t in_row = old.capacity - ((size_t)at & (old.capacity - 1));
        size_t count = old.to - at < in_row ? (size_t)(old.to - at) : in_row;
        ring_write(outbox, at, old.ring + ((size_t)at & (old.capacity - 1)), count);
        at += count;
    }
    free(old.ring);
    return SLUICE_OK;
}

int sluice_outbox_append(sluice_outbox *outbox, const void *bytes, size_t count)
{
    size_t kept = sluice_outbox_kept(outbox);
    if (count == 0)
        return SLUICE_OK;
    if (count > SIZE_MAX - kept)
        return SLUICE_ENOMEM;
    if (kept + count > outbox->capacity) {
        int status = ring_grow(outbox, kept + count);
        if (status)
            return status;
    }
    ring_write(outbox, outbox->to, bytes, count);
    outbox->to += count;
    return SLUICE_OK;
}

size_t sluice_outbox_fetch(const sluice_outbox *outbox, uint64_t offset, const struct iovec *buffers, int count)
{
    size_t filled = 0;
    if (offset < outbox->acked.at)
        return 0;
    for (int i = 0; i < count && offset < outbox->to; i++) {
        size_t bytes = buffers[i].iov_len;
        if (bytes > outbox->to - offset)
            bytes = (size_t)(outbox->to - offset);
        ring_read(outbox, offset, buffers[i].iov_base, bytes);
        offset += bytes;
        filled += bytes;
    }
    return filled;
}

int sluice_outbox_acked(sluice_outbox *outbox, uint64_t from, uint64_t to)
{
    return sluice_floor_add(&outbox->acked, from, to < outbox->to ? to : outbox->to);
}
