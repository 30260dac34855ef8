/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"
#include "unit/suite.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct record {
    sluice_loop *loop;
    sluice_timer *timer, *other;
    sluice_watch *watch;
    char name;
    sluice_time asked, fired;
    unsigned calls, directions;
    int fd;
    char *log; /* shared order of several records */
} record;

static void note(record *r)
{
    size_t used = strlen(r->log);
    if (used < 60)
        r->log[used] = r->name;
    r->calls++;
}

static void fire(void *user, sluice_time now)
{
    record *r = user;
    r->fired = now;
    note(r);
}

static void timers_fire_in_order_and_never_early(void)
{
    sluice_loop *loop;
    record r[20];
    char log[64] = "";
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    sluice_time start = sluice_loop_refresh(loop);
    for (unsigned i = 0; i < 20; i++) {
        r[i] = (record){.name = (char)('a' + i), .log = log};
        CU_ASSERT_EQUAL_FATAL(sluice_timer_new(&r[i].timer, loop, fire, &r[i]), SLUICE_OK);
    }
    for (unsigned i = 0; i < 20; i++) { /* 7 is prime to 20: every timer, in another order than that of their times */
        record *next = &r[i * 7 % 20];
        next->asked = start + (i * 7 % 20 + 1) * 100 * SLUICE_US;
        sluice_timer_set(next->timer, next->asked);
    }
    sluice_timer_set(r[3].timer, SLUICE_NEVER);
    CU_ASSERT_EQUAL(sluice_timer_when(r[3].timer), SLUICE_NEVER);
    CU_ASSERT_EQUAL(sluice_timer_when(r[4].timer), r[4].asked);
    sluice_timer_free(r[7].timer);
    while (!r[19].calls)
        CU_ASSERT_EQUAL_FATAL(sluice_loop_step(loop, SLUICE_NEVER, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(log, "abcefgijklmnopqrst"); /* without d, unset, and h, freed */
    for (unsigned i = 0; i < 20; i++) {
        if (r[i].calls)
            CU_ASSERT(r[i].fired >= r[i].asked);
        if (i != 7)
            sluice_timer_free(r[i].timer);
    }
    sluice_loop_free(loop);
}

static void fire_and_set_again(void *user, sluice_time now)
{
    record *r = user;
    r->calls++;
    sluice_timer_set(r->timer, now); /* in the past when it returns: fires in the next iteration, not in this one */
}

static void timer_in_the_past_lets_others_run(void)
{
    sluice_loop *loop;
    record r = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_timer_new(&r.timer, loop, fire_and_set_again, &r), SLUICE_OK);
    sluice_timer_set(r.timer, 1);
    for (unsigned i = 1; i <= 5; i++) {
        CU_ASSERT_EQUAL(sluice_loop_step(loop, SLUICE_NEVER, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(r.calls, i);
    }
    sluice_timer_free(r.timer);
    sluice_loop_free(loop);
}

static void fire_and_free_both(void *user, sluice_time now)
{
    (void)now;
    record *r = user;
    r->calls++;
    sluice_timer_free(r->timer);
    sluice_timer_free(r->other);
}

static void timer_may_free_itself_and_others(void)
{
    sluice_loop *loop;
    record r = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_timer_new(&r.timer, loop, fire_and_free_both, &r), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_timer_new(&r.other, loop, fire_and_free_both, &r), SLUICE_OK);
    sluice_timer_set(r.timer, 1);
    sluice_timer_set(r.other, 2);
    CU_ASSERT_EQUAL(sluice_loop_step(loop, SLUICE_NEVER, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_loop_step(loop, 0, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(r.calls, 1);
    sluice_loop_free(loop);
}

typedef struct posted {
    sluice_post post;
    unsigned *sum, number;
    sluice_loop *stop;
} posted;

static void add(sluice_post *post)
{
    posted *p = (posted *)(void *)post;
    *p->sum = *p->sum * 10 + p->number;
    if (p->stop)
        sluice_loop_stop(p->stop);
}

typedef struct poster {
    sluice_loop *loop;
    posted nodes[4];
    sigset_t mask;
} poster;

static void post_all(void *user)
{
    poster *p = user;
    pthread_sigmask(SIG_BLOCK, NULL, &p->mask);
    for (unsigned i = 0; i < 4; i++)
        sluice_loop_post(p->loop, &p->nodes[i].post);
}

static void posts_of_a_thread_wake_the_loop_in_order(void)
{
    poster p;
    unsigned sum = 0;
    sluice_thread *thread;
    memset(&p, 0, sizeof(p));
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&p.loop, NULL), SLUICE_OK);
    for (unsigned i = 0; i < 4; i++)
        p.nodes[i] = (posted){.post.run = add, .sum = &sum, .number = i + 1, .stop = i == 3 ? p.loop : NULL};
    CU_ASSERT_EQUAL_FATAL(sluice_thread_new(&thread, "test", post_all, &p, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_loop_run(p.loop, NULL), SLUICE_OK);
    sluice_thread_free(thread);
    CU_ASSERT_EQUAL(sum, 1234);
    CU_ASSERT_EQUAL(sigismember(&p.mask, SIGPIPE), 1);
    CU_ASSERT_EQUAL(sigismember(&p.mask, SIGTERM), 1);
    CU_ASSERT_EQUAL(sigismember(&p.mask, SIGSEGV), 0);
    sluice_loop_free(p.loop);
}

static void posts_left_over_run_when_the_loop_is_freed(void)
{
    sluice_loop *loop;
    unsigned sum = 0;
    posted node = {.post.run = add, .sum = &sum, .number = 7};
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    sluice_loop_post(loop, &node.post);
    CU_ASSERT_EQUAL(sum, 0);
    sluice_loop_free(loop);
    CU_ASSERT_EQUAL(sum, 7);
}

static void loop_thread_stops(void)
{
    sluice_loop *loop;
    sluice_thread *thread;
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_loop_thread(&thread, loop, "test-loop", NULL), SLUICE_OK);
    sluice_loop_stop(loop);
    sluice_thread_free(thread);
    CU_ASSERT_EQUAL(sluice_loop_status(loop), SLUICE_OK);
    sluice_loop_free(loop);
}

static void ready(void *user, unsigned directions)
{
    record *r = user;
    char byte;
    r->calls++;
    r->directions = directions;
    if (directions & SLUICE_WATCH_READ)
        CU_ASSERT_EQUAL(read(r->fd, &byte, 1), 1);
}

static void watch_tells_what_is_wanted(void)
{
    record r = {0};
    int pair[2];
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&r.loop, NULL), SLUICE_OK);
    r.fd = pair[0];
    CU_ASSERT_EQUAL_FATAL(sluice_watch_new(&r.watch, r.loop, pair[0], ready, &r), SLUICE_OK);
    CU_ASSERT_EQUAL(write(pair[1], "ab", 2), 2);
    CU_ASSERT_EQUAL(sluice_loop_step(r.loop, 0, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(r.calls, 0); /* nothing is wanted */

    CU_ASSERT_EQUAL(sluice_watch_set(r.watch, SLUICE_WATCH_WRITE), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_loop_step(r.loop, SLUICE_NEVER, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(r.calls, 1);
    CU_ASSERT_EQUAL(r.directions, SLUICE_WATCH_WRITE);

    CU_ASSERT_EQUAL(sluice_watch_set(r.watch, SLUICE_WATCH_WRITE | SLUICE_WATCH_READ), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_loop_step(r.loop, SLUICE_NEVER, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(r.directions, SLUICE_WATCH_WRITE | SLUICE_WATCH_READ);

    CU_ASSERT_EQUAL(sluice_watch_set(r.watch, SLUICE_WATCH_READ), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_loop_step(r.loop, SLUICE_NEVER, NULL), SLUICE_OK); /* level triggered: "b" is left */
    CU_ASSERT_EQUAL(r.directions, SLUICE_WATCH_READ);
    CU_ASSERT_EQUAL(sluice_loop_step(r.loop, 0, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(r.calls, 3);
    sluice_watch_free(r.watch);
    sluice_loop_free(r.loop);
    close(pair[0]);
    close(pair[1]);
}

typedef struct taker {
    sluice_post post;
    sluice_loop *loop;
    sluice_post *other;
} taker;

static void take_back(sluice_post *post)
{
    taker *t = (taker *)(void *)post;
    sluice_loop_unpost(t->loop, t->other);
}

/* Before the run, out of the middle and at the end of the list, and by one that runs before it in the same run. */
static void posts_can_be_taken_back(void)
{
    sluice_loop *loop;
    unsigned sum = 0;
    posted nodes[4];
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    taker t = {.post.run = take_back, .loop = loop, .other = &nodes[1].post};
    sluice_loop_post(loop, &t.post);
    for (unsigned i = 0; i < SLUICE_COUNT(nodes); i++) {
        nodes[i] = (posted){.post.run = add, .sum = &sum, .number = i + 1};
        sluice_loop_post(loop, &nodes[i].post);
    }
    sluice_loop_unpost(loop, &nodes[3].post);
    sluice_loop_unpost(loop, &nodes[0].post);
    sluice_loop_post(loop, &nodes[3].post);
    CU_ASSERT_EQUAL(sluice_loop_step(loop, 0, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sum, 34);
    sluice_loop_unpost(loop, &nodes[2].post);
    sluice_loop_free(loop);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"timers fire in order and never early", timers_fire_in_order_and_never_early},
        {"timer in the past lets others run", timer_in_the_past_lets_others_run},
        {"timer may free itself and others", timer_may_free_itself_and_others},
        {"posts of a thread wake the loop in order", posts_of_a_thread_wake_the_loop_in_order},
        {"posts left over run when the loop is freed", posts_left_over_run_when_the_loop_is_freed},
        {"posts can be taken back", posts_can_be_taken_back},
        {"loop thread stops", loop_thread_stops},
        {"watch tells what is wanted", watch_tells_what_is_wanted},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_loop", tests);
}
