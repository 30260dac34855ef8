/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "base/clock.h"
#include "base/pool.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define STUCK SLUICE_SECOND /* of the time that the tests say it is */

/* Jobs that wait at a gate are stuck until it is opened; the others note the order in which they run. */
typedef struct bench {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open, go;
    int running, finished, dropped, worked;
    char order[16];
    int ordered;
    bool pipe_blocked;
} bench;

typedef struct marked_job {
    sluice_pool_job job;
    bench *bench;
    char mark;
} marked_job;

static void bench_init(bench *b)
{
    *b = (bench){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
}

static void await_gate(bench *b)
{
    while (!b->open)
        pthread_cond_wait(&b->changed, &b->lock);
    b->finished++;
    pthread_cond_broadcast(&b->changed);
}

static void wait_at_gate(sluice_pool_job *job)
{
    bench *b = ((marked_job *)job)->bench;
    pthread_mutex_lock(&b->lock);
    b->running++;
    pthread_cond_broadcast(&b->changed);
    await_gate(b);
    pthread_mutex_unlock(&b->lock);
}

/* Works for half of STUCK, when it is told to; then it waits. */
static void work_then_wait(sluice_pool_job *job)
{
    bench *b = ((marked_job *)job)->bench;
    pthread_mutex_lock(&b->lock);
    b->running++;
    pthread_cond_broadcast(&b->changed);
    while (!b->go)
        pthread_cond_wait(&b->changed, &b->lock);
    pthread_mutex_unlock(&b->lock);
    sluice_duration begun = sluice_clock_thread().ran_ns;
    while (sluice_clock_thread().ran_ns < begun + STUCK / 2 + SLUICE_SECOND / 100) {
    }
    pthread_mutex_lock(&b->lock);
    b->worked++;
    pthread_cond_broadcast(&b->changed);
    await_gate(b);
    pthread_mutex_unlock(&b->lock);
}

static void note(sluice_pool_job *job)
{
    marked_job *marked = (marked_job *)job;
    bench *b = marked->bench;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    pthread_mutex_lock(&b->lock);
    b->pipe_blocked = sigismember(&mask, SIGPIPE) == 1;
    if (job->dropped)
        b->dropped++;
    else
        b->order[b->ordered++] = marked->mark;
    b->finished++;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

static void wait_for(bench *b, const int *count, int value)
{
    pthread_mutex_lock(&b->lock);
    while (*count < value)
        pthread_cond_wait(&b->changed, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

static int count_of(bench *b, const int *count)
{
    pthread_mutex_lock(&b->lock);
    int value = *count;
    pthread_mutex_unlock(&b->lock);
    return value;
}

static void set(bench *b, bool *flag)
{
    pthread_mutex_lock(&b->lock);
    *flag = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

static sluice_pool *pool_of(unsigned threads, unsigned each, unsigned most)
{
    const sluice_pool_setup setup = {.threads = threads, .each = each, .most = most, .stuck = STUCK, .name = "test"};
    sluice_pool *pool = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_pool_new(&setup, &pool, NULL), SLUICE_OK);
    return pool;
}

static sluice_pool_party *party_of(sluice_pool *pool)
{
    sluice_pool_party *party = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_pool_party_new(pool, &party), SLUICE_OK);
    return party;
}

static bool submit(bench *b, sluice_pool_party *party, marked_job *job, void (*run)(sluice_pool_job *job), char mark)
{
    *job = (marked_job){.job.run = run, .bench = b, .mark = mark};
    return sluice_pool_submit(party, &job->job);
}

/* Threads that are not needed any more end by themselves. */
static void await_threads(sluice_pool *pool, unsigned threads)
{
    while (sluice_pool_threads(pool) > threads)
        sched_yield();
    CU_ASSERT_EQUAL(sluice_pool_threads(pool), threads);
}

/* Two looks, STUCK apart: what has not moved in between is stuck. */
static bool look_twice(sluice_pool *pool, sluice_time *now)
{
    (void)sluice_pool_look(pool, *now);
    *now += STUCK;
    bool waits = sluice_pool_look(pool, *now);
    *now += STUCK;
    return waits;
}

static void parties_take_turns(void)
{
    bench b;
    bench_init(&b);
    sluice_pool *pool = pool_of(1, 9, 1);
    sluice_pool_party *small = party_of(pool), *large = party_of(pool);
    marked_job gate, jobs[6];
    submit(&b, small, &gate, wait_at_gate, 0);
    wait_for(&b, &b.running, 1);
    static const char marks[] = "abcDdE";
    for (int i = 0; i < 6; i++)
        CU_ASSERT(submit(&b, marks[i] < 'a' ? large : small, &jobs[i], note, marks[i]));
    set(&b, &b.open);
    wait_for(&b, &b.finished, 7);
    sluice_pool_party_free(small);
    sluice_pool_party_free(large);
    sluice_pool_free(pool);
    CU_ASSERT_STRING_EQUAL(b.order, "aDbEcd");
    CU_ASSERT(b.pipe_blocked);
}

static void *free_pool(void *pool)
{
    sluice_pool_free(pool);
    return NULL;
}

/* Free waits for the running job; what is queued is told that it was dropped, exactly once. */
static void free_waits_and_drops(void)
{
    bench b;
    bench_init(&b);
    sluice_pool *pool = pool_of(2, 9, 2);
    sluice_pool_party *party = party_of(pool);
    marked_job gates[2], queued[3];
    for (int i = 0; i < 2; i++)
        submit(&b, party, &gates[i], wait_at_gate, 0);
    wait_for(&b, &b.running, 2);
    for (int i = 0; i < 3; i++)
        submit(&b, party, &queued[i], note, 'x');
    sluice_pool_party_free(party);
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, free_pool, pool), 0);
    set(&b, &b.open);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(b.finished, 5);
    CU_ASSERT_EQUAL(b.dropped + b.ordered, 3);
}

/* Two jobs that are stuck have all threads: others take their place, for one party no more than it may have, and end when
 * the stuck ones go on. */
static void stuck_jobs_do_not_count(void)
{
    bench b;
    bench_init(&b);
    sluice_pool *pool = pool_of(2, 3, 9);
    sluice_pool_party *stuck = party_of(pool), *other = party_of(pool);
    marked_job gates[4], jobs[3];
    sluice_time now = 5 * STUCK;
    submit(&b, stuck, &gates[0], wait_at_gate, 0);
    wait_for(&b, &b.running, 1);
    submit(&b, stuck, &gates[1], wait_at_gate, 0);
    wait_for(&b, &b.running, 2);
    CU_ASSERT_FALSE(sluice_pool_look(pool, now)); /* nobody waits for them */
    CU_ASSERT(submit(&b, other, &jobs[0], note, 'a'));
    CU_ASSERT(sluice_pool_look(pool, now));
    CU_ASSERT(sluice_pool_look(pool, now + STUCK - 1));
    CU_ASSERT_EQUAL(sluice_pool_threads(pool), 2);
    CU_ASSERT_EQUAL(count_of(&b, &b.ordered), 0);
    (void)sluice_pool_look(pool, now + STUCK);
    wait_for(&b, &b.ordered, 1);
    CU_ASSERT_EQUAL(sluice_pool_threads(pool), 4);
    /* Its third one runs, the fourth may not, and the other party does not mind. */
    submit(&b, stuck, &gates[2], wait_at_gate, 0);
    wait_for(&b, &b.running, 3);
    submit(&b, stuck, &gates[3], wait_at_gate, 0);
    submit(&b, other, &jobs[1], note, 'b');
    submit(&b, other, &jobs[2], note, 'c');
    wait_for(&b, &b.ordered, 3);
    CU_ASSERT_EQUAL(count_of(&b, &b.running), 3);
    CU_ASSERT_STRING_EQUAL(b.order, "abc");
    /* Whoever is gone leaves its jobs to the pool. */
    sluice_pool_party_free(stuck);
    set(&b, &b.open);
    wait_for(&b, &b.finished, 7);
    await_threads(pool, 2);
    sluice_pool_party_free(other);
    sluice_pool_free(pool);
}

/* No more threads than there may be, however many jobs are stuck; they are started when there is room again. */
static void threads_have_a_bound(void)
{
    bench b;
    bench_init(&b);
    sluice_pool *pool = pool_of(1, 1, 3);
    sluice_pool_party *parties[4];
    marked_job gates[3], last;
    sluice_time now = STUCK;
    for (int i = 0; i < 4; i++)
        parties[i] = party_of(pool);
    for (int i = 0; i < 3; i++) {
        submit(&b, parties[i], &gates[i], wait_at_gate, 0);
        look_twice(pool, &now);
        wait_for(&b, &b.running, i + 1);
    }
    CU_ASSERT(submit(&b, parties[3], &last, note, 'x'));
    CU_ASSERT(look_twice(pool, &now));
    CU_ASSERT(look_twice(pool, &now));
    CU_ASSERT_EQUAL(sluice_pool_threads(pool), 3);
    CU_ASSERT_EQUAL(count_of(&b, &b.ordered), 0);
    set(&b, &b.open);
    wait_for(&b, &b.finished, 4);
    await_threads(pool, 1);
    for (int i = 0; i < 4; i++)
        sluice_pool_party_free(parties[i]);
    sluice_pool_free(pool);
}

/* A job that keeps a processor busy keeps its place, until it waits as well. */
static void work_is_not_stuck(void)
{
    if (sluice_clock_thread_of(getpid()).ran_ns == 0) {
        puts("the kernel does not tell what threads do: not tried");
        return;
    }
    bench b;
    bench_init(&b);
    sluice_pool *pool = pool_of(1, 9, 9);
    sluice_pool_party *party = party_of(pool);
    marked_job busy, last;
    sluice_time now = STUCK;
    submit(&b, party, &busy, work_then_wait, 0);
    wait_for(&b, &b.running, 1);
    CU_ASSERT(submit(&b, party, &last, note, 'x'));
    CU_ASSERT(sluice_pool_look(pool, now));
    set(&b, &b.go);
    wait_for(&b, &b.worked, 1);
    CU_ASSERT(sluice_pool_look(pool, now += STUCK));
    CU_ASSERT_EQUAL(sluice_pool_threads(pool), 1);
    (void)sluice_pool_look(pool, now += STUCK);
    wait_for(&b, &b.ordered, 1);
    set(&b, &b.open);
    wait_for(&b, &b.finished, 2);
    sluice_pool_party_free(party);
    sluice_pool_free(pool);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"parties take turns", parties_take_turns},
        {"free waits and drops", free_waits_and_drops},
        {"stuck jobs do not count", stuck_jobs_do_not_count},
        {"threads have a bound", threads_have_a_bound},
        {"work is not stuck", work_is_not_stuck},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("pool", tests);
}
