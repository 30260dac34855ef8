/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's command `wait`, and what waits for all jobs at the end. */
#include "cli/shell.h"
#include "cli/shell_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A look at the jobs now and then, should an event have been lost. */
#define GLANCE SLUICE_SECOND
/* What callbacks that are still to be made for a job that is over may take: they only queue. */
#define CALLBACKS_MOST (2 * SLUICE_SECOND)

static sluice_time now_of(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (sluice_time)now.tv_sec * SLUICE_SECOND + (sluice_time)now.tv_nsec;
}

/* Over, and its last callback has returned, so that all it told is in the queue. */
static bool has_ended(sluice_shell *shell, sluice_job job, sluice_job_statistics *out)
{
    *out = (sluice_job_statistics){.size = sizeof *out};
    if (sluice_job_statistics_get(shell->manager, job, out) != SLUICE_OK)
        return true; /* and forgotten */
    return sluice_shell_is_over(out->state) && sluice_job_wait(shell->manager, job, CALLBACKS_MOST, out) != SLUICE_ETIMEOUT;
}

static size_t count_running(sluice_shell *shell, const sluice_job *jobs, size_t count)
{
    size_t running = 0;
    for (size_t i = 0; i < count; i++) {
        sluice_job_statistics statistics;
        running += !has_ended(shell, jobs[i], &statistics);
    }
    return running;
}

/* SLUICE_OK, ETIMEOUT or EINTERRUPTED. */
static int await_jobs(sluice_shell *shell, const sluice_job *jobs, size_t count, sluice_duration timeout)
{
    sluice_time end = timeout == SLUICE_NEVER ? SLUICE_NEVER : now_of() + timeout;
    int status = SLUICE_OK;
    while (count_running(shell, jobs, count) > 0 && status == SLUICE_OK) {
        sluice_time now = now_of();
        sluice_duration left = end == SLUICE_NEVER ? GLANCE : end > now ? end - now : 0;
        unsigned what = sluice_shell_await(shell, -1, left < GLANCE ? left : GLANCE);
        sluice_shell_tell(shell);
        if ((what & (SLUICE_SHELL_INTERRUPTED | SLUICE_SHELL_ENDED)) != 0)
            status = SLUICE_EINTERRUPTED;
        else if (end != SLUICE_NEVER && now_of() >= end && count_running(shell, jobs, count) > 0)
            status = SLUICE_ETIMEOUT;
    }
    sluice_shell_tell(shell);
    return status;
}

bool sluice_shell_await_all(sluice_shell *shell, sluice_duration timeout)
{
    size_t count;
    sluice_job *jobs = sluice_shell_jobs(shell, &count);
    int status = await_jobs(shell, jobs, count, timeout);
    free(jobs);
    return status == SLUICE_OK;
}

/* ---- which ---- */

static bool was_waited_for(const sluice_shell *shell, sluice_job job)
{
    for (size_t i = 0; i < shell->waited_count; i++)
        if (shell->waited[i] == job)
            return true;
    return false;
}

/* A later `wait` for all of them does not answer for it again. */
static void note_waited(sluice_shell *shell, sluice_job job)
{
    if (was_waited_for(shell, job))
        return;
    sluice_job *more = realloc(shell->waited, (shell->waited_count + 1) * sizeof *more);
    if (more == NULL)
        return;
    shell->waited = more;
    shell->waited[shell->waited_count++] = job;
}

typedef struct request {
    sluice_job *jobs;
    size_t count;
    sluice_duration timeout;
} request;

static int take_arguments(sluice_shell *shell, int argc, char **argv, request *out, sluice_error *error)
{
    for (int i = 1; i < argc; i++) {
        int status;
        bool timed = strcmp(argv[i], "--timeout") == 0;
        if (timed && i + 1 == argc)
            return sluice_fail(error, SLUICE_EUSAGE, "--timeout: a value is missing");
        if (timed || strncmp(argv[i], "--timeout=", 10) == 0)
            status = sluice_shell_seconds(timed ? argv[++i] : argv[i] + 10, &out->timeout, error);
        else if (strcmp(argv[i], "all") == 0)
            continue;
        else
            status = sluice_shell_job(shell, argv[i], &out->jobs[out->count++], error);
        if (status != SLUICE_OK)
            return status;
    }
    return SLUICE_OK;
}

/* All whose end was not the answer to a wait yet. */
static void take_all(sluice_shell *shell, request *out)
{
    size_t count;
    free(out->jobs);
    out->jobs = sluice_shell_jobs(shell, &count);
    for (size_t i = 0; i < count; i++)
        if (!was_waited_for(shell, out->jobs[i]))
            out->jobs[out->count++] = out->jobs[i];
}

/* ---- the answer ---- */

/* How those that are over have ended; the first one that has failed makes the failure. */
static int answer(sluice_shell *shell, const request *wanted, sluice_error *error)
{
    int status = SLUICE_OK;
    if (shell->json)
        sluice_json_open(&shell->object, "jobs", '[');
    for (size_t i = 0; i < wanted->count; i++) {
        sluice_job_statistics job;
        bool over = has_ended(shell, wanted->jobs[i], &job);
        if (shell->json) {
            sluice_json_open(&shell->object, NULL, '{');
            (void)sluice_job_statistics_get(shell->manager, wanted->jobs[i], &job);
            sluice_shell_print_job_json(&shell->object, &job);
            sluice_json_close(&shell->object, '}');
        }
        if (over)
            note_waited(shell, wanted->jobs[i]);
        if (over && job.state == SLUICE_JOB_FAILED && status == SLUICE_OK)
            status = sluice_fail(error, job.status != SLUICE_OK ? job.status : SLUICE_EFAILED,
                                 "job %" PRIu64 " has failed: %s", job.job,
                                 job.message[0] != '\0' ? job.message : sluice_status_text(job.status));
    }
    if (shell->json)
        sluice_json_close(&shell->object, ']');
    return status;
}

static int check_jobs(sluice_shell *shell, const request *wanted, sluice_error *error)
{
    for (size_t i = 0; i < wanted->count; i++) {
        sluice_job_statistics job = {.size = sizeof job};
        if (sluice_job_statistics_get(shell->manager, wanted->jobs[i], &job) != SLUICE_OK)
            return sluice_fail(error, SLUICE_ENOENT, "there is no job %" PRIu64, wanted->jobs[i]);
    }
    return SLUICE_OK;
}

static int wait_for(sluice_shell *shell, const request *wanted, sluice_error *error)
{
    int status = await_jobs(shell, wanted->jobs, wanted->count, wanted->timeout);
    int ends = answer(shell, wanted, error);
    if (ends != SLUICE_OK || status == SLUICE_OK)
        return ends;
    size_t running = count_running(shell, wanted->jobs, wanted->count);
    if (status == SLUICE_EINTERRUPTED)
        return sluice_fail(error, status, "interrupted: %zu job%s still run%s", running, running == 1 ? "" : "s",
                           running == 1 ? "s" : "");
    return sluice_fail(error, status, "%zu job%s not over in time", running, running == 1 ? " is" : "s are");
}

int sluice_shell_join(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    request wanted = {.jobs = calloc((size_t)argc, sizeof(sluice_job)), .timeout = SLUICE_NEVER};
    if (wanted.jobs == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a list of jobs");
    int status = take_arguments(shell, argc, argv, &wanted, error);
    if (status == SLUICE_OK && wanted.count == 0)
        take_all(shell, &wanted);
    if (status == SLUICE_OK)
        status = check_jobs(shell, &wanted, error);
    if (status == SLUICE_OK)
        status = wait_for(shell, &wanted, error);
    free(wanted.jobs);
    return status;
}
