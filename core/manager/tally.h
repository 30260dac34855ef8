/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - how many files of a job are done, were there already, and failed, over all its attempts.
 *
 * A file that was moved by one attempt comes as skipped in the next one; it counts once, as moved.  So each name is
 * remembered, by 8 bytes of its hash, in a table that is between a third and two thirds full: 12 to 24 bytes a file.  Beyond
 * SLUICE_TALLY_MOST files, or without memory, names are not remembered any more, and each word counts.
 */
#ifndef SLUICE_MANAGER_TALLY_H
#define SLUICE_MANAGER_TALLY_H

#include <sluice/types.h>

#define SLUICE_TALLY_MOST (UINT64_C(4) << 20)

typedef enum sluice_tally_state {
    SLUICE_TALLY_NONE,
    SLUICE_TALLY_DONE,
    SLUICE_TALLY_SKIPPED,
    SLUICE_TALLY_FAILED,
    SLUICE_TALLY_STATES
} sluice_tally_state;

/* Zeroed: empty. */
typedef struct sluice_tally {
    uint64_t counts[SLUICE_TALLY_STATES];
    uint64_t *slots; /* hash and state; 0: free */
    uint64_t used, capacity;
    bool full; /* no more are remembered */
} sluice_tally;

uint64_t sluice_tally_hash(const char *name);
void sluice_tally_mark(sluice_tally *tally, uint64_t hash, sluice_tally_state state);
void sluice_tally_fini(sluice_tally *tally);

#endif
