/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fair_loss.h - what of the loss is random, what the path's and what the receiver's; and the ceiling under which a flow of
 * fair_law.h stays for the last two.
 *
 * Path.  Random loss is not congestion.  Loss above the calm loss, beyond what chance explains, may be a queue too
 * shallow to see: so the flow tries for some rounds at 0.9 of what was delivered, which the path carries whatever its
 * queue.  If the loss stays it was random and becomes the new calm loss; if it goes, the flow stays just under what
 * was delivered (the ceiling), which rises by a twentieth from time to time.
 *
 * Receiver.  Drops at the receiver's own socket lead to a ceiling at once: a CPU has no queue that could be seen.  It is
 * looked at every 100 ms: lowered by 15 % of what was sent when there were drops, whosever they were, else raised by 4 Mbit/s
 * and 1 %.  All flows of a receiver are told of the same drops, so they come down together by the same part and go up by
 * nearly the same amount, which makes them even (Chiu and Jain, 1989); had each its own drops to go by, or a part to rise by,
 * they would stay as far apart as chance has put them.  In the laboratory fifty flows then lie within 15 %.  A second
 * without drops ends that caution.
 *
 * There is one ceiling, and `rules` says whose it is: the one that was met last.  The receiver's ends a trial of the path's, and
 * is not raised as the path's is.
 */
#ifndef CONGESTION_FAIR_LOSS_H
#define CONGESTION_FAIR_LOSS_H

#include <sluice/congestion.h>

#include <stdbool.h>

/* What a round trip brought. */
typedef struct fair_loss_epoch {
    sluice_time now;
    uint64_t delivered; /* bytes, since the flow began */
    double acked, lost; /* packets */
    double rate, most;  /* bit/s delivered: on average, the most of late */
    double length;      /* s, of an epoch */
} fair_loss_epoch;

/* Packets.  drops are those of the receiver's socket, whosever they were. */
typedef struct fair_loss_sum {
    double acked, lost, drops;
} fair_loss_sum;

typedef struct fair_loss_receiver {
    sluice_time began;  /* of the period that is summed */
    uint64_t delivered; /* bytes, when it began */
    fair_loss_sum sum;
    bool rules;        /* the ceiling is the receiver's doing */
    unsigned dropless; /* periods in a row without drops, while it rules */
} fair_loss_receiver;

typedef struct fair_loss {
    double calm;    /* random loss, as a part */
    double ceiling; /* bit/s; 0: none */
    fair_loss_receiver receiver;

    fair_loss_sum judged;          /* over as many epochs as it takes to tell it from chance */
    double trial_loss, trial_rate; /* that led to the trial */
    unsigned trial, hold;          /* epochs: until the trial shows, 0: none; until the ceiling is raised */
    bool hit;                      /* the ceiling was lowered and not found calm since */
} fair_loss;

/* From here: what was lost until now says nothing. */
void fair_loss_begin(fair_loss *loss, sluice_time now, uint64_t delivered);

/* The calm loss, as the start has found it. */
void fair_loss_found(fair_loss *loss, double calm);

/* For each sample: packets that the receiver's socket dropped. */
void fair_loss_dropped(fair_loss *loss, double drops);

/* For each epoch, of any kind: the receiver's ceiling. */
void fair_loss_watch_receiver(fair_loss *loss, const fair_loss_epoch *epoch);

/* For each epoch of the start, which does not wait for the end of the period: true if it has met the receiver, whose ceiling is
 * set then. */
bool fair_loss_meets_receiver(fair_loss *loss, const fair_loss_epoch *epoch);

/* For each epoch in which loss is to be told from chance: calm loss, trials, and the path's ceiling. */
void fair_loss_judge(fair_loss *loss, const fair_loss_epoch *epoch);

/* Somebody else judges from here: no trial, and no ceiling but the receiver's. */
void fair_loss_leave(fair_loss *loss);

#endif
