/* SPDX-License-Identifier: Apache-2.0 */
/* ascp_log.h - the log of -L: a line for each thing that operators of ascp look for, with key=value behind its name. */
#ifndef SLUICE_CLI_ASCP_LOG_H
#define SLUICE_CLI_ASCP_LOG_H

#include "cli/ascp_plan.h"

#include <stdio.h>

typedef struct sluice_ascp_log {
    FILE *file; /* NULL: nobody wants it */
} sluice_ascp_log;

/* directory: NULL: no log; "-": stderr.  The status of the error when the file cannot be written. */
int sluice_ascp_log_open(sluice_ascp_log *log, const char *directory, sluice_error *error);
void sluice_ascp_log_close(sluice_ascp_log *log);

/* All that is known before a session begins, and when it is over.  One thread at a time, as the next one. */
void sluice_ascp_log_start(sluice_ascp_log *log, const sluice_ascp_line *line, const sluice_ascp_plan *plan);
void sluice_ascp_log_stop(sluice_ascp_log *log, const sluice_ascp_plan *plan, const sluice_statistics *statistics,
                          const char *reason);

void sluice_ascp_log_event(sluice_ascp_log *log, const sluice_event *event);

#endif
