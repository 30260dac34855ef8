/* SPDX-License-Identifier: Apache-2.0 */
#include "delay_memory.h"

#include <math.h>

#define MINUTE (60 * SLUICE_SECOND)

void delay_memory_begin(delay_memory *memory, sluice_time now)
{
    for (int i = 0; i < DELAY_MEMORY_MINUTES; i++)
        memory->least[i] = HUGE_VAL;
    memory->minute = 0;
    memory->began = now;
}

static void minutes_pass(delay_memory *memory, sluice_time now)
{
    sluice_duration passed = now > memory->began ? (now - memory->began) / MINUTE : 0;

    memory->began += passed * MINUTE;
    for (sluice_duration i = 0; i < passed && i < DELAY_MEMORY_MINUTES; i++) {
        memory->minute = (memory->minute + 1) % DELAY_MEMORY_MINUTES;
        memory->least[memory->minute] = HUGE_VAL;
    }
}

double delay_memory_above(delay_memory *memory, const sluice_sample *sample)
{
    double delay = ((double)sample->queue_base_ns + (double)sample->queue_min_ns) / 1e9, least;

    minutes_pass(memory, sample->now);
    if (sample->queue_base_ns == 0)
        return (double)sample->queue_min_ns / 1e9;
    least = memory->least[memory->minute] = fmin(memory->least[memory->minute], delay);
    for (int i = 0; i < DELAY_MEMORY_MINUTES; i++)
        least = fmin(least, memory->least[i]);
    return delay - least;
}
