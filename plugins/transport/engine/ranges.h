/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranges.h - a set of 64-bit numbers kept as sorted ranges [from, to) that neither touch nor overlap.
 *
 * Ranges lie in chunks of at most 64, the chunks in a directory, so that finding, adding and removing cost a binary
 * search and the move of a few hundred bytes, also with tens of thousands of gaps.  A zeroed set is empty.
 * A set belongs to one thread.  Functions that take the host may need memory: SLUICE_ENOMEM leaves the set as it was.
 */
#ifndef ENGINE_RANGES_H
#define ENGINE_RANGES_H

#include <sluice/host.h>

#define ENGINE_RANGES_CHUNK 64

typedef struct engine_range {
    uint64_t from, to;
} engine_range;

typedef struct engine_ranges_chunk {
    engine_range *items;
    uint32_t count, room;
} engine_ranges_chunk;

typedef struct engine_ranges {
    engine_ranges_chunk only;    /* the chunk while there is just one */
    engine_ranges_chunk *chunks; /* the directory when there are more, else NULL */
    uint32_t chunk_count, chunk_room;
    engine_range *spare; /* a full-size row of items kept for the next split */
    uint64_t covered;    /* numbers in the set */
    size_t count;        /* ranges in the set */
} engine_ranges;

void engine_ranges_fini(engine_ranges *set, const sluice_host *host);
void engine_ranges_clear(engine_ranges *set, const sluice_host *host);

/* Adds [from, to); *fresh (may be NULL) is how many of the numbers were not there. */
int engine_ranges_add(engine_ranges *set, const sluice_host *host, uint64_t from, uint64_t to, uint64_t *fresh);

/* Removes [from, to); *gone (may be NULL) is how many of the numbers were there. */
int engine_ranges_remove(engine_ranges *set, const sluice_host *host, uint64_t from, uint64_t to, uint64_t *gone);

/* The range that holds `at`, or the first one after it; false: there is none. */
bool engine_ranges_find(const engine_ranges *set, uint64_t at, engine_range *out);

/* The first run of [from, to) that is not in the set; false: all of it is. */
bool engine_ranges_gap(const engine_ranges *set, uint64_t from, uint64_t to, engine_range *out);

bool engine_ranges_has(const engine_ranges *set, uint64_t number);

/* How many numbers below `limit` are in the set.  Walks the ranges: for rare use. */
uint64_t engine_ranges_below(const engine_ranges *set, uint64_t limit);

#endif
