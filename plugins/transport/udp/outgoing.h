/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outgoing.h - the objects that we send: what is offered, sent, lost and acknowledged, and whose turn it is.
 */
#ifndef UDP_OUTGOING_H
#define UDP_OUTGOING_H

#include "flight.h"
#include "idmap.h"
#include "ranges.h"

#include <sluice/transport.h>

struct udp_engine;

#define UDP_STARTED_MOST 32768 /* objects of ours that the peer must remember at one time; it refuses twice as many */

enum {
    UDP_OUT_FINISHED = 1, /* the size is known */
    UDP_OUT_END_DUE = 2,
    UDP_OUT_END_ACKED = 4,
    UDP_OUT_ABORT = 8, /* given up, by us or because the peer wants no more */
    UDP_OUT_ABORT_DUE = 16,
    UDP_OUT_SKIP_DUE = 32,
    UDP_OUT_SKIP_OPEN = 64,   /* a SKIP is not acknowledged yet */
    UDP_OUT_WAIT_FRESH = 128, /* fetch had nothing new */
    UDP_OUT_WAIT_LOST = 256,  /* fetch had nothing of what must be repeated */
    UDP_OUT_STARTED = 512,    /* the peer may know of it */
    UDP_OUT_DEAD = 1024       /* to be freed when no one looks at it */
};

typedef struct udp_out {
    uint64_t id;
    unsigned flags; /* SLUICE_OBJECT_* */
    unsigned priority;
    unsigned state;                   /* UDP_OUT_* */
    udp_ranges offered;               /* all that was ever offered */
    udp_ranges fresh;                 /* of that, not sent yet */
    udp_ranges lost;                  /* to be sent again */
    udp_ranges settled;               /* acknowledged, or given up by skip */
    uint64_t size, code, upto, limit; /* limit: of an ordered object */
    uint64_t unsent;                  /* bytes that were skipped before they were ever sent */
    struct udp_out *next, *previous;  /* in its list */
    struct udp_out **list;            /* head of the ring it is in, or NULL */
    struct udp_out *dead_next;
} udp_out;

typedef struct udp_outgoing {
    udp_idmap map;
    udp_ranges used[2]; /* ids ever opened, halved, by their lowest bit: ids of one parity are mostly in a row */
    udp_out *turns[SLUICE_PRIORITY_LEVELS]; /* rings of objects with something to send */
    udp_out *blocked; /* ring of objects that wait for the session's credit or for objects to complete */
    udp_out *dead;
    udp_out *last;        /* the object looked up last */
    uint64_t limit, sent; /* session credit: unordered bytes that may be and were sent for the first time */
    size_t started;
} udp_outgoing;

int udp_outgoing_init(struct udp_engine *engine);
void udp_outgoing_fini(struct udp_engine *engine);

/* The operations of transport.h. */
int udp_outgoing_open(struct udp_engine *engine, sluice_object_id id, unsigned flags, unsigned priority);
int udp_outgoing_offer(struct udp_engine *engine, sluice_object_id id, uint64_t from, uint64_t to);
int udp_outgoing_finish(struct udp_engine *engine, sluice_object_id id, uint64_t size);
void udp_outgoing_ready(struct udp_engine *engine, sluice_object_id id);
int udp_outgoing_abort(struct udp_engine *engine, sluice_object_id id, uint64_t code);
int udp_outgoing_skip(struct udp_engine *engine, sluice_object_id id, uint64_t upto);

/* Frames of the peer. */
int udp_outgoing_stopped(struct udp_engine *engine, uint64_t id, uint64_t code);
void udp_outgoing_credit(struct udp_engine *engine, uint64_t limit);
int udp_outgoing_credit_object(struct udp_engine *engine, uint64_t id, uint64_t limit);

/* What became of a record. */
int udp_outgoing_record_acked(struct udp_engine *engine, const udp_record *record);
int udp_outgoing_record_lost(struct udp_engine *engine, const udp_record *record);

/* What may be sent of an object now: lost bytes first, then new ones within the credit. */
bool udp_outgoing_next(const struct udp_engine *engine, const udp_out *object, udp_range *range, bool *lost);
/* Bytes of that range have been put into packets. */
int udp_outgoing_took(struct udp_engine *engine, udp_out *object, uint64_t from, uint64_t to, bool lost);
/* END can go out now. */
bool udp_outgoing_end_due(const udp_out *object);
/* All of the object was sent at least once. */
bool udp_outgoing_at_end(struct udp_engine *engine, uint64_t id);
/* Puts the object where it belongs: into its turn, among the blocked, or nowhere.  `turn`: it had its turn. */
void udp_outgoing_place(struct udp_engine *engine, udp_out *object, bool turn);
/* The object whose turn it is; NULL: nothing can be sent. */
udp_out *udp_outgoing_first(const struct udp_engine *engine);

/* How many bytes below an offset were ever sent. */
uint64_t udp_outgoing_sent_below(const udp_out *object, uint64_t upto);

/* Frees objects that died during this operation. */
void udp_outgoing_reap(struct udp_engine *engine);

#endif
