/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idmap.h - object ids to pointers: open addressing, linear probing, no tombstones.
 *
 * A zeroed map is empty.  Pointers are borrowed.
 */
#ifndef UDP_IDMAP_H
#define UDP_IDMAP_H

#include <sluice/host.h>

typedef struct udp_idmap_slot {
    uint64_t id;
    void *value; /* NULL: free */
} udp_idmap_slot;

typedef struct udp_idmap {
    udp_idmap_slot *slots;
    size_t count, room; /* room is a power of two */
} udp_idmap;

void udp_idmap_fini(udp_idmap *map, const sluice_host *host);
void *udp_idmap_get(const udp_idmap *map, uint64_t id);
/* The id must not be there yet.  SLUICE_ENOMEM leaves the map as it was. */
int udp_idmap_put(udp_idmap *map, const sluice_host *host, uint64_t id, void *value);
void udp_idmap_remove(udp_idmap *map, uint64_t id);

#endif
