/* SPDX-License-Identifier: Apache-2.0 */
/* mux.c - the streams of a session: which there are, what their program wants, and how the session ends. */
#include "stream/mux_state.h"

#include <string.h>

/* ---- the table ---- */

sluice_stream *mux_find(sluice_mux *mux, uint64_t id)
{
    if (mux->last && mux->last->id == id)
        return mux->last;
    sluice_stream *stream = mux->buckets[id % MUX_BUCKETS];
    while (stream && stream->id != id)
        stream = stream->next_in_bucket;
    if (stream)
        mux->last = stream;
    return stream;
}

bool mux_add(sluice_mux *mux, sluice_stream *stream)
{
    sluice_time now = mux_now(mux);
    bool server = !mux->session->client; /* early streams are there beside the others */
    if (!sluice_budget_enter(&mux->out_budget, &stream->out_share, now, server))
        return false;
    if (!sluice_budget_enter(&mux->in_budget, &stream->in_share, now, server)) {
        sluice_budget_leave(&mux->out_budget, &stream->out_share);
        return false;
    }
    sluice_stream_use(stream);
    stream->next_in_bucket = mux->buckets[stream->id % MUX_BUCKETS];
    mux->buckets[stream->id % MUX_BUCKETS] = stream;
    stream->next = mux->streams;
    if (stream->next)
        stream->next->previous = &stream->next;
    stream->previous = &mux->streams;
    mux->streams = stream;
    return true;
}

void mux_uncount(sluice_mux *mux)
{
    pthread_mutex_lock(&mux->session->lock);
    if (mux->session->client)
        mux->session->open--;
    pthread_mutex_unlock(&mux->session->lock);
}

/* Every word of a stream that is not in the table any more falls on deaf ears. */
void mux_remove(sluice_mux *mux, sluice_stream *stream)
{
    sluice_stream **at = &mux->buckets[stream->id % MUX_BUCKETS];
    while (*at != stream)
        at = &(*at)->next_in_bucket;
    *at = stream->next_in_bucket;
    *stream->previous = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    stream->previous = NULL;
    if (mux->last == stream)
        mux->last = NULL;
    mux->resting -= stream->resting;
    sluice_budget_leave(&mux->out_budget, &stream->out_share);
    sluice_budget_leave(&mux->in_budget, &stream->in_share);
    mux_uncount(mux);
    sluice_stream_leave(stream);
}

/* As of the last look; before the first packets have come back it is worth a look at any time. */
sluice_duration mux_rtt(sluice_mux *mux)
{
    sluice_transport_statistics own = {.size = sizeof own};
    if (mux->srtt_ns == 0) {
        mux->setup.carrier.ops->statistics(mux->setup.carrier.state, mux_now(mux), &own);
        mux->srtt_ns = own.srtt_ns;
    }
    return mux->srtt_ns;
}

void mux_touch(sluice_mux *mux, sluice_stream *stream)
{
    if (stream->touched)
        return;
    stream->touched = true;
    sluice_stream_use(stream);
    stream->next_touched = mux->touched;
    mux->touched = stream;
    if (!stream->next_touched)
        sluice_stream_session_wake(mux->session);
}

void mux_note_failure(sluice_stream *stream, int status, const char *sentence)
{
    if (status != SLUICE_OK && stream->failure.status == SLUICE_OK)
        sluice_fail(&stream->failure, status, "%s", sentence);
}

/* ---- what is told ---- */

/* One without a name is one of a kind to its program; whoever reads of it must see something. */
static const char *told_name(const sluice_stream *stream)
{
    return stream->name[0] ? stream->name : "stream";
}

void mux_tell_start(sluice_mux *mux, sluice_stream *stream)
{
    sluice_cargo_item item = {.path = told_name(stream), .state = "start", .message = ""};
    stream->told_start = true;
    mux->statistics.total_files++;
    mux->setup.calls->item(mux->setup.user, &item);
}

void mux_tell_end(sluice_mux *mux, sluice_stream *stream)
{
    char digest[SLUICE_DIGEST_TEXT] = "";
    bool good = stream->failure.status == SLUICE_OK;
    sluice_cargo_item item = {
        .path = told_name(stream),
        .state = good ? "done" : "failed",
        .file_bytes = stream->writes ? stream->offered : stream->arrived,
        .status = stream->failure.status,
        .message = stream->failure.text,
    };
    if (!stream->told_start)
        return;
    stream->told_start = false;
    if (good && !stream->deadline_ns)
        sluice_digest_text(stream->checksum, stream->writes ? &stream->out_digest_final : &stream->end_digest, digest);
    item.digest = digest[0] ? digest : NULL;
    mux->statistics.files += good;
    mux->statistics.failed += !good;
    if (!good && mux->failure.status == SLUICE_OK)
        mux->failure = stream->failure;
    mux->setup.calls->item(mux->setup.user, &item);
}

static uint64_t held(const sluice_fifo *fifo)
{
    return sluice_fifo_published(fifo) - sluice_fifo_released(fifo);
}

/* It keeps its place, and what it holds, until the program lets go of it. */
void mux_end_if_over(sluice_mux *mux, sluice_stream *stream)
{
    bool over = (!stream->writes || stream->out_over) && (!stream->reads || stream->in_over);
    if (!over || !stream->previous || !stream->known)
        return;
    mux_tell_end(mux, stream);
    if (stream->closed) {
        mux_remove(mux, stream);
        return;
    }
    mux->resting += !stream->resting;
    stream->resting = true;
    sluice_budget_rest(&mux->out_budget, &stream->out_share, held(&stream->out));
    sluice_budget_rest(&mux->in_budget, &stream->in_share, held(&stream->in));
}

void mux_break(sluice_mux *mux, sluice_stream *stream, const sluice_error *why)
{
    stream->known = true;
    mux_out_end(mux, stream, why);
    stream->stop_sent = true; /* the whole session ends, or the peer knows */
    mux_in_end(mux, stream, why);
}

void mux_break_all(sluice_mux *mux, const sluice_error *why)
{
    while (mux->streams) {
        sluice_stream *stream = mux->streams;
        mux_break(mux, stream, why);
        mux_tell_end(mux, stream); /* of one that never got its OPEN there is nothing to tell */
        mux_remove(mux, stream);
    }
}

/* ---- messages out ---- */

sluice_wire_writer *mux_message(sluice_mux *mux, const sluice_stream *stream)
{
    sluice_wire_writer *body = sluice_mailbox_begin(&mux->mailbox);
    sluice_wire_put_number(body, stream->id);
    return body;
}

int mux_get_status(sluice_wire_reader *body, char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1])
{
    int status = sluice_message_get_status(body, sentence, SLUICE_MESSAGE_SENTENCE_MAX + 1);
    return status == SLUICE_EAGAIN || status == SLUICE_EPENDING || status == SLUICE_ESKIPPED ? SLUICE_EFAILED : status;
}

/* ---- the end ---- */

/* A session in good order is told as well as its streams are: as one of files is. */
static void outcome(const sluice_mux *mux, sluice_error *out)
{
    const sluice_cargo_statistics *counted = &mux->statistics;
    memset(out, 0, sizeof *out);
    if (counted->failed > 0 && counted->files > 0)
        sluice_fail(out, SLUICE_EPARTIAL, "%llu of %llu streams failed, the first: %.800s",
                    (unsigned long long)counted->failed, (unsigned long long)(counted->failed + counted->files),
                    mux->failure.text);
    else if (counted->failed > 0)
        *out = mux->failure;
    if (out->status == SLUICE_ECANCELLED || out->status == SLUICE_EINTERRUPTED)
        out->status = SLUICE_EFAILED; /* that was a stream, not the session */
}

void mux_end_in_order(sluice_mux *mux)
{
    sluice_error why = {0}, told;
    if (mux->stage == MUX_FINISHED)
        return;
    mux->stage = MUX_FINISHED;
    pthread_mutex_lock(&mux->session->lock);
    mux->session->in_order = true;
    pthread_mutex_unlock(&mux->session->lock);
    sluice_fail(&why, SLUICE_ECLOSED, "the session was closed");
    mux_break_all(mux, &why);
    outcome(mux, &told);
    mux->dirty = true;
    mux->setup.calls->finished(mux->setup.user, told.status, told.text);
}

void mux_end(sluice_mux *mux, int status, const char *sentence)
{
    sluice_error why = {0};
    if (mux->stage == MUX_FINISHED)
        return;
    mux->stage = MUX_FINISHED;
    sluice_fail(&why, status == SLUICE_OK ? SLUICE_ECLOSED : status, "%s", sentence);
    mux_break_all(mux, &why);
    mux->dirty = true;
    mux->setup.calls->finished(mux->setup.user, status, sentence);
}

/* Without its messages the session cannot go on. */
void mux_sent(sluice_mux *mux, int status)
{
    mux->dirty = true;
    if (status != SLUICE_OK)
        mux_end(mux, status, status == SLUICE_ELIMIT ? "the peer takes no control messages" : sluice_status_text(status));
}

void mux_send(sluice_mux *mux, sluice_message type)
{
    if (mux->stage != MUX_FINISHED)
        mux_sent(mux, sluice_mailbox_send(&mux->mailbox, type));
}

void mux_fail(sluice_mux *mux, int status, const char *sentence)
{
    if (mux->stage == MUX_FINISHED)
        return;
    mux_sent(mux, sluice_mailbox_send_status(&mux->mailbox, SLUICE_MESSAGE_ERROR, status, sentence));
    mux_end(mux, status, sentence);
}

/* ---- the pump ---- */

void mux_wake_if_dirty(sluice_mux *mux)
{
    if (!mux->dirty)
        return;
    mux->dirty = false;
    mux->setup.calls->wake(mux->setup.user);
}

static void stream_asked(sluice_mux *mux, sluice_stream *stream)
{
    unsigned asks = atomic_exchange(&stream->asks, 0);
    if (asks & SLUICE_STREAM_OPEN)
        mux_introduce(mux, stream);
    if (!stream->previous)
        return;
    stream->closed = stream->closed || (asks & SLUICE_STREAM_CLOSED);
    mux_out_asked(mux, stream, asks);
    mux_in_asked(mux, stream, asks);
    mux_end_if_over(mux, stream);
}

/* Word of the program, stream by stream.  Each has its place in the row until the bits were taken. */
void mux_take_asks(sluice_mux *mux)
{
    sluice_stream_session *session = mux->session;
    pthread_mutex_lock(&session->lock);
    sluice_stream *asking = session->asking;
    session->asking = NULL;
    session->asking_tail = &session->asking;
    pthread_mutex_unlock(&session->lock);
    while (asking) {
        sluice_stream *stream = asking;
        asking = stream->next_asking; /* once its bits are taken it may stand in the new row */
        stream_asked(mux, stream);
        sluice_stream_leave(stream);
    }
}

static void rate_tell(sluice_mux *mux)
{
    sluice_stream_session *session = mux->session;
    char policy[sizeof session->policy];
    pthread_mutex_lock(&session->lock);
    bool asked = session->rate_asked;
    sluice_rate target = session->target_bps, minimum = session->minimum_bps;
    memcpy(policy, session->policy, sizeof policy);
    session->policy[0] = '\0'; /* a later rate is not to name it again */
    session->rate_asked = false;
    pthread_mutex_unlock(&session->lock);
    if (asked)
        mux->setup.set_rate(mux->setup.session_user, target, minimum, policy);
}

void mux_pause_apply(sluice_mux *mux, bool was)
{
    if (was == mux_paused(mux))
        return;
    mux->setup.calls->paused(mux->setup.user, mux_paused(mux));
    for (sluice_stream *stream = mux->streams; stream && !mux_paused(mux); stream = stream->next)
        mux_out_resume(mux, stream);
}

static void session_asked(sluice_mux *mux)
{
    sluice_stream_session *session = mux->session;
    bool was = mux_paused(mux);
    pthread_mutex_lock(&session->lock);
    bool pause_asked = session->pause_asked, pause = session->pause, cancel = session->cancel_asked;
    bool close = session->close_asked;
    session->pause_asked = session->cancel_asked = session->close_asked = false;
    pthread_mutex_unlock(&session->lock);
    rate_tell(mux);
    if (pause_asked && pause != mux->own_pause) {
        mux->own_pause = pause;
        sluice_wire_put_number(sluice_mailbox_begin(&mux->mailbox), pause);
        mux_send(mux, SLUICE_MESSAGE_PAUSE);
        mux_pause_apply(mux, was);
    }
    if (cancel && mux_running(mux)) {
        sluice_mailbox_begin(&mux->mailbox);
        mux_send(mux, SLUICE_MESSAGE_CANCEL);
        mux_end(mux, SLUICE_ECANCELLED, "cancelled");
    }
    if (close && mux->stage == MUX_RUNNING) {
        sluice_error why = {0};
        sluice_fail(&why, SLUICE_ECANCELLED, "the session was closed");
        mux_take_asks(mux); /* what came before the close, and after the last look: a reason to give up, perhaps */
        if (mux->stage != MUX_RUNNING)
            return;
        mux_break_all(mux, &why);
        mux->stage = MUX_FINISHING;
        sluice_mailbox_begin(&mux->mailbox);
        mux_send(mux, SLUICE_MESSAGE_FINISH);
    }
}

void mux_tell_touched(sluice_mux *mux)
{
    while (mux->touched) {
        sluice_stream *stream = mux->touched;
        mux->touched = stream->next_touched;
        stream->touched = false;
        pthread_mutex_lock(&stream->lock);
        mux_out_tell(mux, stream);
        mux_in_tell(mux, stream);
        sluice_stream_signal(stream);
        pthread_mutex_unlock(&stream->lock);
        mux_end_if_over(mux, stream);
        sluice_stream_leave(stream);
    }
}

static void timed_run(sluice_mux *mux)
{
    sluice_time now = mux_now(mux), due = SLUICE_NEVER;
    if (mux->timed > 0 && mux_running(mux)) {
        for (sluice_stream *stream = mux->streams, *next; stream && mux_running(mux); stream = next) {
            sluice_stream_use(stream);
            sluice_time when = mux_out_due(mux, stream, now);
            due = when < due ? when : due;
            next = stream->next;
            sluice_stream_leave(stream);
        }
    }
    mux->dirty = mux->dirty || due != mux->due;
    mux->due = due;
}

void mux_pump(sluice_mux *mux)
{
    if (mux->stage == MUX_NEW)
        return;
    mux_take_asks(mux);
    if (mux_running(mux))
        session_asked(mux);
    timed_run(mux);
    mux_tell_touched(mux);
    mux_wake_if_dirty(mux);
}

/* From here on another wake-up is needed: whatever comes by chance before this one must not make it a second. */
void sluice_mux_pump(sluice_mux *mux)
{
    pthread_mutex_lock(&mux->session->lock);
    mux->session->woken = false;
    pthread_mutex_unlock(&mux->session->lock);
    mux_pump(mux);
}
