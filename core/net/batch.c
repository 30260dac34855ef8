/* SPDX-License-Identifier: Apache-2.0 */
#include "net/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Loose packets start at different places of a page: at a distance of a power of two they would fight for the same few
 * lines of the processor's cache. */
#define LOOSE_STRIDE (SLUICE_PACKET_MAX + 1472)
#define HUGE_PAGE ((size_t)2 << 20)

int sluice_batch_init(sluice_batch *batch)
{
    memset(batch, 0, sizeof(*batch));
    size_t bytes = (SLUICE_BATCH_PACKETS * (size_t)LOOSE_STRIDE + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    uint8_t *arena = aligned_alloc(HUGE_PAGE, bytes);
    if (!arena)
        return SLUICE_ENOMEM;
    /* A hint that spares the address translation sixty-four pages; refused, it is only slower. */
    (void)madvise(arena, bytes, MADV_HUGEPAGE);
    batch->arena = arena;
    batch->arena_bytes = bytes;
    sluice_batch_lay(batch, 0);
    return SLUICE_OK;
}

void sluice_batch_fini(sluice_batch *batch)
{
    free(batch->arena);
    memset(batch, 0, sizeof(*batch));
}

size_t sluice_batch_lay(sluice_batch *batch, uint32_t datagram_bytes)
{
    assert(datagram_bytes <= SLUICE_PACKET_MAX);
    size_t stride = datagram_bytes ? datagram_bytes : LOOSE_STRIDE;
    memset(batch->packets, 0, sizeof(batch->packets));
    for (size_t i = 0; i < SLUICE_BATCH_PACKETS; i++) {
        batch->packets[i].data = batch->arena + i * stride;
        batch->packets[i].capacity = datagram_bytes ? datagram_bytes : SLUICE_PACKET_MAX;
    }
    batch->packets[0].capacity = SLUICE_PACKET_MAX;
    size_t most = datagram_bytes ? SLUICE_BATCH_BYTES / datagram_bytes : SLUICE_BATCH_PACKETS;
    return most < SLUICE_BATCH_PACKETS ? most : SLUICE_BATCH_PACKETS;
}
