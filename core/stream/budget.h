/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget.h - how much of a limit of memory each of many streams may hold.
 *
 * Every stream has a first share from its start to its end, for which an eighth of the limit is set apart.  The rest is a
 * pool: a stream that uses up what it has gets more, a good part of what is free or four times as much a step, up to an
 * even share among those that are busy.  A share is a promise to a peer, so it is never taken back; it shrinks as what it
 * holds is freed and not given again.  So the sum of all shares never exceeds the limit, whoever stops reading.  Pure: no
 * clock, one thread at a time.
 */
#ifndef SLUICE_STREAM_BUDGET_H
#define SLUICE_STREAM_BUDGET_H

#include <sluice/types.h>
#include <stdbool.h>

typedef struct sluice_budget {
    uint64_t limit, first; /* bytes */
    uint64_t pooled;       /* of the pool, that shares hold */
    uint64_t shares, busy; /* how many there are; that were used lately */
} sluice_budget;

typedef struct sluice_share {
    uint64_t bytes;    /* that may be held now */
    uint64_t used;     /* freed since it last grew */
    sluice_time grown; /* when that was */
    sluice_time last;  /* when something was last freed */
    bool busy, from_pool; /* the pool has given its first share */
} sluice_share;

void sluice_budget_init(sluice_budget *budget, uint64_t limit, uint64_t first);
/* False: there is no first share left.  beyond: then the pool gives one while it has some. */
bool sluice_budget_enter(sluice_budget *budget, sluice_share *share, sluice_time now, bool beyond);
void sluice_budget_leave(sluice_budget *budget, sluice_share *share);
/* Nothing will come any more: only what is held is left of the share, and its place. */
void sluice_budget_rest(sluice_budget *budget, sluice_share *share, uint64_t held);
/* `freed` of the share's bytes are not held any more: returns how many may be held anew, fewer or more than those.  rtt_ns:
 * how long it takes until something comes of it. */
uint64_t sluice_budget_freed(sluice_budget *budget, sluice_share *share, uint64_t freed, sluice_time now,
                             sluice_duration rtt_ns);
/* A few times a second, for each share: notices those that are not used any more. */
void sluice_budget_age(sluice_budget *budget, sluice_share *share, sluice_time now, sluice_duration rtt_ns);
/* How many shares there can be. */
uint64_t sluice_budget_most(const sluice_budget *budget);

#endif
