/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - a session of streams as the program sees it, at either side. */
#include "base/clock.h"
#include "plugin/library.h"
#include "plugin/settings.h"
#include "stream/moorage.h"
#include "stream/patience.h"
#include "stream/stream_state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PRIORITY 4 /* of a stream that is given none */

/* ---- life ---- */

int sluice_stream_session_new(bool client, uint64_t memory_bytes, sluice_stream_session **out, sluice_error *error)
{
    sluice_stream_session *session = calloc(1, sizeof *session);
    if (!session)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a session of streams");
    atomic_init(&session->refs, 1);
    session->client = client;
    session->memory_bytes = memory_bytes;
    session->ready_fd = -1;
    session->asking_tail = &session->asking;
    session->figures.size = sizeof session->figures;
    /* As many as there can ever be in use: what one stream gives back another takes, and none is made anew meanwhile. */
    sluice_fifo_store_init(&session->segments, (size_t)(memory_bytes / SLUICE_FIFO_SEGMENT));
    pthread_mutex_init(&session->lock, NULL);
    sluice_patience_init(&session->changed);
    *out = session;
    return SLUICE_OK;
}

void sluice_stream_session_use(sluice_stream_session *session)
{
    atomic_fetch_add(&session->refs, 1);
}

void sluice_stream_session_leave(sluice_stream_session *session)
{
    if (atomic_fetch_sub(&session->refs, 1) != 1)
        return;
    assert(!session->asking);
    if (session->ready_fd >= 0)
        close(session->ready_fd);
    sluice_settings_free(session->settings);
    sluice_fifo_store_fini(&session->segments);
    pthread_mutex_destroy(&session->lock);
    pthread_cond_destroy(&session->changed);
    free(session);
}

void sluice_stream_session_wake_locked(sluice_stream_session *session)
{
    if (session->woken || !session->wake)
        return;
    session->woken = true;
    session->wake(session->wake_user);
}

void sluice_stream_session_wake(sluice_stream_session *session)
{
    pthread_mutex_lock(&session->lock);
    sluice_stream_session_wake_locked(session);
    pthread_mutex_unlock(&session->lock);
}

void sluice_stream_session_stage(sluice_stream_session *session, sluice_stream_stage stage, const sluice_error *why)
{
    uint64_t one = 1;
    pthread_mutex_lock(&session->lock);
    if (session->stage < stage) {
        session->stage = stage;
        if (why && !session->in_order)
            session->why = *why;
        pthread_cond_broadcast(&session->changed);
        if (session->ready_fd >= 0)
            (void)!write(session->ready_fd, &one, sizeof one);
    }
    pthread_mutex_unlock(&session->lock);
}

/* ---- whether it stands ---- */

static int over(const sluice_stream_session *session, sluice_error *error)
{
    if (session->why.status == SLUICE_OK)
        return sluice_fail(error, SLUICE_ECLOSED, "%s: the session is over", session->peer);
    return sluice_fail(error, session->why.status, "%s", session->why.text);
}

int sluice_stream_session_ready(sluice_stream_session *session, sluice_duration wait_ns, sluice_error *error)
{
    sluice_time until = sluice_patience_until(wait_ns);
    int status = SLUICE_OK;
    pthread_mutex_lock(&session->lock);
    while (status == SLUICE_OK && session->stage == SLUICE_STREAM_WAITING) {
        if (wait_ns == 0)
            status = sluice_fail(error, SLUICE_EAGAIN, "%s: the session does not stand yet", session->peer);
        else if (!sluice_patience_wait(&session->changed, &session->lock, until))
            status = sluice_fail(error, SLUICE_ETIMEOUT, "%s: the session does not stand yet", session->peer);
    }
    if (status == SLUICE_OK && session->stage == SLUICE_STREAM_OVER)
        status = over(session, error);
    pthread_mutex_unlock(&session->lock);
    return status;
}

int sluice_stream_session_fd(sluice_stream_session *session, sluice_error *error)
{
    pthread_mutex_lock(&session->lock);
    if (session->ready_fd < 0)
        session->ready_fd = eventfd(session->stage != SLUICE_STREAM_WAITING, EFD_NONBLOCK | EFD_CLOEXEC);
    int fd = session->ready_fd;
    pthread_mutex_unlock(&session->lock);
    return fd >= 0 ? fd
                   : sluice_fail(error, sluice_status_from_errno(errno), "cannot make a descriptor to poll: %s",
                                 strerror(errno));
}

/* ---- what the program wants of it ---- */

static int check_control(sluice_stream_session *session, const char *name, sluice_error *error)
{
    sluice_module *module;
    int status = sluice_registry_load(session->library->registry, SLUICE_CONGESTION, name, &module, error);
    if (status == SLUICE_OK)
        sluice_registry_release(session->library->registry, module);
    return status;
}

static int rate_ask(sluice_stream_session *session, const char *key, const char *value, sluice_error *error)
{
    sluice_error why = {0};
    const sluice_transfer_settings *options = sluice_settings_transfer(session->settings);
    if (strcmp(key, "rate") != 0 && strcmp(key, "min-rate") != 0 && strcmp(key, "policy") != 0 &&
        strcmp(key, "congestion") != 0)
        return sluice_fail(error, SLUICE_EUSAGE, "%s cannot be changed while a session runs", key);
    bool named = strcmp(key, "policy") == 0 || strcmp(key, "congestion") == 0;
    int status = named && value[0] != '\0' ? check_control(session, value, &why) : SLUICE_OK;
    if (status == SLUICE_OK)
        status = sluice_settings_set(session->settings, key, value, &why);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "%s", why.text);
    session->target_bps = options->rate;
    session->minimum_bps = options->min_rate;
    if (named) /* else it stays what was agreed upon */
        snprintf(session->policy, sizeof session->policy, "%s", sluice_settings_congestion(session->settings));
    session->rate_asked = true;
    sluice_stream_session_wake_locked(session);
    return SLUICE_OK;
}

int sluice_stream_session_set(sluice_stream_session *session, const char *key, const char *value, sluice_error *error)
{
    pthread_mutex_lock(&session->lock);
    int status = session->stage == SLUICE_STREAM_OVER ? over(session, error) : rate_ask(session, key, value, error);
    pthread_mutex_unlock(&session->lock);
    return status;
}

int sluice_stream_session_pause(sluice_stream_session *session, bool paused)
{
    pthread_mutex_lock(&session->lock);
    int status = session->stage == SLUICE_STREAM_OVER ? over(session, NULL) : SLUICE_OK;
    session->pause = paused;
    session->pause_asked = true;
    sluice_stream_session_wake_locked(session);
    pthread_mutex_unlock(&session->lock);
    return status;
}

void sluice_stream_session_figures(sluice_stream_session *session, const sluice_statistics *figures)
{
    pthread_mutex_lock(&session->lock);
    const char **words[] = {&session->figures.cipher, &session->figures.crypto, &session->figures.transport,
                            &session->figures.congestion};
    const char *limited_by = figures->limited_by; /* one of a few that live for ever */
    session->figures = *figures;
    for (size_t i = 0; i < SLUICE_COUNT(words); i++) {
        if (*words[i])
            snprintf(session->figure_words[i], sizeof session->figure_words[i], "%s", *words[i]);
        *words[i] = session->figure_words[i];
    }
    session->figures.limited_by = limited_by;
    pthread_mutex_unlock(&session->lock);
}

void sluice_stream_session_statistics(sluice_stream_session *session, sluice_statistics *out)
{
    pthread_mutex_lock(&session->lock);
    *out = session->figures;
    pthread_mutex_unlock(&session->lock);
}

/* ---- streams of it ---- */

static int order_check(const sluice_stream_order *order, sluice_error *error)
{
    if (order->name && strlen(order->name) > SLUICE_STREAM_NAME_MAX)
        return sluice_fail(error, SLUICE_EINVAL, "the name of a stream has at most %d bytes", SLUICE_STREAM_NAME_MAX);
    if (order->mode < SLUICE_STREAM_PUSH || order->mode > SLUICE_STREAM_BOTH)
        return sluice_fail(error, SLUICE_EINVAL, "a stream is to push, to pull or both");
    if (order->priority >= SLUICE_PRIORITY_LEVELS)
        return sluice_fail(error, SLUICE_EINVAL, "the priority of a stream is 1 to %d", SLUICE_PRIORITY_LEVELS - 1);
    if (order->deadline_ns > SLUICE_NEVER / 4)
        return sluice_fail(error, SLUICE_EINVAL, "the deadline of a stream is too far away");
    return SLUICE_OK;
}

/* Ids are in the order in which the mux is asked. */
static int ask_open(sluice_stream_session *session, sluice_stream *stream, sluice_error *error)
{
    sluice_budget budget;
    sluice_budget_init(&budget, session->memory_bytes, SLUICE_STREAM_FIRST_BYTES);
    int status = SLUICE_OK;
    pthread_mutex_lock(&session->lock);
    if (session->stage == SLUICE_STREAM_WAITING)
        status = sluice_fail(error, SLUICE_EAGAIN, "%s: the session does not stand yet", session->peer);
    else if (session->stage == SLUICE_STREAM_OVER)
        status = over(session, error);
    else if (session->open >= sluice_budget_most(&budget))
        status = sluice_fail(error, SLUICE_ELIMIT,
                             "%s: %llu streams are open, and there is memory for no more; close some, or raise memory",
                             session->peer, (unsigned long long)session->open);
    else if (!session->wake)
        status = sluice_fail(error, SLUICE_ECLOSED, "%s: the session is over", session->peer);
    if (status == SLUICE_OK) {
        stream->id = session->next_id++;
        session->open++;
        sluice_stream_ask_locked(stream, SLUICE_STREAM_OPEN);
    }
    pthread_mutex_unlock(&session->lock);
    return status;
}

int sluice_stream_open(sluice_stream_session *session, const sluice_stream_order *order, sluice_stream **out,
                       sluice_error *error)
{
    sluice_stream *stream;
    int status = order_check(order, error);
    if (status == SLUICE_OK && !session->client)
        status = sluice_fail(error, SLUICE_EINVAL, "streams are opened by the client");
    if (status != SLUICE_OK)
        return status;
    status = sluice_stream_new(session, 0, order->name ? order->name : session->name, order->mode, session->checksum,
                               order->deadline_ns, &stream);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "out of memory for a stream");
    stream->priority = order->priority ? order->priority : PRIORITY;
    stream->drop_behind = session->drop_behind;
    stream->announced_own = order->announced_bytes ? order->announced_bytes : SLUICE_UNKNOWN;
    atomic_store(&stream->gather_ns, order->gather_ns);
    status = sluice_stream_digests(stream);
    if (status != SLUICE_OK)
        sluice_fail(error, status, "out of memory for a stream");
    else
        status = ask_open(session, stream, error);
    if (status != SLUICE_OK) {
        sluice_stream_leave(stream);
        return status;
    }
    *out = stream;
    return SLUICE_OK;
}

sluice_stream_session *sluice_stream_session_of(sluice_stream *stream)
{
    return stream->session;
}

/* ---- the end ---- */

void sluice_stream_session_cancel(sluice_stream_session *session)
{
    if (session->client) { /* without the lock: signal handlers come here */
        sluice_transfer_cancel(session->transfer);
        return;
    }
    pthread_mutex_lock(&session->lock);
    session->cancel_asked = true;
    sluice_stream_session_wake_locked(session);
    pthread_mutex_unlock(&session->lock);
}
