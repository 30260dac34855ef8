/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure FILE COMMAND ARGUMENT...
 *
 * Runs the command, passes SIGTERM and SIGINT on to it, and writes one JSON object about it to FILE: when it was started
 * (CLOCK_MONOTONIC, in nanoseconds), wall and CPU seconds and the peak of its resident memory.  Exits as the command did.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t child;

static void pass_on(int number)
{
    if (child > 0)
        kill((pid_t)child, number);
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct timespec start, end;
    struct rusage usage;
    int status;
    if (argc < 3) {
        fprintf(stderr, "usage: measure FILE COMMAND ARGUMENT...\n");
        return 2;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    if (pid < 0) {
        fprintf(stderr, "measure: fork: %s\n", strerror(errno));
        return 2;
    }
    child = (sig_atomic_t)pid;
    struct sigaction action = {.sa_handler = pass_on};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    while (wait4(pid, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return 2;
    clock_gettime(CLOCK_MONOTONIC, &end);
    FILE *out = fopen(argv[1], "w");
    if (!out) {
        fprintf(stderr, "measure: %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    fprintf(out, "{\"started_ns\":%lld,\"seconds\":%.3f,\"user\":%.3f,\"system\":%.3f,\"peak_kib\":%ld}\n",
            (long long)start.tv_sec * 1000000000 + start.tv_nsec,
            (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9,
            seconds_of(usage.ru_utime), seconds_of(usage.ru_stime), usage.ru_maxrss);
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
