/* SPDX-License-Identifier: Apache-2.0 */
/* shell_list.h - sources of an order from a file, as --file-list and --pair-list of `sluice copy` have them. */
#ifndef SLUICE_CLI_SHELL_LIST_H
#define SLUICE_CLI_SHELL_LIST_H

#include <sluice/manager.h>

typedef struct sluice_shell_list {
    const char *file;
    bool pairs; /* paths and names below the destination in turn */
    bool nul;   /* NUL bytes end them, not newlines */
    const char *base; /* directory that the paths lie below; NULL: they stand for themselves */
    /* NULL: paths are what they are.  Else called for each: sets *out to the path to use (to be freed). */
    int (*resolve)(void *user, const char *text, char **out, sluice_error *error);
    void *user;
} sluice_shell_list;

/* Adds them all.  Errors say the line. */
int sluice_shell_list_read(const sluice_shell_list *list, sluice_order *order, sluice_error *error);

#endif
