/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - a few threads that run jobs which may block.
 *
 * A job is a struct of its owner's with a sluice_pool_job in it, so submitting neither allocates nor fails.  Jobs of the
 * higher priority start first, those of equal priority in the order they were submitted.  A job knows nothing of the
 * session that made it: it gets buffers and plugin objects that nobody else touches, and posts its result.
 */
#ifndef SLUICE_BASE_POOL_H
#define SLUICE_BASE_POOL_H

#include <sluice/status.h>
#include <stdbool.h>

typedef struct sluice_pool sluice_pool;
typedef struct sluice_pool_job sluice_pool_job;

typedef enum sluice_job_priority { SLUICE_JOB_URGENT, SLUICE_JOB_NORMAL } sluice_job_priority;
#define SLUICE_JOB_PRIORITIES 2

/* Zeroed but for run; the job's memory may be reused or freed from within run on. */
struct sluice_pool_job {
    /* Called exactly once per submit, on a pool thread; or, when the pool is freed before the job's turn came, with
     * dropped set, on the thread that frees the pool: then it only lets go of what it holds. */
    void (*run)(sluice_pool_job *job);
    bool dropped;
    sluice_job_priority priority;
    sluice_pool_job *next; /* the pool's */
};

/* threads: at least 1.  name: of the threads, for debuggers; at most 15 bytes.  All signals are blocked in them. */
int sluice_pool_new(unsigned threads, const char *name, sluice_pool **out, sluice_error *error);

/* Waits for the jobs that run, and drops those that are queued.  NULL is fine.  Not from a pool thread; nobody but the
 * pool's own jobs may submit while this runs. */
void sluice_pool_free(sluice_pool *pool);

/* Any thread.  Each job stands in one queue at a time; run may submit it again. */
void sluice_pool_submit(sluice_pool *pool, sluice_pool_job *job);

unsigned sluice_pool_threads(const sluice_pool *pool);

#endif
