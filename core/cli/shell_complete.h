/* SPDX-License-Identifier: Apache-2.0 */
/* shell_complete.h - what may stand where the cursor is: commands, jobs, options and their values, policies, paths here. */
#ifndef SLUICE_CLI_SHELL_COMPLETE_H
#define SLUICE_CLI_SHELL_COMPLETE_H

#include <sluice/manager.h>

typedef struct sluice_shell_choices {
    char **list; /* whole words, sorted */
    size_t count, room;
    char *insert; /* what can be put in at the cursor: as far as all agree; with a blank behind it if there is one only.  "" */
    bool failed;  /* memory ran out */
} sluice_shell_choices;

/* line: up to the cursor.  Jobs: those that there are.  fini in any case. */
void sluice_shell_complete(sluice_shell_choices *choices, const char *line, const sluice_job *jobs, size_t job_count);
void sluice_shell_choices_fini(sluice_shell_choices *choices);

#endif
