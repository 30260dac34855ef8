/* SPDX-License-Identifier: Apache-2.0 */
#include "waiting.h"

#include <assert.h>
#include <string.h>

#define ROOM_LEAST 8u
#define ROOM_KEPT 64u /* a longer ring is given back when nothing waits */

static uint8_t **place(const engine_waiting *waiting, uint64_t segment)
{
    return &waiting->ring[segment & (waiting->room - 1)];
}

/* Makes the ring long enough for the segments from `first` on to `last`. */
static int reach(engine_waiting *waiting, const sluice_host *host, uint64_t first, uint64_t last)
{
    uint64_t room = waiting->room ? waiting->room : ROOM_LEAST;
    while (room <= last - first)
        room *= 2;
    if (room == waiting->room)
        return SLUICE_OK;
    if (room > SIZE_MAX / sizeof(*waiting->ring))
        return SLUICE_ENOMEM;
    uint8_t **ring = host->resize(host, NULL, (size_t)room * sizeof(*ring));
    if (!ring)
        return SLUICE_ENOMEM;
    memset(ring, 0, (size_t)room * sizeof(*ring));
    for (uint64_t i = first; i < first + waiting->room; i++)
        ring[i & (room - 1)] = *place(waiting, i);
    if (waiting->ring)
        host->resize(host, waiting->ring, 0);
    waiting->ring = ring;
    waiting->room = (size_t)room;
    return SLUICE_OK;
}

static uint8_t *segment_of(engine_waiting *waiting, const sluice_host *host, engine_waiting_spare *spare,
                           uint64_t segment)
{
    uint8_t **at = place(waiting, segment);
    if (!*at) {
        *at = spare->count > 0 ? spare->segments[--spare->count] : host->resize(host, NULL, ENGINE_SEGMENT_BYTES);
        waiting->used += *at != NULL;
    }
    return *at;
}

int engine_waiting_store(engine_waiting *waiting, const sluice_host *host, engine_waiting_spare *spare, uint64_t base,
                         uint64_t offset, const uint8_t *bytes, size_t count)
{
    assert(offset >= base && count > 0);
    int status = reach(waiting, host, base / ENGINE_SEGMENT_BYTES, (offset + count - 1) / ENGINE_SEGMENT_BYTES);
    while (status == SLUICE_OK && count > 0) {
        size_t at = (size_t)(offset % ENGINE_SEGMENT_BYTES);
        size_t part = ENGINE_SEGMENT_BYTES - at < count ? ENGINE_SEGMENT_BYTES - at : count;
        uint8_t *segment = segment_of(waiting, host, spare, offset / ENGINE_SEGMENT_BYTES);
        if (!segment)
            return SLUICE_ENOMEM;
        memcpy(segment + at, bytes, part);
        offset += part;
        bytes += part;
        count -= part;
    }
    return status;
}

const uint8_t *engine_waiting_at(const engine_waiting *waiting, uint64_t offset)
{
    const uint8_t *segment = *place(waiting, offset / ENGINE_SEGMENT_BYTES);
    assert(segment);
    return segment + offset % ENGINE_SEGMENT_BYTES;
}

void engine_waiting_move(engine_waiting *waiting, const sluice_host *host, engine_waiting_spare *spare, uint64_t from,
                         uint64_t upto)
{
    uint64_t first = from / ENGINE_SEGMENT_BYTES, last = upto / ENGINE_SEGMENT_BYTES;
    if (last - first > waiting->room)
        last = first + waiting->room;
    for (uint64_t i = first; i < last && waiting->used > 0; i++) {
        uint8_t **at = place(waiting, i);
        if (!*at)
            continue;
        if (spare->count < SLUICE_COUNT(spare->segments))
            spare->segments[spare->count++] = *at;
        else
            host->resize(host, *at, 0);
        *at = NULL;
        waiting->used--;
    }
    if (waiting->used == 0 && waiting->room > ROOM_KEPT)
        engine_waiting_fini(waiting, host);
}

void engine_waiting_fini(engine_waiting *waiting, const sluice_host *host)
{
    for (size_t i = 0; i < waiting->room && waiting->used > 0; i++) {
        if (!waiting->ring[i])
            continue;
        host->resize(host, waiting->ring[i], 0);
        waiting->used--;
    }
    if (waiting->ring)
        host->resize(host, waiting->ring, 0);
    *waiting = (engine_waiting){0};
}

void engine_waiting_spare_fini(engine_waiting_spare *spare, const sluice_host *host)
{
    while (spare->count > 0)
        host->resize(host, spare->segments[--spare->count], 0);
}
