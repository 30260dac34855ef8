/* SPDX-License-Identifier: Apache-2.0 */
#include "pmtud.h"

#define TRIES 3
#define AGAIN (600 * SLUICE_SECOND) /* RFC 8899, PMTU_RAISE_TIMER */
#define AFTER_HOLE (1 * SLUICE_SECOND)
#define AFTER_OVERRUN (1 * SLUICE_SECOND)
#define DEAD_LEAST 6 /* at 30 % loss six in a row are 0.07 % likely */
#define DEAD_LEAST_OVERRUN 48 /* the same at 86 % */

void engine_pmtud_init(engine_pmtud *pmtud, uint32_t least, uint32_t most)
{
    static const uint32_t steps[] = {1200, 1372, 1452, 1472, 4096, 8948, 16356};
    *pmtud = (engine_pmtud){.count = 1};
    pmtud->sizes[0].bytes = least;
    for (size_t i = 0; i < SLUICE_COUNT(steps); i++) {
        if (steps[i] > least && steps[i] < most)
            pmtud->sizes[pmtud->count++].bytes = steps[i];
    }
    if (most > least)
        pmtud->sizes[pmtud->count++].bytes = most;
}

uint32_t engine_pmtud_bytes(const engine_pmtud *pmtud)
{
    return pmtud->sizes[pmtud->current].bytes;
}

static bool wants(const engine_pmtud_size *size)
{
    return !size->flying && size->tries < TRIES;
}

uint32_t engine_pmtud_probe(const engine_pmtud *pmtud, sluice_time now, uint64_t most)
{
    if (now < pmtud->next)
        return 0;
    for (uint32_t i = pmtud->current + 1; i < pmtud->count; i++) {
        if (wants(&pmtud->sizes[i]) && pmtud->sizes[i].bytes <= most)
            return pmtud->sizes[i].bytes;
    }
    return 0;
}

sluice_time engine_pmtud_wake(const engine_pmtud *pmtud, uint64_t most)
{
    for (uint32_t i = pmtud->current + 1; i < pmtud->count; i++) {
        if (wants(&pmtud->sizes[i]) && pmtud->sizes[i].bytes <= most)
            return pmtud->next;
    }
    return SLUICE_NEVER;
}

static engine_pmtud_size *find(engine_pmtud *pmtud, uint32_t bytes)
{
    for (uint32_t i = 0; i < pmtud->count; i++) {
        if (pmtud->sizes[i].bytes == bytes)
            return &pmtud->sizes[i];
    }
    return NULL;
}

/* When every larger size has failed, all are tried again after a long time. */
static void settle(engine_pmtud *pmtud, sluice_time now)
{
    for (uint32_t i = pmtud->current + 1; i < pmtud->count; i++) {
        if (pmtud->sizes[i].tries < TRIES)
            return;
    }
    for (uint32_t i = pmtud->current + 1; i < pmtud->count; i++)
        pmtud->sizes[i].tries = 0;
    pmtud->next = now + AGAIN;
}

void engine_pmtud_sent(engine_pmtud *pmtud, uint32_t bytes)
{
    engine_pmtud_size *size = find(pmtud, bytes);
    if (size)
        size->flying = true;
}

static void evidence_clear(engine_pmtud *pmtud)
{
    pmtud->dead_since = 0;
    pmtud->dead_count = 0;
}

bool engine_pmtud_acked(engine_pmtud *pmtud, sluice_time now, uint32_t bytes)
{
    engine_pmtud_size *size = find(pmtud, bytes);
    if (!size)
        return false;
    size->flying = false;
    size->tries = 0;
    uint32_t index = (uint32_t)(size - pmtud->sizes);
    if (index <= pmtud->current)
        return false;
    pmtud->current = index;
    evidence_clear(pmtud);
    settle(pmtud, now);
    return true;
}

void engine_pmtud_lost(engine_pmtud *pmtud, sluice_time now, uint32_t bytes, bool overrun)
{
    engine_pmtud_size *size = find(pmtud, bytes);
    if (!size || !size->flying)
        return;
    size->flying = false;
    if (overrun) {
        pmtud->next = now + AFTER_OVERRUN;
        return;
    }
    size->tries++;
    settle(pmtud, now);
}

static bool fall_to(engine_pmtud *pmtud, uint32_t index)
{
    evidence_clear(pmtud);
    if (index >= pmtud->current)
        return false;
    pmtud->current = index;
    return true;
}

bool engine_pmtud_refused(engine_pmtud *pmtud, sluice_time now, uint32_t bytes)
{
    uint32_t index = 0;
    for (uint32_t i = 1; i < pmtud->count; i++) {
        if (pmtud->sizes[i].bytes >= bytes) {
            pmtud->sizes[i].tries = TRIES;
            pmtud->sizes[i].flying = false;
        } else {
            index = i;
        }
    }
    bool changed = fall_to(pmtud, index);
    settle(pmtud, now);
    return changed;
}

void engine_pmtud_packet_lost(engine_pmtud *pmtud, sluice_time sent, uint32_t bytes)
{
    if (pmtud->current == 0 || bytes <= pmtud->sizes[0].bytes || sent <= pmtud->proof)
        return;
    if (pmtud->dead_count++ == 0)
        pmtud->dead_since = sent;
    if (pmtud->dead_count == 1 || bytes < pmtud->dead_least)
        pmtud->dead_least = bytes;
}

bool engine_pmtud_packet_acked(engine_pmtud *pmtud, sluice_time now, sluice_time sent, uint32_t bytes,
                               sluice_duration pto, bool overrun)
{
    uint32_t least = overrun ? DEAD_LEAST_OVERRUN : DEAD_LEAST;
    uint32_t large = pmtud->dead_count ? pmtud->dead_least : pmtud->sizes[pmtud->current].bytes;

    if (bytes > pmtud->sizes[0].bytes && bytes >= large) {
        if (sent >= pmtud->proof) {
            pmtud->proof = sent;
            evidence_clear(pmtud);
        }
        return false;
    }
    if (pmtud->dead_count < least || sent < pmtud->dead_since + 3 * pto)
        return false;
    for (uint32_t i = 1; i < pmtud->count; i++)
        pmtud->sizes[i].tries = 0;
    pmtud->next = now + AFTER_HOLE;
    return fall_to(pmtud, 0);
}
