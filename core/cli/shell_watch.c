/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shell's command `watch`: a table of all jobs, drawn anew in its place until a key is pressed or nothing runs any more.
 * What jobs tell meanwhile goes above it.
 */
#include "cli/shell.h"
#include "cli/shell_print.h"
#include "cli/shell_terminal.h"

#include <stdlib.h>
#include <unistd.h>

#define PERIOD SLUICE_SECOND
#define PERIOD_LEAST (100 * SLUICE_MS)

/* The table; the newest jobs where there are more than rows.  Returns its lines. */
static size_t draw(sluice_shell *shell, size_t columns, size_t rows)
{
    size_t count, lines = 1, first = 0;
    sluice_job *jobs = sluice_shell_jobs(shell, &count);
    if (rows > 4 && count > rows - 3)
        first = count - (rows - 3);
    sluice_shell_print_heading(stdout);
    for (size_t i = first; i < count; i++) {
        sluice_job_statistics statistics = {.size = sizeof statistics};
        if (sluice_job_statistics_get(shell->manager, jobs[i], &statistics) != SLUICE_OK)
            continue;
        sluice_shell_print_row(stdout, &statistics, columns);
        lines++;
    }
    if (first > 0) {
        printf("(%zu older ones)\n", first);
        lines++;
    }
    fflush(stdout);
    free(jobs);
    return lines;
}

static void erase(size_t lines)
{
    if (lines > 0)
        printf("\r\033[%zuA\033[J", lines);
}

/* Until something wants its end. */
static void live(sluice_shell *shell, sluice_duration period)
{
    const unsigned ends = SLUICE_SHELL_READABLE | SLUICE_SHELL_INTERRUPTED | SLUICE_SHELL_ENDED;
    unsigned what = 0;
    for (size_t lines = 0; (what & ends) == 0;) {
        bool last = sluice_shell_running(shell) == 0;
        erase(lines);
        sluice_shell_tell(shell);
        lines = draw(shell, sluice_shell_terminal_columns(), sluice_shell_terminal_rows());
        if (last)
            return;
        what = sluice_shell_await(shell, STDIN_FILENO, period);
    }
    char key;
    if ((what & SLUICE_SHELL_READABLE) != 0)
        (void)!read(STDIN_FILENO, &key, 1);
}

int sluice_shell_watch(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    sluice_duration period = PERIOD;
    struct termios before;
    int status = argc > 1 ? sluice_shell_seconds(argv[1], &period, error) : SLUICE_OK;
    if (status != SLUICE_OK)
        return status;
    if (period < PERIOD_LEAST || period > 3600 * SLUICE_SECOND)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: a table is drawn every 0.1 to 3600 seconds", argv[1]);
    if (shell->json || !shell->interactive || !sluice_shell_terminal_raw(&before))
        return sluice_shell_table(shell, 1, argv, error);
    live(shell, period);
    sluice_shell_terminal_restore(&before);
    return SLUICE_OK;
}
