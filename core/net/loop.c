/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include "base/clock.h"
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct sluice_timer {
    sluice_loop *loop;
    void (*fire)(void *user, sluice_time now);
    void *user;
    sluice_time when;
    size_t place; /* in the loop's heap, counted from 1; 0: not set */
};

struct sluice_watch {
    sluice_loop *loop;
    struct event *event;
    int fd;
    unsigned wanted;
    void (*ready)(void *user, unsigned directions);
    void *user;
};

struct sluice_loop {
    struct event_base *base;
    struct event *wake_event, *clock_event;
    int wake_fd, clock_fd;

    sluice_time now;
    bool now_is_old;       /* the kernel was waited for since now was read */
    sluice_time armed;     /* what the clock descriptor is set to; SLUICE_NEVER: nothing */
    sluice_timer **heap;   /* [1 .. set], the earliest first */
    size_t set, timers, room;

    pthread_mutex_t lock;  /* of what follows */
    sluice_post *first, **last;
    bool sleeps; /* or is about to: it must be woken */
    sluice_post *running; /* of the loop's thread: taken from the list, not run yet */

    atomic_bool stop;
    int status;
};

sluice_time sluice_loop_refresh(sluice_loop *loop)
{
    loop->now = sluice_clock_now();
    loop->now_is_old = false;
    return loop->now;
}

sluice_time sluice_loop_now(sluice_loop *loop)
{
    return loop->now_is_old ? sluice_loop_refresh(loop) : loop->now;
}

/* ---- timers: a binary heap, its root at 1 ---- */

static void timer_place(sluice_loop *loop, sluice_timer *timer, size_t place)
{
    loop->heap[place] = timer;
    timer->place = place;
}

static void timer_rise(sluice_loop *loop, sluice_timer *timer, size_t place)
{
    while (place > 1 && loop->heap[place / 2]->when > timer->when) {
        timer_place(loop, loop->heap[place / 2], place);
        place /= 2;
    }
    timer_place(loop, timer, place);
}

static void timer_sink(sluice_loop *loop, sluice_timer *timer, size_t place)
{
    for (size_t child; (child = 2 * place) <= loop->set; place = child) {
        if (child < loop->set && loop->heap[child + 1]->when < loop->heap[child]->when)
            child++;
        if (loop->heap[child]->when >= timer->when)
            break;
        timer_place(loop, loop->heap[child], place);
    }
    timer_place(loop, timer, place);
}

static void timer_unset(sluice_timer *timer)
{
    sluice_loop *loop = timer->loop;
    size_t place = timer->place;
    if (!place)
        return;
    sluice_timer *moved = loop->heap[loop->set--];
    timer->place = 0;
    if (moved == timer)
        return;
    if (place > 1 && loop->heap[place / 2]->when > moved->when)
        timer_rise(loop, moved, place);
    else
        timer_sink(loop, moved, place);
}

int sluice_timer_new(sluice_timer **out, sluice_loop *loop, void (*fire)(void *user, sluice_time now), void *user)
{
    /* The heap has room for every timer there is, so that setting one cannot fail. */
    if (loop->timers + 1 >= loop->room) {
        size_t room = loop->room ? 2 * loop->room : 16;
        sluice_timer **heap = realloc(loop->heap, room * sizeof(*heap));
        if (!heap)
            return SLUICE_ENOMEM;
        loop->heap = heap;
        loop->room = room;
    }
    sluice_timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        return SLUICE_ENOMEM;
    timer->loop = loop;
    timer->fire = fire;
    timer->user = user;
    timer->when = SLUICE_NEVER;
    loop->timers++;
    *out = timer;
    return SLUICE_OK;
}

void sluice_timer_free(sluice_timer *timer)
{
    if (!timer)
        return;
    timer_unset(timer);
    timer->loop->timers--;
    free(timer);
}

void sluice_timer_set(sluice_timer *timer, sluice_time when)
{
    sluice_loop *loop = timer->loop;
    if (timer->when == when)
        return;
    timer_unset(timer);
    timer->when = when;
    if (when != SLUICE_NEVER)
        timer_rise(loop, timer, ++loop->set);
}

sluice_time sluice_timer_when(const sluice_timer *timer)
{
    return timer->when;
}

/* What is set from inside a timer to a time that has passed waits for the next iteration, so that sockets get their
 * turn: no more fire than were set at the start. */
static void timers_run(sluice_loop *loop)
{
    sluice_time now = sluice_loop_refresh(loop);
    for (size_t most = loop->set; most && loop->set && loop->heap[1]->when <= now; most--) {
        sluice_timer *timer = loop->heap[1];
        timer_unset(timer);
        timer->when = SLUICE_NEVER;
        timer->fire(timer->user, now);
    }
}

/* Sets the clock descriptor to `when`; the kernel's high-resolution timers have no slack there. */
static int clock_arm(sluice_loop *loop, sluice_time when)
{
    if (when == loop->armed)
        return SLUICE_OK;
    struct itimerspec spec = {0}; /* all zero: disarmed */
    if (when != SLUICE_NEVER) {
        spec.it_value.tv_sec = (time_t)(when / SLUICE_SECOND);
        spec.it_value.tv_nsec = (long)(when % SLUICE_SECOND);
    }
    if (timerfd_settime(loop->clock_fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
        return sluice_status_from_errno(errno);
    loop->armed = when;
    return SLUICE_OK;
}

/* ---- posts ---- */

static void wake(sluice_loop *loop)
{
    uint64_t one = 1;
    /* Full means that the loop is awake already. */
    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void sluice_loop_post(sluice_loop *loop, sluice_post *node)
{
    assert(node->run);
    node->next = NULL;
    pthread_mutex_lock(&loop->lock);
    *loop->last = node;
    loop->last = &node->next;
    /* Under the lock, because once it is open the loop may run the node, stop and be freed. */
    if (loop->sleeps)
        wake(loop);
    loop->sleeps = false;
    pthread_mutex_unlock(&loop->lock);
}

void sluice_loop_stop(sluice_loop *loop)
{
    atomic_store(&loop->stop, true);
    wake(loop);
}

static void posts_run(sluice_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->sleeps = false;
    loop->running = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    while (loop->running) {
        sluice_post *node = loop->running;
        loop->running = node->next;
        node->next = NULL;
        node->run(node);
    }
}

static bool unlink_post(sluice_post **at, sluice_post *node)
{
    while (*at && *at != node)
        at = &(*at)->next;
    if (!*at)
        return false;
    *at = node->next;
    node->next = NULL;
    return true;
}

void sluice_loop_unpost(sluice_loop *loop, sluice_post *node)
{
    if (unlink_post(&loop->running, node))
        return;
    pthread_mutex_lock(&loop->lock);
    if (unlink_post(&loop->first, node)) {
        loop->last = &loop->first;
        while (*loop->last)
            loop->last = &(*loop->last)->next;
    }
    pthread_mutex_unlock(&loop->lock);
}

static void woken(evutil_socket_t fd, short what, void *user)
{
    (void)what;
    (void)user;
    uint64_t count;
    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        continue;
}

/* ---- watches ---- */

static void watch_ready(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    sluice_watch *watch = user;
    unsigned directions = 0;
    if (what & EV_READ)
        directions |= SLUICE_WATCH_READ;
    if (what & EV_WRITE)
        directions |= SLUICE_WATCH_WRITE;
    if (directions & watch->wanted)
        watch->ready(watch->user, directions & watch->wanted);
}

int sluice_watch_new(sluice_watch **out, sluice_loop *loop, int fd, void (*ready)(void *user, unsigned directions),
                     void *user)
{
    sluice_watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return SLUICE_ENOMEM;
    watch->event = event_new(loop->base, fd, EV_READ | EV_PERSIST, watch_ready, watch);
    if (!watch->event) {
        free(watch);
        return SLUICE_ENOMEM;
    }
    watch->loop = loop;
    watch->fd = fd;
    watch->ready = ready;
    watch->user = user;
    *out = watch;
    return SLUICE_OK;
}

void sluice_watch_free(sluice_watch *watch)
{
    if (!watch)
        return;
    event_free(watch->event);
    free(watch);
}

int sluice_watch_set(sluice_watch *watch, unsigned directions)
{
    if (watch->wanted == directions)
        return SLUICE_OK;
    event_del(watch->event);
    watch->wanted = 0;
    if (!directions)
        return SLUICE_OK;
    short what = EV_PERSIST;
    if (directions & SLUICE_WATCH_READ)
        what |= EV_READ;
    if (directions & SLUICE_WATCH_WRITE)
        what |= EV_WRITE;
    if (event_assign(watch->event, watch->loop->base, watch->fd, what, watch_ready, watch) < 0
        || event_add(watch->event, NULL) < 0)
        return SLUICE_EIO;
    watch->wanted = directions;
    return SLUICE_OK;
}

/* ---- the loop ---- */

static void clock_rang(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    sluice_loop *loop = user;
    loop->armed = SLUICE_NEVER;
}

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    struct event_base *base = NULL;
    /* No locks: other threads come through the eventfd only.  Edge triggering lets the timerfd be armed anew without
     * being read. */
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0
        && event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0
        && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0
        && event_config_require_features(config, EV_FEATURE_ET) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static int loop_open(sluice_loop *loop, sluice_error *error)
{
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop->clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->wake_fd < 0 || loop->clock_fd < 0)
        return sluice_fail(error, SLUICE_EIO, "cannot make an event loop: %s", strerror(errno));
    loop->base = base_new();
    if (!loop->base)
        return sluice_fail(error, SLUICE_EIO, "cannot make an event loop: epoll is not to be had");
    loop->wake_event = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, woken, loop);
    loop->clock_event = event_new(loop->base, loop->clock_fd, EV_READ | EV_PERSIST | EV_ET, clock_rang, loop);
    if (!loop->wake_event || !loop->clock_event)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for an event loop");
    if (event_add(loop->wake_event, NULL) < 0 || event_add(loop->clock_event, NULL) < 0)
        return sluice_fail(error, SLUICE_EIO, "cannot make an event loop: epoll refuses to watch");
    return SLUICE_OK;
}

int sluice_loop_new(sluice_loop **out, sluice_error *error)
{
    sluice_loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for an event loop");
    pthread_mutex_init(&loop->lock, NULL);
    loop->last = &loop->first;
    loop->armed = SLUICE_NEVER;
    loop->now_is_old = true;
    loop->wake_fd = loop->clock_fd = -1;
    int status = loop_open(loop, error);
    if (status != SLUICE_OK) {
        sluice_loop_free(loop);
        return status;
    }
    *out = loop;
    return SLUICE_OK;
}

void sluice_loop_free(sluice_loop *loop)
{
    if (!loop)
        return;
    while (loop->first)
        posts_run(loop);
    assert(loop->timers == 0);
    if (loop->wake_event)
        event_free(loop->wake_event);
    if (loop->clock_event)
        event_free(loop->clock_event);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->clock_fd >= 0)
        close(loop->clock_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop->heap);
    free(loop);
}

/* What is posted while the loop works is found here, without a word through the kernel. */
static bool may_sleep(sluice_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->sleeps = !loop->first;
    bool sleeps = loop->sleeps;
    pthread_mutex_unlock(&loop->lock);
    return sleeps;
}

int sluice_loop_step(sluice_loop *loop, sluice_duration wait_ns, sluice_error *error)
{
    sluice_time now = sluice_loop_refresh(loop);
    sluice_time until = wait_ns < SLUICE_NEVER - now ? now + wait_ns : SLUICE_NEVER;
    if (loop->set && loop->heap[1]->when < until)
        until = loop->heap[1]->when;
    bool waits = until > now;
    if (waits && clock_arm(loop, until) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EIO, "event loop: cannot set the clock: %s", strerror(errno));
    waits = waits && may_sleep(loop);
    loop->now_is_old = true;
    if (event_base_loop(loop->base, waits ? EVLOOP_ONCE : EVLOOP_NONBLOCK) < 0)
        return sluice_fail(error, SLUICE_EIO, "event loop: the kernel refuses to wait: %s", strerror(errno));
    posts_run(loop);
    timers_run(loop);
    return SLUICE_OK;
}

int sluice_loop_run(sluice_loop *loop, sluice_error *error)
{
    int status = SLUICE_OK;
    while (status == SLUICE_OK && !atomic_load(&loop->stop))
        status = sluice_loop_step(loop, SLUICE_NEVER, error);
    atomic_store(&loop->stop, false);
    return status;
}

static void thread_body(void *user)
{
    sluice_loop *loop = user;
    loop->status = sluice_loop_run(loop, NULL);
}

int sluice_loop_thread(sluice_thread **out, sluice_loop *loop, const char *name, sluice_error *error)
{
    return sluice_thread_new(out, name, thread_body, loop, error);
}

int sluice_loop_status(const sluice_loop *loop)
{
    return loop->status;
}
