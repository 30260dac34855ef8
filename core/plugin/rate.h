/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.h - a congestion control under the user's limits.
 *
 * Passes what the transport tells to a congestion instance and enforces target and minimum on its answer, so that a
 * control may ignore both.  The pacing rate is raised to the minimum, then held to the target: where the two
 * contradict each other, the target holds.  The window is kept large enough for the minimum rate.  Used on the lane's
 * loop thread; pure, as the controls are.
 */
#ifndef SLUICE_PLUGIN_RATE_H
#define SLUICE_PLUGIN_RATE_H

#include <sluice/congestion.h>

/* How much the window must hold for a rate to be kept on a bad path: what is sent in two round trips (a lost packet
 * is known as lost only after one, and its report may be lost too) and half a second for stalls of reports. */
#define SLUICE_RATE_RESERVE_NS (SLUICE_SECOND / 2)

typedef struct sluice_rate_control {
    const sluice_plugin *plugin;
    const sluice_congestion_ops *ops;
    void *state; /* the instance's; owned by the caller */
    sluice_limits limits;
    sluice_control raw; /* the control's own answer */
    sluice_duration srtt_ns;
} sluice_rate_control;

/* Starts an instance: state is plugin->state_size zeroed bytes, config as the options filled it; both outlive *rate.
 * *control is the first answer.  Errors: the control's own, with a sentence in *error. */
int sluice_rate_init(sluice_rate_control *rate, const sluice_plugin *plugin, void *state, const void *config,
                     const sluice_congestion_start *start, sluice_control *control, sluice_error *error);

/* Without a control: no window, and no pacing but to the target. */
void sluice_rate_plain(sluice_rate_control *rate, const sluice_limits *limits, sluice_control *control);

/* As the calls of the same names in transport.h; *control becomes the answer after enforcement. */
void sluice_rate_sample(sluice_rate_control *rate, const sluice_sample *sample, sluice_control *control);
void sluice_rate_sent(sluice_rate_control *rate, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes,
                      sluice_control *control);
void sluice_rate_restart(sluice_rate_control *rate, sluice_time now, sluice_time idle_since, sluice_control *control);

/* The user changed target, minimum or weight. */
void sluice_rate_limits(sluice_rate_control *rate, sluice_time now, const sluice_limits *limits,
                        sluice_control *control);

/* What the control believes; zeroes where it does not say. */
void sluice_rate_view(const sluice_rate_control *rate, sluice_congestion_view *out);

#endif
