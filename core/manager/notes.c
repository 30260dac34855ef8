/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/notes.h"

#include <stdlib.h>
#include <string.h>

/* Figures come before texts in the struct, so a note keeps its front and shares its end. */
#define NUMBERS_BYTES offsetof(sluice_job_statistics, policy)
#define TEXTS_BYTES (sizeof(sluice_job_statistics) - NUMBERS_BYTES)
_Static_assert(NUMBERS_BYTES <= sizeof(((sluice_note *)0)->numbers), "the figures fit a note");

struct sluice_notes_texts {
    unsigned users;
    char bytes[TEXTS_BYTES];
};

/* ---- texts ---- */

static void texts_release(sluice_notes_texts *texts)
{
    if (texts != NULL && --texts->users == 0)
        free(texts);
}

/* The job's present ones if they are still the same, else new ones.  NULL: out of memory. */
static sluice_notes_texts *texts_take(sluice_notes_of *of, const sluice_job_statistics *statistics)
{
    const char *bytes = (const char *)statistics + NUMBERS_BYTES;
    if (of->texts == NULL || memcmp(of->texts->bytes, bytes, TEXTS_BYTES) != 0) {
        sluice_notes_texts *made = malloc(sizeof *made);
        if (made == NULL)
            return NULL;
        made->users = 1;
        memcpy(made->bytes, bytes, TEXTS_BYTES);
        texts_release(of->texts);
        of->texts = made;
    }
    of->texts->users++;
    return of->texts;
}

void sluice_notes_of_fini(sluice_notes_of *of)
{
    texts_release(of->texts);
    of->texts = NULL;
}

/* ---- one note ---- */

static char *string_keep(char **to, const char *text)
{
    char *at = *to;
    if (text == NULL)
        return NULL;
    size_t bytes = strlen(text) + 1;
    memcpy(at, text, bytes);
    *to += bytes;
    return at;
}

static size_t room_for(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static sluice_note *note_make(const sluice_notes_spec *spec)
{
    const sluice_job_file *file = spec->file;
    size_t strings = room_for(spec->message);
    if (file != NULL)
        strings += room_for(file->name) + room_for(file->digest) + room_for(file->message);
    sluice_note *note = calloc(1, sizeof *note + strings);
    if (note == NULL)
        return NULL;
    note->texts = texts_take(spec->of, spec->statistics);
    if (note->texts == NULL) {
        free(note);
        return NULL;
    }
    char *to = note->strings;
    note->owner = spec->owner;
    memcpy(note->numbers, spec->statistics, NUMBERS_BYTES);
    note->event = (sluice_job_event){.size = sizeof note->event, .type = spec->type, .job = spec->statistics->job,
                                     .message = string_keep(&to, spec->message), .retry_ns = spec->retry_ns};
    if (file != NULL) {
        note->file = *file;
        note->file.name = string_keep(&to, file->name);
        note->file.digest = string_keep(&to, file->digest);
        note->file.message = string_keep(&to, file->message);
        note->event.file = &note->file;
    }
    return note;
}

void sluice_note_free(sluice_note *note)
{
    texts_release(note->texts);
    free(note);
}

void sluice_note_open(sluice_note *note, sluice_job_statistics *statistics)
{
    memcpy(statistics, note->numbers, NUMBERS_BYTES);
    memcpy((char *)statistics + NUMBERS_BYTES, note->texts->bytes, TEXTS_BYTES);
    note->event.statistics = statistics;
    if (note->event.message == NULL)
        note->event.message = "";
    if (note->event.file != NULL && note->file.message == NULL)
        note->file.message = "";
}

/* ---- the row ---- */

static void unlink_note(sluice_notes *notes, sluice_note *note)
{
    *(note->before != NULL ? &note->before->after : &notes->first) = note->after;
    *(note->after != NULL ? &note->after->before : &notes->last) = note->before;
    notes->limited -= note->limited;
    if (note->slot != NULL)
        *note->slot = NULL;
    note->slot = NULL;
}

static void link_note(sluice_notes *notes, sluice_note *note)
{
    note->before = notes->last;
    note->after = NULL;
    *(notes->last != NULL ? &notes->last->after : &notes->first) = note;
    notes->last = note;
    notes->limited += note->limited;
}

/* Where one that waits is known, of which the new one takes the place. */
static void **slot_of(const sluice_notes_spec *spec)
{
    if (spec->type == SLUICE_JOB_EVENT_RATE)
        return &spec->of->rate;
    if (spec->type != SLUICE_JOB_EVENT_PROGRESS)
        return NULL;
    if (spec->file == NULL)
        return &spec->of->progress;
    return spec->entry != NULL ? &spec->entry->queued : NULL;
}

static bool is_limited(const sluice_notes_spec *spec)
{
    return spec->file != NULL || spec->type == SLUICE_JOB_EVENT_WARNING;
}

int sluice_notes_add(sluice_notes *notes, const sluice_notes_spec *spec)
{
    void **slot = slot_of(spec);
    sluice_note *older = slot != NULL ? *slot : NULL;
    bool limited = is_limited(spec);
    if (limited && older == NULL && notes->limited >= SLUICE_NOTES_MOST)
        return -1;
    sluice_note *note = note_make(spec);
    if (note == NULL)
        return -1;
    if (older != NULL) {
        unlink_note(notes, older);
        sluice_note_free(older);
    }
    note->limited = limited;
    note->slot = slot;
    if (slot != NULL)
        *slot = note;
    link_note(notes, note);
    return older == NULL;
}

sluice_note *sluice_notes_take(sluice_notes *notes)
{
    sluice_note *note = notes->first;
    if (note != NULL)
        unlink_note(notes, note);
    return note;
}

void sluice_notes_forget_entry(sluice_files_entry *entry)
{
    sluice_note *note = entry->queued;
    if (note != NULL)
        note->slot = NULL;
    entry->queued = NULL;
}
