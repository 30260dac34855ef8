/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

struct sluice_pool_party {
    sluice_pool *pool;
    TAILQ_ENTRY(sluice_pool_party) link; /* while it is in line */
    bool in_line;
    bool freed;       /* by its owner; jobs of it still run or wait */
    unsigned running; /* jobs, stuck ones as well */
    sluice_pool_job *first, *last;
};

typedef struct pool_thread {
    TAILQ_ENTRY(pool_thread) link;
    sluice_pool *pool;
    pthread_t handle;
    pid_t id;
    sluice_pool_party *party; /* whose job it runs; NULL: none */
    /* Of that job: a look has found it, and what the thread had done until then. */
    bool seen, stuck;
    sluice_time seen_at;
    sluice_clock_work work;
} pool_thread;

struct sluice_pool {
    sluice_pool_setup setup;
    char name[16];
    pthread_mutex_t lock;
    pthread_cond_t work;                   /* a job was queued, or stopping was set */
    pthread_cond_t none;                   /* the last thread has left */
    TAILQ_HEAD(, sluice_pool_party) line;  /* parties with a job that may run */
    TAILQ_HEAD(, pool_thread) threads;
    unsigned count, idle, stuck;           /* threads: of all, those without a job, those whose job is stuck */
    unsigned queued;                       /* jobs */
    pool_thread *left;                     /* has left last, and waited for those before it */
    bool stopping;
};

/* ---- parties; all under the lock ---- */

static void line_up(sluice_pool_party *party)
{
    sluice_pool *pool = party->pool;
    if (party->in_line || party->first == NULL || party->running >= pool->setup.each)
        return;
    party->in_line = true;
    TAILQ_INSERT_TAIL(&pool->line, party, link);
}

static sluice_pool_job *next_job(sluice_pool *pool, sluice_pool_party **out)
{
    sluice_pool_party *party = TAILQ_FIRST(&pool->line);
    if (party == NULL)
        return NULL;
    TAILQ_REMOVE(&pool->line, party, link);
    party->in_line = false;
    sluice_pool_job *job = party->first;
    party->first = job->next;
    job->next = NULL;
    pool->queued--;
    party->running++;
    line_up(party);
    *out = party;
    return job;
}

static void free_if_over(sluice_pool_party *party)
{
    if (party->freed && party->running == 0 && party->first == NULL)
        free(party);
}

static void job_over(sluice_pool_party *party)
{
    party->running--;
    line_up(party);
    free_if_over(party);
}

/* ---- threads ---- */

static void thread_join(pool_thread *thread)
{
    if (thread == NULL)
        return;
    pthread_join(thread->handle, NULL);
    free(thread);
}

/* Jobs that were stuck go on, and there are others in their place. */
static bool is_surplus(const sluice_pool *pool)
{
    return pool->count - pool->stuck > pool->setup.threads;
}

static void run_one(pool_thread *self, sluice_pool_job *job)
{
    sluice_pool *pool = self->pool;
    pthread_mutex_unlock(&pool->lock);
    job->run(job);
    pthread_mutex_lock(&pool->lock);
    job_over(self->party);
    self->party = NULL;
    if (self->stuck)
        pool->stuck--;
    self->seen = self->stuck = false;
}

/* Whoever leaves waits for the one that left before, so that at most one waits to be joined. */
static pool_thread *leave(pool_thread *self)
{
    sluice_pool *pool = self->pool;
    pool_thread *before = pool->left;
    pool->left = self;
    TAILQ_REMOVE(&pool->threads, self, link);
    if (--pool->count == 0)
        pthread_cond_signal(&pool->none);
    if (!TAILQ_EMPTY(&pool->line))
        pthread_cond_signal(&pool->work);
    return before;
}

static void *work(void *argument)
{
    pool_thread *self = argument;
    sluice_pool *pool = self->pool;
    pthread_mutex_lock(&pool->lock);
    self->id = gettid();
    while (!pool->stopping && !is_surplus(pool)) {
        sluice_pool_job *job = next_job(pool, &self->party);
        if (job != NULL) {
            run_one(self, job);
            continue;
        }
        pool->idle++;
        pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
    }
    pool_thread *before = leave(self);
    pthread_mutex_unlock(&pool->lock);
    thread_join(before);
    return NULL;
}

/* Signals are the application's affair: a pool thread takes none.  A new thread inherits the mask.  Under the lock. */
static int start_one(sluice_pool *pool)
{
    sigset_t all, before;
    pool_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return ENOMEM;
    thread->pool = pool;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errnum = pthread_create(&thread->handle, NULL, work, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errnum != 0) {
        free(thread);
        return errnum;
    }
    pthread_setname_np(thread->handle, pool->name);
    TAILQ_INSERT_TAIL(&pool->threads, thread, link);
    pool->count++;
    return 0;
}

/* As many as are to run jobs, beside those that are stuck. */
static int start_threads(sluice_pool *pool)
{
    int errnum = 0;
    while (errnum == 0 && pool->count - pool->stuck < pool->setup.threads && pool->count < pool->setup.most)
        errnum = start_one(pool);
    return errnum;
}

int sluice_pool_new(const sluice_pool_setup *setup, sluice_pool **out, sluice_error *error)
{
    assert(setup->threads > 0 && setup->each > 0 && setup->most >= setup->threads && setup->stuck > 0);
    sluice_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a pool of %u threads", setup->threads);
    pool->setup = *setup;
    strncpy(pool->name, setup->name, sizeof pool->name - 1);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->none, NULL);
    TAILQ_INIT(&pool->line);
    TAILQ_INIT(&pool->threads);
    pthread_mutex_lock(&pool->lock);
    int errnum = start_threads(pool);
    pthread_mutex_unlock(&pool->lock);
    if (errnum != 0) {
        sluice_pool_free(pool);
        return sluice_fail(error, SLUICE_ELIMIT, "cannot start %u threads: %s; see ulimit -u", setup->threads,
                           strerror(errnum));
    }
    *out = pool;
    return SLUICE_OK;
}

static void drop_jobs(sluice_pool *pool)
{
    sluice_pool_party *party;
    for (sluice_pool_job *job = next_job(pool, &party); job != NULL; job = next_job(pool, &party)) {
        job->dropped = true;
        job->run(job);
        job_over(party);
    }
}

void sluice_pool_free(sluice_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    while (pool->count > 0)
        pthread_cond_wait(&pool->none, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    thread_join(pool->left);
    drop_jobs(pool);
    pthread_cond_destroy(&pool->none);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int sluice_pool_party_new(sluice_pool *pool, sluice_pool_party **out)
{
    sluice_pool_party *party = calloc(1, sizeof *party);
    if (party == NULL)
        return SLUICE_ENOMEM;
    party->pool = pool;
    *out = party;
    return SLUICE_OK;
}

void sluice_pool_party_free(sluice_pool_party *party)
{
    if (party == NULL)
        return;
    sluice_pool *pool = party->pool;
    pthread_mutex_lock(&pool->lock);
    party->freed = true;
    free_if_over(party);
    pthread_mutex_unlock(&pool->lock);
}

bool sluice_pool_submit(sluice_pool_party *party, sluice_pool_job *job)
{
    sluice_pool *pool = party->pool;
    assert(job->run != NULL);
    job->dropped = false;
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    if (party->first != NULL)
        party->last->next = job;
    else
        party->first = job;
    party->last = job;
    line_up(party);
    bool waits = ++pool->queued > pool->idle;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    return waits;
}

/* ---- jobs that are stuck ---- */

static sluice_duration work_since(const sluice_clock_work *from, const sluice_clock_work *to)
{
    return to->ran_ns - from->ran_ns + to->waited_ns - from->waited_ns;
}

/* A job that works, or would if others let it, is not stuck: a thread in its place would only be one more that wants a
 * processor. */
static void look_at(pool_thread *thread, sluice_time now)
{
    sluice_pool *pool = thread->pool;
    if (thread->party == NULL || thread->stuck || (thread->seen && now < thread->seen_at + pool->setup.stuck))
        return;
    sluice_clock_work work = sluice_clock_thread_of(thread->id);
    if (thread->seen && work_since(&thread->work, &work) < (now - thread->seen_at) / 2) {
        thread->stuck = true;
        pool->stuck++;
    }
    thread->seen = true;
    thread->seen_at = now;
    thread->work = work;
}

bool sluice_pool_look(sluice_pool *pool, sluice_time now)
{
    pool_thread *thread;
    pthread_mutex_lock(&pool->lock);
    bool waits = pool->queued > pool->idle;
    if (waits) {
        TAILQ_FOREACH(thread, &pool->threads, link)
            look_at(thread, now);
        (void)start_threads(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return waits;
}

unsigned sluice_pool_threads(sluice_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    unsigned count = pool->count;
    pthread_mutex_unlock(&pool->lock);
    return count;
}
