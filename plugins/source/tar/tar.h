/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar.h - the source `tar`: several files in one stream, in one of two forms.
 *
 *     tar    ustar, pax or GNU tar, read by libarchive; only in builds that have it
 *     heads  as ascp has it behind stdio-tar://  "File: NAME", "Size: BYTES", an empty line, and the bytes
 *
 * input.c is the stream, heads.c and archive.c are the forms, and tar.c is the plugin: what it does with their members.
 */
#ifndef SLUICE_SOURCE_TAR_H
#define SLUICE_SOURCE_TAR_H

#include "flow.h"

#include <sluice/source.h>

#define TAR_NAME_MAX 4095u      /* bytes of a name, as core takes it */
#define TAR_COMPONENT_MAX 255u
#define TAR_INPUT_BYTES 65536u

typedef struct tar_input {
    const sluice_host *host;
    const char *place; /* for sentences */
    sluice_bell bell;
    int fd;
    bool ended;
    size_t from, to; /* what has come and was not taken */
    uint8_t bytes[TAR_INPUT_BYTES];
} tar_input;

/* Waits until there is something that was not taken; the bytes there are, 0 at the end, or a failure. */
int64_t tar_input_wait(tar_input *input);
/* Waits until so many bytes (TAR_INPUT_BYTES at most) are there, or all that come; how many there are, or a failure. */
int64_t tar_input_peek(tar_input *input, size_t bytes);

/* What stands before the bytes of a member. */
typedef struct tar_head {
    sluice_entry_type type;
    char name[TAR_NAME_MAX + 1]; /* as it is written there */
    char target[TAR_NAME_MAX + 1];
    char user[256], group[256];
    uint64_t size;
    uint32_t mode, uid, gid;
    int64_t mtime_ns, atime_ns;
} tar_head;

/* All calls fail by host->fail; one at a time. */
typedef struct tar_form {
    /* *form is NULL on failure. */
    int (*begin)(tar_input *input, void **form);
    /* The next member, past what was not read of the last one; SLUICE_EEND.  A failure with a name is one of this member
     * alone, without one of all that would follow. */
    int (*next)(void *form, tar_head *head);
    /* Some bytes of it: 0 when all were read. */
    int64_t (*read)(void *form, void *bytes, size_t count);
    void (*end)(void *form); /* NULL is fine */
} tar_form;

extern const tar_form tar_heads;
#ifdef SLUICE_HAVE_LIBARCHIVE
extern const tar_form tar_archive;
#endif

#endif
