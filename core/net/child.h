/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - a child process, watched by the loop.
 *
 * It has three descriptors, no signal blocked, and the dispositions that a program expects, but for SIGINT, which it
 * ignores: it stays in the terminal's foreground group, because ssh asks for passwords there, so a Ctrl-C meant for us
 * would end it, too.  Its end is seen through a pidfd (or, where the kernel has none, by looking from time to time),
 * never through SIGCHLD: signals are the application's.
 */
#ifndef SLUICE_NET_CHILD_H
#define SLUICE_NET_CHILD_H

#include "net/loop.h"

#define SLUICE_CHILD_UNKNOWN INT32_MIN /* somebody else has asked for the exit status */

typedef struct sluice_child sluice_child;

/* Called once from the loop.  result: the exit status, minus the number of the signal that ended it, or
 * SLUICE_CHILD_UNKNOWN.  Inside, the child may be freed. */
typedef void sluice_child_ended(void *user, int result);

/* Runs words[0], looked for along PATH, with the others as arguments (NULL ends them).  descriptors become its 0, 1 and
 * 2; they stay the caller's, and must not be 0, 1 or 2 themselves.  Errors: SLUICE_ECONNECT (there is no such program, or
 * it cannot be run), SLUICE_EIO (no process or descriptor to be had), SLUICE_ENOMEM. */
int sluice_child_new(sluice_child **out, sluice_loop *loop, char *const *words, const int descriptors[3],
                     sluice_child_ended *ended, void *user, sluice_error *error);

/* Ends it if it still runs, by SIGTERM, and by SIGKILL when that does not help within a fifth of a second; waits for it
 * for at most one second more.  NULL is fine. */
void sluice_child_free(sluice_child *child);

/* A pipe, close-on-exec, neither end of which is 0, 1 or 2.  SLUICE_EIO. */
int sluice_child_pipe(int ends[2], sluice_error *error);

#endif
