/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer_fixture.h - two movers joined by a carrier in memory, with a source and a sink in memory.
 *
 * No threads, no clock: tasks run and blocks arrive in an order that a seed decides, so every run is repeatable.
 */
#ifndef SLUICE_TEST_TRANSFER_FIXTURE_H
#define SLUICE_TEST_TRANSFER_FIXTURE_H

#include "session/mover.h"
#include "session/transfer.h"

typedef struct item { /* of the source */
    sluice_entry_type type;
    const char *name, *target;
    uint8_t *data;
    uint64_t size;
    uint64_t hole_from, hole_to; /* extent tells it */
    int64_t mtime_ns;
    bool unlistable, unopenable, changed;
    uint64_t shrunk_to;          /* reads see an end there; 0: all is there */
    uint64_t size_now;           /* of open, when it differs from the list; 0: the same */
    bool stream;                 /* size unknown */
    size_t trickle;              /* reads give so many bytes at most; 0: as many as asked */
} item;

typedef struct stored { /* of the sink */
    char name[300];
    sluice_entry_type type;
    uint8_t *data;
    uint64_t size, capacity;
    int64_t mtime_ns;
    bool committed, open;
    bool kept;                   /* for a resume, when it was abandoned */
} stored;

typedef struct block_range {
    sluice_object_id id;
    uint64_t from, to;
} block_range;

typedef struct way_object {
    sluice_object_id id;
    unsigned flags;
    bool parked, finished, opened_there, dead;
    uint64_t size, offered, acked;
} way_object;

typedef struct fixture fixture;

typedef struct side {
    fixture *fixture;
    struct side *peer;
    sluice_mover *mover;
    sluice_task *tasks[65536];
    size_t task_count;
    bool stalled;                /* tasks wait until it is not */
    way_object objects[4096];    /* what this side sends */
    size_t object_count;
    block_range *pending;        /* offered, not delivered */
    size_t pending_count, pending_capacity;
    block_range *delivered;      /* not acknowledged yet */
    size_t delivered_count, delivered_capacity;
    uint64_t unconsumed;         /* delivered to this side, unordered, not consumed */
    uint64_t fetched_bytes;      /* of entries' objects */
    uint64_t widened;            /* windows of the peer's objects */
    int status;                  /* of finished */
    bool finished;
    char sentence[1024];
    uint64_t done, failed, skipped;
    char last_failure[1024], last_digest[100];
    sluice_facts facts;          /* of the other side */
    unsigned facts_came;
} side;

struct fixture {
    side client, server;
    sluice_request request;
    sluice_time now;
    uint64_t random;
    bool push;
    bool open;                   /* sources come while it runs: set it before start, and leave no operand in the request */
    unsigned loss_percent;
    size_t piece_most;
    int corruptions;             /* so many blocks of first attempts get a flipped byte; -1: all blocks */
    unsigned source_capabilities, sink_capabilities;
    uint64_t memory_bytes, receive_bytes;
    item *items;
    size_t item_count, item_next;
    size_t item_known;           /* so many the source knows of; of an open request operand i is item i */
    stored store[512];
    size_t store_count;
    int writes_until_full;       /* -1: never */
    uint64_t sink_writes, source_reads;
    uint64_t task_bytes, task_bytes_most; /* read by the task that runs, of source and sink; by any task, at most */
    unsigned source_interrupts, sink_interrupts;
    bool compare;                /* the sink answers COMPARE where size and mtime agree */
    bool refuse;
    sluice_time busy_until;      /* prepare and put answer EBUSY before; a look sees nothing of it */
    bool parcels;                /* the sink can look and put: of two seeds in three */
    uint64_t puts, opens;        /* of the sink; opens: files prepared to be written */
    const char *text;            /* of the last failure of source or sink */
    bool forged; /* in the catalogue "@@" becomes ".." and "%%" becomes "/x" on the way: no honest sender sends that */
    const sluice_mover_store *sink; /* in place of the sink in memory; NULL: that one */
    uint64_t memory_most;        /* largest sum of block and buffer bytes seen */
};

void fixture_init(fixture *f, bool push, uint64_t seed, item *items, size_t count);
void fixture_fini(fixture *f);
/* Runs until both sides have finished (the client's end closes the session) or nothing moves any more. */
void fixture_run(fixture *f);
void fixture_start(fixture *f);
bool fixture_step(fixture *f); /* false: nothing to do */
stored *fixture_stored(fixture *f, const char *name);
/* All files of the source are committed, byte for byte. */
bool fixture_identical(fixture *f);
uint8_t *fixture_bytes(uint64_t seed, uint64_t size);
void fixture_control(side *from, const void *bytes, size_t count); /* raw bytes on the control stream to the peer */

#endif
