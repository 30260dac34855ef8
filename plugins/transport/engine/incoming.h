/* SPDX-License-Identifier: Apache-2.0 */
/*
 * incoming.h - the peer's objects: each byte is delivered once, ordered objects in order, all within the credit given.
 */
#ifndef ENGINE_INCOMING_H
#define ENGINE_INCOMING_H

#include "flight.h"
#include "idmap.h"
#include "ranges.h"
#include "waiting.h"
#include "wire.h"

#include <sluice/transport.h>

struct transport_engine;

#define ENGINE_INCOMING_MOST 65536    /* objects remembered; a peer that opens more ends its session */
#define ENGINE_INCOMING_RANGES 524288 /* ranges in all of them */
#define ENGINE_DONE_RANGES 262144     /* ranges of ids that are done */

enum {
    ENGINE_IN_SIZE = 1,    /* size and bytes are known */
    ENGINE_IN_ENDED = 2,   /* the user was told */
    ENGINE_IN_STOPPED = 4, /* not wanted: what comes is dropped */
    ENGINE_IN_STOP_DUE = 8,
    ENGINE_IN_CREDIT_DUE = 16,
    ENGINE_IN_OPENED = 32, /* the user knows it */
    ENGINE_IN_DEAD = 64
};

typedef struct engine_in {
    uint64_t id;
    unsigned flags;            /* SLUICE_OBJECT_* */
    unsigned state;            /* ENGINE_IN_* */
    engine_ranges received;    /* unordered: all that came; ordered: what waits behind a gap */
    uint64_t highest;          /* end of the last byte seen */
    uint64_t size, bytes;      /* from END: its end, and how much of it was offered */
    uint64_t upto, given_up;   /* from SKIP; bytes below upto that will never come */
    uint64_t written_off;      /* of those, bytes that were sent: the session's credit does not wait for them */
    uint64_t base;             /* ordered: all before was delivered or skipped */
    uint64_t window, consumed; /* ordered: limit = window + consumed */
    uint64_t limit, told;      /* ordered: told: limit in the last CREDIT_OBJECT */
    engine_waiting waiting;    /* ordered: the bytes of `received` */
    bool delivering;           /* the user looks at a segment */
    uint64_t code;
    struct engine_in *due_next; /* list of objects with a frame to send */
    bool in_due;
    struct engine_in *dead_next;
} engine_in;

typedef struct engine_incoming {
    engine_idmap map;
    engine_ranges done[2]; /* ids completed or given up, halved, by their lowest bit */
    engine_in *last;
    engine_in *due, *due_tail; /* STOP and CREDIT_OBJECT to send */
    engine_in *dead;
    uint64_t limit, received, consumed; /* session credit: limit = receive_bytes + consumed */
    uint64_t told;                      /* limit in the last CREDIT frame */
    bool credit_due;
    size_t ranges; /* of all objects */
    engine_waiting_spare spare;
} engine_incoming;

int engine_incoming_init(struct transport_engine *engine);
void engine_incoming_fini(struct transport_engine *engine);

/* Frames of the peer. */
int engine_incoming_data(struct transport_engine *engine, const engine_frame *frame);
int engine_incoming_end(struct transport_engine *engine, const engine_frame *frame);
int engine_incoming_abort(struct transport_engine *engine, const engine_frame *frame);
int engine_incoming_skip(struct transport_engine *engine, const engine_frame *frame);
/* Nothing comes of ids below, but of objects that are known. */
int engine_incoming_floor(struct transport_engine *engine, uint64_t id);

/* The operations of transport.h. */
void engine_incoming_consumed(struct transport_engine *engine, uint64_t bytes);
void engine_incoming_consumed_ordered(struct transport_engine *engine, sluice_object_id id, uint64_t bytes);
void engine_incoming_widen(struct transport_engine *engine, sluice_object_id id, uint64_t bytes);
bool engine_incoming_knows(const struct transport_engine *engine, sluice_object_id id);
int engine_incoming_stop(struct transport_engine *engine, sluice_object_id id, uint64_t code);

/* STOP and CREDIT frames: what is lost goes out again with its present value. */
void engine_incoming_record_lost(struct transport_engine *engine, const engine_record *record);
void engine_incoming_due(struct transport_engine *engine, engine_in *object, unsigned what);

engine_in *engine_incoming_find(struct transport_engine *engine, uint64_t id);
void engine_incoming_reap(struct transport_engine *engine);

#endif
