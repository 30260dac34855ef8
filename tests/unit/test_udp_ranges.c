/* SPDX-License-Identifier: Apache-2.0 */
/* The range set against a bitmap that does the same the slow way. */
#include "../../plugins/transport/engine/ranges.h"

#include "unit/suite.h"

#include <stdlib.h>
#include <string.h>

#define NUMBERS 20000

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static void *plain_resize(const sluice_host *host, void *memory, size_t bytes)
{
    int64_t *left = host->owner;
    if (bytes == 0) {
        free(memory);
        return NULL;
    }
    if (left && (*left)-- <= 0)
        return NULL;
    return realloc(memory, bytes);
}

static const sluice_host plain = {.resize = plain_resize};

static uint64_t model_set(uint8_t *model, uint64_t from, uint64_t to, uint8_t value)
{
    uint64_t changed = 0;
    for (uint64_t i = from; i < to; i++) {
        changed += model[i] != value;
        model[i] = value;
    }
    return changed;
}

static bool same(const engine_ranges *set, const uint8_t *model)
{
    uint64_t at = 0, covered = 0;
    size_t count = 0;
    engine_range range;
    while (engine_ranges_find(set, at, &range)) {
        for (uint64_t i = at; i < range.from; i++) {
            if (model[i])
                return false;
        }
        for (uint64_t i = range.from; i < range.to; i++) {
            if (!model[i])
                return false;
        }
        if (range.to > range.from && model[range.to])
            return false;
        covered += range.to - range.from;
        count++;
        at = range.to;
    }
    for (uint64_t i = at; i < NUMBERS; i++) {
        if (model[i])
            return false;
    }
    return covered == set->covered && count == set->count;
}

static void model_agrees(uint64_t seed, uint64_t longest, unsigned adds_of_ten, unsigned steps)
{
    static uint8_t model[NUMBERS + 1];
    engine_ranges set = {0};
    memset(model, 0, sizeof(model));
    for (unsigned step = 0; step < steps; step++) {
        uint64_t from = next_random(&seed) % NUMBERS;
        uint64_t to = from + next_random(&seed) % longest;
        to = to > NUMBERS ? NUMBERS : to;
        uint64_t changed = UINT64_MAX;
        bool add = next_random(&seed) % 10 < adds_of_ten;
        int status = add ? engine_ranges_add(&set, &plain, from, to, &changed)
                         : engine_ranges_remove(&set, &plain, from, to, &changed);
        CU_ASSERT_EQUAL_FATAL(status, SLUICE_OK);
        CU_ASSERT_EQUAL_FATAL(changed, model_set(model, from, to, add));
        if (step % 64 == 0)
            CU_ASSERT_FATAL(same(&set, model));
    }
    CU_ASSERT(same(&set, model));
    engine_ranges_fini(&set, &plain);
}

static void random_operations_agree_with_a_model(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        model_agrees(seed, 4, 6, 4000);
        model_agrees(seed, 40, 5, 4000);
        model_agrees(seed, 4000, 5, 2000);
        model_agrees(seed, 3, 9, 6000);
    }
}

static void gaps_are_found(void)
{
    engine_ranges set = {0};
    engine_range gap;
    CU_ASSERT(engine_ranges_gap(&set, 5, 9, &gap) && gap.from == 5 && gap.to == 9);
    engine_ranges_add(&set, &plain, 10, 20, NULL);
    engine_ranges_add(&set, &plain, 30, 40, NULL);
    CU_ASSERT(engine_ranges_gap(&set, 10, 40, &gap) && gap.from == 20 && gap.to == 30);
    CU_ASSERT(engine_ranges_gap(&set, 0, 15, &gap) && gap.from == 0 && gap.to == 10);
    CU_ASSERT(engine_ranges_gap(&set, 35, 50, &gap) && gap.from == 40 && gap.to == 50);
    CU_ASSERT_FALSE(engine_ranges_gap(&set, 12, 20, &gap));
    CU_ASSERT_EQUAL(engine_ranges_below(&set, 35), 15);
    CU_ASSERT(engine_ranges_has(&set, 39) && !engine_ranges_has(&set, 40) && !engine_ranges_has(&set, 29));
    engine_ranges_fini(&set, &plain);
}

static void neighbours_become_one(void)
{
    engine_ranges set = {0};
    for (uint64_t i = 0; i < 10000; i += 2)
        engine_ranges_add(&set, &plain, i, i + 1, NULL);
    CU_ASSERT_EQUAL(set.count, 5000);
    for (uint64_t i = 1; i < 10000; i += 2)
        engine_ranges_add(&set, &plain, i, i + 1, NULL);
    CU_ASSERT_EQUAL(set.count, 1);
    CU_ASSERT_EQUAL(set.covered, 10000);
    engine_ranges_fini(&set, &plain);
}

/* Whichever allocation fails, the set stays as it was and goes on working. */
static void out_of_memory_leaves_the_set_whole(void)
{
    static uint8_t model[NUMBERS + 1];
    int64_t left = 0;
    sluice_host host = {.owner = &left, .resize = plain_resize};
    engine_ranges set = {0};
    uint64_t seed = 7;
    unsigned failures = 0;
    memset(model, 0, sizeof(model));
    for (unsigned step = 0; step < 6000; step++) {
        uint64_t from = next_random(&seed) % NUMBERS, to = from + 1 + next_random(&seed) % 3;
        bool add = next_random(&seed) % 3 > 0;
        to = to > NUMBERS ? NUMBERS : to;
        left = (int64_t)(next_random(&seed) % 2);
        int status =
            add ? engine_ranges_add(&set, &host, from, to, NULL) : engine_ranges_remove(&set, &host, from, to, NULL);
        if (status == SLUICE_OK)
            model_set(model, from, to, add);
        else
            failures++;
    }
    CU_ASSERT(failures > 0);
    CU_ASSERT(same(&set, model));
    left = INT64_MAX;
    engine_ranges_fini(&set, &host);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"random operations agree with a model", random_operations_agree_with_a_model},
        {"gaps are found", gaps_are_found},
        {"neighbours become one", neighbours_become_one},
        {"out of memory leaves the set whole", out_of_memory_leaves_the_set_whole},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("udp_ranges", tests);
}
