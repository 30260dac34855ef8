/* SPDX-License-Identifier: Apache-2.0 */
#include "session/floor.h"

#include <stdlib.h>
#include <string.h>

void sluice_floor_fini(sluice_floor *floor)
{
    free(floor->beyond);
    memset(floor, 0, sizeof(*floor));
}

/* First range whose end is at or after `from`. */
static size_t range_find(const sluice_floor *floor, uint64_t from)
{
    size_t low = 0, high = floor->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (floor->beyond[middle].to < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Adds [from, to) to the sorted ranges, joining what it touches. */
static int range_add(sluice_floor *floor, uint64_t from, uint64_t to)
{
    size_t first = range_find(floor, from), last = first;
    for (; last < floor->count && floor->beyond[last].from <= to; last++) {
        if (floor->beyond[last].from < from)
            from = floor->beyond[last].from;
        if (floor->beyond[last].to > to)
            to = floor->beyond[last].to;
    }
    if (first == last && floor->count == floor->capacity) {
        size_t capacity = floor->capacity ? floor->capacity * 2 : 8;
        struct sluice_floor_range *grown = reallocarray(floor->beyond, capacity, sizeof(*grown));
        if (!grown)
            return SLUICE_ENOMEM;
        floor->beyond = grown;
        floor->capacity = capacity;
    }
    struct sluice_floor_range *at = floor->beyond + first;
    memmove(at + 1, floor->beyond + last, (floor->count - last) * sizeof(*at));
    floor->count = floor->count + 1 - (last - first);
    *at = (struct sluice_floor_range){from, to};
    return SLUICE_OK;
}

/* Takes in the ranges that the floor has reached. */
static void settle(sluice_floor *floor)
{
    size_t reached = 0;
    for (; reached < floor->count && floor->beyond[reached].from <= floor->at; reached++)
        if (floor->beyond[reached].to > floor->at)
            floor->at = floor->beyond[reached].to;
    if (reached == 0)
        return;
    floor->count -= reached;
    memmove(floor->beyond, floor->beyond + reached, floor->count * sizeof(*floor->beyond));
}

int sluice_floor_add(sluice_floor *floor, uint64_t from, uint64_t to)
{
    if (from < floor->at)
        from = floor->at;
    if (from >= to)
        return SLUICE_OK;
    if (from == floor->at) {
        floor->at = to;
        settle(floor);
        return SLUICE_OK;
    }
    return range_add(floor, from, to);
}

uint64_t sluice_floor_raise(sluice_floor *floor, uint64_t upto)
{
    uint64_t missing = 0, at = floor->at;
    if (upto <= floor->at)
        return 0;
    for (size_t i = 0; i < floor->count && floor->beyond[i].from < upto; i++) {
        missing += floor->beyond[i].from - at;
        at = floor->beyond[i].to;
    }
    missing += upto > at ? upto - at : 0;
    floor->at = upto;
    settle(floor);
    return missing;
}
