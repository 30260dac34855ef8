/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a shell: its commands `quit` and `quit!`, and what becomes of the jobs. */
#include "cli/shell.h"
#include "cli/shell_terminal.h"

#include <stdlib.h>

#define CANCEL_MOST (15 * SLUICE_SECOND)

/* Jobs that would wait for somebody who is not there any more do not. */
static void let_go(sluice_shell *shell)
{
    size_t count;
    sluice_job *jobs = sluice_shell_jobs(shell, &count);
    for (size_t i = 0; i < count; i++) {
        sluice_job_statistics statistics = {.size = sizeof statistics};
        if (sluice_job_statistics_get(shell->manager, jobs[i], &statistics) != SLUICE_OK ||
            sluice_shell_is_over(statistics.state))
            continue;
        (void)sluice_job_resume(shell->manager, jobs[i]);
        if (statistics.persistent)
            (void)sluice_job_no_more(shell->manager, jobs[i]);
    }
    free(jobs);
}

void sluice_shell_finish(sluice_shell *shell)
{
    if (!shell->abandon) {
        let_go(shell);
        (void)sluice_shell_await_all(shell, SLUICE_NEVER);
    }
    if (shell->abandon) {
        sluice_shell_cancel_all(shell);
        (void)sluice_shell_await_all(shell, CANCEL_MOST); /* those that take longer are ended with the manager */
    }
}

/* Whether the user wants the end though jobs run. */
static bool may_end(sluice_shell *shell)
{
    char question[128];
    size_t running = sluice_shell_running(shell);
    if (running == 0)
        return true;
    (void)snprintf(question, sizeof question, "%zu job%s still run%s. Cancel, and end? (y/n) ", running,
                   running == 1 ? "" : "s", running == 1 ? "s" : "");
    shell->abandon = sluice_shell_terminal_ask(shell, question);
    return shell->abandon || sluice_shell_running(shell) == 0;
}

int sluice_shell_quit(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    (void)argv;
    (void)error;
    shell->over = !shell->interactive || may_end(shell);
    return SLUICE_OK;
}

int sluice_shell_quit_now(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    (void)argv;
    (void)error;
    shell->over = shell->abandon = true;
    return SLUICE_OK;
}
