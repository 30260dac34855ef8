/* SPDX-License-Identifier: Apache-2.0 */
#include "rtt.h"

#define INITIAL_RTT (200 * SLUICE_MS)
#define SLOT (1 * SLUICE_SECOND)
#define STRETCH (2 * SLUICE_SECOND)
#define EMPTY_MARGIN ((int64_t)SLUICE_MS)
#define SKEW_MOST 300e-6 /* crystals are within 100 ppm each; more is a queue that grows */

void engine_least_add(engine_least *least, sluice_time now, sluice_duration slot, int64_t value)
{
    uint64_t epoch = now / slot + 1;
    if (least->epoch == 0 || epoch >= least->epoch + ENGINE_LEAST_SLOTS) {
        for (int i = 0; i < ENGINE_LEAST_SLOTS; i++)
            least->slot[i] = INT64_MAX;
        least->epoch = epoch;
    }
    while (least->epoch < epoch) {
        least->epoch++;
        least->slot[least->epoch % ENGINE_LEAST_SLOTS] = INT64_MAX;
    }
    int64_t *mine = &least->slot[least->epoch % ENGINE_LEAST_SLOTS];
    if (value < *mine)
        *mine = value;
    least->least = *mine;
    for (int i = 0; i < ENGINE_LEAST_SLOTS; i++) {
        if (least->slot[i] < least->least)
            least->least = least->slot[i];
    }
}

void engine_rtt_init(engine_rtt *rtt, sluice_duration initial)
{
    *rtt = (engine_rtt){0};
    rtt->initial = initial ? initial : INITIAL_RTT;
    rtt->stretch = STRETCH;
}

/* RFC 6298, with a variation of its own at the start: a probe in vain costs little, a wait of three round trips much. */
static void smooth(sluice_duration *mean, sluice_duration *variation, sluice_duration sample)
{
    if (*mean == 0) {
        *mean = sample;
        *variation = sample / 8;
        return;
    }
    sluice_duration error = *mean > sample ? *mean - sample : sample - *mean;
    *variation = (3 * *variation + error) / 4;
    *mean = (7 * *mean + sample) / 8;
}

void engine_rtt_sample(engine_rtt *rtt, sluice_time now, sluice_duration sample)
{
    sample = sample ? sample : 1;
    smooth(&rtt->srtt, &rtt->rttvar, sample);
    engine_least_add(&rtt->least_rtt, now, SLOT, (int64_t)sample);
    rtt->min_rtt = (sluice_duration)rtt->least_rtt.least;
}

void engine_rtt_answered(engine_rtt *rtt, sluice_duration sample)
{
    rtt->answer_latest = sample ? sample : 1;
    smooth(&rtt->answer, &rtt->answer_var, rtt->answer_latest);
}

sluice_duration engine_rtt_smoothed(const engine_rtt *rtt)
{
    return rtt->srtt ? rtt->srtt : rtt->initial;
}

sluice_duration engine_rtt_report_delay(const engine_rtt *rtt)
{
    sluice_duration delay = engine_rtt_smoothed(rtt) / 4;
    return delay < SLUICE_MS ? SLUICE_MS : delay > 20 * SLUICE_MS ? 20 * SLUICE_MS : delay;
}

sluice_duration engine_rtt_answer_most(const engine_rtt *rtt)
{
    sluice_duration answer = rtt->answer ? rtt->answer : rtt->initial;
    return answer > rtt->answer_latest ? answer : rtt->answer_latest;
}

/* Without the report delay. */
static sluice_duration timeout(const engine_rtt *rtt)
{
    sluice_duration around = rtt->answer ? 4 * rtt->answer_var : rtt->initial / 2;
    return (rtt->answer ? rtt->answer : rtt->initial) + (around > SLUICE_MS ? around : SLUICE_MS);
}

sluice_duration engine_rtt_pto(const engine_rtt *rtt)
{
    return timeout(rtt) + engine_rtt_report_delay(rtt);
}

sluice_duration engine_rtt_answer(const engine_rtt *rtt)
{
    return timeout(rtt) + SLUICE_MS;
}

/* Halves the table by joining neighbours, and doubles the stretch. */
static void points_fold(engine_rtt *rtt)
{
    for (uint32_t i = 0; i < ENGINE_SKEW_POINTS / 2; i++) {
        uint32_t low = rtt->points[2 * i].delay <= rtt->points[2 * i + 1].delay ? 2 * i : 2 * i + 1;
        rtt->points[i] = rtt->points[low];
    }
    rtt->point_count = ENGINE_SKEW_POINTS / 2;
    rtt->stretch *= 2;
}

/* The slope of that edge of the lower convex hull that spans the middle of the time observed: no point lies below
 * the line, as no packet arrives before the empty path lets it.  (Moon, Skelly, Towsley: clock skew, INFOCOM 1999.) */
static double hull_slope(const engine_rtt *rtt)
{
    sluice_time middle = rtt->points[0].time / 2 + rtt->points[rtt->point_count - 1].time / 2;
    uint32_t left = 0;
    for (;;) {
        double best = 0;
        uint32_t right = left;
        for (uint32_t i = left + 1; i < rtt->point_count; i++) {
            double slope = (double)(rtt->points[i].delay - rtt->points[left].delay) /
                           (double)(rtt->points[i].time - rtt->points[left].time + 1);
            if (right == left || slope <= best) {
                best = slope;
                right = i;
            }
        }
        if (right == left || rtt->points[right].time >= middle)
            return best;
        left = right;
    }
}

/* Only packets that met no queue tell of the clocks: a queue that stands for as long as is looked at would pass for a clock that
 * gains, and a control that keeps to what is left would let it grow on and on.  One way and least way back together have no
 * clock's gain in them, so what they exceed the least of the session by is queue.  Where a lower one is found, what has been taken
 * for empty was not.  On a path that has become longer the skew stays what it was. */
static bool path_empty(engine_rtt *rtt, int64_t delay)
{
    int64_t around = delay + rtt->least_return.least;

    if (!rtt->least_return.epoch)
        return true;
    if (!rtt->around_known || around < rtt->around_least - EMPTY_MARGIN) {
        rtt->around_known = true;
        rtt->around_least = around;
        rtt->point_count = 0;
        rtt->stretch = STRETCH;
        rtt->skew = 0;
        rtt->least_oneway.epoch = 0;
        return true;
    }
    if (around < rtt->around_least)
        rtt->around_least = around;
    return around <= rtt->around_least + EMPTY_MARGIN;
}

static void skew_note(engine_rtt *rtt, sluice_time sent, int64_t delay)
{
    if (!path_empty(rtt, delay))
        return;
    uint32_t last = rtt->point_count ? rtt->point_count - 1 : 0;
    if (rtt->point_count > 0 && sent < rtt->skew_origin + rtt->stretch * rtt->point_count) {
        if (delay < rtt->points[last].delay && sent > rtt->points[last].time) {
            rtt->points[last].delay = delay;
            rtt->points[last].time = sent;
        }
        return;
    }
    if (rtt->point_count == 0)
        rtt->skew_origin = sent;
    if (rtt->point_count == ENGINE_SKEW_POINTS)
        points_fold(rtt);
    /* Skipped stretches are joined with the one before. */
    while (rtt->point_count > 0 && rtt->point_count < ENGINE_SKEW_POINTS &&
           sent >= rtt->skew_origin + rtt->stretch * (rtt->point_count + 1))
        rtt->stretch *= 2;
    rtt->points[rtt->point_count].time = sent;
    rtt->points[rtt->point_count].delay = delay;
    rtt->point_count++;
    if (rtt->point_count >= ENGINE_SKEW_POINTS / 2) {
        double slope = hull_slope(rtt);
        rtt->skew = slope > SKEW_MOST ? SKEW_MOST : slope < -SKEW_MOST ? -SKEW_MOST : slope;
    }
}

static bool full_of_late(const engine_rtt *rtt, sluice_time now)
{
    return rtt->full_at > 0 && now < rtt->full_at + ENGINE_LEAST_SLOTS * SLOT;
}

bool engine_rtt_oneway(engine_rtt *rtt, sluice_time sent, sluice_time arrived, bool small, sluice_duration *queue)
{
    int64_t raw = (int64_t)(arrived - sent);
    engine_least *least = small ? &rtt->least_small : &rtt->least_oneway;
    if (small && full_of_late(rtt, sent))
        return false;
    if (!small) {
        skew_note(rtt, sent, raw);
        rtt->full_at = sent > rtt->full_at ? sent : rtt->full_at;
    }
    int64_t corrected = raw - (int64_t)((double)(sent - rtt->skew_origin) * rtt->skew);
    engine_least_add(least, sent, SLOT, corrected);
    *queue = corrected > least->least ? (sluice_duration)(corrected - least->least) : 0;
    return true;
}

int64_t engine_rtt_base(const engine_rtt *rtt, sluice_time now)
{
    return full_of_late(rtt, now) ? rtt->least_oneway.least : 0;
}

sluice_time engine_rtt_arrival(engine_rtt *rtt, sluice_time now, sluice_time arrived)
{
    engine_least_add(&rtt->least_return, now, SLOT, (int64_t)(now - arrived));
    sluice_time here = arrived + (sluice_time)rtt->least_return.least;
    return here < now ? here : now;
}
