/* SPDX-License-Identifier: Apache-2.0 */
/* mux.c - the streams of a session: which there are, what is said about them, and how the session ends. */
#include "stream/mux_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_NS (250 * SLUICE_MS)
#define SPARE_SEGMENTS 128 /* 2 MiB: kept though nobody needs them */

enum { OPEN_ANNOUNCED = 2, OPEN_DEADLINE = 3 }; /* fields of OPEN; an odd one must be understood */

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

static void stream_uncount(sluice_mux *mux)
{
    pthread_mutex_lock(&mux->session->lock);
    if (mux->session->client)
        mux->session->open--;
    pthread_mutex_unlock(&mux->session->lock);
}

/* Every word of a stream that is not in the table any more falls on deaf ears. */
static void remove_stream(sluice_mux *mux, sluice_stream *stream)
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
    stream_uncount(mux);
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

static void tell_start(sluice_mux *mux, sluice_stream *stream)
{
    sluice_cargo_item item = {.path = told_name(stream), .state = "start", .message = ""};
    stream->told_start = true;
    mux->statistics.total_files++;
    mux->setup.calls->item(mux->setup.user, &item);
}

static void tell_end(sluice_mux *mux, sluice_stream *stream)
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
static void end_if_over(sluice_mux *mux, sluice_stream *stream)
{
    bool over = (!stream->writes || stream->out_over) && (!stream->reads || stream->in_over);
    if (!over || !stream->previous || !stream->known)
        return;
    tell_end(mux, stream);
    if (stream->closed) {
        remove_stream(mux, stream);
        return;
    }
    mux->resting += !stream->resting;
    stream->resting = true;
    sluice_budget_rest(&mux->out_budget, &stream->out_share, held(&stream->out));
    sluice_budget_rest(&mux->in_budget, &stream->in_share, held(&stream->in));
}

static void break_stream(sluice_mux *mux, sluice_stream *stream, const sluice_error *why)
{
    stream->known = true;
    mux_out_end(mux, stream, why);
    stream->stop_sent = true; /* the whole session ends, or the peer knows */
    mux_in_end(mux, stream, why);
}

static void break_all(sluice_mux *mux, const sluice_error *why)
{
    while (mux->streams) {
        sluice_stream *stream = mux->streams;
        break_stream(mux, stream, why);
        tell_end(mux, stream); /* of one that never got its OPEN there is nothing to tell */
        remove_stream(mux, stream);
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

static void end_in_order(sluice_mux *mux)
{
    sluice_error why = {0}, told;
    if (mux->stage == MUX_FINISHED)
        return;
    mux->stage = MUX_FINISHED;
    pthread_mutex_lock(&mux->session->lock);
    mux->session->in_order = true;
    pthread_mutex_unlock(&mux->session->lock);
    sluice_fail(&why, SLUICE_ECLOSED, "the session was closed");
    break_all(mux, &why);
    outcome(mux, &told);
    mux->dirty = true;
    mux->setup.calls->finished(mux->setup.user, told.status, told.text);
}

static void end(sluice_mux *mux, int status, const char *sentence)
{
    sluice_error why = {0};
    if (mux->stage == MUX_FINISHED)
        return;
    mux->stage = MUX_FINISHED;
    sluice_fail(&why, status == SLUICE_OK ? SLUICE_ECLOSED : status, "%s", sentence);
    break_all(mux, &why);
    mux->dirty = true;
    mux->setup.calls->finished(mux->setup.user, status, sentence);
}

/* Without its messages the session cannot go on. */
static void sent(sluice_mux *mux, int status)
{
    mux->dirty = true;
    if (status != SLUICE_OK)
        end(mux, status, status == SLUICE_ELIMIT ? "the peer takes no control messages" : sluice_status_text(status));
}

void mux_send(sluice_mux *mux, sluice_message type)
{
    if (mux->stage != MUX_FINISHED)
        sent(mux, sluice_mailbox_send(&mux->mailbox, type));
}

void mux_fail(sluice_mux *mux, int status, const char *sentence)
{
    if (mux->stage == MUX_FINISHED)
        return;
    sent(mux, sluice_mailbox_send_status(&mux->mailbox, SLUICE_MESSAGE_ERROR, status, sentence));
    end(mux, status, sentence);
}

/* ---- streams begin ---- */

static void open_message(sluice_mux *mux, const sluice_stream *stream)
{
    sluice_wire_writer *body = mux_message(mux, stream);
    sluice_wire_put_number(body, stream->mode);
    sluice_wire_put_number(body, stream->checksum);
    sluice_wire_put_string(body, stream->name, strlen(stream->name));
    if (stream->announced_own != SLUICE_UNKNOWN)
        sluice_wire_put_field_u64(body, OPEN_ANNOUNCED, stream->announced_own);
    if (stream->deadline_ns)
        sluice_wire_put_field_u64(body, OPEN_DEADLINE, stream->deadline_ns);
    mux_send(mux, SLUICE_MESSAGE_STREAM_OPEN);
}

static void begin(sluice_mux *mux, sluice_stream *stream)
{
    if (mux->statistics.total_files == 0)
        mux->writes_first = stream->writes;
    stream->known = true;
    if (stream->writes)
        mux_out_open(mux, stream);
    if (stream->reads)
        mux_in_open(mux, stream);
    tell_start(mux, stream);
}

/* Client: the program has made one. */
static void introduce(sluice_mux *mux, sluice_stream *stream)
{
    sluice_error why = {0};
    if (!mux_running(mux) || !mux_add(mux, stream)) {
        sluice_fail(&why, mux_running(mux) ? SLUICE_ELIMIT : SLUICE_ECLOSED, "%s",
                    mux_running(mux) ? "more streams than there is memory for" : "the session is over");
        break_stream(mux, stream, &why);
        stream_uncount(mux);
        return;
    }
    open_message(mux, stream);
    begin(mux, stream);
}

typedef struct opening {
    uint64_t id;
    sluice_stream_mode mode;
    sluice_checksum checksum;
    char name[SLUICE_STREAM_NAME_MAX + 1];
    uint64_t announced;
    sluice_duration deadline_ns;
} opening;

static int opening_get(opening *out, sluice_wire_reader *body, sluice_error *error)
{
    sluice_wire_reader field;
    uint64_t tag, mode = sluice_wire_get_number(body), checksum = sluice_wire_get_number(body);
    size_t length;
    const uint8_t *name = sluice_wire_get_string(body, &length);
    if (body->bad || mode < SLUICE_STREAM_PUSH || mode > SLUICE_STREAM_BOTH || checksum > SLUICE_CHECKSUM_NONE ||
        length > SLUICE_STREAM_NAME_MAX || (length && memchr(name, 0, length)))
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client asked for a stream in a malformed way");
    out->mode = (sluice_stream_mode)mode;
    out->checksum = (sluice_checksum)checksum;
    if (length)
        memcpy(out->name, name, length);
    out->name[length] = '\0';
    out->announced = SLUICE_UNKNOWN;
    while (sluice_wire_get_field(body, &tag, &field)) {
        if (tag == OPEN_ANNOUNCED)
            out->announced = sluice_wire_get_u64(&field);
        else if (tag == OPEN_DEADLINE)
            out->deadline_ns = sluice_wire_get_u64(&field);
        else if (tag & 1)
            return sluice_fail(error, SLUICE_EVERSION, "the client asks something of a stream that is not known here");
    }
    if (body->bad || out->deadline_ns > SLUICE_NEVER / 4)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client asked for a stream in a malformed way");
    return SLUICE_OK;
}

static int decide(sluice_mux *mux, const opening *want, void **stream_user, sluice_error *error)
{
    const sluice_stream_session *session = mux->session;
    const sluice_stream_request request = {
        .size = sizeof request,
        .name = want->name,
        .mode = want->mode,
        .announced_bytes = want->announced,
        .deadline_ns = want->deadline_ns,
        .peer = session->peer,
        .ticket = session->ticket,
    };
    if ((want->mode & SLUICE_STREAM_PUSH) && !session->may_write)
        return sluice_fail(error, SLUICE_EACCESS, "the server takes nothing from this ticket: it has no right to write");
    if ((want->mode & SLUICE_STREAM_PULL) && !session->may_read)
        return sluice_fail(error, SLUICE_EACCESS, "the server gives nothing to this ticket: it has no right to read");
    if (!mux->setup.requested)
        return SLUICE_OK;
    int status = mux->setup.requested(mux->setup.requested_user, &request, stream_user, error);
    if (status != SLUICE_OK && error->text[0] == '\0')
        sluice_fail(error, status, "%s", sluice_status_text(status));
    return status;
}

static void answer(sluice_mux *mux, const sluice_stream *stream, int status, const char *sentence)
{
    sluice_message_put_status(mux_message(mux, stream), status, sentence);
    mux_send(mux, SLUICE_MESSAGE_STREAM_ANSWER);
}

static void refuse(sluice_mux *mux, sluice_stream *stream, const sluice_error *why)
{
    answer(mux, stream, why->status, why->text);
    stream->known = true;
    tell_start(mux, stream);
    mux_note_failure(stream, why->status, why->text);
    tell_end(mux, stream);
    if (!stream->previous)
        return; /* should bytes of it come, `opened` will know nothing of it */
    if (stream->open_in)
        (void)mux->setup.carrier.ops->stop(mux->setup.carrier.state, mux_object(stream), (uint64_t)-why->status);
    remove_stream(mux, stream);
}

/* The stream of an OPEN whose bytes have come before it, or a new one. */
static int stream_for(sluice_mux *mux, const opening *want, sluice_stream **out)
{
    sluice_stream *early = mux_find(mux, want->id);
    if (early) {
        *out = early;
        sluice_stream_use(early);
        mux->early--;
        return SLUICE_OK;
    }
    return sluice_stream_new(mux->session, want->id, want->name, 0, want->checksum, want->deadline_ns, out);
}

/* What it wrote was not taken, and will not come again. */
static bool turned_away(sluice_mux *mux, uint64_t id)
{
    uint64_t *word = &mux->turned_away[id % MUX_AHEAD_MOST / 64], bit = UINT64_C(1) << id % 64;
    bool was = *word & bit;
    *word &= ~bit;
    return was;
}

static int accept_stream(sluice_stream *stream, const opening *want, void *stream_user)
{
    stream->mode = want->mode;
    stream->writes = want->mode & SLUICE_STREAM_PULL;
    stream->reads = want->mode & SLUICE_STREAM_PUSH;
    stream->deadline_ns = want->deadline_ns;
    stream->checksum = want->checksum;
    stream->announced_peer = want->announced;
    atomic_store(&stream->user, stream_user);
    memcpy(stream->name, want->name, sizeof stream->name);
    return sluice_stream_digests(stream);
}

/* Before the program is asked: whether there is a place for it.  Those that came early do not count: word of those that have
 * made room for them may be on its way.  Nor do those that are over, unless there are as many again. */
static bool has_place(sluice_mux *mux, sluice_stream *stream)
{
    bool early = stream->previous != NULL, away = turned_away(mux, stream->id);
    uint64_t others = mux->out_budget.shares - mux->early - mux->resting - early;
    uint64_t most = sluice_budget_most(&mux->out_budget);
    return !away && others < most && mux->resting < most && (early || mux_add(mux, stream));
}

static int opening_take(sluice_mux *mux, uint64_t id, sluice_wire_reader *body, sluice_error *error)
{
    opening want = {.id = id};
    sluice_stream *stream;
    sluice_error why = {0};
    void *stream_user = NULL;
    if (mux->session->client || id != mux->next_id)
        return sluice_fail(error, SLUICE_EPROTOCOL, "a stream was opened out of turn");
    int status = opening_get(&want, body, error);
    if (status == SLUICE_OK)
        status = stream_for(mux, &want, &stream);
    if (status != SLUICE_OK)
        return status;
    if (stream->arrived > 0 && !(want.mode & SLUICE_STREAM_PUSH)) {
        sluice_stream_leave(stream);
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client writes to a stream that it only reads");
    }
    mux->next_id++;
    if (!has_place(mux, stream))
        status = sluice_fail(&why, SLUICE_ELIMIT, "the server has as many streams as it has memory for");
    else
        status = decide(mux, &want, &stream_user, &why);
    if (status == SLUICE_OK) {
        status = accept_stream(stream, &want, stream_user);
        if (status != SLUICE_OK)
            sluice_fail(&why, status, "%s", sluice_status_text(status));
    }
    if (status != SLUICE_OK) {
        stream->writes = stream->reads = false;
        memcpy(stream->name, want.name, sizeof stream->name);
        refuse(mux, stream, &why);
        sluice_stream_leave(stream);
        return SLUICE_OK;
    }
    answer(mux, stream, SLUICE_OK, "");
    begin(mux, stream);
    mux_touch(mux, stream);
    mux->setup.accepted(mux->setup.requested_user, stream);
    return SLUICE_OK;
}

/* ---- messages in ---- */

static int malformed(sluice_error *error, const char *what)
{
    return sluice_fail(error, SLUICE_EPROTOCOL, "the peer sent a malformed %s of a stream", what);
}

static int answer_take(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error)
{
    sluice_error why = {0};
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    int status = mux_get_status(body, sentence);
    if (body->bad || !mux->session->client)
        return malformed(error, "answer");
    if (status == SLUICE_OK)
        return SLUICE_OK;
    sluice_fail(&why, status, "%s", sentence);
    if (stream->open_out)
        (void)mux->setup.carrier.ops->abort(mux->setup.carrier.state, mux_object(stream), (uint64_t)-status);
    break_stream(mux, stream, &why);
    return SLUICE_OK;
}

static int abort_take(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error)
{
    sluice_error why = {0};
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    uint64_t what = sluice_wire_get_number(body);
    int status = mux_get_status(body, sentence);
    if (body->bad)
        return malformed(error, "abort");
    sluice_fail(&why, status == SLUICE_OK ? SLUICE_ECLOSED : status, "%s", sentence);
    if ((what & MUX_GIVES_UP_READING) && !stream->out_over) {
        if (stream->open_out)
            (void)mux->setup.carrier.ops->abort(mux->setup.carrier.state, mux_object(stream), (uint64_t)-why.status);
        mux_out_end(mux, stream, &why);
    }
    if (what & MUX_GIVES_UP_WRITING) {
        stream->stop_sent = true;
        mux_in_end(mux, stream, &why);
    }
    return SLUICE_OK;
}

static int stream_message(sluice_mux *mux, uint64_t type, sluice_wire_reader *body, sluice_error *error)
{
    uint64_t id = sluice_wire_get_number(body);
    int status;
    if (body->bad)
        return malformed(error, "message");
    if (type == SLUICE_MESSAGE_STREAM_OPEN)
        return opening_take(mux, id, body, error);
    sluice_stream *stream = mux_find(mux, id);
    if (!stream || !stream->known)
        return SLUICE_OK; /* it is over on this side */
    sluice_stream_use(stream);
    switch (type) {
    case SLUICE_MESSAGE_STREAM_ANSWER:
        status = answer_take(mux, stream, body, error);
        break;
    case SLUICE_MESSAGE_STREAM_END:
        status = mux_in_ending(mux, stream, body, error);
        break;
    case SLUICE_MESSAGE_STREAM_FLUSH:
        status = mux_in_flush(mux, stream, body, error);
        break;
    case SLUICE_MESSAGE_STREAM_TAKEN:
        status = mux_out_taken(mux, stream, body, error);
        break;
    case SLUICE_MESSAGE_STREAM_DONE:
        status = mux_out_done(mux, stream, body, error);
        break;
    default:
        status = abort_take(mux, stream, body, error);
    }
    if (status == SLUICE_OK)
        end_if_over(mux, stream);
    sluice_stream_leave(stream);
    return status;
}

static void pause_apply(sluice_mux *mux, bool was)
{
    if (was == mux_paused(mux))
        return;
    mux->setup.calls->paused(mux->setup.user, mux_paused(mux));
    for (sluice_stream *stream = mux->streams; stream && !mux_paused(mux); stream = stream->next)
        mux_out_resume(mux, stream);
}

static int rate_take(sluice_mux *mux, sluice_wire_reader *body, sluice_error *error)
{
    char policy[64];
    sluice_rate target, minimum;
    int status = sluice_mailbox_get_rate(body, &target, &minimum, policy, error);
    if (status == SLUICE_OK)
        mux->setup.calls->rate(mux->setup.user, target, minimum, policy);
    return status;
}

/* REFUSE, ERROR, CANCEL: the peer's reason ends this side as well. */
static void ending_take(sluice_mux *mux, uint64_t type, sluice_wire_reader *body)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1] = "cancelled by the peer";
    int status = SLUICE_ECANCELLED;
    if (type != SLUICE_MESSAGE_CANCEL)
        status = mux_get_status(body, sentence);
    if (status == SLUICE_OK)
        status = SLUICE_EFAILED;
    mux->peer_ended = true;
    end(mux, status, sentence[0] ? sentence : sluice_status_text(status));
}

/* The client has closed its session: what it has not finished it does not want. */
static int finish_take(sluice_mux *mux, sluice_error *error)
{
    if (mux->session->client)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the server closes what is not its own");
    sluice_mailbox_begin(&mux->mailbox);
    mux_send(mux, SLUICE_MESSAGE_FINISHED);
    end_in_order(mux);
    return SLUICE_OK;
}

static int finished_take(sluice_mux *mux, sluice_error *error)
{
    if (mux->stage != MUX_FINISHING)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the server has finished what was not");
    end_in_order(mux);
    return SLUICE_OK;
}

static int message_take(sluice_mux *mux, uint64_t type, sluice_wire_reader *body, sluice_error *error)
{
    sluice_progress progress;
    bool was = mux_paused(mux);
    switch (type) {
    case SLUICE_MESSAGE_PROGRESS:
        sluice_progress_get(&progress, body);
        mux->setup.calls->progressed(mux->setup.user, &progress);
        return SLUICE_OK;
    case SLUICE_MESSAGE_REFUSE:
    case SLUICE_MESSAGE_ERROR:
    case SLUICE_MESSAGE_CANCEL:
        ending_take(mux, type, body);
        return SLUICE_OK;
    case SLUICE_MESSAGE_RATE:
        return rate_take(mux, body, error);
    case SLUICE_MESSAGE_PAUSE:
        mux->peer_pause = sluice_wire_get_number(body) != 0;
        pause_apply(mux, was);
        return SLUICE_OK;
    case SLUICE_MESSAGE_FINISH:
        return finish_take(mux, error);
    case SLUICE_MESSAGE_FINISHED:
        return finished_take(mux, error);
    default:
        break;
    }
    if (type >= SLUICE_MESSAGE_STREAM_OPEN && type <= SLUICE_MESSAGE_STREAM_ABORT && (type & 1))
        return stream_message(mux, type, body, error);
    if (type & 1)
        return sluice_fail(error, SLUICE_EPROTOCOL, "control message %llu is not understood here",
                           (unsigned long long)type);
    return SLUICE_OK;
}

static sluice_mailbox_verdict mail_take(void *user, uint64_t type, sluice_wire_reader *body, int *status,
                                        sluice_error *error)
{
    sluice_mux *mux = user;
    if (mux->stage == MUX_FINISHED)
        return SLUICE_MAILBOX_OVER;
    *status = message_take(mux, type, body, error);
    return mux->stage == MUX_FINISHED ? SLUICE_MAILBOX_OVER : SLUICE_MAILBOX_TAKEN;
}

static void control_deliver(sluice_mux *mux, const uint8_t *data, size_t bytes)
{
    sluice_error error = {0};
    int status = sluice_mailbox_deliver(&mux->mailbox, data, bytes);
    if (status == SLUICE_OK)
        status = sluice_mailbox_take(&mux->mailbox, mail_take, mux, &error);
    if (status != SLUICE_OK)
        mux_fail(mux, status, error.text[0] ? error.text : sluice_status_text(status));
}

/* ---- the pump ---- */

static void wake_if_dirty(sluice_mux *mux)
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
        introduce(mux, stream);
    if (!stream->previous)
        return;
    stream->closed = stream->closed || (asks & SLUICE_STREAM_CLOSED);
    mux_out_asked(mux, stream, asks);
    mux_in_asked(mux, stream, asks);
    end_if_over(mux, stream);
}

/* Word of the program, stream by stream.  Each has its place in the row until the bits were taken. */
static void asks_take(sluice_mux *mux)
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
        pause_apply(mux, was);
    }
    if (cancel && mux_running(mux)) {
        sluice_mailbox_begin(&mux->mailbox);
        mux_send(mux, SLUICE_MESSAGE_CANCEL);
        end(mux, SLUICE_ECANCELLED, "cancelled");
    }
    if (close && mux->stage == MUX_RUNNING) {
        sluice_error why = {0};
        sluice_fail(&why, SLUICE_ECANCELLED, "the session was closed");
        asks_take(mux); /* what came before the close, and after the last look: a reason to give up, perhaps */
        if (mux->stage != MUX_RUNNING)
            return;
        break_all(mux, &why);
        mux->stage = MUX_FINISHING;
        sluice_mailbox_begin(&mux->mailbox);
        mux_send(mux, SLUICE_MESSAGE_FINISH);
    }
}

static void touched_tell(sluice_mux *mux)
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
        end_if_over(mux, stream);
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

static void pump(sluice_mux *mux)
{
    if (mux->stage == MUX_NEW)
        return;
    asks_take(mux);
    if (mux_running(mux))
        session_asked(mux);
    timed_run(mux);
    touched_tell(mux);
    wake_if_dirty(mux);
}

/* From here on another wake-up is needed: whatever comes by chance before this one must not make it a second. */
void sluice_mux_pump(sluice_mux *mux)
{
    pthread_mutex_lock(&mux->session->lock);
    mux->session->woken = false;
    pthread_mutex_unlock(&mux->session->lock);
    pump(mux);
}

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
        end(mux, status, sentence);
    } else {
        mux_fail(mux, status, sentence);
    }
    touched_tell(mux);
    wake_if_dirty(mux);
}

static void closed(void *cargo, int status, const char *reason, sluice_time now)
{
    sluice_mux *mux = cargo;
    (void)now;
    end(mux, status, reason[0] ? reason : sluice_status_text(status));
    touched_tell(mux);
    wake_if_dirty(mux);
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
    pump(mux);
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
    wake_if_dirty(mux);
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
    sent(mux, sluice_mailbox_send_rate(&mux->mailbox, target_bps, minimum_bps, policy));
    wake_if_dirty(mux);
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

/* Bytes that come before their OPEN wait for it. */
static int early_new(sluice_mux *mux, uint64_t id)
{
    sluice_stream *stream;
    if (id - mux->next_id >= MUX_AHEAD_MOST) {
        mux_fail(mux, SLUICE_EPROTOCOL, "the client writes to streams that it has not opened");
        return SLUICE_EPROTOCOL;
    }
    int status = sluice_stream_new(mux->session, id, "", 0, SLUICE_CHECKSUM_NONE, 0, &stream);
    if (status != SLUICE_OK)
        return status;
    stream->open_in = true;
    if (mux_add(mux, stream)) {
        mux->early++;
    } else {
        status = SLUICE_ELIMIT;
        mux->turned_away[id % MUX_AHEAD_MOST / 64] |= UINT64_C(1) << id % 64;
    }
    sluice_stream_leave(stream);
    return status;
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
    return mux->session->client || stream < mux->next_id ? SLUICE_ECANCELLED : early_new(mux, stream);
}

static void deliver(void *cargo, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sluice_mux *mux = cargo;
    sluice_stream *stream;
    if (id == SLUICE_OBJECT_CONTROL)
        control_deliver(mux, data, bytes);
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
    break_all(mux, &why);
    if (mux->setup.freed)
        mux->setup.freed(mux->setup.session_user);
    asks_take(mux); /* so that nothing is held by what nobody will look at */
    touched_tell(mux);
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
