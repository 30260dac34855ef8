/* SPDX-License-Identifier: Apache-2.0 */
/* A third party's congestion control: a steady rate, from the installed headers alone. */
#include <sluice/congestion.h>

typedef struct steady_config {
    sluice_rate rate;
} steady_config;

static int init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    (void)state;
    (void)start;
    control->pacing_bps = ((const steady_config *)config)->rate;
    return SLUICE_OK;
}

static void sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    (void)state;
    (void)sample;
    (void)control;
}

static const sluice_congestion_ops ops = {.init = init, .sample = sample};

static const sluice_option options[] = {
    SLUICE_OPTION_RATE(steady_config, rate, .def = "10m", .min = "1k", .help = "Rate that is held."),
};

SLUICE_PLUGIN_DEFINE(congestion, steady, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "steady", .version = "0.3",
                     .summary = "holds a steady rate", .options = options, .option_count = SLUICE_COUNT(options),
                     .config_size = sizeof(steady_config), .ops = &ops, .ops_size = sizeof(ops));
