/* SPDX-License-Identifier: Apache-2.0 */
/* help.h - what `--help` and the manual page say of a subcommand's options, made from the option tables. */
#ifndef SLUICE_CLI_HELP_H
#define SLUICE_CLI_HELP_H

#include <sluice/sluice.h>

typedef struct sluice_help {
    const char *usage;   /* behind "sluice " */
    const char *summary; /* sentences */
    const char *examples;
    sluice_settings_table table;
    bool config;      /* --config is an option */
    const char *keys; /* those of the table that are options, with a blank around each; NULL: all */
    const char *without; /* with all: those that are not, of the runner's own too */
    const sluice_option *own; /* options that are in no table: texts, but for those of type BOOL */
    size_t own_count;
    const char *see; /* where all of them are told; NULL: sluice COMMAND --help */
    const struct sluice_help *listening; /* what it is with --listen; NULL: nothing else */
} sluice_help;

extern const sluice_help sluice_help_copy, sluice_help_serve, sluice_help_run, sluice_help_doctor, sluice_help_send,
    sluice_help_recv, sluice_help_shell, sluice_help_simulate;
extern const sluice_help sluice_help_streams; /* of send and recv, what they take as clients together: for the manual */

/* Whether a key of the table, or of its own, is an option of the subcommand. */
bool sluice_help_takes(const sluice_help *help, const char *key);

/* One option as it is shown. */
typedef struct sluice_help_row {
    const char *group;    /* heading; the rows of a group come one after the other */
    char letter;          /* of the short form; 0: none */
    const char *name;     /* of the long form; NULL: there is a short form only */
    const char *argument; /* what its value is called; NULL: it takes none */
    const char *help;
    const sluice_option *option; /* NULL: of the runner itself */
} sluice_help_row;

void sluice_help_each(const sluice_help *help, void (*each)(void *user, const sluice_help_row *row), void *user);

/* One row on stdout, under its heading when that is a new one.  user: a const char *, NULL at first, for the heading. */
void sluice_help_row_print(void *user, const sluice_help_row *row);

/* Writes words to stdout, wrapped, every line but the first one indented; column is where the first line stands. */
void sluice_help_wrap(const char *text, size_t column, size_t indent);

/* "(fixed, fair; default fair)", "(default 60s)" or "". */
void sluice_help_values(const sluice_option *option, char *out, size_t size);

/* Prints the help to stdout, 80 columns wide at most.  Returns the exit status. */
int sluice_help_print(const sluice_help *help);

#endif
