/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/rate.h"

#include <sluice/status.h>

#include <stddef.h>

/* An operation that is NULL, or that the plugin's table is too short for, means the default behaviour. */
#define HAS(rate, member)                                                                                 \
    ((rate)->plugin && (rate)->plugin->ops_size >= offsetof(sluice_congestion_ops, member) + sizeof((rate)->ops->member) && \
     (rate)->ops->member)

static uint64_t bytes_in(sluice_rate rate_bps, sluice_duration duration)
{
    double bytes = (double)rate_bps / 8 * ((double)duration / (double)SLUICE_SECOND);

    return bytes < 1e15 ? (uint64_t)bytes : (uint64_t)1e15;
}

static void enforce(const sluice_rate_control *rate, sluice_control *control)
{
    const sluice_limits *limits = &rate->limits;

    *control = rate->raw;
    if (limits->minimum_bps) {
        uint64_t window = bytes_in(limits->minimum_bps, 2 * rate->srtt_ns + SLUICE_RATE_RESERVE_NS);

        if (control->pacing_bps && control->pacing_bps < limits->minimum_bps)
            control->pacing_bps = limits->minimum_bps;
        if (control->cwnd_bytes && control->cwnd_bytes < window)
            control->cwnd_bytes = window;
    }
    if (limits->target_bps && (!control->pacing_bps || control->pacing_bps > limits->target_bps))
        control->pacing_bps = limits->target_bps;
}

int sluice_rate_init(sluice_rate_control *rate, const sluice_plugin *plugin, void *state, const void *config,
                     const sluice_congestion_start *start, sluice_control *control, sluice_error *error)
{
    sluice_rate_control made = {.plugin = plugin, .ops = plugin->ops, .state = state};
    int status;

    made.limits = start->limits;
    made.srtt_ns = start->srtt_ns;
    status = made.ops->init(state, config, start, &made.raw);
    if (status == SLUICE_EUSAGE && !start->limits.target_bps)
        return sluice_fail(error, status,
                           "congestion control %s keeps a given rate and none was given: set one (--rate)",
                           plugin->name);
    if (status)
        return sluice_fail(error, status, "congestion control %s refused to start: %s", plugin->name,
                           sluice_status_text(status));
    *rate = made;
    enforce(rate, control);
    return SLUICE_OK;
}

void sluice_rate_plain(sluice_rate_control *rate, const sluice_limits *limits, sluice_control *control)
{
    *rate = (sluice_rate_control){.limits = *limits};
    enforce(rate, control);
}

void sluice_rate_sample(sluice_rate_control *rate, const sluice_sample *sample, sluice_control *control)
{
    rate->srtt_ns = sample->srtt_ns;
    if (rate->ops)
        rate->ops->sample(rate->state, sample, &rate->raw);
    enforce(rate, control);
}

void sluice_rate_sent(sluice_rate_control *rate, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes,
                      sluice_control *control)
{
    if (!HAS(rate, sent))
        return;
    rate->ops->sent(rate->state, now, bytes, in_flight_bytes, &rate->raw);
    enforce(rate, control);
}

void sluice_rate_restart(sluice_rate_control *rate, sluice_time now, sluice_time idle_since, sluice_control *control)
{
    if (!HAS(rate, restart))
        return;
    rate->ops->restart(rate->state, now, idle_since, &rate->raw);
    enforce(rate, control);
}

void sluice_rate_limits(sluice_rate_control *rate, sluice_time now, const sluice_limits *limits,
                        sluice_control *control)
{
    rate->limits = *limits;
    if (HAS(rate, limits))
        rate->ops->limits(rate->state, now, limits, &rate->raw);
    enforce(rate, control);
}

void sluice_rate_view(const sluice_rate_control *rate, sluice_congestion_view *out)
{
    *out = (sluice_congestion_view){.phase = ""};
    if (HAS(rate, view))
        rate->ops->view(rate->state, out);
}
