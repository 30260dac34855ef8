/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/contest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct arena {
    const contest *setup;
    sluice_sim simulation;
    sluice_sim_link forward, back[CONTEST_FLOWS];
    sim_flow flows[CONTEST_FLOWS];
    unsigned count;
    uint64_t delivered[CONTEST_FLOWS], sent[CONTEST_FLOWS], lost[CONTEST_FLOWS], spurious[CONTEST_FLOWS];
    uint64_t binned[CONTEST_FLOWS];
    contest_result *out;
} arena;

static sluice_time moment(double seconds)
{
    return SLUICE_SIM_START + (sluice_time)(seconds * 1e9);
}

static void change_rate(void *subject, uint64_t argument)
{
    ((arena *)subject)->forward.setup.rate_bps = argument;
}

static void change_out(void *subject, uint64_t argument)
{
    arena *a = subject;

    a->forward.setup.out = argument;
    for (unsigned i = 0; i < a->count; i++)
        a->back[i].setup.out = argument;
}

static uint64_t queue_bytes(const contest *setup, double mbit)
{
    double bytes = mbit * setup->rtt_ms * 125 * (setup->queue_bdp > 0 ? setup->queue_bdp : 1);

    return (uint64_t)fmax(bytes, 1000 * (setup->queue_least_kb > 0 ? setup->queue_least_kb : 30));
}

static void links_init(arena *a)
{
    const contest *setup = a->setup;
    double half = setup->rtt_ms / 2 * 1e6;
    sluice_sim_link_setup link = {.rate_bps = (sluice_rate)(setup->rate_mbit * 1e6),
                           .delay_ns = (sluice_duration)half,
                           .queue_bytes = queue_bytes(setup, setup->rate_mbit),
                           .loss = setup->loss,
                           .jitter_ns = (sluice_duration)(setup->jitter_ms * 1e6),
                           .jitter_reorders = true};

    sluice_sim_link_init(&a->forward, &a->simulation, &link, 1);
    link = (sluice_sim_link_setup){.rate_bps = (sluice_rate)(setup->back_mbit * 1e6),
                            .queue_bytes = queue_bytes(setup, setup->back_mbit)};
    for (unsigned i = 0; i < a->count; i++) {
        double rtt = setup->flows[i].rtt_ms > 0 ? setup->flows[i].rtt_ms : setup->rtt_ms;

        link.delay_ns = (sluice_duration)(rtt * 1e6 - half);
        sluice_sim_link_init(&a->back[i], &a->simulation, &link, 2 + i);
    }
}

static void flows_init(arena *a)
{
    sluice_sim_random random = sluice_sim_random_make(a->simulation.seed, 1000);
    /* With a way back of its own rate all share the first. */
    bool shared = a->setup->back_mbit > 0;

    for (unsigned i = 0; i < a->count; i++) {
        const contest_flow *flow = &a->setup->flows[i];
        sluice_sim_link *back = &a->back[shared ? 0 : i];
        sim_flow_setup setup = {.plugin = flow->plugin,
                                .settings = flow->settings,
                                .start = moment(flow->start) + (sluice_time)(sluice_sim_random_unit(&random) *
                                                                             a->setup->rtt_ms * 1e6),
                                .stop = flow->stop > 0 ? moment(flow->stop) : 0,
                                .forward = flow->reverse ? back : &a->forward,
                                .back = flow->reverse ? &a->forward : back,
                                .rtt_known = true,
                                .limits = {(sluice_rate)(flow->target_mbit * 1e6),
                                           (sluice_rate)(flow->minimum_mbit * 1e6), 1}};

        sim_flow_init(&a->flows[i], &a->simulation, &setup, 100 + i);
    }
}

static void arena_init(arena *a, const contest *setup, uint64_t seed, contest_result *out)
{
    *a = (arena){.setup = setup, .out = out};
    while (a->count < CONTEST_FLOWS && setup->flows[a->count].plugin)
        a->count++;
    sluice_sim_init(&a->simulation, seed);
    links_init(a);
    flows_init(a);
    if (setup->change_at > 0) {
        sluice_sim_at(&a->simulation, moment(setup->change_at), change_rate, a, (uint64_t)(setup->change_mbit * 1e6));
        sluice_sim_at(&a->simulation, moment(setup->change_back), change_rate, a, (uint64_t)(setup->rate_mbit * 1e6));
    }
    if (setup->out_at > 0) {
        sluice_sim_at(&a->simulation, moment(setup->out_at), change_out, a, true);
        sluice_sim_at(&a->simulation, moment(setup->out_until), change_out, a, false);
    }
}

static void arena_fini(arena *a)
{
    for (unsigned i = 0; i < a->count; i++)
        sim_flow_stop(&a->flows[i]);
    sluice_sim_run(&a->simulation, SLUICE_NEVER);
    for (unsigned i = 0; i < a->count; i++) {
        sim_flow_fini(&a->flows[i]);
        sluice_sim_link_fini(&a->back[i]);
    }
    sluice_sim_link_fini(&a->forward);
    sluice_sim_fini(&a->simulation);
}

static void bin(arena *a, unsigned at, double *queue_seconds)
{
    double queue = sluice_sim_link_queue_mean(&a->forward) * 8e3 / (double)a->forward.setup.rate_bps;

    for (unsigned i = 0; i < a->count; i++) {
        uint64_t packets = a->flows[i].delivered_packets;

        a->out->bins[i][at] = (double)(packets - a->binned[i]) * 0.012 / CONTEST_BIN_SECONDS;
        a->binned[i] = packets;
    }
    a->out->queue_bins[at] = queue;
    *queue_seconds += queue * CONTEST_BIN_SECONDS;
}

static void count_from(arena *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        a->delivered[i] = a->flows[i].delivered_packets;
        a->sent[i] = a->flows[i].sent_packets;
        a->lost[i] = a->flows[i].lost_packets;
        a->spurious[i] = a->flows[i].spurious_packets;
    }
}

static void sum_up(arena *a, double queue_seconds)
{
    const contest *setup = a->setup;
    contest_result *out = a->out;
    double sum = 0, squares = 0, length = setup->seconds - setup->from;
    unsigned forward = 0;

    out->flows = a->count;
    for (unsigned i = 0; i < a->count; i++) {
        double sent = (double)(a->flows[i].sent_packets - a->sent[i]);

        out->mbit[i] = (double)(a->flows[i].delivered_packets - a->delivered[i]) * 0.012 / length;
        out->resent[i] = (double)(a->flows[i].lost_packets - a->lost[i]) / fmax(1, sent);
        out->redundant[i] = (double)(a->flows[i].spurious_packets - a->spurious[i]) / fmax(1, sent);
        if (setup->flows[i].reverse)
            continue;
        sum += out->mbit[i];
        squares += out->mbit[i] * out->mbit[i];
        forward++;
    }
    out->share = sum / (setup->rate_mbit * (1 - setup->loss));
    out->jain = squares > 0 ? sum * sum / (forward * squares) : 0;
    out->queue_ms = queue_seconds / length;
    out->queue_most_bdp = (double)a->forward.counts.queue_most_bytes / (setup->rate_mbit * setup->rtt_ms * 125);
}

bool contest_run(const contest *setup, uint64_t seed, contest_result *out)
{
    arena *a = malloc(sizeof(*a));
    double queue_seconds = 0, before = 0;
    unsigned bins = (unsigned)lround(setup->seconds / CONTEST_BIN_SECONDS);
    unsigned from = (unsigned)lround(setup->from / CONTEST_BIN_SECONDS);

    *out = (contest_result){.flows = 0};
    if (!a || bins > CONTEST_BINS) {
        snprintf(out->failure, sizeof(out->failure), "%s", a ? "it lasts too long" : "out of memory");
        free(a);
        return false;
    }
    arena_init(a, setup, seed, out);
    for (unsigned at = 0; at < bins && sluice_sim_run(&a->simulation, moment((at + 1) * CONTEST_BIN_SECONDS)); at++) {
        bin(a, at, at < from ? &before : &queue_seconds);
        if (at + 1 == from)
            count_from(a);
    }
    sum_up(a, queue_seconds);
    out->trace = a->simulation.trace;
    snprintf(out->failure, sizeof(out->failure), "%.199s", a->simulation.failure);
    arena_fini(a);
    free(a);
    return !*out->failure;
}
