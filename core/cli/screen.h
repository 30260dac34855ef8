/* SPDX-License-Identifier: Apache-2.0 */
/*
 * screen.h - what the runner itself says, all of it on stderr: one line on failure, log lines, what report plugins
 * need to know of the terminal.
 */
#ifndef SLUICE_CLI_SCREEN_H
#define SLUICE_CLI_SCREEN_H

#include "cli/line.h"

/* "sluice: " and a line.  Control characters, which names may bring, are escaped.  Where stderr is systemd's journal
 * the line begins with its priority instead, as all lines here do. */
void sluice_screen_say(const char *format, ...) SLUICE_PRINTF(1, 2);

/* A line of a server's log: with the time (ISO 8601, UTC) and the level before it. */
void sluice_screen_note(sluice_log_level level, const char *format, ...) SLUICE_PRINTF(2, 3);

/* As sluice_screen_say; of what went wrong. */
void sluice_screen_complain(const char *sentence);

/* Says why something failed, with the status's text where there is no sentence, and returns the exit status.  subject
 * (NULL: none) stands in front.  Nothing is said when error is empty but for its status: it was said already. */
int sluice_screen_fail(const char *subject, int status, const sluice_error *error);

/* Log lines of the library go to stderr, those of a server as sluice_screen_note has them: warnings and errors, with
 * --verbose more, with --quiet errors only; the level that a configuration file gives is kept unless one of the two is
 * given. */
void sluice_screen_log(sluice *library, const sluice_line *line);

/* stdout_has_data: JSON goes to stderr.  progress: the value of that setting, or NULL. */
sluice_report_spec sluice_screen_spec(bool stdout_has_data, const char *progress, bool quiet, bool verbose);

/* Whether a setting of type bool is on. */
bool sluice_screen_is_on(const sluice_settings *settings, const char *key);

#endif
