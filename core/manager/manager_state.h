/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manager_state.h - a manager and its jobs, for the files that make it.
 *
 * One lock guards all of it.  The handler's thread runs the loop: sockets, processes and timers of jobs.  The teller's thread
 * takes notes off their row and calls callbacks, without the lock.  Calls of the API change machines under the lock, and wake
 * the loop for what they leave to be done there.
 */
#ifndef SLUICE_MANAGER_MANAGER_STATE_H
#define SLUICE_MANAGER_MANAGER_STATE_H

#include "manager/link.h"
#include "manager/listener.h"
#include "manager/machine.h"
#include "manager/notes.h"
#include "manager/process.h"
#include <pthread.h>

#define SLUICE_MANAGER_NAME 33 /* of an attempt: 32 hex digits and the NUL */

typedef struct sluice_manager_job sluice_manager_job;
struct sluice_manager_job {
    sluice_manager *manager;
    sluice_job id;
    sluice_machine machine;
    sluice_job_callback *callback;
    void *user;
    sluice_notes_of notes_of;
    uint64_t notes;  /* that wait or are being told */
    bool forgotten;  /* nobody asks for it any more */

    /* The loop's. */
    sluice_process *process;
    sluice_link *link;
    sluice_timer *timer;
    bool settled;    /* over, and nothing of these is left */
    char name[SLUICE_MANAGER_NAME]; /* by which the present worker is known */
    bool linked;     /* it has claimed its connection */

    bool wants;                         /* a worker */
    bool dirty;                         /* the loop is to look at it */
    sluice_manager_job *next_waiting, *next_dirty;
};

typedef struct sluice_manager_watcher {
    uint64_t number; /* they grow */
    sluice_job_callback *callback;
    void *user;
} sluice_manager_watcher;

struct sluice_manager {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for those who wait: of jobs, notes and callbacks */
    pthread_cond_t noted;   /* for the teller */
    sluice_loop *loop;
    sluice_thread *handler, *teller;
    pthread_t telling; /* the teller's, once it runs */
    sluice_listener *listener;
    char *program, *plugin_path;
    unsigned workers_most, files_most;
    bool closing, quitting; /* no more jobs; the teller is to end */

    sluice_manager_job **jobs; /* by their ids */
    size_t count, capacity;
    sluice_job last_id;
    uint64_t unsettled;
    unsigned workers;
    sluice_manager_job *waiting_first, *waiting_last, *dirty_first;
    sluice_post post;
    bool posted;

    sluice_notes notes;
    sluice_manager_watcher *watchers;
    size_t watcher_count, watcher_capacity;
    uint64_t last_watcher;
    bool running; /* a callback of a watcher: this one */
    sluice_manager_watcher now;

    faspmgr_writer writer;
};

/* ---- manager_jobs.c: all of it within the lock ---- */

extern const sluice_machine_ports sluice_manager_ports;
extern const sluice_listener_ports sluice_manager_listener_ports;

/* The loop is to look at this job: something of it has changed. */
void sluice_manager_touch(sluice_manager_job *job);
/* On the loop: all that was touched, and a worker for the first of those that wait; it comes again for the others. */
void sluice_manager_settle(sluice_manager *manager);
/* Frees one that is forgotten, once nothing points to it. */
void sluice_manager_release(sluice_manager_job *job);
void sluice_manager_job_free(sluice_manager_job *job);
bool sluice_manager_job_over(const sluice_manager_job *job); /* and its last callback has returned */

/* ---- manager_tell.c ---- */

/* The teller's thread. */
void sluice_manager_tell(void *manager);

#endif
