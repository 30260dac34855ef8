/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor.h - the lowest offset that was not acknowledged yet, where acknowledgements come in any order.
 *
 * One thread at a time.
 */
#ifndef SLUICE_SESSION_FLOOR_H
#define SLUICE_SESSION_FLOOR_H

#include <sluice/status.h>
#include <sluice/types.h>
#include <stddef.h>

typedef struct sluice_floor {
    uint64_t at; /* all before is acknowledged */
    struct sluice_floor_range {
        uint64_t from, to;
    } *beyond;   /* acknowledged as well: above `at`, sorted, apart from each other */
    size_t count, capacity;
} sluice_floor;

/* A zeroed floor stands at 0. */
void sluice_floor_fini(sluice_floor *floor);
/* [from, to) is acknowledged; what was already is passed over.  ENOMEM: the range is forgotten. */
int sluice_floor_add(sluice_floor *floor, uint64_t from, uint64_t to);
/* All before upto counts as acknowledged; returns how many bytes of that were not. */
uint64_t sluice_floor_raise(sluice_floor *floor, uint64_t upto);

#endif
