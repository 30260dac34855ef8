/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight.h - the packets that were sent: a ring indexed by packet number.
 *
 * A number is `flying` (sent, nothing known), `lost` (declared lost, remembered for a while so that a late
 * acknowledgement is recognised) or settled.  Two bitmaps beside the entries let a report of thousands of numbers
 * be compared with them 64 at a time.  What a packet carried is a chain of records; the first lies in the entry.
 */
#ifndef UDP_FLIGHT_H
#define UDP_FLIGHT_H

#include <sluice/host.h>

typedef enum udp_record_kind {
    UDP_RECORD_NONE,
    UDP_RECORD_DATA,          /* id, from, bytes */
    UDP_RECORD_END,           /* id */
    UDP_RECORD_ABORT,         /* id */
    UDP_RECORD_SKIP,          /* id, from: upto */
    UDP_RECORD_STOP,          /* id */
    UDP_RECORD_CREDIT,        /* from: limit */
    UDP_RECORD_CREDIT_OBJECT, /* id, from: limit */
    UDP_RECORD_REPORT,        /* from, bytes: numbers that it told about */
    UDP_RECORD_PROBE,         /* bytes: datagram size tried */
    UDP_RECORD_CHALLENGE,
    UDP_RECORD_CLOSE
} udp_record_kind;

typedef struct udp_record {
    uint64_t id, from;
    uint32_t bytes;
    uint16_t kind;
    bool resent;   /* DATA: at least a part was sent before */
    uint32_t next; /* index + 1 into the pool of further records; 0: last */
} udp_record;

enum {
    UDP_SENT_ELICITING = 1, /* wants a report; counts as in flight */
    UDP_SENT_DATA = 2,
    UDP_SENT_APP_LIMITED = 4,
    UDP_SENT_PROBE = 8,        /* of the path's size: its loss means nothing else */
    UDP_SENT_REPEAT = 32,      /* sent though nothing was lost, to shorten the end */
    UDP_SENT_REPEAT_AGAIN = 64 /* the same of such a packet */
};

typedef struct udp_sent {
    sluice_time sent, first_sent, delivered_time;
    uint64_t delivered, prior_in_flight;
    uint32_t wire_bytes;
    uint32_t flags;
    uint32_t phase;
    udp_record record;
} udp_sent;

typedef struct udp_flight {
    udp_sent *ring;
    uint64_t *flying, *lost;                     /* bitmaps over the ring */
    uint64_t room;                               /* a power of two, at least 64 */
    uint64_t most;                               /* ring never grows beyond */
    uint64_t base, next;                         /* numbers in the ring: [base, next) */
    uint64_t in_flight_bytes, in_flight_packets; /* ack-eliciting ones */
    udp_record *pool;
    uint32_t pool_room, pool_free, pool_used; /* pool_free: index + 1 of the first free one */
} udp_flight;

int udp_flight_init(udp_flight *flight, const sluice_host *host, uint64_t most_packets);
void udp_flight_fini(udp_flight *flight, const sluice_host *host);

/* Makes room for one more packet; packets settled, or lost and sent before `forget`, leave the ring.
 * SLUICE_EAGAIN: the ring is full of packets in flight; SLUICE_ENOMEM. */
int udp_flight_room(udp_flight *flight, const sluice_host *host, sluice_time forget);

/* Adds the next packet; udp_flight_room has been called.  Returns its number. */
uint64_t udp_flight_push(udp_flight *flight, const udp_sent *sent);

udp_sent *udp_flight_at(const udp_flight *flight, uint64_t number);
bool udp_flight_is_flying(const udp_flight *flight, uint64_t number);
bool udp_flight_is_lost(const udp_flight *flight, uint64_t number);

/* The first number in [from, to) that is flying (or, with `or_lost`, lost); `to` when there is none. */
uint64_t udp_flight_find(const udp_flight *flight, uint64_t from, uint64_t to, bool or_lost);

/* flying -> lost; flying or lost -> settled, its further records are given back. */
void udp_flight_mark_lost(udp_flight *flight, uint64_t number);
void udp_flight_settle(udp_flight *flight, uint64_t number);

/* Appends a record to an entry that is being built. */
int udp_flight_record(udp_flight *flight, const sluice_host *host, udp_sent *sent, const udp_record *record);
/* Gives back the further records of an entry that was not pushed. */
void udp_flight_drop_records(udp_flight *flight, udp_sent *sent);
const udp_record *udp_flight_next_record(const udp_flight *flight, const udp_record *record);

#endif
