/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SCHEDSTAT_BYTES 96 /* three numbers */

static sluice_time read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (sluice_time)now.tv_sec * SLUICE_SECOND + (sluice_time)now.tv_nsec;
}

sluice_time sluice_clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* The first two numbers of schedstat: ns spent on a processor, and on a run queue.  Zeros: not told. */
static sluice_clock_work read_schedstat(const char *path)
{
    char text[SCHEDSTAT_BYTES];
    unsigned long long ran, waited;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    if (bytes <= 0)
        return (sluice_clock_work){0};
    text[bytes] = '\0';
    return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? (sluice_clock_work){.ran_ns = ran, .waited_ns = waited}
                                                         : (sluice_clock_work){0};
}

sluice_clock_work sluice_clock_thread(void)
{
    sluice_clock_work work = read_schedstat("/proc/thread-self/schedstat");
    work.ran_ns = read_clock(CLOCK_THREAD_CPUTIME_ID);
    return work;
}

sluice_clock_work sluice_clock_thread_of(pid_t thread)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", (int)thread);
    return read_schedstat(path);
}
