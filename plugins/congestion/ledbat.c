/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledbat - LEDBAT (RFC 6817) with the changes of LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus).
 *
 * A background transport: it keeps its own queue near `target`, and gives way to whoever makes it longer.  delay is the
 * one-way delay above the least of the last ten minutes.  A round trip changes the window W, in packets, by
 *
 *     GAIN                                              where delay <= target
 *     max(GAIN - W x (delay / target - 1), -W / 2)      elsewhere
 *     GAIN = 1 / min(16, ceil(2 x target / base rtt))
 *
 * From RFC 6817 are the delay on the way out alone, its filters (least of the last four samples; least of each of ten
 * minutes), and the answer to loss: half, once a round trip.  From LEDBAT++ are
 *   - the target of 60 ms, for 100 ms hold up telephony;
 *   - GAIN, which is slower than Reno where the queue is long against the path: standing by for room that Reno leaves;
 *   - the multiplicative decrease, without which flows that came first would keep what they have;
 *   - slow start by GAIN, which ends at 3/4 of the target, since a round trip of growth is still under way then;
 *   - slowdowns: 2 packets for 2 round trips, then slow start back to what was.  The first comes two round trips after
 *     slow start, others after 9 times what the last took, so they cost a tenth at most.  All flows of the kind see the
 *     queue that remains, and so the path's true delay; without them a latecomer takes the others' queue for the path.
 * One difference: LEDBAT++ reads round trips, since TCP has nothing else.
 *
 * A weight w counts the window in segments of w packets, as in cubic.
 */
#include "delay_memory.h"

#include <math.h>

#define WINDOW_LEAST 2 /* packets, both documents */
#define WINDOW_MOST 1e15
#define PACING_GAIN 1.25 /* RFC 9002, 7.7 */
#define RTT_UNKNOWN 0.333
#define RECOVERY_ROUNDS 1.5 /* until what was sent before a decrease is decided; see cubic */
#define CURRENT_SAMPLES 4 /* RFC 6817's CURRENT_FILTER */
#define GAIN_DIVISOR_MOST 16
#define START_PART 0.75
#define SLOWDOWN_ROUNDS 2
#define SLOWDOWN_REST 9 /* times the last one's length between two */

typedef struct ledbat_config {
    sluice_duration target;
    int64_t initial_packets;
    bool slowdowns;
} ledbat_config;

static const sluice_option ledbat_options[] = {
    SLUICE_OPTION_DURATION(ledbat_config, target, .def = "60ms", .min = "1ms", .max = "1s",
                           .help = "Queueing delay above which the window shrinks; RFC 6817 allows 100 ms at most."),
    SLUICE_OPTION_INT(ledbat_config, initial_packets, .def = "2", .min = "2", .max = "1000", .unit = "packets",
                      .help = "Window of the first round trip."),
    SLUICE_OPTION_BOOL(ledbat_config, slowdowns, .def = "yes",
                       .help = "Whether the flow stands back from time to time to see the path without it."),
};

/* START: until the target is seen; SLOWDOWN: 2 packets; RAMP: back to what was before. */
typedef enum ledbat_phase { START, AVOIDANCE, SLOWDOWN, RAMP } ledbat_phase;

typedef struct ledbat_state {
    ledbat_config config;
    double weight, packet_bytes, srtt, min_rtt; /* s */
    double window, threshold;                   /* segments */
    ledbat_phase phase;
    sluice_time phase_until;           /* of SLOWDOWN, once it is known */
    sluice_time slowed_at, slow_again; /* 0: not known yet */
    sluice_time recovery_until;
    sluice_time silence_until; /* losses until then are those of the silence */
    unsigned silent;           /* probe time-outs in a row */

    delay_memory memory;
    double current[CURRENT_SAMPLES]; /* s, above the least */
    unsigned current_at;
    double delay; /* s */
} ledbat_state;

static double seconds(sluice_duration duration)
{
    return (double)duration / 1e9;
}

static double segment(const ledbat_state *ledbat)
{
    return ledbat->packet_bytes * ledbat->weight;
}

static double least(const ledbat_state *ledbat)
{
    return WINDOW_LEAST / fmin(ledbat->weight, 1);
}

static double rtt_of(const ledbat_state *ledbat)
{
    return ledbat->srtt > 0 ? fmin(ledbat->srtt, 1e3) : RTT_UNKNOWN;
}

static sluice_duration rounds(const ledbat_state *ledbat, double count)
{
    return (sluice_duration)(count * rtt_of(ledbat) * 1e9);
}

static double target_of(const ledbat_state *ledbat)
{
    return seconds(ledbat->config.target);
}

static void answer(ledbat_state *ledbat, sluice_control *control)
{
    double bytes;

    ledbat->window = fmax(least(ledbat), fmin(ledbat->window, WINDOW_MOST / segment(ledbat)));
    bytes = ledbat->phase == SLOWDOWN ? 0 : ledbat->window * segment(ledbat);
    bytes = fmax(bytes, WINDOW_LEAST * ledbat->packet_bytes);
    control->cwnd_bytes = (uint64_t)fmin(bytes, WINDOW_MOST);
    control->pacing_bps = (sluice_rate)fmax(1, fmin(PACING_GAIN * bytes * 8 / rtt_of(ledbat), 1e15));
}

static void unit_set(ledbat_state *ledbat, double packet_bytes, double weight)
{
    double before = segment(ledbat);

    ledbat->packet_bytes = packet_bytes;
    ledbat->weight = fmax(1e-3, fmin(weight > 0 ? weight : 1, 1e3));
    ledbat->window *= before / segment(ledbat);
    ledbat->threshold *= before / segment(ledbat);
}

static int ledbat_init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    ledbat_state *ledbat = state;

    ledbat->config = *(const ledbat_config *)config;
    ledbat->packet_bytes = start->packet_bytes;
    ledbat->weight = 1;
    ledbat->srtt = seconds(start->srtt_ns);
    ledbat->window = (double)ledbat->config.initial_packets;
    ledbat->threshold = HUGE_VAL;
    unit_set(ledbat, start->packet_bytes, start->limits.weight);
    if (start->delivery_rate_bps && start->srtt_ns) {
        ledbat->window = (double)start->delivery_rate_bps / 8 * ledbat->srtt / segment(ledbat);
        ledbat->phase = AVOIDANCE;
    }
    delay_memory_begin(&ledbat->memory, start->now);
    answer(ledbat, control);
    return SLUICE_OK;
}

/* ---- delay ---- */

static void delay_note(ledbat_state *ledbat, const sluice_sample *sample)
{
    if (!sample->queue_valid) {
        ledbat->delay = fmax(0, ledbat->srtt - ledbat->min_rtt);
        return;
    }
    ledbat->delay = ledbat->current[ledbat->current_at] = delay_memory_above(&ledbat->memory, sample);
    ledbat->current_at = (ledbat->current_at + 1) % CURRENT_SAMPLES;
    for (int i = 0; i < CURRENT_SAMPLES; i++)
        ledbat->delay = fmin(ledbat->delay, ledbat->current[i]);
}

/* ---- window ---- */

static double gain_of(const ledbat_state *ledbat)
{
    double base = ledbat->min_rtt > 0 ? ledbat->min_rtt : rtt_of(ledbat);

    return 1 / fmin(GAIN_DIVISOR_MOST, ceil(2 * target_of(ledbat) / base));
}

static void avoidance_move(ledbat_state *ledbat, double acked)
{
    double gain = gain_of(ledbat), step = gain, window = ledbat->window;

    if (ledbat->delay > target_of(ledbat))
        step = fmax(gain - window * (ledbat->delay / target_of(ledbat) - 1), -window / 2);
    ledbat->window = fmax(least(ledbat), window + step * fmin(1, acked / window));
}

static void avoidance_begin(ledbat_state *ledbat, const sluice_sample *sample)
{
    bool first = ledbat->phase == START;

    ledbat->phase = AVOIDANCE;
    if (!ledbat->config.slowdowns)
        return;
    if (first) {
        ledbat->slow_again = sample->now + rounds(ledbat, SLOWDOWN_ROUNDS);
    } else if (ledbat->slowed_at) {
        ledbat->slow_again = sample->now + SLOWDOWN_REST * (sample->now - ledbat->slowed_at);
        ledbat->slowed_at = 0;
    }
}

static void slow_start(ledbat_state *ledbat, const sluice_sample *sample, double acked)
{
    bool full = ledbat->phase == START ? ledbat->delay > START_PART * target_of(ledbat)
                                       : ledbat->delay > target_of(ledbat);

    ledbat->window += gain_of(ledbat) * acked;
    if (ledbat->window >= ledbat->threshold)
        ledbat->window = ledbat->threshold;
    if (full || ledbat->window >= ledbat->threshold)
        avoidance_begin(ledbat, sample);
}

static void slowdown_begin(ledbat_state *ledbat, const sluice_sample *sample)
{
    ledbat->phase = SLOWDOWN;
    ledbat->slow_again = 0;
    ledbat->slowed_at = sample->now;
    ledbat->threshold = ledbat->window;
    ledbat->phase_until = sample->now + rounds(ledbat, SLOWDOWN_ROUNDS);
}

static void slowdown_end(ledbat_state *ledbat)
{
    ledbat->phase = RAMP;
    ledbat->window = least(ledbat);
}

/* Growth is earned by a window that is used. */
static bool window_used(const ledbat_state *ledbat, const sluice_sample *sample)
{
    double used = (double)sample->prior_in_flight_bytes + 2 * ledbat->packet_bytes;

    return used > (ledbat->phase == AVOIDANCE ? 0.8 : 0.5) * ledbat->window * segment(ledbat);
}

static void move(ledbat_state *ledbat, const sluice_sample *sample)
{
    double acked = (double)sample->acked_bytes / segment(ledbat);
    bool used = window_used(ledbat, sample);

    switch (ledbat->phase) {
    case START:
    case RAMP:
        if (used || ledbat->delay > target_of(ledbat))
            slow_start(ledbat, sample, used ? acked : 0);
        break;
    case AVOIDANCE:
        if (used || ledbat->delay > target_of(ledbat))
            avoidance_move(ledbat, acked);
        if (ledbat->slow_again && sample->now >= ledbat->slow_again)
            slowdown_begin(ledbat, sample);
        break;
    case SLOWDOWN:
        if (sample->now >= ledbat->phase_until)
            slowdown_end(ledbat);
        break;
    }
}

static void loss_met(ledbat_state *ledbat, const sluice_sample *sample)
{
    if (sample->now < ledbat->recovery_until || sample->now < ledbat->silence_until || ledbat->phase == SLOWDOWN)
        return;
    ledbat->window = ledbat->threshold = fmax(least(ledbat), ledbat->window / 2);
    ledbat->recovery_until = sample->now + rounds(ledbat, RECOVERY_ROUNDS);
    if (ledbat->phase != AVOIDANCE)
        avoidance_begin(ledbat, sample);
}

/* The second probe time-out in a row is persistent congestion (RFC 9002, 7.6): back to two packets, and up again. */
static void silence(ledbat_state *ledbat)
{
    if (++ledbat->silent != 2)
        return;
    if (ledbat->phase == AVOIDANCE || ledbat->phase == START)
        ledbat->threshold = fmax(least(ledbat), ledbat->window / 2);
    ledbat->slowed_at = ledbat->slow_again = 0;
    slowdown_end(ledbat);
}

static void ledbat_sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    ledbat_state *ledbat = state;

    if (sample->packet_bytes != (uint32_t)ledbat->packet_bytes)
        unit_set(ledbat, sample->packet_bytes, ledbat->weight);
    ledbat->srtt = seconds(sample->srtt_ns);
    ledbat->min_rtt = seconds(sample->min_rtt_ns);
    if (sample->persistent) {
        silence(ledbat);
        answer(ledbat, control);
        return;
    }
    if (sample->acked_packets) {
        if (ledbat->silent > 1)
            ledbat->silence_until = sample->now + rounds(ledbat, RECOVERY_ROUNDS);
        ledbat->silent = 0;
        delay_note(ledbat, sample);
    }
    if (sample->lost_packets || sample->ce_packets)
        loss_met(ledbat, sample);
    if (sample->acked_packets && sample->now >= ledbat->recovery_until)
        move(ledbat, sample);
    answer(ledbat, control);
}

static void ledbat_limits(void *state, sluice_time now, const sluice_limits *limits, sluice_control *control)
{
    ledbat_state *ledbat = state;

    (void)now;
    unit_set(ledbat, ledbat->packet_bytes, limits->weight);
    answer(ledbat, control);
}

static void ledbat_view(const void *state, sluice_congestion_view *out)
{
    static const char *const names[] = {"slow start", "avoidance", "slowdown", "slow start"};
    const ledbat_state *ledbat = state;

    out->phase = names[ledbat->phase];
    out->estimate_bps = (sluice_rate)fmin(ledbat->window * segment(ledbat) * 8 / rtt_of(ledbat), 1e15);
    out->queue_target_ns = ledbat->config.target;
}

static const sluice_congestion_ops ledbat_ops = {
    .init = ledbat_init, .sample = ledbat_sample, .limits = ledbat_limits, .view = ledbat_view};

SLUICE_PLUGIN_DEFINE(congestion, ledbat, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "ledbat", .version = "1.0",
                     .summary = "LEDBAT++, a background transport (RFC 6817)", .options = ledbat_options,
                     .option_count = SLUICE_COUNT(ledbat_options), .config_size = sizeof(ledbat_config),
                     .state_size = sizeof(ledbat_state), .ops = &ledbat_ops, .ops_size = sizeof(ledbat_ops));
