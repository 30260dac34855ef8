/* SPDX-License-Identifier: Apache-2.0 */
#include "session/limiting.h"
#include "unit/suite.h"
#include <string.h>

typedef struct row {
    sluice_wait wait;      /* where all the time goes */
    sluice_rate target_bps, pacing_bps;
    uint64_t cwnd_bytes;
    uint64_t sent, lost, drops;
    bool source_busy;
    sluice_duration source_ns; /* spent in it */
    const char *word;
} row;

static const row rows[] = {
    {SLUICE_WAIT_PACING, 100000000, 100000000, 1, 1000, 300, 0, false, 0, "target"},
    {SLUICE_WAIT_PACING, 100000000, 50000000, 1, 1000, 1, 0, false, 0, "network"},
    {SLUICE_WAIT_PACING, 0, 50000000, 1, 1000, 10, 0, false, 0, "network"},
    {SLUICE_WAIT_PACING, 0, 50000000, 1, 1000, 60, 0, false, 0, "loss"},
    {SLUICE_WAIT_PACING, 0, 50000000, 1, 1000, 60, 50, false, 0, "receiver_cpu"},
    {SLUICE_WAIT_WINDOW, 0, 50000000, 1000, 1000, 0, 0, false, 0, "network"},
    {SLUICE_WAIT_WINDOW, 0, 50000000, 0, 1000, 0, 0, false, 0, "window"},
    {SLUICE_WAIT_CREDIT, 0, 50000000, 1, 1000, 0, 0, false, 0, "sink"},
    {SLUICE_WAIT_SOURCE, 0, 50000000, 1, 1000, 0, 0, true, SLUICE_SECOND, "source"},
    {SLUICE_WAIT_SOURCE, 0, 50000000, 1, 1000, 0, 0, true, 0, "source"},
    {SLUICE_WAIT_SOURCE, 0, 50000000, 1, 1000, 0, 0, true, SLUICE_SECOND / 4, "sender_cpu"},
    {SLUICE_WAIT_SOURCE, 0, 50000000, 1, 1000, 0, 0, false, 0, NULL},
    {SLUICE_WAIT_NOTHING, 0, 50000000, 1, 1000, 0, 0, false, 0, "sender_cpu"},
};

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
    sluice_limiting_feed(&limiting, &now, want->target_bps, want->source_busy, want->source_ns);
    const char *whole = sluice_limit_word(sluice_limiting_whole(&limiting));
    const char *recent = sluice_limit_word(sluice_limiting_recent(&limiting));
    if (want->word) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(whole);
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
    sluice_limiting_feed(&limiting, &now, 0, false, 0);
    now.waited_ns[SLUICE_WAIT_PACING] += 100 * SLUICE_MS;
    sluice_limiting_feed(&limiting, &now, 0, false, 0);
    CU_ASSERT_EQUAL(sluice_limiting_whole(&limiting), SLUICE_LIMIT_SINK);
}

/* Waiting before the first data packet is set-up, not a limit. */
static void test_before_data(void)
{
    sluice_limiting limiting;
    sluice_transport_statistics now = {.first_data_sent = 0, .control = {.pacing_bps = 1, .cwnd_bytes = 1}};
    memset(&limiting, 0, sizeof limiting);
    now.waited_ns[SLUICE_WAIT_CREDIT] = SLUICE_SECOND;
    sluice_limiting_feed(&limiting, &now, 0, false, 0);
    now.first_data_sent = 5;
    now.waited_ns[SLUICE_WAIT_PACING] = SLUICE_MS;
    sluice_limiting_feed(&limiting, &now, 0, false, 0);
    CU_ASSERT_EQUAL(sluice_limiting_whole(&limiting), SLUICE_LIMIT_NETWORK);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"every limit has its cause", test_every_limit},
        {"the longest wait wins", test_longest},
        {"waits before the first data do not count", test_before_data},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("limiting", tests);
}
