/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator is itself a measuring instrument: its clock, links and records are checked against arithmetic. */
#include "unit/suite.h"

#include "simulate/link.h"
#include "sim/payload.h"
#include <sluice/packet.h>
#include <string.h>

typedef struct notes {
    sluice_sim *simulation;
    uint64_t values[64];
    sluice_time times[64];
    size_t count;
} notes;

static void note(void *subject, uint64_t argument)
{
    notes *l = subject;

    l->values[l->count] = argument;
    l->times[l->count++] = l->simulation->now;
}

static void events_come_in_the_order_of_time_and_then_of_making(void)
{
    static const sluice_duration delays[] = {50, 10, 30, 10, 0, 50, 20};
    static const uint64_t expected[] = {4, 1, 3, 6, 2, 0, 5};
    sluice_sim simulation;
    notes l = {.simulation = &simulation};

    sluice_sim_init(&simulation, 1);
    for (size_t i = 0; i < SLUICE_COUNT(delays); i++)
        sluice_sim_at(&simulation, SLUICE_SIM_START + delays[i], note, &l, i);
    CU_ASSERT_TRUE(sluice_sim_run(&simulation, SLUICE_SIM_START + 49));
    CU_ASSERT_EQUAL(l.count, 5);
    CU_ASSERT_EQUAL(simulation.now, SLUICE_SIM_START + 49);
    CU_ASSERT_TRUE(sluice_sim_run(&simulation, SLUICE_NEVER));
    CU_ASSERT_EQUAL(l.count, SLUICE_COUNT(delays));
    for (size_t i = 0; i < l.count; i++)
        CU_ASSERT_EQUAL(l.values[i], expected[i]);
    sluice_sim_fini(&simulation);
}

static void many_events_leave_the_heap_sorted(void)
{
    sluice_sim simulation;
    sluice_sim_random random = sluice_sim_random_make(3, 4);
    notes l = {.simulation = &simulation};

    sluice_sim_init(&simulation, 1);
    for (int turn = 0; turn < 200; turn++) {
        l.count = 0;
        for (unsigned i = 0; i < 40; i++)
            sluice_sim_at(&simulation, simulation.now + sluice_sim_random_below(&random, 1000), note, &l, i);
        sluice_sim_run(&simulation, simulation.now + 1000);
        CU_ASSERT_EQUAL(l.count, 40);
        for (size_t i = 1; i < l.count; i++)
            CU_ASSERT_TRUE(l.times[i] >= l.times[i - 1]);
    }
    sluice_sim_fini(&simulation);
}

static void take(void *subject, sluice_sim_packet *packet)
{
    note(subject, packet->number);
    sluice_sim_packet_free(packet);
}

static void send(sluice_sim *simulation, sluice_sim_link *link, notes *l, uint64_t number, uint32_t ip_bytes)
{
    sluice_sim_packet *packet = sluice_sim_packet_new(simulation, "abcdefgh", 8);

    CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
    packet->arrival = take;
    packet->subject = l;
    packet->number = number;
    packet->ip_bytes = ip_bytes;
    sluice_sim_link_send(link, packet);
}

/* 12 Mbit/s: 1500 bytes take 1 ms; the wire 5 ms.  The queue holds two beside the one that is sent. */
static void a_link_serves_at_its_rate_and_drops_at_its_tail(void)
{
    sluice_sim simulation;
    sluice_sim_link link;
    notes l = {.simulation = &simulation};
    sluice_sim_link_setup setup = {.rate_bps = 12000000, .delay_ns = 5 * SLUICE_MS, .queue_bytes = 3000, .mtu = 1500};

    sluice_sim_init(&simulation, 1);
    sluice_sim_link_init(&link, &simulation, &setup, 1);
    for (uint64_t i = 0; i < 5; i++)
        send(&simulation, &link, &l, i, 1500);
    send(&simulation, &link, &l, 9, 1501);
    sluice_sim_link_check(&link);
    CU_ASSERT_EQUAL(link.counts.dropped, 2);
    CU_ASSERT_EQUAL(link.counts.too_big, 1);
    CU_ASSERT_EQUAL(link.counts.held, 3);
    CU_ASSERT_TRUE(sluice_sim_run(&simulation, SLUICE_NEVER));
    sluice_sim_link_check(&link);
    CU_ASSERT_EQUAL(l.count, 3);
    for (size_t i = 0; i < l.count; i++) {
        CU_ASSERT_EQUAL(l.values[i], i);
        CU_ASSERT_EQUAL(l.times[i], SLUICE_SIM_START + (6 + i) * SLUICE_MS);
    }
    CU_ASSERT_EQUAL(link.counts.held, 0);
    CU_ASSERT_EQUAL(simulation.packets, 0);
    CU_ASSERT_FALSE(simulation.failed);
    sluice_sim_link_fini(&link);
    sluice_sim_fini(&simulation);
}

static void count_only(void *subject, sluice_sim_packet *packet)
{
    uint64_t *counts = subject;

    counts[packet->damaged ? 1 : 0]++;
    if (packet->damaged == !memcmp(packet->data, "abcdefgh", 8))
        counts[2]++;
    sluice_sim_packet_free(packet);
}

/* Of 100000 packets, within four standard deviations of what the chances say. */
static void chances_are_kept(void)
{
    sluice_sim simulation;
    sluice_sim_link link;
    uint64_t counts[3] = {0};
    sluice_sim_link_setup setup = {.loss = 0.1, .duplicate = 0.05, .corrupt = 0.2};

    sluice_sim_init(&simulation, 7);
    sluice_sim_link_init(&link, &simulation, &setup, 1);
    for (int i = 0; i < 100000; i++) {
        sluice_sim_packet *packet = sluice_sim_packet_new(&simulation, "abcdefgh", 8);

        CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
        packet->arrival = count_only;
        packet->subject = counts;
        packet->ip_bytes = 100;
        sluice_sim_link_send(&link, packet);
        sluice_sim_run(&simulation, simulation.now + 10);
    }
    sluice_sim_link_check(&link);
    CU_ASSERT_DOUBLE_EQUAL((double)link.counts.lost, 10000, 380);      /* sd 95 */
    CU_ASSERT_DOUBLE_EQUAL((double)link.counts.duplicated, 4500, 264); /* sd 66 */
    CU_ASSERT_DOUBLE_EQUAL((double)counts[1], 18000, 488);             /* sd 122 */
    CU_ASSERT_EQUAL(counts[2], 0);
    CU_ASSERT_EQUAL(link.counts.damaged, counts[1]);
    CU_ASSERT_EQUAL(simulation.packets, 0);
    CU_ASSERT_FALSE(simulation.failed);
    sluice_sim_link_fini(&link);
    sluice_sim_fini(&simulation);
}

/* Bursts with 1 in 100 packets starting one and 1 in 10 ending it: a tenth of the time plus one hundredth. */
static void bursts_have_their_mean(void)
{
    sluice_sim simulation;
    sluice_sim_link link;
    uint64_t counts[3] = {0};
    sluice_sim_link_setup setup = {.burst_start = 0.01, .burst_end = 0.1, .burst_loss = 1};

    sluice_sim_init(&simulation, 8);
    sluice_sim_link_init(&link, &simulation, &setup, 1);
    for (int i = 0; i < 200000; i++) {
        sluice_sim_packet *packet = sluice_sim_packet_new(&simulation, "abcdefgh", 8);

        CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
        packet->arrival = count_only;
        packet->subject = counts;
        packet->ip_bytes = 100;
        sluice_sim_link_send(&link, packet);
        sluice_sim_run(&simulation, simulation.now + 10);
    }
    /* In the steady state 0.01/(0.01 + 0.1) of the packets; about 1800 bursts, so 4 sd are about 13 %. */
    CU_ASSERT_DOUBLE_EQUAL((double)link.counts.lost / 200000, 0.01 / 0.11, 0.012);
    sluice_sim_link_fini(&link);
    sluice_sim_fini(&simulation);
}

static void a_receipt_takes_each_byte_once(void)
{
    sim_receipt receipt;

    CU_ASSERT_TRUE_FATAL(sim_receipt_init(&receipt, 1000));
    CU_ASSERT_TRUE(sim_receipt_add(&receipt, 60, 200));
    CU_ASSERT_FALSE(sim_receipt_add(&receipt, 259, 2));
    CU_ASSERT_FALSE(sim_receipt_add(&receipt, 50, 11));
    CU_ASSERT_TRUE(sim_receipt_add(&receipt, 0, 50));
    CU_ASSERT_FALSE(sim_receipt_add(&receipt, 999, 2));
    CU_ASSERT_TRUE(sim_receipt_add(&receipt, 999, 1));
    CU_ASSERT_TRUE(sim_receipt_has(&receipt, 999));
    CU_ASSERT_FALSE(sim_receipt_has(&receipt, 998));
    sim_receipt_fini(&receipt);
}

/* Filled in pieces of any size, the payload is the same, and a changed byte is seen. */
static void payload_follows_from_object_and_offset(void)
{
    uint8_t whole[1000], pieces[1000];

    sim_payload_fill(1, 2, 12345, whole, sizeof(whole));
    for (size_t at = 0, step = 1; at < sizeof(pieces); at += step, step = step % 17 + 1) {
        if (step > sizeof(pieces) - at)
            step = sizeof(pieces) - at;
        sim_payload_fill(1, 2, 12345 + at, pieces + at, step);
    }
    CU_ASSERT_EQUAL(memcmp(whole, pieces, sizeof(whole)), 0);
    CU_ASSERT_TRUE(sim_payload_same(1, 2, 12345, whole, sizeof(whole)));
    CU_ASSERT_FALSE(sim_payload_same(1, 3, 12345, whole, sizeof(whole)));
    whole[777] ^= 1;
    CU_ASSERT_FALSE(sim_payload_same(1, 2, 12345, whole, sizeof(whole)));
}

static void a_failure_names_the_seed_and_stays_the_first(void)
{
    sluice_sim simulation;

    sluice_sim_init(&simulation, 4711);
    sluice_sim_fail(&simulation, "first");
    sluice_sim_fail(&simulation, "second");
    CU_ASSERT_PTR_NOT_NULL(strstr(simulation.failure, "4711"));
    CU_ASSERT_PTR_NOT_NULL(strstr(simulation.failure, "first"));
    CU_ASSERT_PTR_NULL(strstr(simulation.failure, "second"));
    CU_ASSERT_FALSE(sluice_sim_run(&simulation, SLUICE_NEVER));
    sluice_sim_fini(&simulation);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"events come in the order of time and then of making", events_come_in_the_order_of_time_and_then_of_making},
        {"many events leave the heap sorted", many_events_leave_the_heap_sorted},
        {"a link serves at its rate and drops at its tail", a_link_serves_at_its_rate_and_drops_at_its_tail},
        {"chances are kept", chances_are_kept},
        {"bursts have their mean", bursts_have_their_mean},
        {"a receipt takes each byte once", a_receipt_takes_each_byte_once},
        {"payload follows from object and offset", payload_follows_from_object_and_offset},
        {"a failure names the seed and stays the first", a_failure_names_the_seed_and_stays_the_first},
        CU_TEST_INFO_NULL,
    };

    return sluice_suite_run("sim", tests);
}
