/* SPDX-License-Identifier: Apache-2.0 */
/* stage.h - a machine without processes: messages and the time go in, and what it asks for is written down. */
#ifndef SLUICE_TEST_MANAGER_STAGE_H
#define SLUICE_TEST_MANAGER_STAGE_H

#include "manager/machine.h"

#define STAGE_EVENTS 4096
#define STAGE_TEXT 65536

typedef struct stage {
    sluice_machine machine;
    faspmgr_writer writer;
    faspmgr_reader reader;
    faspmgr_message message;
    sluice_time now;
    unsigned starts;     /* asked for and not answered */
    unsigned all_starts;
    bool full;           /* the worker takes nothing */
    int last_signal;
    unsigned signals, says;
    char said[STAGE_TEXT]; /* "RATE Rate=1 ...;" */
    size_t said_bytes;
    sluice_job_event_type events[STAGE_EVENTS]; /* the first ones */
    unsigned event_count, ends, counts[32];
    sluice_duration retry_ns;
    char text[1024]; /* of the last event */
    sluice_job_statistics figures; /* of the last event */
} stage;

/* A job whose order has one source, "a".  script: of its order; ascp: another program. */
stage *stage_new(bool persistent, bool ascp, unsigned files_most);
void stage_free(stage *stage);

/* Pairs of key and value behind the type, then NULL. */
void stage_hear(stage *stage, const char *type, ...);
void stage_start(stage *stage); /* the worker that was asked for runs */
void stage_session(stage *stage); /* and has a session */
void stage_exit(stage *stage, int result, const char *line);
/* Time passes, and wakes it as often as it wants. */
void stage_pass(stage *stage, sluice_duration duration);
/* What was said since the last call. */
const char *stage_said(stage *stage);
sluice_job_statistics stage_figures(const stage *stage);

#endif
