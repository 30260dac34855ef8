/* SPDX-License-Identifier: Apache-2.0 */
/* mux_state.h - what mux.c, mux_out.c and mux_in.c share: the streams of a session as its loop knows them. */
#ifndef SLUICE_STREAM_MUX_STATE_H
#define SLUICE_STREAM_MUX_STATE_H

#include "session/mailbox.h"
#include "stream/mux.h"

#define MUX_BUCKETS 256
#define MUX_FIRST_OBJECT 2 /* 0 is the control stream; 1 is left to files */
#define MUX_AHEAD_MOST 4096 /* ids of streams whose bytes may come before their OPEN */

enum { MUX_GIVES_UP_WRITING = 1, MUX_GIVES_UP_READING = 2 }; /* ABORT says one of these, or both */

typedef enum sluice_mux_stage {
    MUX_NEW,
    MUX_RUNNING,
    MUX_FINISHING, /* client: the server was told that no more will come */
    MUX_FINISHED   /* finished was called */
} sluice_mux_stage;

struct sluice_mux {
    sluice_mux_setup setup;
    sluice_stream_session *session;
    sluice_mailbox mailbox;
    sluice_mux_stage stage;
    bool peer_ended;
    bool own_pause, peer_pause;
    bool dirty; /* the carrier was given something, or a time was set */

    sluice_budget out_budget, in_budget;
    sluice_stream *buckets[MUX_BUCKETS]; /* by id */
    sluice_stream *streams;              /* all of them */
    sluice_stream *last;                 /* the one looked up last */
    sluice_stream *touched;              /* whose waiting threads may have something new */
    uint64_t next_id;                    /* server: of the next OPEN */
    uint64_t early;                      /* streams whose bytes have come, and no OPEN */
    uint64_t resting;                    /* that are over, and that the program has not let go of */
    uint64_t turned_away[MUX_AHEAD_MOST / 64]; /* bits, by id: bytes of it came too early and found no room */
    size_t timed;                        /* streams that gather, or are live */
    sluice_time started, progress_at, due;
    sluice_duration srtt_ns;
    sluice_cargo_statistics statistics;
    sluice_error failure;         /* of the first stream that failed */
    uint64_t out_bytes, in_bytes; /* acknowledged; arrived */
    bool writes_first;            /* the first stream was for writing */
};

static inline sluice_object_id mux_object(const sluice_stream *stream)
{
    return MUX_FIRST_OBJECT + stream->id;
}
static inline bool mux_running(const sluice_mux *mux)
{
    return mux->stage == MUX_RUNNING || mux->stage == MUX_FINISHING;
}
static inline bool mux_paused(const sluice_mux *mux)
{
    return mux->own_pause || mux->peer_pause;
}
sluice_duration mux_rtt(sluice_mux *mux);
static inline sluice_time mux_now(const sluice_mux *mux)
{
    return mux->setup.now(mux->setup.now_user);
}

/* ---- mux.c ---- */

sluice_stream *mux_find(sluice_mux *mux, uint64_t id);
/* Takes a reference of its own.  False: there is no room for it. */
bool mux_add(sluice_mux *mux, sluice_stream *stream);
/* Is looked at by the next pump. */
void mux_touch(sluice_mux *mux, sluice_stream *stream);
/* Messages.  What hinders them ends the session. */
sluice_wire_writer *mux_message(sluice_mux *mux, const sluice_stream *stream);
void mux_send(sluice_mux *mux, sluice_message type);
/* Why the peer has ended something.  Never a status that a call may return without anything being over. */
int mux_get_status(sluice_wire_reader *body, char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1]);
/* Ends the session: the peer is told. */
void mux_fail(sluice_mux *mux, int status, const char *sentence);
/* The first failure of a stream, for what is told of it at its end. */
void mux_note_failure(sluice_stream *stream, int status, const char *sentence);

/* Takes it out of the table: every word of it falls on deaf ears from here on. */
void mux_remove(sluice_mux *mux, sluice_stream *stream);
void mux_uncount(sluice_mux *mux); /* of a client's: it was counted, and will not be there */
void mux_tell_start(sluice_mux *mux, sluice_stream *stream);
void mux_tell_end(sluice_mux *mux, sluice_stream *stream);
/* What is over in all its directions is told of, and goes once its program has let go of it. */
void mux_end_if_over(sluice_mux *mux, sluice_stream *stream);
void mux_break(sluice_mux *mux, sluice_stream *stream, const sluice_error *why);
void mux_break_all(sluice_mux *mux, const sluice_error *why);
/* The session is over: without a word to the peer; or as both sides have agreed. */
void mux_end(sluice_mux *mux, int status, const char *sentence);
void mux_end_in_order(sluice_mux *mux);
/* What became of a message of ours. */
void mux_sent(sluice_mux *mux, int status);
void mux_pause_apply(sluice_mux *mux, bool was);
void mux_pump(sluice_mux *mux);
void mux_take_asks(sluice_mux *mux);
void mux_tell_touched(sluice_mux *mux);
void mux_wake_if_dirty(sluice_mux *mux);

/* ---- mux_begin.c ---- */

/* Client: the program has made one. */
void mux_introduce(sluice_mux *mux, sluice_stream *stream);
/* Server: OPEN came; bytes of a stream came before its OPEN. */
int mux_opening_take(sluice_mux *mux, uint64_t id, sluice_wire_reader *body, sluice_error *error);
int mux_early(sluice_mux *mux, uint64_t id);

/* ---- mux_mail.c ---- */

void mux_mail_deliver(sluice_mux *mux, const uint8_t *data, size_t bytes);

/* ---- mux_out.c: what this side writes ---- */

void mux_out_open(sluice_mux *mux, sluice_stream *stream);
void mux_out_asked(sluice_mux *mux, sluice_stream *stream, unsigned asks);
void mux_out_resume(sluice_mux *mux, sluice_stream *stream);
/* It is over: with SLUICE_OK verified. */
void mux_out_end(sluice_mux *mux, sluice_stream *stream, const sluice_error *why);
/* What is due by time; returns when to come again. */
sluice_time mux_out_due(sluice_mux *mux, sluice_stream *stream, sluice_time now);
size_t mux_out_fetch(sluice_mux *mux, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count);
void mux_out_acked(sluice_mux *mux, sluice_object_id id, uint64_t from, uint64_t to);
int mux_out_taken(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error);
int mux_out_done(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error);
void mux_out_stopped(sluice_mux *mux, sluice_stream *stream); /* nothing of it can be sent any more */
void mux_out_tell(sluice_mux *mux, sluice_stream *stream); /* with the stream's lock held */

/* ---- mux_in.c: what this side reads ---- */

void mux_in_open(sluice_mux *mux, sluice_stream *stream);
void mux_in_asked(sluice_mux *mux, sluice_stream *stream, unsigned asks);
void mux_in_end(sluice_mux *mux, sluice_stream *stream, const sluice_error *why);
void mux_in_deliver(sluice_mux *mux, sluice_stream *stream, uint64_t offset, const uint8_t *data, size_t bytes);
void mux_in_skipped(sluice_mux *mux, sluice_stream *stream, uint64_t from, uint64_t to);
int mux_in_ending(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error);
int mux_in_flush(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error);
void mux_in_tell(sluice_mux *mux, sluice_stream *stream); /* with the stream's lock held */

#endif
