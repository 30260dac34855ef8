/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c - a stream: what the program's threads share with the mux, and everything but reading and writing. */
#include "stream/patience.h"
#include "stream/stream_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

int sluice_stream_new(sluice_stream_session *session, uint64_t id, const char *name, sluice_stream_mode mode,
                      sluice_checksum checksum, sluice_duration deadline_ns, sluice_stream **out)
{
    sluice_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return SLUICE_ENOMEM;
    atomic_init(&stream->refs, 1);
    stream->session = session;
    sluice_stream_session_use(session);
    stream->out.store = stream->in.store = &session->segments;
    stream->id = id;
    memcpy(stream->name, name, strlen(name) + 1);
    stream->mode = mode;
    stream->writes = mode & (session->client ? SLUICE_STREAM_PUSH : SLUICE_STREAM_PULL);
    stream->reads = mode & (session->client ? SLUICE_STREAM_PULL : SLUICE_STREAM_PUSH);
    stream->priority = 4;
    stream->deadline_ns = deadline_ns;
    stream->checksum = checksum;
    stream->announced_own = stream->announced_peer = SLUICE_UNKNOWN;
    stream->blocking = true;
    stream->read_ns = stream->write_ns = SLUICE_NEVER;
    stream->gather_due = SLUICE_NEVER;
    atomic_init(&stream->room_most, SLUICE_STREAM_FIRST_BYTES);
    atomic_init(&stream->window, SLUICE_STREAM_FIRST_BYTES);
    pthread_mutex_init(&stream->writing, NULL);
    pthread_mutex_init(&stream->reading, NULL);
    pthread_mutex_init(&stream->lock, NULL);
    sluice_patience_init(&stream->writable);
    sluice_patience_init(&stream->readable);
    *out = stream;
    return SLUICE_OK;
}

int sluice_stream_digests(sluice_stream *stream)
{
    sluice_checksum checksum = stream->deadline_ns ? SLUICE_CHECKSUM_NONE : stream->checksum;
    int status = stream->writes ? sluice_digest_stream_new(checksum, &stream->out_digest) : SLUICE_OK;
    if (status == SLUICE_OK && stream->reads)
        status = sluice_digest_stream_new(checksum, &stream->in_digest);
    return status;
}

void sluice_stream_use(sluice_stream *stream)
{
    atomic_fetch_add(&stream->refs, 1);
}

void sluice_stream_leave(sluice_stream *stream)
{
    if (atomic_fetch_sub(&stream->refs, 1) != 1)
        return;
    sluice_fifo_fini(&stream->out);
    sluice_fifo_fini(&stream->in);
    sluice_floor_fini(&stream->floor);
    sluice_digest_stream_free(stream->out_digest);
    sluice_digest_stream_free(stream->in_digest);
    sluice_readiness_free(stream->readiness);
    free(stream->ends.items);
    free(stream->gaps.items);
    free(stream->written);
    pthread_mutex_destroy(&stream->writing);
    pthread_mutex_destroy(&stream->reading);
    pthread_mutex_destroy(&stream->lock);
    pthread_cond_destroy(&stream->writable);
    pthread_cond_destroy(&stream->readable);
    sluice_stream_session_leave(stream->session);
    free(stream);
}

/* ---- between the program and the mux ---- */

static void stand_in_row(sluice_stream *stream)
{
    sluice_stream_session *session = stream->session;
    sluice_stream_use(stream);
    stream->next_asking = NULL;
    *session->asking_tail = stream;
    session->asking_tail = &stream->next_asking;
    sluice_stream_session_wake_locked(session);
}

void sluice_stream_ask_locked(sluice_stream *stream, unsigned what)
{
    atomic_store(&stream->asks, what);
    stand_in_row(stream);
}

void sluice_stream_ask(sluice_stream *stream, unsigned what)
{
    sluice_stream_session *session = stream->session;
    if (atomic_fetch_or(&stream->asks, what) != 0)
        return; /* it stands in the row already */
    pthread_mutex_lock(&session->lock);
    if (session->wake)
        stand_in_row(stream);
    else
        atomic_store(&stream->asks, 0); /* there is nobody to ask any more */
    pthread_mutex_unlock(&session->lock);
}

void sluice_stream_break(sluice_stream *stream, bool out, bool in, const sluice_error *why)
{
    if (out && stream->out_error.status == SLUICE_OK && !stream->verified)
        stream->out_error = *why;
    if (in && stream->in_error.status == SLUICE_OK && !stream->judged)
        stream->in_error = *why;
    if (stream->broken)
        stream->broken(stream->broken_user, out, in, why);
}

bool sluice_stream_is_readable(const sluice_stream *stream)
{
    uint64_t released = sluice_fifo_released(&stream->in);
    bool gap = stream->gaps.first < stream->gaps.count && stream->gaps.items[stream->gaps.first].before == released;
    if (!stream->reads)
        return false;
    return stream->in_error.status != SLUICE_OK || sluice_fifo_published(&stream->in) > released || gap ||
           (stream->ended && released >= stream->end_bytes);
}

bool sluice_stream_is_writable(const sluice_stream *stream)
{
    if (!stream->writes)
        return false;
    if (stream->out_error.status != SLUICE_OK)
        return true;
    if (stream->finished)
        return stream->verified;
    uint64_t held = sluice_fifo_published(&stream->out) - sluice_fifo_released(&stream->out);
    uint64_t most = atomic_load(&stream->room_most), least = stream->wants > 0 && stream->wants <= most ? stream->wants : 1;
    return held < most && most - held >= least;
}

void sluice_stream_signal(sluice_stream *stream)
{
    bool readable = sluice_stream_is_readable(stream), writable = sluice_stream_is_writable(stream);
    if (stream->reader_waits && readable)
        pthread_cond_broadcast(&stream->readable);
    if (stream->writer_waits) /* for one of several things */
        pthread_cond_broadcast(&stream->writable);
    if (stream->readiness)
        sluice_readiness_set(stream->readiness, readable, writable);
}

/* ---- what it is ---- */

const char *sluice_stream_name(const sluice_stream *stream)
{
    return stream->name;
}

sluice_stream_mode sluice_stream_mode_of(const sluice_stream *stream)
{
    return stream->mode;
}

void *sluice_stream_user(const sluice_stream *stream)
{
    return atomic_load(&stream->user);
}

void sluice_stream_user_set(sluice_stream *stream, void *user)
{
    atomic_store(&stream->user, user);
}

uint64_t sluice_stream_announced(const sluice_stream *stream)
{
    return stream->announced_peer;
}

void sluice_stream_blocking(sluice_stream *stream, bool blocking)
{
    pthread_mutex_lock(&stream->lock);
    stream->blocking = blocking;
    pthread_mutex_unlock(&stream->lock);
}

void sluice_stream_timeouts(sluice_stream *stream, sluice_duration read_ns, sluice_duration write_ns)
{
    pthread_mutex_lock(&stream->lock);
    stream->read_ns = read_ns;
    stream->write_ns = write_ns;
    pthread_mutex_unlock(&stream->lock);
}

void sluice_stream_gather(sluice_stream *stream, sluice_duration gather_ns)
{
    atomic_store(&stream->gather_ns, gather_ns);
    if (gather_ns == 0)
        sluice_stream_ask(stream, SLUICE_STREAM_WROTE);
}

const sluice_error *sluice_stream_error(const sluice_stream *stream, bool reading)
{
    return reading ? &stream->in_last : &stream->out_last;
}

void sluice_stream_skipped(const sluice_stream *stream, uint64_t *from, uint64_t *to)
{
    *from = stream->gap_from;
    *to = stream->gap_to;
}

int sluice_stream_fd(sluice_stream *stream, sluice_error *error)
{
    int status = SLUICE_OK;
    pthread_mutex_lock(&stream->lock);
    if (!stream->readiness)
        status = sluice_readiness_new(&stream->readiness, error);
    if (status == SLUICE_OK) {
        sluice_stream_signal(stream);
        status = sluice_readiness_fd(stream->readiness);
    }
    pthread_mutex_unlock(&stream->lock);
    return status;
}

void sluice_stream_statistics_get(sluice_stream *stream, sluice_stream_statistics *out)
{
    sluice_stream_statistics all = {.size = sizeof all};
    uint32_t size = out->size < sizeof all ? out->size : (uint32_t)sizeof all;
    pthread_mutex_lock(&stream->lock);
    uint64_t most = atomic_load(&stream->room_most);
    uint64_t held = sluice_fifo_published(&stream->out) - sluice_fifo_released(&stream->out);
    all.written_bytes = sluice_fifo_published(&stream->out);
    all.acked_bytes = stream->acked_bytes - stream->given_up_bytes;
    all.taken_bytes = stream->taken;
    all.given_up_bytes = stream->given_up_bytes;
    all.read_bytes = sluice_fifo_released(&stream->in);
    all.arrived_bytes = sluice_fifo_published(&stream->in);
    all.skipped_bytes = stream->skipped_bytes;
    all.room_bytes = stream->writes && !stream->finished && held < most ? most - held : 0;
    all.window_bytes = stream->reads ? atomic_load(&stream->window) : 0;
    pthread_mutex_unlock(&stream->lock);
    all.size = out->size;
    memcpy(out, &all, size);
}
