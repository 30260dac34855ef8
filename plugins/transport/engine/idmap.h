/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idmap.h - object ids to pointers: open addressing, linear probing, no tombstones.
 *
 * A zeroed map is empty.  Pointers are borrowed.
 */
#ifndef ENGINE_IDMAP_H
#define ENGINE_IDMAP_H

#include <sluice/host.h>

typedef struct engine_idmap_slot {
    uint64_t id;
    void *value; /* NULL: free */
} engine_idmap_slot;

typedef struct engine_idmap {
    engine_idmap_slot *slots;
    size_t count, room; /* room is a power of two */
} engine_idmap;

void engine_idmap_fini(engine_idmap *map, const sluice_host *host);
void *engine_idmap_get(const engine_idmap *map, uint64_t id);
/* The id must not be there yet.  SLUICE_ENOMEM leaves the map as it was. */
int engine_idmap_put(engine_idmap *map, const sluice_host *host, uint64_t id, void *value);
void engine_idmap_remove(engine_idmap *map, uint64_t id);

#endif
