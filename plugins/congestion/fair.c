/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fair - an even share of the path, read from its queueing delay; blind to random loss.
 *
 * The law is FAST TCP's (Wei, Jin, Low, Hegde, IEEE/ACM ToN 2006), with a target of its own.  Once a round the window
 * moves by a part of the difference between the queue that is wanted and the queue that stands:
 *
 *     window <- window x (1 + v x gain x (T(x) - q) / (min_rtt + q)),   T(x) = target_queue x cbrt(100 Mbit/s / x)
 *
 * x is the flow's own rate, q the least one-way queueing delay of the round.  At the stable point q = T(x); as all
 * flows of a bottleneck see one q, they have one x: fairness without regard to round trip times.  FAST keeps a number
 * of packets in the queue, T = a/x; the cube root makes one setting do from 1 Mbit/s (19 ms) to 10 Gbit/s (0.9 ms).
 * A weight w aims at T(x/w).  What is sent is clocked by the window, so the queue answers within a round trip, and a
 * gain of 0.3 leaves a delay of two rounds stable (z^2 - z + 0.3 has its roots at |z| = 0.55).
 *
 * v is Copa's velocity (Arun, Balakrishnan, NSDI 2018): it doubles while a flow has moved in one direction for three
 * rounds and falls to 1 when it turns.  The common queue makes all flows turn; flows that are apart from their share
 * keep moving.  Without it two flows at 200 ms would need hundreds of rounds to meet.
 *
 * The least delay of a round, rather than a mean, leaves out jitter of the path and of a busy machine's scheduler;
 * where the round trip is shorter than 5 ms (`epoch`), 5 ms stand for a round.
 *
 * Plateau.  The pacing rate stays within 10 % (`headroom`) of the highest delivery rate of the last 10 rounds over
 * (1 - loss), so a queue that cannot be seen is not run into.  Rounds in which the sender did not use what it had
 * (source, CPU, credit) do not make the plateau fall: they say how fast it went, not how fast it can go.
 *
 * Start.  The window grows by `growth` = 2.5 a round trip until the least queue of an eighth of a round trip exceeds
 * T(x).  The rate crosses the capacity one round trip before that is seen, so what is in flight then is
 * (g - 1)/ln g = 1.64 of what the path holds: a queue of 0.64 BDP at most, and the window is divided by just that.
 * 2.5 finds 1 Gbit/s at 200 ms in 7 rounds from 32 packets; 3 would leave 0.82 BDP of queue.
 *
 * Loss.  Random loss is not congestion.  Loss well above the calm loss, while no queue is seen, may be a queue too
 * shallow to see: so the flow tries for two rounds at 0.9 of what was delivered.  If the loss stays it was random and
 * becomes the new calm loss; if it goes, the flow stays just under what was delivered for 16 rounds and then looks
 * again.  Drops at the receiver's own socket lead there at once.
 *
 * Empty queue.  The delay is known only above the least seen.  A flow that has not seen a lower queue for 5 s (or 50
 * round trips) lowers its window for one round trip, at most by half, as BBR's ProbeRTT (draft-ietf-ccwg-bbr).
 * All flows of a bottleneck see that dip at the same moment, so from then on they do it together, and a flow that
 * came late to a standing queue learns the true base.
 *
 * CE marks lower the window by half the marked part, as DCTCP (RFC 8257).
 */
#include <sluice/congestion.h>

#include <math.h>

#define PLATEAU_EPOCHS 10

typedef struct fair_config {
    sluice_duration target_queue, epoch, yield_interval;
    double gain, step_most, growth, headroom;
    int64_t initial_packets;
} fair_config;

static const sluice_option fair_options[] = {
    SLUICE_OPTION_DURATION(fair_config, target_queue, .def = "4ms", .min = "100us", .max = "1s",
                           .help = "Queueing delay that a flow of 100 Mbit/s aims to keep standing; other rates aim at "
                                   "it times the cube root of 100 Mbit/s over their rate."),
    SLUICE_OPTION_REAL(fair_config, gain, .def = "0.3", .min = "0.01", .max = "1",
                       .help = "Part of the difference between wanted and standing queue that one round corrects."),
    SLUICE_OPTION_REAL(fair_config, step_most, .def = "0.1", .min = "0.01", .max = "1",
                       .help = "Most that the window changes in one round, as a part of it."),
    SLUICE_OPTION_REAL(fair_config, growth, .def = "2.5", .min = "1.1", .max = "4",
                       .help = "Growth per round trip while the capacity is not known yet."),
    SLUICE_OPTION_REAL(fair_config, headroom, .def = "0.1", .min = "0.01", .max = "1",
                       .help = "How far the pacing rate may lie above the highest delivery rate seen."),
    SLUICE_OPTION_DURATION(fair_config, epoch, .def = "5ms", .min = "100us", .max = "1s",
                           .help = "Shortest time to judge queue and rate by, where the round trip is shorter."),
    SLUICE_OPTION_DURATION(fair_config, yield_interval, .def = "5s", .min = "100ms", .max = "10min",
                           .help = "After this long without an empty queue (or 50 round trips, if longer) the flow "
                                   "empties its part of it for a round trip."),
    SLUICE_OPTION_INT(fair_config, initial_packets, .def = "32", .min = "2", .max = "1000", .unit = "packets",
                      .help = "Sent in the first round trip."),
};

typedef enum phase { STARTUP, STEADY, YIELD } phase;

typedef struct epoch {
    sluice_time began;
    uint64_t round, delivered;
    sluice_duration queue;             /* least */
    double acked, lost, marked, drops; /* packets */
    double best_bps, limited_acked, sent, pacing_bps;
    bool limited, used;
} epoch;

typedef struct fair_state {
    fair_config config;
    sluice_limits limits;
    phase phase;
    double window, packet_bytes;
    double srtt, min_rtt; /* s */
    double rate_bps;      /* delivered in the last epoch */
    double plateau[PLATEAU_EPOCHS];
    unsigned plateau_at;
    epoch now;
    unsigned skip; /* epochs that say nothing */
    double velocity;
    int direction, steps;
    double loss; /* calm loss, as a part */
    /* startup */
    sluice_time bucket_began;
    sluice_duration bucket_queue;
    double bucket_acked, bucket_lost, calm_acked, calm_lost;
    double best_epoch_bps;
    unsigned stalled;
    /* yield */
    sluice_duration empty_queue;
    sluice_time empty_at, yield_began, yield_until;
    double yield_window;
    /* ceiling */
    double ceiling_bps;
    unsigned ceiling_epochs, ceiling_hold;
    double trial_loss, trial_bps, smooth_bps;
    unsigned trial;
    double judged_acked, judged_lost, judged_drops;
    unsigned idle_epochs;
    double idle_rate;
} fair_state;

static double seconds(sluice_duration duration)
{
    return (double)duration / 1e9;
}

static double plateau(const fair_state *fair)
{
    double most = 0;

    for (int i = 0; i < PLATEAU_EPOCHS; i++)
        most = fmax(most, fair->plateau[i]);
    return most;
}

static void plateau_raise(fair_state *fair, double bps)
{
    if (bps > fair->plateau[fair->plateau_at])
        fair->plateau[fair->plateau_at] = bps;
}

static double queue_target(const fair_state *fair)
{
    double share = fmax(fair->rate_bps, 1e4) / fmax(fair->limits.weight, 1e-3);

    return seconds(fair->config.target_queue) * cbrt(1e8 / share);
}

static void answer(const fair_state *fair, sluice_control *control)
{
    double window = fair->phase == YIELD ? fair->yield_window : fair->window;
    double rtt = fair->srtt > 0 ? fair->srtt : 0.1;
    double pacing, cap = plateau(fair) * (1 + fair->config.headroom) / (1 - fair->loss);
    double least = 4 * fair->packet_bytes;

    if (fair->phase == STARTUP) {
        pacing = 2 * window * 8 / rtt;
        if (fair->limits.target_bps && plateau(fair) <= 0)
            pacing = (double)fair->limits.target_bps;
    } else {
        pacing = 1.2 * window * 8 / rtt;
        if (cap > 0 && pacing > cap)
            pacing = cap;
        if (fair->ceiling_bps > 0 && pacing > fair->ceiling_bps)
            pacing = fair->ceiling_bps;
    }
    if (fair->limits.target_bps && pacing > (double)fair->limits.target_bps)
        pacing = (double)fair->limits.target_bps;
    if (window < least)
        window = least;
    if (pacing < least * 8 / fmax(rtt, 0.001) / 2)
        pacing = least * 8 / fmax(rtt, 0.001) / 2;
    control->pacing_bps = pacing < 1e15 ? (sluice_rate)pacing : (sluice_rate)1e15;
    control->cwnd_bytes = window < 1e15 ? (uint64_t)window : (uint64_t)1e15;
}

static void epoch_begin(fair_state *fair, sluice_time now, uint64_t round, uint64_t delivered)
{
    fair->now = (epoch){.began = now, .round = round, .delivered = delivered, .queue = UINT64_MAX};
}

static int fair_init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    fair_state *fair = state;

    fair->config = *(const fair_config *)config;
    fair->limits = start->limits;
    fair->packet_bytes = start->packet_bytes;
    fair->srtt = seconds(start->srtt_ns);
    fair->min_rtt = seconds(start->min_rtt_ns);
    fair->phase = STARTUP;
    fair->velocity = 1;
    fair->window = (double)fair->config.initial_packets * fair->packet_bytes;
    if (start->limits.target_bps) {
        double rtt = fair->srtt > 0 ? fair->srtt : 0.1;

        fair->window = fmax(fair->window, 1.5 * rtt * (double)start->limits.target_bps / 8);
    }
    if (start->delivery_rate_bps && start->srtt_ns) {
        fair->phase = STEADY;
        fair->rate_bps = (double)start->delivery_rate_bps;
        fair->plateau[0] = fair->rate_bps;
        fair->window = fmax(fair->window, fair->rate_bps / 8 * fair->srtt);
    }
    fair->empty_queue = UINT64_MAX;
    epoch_begin(fair, start->now, 0, 0);
    answer(fair, control);
    return SLUICE_OK;
}

static void steady_begin(fair_state *fair)
{
    fair->phase = STEADY;
    fair->velocity = 1;
    fair->direction = fair->steps = 0;
    fair->skip = 2;
}

static void startup_begin(fair_state *fair)
{
    fair->phase = STARTUP;
    fair->bucket_acked = fair->bucket_lost = fair->calm_acked = fair->calm_lost = 0;
    fair->best_epoch_bps = 0;
    fair->stalled = 0;
}

static void startup_sample(fair_state *fair, const sluice_sample *sample, sluice_duration queue)
{
    double length = fmax(seconds(fair->config.epoch) * 0.8, fair->srtt / 8);
    double calm = fair->calm_acked + fair->calm_lost;
    double target = (double)fair->limits.target_bps;

    if (!sample->app_limited || (double)sample->prior_in_flight_bytes > 0.5 * fair->window)
        fair->window += (fair->config.growth - 1) * (double)sample->acked_bytes;
    if (target > 0 && fair->window > 2 * target / 8 * fair->srtt + 64 * fair->packet_bytes)
        fair->window = 2 * target / 8 * fair->srtt + 64 * fair->packet_bytes;
    if (queue < fair->bucket_queue || fair->bucket_acked == 0)
        fair->bucket_queue = queue;
    fair->bucket_acked += (double)sample->acked_packets;
    fair->bucket_lost += (double)sample->lost_packets;
    if (fair->bucket_acked < 4 || seconds(sample->now - fair->bucket_began) < length)
        return;
    if (seconds(fair->bucket_queue) > queue_target(fair)) {
        if (target > 0)
            fair->window = fmin(fair->window, sample->delivery_rate_bps ? (double)sample->delivery_rate_bps / 8 *
                                                                              (fair->min_rtt + queue_target(fair))
                                                                        : fair->window / 2);
        else
            fair->window *= log(fair->config.growth) / (fair->config.growth - 1);
        steady_begin(fair);
    } else if (calm > 50 && fair->bucket_acked + fair->bucket_lost > 50 &&
               fair->bucket_lost / (fair->bucket_acked + fair->bucket_lost) > fair->calm_lost / calm + 0.2) {
        fair->window *= log(fair->config.growth) / (fair->config.growth - 1);
        steady_begin(fair);
    } else {
        fair->calm_acked += fair->bucket_acked;
        fair->calm_lost += fair->bucket_lost;
        fair->loss = fmin(0.5, fair->calm_lost / (fair->calm_acked + fair->calm_lost));
    }
    fair->bucket_began = sample->now;
    fair->bucket_acked = fair->bucket_lost = 0;
}

static void startup_epoch(fair_state *fair)
{
    if (fair->now.limited)
        return;
    if (fair->rate_bps > 1.25 * fair->best_epoch_bps) {
        fair->best_epoch_bps = fair->rate_bps;
        fair->stalled = 0;
        return;
    }
    if (++fair->stalled >= 3) {
        fair->window =
            fmin(fair->window, 1.5 * plateau(fair) / 8 * (fair->min_rtt + queue_target(fair)) / (1 - fair->loss));
        steady_begin(fair);
    }
}

/* The law. */
static void steady_epoch(fair_state *fair)
{
    double target = queue_target(fair), queue = seconds(fair->now.queue), step;
    double off = target - queue;
    int direction = off > 0 ? 1 : -1;

    if (direction == fair->direction)
        fair->steps++;
    else
        fair->steps = 0, fair->velocity = 1;
    fair->direction = direction;
    if (fair->steps >= 3)
        fair->velocity = fmin(fair->velocity * 2, 1024);
    step = fair->config.gain * off / (fair->min_rtt + queue) * fair->velocity;
    step = fmax(-fair->config.step_most, fmin(fair->config.step_most, step));
    if (queue > 2 * target + 0.001)
        step = fmin(step, -(queue - target) / (fair->min_rtt + queue) * 0.7);
    if (step > 0 && (fair->now.limited || !fair->now.used)) {
        fair->velocity = 1;
        fair->steps = 0;
        return;
    }
    if (fair->now.marked > 0)
        step = fmin(step, -0.5 * fair->now.marked / fmax(fair->now.acked, 1));
    fair->window *= 1 + step;
    if (queue < target / 2 && fair->ceiling_bps == 0 && fair->now.used) {
        if (fair->idle_epochs++ == 0)
            fair->idle_rate = fair->rate_bps;
        if (fair->idle_epochs >= 5) {
            fair->idle_epochs = 0;
            if (fair->rate_bps > 1.15 * fair->idle_rate)
                startup_begin(fair);
        }
    } else {
        fair->idle_epochs = 0;
    }
}

static void yield_begin(fair_state *fair, sluice_time now)
{
    double part = 1 - 0.04 / fmax(fair->srtt, 0.001);

    fair->phase = YIELD;
    fair->yield_window = fair->window * fmax(0.5, fmin(0.9, part));
    fair->yield_began = now;
    fair->yield_until = 0;
    fair->empty_queue = UINT64_MAX;
}

/* True while the flow yields. */
static void yield_sample(fair_state *fair, const sluice_sample *sample)
{
    if (!fair->yield_until && (double)sample->in_flight_bytes <= fair->yield_window + 2 * fair->packet_bytes)
        fair->yield_until = sample->now + sample->srtt_ns;
    if (fair->yield_until && sample->now >= fair->yield_until) {
        fair->phase = STEADY;
        fair->skip = 2;
        epoch_begin(fair, sample->now, sample->round, sample->delivered_bytes);
    }
}

static void empty_note(fair_state *fair, const sluice_sample *sample, sluice_duration queue)
{
    double interval = fmax(seconds(fair->config.yield_interval), 50 * fair->srtt);

    if (queue <= fair->empty_queue) {
        fair->empty_queue = queue;
        fair->empty_at = sample->now;
    } else if (fair->phase == STEADY && seconds(sample->now - fair->empty_at) > interval) {
        yield_begin(fair, sample->now);
    }
}

static void judged_clear(fair_state *fair)
{
    fair->judged_acked = fair->judged_lost = fair->judged_drops = 0;
}

static void loss_judge(fair_state *fair)
{
    double n, loss, noise;

    fair->judged_acked += fair->now.acked;
    fair->judged_lost += fair->now.lost;
    fair->judged_drops += fair->now.drops;
    n = fair->judged_acked + fair->judged_lost;
    loss = n > 0 ? fmax(0, fair->judged_lost - fair->judged_drops) / n : 0;
    noise = 3 * sqrt(fmax(fmax(loss, fair->loss), 0.002) / fmax(n, 1));
    if (fair->trial) {
        if (fair->trial > 1) {
            fair->trial--;
            judged_clear(fair);
            return;
        }
        if (n < 50 || noise > 0.04)
            return;
        fair->trial = 0;
        fair->loss = fmin(loss, 0.5);
        if (fair->trial_loss - loss > 0.01) {
            fair->ceiling_bps = 0.98 * fair->trial_bps / (1 - fair->loss);
            fair->ceiling_epochs = 16;
        } else {
            fair->ceiling_bps = 0;
        }
        judged_clear(fair);
        return;
    }
    if (fair->judged_drops > 0.01 * n && n > 50) {
        fair->ceiling_bps = 0.95 * fair->rate_bps;
        fair->ceiling_epochs = 20;
        judged_clear(fair);
        return;
    }
    if (fair->ceiling_bps > 0 && --fair->ceiling_epochs == 0)
        fair->ceiling_bps = 0;
    if (n < 50 || noise > 0.025)
        return;
    if (loss > fair->loss + 0.01 + noise) {
        if (fair->ceiling_bps > 0) {
            fair->ceiling_bps *= 1 - (loss - fair->loss);
        } else {
            fair->trial_loss = loss;
            fair->trial_bps = fair->smooth_bps;
            fair->trial = 4;
            fair->ceiling_bps = 0.9 * fair->smooth_bps;
        }
    } else {
        fair->loss += 0.1 * (loss - fair->loss);
    }
    fair->loss = fmin(fair->loss, 0.5);
    judged_clear(fair);
}

static void epoch_end(fair_state *fair, const sluice_sample *sample)
{
    double length = seconds(sample->now - fair->now.began);
    double sent_bps = fair->now.sent * 8 / length;
    double average = (double)(sample->delivered_bytes - fair->now.delivered) * 8 / length;

    if (fair->phase == YIELD)
        return;
    if (fair->now.best_bps <= 0)
        plateau_raise(fair, average);
    if (!fair->now.used && sent_bps < 0.9 * fair->now.pacing_bps)
        fair->now.limited = true;
    if (!fair->now.limited) {
        fair->plateau_at = (fair->plateau_at + 1) % PLATEAU_EPOCHS;
        fair->plateau[fair->plateau_at] = 0;
    }
    if (fair->skip) {
        fair->skip--;
    } else {
        fair->rate_bps = average;
        fair->smooth_bps += (average - fair->smooth_bps) / (fair->smooth_bps > 0 ? 8 : 1);
        if (fair->phase == STARTUP) {
            startup_epoch(fair);
        } else {
            loss_judge(fair);
            steady_epoch(fair);
        }
    }
    epoch_begin(fair, sample->now, sample->round, sample->delivered_bytes);
}

static void epoch_note(fair_state *fair, const sluice_sample *sample, sluice_duration queue)
{
    epoch *now = &fair->now;

    now->acked += (double)sample->acked_packets;
    now->lost += (double)sample->lost_packets;
    now->marked += (double)sample->ce_packets;
    now->drops += (double)sample->receiver_drop_packets;
    if (sample->acked_packets && queue < now->queue)
        now->queue = queue;
    if (sample->app_limited)
        now->limited_acked += (double)sample->acked_packets;
    now->limited = now->limited_acked > 0.5 * now->acked;
    if (sample->delivery_interval_ns >= fair->config.epoch)
        now->best_bps = fmax(now->best_bps, (double)sample->delivery_rate_bps);
    if (sample->delivery_interval_ns >= fair->config.epoch)
        plateau_raise(fair, (double)sample->delivery_rate_bps);
    if ((double)sample->prior_in_flight_bytes + 2 * fair->packet_bytes > 0.8 * fair->window)
        now->used = true;
}

static void fair_sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    fair_state *fair = state;
    sluice_duration queue = sample->queue_valid
                                ? sample->queue_min_ns
                                : (sample->srtt_ns > sample->min_rtt_ns ? sample->srtt_ns - sample->min_rtt_ns : 0);

    fair->packet_bytes = sample->packet_bytes;
    fair->srtt = seconds(sample->srtt_ns);
    fair->min_rtt = seconds(sample->min_rtt_ns);
    if (sample->persistent) {
        fair->skip = 3;
        epoch_begin(fair, sample->now, sample->round, sample->delivered_bytes);
        return;
    }
    epoch_note(fair, sample, queue);
    if (sample->acked_packets)
        empty_note(fair, sample, queue);
    if (fair->phase == YIELD)
        yield_sample(fair, sample);
    if (fair->phase == STARTUP)
        startup_sample(fair, sample, queue);
    if (sample->round > fair->now.round && sample->now - fair->now.began >= fair->config.epoch && fair->now.acked > 0)
        epoch_end(fair, sample);
    answer(fair, control);
    if (fair->now.pacing_bps == 0 || (double)control->pacing_bps < fair->now.pacing_bps)
        fair->now.pacing_bps = (double)control->pacing_bps;
}

static void fair_sent(void *state, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes, sluice_control *control)
{
    fair_state *fair = state;

    (void)now;
    (void)in_flight_bytes;
    (void)control;
    fair->now.sent += (double)bytes;
}

static void fair_limits(void *state, sluice_time now, const sluice_limits *limits, sluice_control *control)
{
    fair_state *fair = state;

    (void)now;
    fair->limits = *limits;
    answer(fair, control);
}

static void fair_view(const void *state, sluice_congestion_view *out)
{
    static const char *const names[] = {"startup", "steady", "yield"};
    const fair_state *fair = state;

    out->phase = names[fair->phase];
    out->estimate_bps = (sluice_rate)plateau(fair);
    out->queue_target_ns = (sluice_duration)(queue_target(fair) * 1e9);
}

static const sluice_congestion_ops fair_ops = {
    .init = fair_init, .sample = fair_sample, .sent = fair_sent, .limits = fair_limits, .view = fair_view};

SLUICE_PLUGIN_DEFINE(congestion, fair, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "fair", .version = "1.0",
                     .summary = "An even share of the path, read from its queueing delay", .options = fair_options,
                     .option_count = SLUICE_COUNT(fair_options), .config_size = sizeof(fair_config),
                     .state_size = sizeof(fair_state), .ops = &fair_ops, .ops_size = sizeof(fair_ops));
