/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.h - the bytes of an ordered object of ours, kept from append until they are acknowledged.
 *
 * Acknowledgements come in any order; memory is given back from the front.  One thread at a time.
 */
#ifndef SLUICE_SESSION_OUTBOX_H
#define SLUICE_SESSION_OUTBOX_H

#include "session/floor.h"
#include <sluice/status.h>
#include <sluice/types.h>
#include <sys/uio.h>

typedef struct sluice_outbox {
    uint8_t *ring;       /* byte at offset o lies at ring[o & (capacity - 1)] */
    size_t capacity;     /* a power of two, or 0 */
    sluice_floor acked;
    uint64_t to;         /* offsets kept: [acked.at, to) */
} sluice_outbox;

void sluice_outbox_fini(sluice_outbox *outbox);
int sluice_outbox_append(sluice_outbox *outbox, const void *bytes, size_t count); /* ENOMEM: nothing was appended */
size_t sluice_outbox_kept(const sluice_outbox *outbox);
/* Copies what it has of [offset, ...) into the buffers; 0 if offset is not kept (any more). */
size_t sluice_outbox_fetch(const sluice_outbox *outbox, uint64_t offset, const struct iovec *buffers, int count);
/* Bytes outside of what is kept are ignored.  ENOMEM: the range is forgotten, which only costs memory. */
int sluice_outbox_acked(sluice_outbox *outbox, uint64_t from, uint64_t to);

#endif
