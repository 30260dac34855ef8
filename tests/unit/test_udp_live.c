/* SPDX-License-Identifier: Apache-2.0 */
/* What live streams do with ordered objects: skip what comes too late, share the path, open and finish by the thousand.
 */
#include "unit/suite.h"
#include "unit/udp_pair.h"

#define MINUTES(n) ((n)*60 * SLUICE_SECOND)
#define WINDOW (UINT64_C(64) << 10)
#define LIVE 2

static pair *live_pair(sluice_rate rate, sluice_duration delay)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    for (int end = 0; end < 2; end++) {
        setup[end].ordered_bytes = setup[end].peer_ordered_bytes = WINDOW;
        setup[end].control.pacing_bps = rate;
        setup[end].initial_rtt_ns = 2 * delay;
    }
    pair *p = pair_new(setup);
    p->end[0].path.delay = p->end[1].path.delay = delay;
    return p;
}

static void skip(pair *p, uint64_t upto)
{
    p->faults += p->ops->skip(p->end[0].state, LIVE, upto) != SLUICE_OK;
    p->end[0].objects[LIVE].floor = upto > p->end[0].objects[LIVE].floor ? upto : p->end[0].objects[LIVE].floor;
}

static void consume(pair *p, uint64_t bytes)
{
    p->end[1].unconsumed -= bytes;
    p->ops->consumed_ordered(p->end[1].state, LIVE, bytes);
}

/* Every byte was delivered or skipped, once and in order; both sides know of the end. */
static bool live_over(const pair *p)
{
    return p->end[0].objects[LIVE].completed && p->end[1].objects[LIVE].ended;
}

/* Nothing of 1 MB went beyond the first window: skipped are those that the peer does not have, which then goes on. */
static void what_exceeds_the_credit_is_skipped(void)
{
    pair *p = live_pair(100000000, 20 * SLUICE_MS);
    void *state = p->end[0].state;
    p->end[1].auto_consume = false;
    p->ops->open(state, LIVE, SLUICE_OBJECT_ORDERED, 1);
    p->ops->offer(state, LIVE, 0, 1000000);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].unconsumed, WINDOW);
    skip(p, 1000000);
    p->ops->offer(state, LIVE, 1000000, 1200000);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].objects[LIVE].skipped, 1000000 - WINDOW);
    CU_ASSERT_EQUAL(p->end[1].objects[LIVE].next, 1000000);
    CU_ASSERT_EQUAL(p->end[1].unconsumed, WINDOW);
    consume(p, 30000);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].objects[LIVE].next, 1030000);
    CU_ASSERT_EQUAL(p->end[1].unconsumed, WINDOW);
    p->end[1].auto_consume = true;
    consume(p, WINDOW);
    p->ops->finish(state, LIVE, 1200000);
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), live_over));
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* All that was offered is skipped before anything could be sent, and that was all. */
static void all_can_be_skipped(void)
{
    for (int lossy = 0; lossy < 2; lossy++) {
        pair *p = live_pair(100000000, 20 * SLUICE_MS);
        p->end[0].path.loss = p->end[1].path.loss = lossy ? 0.5 : 0;
        void *state = p->end[0].state;
        p->ops->open(state, LIVE, SLUICE_OBJECT_ORDERED, 1);
        p->ops->offer(state, LIVE, 0, 500000);
        skip(p, 500000);
        p->ops->finish(state, LIVE, 500000);
        CU_ASSERT(pair_run(p, p->now + MINUTES(1), live_over));
        CU_ASSERT_EQUAL(p->end[1].objects[LIVE].skipped, 500000);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* A gap that is skipped is behind after one way, and what waited behind it comes at once. */
static void what_follows_a_gap_comes_at_once(void)
{
    pair *p = live_pair(100000000, 100 * SLUICE_MS);
    void *state = p->end[0].state;
    p->ops->open(state, LIVE, SLUICE_OBJECT_ORDERED, 1);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    p->end[0].path.out = true;
    p->ops->offer(state, LIVE, 0, 1000);
    pair_run(p, p->now + SLUICE_MS, NULL);
    p->end[0].path.out = false;
    p->ops->offer(state, LIVE, 1000, 2000);
    pair_run(p, p->now + 10 * SLUICE_MS, NULL);
    skip(p, 1000);
    sluice_time at = p->now;
    pair_run(p, at + 100 * SLUICE_MS - 1, NULL);
    CU_ASSERT_EQUAL(p->end[1].objects[LIVE].next, 0);
    pair_run(p, at + 101 * SLUICE_MS, NULL);
    CU_ASSERT_EQUAL(p->end[1].objects[LIVE].next, 2000);
    CU_ASSERT_EQUAL(p->end[1].objects[LIVE].skipped, 1000);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* SKIP frames that are lost: the last one counts, and it is sent until it comes. */
static void lost_skips_are_told_again(void)
{
    pair *p = live_pair(100000000, 10 * SLUICE_MS);
    void *state = p->end[0].state;
    p->ops->open(state, LIVE, SLUICE_OBJECT_ORDERED, 1);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    p->end[0].path.out = true;
    for (uint64_t i = 0; i < 10; i++) {
        p->ops->offer(state, LIVE, i * 1000, (i + 1) * 1000);
        pair_run(p, p->now + 3 * SLUICE_MS, NULL);
        skip(p, (i + 1) * 1000 - 500);
        pair_run(p, p->now + 3 * SLUICE_MS, NULL);
    }
    p->end[0].path.out = false;
    p->ops->finish(state, LIVE, 10000);
    CU_ASSERT(pair_run(p, p->now + 5 * SLUICE_SECOND, live_over));
    CU_ASSERT_EQUAL(p->end[1].objects[LIVE].skipped, 9500);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void path_draw(pair *p, uint64_t seed)
{
    for (int end = 0; end < 2; end++) {
        pair_path *path = &p->end[end].path;
        path->loss = 0.3 * (double)(pair_random(p) % 1000) / 1000 * (double)(seed % 3 != 0);
        path->reorder = seed % 2 ? 0.3 : 0;
        path->reorder_by = 1 + pair_random(p) % (60 * SLUICE_MS);
        path->duplicate = seed % 5 == 0 ? 0.2 : 0;
        path->rate = seed % 4 == 0 ? 3000000 : 0;
    }
}

/* A stream of frames, of which those that wait for too long are skipped; the receiver takes them as it likes, or holds
 * back; now and then the path is out.  Returns how much was offered. */
static uint64_t live_run(pair *p)
{
    void *state = p->end[0].state;
    uint64_t offered = 0, patience = 1000 + pair_random(p) % 200000, out = 0;
    for (int turn = 0; turn < 150; turn++) {
        uint64_t bytes = 1 + pair_random(p) % 20000;
        p->faults += p->ops->offer(state, LIVE, offered, offered + bytes) != SLUICE_OK;
        offered += bytes;
        if (offered > patience && pair_random(p) % 2)
            skip(p, offered - patience);
        if (pair_random(p) % 40 == 0)
            skip(p, offered);
        out = out > 0 ? out - 1 : pair_random(p) % 50 == 0 ? pair_random(p) % 20 : 0;
        p->end[0].path.out = out > 0;
        p->end[1].path.out = out > 0 && offered % 2;
        pair_run(p, p->now + pair_random(p) % (40 * SLUICE_MS), NULL);
        if (p->end[1].unconsumed > 0)
            consume(p, pair_random(p) % (p->end[1].unconsumed + 1));
        if (p->end[1].objects[LIVE].opened && pair_random(p) % 30 == 0)
            p->ops->widen(p->end[1].state, LIVE, pair_random(p) % 10000);
    }
    p->end[0].path.out = p->end[1].path.out = false;
    return offered;
}

static void live_streams_survive_anything(void)
{
    uint64_t skipped = 0, delivered = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        pair *p = live_pair(20000000, (1 + seed % 7 * 20) * SLUICE_MS);
        p->seed = seed;
        path_draw(p, seed);
        p->end[1].auto_consume = false;
        p->ops->open(p->end[0].state, LIVE, SLUICE_OBJECT_ORDERED, 1);
        uint64_t offered = live_run(p);
        p->end[1].auto_consume = true;
        consume(p, p->end[1].unconsumed);
        p->ops->finish(p->end[0].state, LIVE, offered);
        CU_ASSERT(pair_run(p, p->now + MINUTES(2), live_over));
        const pair_object *got = &p->end[1].objects[LIVE];
        CU_ASSERT_EQUAL(got->next, offered);
        CU_ASSERT_EQUAL(got->size, offered);
        skipped += got->skipped;
        delivered += offered - got->skipped;
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
    CU_ASSERT(skipped > delivered / 10 && delivered > skipped / 10);
}

/* After any amount of skipping the receiver's window is neither smaller nor larger than it was. */
static void skipping_leaks_no_credit(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        pair *p = live_pair(20000000, 10 * SLUICE_MS);
        void *state = p->end[0].state;
        uint64_t offered = 0;
        p->seed = seed;
        path_draw(p, seed);
        p->end[1].auto_consume = false;
        p->ops->open(state, LIVE, SLUICE_OBJECT_ORDERED, 1);
        for (int turn = 0; turn < 100; turn++) {
            uint64_t bytes = 1 + pair_random(p) % 100000;
            p->ops->offer(state, LIVE, offered, offered + bytes);
            offered += bytes;
            pair_run(p, p->now + pair_random(p) % (20 * SLUICE_MS), NULL);
            skip(p, offered - pair_random(p) % (bytes + 1));
            if (p->end[1].unconsumed > 0)
                consume(p, pair_random(p) % (p->end[1].unconsumed + 1));
        }
        p->ops->offer(state, LIVE, offered, offered + 2 * WINDOW);
        pair_run(p, p->now + 20 * SLUICE_SECOND, NULL);
        CU_ASSERT_EQUAL(p->end[1].unconsumed, WINDOW);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

#define STREAMS 200

/* The least of what the streams got in that time, as a part of the mean. */
static double least_share(pair *p, sluice_duration time)
{
    uint64_t before[STREAMS], least = UINT64_MAX, sum = 0;
    for (uint64_t i = 0; i < STREAMS; i++)
        before[i] = p->end[1].objects[2 + i].next;
    pair_run(p, p->now + time, NULL);
    for (uint64_t i = 0; i < STREAMS; i++) {
        uint64_t got = p->end[1].objects[2 + i].next - before[i];
        least = got < least ? got : least;
        sum += got;
    }
    return (double)least * STREAMS / (double)sum;
}

/* Streams of one priority that always have data get the same, also when each waits for its own credit in between. */
static void streams_take_turns(void)
{
    static const struct {
        sluice_rate rate;
        uint64_t window;
        double loss;
    } cases[] = {
        {100000000, 65536, 0},    {100000000, 65536, 0.01},    {100000000, 3000, 0},   {100000000, 3000, 0.01},
        {1000000000, 1 << 20, 0}, {1000000000, 1 << 20, 0.01}, {1000000000, 30000, 0}, {20000000, 65536, 0.01},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        for (int end = 0; end < 2; end++) {
            setup[end].ordered_bytes = setup[end].peer_ordered_bytes = cases[i].window;
            setup[end].control.pacing_bps = cases[i].rate;
        }
        pair *p = pair_new(setup);
        p->end[0].path.loss = cases[i].loss;
        for (uint64_t id = 2; id < 2 + STREAMS; id++) {
            p->ops->open(p->end[0].state, id, SLUICE_OBJECT_ORDERED, 1);
            p->ops->offer(p->end[0].state, id, 0, 1000000000);
        }
        pair_run(p, p->now + SLUICE_SECOND / 2, NULL);
        for (int second = 0; second < 2; second++) {
            double share = least_share(p, SLUICE_SECOND);
            CU_ASSERT(share >= 0.8);
            if (share < 0.8)
                printf("case %zu: %.3f\n", i, share);
        }
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* A stream that sends little and rarely does not wait for a round of those that send all they can (25 ms), but for its
 * first message: 10 ms of the path, and a packet's time, or two, at 100 Mbit/s. */
static void a_small_message_does_not_wait_for_a_round(void)
{
    pair *p = live_pair(100000000, 10 * SLUICE_MS);
    sluice_duration worst = 0;
    for (uint64_t id = 10; id < 10 + STREAMS; id++) {
        p->ops->open(p->end[0].state, id, SLUICE_OBJECT_ORDERED, 1);
        p->ops->offer(p->end[0].state, id, 0, 1000000000);
    }
    p->ops->open(p->end[0].state, LIVE, SLUICE_OBJECT_ORDERED, 1);
    pair_run(p, p->now + SLUICE_SECOND / 2, NULL);
    for (uint64_t i = 0; i < 50; i++) {
        sluice_time said = p->now;
        p->ops->offer(p->end[0].state, LIVE, i * 100, (i + 1) * 100);
        while (p->end[1].objects[LIVE].next < (i + 1) * 100 && p->now < said + SLUICE_SECOND)
            pair_run(p, p->now + SLUICE_MS / 10, NULL);
        if (i > 0)
            worst = p->now - said > worst ? p->now - said : worst;
        pair_run(p, p->now + 100 * SLUICE_MS + pair_random(p) % (10 * SLUICE_MS), NULL);
    }
    CU_ASSERT(worst < 10 * SLUICE_MS + SLUICE_MS / 2);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* A hundred thousand short streams each way, one after the other: nothing of them stays. */
static void objects_come_and_go(void)
{
    const uint64_t count = 100000;
    for (int lossy = 0; lossy < 2; lossy++) {
        pair *p = live_pair(100000000, 5 * SLUICE_MS);
        uint64_t early = 0, most = 0;
        p->recycle = true;
        p->end[0].path.loss = p->end[1].path.loss = lossy ? 0.02 : 0;
        for (uint64_t i = 0; i < count; i++) {
            for (int end = 0; end < 2; end++)
                pair_send(p, end, 2 + i, SLUICE_OBJECT_ORDERED, i * 37 % 1500);
            pair_run(p, p->now + SLUICE_MS / 2, NULL);
            if (i == count / 10)
                early = most;
            most = p->memory > most ? p->memory : most;
        }
        pair_run(p, p->now + 5 * SLUICE_SECOND, NULL);
        for (int end = 0; end < 2; end++) {
            CU_ASSERT_EQUAL(p->end[end].ended, count);
            CU_ASSERT_EQUAL(p->end[end].completed, count);
        }
        CU_ASSERT(most < early + (1 << 20));
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* The side that is sent a gigabit a second has a small rate of its own, less than its reports take.  These do not wait, and
 * what it says meanwhile does not wait for their debt: but for 20 ms of the path, and a few packets' time at its rate. */
static void a_message_does_not_wait_for_reports(void)
{
    const sluice_rate rate = 600000;
    const sluice_duration packet = UINT64_C(1500) * 8 * SLUICE_SECOND / rate;
    sluice_transport_setup setup[2];
    pair_setup(setup);
    for (int end = 0; end < 2; end++)
        setup[end].receive_bytes = setup[end].peer_receive_bytes = UINT64_C(1) << 27;
    setup[0].control.pacing_bps = 1000000000;
    setup[1].control.pacing_bps = rate;
    pair *p = pair_new(setup);
    p->end[0].path.delay = p->end[1].path.delay = 20 * SLUICE_MS;
    pair_send(p, 0, LIVE, 0, 600000000);
    p->ops->open(p->end[1].state, LIVE, SLUICE_OBJECT_ORDERED, 1);
    pair_run(p, p->now + 3 * SLUICE_SECOND, NULL);
    sluice_transport_statistics before, after;
    pair_statistics(p, 1, &before);
    sluice_duration worst = 0;
    for (uint64_t i = 0; i < 10; i++) {
        sluice_time said = p->now;
        p->ops->offer(p->end[1].state, LIVE, i * 100, (i + 1) * 100);
        while (p->end[0].objects[LIVE].next < (i + 1) * 100 && p->now < said + SLUICE_SECOND)
            pair_run(p, p->now + SLUICE_MS, NULL);
        worst = p->now - said > worst ? p->now - said : worst;
        pair_run(p, said + 100 * SLUICE_MS, NULL);
    }
    pair_statistics(p, 1, &after);
    CU_ASSERT(worst <= 20 * SLUICE_MS + 3 * packet);
    CU_ASSERT(after.wire_bytes_sent - before.wire_bytes_sent > rate / 8); /* in a second: the reports are more than the rate */
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"what exceeds the credit is skipped", what_exceeds_the_credit_is_skipped},
        {"all can be skipped", all_can_be_skipped},
        {"what follows a gap comes at once", what_follows_a_gap_comes_at_once},
        {"lost skips are told again", lost_skips_are_told_again},
        {"live streams survive anything", live_streams_survive_anything},
        {"skipping leaks no credit", skipping_leaks_no_credit},
        {"streams take turns", streams_take_turns},
        {"a small message does not wait for a round", a_small_message_does_not_wait_for_a_round},
        {"a message does not wait for reports", a_message_does_not_wait_for_reports},
        {"objects come and go", objects_come_and_go},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("udp_live", tests);
}
