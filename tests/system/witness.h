/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.h - one job of a manager as the tests see it: what it should bring about, what callbacks and polls say of it, and
 * what lies on disk.  All of it must agree.
 *
 * Callbacks write it on the manager's thread, and the test reads it under its lock.
 */
#ifndef TESTS_SYSTEM_WITNESS_H
#define TESTS_SYSTEM_WITNESS_H

#include <pthread.h>
#include <sluice/manager.h>
#include <stdio.h>

#define WITNESS_PATH 512
#define WITNESS_FILES 256

/* Says what is wrong, and counts it. */
__attribute__((format(printf, 1, 2))) void witness_fail(const char *format, ...);
unsigned witness_failures(void);

typedef enum witness_told { WITNESS_NOTHING, WITNESS_DONE, WITNESS_SKIPPED, WITNESS_FAILED } witness_told;

/* A file that is to come about below the destination. */
typedef struct witness_file {
    char name[96];
    char original[WITNESS_PATH]; /* here; "" if there is none, so that it must fail */
    char source[WITNESS_PATH];   /* the path by which it was asked for */
    uint64_t from, bytes;
    bool dropped;                /* it was asked to be given up */
    witness_told told;
} witness_file;

typedef struct witness {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    sluice_manager *manager;
    sluice_job job;
    char destination[WITNESS_PATH]; /* on disk here */
    bool fresh;                     /* nothing lay there before */
    witness_file files[WITNESS_FILES];
    unsigned count, launched; /* the first ones were in its order */

    /* What was done to it. */
    bool cancelled, no_more, persistent;
    unsigned kills;

    /* What callbacks said. */
    unsigned events, watched, ends, retries;
    sluice_job_statistics told;   /* by the last event */
    sluice_job_statistics polled; /* by the last poll */
} witness;

/* destination ends without '/'. */
void witness_init(witness *self, sluice_manager *manager, const char *destination, bool fresh);
void witness_fini(witness *self);

/* One file more, or the last `count` less after all.  original NULL: there is none, so that it must fail. */
void witness_expect(witness *self, const char *name, const char *source, const char *original, uint64_t from, uint64_t bytes);
void witness_expect_not(witness *self, unsigned count);
/* All that was asked for by that path may be there at the end, or not.  False: nothing was. */
bool witness_drop(witness *self, const char *source);

/* Callbacks of the job, and of a watcher of all jobs, who finds the job's witness itself.  job is known by then. */
void witness_callback(void *user, const sluice_job_event *event);
void witness_watch(witness *self, const sluice_job_event *event);

bool witness_is_over(const sluice_job_statistics *statistics);
/* Polls, and compares with the last poll.  False: there is no such job any more. */
bool witness_poll(witness *self, sluice_job_statistics *out);
/* Waits until the condition holds of what events have said, under the lock.  False, and said: it did not within a minute. */
bool witness_await(witness *self, const char *what, bool (*holds)(const witness *self, uint64_t than), uint64_t than);
bool witness_has_ended(const witness *self, uint64_t than);
bool witness_has_more_events(const witness *self, uint64_t than);

/* Its last callback has returned: everything must agree.  polled: it has not been forgotten. */
void witness_judge(witness *self, bool polled);

/* Whether the file at path is those bytes of original. */
bool witness_same(const char *path, const char *original, uint64_t from, uint64_t bytes);

#endif
