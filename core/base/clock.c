/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

sluice_time sluice_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (sluice_time)now.tv_sec * SLUICE_SECOND + (sluice_time)now.tv_nsec;
}
