/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp.h - a TCP connection as a competitor: sender and receiver at packet level, without bytes.
 *
 * What decides the shares of a link is modelled as the Linux kernel does it: initial window of 10 (RFC 6928), delayed
 * acknowledgements (RFC 1122: every second packet, else 40 ms as Linux has it), SACK, loss by RACK with its reordering window
 * (RFC 8985), one tail loss probe, PRR in recovery (RFC 6937), time-outs (RFC 6298, with Linux's least of 200 ms), delivery rates
 * (draft-cheng-iccrg-delivery-rate).  An acknowledgement tells all that the receiver has; no flow control but a window; the
 * connection is there already when the flow starts.  The congestion controls are tables of a few functions: tcp_reno.c,
 * tcp_cubic.c, tcp_bbr.c.  A fourth kind, steady, is no TCP: packets at a fixed rate, whatever becomes of them.
 */
#ifndef SLUICE_SIMULATE_TCP_H
#define SLUICE_SIMULATE_TCP_H

#include "simulate/route.h"

#define SLUICE_SIM_TCP_IP_BYTES 1500u /* of a full packet */
#define SLUICE_SIM_TCP_PAYLOAD 1448u  /* of it: with time stamps */

typedef struct sluice_sim_tcp sluice_sim_tcp;

/* What one acknowledgement changed; packets. */
typedef struct sluice_sim_tcp_ack {
    uint64_t acked;     /* in order */
    uint64_t delivered; /* newly known to have come, in order or not */
    uint64_t grows;     /* of delivered, what the window may grow by: nothing unless something came in order */
    uint64_t lost;      /* newly declared lost */
    sluice_duration rtt_ns;     /* of the newest packet that was sent once; 0: none */
    sluice_duration oldest_rtt_ns; /* of the oldest such, which waited for its acknowledgement; 0: none */
    double rate_pps;        /* delivery rate; 0: none */
    uint64_t prior_delivered; /* when the packet that the rate is of was sent */
    uint64_t prior_in_flight; /* before this acknowledgement */
    bool app_limited;
    bool marked; /* it brought ECN's echo */
} sluice_sim_tcp_ack;

typedef struct sluice_sim_tcp_control {
    const char *name;
    bool governs; /* sets the window after each acknowledgement by itself; else the connection does in recovery */
    void (*init)(sluice_sim_tcp *tcp);
    /* A loss (or a mark) was seen, or a time-out: the window to come down to. */
    double (*ssthresh)(sluice_sim_tcp *tcp);
    void (*acked)(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack);
} sluice_sim_tcp_control;

extern const sluice_sim_tcp_control sluice_sim_tcp_reno, sluice_sim_tcp_cubic, sluice_sim_tcp_bbr;

typedef struct sluice_sim_cubic {
    double last_max, origin, k; /* packets, packets, s */
    double friendly;            /* what Reno would have */
    sluice_time epoch;
    sluice_duration delay_min;
    /* HyStart (Ha and Rhee 2008), as Linux has it. */
    uint64_t round_end;
    sluice_time round_start, last_ack;
    sluice_duration round_rtt;
    unsigned samples;
    bool found;
} sluice_sim_cubic;

enum { SLUICE_SIM_BBR_STARTUP, SLUICE_SIM_BBR_DRAIN, SLUICE_SIM_BBR_BANDWIDTH, SLUICE_SIM_BBR_RTT };

typedef struct sluice_sim_bbr {
    int mode;
    double pacing_gain, cwnd_gain;
    struct {
        double pps;
        uint64_t round;
    } best[3]; /* windowed maximum (Nichols) */
    uint64_t round, round_delivered;
    bool round_start;
    sluice_duration min_rtt;
    sluice_time min_rtt_at, probe_rtt_done;
    bool probe_rtt_round_done, restoring;
    double full_pps, prior_cwnd;
    unsigned full_count, cycle;
    bool full, conserving;
    sluice_time cycle_at;
    int old_state;
    double extra[2]; /* acknowledgements beyond the rate: the most of this and of the last window (Linux: extra_acked) */
    unsigned extra_rounds, extra_at;
    uint64_t epoch_acked;
    sluice_time epoch_at;
} sluice_sim_bbr;

typedef struct sluice_sim_segment {
    sluice_time sent, delivered_time, first_sent;
    uint64_t delivered, transmission; /* packets delivered when it was sent; its number among all transmissions */
    uint8_t state;
    bool again; /* it was sent more than once */
    bool app_limited;
} sluice_sim_segment;

typedef struct sluice_sim_transmission {
    uint64_t segment, number;
} sluice_sim_transmission;

typedef struct sluice_sim_tcp_setup {
    const sluice_sim_tcp_control *control; /* NULL: steady */
    sluice_sim_link *const *out, *const *back; /* links that data and acknowledgements take */
    unsigned out_count, back_count;
    sluice_duration own_ns; /* wire of its own, each way */
    sluice_time start, stop; /* stop 0: never */
    sluice_rate rate_bps;    /* of steady */
    uint64_t window_packets; /* of the receiver; 0: any */
    bool ecn;
    void (*arrived)(void *user, const sluice_sim_packet *packet, bool first); /* data at the receiver; first: not a repeat */
    void *user;
} sluice_sim_tcp_setup;

enum { SLUICE_SIM_TCP_OPEN, SLUICE_SIM_TCP_RECOVERY, SLUICE_SIM_TCP_LOSS };

struct sluice_sim_tcp {
    sluice_sim *simulation;
    sluice_sim_tcp_setup setup;
    sluice_sim_route out, back;
    sluice_sim_random random;
    bool active, over;

    /* Sender.  Segments lie in a ring by number, from una to next; transmissions in another, in the order of time. */
    sluice_sim_segment *segments;
    sluice_sim_transmission *transmissions;
    uint64_t segment_count, transmission_count;
    uint64_t una, next, retransmit_from, highest_sacked;
    uint64_t oldest, newest; /* transmissions */
    uint64_t in_flight, lost_out, sacked_out, delivered;
    sluice_time delivered_time, first_sent;
    double cwnd, ssthresh, prior_cwnd;
    double pacing_pps; /* 0: none */
    sluice_time pace_at, pace_due;
    int state;
    uint64_t high; /* recovery ends when this was acknowledged */
    uint64_t prr_delivered, prr_out;
    sluice_duration srtt, rttvar, min_rtt;
    sluice_time min_rtt_at;
    unsigned backoff;
    bool probed, reordered;
    sluice_time rack_sent;
    sluice_duration rack_rtt;
    sluice_time timer_at, reorder_at;
    uint64_t timer, log_seen, marked_until;

    /* Receiver. */
    uint64_t *log; /* segments in the order of their coming; a ring */
    uint8_t *came;
    uint64_t log_count, logged, expected, unacked;
    uint64_t ack_timer;
    bool echo;

    /* Results. */
    uint64_t sent_packets, sent_bytes, lost_packets, resent_packets;
    double rtt_sum_ns;
    uint64_t rtt_count;

    union {
        sluice_sim_cubic cubic;
        sluice_sim_bbr bbr;
    } own;
};

void sluice_sim_tcp_init(sluice_sim_tcp *tcp, sluice_sim *simulation, const sluice_sim_tcp_setup *setup, uint64_t label);
void sluice_sim_tcp_stop(sluice_sim_tcp *tcp);
/* After the links are empty. */
void sluice_sim_tcp_fini(sluice_sim_tcp *tcp);

#endif
