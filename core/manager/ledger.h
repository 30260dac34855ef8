/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h - the figures of a job, made from what its workers say.  Pure: messages and the time in, figures and events out.
 *
 * A worker that is sluice tells its own figures (PROGRESS); of others the same is made, with less detail, of STATS, STOP, SKIP
 * and FILEERROR.
 */
#ifndef SLUICE_MANAGER_LEDGER_H
#define SLUICE_MANAGER_LEDGER_H

#include "faspmgr/message.h"
#include "manager/files.h"
#include "manager/tally.h"

typedef struct sluice_ledger {
    sluice_job_statistics now; /* elapsed_ns is its reader's to fill in while the job runs */
    sluice_files files;
    sluice_tally tally;
    bool fresh_tally; /* this is the first attempt, whose worker's own counts hold as well */

    uint64_t transferred_before, lost_before; /* of earlier attempts */
    uint64_t transferred, lost;               /* of this one */
    uint64_t files_told, failed_told, skipped_told; /* by the worker; 0: nothing */
    bool told_progress;       /* it makes PROGRESS of its own */
    bool paused;              /* its target is 0 */
    sluice_rate told_target_bps; /* the last one that was none of a pause */
    bool told_target;
    sluice_time sampled, progressed; /* when the rate was taken, and PROGRESS told */
    uint64_t sampled_bytes;

    /* How an event is told; entry NULL: of the job. */
    void (*tell)(void *user, sluice_job_event_type type, const sluice_job_file *file, sluice_files_entry *entry,
                 const char *message);
    void *user;
    char name[4096]; /* room for a file's name */
} sluice_ledger;

/* Fills a zeroed one. */
void sluice_ledger_init(sluice_ledger *ledger, unsigned files_most);
void sluice_ledger_fini(sluice_ledger *ledger);

void sluice_ledger_attempt_begin(sluice_ledger *ledger, sluice_time now);
/* Nothing moves any more. */
void sluice_ledger_attempt_end(sluice_ledger *ledger);

/* Takes what a message says in figures, whatever its type, and tells the events of files, rates, scan, progress and warnings. */
void sluice_ledger_take(sluice_ledger *ledger, const faspmgr_message *message, sluice_time now);

/* Copies a text into a field of that size: cut where it does not fit, never within a character of UTF-8. */
void sluice_ledger_text(char *out, size_t size, const char *text);

#endif
