/* SPDX-License-Identifier: Apache-2.0 */
/* mux_in.c - the way in: from what the transport delivers to what the program has read, and word of that back. */
#include "stream/mux_state.h"

#include <stdlib.h>
#include <string.h>

static const sluice_transport_ops *ops(const sluice_mux *mux)
{
    return mux->setup.carrier.ops;
}

static void *carrier(const sluice_mux *mux)
{
    return mux->setup.carrier.state;
}

/* ---- the beginning and the end ---- */

void mux_in_open(sluice_mux *mux, sluice_stream *stream)
{
    (void)mux;
    atomic_store(&stream->window, stream->in_share.bytes);
}

void mux_in_end(sluice_mux *mux, sluice_stream *stream, const sluice_error *why)
{
    if (stream->in_over || !stream->reads)
        return;
    stream->in_over = true;
    if (why->status != SLUICE_OK) {
        pthread_mutex_lock(&stream->lock);
        sluice_stream_break(stream, false, true, why);
        pthread_mutex_unlock(&stream->lock);
        /* What the peer has not begun yet, `opened` will refuse. */
        if (!stream->stop_sent && stream->open_in)
            (void)ops(mux)->stop(carrier(mux), mux_object(stream), (uint64_t)-why->status);
        stream->stop_sent = true;
        mux->dirty = true;
    }
    mux_note_failure(stream, why->status, why->text);
    mux_touch(mux, stream);
}

static void out_of_memory(sluice_mux *mux, sluice_stream *stream)
{
    sluice_error why = {0};
    sluice_fail(&why, SLUICE_ENOMEM, "out of memory for what arrives");
    sluice_wire_writer *body = mux_message(mux, stream);
    sluice_wire_put_number(body, MUX_GIVES_UP_READING);
    sluice_message_put_status(body, why.status, why.text);
    mux_send(mux, SLUICE_MESSAGE_STREAM_ABORT);
    mux_in_end(mux, stream, &why);
}

/* ---- the transport ---- */

/* The end is where the peer has said, once everything before it is here. */
static void check_end(sluice_mux *mux, sluice_stream *stream)
{
    if (!stream->end_known || stream->arrived < stream->end_size)
        return;
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    stream->end_bytes = stream->in.written;
    pthread_mutex_unlock(&stream->lock);
    mux_touch(mux, stream);
}

void mux_in_deliver(sluice_mux *mux, sluice_stream *stream, uint64_t offset, const uint8_t *data, size_t bytes)
{
    if (stream->in_over || !(stream->reads || !stream->known))
        return;
    mux->in_bytes += bytes;
    stream->arrived = offset + bytes;
    if (sluice_fifo_write(&stream->in, data, bytes) != SLUICE_OK) {
        out_of_memory(mux, stream);
        return;
    }
    mux_touch(mux, stream);
    check_end(mux, stream);
}

static int gap_add(sluice_stream_gaps *gaps, const sluice_stream_gap *gap)
{
    if (gaps->count == gaps->room) {
        size_t room = gaps->room ? gaps->room * 2 : 8;
        sluice_stream_gap *grown = reallocarray(gaps->items, room, sizeof *grown);
        if (!grown)
            return SLUICE_ENOMEM;
        gaps->items = grown;
        gaps->room = room;
    }
    gaps->items[gaps->count++] = *gap;
    return SLUICE_OK;
}

/* Gaps that touch are one. */
static int gap_note(sluice_stream *stream, uint64_t from, uint64_t to)
{
    sluice_stream_gaps *gaps = &stream->gaps;
    sluice_stream_gap *last = gaps->count > gaps->first ? &gaps->items[gaps->count - 1] : NULL;
    stream->skipped_bytes += to - from;
    if (last && last->to == from && last->before == stream->in.written) {
        last->to = to;
        return SLUICE_OK;
    }
    if (gaps->first == gaps->count)
        gaps->first = gaps->count = 0;
    return gap_add(gaps, &(sluice_stream_gap){.before = stream->in.written, .from = from, .to = to});
}

void mux_in_skipped(sluice_mux *mux, sluice_stream *stream, uint64_t from, uint64_t to)
{
    if (stream->in_over || !(stream->reads || !stream->known))
        return;
    stream->arrived = to;
    pthread_mutex_lock(&stream->lock);
    int status = gap_note(stream, from, to);
    pthread_mutex_unlock(&stream->lock);
    if (status != SLUICE_OK) {
        out_of_memory(mux, stream);
        return;
    }
    mux_touch(mux, stream);
    check_end(mux, stream);
}

/* ---- the peer's program ---- */

int mux_in_ending(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error)
{
    uint64_t size = sluice_wire_get_number(body);
    size_t bytes = stream->deadline_ns ? 0 : sluice_digest_bytes(stream->checksum);
    const uint8_t *digest = sluice_wire_get_bytes(body, bytes);
    if (body->bad || stream->end_known || size < stream->arrived || !stream->reads)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the peer sent a malformed end of a stream");
    stream->end_known = true;
    stream->end_size = size;
    pthread_mutex_lock(&stream->lock);
    memset(&stream->end_digest, 0, sizeof stream->end_digest);
    if (bytes)
        memcpy(stream->end_digest.bytes, digest, bytes);
    pthread_mutex_unlock(&stream->lock);
    check_end(mux, stream);
    return SLUICE_OK;
}

/* Where the program stands in the stream, and tells the peer if it has waited for that. */
static void tell_taken(sluice_mux *mux, sluice_stream *stream)
{
    uint64_t target = atomic_load(&stream->flush_target);
    atomic_thread_fence(memory_order_seq_cst); /* see read.c */
    pthread_mutex_lock(&stream->lock);
    uint64_t position = sluice_fifo_released(&stream->in) + stream->passed_bytes;
    pthread_mutex_unlock(&stream->lock);
    if (target == 0 || position < target || stream->in_over)
        return;
    atomic_store(&stream->flush_target, 0);
    stream->taken_told = position;
    sluice_wire_put_number(mux_message(mux, stream), position);
    mux_send(mux, SLUICE_MESSAGE_STREAM_TAKEN);
}

int mux_in_flush(sluice_mux *mux, sluice_stream *stream, sluice_wire_reader *body, sluice_error *error)
{
    uint64_t upto = sluice_wire_get_number(body);
    if (body->bad || upto == 0 || !stream->reads)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the peer sent a malformed flush of a stream");
    if (upto > atomic_load(&stream->flush_target))
        atomic_store(&stream->flush_target, upto);
    tell_taken(mux, stream);
    return SLUICE_OK;
}

/* ---- what the program has done ---- */

static void give_credit(sluice_mux *mux, sluice_stream *stream)
{
    uint64_t released = sluice_fifo_released(&stream->in), freed = released - stream->accounted;
    if (freed == 0 || stream->in_over)
        return;
    stream->accounted = released;
    uint64_t grant = sluice_budget_freed(&mux->in_budget, &stream->in_share, freed, mux_now(mux), mux_rtt(mux));
    stream->held_back += freed;
    uint64_t consumed = grant < stream->held_back ? grant : stream->held_back;
    stream->held_back -= consumed;
    if (consumed)
        ops(mux)->consumed_ordered(carrier(mux), mux_object(stream), consumed);
    if (grant > consumed && ops(mux)->widen)
        ops(mux)->widen(carrier(mux), mux_object(stream), grant - consumed);
    atomic_store(&stream->window, stream->in_share.bytes);
    mux->dirty = true;
}

static void judged(sluice_mux *mux, sluice_stream *stream)
{
    sluice_error why = {0};
    if (stream->in_over)
        return;
    pthread_mutex_lock(&stream->lock);
    int verdict = stream->verdict;
    if (verdict != SLUICE_OK)
        why = stream->in_error;
    uint64_t bytes = stream->end_bytes;
    pthread_mutex_unlock(&stream->lock);
    sluice_message_put_status(mux_message(mux, stream), verdict, why.text);
    mux_send(mux, SLUICE_MESSAGE_STREAM_DONE);
    stream->stop_sent = true; /* there is nothing left to stop */
    if (verdict == SLUICE_OK)
        mux->statistics.bytes += bytes;
    mux_in_end(mux, stream, &why);
}

static void give_up(sluice_mux *mux, sluice_stream *stream)
{
    if (stream->in_over)
        return;
    pthread_mutex_lock(&stream->lock);
    sluice_error why = stream->in_error;
    pthread_mutex_unlock(&stream->lock);
    sluice_wire_writer *body = mux_message(mux, stream);
    sluice_wire_put_number(body, MUX_GIVES_UP_READING);
    sluice_message_put_status(body, why.status, why.text);
    mux_send(mux, SLUICE_MESSAGE_STREAM_ABORT);
    mux_in_end(mux, stream, &why);
}

void mux_in_asked(sluice_mux *mux, sluice_stream *stream, unsigned asks)
{
    if (!stream->reads || stream->in_over)
        return;
    if (asks & SLUICE_STREAM_TOOK) {
        give_credit(mux, stream);
        tell_taken(mux, stream);
    }
    if (asks & SLUICE_STREAM_JUDGED)
        judged(mux, stream);
    if (asks & SLUICE_STREAM_ABORT_IN)
        give_up(mux, stream);
}

void mux_in_tell(sluice_mux *mux, sluice_stream *stream)
{
    (void)mux;
    sluice_fifo_publish(&stream->in);
}
