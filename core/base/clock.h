/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the one place where time comes from; everything else gets it as an argument. */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <sluice/types.h>

/* CLOCK_MONOTONIC.  Any thread. */
sluice_time sluice_clock_now(void);

#endif
