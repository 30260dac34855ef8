/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notes.h - events that wait to be told, in the order in which they happened.
 *
 * The state of a job is always told.  Figures are told as they are when their turn comes: of a job, or of one file of it, one
 * note of PROGRESS waits at most, and one of RATE.  What happens to files, and warnings, are told as far as there is room.
 * All of it within the lock of whoever owns it.
 */
#ifndef SLUICE_MANAGER_NOTES_H
#define SLUICE_MANAGER_NOTES_H

#include "manager/files.h"

#define SLUICE_NOTES_MOST 65536 /* of those that are left out beyond */

/* The texts of a job's figures: many notes of it share them. */
typedef struct sluice_notes_texts sluice_notes_texts;

typedef struct sluice_note sluice_note;
struct sluice_note {
    sluice_note *before, *after;
    void *owner;        /* the job */
    void **slot;        /* where this one is known as the one that waits; NULL: nowhere */
    bool limited;       /* counts against the limit */
    sluice_notes_texts *texts;
    sluice_job_event event; /* its statistics and file point into the note, or are NULL until sluice_note_open */
    sluice_job_file file;
    uint64_t numbers[24];
    char strings[]; /* of the file, and the message */
};

typedef struct sluice_notes {
    sluice_note *first, *last;
    uint64_t limited;
} sluice_notes;

/* Of one job: what waits of it. */
typedef struct sluice_notes_of {
    void *progress, *rate;
    sluice_notes_texts *texts;
} sluice_notes_of;

typedef struct sluice_notes_spec {
    void *owner;
    sluice_notes_of *of;
    const sluice_job_statistics *statistics;
    const sluice_job_file *file;
    sluice_files_entry *entry; /* of the file, if it is kept */
    const char *message;
    sluice_duration retry_ns;
    sluice_job_event_type type;
} sluice_notes_spec;

/* 1: one note more waits; 0: it took the place of one; -1: it was left out. */
int sluice_notes_add(sluice_notes *notes, const sluice_notes_spec *spec);
/* The first one, to be freed by sluice_note_free; NULL: there is none. */
sluice_note *sluice_notes_take(sluice_notes *notes);
/* Makes its event whole; statistics: room for them. */
void sluice_note_open(sluice_note *note, sluice_job_statistics *statistics);
void sluice_note_free(sluice_note *note);

/* Before an entry or a job goes: nothing points to it any more. */
void sluice_notes_forget_entry(sluice_files_entry *entry);
void sluice_notes_of_fini(sluice_notes_of *of);

#endif
