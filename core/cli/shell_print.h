/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_print.h - jobs, files and events: as tables for people, and as JSON.  Pure: structs in, text out.
 *
 * Columns: how wide the place is; 0: as wide as need be.
 */
#ifndef SLUICE_CLI_SHELL_PRINT_H
#define SLUICE_CLI_SHELL_PRINT_H

#include "cli/json.h"

#include <sluice/manager.h>

/* A line for each job, under a heading. */
void sluice_shell_print_heading(FILE *out);
void sluice_shell_print_row(FILE *out, const sluice_job_statistics *job, size_t columns);

/* All that is known of a job, in some lines. */
void sluice_shell_print_job(FILE *out, const sluice_job_statistics *job);

/* A line for each file, under a heading, and the sum of all below them. */
void sluice_shell_print_file_heading(FILE *out);
void sluice_shell_print_file(FILE *out, const sluice_job_file *file, size_t columns);
void sluice_shell_print_sum(FILE *out, const sluice_job_statistics *job);

/* "done"; never NULL. */
const char *sluice_shell_file_state(sluice_job_file_state state);

/* Time until the end by the present rate; SLUICE_UNKNOWN: nobody knows. */
sluice_duration sluice_shell_print_left(const sluice_job_statistics *job);

/* What happened, without a newline; nothing at all of what people need not be told. */
void sluice_shell_print_event(FILE *out, const sluice_job_event *event);
void sluice_shell_print_event_json(FILE *out, const sluice_job_event *event);

/* Members of the object that is open. */
void sluice_shell_print_job_json(sluice_json *json, const sluice_job_statistics *job);
void sluice_shell_print_file_json(sluice_json *json, const sluice_job_file *file);

#endif
