/* SPDX-License-Identifier: Apache-2.0 */
/* sender.h - who sends in a run: a flow (two engines and what is between them) or a competitor, with one way of counting. */
#ifndef SLUICE_SIMULATE_SENDER_H
#define SLUICE_SIMULATE_SENDER_H

#include "simulate/scenario.h"
#include "simulate/side.h"
#include "simulate/tcp.h"

/* Since the start. */
typedef struct sluice_sender_counts {
    uint64_t arrived_bytes, arrived_packets, marked_packets; /* at the receiver */
    uint64_t goodput_bytes, redundant_bytes;                 /* payload */
    uint64_t sent_bytes, sent_packets;
    uint64_t lost_packets, resent_packets, data_packets;
    double queue_sum_ns, rtt_sum_ns; /* of packets that arrived; of round trips that were measured */
    uint64_t rtt_count;
} sluice_sender_counts;

typedef struct sluice_sender {
    sluice_sim *simulation;
    sluice *library;
    const sluice_part *part; /* of type FLOW or COMPETITOR */
    char name[64];
    sluice_sim_link *out[SLUICE_SIM_HOPS], *back[SLUICE_SIM_HOPS];
    unsigned hops;
    sluice_time start, stop; /* stop 0: never */
    uint64_t label;
    sluice_limits limits;
    sluice_duration jitter_ns; /* of the host */
    bool begun, over;

    /* A flow. */
    sluice_sim_route out_route, back_route;
    sluice_sim_side sending, receiving;
    bool made;

    sluice_sim_tcp tcp; /* a competitor */

    sluice_sender_counts counts, last, judged; /* now; when the interval and when the judged time began */
} sluice_sender;

/* What the control says of itself. */
typedef struct sluice_sender_state {
    double window_bytes, pacing_bps, in_flight_bytes, estimate_bps;
    const char *phase;
} sluice_sender_state;

/* index: of several of one section, from 0.  All that is set in sender beforehand: simulation, library, part, jitter_ns, out, back,
 * hops. */
void sluice_sender_init(sluice_sender *sender, unsigned index, unsigned count, uint64_t label);
void sluice_sender_stop(sluice_sender *sender);
/* After all links are empty. */
void sluice_sender_fini(sluice_sender *sender);

void sluice_sender_limits(sluice_sender *sender, const sluice_limits *limits);

/* Brings counts up to date. */
void sluice_sender_count(sluice_sender *sender, sluice_sender_state *state);

/* The name of the plugin, or of the competitor's kind. */
const char *sluice_sender_kind(const sluice_part *part);

#endif
