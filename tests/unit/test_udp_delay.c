/* SPDX-License-Identifier: Apache-2.0 */
/* The queue on the way out, read from two clocks that do not run alike. */
#include "unit/suite.h"

#include "transport/engine/rtt.h"

#include <math.h>

#define ONE_WAY (100 * SLUICE_MS)
#define STEP (5 * SLUICE_MS)
#define OFFSET (-12345 * (int64_t)SLUICE_SECOND) /* the receiver's clock */

/* s: a queue at the time t, of a packet sent then. */
typedef double queue_at(double t);

typedef struct walk {
    engine_rtt rtt;
    double off; /* s, the most by which the queue was misjudged since `from` */
} walk;

static void go(walk *w, queue_at *queue, double skew, double seconds, double from)
{
    double clock = 20000 * (double)SLUICE_SECOND;

    *w = (walk){.off = 0};
    engine_rtt_init(&w->rtt, 200 * SLUICE_MS);
    for (double t = 0; t < seconds; t += STEP / 1e9) {
        double q = queue(t);
        sluice_time sent = (sluice_time)(clock + t * 1e9), there = sent + ONE_WAY + (sluice_time)(q * 1e9);
        sluice_time stamp = (sluice_time)((int64_t)there + OFFSET + (int64_t)(t * 1e9 * skew));

        engine_rtt_sample(&w->rtt, there + ONE_WAY, there + ONE_WAY - sent);
        sluice_duration told = 0;
        engine_rtt_oneway(&w->rtt, sent, stamp, false, &told);
        double seen = (double)told / 1e9;
        engine_rtt_arrival(&w->rtt, there + ONE_WAY, stamp);
        if (t >= from)
            w->off = fmax(w->off, fabs(seen - q));
    }
}

/* A queue of 5 ms that is empty for a fifth of a second in each two. */
static double pulses(double t)
{
    return fmod(t, 2) < 0.2 ? 0 : 0.005;
}

/* What fair keeps on a path of 200 ms: 4.5 ms, gone at the beginning and for one round trip in nine seconds. */
static double stands(double t)
{
    return t < 1 || fmod(t, 9) < 0.2 ? 0 : 0.0045;
}

/* The same, where one such dip is all that comes. */
static double stands_after_one(double t)
{
    return t < 1 || (t > 10.8 && t < 11) ? 0 : 0.0045;
}

/* The same, and nothing makes it go: what is seen of it is the least of ten seconds, not what the clocks are. */
static double stays(double t)
{
    return t < 1 ? 0 : 0.0045;
}

static double longer(double t)
{
    return pulses(t) + (t < 40 ? 0 : 0.02);
}

/* Crystals are within 100 ppm each. */
static void skew_is_taken_out(void)
{
    walk w;

    for (int k = -2; k <= 2; k++) {
        go(&w, pulses, k * 100e-6, 120, 60);
        CU_ASSERT_DOUBLE_EQUAL(w.rtt.skew, k * 100e-6, 20e-6);
        CU_ASSERT_TRUE(w.off < 0.0006);
    }
}

static void a_standing_queue_is_not_skew(void)
{
    walk w;

    go(&w, stands, 0, 300, 5);
    CU_ASSERT_TRUE(fabs(w.rtt.skew) < 20e-6);
    CU_ASSERT_TRUE(w.off < 0.001);
    for (double t = 12; t < 120; t += 4) {
        go(&w, stands_after_one, 0, t, 5);
        CU_ASSERT_TRUE(fabs(w.rtt.skew) < 20e-6);
    }
    go(&w, stays, 0, 300, 5);
    CU_ASSERT_TRUE(fabs(w.rtt.skew) < 20e-6);
}

static void a_longer_path_is_not_skew(void)
{
    walk w;

    go(&w, longer, 100e-6, 120, 0);
    CU_ASSERT_DOUBLE_EQUAL(w.rtt.skew, 100e-6, 30e-6);
    /* The base is the least of the last ten seconds: then it is the new path's. */
    go(&w, longer, 0, 120, 0);
    CU_ASSERT_TRUE(fabs(w.rtt.skew) < 20e-6);
    CU_ASSERT_DOUBLE_EQUAL((double)w.rtt.least_oneway.least / 1e9, ((double)ONE_WAY + (double)OFFSET) / 1e9 + 0.02, 0.002);
}

/* It came while others kept a queue, and takes that for the path until it sees less. */
static double found_late(double t)
{
    return t < 30 ? 0.03 : pulses(t);
}

static void an_emptier_path_begins_anew(void)
{
    walk w;

    go(&w, found_late, 100e-6, 160, 100);
    CU_ASSERT_DOUBLE_EQUAL(w.rtt.skew, 100e-6, 30e-6);
    CU_ASSERT_TRUE(w.off < 0.0006);
}

/* Small packets are a millisecond faster on the line.  Beside full ones they do not tell, so these do not seem to meet a queue; alone
 * they tell of their own, and of no base that a later full one would be held against. */
static void small_packets_are_no_emptier_path(void)
{
    engine_rtt rtt;
    sluice_time now = 100 * SLUICE_SECOND;
    sluice_duration queue;

    engine_rtt_init(&rtt, 0);
    CU_ASSERT_TRUE(engine_rtt_oneway(&rtt, now, now + ONE_WAY - SLUICE_MS, true, &queue));
    CU_ASSERT_TRUE(engine_rtt_oneway(&rtt, now, now + ONE_WAY, true, &queue));
    CU_ASSERT_EQUAL(queue, SLUICE_MS);
    CU_ASSERT_EQUAL(engine_rtt_base(&rtt, now), 0);
    CU_ASSERT_TRUE(engine_rtt_oneway(&rtt, now, now + ONE_WAY, false, &queue));
    CU_ASSERT_EQUAL(queue, 0);
    CU_ASSERT_EQUAL(engine_rtt_base(&rtt, now), (int64_t)ONE_WAY);
    now += 9 * SLUICE_SECOND;
    CU_ASSERT_FALSE(engine_rtt_oneway(&rtt, now, now + ONE_WAY - SLUICE_MS, true, &queue));
    CU_ASSERT_TRUE(engine_rtt_oneway(&rtt, now, now + ONE_WAY, false, &queue));
    CU_ASSERT_EQUAL(queue, 0);
    now += 10 * SLUICE_SECOND;
    CU_ASSERT_TRUE(engine_rtt_oneway(&rtt, now, now + ONE_WAY, true, &queue));
    CU_ASSERT_EQUAL(engine_rtt_base(&rtt, now), 0);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"skew is taken out", skew_is_taken_out},
        {"a standing queue is not skew", a_standing_queue_is_not_skew},
        {"a longer path is not skew", a_longer_path_is_not_skew},
        {"an emptier path begins anew", an_emptier_path_begins_anew},
        {"small packets are no emptier path", small_packets_are_no_emptier_path},
        CU_TEST_INFO_NULL,
    };

    return sluice_suite_run("delay", tests);
}
