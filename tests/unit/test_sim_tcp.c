/* SPDX-License-Identifier: Apache-2.0 */
/* The models of TCP against what is known of their originals. */
#include "unit/suite.h"

#include "simulate/tcp.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FLOWS_MOST 2

typedef struct path {
    double rate_mbit, rtt_ms, queue_bdp, loss, seconds, from; /* judged from `from` on */
} path;

typedef struct lab {
    sluice_sim simulation;
    sluice_sim_link forward, back, *out[1], *home[1];
    sluice_sim_tcp tcps[FLOWS_MOST];
    uint64_t came[FLOWS_MOST], came_again[FLOWS_MOST];
    double mbit[FLOWS_MOST], queue_ms;
    uint64_t acks; /* packets of the way back */
} lab;

static void arrived(void *user, const sluice_sim_packet *packet, bool first)
{
    uint64_t *counts = user;

    (void)packet;
    counts[first ? 0 : FLOWS_MOST]++;
}

static void begin(lab *l, const path *p, const sluice_sim_tcp_control *const *controls, unsigned count, uint64_t seed)
{
    double bdp = p->rate_mbit * p->rtt_ms * 125;
    sluice_sim_link_setup setup = {.rate_bps = (sluice_rate)(p->rate_mbit * 1e6),
                                   .delay_ns = (sluice_duration)(p->rtt_ms / 2 * 1e6),
                                   .queue_bytes = (uint64_t)(bdp * p->queue_bdp),
                                   .loss = p->loss};

    *l = (lab){.queue_ms = 0};
    sluice_sim_init(&l->simulation, seed);
    sluice_sim_link_init(&l->forward, &l->simulation, &setup, 1);
    setup.loss = 0;
    sluice_sim_link_init(&l->back, &l->simulation, &setup, 2);
    l->out[0] = &l->forward;
    l->home[0] = &l->back;
    for (unsigned i = 0; i < count; i++)
        sluice_sim_tcp_init(&l->tcps[i], &l->simulation,
                            &(sluice_sim_tcp_setup){.control = controls[i],
                                                    .out = l->out,
                                                    .back = l->home,
                                                    .out_count = 1,
                                                    .back_count = 1,
                                                    .start = SLUICE_SIM_START,
                                                    .arrived = arrived,
                                                    .user = &l->came[i]},
                            10 + i);
}

static void end(lab *l, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        sluice_sim_tcp_stop(&l->tcps[i]);
    sluice_sim_run(&l->simulation, SLUICE_NEVER);
    CU_ASSERT_FALSE(l->simulation.failed);
    CU_ASSERT_EQUAL(l->simulation.packets, 0);
    for (unsigned i = 0; i < count; i++)
        sluice_sim_tcp_fini(&l->tcps[i]);
    sluice_sim_link_fini(&l->forward);
    sluice_sim_link_fini(&l->back);
    sluice_sim_fini(&l->simulation);
}

static void run(lab *l, const path *p, const sluice_sim_tcp_control *const *controls, unsigned count, uint64_t seed)
{
    uint64_t before[FLOWS_MOST];

    begin(l, p, controls, count, seed);
    sluice_sim_run(&l->simulation, SLUICE_SIM_START + (sluice_time)(p->from * 1e9));
    sluice_sim_link_queue_mean(&l->forward);
    for (unsigned i = 0; i < count; i++)
        before[i] = l->came[i];
    sluice_sim_run(&l->simulation, SLUICE_SIM_START + (sluice_time)(p->seconds * 1e9));
    l->queue_ms = sluice_sim_link_queue_mean(&l->forward) * 8e-3 / p->rate_mbit;
    l->acks = l->back.counts.sent;
    for (unsigned i = 0; i < count; i++)
        l->mbit[i] = (double)(l->came[i] - before[i]) * 0.012 / (p->seconds - p->from);
    end(l, count);
}

static double alone(lab *l, const path *p, const sluice_sim_tcp_control *control, uint64_t seed)
{
    run(l, p, &control, 1, seed);
    return l->mbit[0];
}

static void near(const char *what, double value, double expected, double part)
{
    bool ok = fabs(value - expected) <= part * expected;

    if (!ok)
        printf("\n    %s: %.3f, not %.3f within %.0f %%\n", what, value, expected, part * 100);
    CU_ASSERT_TRUE(ok);
}

/* Mathis, Semke, Mahdavi and Ott 1997: packets in flight = sqrt(3 / 2p), for the loss of one in so many, evenly.  Where the loss
 * is random, about as much (Padhye and others 1998 differ by time-outs only, which are rare here). */
static void reno_follows_the_square_root_law(void)
{
    static const struct {
        double loss, rtt_ms;
    } rows[] = {{0.0005, 50}, {0.001, 50}, {0.001, 20}, {0.005, 50}};
    lab *l = malloc(sizeof(*l));

    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        path p = {1000, rows[i].rtt_ms, 1, rows[i].loss, 400, 20};
        double expected = sqrt(1.5 / p.loss) * 0.012 / (p.rtt_ms / 1e3);

        near("Reno", alone(l, &p, &sluice_sim_tcp_reno, 1), expected, 0.15);
    }
    free(l);
}

/* What selective acknowledgements told in a recovery is in no window when it is acknowledged in order at the end: Linux counts
 * what is newly delivered.  With all of it Reno would begin two packets above what it came down to. */
static void a_recovery_ends_with_the_reduced_window(void)
{
    static const sluice_sim_tcp_control *const controls[] = {&sluice_sim_tcp_reno, &sluice_sim_tcp_cubic};
    lab *l = malloc(sizeof(*l));

    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    for (size_t i = 0; i < SLUICE_COUNT(controls); i++) {
        path p = {20, 50, 1, 0.01, 0, 0};
        int before = SLUICE_SIM_TCP_OPEN;
        unsigned ends = 0, above = 0;

        begin(l, &p, &controls[i], 1, 1);
        for (sluice_time t = 0; t < 60 * SLUICE_SECOND; t += SLUICE_MS) {
            const sluice_sim_tcp *tcp = &l->tcps[0];

            sluice_sim_run(&l->simulation, SLUICE_SIM_START + t);
            if (before == SLUICE_SIM_TCP_RECOVERY && tcp->state == SLUICE_SIM_TCP_OPEN) {
                ends++;
                above += tcp->cwnd > tcp->ssthresh + 1;
            }
            before = tcp->state;
        }
        end(l, 1);
        CU_ASSERT_TRUE(ends > 50);
        CU_ASSERT_EQUAL(above, 0);
    }
    free(l);
}

/* RFC 9438, 5.1: packets in flight = 1.054 (rtt / p)^(3/4), where that is more than Reno's. */
static void cubic_follows_its_response_function(void)
{
    static const struct {
        double loss, rtt_ms;
    } rows[] = {{0.0001, 100}, {0.0001, 200}, {0.00003, 100}};
    lab *l = malloc(sizeof(*l));

    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        path p = {1000, rows[i].rtt_ms, 1, rows[i].loss, 600, 60};
        double expected = 1.054 * pow(p.rtt_ms / 1e3 / p.loss, 0.75) * 0.012 / (p.rtt_ms / 1e3);

        near("CUBIC", alone(l, &p, &sluice_sim_tcp_cubic, 1), expected, 0.25);
    }
    free(l);
}

/* A queue of one bandwidth-delay product keeps the link busy through a halving (Villamizar and Song 1994). */
static void loss_based_ones_fill_a_link_with_a_queue(void)
{
    static const sluice_sim_tcp_control *const controls[] = {&sluice_sim_tcp_reno, &sluice_sim_tcp_cubic};
    path p = {100, 50, 1, 0, 120, 40};
    lab *l = malloc(sizeof(*l));

    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    for (size_t i = 0; i < SLUICE_COUNT(controls); i++) {
        CU_ASSERT_TRUE(alone(l, &p, controls[i], 1) > 98);
        /* Reno's queue is a saw between empty and full: half of 50 ms on average; CUBIC's is fuller. */
        CU_ASSERT_TRUE(l->queue_ms > 20 && l->queue_ms < 45);
        /* Every second packet is acknowledged, but for those around a loss. */
        near("acknowledgements", (double)l->acks, (double)l->came[0] / 2, 0.03);
    }
    free(l);
}

/* Cardwell and others 2016: BBR fills the link with an almost empty queue, and does not mind loss below a fifth. */
static void bbr_fills_the_link_with_loss_and_without_a_queue(void)
{
    static const double losses[] = {0, 0.01, 0.05};
    lab *l = malloc(sizeof(*l));

    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    for (size_t i = 0; i < SLUICE_COUNT(losses); i++) {
        path p = {100, 50, 4, losses[i], 60, 10};
        double mbit = alone(l, &p, &sluice_sim_tcp_bbr, 1);

        CU_ASSERT_TRUE(mbit > 92 * (1 - losses[i]));
        CU_ASSERT_TRUE(l->queue_ms < 25); /* half a bandwidth-delay product */
    }
    free(l);
}

/* Two of one kind share evenly, in the long run. */
static void two_of_one_kind_share_evenly(void)
{
    static const sluice_sim_tcp_control *const kinds[] = {&sluice_sim_tcp_reno, &sluice_sim_tcp_cubic, &sluice_sim_tcp_bbr};
    path p = {20, 50, 2, 0, 300, 60};
    lab *l = malloc(sizeof(*l));

    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    for (size_t i = 0; i < SLUICE_COUNT(kinds); i++) {
        const sluice_sim_tcp_control *both[] = {kinds[i], kinds[i]};
        double part;

        run(l, &p, both, 2, 1);
        part = l->mbit[0] / (l->mbit[0] + l->mbit[1]);
        if (part < 0.3 || part > 0.7)
            printf("\n    two of %s: %.2f and %.2f Mbit/s\n", kinds[i]->name, l->mbit[0], l->mbit[1]);
        CU_ASSERT_TRUE(part > 0.3 && part < 0.7);
        CU_ASSERT_TRUE(l->mbit[0] + l->mbit[1] > 18.5);
    }
    free(l);
}

/* A tenth of a bandwidth-delay product: Reno halves from 1.1 of it, and is at three quarters of that on average. */
static void a_shallow_queue_costs_reno_what_it_must(void)
{
    path p = {100, 50, 0.1, 0, 300, 60};
    lab *l = malloc(sizeof(*l));

    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    near("Reno", alone(l, &p, &sluice_sim_tcp_reno, 1), 0.75 * 1.1 * 100, 0.08);
    free(l);
}

static void the_same_seed_gives_the_same(void)
{
    path p = {50, 40, 1, 0.001, 30, 0};
    lab *l = malloc(sizeof(*l));

    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    for (int i = 0; i < 2; i++) {
        const sluice_sim_tcp_control *control = i ? &sluice_sim_tcp_bbr : &sluice_sim_tcp_cubic;
        uint64_t came;

        alone(l, &p, control, 7);
        came = l->came[0];
        alone(l, &p, control, 7);
        CU_ASSERT_EQUAL(l->came[0], came);
        alone(l, &p, control, 8);
        CU_ASSERT_NOT_EQUAL(l->came[0], came);
    }
    free(l);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"Reno follows the square root law", reno_follows_the_square_root_law},
        {"a recovery ends with the reduced window", a_recovery_ends_with_the_reduced_window},
        {"CUBIC follows its response function", cubic_follows_its_response_function},
        {"loss-based ones fill a link with a queue", loss_based_ones_fill_a_link_with_a_queue},
        {"BBR fills the link with loss and without a queue", bbr_fills_the_link_with_loss_and_without_a_queue},
        {"two of one kind share evenly", two_of_one_kind_share_evenly},
        {"a shallow queue costs Reno what it must", a_shallow_queue_costs_reno_what_it_must},
        {"the same seed gives the same", the_same_seed_gives_the_same},
        CU_TEST_INFO_NULL,
    };

    return sluice_suite_run("sim_tcp", tests);
}
