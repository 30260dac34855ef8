/* SPDX-License-Identifier: Apache-2.0 */
/*
 * incoming.h - the peer's objects: each byte is delivered once, ordered objects in order, all within the credit given.
 */
#ifndef UDP_INCOMING_H
#define UDP_INCOMING_H

#include "flight.h"
#include "idmap.h"
#include "ranges.h"
#include "wire.h"

#include <sluice/transport.h>

struct udp_engine;

#define UDP_SEGMENT_BYTES 16384u   /* unit of memory for bytes that wait for a gap */
#define UDP_INCOMING_MOST 65536    /* objects remembered; a peer that opens more ends its session */
#define UDP_INCOMING_RANGES 524288 /* ranges in all of them */
#define UDP_DONE_RANGES 262144     /* ranges of ids that are done */

enum {
    UDP_IN_SIZE = 1,    /* size and bytes are known */
    UDP_IN_ENDED = 2,   /* the user was told */
    UDP_IN_STOPPED = 4, /* not wanted: what comes is dropped */
    UDP_IN_STOP_DUE = 8,
    UDP_IN_CREDIT_DUE = 16,
    UDP_IN_OPENED = 32, /* the user knows it */
    UDP_IN_DEAD = 64
};

typedef struct udp_in {
    uint64_t id;
    unsigned flags;                 /* SLUICE_OBJECT_* */
    unsigned state;                 /* UDP_IN_* */
    udp_ranges received;            /* unordered: all that came; ordered: what waits behind a gap */
    uint64_t highest;               /* end of the last byte seen */
    uint64_t size, bytes;           /* from END: its end, and how much of it was offered */
    uint64_t upto, given_up;        /* from SKIP; bytes below upto that will never come */
    uint64_t written_off;           /* of those, bytes that were sent: the session's credit does not wait for them */
    uint64_t base;                  /* ordered: all before was delivered or skipped */
    uint64_t limit, told, consumed; /* ordered: window */
    uint64_t code;
    uint8_t **segments; /* ordered: ring of memory for what waits */
    size_t segment_count;
    struct udp_in *due_next; /* list of objects with a frame to send */
    bool in_due;
    struct udp_in *dead_next;
} udp_in;

typedef struct udp_incoming {
    udp_idmap map;
    udp_ranges done[2]; /* ids completed or given up, halved, by their lowest bit */
    udp_in *last;
    udp_in *due, *due_tail; /* STOP and CREDIT_OBJECT to send */
    udp_in *dead;
    uint64_t limit, received, consumed; /* session credit: limit = receive_bytes + consumed */
    uint64_t told;                      /* limit in the last CREDIT frame */
    bool credit_due;
    size_t ranges; /* of all objects */
    size_t segments_used, segments_most;
    uint8_t *segment_spare[16];
    size_t spare_count;
} udp_incoming;

int udp_incoming_init(struct udp_engine *engine);
void udp_incoming_fini(struct udp_engine *engine);

/* Frames of the peer.  SLUICE_EAGAIN: no memory for bytes that wait; the packet is to count as not arrived. */
int udp_incoming_data(struct udp_engine *engine, const udp_frame *frame);
int udp_incoming_end(struct udp_engine *engine, const udp_frame *frame);
int udp_incoming_abort(struct udp_engine *engine, const udp_frame *frame);
int udp_incoming_skip(struct udp_engine *engine, const udp_frame *frame);

/* The operations of transport.h. */
void udp_incoming_consumed(struct udp_engine *engine, uint64_t bytes);
void udp_incoming_consumed_ordered(struct udp_engine *engine, sluice_object_id id, uint64_t bytes);
int udp_incoming_stop(struct udp_engine *engine, sluice_object_id id, uint64_t code);

/* STOP and CREDIT frames: what is lost goes out again with its present value. */
void udp_incoming_record_lost(struct udp_engine *engine, const udp_record *record);
void udp_incoming_due(struct udp_engine *engine, udp_in *object, unsigned what);

udp_in *udp_incoming_find(struct udp_engine *engine, uint64_t id);
void udp_incoming_reap(struct udp_engine *engine);

#endif
