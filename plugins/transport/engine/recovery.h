/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery.h - what the peer's reports mean: acknowledged, lost, late; time-outs; samples for the rate control.
 *
 * Loss is told by time, as RACK does (RFC 8985): a packet is lost when one that was sent a reordering window later has
 * arrived and it has not.  Reports are exact, so what no report has covered yet (all of them fell into an outage) is
 * not taken for lost.  When nothing is acknowledged, probes go out (RFC 9002, 6.2), and also when a packet is not that
 * had nothing to follow it: what follows may come too late to show its loss.
 */
#ifndef ENGINE_RECOVERY_H
#define ENGINE_RECOVERY_H

#include "flight.h"
#include "ranges.h"

#include <sluice/congestion.h>

struct transport_engine;

typedef struct engine_recovery {
    uint64_t fresh_from; /* packets below went another way (path or carriage): they say nothing of the present one */
    bool any_acked;
    uint64_t newest_acked; /* highest number acknowledged */
    sluice_time newest_sent;
    uint64_t scan_from;      /* no number below is flying */
    sluice_duration reorder; /* how much later than others a packet may come */
    uint64_t reorder_round;  /* when it was last widened */
    uint64_t covered;        /* numbers below have been looked at by reports, but for the blind ones */
    engine_ranges blind;     /* numbers that no report told about */
    sluice_time blind_until;
    sluice_time loss_at; /* when the oldest packet is lost if nothing more is heard; SLUICE_NEVER */

    unsigned probe_count;   /* probe time-outs in a row */
    unsigned probes_due;    /* packets that may leave though the window is closed */
    bool ping_due;          /* one of them is to be a small PING */
    sluice_time probed_at;  /* when the last probe time-out was */
    sluice_time progress;   /* when something was last acknowledged, or the flight began */
    sluice_time probe_base; /* when an ack-eliciting packet was last sent */
    bool asked;             /* the last one with data asked for a report at once */
    sluice_time asked_at;   /* when one last did */
    uint64_t ends_from;     /* the oldest one in flight that ended a flight and was not probed for, or the next */

    uint64_t delivered; /* IP bytes */
    sluice_time delivered_time, first_sent;
    uint64_t app_limited; /* 0, or `delivered` at which the limited stretch is over */
    uint64_t round, round_end;
    uint64_t repeat_from;  /* packets below were repeated, or need not be */
    uint64_t repeat_bytes; /* sent so far in repeats */
    bool repeat_open;      /* there may be packets worth repeating */
    uint32_t repeating;    /* what is sent now is a repeat: its flag */
    sluice_rate rate;
    sluice_duration queue;
    uint64_t ce_packets, drop_packets; /* as last told */
    sluice_time overrun_until; /* what is lost before was likely lost by the peer's socket */
    uint64_t socket_room;       /* bytes that may lie unread in it */
    sluice_time socket_changed; /* when that was last made smaller or larger */
    sluice_duration socket_again; /* without an overflow until more is tried */
    double read_rate;           /* bytes a second that the peer takes out of it; 0: not known yet */
    sluice_time read_until;     /* the peer's time when it had read what was counted so far */
    uint64_t read_bytes;        /* since then */
    sluice_time unread_since;   /* when much lay unread last; 0: never */
    uint64_t unread_window;     /* in flight at most because of that; UINT64_MAX: it does not lie there */
    engine_record acked;  /* DATA that neighbouring packets carried, told to the object at once; no bytes: none */
    sluice_sample sample; /* being gathered */
    uint64_t rate_prior_delivered;
    sluice_time rate_prior_time, rate_send_elapsed;
    bool rate_any;
} engine_recovery;

void engine_recovery_init(struct transport_engine *engine);
void engine_recovery_fini(struct transport_engine *engine);

/* A REPORT frame's body.  SLUICE_EPROTOCOL when it acknowledges what was never sent or is malformed. */
int engine_recovery_report(struct transport_engine *engine, const uint8_t *body, size_t bytes, sluice_time received);

/* Fills in what a packet that is about to be sent must remember. */
void engine_recovery_stamp(struct transport_engine *engine, engine_sent *sent);

/* Packets were sent: the oldest one that ended a flight may be among them. */
void engine_recovery_built(struct transport_engine *engine);

/* A packet may ask for a report at once. */
bool engine_recovery_may_ask(const struct transport_engine *engine);

/* Handles time-outs that are due. */
int engine_recovery_timers(struct transport_engine *engine);
sluice_time engine_recovery_wake(const struct transport_engine *engine);

/* There was nothing to send: what is measured until all of this is acknowledged says nothing of the path. */
void engine_recovery_limited(struct transport_engine *engine);

/* Nothing new is left to send.  What was lost before and is still in flight is queued up to twice more, because its
 * loss would cost another round trip; within a budget of 0.3 % of the bytes sent, which is kept for the last rounds.
 * *found: something was queued. */
int engine_recovery_repeat(struct transport_engine *engine, bool *found);

/* Whether engine_recovery_repeat may find something. */
bool engine_recovery_repeat_due(const struct transport_engine *engine);

/* All that is in flight counts as not sent, its frames go out again.  Should the peer tell that some of it did come,
 * that is believed. */
int engine_recovery_take_back(struct transport_engine *engine);

/* What is in flight went another path than what comes.  It is not waited for: as soon as something is acknowledged that
 * goes the new path, and two probes leave at once for that, it is known what of it is missing. */
void engine_recovery_repath(struct transport_engine *engine);

/* The kernel refused the packet: it is as if it had never been sent, and its frames go out again. */
int engine_recovery_unsent(struct transport_engine *engine, uint64_t number);

#endif
