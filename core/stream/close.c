/* SPDX-License-Identifier: Apache-2.0 */
/* close.c - how a program lets go of a stream. */
#include "stream/patience.h"
#include "stream/stream_state.h"

void sluice_stream_give_up(sluice_stream *stream, unsigned what, int status, const char *sentence)
{
    sluice_error why = {0};
    sluice_fail(&why, status, "%.900s", sentence);
    pthread_mutex_lock(&stream->lock);
    sluice_stream_break(stream, what & SLUICE_STREAM_ABORT_OUT, what & SLUICE_STREAM_ABORT_IN, &why);
    sluice_stream_signal(stream);
    pthread_mutex_unlock(&stream->lock);
    sluice_stream_ask(stream, what);
}

void sluice_stream_conclude(sluice_stream *stream, int status, const char *sentence)
{
    pthread_mutex_lock(&stream->lock);
    stream->verdict_waits = false;
    stream->verdict = status;
    if (status != SLUICE_OK)
        sluice_fail(&stream->in_error, status, "%.900s", sentence);
    pthread_mutex_unlock(&stream->lock);
    sluice_stream_ask(stream, SLUICE_STREAM_TOOK | SLUICE_STREAM_JUDGED);
}

static int close_out(sluice_stream *stream, sluice_error *error)
{
    pthread_mutex_lock(&stream->lock);
    sluice_time until = sluice_patience_until(stream->write_ns);
    bool verified = stream->verified;
    pthread_mutex_unlock(&stream->lock);
    if (verified)
        return SLUICE_OK;
    int status = sluice_stream_finish(stream);
    if (status == SLUICE_OK)
        status = sluice_stream_verify_until(stream, true, until);
    if (status == SLUICE_OK)
        return SLUICE_OK;
    sluice_fail(error, status, "%s", stream->out_last.text);
    sluice_stream_give_up(stream, SLUICE_STREAM_ABORT_OUT, SLUICE_ECANCELLED, "the writer has given it up");
    return status;
}

static int close_in(sluice_stream *stream, sluice_error *error)
{
    pthread_mutex_lock(&stream->lock);
    int status = stream->judged ? stream->verdict : stream->in_error.status;
    bool early = !stream->judged && status == SLUICE_OK;
    const char *name = stream->name[0] ? stream->name : "stream";
    if (status != SLUICE_OK)
        sluice_fail(error, status, "%s: %s", name, stream->in_error.text);
    pthread_mutex_unlock(&stream->lock);
    if (!early)
        return status;
    sluice_stream_give_up(stream, SLUICE_STREAM_ABORT_IN, SLUICE_ECLOSED, "the reader has closed it before its end");
    return sluice_fail(error, SLUICE_ECLOSED, "%s: closed before its end was read", name);
}

int sluice_stream_close(sluice_stream *stream, sluice_error *error)
{
    sluice_error in_error = {0};
    if (!stream)
        return SLUICE_OK;
    /* The peer may be closing as well: first it learns that nobody reads any more, then its reading is waited for. */
    int in_status = stream->reads ? close_in(stream, &in_error) : SLUICE_OK;
    int status = stream->writes ? close_out(stream, error) : SLUICE_OK;
    if (status == SLUICE_OK && in_status != SLUICE_OK)
        status = sluice_fail(error, in_status, "%s", in_error.text);
    sluice_stream_ask(stream, SLUICE_STREAM_CLOSED);
    sluice_stream_leave(stream);
    return status;
}

void sluice_stream_abort(sluice_stream *stream, int status, const char *sentence)
{
    if (!stream)
        return;
    sluice_stream_give_up(stream, SLUICE_STREAM_ABORT_OUT | SLUICE_STREAM_ABORT_IN,
                          status == SLUICE_OK ? SLUICE_ECANCELLED : status, sentence ? sentence : "given up");
    sluice_stream_ask(stream, SLUICE_STREAM_CLOSED);
    sluice_stream_leave(stream);
}
