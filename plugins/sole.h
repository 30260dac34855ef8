/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sole.h - what sources and sinks of exactly one object have in common (`stdio`, `command`, `memory`).
 */
#ifndef SLUICE_PLUGINS_SOLE_H
#define SLUICE_PLUGINS_SOLE_H

#include <sluice/sink.h>
#include <sluice/source.h>

#define SLUICE_SOLE_NAME 256 /* room for a component and its NUL */

/* What is local is never a peer's to name: a spec with a root is refused.  root: of the spec. */
int sluice_sole_own(const sluice_host *host, const char *plugin, const char *root);

/* ---- sources ---- */

/* The name at the destination: `given`, or the last component of `path` where that is NULL or empty. */
int sluice_sole_name(const sluice_host *host, const char *plugin, const char *given, const char *path,
                     char out[SLUICE_SOLE_NAME]);

/* Tells the one entry, then SLUICE_EEND. */
int sluice_sole_next(bool *listed, const char *name, uint64_t size, sluice_entry *out);

/* A copy that host->resize(host, copy, 0) frees; NULL: out of memory. */
char *sluice_sole_copy(const sluice_host *host, const char *text);

/* ---- sinks ---- */

/* The first entry that came, for sentences about others. */
typedef struct sluice_sole {
    bool taken;
    char name[SLUICE_SOLE_NAME];
} sluice_sole;

/* Whether what is asked for can be one file at all. */
int sluice_sole_check(const sluice_host *host, const char *place, const sluice_sink_spec *spec);
/* The first entry, if it is a file; every other fails with a sentence. */
int sluice_sole_take(sluice_sole *sole, const sluice_host *host, const char *place, const sluice_entry *entry);

#endif
