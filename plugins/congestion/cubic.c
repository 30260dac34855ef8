/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cubic - CUBIC (RFC 9438): what most hosts of the Internet do, for paths that are to be shared as TCP shares them.
 *
 * Between two losses the window follows a cubic of the time t since the first of them, whatever the round trip:
 *
 *     W(t) = C x (t - K)^3 + W_max,     K = cbrt((W_max - W_begin) / C)                           (RFC 9438, 4.2)
 *
 * so it comes back to W_max, where the loss was, after K seconds, stays near it, and then looks for more.  Where Reno
 * would be faster (short round trips, small windows) the window is Reno's, W_est (4.3).  Loss multiplies it by
 * `beta` (4.6); a flow that lost below its last W_max leaves room for newcomers (fast convergence, 4.7); losses that
 * turn out to be reordering are undone (4.9.2).
 *
 * Start.  HyStart++ (RFC 9406): slow start ends for a trial when the round trip has grown by an eighth, within 4 to
 * 16 ms, over that of the round before; for 5 rounds the window grows by a quarter of what it did, and goes back to
 * slow start if the round trip falls below what it was when the trial began.
 *
 * Pacing.  1.25 windows a round trip, RFC 9002, 7.7; 2 in slow start, as Linux, so that the pacer does not slow the growth.
 *
 * CE marks count as loss, with the smaller decrease of RFC 8511: the queue that marks is shorter than the one that drops.
 *
 * Of a recovery.  One loss event lasts until what was sent before the decrease is decided: a round trip, a quarter
 * for RACK's reordering window (RFC 8985) and a quarter for the peer to report.  No second decrease and no growth in it.
 *
 * A weight w counts the window in segments of w packets, so N lanes of weight 1/N grow and shrink together as one flow.
 */
#include "cubic_curve.h"

#include <math.h>

#define WINDOW_LEAST 2 /* packets; RFC 9002's minimum window */
#define WINDOW_MOST 1e15
#define PACING_GAIN 1.25
#define PACING_GAIN_START 2
#define RTT_UNKNOWN 0.333 /* s, RFC 9002, 6.2.2 */
#define RECOVERY_ROUNDS 1.5

/* HyStart++, RFC 9406, 4.3. */
#define RTT_THRESHOLD_LEAST (4 * SLUICE_MS)
#define RTT_THRESHOLD_MOST (16 * SLUICE_MS)
#define RTT_DIVISOR 8
#define RTT_SAMPLES 8 /* packets that a round needs to be judged; a report measures one, but speaks for all it covers */
#define CONSERVATIVE_DIVISOR 4
#define CONSERVATIVE_ROUNDS 5

typedef struct cubic_config {
    double c, beta, beta_ecn;
    int64_t initial_packets;
} cubic_config;

static const sluice_option cubic_options[] = {
    SLUICE_OPTION_REAL(cubic_config, c, .def = "0.4", .min = "0.01", .max = "10",
                       .help = "How steep the cubic is, in segments per second cubed (C of RFC 9438)."),
    SLUICE_OPTION_REAL(cubic_config, beta, .def = "0.7", .min = "0.1", .max = "0.95",
                       .help = "What loss multiplies the window by."),
    SLUICE_OPTION_REAL(cubic_config, beta_ecn, .def = "0.85", .min = "0.1", .max = "0.95",
                       .help = "What congestion marks multiply the window by (RFC 8511)."),
    SLUICE_OPTION_INT(cubic_config, initial_packets, .def = "10", .min = "2", .max = "1000", .unit = "packets",
                      .help = "Window of the first round trip (RFC 6928)."),
};

typedef enum cubic_phase { SLOW_START, CONSERVATIVE, AVOIDANCE } cubic_phase;

typedef struct cubic_hystart {
    sluice_duration last, now, baseline; /* least round trips: of the last round, this one, the trial's first; 0: none */
    double samples;
    unsigned rounds;
} cubic_hystart;

typedef struct cubic_state {
    cubic_config config;
    double weight, packet_bytes, srtt;
    double window, threshold; /* ssthresh; HUGE_VAL: none yet */
    cubic_phase phase;
    cubic_curve curve;
    cubic_hystart hystart;
    sluice_time recovery_until;
    sluice_time silence_until; /* losses until then are those of the silence */
    unsigned silent;           /* probe time-outs in a row */

    /* To undo a decrease (RFC 9438, 4.9.2). */
    double event_lost, event_spurious, undo_window, undo_threshold;
    cubic_curve undo_curve;
    cubic_phase undo_phase;
} cubic_state;

static double seconds(sluice_duration duration)
{
    return (double)duration / 1e9;
}

static double segment(const cubic_state *cubic)
{
    return cubic->packet_bytes * cubic->weight;
}

static double least(const cubic_state *cubic)
{
    return WINDOW_LEAST / fmin(cubic->weight, 1);
}

static double window_bound(const cubic_state *cubic, double window)
{
    return fmax(least(cubic), fmin(window, WINDOW_MOST / segment(cubic)));
}

static void answer(cubic_state *cubic, sluice_control *control)
{
    double rtt = cubic->srtt > 0 ? cubic->srtt : RTT_UNKNOWN;
    double gain = cubic->phase == SLOW_START ? PACING_GAIN_START : PACING_GAIN;
    double bytes;

    cubic->window = window_bound(cubic, cubic->window);
    bytes = fmax(cubic->window * segment(cubic), WINDOW_LEAST * cubic->packet_bytes);
    control->cwnd_bytes = (uint64_t)fmin(bytes, WINDOW_MOST);
    control->pacing_bps = (sluice_rate)fmax(1, fmin(gain * bytes * 8 / rtt, 1e15));
}

static void weight_set(cubic_state *cubic, double weight)
{
    double bytes = cubic->window * segment(cubic);

    cubic->weight = fmax(1e-3, fmin(weight > 0 ? weight : 1, 1e3));
    cubic->window = bytes / segment(cubic);
}

static int cubic_init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    cubic_state *cubic = state;

    cubic->config = *(const cubic_config *)config;
    cubic->packet_bytes = start->packet_bytes;
    cubic->srtt = seconds(start->srtt_ns);
    cubic->weight = 1;
    cubic->window = (double)cubic->config.initial_packets;
    cubic->threshold = HUGE_VAL;
    weight_set(cubic, start->limits.weight);
    if (start->delivery_rate_bps && start->srtt_ns) {
        /* Another control has found out what the path carries. */
        cubic->window = window_bound(cubic, (double)start->delivery_rate_bps / 8 * cubic->srtt / segment(cubic));
        cubic->threshold = cubic->curve.w_max = cubic->curve.prior = cubic->window;
        cubic->phase = AVOIDANCE;
    }
    answer(cubic, control);
    return SLUICE_OK;
}

/* ---- HyStart++ ---- */

static void avoidance_begin(cubic_state *cubic)
{
    cubic->phase = AVOIDANCE;
    cubic->threshold = cubic->window;
    cubic_curve_flat(&cubic->curve, cubic->window);
}

static void hystart_round(cubic_state *cubic)
{
    cubic_hystart *hystart = &cubic->hystart;

    hystart->last = hystart->now;
    hystart->now = 0;
    hystart->samples = 0;
    if (cubic->phase == CONSERVATIVE && ++hystart->rounds > CONSERVATIVE_ROUNDS)
        avoidance_begin(cubic);
}

static void hystart_sample(cubic_state *cubic, const sluice_sample *sample)
{
    cubic_hystart *hystart = &cubic->hystart;
    sluice_duration threshold;

    if (sample->round_start)
        hystart_round(cubic);
    if (cubic->phase == AVOIDANCE || !sample->rtt_ns)
        return;
    if (!hystart->now || sample->rtt_ns < hystart->now)
        hystart->now = sample->rtt_ns;
    hystart->samples += (double)sample->acked_packets;
    if (hystart->samples < RTT_SAMPLES || !hystart->last)
        return;
    if (cubic->phase == CONSERVATIVE) {
        if (hystart->now < hystart->baseline)
            cubic->phase = SLOW_START;
        return;
    }
    threshold = hystart->last / RTT_DIVISOR;
    threshold = threshold < RTT_THRESHOLD_LEAST ? RTT_THRESHOLD_LEAST : threshold;
    threshold = threshold > RTT_THRESHOLD_MOST ? RTT_THRESHOLD_MOST : threshold;
    if (hystart->now < hystart->last + threshold)
        return;
    cubic->phase = CONSERVATIVE;
    hystart->baseline = hystart->now;
    hystart->rounds = 0;
}

/* ---- growth ---- */

/* Growth is earned by a window that is used (RFC 9438, 5.8); time in which it is not does not move the curve. */
static bool window_used(const cubic_state *cubic, const sluice_sample *sample)
{
    double used = (double)sample->prior_in_flight_bytes + 2 * cubic->packet_bytes;

    return used > (cubic->phase == SLOW_START ? 0.5 : 0.8) * cubic->window * segment(cubic);
}

static void grow(cubic_state *cubic, const sluice_sample *sample)
{
    double acked = (double)sample->acked_bytes / segment(cubic);
    cubic_shape shape = {cubic->config.c, cubic->config.beta};

    if (!window_used(cubic, sample)) {
        cubic->curve.began = 0;
        return;
    }
    if (cubic->phase == SLOW_START)
        cubic->window += acked;
    else if (cubic->phase == CONSERVATIVE)
        cubic->window += acked / CONSERVATIVE_DIVISOR;
    else
        cubic->window = cubic_curve_grow(&cubic->curve, &shape, sample->now, cubic->srtt, cubic->window, acked);
    if (cubic->phase == SLOW_START && cubic->window >= cubic->threshold) {
        cubic->window = cubic->threshold;
        cubic->phase = AVOIDANCE;
    }
}

/* ---- decrease ---- */

static sluice_duration recovery_time(const cubic_state *cubic)
{
    return (sluice_duration)(RECOVERY_ROUNDS * fmin(cubic->srtt, 1e3) * 1e9);
}

static void decrease(cubic_state *cubic, sluice_time now, double beta)
{
    cubic_shape shape = {cubic->config.c, cubic->config.beta};

    cubic->undo_window = cubic->window;
    cubic->undo_threshold = cubic->threshold;
    cubic->undo_curve = cubic->curve;
    cubic->undo_phase = cubic->phase;
    cubic->event_lost = cubic->event_spurious = 0;
    cubic->window = cubic_curve_decrease(&cubic->curve, &shape, cubic->window, beta);
    cubic->window = cubic->threshold = fmax(least(cubic), cubic->window);
    cubic->phase = AVOIDANCE;
    cubic->recovery_until = now + recovery_time(cubic);
}

static void losses_met(cubic_state *cubic, const sluice_sample *sample)
{
    double lost = (double)sample->lost_packets;

    if (sample->now >= cubic->recovery_until && sample->now >= cubic->silence_until) {
        if (lost > 0)
            decrease(cubic, sample->now, cubic->config.beta);
        else if (sample->ce_packets)
            decrease(cubic, sample->now, cubic->config.beta_ecn);
    }
    cubic->event_lost += lost;
    cubic->event_spurious += (double)sample->spurious_packets;
    if (cubic->event_lost <= 0 || cubic->event_spurious < cubic->event_lost || cubic->undo_window <= cubic->window)
        return;
    cubic->window = cubic->undo_window;
    cubic->threshold = cubic->undo_threshold;
    cubic->curve = cubic->undo_curve;
    cubic->phase = cubic->undo_phase;
    cubic->recovery_until = 0;
    cubic->event_lost = 0;
}

/* The second probe time-out in a row is persistent congestion (RFC 9002, 7.6: three PTO without an answer). */
static void silence(cubic_state *cubic, const sluice_sample *sample)
{
    if (++cubic->silent != 2)
        return;
    decrease(cubic, sample->now, cubic->config.beta);
    cubic->undo_window = 0;
    cubic->recovery_until = 0;
    cubic->window = least(cubic);
    cubic->phase = SLOW_START;
    cubic->hystart = (cubic_hystart){0};
}

static void silence_end(cubic_state *cubic, const sluice_sample *sample)
{
    if (cubic->silent > 1)
        cubic->silence_until = sample->now + recovery_time(cubic);
    cubic->silent = 0;
}

static void cubic_sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    cubic_state *cubic = state;
    double bytes = cubic->window * segment(cubic);

    if (sample->packet_bytes != (uint32_t)cubic->packet_bytes) {
        cubic->packet_bytes = sample->packet_bytes;
        cubic->window = bytes / segment(cubic);
    }
    cubic->srtt = seconds(sample->srtt_ns);
    if (sample->persistent) {
        silence(cubic, sample);
        answer(cubic, control);
        return;
    }
    if (sample->acked_packets)
        silence_end(cubic, sample);
    losses_met(cubic, sample);
    if (cubic->phase != AVOIDANCE)
        hystart_sample(cubic, sample);
    if (sample->acked_packets && sample->now >= cubic->recovery_until)
        grow(cubic, sample);
    answer(cubic, control);
}

/* After idle time the curve goes on from where it stands (RFC 9438, 5.8). */
static void cubic_restart(void *state, sluice_time now, sluice_time idle_since, sluice_control *control)
{
    (void)now;
    (void)idle_since;
    (void)control;
    ((cubic_state *)state)->curve.began = 0;
}

static void cubic_limits(void *state, sluice_time now, const sluice_limits *limits, sluice_control *control)
{
    cubic_state *cubic = state;

    (void)now;
    weight_set(cubic, limits->weight);
    answer(cubic, control);
}

static void cubic_view(const void *state, sluice_congestion_view *out)
{
    static const char *const names[] = {"slow start", "slow start's end", "avoidance"};
    const cubic_state *cubic = state;

    out->phase = names[cubic->phase];
    out->estimate_bps =
        cubic->srtt > 0 ? (sluice_rate)fmin(cubic->window * segment(cubic) * 8 / cubic->srtt, 1e15) : 0;
    out->queue_target_ns = 0;
}

static const sluice_congestion_ops cubic_ops = {.init = cubic_init,
                                                .sample = cubic_sample,
                                                .restart = cubic_restart,
                                                .limits = cubic_limits,
                                                .view = cubic_view};

SLUICE_PLUGIN_DEFINE(congestion, cubic, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "cubic", .version = "1.0",
                     .summary = "CUBIC (RFC 9438), as TCP shares the path", .options = cubic_options,
                     .option_count = SLUICE_COUNT(cubic_options), .config_size = sizeof(cubic_config),
                     .state_size = sizeof(cubic_state), .ops = &cubic_ops, .ops_size = sizeof(cubic_ops));
