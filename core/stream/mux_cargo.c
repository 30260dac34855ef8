/* SPDX-License-Identifier: Apache-2.0 */
/* mux_cargo.c - the mux as a session has it: what the session asks of it, what the transport tells it, and its life. */
#include "stream/mux_state.h"

#include <stdlib.h>

#define PROGRESS_NS (250 * SLUICE_MS)
#define SPARE_SEGMENTS 128 /* 2 MiB: kept though nobody needs them */

/* ---- what the session asks ---- */

static int start(void *cargo, sluice_time now)
{
    sluice_mux *mux = cargo;
    (void)now;
    mux->stage = MUX_RUNNING;
    pthread_mutex_lock(&mux->session->lock);
    mux->session->woken = false; /* what came before was not looked at */
    sluice_stream_session_wake_locked(mux->session);
    pthread_mutex_unlock(&mux->session->lock);
    return SLUICE_OK;
}

static void cancel(void *cargo, int status, const char *sentence, sluice_time now)
{
    sluice_mux *mux = cargo;
    (void)now;
    if (mux->stage == MUX_FINISHED)
        return;
    if (status == SLUICE_ECANCELLED || status == SLUICE_EINTERRUPTED) {
        sluice_mailbox_begin(&mux->mailbox);
        mux_send(mux, SLUICE_MESSAGE_CANCEL);
        mux_end(mux, status, sentence);
    } else {
        mux_fail(mux, status, sentence);
    }
    mux_tell_touched(mux);
    mux_wake_if_dirty(mux);
}

static void closed(void *cargo, int status, const char *reason, sluice_time now)
{
    sluice_mux *mux = cargo;
    (void)now;
    mux_end(mux, status, reason[0] ? reason : sluice_status_text(status));
    mux_tell_touched(mux);
    mux_wake_if_dirty(mux);
}

static bool idle(const void *cargo)
{
    const sluice_mux *mux = cargo;
    return mux->stage == MUX_FINISHED || mux->stage == MUX_NEW;
}

static bool heard(const void *cargo)
{
    return sluice_mailbox_heard(&((const sluice_mux *)cargo)->mailbox);
}

static bool closes(const void *cargo)
{
    return ((const sluice_mux *)cargo)->session->client;
}

static bool peer_ended(const void *cargo)
{
    return ((const sluice_mux *)cargo)->peer_ended;
}

static bool sending(const void *cargo)
{
    const sluice_mux *mux = cargo;
    return mux->out_bytes + mux->in_bytes > 0 ? mux->out_bytes >= mux->in_bytes : mux->writes_first;
}

static void figures_take(sluice_mux *mux)
{
    sluice_stream_session *session = mux->session;
    sluice_statistics figures;
    if (!mux->setup.figures)
        return;
    mux->setup.figures(mux->setup.session_user, &figures);
    sluice_stream_session_figures(session, &figures);
}

static void tick(void *cargo, sluice_time now)
{
    sluice_mux *mux = cargo;
    sluice_transport_statistics own = {.size = sizeof own};
    sluice_progress progress = {0};
    mux_pump(mux);
    if (!mux_running(mux) || now < mux->progress_at)
        return;
    mux->progress_at = now + PROGRESS_NS;
    mux->setup.carrier.ops->statistics(mux->setup.carrier.state, now, &own);
    mux->srtt_ns = own.srtt_ns;
    for (sluice_stream *stream = mux->streams; stream; stream = stream->next) {
        sluice_budget_age(&mux->out_budget, &stream->out_share, now, mux->srtt_ns);
        sluice_budget_age(&mux->in_budget, &stream->in_share, now, mux->srtt_ns);
    }
    sluice_fifo_store_trim(&mux->session->segments, SPARE_SEGMENTS);
    mux->setup.calls->measure(mux->setup.user, &progress);
    progress.verified_bytes = mux->statistics.bytes;
    progress.files = mux->statistics.files;
    progress.failed = mux->statistics.failed;
    progress.total_files = mux->statistics.total_files;
    progress.moved_bytes = mux->out_bytes;
    sluice_progress_put(&progress, sluice_mailbox_begin(&mux->mailbox));
    mux_send(mux, SLUICE_MESSAGE_PROGRESS);
    figures_take(mux);
    mux_wake_if_dirty(mux);
}

static sluice_time next_wake(const void *cargo)
{
    const sluice_mux *mux = cargo;
    if (!mux_running(mux))
        return SLUICE_NEVER;
    return mux->due < mux->progress_at ? mux->due : mux->progress_at;
}

static void rate(void *cargo, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy)
{
    sluice_mux *mux = cargo;
    if (!mux_running(mux))
        return;
    mux_sent(mux, sluice_mailbox_send_rate(&mux->mailbox, target_bps, minimum_bps, policy));
    mux_wake_if_dirty(mux);
}

/* Whose program does not read, or writes more than is acknowledged: a share that is nearly used up. */
static bool used_up(const sluice_fifo *fifo, const sluice_share *share, uint64_t room)
{
    uint64_t held = sluice_fifo_published(fifo) - sluice_fifo_released(fifo);
    return held > 0 && held + room >= share->bytes;
}

static void statistics(const void *cargo, sluice_cargo_statistics *out)
{
    const sluice_mux *mux = cargo;
    *out = mux->statistics;
    out->moved_bytes = sending(mux) ? mux->out_bytes : mux->in_bytes;
    out->total_bytes = SLUICE_UNKNOWN;
    /* Whoever does not write is the source that is waited for. */
    out->source_busy = true;
    out->source_ns = mux_now(mux) - mux->started;
    for (const sluice_stream *stream = mux->streams; stream; stream = stream->next) {
        out->memory_full = out->memory_full || used_up(&stream->out, &stream->out_share, SLUICE_FIFO_SEGMENT);
        out->sink_busy = out->sink_busy || used_up(&stream->in, &stream->in_share, stream->in_share.bytes / 2);
    }
    out->finishing = mux->stage == MUX_FINISHED;
}

/* ---- the transport's calls ---- */

static size_t fetch(void *cargo, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    sluice_mux *mux = cargo;
    if (id == SLUICE_OBJECT_CONTROL)
        return sluice_mailbox_fetch(&mux->mailbox, offset, buffers, count);
    return id >= MUX_FIRST_OBJECT ? mux_out_fetch(mux, id, offset, buffers, count) : 0;
}

static void acked(void *cargo, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_mux *mux = cargo;
    if (id == SLUICE_OBJECT_CONTROL)
        sluice_mailbox_acked(&mux->mailbox, from, to);
    else
        mux_out_acked(mux, id, from, to);
}

static void completed(void *cargo, sluice_object_id id)
{
    (void)cargo; /* DONE says when the peer's program has it */
    (void)id;
}

static int opened(void *cargo, sluice_object_id id, unsigned flags)
{
    sluice_mux *mux = cargo;
    uint64_t stream = id - MUX_FIRST_OBJECT;
    if (id == SLUICE_OBJECT_CONTROL)
        return SLUICE_OK;
    if (!mux_running(mux))
        return SLUICE_ECANCELLED;
    if (id < MUX_FIRST_OBJECT || !(flags & SLUICE_OBJECT_ORDERED))
        return SLUICE_EPROTOCOL;
    sluice_stream *known = mux_find(mux, stream);
    if (known) {
        known->open_in = known->reads && !known->in_over;
        return known->open_in ? SLUICE_OK : SLUICE_ECANCELLED;
    }
    return mux->session->client || stream < mux->next_id ? SLUICE_ECANCELLED : mux_early(mux, stream);
}

static void deliver(void *cargo, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sluice_mux *mux = cargo;
    sluice_stream *stream;
    if (id == SLUICE_OBJECT_CONTROL)
        mux_mail_deliver(mux, data, bytes);
    else if ((stream = mux_find(mux, id - MUX_FIRST_OBJECT)))
        mux_in_deliver(mux, stream, offset, data, bytes);
}

static void ended(void *cargo, sluice_object_id id, uint64_t size)
{
    (void)cargo; /* END says it, with the digest */
    (void)id;
    (void)size;
}

/* The sentences come as messages. */
static void aborted(void *cargo, sluice_object_id id, uint64_t code)
{
    (void)code;
    if (id < MUX_FIRST_OBJECT)
        mux_fail(cargo, SLUICE_EPROTOCOL, "the peer gave up the object that carries the session");
}

static void stopped(void *cargo, sluice_object_id id, uint64_t code)
{
    sluice_mux *mux = cargo;
    sluice_stream *stream;
    (void)code;
    if (id < MUX_FIRST_OBJECT)
        mux_fail(mux, SLUICE_EPROTOCOL, "the peer stopped the object that carries the session");
    else if ((stream = mux_find(mux, id - MUX_FIRST_OBJECT)) && stream->open_out)
        mux_out_stopped(mux, stream);
}

static void skipped(void *cargo, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_mux *mux = cargo;
    sluice_stream *stream = id >= MUX_FIRST_OBJECT ? mux_find(mux, id - MUX_FIRST_OBJECT) : NULL;
    if (stream)
        mux_in_skipped(mux, stream, from, to);
}

/* ---- life ---- */

int sluice_mux_new(const sluice_mux_setup *setup, sluice_mux **out)
{
    sluice_mux *mux = calloc(1, sizeof *mux);
    if (!mux)
        return SLUICE_ENOMEM;
    mux->setup = *setup;
    mux->session = setup->session;
    sluice_stream_session_use(mux->session);
    sluice_mailbox_init(&mux->mailbox, &setup->carrier);
    sluice_budget_init(&mux->out_budget, mux->session->memory_bytes, SLUICE_STREAM_FIRST_BYTES);
    sluice_budget_init(&mux->in_budget, mux->session->memory_bytes, SLUICE_STREAM_FIRST_BYTES);
    mux->stage = mux->session->client ? MUX_NEW : MUX_RUNNING;
    mux->started = mux->progress_at = mux_now(mux);
    mux->due = SLUICE_NEVER;
    *out = mux;
    return SLUICE_OK;
}

static void mux_free(void *cargo)
{
    sluice_mux *mux = cargo;
    sluice_error why = {0};
    if (!mux)
        return;
    mux->stage = MUX_FINISHED;
    sluice_fail(&why, SLUICE_ECLOSED, "the session is over");
    mux_break_all(mux, &why);
    if (mux->setup.freed)
        mux->setup.freed(mux->setup.session_user);
    mux_take_asks(mux); /* so that nothing is held by what nobody will look at */
    mux_tell_touched(mux);
    sluice_mailbox_fini(&mux->mailbox);
    sluice_stream_session_leave(mux->session);
    free(mux);
}

sluice_cargo sluice_mux_cargo(sluice_mux *mux)
{
    static const sluice_cargo_ops ops = {
        .free = mux_free,
        .start = start,
        .cancel = cancel,
        .closed = closed,
        .idle = idle,
        .heard = heard,
        .closes = closes,
        .peer_ended = peer_ended,
        .sending = sending,
        .tick = tick,
        .next_wake = next_wake,
        .rate = rate,
        .statistics = statistics,
        .fetch = fetch,
        .acked = acked,
        .completed = completed,
        .opened = opened,
        .deliver = deliver,
        .ended = ended,
        .aborted = aborted,
        .stopped = stopped,
        .skipped = skipped,
    };
    return (sluice_cargo){.ops = &ops, .state = mux};
}
