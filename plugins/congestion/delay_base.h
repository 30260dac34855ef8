/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delay_base.h - above which delay a queue is counted, for controls that keep a short queue.
 *
 * A sample counts above the least of ten seconds.  Where each of many small flows dips by itself the queue never empties, and
 * that least is what they keep: so the base is at most a quarter of a target above the least of ten minutes, for as long as
 * what lies above that is no longer than a queue of the own kind.  Else the queue is others', or the path is longer now, and
 * the base is the least of ten seconds.
 *
 * A control that yields has no kind whose queue it would keep: it counts above the least of ten minutes.
 */
#ifndef CONGESTION_DELAY_BASE_H
#define CONGESTION_DELAY_BASE_H

#include "delay_memory.h"

#include <stdbool.h>

typedef struct delay_base {
    delay_memory memory;
    bool yields;
    sluice_time doubt_at;
    double doubt; /* s: by how much longer the queue above the memory's least was too long than it was not */
    bool doubts;  /* ... so that the base is the least of ten seconds */
    double above; /* s, of the base in use above the memory's least; a control that yields has 0 */
} delay_base;

void delay_base_init(delay_base *base, bool yields, sluice_time now);

/* The path may be longer than it was: forgets the delays of before. */
void delay_base_forget(delay_base *base, sluice_time now);

/* For each sample that tells of arrivals: the queueing delay, in seconds.  target is the queue that is wanted, best_target the
 * same at the best rate of late, 0: not known yet. */
double delay_base_queue(delay_base *base, const sluice_sample *sample, double target, double best_target);

#endif
