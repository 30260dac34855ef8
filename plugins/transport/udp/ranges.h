/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranges.h - a set of 64-bit numbers kept as sorted ranges [from, to) that neither touch nor overlap.
 *
 * Ranges lie in chunks of at most 64, the chunks in a directory, so that finding, adding and removing cost a binary
 * search and the move of a few hundred bytes, also with tens of thousands of gaps.  A zeroed set is empty.
 * A set belongs to one thread.  Functions that take the host may need memory: SLUICE_ENOMEM leaves the set as it was.
 */
#ifndef UDP_RANGES_H
#define UDP_RANGES_H

#include <sluice/host.h>

#define UDP_RANGES_CHUNK 64

typedef struct udp_range {
    uint64_t from, to;
} udp_range;

typedef struct udp_ranges_chunk {
    udp_range *items;
    uint32_t count, room;
} udp_ranges_chunk;

typedef struct udp_ranges {
    udp_ranges_chunk only;    /* the chunk while there is just one */
    udp_ranges_chunk *chunks; /* the directory when there are more, else NULL */
    uint32_t chunk_count, chunk_room;
    udp_range *spare; /* a full-size row of items kept for the next split */
    uint64_t covered; /* numbers in the set */
    size_t count;     /* ranges in the set */
} udp_ranges;

void udp_ranges_fini(udp_ranges *set, const sluice_host *host);
void udp_ranges_clear(udp_ranges *set, const sluice_host *host);

/* Adds [from, to); *fresh (may be NULL) is how many of the numbers were not there. */
int udp_ranges_add(udp_ranges *set, const sluice_host *host, uint64_t from, uint64_t to, uint64_t *fresh);

/* Removes [from, to); *gone (may be NULL) is how many of the numbers were there. */
int udp_ranges_remove(udp_ranges *set, const sluice_host *host, uint64_t from, uint64_t to, uint64_t *gone);

/* The range that holds `at`, or the first one after it; false: there is none. */
bool udp_ranges_find(const udp_ranges *set, uint64_t at, udp_range *out);

/* The first run of [from, to) that is not in the set; false: all of it is. */
bool udp_ranges_gap(const udp_ranges *set, uint64_t from, uint64_t to, udp_range *out);

bool udp_ranges_has(const udp_ranges *set, uint64_t number);

/* How many numbers below `limit` are in the set.  Walks the ranges: for rare use. */
uint64_t udp_ranges_below(const udp_ranges *set, uint64_t limit);

#endif
