/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delay_memory.h - the least one-way delay of the last ten minutes (RFC 6817, 3.4.2: BASE_HISTORY), for controls that stand
 * back: beside a queue that others keep, the least of ten seconds would soon be that queue itself.
 */
#ifndef CONGESTION_DELAY_MEMORY_H
#define CONGESTION_DELAY_MEMORY_H

#include <sluice/congestion.h>

#define DELAY_MEMORY_MINUTES 10

typedef struct delay_memory {
    double least[DELAY_MEMORY_MINUTES]; /* s, of each minute; HUGE_VAL: none */
    unsigned minute;
    sluice_time began;
} delay_memory;

void delay_memory_begin(delay_memory *memory, sluice_time now);

/* Notes the delay that a sample with queue_valid saw at least; how far it lies above the least, in seconds. */
double delay_memory_above(delay_memory *memory, const sluice_sample *sample);

#endif
