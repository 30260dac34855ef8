/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ascp_sources.h - what becomes of the sources of a push when they have arrived: --remove-after-transfer and its relatives.
 *
 * All files below the sources are noted before the transfer begins: where they lie, and how they can be known again (device,
 * inode, size, times).  Only what is told to be done, and still is what was noted then, is removed or moved away; so what was
 * changed, exchanged or came later stays.  Links are not followed, and stay.
 */
#ifndef SLUICE_CLI_ASCP_SOURCES_H
#define SLUICE_CLI_ASCP_SOURCES_H

#include "cli/ascp_plan.h"

#include <sys/stat.h>

typedef struct sluice_ascp_source {
    char *path;
    const char *name;     /* behind the path, in the same memory: as events call it */
    const char *archived; /* the same: what it is called in the directory of --move-after-transfer */
    struct stat about;
    size_t parent; /* index of its directory; SIZE_MAX: it is a source itself */
    bool done, skipped, failed;
    bool ambiguous; /* two are called so */
    bool emptied;   /* of a directory: something was taken out of it, or of one in it */
} sluice_ascp_source;

typedef struct sluice_ascp_sources {
    sluice_ascp_source *list; /* directories before what lies in them */
    size_t count, capacity;
    size_t *by_name; /* indexes of files, sorted by name */
    size_t files;
} sluice_ascp_sources;

/* Whether the line asks for any of this. */
bool sluice_ascp_sources_wanted(const sluice_ascp_line *line);

/* Notes what there is.  What cannot be looked at is left out, and stays.  ENOMEM. */
int sluice_ascp_sources_note(sluice_ascp_sources *sources, const sluice_ascp_plan *plan, sluice_error *error);

/* Takes events of files; quick.  One thread at a time. */
void sluice_ascp_sources_event(sluice_ascp_sources *sources, const sluice_event *event);

/* When the transfer has come to its end: does what the line says.  `say` is told of what stays that should have gone. */
void sluice_ascp_sources_settle(sluice_ascp_sources *sources, const sluice_ascp_line *line,
                                void (*say)(const char *format, ...) SLUICE_PRINTF(1, 2));

void sluice_ascp_sources_fini(sluice_ascp_sources *sources);

#endif
