/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - one job, from its launch to its end: what its worker says, what the user asks for, and the time go in; what is to
 * be said to the worker, events, signals and starts come out.  Pure: no sockets, processes, clock or threads.
 *
 * A machine asks for a worker (start), is told that it runs (started) or cannot (unable), hears its messages, and is told of
 * its end (exited).  Then it is over, or waits and asks for the next one.  A worker has said its last word by DONE or ERROR;
 * it is given a while to end by itself, and is made to otherwise.
 *
 * Another attempt is made where the number of the error says that it may mend it (faspmgr/codes.h), and when a worker was
 * killed by a signal or could not be started for want of room: whoever killed it, or what it died of, may be gone.
 */
#ifndef SLUICE_MANAGER_MACHINE_H
#define SLUICE_MANAGER_MACHINE_H

#include "manager/ledger.h"
#include "manager/plan.h"

#define SLUICE_MACHINE_INIT_NS (30 * SLUICE_SECOND)  /* a worker that has said nothing by then is given up */
#define SLUICE_MACHINE_CANCEL_NS (10 * SLUICE_SECOND) /* so long has one to end that is cancelled, before SIGINT, */
#define SLUICE_MACHINE_INT_NS (5 * SLUICE_SECOND)     /* and this, before SIGKILL */
#define SLUICE_MACHINE_LINGER_NS (5 * SLUICE_SECOND)  /* after its last word, before SIGTERM, */
#define SLUICE_MACHINE_SAYS_MOST 90 /* a second, sources that are added aside: workers cut off who asks for more than 200 */
#define SLUICE_MACHINE_TERM_NS (2 * SLUICE_SECOND)    /* and this, before SIGKILL */

typedef struct sluice_machine_ports {
    /* A worker is wanted, as soon as there is room for one; it is not any more. */
    void (*start)(void *user);
    void (*unstart)(void *user);
    /* To the worker.  room: whether it takes more at present; if not, sluice_machine_feed is called once it does. */
    bool (*room)(void *user);
    void (*say)(void *user, const faspmgr_writer *message);
    void (*signal)(void *user, int number);
    /* file and message are valid during the call only. */
    void (*event)(void *user, sluice_job_event_type type, const sluice_job_file *file, sluice_files_entry *entry,
                  const char *message, sluice_duration retry_ns);
} sluice_machine_ports;

typedef enum sluice_machine_stage {
    SLUICE_MACHINE_WAITING,  /* for room for a worker */
    SLUICE_MACHINE_STARTED,  /* the worker runs, and has said nothing yet */
    SLUICE_MACHINE_HEARD,    /* INIT came */
    SLUICE_MACHINE_SESSION,  /* it has a session */
    SLUICE_MACHINE_ENDING,   /* its last word has come, or none will */
    SLUICE_MACHINE_RESTING,  /* between attempts */
    SLUICE_MACHINE_OVER
} sluice_machine_stage;

/* Why an attempt failed. */
typedef struct sluice_machine_cause {
    bool known, again;
    int status;
    unsigned code;
    char text[1024];
} sluice_machine_cause;

/* What is to be said of one entry of the order, in turn. */
typedef struct sluice_machine_saying {
    size_t entry;
    bool drop;
} sluice_machine_saying;

typedef struct sluice_machine {
    const sluice_machine_ports *ports;
    void *user;
    faspmgr_writer *writer; /* borrowed */
    sluice_order *order;    /* owned */
    sluice_ledger ledger;
    sluice_machine_stage stage;
    sluice_time launched;
    sluice_time wake;           /* of its stage; see sluice_machine_wake */
    bool session_seen;          /* some attempt had one */

    /* What the user wants. */
    sluice_wishes wishes;
    bool paused, cancelled, no_more;

    /* What the worker is still to be told. */
    bool rate_due, cancel_due, no_more_due;
    sluice_machine_saying *sayings;
    size_t said, saying_count, saying_capacity;
    sluice_time second;         /* in which it was told `spent` times something */
    unsigned spent;
    sluice_time later;          /* then there is more to say; or SLUICE_NEVER */

    bool done;                  /* its last word was DONE */
    sluice_machine_cause cause; /* why it failed, once that is known */
    int next_signal;            /* at wake; 0: none */
    sluice_duration kill_after_ns; /* what follows that signal but is SIGKILL itself */
    unsigned retries;           /* since something arrived */
} sluice_machine;

/* Takes the order over (*order becomes NULL).  writer: room for a message while it is said. */
void sluice_machine_init(sluice_machine *machine, const sluice_machine_ports *ports, void *user, faspmgr_writer *writer,
                         sluice_order **order, unsigned files_most, sluice_time now);
void sluice_machine_fini(sluice_machine *machine);

/* ---- what happens ---- */

void sluice_machine_started(sluice_machine *machine, int pid, sluice_time now);
/* No worker could be started. */
void sluice_machine_unable(sluice_machine *machine, int status, const char *why, sluice_time now);
void sluice_machine_hear(sluice_machine *machine, const faspmgr_message *message, sluice_time now);
/* What it says cannot be understood. */
void sluice_machine_garbled(sluice_machine *machine, sluice_time now);
/* It says nothing any more: its connection has ended. */
void sluice_machine_silent(sluice_machine *machine, sluice_time now);
/* result: exit status, or minus the number of a signal, or SLUICE_PROCESS_UNKNOWN; line: the last that it wrote to its standard
 * error, "" if nothing. */
void sluice_machine_exited(sluice_machine *machine, int result, const char *line, sluice_time now);
void sluice_machine_tick(sluice_machine *machine, sluice_time now);
/* When it wants to be called; SLUICE_NEVER: not by time alone. */
sluice_time sluice_machine_wake(const sluice_machine *machine);
/* The worker takes more. */
void sluice_machine_feed(sluice_machine *machine, sluice_time now);

/* ---- what is asked for: statuses as of manager.h ---- */

int sluice_machine_pause(sluice_machine *machine, bool paused, sluice_time now);
int sluice_machine_cancel(sluice_machine *machine, sluice_time now);
int sluice_machine_rate(sluice_machine *machine, sluice_rate bps, sluice_time now);
int sluice_machine_minimum(sluice_machine *machine, sluice_rate bps, sluice_time now);
int sluice_machine_policy(sluice_machine *machine, const char *policy, sluice_time now);
int sluice_machine_add(sluice_machine *machine, const char *path, const char *as, uint64_t from, uint64_t to,
                       sluice_time now);
int sluice_machine_drop(sluice_machine *machine, const char *path, sluice_time now);
int sluice_machine_no_more(sluice_machine *machine, sluice_time now);

bool sluice_machine_over(const sluice_machine *machine);
/* The figures as they are at that time. */
void sluice_machine_statistics(const sluice_machine *machine, sluice_job_statistics *out, sluice_time now);

/* ---- between machine.c and machine_control.c ---- */

/* SLUICE_JOB_CANCELLED and so on: the last event. */
void sluice_machine_end(sluice_machine *machine, sluice_job_state state, int status, unsigned code, const char *message,
                        sluice_time now);
void sluice_machine_escalate(sluice_machine *machine, int number, sluice_time when, sluice_duration kill_after_ns);

#endif
