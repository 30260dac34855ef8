/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - what is kept of a job's files: each that is on its way, and the last ones that are over.
 */
#ifndef SLUICE_MANAGER_FILES_H
#define SLUICE_MANAGER_FILES_H

#include <sluice/manager.h>

#define SLUICE_FILES_BUCKETS 512
#define SLUICE_FILES_MOVING_MOST 16384 /* a worker that begins more at once is told of, and not kept */

typedef struct sluice_files_entry sluice_files_entry;
struct sluice_files_entry {
    sluice_job_file file; /* its strings are the entry's */
    uint64_t hash;
    void *queued; /* who tells of it: what of it waits to be told */
    sluice_files_entry *before, *after; /* in the order in which they began */
    sluice_files_entry *next;           /* moving: in its bucket; else in the order of their ends */
};

typedef struct sluice_files {
    sluice_files_entry *first, *last;
    sluice_files_entry *over_first, *over_last;
    sluice_files_entry *buckets[SLUICE_FILES_BUCKETS];
    uint64_t moving, over, over_most;
    /* Called before an entry is freed; may be NULL. */
    void (*gone)(void *user, sluice_files_entry *entry);
    void *user;
} sluice_files;

/* The one of that name that is on its way; NULL: there is none. */
sluice_files_entry *sluice_files_find(const sluice_files *files, const char *name, uint64_t hash);
/* One more that moves; NULL: there is no room for it. */
sluice_files_entry *sluice_files_begin(sluice_files *files, const char *name, uint64_t hash);
/* It is over; the entry may be freed by this. */
void sluice_files_end(sluice_files *files, sluice_files_entry *entry);
/* Those on their way are not any more: their worker has ended. */
void sluice_files_abandon(sluice_files *files);
void sluice_files_fini(sluice_files *files);

/* Replaces a string of an entry; without memory it becomes NULL. */
void sluice_files_keep(const char **field, const char *text);

#endif
