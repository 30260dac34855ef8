/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a limit of memory: what must hold whatever streams do, and what those that hurry come to. */
#include "stream/budget.h"
#include "unit/suite.h"

#include <stdlib.h>
#include <string.h>

#define FIRST 32768u
#define LIMIT (64u << 20)
#define POOL (LIMIT - LIMIT / 8)
#define EVEN(busy) ((uint64_t)POOL * 10 / (10 * (busy) + 1))
#define RTT (50 * SLUICE_MS)
#define STREAMS 256

typedef struct house {
    sluice_budget budget;
    sluice_share shares[STREAMS];
    uint64_t held[STREAMS];
    bool inside[STREAMS], stuck[STREAMS];
    sluice_time now;
} house;

static void house_init(house *all)
{
    memset(all, 0, sizeof *all);
    sluice_budget_init(&all->budget, LIMIT, FIRST);
    all->now = SLUICE_SECOND;
}

static void enter(house *all, size_t i)
{
    CU_ASSERT_FATAL(sluice_budget_enter(&all->budget, &all->shares[i], all->now, false));
    all->inside[i] = true;
    all->held[i] = 0;
}

/* What all of them may hold lies within the limit, each has its first share, and none holds more than its own. */
static bool holds(const house *all)
{
    uint64_t sum = 0, inside = 0, busy = 0;
    for (size_t i = 0; i < STREAMS; i++) {
        if (!all->inside[i])
            continue;
        inside++;
        busy += all->shares[i].busy;
        sum += all->shares[i].bytes;
        if (all->shares[i].bytes < FIRST || all->held[i] > all->shares[i].bytes)
            return false;
    }
    return sum <= LIMIT && inside == all->budget.shares && busy == all->budget.busy;
}

/* Bytes of it are freed; what it is given for them fills it again, or not yet. */
static bool give(house *all, size_t i, uint64_t freed)
{
    uint64_t before = all->shares[i].bytes;
    uint64_t grant = sluice_budget_freed(&all->budget, &all->shares[i], freed, all->now, RTT);
    all->held[i] -= freed;
    return all->shares[i].bytes == before - freed + grant;
}

/* Whoever moves fills its share and frees all of it, once a round trip. */
static void round_trip(house *all)
{
    all->now += RTT;
    for (size_t i = 0; i < STREAMS; i++) {
        if (!all->inside[i])
            continue;
        if (!all->stuck[i]) {
            all->held[i] = all->shares[i].bytes;
            CU_ASSERT(give(all, i, all->held[i]));
        }
        sluice_budget_age(&all->budget, &all->shares[i], all->now, RTT);
    }
    CU_ASSERT(holds(all));
}

static bool history(unsigned seed)
{
    static house all;
    bool good = true;
    house_init(&all);
    for (int step = 0; step < 3000 && good; step++) {
        size_t i = (size_t)rand_r(&seed) % STREAMS;
        all.now += (sluice_duration)(rand_r(&seed) % 100) * SLUICE_MS / 10;
        if (!all.inside[i]) {
            enter(&all, i);
        } else if (rand_r(&seed) % 50 == 0) {
            sluice_budget_leave(&all.budget, &all.shares[i]);
            all.inside[i] = false;
        } else if (rand_r(&seed) % 2) {
            uint64_t room = all.shares[i].bytes - all.held[i];
            all.held[i] += rand_r(&seed) % 3 ? room : room / 2;
        } else {
            uint64_t part = (uint64_t)(rand_r(&seed) % 4);
            uint64_t freed = all.held[i] % (1 + (uint64_t)rand_r(&seed));
            good = give(&all, i, part == 0 ? all.held[i] : part == 1 ? all.held[i] / 3 : freed);
            sluice_budget_age(&all.budget, &all.shares[(size_t)rand_r(&seed) % STREAMS], all.now, RTT);
        }
        good = good && holds(&all);
    }
    return good;
}

static void histories(void)
{
    bool good = true;
    for (unsigned seed = 1; seed <= 100 && good; seed++)
        good = history(seed);
    CU_ASSERT(good);
}

static void as_many_as_there_is_room_for(void)
{
    house all;
    sluice_share more;
    house_init(&all);
    CU_ASSERT_EQUAL(sluice_budget_most(&all.budget), LIMIT / 8 / FIRST);
    CU_ASSERT_EQUAL(sluice_budget_most(&all.budget), STREAMS);
    for (size_t i = 0; i < STREAMS; i++)
        enter(&all, i);
    CU_ASSERT_FALSE(sluice_budget_enter(&all.budget, &more, all.now, false));
    sluice_budget_leave(&all.budget, &all.shares[7]);
    CU_ASSERT(sluice_budget_enter(&all.budget, &all.shares[7], all.now, false));
    CU_ASSERT(holds(&all));
}

/* The pool gives first shares as well, to those who may ask for them, while it has some; and gets them back. */
static void beyond_the_first_shares(void)
{
    enum { BEYOND = POOL / FIRST };
    house all;
    static sluice_share more[BEYOND + 1];
    house_init(&all);
    for (size_t i = 0; i < STREAMS; i++)
        enter(&all, i);
    for (size_t i = 0; i < BEYOND; i++)
        CU_ASSERT(sluice_budget_enter(&all.budget, &more[i], all.now, true));
    CU_ASSERT_FALSE(sluice_budget_enter(&all.budget, &more[BEYOND], all.now, true));
    CU_ASSERT_EQUAL(all.budget.pooled, POOL);
    /* Nothing is left to grow by. */
    all.held[0] = FIRST;
    CU_ASSERT(give(&all, 0, FIRST));
    CU_ASSERT_EQUAL(all.shares[0].bytes, FIRST);
    for (size_t i = 0; i < BEYOND; i++)
        sluice_budget_leave(&all.budget, &more[i]);
    CU_ASSERT_EQUAL(all.budget.pooled, 0);
    CU_ASSERT(holds(&all));
}

/* Of one that is over only what it holds is left, and its place. */
static void one_that_rests(void)
{
    house all;
    house_init(&all);
    enter(&all, 0);
    enter(&all, 1);
    for (int i = 0; i < 10; i++)
        round_trip(&all);
    sluice_budget_rest(&all.budget, &all.shares[0], 1000);
    CU_ASSERT_EQUAL(all.shares[0].bytes, 1000);
    CU_ASSERT_EQUAL(all.budget.shares, 2);
    sluice_budget_rest(&all.budget, &all.shares[0], 5000);
    CU_ASSERT_EQUAL(all.shares[0].bytes, 1000);
    all.held[1] = all.shares[1].bytes;
    for (int i = 0; i < 10; i++) {
        all.now += RTT;
        CU_ASSERT(give(&all, 1, all.held[1]));
        all.held[1] = all.shares[1].bytes;
    }
    CU_ASSERT_EQUAL(all.shares[1].bytes, EVEN(1));
    sluice_budget_leave(&all.budget, &all.shares[0]);
    sluice_budget_leave(&all.budget, &all.shares[1]);
    CU_ASSERT_EQUAL(all.budget.pooled, 0);
    CU_ASSERT_EQUAL(all.budget.busy, 0);
}

/* A quarter of the pool, then 10/11 of it: two round trips. */
static void one_alone(void)
{
    house all;
    house_init(&all);
    enter(&all, 0);
    round_trip(&all);
    CU_ASSERT(all.shares[0].bytes >= POOL / 4 && all.shares[0].bytes <= POOL / 4 + FIRST);
    round_trip(&all);
    CU_ASSERT_EQUAL(all.shares[0].bytes, EVEN(1));
    for (int i = 0; i < 100; i++)
        round_trip(&all);
    CU_ASSERT_EQUAL(all.shares[0].bytes, EVEN(1));
}

/* A share that is used up slowly is large enough as it is. */
static void one_that_does_not_hurry(void)
{
    house all;
    house_init(&all);
    enter(&all, 0);
    for (int i = 0; i < 200; i++) {
        all.now += 10 * RTT; /* an eighth of it in ten round trips */
        all.held[0] = FIRST / 8;
        CU_ASSERT(give(&all, 0, FIRST / 8));
    }
    CU_ASSERT_EQUAL(all.shares[0].bytes, FIRST);
}

/* Those that hurry have even shares, and so has one that comes later, within ten round trips. */
static void even_shares(void)
{
    static const size_t counts[] = {2, 3, 10, 50, 200};
    for (size_t k = 0; k < SLUICE_COUNT(counts); k++) {
        house all;
        size_t count = counts[k];
        house_init(&all);
        enter(&all, 0);
        for (int i = 0; i < 10; i++)
            round_trip(&all);
        for (size_t i = 1; i < count; i++)
            enter(&all, i);
        for (int i = 0; i < 10; i++)
            round_trip(&all);
        uint64_t even = EVEN(count);
        even = even > FIRST ? even : FIRST;
        for (size_t i = 0; i < count; i++)
            CU_ASSERT(all.shares[i].bytes >= even - even / 100 && all.shares[i].bytes <= even + FIRST);
    }
}

/* Streams hurry one after the other, and stop when they have all they can get: whoever comes then has a first share. */
static void stuck_ones(void)
{
    house all;
    house_init(&all);
    for (size_t i = 0; i < STREAMS - 1; i++) {
        enter(&all, i);
        for (int j = 0; j < 6; j++)
            round_trip(&all);
        all.stuck[i] = true;
        all.held[i] = all.shares[i].bytes;
        CU_ASSERT(all.shares[i].bytes >= FIRST);
        all.now += 2 * SLUICE_SECOND;
    }
    enter(&all, STREAMS - 1);
    for (int i = 0; i < 50; i++) {
        round_trip(&all);
        CU_ASSERT(all.shares[STREAMS - 1].bytes >= FIRST);
    }
    /* One of them is read at last: what it held serves the others. */
    all.stuck[0] = false;
    all.held[0] = all.shares[0].bytes;
    for (int i = 0; i < 10; i++)
        round_trip(&all);
    uint64_t even = EVEN(2);
    CU_ASSERT(all.shares[STREAMS - 1].bytes > even / 2);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"histories", histories},
        {"as many as there is room for", as_many_as_there_is_room_for},
        {"beyond the first shares", beyond_the_first_shares},
        {"one that rests", one_that_rests},
        {"one alone", one_alone},
        {"one that does not hurry", one_that_does_not_hurry},
        {"even shares", even_shares},
        {"stuck ones", stuck_ones},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("budget", tests);
}
