/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - a few threads that run jobs which may block, for several parties.
 *
 * A job is a struct of its owner's with a sluice_pool_job in it, so submitting neither allocates nor fails.  Parties have
 * their turns one after the other, the jobs of one party in the order they were submitted.  A job knows nothing of the
 * session that made it: it gets buffers and plugin objects that nobody else touches, and posts its result.
 *
 * So many threads as were asked for run jobs.  A job that is stuck, on a disk that does not answer perhaps, does not count:
 * another thread takes its place, and the one that comes back finds that there are enough, and ends.  Both have their
 * bounds, so that one party with many stuck jobs is not in the way of others.
 */
#ifndef SLUICE_BASE_POOL_H
#define SLUICE_BASE_POOL_H

#include <sluice/status.h>
#include <sluice/types.h>
#include <stdbool.h>

typedef struct sluice_pool sluice_pool;
typedef struct sluice_pool_party sluice_pool_party;
typedef struct sluice_pool_job sluice_pool_job;

/* Zeroed but for run; the job's memory may be reused or freed from within run on. */
struct sluice_pool_job {
    /* Called exactly once per submit, on a pool thread; or, when the pool is freed before the job's turn came, with
     * dropped set, on the thread that frees the pool: then it only lets go of what it holds. */
    void (*run)(sluice_pool_job *job);
    bool dropped;
    sluice_pool_job *next; /* the pool's */
};

typedef struct sluice_pool_setup {
    unsigned threads;       /* that run jobs which are not stuck; at least 1.  They are started at once */
    unsigned each;          /* jobs of one party at once, stuck or not; at least 1 */
    unsigned most;          /* threads in all; at least `threads` */
    sluice_duration stuck;  /* how long a job waits, without work for a processor, until it counts as stuck; not 0 */
    const char *name;       /* of the threads, for debuggers; at most 15 bytes */
} sluice_pool_setup;

/* setup is borrowed for the call.  All signals are blocked in the threads.  ENOMEM; ELIMIT: they cannot be started. */
int sluice_pool_new(const sluice_pool_setup *setup, sluice_pool **out, sluice_error *error);

/* Waits for the jobs that run, stuck ones as well, and drops those that are queued.  Its parties are to be freed before.
 * NULL is fine.  Not from a pool thread; nobody but the pool's own jobs may submit while this runs. */
void sluice_pool_free(sluice_pool *pool);

/* ENOMEM.  Any thread. */
int sluice_pool_party_new(sluice_pool *pool, sluice_pool_party **out);
/* Submits nothing more; what it has submitted is still run.  NULL is fine.  Any thread. */
void sluice_pool_party_free(sluice_pool_party *party);

/* Any thread.  Each job stands in one queue at a time; run may submit it again.  True: jobs wait for a thread, and the pool
 * is to be looked after. */
bool sluice_pool_submit(sluice_pool_party *party, sluice_pool_job *job);

/* Looks for stuck jobs, and starts threads in place of those that run them; the pool does so at no other time, and knows
 * no other clock than `now`.  To be called when submit says so, and `stuck` later again as long as it returns true.  A
 * thread that cannot be started is tried again then.  One thread at a time. */
bool sluice_pool_look(sluice_pool *pool, sluice_time now);

unsigned sluice_pool_threads(sluice_pool *pool); /* that there are now; any thread */

#endif
