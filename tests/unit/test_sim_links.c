/* SPDX-License-Identifier: Apache-2.0 */
/* Links and queues against what theory says of them. */
#include "unit/suite.h"

#include "simulate/codel.h"
#include "simulate/link.h"
#include "simulate/route.h"
#include <math.h>
#include <sluice/packet.h>
#include <stdlib.h>

#define PACKET 1500u

typedef struct bench {
    sluice_sim simulation;
    sluice_sim_link link;
    uint64_t arrived, out_of_order, marked, last;
    double waited_ns;
} bench;

static void arrive(void *subject, sluice_sim_packet *packet)
{
    bench *b = subject;

    b->arrived++;
    b->waited_ns += (double)packet->queued_ns;
    b->marked += packet->ecn == SLUICE_ECN_CE;
    b->out_of_order += packet->number < b->last;
    b->last = packet->number;
    sluice_sim_packet_free(packet);
}

static bench *bench_new(const sluice_sim_link_setup *setup, uint64_t seed)
{
    bench *b = calloc(1, sizeof(*b));

    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    sluice_sim_init(&b->simulation, seed);
    sluice_sim_link_init(&b->link, &b->simulation, setup, 1);
    return b;
}

static void bench_end(bench *b)
{
    sluice_sim_run(&b->simulation, SLUICE_NEVER);
    sluice_sim_link_check(&b->link);
    CU_ASSERT_FALSE(b->simulation.failed);
    CU_ASSERT_EQUAL(b->simulation.packets, 0);
    sluice_sim_link_fini(&b->link);
    sluice_sim_fini(&b->simulation);
    free(b);
}

static void send(bench *b, uint64_t number, uint8_t ecn)
{
    sluice_sim_packet *packet = sluice_sim_packet_new(&b->simulation, NULL, 0);

    CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
    packet->arrival = arrive;
    packet->subject = b;
    packet->number = number;
    packet->ecn = ecn;
    packet->ip_bytes = PACKET;
    sluice_sim_link_send(&b->link, packet);
}

/* M/D/1 (Pollaczek and Khinchine): at a load of 0.8 and a service of 1 ms the mean wait is 0.8 / (2 x 0.2) = 2 ms.  Of 400000
 * packets; their waits hang together over some 100 ms, so four standard deviations are about 4 %. */
static void poisson_arrivals_wait_as_long_as_theory_says(void)
{
    sluice_sim_link_setup setup = {.rate_bps = 12000000, .queue_bytes = UINT64_C(1) << 40};
    bench *b = bench_new(&setup, 3);
    sluice_sim_random random = sluice_sim_random_make(3, 99);

    for (uint64_t i = 0; i < 400000; i++) {
        double gap = -log(1 - sluice_sim_random_unit(&random)) / 0.8;

        sluice_sim_run(&b->simulation, b->simulation.now + (sluice_duration)(gap * 1e6));
        send(b, i, SLUICE_ECN_NONE);
    }
    sluice_sim_run(&b->simulation, SLUICE_NEVER);
    CU_ASSERT_DOUBLE_EQUAL(b->waited_ns / (double)b->arrived / 1e6, 2.0, 0.1);
    /* Little: packets waiting = rate x wait; the mean of the queue has those that are served as well, 0.8 of the time. */
    CU_ASSERT_DOUBLE_EQUAL(sluice_sim_link_queue_mean(&b->link) / PACKET, 0.8 * 2 + 0.8, 0.12);
    bench_end(b);
}

/* Twice the capacity: half is dropped, and the queue stands at its limit. */
static void an_overloaded_queue_stands_at_its_limit(void)
{
    sluice_sim_link_setup setup = {.rate_bps = 12000000, .queue_bytes = 10 * PACKET};
    bench *b = bench_new(&setup, 1);

    for (uint64_t i = 0; i < 20000; i++) {
        send(b, i, SLUICE_ECN_NONE);
        sluice_sim_run(&b->simulation, b->simulation.now + SLUICE_MS / 2);
    }
    CU_ASSERT_DOUBLE_EQUAL((double)b->link.counts.dropped, 10000, 15);
    CU_ASSERT_DOUBLE_EQUAL((double)b->link.counts.queue_most_bytes, 11 * PACKET, 1);
    CU_ASSERT_DOUBLE_EQUAL(b->waited_ns / (double)b->arrived / 1e6, 10, 0.6); /* 9.5 to 10 ms behind ten */
    CU_ASSERT_EQUAL(b->out_of_order, 0);
    bench_end(b);
}

/* Packets every millisecond that have all waited too long.  RFC 8289, 3.2 and 5.5: the first one is dropped when the wait was
 * above the target for an interval, the next ones interval / sqrt(count) after each other. */
static void codel_keeps_its_control_law(void)
{
    const sluice_codel_setup setup = {5 * SLUICE_MS, 100 * SLUICE_MS};
    sluice_codel codel = {0};
    double expected[12] = {100, 200};
    unsigned drops = 0;

    for (unsigned i = 2; i < 12; i++)
        expected[i] = expected[i - 1] + 100 / sqrt(i);
    for (unsigned ms = 0; ms < 900 && drops < 12; ms++) {
        if (!sluice_codel_drops(&codel, &setup, SLUICE_SIM_START + ms * SLUICE_MS, 50 * SLUICE_MS, 100 * PACKET))
            continue;
        /* At the first packet at that moment or after it. */
        CU_ASSERT_TRUE(ms >= expected[drops] - 0.001 && ms < expected[drops] + 1);
        drops++;
    }
    CU_ASSERT_EQUAL(drops, 12);
}

static void codel_leaves_short_waits_and_single_packets_alone(void)
{
    const sluice_codel_setup setup = {5 * SLUICE_MS, 100 * SLUICE_MS};
    sluice_codel codel = {0};
    unsigned drops = 0;

    for (unsigned ms = 0; ms < 5000; ms++) {
        sluice_time now = SLUICE_SIM_START + ms * SLUICE_MS;
        /* Once in 90 ms the queue is short: never above the target for an interval. */
        sluice_duration waited = ms % 90 == 0 ? 4 * SLUICE_MS : 50 * SLUICE_MS;

        drops += sluice_codel_drops(&codel, &setup, now, waited, 100 * PACKET);
    }
    for (unsigned ms = 5000; ms < 10000; ms++)
        drops += sluice_codel_drops(&codel, &setup, SLUICE_SIM_START + ms * SLUICE_MS, 50 * SLUICE_MS, PACKET);
    CU_ASSERT_EQUAL(drops, 0);
}

/* A queue that was controlled a moment ago is taken up where dropping had controlled it; one of long ago is not. */
static void codel_remembers_for_sixteen_intervals(void)
{
    const sluice_codel_setup setup = {5 * SLUICE_MS, 100 * SLUICE_MS};

    for (int late = 0; late <= 1; late++) {
        sluice_codel codel = {0};
        unsigned ms = 0, count;

        for (; ms < 1000; ms++)
            sluice_codel_drops(&codel, &setup, SLUICE_SIM_START + ms * SLUICE_MS, 50 * SLUICE_MS, 100 * PACKET);
        count = codel.count;
        CU_ASSERT_TRUE(count > 10);
        sluice_codel_drops(&codel, &setup, SLUICE_SIM_START + ms * SLUICE_MS, 0, 100 * PACKET);
        CU_ASSERT_FALSE(codel.dropping);
        ms += late ? 2000 : 100;
        for (; !codel.dropping && ms < 10000; ms++)
            sluice_codel_drops(&codel, &setup, SLUICE_SIM_START + ms * SLUICE_MS, 50 * SLUICE_MS, 100 * PACKET);
        CU_ASSERT_EQUAL(codel.count, late ? 1 : count - 1);
    }
}

/* What can be marked is marked and comes; what cannot is dropped. */
static void codel_marks_what_can_be_marked(void)
{
    sluice_sim_link_setup setup = {.rate_bps = 12000000,
                                   .queue_bytes = UINT64_C(1) << 30,
                                   .codel = {5 * SLUICE_MS, 100 * SLUICE_MS},
                                   .ecn = true};

    for (int able = 0; able <= 1; able++) {
        bench *b = bench_new(&setup, 1);

        for (uint64_t i = 0; i < 4000; i++) {
            send(b, i, able ? SLUICE_ECN_ECT0 : SLUICE_ECN_NONE);
            sluice_sim_run(&b->simulation, b->simulation.now + SLUICE_MS * 9 / 10);
        }
        CU_ASSERT_EQUAL(b->link.counts.dropped > 20, !able);
        CU_ASSERT_EQUAL(b->link.counts.marked > 20, able);
        sluice_sim_run(&b->simulation, SLUICE_NEVER);
        CU_ASSERT_EQUAL(b->marked, b->link.counts.marked);
        bench_end(b);
    }
}

/* 10 Mbit/s against a policer of 8 Mbit/s that lets 15000 bytes pass at once: of 10 s, the rate and the burst. */
static void a_policer_lets_its_rate_and_its_burst_pass(void)
{
    sluice_sim_link_setup setup = {.policer_bps = 8000000, .policer_bytes = 15000};
    bench *b = bench_new(&setup, 1);

    for (uint64_t i = 0; b->simulation.now < SLUICE_SIM_START + 10 * SLUICE_SECOND; i++) {
        send(b, i, SLUICE_ECN_NONE);
        sluice_sim_run(&b->simulation, b->simulation.now + 1200 * 1000);
    }
    CU_ASSERT_DOUBLE_EQUAL((double)b->arrived * PACKET, 10e6 + 15000, 2 * PACKET);
    CU_ASSERT_DOUBLE_EQUAL(b->waited_ns, 0, 0.5);
    bench_end(b);
}

/* Gilbert and Elliott: p / (p + r) of the time in a burst, of which h is lost, beside a plain loss. */
static void stationary_loss_is_what_is_lost(void)
{
    sluice_sim_link_setup setup = {.burst_start = 0.005, .burst_end = 0.2, .burst_loss = 0.6, .loss = 0.01};
    double expected = 1 - (1 - 0.6 * 0.005 / 0.205) * 0.99;
    bench *b = bench_new(&setup, 5);

    for (uint64_t i = 0; i < 400000; i++) {
        send(b, i, SLUICE_ECN_NONE);
        sluice_sim_run(&b->simulation, b->simulation.now + 10);
    }
    CU_ASSERT_DOUBLE_EQUAL(sluice_sim_link_loss(&setup), expected, 1e-12);
    /* 9800 losses, of which some 5900 come in 2000 bursts: four standard deviations are about 6 %. */
    CU_ASSERT_DOUBLE_EQUAL((double)b->link.counts.lost / 400000, expected, 0.0016);
    bench_end(b);
}

/* Jitter alone keeps the order; the same with overtaking does not, nor does a chance to be held back. */
static void only_what_may_overtake_does(void)
{
    const sluice_sim_link_setup setups[] = {
        {.delay_ns = SLUICE_MS, .jitter_ns = 5 * SLUICE_MS},
        {.delay_ns = SLUICE_MS, .jitter_ns = 5 * SLUICE_MS, .jitter_reorders = true},
        {.delay_ns = SLUICE_MS, .reorder = 0.1, .reorder_ns = SLUICE_MS},
    };

    for (size_t i = 0; i < SLUICE_COUNT(setups); i++) {
        bench *b = bench_new(&setups[i], 1);

        for (uint64_t n = 0; n < 10000; n++) {
            send(b, n, SLUICE_ECN_NONE);
            sluice_sim_run(&b->simulation, b->simulation.now + SLUICE_MS / 10);
        }
        sluice_sim_run(&b->simulation, SLUICE_NEVER);
        CU_ASSERT_EQUAL(b->arrived, 10000);
        CU_ASSERT_EQUAL(b->out_of_order > 500, i > 0);
        bench_end(b);
    }
}

/* A change of the capacity holds for what is queued: 10 packets at 1 ms each, then the rest at 2 ms. */
static void a_change_of_capacity_holds_for_what_is_queued(void)
{
    sluice_sim_link_setup setup = {.rate_bps = 12000000, .queue_bytes = 100 * PACKET};
    bench *b = bench_new(&setup, 1);

    for (uint64_t i = 0; i < 20; i++)
        send(b, i, SLUICE_ECN_NONE);
    sluice_sim_run(&b->simulation, SLUICE_SIM_START + 10 * SLUICE_MS - 1);
    CU_ASSERT_EQUAL(b->arrived, 9);
    b->link.setup.rate_bps = 6000000;
    sluice_sim_run(&b->simulation, SLUICE_SIM_START + 30 * SLUICE_MS - 1);
    CU_ASSERT_EQUAL(b->arrived, 19);
    sluice_sim_run(&b->simulation, SLUICE_SIM_START + 30 * SLUICE_MS);
    CU_ASSERT_EQUAL(b->arrived, 20);
    bench_end(b);
}

/* Over two links and a wire of one's own: the delays add up, and so do the waits. */
static void a_route_passes_all_of_its_links(void)
{
    sluice_sim simulation;
    sluice_sim_link links[2], *way[2] = {&links[0], &links[1]};
    sluice_sim_link_setup setup = {.rate_bps = 12000000, .delay_ns = 3 * SLUICE_MS, .queue_bytes = 100 * PACKET};
    sluice_sim_route route;
    bench b = {.arrived = 0};

    sluice_sim_init(&simulation, 1);
    sluice_sim_link_init(&links[0], &simulation, &setup, 1);
    sluice_sim_link_init(&links[1], &simulation, &setup, 2);
    sluice_sim_route_init(&route, &simulation, way, 2, 4 * SLUICE_MS, arrive, &b);
    CU_ASSERT_EQUAL(sluice_sim_route_delay(&route), 10 * SLUICE_MS);
    for (uint64_t i = 0; i < 2; i++) {
        sluice_sim_packet *packet = sluice_sim_packet_new(&simulation, NULL, 0);

        CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
        packet->ip_bytes = PACKET;
        sluice_sim_route_send(&route, packet);
    }
    sluice_sim_run(&simulation, SLUICE_SIM_START + 12 * SLUICE_MS - 1);
    CU_ASSERT_EQUAL(b.arrived, 0);
    sluice_sim_run(&simulation, SLUICE_SIM_START + 12 * SLUICE_MS);
    CU_ASSERT_EQUAL(b.arrived, 1);
    sluice_sim_run(&simulation, SLUICE_SIM_START + 13 * SLUICE_MS);
    CU_ASSERT_EQUAL(b.arrived, 2);
    CU_ASSERT_DOUBLE_EQUAL(b.waited_ns, 1e6, 0.5); /* the second one, at the first link only */
    CU_ASSERT_EQUAL(simulation.packets, 0);
    sluice_sim_route_fini(&route);
    sluice_sim_link_fini(&links[0]);
    sluice_sim_link_fini(&links[1]);
    sluice_sim_fini(&simulation);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"Poisson arrivals wait as long as theory says", poisson_arrivals_wait_as_long_as_theory_says},
        {"an overloaded queue stands at its limit", an_overloaded_queue_stands_at_its_limit},
        {"CoDel keeps its control law", codel_keeps_its_control_law},
        {"CoDel leaves short waits and single packets alone", codel_leaves_short_waits_and_single_packets_alone},
        {"CoDel remembers for sixteen intervals", codel_remembers_for_sixteen_intervals},
        {"CoDel marks what can be marked", codel_marks_what_can_be_marked},
        {"a policer lets its rate and its burst pass", a_policer_lets_its_rate_and_its_burst_pass},
        {"stationary loss is what is lost", stationary_loss_is_what_is_lost},
        {"only what may overtake does", only_what_may_overtake_does},
        {"a change of capacity holds for what is queued", a_change_of_capacity_holds_for_what_is_queued},
        {"a route passes all of its links", a_route_passes_all_of_its_links},
        CU_TEST_INFO_NULL,
    };

    return sluice_suite_run("sim_links", tests);
}
