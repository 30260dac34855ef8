/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fair - an even share of the path, read from its queueing delay; blind to random loss.  fair_law.c is how.
 */
#include "fair_law.h"

static const sluice_option fair_options[] = {FAIR_LAW_OPTIONS("4ms", "2.5")};

static int fair_init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    static const fair_law_manner manner = {.weight = 1};

    return fair_law_init(state, config, &manner, start, control);
}

static const sluice_congestion_ops fair_ops = {.init = fair_init,
                                               .sample = fair_law_sample,
                                               .sent = fair_law_sent,
                                               .limits = fair_law_limits,
                                               .view = fair_law_view};

SLUICE_PLUGIN_DEFINE(congestion, fair, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "fair", .version = "1.0",
                     .summary = "An even share of the path, read from its queueing delay", .options = fair_options,
                     .option_count = SLUICE_COUNT(fair_options), .config_size = sizeof(fair_law_config),
                     .state_size = sizeof(fair_law), .ops = &fair_ops, .ops_size = sizeof(fair_ops));
