/* SPDX-License-Identifier: Apache-2.0 */
/* mux_out.c - the way out: from what the program wrote to what the peer's program has read. */
#include "stream/mux_state.h"

#include <stdlib.h>
#include <string.h>

/* Less than this may be gathered: what a packet has room for on nearly every path. */
#define PACKET_BYTES 1200
/* Write calls of a live stream that come within this time are given up together. */
#define WRITES_TOGETHER_NS SLUICE_MS

static const sluice_transport_ops *ops(const sluice_mux *mux)
{
    return mux->setup.carrier.ops;
}

static void *carrier(const sluice_mux *mux)
{
    return mux->setup.carrier.state;
}

/* ---- the beginning and the end ---- */

void mux_out_open(sluice_mux *mux, sluice_stream *stream)
{
    int status = ops(mux)->open(carrier(mux), mux_object(stream), SLUICE_OBJECT_ORDERED, stream->priority);
    stream->open_out = status == SLUICE_OK;
    if (status != SLUICE_OK)
        mux_fail(mux, status, sluice_status_text(status));
    if (stream->deadline_ns)
        mux->timed++;
    mux->dirty = true;
}

static void gather_stop(sluice_mux *mux, sluice_stream *stream)
{
    if (stream->gather_due == SLUICE_NEVER)
        return;
    stream->gather_due = SLUICE_NEVER;
    mux->timed--;
}

void mux_out_end(sluice_mux *mux, sluice_stream *stream, const sluice_error *why)
{
    if (stream->out_over || !stream->writes)
        return;
    stream->out_over = true;
    gather_stop(mux, stream);
    if (stream->deadline_ns && stream->open_out)
        mux->timed--;
    stream->open_out = false;
    pthread_mutex_lock(&stream->lock);
    if (why->status == SLUICE_OK)
        stream->verified = true;
    else
        sluice_stream_break(stream, true, false, why);
    pthread_mutex_unlock(&stream->lock);
    mux_note_failure(stream, why->status, why->text);
    mux_touch(mux, stream);
}

/* ---- what may be sent ---- */

static void offer(sluice_mux *mux, sluice_stream *stream, bool all)
{
    uint64_t upto = sluice_fifo_published(&stream->out), waiting = upto - stream->offered;
    sluice_duration gather = atomic_load(&stream->gather_ns);
    if (waiting == 0 || !stream->open_out)
        return;
    if (!all && gather > 0 && waiting < PACKET_BYTES) {
        if (stream->gather_due == SLUICE_NEVER) {
            stream->gather_due = mux_now(mux) + gather;
            mux->timed++;
            mux->dirty = true;
        }
        return;
    }
    gather_stop(mux, stream);
    int status = ops(mux)->offer(carrier(mux), mux_object(stream), stream->offered, upto);
    stream->offered = upto;
    mux->dirty = true;
    if (status != SLUICE_OK)
        mux_fail(mux, status, sluice_status_text(status));
}

static void flush(sluice_mux *mux, sluice_stream *stream)
{
    offer(mux, stream, true);
    pthread_mutex_lock(&stream->lock);
    uint64_t upto = stream->flush_upto;
    bool fresh = upto > stream->flush_asked;
    stream->flush_asked = upto;
    pthread_mutex_unlock(&stream->lock);
    if (!fresh || stream->out_over)
        return;
    sluice_wire_put_number(mux_message(mux, stream), upto);
    mux_send(mux, SLUICE_MESSAGE_STREAM_FLUSH);
}

static void finish(sluice_mux *mux, sluice_stream *stream)
{
    offer(mux, stream, true);
    if (stream->end_sent || !stream->open_out)
        return;
    stream->end_sent = true;
    int status = ops(mux)->finish(carrier(mux), mux_object(stream), stream->offered);
    sluice_wire_writer *body = mux_message(mux, stream);
    sluice_wire_put_number(body, stream->offered);
    sluice_wire_put_bytes(body, stream->out_digest_final.bytes,
                          stream->deadline_ns ? 0 : sluice_digest_bytes(stream->checksum));
    mux_send(mux, SLUICE_MESSAGE_STREAM_END);
    if (status != SLUICE_OK)
        mux_fail(mux, status, sluice_status_text(status));
}

static void give_up(sluice_mux *mux, sluice_stream *stream)
{
    if (stream->out_over)
        return;
    pthread_mutex_lock(&stream->lock);
    sluice_error why = stream->out_error;
    pthread_mutex_unlock(&stream->lock);
    if (stream->open_out)
        (void)ops(mux)->abort(carrier(mux), mux_object(stream), (uint64_t)-why.status);
    sluice_wire_writer *body = mux_message(mux, stream);
    sluice_wire_put_number(body, MUX_GIVES_UP_WRITING);
    sluice_message_put_status(body, why.status, why.text);
    mux_send(mux, SLUICE_MESSAGE_STREAM_ABORT);
    mux_out_end(mux, stream, &why);
}

/* ---- live: when which write call was made ---- */

static int written_add(sluice_stream *stream, uint64_t end, sluice_time at)
{
    size_t mask = stream->written_room - 1;
    if (stream->written_count > 0) {
        sluice_stream_written *last =
            &stream->written[(stream->written_first + stream->written_count - 1) & mask];
        if (at - last->at < WRITES_TOGETHER_NS) {
            last->end = end;
            return SLUICE_OK;
        }
    }
    if (stream->written_count == stream->written_room) {
        size_t room = stream->written_room ? stream->written_room * 2 : 64;
        sluice_stream_written *grown = malloc(room * sizeof *grown);
        if (!grown)
            return SLUICE_ENOMEM;
        for (size_t i = 0; i < stream->written_count; i++)
            grown[i] = stream->written[(stream->written_first + i) & mask];
        free(stream->written);
        stream->written = grown;
        stream->written_first = 0;
        stream->written_room = room;
        mask = room - 1;
    }
    stream->written[(stream->written_first + stream->written_count++) & mask] = (sluice_stream_written){end, at};
    return SLUICE_OK;
}

static void writes_take(sluice_mux *mux, sluice_stream *stream)
{
    sluice_time now = mux_now(mux);
    int status = SLUICE_OK;
    pthread_mutex_lock(&stream->lock);
    for (size_t i = 0; i < stream->ends.count && status == SLUICE_OK; i++)
        status = written_add(stream, stream->ends.items[i], now);
    stream->ends.count = 0;
    pthread_mutex_unlock(&stream->lock);
    if (status != SLUICE_OK)
        mux_fail(mux, status, "out of memory for a live stream");
}

/* Room in the fifo for what was let go of. */
static void release(sluice_mux *mux, sluice_stream *stream, uint64_t freed)
{
    if (freed == 0)
        return;
    sluice_fifo_release(&stream->out, stream->floor.at);
    (void)sluice_budget_freed(&mux->out_budget, &stream->out_share, freed, mux_now(mux), mux_rtt(mux));
    atomic_store(&stream->room_most, stream->out_share.bytes);
    mux_touch(mux, stream);
}

static void skip(sluice_mux *mux, sluice_stream *stream, uint64_t upto)
{
    uint64_t before = stream->floor.at;
    if (upto <= before)
        return;
    offer(mux, stream, true);
    int status = ops(mux)->skip(carrier(mux), mux_object(stream), upto);
    uint64_t lost = sluice_floor_raise(&stream->floor, upto);
    pthread_mutex_lock(&stream->lock);
    stream->given_up_bytes += lost;
    pthread_mutex_unlock(&stream->lock);
    release(mux, stream, upto - before);
    mux->dirty = true;
    if (status != SLUICE_OK)
        mux_fail(mux, status, sluice_status_text(status));
}

/* The reader learns of it half a round trip later, and then has what follows by the deadline. */
static sluice_duration patience(const sluice_mux *mux, const sluice_stream *stream)
{
    sluice_duration half = stream->deadline_ns / 2, way = mux->srtt_ns / 2;
    return stream->deadline_ns - (way < half ? way : half);
}

static sluice_time live_due(sluice_mux *mux, sluice_stream *stream, sluice_time now)
{
    sluice_duration most = patience(mux, stream);
    uint64_t upto = 0;
    while (stream->written_count > 0) {
        const sluice_stream_written *first = &stream->written[stream->written_first & (stream->written_room - 1)];
        bool here = first->end <= stream->floor.at;
        if (!here && now < first->at + most)
            break;
        if (!here)
            upto = first->end;
        stream->written_first++;
        stream->written_count--;
    }
    if (upto > 0)
        skip(mux, stream, upto);
    return stream->written_count > 0
               ? stream->written[stream->written_first & (stream->written_room - 1)].at + most
               : SLUICE_NEVER;
}

sluice_time mux_out_due(sluice_mux *mux, sluice_stream *stream, sluice_time now)
{
    sluice_time when = SLUICE_NEVER;
    if (stream->out_over || !stream->open_out)
        return when;
    if (now >= stream->gather_due)
        offer(mux, stream, true);
    if (stream->deadline_ns)
        when = live_due(mux, stream, now);
    return stream->gather_due < when ? stream->gather_due : when;
}

/* ---- what the program wants ---- */

void mux_out_asked(sluice_mux *mux, sluice_stream *stream, unsigned asks)
{
    if (!stream->writes || stream->out_over)
        return;
    if ((asks & (SLUICE_STREAM_WROTE | SLUICE_STREAM_FINISH | SLUICE_STREAM_FLUSH)) && stream->deadline_ns) {
        writes_take(mux, stream);
        mux->dirty = true;
    }
    if (asks & SLUICE_STREAM_WROTE)
        offer(mux, stream, false);
    if (asks & SLUICE_STREAM_FLUSH)
        flush(mux, stream);
    if (asks & SLUICE_STREAM_FINISH)
        finish(mux, stream);
    if (asks & SLUICE_STREAM_ABORT_OUT)
        give_up(mux, stream);
}

void mux_out_resume(sluice_mux *mux, sluice_stream *stream)
{
    if (stream->open_out)
        ops(mux)->ready(carrier(mux), mux_object(stream));
    mux->dirty = true;
}

/* ---- the transport ---- */

size_t mux_out_fetch(sluice_mux *mux, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    sluice_stream *stream = mux_find(mux, id - MUX_FIRST_OBJECT);
    if (!stream || !stream->open_out || mux_paused(mux) || offset < stream->floor.at)
        return 0;
    return sluice_fifo_fetch(&stream->out, offset, buffers, count);
}

void mux_out_acked(sluice_mux *mux, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_stream *stream = mux_find(mux, id - MUX_FIRST_OBJECT);
    if (!stream || stream->out_over)
        return;
    uint64_t before = stream->floor.at;
    mux->out_bytes += to - from;
    int status = sluice_floor_add(&stream->floor, from, to);
    if (status != SLUICE_OK)
        mux_fail(mux, status, "out of memory for what was acknowledged");
    else
        release(mux, stream, stream->floor.at - before);
}

/* ---- the peer's program ---- */

int mux_out_taken(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error)
{
    uint64_t upto = sluice_wire_get_number(body);
    if (body->bad || upto > stream->offered)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the peer has read what was not written");
    pthread_mutex_lock(&stream->lock);
    if (upto > stream->taken)
        stream->taken = upto;
    pthread_mutex_unlock(&stream->lock);
    mux_touch(mux, stream);
    return SLUICE_OK;
}

int mux_out_done(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error)
{
    sluice_error why = {0};
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    int status = mux_get_status(body, sentence);
    if (body->bad || (status == SLUICE_OK && !stream->end_sent))
        return sluice_fail(error, SLUICE_EPROTOCOL, "the peer has read a stream to its end that has none");
    if (status != SLUICE_OK) {
        sluice_fail(&why, status, "%s", sentence);
    } else if (!stream->out_over) {
        pthread_mutex_lock(&stream->lock);
        stream->taken = stream->offered;
        uint64_t given_up = stream->given_up_bytes;
        pthread_mutex_unlock(&stream->lock);
        mux->statistics.bytes += stream->offered - given_up;
    }
    mux_out_end(mux, stream, &why);
    return SLUICE_OK;
}

/* The peer's word for why is on its way. */
void mux_out_stopped(sluice_mux *mux, sluice_stream *stream)
{
    gather_stop(mux, stream);
    if (stream->deadline_ns)
        mux->timed--;
    stream->open_out = false;
}

void mux_out_tell(sluice_mux *mux, sluice_stream *stream)
{
    (void)mux;
    stream->acked_bytes = stream->floor.at;
}
