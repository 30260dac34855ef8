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

/* The second number of schedstat: ns spent on a run queue.  0: not told. */
static sluice_duration run_queue(void)
{
    char text[SCHEDSTAT_BYTES];
    unsigned long long waited = 0;
    int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    if (bytes <= 0)
        return 0;
    text[bytes] = '\0';
    return sscanf(text, "%*u %llu", &waited) == 1 ? waited : 0;
}

sluice_clock_work sluice_clock_thread(void)
{
    return (sluice_clock_work){.ran_ns = read_clock(CLOCK_THREAD_CPUTIME_ID), .waited_ns = run_queue()};
}
