/* SPDX-License-Identifier: Apache-2.0 */
/*
 * side.h - one side of a session in virtual time: the transport plugin's engine, and a congestion plugin under the core's
 * limits, as a lane has them.
 *
 * The payload is elided: fetch leaves the bytes of a packet as they are, nothing is sealed, and a packet goes from one engine to
 * the other without being copied.  Headers, frames, reports and sizes are the real ones.
 */
#ifndef SLUICE_SIMULATE_SIDE_H
#define SLUICE_SIMULATE_SIDE_H

#include "plugin/instance.h"
#include "plugin/rate.h"
#include "simulate/route.h"

#include <sluice/transport.h>

#define SLUICE_SIM_BATCH 44 /* packets of one call, as the lane's */
#define SLUICE_SIM_IP_BYTES 28u
#define SLUICE_SIM_SEAL_BYTES 16u

typedef struct sluice_sim_side {
    sluice_sim *simulation;
    sluice_instance *transport;
    sluice_instance *congestion; /* NULL: none, on the side that only reports */
    const sluice_transport_ops *ops;
    sluice_host host;
    sluice_transport_calls calls;
    sluice_rate_control rate;
    sluice_control control;
    sluice_sim_random random;
    sluice_sim_route *route; /* what it sends takes this */
    bool ecn, live, started, sends;
    sluice_sim_packet *spare[SLUICE_SIM_BATCH]; /* for the engine to write into */
    sluice_packet batch[SLUICE_SIM_BATCH];      /* that stand for them */
    size_t taken;                               /* of them, which are to be made anew */
    sluice_sim_packet *inbox[64];
    size_t inbox_count;
    sluice_duration jitter_ns;
    bool work_due;
    sluice_time wake_at, timer_for; /* what the engine wants; what the event that waits was made for, 0: none waits */
    uint64_t timer;

    uint64_t bytes;        /* of the object; 0: without end */
    uint64_t offered;      /* of it */
    sluice_rate source_bps; /* 0: as fast as it is asked */

    /* What happened. */
    bool closed;
    int closed_status;
    char reason[120];
    uint64_t wire_bytes, wire_packets; /* sent */
    uint64_t delivered_bytes, acked_bytes;
    uint64_t lost_packets, resent_packets, data_packets; /* as its samples and statistics tell */
    uint64_t samples;
    double rtt_sum_ns, queue_sum_ns; /* of the samples since somebody set them to 0 */
    uint64_t rtt_count, queue_count;
    sluice_time first_data_sent, completed_at;
} sluice_sim_side;

typedef struct sluice_sim_side_setup {
    sluice_role role;
    sluice_instance *transport, *congestion; /* taken over by the side when init succeeds; congestion NULL: none */
    sluice_limits limits;
    sluice_sim_route *route;
    sluice_duration rtt_ns; /* as the set-up connection has measured it; 0: unknown */
    bool ecn, sends;
    uint64_t bytes;         /* of the one object that it sends; 0: without end */
    sluice_rate source_bps; /* 0: any */
    sluice_duration jitter_ns; /* each wake-up comes up to this late, as on a host that has other things to do */
    uint64_t label;         /* of its randomness */
} sluice_sim_side_setup;

/* Starts the engine.  Fails the simulation where it or the congestion control refuses. */
void sluice_sim_side_init(sluice_sim_side *side, sluice_sim *simulation, const sluice_sim_side_setup *setup);
void sluice_sim_side_fini(sluice_sim_side *side);

/* A packet arrives; taken over.  A sluice_sim_arrival. */
void sluice_sim_side_arrive(void *side, sluice_sim_packet *packet);

/* Neither sends nor takes anything any more. */
void sluice_sim_side_stop(sluice_sim_side *side);

void sluice_sim_side_limits(sluice_sim_side *side, const sluice_limits *limits);
/* Brings the counters up to date that the engine keeps, and fills *out. */
void sluice_sim_side_statistics(sluice_sim_side *side, sluice_transport_statistics *out);

#endif
