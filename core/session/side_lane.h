/* SPDX-License-Identifier: Apache-2.0 */
/*
 * side_lane.h - a lane of a session on a thread of its own, as the session sees it: orders go there and news come back, in
 * rows (lane_mail.h), so that neither side ever waits for the other.
 *
 * On the strand's thread live the lane, with its transport, crypto and congestion instances, and the pieces that it has to
 * send.  Everything here is called on the session's loop.
 */
#ifndef SLUICE_SESSION_SIDE_LANE_H
#define SLUICE_SESSION_SIDE_LANE_H

#include "session/lane.h"
#include "session/lane_mail.h"
#include "session/limiting.h"
#include "session/strand.h"

typedef struct sluice_side_lane sluice_side_lane;

/* What a lane says of itself now and then. */
typedef struct sluice_side_lane_view {
    sluice_transport_statistics statistics;
    uint64_t fetched; /* bytes of what it was offered that were sent once, or given up before */
    uint64_t wants;   /* bytes that should lie ready to be sent for the first time */
    sluice_busy busy; /* its strand, whichever sessions' lanes make it so */
} sluice_side_lane_view;

typedef struct sluice_side_lane_setup {
    sluice_strand *strand; /* outlives the lane */
    sluice_loop *home;     /* the session's */
    /* As for any lane; loop, datagram, channel, calls, cut and user are filled in here. */
    const sluice_lane_setup *lane; /* borrowed for the call */
    uint64_t held_most;    /* bytes of the session's buffers that it may keep for repeats */
    uint64_t wants_most;
    /* Something has come: take it.  Not from inside a call of this header. */
    void (*news)(void *user, sluice_side_lane *lane);
    void *user;
} sluice_side_lane_setup;

/* Whether several lanes of a session can have this transport. */
static inline bool sluice_side_lane_serves(const sluice_transport_ops *ops)
{
    return ops->knows && ops->passed;
}

/* Waits for the strand's thread.  The errors of sluice_lane_new. */
int sluice_side_lane_new(sluice_side_lane **out, const sluice_side_lane_setup *setup, sluice_error *error);
/* Ends the lane without a word to the peer, and waits for that: from here on only its last news may be taken, and it may be
 * freed.  Not from inside `news`. */
void sluice_side_lane_end(sluice_side_lane *lane);
void sluice_side_lane_free(sluice_side_lane *lane); /* ended; NULL is fine */

/* Leaves at the next dispatch.  SLUICE_ENOMEM: what it owns is still the caller's. */
int sluice_side_lane_order(sluice_side_lane *lane, const sluice_lane_note *order);
/* Hands over all orders so far.  SLUICE_ENOMEM: they wait for the next time. */
int sluice_side_lane_dispatch(sluice_side_lane *lane);

/* All news that have come, into a row that is empty. */
void sluice_side_lane_news_take(sluice_side_lane *lane, sluice_lane_notes *news);
/* Of DELIVER: its bytes are not needed any more. */
void sluice_side_lane_parcel_free(const sluice_lane_note *delivered);

void sluice_side_lane_look(sluice_side_lane *lane, sluice_side_lane_view *out);

#endif
