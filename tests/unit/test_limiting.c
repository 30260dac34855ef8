/* SPDX-License-Identifier: Apache-2.0 */
#include "session/limiting.h"
#include "unit/suite.h"
#include <stdio.h>
#include <string.h>

#define MBIT UINT64_C(1000000)
#define IN_FLIGHT_MOST 1000000

typedef struct row {
    sluice_wait wait; /* where all the time goes */
    sluice_rate target_bps, pacing_bps;
    uint64_t cwnd_bytes;
    uint64_t sent, lost, drops;
    sluice_duration queue_ns;
    uint64_t wire_bytes; /* sent in the second that this takes */
    bool thread_busy;
    sluice_limit receiver;
    bool source_busy, memory_full;
    sluice_duration source_ns; /* spent in it */
    const char *word;
} row;

#define PACED(...) .wait = SLUICE_WAIT_PACING, .pacing_bps = 50 * MBIT, .sent = 1000, __VA_ARGS__
#define AT_TARGET(...) .wait = SLUICE_WAIT_PACING, .target_bps = 100 * MBIT, .pacing_bps = 100 * MBIT, .sent = 1000, __VA_ARGS__
#define QUEUED .queue_ns = 5 * SLUICE_MS
#define WINDOWED(...) .wait = SLUICE_WAIT_WINDOW, .cwnd_bytes = 1000, .sent = 1000, __VA_ARGS__

static const row rows[] = {
    /* The target holds, whatever is lost meanwhile; but who is too busy to reach it is not held by it. */
    {AT_TARGET(.lost = 300), .word = "target"},
    {AT_TARGET(.thread_busy = true, .wire_bytes = 12500000), .word = "target"},
    {AT_TARGET(.thread_busy = true, .wire_bytes = 11000000), .word = "sender_cpu"},
    {PACED(QUEUED, .target_bps = 100 * MBIT, .lost = 1), .word = "network"},
    /* Some loss belongs to a path; it is what holds where there is much of it, or no queue. */
    {PACED(QUEUED, .lost = 10), .word = "network"},
    {PACED(QUEUED, .lost = 60), .word = "loss"},
    {PACED(.lost = 10), .word = "loss"},
    {PACED(.queue_ns = 0), .word = "network"},
    {WINDOWED(.lost = 10), .word = "loss"},
    {WINDOWED(QUEUED, .lost = 10), .word = "network"},
    /* What the receiver's socket drops is no loss of the path. */
    {PACED(.lost = 60, .drops = 50), .word = "receiver_cpu"},
    {PACED(.receiver = SLUICE_LIMIT_RECEIVER_CPU), .word = "receiver_cpu"},
    {PACED(.receiver = SLUICE_LIMIT_SINK), .word = "network"},
    {PACED(.thread_busy = true), .word = "sender_cpu"},
    {WINDOWED(.thread_busy = true), .word = "sender_cpu"},
    /* Our own bound, not that of a control. */
    {.wait = SLUICE_WAIT_WINDOW, .cwnd_bytes = 0, .word = "window"},
    {.wait = SLUICE_WAIT_WINDOW, .cwnd_bytes = IN_FLIGHT_MOST, .word = "window"},
    /* Credit: the receiver says what it waits for. */
    {.wait = SLUICE_WAIT_CREDIT, .receiver = SLUICE_LIMIT_SINK, .word = "sink"},
    {.wait = SLUICE_WAIT_CREDIT, .receiver = SLUICE_LIMIT_RECEIVER_CPU, .word = "receiver_cpu"},
    {.wait = SLUICE_WAIT_CREDIT, .receiver = SLUICE_LIMIT_WINDOW, .word = "window"},
    {.wait = SLUICE_WAIT_CREDIT, .receiver = SLUICE_LIMIT_UNKNOWN, .word = NULL},
    {.wait = SLUICE_WAIT_CREDIT, .receiver = (sluice_limit)SLUICE_LIMITS, .word = NULL},
    {.wait = SLUICE_WAIT_SOURCE, .source_busy = true, .source_ns = SLUICE_SECOND, .word = "source"},
    {.wait = SLUICE_WAIT_SOURCE, .source_busy = true, .source_ns = 0, .word = "source"},
    {.wait = SLUICE_WAIT_SOURCE, .source_busy = true, .source_ns = SLUICE_SECOND / 4, .word = "sender_cpu"},
    {.wait = SLUICE_WAIT_SOURCE, .memory_full = true, .word = "window"},
    {.wait = SLUICE_WAIT_SOURCE, .word = NULL},
    {.wait = SLUICE_WAIT_NOTHING, .thread_busy = true, .word = "sender_cpu"},
    {.wait = SLUICE_WAIT_NOTHING, .word = "network"},
};

/* One feeding, a second after the start. */
static void feed(sluice_limiting *limiting, const sluice_transport_statistics *now, const row *want)
{
    const sluice_limiting_facts facts = {
        .transport = now,
        .now = SLUICE_SECOND,
        .target_bps = want->target_bps,
        .in_flight_most = IN_FLIGHT_MOST,
        .thread_busy = want->thread_busy,
        .receiver_limit = want->receiver,
        .source_busy = want->source_busy,
        .memory_full = want->memory_full,
        .source_ns = want->source_ns,
    };
    sluice_limiting_feed(limiting, &facts);
}

static void check(const row *want)
{
    sluice_limiting limiting;
    sluice_transport_statistics now = {.first_data_sent = 1};
    memset(&limiting, 0, sizeof limiting);
    now.waited_ns[want->wait] = SLUICE_SECOND;
    now.control = (sluice_control){.pacing_bps = want->pacing_bps, .cwnd_bytes = want->cwnd_bytes};
    now.data_packets_sent = want->sent;
    now.lost_packets = want->lost;
    now.receiver_drop_packets = want->drops;
    now.queue_ns = want->queue_ns;
    now.wire_bytes_sent = want->wire_bytes;
    feed(&limiting, &now, want);
    const char *whole = sluice_limit_word(sluice_limiting_whole(&limiting));
    const char *recent = sluice_limit_word(sluice_limiting_recent(&limiting));
    if (want->word) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(whole);
        if (strcmp(whole, want->word) != 0)
            printf("row %zu: %s, not %s\n", (size_t)(want - rows), whole, want->word);
        CU_ASSERT_STRING_EQUAL(whole, want->word);
        CU_ASSERT_STRING_EQUAL(recent, want->word);
    } else {
        CU_ASSERT_PTR_NULL(whole);
        CU_ASSERT_PTR_NULL(recent);
    }
    /* What was told once as recent is not recent any more; the whole remembers. */
    CU_ASSERT_EQUAL(sluice_limiting_recent(&limiting), SLUICE_LIMIT_UNKNOWN);
}

static void test_every_limit(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        check(&rows[i]);
}

/* The longest wait wins, not the last one. */
static void test_longest(void)
{
    sluice_limiting limiting;
    sluice_transport_statistics now = {.first_data_sent = 1, .control = {.pacing_bps = 1, .cwnd_bytes = 1}};
    memset(&limiting, 0, sizeof limiting);
    now.waited_ns[SLUICE_WAIT_CREDIT] = 600 * SLUICE_MS;
    now.waited_ns[SLUICE_WAIT_PACING] = 300 * SLUICE_MS;
    feed(&limiting, &now, &(row){.receiver = SLUICE_LIMIT_SINK});
    now.waited_ns[SLUICE_WAIT_PACING] += 100 * SLUICE_MS;
    feed(&limiting, &now, &(row){.receiver = SLUICE_LIMIT_SINK});
    CU_ASSERT_EQUAL(sluice_limiting_whole(&limiting), SLUICE_LIMIT_SINK);
}

/* Waiting before the first data packet is set-up, not a limit. */
static void test_before_data(void)
{
    sluice_limiting limiting;
    sluice_transport_statistics now = {.first_data_sent = 0, .control = {.pacing_bps = 1, .cwnd_bytes = 1}};
    memset(&limiting, 0, sizeof limiting);
    now.waited_ns[SLUICE_WAIT_CREDIT] = SLUICE_SECOND;
    feed(&limiting, &now, &(row){.receiver = SLUICE_LIMIT_SINK});
    now.first_data_sent = 5;
    now.waited_ns[SLUICE_WAIT_PACING] = SLUICE_MS;
    feed(&limiting, &now, &(row){.receiver = SLUICE_LIMIT_SINK});
    CU_ASSERT_EQUAL(sluice_limiting_whole(&limiting), SLUICE_LIMIT_NETWORK);
}

/* A thread is busy whose work and waiting for a processor leave it no time; waiting alone is no sign. */
static void test_busy(void)
{
    static const struct {
        sluice_duration ms, ran_ms, waited_ms; /* since the one before */
        bool high;
    } steps[] = {
        {1, 1, 0, false}, /* nothing to compare with */
        {100, 95, 0, true}, {1, 0, 0, true} /* too soon to tell */, {99, 70, 0, false}, {100, 20, 70, true}, {100, 1, 95, false},
    };
    sluice_busy busy = {0};
    sluice_clock_work work = {0};
    sluice_time now = SLUICE_SECOND;
    for (size_t i = 0; i < SLUICE_COUNT(steps); i++) {
        now += steps[i].ms * SLUICE_MS;
        work.ran_ns += steps[i].ran_ms * SLUICE_MS;
        work.waited_ns += steps[i].waited_ms * SLUICE_MS;
        sluice_busy_feed(&busy, now, &work);
        CU_ASSERT_EQUAL(busy.high, steps[i].high);
    }
}

/* What the receiver finds in some feedings, 100 ms apart. */
static sluice_limit found(bool thread_busy, bool sink_busy, sluice_duration sink_ns)
{
    sluice_receiving receiving = {0};
    for (sluice_time i = 1; i <= 8; i++) {
        CU_ASSERT(i > 2 || receiving.limit == SLUICE_LIMIT_UNKNOWN);
        sluice_receiving_feed(&receiving, i * 100 * SLUICE_MS, thread_busy, sink_busy, i * sink_ns);
    }
    return receiving.limit;
}

/* What limits a sender that waits for its pacer. */
static sluice_limit paced(bool thread_busy)
{
    sluice_limiting limiting = {0};
    sluice_transport_statistics now = {.first_data_sent = 1, .control.pacing_bps = 50 * MBIT};
    now.waited_ns[SLUICE_WAIT_PACING] = SLUICE_SECOND;
    feed(&limiting, &now, &(row){.thread_busy = thread_busy});
    return sluice_limiting_recent(&limiting);
}

/* Of several lanes each has a thread; the busiest says what the session is limited by, whichever it is, at either end. */
static void test_threads(void)
{
    sluice_busy threads[3];
    for (size_t busiest = 0; busiest <= SLUICE_COUNT(threads); busiest++) {
        memset(threads, 0, sizeof threads);
        CU_ASSERT_FALSE(sluice_busy_any(threads, SLUICE_COUNT(threads)));
        for (size_t i = 0; i < SLUICE_COUNT(threads); i++) {
            sluice_clock_work work = {0};
            sluice_busy_feed(&threads[i], SLUICE_SECOND, &work);
            work.ran_ns = (i == busiest ? 95 : 40) * SLUICE_MS;
            sluice_busy_feed(&threads[i], SLUICE_SECOND + 100 * SLUICE_MS, &work);
        }
        bool busy = sluice_busy_any(threads, SLUICE_COUNT(threads));
        CU_ASSERT_EQUAL(busy, busiest < SLUICE_COUNT(threads));
        CU_ASSERT_EQUAL(paced(busy), busy ? SLUICE_LIMIT_SENDER_CPU : SLUICE_LIMIT_NETWORK);
        CU_ASSERT_EQUAL(found(busy, false, 10 * SLUICE_MS), busy ? SLUICE_LIMIT_RECEIVER_CPU : SLUICE_LIMIT_WINDOW);
    }
}

static void test_receiving(void)
{
    CU_ASSERT_EQUAL(found(false, false, 10 * SLUICE_MS), SLUICE_LIMIT_WINDOW);
    CU_ASSERT_EQUAL(found(false, true, 90 * SLUICE_MS), SLUICE_LIMIT_SINK);
    CU_ASSERT_EQUAL(found(false, true, 0), SLUICE_LIMIT_SINK);                     /* one call that does not come back */
    CU_ASSERT_EQUAL(found(false, true, 10 * SLUICE_MS), SLUICE_LIMIT_RECEIVER_CPU); /* digests, more likely */
    CU_ASSERT_EQUAL(found(true, false, 10 * SLUICE_MS), SLUICE_LIMIT_RECEIVER_CPU);
    CU_ASSERT_EQUAL(found(true, true, 90 * SLUICE_MS), SLUICE_LIMIT_RECEIVER_CPU);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"every limit has its cause", test_every_limit},
        {"the longest wait wins", test_longest},
        {"waits before the first data do not count", test_before_data},
        {"a busy thread is known by its time", test_busy},
        {"the busiest of several threads counts", test_threads},
        {"the receiver says what holds up what arrives", test_receiving},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("limiting", tests);
}
