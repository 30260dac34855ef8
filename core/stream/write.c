/* SPDX-License-Identifier: Apache-2.0 */
/* write.c - the calls that write to a stream, and those that wait for what becomes of it. */
#include "stream/patience.h"
#include "stream/stream_state.h"

#include <stdlib.h>

/* Copied at a time, so that the first bytes of a large write are on their way while the rest is being copied. */
#define PIECE_BYTES (256u << 10)
/* Ends of write calls of a live stream that the mux has not looked at: beyond that the last ones count as one. */
#define ENDS_MOST 4096

/* The error of a call: kept for sluice_stream_error. */
static int fail(sluice_stream *stream, int status, const char *sentence)
{
    return sluice_fail(&stream->out_last, status, "%s: %s", stream->name[0] ? stream->name : "stream", sentence);
}

/* With the lock held: what hinders writing for good, or SLUICE_OK. */
static int check_usable(sluice_stream *stream)
{
    if (stream->out_error.status != SLUICE_OK)
        return fail(stream, stream->out_error.status, stream->out_error.text);
    return SLUICE_OK;
}

static int check_open(sluice_stream *stream)
{
    if (!stream->writes)
        return fail(stream, SLUICE_EINVAL, "it is for reading only");
    if (stream->finished)
        return fail(stream, SLUICE_EINVAL, "nothing can be written after finish");
    return check_usable(stream);
}

/* ---- writing ---- */

static uint64_t room(const sluice_stream *stream)
{
    /* Whoever sees what was released sees the share of then, or of later. */
    uint64_t held = stream->out.written - sluice_fifo_released(&stream->out), most = atomic_load(&stream->room_most);
    return held < most ? most - held : 0;
}

/* Until there is room.  With the lock held. */
static int wait_for_room(sluice_stream *stream, sluice_time until)
{
    int status = check_usable(stream);
    while (status == SLUICE_OK && room(stream) == 0) {
        if (!stream->blocking)
            return fail(stream, SLUICE_EAGAIN, "no room: what was written waits for the peer");
        stream->writer_waits = true;
        bool late = !sluice_patience_wait(&stream->writable, &stream->lock, until);
        stream->writer_waits = false;
        status = check_usable(stream);
        if (late && status == SLUICE_OK && room(stream) == 0)
            return fail(stream, SLUICE_ETIMEOUT, "what was written waits for the peer for too long");
    }
    return status;
}

/* Where a write call of a live stream ended. */
static int end_note(sluice_stream *stream, uint64_t end)
{
    sluice_stream_ends *ends = &stream->ends;
    if (ends->count == ENDS_MOST) {
        ends->items[ends->count - 1] = end;
        return SLUICE_OK;
    }
    if (ends->count == ends->room) {
        size_t more = ends->room ? ends->room * 2 : 16;
        uint64_t *grown = reallocarray(ends->items, more, sizeof *grown);
        if (!grown)
            return SLUICE_ENOMEM;
        ends->items = grown;
        ends->room = more;
    }
    ends->items[ends->count++] = end;
    return SLUICE_OK;
}

static int publish(sluice_stream *stream, bool ends_here)
{
    int status = SLUICE_OK;
    pthread_mutex_lock(&stream->lock);
    sluice_fifo_publish(&stream->out);
    if (stream->deadline_ns && ends_here)
        status = end_note(stream, stream->out.written);
    if (stream->readiness)
        sluice_stream_signal(stream);
    pthread_mutex_unlock(&stream->lock);
    sluice_stream_ask(stream, SLUICE_STREAM_WROTE);
    return status == SLUICE_OK ? SLUICE_OK : fail(stream, status, "out of memory");
}

static int copy_in(sluice_stream *stream, const uint8_t *bytes, size_t count)
{
    if (sluice_fifo_write(&stream->out, bytes, count) != SLUICE_OK) {
        /* Some of it may be there, and cannot be taken back. */
        sluice_stream_give_up(stream, SLUICE_STREAM_ABORT_OUT, SLUICE_ENOMEM, "the writer is out of memory");
        return fail(stream, SLUICE_ENOMEM, "out of memory for what is written");
    }
    sluice_digest_stream_update(stream->out_digest, bytes, count);
    return SLUICE_OK;
}

/* One buffer; *done grows by what was taken. */
static int write_buffer(sluice_stream *stream, const struct iovec *buffer, bool last, sluice_time until, size_t *done)
{
    const uint8_t *bytes = buffer->iov_base;
    size_t left = buffer->iov_len;
    while (left > 0) {
        pthread_mutex_lock(&stream->lock);
        int status = wait_for_room(stream, until);
        pthread_mutex_unlock(&stream->lock);
        if (status != SLUICE_OK)
            return status;
        uint64_t most = room(stream);
        size_t part = left < PIECE_BYTES ? left : PIECE_BYTES;
        part = most < part ? (size_t)most : part;
        status = copy_in(stream, bytes, part);
        if (status == SLUICE_OK)
            status = publish(stream, last && part == left);
        if (status != SLUICE_OK)
            return status;
        bytes += part;
        left -= part;
        *done += part;
    }
    return SLUICE_OK;
}

/* What was begun and could not go on is a write of its own for the reader of a live stream. */
static void cut_short(sluice_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    if (stream->deadline_ns)
        (void)end_note(stream, stream->out.written);
    pthread_mutex_unlock(&stream->lock);
    sluice_stream_ask(stream, SLUICE_STREAM_WROTE);
}

static int last_filled(const struct iovec *buffers, int count)
{
    while (count > 0 && buffers[count - 1].iov_len == 0)
        count--;
    return count - 1;
}

/* The reader of a live stream goes on at the start of a write: a part of one is of no use to it, unless there can never be
 * room for more.  With the lock held. */
static int check_whole(sluice_stream *stream, const struct iovec *buffers, int count)
{
    uint64_t total = 0;
    if (!stream->deadline_ns || stream->blocking)
        return SLUICE_OK;
    for (int i = 0; i < count; i++)
        total += buffers[i].iov_len;
    bool waits = total > room(stream) && total <= atomic_load(&stream->room_most);
    stream->wants = waits ? total : 0;
    if (!waits)
        return SLUICE_OK;
    sluice_stream_signal(stream); /* whoever polls waits for as much room */
    return fail(stream, SLUICE_EAGAIN, "no room for all of it: what was written waits for the peer");
}

int64_t sluice_stream_writev(sluice_stream *stream, const struct iovec *buffers, int count)
{
    size_t done = 0;
    pthread_mutex_lock(&stream->writing);
    pthread_mutex_lock(&stream->lock);
    sluice_time until = sluice_patience_until(stream->write_ns);
    int status = count < 0 ? fail(stream, SLUICE_EINVAL, "fewer than no buffers") : check_open(stream);
    if (status == SLUICE_OK)
        status = check_whole(stream, buffers, count);
    pthread_mutex_unlock(&stream->lock);
    int last = last_filled(buffers, count);
    for (int i = 0; i <= last && status == SLUICE_OK; i++)
        status = write_buffer(stream, &buffers[i], i == last, until, &done);
    if (status != SLUICE_OK && done > 0)
        cut_short(stream);
    pthread_mutex_unlock(&stream->writing);
    return done > 0 ? (int64_t)done : status;
}

int64_t sluice_stream_write(sluice_stream *stream, const void *bytes, size_t count)
{
    return sluice_stream_writev(stream, &(struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = count}, 1);
}

/* ---- the end ---- */

/* With `writing` held. */
static int finish(sluice_stream *stream)
{
    int status = SLUICE_OK;
    pthread_mutex_lock(&stream->lock);
    bool was = stream->finished;
    if (!stream->writes)
        status = fail(stream, SLUICE_EINVAL, "it is for reading only");
    else
        status = check_usable(stream);
    if (status == SLUICE_OK && !was) {
        status = sluice_digest_stream_final(stream->out_digest, &stream->out_digest_final);
        if (status != SLUICE_OK)
            fail(stream, status, "no digest of what was written");
    }
    stream->finished = stream->finished || status == SLUICE_OK;
    if (stream->readiness)
        sluice_stream_signal(stream);
    pthread_mutex_unlock(&stream->lock);
    if (status != SLUICE_OK || was)
        return status;
    if (stream->announced_own != SLUICE_UNKNOWN && stream->announced_own != stream->out.written) {
        sluice_stream_give_up(stream, SLUICE_STREAM_ABORT_OUT, SLUICE_EINVAL,
                              "the writer wrote another number of bytes than it announced");
        return fail(stream, SLUICE_EINVAL, "another number of bytes was written than was announced");
    }
    sluice_stream_ask(stream, SLUICE_STREAM_FINISH);
    return SLUICE_OK;
}

int sluice_stream_finish(sluice_stream *stream)
{
    pthread_mutex_lock(&stream->writing);
    int status = finish(stream);
    pthread_mutex_unlock(&stream->writing);
    return status;
}

/* Until something has become of what was written.  With the lock held. */
static int wait_until(sluice_stream *stream, bool (*done)(const sluice_stream *stream, uint64_t what), uint64_t what,
                      bool blocking, sluice_time until, const char *late_sentence)
{
    while (!done(stream, what)) {
        int status = check_usable(stream);
        if (status != SLUICE_OK)
            return status;
        if (!blocking)
            return fail(stream, SLUICE_EAGAIN, "not yet");
        stream->writer_waits = true;
        bool late = !sluice_patience_wait(&stream->writable, &stream->lock, until);
        stream->writer_waits = false;
        if (late && !done(stream, what) && stream->out_error.status == SLUICE_OK)
            return fail(stream, SLUICE_ETIMEOUT, late_sentence);
    }
    return SLUICE_OK;
}

static bool is_taken(const sluice_stream *stream, uint64_t upto)
{
    return stream->taken >= upto;
}

static bool is_verified(const sluice_stream *stream, uint64_t unused)
{
    (void)unused;
    return stream->verified;
}

int sluice_stream_flush(sluice_stream *stream)
{
    pthread_mutex_lock(&stream->writing);
    pthread_mutex_lock(&stream->lock);
    uint64_t upto = stream->out.written;
    sluice_time until = sluice_patience_until(stream->write_ns);
    int status = !stream->writes ? fail(stream, SLUICE_EINVAL, "it is for reading only") : check_usable(stream);
    bool asks = status == SLUICE_OK && upto > stream->flush_upto;
    if (asks)
        stream->flush_upto = upto;
    pthread_mutex_unlock(&stream->lock);
    if (asks)
        sluice_stream_ask(stream, SLUICE_STREAM_FLUSH);
    pthread_mutex_lock(&stream->lock);
    if (status == SLUICE_OK)
        status = wait_until(stream, is_taken, upto, stream->blocking, until, "the peer's program has not read it yet");
    pthread_mutex_unlock(&stream->lock);
    pthread_mutex_unlock(&stream->writing);
    return status;
}

int sluice_stream_verify_until(sluice_stream *stream, bool blocking, sluice_time until)
{
    pthread_mutex_lock(&stream->writing);
    pthread_mutex_lock(&stream->lock);
    int status = SLUICE_OK;
    if (!stream->writes)
        status = fail(stream, SLUICE_EINVAL, "it is for reading only");
    else if (!stream->finished)
        status = check_usable(stream) != SLUICE_OK ? stream->out_last.status
                                                   : fail(stream, SLUICE_EINVAL, "verify comes after finish");
    if (status == SLUICE_OK)
        status = wait_until(stream, is_verified, 0, blocking, until, "the peer's program has not read it to its end yet");
    pthread_mutex_unlock(&stream->lock);
    pthread_mutex_unlock(&stream->writing);
    return status;
}

int sluice_stream_verify(sluice_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    bool blocking = stream->blocking;
    sluice_time until = sluice_patience_until(stream->write_ns);
    pthread_mutex_unlock(&stream->lock);
    return sluice_stream_verify_until(stream, blocking, until);
}
