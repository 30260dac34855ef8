/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subshell.h - a command that /bin/sh runs, one end of which is a pipe of ours.  Shared by source and sink `command`.
 *
 * It gets a session of its own, so that a Ctrl-C in the terminal reaches us alone and everything that it has started can
 * be ended with it; no signal blocked, SIGPIPE and SIGCHLD as programs expect them; and no descriptor of ours but 0, 1
 * and 2.  It is waited for by its number, never through SIGCHLD, which is the application's.
 */
#ifndef SLUICE_PLUGINS_SUBSHELL_H
#define SLUICE_PLUGINS_SUBSHELL_H

#include "flow.h"

#include <sys/types.h>

#define SLUICE_SUBSHELL_WORDS 100

/* Zeroed: none runs. */
typedef struct sluice_subshell {
    pid_t pid;   /* 0: none, or it was waited for */
    bool lost;   /* somebody else has asked for its exit status */
    int status;  /* of waitpid */
} sluice_subshell;

/* Runs command with a pipe as its `end`: 0, standard input, or 1, standard output; of these two the other one is
 * /dev/null or ours, as `end` is 1 or 0.  *fd is our side of the pipe, non-blocking.  0 or an errno value. */
int sluice_subshell_run(sluice_subshell *shell, const char *command, int end, int *fd);

/* Waits for its end, at most so long (-1: for ever).  0, ECANCELED when the bell was rung, ETIMEDOUT. */
int sluice_subshell_wait(sluice_subshell *shell, const sluice_bell *bell, int milliseconds);

/* It was waited for, and ended with status 0. */
bool sluice_subshell_is_good(const sluice_subshell *shell);
/* "ended with status 3", "was ended by signal 9 (Killed)". */
void sluice_subshell_words(const sluice_subshell *shell, char out[SLUICE_SUBSHELL_WORDS]);

/* Ends it and what it has started, by SIGTERM, and by SIGKILL what is still there after the grace time, which is over
 * when it has ended and nobody has the other end of the pipe fd (-1: there is none).  Waits for it.  Does nothing if none
 * runs. */
void sluice_subshell_end(sluice_subshell *shell, int fd, uint64_t grace_ns);

#endif
