/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs - what managers of jobs are measured by.  One JSON object on standard output.
 *
 *     jobs launch TICKET URL FILE COUNT      one after the other: from launch to the worker's first word
 *     jobs crowd TICKET URL DIR COUNT        DIR/1 to DIR/COUNT, each by a job of its own, all at once: the time, and the largest
 *                                            peak of resident memory (VmHWM) of a worker
 *     jobs rate TICKET URL FILE PID RTT_MS   the target goes from 200 to 20 Mbit/s and back, so that every second the bytes that
 *                                            the network of process PID receives tell how long it takes
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sluice/manager.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOBS_MOST 1000
#define CHANGES 10
#define FAST_BPS 200000000
#define SLOW_BPS 20000000

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SLUICE_SECOND + (uint64_t)time.tv_nsec;
}

static void rest(uint64_t ns)
{
    const struct timespec time = {.tv_sec = (time_t)(ns / SLUICE_SECOND), .tv_nsec = (long)(ns % SLUICE_SECOND)};
    nanosleep(&time, NULL);
}

static void insist(int status, const sluice_error *error)
{
    if (status == SLUICE_OK)
        return;
    fprintf(stderr, "jobs: %s\n", error->text[0] != '\0' ? error->text : sluice_status_text(status));
    exit(1);
}

/* url is sluice://HOST:PORT/PATH; the order is a push into it. */
static sluice_order *order_of(const char *ticket, const char *url, const char *file)
{
    sluice_error error = {0};
    sluice_order *order;
    char host[200];
    unsigned port;
    char path[200] = "";
    if (sscanf(url, "sluice://%199[^:]:%u/%199s", host, &port, path) < 2) {
        fprintf(stderr, "jobs: %s: no such server\n", url);
        exit(2);
    }
    insist(sluice_order_new(SLUICE_PUSH, &order, &error), &error);
    const sluice_remote remote = {.size = sizeof remote, .host = host, .port = (uint16_t)port, .ticket_file = ticket};
    insist(sluice_order_remote(order, &remote, &error), &error);
    insist(sluice_order_destination(order, path[0] != '\0' ? path : "./", &error), &error);
    insist(sluice_order_source(order, file, NULL, &error), &error);
    return order;
}

static sluice_manager *manager_new(void)
{
    sluice_error error = {0};
    sluice_manager *manager;
    insist(sluice_manager_new(NULL, &manager, &error), &error);
    return manager;
}

static void finish(sluice_manager *manager, sluice_job job)
{
    sluice_job_statistics last = {.size = sizeof last};
    int status = sluice_job_wait(manager, job, SLUICE_NEVER, &last);
    if (status == SLUICE_OK && last.state == SLUICE_JOB_FINISHED)
        return;
    fprintf(stderr, "jobs: %s: %s\n", sluice_job_state_name(last.state), last.message);
    exit(1);
}

/* ---- launch ---- */

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void connected(void *user, const sluice_job_event *event)
{
    _Atomic uint64_t *at = user;
    if (event->type == SLUICE_JOB_EVENT_CONNECTING)
        atomic_store(at, now());
}

static int launch(char **words)
{
    size_t count = strtoul(words[3], NULL, 10);
    double times[JOBS_MOST];
    sluice_manager *manager = manager_new();
    sluice_order *order = order_of(words[0], words[1], words[2]);
    for (size_t i = 0; i < count && i < JOBS_MOST; i++) {
        sluice_error error = {0};
        sluice_job job;
        _Atomic uint64_t at = 0;
        uint64_t begun = now();
        insist(sluice_manager_launch(manager, order, connected, &at, &job, &error), &error);
        finish(manager, job);
        times[i] = (double)(atomic_load(&at) - begun) / 1e6;
    }
    qsort(times, count, sizeof *times, by_value);
    printf("{\"launch_ms\":%.1f,\"launch_worst_ms\":%.1f}\n", times[count / 2], times[count - 1]);
    sluice_order_free(order);
    sluice_manager_free(manager);
    return 0;
}

/* ---- crowd ---- */

static uint64_t peak_kib(int pid)
{
    char path[64], line[200];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %llu", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kib;
}

/* What had to be tried again says what held a crowd up. */
static void say_retries(void *user, const sluice_job_event *event)
{
    (void)user;
    if (event->type == SLUICE_JOB_EVENT_RETRY)
        fprintf(stderr, "jobs: job %" PRIu64 " is tried again in %.1f s: %s\n", event->job,
                (double)event->retry_ns / 1e9, event->message);
}

static int crowd(char **words)
{
    size_t count = strtoul(words[3], NULL, 10), most = 0;
    sluice_job jobs[JOBS_MOST];
    uint64_t peak = 0, begun = now();
    bool all = false;
    sluice_manager *manager = manager_new();
    for (size_t i = 0; i < count && i < JOBS_MOST; i++) {
        sluice_error error = {0};
        char file[4096];
        snprintf(file, sizeof file, "%s/%zu", words[2], i + 1);
        sluice_order *order = order_of(words[0], words[1], file);
        insist(sluice_manager_launch(manager, order, say_retries, NULL, &jobs[i], &error), &error);
        sluice_order_free(order);
    }
    while (!all) {
        size_t running = 0;
        all = true;
        for (size_t i = 0; i < count; i++) {
            sluice_job_statistics at = {.size = sizeof at};
            insist(sluice_job_statistics_get(manager, jobs[i], &at), &(sluice_error){0});
            all = all && at.state >= SLUICE_JOB_FINISHED;
            running += at.worker != 0;
            uint64_t kib = at.worker != 0 ? peak_kib(at.worker) : 0;
            peak = kib > peak ? kib : peak;
        }
        most = running > most ? running : most;
        rest(10 * SLUICE_MS);
    }
    for (size_t i = 0; i < count; i++)
        finish(manager, jobs[i]);
    printf("{\"jobs\":%zu,\"at_once\":%zu,\"seconds\":%.2f,\"worker_peak_mb\":%.1f}\n", count, most,
           (double)(now() - begun) / 1e9, (double)peak / 1024);
    sluice_manager_free(manager);
    return 0;
}

/* ---- rate ---- */

/* What all links of the process's network but the loopback have received. */
static uint64_t received_bytes(const char *pid)
{
    char path[64], line[400], name[40];
    unsigned long long bytes, sum = 0;
    snprintf(path, sizeof path, "/proc/%s/net/dev", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, " %39[^:]: %llu", name, &bytes) == 2 && strcmp(name, "lo") != 0)
            sum += bytes;
    if (file != NULL)
        fclose(file);
    return sum;
}

/* How long it takes until the rate over 20 ms lies on the new side of the mean of both; 2 s at most. */
static double await_rate(const char *pid, bool slower)
{
    const uint64_t window = 20 * SLUICE_MS;
    uint64_t begun = now(), at = begun, before = received_bytes(pid);
    for (;;) {
        rest(window);
        uint64_t then = now(), bytes = received_bytes(pid);
        double rate = (double)(bytes - before) * 8 * 1e9 / (double)(then - at);
        bool there = slower ? rate < (FAST_BPS + SLOW_BPS) / 2.0 : rate > (FAST_BPS + SLOW_BPS) / 2.0;
        if (there || then - begun > 2 * SLUICE_SECOND)
            return (double)(then - begun) / 1e6;
        at = then;
        before = bytes;
    }
}

static int rate(char **words)
{
    double times[CHANGES];
    sluice_error error = {0};
    sluice_manager *manager = manager_new();
    sluice_order *order = order_of(words[0], words[1], words[2]);
    sluice_job job;
    insist(sluice_order_set(order, "policy", "fixed", &error), &error);
    insist(sluice_order_set(order, "rate", "200m", &error), &error);
    insist(sluice_manager_launch(manager, order, NULL, NULL, &job, &error), &error);
    insist(sluice_job_wait_session(manager, job, SLUICE_NEVER, NULL), &error);
    for (int i = 0; i < CHANGES; i++) {
        bool slower = i % 2 == 0;
        rest(SLUICE_SECOND + SLUICE_SECOND / 2);
        insist(sluice_job_rate(manager, job, slower ? SLOW_BPS : FAST_BPS), &error);
        times[i] = await_rate(words[3], slower);
    }
    insist(sluice_job_cancel(manager, job), &error);
    (void)sluice_job_wait(manager, job, SLUICE_NEVER, NULL);
    qsort(times, CHANGES, sizeof *times, by_value);
    printf("{\"change_ms\":%.0f,\"change_worst_ms\":%.0f,\"aim_ms\":%.0f}\n", times[CHANGES / 2], times[CHANGES - 1],
           2 * strtod(words[4], NULL) + 100);
    sluice_order_free(order);
    sluice_manager_free(manager);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "launch") == 0)
        return launch(argv + 2);
    if (argc == 6 && strcmp(argv[1], "crowd") == 0)
        return crowd(argv + 2);
    if (argc == 7 && strcmp(argv[1], "rate") == 0)
        return rate(argv + 2);
    fputs("usage: jobs launch|crowd|rate ...; see the head of jobs.c\n", stderr);
    return 2;
}
