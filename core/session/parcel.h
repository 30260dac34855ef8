/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parcel.h - what the receiver has done on the pool with small files: they are made, written, given their attributes and
 * their names in one go each, and many of them in one job.
 *
 * A **parcel** is a small file whose bytes wait in memory until all of them are there, so that nothing of the sink is open
 * meanwhile.  The loop fills the inputs of a struct and submits it; the pool thread fills the outputs; nobody else touches
 * them meanwhile.
 */
#ifndef SLUICE_SESSION_PARCEL_H
#define SLUICE_SESSION_PARCEL_H

#include "session/writer.h"

#define SLUICE_PARCEL_BYTES (64u << 10) /* smaller files are parcels: none of them is sent with holes */
#define SLUICE_PARCELS_MOST 32          /* of one job */

/* Whether the sink takes this entry as a parcel, if nothing of it lies there. */
bool sluice_parcel_suits(const sluice_mover *mover, const sluice_entry *entry);

/* What the sink says of such an entry: *parcel, it is one; otherwise as prepare would. */
int sluice_parcel_look(sluice_mover *mover, const sluice_entry *entry, bool *parcel, sluice_sink_verdict *verdict);

typedef struct sluice_parcel {
    void *user;                /* the loop's */
    const sluice_entry *entry; /* inputs */
    sluice_block *block;       /* NULL: no bytes */
    uint64_t size;
    bool checked;              /* put only if the digest is the expected one */
    sluice_digest expected;
    bool differs;              /* outputs: it is not, and nothing was put */
    int status;
    sluice_error error;
} sluice_parcel;

typedef struct sluice_parcels sluice_parcels;
struct sluice_parcels {
    sluice_work work;
    sluice_parcels *next; /* among those that nothing is asked of */
    size_t count;
    sluice_parcel items[SLUICE_PARCELS_MOST];
};

void sluice_parcels_run(sluice_work *work);

#endif
