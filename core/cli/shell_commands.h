/* SPDX-License-Identifier: Apache-2.0 */
/* shell_commands.h - the commands of the shell: one table, from which come parsing, help, completion and the manual page. */
#ifndef SLUICE_CLI_SHELL_COMMANDS_H
#define SLUICE_CLI_SHELL_COMMANDS_H

#include <sluice/status.h>
#include <sluice/types.h>

struct sluice_help;
struct sluice_shell;

/* What an argument is, for completion. */
typedef enum sluice_shell_kind {
    SLUICE_SHELL_OTHER,
    SLUICE_SHELL_COMMAND,
    SLUICE_SHELL_JOB,
    SLUICE_SHELL_KEY,    /* of an option of orders */
    SLUICE_SHELL_VALUE,  /* of the key that stands before it */
    SLUICE_SHELL_POLICY,
    SLUICE_SHELL_PATH
} sluice_shell_kind;

#define SLUICE_SHELL_ANY 4096 /* so many arguments, and more than that nobody has */

typedef struct sluice_shell_command {
    const char *name, *arguments;
    const char *help;   /* a sentence */
    const char *detail; /* more sentences; "" */
    unsigned least, most;       /* arguments */
    sluice_shell_kind kinds[3]; /* of the arguments; the third is that of all further ones */
    const char *words;          /* what the first argument may be beside a job, with a blank around each; NULL: nothing */
    const struct sluice_help *options; /* NULL: none, and any argument is one */
    /* argv[0] is the name.  What it answers goes into shell->answer. */
    int (*run)(struct sluice_shell *shell, int argc, char **argv, sluice_error *error);
} sluice_shell_command;

const sluice_shell_command *sluice_shell_commands(size_t *count);

/* NULL: there is none; error says so, with the nearest name. */
const sluice_shell_command *sluice_shell_commands_find(const char *name, sluice_error *error);

/* Whether it takes so many arguments.  EUSAGE. */
int sluice_shell_commands_check(const sluice_shell_command *command, int argc, sluice_error *error);

#endif
