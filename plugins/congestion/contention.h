/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contention.h - what a control that keeps a short queue does beside flows that fill it.
 *
 * Loss-based flows (Reno, CUBIC), and BBR where somebody else is there, keep a queue however much is taken back: a flow that gives
 * way to them is left with nothing.  Delay cannot be shared with such flows, so while they are there the window is CUBIC's (RFC
 * 9438).  Copa (Arun, Balakrishnan, NSDI 2018) and Nimbus (Goyal et al., SIGCOMM 2022) change to a competitive mode alike; how
 * this one is entered and left is its own.
 *
 * Are they there?  Flows of the control's own kind give way, so a queue far beyond what they want is gone in a few round
 * trips.  One that stays, for three seconds or two dozen round trips, in which this flow had half of what the path held of it,
 * is somebody else's.  "Far beyond" is twice the queue that is wanted at the best rate of late, and six packets at that
 * rate: newcomers of the own kind want a longer queue than a flow that has been alone, and begin with a burst.
 *
 * Are they still there?  A second after it has seen a loss, or the queue fall by a loss of others, the flow dips: for two round
 * trips it leaves in flight only what the path holds without the queue.  The queue falls by the part of it that was of flows that
 * dip, so its fall says whose it was, whatever the base of the delay; others of this kind have seen the same and dip at the same
 * time.  If all of it goes there is no one else.  Losses themselves cannot be asked, as all that share a queue lose together.
 *
 * And for safety, after 30 s, and twice as long each time, the flow gives way as if it were alone: one that was wrong about the others
 * gives back what it took, one that was right contends again after a second, with the window it had.
 *
 * Loss is the queue's when the queue is long and more is lost than when it is short: random loss is not answered here either.
 * Events that come several times sooner than the flow can grow back to where it lost before are of flows that do not give way,
 * such as BBR.  To answer all of these would leave nothing, so a flow whose part of the queue is below a half ignores such as
 * come too soon, and grows faster, the less it has; but never at more than 14 % of loss.  Beside flows that do give way it grows up
 * to four times as fast, to meet them sooner.
 */
#ifndef CONGESTION_CONTENTION_H
#define CONGESTION_CONTENTION_H

#include "cubic_curve.h"

#include <stdbool.h>

/* What a round trip brought. */
typedef struct contention_round {
    sluice_time now;
    double window;             /* bytes */
    double holds;              /* bytes: what the path holds of the flow, with the queue that is wanted */
    double packet, segment;    /* bytes; in segments the curve counts: a packet, times the weight */
    double rtt;                /* s */
    double queue;              /* s, that stands, above the least delay of ten minutes */
    double recent_queue;       /* s, above that of ten seconds: on a path that has become longer the dips show what is queue */
    double target;             /* s, the queue that is wanted */
    double best_target;        /* s, the same at the best rate of late */
    double best_packet_time;   /* s, that a packet takes at that rate */
    double acked, lost;        /* packets; lost without the receiver's drops */
    double marked;             /* packets, congestion experienced */
    double calm;               /* random loss, as the control knows it */
    bool used;                 /* the window was what held the sender back */
} contention_round;

/* What is remembered through both states. */
typedef struct contention_memory {
    double target, packet_time, window; /* of late: best_target and best_packet_time at the best, holds on average */
    double calm;                        /* random loss: of packets that met a short queue */
    double kept;                        /* bytes, the window when it was last left; 0: never on */
    sluice_time left_at;
    double span; /* s, that it may be on */
} contention_memory;

/* What there was before a dip. */
typedef struct contention_dip {
    double queue;    /* s */
    double expected; /* s, by which the queue falls if all of it is of flows that dip */
    double window;   /* bytes */
} contention_dip;

typedef struct contention {
    bool on; /* the window is the curve's */
    contention_memory memory;

    /* Off: a queue that should not be there. */
    sluice_time crowd_at, crowd_seen; /* crowd_at 0: none */
    double crowd_bound, crowd_window, crowd_holds; /* s; bytes: to go on with, that the path held at first */

    /* On. */
    cubic_curve curve;
    sluice_time began, decreased_at, event_at, dipped_at, quiet_at; /* 0: not yet */
    double loss;             /* beyond the random, smoothed */
    double top, last_queue;  /* s; the longest queue of late */
    double calm_acked, calm_lost;
    double pressure;         /* how many times sooner than it should an event comes */
    double share;            /* of the queue, found by the last dip */
    contention_dip dip;
} contention;

/* For each round in which it is off: true if it is on from here, with the window that is put in round->window. */
bool contention_begins(contention *contention, contention_round *round);

/* The queue, in seconds, that is wanted at the best rate of late; 0: no round was told of yet. */
double contention_best_target(const contention *contention);

/* The least window, in bytes, while it is not known yet whose a queue is. */
double contention_floor(const contention *contention);

/* For each round in which it is on: the next window.  It may be off afterwards. */
double contention_window(contention *contention, const contention_round *round);

/* Is it time to look whose the queue is?  Then the caller keeps to *window for two round trips, and tells what queue it saw in
 * the second, which is the first to show it. */
bool contention_dips(contention *contention, const contention_round *round, double *window);
void contention_dipped(contention *contention, sluice_time now, double queue);

#endif
