/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd.c - many jobs at once, and callbacks that take their time, with real workers.
 *
 *     crowd many COUNT HOST PORT TICKET     jobs, every other one a pull, of one file each: many/0 and so on
 *     crowd slow HOST PORT TICKET           callbacks that do not return before the files of all jobs are in place
 *
 * Runs where `src` holds the files, `root` is the server's root with the same in `root/src`, and `back` takes pulls.
 */
#include "witness.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 120
#define MANY_MOST 1000

typedef struct crowd {
    sluice_manager *manager;
    sluice_remote remote;
    witness *jobs[MANY_MOST];
    unsigned count;
    pthread_mutex_t roll; /* guards jobs against callbacks */
} crowd;

static void demand(int status, const char *what, const sluice_error *error)
{
    if (status == SLUICE_OK)
        return;
    fprintf(stderr, "crowd: %s: %s: %s\n", what, sluice_status_name(status), error->text);
    exit(99);
}

static unsigned entries_of(const char *path)
{
    unsigned count = 0;
    DIR *folder = opendir(path);
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count;
}

/* ---- orders ---- */

static sluice_order *order_make(const crowd *self, bool push, unsigned number)
{
    sluice_error error = {0};
    sluice_order *order;
    char source[64], destination[64];
    snprintf(source, sizeof source, "src/%u", number);
    snprintf(destination, sizeof destination, "%s%u/", push ? "" : "back/", number);
    demand(sluice_order_new(push ? SLUICE_PUSH : SLUICE_PULL, &order, &error), "an order", &error);
    demand(sluice_order_remote(order, &self->remote, &error), "remote", &error);
    demand(sluice_order_destination(order, destination, &error), "destination", &error);
    demand(sluice_order_set(order, "mkdir", "yes", &error), "mkdir", &error);
    demand(sluice_order_source(order, source, NULL, &error), "source", &error);
    return order;
}

static witness *witness_make(const crowd *self, bool push, unsigned number)
{
    char name[16], source[64], destination[64];
    struct stat about;
    witness *job = malloc(sizeof *job);
    snprintf(name, sizeof name, "%u", number);
    snprintf(source, sizeof source, "src/%u", number);
    snprintf(destination, sizeof destination, "%s/%u", push ? "root" : "back", number);
    if (job == NULL || stat(source, &about) != 0)
        exit(99);
    witness_init(job, self->manager, destination, true);
    witness_expect(job, name, source, source, 0, (uint64_t)about.st_size);
    return job;
}

static void launch(crowd *self, unsigned number, sluice_job_callback *callback)
{
    sluice_error error = {0};
    bool push = number % 2 == 0;
    sluice_order *order = order_make(self, push, number);
    witness *job = witness_make(self, push, number);
    pthread_mutex_lock(&self->roll);
    demand(sluice_manager_launch(self->manager, order, callback, job, &job->job, &error), "launch", &error);
    self->jobs[self->count++] = job;
    pthread_mutex_unlock(&self->roll);
    sluice_order_free(order);
}

static void watch(void *user, const sluice_job_event *event)
{
    crowd *self = user;
    witness *found = NULL;
    pthread_mutex_lock(&self->roll);
    for (unsigned i = 0; i < self->count; i++)
        if (self->jobs[i]->job == event->job)
            found = self->jobs[i];
    pthread_mutex_unlock(&self->roll);
    if (found != NULL)
        witness_watch(found, event);
}

static void judge_all(crowd *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        if (sluice_job_wait(self->manager, self->jobs[i]->job, PATIENCE_S * SLUICE_SECOND, NULL) != SLUICE_OK)
            witness_fail("job %" PRIu64 " does not come to its end", self->jobs[i]->job);
        witness_judge(self->jobs[i], true);
        if (self->jobs[i]->told.state != SLUICE_JOB_FINISHED)
            witness_fail("job %" PRIu64 " is %s", self->jobs[i]->job, sluice_job_state_name(self->jobs[i]->told.state));
    }
}

/* ---- many ---- */

static void many(crowd *self, unsigned count)
{
    unsigned descriptors = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    for (unsigned i = 0; i < count; i++)
        launch(self, i, witness_callback);
    judge_all(self);
    /* A job that is over holds nothing but its figures. */
    if (entries_of("/proc/self/fd") != descriptors || entries_of("/proc/self/task") != threads)
        witness_fail("there were %u descriptors and %u threads, and are %u and %u", descriptors, threads,
                     entries_of("/proc/self/fd"), entries_of("/proc/self/task"));
    if (waitpid(-1, NULL, WNOHANG) != -1)
        witness_fail("a child is left");
}

/* ---- slow ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool is_open;
static unsigned waiting;

static void slow(void *user, const sluice_job_event *event)
{
    pthread_mutex_lock(&gate);
    waiting++;
    pthread_cond_broadcast(&opened);
    while (!is_open)
        pthread_cond_wait(&opened, &gate);
    pthread_mutex_unlock(&gate);
    witness_callback(user, event);
}

/* The polls know of the end, and the files are there, while the first callback of all has not returned. */
static void await_files(const crowd *self)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    for (unsigned i = 0; i < self->count; i++) {
        witness *job = self->jobs[i];
        char path[2 * WITNESS_PATH];
        sluice_job_statistics now = {.size = sizeof now};
        for (unsigned tries = PATIENCE_S * 50; tries > 0 && !witness_is_over(&now); tries--) {
            nanosleep(&moment, NULL);
            (void)sluice_job_statistics_get(self->manager, job->job, &now);
        }
        if (now.state != SLUICE_JOB_FINISHED)
            witness_fail("job %" PRIu64 " is %s while a callback waits", job->job, sluice_job_state_name(now.state));
        snprintf(path, sizeof path, "%s/%s", job->destination, job->files[0].name);
        if (!witness_same(path, job->files[0].original, 0, job->files[0].bytes))
            witness_fail("%s is not there while a callback waits", path);
        if (sluice_job_wait(self->manager, job->job, 0, NULL) != SLUICE_ETIMEOUT)
            witness_fail("job %" PRIu64 " is over before its last callback", job->job);
    }
}

static void slow_ones(crowd *self)
{
    for (unsigned i = 0; i < 4; i++)
        launch(self, i, slow);
    pthread_mutex_lock(&gate);
    while (waiting == 0)
        pthread_cond_wait(&opened, &gate);
    pthread_mutex_unlock(&gate);
    await_files(self);
    pthread_mutex_lock(&gate);
    if (waiting != 1)
        witness_fail("%u callbacks run at once", waiting);
    is_open = true;
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&gate);
    judge_all(self);
}

int main(int argc, char **argv)
{
    static crowd self;
    sluice_error error = {0};
    bool is_many = argc == 6 && strcmp(argv[1], "many") == 0, is_slow = argc == 5 && strcmp(argv[1], "slow") == 0;
    if (!is_many && !is_slow)
        return 98;
    char **remote = argv + (is_many ? 3 : 2);
    unsigned descriptors = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    self.remote = (sluice_remote){.size = sizeof self.remote, .host = remote[0], .port = (uint16_t)atoi(remote[1]),
                                  .ticket_file = remote[2]};
    pthread_mutex_init(&self.roll, NULL);
    demand(sluice_manager_new(NULL, &self.manager, &error), "a manager", &error);
    demand(sluice_manager_watch(self.manager, watch, &self, &error), "a watcher", &error);
    if (is_many)
        many(&self, (unsigned)atoi(argv[2]));
    else
        slow_ones(&self);
    sluice_manager_free(self.manager);
    if (entries_of("/proc/self/fd") != descriptors || entries_of("/proc/self/task") != threads)
        witness_fail("the manager leaves descriptors or threads");
    for (unsigned i = 0; i < self.count; i++) {
        witness_fini(self.jobs[i]);
        free(self.jobs[i]);
    }
    pthread_mutex_destroy(&self.roll);
    return witness_failures() == 0 ? 0 : 1;
}
