/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dialer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct attempt {
    sluice_dialer *dialer;
    sluice_watch *watch;
    int fd;
} attempt;

struct sluice_dialer {
    sluice_loop *loop;
    sluice_resolver *resolver;
    sluice_timer *stagger;
    sluice_duration stagger_ns;
    sluice_dialer_done *done;
    void *user;
    char label[SLUICE_ADDRESS_HOST + 16]; /* host:port as the user knows it */
    sluice_address addresses[SLUICE_RESOLVER_ADDRESSES];
    attempt attempts[SLUICE_RESOLVER_ADDRESSES];
    size_t count, started, pending;
    int errnum; /* of the failure that says most */
};

static void attempt_end(attempt *a)
{
    sluice_watch_free(a->watch);
    a->watch = NULL;
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

/* A refusal comes from the host itself and says more than a missing route. */
static void failure_note(sluice_dialer *dialer, int errnum)
{
    if (!dialer->errnum || errnum == ECONNREFUSED)
        dialer->errnum = errnum;
}

static const char *advice(int errnum)
{
    switch (errnum) {
    case ECONNREFUSED:
        return " - is `sluice serve` running there?";
    case ETIMEDOUT:
        return " - is the host up, and does a firewall let TCP through?";
    default:
        return "";
    }
}

static void give_up(sluice_dialer *dialer)
{
    sluice_error error = {0};
    sluice_fail(&error, SLUICE_ECONNECT, "cannot connect to %s: %s%s", dialer->label, strerror(dialer->errnum),
                advice(dialer->errnum));
    sluice_timer_set(dialer->stagger, SLUICE_NEVER);
    dialer->done(dialer->user, -1, NULL, &error);
}

static void win(sluice_dialer *dialer, attempt *a)
{
    int fd = a->fd;
    const sluice_address *peer = &dialer->addresses[a - dialer->attempts];
    a->fd = -1;
    for (size_t i = 0; i < dialer->started; i++)
        attempt_end(&dialer->attempts[i]);
    sluice_timer_set(dialer->stagger, SLUICE_NEVER);
    dialer->done(dialer->user, fd, peer, NULL);
}

static void connected(void *user, unsigned directions);

/* 0: under way or done, which the watch tells. */
static int attempt_start(sluice_dialer *dialer, attempt *a, const sluice_address *address)
{
    struct sockaddr_in6 raw;
    socklen_t bytes = sluice_address_give(address, address->of.any.sa_family, &raw);
    a->dialer = dialer;
    a->fd = socket(address->of.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (a->fd < 0)
        return errno;
    if (connect(a->fd, (const struct sockaddr *)&raw, bytes) < 0 && errno != EINPROGRESS)
        return errno;
    if (sluice_watch_new(&a->watch, dialer->loop, a->fd, connected, a) != SLUICE_OK)
        return ENOMEM;
    return sluice_watch_set(a->watch, SLUICE_WATCH_WRITE) == SLUICE_OK ? 0 : ENOMEM;
}

static void start_next(sluice_dialer *dialer)
{
    while (dialer->started < dialer->count) {
        size_t at = dialer->started++;
        int failed = attempt_start(dialer, &dialer->attempts[at], &dialer->addresses[at]);
        if (!failed) {
            dialer->pending++;
            if (dialer->started < dialer->count)
                sluice_timer_set(dialer->stagger, sluice_loop_now(dialer->loop) + dialer->stagger_ns);
            return;
        }
        attempt_end(&dialer->attempts[at]);
        failure_note(dialer, failed);
    }
    if (dialer->pending == 0)
        give_up(dialer);
}

static void connected(void *user, unsigned directions)
{
    (void)directions;
    attempt *a = user;
    sluice_dialer *dialer = a->dialer;
    int failed = 0;
    socklen_t bytes = sizeof(failed);
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &failed, &bytes) < 0)
        failed = errno;
    if (!failed) {
        win(dialer, a);
        return;
    }
    attempt_end(a);
    dialer->pending--;
    failure_note(dialer, failed);
    start_next(dialer);
}

static void stagger_over(void *user, sluice_time now)
{
    (void)now;
    start_next(user);
}

static void resolved(void *user, int failed, const char *why, const sluice_address *addresses, size_t count)
{
    sluice_dialer *dialer = user;
    if (failed) {
        sluice_error error = {0};
        sluice_fail(&error, SLUICE_ECONNECT, "cannot connect to %s: %s", dialer->label, why);
        dialer->done(dialer->user, -1, NULL, &error);
        return;
    }
    memcpy(dialer->addresses, addresses, count * sizeof(*addresses));
    dialer->count = count;
    start_next(dialer);
}

static sluice_dialer *dialer_make(sluice_loop *loop, sluice_duration stagger_ns, sluice_dialer_done *done, void *user)
{
    sluice_dialer *dialer = calloc(1, sizeof(*dialer));
    if (!dialer || sluice_timer_new(&dialer->stagger, loop, stagger_over, dialer) != SLUICE_OK) {
        free(dialer);
        return NULL;
    }
    dialer->loop = loop;
    dialer->stagger_ns = stagger_ns;
    dialer->done = done;
    dialer->user = user;
    for (size_t i = 0; i < SLUICE_RESOLVER_ADDRESSES; i++)
        dialer->attempts[i].fd = -1;
    return dialer;
}

int sluice_dialer_new(sluice_dialer **out, sluice_loop *loop, const char *host, uint16_t port,
                      sluice_duration stagger_ns, sluice_dialer_done *done, void *user, sluice_error *error)
{
    sluice_dialer *dialer = dialer_make(loop, stagger_ns, done, user);
    if (!dialer)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to connect to %s", host);
    bool bare = strchr(host, ':') != NULL; /* an IPv6 address */
    snprintf(dialer->label, sizeof(dialer->label), "%s%.255s%s:%u", bare ? "[" : "", host, bare ? "]" : "", port);
    int status = sluice_resolver_new(&dialer->resolver, loop, host, port, resolved, dialer, error);
    if (status != SLUICE_OK) {
        sluice_dialer_free(dialer);
        return status;
    }
    *out = dialer;
    return SLUICE_OK;
}

int sluice_dialer_to(sluice_dialer **out, sluice_loop *loop, const char *label, const sluice_address *addresses,
                     size_t count, sluice_duration stagger_ns, sluice_dialer_done *done, void *user,
                     sluice_error *error)
{
    if (count == 0 || count > SLUICE_RESOLVER_ADDRESSES)
        return sluice_fail(error, SLUICE_EINVAL, "%s: %zu addresses to connect to", label, count);
    sluice_dialer *dialer = dialer_make(loop, stagger_ns, done, user);
    if (!dialer)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to connect to %s", label);
    snprintf(dialer->label, sizeof(dialer->label), "%s", label);
    memcpy(dialer->addresses, addresses, count * sizeof(*addresses));
    dialer->count = count;
    sluice_timer_set(dialer->stagger, sluice_loop_refresh(loop)); /* at once, but from the loop */
    *out = dialer;
    return SLUICE_OK;
}

void sluice_dialer_free(sluice_dialer *dialer)
{
    if (!dialer)
        return;
    for (size_t i = 0; i < SLUICE_RESOLVER_ADDRESSES; i++)
        attempt_end(&dialer->attempts[i]);
    sluice_resolver_free(dialer->resolver);
    sluice_timer_free(dialer->stagger);
    free(dialer);
}
