/* SPDX-License-Identifier: Apache-2.0 */
#include "delay_base.h"

#include <math.h>

/* The queue that flows of one's own kind keep lies below two targets of the best rate; it lies beyond for two seconds more
 * than it does not before the base is doubted. */
#define DOUBT_TARGETS 2
#define DOUBT_MOST 2.0 /* s */
/* ... and by so much the least of ten seconds may have drifted away from the true base: what all have drifted alike makes even
 * those who came late and saw a queue first. */
#define DRIFT_TARGETS 0.25

static double seconds(sluice_duration duration)
{
    return (double)duration / 1e9;
}

void delay_base_init(delay_base *base, bool yields, sluice_time now)
{
    *base = (delay_base){.yields = yields};
    delay_memory_begin(&base->memory, now);
}

void delay_base_forget(delay_base *base, sluice_time now)
{
    delay_memory_begin(&base->memory, now);
}

static void doubt_note(delay_base *base, sluice_time now, bool beyond)
{
    double passed = base->doubt_at ? seconds(now - base->doubt_at) : 0;

    base->doubt_at = now;
    base->doubt += beyond ? passed : -passed;
    base->doubt = fmax(0, fmin(DOUBT_MOST, base->doubt));
    if (base->doubt <= 0)
        base->doubts = false;
    else if (base->doubt >= DOUBT_MOST)
        base->doubts = true;
}

double delay_base_queue(delay_base *base, const sluice_sample *sample, double target, double best_target)
{
    double above;

    if (!sample->queue_valid)
        return sample->srtt_ns > sample->min_rtt_ns ? seconds(sample->srtt_ns - sample->min_rtt_ns) : 0;
    above = delay_memory_above(&base->memory, sample);
    if (base->yields)
        return above;
    doubt_note(base, sample->now, above >= DOUBT_TARGETS * (best_target > 0 ? best_target : target));
    base->above = above - seconds(sample->queue_min_ns);
    if (!base->doubts)
        base->above = fmin(base->above, DRIFT_TARGETS * best_target);
    return above - base->above;
}
