/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outgoing.h - the objects that we send: what is offered, sent, lost and acknowledged, and whose turn it is.
 */
#ifndef ENGINE_OUTGOING_H
#define ENGINE_OUTGOING_H

#include "flight.h"
#include "idmap.h"
#include "ranges.h"

#include <sluice/transport.h>

struct transport_engine;

#define ENGINE_STARTED_MOST \
    32768 /* objects of ours that the peer must remember at one time; it refuses twice as many */

enum {
    ENGINE_OUT_FINISHED = 1, /* the size is known */
    ENGINE_OUT_END_DUE = 2,
    ENGINE_OUT_END_ACKED = 4,
    ENGINE_OUT_ABORT = 8, /* given up, by us or because the peer wants no more */
    ENGINE_OUT_ABORT_DUE = 16,
    ENGINE_OUT_SKIP_DUE = 32,
    ENGINE_OUT_SKIP_OPEN = 64,   /* a SKIP is not acknowledged yet */
    ENGINE_OUT_WAIT_FRESH = 128, /* fetch had nothing new */
    ENGINE_OUT_WAIT_LOST = 256,  /* fetch had nothing of what must be repeated */
    ENGINE_OUT_STARTED = 512,    /* the peer may know of it */
    ENGINE_OUT_DEAD = 1024       /* to be freed when no one looks at it */
};

typedef struct engine_out {
    uint64_t id;
    unsigned flags; /* SLUICE_OBJECT_* */
    unsigned priority;
    unsigned state;                     /* ENGINE_OUT_* */
    engine_ranges offered;              /* all that was ever offered */
    engine_ranges fresh;                /* of that, not sent yet */
    engine_ranges lost;                 /* to be sent again */
    engine_ranges settled;              /* acknowledged, or given up by skip */
    uint64_t size, code, upto, limit;   /* limit: of an ordered object */
    uint64_t unsent;                    /* bytes that were skipped before they were ever sent */
    uint64_t served;                    /* bytes in its present turn; what the one before took too much */
    uint64_t turn;                      /* how many turns there had been when it last had one */
    struct engine_out *next, *previous; /* in its list */
    struct engine_out **list;           /* head of the ring it is in, or NULL */
    struct engine_out *dead_next;
} engine_out;

typedef struct engine_outgoing {
    engine_idmap map;
    engine_ranges used[2]; /* ids ever opened, halved, by their lowest bit: ids of one parity are mostly in a row */
    engine_out *turns[SLUICE_PRIORITY_LEVELS]; /* rings of objects with something to send */
    engine_out *rare[SLUICE_PRIORITY_LEVELS];  /* the same, of ones with little and no turn for a round: they go first */
    size_t taking_turns[SLUICE_PRIORITY_LEVELS];
    uint64_t turn; /* turns so far */
    engine_out *blocked; /* ring of objects that wait for the session's credit or for objects to complete */
    engine_out *dead;
    engine_out *last;     /* the object looked up last */
    uint64_t limit, sent; /* session credit: unordered bytes that may be and were sent for the first time */
    uint64_t queued_again; /* bytes that ever came to be sent again; a frame about an object counts as one of the largest */
    size_t started;
    uint64_t floor, floor_told; /* nothing more is said of objects below; what the peer was told of that */
    bool floor_due;
} engine_outgoing;

int engine_outgoing_init(struct transport_engine *engine);
void engine_outgoing_fini(struct transport_engine *engine);

/* The operations of transport.h. */
int engine_outgoing_open(struct transport_engine *engine, sluice_object_id id, unsigned flags, unsigned priority);
int engine_outgoing_offer(struct transport_engine *engine, sluice_object_id id, uint64_t from, uint64_t to);
int engine_outgoing_finish(struct transport_engine *engine, sluice_object_id id, uint64_t size);
void engine_outgoing_ready(struct transport_engine *engine, sluice_object_id id);
int engine_outgoing_abort(struct transport_engine *engine, sluice_object_id id, uint64_t code);
int engine_outgoing_skip(struct transport_engine *engine, sluice_object_id id, uint64_t upto);
void engine_outgoing_passed(struct transport_engine *engine, sluice_object_id id);

/* Frames of the peer. */
int engine_outgoing_stopped(struct transport_engine *engine, uint64_t id, uint64_t code);
void engine_outgoing_credit(struct transport_engine *engine, uint64_t limit);
int engine_outgoing_credit_object(struct transport_engine *engine, uint64_t id, uint64_t limit);

/* What became of a record. */
int engine_outgoing_record_acked(struct transport_engine *engine, const engine_record *record);
int engine_outgoing_record_lost(struct transport_engine *engine, const engine_record *record);

/* What may be sent of an object now: lost bytes first, then new ones within the credit. */
bool engine_outgoing_next(const struct transport_engine *engine, const engine_out *object, engine_range *range,
                          bool *lost);
/* Bytes of that range have been put into packets. */
int engine_outgoing_took(struct transport_engine *engine, engine_out *object, uint64_t from, uint64_t to, bool lost);
/* END can go out now. */
bool engine_outgoing_end_due(const engine_out *object);
/* All of the object was sent at least once. */
bool engine_outgoing_at_end(struct transport_engine *engine, uint64_t id);
/* How many more bytes belong to the object's turn; UINT64_MAX: no other waits for one. */
uint64_t engine_outgoing_turn(const struct transport_engine *engine, const engine_out *object);
/* Puts the object where it belongs: into its turn, among the blocked, or nowhere.  `turn`: it was the first. */
void engine_outgoing_place(struct transport_engine *engine, engine_out *object, bool turn);
/* The object whose turn it is; NULL: nothing can be sent. */
engine_out *engine_outgoing_first(const struct transport_engine *engine);
/* What the frames of everything that can be sent take at most, when that is `most` or less; else UINT64_MAX. */
uint64_t engine_outgoing_little(const struct transport_engine *engine, uint64_t most);

/* How many bytes below an offset were ever sent. */
uint64_t engine_outgoing_sent_below(const engine_out *object, uint64_t upto);

/* Frees objects that died during this operation. */
void engine_outgoing_reap(struct transport_engine *engine);

#endif
