/* SPDX-License-Identifier: Apache-2.0 */
/* contention.h, round by round: when it begins, whose the queue is, what is answered. */
#include "unit/suite.h"

#include "congestion/contention.h"

#define PACKET 1500.0
#define RTT 0.05
#define TARGET 0.004

typedef struct fixture {
    contention contention;
    contention_round round;
} fixture;

/* A flow of 100 Mbit/s that had the path for itself. */
static void setup(fixture *f)
{
    *f = (fixture){.round = {.now = SLUICE_SECOND,
                             .window = 450 * PACKET,
                             .holds = 450 * PACKET,
                             .packet = PACKET,
                             .segment = PACKET,
                             .rtt = RTT,
                             .queue = TARGET,
                             .recent_queue = TARGET,
                             .target = TARGET,
                             .best_target = TARGET,
                             .best_packet_time = 0.00012,
                             .acked = 400,
                             .used = true}};
}

static bool off(fixture *f, double queue)
{
    f->round.now += (sluice_time)(RTT * 1e9);
    f->round.queue = f->round.recent_queue = queue;
    return contention_begins(&f->contention, &f->round);
}

static void on(fixture *f, double queue, double lost)
{
    f->round.now += (sluice_time)(RTT * 1e9);
    f->round.queue = f->round.recent_queue = queue;
    f->round.lost = lost;
    f->round.window = contention_window(&f->contention, &f->round);
}

/* Is on after so many rounds of a long queue; 0: not within 400. */
static unsigned begins_after(fixture *f, double queue)
{
    for (unsigned i = 1; i <= 400; i++)
        if (off(f, queue))
            return i;
    return 0;
}

static void a_queue_that_stays_is_somebody_elses(void)
{
    fixture f;
    unsigned rounds;

    setup(&f);
    CU_ASSERT_FALSE(off(&f, TARGET));
    CU_ASSERT_EQUAL(contention_floor(&f.contention), 0);
    CU_ASSERT_FALSE(off(&f, 0.03));
    CU_ASSERT_DOUBLE_EQUAL(contention_floor(&f.contention), 225 * PACKET, 1);
    f.round.window = 225 * PACKET; /* it gives way */
    rounds = begins_after(&f, 0.03);
    CU_ASSERT_TRUE(rounds * RTT >= 2.9 && rounds * RTT <= 3.2);
    CU_ASSERT_TRUE(f.contention.on);
    CU_ASSERT_DOUBLE_EQUAL(f.round.window, 450 * PACKET, 1);
}

static void a_newcomers_queue_is_not(void)
{
    fixture f;

    setup(&f);
    for (unsigned i = 0; i < 400; i++) {
        /* A second and a half too long, then short for a round, again and again. */
        CU_ASSERT_FALSE(off(&f, i % 31 == 30 ? TARGET : 0.05));
    }
    /* Ten of the own kind want 1.8 times what one does. */
    setup(&f);
    CU_ASSERT_EQUAL(begins_after(&f, 1.8 * TARGET), 0);
}

static void silence_is_no_giving_way(void)
{
    fixture f;

    setup(&f);
    CU_ASSERT_FALSE(off(&f, 0.03));
    f.round.now += 10 * SLUICE_SECOND;
    CU_ASSERT_FALSE(off(&f, 0.03));
    CU_ASSERT_TRUE(begins_after(&f, 0.03) * RTT >= 2.9);
}

static void begin(fixture *f)
{
    setup(f);
    CU_ASSERT_NOT_EQUAL_FATAL(begins_after(f, 0.05), 0);
}

static void loss_beside_a_long_queue_is_answered(void)
{
    fixture f;
    double before;

    begin(&f);
    on(&f, 0.05, 0);
    before = f.round.window;
    CU_ASSERT_TRUE(before > 450 * PACKET);
    on(&f, 0.05, 4);
    CU_ASSERT_DOUBLE_EQUAL(f.round.window, 0.7 * before, 0.001 * before);
    /* The rest of the same event. */
    before = f.round.window;
    on(&f, 0.05, 4);
    CU_ASSERT_TRUE(f.round.window >= before);
}

/* 2 % at every length of the queue. */
static void random_loss_is_not(void)
{
    fixture f;
    double least = 1e12;

    begin(&f);
    for (unsigned i = 0; i < 12; i++)
        on(&f, 0.02, 8);
    for (unsigned i = 0; i < 40; i++) {
        on(&f, i % 4 ? 0.05 : 0.046, 8);
        if (i > 2 && f.round.window < least)
            least = f.round.window;
    }
    CU_ASSERT_TRUE(least > 250 * PACKET);
    CU_ASSERT_TRUE(f.contention.memory.calm > 0.01);
    CU_ASSERT_TRUE(f.contention.event_at < f.round.now - 30 * (sluice_time)(RTT * 1e9));
}

/* The queue goes by a third without this flow's doing. */
static void a_queue_that_falls_tells_of_anothers_loss(void)
{
    fixture f;
    double before;

    begin(&f);
    for (unsigned i = 0; i < 10; i++)
        on(&f, 0.05, 0);
    before = f.round.window;
    on(&f, 0.033, 0);
    CU_ASSERT_DOUBLE_EQUAL(f.round.window, 0.7 * before, 0.001 * before);
}

/* True if it went for a dip within so many rounds. */
static bool dips(fixture *f, unsigned rounds, double *window)
{
    while (rounds--) {
        f->round.now += (sluice_time)(RTT * 1e9);
        if (contention_dips(&f->contention, &f->round, window))
            return true;
        f->round.window = contention_window(&f->contention, &f->round);
    }
    return false;
}

static void dip(fixture *f, double part)
{
    double window = 0;

    begin(f);
    CU_ASSERT_FALSE(dips(f, 40, &window));
    on(f, 0.05, 5); /* the event that all see */
    f->round.lost = 0;
    f->round.queue = f->round.recent_queue = 0.04;
    f->round.rtt = 0.1;
    CU_ASSERT_TRUE_FATAL(dips(f, 60, &window));
    CU_ASSERT_DOUBLE_EQUAL(window, 0.6 * f->round.window, 1);
    contention_dipped(&f->contention, f->round.now, 0.04 * (1 - part));
}

static void a_dip_tells_whose_the_queue_is(void)
{
    fixture f;

    dip(&f, 0.4);
    CU_ASSERT_TRUE(f.contention.on);
    CU_ASSERT_DOUBLE_EQUAL(f.contention.share, 0.4, 0.001);
    dip(&f, 1);
    CU_ASSERT_FALSE(f.contention.on);
}

static void mistaken_it_goes_on_with_what_it_had(void)
{
    fixture f;
    double had;
    unsigned rounds;

    dip(&f, 1);
    had = f.round.window;
    f.round.rtt = RTT;
    f.round.window = f.round.holds = 100 * PACKET;
    rounds = begins_after(&f, 0.03);
    CU_ASSERT_TRUE(rounds * RTT >= 0.9 && rounds * RTT <= 1.2);
    CU_ASSERT_DOUBLE_EQUAL(f.round.window, had, 1);
}

/* A minute without a word from the others: it asks anew by giving way, later and later. */
static void it_is_never_for_good(void)
{
    fixture f;
    sluice_time began;
    double span;

    begin(&f);
    for (unsigned i = 0; i < 2; i++) {
        began = f.round.now;
        while (f.contention.on && f.round.now < began + 200 * SLUICE_SECOND)
            on(&f, 0.05, 0);
        span = (double)(f.round.now - began) / 1e9;
        CU_ASSERT_TRUE(i ? span > 59 && span < 61 : span > 29 && span < 31);
        CU_ASSERT_TRUE(f.round.window <= f.round.holds);
        CU_ASSERT_NOT_EQUAL(begins_after(&f, 0.05), 0);
    }
}

/* Loss each five round trips, and a tenth of the queue is the flow's. */
static void flows_that_never_give_way_are_not_given_all(void)
{
    fixture f;
    double least = 1e12;

    begin(&f);
    f.round.window = 100 * PACKET;
    f.contention.share = 0.1;
    for (unsigned i = 0; i < 200; i++) {
        on(&f, 0.05, i % 5 ? 0 : 20);
        if (i > 60 && f.round.window < least)
            least = f.round.window;
    }
    CU_ASSERT_TRUE(f.contention.pressure > 3);
    CU_ASSERT_TRUE(least > 50 * PACKET);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"a queue that stays is somebody else's", a_queue_that_stays_is_somebody_elses},
        {"a newcomer's queue is not", a_newcomers_queue_is_not},
        {"silence is no giving way", silence_is_no_giving_way},
        {"loss beside a long queue is answered", loss_beside_a_long_queue_is_answered},
        {"random loss is not", random_loss_is_not},
        {"a queue that falls tells of another's loss", a_queue_that_falls_tells_of_anothers_loss},
        {"a dip tells whose the queue is", a_dip_tells_whose_the_queue_is},
        {"mistaken, it goes on with what it had", mistaken_it_goes_on_with_what_it_had},
        {"it is never for good", it_is_never_for_good},
        {"flows that never give way are not given all", flows_that_never_give_way_are_not_given_all},
        CU_TEST_INFO_NULL,
    };

    return sluice_suite_run("contention", tests);
}
