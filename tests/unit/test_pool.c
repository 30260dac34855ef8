/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "base/pool.h"
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/* One thread, held at a gate, shows the order in which queued jobs run. */
typedef struct bench {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    int running, finished, dropped;
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

static void wait_at_gate(sluice_pool_job *job)
{
    bench *b = ((marked_job *)job)->bench;
    pthread_mutex_lock(&b->lock);
    b->running++;
    pthread_cond_broadcast(&b->changed);
    while (!b->open)
        pthread_cond_wait(&b->changed, &b->lock);
    b->finished++;
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

static void open_gate(bench *b)
{
    pthread_mutex_lock(&b->lock);
    b->open = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

static void urgent_first_then_in_order(void)
{
    bench b;
    bench_init(&b);
    sluice_pool *pool = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_pool_new(1, "test", &pool, NULL), SLUICE_OK);
    marked_job gate = {.job.run = wait_at_gate, .bench = &b};
    sluice_pool_submit(pool, &gate.job);
    wait_for(&b, &b.running, 1);
    static const char marks[] = "abCdE";
    marked_job jobs[5];
    for (int i = 0; i < 5; i++) {
        bool urgent = marks[i] < 'a';
        jobs[i] = (marked_job){
            .job = {.run = note, .priority = urgent ? SLUICE_JOB_URGENT : SLUICE_JOB_NORMAL},
            .bench = &b,
            .mark = marks[i],
        };
        sluice_pool_submit(pool, &jobs[i].job);
    }
    open_gate(&b);
    wait_for(&b, &b.finished, 6);
    sluice_pool_free(pool);
    CU_ASSERT_STRING_EQUAL(b.order, "CEabd");
    CU_ASSERT(b.pipe_blocked);
}

typedef struct opener {
    bench *bench;
    sluice_pool *pool;
} opener;

static void *free_pool(void *argument)
{
    sluice_pool_free(((opener *)argument)->pool);
    return NULL;
}

/* Free waits for the running job; what is queued is told that it was dropped, exactly once. */
static void free_waits_and_drops(void)
{
    bench b;
    bench_init(&b);
    sluice_pool *pool = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_pool_new(2, "test", &pool, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_pool_threads(pool), 2);
    marked_job gates[2], queued[3];
    for (int i = 0; i < 2; i++) {
        gates[i] = (marked_job){.job.run = wait_at_gate, .bench = &b};
        sluice_pool_submit(pool, &gates[i].job);
    }
    wait_for(&b, &b.running, 2);
    for (int i = 0; i < 3; i++) {
        queued[i] = (marked_job){.job.run = note, .bench = &b, .mark = 'x'};
        sluice_pool_submit(pool, &queued[i].job);
    }
    opener freer = {&b, pool};
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, free_pool, &freer), 0);
    open_gate(&b);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(b.finished, 5);
    CU_ASSERT_EQUAL(b.dropped + b.ordered, 3);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"urgent first, then in order", urgent_first_then_in_order},
        {"free waits and drops", free_waits_and_drops},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("pool", tests);
}
