/* SPDX-License-Identifier: Apache-2.0 */
/*
 * low - what is idle, and nothing that anybody else wants: the law of fair_law.c with a small target, and in a hurry to go.
 *
 * It is no ledbat with other numbers.  LEDBAT++ sees its target of 60 ms on long queues only; on one of 20 ms it never
 * does, and takes a Reno's share divided by the root of its gain.  It also grows by a packet a round trip or less, and every
 * lost packet halves it: on a long path with a little loss it gets next to nothing even alone.  This law needs no more
 * queue than it can tell from jitter, keeps what random loss leaves, and is back soon when there is room.
 *
 * The target is a quarter of fair's: where both want the same queue, low has 1/4^4, or 1/256, of what fair has.  1 ms at
 * 100 Mbit/s is what can just be told from the jitter of a host.  The start grows by half a round trip's window: the
 * least that finds 1 Gbit/s at 200 ms within 20 round trips, with a queue of (g - 1)/ln g - 1 = 0.23 of what the path holds.
 */
#include "fair_law.h"

static const sluice_option low_options[] = {FAIR_LAW_OPTIONS("1ms", "1.5")};

static int low_init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    static const fair_law_manner manner = {.weight = 1, .yields = true};

    return fair_law_init(state, config, &manner, start, control);
}

static const sluice_congestion_ops low_ops = {.init = low_init,
                                              .sample = fair_law_sample,
                                              .sent = fair_law_sent,
                                              .limits = fair_law_limits,
                                              .view = fair_law_view};

SLUICE_PLUGIN_DEFINE(congestion, low, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "low", .version = "1.0",
                     .summary = "What is idle, yielding to all others", .options = low_options,
                     .option_count = SLUICE_COUNT(low_options), .config_size = sizeof(fair_law_config),
                     .state_size = sizeof(fair_law), .ops = &low_ops, .ops_size = sizeof(low_ops));
