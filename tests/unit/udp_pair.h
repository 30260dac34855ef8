/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp_pair.h - two engines and a tiny path between them in virtual time, for unit tests of the transport `udp`.
 *
 * Every byte of an object is a function of its id and offset; the receiving end checks each byte, and that each comes
 * once and (for ordered objects) in order.  The test seal holds number, phase and a sum, so that a wrong number, a
 * wrong phase or a flipped bit does not open.  What is wrong is counted in `faults`.
 */
#ifndef SLUICE_TEST_UDP_PAIR_H
#define SLUICE_TEST_UDP_PAIR_H

#include "../../plugins/transport/engine/ranges.h"

#include <sluice/transport.h>

#define PAIR_OBJECTS 4096
#define PAIR_BYTES_PACKET 16380 /* on a byte channel */

typedef struct pair_path {
    sluice_duration delay;
    sluice_rate rate; /* 0: no bottleneck */
    double loss, duplicate, reorder, corrupt;
    sluice_rate read_rate; /* of the receiver, which may be slower than the path; 0: it reads at once */
    uint64_t socket;       /* bytes that lie unread at most; what is more is dropped, and its engine is told of */
    double overflow; /* what the receiver's socket drops, and its engine is told of */
    sluice_duration reorder_by;
    uint32_t mtu; /* UDP payload that passes; 0: any */
    bool out;
    bool reports_lost; /* drops packets without object data */
} pair_path;

typedef struct pair_object {
    engine_ranges got, acked;
    uint64_t next; /* ordered: expected */
    uint64_t size, skipped, stop_code, abort_code;
    uint64_t floor; /* nothing below may be fetched or acknowledged any more */
    bool opened, ordered, ended, completed, aborted, stopped;
} pair_object;

typedef struct pair_flying {
    sluice_time at;
    uint64_t order;
    bool plain;       /* it travels on a byte channel */
    uint32_t address; /* of the client, where it came from or goes to */
    sluice_packet packet;
} pair_flying;

struct pair;

typedef struct pair_end {
    struct pair *pair;
    int index;
    void *state;
    pair_object objects[PAIR_OBJECTS];
    pair_path path; /* of what this end sends */
    bool bytes;     /* what it sends travels on a byte channel: its delay and rate hold there, and nothing else */
    sluice_time link_free, reader_free;
    pair_flying *flying; /* heap by arrival */
    size_t count, room;
    bool auto_consume; /* gives credit back at once */
    uint64_t unconsumed;
    uint64_t widening; /* of the window of each ordered object, when it is opened */
    uint64_t ended, completed;
    uint64_t withheld; /* fetch says "not now" that many times */
    uint64_t events[16];
    sluice_transport_event closed;
    uint64_t samples, lost_sampled, acked_sampled, persistent;
    sluice_control *answer; /* what sample and the like answer; NULL: keep */
    sluice_sample last_sample;
    uint64_t last_number; /* of packets produced: must grow */
    uint64_t drops, probes, packets;
    uint64_t overflown; /* of what this end sent */
    uint64_t largest, batch_most; /* bytes of a packet, packets of a batch */
    int refuse_open;              /* status of opened */
    uint64_t paced_from;          /* sliding check of the pacer */
    struct {
        sluice_time at;
        uint64_t bytes;
    } window[512];
    size_t window_at;
} pair_end;

typedef struct pair {
    sluice_time now;
    uint64_t seed, order, faults;
    sluice_host host;
    pair_end end[2];
    uint32_t address, session, other; /* the client's; where the server believes it to be; of its path 1, if not 0 */
    uint64_t memory;                  /* bytes allocated */
    int64_t fail_after;               /* allocations until one fails; negative: never */
    uint64_t calls;
    const sluice_transport_ops *ops;
    bool recycle; /* objects share the places of the table when there are more than those */
} pair;

/* Fills in usual values: 20 ms each way, no loss, windows of 4 MiB, 100 Mbit/s. */
void pair_setup(sluice_transport_setup setup[2]);
/* The same on byte channels of no rate, for pair_new_bytes. */
void pair_setup_bytes(sluice_transport_setup setup[2]);
/* NULL: an engine could not be made. */
pair *pair_new(const sluice_transport_setup setup[2]);
/* The same when an allocation fails after so many; negative: none does. */
pair *pair_new_failing(const sluice_transport_setup setup[2], int64_t fail_after);
/* Two engines of transport `tcp`. */
pair *pair_new_bytes(const sluice_transport_setup setup[2]);
void pair_free(pair *p);

/* The client sends from another address from now on, and hears nothing of what goes to its former one. */
void pair_change_address(pair *p);

/* That end moves to a byte channel; what it has sent before may still arrive. */
int pair_move(pair *p, int end);

/* Opens an object at an end, offers all and finishes it. */
void pair_send(pair *p, int end, uint64_t id, unsigned flags, uint64_t size);

/* Runs until that time, or until `done` holds; returns whether it held.  Counts a fault when an engine spins. */
bool pair_run(pair *p, sluice_time until, bool (*done)(const pair *p));

/* Lets one end receive a packet of these frames, sealed as by its peer. */
void pair_inject(pair *p, int end, uint64_t number, const void *body, size_t bytes);

void pair_statistics(const pair *p, int end, sluice_transport_statistics *out);
bool pair_complete(const pair *p, int end, uint64_t id, uint64_t size);

uint64_t pair_random(pair *p);
uint8_t pair_byte(uint64_t id, uint64_t offset);

#endif
