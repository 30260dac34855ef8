/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane_pieces.h - what a lane on a thread of its own has to send: pieces of objects, which lie in buffers of the session.
 *
 * The bytes of a piece do not change while it is held.  It is held until all of it is acknowledged, or it was sent once and
 * the lane holds too much: then it is given back, and asked for again if something of it was lost.  Whoever holds a piece
 * holds its owner (a buffer of the session) once; giving it back is a note.  No clock, no transport: the lane's thread only.
 */
#ifndef SLUICE_SESSION_LANE_PIECES_H
#define SLUICE_SESSION_LANE_PIECES_H

#include "session/lane_mail.h"
#include <sluice/transport.h>
#include <sys/queue.h>

#define SLUICE_PIECE_BUCKETS 1024

typedef struct sluice_piece sluice_piece;
typedef struct sluice_piece_object sluice_piece_object;

struct sluice_piece {
    TAILQ_ENTRY(sluice_piece) link; /* of its object, by offset */
    TAILQ_ENTRY(sluice_piece) age;  /* of all that are held, oldest first */
    sluice_piece_object *object;
    uint64_t from, to, unacked;
    const uint8_t *bytes; /* NULL: given back */
    void *owner;
    bool asked;           /* for, since it was given back */
};

struct sluice_piece_object {
    sluice_piece_object *next; /* in its bucket */
    sluice_object_id id;
    TAILQ_HEAD(, sluice_piece) pieces;
    sluice_piece *newest_fetched; /* where the next fetch most likely is */
    uint64_t high;                /* end of what was fetched */
    uint64_t unsent;
    bool refused;                 /* fetch got nothing, and wants to be told when it may ask again */
};

typedef struct sluice_pieces {
    sluice_piece_object *buckets[SLUICE_PIECE_BUCKETS];
    TAILQ_HEAD(, sluice_piece) held;
    uint64_t held_bytes, held_most;
    uint64_t unsent;     /* of all: offered, and not fetched even once */
    uint64_t fetched;    /* bytes that were, each once, or given up before: offered - unsent */
    sluice_lane_notes *news;
    bool short_of_memory; /* a note was lost: nothing can go on */
} sluice_pieces;

/* held_most: bytes beyond which what was sent once is given back.  news: where notes go. */
void sluice_pieces_init(sluice_pieces *pieces, uint64_t held_most, sluice_lane_notes *news);
/* Gives everything back. */
void sluice_pieces_fini(sluice_pieces *pieces);

/* *fresh: the first piece of an object.  Pieces of one object come by rising offsets.  SLUICE_ENOMEM: it was given back. */
int sluice_pieces_add(sluice_pieces *pieces, const sluice_lane_note *offer, bool *fresh);
/* What was asked for is here again.  True: fetch may ask for that object again. */
bool sluice_pieces_stow(sluice_pieces *pieces, const sluice_lane_note *stow);
/* As the transport's call. */
size_t sluice_pieces_fetch(sluice_pieces *pieces, sluice_object_id id, uint64_t offset, const struct iovec *buffers,
                           int count);
/* fetch was refused for another reason, and is to be told by refused_take. */
void sluice_pieces_refuse(sluice_pieces *pieces, sluice_object_id id);
void sluice_pieces_acked(sluice_pieces *pieces, sluice_object_id id, uint64_t from, uint64_t to);
/* The object is over. */
void sluice_pieces_drop(sluice_pieces *pieces, sluice_object_id id);
/* Calls ready for each object whose fetch was refused. */
void sluice_pieces_refused_take(sluice_pieces *pieces, void (*ready)(void *user, sluice_object_id id), void *user);

#endif
