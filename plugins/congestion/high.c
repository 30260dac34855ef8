/* SPDX-License-Identifier: Apache-2.0 */
/*
 * high - twice the share of a fair flow: the law of fair_law.c with weight 2.
 *
 * A weight w makes a flow of rate x aim at the queue of one of rate x / w.  All flows of a bottleneck see one queue, at
 * which T(x / 2) = T(y), so x = 2 y.
 */
#include "fair_law.h"

static const sluice_option high_options[] = {FAIR_LAW_OPTIONS("4ms", "2.5")};

static int high_init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    static const fair_law_manner manner = {.weight = 2};

    return fair_law_init(state, config, &manner, start, control);
}

static const sluice_congestion_ops high_ops = {.init = high_init,
                                               .sample = fair_law_sample,
                                               .sent = fair_law_sent,
                                               .limits = fair_law_limits,
                                               .view = fair_law_view};

SLUICE_PLUGIN_DEFINE(congestion, high, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "high", .version = "1.0",
                     .summary = "Twice the share of a fair flow", .options = high_options,
                     .option_count = SLUICE_COUNT(high_options), .config_size = sizeof(fair_law_config),
                     .state_size = sizeof(fair_law), .ops = &high_ops, .ops_size = sizeof(high_ops));
