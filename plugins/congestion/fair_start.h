/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fair_start.h - how a flow of fair_law.h finds what its path holds.
 *
 * The window grows by `growth` = 2.5 a round trip until the least queue of a slot, an eighth of a round trip, exceeds the
 * queue that is wanted.  The rate crosses the capacity one round trip before that is seen, so what is in flight then is
 * (g - 1)/ln g = 1.64 of what the path holds: a queue of 0.64 BDP at most, and the window is divided by just that.
 * 3 would leave 0.82 BDP of queue.  Where a slot has enough packets, the bottleneck's rate, which they show, tells the window.
 * The start is made with 32 packets or, on long paths, with what 2 Mbit/s are in a round trip, and finds 1 Gbit/s at 200 ms in
 * seven rounds.  Random loss that was there two rounds before is the calm loss from then on.
 *
 * A path that has become larger is found in the same way.
 */
#ifndef CONGESTION_FAIR_START_H
#define CONGESTION_FAIR_START_H

#include <sluice/congestion.h>

#include <stdbool.h>

/* The flow that starts. */
typedef struct fair_start_flow {
    double growth;       /* per round trip */
    double window;       /* bytes */
    double packet;       /* bytes */
    double initial;      /* bytes, sent in the first round trip */
    double target_bps;   /* that it is to go at; 0: none */
    double rtt, min_rtt; /* s */
    double queue_target; /* s */
    double loss;         /* random, as far as it is known */
} fair_start_flow;

/* What a slot brought. */
typedef struct fair_start_slot {
    double acked, lost; /* packets */
    double time, queue; /* s; the least queue */
    double delivered;   /* bit/s, by the last sample; 0: not measured */
    double busy;        /* bit/s, the bottleneck's rate, if the slot has met it and can tell; 0: it cannot */
} fair_start_slot;

/* What a round trip brought. */
typedef struct fair_start_epoch {
    double rate, most; /* bit/s delivered: in it, the most of late */
    double drops;      /* packets, at the receiver's socket */
    bool limited;      /* the sender did not use what it had */
} fair_start_epoch;

/* What had come in when a round ended, in packets. */
typedef struct fair_start_seen {
    double acked, lost, drops;
} fair_start_seen;

/* All zero: it begins. */
typedef struct fair_start {
    double acked, lost;               /* packets, until the last slot */
    double recent_acked, recent_lost; /* of late */
    fair_start_seen early[2];         /* of the round before the last, and of the last */
    double best_rate;                 /* bit/s */
    unsigned stalled;                 /* rounds in a row without a much better one */
} fair_start;

/* For each sample: the window after `acked` bytes.  in_flight is the most that a packet of late met in flight, in bytes. */
double fair_start_grow(const fair_start_flow *flow, double acked, double in_flight, bool app_limited);

/* For each slot: true if it has met the bottleneck, with what the path holds in flow->window, and slot->busy; else flow->loss is
 * what was lost until now. */
bool fair_start_meets(fair_start *start, fair_start_flow *flow, fair_start_slot *slot);

/* For each round trip: true if there is no more to be had, with what the path holds in flow->window. */
bool fair_start_stalls(fair_start *start, fair_start_flow *flow, const fair_start_epoch *epoch);

/* When it ends: the random loss that it has met before the bottleneck, as a part. */
double fair_start_loss(const fair_start *start);

#endif
