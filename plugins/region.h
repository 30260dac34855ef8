/* SPDX-License-Identifier: Apache-2.0 */
/*
 * region.h - memory that has a name or a number: what `memory:` takes.  Shared by source and sink `memory`.
 *
 *     memory:/NAME   the POSIX shared memory object /NAME (shm_open(3)): which Linux keeps as a file in /dev/shm
 *     memory:N       descriptor N of this process: of memfd_create(2), shm_open(3) or the like
 */
#ifndef SLUICE_PLUGINS_REGION_H
#define SLUICE_PLUGINS_REGION_H

#include <sluice/source.h>

#define SLUICE_REGION_DIRECTORY "/dev/shm"

typedef struct sluice_region {
    const char *text; /* the argument, borrowed; for sentences too */
    int number;       /* -1: it has a name, text without its first byte */
} sluice_region;

/* SLUICE_EUSAGE with a sentence: it is neither. */
int sluice_region_parse(sluice_region *region, const sluice_host *host, const char *text);

/* A descriptor of its own for what the argument means, close-on-exec; negative: a status, with its sentence. */
int sluice_region_open(const sluice_region *region, const sluice_host *host, int flags);

int sluice_region_fail(const sluice_region *region, const sluice_host *host, int errnum, const char *what);

#endif
