/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the one place where time comes from; everything else gets it as an argument. */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <sluice/types.h>
#include <sys/types.h>

/* CLOCK_MONOTONIC.  Any thread. */
sluice_time sluice_clock_now(void);

typedef struct sluice_clock_work {
    sluice_duration ran_ns;    /* on a processor */
    sluice_duration waited_ns; /* ready to run, while others had the processors; 0 where the kernel does not tell, in /proc */
} sluice_clock_work;

/* What the calling thread has done since it began.  Costs some microseconds. */
sluice_clock_work sluice_clock_thread(void);
/* The same of any thread of this process, by its id, right to some milliseconds.  Zeros where the kernel does not tell. */
sluice_clock_work sluice_clock_thread_of(pid_t thread);

#endif
