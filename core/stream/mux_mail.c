/* SPDX-License-Identifier: Apache-2.0 */
/* mux_mail.c - what the peer says. */
#include "stream/mux_state.h"

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
    mux_break(mux, stream, &why);
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
        return mux_opening_take(mux, id, body, error);
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
        mux_end_if_over(mux, stream);
    sluice_stream_leave(stream);
    return status;
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
    mux_end(mux, status, sentence[0] ? sentence : sluice_status_text(status));
}

/* The client has closed its session: what it has not finished it does not want. */
static int finish_take(sluice_mux *mux, sluice_error *error)
{
    if (mux->session->client)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the server closes what is not its own");
    sluice_mailbox_begin(&mux->mailbox);
    mux_send(mux, SLUICE_MESSAGE_FINISHED);
    mux_end_in_order(mux);
    return SLUICE_OK;
}

static int finished_take(sluice_mux *mux, sluice_error *error)
{
    if (mux->stage != MUX_FINISHING)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the server has finished what was not");
    mux_end_in_order(mux);
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
        mux_pause_apply(mux, was);
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

void mux_mail_deliver(sluice_mux *mux, const uint8_t *data, size_t bytes)
{
    sluice_error error = {0};
    int status = sluice_mailbox_deliver(&mux->mailbox, data, bytes);
    if (status == SLUICE_OK)
        status = sluice_mailbox_take(&mux->mailbox, mail_take, mux, &error);
    if (status != SLUICE_OK)
        mux_fail(mux, status, error.text[0] ? error.text : sluice_status_text(status));
}
