/* SPDX-License-Identifier: Apache-2.0 */
/*
 * undertaking.h - the frame of the subcommands that move files: a command line by an option table, its help, a library
 * made as the line says, one line on stderr when something of that fails.
 */
#ifndef SLUICE_CLI_UNDERTAKING_H
#define SLUICE_CLI_UNDERTAKING_H

#include "cli/help.h"
#include "cli/line.h"

typedef struct sluice_undertaking {
    const sluice_help *help; /* which has the option table */
    int (*check)(sluice_line *line, sluice_error *error);  /* of the operands; may take them */
    int (*run)(const sluice_line *line, sluice *library); /* the exit status */
} sluice_undertaking;

/* The exit status of the process. */
int sluice_undertaking_run(const sluice_undertaking *undertaking, int argc, char **argv);

#endif
