/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - the report thread: hands events to the report plugins without ever holding up who tells them.
 *
 * Events are copied into a bounded queue.  When report plugins are so slow that it is full, further events are
 * dropped and counted, and a warning says so once the queue moves again; DONE and ERROR, of which a session has few,
 * are queued whatever the length.  Where a report wants every file (a receipt does), FILE events are queued up to 64 times
 * that length: some hundred megabytes, which are used only while what is reported to stands still.  One thread per
 * transfer or server calls the plugins, one after the other.
 */
#ifndef SLUICE_SESSION_REPORT_H
#define SLUICE_SESSION_REPORT_H

#include <sluice/report.h>

#define SLUICE_REPORT_QUEUE 4096      /* events */
#define SLUICE_REPORT_EVERY_TIMES 64 /* so many times as many, of files that a report wants all of */

/* A report plugin that was initialised; the report owns it from here on and ends it with its `fini`, then `release`. */
typedef struct sluice_report_watcher {
    const sluice_report_ops *ops; /* complete: operations that the plugin lacks are NULL */
    void *state;
    void (*release)(void *owner); /* NULL: nothing to let go of */
    void *owner;
} sluice_report_watcher;

typedef struct sluice_report_setup {
    const sluice_report_watcher *watchers; /* copied */
    size_t watcher_count;
    size_t queue;                                         /* events that wait at most; 0: SLUICE_REPORT_QUEUE */
    void (*event)(void *user, const sluice_event *event); /* called by tell, on the teller's thread; may be NULL */
    void *user;
} sluice_report_setup;

typedef struct sluice_report sluice_report;

/* Takes the watchers over, but only when it succeeds.  ENOMEM, EIO (no thread). */
int sluice_report_new(const sluice_report_setup *setup, sluice_report **out, sluice_error *error);

/* Copies the event; waits for nobody.  Any thread, but one at a time per session so that its events stay in order. */
void sluice_report_tell(sluice_report *report, const sluice_event *event);

/* Whether a watcher wants this (SLUICE_REPORT_*); only those who do are told of costly events.  Any thread. */
bool sluice_report_wants(const sluice_report *report, unsigned kind);

/* Events dropped so far. */
uint64_t sluice_report_dropped(sluice_report *report);

/* Hands over what is queued, ends the watchers and the thread.  NULL is fine. */
void sluice_report_free(sluice_report *report);

#endif
