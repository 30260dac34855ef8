/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/budget.h"

#include <assert.h>

#define FIRST_PART 8          /* of the limit: first shares */
/* A stream that has just shown that it can use more gets this part of what is free, or so many times what it has: a window
 * that is too small by a factor of 1000 is right after three round trips. */
#define LEAP_PART 4
#define GROWTH 4
#define GROWTH_ROUNDS 4       /* a share used up within so many round trips is too small */
#define GROWTH_NS (50 * SLUICE_MS) /* or within this time */
#define IDLE_NS SLUICE_SECOND /* and so many round trips: then others may have its part */
#define IDLE_ROUNDS 4

void sluice_budget_init(sluice_budget *budget, uint64_t limit, uint64_t first)
{
    *budget = (sluice_budget){.limit = limit, .first = first};
}

uint64_t sluice_budget_most(const sluice_budget *budget)
{
    return budget->limit / FIRST_PART / budget->first;
}

static uint64_t pool(const sluice_budget *budget)
{
    return budget->limit - budget->limit / FIRST_PART;
}

bool sluice_budget_enter(sluice_budget *budget, sluice_share *share, sluice_time now, bool beyond)
{
    bool from_pool = budget->shares >= sluice_budget_most(budget);
    if (from_pool && (!beyond || pool(budget) - budget->pooled < budget->first))
        return false;
    budget->shares++;
    budget->pooled += from_pool ? budget->first : 0;
    *share = (sluice_share){.bytes = budget->first, .grown = now, .last = now, .from_pool = from_pool};
    return true;
}

static void set_busy(sluice_budget *budget, sluice_share *share, bool busy)
{
    if (busy && !share->busy)
        budget->busy++;
    else if (!busy && share->busy)
        budget->busy--;
    share->busy = busy;
}

static uint64_t above_first(const sluice_budget *budget, uint64_t bytes)
{
    return bytes > budget->first ? bytes - budget->first : 0;
}

static void resize(sluice_budget *budget, sluice_share *share, uint64_t bytes)
{
    budget->pooled -= above_first(budget, share->bytes);
    share->bytes = bytes;
    budget->pooled += above_first(budget, share->bytes);
    assert(budget->pooled <= pool(budget));
}

void sluice_budget_leave(sluice_budget *budget, sluice_share *share)
{
    assert(budget->shares > 0);
    set_busy(budget, share, false);
    resize(budget, share, 0);
    budget->pooled -= share->from_pool ? budget->first : 0;
    budget->shares--;
}

void sluice_budget_rest(sluice_budget *budget, sluice_share *share, uint64_t held)
{
    set_busy(budget, share, false);
    if (held < share->bytes)
        resize(budget, share, held);
}

/* What it could use. */
static uint64_t wanted(const sluice_budget *budget, sluice_share *share, uint64_t freed, uint64_t free_bytes,
                       sluice_time now, sluice_duration rtt_ns)
{
    sluice_duration quick = GROWTH_ROUNDS * rtt_ns > GROWTH_NS ? GROWTH_ROUNDS * rtt_ns : GROWTH_NS;
    share->used += freed;
    if (share->used < share->bytes / 2)
        return share->bytes > budget->first ? share->bytes : budget->first;
    bool grows = now - share->grown <= quick;
    share->used = 0;
    share->grown = now;
    uint64_t from = share->bytes > budget->first ? share->bytes : budget->first;
    uint64_t leap = free_bytes / LEAP_PART > GROWTH * from ? free_bytes / LEAP_PART : GROWTH * from;
    return grows ? leap : from;
}

/* An even part for each that is busy, so that a little of the pool stays for one that begins.  What is left of 64 MiB for one
 * alone is 4.5 times what 1 Gbit/s has under way in 100 ms: a packet that is lost three times in a row holds up nothing. */
static uint64_t even_part(const sluice_budget *budget)
{
    uint64_t part = pool(budget) * 10 / (10 * budget->busy + 1);
    return part > budget->first ? part : budget->first;
}

uint64_t sluice_budget_freed(sluice_budget *budget, sluice_share *share, uint64_t freed, sluice_time now,
                             sluice_duration rtt_ns)
{
    assert(freed <= share->bytes);
    share->last = now;
    set_busy(budget, share, true);
    uint64_t even = even_part(budget), before = share->bytes - freed;
    uint64_t free_bytes = pool(budget) - budget->pooled + above_first(budget, share->bytes);
    uint64_t want = wanted(budget, share, freed, free_bytes, now, rtt_ns);
    want = want < even ? want : even;
    want = want < budget->first + free_bytes ? want : budget->first + free_bytes;
    want = want > before ? want : before;
    resize(budget, share, want);
    return want - before;
}

void sluice_budget_age(sluice_budget *budget, sluice_share *share, sluice_time now, sluice_duration rtt_ns)
{
    if (now - share->last > IDLE_NS + IDLE_ROUNDS * rtt_ns)
        set_busy(budget, share, false);
}
