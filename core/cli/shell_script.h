/* SPDX-License-Identifier: Apache-2.0 */
/* shell_script.h - commands that nobody types: lines of a file, a pipe, or the command line. */
#ifndef SLUICE_CLI_SHELL_SCRIPT_H
#define SLUICE_CLI_SHELL_SCRIPT_H

#include <sluice/status.h>
#include <sluice/types.h>

struct sluice_shell;

typedef struct sluice_shell_script {
    const char *name; /* for what is said of its lines */
    int descriptor;   /* borrowed */
    char *bytes;      /* read, and not yet taken: from `at` to `end` */
    size_t at, end, room;
    unsigned long line; /* of the last one that was taken: the first of those that belong together */
    unsigned long lines; /* read so far */
    bool over;
} sluice_shell_script;

/* The next command, lines that go on in one piece, to be freed; what jobs tell is told while it waits for it.  EEND: there
 * is no more, or a signal wants the end.  EUSAGE: a line that is none; EIO; ENOMEM. */
int sluice_shell_script_next(sluice_shell_script *script, struct sluice_shell *shell, char **out, sluice_error *error);
void sluice_shell_script_fini(sluice_shell_script *script);

#endif
