/* SPDX-License-Identifier: Apache-2.0 */
#include "flight.h"

#include <assert.h>
#include <string.h>

#define RING_START 1024u

static bool bit_get(const uint64_t *map, uint64_t index)
{
    return (map[index >> 6] >> (index & 63)) & 1;
}

static void bit_set(uint64_t *map, uint64_t index)
{
    map[index >> 6] |= UINT64_C(1) << (index & 63);
}

static void bit_clear(uint64_t *map, uint64_t index)
{
    map[index >> 6] &= ~(UINT64_C(1) << (index & 63));
}

/* Moves everything into rings of the new size. */
static int resize_ring(engine_flight *flight, const sluice_host *host, uint64_t room)
{
    engine_sent *ring = host->resize(host, NULL, room * sizeof(*ring));
    uint64_t *maps = ring ? host->resize(host, NULL, room / 64 * 2 * sizeof(*maps)) : NULL;
    if (!maps) {
        if (ring)
            host->resize(host, ring, 0);
        return SLUICE_ENOMEM;
    }
    memset(maps, 0, room / 64 * 2 * sizeof(*maps));
    for (uint64_t n = flight->base; n < flight->next; n++) {
        uint64_t old = n & (flight->room - 1), new = n &(room - 1);
        ring[new] = flight->ring[old];
        if (bit_get(flight->flying, old))
            bit_set(maps, new);
        if (bit_get(flight->lost, old))
            bit_set(maps + room / 64, new);
    }
    if (flight->ring) {
        host->resize(host, flight->ring, 0);
        host->resize(host, flight->flying, 0);
    }
    flight->ring = ring;
    flight->flying = maps;
    flight->lost = maps + room / 64;
    flight->room = room;
    return SLUICE_OK;
}

int engine_flight_init(engine_flight *flight, const sluice_host *host, uint64_t most_packets)
{
    *flight = (engine_flight){.most = RING_START};
    while (flight->most < most_packets && flight->most < (UINT64_C(1) << 26))
        flight->most *= 2;
    return resize_ring(flight, host, RING_START);
}

void engine_flight_fini(engine_flight *flight, const sluice_host *host)
{
    if (flight->ring) {
        host->resize(host, flight->ring, 0);
        host->resize(host, flight->flying, 0);
    }
    if (flight->pool)
        host->resize(host, flight->pool, 0);
    *flight = (engine_flight){0};
}

engine_sent *engine_flight_at(const engine_flight *flight, uint64_t number)
{
    assert(number >= flight->base && number < flight->next);
    return &flight->ring[number & (flight->room - 1)];
}

bool engine_flight_is_flying(const engine_flight *flight, uint64_t number)
{
    return number >= flight->base && number < flight->next && bit_get(flight->flying, number & (flight->room - 1));
}

bool engine_flight_is_lost(const engine_flight *flight, uint64_t number)
{
    return number >= flight->base && number < flight->next && bit_get(flight->lost, number & (flight->room - 1));
}

uint64_t engine_flight_find(const engine_flight *flight, uint64_t from, uint64_t to, bool or_lost)
{
    uint64_t number = from > flight->base ? from : flight->base;
    to = to < flight->next ? to : flight->next;
    while (number < to) {
        uint64_t index = number & (flight->room - 1);
        uint64_t word = flight->flying[index >> 6] | (or_lost ? flight->lost[index >> 6] : 0);
        word >>= index & 63;
        if (word) {
            number += (unsigned)__builtin_ctzll(word);
            break;
        }
        number += 64 - (index & 63);
    }
    return number < to ? number : to;
}

static void base_advance(engine_flight *flight, sluice_time forget)
{
    while (flight->base < flight->next) {
        uint64_t index = flight->base & (flight->room - 1);
        if (bit_get(flight->flying, index)) {
            if ((flight->ring[index].flags & ENGINE_SENT_ELICITING) || flight->ring[index].sent >= forget)
                return;
            engine_flight_settle(flight, flight->base);
        } else if (bit_get(flight->lost, index)) {
            if (flight->ring[index].sent >= forget)
                return;
            engine_flight_settle(flight, flight->base);
        }
        flight->base++;
    }
}

int engine_flight_room(engine_flight *flight, const sluice_host *host, sluice_time forget)
{
    if (engine_flight_roomy(flight))
        return SLUICE_OK;
    base_advance(flight, forget);
    if (flight->next - flight->base < flight->room - 1)
        return SLUICE_OK;
    if (flight->room < flight->most)
        return resize_ring(flight, host, flight->room * 2);
    base_advance(flight, SLUICE_NEVER);
    return flight->next - flight->base < flight->room ? SLUICE_OK : SLUICE_EAGAIN;
}

uint64_t engine_flight_push(engine_flight *flight, const engine_sent *sent)
{
    assert(flight->next - flight->base < flight->room);
    uint64_t number = flight->next++;
    uint64_t index = number & (flight->room - 1);
    flight->ring[index] = *sent;
    bit_set(flight->flying, index);
    bit_clear(flight->lost, index);
    if (sent->flags & ENGINE_SENT_ELICITING) {
        flight->in_flight_bytes += sent->wire_bytes;
        flight->in_flight_packets++;
    }
    return number;
}

static void leave_flight(engine_flight *flight, uint64_t index)
{
    bit_clear(flight->flying, index);
    if (flight->ring[index].flags & ENGINE_SENT_ELICITING) {
        flight->in_flight_bytes -= flight->ring[index].wire_bytes;
        flight->in_flight_packets--;
    }
}

void engine_flight_mark_lost(engine_flight *flight, uint64_t number)
{
    uint64_t index = number & (flight->room - 1);
    assert(bit_get(flight->flying, index));
    leave_flight(flight, index);
    bit_set(flight->lost, index);
}

void engine_flight_settle(engine_flight *flight, uint64_t number)
{
    uint64_t index = number & (flight->room - 1);
    if (bit_get(flight->flying, index))
        leave_flight(flight, index);
    bit_clear(flight->lost, index);
    engine_flight_drop_records(flight, &flight->ring[index]);
}

static uint32_t pool_take(engine_flight *flight, const sluice_host *host)
{
    if (flight->pool_free) {
        uint32_t index = flight->pool_free - 1;
        flight->pool_free = flight->pool[index].next;
        return index + 1;
    }
    if (flight->pool_used == flight->pool_room) {
        uint32_t room = flight->pool_room ? flight->pool_room * 2 : 256;
        engine_record *bigger = room > (1u << 30) ? NULL : host->resize(host, flight->pool, room * sizeof(*bigger));
        if (!bigger)
            return 0;
        flight->pool = bigger;
        flight->pool_room = room;
    }
    return ++flight->pool_used;
}

int engine_flight_record(engine_flight *flight, const sluice_host *host, engine_sent *sent, const engine_record *record)
{
    if (sent->record.kind == ENGINE_RECORD_NONE) {
        sent->record = *record;
        sent->record.next = 0;
        return SLUICE_OK;
    }
    uint32_t place = pool_take(flight, host);
    if (!place)
        return SLUICE_ENOMEM;
    flight->pool[place - 1] = *record;
    flight->pool[place - 1].next = sent->record.next;
    sent->record.next = place;
    return SLUICE_OK;
}

void engine_flight_drop_records(engine_flight *flight, engine_sent *sent)
{
    uint32_t place = sent->record.next;
    while (place) {
        uint32_t next = flight->pool[place - 1].next;
        flight->pool[place - 1].next = flight->pool_free;
        flight->pool_free = place;
        place = next;
    }
    sent->record.kind = ENGINE_RECORD_NONE;
    sent->record.next = 0;
}

const engine_record *engine_flight_next_record(const engine_flight *flight, const engine_record *record)
{
    return record->next ? &flight->pool[record->next - 1] : NULL;
}
