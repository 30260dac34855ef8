/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.h - what the sender has done on the pool: listing, reading with digests, comparing.
 *
 * The loop fills the inputs of a struct and submits it; the pool thread fills the outputs; nobody else touches them
 * meanwhile.
 */
#ifndef SLUICE_SESSION_READER_H
#define SLUICE_SESSION_READER_H

#include "session/digest.h"
#include "session/mover.h"

#define SLUICE_READER_RUNS 8                /* of data in a chunk; smaller holes are sent as zeroes */
#define SLUICE_READER_HOLE_LEAST (64u << 10)

typedef struct sluice_reader_run {
    uint64_t from, to;
} sluice_reader_run;

/* One chunk of one file, read and hashed; the file is opened first and closed afterwards where asked. */
typedef struct sluice_reading {
    sluice_work work;
    const char *name; /* inputs */
    uint32_t operand;
    bool open, close_after; /* close_after: once its last chunk is read, or reading failed */
    bool ordered;           /* holes are sent as zeroes */
    bool seeded;            /* the seeded digest is wanted as well */
    bool skip_holes;        /* whole chunks of a hole that follow may be stepped over */
    uint64_t chunk;
    uint8_t *bytes;         /* room for `room` bytes */
    size_t room;

    void *object;           /* in and out: the source's */
    uint64_t size;          /* in and out: SLUICE_UNKNOWN for a stream until its end */
    size_t filled;          /* outputs: bytes of the chunk that exist */
    sluice_duration source_ns; /* spent in the source */
    uint64_t hole_chunks;   /* so many chunks from `chunk` on are nothing but hole; then runs is empty */
    sluice_reader_run runs[SLUICE_READER_RUNS];
    size_t run_count;
    sluice_digest plain, checked; /* checked: the seeded one, to compare with what the receiver has */
    int status;
    sluice_error error;
} sluice_reading;

void sluice_reading_run(sluice_work *work);

/* Seeded digest of a whole file, in slices; zeroed but for the inputs. */
typedef struct sluice_comparing {
    sluice_work work;
    const char *name;
    uint32_t operand;
    void *object;  /* of its own: while it is */
    bool opened;   /* open; */
    uint64_t at;
    sluice_digest *digests;
    size_t count, capacity;
    uint64_t size; /* outputs */
    sluice_digest digest;
    int status;
    sluice_error error;
} sluice_comparing;

void sluice_comparing_run(sluice_work *work);

/* A batch of entries, as records of the catalogue and as what the sender must remember. */
typedef struct sluice_listed {
    TAILQ_ENTRY(sluice_listed) link;
    sluice_entry_type type;
    uint32_t operand;
    uint64_t size;
    int status;         /* of something that could not be listed: it stands in no index */
    char *sentence;
    char name[];
} sluice_listed;
TAILQ_HEAD(sluice_listed_list, sluice_listed);

typedef struct sluice_listing {
    sluice_work work;
    size_t most;                 /* inputs: entries; */
    sluice_operand *adds;        /* what the source is to be told before; the strings are the request's; */
    size_t add_count;
    uint32_t *dropped;           /* operands of which nothing is wanted any more */
    size_t dropped_count;
    struct sluice_listed_list entries; /* outputs; owned by who takes them */
    sluice_wire_writer records;
    bool end;
    int status;                  /* the listing as a whole failed */
    sluice_error error;
} sluice_listing;

void sluice_listing_run(sluice_work *work);
void sluice_listed_free(sluice_listed *listed);

#endif
