/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixed - the target rate, whatever happens.
 *
 * For paths whose share is known or reserved.  Loss, delay and marks change nothing.  The window is there only to
 * bound what is in flight when the peer falls silent:
 *
 *     cwnd = target x (2 x srtt + reserve),  at least 10 packets
 *
 * A packet that was lost counts as in flight for one round trip and the reordering window of RACK (RFC 8985), up to
 * a quarter more; its report can be lost and come with the next.  Two round trips hold both, at any loss rate; the
 * reserve (0.5 s) carries a flow of small srtt over stalls of the receiver's reports.
 */
#include <sluice/congestion.h>

#define PACKETS_LEAST 10 /* RFC 6928's initial window: below it, one lost report would stop the flow */

/* Before the first measurement: enough for a satellite path. */
#define SRTT_UNKNOWN_NS SLUICE_SECOND

typedef struct fixed_config {
    sluice_duration reserve;
} fixed_config;

typedef struct fixed_state {
    sluice_duration reserve_ns, srtt_ns;
    sluice_rate target_bps;
    uint32_t packet_bytes;
} fixed_state;

static const sluice_option fixed_options[] = {
    SLUICE_OPTION_DURATION(fixed_config, reserve, .def = "500ms", .min = "0ms", .max = "10s",
                           .help = "Time beyond two round trips for which data may be in flight at the target rate."),
};

static void answer(const fixed_state *fixed, sluice_control *control)
{
    sluice_duration srtt = fixed->srtt_ns ? fixed->srtt_ns : SRTT_UNKNOWN_NS;
    double held =
        (double)fixed->target_bps / 8 * (2.0 * (double)srtt + (double)fixed->reserve_ns) / (double)SLUICE_SECOND;
    uint64_t least = PACKETS_LEAST * (uint64_t)fixed->packet_bytes;

    control->pacing_bps = fixed->target_bps;
    control->cwnd_bytes = held > 1e15 ? (uint64_t)1e15 : (uint64_t)held;
    if (control->cwnd_bytes < least)
        control->cwnd_bytes = least;
}

static int fixed_init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    fixed_state *fixed = state;

    if (!start->limits.target_bps)
        return SLUICE_EUSAGE;
    fixed->reserve_ns = ((const fixed_config *)config)->reserve;
    fixed->srtt_ns = start->srtt_ns;
    fixed->target_bps = start->limits.target_bps;
    fixed->packet_bytes = start->packet_bytes;
    answer(fixed, control);
    return SLUICE_OK;
}

static void fixed_sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    fixed_state *fixed = state;

    fixed->srtt_ns = sample->srtt_ns;
    fixed->packet_bytes = sample->packet_bytes;
    answer(fixed, control);
}

/* A target that is taken away leaves the last one in force: this control has no other source of a rate. */
static void fixed_limits(void *state, sluice_time now, const sluice_limits *limits, sluice_control *control)
{
    fixed_state *fixed = state;

    (void)now;
    if (limits->target_bps)
        fixed->target_bps = limits->target_bps;
    answer(fixed, control);
}

static void fixed_view(const void *state, sluice_congestion_view *out)
{
    const fixed_state *fixed = state;

    out->phase = "fixed";
    out->estimate_bps = fixed->target_bps;
    out->queue_target_ns = 0;
}

static const sluice_congestion_ops fixed_ops = {
    .init = fixed_init, .sample = fixed_sample, .limits = fixed_limits, .view = fixed_view};

SLUICE_PLUGIN_DEFINE(congestion, fixed, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "fixed", .version = "1.0",
                     .summary = "The target rate, whatever happens", .options = fixed_options,
                     .option_count = SLUICE_COUNT(fixed_options), .config_size = sizeof(fixed_config),
                     .state_size = sizeof(fixed_state), .ops = &fixed_ops, .ops_size = sizeof(fixed_ops));
