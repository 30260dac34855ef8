/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.h - several lanes as one carrier: what the cargo of a session with more than one lane stands on.
 *
 * Lane 0 is the session's own, on its loop.  It alone carries what is ordered: control messages, catalogue, and objects for
 * sinks that take bytes in order.  Bytes of unordered objects go in pieces to the lane that will first be without any, whatever
 * object they are of; so an object may be open on any of the lanes, and is over when it is on all of these.  The others are
 * side lanes (side_lane.h), which begin once lane 0 has heard the peer, and are given nothing before they have.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef SLUICE_SESSION_BUNDLE_H
#define SLUICE_SESSION_BUNDLE_H

#include "session/cargo.h"
#include "session/lane.h"
#include "session/side_lane.h"

typedef struct sluice_bundle sluice_bundle;

/* What a lane beside the first one is identified by in packets, to this side and to the peer. */
typedef struct sluice_lane_ids {
    uint64_t local, remote;
} sluice_lane_ids;

typedef struct sluice_bundle_setup {
    sluice_loop *loop;
    sluice_log *log;
    uint32_t lanes;              /* as agreed, 2 to SLUICE_LANES_MOST */
    const sluice_lane_ids *ids;  /* of lanes 1 and up; borrowed for the call */
    /* Of lane 0: the others are made like it.  What it points to but the keys is copied. */
    const sluice_lane_setup *lane;
    uint64_t memory_bytes;       /* of the session's buffers */
    /* The transport's calls about objects and events, of lane 0 and of all lanes; cut as of a lane. */
    const sluice_transport_calls *calls;
    void (*cut)(void *user, const sluice_error *why);
    /* A side lane that was live is over: the session cannot go on. */
    void (*broken)(void *user, int status, const char *sentence);
    /* Where a lane is to live; called when the session is live.  An error: there will be fewer lanes. */
    int (*strand)(void *user, uint32_t number, sluice_strand **out, sluice_error *error);
    void *strand_user;
    void *user;
} sluice_bundle_setup;

/* A lane's part of what is the session's: first credit, and packets in flight. */
sluice_lane_setup sluice_bundle_lane_setup(const sluice_lane_setup *whole, uint32_t lanes);

/* ENOMEM. */
int sluice_bundle_new(sluice_bundle **out, const sluice_bundle_setup *setup, sluice_error *error);
/* Ends the side lanes: nothing is told of them any more.  The cargo is still there; it gets back what it had lent. */
void sluice_bundle_end(sluice_bundle *bundle);
void sluice_bundle_free(sluice_bundle *bundle); /* ended; NULL is fine */

/* What lane 0 is made with, and then the lane itself. */
extern const sluice_transport_calls sluice_bundle_calls;
void sluice_bundle_cut(void *bundle, const sluice_error *why);
void sluice_bundle_lane_set(sluice_bundle *bundle, sluice_lane *lane);
void sluice_bundle_cargo_set(sluice_bundle *bundle, const sluice_cargo *cargo);
sluice_carrier sluice_bundle_carrier(sluice_bundle *bundle);

/* Lane 0 is live, and its peer at this address: the others begin. */
void sluice_bundle_start(sluice_bundle *bundle, const sluice_address *peer);
/* Lane 0 leaves the datagrams: there will be no others, and those end that are not live. */
void sluice_bundle_stay(sluice_bundle *bundle);

/* Lanes that are live; 1 at first. */
uint32_t sluice_bundle_lanes(const sluice_bundle *bundle);

/* All lanes together keep to these. */
void sluice_bundle_limits(sluice_bundle *bundle, const sluice_limits *limits);
const sluice_limits *sluice_bundle_limits_get(const sluice_bundle *bundle);
/* For the side lanes; lane 0 has it already. */
void sluice_bundle_congestion(sluice_bundle *bundle, const char *name);
/* No bytes of objects leave, or again. */
void sluice_bundle_hold(sluice_bundle *bundle, bool held);
/* Adds what the side lanes have counted to what lane 0 has. */
void sluice_bundle_statistics(sluice_bundle *bundle, sluice_transport_statistics *sum);
/* How busy the threads of the live side lanes are; how many that are. */
size_t sluice_bundle_busy(sluice_bundle *bundle, sluice_busy out[SLUICE_LANES_MOST - 1]);

#endif
