/* SPDX-License-Identifier: Apache-2.0 */
/* What fixed and fair answer to single facts; how they behave on paths is sim/test_congestion's. */
#include "unit/suite.h"

#include "plugin/rate.h"
#include "sim/instance.h"
#include <string.h>

extern const sluice_plugin congestion_fair_LTX_sluice_plugin;
extern const sluice_plugin congestion_fixed_LTX_sluice_plugin;

#define MBIT UINT64_C(1000000)

typedef struct fixture {
    sim_instance instance;
    sluice_rate_control rate;
    sluice_control control;
} fixture;

static int begin(fixture *f, const sluice_plugin *plugin, const sluice_congestion_start *start, sluice_error *error)
{
    CU_ASSERT_EQUAL_FATAL(sim_instance_init(&f->instance, plugin, NULL), SLUICE_OK);
    return sluice_rate_init(&f->rate, plugin, f->instance.state, f->instance.config, start, &f->control, error);
}

static void fixed_needs_a_target(void)
{
    fixture f;
    sluice_error error = {0, ""};
    sluice_congestion_start start = {.size = sizeof(start), .now = 1, .packet_bytes = 1500};

    CU_ASSERT_EQUAL(begin(&f, &congestion_fixed_LTX_sluice_plugin, &start, &error), SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "fixed"));
    sim_instance_fini(&f.instance);
}

/* 80 Mbit/s are 10 MB/s: two round trips of 250 ms and half a second hold 10 MB. */
static void fixed_keeps_its_rate_whatever_is_lost(void)
{
    fixture f;
    sluice_congestion_start start = {
        .size = sizeof(start), .now = 1, .packet_bytes = 1500, .limits = {80 * MBIT, 0, 1}, .srtt_ns = 250 * SLUICE_MS};
    sluice_sample sample = {.size = sizeof(sample),
                            .now = 2,
                            .lost_packets = 1000,
                            .acked_packets = 1,
                            .srtt_ns = 250 * SLUICE_MS,
                            .packet_bytes = 1500,
                            .persistent = true};

    CU_ASSERT_EQUAL_FATAL(begin(&f, &congestion_fixed_LTX_sluice_plugin, &start, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(f.control.pacing_bps, 80 * MBIT);
    CU_ASSERT_EQUAL(f.control.cwnd_bytes, 10000000);
    sluice_rate_sample(&f.rate, &sample, &f.control);
    CU_ASSERT_EQUAL(f.control.pacing_bps, 80 * MBIT);
    CU_ASSERT_EQUAL(f.control.cwnd_bytes, 10000000);
    sluice_rate_limits(&f.rate, 3, &(sluice_limits){40 * MBIT, 0, 1}, &f.control);
    CU_ASSERT_EQUAL(f.control.pacing_bps, 40 * MBIT);
    CU_ASSERT_EQUAL(f.control.cwnd_bytes, 5000000);
    sim_instance_fini(&f.instance);
}

static void fair_uses_a_known_target_at_once(void)
{
    fixture f;
    sluice_congestion_start start = {.size = sizeof(start),
                                     .now = 1,
                                     .packet_bytes = 1500,
                                     .limits = {80 * MBIT, 0, 1},
                                     .srtt_ns = 100 * SLUICE_MS,
                                     .min_rtt_ns = 100 * SLUICE_MS};

    CU_ASSERT_EQUAL_FATAL(begin(&f, &congestion_fair_LTX_sluice_plugin, &start, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(f.control.pacing_bps, 80 * MBIT);
    CU_ASSERT_TRUE(f.control.cwnd_bytes >= 1000000); /* what 80 Mbit/s hold in 100 ms */
    sim_instance_fini(&f.instance);
}

static void fair_takes_over_where_another_control_stood(void)
{
    fixture f;
    sluice_congestion_view view;
    sluice_congestion_start start = {.size = sizeof(start),
                                     .now = 1,
                                     .packet_bytes = 1500,
                                     .limits = {0, 0, 1},
                                     .srtt_ns = 100 * SLUICE_MS,
                                     .min_rtt_ns = 90 * SLUICE_MS,
                                     .delivery_rate_bps = 80 * MBIT,
                                     .in_flight_bytes = 1000000};

    CU_ASSERT_EQUAL_FATAL(begin(&f, &congestion_fair_LTX_sluice_plugin, &start, NULL), SLUICE_OK);
    sluice_rate_view(&f.rate, &view);
    CU_ASSERT_STRING_EQUAL(view.phase, "steady");
    CU_ASSERT_EQUAL(view.estimate_bps, 80 * MBIT);
    CU_ASSERT_EQUAL(f.control.cwnd_bytes, 1000000);
    CU_ASSERT_TRUE(f.control.pacing_bps >= 80 * MBIT && f.control.pacing_bps <= 88 * MBIT);
    sim_instance_fini(&f.instance);
}

/* T(x) = 4 ms x (100 Mbit/s / x)^(1/4); with weight w, T(x/w): a flow of weight 16 aims at twice the queue. */
static void fair_aims_at_the_queue_of_its_rate_and_weight(void)
{
    static const struct {
        sluice_rate rate;
        double weight, target_ms;
    } rows[] = {{100 * MBIT, 1, 4}, {1600 * MBIT, 1, 2}, {6250000, 1, 8}, {1600 * MBIT, 16, 4}, {100 * MBIT, 0.0625, 2}};

    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        fixture f;
        sluice_congestion_view view;
        sluice_congestion_start start = {.size = sizeof(start),
                                         .now = 1,
                                         .packet_bytes = 1500,
                                         .limits = {0, 0, rows[i].weight},
                                         .srtt_ns = 50 * SLUICE_MS,
                                         .min_rtt_ns = 50 * SLUICE_MS,
                                         .delivery_rate_bps = rows[i].rate};

        CU_ASSERT_EQUAL_FATAL(begin(&f, &congestion_fair_LTX_sluice_plugin, &start, NULL), SLUICE_OK);
        sluice_rate_view(&f.rate, &view);
        CU_ASSERT_DOUBLE_EQUAL((double)view.queue_target_ns / 1e6, rows[i].target_ms, 0.001);
        sim_instance_fini(&f.instance);
    }
}

/* An outage changes nothing: the old rate is taken up again. */
static void fair_keeps_its_window_through_silence(void)
{
    fixture f;
    sluice_control before;
    sluice_congestion_start start = {.size = sizeof(start),
                                     .now = 1,
                                     .packet_bytes = 1500,
                                     .limits = {0, 0, 1},
                                     .srtt_ns = 100 * SLUICE_MS,
                                     .min_rtt_ns = 100 * SLUICE_MS,
                                     .delivery_rate_bps = 80 * MBIT};
    sluice_sample silent = {.size = sizeof(silent),
                            .persistent = true,
                            .srtt_ns = 100 * SLUICE_MS,
                            .min_rtt_ns = 100 * SLUICE_MS,
                            .lost_packets = 500,
                            .packet_bytes = 1500};

    CU_ASSERT_EQUAL_FATAL(begin(&f, &congestion_fair_LTX_sluice_plugin, &start, NULL), SLUICE_OK);
    before = f.control;
    for (int i = 1; i <= 20; i++) {
        silent.now = 1 + (sluice_time)i * SLUICE_SECOND / 2;
        sluice_rate_sample(&f.rate, &silent, &f.control);
    }
    CU_ASSERT_EQUAL(f.control.pacing_bps, before.pacing_bps);
    CU_ASSERT_EQUAL(f.control.cwnd_bytes, before.cwnd_bytes);
    sim_instance_fini(&f.instance);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"fixed needs a target", fixed_needs_a_target},
        {"fixed keeps its rate whatever is lost", fixed_keeps_its_rate_whatever_is_lost},
        {"fair uses a known target at once", fair_uses_a_known_target_at_once},
        {"fair takes over where another control stood", fair_takes_over_where_another_control_stood},
        {"fair aims at the queue of its rate and weight", fair_aims_at_the_queue_of_its_rate_and_weight},
        {"fair keeps its window through silence", fair_keeps_its_window_through_silence},
        CU_TEST_INFO_NULL,
    };

    return sluice_suite_run("congestion", tests);
}
