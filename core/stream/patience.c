/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/patience.h"

#include "base/clock.h"
#include <time.h>

void sluice_patience_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

sluice_time sluice_patience_until(sluice_duration wait_ns)
{
    sluice_time now = sluice_clock_now();
    return wait_ns < SLUICE_NEVER - now ? now + wait_ns : SLUICE_NEVER;
}

bool sluice_patience_wait(pthread_cond_t *condition, pthread_mutex_t *lock, sluice_time until)
{
    if (until == SLUICE_NEVER) {
        pthread_cond_wait(condition, lock);
        return true;
    }
    struct timespec when = {.tv_sec = (time_t)(until / SLUICE_SECOND), .tv_nsec = (long)(until % SLUICE_SECOND)};
    return pthread_cond_timedwait(condition, lock, &when) == 0;
}
