/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of ordered objects: what the receiving user grants is what comes, and what a hostile peer can cost. */
#include "../../plugins/transport/engine/wire.h"

#include "unit/suite.h"
#include "unit/udp_pair.h"

#define MINUTES(n) ((n)*60 * SLUICE_SECOND)
#define SMALL_WINDOW (UINT64_C(64) << 10)
#define SEGMENT (UINT64_C(16) << 10)

static uint64_t wanted;

static bool object_two_done(const pair *p)
{
    return pair_complete(p, 0, 2, wanted);
}

/* Both sides begin with windows of 64 KiB; each way takes `delay`. */
static pair *small_windows(sluice_rate rate, sluice_duration delay)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    for (int end = 0; end < 2; end++) {
        setup[end].ordered_bytes = setup[end].peer_ordered_bytes = SMALL_WINDOW;
        setup[end].control.pacing_bps = rate;
        setup[end].initial_rtt_ns = 2 * delay;
    }
    pair *p = pair_new(setup);
    p->end[0].path.delay = p->end[1].path.delay = delay;
    return p;
}

static void consume(pair *p, uint64_t bytes)
{
    p->end[1].unconsumed -= bytes;
    p->ops->consumed_ordered(p->end[1].state, 2, bytes);
}

/* Nothing is taken: what comes is the first window and what it was widened by, to the byte, however little that is. */
static void what_is_granted_is_what_comes(void)
{
    static const uint64_t steps[] = {1, 1, 100, 5000, 1, 300000, 7, 10000000, 1};
    for (int lossy = 0; lossy < 2; lossy++) {
        pair *p = small_windows(1000000000, 20 * SLUICE_MS);
        p->end[0].path.loss = p->end[1].path.loss = lossy ? 0.05 : 0;
        p->end[1].auto_consume = false;
        uint64_t granted = SMALL_WINDOW;
        wanted = 40000000;
        pair_send(p, 0, 2, SLUICE_OBJECT_ORDERED, wanted);
        pair_run(p, p->now + 2 * SLUICE_SECOND, NULL);
        CU_ASSERT_EQUAL(p->end[1].unconsumed, granted);
        for (size_t i = 0; i < SLUICE_COUNT(steps); i++) {
            granted += steps[i];
            p->ops->widen(p->end[1].state, 2, steps[i]);
            pair_run(p, p->now + 3 * SLUICE_SECOND, NULL);
            CU_ASSERT_EQUAL(p->end[1].unconsumed, granted);
        }
        CU_ASSERT_EQUAL(p->ops->waits(p->end[0].state, p->now), SLUICE_WAIT_CREDIT);
        p->end[1].auto_consume = true;
        consume(p, p->end[1].unconsumed);
        CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* Widened when it is opened, the window carries the path's rate at once: 50 MB at 1 Gbit/s with 1500-byte packets of
 * 1422 bytes of data each take 0.42 s; then come half a round trip, and one more in which the credit goes out. */
static void a_wide_window_fills_the_path(void)
{
    sluice_transport_statistics got;
    pair *p = small_windows(1000000000, 50 * SLUICE_MS);
    p->end[1].widening = UINT64_C(40) << 20;
    wanted = 50000000;
    pair_send(p, 0, 2, SLUICE_OBJECT_ORDERED, wanted);
    sluice_time start = p->now;
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
    CU_ASSERT(p->now - start < 420 * SLUICE_MS + 350 * SLUICE_MS);
    /* Credit travels with reports or goes once in 512 KiB: a report for 64 packets, and few beside. */
    uint64_t credits = wanted / (512 << 10);
    pair_statistics(p, 1, &got);
    CU_ASSERT(got.packets_sent - got.reports_sent < credits + 32);
    CU_ASSERT(got.packets_sent < got.packets_received / 64 * 3 / 2 + credits + 32);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* A user that holds back what it has taken has less under way, and it still goes on, a little at a time. */
static void windows_shrink_by_holding_back(void)
{
    static const uint64_t left[] = {20000, 4096, 1000, 64, 2};
    for (size_t i = 0; i < SLUICE_COUNT(left); i++) {
        sluice_transport_statistics sent;
        pair *p = small_windows(100000000, 5 * SLUICE_MS);
        p->end[1].auto_consume = false;
        wanted = 40000000;
        pair_send(p, 0, 2, SLUICE_OBJECT_ORDERED, wanted);
        pair_run(p, p->now + SLUICE_SECOND, NULL);
        uint64_t total = SMALL_WINDOW, held = SMALL_WINDOW - left[i];
        consume(p, left[i]);
        for (int turn = 0; turn < 200; turn++) {
            pair_run(p, p->now + 50 * SLUICE_MS, NULL);
            total += left[i];
            CU_ASSERT_EQUAL(p->end[1].objects[2].next, total);
            CU_ASSERT_EQUAL(p->end[1].unconsumed, held + left[i]);
            pair_statistics(p, 0, &sent);
            CU_ASSERT_EQUAL(sent.data_bytes_sent, total);
            consume(p, left[i]);
        }
        p->end[1].auto_consume = true;
        consume(p, p->end[1].unconsumed);
        CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* Credit that was not worth a frame becomes so when the sender has used up what it knows of. */
static void untold_credit_is_told_when_it_is_needed(void)
{
    pair *p = small_windows(100000000, 5 * SLUICE_MS);
    p->end[1].auto_consume = false;
    void *state = p->end[0].state;
    CU_ASSERT_EQUAL(p->ops->open(state, 2, SLUICE_OBJECT_ORDERED, 1), SLUICE_OK);
    CU_ASSERT_EQUAL(p->ops->offer(state, 2, 0, 5000), SLUICE_OK);
    pair_run(p, p->now + 100 * SLUICE_MS, NULL);
    consume(p, 5000);
    CU_ASSERT_EQUAL(p->ops->offer(state, 2, 5000, 200000), SLUICE_OK);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].unconsumed, SMALL_WINDOW);
    CU_ASSERT_EQUAL(p->end[1].objects[2].next, SMALL_WINDOW + 5000);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* Of several lanes one may begin with little credit, and get what others had, before it has brought anything: as much comes as was
 * given, to the byte, and is told in few frames. */
static void a_lane_is_given_what_another_had(void)
{
    static const uint64_t given[] = {1, 8 << 20, 5000, 3 << 20};
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent, got;
    pair_setup(setup);
    setup[1].receive_bytes = setup[0].peer_receive_bytes = SMALL_WINDOW;
    pair *p = pair_new(setup);
    p->end[1].auto_consume = false;
    wanted = 40000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].unconsumed, SMALL_WINDOW);
    uint64_t whole = SMALL_WINDOW;
    for (size_t i = 0; i < SLUICE_COUNT(given); i++) {
        whole += given[i];
        p->ops->consumed(p->end[1].state, given[i]);
        pair_run(p, p->now + 3 * SLUICE_SECOND, NULL);
        if (given[i] > SMALL_WINDOW / 8)
            CU_ASSERT_EQUAL(p->end[1].unconsumed, whole);
    }
    CU_ASSERT_EQUAL(p->ops->waits(p->end[0].state, p->now), SLUICE_WAIT_CREDIT);
    pair_statistics(p, 1, &got);
    p->end[1].auto_consume = true;
    p->ops->consumed(p->end[1].state, whole);
    p->end[1].unconsumed = 0;
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
    uint64_t before = got.packets_sent - got.reports_sent;
    pair_statistics(p, 1, &got);
    pair_statistics(p, 0, &sent);
    /* An eighth of what is open at a time. */
    CU_ASSERT(got.packets_sent - got.reports_sent - before < 64 + wanted / (whole / 8));
    CU_ASSERT_EQUAL(sent.data_bytes_sent, wanted);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* The user grants, takes and holds back at random, on a path that loses and reorders. */
static void windows_change_at_random(void)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        sluice_transport_statistics sent;
        pair *p = small_windows(200000000, 10 * SLUICE_MS);
        p->seed = seed;
        for (int end = 0; end < 2; end++) {
            p->end[end].path.loss = 0.1 * (double)(seed % 4);
            p->end[end].path.reorder = seed % 3 == 0 ? 0.2 : 0;
            p->end[end].path.reorder_by = 15 * SLUICE_MS;
        }
        p->end[1].auto_consume = false;
        uint64_t granted = SMALL_WINDOW;
        wanted = 3000000;
        pair_send(p, 0, 2, SLUICE_OBJECT_ORDERED, wanted);
        for (int turn = 0; turn < 400 && !object_two_done(p); turn++) {
            pair_run(p, p->now + pair_random(p) % (40 * SLUICE_MS), NULL);
            CU_ASSERT(p->end[1].objects[2].next <= granted);
            if (pair_random(p) % 4 == 0) {
                uint64_t more = pair_random(p) % 50000;
                granted += more;
                p->ops->widen(p->end[1].state, 2, more);
            }
            if (p->end[1].unconsumed > 0 && p->end[1].objects[2].opened) {
                uint64_t some = pair_random(p) % (p->end[1].unconsumed + 1);
                granted += some;
                consume(p, some);
            }
        }
        p->end[1].auto_consume = true;
        consume(p, p->end[1].unconsumed);
        CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
        pair_statistics(p, 0, &sent);
        CU_ASSERT_EQUAL(sent.acked_bytes, wanted);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* Lets the receiver take single bytes of an object, `step` apart; stops when its session ends. */
static uint64_t scatter(pair *p, uint64_t id, uint64_t number, uint64_t from, uint64_t to, uint64_t step)
{
    uint8_t body[1400];
    for (uint64_t offset = from; p->end[1].closed.status == SLUICE_OK && offset < to;) {
        uint8_t *at = body;
        for (; at + 24 < body + sizeof(body) && offset < to; offset += step) {
            at = engine_data_put(at, id, ENGINE_OBJECT_FLAGS(SLUICE_OBJECT_ORDERED, 1), offset, 1, false);
            *at++ = pair_byte(id, offset);
        }
        pair_inject(p, 1, number++, body, (size_t)(at - body));
    }
    return number;
}

/* One byte in each segment of everything that was granted: that much memory, and next to nothing beside it. */
static void scattered_bytes_cost_what_was_granted(void)
{
    const uint64_t wide = UINT64_C(32) << 20;
    pair *p = small_windows(100000000, 20 * SLUICE_MS);
    uint64_t number = 100, granted = 0;
    uint64_t before = p->memory;
    for (uint64_t id = 2; id < 302; id++) {
        p->end[1].widening = id < 6 ? wide : 0;
        uint64_t window = SMALL_WINDOW + p->end[1].widening;
        granted += window + 2 * SEGMENT;
        number = scatter(p, id, number, 1, window, SEGMENT);
        number = scatter(p, id, number, window - 1, window, 1);
        CU_ASSERT(p->memory - before < granted + granted / 16 + (1 << 20));
    }
    CU_ASSERT_EQUAL(p->end[1].closed.status, SLUICE_OK);
    /* What was not widened ends at its first window. */
    scatter(p, 100, number, SMALL_WINDOW, SMALL_WINDOW + 1, 1);
    CU_ASSERT_EQUAL(p->end[1].closed.status, SLUICE_EPROTOCOL);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* A window of a gigabyte costs nothing until something waits far in it, and nothing again when it was delivered. */
static void unused_windows_cost_nothing(void)
{
    pair *p = small_windows(1000000000, 20 * SLUICE_MS);
    p->end[1].widening = UINT64_C(1) << 30;
    uint64_t before = p->memory;
    uint64_t number = scatter(p, 2, 100, 10, 11, 1);
    CU_ASSERT(p->memory - before < 2 * SEGMENT);
    scatter(p, 2, number, UINT64_C(1) << 30, (UINT64_C(1) << 30) + 1, 1);
    CU_ASSERT(p->memory - before < 3 * SEGMENT + (UINT64_C(1) << 30) / 1024);
    CU_ASSERT_EQUAL(p->end[1].closed.status, SLUICE_OK);
    pair_free(p);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"what is granted is what comes", what_is_granted_is_what_comes},
        {"a wide window fills the path", a_wide_window_fills_the_path},
        {"windows shrink by holding back", windows_shrink_by_holding_back},
        {"untold credit is told when it is needed", untold_credit_is_told_when_it_is_needed},
        {"a lane is given what another had", a_lane_is_given_what_another_had},
        {"windows change at random", windows_change_at_random},
        {"scattered bytes cost what was granted", scattered_bytes_cost_what_was_granted},
        {"unused windows cost nothing", unused_windows_cost_nothing},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("udp_windows", tests);
}
