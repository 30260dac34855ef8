/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight.h - the packets that were sent: a ring indexed by packet number.
 *
 * A number is `flying` (sent, nothing known), `lost` (declared lost, remembered for a while so that a late
 * acknowledgement is recognised) or settled.  Two bitmaps beside the entries let a report of thousands of numbers
 * be compared with them 64 at a time.  What a packet carried is a chain of records; the first lies in the entry.
 */
#ifndef ENGINE_FLIGHT_H
#define ENGINE_FLIGHT_H

#include <sluice/host.h>

typedef enum engine_record_kind {
    ENGINE_RECORD_NONE,
    ENGINE_RECORD_DATA,          /* id, from, bytes */
    ENGINE_RECORD_END,           /* id */
    ENGINE_RECORD_ABORT,         /* id */
    ENGINE_RECORD_SKIP,          /* id, from: upto */
    ENGINE_RECORD_STOP,          /* id */
    ENGINE_RECORD_CREDIT,        /* from: limit */
    ENGINE_RECORD_CREDIT_OBJECT, /* id, from: limit */
    ENGINE_RECORD_FLOOR,         /* from: id */
    ENGINE_RECORD_REPORT,        /* from, bytes: numbers that it told about */
    ENGINE_RECORD_PROBE,         /* bytes: datagram size tried */
    ENGINE_RECORD_CHALLENGE,
    ENGINE_RECORD_CLOSE
} engine_record_kind;

typedef struct engine_record {
    uint64_t id, from;
    uint32_t bytes;
    uint16_t kind;
    bool resent;   /* DATA: at least a part was sent before */
    uint32_t next; /* index + 1 into the pool of further records; 0: last */
} engine_record;

enum {
    ENGINE_SENT_ELICITING = 1, /* wants a report; counts as in flight */
    ENGINE_SENT_DATA = 2,
    ENGINE_SENT_APP_LIMITED = 4,
    ENGINE_SENT_PROBE = 8, /* of the path's size: its loss means nothing else */
    ENGINE_SENT_ELSEWHERE =
        16, /* to another address than the session's: says nothing of the path, and is not waited for */
    ENGINE_SENT_REPEAT = 32,      /* sent though nothing was lost, to shorten the end */
    ENGINE_SENT_REPEAT_AGAIN = 64, /* the same of such a packet */
    ENGINE_SENT_URGENT = 128,      /* the report is to come at once */
    ENGINE_SENT_ENDS = 256,        /* nothing was left to send: what comes later may come too late to show its loss */
    ENGINE_SENT_HANDED_ON = 512    /* what it carries is queued, or has gone, in another packet */
};

typedef struct engine_sent {
    sluice_time sent, first_sent, delivered_time;
    uint64_t delivered, prior_in_flight;
    uint32_t wire_bytes;
    uint32_t flags;
    uint32_t phase;
    engine_record record;
} engine_sent;

typedef struct engine_flight {
    engine_sent *ring;
    uint64_t *flying, *lost;                     /* bitmaps over the ring */
    uint64_t room;                               /* a power of two, at least 64 */
    uint64_t most;                               /* ring never grows beyond */
    uint64_t base, next;                         /* numbers in the ring: [base, next) */
    uint64_t in_flight_bytes, in_flight_packets; /* ack-eliciting ones */
    engine_record *pool;
    uint32_t pool_room, pool_free, pool_used; /* pool_free: index + 1 of the first free one */
} engine_flight;

int engine_flight_init(engine_flight *flight, const sluice_host *host, uint64_t most_packets);
void engine_flight_fini(engine_flight *flight, const sluice_host *host);

/* Half of the ring is free: nothing need be done for one more packet. */
static inline bool engine_flight_roomy(const engine_flight *flight)
{
    return flight->next - flight->base < flight->room / 2;
}

/* Makes room for one more packet; packets settled, or lost and sent before `forget`, leave the ring.
 * SLUICE_EAGAIN: the ring is full of packets in flight; SLUICE_ENOMEM. */
int engine_flight_room(engine_flight *flight, const sluice_host *host, sluice_time forget);

/* Adds the next packet; engine_flight_room has been called.  Returns its number. */
uint64_t engine_flight_push(engine_flight *flight, const engine_sent *sent);

engine_sent *engine_flight_at(const engine_flight *flight, uint64_t number);
bool engine_flight_is_flying(const engine_flight *flight, uint64_t number);
bool engine_flight_is_lost(const engine_flight *flight, uint64_t number);

/* The first number in [from, to) that is flying (or, with `or_lost`, lost); `to` when there is none. */
uint64_t engine_flight_find(const engine_flight *flight, uint64_t from, uint64_t to, bool or_lost);

/* flying -> lost; flying or lost -> settled, its further records are given back. */
void engine_flight_mark_lost(engine_flight *flight, uint64_t number);
void engine_flight_settle(engine_flight *flight, uint64_t number);

/* Appends a record to an entry that is being built. */
int engine_flight_record(engine_flight *flight, const sluice_host *host, engine_sent *sent,
                         const engine_record *record);
/* Gives back the further records of an entry that was not pushed. */
void engine_flight_drop_records(engine_flight *flight, engine_sent *sent);
const engine_record *engine_flight_next_record(const engine_flight *flight, const engine_record *record);

#endif
