/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd COUNT SECONDS COMMAND ARGUMENT...
 *
 * Runs the command so many times at once, with its number (from 1) in the place of {} in the arguments, and reads the
 * events that each writes to stdout (sluice ... --json).  From the moment when all of them move data it lets them go on
 * for so long, or until the first one ends, then ends them all by SIGTERM and writes one JSON object: what each moved
 * in that window of time which is common to all, as Mbit/s, and (most - least) / mean of them.  With CROWD_VERBOSE in
 * the environment it shows the last progress of the slowest and the fastest on stderr.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEMBER_MOST 500
#define SAMPLES 4096
#define LINE_MOST 8192

typedef struct sample {
    double at, bytes;
} sample;

typedef struct member {
    pid_t pid;
    int output;
    bool ended;
    char line[LINE_MOST], last[LINE_MOST]; /* last: its last progress */
    size_t filled;
    sample samples[SAMPLES];
    size_t count;
} member;

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* The argument with the number in the place of the first {}. */
static char *numbered(const char *argument, int number)
{
    const char *place = strstr(argument, "{}");
    char *out = malloc(strlen(argument) + 16);
    if (out == NULL)
        fail("no memory");
    if (place == NULL)
        strcpy(out, argument);
    else
        sprintf(out, "%.*s%d%s", (int)(place - argument), argument, number, place + 2);
    return out;
}

static void start(member *one, int number, char **command)
{
    int ends[2];
    if (pipe(ends) < 0)
        fail("pipe");
    one->pid = fork();
    if (one->pid < 0)
        fail("fork");
    if (one->pid == 0) {
        char *arguments[64] = {NULL};
        for (int i = 0; i < 63 && command[i] != NULL; i++)
            arguments[i] = numbered(command[i], number);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(arguments[0], arguments);
        fprintf(stderr, "crowd: %s: %s\n", arguments[0], strerror(errno));
        _exit(127);
    }
    close(ends[1]);
    one->output = ends[0];
}

static void take_line(member *one, double at)
{
    const char *moved = strstr(one->line, "\"moved_bytes\":");
    if (strstr(one->line, "\"event\":\"progress\"") == NULL || moved == NULL || one->count == SAMPLES)
        return;
    strcpy(one->last, one->line);
    double bytes = strtod(moved + strlen("\"moved_bytes\":"), NULL);
    if (bytes > 0)
        one->samples[one->count++] = (sample){at, bytes};
}

static void take(member *one, double at)
{
    ssize_t count = read(one->output, one->line + one->filled, LINE_MOST - 1 - one->filled);
    if (count <= 0) {
        one->ended = true;
        return;
    }
    one->filled += (size_t)count;
    one->line[one->filled] = '\0';
    char *end;
    while ((end = strchr(one->line, '\n')) != NULL) {
        *end = '\0';
        take_line(one, at);
        one->filled -= (size_t)(end + 1 - one->line);
        memmove(one->line, end + 1, one->filled + 1);
    }
    if (one->filled == LINE_MOST - 1)
        one->filled = 0; /* no event is so long */
}

/* Waits a little for events; false when a member has ended. */
static bool watch(member *members, int count)
{
    struct pollfd ends[MEMBER_MOST];
    bool whole = true;
    for (int i = 0; i < count; i++)
        ends[i] = (struct pollfd){.fd = members[i].ended ? -1 : members[i].output, .events = POLLIN};
    poll(ends, (nfds_t)count, 100);
    for (int i = 0; i < count; i++) {
        if (ends[i].revents)
            take(&members[i], now_s());
        whole = whole && !members[i].ended;
    }
    return whole;
}

/* Bytes moved until then, from the samples around it. */
static double moved_until(const member *one, double at)
{
    size_t i = 1;
    while (i + 1 < one->count && one->samples[i].at < at)
        i++;
    sample before = one->samples[i - 1], after = one->samples[i];
    return before.bytes + (after.bytes - before.bytes) * (at - before.at) / (after.at - before.at);
}

static int report(const member *members, int count)
{
    double from = 0, until = now_s(), least = 0, most = 0, sum = 0;
    int slowest = 0, fastest = 0;
    for (int i = 0; i < count; i++) {
        if (members[i].count < 3) {
            fprintf(stderr, "crowd: number %d told its progress only %zu times\n", i + 1, members[i].count);
            return 1;
        }
        from = members[i].samples[0].at > from ? members[i].samples[0].at : from;
        double last = members[i].samples[members[i].count - 1].at;
        until = last < until ? last : until;
    }
    if (until - from < 2) {
        fprintf(stderr, "crowd: all of them were at work together for only %.1f s\n", until - from);
        return 1;
    }
    printf("{\"sessions\":%d,\"window_seconds\":%.1f,\"mbps\":[", count, until - from);
    for (int i = 0; i < count; i++) {
        double rate = (moved_until(&members[i], until) - moved_until(&members[i], from)) * 8 / (until - from) / 1e6;
        printf("%s%.1f", i > 0 ? "," : "", rate);
        sum += rate;
        if (i == 0 || rate < least) {
            least = rate;
            slowest = i;
        }
        if (rate > most) {
            most = rate;
            fastest = i;
        }
    }
    double mean = sum / count;
    printf("],\"least\":%.1f,\"mean\":%.1f,\"most\":%.1f,\"spread\":%.3f}\n", least, mean, most,
           mean > 0 ? (most - least) / mean : 0);
    if (getenv("CROWD_VERBOSE") != NULL)
        fprintf(stderr, "crowd: slowest: %s\ncrowd: fastest: %s\n", members[slowest].last, members[fastest].last);
    return 0;
}

static bool all_move(const member *members, int count)
{
    for (int i = 0; i < count; i++)
        if (members[i].count == 0)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    int count = argc > 3 ? atoi(argv[1]) : 0;
    double seconds = argc > 3 ? atof(argv[2]) : 0;
    if (count < 1 || count > MEMBER_MOST || seconds <= 0) {
        fprintf(stderr, "usage: crowd COUNT SECONDS COMMAND ARGUMENT...  (COUNT at most %d)\n", MEMBER_MOST);
        return 2;
    }
    member *members = calloc((size_t)count, sizeof *members);
    if (members == NULL)
        fail("no memory");
    for (int i = 0; i < count; i++)
        start(&members[i], i + 1, argv + 3);
    double end = now_s() + 120;
    bool begun = false;
    while (watch(members, count) && now_s() < end) {
        if (!begun && all_move(members, count)) {
            begun = true;
            end = now_s() + seconds;
        }
    }
    for (int i = 0; i < count; i++)
        kill(members[i].pid, SIGTERM);
    for (int i = 0; i < count; i++)
        waitpid(members[i].pid, NULL, 0);
    return report(members, count);
}
