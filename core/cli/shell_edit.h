/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_edit.h - the prompt: editing, history and completion; the door of libedit.
 *
 * The history lies in the state directory, mode 0600.  A line that begins with a blank is not kept.
 */
#ifndef SLUICE_CLI_SHELL_EDIT_H
#define SLUICE_CLI_SHELL_EDIT_H

#include <sluice/status.h>

struct sluice_shell;

typedef struct sluice_shell_edit sluice_shell_edit;

int sluice_shell_edit_new(struct sluice_shell *shell, sluice_shell_edit **out, sluice_error *error);
void sluice_shell_edit_free(sluice_shell_edit *edit); /* NULL is fine */

/* The next line, to be freed; what jobs tell meanwhile is told above it.  "" when Ctrl-C has cleared it; NULL: the user, or
 * a signal, wants the end. */
char *sluice_shell_edit_line(sluice_shell_edit *edit);

#endif
