/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane_mail.h - notes between a session's loop and the thread of one of its lanes.
 *
 * Each side gathers notes in a row of its own while it works, and hands the whole row over at once: one lock and at most one
 * wake-up for all that a round of the loop has brought, never one for a packet.  Rows are swapped, so their memory goes back
 * and forth.
 */
#ifndef SLUICE_SESSION_LANE_MAIL_H
#define SLUICE_SESSION_LANE_MAIL_H

#include "net/loop.h"
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sluice_lane_note_type {
    /* From the session to the lane. */
    SLUICE_NOTE_OFFER,      /* bytes [from, to) of object id, which lie at `bytes`, may be sent; owner: see lane_pieces.h */
    SLUICE_NOTE_STOW,       /* the same bytes again, which the lane had given back */
    SLUICE_NOTE_FINISH,     /* object id ends at `to` */
    SLUICE_NOTE_PASSED,     /* no object below id is used any more */
    SLUICE_NOTE_ABORT,      /* object id is given up, with code `to` */
    SLUICE_NOTE_STOP,       /* the peer's object id is not wanted, with code `to` */
    SLUICE_NOTE_CONSUMED,   /* `to` bytes more may come by this lane */
    SLUICE_NOTE_HOLD,       /* no bytes are sent (to: 1), or again (0) */
    SLUICE_NOTE_LIMITS,     /* owner: sluice_limits, to be freed */
    SLUICE_NOTE_CONGESTION, /* owner: the name of the control, to be freed */
    /* From the lane to the session. */
    SLUICE_NOTE_ACKED,     /* [from, to) of object id */
    SLUICE_NOTE_COMPLETED, /* object id */
    SLUICE_NOTE_RELEASED,  /* owner, once for each OFFER or STOW */
    SLUICE_NOTE_NEED,      /* [from, to) of object id has to be sent again, and was given back: STOW it */
    SLUICE_NOTE_OPENED,    /* the peer's object id, with flags `to` */
    SLUICE_NOTE_DELIVER,   /* [from, to) of object id came, at `bytes`; owner: their parcel */
    SLUICE_NOTE_ABORTED,   /* the peer's object id, with code `to` */
    SLUICE_NOTE_STOPPED,   /* our object id, with code `to` */
    SLUICE_NOTE_SKIPPED,   /* [from, to) of the peer's object id */
    SLUICE_NOTE_READY,     /* packets go both ways */
    SLUICE_NOTE_CLOSED     /* the lane is over, with status -to; owner: why, text to be freed, or NULL */
} sluice_lane_note_type;

typedef struct sluice_lane_note {
    sluice_lane_note_type type;
    unsigned priority; /* of OFFER: the object's */
    uint64_t id, from, to;
    const uint8_t *bytes;
    void *owner;
} sluice_lane_note;

/* Zeroed at first. */
typedef struct sluice_lane_notes {
    sluice_lane_note *at;
    size_t count, room;
} sluice_lane_notes;

/* SLUICE_ENOMEM: it is not there. */
int sluice_lane_notes_add(sluice_lane_notes *notes, const sluice_lane_note *note);
void sluice_lane_notes_fini(sluice_lane_notes *notes);

/* One direction. */
typedef struct sluice_lane_mail {
    pthread_mutex_t lock;
    sluice_lane_notes waiting;
    sluice_loop *loop;  /* of who gets them */
    sluice_post post;
    bool posted;
} sluice_lane_mail;

/* run: on the reader's loop, when something has been sent; takes it.  ENOMEM. */
void sluice_lane_mail_init(sluice_lane_mail *mail, sluice_loop *loop, void (*run)(sluice_post *post));
/* Both sides are done with it, and the post was taken back; what waits must have been taken. */
void sluice_lane_mail_fini(sluice_lane_mail *mail);

#define SLUICE_LANE_NOTES_MOST (1u << 20) /* that wait; so many are no honest peer's, and must not take the memory */

/* The sender's thread.  The row is empty afterwards.  wake: though there is nothing in it.  SLUICE_ENOMEM, SLUICE_ELIMIT (too
 * many wait already): it is as it was. */
int sluice_lane_mail_send(sluice_lane_mail *mail, sluice_lane_notes *notes, bool wake);
/* The reader's thread: all that waits, into a row that is empty. */
void sluice_lane_mail_take(sluice_lane_mail *mail, sluice_lane_notes *notes);

#endif
