/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operands.h - what a copy is about: sources, lists and a destination as the user wrote them become one remote host
 * and rows of paths.
 *
 * Lists.  A line of --file-list is a path, or an address beginning with sluice://; colons in paths mean nothing.  If
 * a source is given as well, lines are paths below it, and keep their directories below the destination.  Lines of
 * --pair-list are, in turn, such a source and its name below the destination.  Empty lines of a file list are skipped.
 */
#ifndef SLUICE_SESSION_OPERANDS_H
#define SLUICE_SESSION_OPERANDS_H

#include "session/location.h"
#include <sluice/source.h>

typedef struct sluice_operands_order {
    const char *const *sources;
    size_t source_count;
    const char *destination;
    const sluice_transfer_path *paths; /* with them sources are none, or one that all of them lie below */
    size_t path_count;
    bool persistent;
    const char *file_list, *pair_list; /* files; "-": stdin; NULL: none */
    bool null;                         /* their lines end with NUL instead of newline */
    /* Whether a source or sink plugin of that name is there, for KIND:ARGUMENT.  NULL: none is. */
    bool (*is_plugin)(void *user, sluice_kind kind, const char *name);
    void *user;
} sluice_operands_order;

typedef struct sluice_operands {
    bool push;                      /* local to remote */
    char target[SLUICE_ADDRESS_HOST]; /* of ssh: [user@]host, without brackets; "": not through ssh */
    char host[SLUICE_ADDRESS_HOST];   /* of the remote side otherwise; "": of the ticket */
    uint16_t port;
    char plugin[SLUICE_LOCATION_NAME]; /* of the local side: "file" or the KIND of KIND:ARGUMENT */
    char *argument;                      /* push: ARGUMENT of the source; else NULL */
    sluice_operand *operands;            /* strings are owned; none with an argument */
    size_t count, capacity;
    char *base;                  /* what later paths lie below; "": nothing.  Of persistent transfers */
    char *destination;           /* as given, decoded; or the ARGUMENT of a sink */
    bool single, explicit_names; /* as of sluice_sink_spec */
} sluice_operands;

/* Fills a zeroed struct; on failure it is empty again.  Any thread.  EUSAGE for what the user wrote, with file and
 * line where it stood in a list; the status of the error for a list that cannot be read; ENOMEM. */
int sluice_operands_read(sluice_operands *out, const sluice_operands_order *order, sluice_error *error);
/* A server alone: sluice://host[:port][/NAME], host[:port], or NULL or "" for the ticket's.  Of the rest only `destination` is
 * set: NAME, decoded, or "".  Otherwise as sluice_operands_read. */
int sluice_operands_server(sluice_operands *out, const char *text, sluice_error *error);
/* Of a persistent transfer: one more, as operand_count.  The strings of *added are the operands' own. */
int sluice_operands_add(sluice_operands *operands, const sluice_transfer_path *path, sluice_operand **added,
                        sluice_error *error);
/* The next operand, from *index on, that was given by this plain path. */
bool sluice_operands_find(const sluice_operands *operands, const char *path, size_t *index);
void sluice_operands_fini(sluice_operands *operands);

#endif
