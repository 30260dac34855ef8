/* SPDX-License-Identifier: Apache-2.0 */
/*
 * congestion.h - kind `congestion`: samples in, a pacing rate and a window out.
 *
 * A congestion control is pure: no clock, no I/O, no allocation, no sight of the transport.  Time and facts come as
 * arguments; the answer is a sluice_control.  After the plugin has answered, the core enforces target and minimum:
 * a plugin need not, but may use them (a known target can be used at once).  The sending side runs it, one instance
 * per lane, on the lane's loop thread.  The same sequence of calls gives the same answers.
 *
 * All bytes are bytes of IP packets, headers included, so that rates and the link's capacity are the same thing.
 * ABI history: 1.0 first; 1.1 sluice_sample.queue_base_ns.
 */
#ifndef SLUICE_CONGESTION_H
#define SLUICE_CONGESTION_H

#include <sluice/plugin.h>

#define SLUICE_CONGESTION_ABI SLUICE_ABI(1, 1)

/* What the user asks for.  May change while a transfer runs. */
typedef struct sluice_limits {
    sluice_rate target_bps;  /* of this lane; 0: none, as fast as the path allows */
    sluice_rate minimum_bps; /* of this lane; 0: none */
    double weight;           /* share against another flow of the same control; 1 by default, 1/N for each of N lanes */
} sluice_limits;

/* What is known at the start; zeroes where nothing is.  A control may be exchanged in mid-session, then the facts of
 * the running session stand here. */
typedef struct sluice_congestion_start {
    uint32_t size; /* sizeof(sluice_congestion_start) as the core was compiled */
    sluice_time now;
    sluice_limits limits;
    uint32_t packet_bytes; /* of a full-size packet at this moment */
    sluice_duration min_rtt_ns, srtt_ns;
    sluice_rate delivery_rate_bps;
    uint64_t in_flight_bytes;
} sluice_congestion_start;

/* One per report from the peer, and one with acked = 0 for each probe time-out.  Valid during the call. */
typedef struct sluice_sample {
    uint32_t size; /* sizeof(sluice_sample) as the core was compiled */
    sluice_time now;

    /* What this report changed. */
    uint64_t acked_bytes, acked_packets;       /* newly acknowledged */
    uint64_t lost_bytes, lost_packets;         /* newly declared lost, by RACK's rule (RFC 8985) */
    uint64_t spurious_packets;                 /* declared lost earlier, acknowledged now: reordering, not loss */
    uint64_t ce_packets;                       /* acknowledged with the CE mark (RFC 3168) */
    uint64_t receiver_drop_packets;            /* dropped by the receiver's own socket: its CPU, not the path */
    bool persistent;                           /* nothing was acknowledged for a probe time-out (RFC 9002, 6.2) */

    /* Where the flow stands after it. */
    uint64_t delivered_bytes;                  /* acknowledged since the session began */
    uint64_t in_flight_bytes;                  /* sent, neither acknowledged nor declared lost */
    uint64_t prior_in_flight_bytes;            /* the same when the newest acknowledged packet was sent */
    uint64_t round;                            /* counts round trips: grows when a packet sent in this round is acked */
    bool round_start;                          /* this sample began a round */

    /* Round trip, without the delay that the receiver held its report back. */
    sluice_duration rtt_ns;                    /* of the newest acknowledged packet; 0: no new measurement */
    sluice_duration srtt_ns, rttvar_ns;        /* RFC 6298 */
    sluice_duration min_rtt_ns;                /* least of the last 10 s or so; follows route changes upward */

    /* One way, from the receiver's clock, skew removed: the delay above the least seen; says nothing of the way
     * back.  Of the newest acknowledged packet, and the least of all packets newly acknowledged. */
    bool queue_valid;
    sluice_duration queue_ns, queue_min_ns;

    /* Delivery rate over the flight of the newest acknowledged packet (draft-cheng-iccrg-delivery-rate). */
    sluice_rate delivery_rate_bps;             /* 0: not measurable from this sample */
    sluice_duration delivery_interval_ns;      /* what it was measured over */
    bool app_limited;                          /* it was bounded by the source, the sender's CPU or the peer's credit,
                                                  so it says how fast it went, not how fast it can go */
    uint32_t packet_bytes;                     /* of a full-size packet; changes with path discovery */

    /* What queue_ns and queue_min_ns lie above: the least one-way delay of the last 10 s or so, between two clocks, so only
     * its changes mean something.  A control that must remember an emptier path for longer adds it to them.  0: of small packets,
     * which are faster on the line than full ones, so that theirs is not to be remembered. */
    int64_t queue_base_ns;
} sluice_sample;

/* The answer; keeps its values between calls. */
typedef struct sluice_control {
    sluice_rate pacing_bps; /* 0: no pacing */
    uint64_t cwnd_bytes;    /* in_flight stays below; 0: no window */
} sluice_control;

/* For plots and logs: what the control believes. */
typedef struct sluice_congestion_view {
    const char *phase;               /* a word, static storage: startup, steady, probe, ... */
    sluice_rate estimate_bps;        /* capacity or fair share as believed; 0: none */
    sluice_duration queue_target_ns; /* 0: none */
} sluice_congestion_view;

typedef struct sluice_congestion_ops {
    /* Required.  Sets the first control. */
    int (*init)(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control);

    /* Required. */
    void (*sample)(void *state, const sluice_sample *sample, sluice_control *control);

    /* Optional.  bytes were just sent (one call per batch); in_flight_bytes includes them. */
    void (*sent)(void *state, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes, sluice_control *control);

    /* Optional.  Sending begins again after nothing was in flight since idle_since. NULL: the control is kept. */
    void (*restart)(void *state, sluice_time now, sluice_time idle_since, sluice_control *control);

    /* Optional.  The user changed target, minimum or weight. NULL: only the core's enforcement changes. */
    void (*limits)(void *state, sluice_time now, const sluice_limits *limits, sluice_control *control);

    /* Optional. */
    void (*view)(const void *state, sluice_congestion_view *out);
} sluice_congestion_ops;

#endif
