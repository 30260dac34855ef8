/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar.h - the sink `tar`: several files as one stream, in the forms that the source of that name reads.
 *
 * output.c is the stream, heads.c and archive.c are the forms, and tar.c is the plugin.
 */
#ifndef SLUICE_SINK_TAR_H
#define SLUICE_SINK_TAR_H

#include "flow.h"

#include <sluice/sink.h>

typedef struct tar_output {
    const sluice_host *host;
    const char *place; /* for sentences */
    sluice_bell bell;
    int fd; /* negative: not open yet */
    uint64_t done; /* bytes that were written */
} tar_output;

/* All of it, or a failure. */
int tar_output_write(tar_output *output, const void *bytes, size_t count);
int tar_output_fail(const tar_output *output, int errnum, const char *what);

/* All calls fail by host->fail. */
typedef struct tar_form {
    int (*begin)(tar_output *output, void **form); /* *form is NULL on failure */
    /* A member begins: `size` bytes of it follow.  entry->size is not looked at. */
    int (*head)(void *form, const sluice_entry *entry, uint64_t size);
    int (*write)(void *form, const void *bytes, size_t count);
    int (*finish)(void *form); /* what stands behind the last one */
    void (*end)(void *form);   /* without that, unless finish came; NULL is fine */
} tar_form;

extern const tar_form tar_heads;
#ifdef SLUICE_HAVE_LIBARCHIVE
extern const tar_form tar_archive;
#endif

#endif
