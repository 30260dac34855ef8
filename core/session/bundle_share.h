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
    uint64_t delivered; /* bytes that came by it */
    uint64_t credit;    /* bytes that may come by it, in all: what is not delivered of these is open */
} sluice_lane_account;

/* The lane that gets the next `bytes`: the one that will be without any first, by its own rate, and of those that are alike the
 * next one after the last; so all are used, and learn what their ways can carry, also when there is less to send than they
 * could.  Small objects, which cost more than their bytes on each lane that opens one, go where the last one went as long as
 * there is room.  -1: none has room. */
int sluice_share_next(const sluice_lane_account *lanes, size_t count, int last, uint64_t bytes);

/* How much of `left` bytes that lie at `from` becomes the next piece for that lane: whole steps of a chunk where the lane is
 * fast, less where it is slow, so that the lanes come to their ends together. */
uint64_t sluice_share_piece(const sluice_lane_account *lane, uint64_t from, uint64_t left);

/* What each live lane may have open of the session's whole credit.  reserved: as if all were live, for those that may still come
 * about; else those that are live have what the others have not open. */
uint64_t sluice_share_open(const sluice_lane_account *lanes, size_t count, uint64_t whole, bool reserved);
/* Of `spare` bytes of credit that no lane has, so many are given to the live lane that *which names: to the one that has the
 * least open, up to what each may have.  What leaves memory is spare, whichever lane brought it: so no lane can starve because
 * its bytes wait for those of another, and one that comes late begins with what the others get no more. */
uint64_t sluice_share_credit(sluice_lane_account *lanes, size_t count, uint64_t spare, uint64_t open, size_t *which);

#endif
