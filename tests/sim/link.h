/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - one direction of a path in virtual time: a bottleneck with a drop-tail queue, then a wire.
 *
 * A packet is refused at the entrance when it is larger than the MTU, when the link is out, or when the queue has no
 * room.  It leaves the queue at the link's rate.  On the wire it may then be lost, damaged, doubled, delayed and
 * overtaken.  Loss stands behind the bottleneck, so a link with loss p still carries rate x (1 - p).  Any number of
 * flows may share a link.  All settings may be changed while it runs; what is queued is served at the new rate.
 */
#ifndef SLUICE_SIM_LINK_H
#define SLUICE_SIM_LINK_H

#include "sim/sim.h"

typedef struct sim_packet sim_packet;

/* Takes the packet over. */
typedef void sim_arrival(void *subject, sim_packet *packet);

struct sim_packet {
    sim *simulation;
    sim_packet *next;
    sim_arrival *arrival; /* where it goes */
    void *subject;
    uint32_t ip_bytes; /* what it takes on the link */
    uint8_t ecn;       /* SLUICE_ECN_* */
    bool damaged;      /* a bit was flipped (in data, where there is some) */
    bool plain;        /* from a byte channel: not sealed */
    uint32_t from, to; /* addresses, where a network tells them apart */
    sluice_time sent;
    uint64_t number; /* for the sender's use */
    uint32_t size;   /* of data */
    _Alignas(8) uint8_t data[];
};

/* data may be NULL for size bytes of unset content.  NULL when out of memory (the simulation has failed then). */
sim_packet *sim_packet_new(sim *simulation, const void *data, uint32_t size);
void sim_packet_free(sim_packet *packet);

typedef struct sim_link_setup {
    sluice_rate rate_bps;     /* 0: no bottleneck, no queue */
    sluice_duration delay_ns; /* of the wire */
    uint64_t queue_bytes;     /* what may wait beside the packet that is being sent */
    uint64_t mark_bytes;      /* packets that find more than this waiting are marked CE if they can be; 0: never */
    double loss;              /* Bernoulli */
    double burst_start, burst_end, burst_loss; /* Gilbert-Elliott: chances per packet, and the loss inside a burst */
    sluice_duration jitter_ns;                 /* uniform extra delay in [0, jitter) */
    bool jitter_reorders;                      /* else packets stay in order in spite of it */
    double reorder;                            /* chance to be held back by reorder_ns, others overtaking */
    sluice_duration reorder_ns;
    double duplicate, corrupt; /* chances */
    uint32_t mtu;              /* largest IP packet; 0: any */
    bool out;                  /* everything that enters is lost */
    bool (*picks)(void *picker, const sim_packet *packet); /* NULL, or chooses packets that are lost on the wire */
    void *picker;
} sim_link_setup;

typedef struct sim_link_counts {
    uint64_t sent, duplicated; /* packets that entered; copies made */
    uint64_t delivered, delivered_bytes;
    uint64_t lost, dropped, too_big, marked; /* on the wire; at the full queue or in an outage; by the MTU; with CE */
    uint64_t damaged;                        /* delivered damaged */
    uint64_t held, held_bytes;               /* inside at this moment */
    uint64_t queue_most_bytes;
} sim_link_counts;

typedef struct sim_link {
    sim *simulation;
    sim_link_setup setup; /* may be changed at any time */
    sim_link_counts counts;
    sim_random random;
    bool in_burst;
    sim_packet *first, *last; /* the queue; first is being sent */
    uint64_t queued_bytes;
    sluice_time last_arrival;
    double queue_byte_seconds; /* for the mean queue: integral of queued_bytes over time */
    sluice_time queue_noted, mean_since;
} sim_link;

void sim_link_init(sim_link *link, sim *simulation, const sim_link_setup *setup, uint64_t label);

/* Frees what waits in the queue.  Run the simulation until nothing is held before this; what is still on the wire at
 * the end of a run that failed is lost with its events. */
void sim_link_fini(sim_link *link);

/* Takes the packet over. */
void sim_link_send(sim_link *link, sim_packet *packet);

/* The mean of the bytes waiting since the start or the last call. */
double sim_link_queue_mean(sim_link *link);

/* Fails the simulation unless packets sent and copies = delivered + lost + dropped + held. */
void sim_link_check(sim_link *link);

#endif
