/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the shell about jobs that are there: what they do, and what is changed of them. */
#include "cli/shell.h"
#include "cli/shell_print.h"
#include "cli/shell_terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- all of them ---- */

sluice_job *sluice_shell_jobs(sluice_shell *shell, size_t *count)
{
    *count = 0;
    size_t most = sluice_manager_jobs(shell->manager, NULL, 0);
    sluice_job *jobs = most > 0 ? calloc(most, sizeof *jobs) : NULL;
    if (jobs == NULL)
        return NULL;
    size_t there = sluice_manager_jobs(shell->manager, jobs, most);
    *count = there < most ? there : most;
    return jobs;
}

bool sluice_shell_is_over(sluice_job_state state)
{
    return state == SLUICE_JOB_FINISHED || state == SLUICE_JOB_FAILED || state == SLUICE_JOB_CANCELLED;
}

static bool statistics_of(sluice_shell *shell, sluice_job job, sluice_job_statistics *out)
{
    *out = (sluice_job_statistics){.size = sizeof *out};
    return sluice_job_statistics_get(shell->manager, job, out) == SLUICE_OK;
}

static bool runs(sluice_shell *shell, sluice_job job)
{
    sluice_job_statistics statistics;
    return statistics_of(shell, job, &statistics) && !sluice_shell_is_over(statistics.state);
}

size_t sluice_shell_running(sluice_shell *shell)
{
    size_t count, running = 0;
    sluice_job *jobs = sluice_shell_jobs(shell, &count);
    for (size_t i = 0; i < count; i++)
        running += runs(shell, jobs[i]);
    free(jobs);
    return running;
}

void sluice_shell_cancel_all(sluice_shell *shell)
{
    size_t count;
    sluice_job *jobs = sluice_shell_jobs(shell, &count);
    for (size_t i = 0; i < count; i++)
        (void)sluice_job_cancel(shell->manager, jobs[i]);
    free(jobs);
}

/* ---- naming them ---- */

static int no_such_job(sluice_job job, sluice_error *error)
{
    return sluice_fail(error, SLUICE_ENOENT, "there is no job %" PRIu64, job);
}

/* Those that the arguments from `first` on name, or all; "all" is all that run.  To be freed, in any case. */
static int take_jobs(sluice_shell *shell, int argc, char **argv, int first, sluice_job **out, size_t *count,
                     sluice_error *error)
{
    *out = NULL;
    *count = 0;
    if (argc <= first || strcmp(argv[first], "all") == 0) {
        *out = sluice_shell_jobs(shell, count);
        return SLUICE_OK;
    }
    *out = calloc((size_t)argc, sizeof **out);
    if (*out == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a list of jobs");
    for (int i = first; i < argc; i++) {
        sluice_job_statistics statistics;
        int status = sluice_shell_job(shell, argv[i], &(*out)[*count], error);
        if (status == SLUICE_OK && !statistics_of(shell, (*out)[*count], &statistics))
            status = no_such_job((*out)[*count], error);
        if (status != SLUICE_OK)
            return status;
        ++*count;
    }
    return SLUICE_OK;
}

/* ---- what they do ---- */

/* Answers with something about each of the jobs that are named, or of all. */
static int answer_each(sluice_shell *shell, int argc, char **argv,
                       void (*answer)(sluice_shell *shell, const sluice_job_statistics *statistics), sluice_error *error)
{
    size_t count;
    sluice_job *jobs;
    int status = take_jobs(shell, argc, argv, 1, &jobs, &count, error);
    if (status != SLUICE_OK) {
        free(jobs);
        return status;
    }
    if (shell->json)
        sluice_json_open(&shell->object, "jobs", '[');
    else if (count == 0)
        fputs("no jobs\n", shell->answer);
    for (size_t i = 0; i < count; i++) {
        sluice_job_statistics statistics;
        if (statistics_of(shell, jobs[i], &statistics))
            answer(shell, &statistics);
    }
    if (shell->json)
        sluice_json_close(&shell->object, ']');
    free(jobs);
    return SLUICE_OK;
}

static void answer_statistics(sluice_shell *shell, const sluice_job_statistics *statistics)
{
    if (!shell->json) {
        sluice_shell_print_job(shell->answer, statistics);
        return;
    }
    sluice_json_open(&shell->object, NULL, '{');
    sluice_shell_print_job_json(&shell->object, statistics);
    sluice_json_close(&shell->object, '}');
}

static void answer_row(sluice_shell *shell, const sluice_job_statistics *statistics)
{
    sluice_shell_print_row(shell->answer, statistics, sluice_shell_terminal_columns());
}

int sluice_shell_table(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    if (shell->json)
        return answer_each(shell, argc, argv, answer_statistics, error);
    if (sluice_manager_jobs(shell->manager, NULL, 0) > 0)
        sluice_shell_print_heading(shell->answer);
    return answer_each(shell, argc, argv, answer_row, error);
}

int sluice_shell_stats(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    return answer_each(shell, argc, argv, answer_statistics, error);
}

static void answer_file(void *user, const sluice_job_file *file)
{
    sluice_shell *shell = user;
    if (!shell->json) {
        sluice_shell_print_file(shell->answer, file, sluice_shell_terminal_columns());
        return;
    }
    sluice_json_open(&shell->object, NULL, '{');
    sluice_shell_print_file_json(&shell->object, file);
    sluice_json_close(&shell->object, '}');
}

static void answer_files(sluice_shell *shell, const sluice_job_statistics *statistics)
{
    if (!shell->json) {
        sluice_shell_print_file_heading(shell->answer);
        (void)sluice_job_files(shell->manager, statistics->job, answer_file, shell);
        sluice_shell_print_sum(shell->answer, statistics);
        return;
    }
    sluice_json_open(&shell->object, NULL, '{');
    sluice_shell_print_job_json(&shell->object, statistics);
    sluice_json_open(&shell->object, "list", '[');
    (void)sluice_job_files(shell->manager, statistics->job, answer_file, shell);
    sluice_json_close(&shell->object, ']');
    sluice_json_close(&shell->object, '}');
}

int sluice_shell_files(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    return answer_each(shell, argc, argv, answer_files, error);
}

/* ---- what is changed of them ---- */

/* The sentence to what the manager has answered. */
static int refused(sluice_job job, int status, const char *word, sluice_error *error)
{
    if (status == SLUICE_ENOENT)
        return no_such_job(job, error);
    if (status == SLUICE_EEND)
        return sluice_fail(error, SLUICE_EEND, "job %" PRIu64 " is over, or takes no more", job);
    if (status == SLUICE_EUNSUPPORTED)
        return sluice_fail(error, status, "job %" PRIu64 " is not persistent; `push --persistent` makes one that is", job);
    if (status == SLUICE_EINVAL)
        return sluice_fail(error, SLUICE_EUSAGE, "'%s' is none of fixed, high, fair, low", word);
    return sluice_fail(error, status, "job %" PRIu64 ": %s", job, sluice_status_text(status));
}

/* What is done to a job, with what stands behind it in the line. */
typedef int change(sluice_manager *manager, sluice_job job, const char *word, sluice_rate rate);

/* All that run, each for itself: one that ends meanwhile is no failure. */
static int change_all(sluice_shell *shell, change *make, const char *word, sluice_rate rate)
{
    size_t count;
    sluice_job *jobs = sluice_shell_jobs(shell, &count);
    if (shell->json)
        sluice_json_open(&shell->object, "jobs", '[');
    for (size_t i = 0; i < count; i++)
        if (runs(shell, jobs[i]) && make(shell->manager, jobs[i], word, rate) == SLUICE_OK && shell->json)
            sluice_json_number(&shell->object, NULL, jobs[i]);
    if (shell->json)
        sluice_json_close(&shell->object, ']');
    free(jobs);
    return SLUICE_OK;
}

static int change_one(sluice_shell *shell, const char *job_word, change *make, const char *word, sluice_rate rate,
                      sluice_error *error)
{
    sluice_job job;
    int status = sluice_shell_job(shell, job_word, &job, error);
    if (status != SLUICE_OK)
        return status;
    if (shell->json)
        sluice_json_number(&shell->object, "job", job);
    status = make(shell->manager, job, word, rate);
    return status == SLUICE_OK ? SLUICE_OK : refused(job, status, word, error);
}

static int change_jobs(sluice_shell *shell, const char *job_word, change *make, const char *word, sluice_rate rate,
                       sluice_error *error)
{
    return strcmp(job_word, "all") == 0 ? change_all(shell, make, word, rate)
                                        : change_one(shell, job_word, make, word, rate, error);
}

static int make_pause(sluice_manager *manager, sluice_job job, const char *word, sluice_rate rate)
{
    (void)word;
    (void)rate;
    return sluice_job_pause(manager, job);
}

static int make_resume(sluice_manager *manager, sluice_job job, const char *word, sluice_rate rate)
{
    (void)word;
    (void)rate;
    return sluice_job_resume(manager, job);
}

static int make_cancel(sluice_manager *manager, sluice_job job, const char *word, sluice_rate rate)
{
    (void)word;
    (void)rate;
    return sluice_job_cancel(manager, job);
}

static int make_target(sluice_manager *manager, sluice_job job, const char *word, sluice_rate rate)
{
    (void)word;
    return sluice_job_rate(manager, job, rate);
}

static int make_minimum(sluice_manager *manager, sluice_job job, const char *word, sluice_rate rate)
{
    (void)word;
    return sluice_job_minimum_rate(manager, job, rate);
}

static int make_policy(sluice_manager *manager, sluice_job job, const char *word, sluice_rate rate)
{
    (void)rate;
    return sluice_job_policy(manager, job, word);
}

static int make_nomore(sluice_manager *manager, sluice_job job, const char *word, sluice_rate rate)
{
    (void)word;
    (void)rate;
    return sluice_job_no_more(manager, job);
}

static int make_drop(sluice_manager *manager, sluice_job job, const char *word, sluice_rate rate)
{
    (void)rate;
    return sluice_job_drop(manager, job, word);
}

int sluice_shell_pause(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    return change_jobs(shell, argv[1], make_pause, "", 0, error);
}

int sluice_shell_resume(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    return change_jobs(shell, argv[1], make_resume, "", 0, error);
}

int sluice_shell_cancel(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    return change_jobs(shell, argv[1], make_cancel, "", 0, error);
}

static int change_rate(sluice_shell *shell, char **argv, change *make, sluice_error *error)
{
    sluice_rate rate;
    int status = sluice_shell_rate(shell, argv[2], &rate, error);
    return status == SLUICE_OK ? change_jobs(shell, argv[1], make, "", rate, error) : status;
}

int sluice_shell_target(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    return change_rate(shell, argv, make_target, error);
}

int sluice_shell_minimum(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    return change_rate(shell, argv, make_minimum, error);
}

int sluice_shell_policy(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    static const char *const words[] = {"fixed", "high", "fair", "low"};
    for (size_t i = 0; i < SLUICE_COUNT(words); i++)
        if (strcmp(words[i], argv[2]) == 0)
            return change_jobs(shell, argv[1], make_policy, argv[2], 0, error);
    return refused(0, SLUICE_EINVAL, argv[2], error);
}

int sluice_shell_nomore(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    return change_one(shell, argv[1], make_nomore, "", 0, error);
}

int sluice_shell_drop(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    return change_one(shell, argv[1], make_drop, argv[2], 0, error);
}

int sluice_shell_add(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    sluice_job job;
    uint64_t from = 0, to = SLUICE_UNKNOWN;
    const char *as = NULL;
    int status = sluice_shell_job(shell, argv[1], &job, error);
    if (status != SLUICE_OK)
        return status;
    bool ranged = argc > 3 && sluice_shell_range(argv[argc - 1], &from, &to);
    if (argc == 5 && !ranged)
        return sluice_fail(error, SLUICE_EUSAGE, "'%s' is no range of bytes; write FROM:TO, such as 0:16Mi or 1G:", argv[4]);
    if (argc == 5 || (argc == 4 && !ranged))
        as = argv[3];
    if (shell->json)
        sluice_json_number(&shell->object, "job", job);
    status = sluice_job_add(shell->manager, job, argv[2], as, from, to);
    if (status == SLUICE_EINVAL || status == SLUICE_EUSAGE)
        return sluice_fail(error, SLUICE_EUSAGE, "'%s' cannot be added to job %" PRIu64 ": %s", argv[2], job,
                           sluice_status_text(status));
    return status == SLUICE_OK ? SLUICE_OK : refused(job, status, "", error);
}

/* ---- those that are over ---- */

static int forget_over(sluice_shell *shell)
{
    size_t count;
    sluice_job *jobs = sluice_shell_jobs(shell, &count);
    if (shell->json)
        sluice_json_open(&shell->object, "jobs", '[');
    for (size_t i = 0; i < count; i++)
        if (!runs(shell, jobs[i]) && sluice_job_forget(shell->manager, jobs[i]) == SLUICE_OK && shell->json)
            sluice_json_number(&shell->object, NULL, jobs[i]);
    if (shell->json)
        sluice_json_close(&shell->object, ']');
    free(jobs);
    return SLUICE_OK;
}

int sluice_shell_forget(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    sluice_job job;
    (void)argc;
    if (strcmp(argv[1], "done") == 0)
        return forget_over(shell);
    int status = sluice_shell_job(shell, argv[1], &job, error);
    if (status != SLUICE_OK)
        return status;
    if (shell->json)
        sluice_json_number(&shell->object, "job", job);
    status = sluice_job_forget(shell->manager, job);
    if (status == SLUICE_EBUSY)
        return sluice_fail(error, status, "job %" PRIu64 " is not over; `cancel %" PRIu64 "` ends it", job, job);
    return status == SLUICE_OK ? SLUICE_OK : refused(job, status, "", error);
}
