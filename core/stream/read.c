/* SPDX-License-Identifier: Apache-2.0 */
/* read.c - the calls that read from a stream, up to its verified end. */
#include "stream/patience.h"
#include "stream/stream_state.h"

#include <string.h>

/* Credit for what was read is given when as much as this part of the window, or so many bytes, were. */
#define CREDIT_PART 4
#define CREDIT_MOST (512u << 10)

static int fail(sluice_stream *stream, int status, const char *sentence)
{
    return sluice_fail(&stream->in_last, status, "%s: %s", stream->name[0] ? stream->name : "stream", sentence);
}

/* What a call finds.  With the lock held. */
typedef enum found { FOUND_NOTHING, FOUND_BYTES, FOUND_GAP, FOUND_END, FOUND_ERROR } found;

static found look(const sluice_stream *stream, uint64_t *bytes)
{
    uint64_t released = sluice_fifo_released(&stream->in), until = sluice_fifo_published(&stream->in);
    const sluice_stream_gap *gap =
        stream->gaps.first < stream->gaps.count ? &stream->gaps.items[stream->gaps.first] : NULL;
    if (stream->judged)
        return stream->verdict == SLUICE_OK ? FOUND_END : FOUND_ERROR;
    if (stream->in_error.status != SLUICE_OK)
        return FOUND_ERROR;
    if (gap && gap->before == released)
        return FOUND_GAP;
    if (gap && gap->before < until)
        until = gap->before;
    *bytes = until - released;
    if (until > released)
        return FOUND_BYTES;
    return stream->ended && released >= stream->end_bytes ? FOUND_END : FOUND_NOTHING;
}

static int wait_for_something(sluice_stream *stream, sluice_time until, found *what, uint64_t *bytes)
{
    while ((*what = look(stream, bytes)) == FOUND_NOTHING) {
        if (!stream->blocking)
            return fail(stream, SLUICE_EAGAIN, "nothing has come");
        stream->reader_waits = true;
        bool late = !sluice_patience_wait(&stream->readable, &stream->lock, until);
        stream->reader_waits = false;
        if (late && look(stream, bytes) == FOUND_NOTHING)
            return fail(stream, SLUICE_ETIMEOUT, "nothing has come for too long");
    }
    return SLUICE_OK;
}

/* The first time that the end is read: what was read must be what was written. */
static void judge(sluice_stream *stream)
{
    sluice_digest digest;
    if (stream->judged)
        return;
    int status = sluice_digest_stream_final(stream->in_digest, &digest);
    if (status == SLUICE_OK && !stream->deadline_ns && !sluice_digest_equal(&digest, &stream->end_digest))
        status = SLUICE_EDIGEST;
    if (status != SLUICE_OK)
        sluice_fail(&stream->in_error, status, "%s",
                    status == SLUICE_EDIGEST ? "what was read is not what was written: the digests differ"
                                             : "no digest of what was read");
    stream->verdict = status;
    stream->judged = true;
}

static int gap_tell(sluice_stream *stream)
{
    const sluice_stream_gap *gap = &stream->gaps.items[stream->gaps.first++];
    stream->gap_from = gap->from;
    stream->gap_to = gap->to;
    stream->passed_bytes += gap->to - gap->from;
    return sluice_fail(&stream->in_last, SLUICE_ESKIPPED, "%s: %llu bytes came too late and were skipped",
                       stream->name[0] ? stream->name : "stream", (unsigned long long)(gap->to - gap->from));
}

/* With the lock held; bytes alone are left to be copied. */
static int found_take(sluice_stream *stream, found what)
{
    switch (what) {
    case FOUND_GAP:
        return gap_tell(stream);
    case FOUND_END:
        judge(stream);
        return stream->verdict == SLUICE_OK ? SLUICE_OK : fail(stream, stream->verdict, stream->in_error.text);
    case FOUND_ERROR:
        return fail(stream, stream->in_error.status, stream->in_error.text);
    default:
        return SLUICE_OK;
    }
}

/* The mux learns of what was read, though not of every little bit. */
static void tell_taken(sluice_stream *stream)
{
    uint64_t released = sluice_fifo_released(&stream->in), part = atomic_load(&stream->window) / CREDIT_PART;
    /* Either this side sees what the peer has just asked, or the mux, which has the same fence, sees what was released. */
    atomic_thread_fence(memory_order_seq_cst);
    uint64_t target = atomic_load(&stream->flush_target);
    part = part < CREDIT_MOST ? part : CREDIT_MOST;
    if (released - atomic_load(&stream->took_told) < part && target == 0)
        return;
    atomic_store(&stream->took_told, released);
    sluice_stream_ask(stream, SLUICE_STREAM_TOOK);
}

static size_t total_of(const struct iovec *buffers, int count)
{
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += buffers[i].iov_len;
    return total;
}

/* No more than may be taken, digested while it is warm. */
static size_t copy_out(sluice_stream *stream, const struct iovec *buffers, int count, uint64_t most)
{
    uint64_t offset = sluice_fifo_released(&stream->in);
    size_t done = 0;
    for (int i = 0; i < count && done < most; i++) {
        struct iovec part = buffers[i];
        if (part.iov_len > most - done)
            part.iov_len = (size_t)(most - done);
        size_t got = sluice_fifo_fetch(&stream->in, offset + done, &part, 1);
        sluice_digest_stream_update(stream->in_digest, part.iov_base, got);
        done += got;
        if (got < part.iov_len)
            break;
    }
    sluice_fifo_release(&stream->in, offset + done);
    return done;
}

static int64_t read_locked(sluice_stream *stream, const struct iovec *buffers, int count)
{
    uint64_t bytes = 0;
    found what = FOUND_NOTHING;
    pthread_mutex_lock(&stream->lock);
    sluice_time until = sluice_patience_until(stream->read_ns);
    int status = SLUICE_OK;
    if (!stream->reads)
        status = fail(stream, SLUICE_EINVAL, "it is for writing only");
    else if (count < 0)
        status = fail(stream, SLUICE_EINVAL, "fewer than no buffers");
    else if (total_of(buffers, count) == 0)
        count = 0;
    if (status == SLUICE_OK && count > 0)
        status = wait_for_something(stream, until, &what, &bytes);
    bool was_judged = stream->judged;
    if (status == SLUICE_OK)
        status = found_take(stream, what);
    if (stream->readiness && what != FOUND_BYTES)
        sluice_stream_signal(stream);
    bool judged = stream->judged && !was_judged && !(stream->verdict_waits && stream->verdict == SLUICE_OK);
    pthread_mutex_unlock(&stream->lock);
    if (judged)
        sluice_stream_ask(stream, SLUICE_STREAM_TOOK | SLUICE_STREAM_JUDGED);
    if (what == FOUND_GAP)
        tell_taken(stream);
    if (status != SLUICE_OK || what != FOUND_BYTES)
        return status;
    size_t got = copy_out(stream, buffers, count, bytes);
    if (stream->readiness) {
        pthread_mutex_lock(&stream->lock);
        sluice_stream_signal(stream);
        pthread_mutex_unlock(&stream->lock);
    }
    tell_taken(stream);
    return got > 0 ? (int64_t)got : fail(stream, SLUICE_ENOMEM, "out of memory for what is read");
}

int64_t sluice_stream_readv(sluice_stream *stream, const struct iovec *buffers, int count)
{
    pthread_mutex_lock(&stream->reading);
    int64_t got = read_locked(stream, buffers, count);
    pthread_mutex_unlock(&stream->reading);
    return got;
}

int64_t sluice_stream_read(sluice_stream *stream, void *bytes, size_t count)
{
    return sluice_stream_readv(stream, &(struct iovec){.iov_base = bytes, .iov_len = count}, 1);
}
