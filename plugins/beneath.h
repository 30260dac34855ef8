/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beneath.h - opening paths that may not leave a directory; shared by the file source and the file sink.
 *
 * Any thread; nothing is allocated.  Failures are -1 and errno; EXDEV: the path leaves the directory.
 */
#ifndef SLUICE_PLUGINS_BENEATH_H
#define SLUICE_PLUGINS_BENEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef enum sluice_beneath {
    SLUICE_BENEATH_FREE,     /* the local user's own path: links are followed, it may be absolute and go up */
    SLUICE_BENEATH_CONFINED, /* links are followed as long as they stay below; where the kernel has no openat2: STRICT
                              */
    SLUICE_BENEATH_STRICT    /* no link in any component (ELOOP) */
} sluice_beneath;

/* Opens path, seen from the directory top.  Paths of any length: they are resolved in pieces that the kernel takes.
 * The empty path is top itself.  flags as of openat, O_CLOEXEC is added; mode only counts with O_CREAT. */
int sluice_beneath_open(int top, const char *path, int flags, mode_t mode, sluice_beneath rule);

/* Writes path without empty and "." components, with ".." taken back by the component before it, into out, which
 * has room for strlen(path) + 1 bytes.  False: it is absolute or goes up over its start. */
bool sluice_beneath_normalise(const char *path, char *out);

/* True if name is a row of components joined by '/', none of them empty, ".", ".." or longer than 255 bytes. */
bool sluice_beneath_is_name(const char *name);

/* The SLUICE_E... that stands for an errno value; SLUICE_EIO where there is none of its own. */
int sluice_beneath_status(int errnum);

/* The last part of a name, whole components if possible, for a sentence that must keep room for its cause. */
const char *sluice_beneath_shown(const char *name);

#endif
