/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/listener.h"

#include "manager/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGAIN_NS (100 * SLUICE_MS) /* between one look for descriptors and the next */

/* A connection of which it is not known whose it is. */
typedef struct pending {
    sluice_listener *listener;
    sluice_link *link; /* NULL: there is none */
    sluice_timer *limit;
    bool over;         /* to be closed once nobody uses it */
} pending;

struct sluice_listener {
    sluice_loop *loop;
    int socket;
    uint16_t port;
    sluice_watch *watch;
    sluice_timer *again; /* when there may be descriptors again */
    const sluice_listener_ports *ports;
    void *user;
    pending pending[SLUICE_LISTENER_PENDING];
};

/* ---- connections that are nobody's yet ---- */

static void pending_close(pending *from)
{
    sluice_link_free(from->link);
    from->link = NULL;
    from->over = false;
    sluice_timer_set(from->limit, SLUICE_NEVER);
}

static void heard(void *user, sluice_link *link, const faspmgr_message *message)
{
    pending *from = user;
    const char *name = faspmgr_value(message, "UserStr");
    if (from->over)
        return;
    if (name != NULL && sluice_peer_is_ours(sluice_link_socket(link)) &&
        from->listener->ports->claim(from->listener->user, link, name, message)) {
        from->link = NULL;
        sluice_timer_set(from->limit, SLUICE_NEVER);
        return;
    }
    from->over = true;
}

static void ended(void *user, sluice_link *link, bool garbled)
{
    pending *from = user;
    (void)link;
    (void)garbled;
    from->over = true;
}

static void enter(void *user)
{
    pending *from = user;
    from->listener->ports->enter(from->listener->user);
}

/* The link is not used any more by whoever called us, so it may go. */
static void leave(void *user)
{
    pending *from = user;
    if (from->over)
        sluice_timer_set(from->limit, 0);
    from->listener->ports->leave(from->listener->user);
}

/* Nothing is said to it. */
static void roomy(void *user)
{
    (void)user;
}

static const sluice_link_ports pending_ports = {.heard = heard, .ended = ended, .roomy = roomy, .enter = enter, .leave = leave};

static void late(void *user, sluice_time now)
{
    pending *from = user;
    (void)now;
    enter(from);
    pending_close(from);
    leave(from);
}

/* ---- accepting ---- */

/* One more; there is room. */
static void take(sluice_listener *listener, pending *free_one, int socket)
{
    if (sluice_link_new(&free_one->link, listener->loop, socket, &pending_ports, free_one) != SLUICE_OK) {
        free_one->link = NULL;
        close(socket);
        return;
    }
    sluice_timer_set(free_one->limit, sluice_loop_refresh(listener->loop) + SLUICE_LISTENER_NS);
}

static pending *find_free(sluice_listener *listener)
{
    for (size_t i = 0; i < SLUICE_COUNT(listener->pending); i++)
        if (listener->pending[i].link == NULL)
            return &listener->pending[i];
    return NULL;
}

/* Who waits would wake the loop without end. */
static void look_away(sluice_listener *listener)
{
    (void)sluice_watch_set(listener->watch, 0);
    sluice_timer_set(listener->again, sluice_loop_refresh(listener->loop) + AGAIN_NS);
}

static void look_again(void *user, sluice_time now)
{
    sluice_listener *listener = user;
    (void)now;
    (void)sluice_watch_set(listener->watch, SLUICE_WATCH_READ);
}

/* Who has been here longest makes room: somebody who says nothing must not keep all others out. */
static void oldest_out(sluice_listener *listener)
{
    pending *oldest = &listener->pending[0];
    for (size_t i = 1; i < SLUICE_COUNT(listener->pending); i++)
        if (sluice_timer_when(listener->pending[i].limit) < sluice_timer_when(oldest->limit))
            oldest = &listener->pending[i];
    sluice_timer_set(oldest->limit, 0);
}

/* Without room nobody is taken: they wait in the kernel's queue. */
static void accept_all(sluice_listener *listener)
{
    pending *free_one;
    while ((free_one = find_free(listener)) != NULL) {
        int socket = accept4(listener->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket < 0 && errno == EINTR)
            continue;
        if (socket < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                look_away(listener);
            return;
        }
        take(listener, free_one, socket);
    }
    struct pollfd more = {.fd = listener->socket, .events = POLLIN};
    if (poll(&more, 1, 0) == 1)
        oldest_out(listener);
}

static void ready(void *user, unsigned directions)
{
    sluice_listener *listener = user;
    (void)directions;
    listener->ports->enter(listener->user);
    accept_all(listener);
    listener->ports->leave(listener->user);
}

void sluice_listener_drain(sluice_listener *listener)
{
    accept_all(listener);
    for (size_t i = 0; i < SLUICE_COUNT(listener->pending); i++) {
        pending *from = &listener->pending[i];
        if (from->link != NULL)
            sluice_link_drain(from->link);
        if (from->over)
            pending_close(from);
    }
}

/* ---- making ---- */

static int open_socket(sluice_listener *listener)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof here;
    listener->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->socket < 0 || bind(listener->socket, (struct sockaddr *)&here, bytes) != 0 ||
        listen(listener->socket, 128) != 0 || getsockname(listener->socket, (struct sockaddr *)&here, &bytes) != 0)
        return SLUICE_EIO;
    listener->port = ntohs(here.sin_port);
    return SLUICE_OK;
}

int sluice_listener_new(sluice_listener **out, sluice_loop *loop, const sluice_listener_ports *ports, void *user,
                        sluice_error *error)
{
    sluice_listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a manager");
    *listener = (sluice_listener){.loop = loop, .socket = -1, .ports = ports, .user = user};
    int status = open_socket(listener);
    if (status != SLUICE_OK)
        (void)sluice_fail(error, status, "cannot open the management port on 127.0.0.1: %s", strerror(errno));
    for (size_t i = 0; i < SLUICE_COUNT(listener->pending) && status == SLUICE_OK; i++) {
        listener->pending[i].listener = listener;
        status = sluice_timer_new(&listener->pending[i].limit, loop, late, &listener->pending[i]);
    }
    if (status == SLUICE_OK)
        status = sluice_timer_new(&listener->again, loop, look_again, listener);
    if (status == SLUICE_OK)
        status = sluice_watch_new(&listener->watch, loop, listener->socket, ready, listener);
    if (status == SLUICE_OK)
        status = sluice_watch_set(listener->watch, SLUICE_WATCH_READ);
    if (status != SLUICE_OK) {
        if (error != NULL && error->text[0] == '\0')
            (void)sluice_fail(error, status, "out of memory for a manager");
        sluice_listener_free(listener);
        return status;
    }
    *out = listener;
    return SLUICE_OK;
}

void sluice_listener_free(sluice_listener *listener)
{
    if (listener == NULL)
        return;
    for (size_t i = 0; i < SLUICE_COUNT(listener->pending); i++) {
        if (listener->pending[i].link != NULL)
            pending_close(&listener->pending[i]);
        sluice_timer_free(listener->pending[i].limit);
    }
    sluice_watch_free(listener->watch);
    sluice_timer_free(listener->again);
    if (listener->socket >= 0)
        close(listener->socket);
    free(listener);
}

uint16_t sluice_listener_port(const sluice_listener *listener)
{
    return listener->port;
}
