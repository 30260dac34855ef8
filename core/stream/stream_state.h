/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_state.h - what the files of the stream API share: a session as the program's threads see it, and a stream.
 *
 * Two sides meet here.  The program's threads (stream.c, session.c ...) write to one end of a stream's fifos and read from
 * the other, wait, and leave word of what they want; the mux (mux.c) on the session's loop does it.  Word goes from the
 * program to the loop as bits in `asks`, a list of streams that have some, and one wake-up; and back as fields under the
 * stream's lock, and a signal.  Handles outlive sessions, and sessions handles: both are counted.
 */
#ifndef SLUICE_STREAM_STREAM_STATE_H
#define SLUICE_STREAM_STREAM_STATE_H

#include "session/digest.h"
#include "session/floor.h"
#include "stream/budget.h"
#include "stream/fifo.h"
#include <pthread.h>
#include <sluice/stream.h>
#include <sluice/transport.h>
#include <stdatomic.h>

#define SLUICE_STREAM_FIRST_BYTES 32768u /* that each stream may hold from its start, at either side */

typedef struct sluice_mux sluice_mux;
typedef struct sluice_readiness sluice_readiness;

/* ---- a session ---- */

typedef enum sluice_stream_stage {
    SLUICE_STREAM_WAITING, /* for the server */
    SLUICE_STREAM_STANDS,
    SLUICE_STREAM_OVER
} sluice_stream_stage;

struct sluice_stream_session {
    atomic_uint refs;
    bool client;
    sluice_checksum checksum;   /* of streams that are opened here */
    bool drop_behind;           /* what is read and written for them is not to stay in the page cache; client: on both sides */
    uint64_t memory_bytes;
    sluice_fifo_store segments; /* of its streams */
    char name[SLUICE_STREAM_NAME_MAX + 1]; /* client: of streams that are given none */
    bool may_read, may_write;   /* server: what the client's ticket allows it */
    char peer[320], ticket[64];

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    sluice_stream_stage stage;
    sluice_error why;  /* of OVER; status OK: it was closed in good order */
    bool in_order;     /* and that is how the mux ended it, whatever became of its streams */
    uint64_t next_id;  /* client: of the next stream */
    uint64_t open;     /* client: streams that the mux has, or is about to get */
    sluice_stream *asking, **asking_tail; /* streams that want something */
    bool woken;        /* and the mux knows it */
    void (*wake)(void *user); /* has sluice_mux_pump called on the loop's thread; NULL: there is none (any more) */
    void *wake_user;
    bool rate_asked, pause_asked, cancel_asked, close_asked;
    sluice_rate target_bps, minimum_bps;
    char policy[64];
    bool pause;
    sluice_statistics figures;
    char figure_words[4][64]; /* what the figures' strings point to */
    int ready_fd;      /* an eventfd, once it was asked for; -1 */

    sluice *library;
    sluice_transfer *transfer;         /* client: owns the loop */
    sluice_settings *settings;         /* client: what set checks its values with */
};

/* One reference; the caller's. */
int sluice_stream_session_new(bool client, uint64_t memory_bytes, sluice_stream_session **out, sluice_error *error);
/* It has come so far; never back.  why: of OVER; may be NULL. */
void sluice_stream_session_stage(sluice_stream_session *session, sluice_stream_stage stage, const sluice_error *why);
void sluice_stream_session_use(sluice_stream_session *session);
void sluice_stream_session_leave(sluice_stream_session *session);
/* Makes the mux look.  Any thread. */
void sluice_stream_session_wake(sluice_stream_session *session);
/* The same with the lock held. */
void sluice_stream_session_wake_locked(sluice_stream_session *session);
/* New figures, copied. */
void sluice_stream_session_figures(sluice_stream_session *session, const sluice_statistics *figures);

/* ---- a stream ---- */

enum { /* asks */
    SLUICE_STREAM_WROTE = 1,  /* bytes were published */
    SLUICE_STREAM_FLUSH = 2,  /* the peer is to tell when they were read */
    SLUICE_STREAM_FINISH = 4, /* there will be no more */
    SLUICE_STREAM_TOOK = 8,   /* bytes were read */
    SLUICE_STREAM_JUDGED = 16, /* the end was read, and found right or wrong */
    SLUICE_STREAM_ABORT_OUT = 32,
    SLUICE_STREAM_ABORT_IN = 64,
    SLUICE_STREAM_OPEN = 128,  /* client: it is new */
    SLUICE_STREAM_CLOSED = 256 /* the program has let go of it */
};

typedef struct sluice_stream_gap {
    uint64_t before;   /* bytes of the fifo that come before it */
    uint64_t from, to; /* of the stream */
} sluice_stream_gap;

/* Rows that grow; guarded by the stream's lock. */
typedef struct sluice_stream_gaps {
    sluice_stream_gap *items;
    size_t first, count, room;
} sluice_stream_gaps;
typedef struct sluice_stream_ends {
    uint64_t *items; /* where write calls ended */
    size_t count, room;
} sluice_stream_ends;

/* A write call of a live stream, as the mux knows it. */
typedef struct sluice_stream_written {
    uint64_t end;
    sluice_time at;
} sluice_stream_written;

struct sluice_stream {
    atomic_uint refs;
    sluice_stream_session *session;
    uint64_t id;
    char name[SLUICE_STREAM_NAME_MAX + 1];
    sluice_stream_mode mode;
    bool writes, reads; /* this side */
    unsigned priority;
    sluice_duration deadline_ns;
    sluice_checksum checksum;
    bool drop_behind;       /* of a source or sink that it is joined to here */
    uint64_t announced_own; /* SLUICE_UNKNOWN */
    void *_Atomic user;

    atomic_uint asks;
    sluice_stream *next_asking; /* guarded by the session's lock */

    pthread_mutex_t writing, reading; /* one call of a direction at a time */
    pthread_mutex_t lock;             /* guards state, and what waits for it; taken after those */
    pthread_cond_t writable, readable;
    bool writer_waits, reader_waits;
    bool blocking;
    sluice_duration read_ns, write_ns; /* time-outs */
    sluice_readiness *readiness;       /* the descriptor to poll; NULL: none was asked for */

    /* Out.  Bytes: the program writes, the mux reads. */
    sluice_fifo out;
    atomic_uint_fast64_t room_most;     /* of bytes in it */
    atomic_uint_fast64_t gather_ns;
    sluice_digest_stream *out_digest;   /* under `writing` */
    sluice_digest out_digest_final;
    bool finished;
    uint64_t wants;                     /* live: room for a write that did not wait; 0: any will do */
    uint64_t flush_upto, flush_asked;   /* wanted by the program; asked of the peer */
    uint64_t taken;                     /* by the peer's program, as it has told */
    bool verified;
    uint64_t acked_bytes, given_up_bytes;
    sluice_stream_ends ends;            /* live: new since the mux looked */
    sluice_error out_error;             /* stays */
    sluice_error out_last;              /* of the last call; under `writing` */

    /* In.  Bytes: the mux writes, the program reads. */
    sluice_fifo in;
    atomic_uint_fast64_t window;        /* as the mux knows it */
    atomic_uint_fast64_t took_told;     /* released when TOOK was last asked */
    atomic_uint_fast64_t flush_target;  /* the peer wants to know when this is read; 0: nothing */
    sluice_digest_stream *in_digest;    /* under `reading` */
    bool ended, judged;                 /* the end is known; was read */
    uint64_t end_bytes;                 /* of the fifo, skipped bytes not counted */
    sluice_digest end_digest;
    int verdict;                        /* of judged */
    bool verdict_waits;                 /* a good one is told by whoever has something to do before */
    uint64_t announced_peer;
    sluice_stream_gaps gaps;
    uint64_t skipped_bytes;             /* known; passed over by the program: */
    uint64_t passed_bytes;
    uint64_t gap_from, gap_to;          /* told last */
    sluice_error in_error, in_last;

    /* Told that a direction is broken, with the lock held; must not block.  NULL: nobody.  Guarded by the lock. */
    void (*broken)(void *user, bool out, bool in, const sluice_error *why);
    void *broken_user;

    /* ---- the mux's own ---- */
    sluice_stream *next_in_bucket, *next_touched, *next, **previous;
    bool touched, known, resting;
    bool open_out, open_in; /* the transport has an object of it */
    uint64_t offered;
    sluice_floor floor;
    sluice_share out_share, in_share;
    bool out_entered, in_entered;
    bool end_sent, out_over, in_over, done_sent, closed;
    uint64_t end_size;                  /* the peer's, of the stream */
    bool end_known, stop_sent;
    uint64_t arrived;                   /* offset in the stream: delivered and skipped */
    uint64_t accounted, held_back;      /* of `in`: released and looked at; of that, no credit was given for */
    uint64_t taken_told;                /* position */
    sluice_time gather_due;             /* SLUICE_NEVER: nothing is gathered */
    sluice_stream_written *written;       /* live: ring */
    size_t written_first, written_count, written_room; /* room: a power of two */
    bool told_start;
    sluice_error failure;               /* first of either direction, for what is told of it */
};

/* One reference; the caller's. */
int sluice_stream_new(sluice_stream_session *session, uint64_t id, const char *name, sluice_stream_mode mode,
                      sluice_checksum checksum, sluice_duration deadline_ns, sluice_stream **out);
/* Its digests, once it is known what they are to be. */
int sluice_stream_digests(sluice_stream *stream);
void sluice_stream_use(sluice_stream *stream);
void sluice_stream_leave(sluice_stream *stream);
/* Leaves word for the mux.  Any thread. */
void sluice_stream_ask(sluice_stream *stream, unsigned what);
/* The same with the session's lock held, of a stream that has asked nothing yet. */
void sluice_stream_ask_locked(sluice_stream *stream, unsigned what);
/* With the lock held: who waits, or polls, sees what has become of it. */
void sluice_stream_signal(sluice_stream *stream);
/* With the lock held: the error of a direction that stays, unless there is one.  Whoever watches is told in any case. */
void sluice_stream_break(sluice_stream *stream, bool out, bool in, const sluice_error *why);

/* The program wants no more of a direction, or both (SLUICE_STREAM_ABORT_*): the peer is told.  Any thread. */
void sluice_stream_give_up(sluice_stream *stream, unsigned what, int status, const char *sentence);
/* Where the verdict waits: the end was read and found right, and now this has become of it (SLUICE_OK: all is well). */
void sluice_stream_conclude(sluice_stream *stream, int status, const char *sentence);
/* sluice_stream_verify, whether the stream blocks or not. */
int sluice_stream_verify_until(sluice_stream *stream, bool blocking, sluice_time until);

/* With the lock held.  Whether a call would not wait. */
bool sluice_stream_is_readable(const sluice_stream *stream);
bool sluice_stream_is_writable(const sluice_stream *stream);

/* ---- readiness.c: what is readable and writable, as a descriptor shows it ---- */

int sluice_readiness_new(sluice_readiness **out, sluice_error *error);
void sluice_readiness_free(sluice_readiness *readiness); /* NULL is fine */
int sluice_readiness_fd(const sluice_readiness *readiness);
void sluice_readiness_set(sluice_readiness *readiness, bool readable, bool writable);

#endif
