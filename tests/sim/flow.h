/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.h - the congestion laboratory: a sender and a receiver at packet level, without payload or wire format.
 *
 * The sender keeps a record of each packet in flight, paces with bursts of 0.5 ms, detects loss by time as RACK
 * (RFC 8985) does, and makes samples by the definitions of congestion.h; the receiver reports what came, each arrival
 * in three reports.  Many times faster than the transport engine, which it models; good for judging a congestion
 * control, and no substitute for the engine in anything else.
 */
#ifndef SLUICE_SIM_FLOW_H
#define SLUICE_SIM_FLOW_H

#include "plugin/rate.h"
#include "sim/instance.h"
#include "simulate/link.h"

/* A socket as a queue that the receiver's CPU serves; several flows may share one, as sessions do a server's. */
typedef struct sim_receiver {
    uint64_t pps;   /* packets a second that the CPU takes; 0: any */
    uint32_t queue; /* packets that the socket holds */
    sluice_time free_at;
    uint64_t drops;
} sim_receiver;

typedef struct sim_flow_setup {
    const sluice_plugin *plugin; /* kind congestion */
    const char *settings;        /* of the plugin; NULL: defaults */
    sluice_limits limits;
    sluice_time start, stop; /* stop 0: never */
    sluice_sim_link *forward, *back;
    uint32_t packet_bytes;          /* IP bytes; 0: 1500 */
    sluice_rate source_bps;         /* the application writes no faster; 0: always has data */
    sluice_duration host_jitter_ns; /* each wake-up of sender and receiver comes up to this late */
    sim_receiver *receiver;         /* NULL: takes all there is */
    bool rtt_known;                 /* the set-up connection measured the rtt */
} sim_flow_setup;

typedef struct sim_flow_record {
    sluice_time sent, delivered_time, first_sent;
    uint64_t delivered, prior_in_flight;
    uint8_t state;
    bool app_limited;
} sim_flow_record;

typedef struct sim_flow_arrival {
    uint64_t number;
    sluice_time at;
    bool marked;
} sim_flow_arrival;

#define SIM_FLOW_RECENT 3 /* reports that each arrival stands in */
#define SIM_FLOW_SLOTS 10

/* The least of the last ten seconds, as the engine keeps it. */
typedef struct sim_flow_least {
    sluice_duration slot[SIM_FLOW_SLOTS]; /* of each second; SLUICE_NEVER: none */
    sluice_time second;                   /* of the newest slot; 0: none */
} sim_flow_least;

typedef struct sim_flow {
    sluice_sim *simulation;
    sim_flow_setup setup;
    sim_instance instance;
    sluice_rate_control rate;
    sluice_control control;
    sluice_sim_random random;
    bool active, waits_for_pacer;

    /* Sender.  Records lie in a ring by packet number, from oldest to next. */
    sim_flow_record *records;
    uint64_t record_count, oldest, doubtful, next, timer; /* all before doubtful are decided */
    uint64_t in_flight, delivered, app_limited_until, source_sent;
    sluice_time delivered_time, first_sent, pace_at, last_heard, newest_sent;
    uint64_t round_end, round;
    sluice_duration srtt, rttvar, min_rtt, base_delay;
    sim_flow_least least_rtt, least_delay;
    unsigned probes;

    /* Receiver. */
    sim_flow_arrival *arrivals[SIM_FLOW_RECENT];
    size_t arrival_count[SIM_FLOW_RECENT], arrival_room[SIM_FLOW_RECENT];
    sluice_time report_at;
    uint64_t socket_drops_told;
    bool report_due;

    /* Results. */
    uint64_t sent_packets, lost_packets, spurious_packets, delivered_packets, sent_bytes;
} sim_flow;

/* Fails the simulation where the plugin refuses to start or memory is short. */
void sim_flow_init(sim_flow *flow, sluice_sim *simulation, const sim_flow_setup *setup, uint64_t label);
void sim_flow_fini(sim_flow *flow);

/* Ends sending; what is on its way still arrives. */
void sim_flow_stop(sim_flow *flow);

#endif
