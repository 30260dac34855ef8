/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every congestion control must stand, whatever its idea: silence, jumps of time, samples of nothing and of
 * enormous figures, facts that contradict each other.  It must answer with rates and windows that can be used, do the
 * same twice, and fill an empty path.
 */
#include "sim/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const sluice_plugin congestion_fair_LTX_sluice_plugin;
extern const sluice_plugin congestion_fixed_LTX_sluice_plugin;

#define SAMPLES 20000
#define TARGET_BPS (100 * UINT64_C(1000000))
/* No answer may be larger: it would not survive the arithmetic of whoever uses it. */
#define ANSWER_MOST (UINT64_C(1) << 62)

static bool fails(const sluice_plugin *plugin, const char *what, uint64_t seed)
{
    printf("FAIL %s: %s (seed %llu)\n", plugin->name, what, (unsigned long long)seed);
    return false;
}

static bool usable(const sluice_control *control)
{
    return control->pacing_bps <= ANSWER_MOST && control->cwnd_bytes <= ANSWER_MOST &&
           (control->pacing_bps > 0 || control->cwnd_bytes > 0) &&
           (control->cwnd_bytes == 0 || control->cwnd_bytes >= 1500);
}

static sluice_congestion_start start_of(sluice_sim_random *random)
{
    sluice_congestion_start start = {
        .size = sizeof(start), .now = SLUICE_SIM_START, .packet_bytes = 1500, .limits = {TARGET_BPS, 0, 1}};

    if (sluice_sim_random_chance(random, 0.5)) {
        start.srtt_ns = start.min_rtt_ns = sluice_sim_random_between(random, 1, SLUICE_SECOND);
        start.delivery_rate_bps = sluice_sim_random_chance(random, 0.5) ? sluice_sim_random_next(random) >> 24 : 0;
    }
    return start;
}

static uint64_t wild(sluice_sim_random *random)
{
    unsigned shift = (unsigned)sluice_sim_random_between(random, 0, 64);

    return shift == 64 ? 0 : sluice_sim_random_next(random) >> shift;
}

/* Any figures at all, but the time does not go back and counters do not fall. */
static sluice_sample sample_wild(sluice_sim_random *random, const sluice_sample *before)
{
    sluice_sample s = {.size = sizeof(s), .now = before->now + (wild(random) >> 15)};

    s.acked_bytes = wild(random) >> 8;
    s.acked_packets = s.acked_bytes / 1200;
    s.lost_packets = wild(random) >> 20;
    s.lost_bytes = s.lost_packets;
    s.spurious_packets = wild(random);
    s.ce_packets = sluice_sim_random_chance(random, 0.1) ? wild(random) : 0;
    s.receiver_drop_packets = sluice_sim_random_chance(random, 0.1) ? wild(random) : 0;
    s.persistent = sluice_sim_random_chance(random, 0.05);
    s.delivered_bytes = before->delivered_bytes + (s.acked_bytes >> 8);
    s.in_flight_bytes = wild(random);
    s.prior_in_flight_bytes = wild(random);
    s.round_start = sluice_sim_random_chance(random, 0.3);
    s.round = before->round + s.round_start;
    s.rtt_ns = wild(random);
    s.srtt_ns = sluice_sim_random_chance(random, 0.9) ? wild(random) : 0;
    s.rttvar_ns = wild(random);
    s.min_rtt_ns = wild(random);
    s.queue_valid = sluice_sim_random_chance(random, 0.7);
    s.queue_ns = wild(random);
    s.queue_min_ns = s.queue_ns ? sluice_sim_random_below(random, s.queue_ns) : 0;
    s.delivery_rate_bps = wild(random);
    s.delivery_interval_ns = wild(random);
    s.app_limited = sluice_sim_random_chance(random, 0.2);
    s.packet_bytes = (uint32_t)sluice_sim_random_between(random, 500, 16384);
    return s;
}

static void other_calls(sluice_rate_control *rate, sluice_sim_random *random, sluice_time now, sluice_control *control)
{
    sluice_limits limits = {wild(random) >> 14 | 1, 0, sluice_sim_random_unit(random)};

    switch (sluice_sim_random_below(random, 8)) {
    case 0:
        sluice_rate_sent(rate, now, wild(random), wild(random), control);
        break;
    case 1:
        sluice_rate_restart(rate, now, sluice_sim_random_below(random, now), control);
        break;
    case 2:
        sluice_rate_limits(rate, now, &limits, control);
        break;
    default:
        break;
    }
}

/* Wild samples; *trace becomes a hash of all answers. */
static bool stands_wild_samples(const sluice_plugin *plugin, uint64_t seed, uint64_t *trace)
{
    sluice_sim_random random = sluice_sim_random_make(seed, 5);
    sluice_congestion_start start = start_of(&random);
    sluice_sample sample = {.now = SLUICE_SIM_START};
    sim_instance instance;
    sluice_rate_control rate;
    sluice_control control;
    sluice_sim simulation;
    bool ok = true;

    sluice_sim_init(&simulation, seed);
    if (sim_instance_init(&instance, plugin, NULL))
        return fails(plugin, "its option table does not hold its own defaults", seed);
    if (sluice_rate_init(&rate, plugin, instance.state, instance.config, &start, &control, NULL))
        ok = fails(plugin, "it does not start", seed);
    for (unsigned i = 0; ok && i < SAMPLES; i++) {
        sluice_congestion_view view;

        sample = sample_wild(&random, &sample);
        sluice_rate_sample(&rate, &sample, &control);
        if (!usable(&control) || !usable(&rate.raw)) {
            printf("sample %u: pacing %llu, window %llu\n", i, (unsigned long long)rate.raw.pacing_bps,
                   (unsigned long long)rate.raw.cwnd_bytes);
            ok = fails(plugin, "an answer that cannot be used, after wild samples", seed);
        }
        other_calls(&rate, &random, sample.now, &control);
        sluice_rate_view(&rate, &view);
        sluice_sim_note(&simulation, rate.raw.pacing_bps);
        sluice_sim_note(&simulation, rate.raw.cwnd_bytes);
        sluice_sim_note(&simulation, view.estimate_bps);
        if (!view.phase)
            ok = fails(plugin, "its view has no phase", seed);
    }
    *trace = simulation.trace;
    sluice_sim_fini(&simulation);
    sim_instance_fini(&instance);
    return ok;
}

static bool does_the_same_twice(const sluice_plugin *plugin)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t first = 0, second = 1;

        if (!stands_wild_samples(plugin, seed, &first) || !stands_wild_samples(plugin, seed, &second))
            return false;
        if (first != second)
            return fails(plugin, "other answers to the same samples", seed);
    }
    return true;
}

/* Mbit/s delivered between two times of a flow on a path with what happens to it. */
typedef struct trip {
    double rate_mbit, rtt_ms, silent_from, silent_until, seconds; /* s */
} trip;

static void links_out(void *subject, uint64_t argument)
{
    ((sluice_sim_link *)subject)->setup.out = argument;
}

static double delivered_mbit(const sluice_plugin *plugin, const trip *path, double from, char *failure, size_t room)
{
    sluice_sim simulation;
    sluice_sim_link forward, back;
    sim_flow flow;
    sluice_sim_link_setup setup = {.rate_bps = (sluice_rate)(path->rate_mbit * 1e6),
                            .delay_ns = (sluice_duration)(path->rtt_ms / 2 * 1e6),
                            .queue_bytes = 30000 + (uint64_t)(path->rate_mbit * path->rtt_ms * 125)};
    sim_flow_setup flow_setup = {
        .plugin = plugin, .forward = &forward, .back = &back, .limits = {(sluice_rate)(path->rate_mbit * 1e6), 0, 1}};
    uint64_t before;
    double got;

    sluice_sim_init(&simulation, 1);
    sluice_sim_link_init(&forward, &simulation, &setup, 1);
    setup.rate_bps = 0;
    sluice_sim_link_init(&back, &simulation, &setup, 2);
    sim_flow_init(&flow, &simulation, &flow_setup, 3);
    if (path->silent_until > 0) {
        sluice_sim_at(&simulation, SLUICE_SIM_START + (sluice_time)(path->silent_from * 1e9), links_out, &forward, true);
        sluice_sim_at(&simulation, SLUICE_SIM_START + (sluice_time)(path->silent_until * 1e9), links_out, &forward, false);
    }
    sluice_sim_run(&simulation, SLUICE_SIM_START + (sluice_time)(from * 1e9));
    before = flow.delivered_packets;
    sluice_sim_run(&simulation, SLUICE_SIM_START + (sluice_time)(path->seconds * 1e9));
    got = (double)(flow.delivered_packets - before) * 1500 * 8e-6 / (path->seconds - from);
    sim_flow_stop(&flow);
    sluice_sim_run(&simulation, SLUICE_NEVER);
    snprintf(failure, room, "%s", simulation.failure);
    sim_flow_fini(&flow);
    sluice_sim_link_fini(&forward);
    sluice_sim_link_fini(&back);
    sluice_sim_fini(&simulation);
    return got;
}

/* With a target equal to the capacity, so that controls that need one can be judged too. */
static bool fills_an_empty_path(const sluice_plugin *plugin)
{
    static const trip paths[] = {
        {10, 10, 0, 0, 20}, {10, 200, 0, 0, 30}, {100, 50, 0, 0, 20}, {1000, 20, 0, 0, 5}, {100, 100, 5, 15, 25}};

    for (size_t i = 0; i < SLUICE_COUNT(paths); i++) {
        char failure[1000];
        double from = paths[i].silent_until > 0 ? paths[i].silent_until + 5 : paths[i].seconds / 2;
        double got = delivered_mbit(plugin, &paths[i], from, failure, sizeof(failure));

        if (*failure)
            return fails(plugin, failure, i);
        if (got < 0.85 * paths[i].rate_mbit) {
            printf("%.2f of %.0f Mbit/s at %.0f ms\n", got, paths[i].rate_mbit, paths[i].rtt_ms);
            return fails(plugin, "it does not fill an empty path", i);
        }
    }
    return true;
}

int main(void)
{
    static const sluice_plugin *const plugins[] = {&congestion_fair_LTX_sluice_plugin,
                                                   &congestion_fixed_LTX_sluice_plugin};
    unsigned failures = 0;

    for (size_t i = 0; i < SLUICE_COUNT(plugins); i++) {
        bool ok = does_the_same_twice(plugins[i]) && fills_an_empty_path(plugins[i]);

        printf("%s %s\n", ok ? "ok  " : "FAIL", plugins[i]->name);
        failures += !ok;
    }
    return failures ? 1 : 0;
}
