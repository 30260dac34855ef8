/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "plugin/rate.h"
#include <string.h>

/* A control that answers what the test says. */
typedef struct puppet {
    sluice_control answer;
    unsigned samples, limits;
} puppet;

static int puppet_init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    const sluice_control *first = config;

    (void)start;
    if (!first)
        return SLUICE_EUSAGE;
    ((puppet *)state)->answer = *first;
    *control = *first;
    return SLUICE_OK;
}

static void puppet_sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    puppet *p = state;

    (void)sample;
    p->samples++;
    *control = p->answer;
}

static void puppet_limits(void *state, sluice_time now, const sluice_limits *limits, sluice_control *control)
{
    (void)now;
    (void)limits;
    (void)control;
    ((puppet *)state)->limits++;
}

static const sluice_congestion_ops puppet_ops = {
    .init = puppet_init, .sample = puppet_sample, .limits = puppet_limits
};

static const sluice_plugin puppet_plugin = {
    .name = "puppet", .kind = SLUICE_CONGESTION, .ops = &puppet_ops, .ops_size = sizeof(puppet_ops)
};

typedef struct clamp_row {
    sluice_rate target, minimum, answered, pacing;
} clamp_row;

static void pacing_stays_between_minimum_and_target(void)
{
    static const clamp_row rows[] = {
        { 0, 0, 5000, 5000 },       { 0, 0, 0, 0 },          { 1000, 0, 5000, 1000 },
        { 1000, 0, 0, 1000 },       { 0, 9000, 5000, 9000 }, { 0, 9000, 0, 0 },
        { 7000, 3000, 1000, 3000 }, { 7000, 3000, 5000, 5000 }, { 2000, 3000, 1000, 2000 },
    };

    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        puppet state = { .samples = 0 };
        sluice_rate_control rate;
        sluice_control first = { rows[i].answered, 0 }, control;
        sluice_congestion_start start = { .size = sizeof(start), .packet_bytes = 1500,
                                          .limits = { rows[i].target, rows[i].minimum, 1 } };

        CU_ASSERT_EQUAL(sluice_rate_init(&rate, &puppet_plugin, &state, &first, &start, &control, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(control.pacing_bps, rows[i].pacing);
        CU_ASSERT_EQUAL(control.cwnd_bytes, 0);
    }
}

static void window_holds_what_the_minimum_needs(void)
{
    puppet state = { .samples = 0 };
    sluice_rate_control rate;
    sluice_control first = { 0, 10000 }, control;
    sluice_congestion_start start = { .size = sizeof(start), .limits = { 0, 8000000, 1 } };
    sluice_sample sample = { .size = sizeof(sample), .srtt_ns = 250 * SLUICE_MS };

    CU_ASSERT_EQUAL(sluice_rate_init(&rate, &puppet_plugin, &state, &first, &start, &control, NULL), SLUICE_OK);
    sluice_rate_sample(&rate, &sample, &control);
    /* 1 MB/s for two round trips of 250 ms and half a second. */
    CU_ASSERT_EQUAL(control.cwnd_bytes, 1000000);
    CU_ASSERT_EQUAL(state.samples, 1);
    state.answer.cwnd_bytes = 3000000;
    sluice_rate_sample(&rate, &sample, &control);
    CU_ASSERT_EQUAL(control.cwnd_bytes, 3000000);
}

static void a_new_target_holds_at_once(void)
{
    puppet state = { .samples = 0 };
    sluice_rate_control rate;
    sluice_control first = { 9000, 0 }, control;
    sluice_congestion_start start = { .size = sizeof(start), .limits = { 4000, 0, 1 } };
    sluice_limits limits = { 6000, 0, 1 };

    CU_ASSERT_EQUAL(sluice_rate_init(&rate, &puppet_plugin, &state, &first, &start, &control, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(control.pacing_bps, 4000);
    sluice_rate_limits(&rate, 1, &limits, &control);
    CU_ASSERT_EQUAL(control.pacing_bps, 6000);
    CU_ASSERT_EQUAL(state.limits, 1);
    limits.target_bps = 0;
    sluice_rate_limits(&rate, 2, &limits, &control);
    CU_ASSERT_EQUAL(control.pacing_bps, 9000);
}

/* A plugin whose table ends early, and one that leaves operations out: the answer is kept. */
static void absent_operations_change_nothing(void)
{
    sluice_plugin older = puppet_plugin;
    puppet state = { .samples = 0 };
    sluice_rate_control rate;
    sluice_control first = { 9000, 0 }, control;
    sluice_congestion_start start = { .size = sizeof(start), .limits = { 0, 0, 1 } };
    sluice_limits limits = { 100, 0, 1 };
    sluice_congestion_view view;

    older.ops_size = offsetof(sluice_congestion_ops, sent);
    CU_ASSERT_EQUAL(sluice_rate_init(&rate, &older, &state, &first, &start, &control, NULL), SLUICE_OK);
    sluice_rate_sent(&rate, 1, 1500, 1500, &control);
    sluice_rate_restart(&rate, 2, 1, &control);
    CU_ASSERT_EQUAL(control.pacing_bps, 9000);
    sluice_rate_limits(&rate, 3, &limits, &control);
    CU_ASSERT_EQUAL(state.limits, 0);
    CU_ASSERT_EQUAL(control.pacing_bps, 100);
    sluice_rate_view(&rate, &view);
    CU_ASSERT_STRING_EQUAL(view.phase, "");
}

static void a_refusal_names_what_is_missing(void)
{
    puppet state = { .samples = 0 };
    sluice_rate_control rate;
    sluice_control control = { 1, 2 };
    sluice_congestion_start start = { .size = sizeof(start) };
    sluice_error error = { 0, "" };

    CU_ASSERT_EQUAL(sluice_rate_init(&rate, &puppet_plugin, &state, NULL, &start, &control, &error), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(error.status, SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "puppet"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "--rate"));
    CU_ASSERT_EQUAL(control.pacing_bps, 1);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        { "pacing stays between minimum and target", pacing_stays_between_minimum_and_target },
        { "window holds what the minimum needs", window_holds_what_the_minimum_needs },
        { "a new target holds at once", a_new_target_holds_at_once },
        { "absent operations change nothing", absent_operations_change_nothing },
        { "a refusal names what is missing", a_refusal_names_what_is_missing },
        CU_TEST_INFO_NULL,
    };

    return sluice_suite_run("rate", tests);
}
