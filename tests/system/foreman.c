/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreman.c - one job of a manager for the system tests: says its events, and does what its standard input asks for.
 *
 *     foreman push|pull HOST PORT TICKET DESTINATION [KEY=VALUE...] [-- SOURCE...]
 *
 * TICKET is a file.  KEY is an option of copy, or one of persistent, outlive, ascp (a program), token (a file whose text is
 * told in place of TICKET), retries and files (asked for at the end).  Its exit status is 0 if the job has finished.
 *
 * Lines of the standard input: pause, resume, cancel, rate BPS, policy P, add PATH, drop PATH, no-more, kill (the worker),
 * die (at once, without a word).
 */
#include <pthread.h>
#include <signal.h>
#include <sluice/manager.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct foreman {
    sluice_manager *manager;
    sluice_order *order;
    sluice_remote remote;
    sluice_job job;
} foreman;

static void fail(const char *what, const sluice_error *error)
{
    fprintf(stderr, "foreman: %s: %s\n", what, error->text);
    exit(99);
}

static void tell(void *user, const sluice_job_event *event)
{
    const sluice_job_statistics *now = event->statistics;
    (void)user;
    printf("%s state=%s attempts=%u files=%llu skipped=%llu failed=%llu total=%llu transferred=%llu present=%llu rate=%llu "
           "target=%llu policy=%s worker=%d code=%u status=%s wait=%llu",
           sluice_job_event_name(event->type), sluice_job_state_name(now->state), now->attempts,
           (unsigned long long)now->files, (unsigned long long)now->skipped, (unsigned long long)now->failed,
           (unsigned long long)now->total_files, (unsigned long long)now->transferred_bytes,
           (unsigned long long)now->present_bytes, (unsigned long long)now->rate_bps, (unsigned long long)now->target_bps,
           now->policy, now->worker, now->code, sluice_status_name(now->status),
           (unsigned long long)(event->retry_ns / SLUICE_MS));
    if (event->file != NULL)
        printf(" file=%s written=%llu digest=%s", event->file->name, (unsigned long long)event->file->written_bytes,
               event->file->digest != NULL ? event->file->digest : "-");
    printf(" message=%s\n", event->message);
    fflush(stdout);
}

/* ---- the order ---- */

static char *file_text(const char *name)
{
    static char text[8192];
    FILE *from = fopen(name, "re");
    size_t bytes = from != NULL ? fread(text, 1, sizeof text - 1, from) : 0;
    if (from != NULL)
        fclose(from);
    text[bytes] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void take_option(foreman *self, char *word)
{
    sluice_error error = {0};
    char *value = strchr(word, '=');
    if (value == NULL)
        exit(98);
    *value++ = '\0';
    int status = SLUICE_OK;
    if (strcmp(word, "persistent") == 0)
        sluice_order_persistent(self->order, true);
    else if (strcmp(word, "outlive") == 0)
        sluice_order_outlive(self->order, true);
    else if (strcmp(word, "retries") == 0)
        sluice_order_retry(self->order, (unsigned)atoi(value), 50 * SLUICE_MS, SLUICE_SECOND);
    else if (strcmp(word, "ascp") == 0)
        status = sluice_order_ascp(self->order, value, &error);
    else if (strcmp(word, "token") == 0) {
        self->remote.ticket_file = NULL;
        self->remote.ticket = file_text(value);
    } else
        status = sluice_order_set(self->order, word, value, &error);
    if (status != SLUICE_OK)
        fail(word, &error);
}

static void take_order(foreman *self, int argc, char **argv)
{
    sluice_error error = {0};
    int i = 6;
    if (argc < 6 || sluice_order_new(strcmp(argv[1], "push") == 0 ? SLUICE_PUSH : SLUICE_PULL, &self->order, &error) != SLUICE_OK)
        exit(98);
    self->remote = (sluice_remote){.size = sizeof self->remote, .host = argv[2], .port = (uint16_t)atoi(argv[3]),
                                   .ticket_file = argv[4]};
    for (; i < argc && strcmp(argv[i], "--") != 0; i++)
        take_option(self, argv[i]);
    if (sluice_order_remote(self->order, &self->remote, &error) != SLUICE_OK ||
        sluice_order_destination(self->order, argv[5], &error) != SLUICE_OK)
        fail("the order", &error);
    for (i++; i < argc; i++)
        if (sluice_order_source(self->order, argv[i], NULL, &error) != SLUICE_OK)
            fail(argv[i], &error);
}

/* ---- what is asked for ---- */

static void kill_worker(const foreman *self)
{
    sluice_job_statistics now = {.size = sizeof now};
    if (sluice_job_statistics_get(self->manager, self->job, &now) == SLUICE_OK && now.worker > 1)
        kill(now.worker, SIGKILL);
}

static int obey(const foreman *self, char *line)
{
    char *rest = line, *word = strsep(&rest, " ");
    const char *value = rest != NULL ? rest : "";
    if (strcmp(word, "pause") == 0)
        return sluice_job_pause(self->manager, self->job);
    if (strcmp(word, "resume") == 0)
        return sluice_job_resume(self->manager, self->job);
    if (strcmp(word, "cancel") == 0)
        return sluice_job_cancel(self->manager, self->job);
    if (strcmp(word, "rate") == 0)
        return sluice_job_rate(self->manager, self->job, strtoull(value, NULL, 10));
    if (strcmp(word, "policy") == 0)
        return sluice_job_policy(self->manager, self->job, value);
    if (strcmp(word, "add") == 0)
        return sluice_job_add(self->manager, self->job, value, NULL, 0, SLUICE_UNKNOWN);
    if (strcmp(word, "drop") == 0)
        return sluice_job_drop(self->manager, self->job, value);
    if (strcmp(word, "no-more") == 0)
        return sluice_job_no_more(self->manager, self->job);
    if (strcmp(word, "kill") == 0)
        kill_worker(self);
    if (strcmp(word, "die") == 0)
        _exit(97);
    return SLUICE_OK;
}

static void *listen(void *user)
{
    char line[8192];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        int status = obey(user, line);
        if (status != SLUICE_OK)
            fprintf(stderr, "foreman: %s: %s\n", line, sluice_status_name(status));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    foreman self = {0};
    sluice_error error = {0};
    pthread_t listener;
    sluice_job_statistics end = {.size = sizeof end};
    take_order(&self, argc, argv);
    if (sluice_manager_default(&self.manager, &error) != SLUICE_OK ||
        sluice_manager_launch(self.manager, self.order, tell, NULL, &self.job, &error) != SLUICE_OK)
        fail("launch", &error);
    if (pthread_create(&listener, NULL, listen, &self) != 0)
        return 96;
    pthread_detach(listener);
    int status = sluice_job_wait(self.manager, self.job, SLUICE_NEVER, &end);
    fflush(stdout);
    /* The listener may still be in a call: the process ends with it. */
    _exit(status == SLUICE_OK && end.state == SLUICE_JOB_FINISHED ? 0 : 1);
}
