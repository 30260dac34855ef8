/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_share.h - how bytes and credit are shared out to the lanes of a session.  Pure.
 */
#ifndef SLUICE_SESSION_BUNDLE_SHARE_H
#define SLUICE_SESSION_BUNDLE_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of one lane. */
typedef struct sluice_lane_account {
    bool live;         /* it may be given bytes */
    uint64_t wants;    /* bytes that should lie ready there */
    uint64_t given;    /* bytes so far */
    uint64_t fetched;  /* of those, sent once or given up */
    uint64_t delivered, credited; /* bytes that came by it; of those, counted as consumed there */
} sluice_lane_account;

/* The lane that gets the next `bytes`: the one that will be without any first, by its own rate, and of those that are alike the
 * next one after the last; so all are used, and learn what their ways can carry, also when there is less to send than they
 * could.  Small objects, which cost more than their bytes on each lane that opens one, go where the last one went as long as
 * there is room.  -1: none has room. */
int sluice_share_next(const sluice_lane_account *lanes, size_t count, int last, uint64_t bytes);

/* How much of `left` bytes that lie at `from` becomes the next piece for that lane: whole steps of a chunk where the lane is
 * fast, less where it is slow, so that the lanes come to their ends together. */
uint64_t sluice_share_piece(const sluice_lane_account *lane, uint64_t from, uint64_t left);

/* Of `bytes` that have left memory, whichever lane brought them, so many are credited to the lane that *which names: to the
 * one that waits for most.  So no lane can starve because its bytes wait for those of another. */
uint64_t sluice_share_credit(sluice_lane_account *lanes, size_t count, uint64_t bytes, size_t *which);

#endif
