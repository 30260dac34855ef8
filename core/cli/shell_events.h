/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_events.h - what jobs tell, queued for the main thread; and the one place where the shell waits.
 */
#ifndef SLUICE_CLI_SHELL_EVENTS_H
#define SLUICE_CLI_SHELL_EVENTS_H

#include <pthread.h>
#include <signal.h>
#include <sluice/manager.h>
#include <sluice/status.h>

struct sluice_shell;

typedef struct sluice_shell_item {
    struct sluice_shell_item *next;
    bool failure;    /* it goes to stderr where nobody types */
    int exit_status; /* of a job that has failed; 0 */
    char *line;      /* NULL: nothing to say */
    char *sentence;  /* with --json, of a job that has failed: for stderr; NULL */
} sluice_shell_item;

typedef struct sluice_shell_events {
    pthread_mutex_t lock; /* guards the queue */
    sluice_shell_item *first, **end;
    size_t count, dropped;
    bool json, quiet;
    int wake, signals; /* descriptors; -1 */
    sigset_t before;   /* signals blocked before */
} sluice_shell_events;

/* Blocks the signals that are waited for in this thread, and those that it starts from here on.  EIO. */
int sluice_shell_events_begin(sluice_shell_events *events, bool json, bool quiet, sluice_error *error);
void sluice_shell_events_end(sluice_shell_events *events);

/* For sluice_manager_watch; user: the events. */
void sluice_shell_events_take(void *user, const sluice_job_event *event);

/* What a wait has ended with. */
enum {
    SLUICE_SHELL_READABLE = 1,
    SLUICE_SHELL_TOLD = 2,        /* there are events to tell */
    SLUICE_SHELL_INTERRUPTED = 4, /* Ctrl-C */
    SLUICE_SHELL_ENDED = 8,       /* SIGTERM or SIGHUP: no more commands, what runs is to be cancelled */
    SLUICE_SHELL_RESIZED = 16,    /* the terminal has another size */
    SLUICE_SHELL_CONTINUED = 32   /* it was stopped, and others may have changed the terminal */
};

/* Waits for the descriptor (-1: for none), for events and for signals.  0: nothing came within the time. */
unsigned sluice_shell_await(struct sluice_shell *shell, int descriptor, sluice_duration timeout);

/* Tells what is in the queue, and keeps the first failure. */
void sluice_shell_tell(struct sluice_shell *shell);

#endif
