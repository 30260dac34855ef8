/* SPDX-License-Identifier: Apache-2.0 */
#include "fair_start.h"

#include <math.h>

#define EARLY_PACKETS 400 /* tell the calm loss: 5 % to within 1 % */
#define BUSY_PACKETS 256  /* that a slot needs, to tell the bottleneck's rate */
#define BUSY_LEAST 0.8    /* of what growth says is the least that is believed */

/* Bytes, at a rate. */
static double holds(const fair_start_flow *flow, double rate)
{
    return rate / 8 * (flow->min_rtt + flow->queue_target);
}

double fair_start_grow(const fair_start_flow *flow, double acked, double in_flight, bool app_limited)
{
    double window = flow->window, most = 2 * (flow->target_bps / 8) * flow->rtt + 2 * flow->initial;

    /* In growth by 2.5 packets meet 0.4 of the present window in flight; far less means that the window is not what
     * holds the sender back, and that a larger one would only be a burst to come. */
    if (in_flight > (app_limited ? 0.5 : 0.25) * window)
        window += (flow->growth - 1) * acked;
    return flow->target_bps > 0 ? fmin(window, most) : window;
}

/* The bottleneck's rate (bit/s), where it was busy throughout a slot that has enough packets to tell; 0: it cannot be told. */
static double busy_rate(const fair_start_flow *flow, const fair_start_slot *slot)
{
    return slot->acked < BUSY_PACKETS ? 0 : slot->acked * flow->packet * 8 / slot->time;
}

/* What the path holds, read from a window that grew until now; the bottleneck's rate, where that is known, tells it better. */
static double window_met(const fair_start_flow *flow, const fair_start_slot *slot)
{
    double g = flow->growth, part = log(g) / (g - 1);

    if (flow->target_bps <= 0 && slot->busy > 0)
        return fmax(BUSY_LEAST * part * flow->window, fmin(flow->window, holds(flow, slot->busy) / (1 - flow->loss)));
    if (flow->target_bps <= 0)
        return flow->window * part;
    /* A window that a target set says nothing. */
    return slot->delivered > 0 ? fmin(flow->window, holds(flow, slot->delivered)) : flow->window / 2;
}

/* What is lost is found out up to a slot later than what arrived with it, and acknowledgements come in lumps: so slots count in
 * the loss for some time, each half as much as the next. */
static bool loses(fair_start *start, const fair_start_slot *slot)
{
    double seen = start->acked + start->lost, recent;

    start->recent_acked = start->recent_acked / 2 + slot->acked;
    start->recent_lost = start->recent_lost / 2 + slot->lost;
    recent = start->recent_acked + start->recent_lost;
    return seen > 50 && recent > 50 && start->recent_lost / recent > start->lost / seen + 0.2;
}

bool fair_start_meets(fair_start *start, fair_start_flow *flow, fair_start_slot *slot)
{
    bool lossy = loses(start, slot), queued = slot->queue > flow->queue_target;

    slot->busy = queued ? busy_rate(flow, slot) : 0;
    if (queued || lossy) {
        flow->window = window_met(flow, slot);
        return true;
    }
    start->acked += slot->acked;
    start->lost += slot->lost;
    flow->loss = start->lost / (start->acked + start->lost);
    return false;
}

/* Three rounds without a quarter more (as BBR): the sender, the receiver, or a queue that cannot be seen. */
bool fair_start_stalls(fair_start *start, fair_start_flow *flow, const fair_start_epoch *epoch)
{
    start->early[0] = start->early[1];
    start->early[1] =
        (fair_start_seen){.acked = start->acked, .lost = start->lost, .drops = start->early[0].drops + epoch->drops};
    if (epoch->limited)
        return false;
    if (epoch->rate > 1.25 * start->best_rate) {
        start->best_rate = epoch->rate;
        start->stalled = 0;
        return false;
    }
    if (++start->stalled < 3)
        return false;
    flow->window = fmin(flow->window, 1.5 * (holds(flow, epoch->most) / (1 - flow->loss)));
    return true;
}

/* Loss that was there two rounds before the bottleneck was met, at a sixth of its rate, is no queue's; nor, where the receiver's
 * socket dropped nothing, the receiver's. */
double fair_start_loss(const fair_start *start)
{
    const fair_start_seen *early = &start->early[0];
    double n = early->acked + early->lost;

    return n < EARLY_PACKETS || start->early[1].drops > 0 ? 0 : early->lost / n;
}
