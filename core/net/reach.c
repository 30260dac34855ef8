/* SPDX-License-Identifier: Apache-2.0 */
#include "net/reach.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct attempt {
    sluice_reach *reach;
    sluice_watch *watch;
    int fd;
} attempt;

struct sluice_reach {
    sluice_loop *loop;
    sluice_timer *timer; /* the end of patience; also when all has been said at once */
    sluice_time begun;
    sluice_reach_done *done;
    void *user;
    attempt attempts[SLUICE_REACH_ADDRESSES];
    sluice_reach_result results[SLUICE_REACH_ADDRESSES];
    size_t count, pending;
};

static void attempt_end(attempt *a, int errnum)
{
    sluice_reach *reach = a->reach;
    sluice_reach_result *result = &reach->results[a - reach->attempts];
    if (a->fd < 0)
        return;
    result->errnum = errnum;
    result->took_ns = sluice_loop_now(reach->loop) - reach->begun;
    sluice_watch_free(a->watch);
    a->watch = NULL;
    close(a->fd);
    a->fd = -1;
    reach->pending--;
}

/* From the timer in any case, so that `done` comes from the loop and may free everything. */
static void on_timer(void *user, sluice_time now)
{
    sluice_reach *reach = user;
    (void)now;
    for (size_t i = 0; i < reach->count; i++)
        attempt_end(&reach->attempts[i], ETIMEDOUT);
    reach->done(reach->user, reach->results, reach->count);
}

static void on_answer(void *user, unsigned directions)
{
    attempt *a = user;
    sluice_reach *reach = a->reach;
    int errnum = 0;
    socklen_t bytes = sizeof errnum;
    (void)directions;
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &errnum, &bytes) < 0)
        errnum = errno;
    attempt_end(a, errnum);
    if (reach->pending == 0)
        sluice_timer_set(reach->timer, sluice_loop_now(reach->loop));
}

static int attempt_start(attempt *a, const sluice_address *address)
{
    struct sockaddr_in6 raw;
    int family = address->of.any.sa_family;
    socklen_t bytes = sluice_address_give(address, family, &raw);
    if (connect(a->fd, (const struct sockaddr *)&raw, bytes) < 0 && errno != EINPROGRESS)
        return errno;
    if (sluice_watch_new(&a->watch, a->reach->loop, a->fd, on_answer, a) != SLUICE_OK ||
        sluice_watch_set(a->watch, SLUICE_WATCH_WRITE) != SLUICE_OK)
        return ENOMEM;
    return 0;
}

static void attempt_begin(sluice_reach *reach, size_t at, const sluice_address *address)
{
    attempt *a = &reach->attempts[at];
    reach->results[at].address = *address;
    a->fd = socket(address->of.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (a->fd < 0) {
        reach->results[at].errnum = errno;
        return;
    }
    reach->pending++;
    int errnum = attempt_start(a, address);
    if (errnum)
        attempt_end(a, errnum);
}

int sluice_reach_new(sluice_reach **out, sluice_loop *loop, const sluice_address *addresses, size_t count,
                     sluice_duration patience_ns, sluice_reach_done *done, void *user, sluice_error *error)
{
    assert(count > 0 && count <= SLUICE_REACH_ADDRESSES);
    sluice_reach *reach = calloc(1, sizeof *reach);
    if (!reach || sluice_timer_new(&reach->timer, loop, on_timer, reach) != SLUICE_OK) {
        free(reach);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to connect");
    }
    reach->loop = loop;
    reach->done = done;
    reach->user = user;
    reach->count = count;
    reach->begun = sluice_loop_refresh(loop);
    for (size_t i = 0; i < count; i++)
        reach->attempts[i] = (attempt){.reach = reach, .fd = -1};
    for (size_t i = 0; i < count; i++)
        attempt_begin(reach, i, &addresses[i]);
    sluice_timer_set(reach->timer, reach->pending ? reach->begun + patience_ns : reach->begun);
    *out = reach;
    return SLUICE_OK;
}

void sluice_reach_free(sluice_reach *reach)
{
    if (!reach)
        return;
    for (size_t i = 0; i < reach->count; i++)
        attempt_end(&reach->attempts[i], ECANCELED);
    sluice_timer_free(reach->timer);
    free(reach);
}
