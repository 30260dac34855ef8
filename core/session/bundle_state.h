/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_state.h - what bundle.c (the whole), bundle_out.c (objects of ours, and which lane gets what of them) and
 * bundle_lanes.c (orders to lanes and what they tell) share.
 */
#ifndef SLUICE_SESSION_BUNDLE_STATE_H
#define SLUICE_SESSION_BUNDLE_STATE_H

#include "session/bundle.h"
#include "session/bundle_share.h"
#include "session/message.h"
#include <sys/queue.h>

#define SLUICE_BUNDLE_BUCKETS 4096 /* as many objects are under way at most, about */

typedef struct sluice_bundle_object sluice_bundle_object;

/* Bytes that were offered by the cargo and not given to a lane yet. */
typedef struct sluice_bundle_range {
    TAILQ_ENTRY(sluice_bundle_range) link;
    sluice_bundle_object *object;
    uint64_t from, to;
} sluice_bundle_range;

/* What a side lane asks for once more and is not in memory. */
typedef struct sluice_bundle_wish {
    TAILQ_ENTRY(sluice_bundle_wish) link;
    uint32_t lane;
    sluice_object_id id;
    uint64_t from, to;
} sluice_bundle_wish;

/* An object of ours that may be open on any lane. */
struct sluice_bundle_object {
    sluice_bundle_object *next; /* in its bucket */
    sluice_object_id id;
    unsigned priority;
    uint32_t open, done;          /* lanes, a bit each */
    uint64_t waiting;             /* ranges */
    bool finished;
    uint64_t size;
    uint64_t own_high, own_ready; /* of lane 0: end of what was fetched; bytes given and not fetched yet */
};

struct sluice_bundle {
    sluice_loop *loop;
    sluice_log *log;
    sluice_lane *own; /* lane 0 */
    uint32_t lanes;   /* agreed */
    uint32_t live;
    sluice_lane_ids ids[SLUICE_LANES_MOST];
    sluice_side_lane *side[SLUICE_LANES_MOST]; /* NULL: it did not begin; 0 is lane 0 */
    sluice_lane_account accounts[SLUICE_LANES_MOST];
    uint64_t credit, spare;       /* of the session's credit: the whole, and what no lane has now */
    uint64_t credit_due[SLUICE_LANES_MOST];
    sluice_time reserved_until;   /* from then on the live lanes have the credit of those that are not */
    uint32_t gone; /* lanes that the session does without, a bit each; those that are there still end at the next dispatch */
    int last; /* the lane that got the last bytes */
    sluice_cargo cargo;
    uint64_t wants_most, held_most;
    sluice_limits limits;

    sluice_bundle_object *buckets[SLUICE_BUNDLE_BUCKETS];
    TAILQ_HEAD(, sluice_bundle_range) queue;
    TAILQ_HEAD(, sluice_bundle_wish) wishes;
    sluice_lane_notes news;
    sluice_post dispatch;
    bool dispatch_posted, feeding, held, started, alone, over, failed;
    bool ordered; /* the peer's objects are: they have windows of their own, and no credit */

    /* What the others are made with. */
    sluice_lane_setup like;
    sluice_keys keys;
    char transport[64], crypto[64], cipher[64], congestion[64];

    const sluice_transport_calls *calls;
    void (*cut)(void *user, const sluice_error *why);
    void (*broken)(void *user, int status, const char *sentence);
    void *user;
    int (*strand)(void *user, uint32_t number, sluice_strand **out, sluice_error *error);
    void *strand_user;
};

static inline const sluice_transport_ops *sluice_bundle_own_ops(const sluice_bundle *bundle)
{
    return sluice_lane_ops(bundle->own);
}

static inline void *sluice_bundle_own_state(const sluice_bundle *bundle)
{
    return sluice_lane_state(bundle->own);
}

/* ---- bundle.c ---- */

/* The session ends, with this sentence; once. */
void sluice_bundle_fail(sluice_bundle *bundle, int status, const char *sentence);
void sluice_bundle_out_of_memory(sluice_bundle *bundle);
/* Each live lane gets its part of the limits. */
void sluice_bundle_limits_share(sluice_bundle *bundle);
/* Ends a side lane, if it is there, and takes back what it had, and its credit.  Not from inside its news. */
void sluice_bundle_lane_end(sluice_bundle *bundle, uint32_t lane);

/* ---- bundle_lanes.c ---- */

/* To a side lane that is there.  SLUICE_ENOMEM: what the note owns is still the caller's, and the session ends. */
int sluice_bundle_order(sluice_bundle *bundle, uint32_t lane, const sluice_lane_note *note);
void sluice_bundle_order_all(sluice_bundle *bundle, const sluice_lane_note *note);
/* The session does without this lane, which was never live: it ends when the callback under way is over. */
void sluice_bundle_lane_leave(sluice_bundle *bundle, uint32_t lane);
/* Orders leave, and credit, when the callback under way is over. */
void sluice_bundle_dispatch_soon(sluice_bundle *bundle);
void sluice_bundle_dispatch_run(sluice_post *post);
/* Gives the live lanes what is spare of the session's credit. */
void sluice_bundle_credit_share(sluice_bundle *bundle);
/* Of a side lane. */
void sluice_bundle_on_news(void *bundle, sluice_side_lane *lane);

/* ---- bundle_out.c ---- */

/* NULL: none of ours that is shared. */
sluice_bundle_object *sluice_bundle_find(sluice_bundle *bundle, sluice_object_id id);
void sluice_bundle_object_free(sluice_bundle *bundle, sluice_bundle_object *object);
/* Gives lanes what they have room for. */
void sluice_bundle_feed(sluice_bundle *bundle);
/* What the transport of a lane tells of an object of ours. */
size_t sluice_bundle_fetch(sluice_bundle *bundle, sluice_object_id id, uint64_t offset, const struct iovec *buffers,
                           int count); /* lane 0 */
void sluice_bundle_completed(sluice_bundle *bundle, uint32_t lane, sluice_object_id id);
void sluice_bundle_stopped(sluice_bundle *bundle, uint32_t lane, sluice_object_id id, uint64_t code);
/* A side lane wants bytes again. */
void sluice_bundle_need(sluice_bundle *bundle, uint32_t lane, const sluice_lane_note *note);

#endif
