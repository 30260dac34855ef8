/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct job_queue {
    sluice_pool_job *first, *last;
} job_queue;

struct sluice_pool {
    pthread_mutex_t lock;
    pthread_cond_t work; /* a job was queued, or stopping was set */
    job_queue queues[SLUICE_JOB_PRIORITIES];
    bool stopping;
    unsigned threads; /* that were started */
    pthread_t thread[];
};

static void queue_put(job_queue *queue, sluice_pool_job *job)
{
    job->next = NULL;
    if (queue->last != NULL)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
}

static sluice_pool_job *queue_take(job_queue *queue)
{
    sluice_pool_job *job = queue->first;
    if (job == NULL)
        return NULL;
    queue->first = job->next;
    if (queue->first == NULL)
        queue->last = NULL;
    job->next = NULL;
    return job;
}

static sluice_pool_job *next_job(sluice_pool *pool)
{
    for (int priority = 0; priority < SLUICE_JOB_PRIORITIES; priority++) {
        sluice_pool_job *job = queue_take(&pool->queues[priority]);
        if (job != NULL)
            return job;
    }
    return NULL;
}

static void *work(void *argument)
{
    sluice_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        sluice_pool_job *job = next_job(pool);
        if (job == NULL) {
            pthread_cond_wait(&pool->work, &pool->lock);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are the application's affair: a pool thread takes none.  A new thread inherits the mask. */
static int start_threads(sluice_pool *pool, unsigned threads, const char *name)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errnum = 0;
    while (pool->threads < threads && errnum == 0) {
        errnum = pthread_create(&pool->thread[pool->threads], NULL, work, pool);
        if (errnum == 0)
            pthread_setname_np(pool->thread[pool->threads++], name);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return errnum;
}

int sluice_pool_new(unsigned threads, const char *name, sluice_pool **out, sluice_error *error)
{
    assert(threads > 0);
    sluice_pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->thread[0]));
    if (pool == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a pool of %u threads", threads);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    int errnum = start_threads(pool, threads, name);
    if (errnum != 0) {
        sluice_pool_free(pool);
        return sluice_fail(error, SLUICE_ELIMIT, "cannot start %u threads: %s; see ulimit -u", threads,
                           strerror(errnum));
    }
    *out = pool;
    return SLUICE_OK;
}

void sluice_pool_free(sluice_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->thread[i], NULL);
    for (sluice_pool_job *job = next_job(pool); job != NULL; job = next_job(pool)) {
        job->dropped = true;
        job->run(job);
    }
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void sluice_pool_submit(sluice_pool *pool, sluice_pool_job *job)
{
    assert(job->run != NULL && (unsigned)job->priority < SLUICE_JOB_PRIORITIES);
    job->dropped = false;
    pthread_mutex_lock(&pool->lock);
    queue_put(&pool->queues[job->priority], job);
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

unsigned sluice_pool_threads(const sluice_pool *pool)
{
    return pool->threads;
}
