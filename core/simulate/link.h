/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - one direction of a path in virtual time: a policer, a bottleneck with a queue, then a wire.
 *
 * A packet is refused at the entrance when it is larger than the MTU, when the link is out, when it exceeds what the
 * policer lets through, or when the queue has no room.  It leaves the queue at the link's rate, if CoDel, where that is
 * set, does not drop it.  On the wire it may then be lost, damaged, doubled, delayed and overtaken.  Loss stands behind
 * the bottleneck, so a link with loss p still carries rate x (1 - p).  Any number of flows may share a link.  All
 * settings may be changed while it runs; what is queued is served at the new rate.
 */
#ifndef SLUICE_SIMULATE_LINK_H
#define SLUICE_SIMULATE_LINK_H

#include "simulate/codel.h"
#include "simulate/sim.h"

typedef struct sluice_sim_packet sluice_sim_packet;

/* Takes the packet over. */
typedef void sluice_sim_arrival(void *subject, sluice_sim_packet *packet);

struct sluice_sim_packet {
    sluice_sim *simulation;
    sluice_sim_packet *next;
    sluice_sim_arrival *arrival; /* where it goes */
    void *subject;
    uint32_t ip_bytes; /* what it takes on the link */
    uint8_t ecn;       /* SLUICE_ECN_* */
    bool damaged;      /* a bit was flipped (in data, where there is some) */
    bool plain;        /* from a byte channel: not sealed */
    uint8_t hop;       /* of its route */
    uint32_t from, to; /* addresses, where a network tells them apart */
    sluice_time sent;  /* when it entered the link */
    sluice_time due;   /* when it leaves the wire */
    sluice_duration queued_ns; /* it has waited in queues, of all links so far */
    uint64_t number;   /* for the sender's use */
    uint32_t size;     /* of data */
    uint32_t room;     /* for data */
    _Alignas(8) uint8_t data[];
};

/* data may be NULL for size bytes of unset content.  NULL when out of memory (the simulation has failed then). */
sluice_sim_packet *sluice_sim_packet_new(sluice_sim *simulation, const void *data, uint32_t size);
void sluice_sim_packet_free(sluice_sim_packet *packet);

typedef struct sluice_sim_link_setup {
    sluice_rate rate_bps;     /* 0: no bottleneck, no queue */
    sluice_duration delay_ns; /* of the wire */
    uint64_t queue_bytes;     /* what may wait beside the packet that is being sent */
    uint64_t mark_bytes;      /* packets that find more than this waiting are marked CE if they can be; 0: never */
    sluice_codel_setup codel; /* interval 0: none */
    bool ecn;                 /* CoDel marks what it would drop, if it can be marked */
    sluice_rate policer_bps;  /* what exceeds it is dropped at the entrance; 0: none */
    uint64_t policer_bytes;   /* that may pass at once */
    double loss;              /* Bernoulli */
    double burst_start, burst_end, burst_loss; /* Gilbert-Elliott: chances per packet, and the loss inside a burst */
    sluice_duration jitter_ns;                 /* uniform extra delay in [0, jitter) */
    bool jitter_reorders;                      /* else packets stay in order in spite of it */
    double reorder;                            /* chance to be held back by reorder_ns, others overtaking */
    sluice_duration reorder_ns;
    double duplicate, corrupt; /* chances */
    uint32_t mtu;              /* largest IP packet; 0: any */
    bool out;                  /* everything that enters is lost */
    bool (*picks)(void *picker, const sluice_sim_packet *packet); /* NULL, or chooses packets that are lost on the wire */
    void *picker;
} sluice_sim_link_setup;

typedef struct sluice_sim_link_counts {
    uint64_t sent, duplicated; /* packets that entered; copies made */
    uint64_t delivered, delivered_bytes;
    uint64_t lost, dropped, too_big, marked; /* on the wire; by queue, policer or outage; by the MTU; with CE */
    uint64_t damaged;                        /* delivered damaged */
    uint64_t held, held_bytes;               /* inside at this moment */
    uint64_t queue_most_bytes;
    uint64_t served_bytes; /* have left the queue by the bottleneck */
} sluice_sim_link_counts;

typedef struct sluice_sim_link {
    sluice_sim *simulation;
    sluice_sim_link_setup setup; /* may be changed at any time */
    sluice_sim_link_counts counts;
    sluice_sim_random random;
    bool in_burst;
    sluice_sim_packet *serving;      /* at the bottleneck */
    sluice_sim_packet *first, *last; /* those behind it */
    uint64_t queued_bytes;           /* of all of them */
    sluice_codel codel;
    double policer_tokens; /* bytes, at policer_at */
    sluice_time policer_at;
    sluice_sim_packet *wire_first, *wire_last; /* in the order of their arrival; those that overtake are not here */
    bool wire_runs;                            /* an event waits for wire_first, or is under way */
    sluice_time last_arrival;
    double queue_byte_seconds; /* for the mean queue: integral of queued_bytes over time */
    sluice_time queue_noted, mean_since;
} sluice_sim_link;

void sluice_sim_link_init(sluice_sim_link *link, sluice_sim *simulation, const sluice_sim_link_setup *setup, uint64_t label);

/* Frees what waits in the queue and on the wire.  What overtakes is lost with its events: run the simulation until
 * nothing is held before this. */
void sluice_sim_link_fini(sluice_sim_link *link);

/* Takes the packet over. */
void sluice_sim_link_send(sluice_sim_link *link, sluice_sim_packet *packet);

/* The mean of the bytes waiting since the start or the last call. */
double sluice_sim_link_queue_mean(sluice_sim_link *link);

/* The bytes waiting, over time: byte-seconds since the start, or since the last call of queue_mean. */
double sluice_sim_link_queue_sum(sluice_sim_link *link);

/* What the wire loses of many packets: of one chance and of bursts (Gilbert and Elliott's stationary loss). */
double sluice_sim_link_loss(const sluice_sim_link_setup *setup);

/* Fails the simulation unless packets sent and copies = delivered + lost + dropped + held. */
void sluice_sim_link_check(sluice_sim_link *link);

#endif
