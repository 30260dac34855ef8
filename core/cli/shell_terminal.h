/* SPDX-License-Identifier: Apache-2.0 */
/* shell_terminal.h - what the shell does with a terminal without an editor of lines: keys, questions, its size. */
#ifndef SLUICE_CLI_SHELL_TERMINAL_H
#define SLUICE_CLI_SHELL_TERMINAL_H

#include <sluice/status.h>
#include <sluice/types.h>
#include <termios.h>

struct sluice_shell;

/* Of standard output; 0: it is none, or does not say. */
size_t sluice_shell_terminal_columns(void);
size_t sluice_shell_terminal_rows(void);

/* Keys come at once, and are not shown.  False: standard input is no terminal. */
bool sluice_shell_terminal_raw(struct termios *before);
void sluice_shell_terminal_restore(const struct termios *before);

/* Asks for y or n; events are told meanwhile.  Ctrl-C, or the end of the input: n. */
bool sluice_shell_terminal_ask(struct sluice_shell *shell, const char *question);

/* Asks for a password, which is not shown.  EUSAGE: there is no terminal to ask at; EINTERRUPTED.  To be wiped. */
int sluice_shell_terminal_password(struct sluice_shell *shell, const char *user, const char *host, char **out,
                                   sluice_error *error);
void sluice_shell_terminal_wipe(char *secret);

#endif
