/* SPDX-License-Identifier: Apache-2.0 */
/* listen.c - a server's streams: sessions as they come, and the row of streams that wait to be accepted. */
#include "net/thread.h"
#include "session/guest.h"
#include "session/watchers.h"
#include "stream/moorage.h"
#include "stream/patience.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct waiting {
    sluice_stream *stream;
    struct waiting *next;
} waiting;

struct sluice_stream_listener {
    sluice *library;
    sluice_stream_listen_order order;
    sluice_stream_host host;
    sluice_server *server;
    sluice_settings *settings; /* of table TRANSFER: what sessions check new rates with */
    sluice_thread *watcher;    /* waits for the server's end */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    waiting *first, **last;
    bool over;
    int fd; /* an eventfd in the way of a semaphore, once it was asked for; -1 */
};

/* ---- the row ---- */

static void show(const sluice_stream_listener *listener)
{
    uint64_t one = 1;
    if (listener->fd >= 0)
        (void)!write(listener->fd, &one, sizeof one);
}

static void hide(const sluice_stream_listener *listener)
{
    uint64_t one;
    if (listener->fd >= 0 && !listener->first && !listener->over)
        (void)!read(listener->fd, &one, sizeof one);
}

/* On the loop's thread.  Without memory for its place it is refused after all. */
static void on_accepted(void *user, sluice_stream *stream)
{
    sluice_stream_listener *listener = user;
    waiting *place = malloc(sizeof *place);
    if (!place) {
        sluice_stream_abort(stream, SLUICE_ENOMEM, "the server is out of memory");
        return;
    }
    *place = (waiting){.stream = stream};
    pthread_mutex_lock(&listener->lock);
    *listener->last = place;
    listener->last = &place->next;
    pthread_cond_signal(&listener->changed);
    show(listener);
    pthread_mutex_unlock(&listener->lock);
}

static sluice_stream *take_first(sluice_stream_listener *listener)
{
    waiting *place = listener->first;
    sluice_stream *stream = place->stream;
    listener->first = place->next;
    if (!listener->first)
        listener->last = &listener->first;
    free(place);
    hide(listener);
    return stream;
}

int sluice_stream_accept(sluice_stream_listener *listener, sluice_duration wait_ns, sluice_stream **out,
                         sluice_error *error)
{
    sluice_time until = sluice_patience_until(wait_ns);
    int status = SLUICE_OK;
    pthread_mutex_lock(&listener->lock);
    while (status == SLUICE_OK && !listener->first) {
        if (listener->over)
            status = sluice_fail(error, SLUICE_EEND, "the server has ended");
        else if (wait_ns == 0)
            status = sluice_fail(error, SLUICE_EAGAIN, "no stream was asked for");
        else if (!sluice_patience_wait(&listener->changed, &listener->lock, until) && !listener->first)
            status = sluice_fail(error, SLUICE_ETIMEOUT, "no stream was asked for");
    }
    if (status == SLUICE_OK)
        *out = take_first(listener);
    pthread_mutex_unlock(&listener->lock);
    return status;
}

int sluice_stream_listener_fd(sluice_stream_listener *listener, sluice_error *error)
{
    pthread_mutex_lock(&listener->lock);
    if (listener->fd < 0)
        listener->fd = eventfd(listener->first || listener->over, EFD_NONBLOCK | EFD_CLOEXEC);
    int fd = listener->fd;
    pthread_mutex_unlock(&listener->lock);
    return fd >= 0 ? fd
                   : sluice_fail(error, sluice_status_from_errno(errno), "cannot make a descriptor to poll: %s",
                                 strerror(errno));
}

/* ---- sessions ---- */

static int on_requested(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    const sluice_stream_listen_order *order = &((sluice_stream_listener *)user)->order;
    return order->requested(order->user, request, stream_user, error);
}

static int session_fill(const sluice_stream_listener *listener, const sluice_stream_visitor *visitor,
                        sluice_stream_session *session, sluice_error *error)
{
    session->library = listener->library;
    session->may_read = visitor->may_read;
    session->may_write = visitor->may_write;
    session->drop_behind = visitor->drop_behind;
    snprintf(session->peer, sizeof session->peer, "%s", visitor->peer);
    snprintf(session->ticket, sizeof session->ticket, "%s", visitor->ticket ? visitor->ticket : "");
    return sluice_settings_copy(listener->settings, &session->settings, error);
}

static int on_welcome(void *user, const sluice_stream_visitor *visitor, sluice_cargo_maker *out, sluice_error *error)
{
    sluice_stream_listener *listener = user;
    sluice_stream_session *session;
    int status = sluice_stream_session_new(false, visitor->memory_bytes, &session, error);
    if (status != SLUICE_OK)
        return status;
    sluice_moorage_setup moorage = {
        .session = session,
        .requested = listener->order.requested ? on_requested : NULL,
        .accepted = on_accepted,
        .user = listener,
    };
    status = session_fill(listener, visitor, session, error);
    if (status == SLUICE_OK)
        status = sluice_moorage_new(&moorage, out, error);
    sluice_stream_session_leave(session); /* the moorage and the streams hold it */
    return status;
}

/* ---- life ---- */

static void watch(void *user)
{
    sluice_stream_listener *listener = user;
    (void)sluice_server_wait(listener->server, NULL);
    pthread_mutex_lock(&listener->lock);
    listener->over = true;
    pthread_cond_broadcast(&listener->changed);
    show(listener);
    pthread_mutex_unlock(&listener->lock);
}

static int start(sluice *instance, const sluice_stream_listen_order *order, sluice_stream_listener *listener,
                 sluice_error *error)
{
    sluice_server_order server = {
        .size = sizeof server,
        .settings = order->settings,
        .event = order->event,
        .user = order->user,
        .report = sluice_watchers_spec(&order->report),
    };
    int status = sluice_settings_new(instance, SLUICE_SETTINGS_TRANSFER, NULL, &listener->settings, error);
    if (status == SLUICE_OK)
        status = sluice_server_start_with(instance, &server, &listener->host, &listener->server, error);
    if (status == SLUICE_OK)
        status = sluice_thread_new(&listener->watcher, "sluice-listen", watch, listener, error);
    return status;
}

int sluice_stream_listen(sluice *instance, const sluice_stream_listen_order *order, sluice_stream_listener **out,
                         sluice_error *error)
{
    sluice_stream_listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a server of streams");
    listener->library = instance;
    listener->order = *order;
    listener->host = (sluice_stream_host){.welcome = on_welcome, .user = listener, .sections = order->sections};
    listener->last = &listener->first;
    listener->fd = -1;
    pthread_mutex_init(&listener->lock, NULL);
    sluice_patience_init(&listener->changed);
    int status = start(instance, order, listener, error);
    if (status != SLUICE_OK) {
        sluice_stream_listener_free(listener);
        return status;
    }
    *out = listener;
    return SLUICE_OK;
}

sluice_server *sluice_stream_listener_server(sluice_stream_listener *listener)
{
    return listener->server;
}

void sluice_stream_listener_free(sluice_stream_listener *listener)
{
    if (!listener)
        return;
    if (listener->server)
        sluice_server_cancel(listener->server);
    if (listener->watcher)
        sluice_thread_free(listener->watcher);
    sluice_server_free(listener->server);
    while (listener->first)
        sluice_stream_abort(take_first(listener), SLUICE_ECANCELLED, "the server ends");
    if (listener->fd >= 0)
        close(listener->fd);
    sluice_settings_free(listener->settings);
    pthread_mutex_destroy(&listener->lock);
    pthread_cond_destroy(&listener->changed);
    free(listener);
}
