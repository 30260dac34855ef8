/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the one place where time comes from; everything else gets it as an argument. */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <sluice/types.h>

/* CLOCK_MONOTONIC.  Any thread. */
sluice_time sluice_clock_now(void);

/* How long the calling thread has been at work since it began: it ran, or would have run while others had the processors
 * (of that only what the kernel tells, in /proc).  Its growth over a while, as a share of that while, says whether the
 * thread is what is waited for.  Costs some microseconds. */
sluice_duration sluice_clock_busy(void);

#endif
