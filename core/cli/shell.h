/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell.h - the interactive manager while it runs: what its commands share.
 *
 * All of it happens on the main thread.  The manager's callbacks leave what they tell in a queue (shell_events.h), which is
 * told whenever the main thread waits for something, and it waits in one place only, for the user, the jobs and signals
 * together.
 */
#ifndef SLUICE_CLI_SHELL_H
#define SLUICE_CLI_SHELL_H

#include "cli/json.h"
#include "cli/shell_events.h"

#include <sluice/manager.h>
#include <sluice/sluice.h>

/* A default of the orders to come. */
typedef struct sluice_shell_setting {
    char *key, *value;
} sluice_shell_setting;

typedef struct sluice_shell {
    sluice *library; /* borrowed */
    sluice_manager *manager;
    sluice_shell_events events;
    bool json, quiet, stop_on_error;
    bool interactive; /* a terminal is at both ends */
    const char *where; /* of the line under way, "FILE:3"; NULL: typed */

    FILE *answer;       /* of the command under way */
    sluice_json object; /* the same, with --json */

    int failure;  /* exit status of the first failure; 0: none yet */
    bool over;    /* no more commands */
    bool abandon; /* and what still runs is cancelled */

    sluice_shell_setting *settings;
    size_t setting_count;
    sluice_job last;    /* launched last; 0: none */
    sluice_job *waited; /* jobs whose end was the answer to a wait */
    size_t waited_count;
    char *password; /* of ssh, from the environment; NULL */
} sluice_shell;

/* Carries out a line.  What fails is said, and answered with --json; the first failure is kept. */
void sluice_shell_obey(sluice_shell *shell, const char *line);

/* Says why something failed, on stderr, after where that was. */
void sluice_shell_complain(const sluice_shell *shell, const char *sentence);
void sluice_shell_failed(sluice_shell *shell, int exit_status);

/* Ids of all jobs that are not forgotten, oldest first; to be freed.  NULL: out of memory, or there are none. */
sluice_job *sluice_shell_jobs(sluice_shell *shell, size_t *count);
bool sluice_shell_is_over(sluice_job_state state);
size_t sluice_shell_running(sluice_shell *shell);
/* Cancels all that run. */
void sluice_shell_cancel_all(sluice_shell *shell);
/* Waits until none runs any more, and tells events meanwhile.  False: a signal wants the end first, or they take too long. */
bool sluice_shell_await_all(sluice_shell *shell, sluice_duration timeout);

/* Waits for what runs, or cancels it where the shell was abandoned. */
void sluice_shell_finish(sluice_shell *shell);

/* "3", "#3" or "last".  EUSAGE. */
int sluice_shell_job(sluice_shell *shell, const char *word, sluice_job *out, sluice_error *error);
/* "250m" in bits per second; "5s", or a bare number of seconds; "16Mi" bytes.  EUSAGE. */
int sluice_shell_rate(sluice_shell *shell, const char *word, sluice_rate *out, sluice_error *error);
int sluice_shell_seconds(const char *word, sluice_duration *out, sluice_error *error);
int sluice_shell_size(const char *word, uint64_t *out, sluice_error *error);
/* "16Mi:1G", ":5k" or "5k:".  False: it does not look like one. */
bool sluice_shell_range(const char *word, uint64_t *from, uint64_t *to);

/* The settings. */
int sluice_shell_set(sluice_shell *shell, const char *key, const char *value, sluice_error *error);
bool sluice_shell_unset(sluice_shell *shell, const char *key);
void sluice_shell_settings_fini(sluice_shell *shell);
/* What push and pull take. */
extern const struct sluice_help sluice_help_push, sluice_help_pull;

/* The commands. */
int sluice_shell_push(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_pull(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_add(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_drop(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_nomore(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_table(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_stats(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_files(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_watch(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_pause(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_resume(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_cancel(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_target(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_minimum(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_policy(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_join(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_forget(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_keep(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_drop_setting(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_show(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_help(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_quit(sluice_shell *shell, int argc, char **argv, sluice_error *error);
int sluice_shell_quit_now(sluice_shell *shell, int argc, char **argv, sluice_error *error);

#endif
