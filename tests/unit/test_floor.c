/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of acknowledgements against a map of bits. */
#include "session/floor.h"
#include "unit/suite.h"

#include <stdlib.h>
#include <string.h>

enum { BITS = 600 };

typedef struct model {
    bool acked[BITS];
    uint64_t at;
} model;

static void settle(model *map)
{
    while (map->at < BITS && map->acked[map->at])
        map->at++;
}

static void model_add(model *map, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        map->acked[i] = true;
    settle(map);
}

static uint64_t model_raise(model *map, uint64_t upto)
{
    uint64_t missing = 0;
    for (uint64_t i = 0; i < upto; i++) {
        missing += !map->acked[i];
        map->acked[i] = true;
    }
    settle(map);
    return missing;
}

/* The ranges beyond are sorted, apart from each other, above the floor, and what the map says. */
static bool agrees(const sluice_floor *floor, const model *map)
{
    bool beyond[BITS] = {false};
    uint64_t last = floor->at;
    if (floor->at != map->at)
        return false;
    for (size_t i = 0; i < floor->count; i++) {
        if (floor->beyond[i].from <= last || floor->beyond[i].to <= floor->beyond[i].from || floor->beyond[i].to > BITS)
            return false;
        last = floor->beyond[i].to;
        for (uint64_t j = floor->beyond[i].from; j < last; j++)
            beyond[j] = true;
    }
    for (uint64_t i = map->at; i < BITS; i++)
        if (beyond[i] != map->acked[i])
            return false;
    return true;
}

static bool history(unsigned seed)
{
    sluice_floor floor = {0};
    model map = {0};
    bool good = true;
    for (int step = 0; step < 300 && good; step++) {
        uint64_t from = (uint64_t)(rand_r(&seed) % BITS), most = rand_r(&seed) % 4 ? 9 : 200;
        uint64_t to = from + (uint64_t)rand_r(&seed) % most;
        to = to < BITS ? to : BITS;
        if (rand_r(&seed) % 40 == 0) {
            uint64_t upto = map.at + (uint64_t)rand_r(&seed) % 30;
            upto = upto < BITS ? upto : BITS;
            good = sluice_floor_raise(&floor, upto) == model_raise(&map, upto);
        } else {
            good = sluice_floor_add(&floor, from, to) == SLUICE_OK;
            model_add(&map, from, to);
        }
        good = good && agrees(&floor, &map);
    }
    sluice_floor_fini(&floor);
    return good;
}

static void test_histories(void)
{
    for (unsigned seed = 1; seed <= 500; seed++)
        if (!history(seed)) {
            CU_FAIL("a history goes wrong");
            break;
        }
    CU_PASS("all histories");
}

/* Every second byte of many, then the others from the last to the first: nothing is lost of it, and it all joins. */
static void test_many_ranges(void)
{
    enum { MANY = 20000 };
    sluice_floor floor = {0};
    for (uint64_t i = 1; i < MANY; i += 2)
        CU_ASSERT_EQUAL(sluice_floor_add(&floor, i, i + 1), SLUICE_OK);
    CU_ASSERT_EQUAL(floor.at, 0);
    CU_ASSERT_EQUAL(floor.count, MANY / 2);
    for (uint64_t i = MANY; i > 0; i -= 2)
        CU_ASSERT_EQUAL(sluice_floor_add(&floor, i - 2, i - 1), SLUICE_OK);
    CU_ASSERT_EQUAL(floor.at, MANY);
    CU_ASSERT_EQUAL(floor.count, 0);
    CU_ASSERT_EQUAL(sluice_floor_raise(&floor, MANY), 0);
    CU_ASSERT_EQUAL(sluice_floor_raise(&floor, MANY - 1), 0);
    CU_ASSERT_EQUAL(floor.at, MANY);
    sluice_floor_fini(&floor);
    CU_ASSERT_EQUAL(floor.at, 0);
}

/* Offsets near the end of what can be counted. */
static void test_far_away(void)
{
    sluice_floor floor = {0};
    CU_ASSERT_EQUAL(sluice_floor_add(&floor, UINT64_MAX - 10, UINT64_MAX), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_floor_add(&floor, 5, 5), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_floor_add(&floor, 7, 3), SLUICE_OK);
    CU_ASSERT_EQUAL(floor.count, 1);
    CU_ASSERT_EQUAL(sluice_floor_raise(&floor, UINT64_MAX - 5), UINT64_MAX - 10);
    CU_ASSERT_EQUAL(floor.at, UINT64_MAX);
    sluice_floor_fini(&floor);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"histories against a map of bits", test_histories},
        {"many ranges", test_many_ranges},
        {"far away", test_far_away},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("floor", tests);
}
