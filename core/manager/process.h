/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - a worker process, watched by the loop.
 *
 * It is started by posix_spawn, so that a large program pays nothing for its size, leads a process group of its own, has no
 * signal blocked or ignored, and has no descriptors but these: 0 and 1 are /dev/null, 2 is a pipe of which the last line is
 * kept, 3 and 4 as handed over.  Its end is seen through a pidfd, never through SIGCHLD: signals are the application's.
 */
#ifndef SLUICE_MANAGER_PROCESS_H
#define SLUICE_MANAGER_PROCESS_H

#include "manager/plan.h"
#include "net/loop.h"

#define SLUICE_PROCESS_UNKNOWN INT32_MIN /* somebody else has asked for the exit status */
#define SLUICE_PROCESS_LINE 1000         /* of the last line, with its NUL */

typedef struct sluice_process sluice_process;

/* Called once from the loop.  result: the exit status, minus the number of the signal that ended it, or
 * SLUICE_PROCESS_UNKNOWN; line: the last that it wrote to its standard error.  Inside, the process may be freed. */
typedef void sluice_process_ended(void *user, int result, const char *line);

/* management: becomes descriptor 4, stays the caller's; -1: none.  Errors: SLUICE_ECONFIG (there is no such program, or it
 * cannot be run), SLUICE_ELIMIT (no process or descriptor to be had), SLUICE_ENOMEM, SLUICE_EIO. */
int sluice_process_new(sluice_process **out, sluice_loop *loop, const sluice_plan *plan, int management,
                       sluice_process_ended *ended, void *user, sluice_error *error);
int sluice_process_pid(const sluice_process *process);
/* Nothing where it has ended. */
void sluice_process_signal(sluice_process *process, int number);
/* Kills one that still runs.  NULL is fine. */
void sluice_process_free(sluice_process *process);

#endif
