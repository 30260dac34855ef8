/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/tally.h"

#include <stdlib.h>

#define STATE_BITS 3u
#define CAPACITY_FIRST 256

/* FNV-1a, with a last mixing so that the low bits depend on all others.  Who makes names collide spoils figures of a job of
 * his own. */
uint64_t sluice_tally_hash(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    hash ^= hash >> 32;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* Where the hash stands, or would. */
static uint64_t *find(uint64_t *slots, uint64_t capacity, uint64_t hash)
{
    uint64_t at = hash >> 2 & (capacity - 1);
    while (slots[at] != 0 && (slots[at] & ~(uint64_t)STATE_BITS) != (hash & ~(uint64_t)STATE_BITS))
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

static bool grow(sluice_tally *tally)
{
    if (tally->used * 3 < tally->capacity * 2)
        return true;
    uint64_t capacity = tally->capacity > 0 ? tally->capacity * 2 : CAPACITY_FIRST;
    uint64_t *slots = tally->used < SLUICE_TALLY_MOST ? calloc(capacity, sizeof *slots) : NULL;
    if (slots == NULL) {
        tally->full = true;
        return false;
    }
    for (uint64_t i = 0; i < tally->capacity; i++)
        if (tally->slots[i] != 0)
            *find(slots, capacity, tally->slots[i]) = tally->slots[i];
    free(tally->slots);
    tally->slots = slots;
    tally->capacity = capacity;
    return true;
}

void sluice_tally_mark(sluice_tally *tally, uint64_t hash, sluice_tally_state state)
{
    bool room = !tally->full && grow(tally);
    uint64_t *slot = tally->capacity > 0 ? find(tally->slots, tally->capacity, hash) : NULL;
    sluice_tally_state before = slot != NULL ? (sluice_tally_state)(*slot & STATE_BITS) : SLUICE_TALLY_NONE;
    if (before == SLUICE_TALLY_DONE && state == SLUICE_TALLY_SKIPPED)
        return;
    if (before != SLUICE_TALLY_NONE)
        tally->counts[before]--;
    tally->counts[state]++;
    if (before == SLUICE_TALLY_NONE && !room)
        return;
    tally->used += before == SLUICE_TALLY_NONE;
    *slot = (hash & ~(uint64_t)STATE_BITS) | state;
}

void sluice_tally_fini(sluice_tally *tally)
{
    free(tally->slots);
    *tally = (sluice_tally){0};
}
