/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fair_law - an even share of the path, read from its queueing delay; blind to random loss.
 *
 * The law is FAST TCP's (Wei, Jin, Low, Hegde, IEEE/ACM ToN 2006), with a target of its own.  Once a round the window
 * moves by a part of the difference between the queue that is wanted and the queue that stands:
 *
 *     window <- window x (1 + v x gain x (T(x) - q) / (min_rtt + q)),   T(x) = target_queue x (100 Mbit/s / x)^(1/4)
 *
 * x is the flow's own rate, q the one-way queueing delay.  At the stable point q = T(x); as all
 * flows of a bottleneck see one q, they have one x: fairness without regard to round trip times.  FAST keeps a number
 * of packets in the queue, T = a/x; the fourth root makes one setting do from 1 Mbit/s (13 ms) to 10 Gbit/s (1.3 ms).
 * A weight w aims at T(x/w).  What is sent is clocked by the window, so the queue answers within a round trip, and a
 * gain of 0.3 leaves a delay of two rounds stable (z^2 - z + 0.3 has its roots at |z| = 0.55).
 *
 * v is Copa's velocity (Arun, Balakrishnan, NSDI 2018): it doubles while a flow has moved in one direction for three
 * rounds and is halved when it turns.  The common queue makes all flows turn; flows that are apart from their share
 * keep moving.  Without it two flows at 200 ms would need hundreds of rounds to meet.  In the round in which it turns a step is at
 * most all that is off: a flow of high velocity would take back several times the queue, and find the path idle.
 *
 * x*.  The flatter T is, the less differs what unequal flows want of one queue, and the slower they meet.  But all see the
 * same mean queue, and from it the same x* at which T(x*) is that queue: the even share.  A flow above x* grows by so much
 * less as it is above, one below shrinks by so much less, by three at most; nothing is ever made faster, so what is stable
 * stays so.  As the queue swings, the unlike steps up and down bring the flows together, as in Chiu and Jain (1989).
 *
 * q is the mean over the round of the least delay in each 10 ms (`slot`): the least leaves out jitter of the path and
 * of a busy machine's scheduler; slots of one length for all let flows of unlike round trips see the same queue (the
 * least of a long round is lower than that of a short one).  Where the round trip is shorter than 5 ms (`epoch`), 5 ms
 * stand for a round.
 *
 * Plateau.  The pacing rate stays within 10 % (`headroom`) of the highest delivery rate of the last 10 rounds over
 * (1 - loss), so a queue that cannot be seen is not run into.  Rounds in which the sender did not use what it had
 * (source, CPU, credit) do not make the plateau fall: they say how fast it went, not how fast it can go.
 *
 * Empty queue.  The delay is known only above the least seen.  A flow that has not seen a lower queue for 5 s (or 50
 * round trips) lowers its window for one round trip, at most by half, as BBR's ProbeRTT (draft-ietf-ccwg-bbr).
 * All flows of a bottleneck see that dip at the same moment, so from then on they do it together, and a flow that
 * came late to a standing queue learns the true base.
 *
 * What is not the law has files of its own.  fair_start.h: how a flow that does not know its path begins.  fair_loss.h: which
 * loss is random, and the ceiling under which the flow stays where it is not.  delay_base.h: above which delay the queue
 * is counted.  contention.h: what is done beside flows that fill the queue (CUBIC, Reno, BBR), where the law would leave nothing.
 * Here are the law, the phases, and what comes of a sample.
 *
 * CE marks lower the window by half the marked part, as DCTCP (RFC 8257).
 *
 * Three policies use the law: fair as it is, high with twice the weight, low with a target so small that the queue of
 * anybody else lies above it.  Before such a flow (`yields`) a queue of more than twice its target that is still there after
 * the flow has taken back its own part is somebody else's: the window goes to 0.3 each round, down to the least pacing
 * rate.  LEDBAT++ halves at most; a quarter of the path is then left when a TCP that comes has overshot and the queue is empty
 * again, and the flow lingers there until that TCP has grown.
 */
#include "fair_law.h"

#include <math.h>

#define WINDOW_LEAST 4    /* packets: below, one lost report would stop the flow */
/* The pacing rate never falls below so many packets in a round trip or this time (s).  On short paths it must be able to
 * fall far: with packets of 16 KB, two a millisecond would be 260 Mbit/s, and fifty flows would drown their receiver. */
#define PACING_LEAST 2
#define PACING_LEAST_TIME 0.1
#define PACING_GAIN 1.2 /* the window holds the flow back; this keeps the pacer from doing so (Linux paces TCP alike) */
#define RTT_UNKNOWN 0.1   /* s, until the first measurement */
#define SLOT_PACKETS 8    /* that a slot needs, so that its least delay is free of jitter */
#define VELOCITY_MOST 1024
#define VELOCITY_YIELDING 8 /* the start is sought again where there is room; more would only overshoot, and look like others */
#define MEAN_EPOCHS 16 /* of the queue for x*: longer than its swings, which take some five rounds each way */
#define DAMPING_MOST 3 /* with more a lone flow that has misjudged the queue once takes too long to mend it */
#define YIELD_STEP -0.7 /* of a flow that yields, before a queue that is not its own: two rounds leave a tenth */
#define CROWD_OWN 0.85 /* of what the flow took back: a queue that has fallen by so much is its own */

static double seconds(sluice_duration duration)
{
    return (double)duration / 1e9;
}

static double plateau(const fair_law *fair)
{
    double most = 0;

    for (int i = 0; i < FAIR_LAW_PLATEAU; i++)
        most = fmax(most, fair->plateau[i]);
    return most;
}

/* T(x) of the head of this file. */
static double queue_target_at(const fair_law *fair, double rate)
{
    double share = fmax(rate, 1e4) / fmax(fair->limits.weight, 1e-3);

    return seconds(fair->config.target_queue) * sqrt(sqrt(1e8 / share));
}

static double queue_target(const fair_law *fair)
{
    return queue_target_at(fair, fair->rate);
}

static double rtt_of(const fair_law *fair)
{
    return fair->srtt > 0 ? fair->srtt : RTT_UNKNOWN;
}

/* ---- the answer ---- */

static double pacing_least(const fair_law *fair)
{
    return PACING_LEAST * fair->packet_bytes * 8 / fmax(rtt_of(fair), PACING_LEAST_TIME);
}

static double pacing_of(const fair_law *fair, double window)
{
    double target = (double)fair->limits.target_bps, most = plateau(fair), pacing;

    if (fair->phase == FAIR_LAW_STARTUP) {
        /* In growth by g the newest packets leave at ln g / (1 - 1/g) = 1.53 windows a round trip: 2 does not hinder.
         */
        pacing = target > 0 && most <= 0 ? target : 2 * window * 8 / rtt_of(fair);
    } else {
        pacing = PACING_GAIN * window * 8 / rtt_of(fair);
        if (most > 0 && !fair->contention.on)
            pacing = fmin(pacing, most * (1 + fair->config.headroom) / (1 - fair->loss.calm));
        if (fair->loss.ceiling > 0)
            pacing = fmin(pacing, fair->loss.ceiling);
    }
    pacing = fmax(pacing, pacing_least(fair));
    return target > 0 ? fmin(pacing, target) : pacing;
}

/* A flow that yields goes as low as the least pacing rate: on a path of 10 Mbit/s and 20 ms four packets are a tenth. */
static double window_least(const fair_law *fair)
{
    return fair->manner.yields ? pacing_least(fair) * rtt_of(fair) / 8 / PACING_GAIN : WINDOW_LEAST * fair->packet_bytes;
}

static void answer(fair_law *fair, sluice_control *control)
{
    double window, pacing;

    fair->window = fmax(fair->window, window_least(fair));
    window = fmax(fair->phase == FAIR_LAW_YIELD ? fair->yield_window : fair->window, window_least(fair));
    pacing = pacing_of(fair, window);
    control->pacing_bps = (sluice_rate)fmin(pacing, 1e15);
    control->cwnd_bytes = (uint64_t)fmin(fmax(window, WINDOW_LEAST * fair->packet_bytes), 1e15);
    if (fair->epoch.pacing_least <= 0 || pacing < fair->epoch.pacing_least)
        fair->epoch.pacing_least = pacing;
}

static void epoch_begin(fair_law *fair, sluice_time now, uint64_t round, uint64_t delivered)
{
    fair->epoch = (fair_law_epoch){.began = now, .round = round, .delivered = delivered};
    fair->slots = fair->slots_sum = 0;
}

static void limits_set(fair_law *fair, const sluice_limits *limits)
{
    fair->limits = *limits;
    fair->limits.weight *= fair->manner.weight;
}

int fair_law_init(fair_law *fair, const fair_law_config *config, const fair_law_manner *manner,
                  const sluice_congestion_start *start, sluice_control *control)
{
    fair->config = *config;
    fair->manner = *manner;
    limits_set(fair, &start->limits);
    fair->packet_bytes = start->packet_bytes;
    fair->srtt = seconds(start->srtt_ns);
    fair->min_rtt = seconds(start->min_rtt_ns);
    fair->velocity = 1;
    fair->window = (double)fair->config.initial_packets * fair->packet_bytes;
    fair->window = fmax(fair->window, (double)fair->config.initial_rate / 8 * fair->srtt);
    fair->window = fmax(fair->window, 1.5 * rtt_of(fair) * (double)start->limits.target_bps / 8);
    if (start->delivery_rate_bps && start->srtt_ns) {
        fair->phase = FAIR_LAW_STEADY;
        fair->rate = fair->plateau[0] = (double)start->delivery_rate_bps;
        fair->window = fair->rate / 8 * fair->srtt;
    }
    fair->slot_least = fair->empty_queue = HUGE_VAL;
    fair->slot_began = fair->empty_at = start->now;
    fair_loss_begin(&fair->loss, start->now, 0);
    delay_base_init(&fair->base, manner->yields, start->now);
    epoch_begin(fair, start->now, 0, 0);
    answer(fair, control);
    return SLUICE_OK;
}

/* ---- startup ---- */

static void steady_begin(fair_law *fair, double window)
{
    fair->phase = FAIR_LAW_STEADY;
    fair->window = window;
    fair->velocity = 1;
    fair->direction = 0;
    fair->same = fair->idle = 0;
    fair->skip = 2;
    /* What else is lost may be startup's own; whether it is random will be tried. */
    fair_loss_found(&fair->loss, fair_start_loss(&fair->start));
    fair->smooth_rate = 0;
}

static void startup_begin(fair_law *fair)
{
    fair->phase = FAIR_LAW_STARTUP;
    fair->start = (fair_start){0};
    fair->slot_acked = fair->slot_lost = 0;
}

static fair_start_flow start_of(const fair_law *fair)
{
    return (fair_start_flow){.growth = fair->config.growth,
                             .window = fair->window,
                             .packet = fair->packet_bytes,
                             .initial = (double)fair->config.initial_packets * fair->packet_bytes,
                             .target_bps = (double)fair->limits.target_bps,
                             .rtt = rtt_of(fair),
                             .min_rtt = fair->min_rtt,
                             .queue_target = queue_target(fair),
                             .loss = fair->loss.calm};
}

static void startup_sample(fair_law *fair, const sluice_sample *sample)
{
    fair_start_flow flow = start_of(fair);
    double in_flight = fmax(fair->in_flight, fair->epoch.in_flight);

    fair->window = fair_start_grow(&flow, (double)sample->acked_bytes, in_flight, sample->app_limited);
}

static void startup_slot(fair_law *fair, const sluice_sample *sample)
{
    fair_start_flow flow = start_of(fair);
    fair_start_slot slot = {.acked = fair->slot_acked,
                            .lost = fair->slot_lost,
                            .time = seconds(sample->now - fair->slot_began),
                            .queue = fair->slot_least,
                            .delivered = (double)sample->delivery_rate_bps};

    if (!fair_start_meets(&fair->start, &flow, &slot)) {
        fair_loss_found(&fair->loss, flow.loss);
        return;
    }
    steady_begin(fair, flow.window);
    fair->plateau[fair->plateau_at] = fmax(fair->plateau[fair->plateau_at], slot.busy);
}

static void startup_epoch(fair_law *fair, const fair_loss_epoch *losses, bool limited)
{
    fair_start_flow flow = start_of(fair);
    fair_start_epoch epoch = {
        .rate = fair->rate, .most = plateau(fair), .drops = fair->epoch.drops, .limited = limited};

    if (fair_loss_meets_receiver(&fair->loss, losses) || fair_start_stalls(&fair->start, &flow, &epoch))
        steady_begin(fair, flow.window);
}

/* ---- the law ---- */

static double velocity_of(fair_law *fair, int direction)
{
    if (direction != fair->direction) {
        fair->velocity = fmax(1, fair->velocity / 2);
        fair->same = 0;
    } else if (++fair->same >= 3) {
        fair->velocity = fmin(fair->velocity * 2, fair->manner.yields ? VELOCITY_YIELDING : VELOCITY_MOST);
    }
    fair->direction = direction;
    return fair->same == 0 ? fmin(fair->velocity, 1 / fair->config.gain) : fair->velocity;
}

/* No queue for five rounds, and the rate has grown beyond what it was: the path has become larger, and is looked for
 * anew. */
static void idle_note(fair_law *fair, bool empty)
{
    if (!empty || fair->loss.ceiling > 0) {
        fair->idle = 0;
        return;
    }
    if (fair->idle++ == 0)
        fair->idle_rate = plateau(fair);
    if (fair->idle >= 5 && fair->rate > 1.15 * fair->idle_rate)
        startup_begin(fair);
}

/* Far too long a queue: most of it goes in this round, and the next shows the past, when it may still have grown.  A flow that
 * yields looks whether it has gone when that has become true of all of it; if half of it still stands, and it has not fallen by most
 * of what the flow took back, the queue is another's. */
static double crowd_step(fair_law *fair, double queue, double part)
{
    bool stands = queue > 0.5 * fair->crowd && queue > fair->crowd_most - CROWD_OWN * fair->crowd_cut;
    bool others = fair->manner.yields && fair->crowd > 0 && stands;

    fair->crowd = others ? fmin(queue, fair->crowd) : queue;
    fair->crowd_most = queue;
    if (others)
        return YIELD_STEP;
    fair->skip = 1;
    return 0.7 * part;
}

/* What the rate is to that of the head's x*, at which the mean queue is wanted. */
static double overshare(fair_law *fair, double queue)
{
    double wanted, even;

    fair->queue_mean += (queue - fair->queue_mean) / (fair->queue_mean > 0 ? MEAN_EPOCHS : 1);
    wanted = seconds(fair->config.target_queue) / fmax(fair->queue_mean, 1e-6);
    even = 1e8 * fmax(fair->limits.weight, 1e-3) * wanted * wanted * wanted * wanted;
    return fmax(1.0 / DAMPING_MOST, fmin(DAMPING_MOST, fmax(fair->smooth_rate, 1e4) / fmax(even, 1e4)));
}

static contention_round round_of(const fair_law *fair, sluice_time now, double queue, bool limited)
{
    const fair_law_epoch *epoch = &fair->epoch;
    double most = plateau(fair);

    return (contention_round){.now = now,
                              .window = fair->window,
                              .packet = fair->packet_bytes,
                              .best_packet_time = fair->packet_bytes * 8 / fmax(most, 1e4),
                              .best_target = queue_target_at(fair, most),
                              .holds = fair->rate / 8 * (fair->min_rtt + queue_target(fair)) / (1 - fair->loss.calm),
                              .segment = fair->packet_bytes * fmax(fair->limits.weight, 1e-3),
                              .rtt = rtt_of(fair),
                              .target = queue_target(fair),
                              .queue = queue + fair->base.above,
                              .recent_queue = queue,
                              .acked = epoch->acked,
                              .lost = fmax(0, epoch->lost - epoch->drops),
                              .marked = epoch->marked,
                              .calm = fair->loss.calm,
                              .used = epoch->used && !limited};
}

/* The queue is others' if it stays though this flow gives way. */
static bool contend_begin(fair_law *fair, sluice_time now, double queue, bool limited)
{
    contention_round round = round_of(fair, now, queue, limited);

    if (fair->manner.yields || !contention_begins(&fair->contention, &round))
        return false;
    fair->phase = FAIR_LAW_CONTEND;
    fair->window = round.window;
    fair_loss_leave(&fair->loss);
    return true;
}

static void contend_epoch(fair_law *fair, sluice_time now, double queue, bool limited)
{
    contention_round round = round_of(fair, now, queue, limited);

    if (contention_dips(&fair->contention, &round, &fair->yield_window)) {
        fair->phase = FAIR_LAW_YIELD;
        fair->yield_until = 0;
        fair->long_least = HUGE_VAL;
        return;
    }
    fair->window = contention_window(&fair->contention, &round);
    if (!fair->contention.on)
        fair->phase = FAIR_LAW_STEADY;
}

static void steady_epoch(fair_law *fair, double queue, bool limited)
{
    double target = queue_target(fair), off = target - queue, rtt = fair->min_rtt + queue, step;
    double over = overshare(fair, queue);
    bool may_grow = fair->epoch.used && !limited;

    if (off > 0 && !may_grow) {
        fair->velocity = 1;
        fair->same = fair->idle = 0;
        return;
    }
    step = fair->config.gain * off / rtt * velocity_of(fair, off > 0 ? 1 : -1);
    if (!fair->manner.yields) /* the mean queue is others', who have another target */
        step *= fmin(1, off > 0 ? 1 / over : over);
    step = fmax(-fair->config.step_most, fmin(fair->config.step_most, step));
    if (queue > 2 * target + 0.001)
        step = fmin(step, crowd_step(fair, queue, off / rtt));
    else
        fair->crowd = 0;
    fair->crowd_cut = -step * fair->window * 8 / fmax(plateau(fair), 1e4);
    if (fair->epoch.marked > 0)
        step = fmin(step, -0.5 * fair->epoch.marked / fmax(fair->epoch.acked, 1));
    fair->window = fmax(fair->window * (1 + step), contention_floor(&fair->contention));
    idle_note(fair, queue < target / 2);
}

/* ---- yielding ---- */

/* Below 80 ms half the window goes; beyond, twice what the largest targets keep standing (20 ms) will do. */
static void yield_begin(fair_law *fair)
{
    fair->phase = FAIR_LAW_YIELD;
    fair->yield_window = fair->window * fmax(0.5, fmin(0.9, 1 - 0.04 / rtt_of(fair)));
    fair->yield_until = 0;
    fair->empty_queue = HUGE_VAL;
}

/* A dip of contention.h is over. */
static void dip_end(fair_law *fair, sluice_time now)
{
    bool seen = fair->slots > 0;

    contention_dipped(&fair->contention, now, seen ? fair->slots_sum / fair->slots + fair->base.above : fair->long_least);
    if (fair->contention.on) {
        fair->phase = FAIR_LAW_CONTEND;
        fair->skip = 1;
        return;
    }
    /* The queue was its own: what stays is the path, be it longer than it was. */
    delay_base_forget(&fair->base, now);
    fair->window = fmin(fair->window, fair->yield_window * (1 + queue_target(fair) / fmax(fair->min_rtt, 1e-4)));
}

static void yield_sample(fair_law *fair, const sluice_sample *sample)
{
    if (!fair->yield_until && (double)sample->in_flight_bytes <= fair->yield_window + 2 * fair->packet_bytes) {
        fair->yield_until = sample->now + (fair->contention.on ? 2 : 1) * sample->srtt_ns;
        fair->yield_shows = sample->now + sample->srtt_ns;
    }
    /* What comes in before was sent before. */
    if (fair->contention.on && fair->yield_shows && sample->now >= fair->yield_shows) {
        fair->yield_shows = 0;
        fair->slots = fair->slots_sum = 0;
        fair->long_least = HUGE_VAL;
    }
    if (!fair->yield_until || sample->now < fair->yield_until)
        return;
    fair->phase = FAIR_LAW_STEADY;
    fair->skip = 2;
    if (fair->contention.on)
        dip_end(fair, sample->now);
    epoch_begin(fair, sample->now, sample->round, sample->delivered_bytes);
}

static void empty_note(fair_law *fair, const sluice_sample *sample, double queue)
{
    double interval = fmax(seconds(fair->config.yield_interval), 50 * fair->srtt);

    if (queue <= fair->empty_queue) {
        fair->empty_queue = queue;
        fair->empty_at = sample->now;
    } else if (fair->phase == FAIR_LAW_STEADY && seconds(sample->now - fair->empty_at) > interval) {
        yield_begin(fair);
    }
}

/* ---- samples ---- */

static void slot_note(fair_law *fair, const sluice_sample *sample, double queue)
{
    double length =
        fair->phase == FAIR_LAW_STARTUP ? fmax(0.8 * seconds(fair->config.epoch), fair->srtt / 8) : seconds(fair->config.slot);

    fair->slot_least = fmin(fair->slot_least, queue);
    fair->slot_acked += (double)sample->acked_packets;
    fair->slot_lost += (double)sample->lost_packets;
    if (fair->slot_acked < SLOT_PACKETS || seconds(sample->now - fair->slot_began) < length)
        return;
    fair->slots++;
    fair->slots_sum += fair->slot_least;
    if (fair->phase == FAIR_LAW_STARTUP)
        startup_slot(fair, sample);
    fair->slot_began = sample->now;
    fair->slot_least = HUGE_VAL;
    fair->slot_acked = fair->slot_lost = 0;
}

static void epoch_note(fair_law *fair, const sluice_sample *sample)
{
    fair_law_epoch *epoch = &fair->epoch;
    double *top = &fair->plateau[fair->plateau_at];

    epoch->acked += (double)sample->acked_packets;
    epoch->lost += (double)sample->lost_packets;
    epoch->marked += (double)sample->ce_packets;
    epoch->limited += sample->app_limited ? (double)sample->acked_packets : 0;
    epoch->drops += (double)sample->receiver_drop_packets;
    fair_loss_dropped(&fair->loss, (double)sample->receiver_drop_packets);
    epoch->in_flight = fmax(epoch->in_flight, (double)sample->prior_in_flight_bytes);
    if (epoch->in_flight + 2 * fair->packet_bytes > 0.8 * fair->window)
        epoch->used = true;
    /* Over less than an epoch, reports that come together make rates that never were. */
    if (sample->delivery_rate_bps && sample->delivery_interval_ns >= fair->config.epoch) {
        *top = fmax(*top, (double)sample->delivery_rate_bps);
        epoch->rated = true;
    }
}

static fair_loss_epoch loss_of(const fair_law *fair, const sluice_sample *sample)
{
    return (fair_loss_epoch){.now = sample->now,
                             .delivered = sample->delivered_bytes,
                             .acked = fair->epoch.acked,
                             .lost = fair->epoch.lost,
                             .rate = fair->smooth_rate,
                             .most = plateau(fair),
                             .length = fmax(rtt_of(fair), seconds(fair->config.epoch))};
}

static void epoch_end(fair_law *fair, const sluice_sample *sample)
{
    fair_law_epoch *epoch = &fair->epoch;
    double length = seconds(sample->now - epoch->began), sent = epoch->sent * 8 / length;
    double average = (double)(sample->delivered_bytes - epoch->delivered) * 8 / length;
    double queue = fair->slots > 0 ? fair->slots_sum / fair->slots : fair->slot_least;
    /* The sender did not use what it had: source, credit, or its own CPU. */
    bool limited = epoch->limited > 0.5 * epoch->acked || (!epoch->used && sent < 0.9 * epoch->pacing_least);
    fair_loss_epoch losses = loss_of(fair, sample);

    fair_loss_watch_receiver(&fair->loss, &losses);
    if (!epoch->rated)
        fair->plateau[fair->plateau_at] = fmax(fair->plateau[fair->plateau_at], average);
    if (!limited) {
        fair->plateau_at = (fair->plateau_at + 1) % FAIR_LAW_PLATEAU;
        fair->plateau[fair->plateau_at] = 0;
    }
    if (fair->skip) {
        fair->skip--;
        fair->crowd_most = fmax(fair->crowd_most, queue);
    } else {
        fair->rate = average;
        fair->smooth_rate += (average - fair->smooth_rate) / (fair->smooth_rate > 0 ? 8 : 1);
        losses = loss_of(fair, sample);
        if (fair->phase == FAIR_LAW_STARTUP) {
            startup_epoch(fair, &losses, limited);
        } else if (fair->phase == FAIR_LAW_CONTEND) {
            contend_epoch(fair, sample->now, queue, limited);
        } else if (!contend_begin(fair, sample->now, queue, limited)) {
            fair_loss_judge(&fair->loss, &losses);
            steady_epoch(fair, queue, limited);
        }
    }
    fair->in_flight = epoch->in_flight;
    epoch_begin(fair, sample->now, sample->round, sample->delivered_bytes);
}

/* The peer was silent: what was lost then says nothing of the path, and the old rate is taken up again. */
static void silence(fair_law *fair, const sluice_sample *sample)
{
    fair->skip = 3;
    fair_loss_begin(&fair->loss, sample->now, sample->delivered_bytes);
    fair->slot_acked = fair->slot_lost = 0;
    epoch_begin(fair, sample->now, sample->round, sample->delivered_bytes);
}

void fair_law_sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    fair_law *fair = state;
    const fair_law_epoch *epoch = &fair->epoch;

    fair->packet_bytes = sample->packet_bytes;
    fair->srtt = seconds(sample->srtt_ns);
    fair->min_rtt = seconds(sample->min_rtt_ns);
    if (sample->persistent) {
        silence(fair, sample);
        return;
    }
    epoch_note(fair, sample);
    if (sample->acked_packets) {
        double best_target = contention_best_target(&fair->contention);
        double queue = delay_base_queue(&fair->base, sample, queue_target(fair), best_target);

        fair->long_least = fmin(fair->long_least, queue + fair->base.above);
        empty_note(fair, sample, queue);
        if (fair->phase == FAIR_LAW_STARTUP)
            startup_sample(fair, sample);
        slot_note(fair, sample, queue);
    }
    if (fair->phase == FAIR_LAW_YIELD)
        yield_sample(fair, sample);
    else if (sample->round > epoch->round && epoch->acked > 0 && sample->now >= epoch->began + fair->config.epoch)
        epoch_end(fair, sample);
    answer(fair, control);
}

void fair_law_sent(void *state, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes, sluice_control *control)
{
    (void)now;
    (void)in_flight_bytes;
    (void)control;
    ((fair_law *)state)->epoch.sent += (double)bytes;
}

void fair_law_limits(void *state, sluice_time now, const sluice_limits *limits, sluice_control *control)
{
    fair_law *fair = state;

    (void)now;
    limits_set(fair, limits);
    answer(fair, control);
}

void fair_law_view(const void *state, sluice_congestion_view *out)
{
    static const char *const names[] = {"startup", "steady", "yield", "contend"};
    const fair_law *fair = state;

    out->phase = fair->phase == FAIR_LAW_STEADY && fair->loss.ceiling > 0 ? "ceiling" : names[fair->phase];
    out->estimate_bps = (sluice_rate)fmin(plateau(fair), 1e15);
    out->queue_target_ns = (sluice_duration)(queue_target(fair) * 1e9);
}
