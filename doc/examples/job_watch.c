/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_watch.c - a directory is watched: each file that is put there goes to another machine, by one session that stays open.
 *
 *     job_watch ADDRESS DIRECTORY DESTINATION [KEY=VALUE...]        job_watch server.example:33001 outbox in/ mkdir=yes
 *
 * It takes commands on its standard input while it runs: "rate MBITS" (0: none), "min-rate MBITS", "policy fair", "pause",
 * "resume", "add PATH", "drop PATH", "cancel", "end".  After "end", or the end of the input, it moves what it has and ends.
 * A file counts when its writer has closed it, or renamed it; names that begin with a dot do not.
 */
#define _GNU_SOURCE
#include "job.h"

#include <dirent.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

static sluice_manager *manager;
static sluice_job job;
static const char *directory;
static int over; /* an eventfd: readable when the job is over */

/* On a thread of the manager: whoever has an event loop is woken by what a callback writes. */
static void happened(void *user, const sluice_job_event *event)
{
    (void)user;
    const sluice_job_statistics *now = event->statistics;
    printf("%s", sluice_job_event_name(event->type));
    if (event->file)
        printf(" %s %" PRIu64 "/%" PRIu64, event->file->name, event->file->written_bytes, event->file->file_bytes);
    else
        printf(" %s, %" PRIu64 " files, %.1f of %.1f Mbit/s, %s", sluice_job_state_name(now->state), now->files,
               (double)now->rate_bps / 1e6, (double)now->target_bps / 1e6, now->policy);
    printf("%s%s\n", event->message[0] ? ": " : "", event->message);
    fflush(stdout);
    if (event->type == SLUICE_JOB_EVENT_SESSION_STOP || event->type == SLUICE_JOB_EVENT_SESSION_ERROR)
        (void)!write(over, &(uint64_t){1}, sizeof(uint64_t));
}

static int add(const char *name)
{
    char path[4096];
    if (name[0] == '.')
        return SLUICE_OK;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return sluice_job_add(manager, job, path, NULL, 0, SLUICE_UNKNOWN);
}

/* What is there already, or may have been missed. */
static void add_all(void)
{
    DIR *all = opendir(directory);
    for (struct dirent *entry; all && (entry = readdir(all));)
        if (entry->d_type == DT_REG)
            add(entry->d_name);
    if (all)
        closedir(all);
}

static void take_changes(int changes)
{
    _Alignas(struct inotify_event) char bytes[16384];
    ssize_t got = read(changes, bytes, sizeof bytes);
    for (char *at = bytes; at < bytes + (got > 0 ? got : 0);) {
        struct inotify_event *change = (struct inotify_event *)at;
        if (change->mask & IN_Q_OVERFLOW)
            add_all();
        else if (change->len > 0 && !(change->mask & IN_ISDIR))
            add(change->name);
        at += sizeof *change + change->len;
    }
}

static int obey(const char *word, const char *value)
{
    sluice_rate bps = (sluice_rate)(atof(value) * 1e6);
    if (strcmp(word, "rate") == 0)
        return sluice_job_rate(manager, job, bps);
    if (strcmp(word, "min-rate") == 0)
        return sluice_job_minimum_rate(manager, job, bps);
    if (strcmp(word, "policy") == 0)
        return sluice_job_policy(manager, job, value);
    if (strcmp(word, "pause") == 0)
        return sluice_job_pause(manager, job);
    if (strcmp(word, "resume") == 0)
        return sluice_job_resume(manager, job);
    if (strcmp(word, "add") == 0)
        return sluice_job_add(manager, job, value, NULL, 0, SLUICE_UNKNOWN);
    if (strcmp(word, "drop") == 0)
        return sluice_job_drop(manager, job, value);
    if (strcmp(word, "cancel") == 0)
        return sluice_job_cancel(manager, job);
    if (strcmp(word, "end") == 0)
        return sluice_job_no_more(manager, job);
    return word[0] == '\0' ? SLUICE_OK : SLUICE_EUSAGE;
}

/* False: no more commands come. */
static bool take_command(void)
{
    char line[4200];
    char *value = fgets(line, sizeof line, stdin);
    char *word = value ? strsep(&value, " \n") : (char *)"end";
    if (value)
        value[strcspn(value, "\n")] = '\0';
    int status = obey(word, value ? value : "");
    if (status != SLUICE_OK)
        fprintf(stderr, "%s: %s\n", word, sluice_status_text(status));
    return strcmp(word, "end") != 0;
}

static void run(int changes)
{
    struct pollfd row[] = {{.fd = over, .events = POLLIN}, {.fd = changes, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    setvbuf(stdin, NULL, _IONBF, 0); /* else lines would wait in a buffer that poll knows nothing of */
    add_all();
    while (!row[0].revents) {
        if (poll(row, 3, -1) < 0)
            continue;
        if (row[1].revents)
            take_changes(changes);
        if (row[2].revents && !take_command())
            row[1].fd = row[2].fd = -1;
    }
}

int main(int argc, char **argv)
{
    sluice_job_statistics end = {.size = sizeof end};
    sluice_error error = {0};
    if (argc < 4) {
        fprintf(stderr, "usage: job_watch ADDRESS DIRECTORY DESTINATION [KEY=VALUE...]\n");
        return 2;
    }
    directory = argv[2];
    over = eventfd(0, EFD_CLOEXEC);
    int changes = inotify_init1(IN_CLOEXEC);
    if (over < 0 || inotify_add_watch(changes, directory, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
        perror(directory);
        return 1;
    }
    sluice_order *order = order_for(SLUICE_PUSH, argv[1], argv[3], argv + 4);
    sluice_order_persistent(order, true);
    must(sluice_manager_new(NULL, &manager, &error), &error);
    must(sluice_manager_launch(manager, order, happened, NULL, &job, &error), &error);
    sluice_order_free(order);

    run(changes);
    sluice_job_wait(manager, job, SLUICE_NEVER, &end);
    sluice_manager_free(manager);
    return report(&end);
}
