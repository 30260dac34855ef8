/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - what the receiver has done on the pool: preparing entries, writing with digests, reading back,
 * committing.
 *
 * The loop fills the inputs of a struct and submits it; the pool thread fills the outputs; nobody else touches them
 * meanwhile.
 */
#ifndef SLUICE_SESSION_WRITER_H
#define SLUICE_SESSION_WRITER_H

#include "session/digest.h"
#include "session/mover.h"

/* ---- blocks: received bytes on their way to the sink ---- */

typedef struct sluice_block_run {
    uint32_t from, to; /* relative to the block's first byte */
} sluice_block_run;

/* Some bytes of one chunk.  Those of `runs` have arrived, in order and apart from each other. */
typedef struct sluice_block {
    TAILQ_ENTRY(sluice_block) link; /* among the blocks that still fill, oldest first; where it is `listed` */
    bool listed;
    void *entry;
    uint64_t chunk, from;           /* offset of the first byte in the file */
    size_t room;
    uint64_t credit;                /* bytes for which the sender gets credit once they are written */
    uint32_t handed;                /* so many of its first bytes were handed to the sink by operations PART */
    unsigned holds;                 /* of those operations, which outlive the chunk if its entry fails */
    sluice_block_run *runs;
    size_t run_count, run_capacity;
    uint8_t *bytes;
} sluice_block;

sluice_block *sluice_block_new(uint64_t chunk, uint64_t from, size_t room);
/* Takes a hold away, or frees it if there is none. */
void sluice_block_free(sluice_block *block);
/* Notes that [from, to) has arrived; ENOMEM.  EPROTOCOL: part of it was there. */
int sluice_block_add(sluice_block *block, uint32_t from, uint32_t to);

/* ---- operations on one object, in the order they were asked for ---- */

typedef enum sluice_operation_type {
    SLUICE_OPERATION_WRITE,  /* the block's runs; with `whole` its digest too: what is not in a run is zero */
    SLUICE_OPERATION_PART,   /* [from, to) of a block that still fills: of a sink that takes bytes in order */
    SLUICE_OPERATION_HOLE,   /* [from, to) */
    SLUICE_OPERATION_DIGEST, /* of the bytes [from, to) of a chunk as the sink reads them back */
    SLUICE_OPERATION_HELD    /* the same, seeded as well */
} sluice_operation_type;

typedef struct sluice_operation {
    TAILQ_ENTRY(sluice_operation) link;
    sluice_operation_type type;
    sluice_block *block;
    bool whole;
    uint64_t chunk, from, to;
    uint64_t credit; /* of a PART */
    sluice_digest plain, seeded; /* outputs */
} sluice_operation;
TAILQ_HEAD(sluice_operation_list, sluice_operation);

/* A batch for one entry. */
typedef struct sluice_writing {
    sluice_work work;
    const char *name;
    void *object;
    const sluice_entry *open;     /* the object is none yet: this is prepared first */
    struct sluice_operation_list operations;
    bool commit;                  /* after all of it, if the only digest made agrees with `expected` */
    bool expecting;
    sluice_digest expected;
    uint64_t size;                /* for commit */
    bool abandon, keep;           /* nothing else is done then */
    bool committed;               /* outputs */
    sluice_duration sink_ns;      /* spent in the sink */
    int status;
    sluice_error error;
} sluice_writing;

void sluice_writing_run(sluice_work *work);

/* ---- preparing ---- */

#define SLUICE_PREPARING_MOST 64

typedef struct sluice_prepared {
    const sluice_entry *entry;
    void *user;
    bool compared, suits;        /* suits: it may become a parcel */
    bool parcel;                 /* outputs: it is one, nothing was opened */
    sluice_sink_verdict verdict;
    void *object;
    uint64_t have;
    int status;
    sluice_error error;
} sluice_prepared;

typedef struct sluice_preparing {
    sluice_work work;
    size_t count;
    sluice_prepared entries[SLUICE_PREPARING_MOST];
} sluice_preparing;

void sluice_preparing_run(sluice_work *work);

/* ---- seeded digest of a whole file that seems to be there, in slices ---- */

typedef struct sluice_checking {
    sluice_work work;
    void *entry;           /* the loop's */
    const char *name;
    void *object;
    uint64_t size;         /* input: as the entry says; output: as it was read */
    uint64_t at;           /* of its own: so far; */
    sluice_digest *digests;
    size_t count;
    sluice_digest digest;  /* outputs */
    int status;
    sluice_error error;
} sluice_checking;

void sluice_checking_run(sluice_work *work);

/* ---- the end ---- */

typedef struct sluice_fault {
    TAILQ_ENTRY(sluice_fault) link;
    int status;
    char *name, *sentence;
} sluice_fault;
TAILQ_HEAD(sluice_fault_list, sluice_fault);

typedef struct sluice_finishing {
    sluice_work work;
    struct sluice_fault_list faults;
    bool short_of_memory;
    int status;
    sluice_error error;
} sluice_finishing;

void sluice_finishing_run(sluice_work *work);
void sluice_fault_free(sluice_fault *fault);

#endif
