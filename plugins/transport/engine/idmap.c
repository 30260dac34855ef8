/* SPDX-License-Identifier: Apache-2.0 */
#include "idmap.h"

#include <string.h>

static size_t home(const engine_idmap *map, uint64_t id)
{
    return (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (map->room - 1);
}

void engine_idmap_fini(engine_idmap *map, const sluice_host *host)
{
    if (map->slots)
        host->resize(host, map->slots, 0);
    *map = (engine_idmap){0};
}

static engine_idmap_slot *slot_of(const engine_idmap *map, uint64_t id)
{
    if (map->count == 0)
        return NULL;
    for (size_t i = home(map, id);; i = (i + 1) & (map->room - 1)) {
        if (!map->slots[i].value)
            return NULL;
        if (map->slots[i].id == id)
            return &map->slots[i];
    }
}

void *engine_idmap_get(const engine_idmap *map, uint64_t id)
{
    const engine_idmap_slot *slot = slot_of(map, id);
    return slot ? slot->value : NULL;
}

static void place(engine_idmap *map, uint64_t id, void *value)
{
    size_t i = home(map, id);
    while (map->slots[i].value)
        i = (i + 1) & (map->room - 1);
    map->slots[i] = (engine_idmap_slot){id, value};
}

int engine_idmap_put(engine_idmap *map, const sluice_host *host, uint64_t id, void *value)
{
    if ((map->count + 1) * 4 > map->room * 3) {
        engine_idmap bigger = {.room = map->room ? map->room * 2 : 16, .count = map->count};
        bigger.slots = host->resize(host, NULL, bigger.room * sizeof(*bigger.slots));
        if (!bigger.slots)
            return SLUICE_ENOMEM;
        memset(bigger.slots, 0, bigger.room * sizeof(*bigger.slots));
        for (size_t i = 0; i < map->room; i++) {
            if (map->slots[i].value)
                place(&bigger, map->slots[i].id, map->slots[i].value);
        }
        if (map->slots)
            host->resize(host, map->slots, 0);
        *map = bigger;
    }
    place(map, id, value);
    map->count++;
    return SLUICE_OK;
}

void engine_idmap_remove(engine_idmap *map, uint64_t id)
{
    engine_idmap_slot *slot = slot_of(map, id);
    if (!slot)
        return;
    size_t hole = (size_t)(slot - map->slots);
    map->slots[hole].value = NULL;
    map->count--;
    /* Entries behind the hole that would no longer be found move into it. */
    for (size_t i = (hole + 1) & (map->room - 1); map->slots[i].value; i = (i + 1) & (map->room - 1)) {
        size_t distance = (i - home(map, map->slots[i].id)) & (map->room - 1);
        if (distance >= ((i - hole) & (map->room - 1))) {
            map->slots[hole] = map->slots[i];
            map->slots[i].value = NULL;
            hole = i;
        }
    }
}
