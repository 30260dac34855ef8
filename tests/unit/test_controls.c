/* SPDX-License-Identifier: Apache-2.0 */
/* cubic, ledbat and bbr against what their RFCs and the draft say, from single samples and on an ideal path. */
#include "unit/suite.h"

#include "plugin/rate.h"
#include "sim/flow.h"
#include <math.h>
#include <string.h>

extern const sluice_plugin congestion_bbr_LTX_sluice_plugin;
extern const sluice_plugin congestion_cubic_LTX_sluice_plugin;
extern const sluice_plugin congestion_ledbat_LTX_sluice_plugin;

#define MBIT UINT64_C(1000000)
#define PACKET 1500

/* A control and the samples that a path of its choice makes. */
typedef struct fixture {
    sim_instance instance;
    sluice_rate_control rate;
    sluice_control control;
    sluice_sample sample; /* the last one */
} fixture;

static void begin(fixture *f, const sluice_plugin *plugin, sluice_duration rtt, sluice_rate rate, double weight)
{
    sluice_congestion_start start = {.size = sizeof(start),
                                     .now = SLUICE_SECOND,
                                     .packet_bytes = PACKET,
                                     .limits = {0, 0, weight},
                                     .srtt_ns = rtt,
                                     .min_rtt_ns = rtt,
                                     .delivery_rate_bps = rate};

    memset(f, 0, sizeof(*f));
    CU_ASSERT_EQUAL_FATAL(sim_instance_init(&f->instance, plugin, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sluice_rate_init(&f->rate, plugin, f->instance.state, f->instance.config, &start, &f->control, NULL), SLUICE_OK);
    f->sample = (sluice_sample){.size = sizeof(f->sample),
                                .now = start.now,
                                .packet_bytes = PACKET,
                                .rtt_ns = rtt,
                                .srtt_ns = rtt,
                                .min_rtt_ns = rtt,
                                .queue_valid = true};
}

static void end(fixture *f)
{
    sim_instance_fini(&f->instance);
}

/* In packets. */
static double window(const fixture *f)
{
    return (double)f->control.cwnd_bytes / PACKET;
}

static const char *phase(const fixture *f)
{
    sluice_congestion_view view;

    sluice_rate_view(&f->rate, &view);
    return view.phase;
}

/* So many packets come back after that time; the window was full. */
static void acked(fixture *f, sluice_duration after, double packets)
{
    sluice_sample *sample = &f->sample;

    sample->now += after;
    sample->acked_packets = (uint64_t)lround(packets);
    sample->acked_bytes = sample->acked_packets * PACKET;
    sample->delivered_bytes += sample->acked_bytes;
    sample->prior_in_flight_bytes = f->control.cwnd_bytes;
    sample->round++;
    sample->round_start = true;
    sluice_rate_sample(&f->rate, sample, &f->control);
    sample->lost_packets = sample->lost_bytes = sample->ce_packets = sample->spurious_packets = 0;
}

static void lost(fixture *f, sluice_duration after, unsigned packets)
{
    f->sample.lost_packets = packets;
    f->sample.lost_bytes = packets * (uint64_t)PACKET;
    acked(f, after, 1);
}

/* ---- cubic ---- */

/* W(t) = 0.4 (t - K)^3 + W_max from 0.7 W_max on, K = cbrt(0.3 W_max / 0.4).  A sample that acknowledges the whole window
 * asks for what the curve wants one round trip later. */
static void cubic_follows_its_curve(void)
{
    const double w_max = 1000, k = cbrt(0.3 * w_max / 0.4), rtt = 0.1;
    fixture f;
    double t = rtt;

    begin(&f, &congestion_cubic_LTX_sluice_plugin, 100 * SLUICE_MS, 120 * MBIT, 1);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), w_max, 1); /* 120 Mbit/s x 100 ms */
    lost(&f, 100 * SLUICE_MS, 1);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 0.7 * w_max, 1);
    acked(&f, 100 * SLUICE_MS, window(&f)); /* of the recovery: no growth */
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 0.7 * w_max, 1);
    acked(&f, 100 * SLUICE_MS, window(&f)); /* the curve begins, no faster than Reno at its first moment */
    acked(&f, 100 * SLUICE_MS, window(&f));
    for (; t < 2 * k; t += rtt) {
        double want = 0.4 * pow(t + rtt - k, 3) + w_max;

        CU_ASSERT_DOUBLE_EQUAL(window(&f), want, 2 + want / 500);
        acked(&f, 100 * SLUICE_MS, window(&f));
    }
    CU_ASSERT_TRUE(window(&f) > 1.25 * w_max);
    end(&f);
}

/* Lost below its last W_max: the next one is (1 + 0.7) / 2 of the window. */
static void cubic_leaves_room_for_newcomers(void)
{
    fixture f;
    double at, k;

    begin(&f, &congestion_cubic_LTX_sluice_plugin, 100 * SLUICE_MS, 120 * MBIT, 1);
    lost(&f, 100 * SLUICE_MS, 1);
    acked(&f, 200 * SLUICE_MS, window(&f));
    at = window(&f);
    CU_ASSERT_TRUE(at > 700 && at < 800);
    lost(&f, 100 * SLUICE_MS, 1);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 0.7 * at, 1);
    k = cbrt((0.85 * at - 0.7 * at) / 0.4);
    acked(&f, 200 * SLUICE_MS, window(&f));
    for (double t = 0; t < k - 0.1; t += 0.1)
        acked(&f, 100 * SLUICE_MS, window(&f));
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 0.85 * at, 2);
    end(&f);
}

/* At short round trips Reno would be faster: 3 (1 - 0.7) / (1 + 0.7) a round trip up to the old window, then one. */
static void cubic_is_never_slower_than_reno(void)
{
    fixture f;
    double want = 70;

    begin(&f, &congestion_cubic_LTX_sluice_plugin, SLUICE_MS, 1200 * MBIT, 1);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 100, 0.01);
    lost(&f, SLUICE_MS, 1);
    acked(&f, SLUICE_MS, 70);
    for (int i = 0; i < 100; i++) {
        acked(&f, SLUICE_MS, window(&f));
        want += want < 100 ? 0.9 / 1.7 : 1;
        CU_ASSERT_DOUBLE_EQUAL(window(&f), want, 1);
    }
    end(&f);
}

static void cubic_reacts_once_a_round_trip(void)
{
    fixture f;

    begin(&f, &congestion_cubic_LTX_sluice_plugin, 100 * SLUICE_MS, 120 * MBIT, 1);
    f.sample.ce_packets = 5;
    acked(&f, 100 * SLUICE_MS, 100);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 850, 1); /* RFC 8511 */
    lost(&f, 50 * SLUICE_MS, 20);
    lost(&f, 50 * SLUICE_MS, 20);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 850, 1);
    lost(&f, 60 * SLUICE_MS, 20);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 0.7 * 850, 1);
    end(&f);
}

/* RFC 9438, 4.9.2 */
static void cubic_takes_back_what_reordering_cost(void)
{
    fixture f;

    begin(&f, &congestion_cubic_LTX_sluice_plugin, 100 * SLUICE_MS, 120 * MBIT, 1);
    lost(&f, 100 * SLUICE_MS, 3);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 700, 1);
    f.sample.spurious_packets = 2;
    acked(&f, 10 * SLUICE_MS, 2);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 700, 1);
    f.sample.spurious_packets = 1;
    acked(&f, 10 * SLUICE_MS, 1);
    CU_ASSERT_TRUE(window(&f) >= 999);
    end(&f);
}

/* RFC 9406: a round trip that is longer by an eighth (within 4 to 16 ms) slows the start to a quarter for five rounds. */
static void cubic_ends_its_start_by_hystart(void)
{
    fixture f;
    double before;

    begin(&f, &congestion_cubic_LTX_sluice_plugin, 80 * SLUICE_MS, 0, 1);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 10, 0.01);
    for (int i = 1; i <= 4; i++) {
        acked(&f, 80 * SLUICE_MS, window(&f));
        CU_ASSERT_DOUBLE_EQUAL(window(&f), 10 * ldexp(1, i), 0.01);
    }
    f.sample.rtt_ns = 89 * SLUICE_MS; /* below 80 + 80/8 */
    acked(&f, 80 * SLUICE_MS, window(&f));
    CU_ASSERT_STRING_EQUAL(phase(&f), "slow start");
    f.sample.rtt_ns = 101 * SLUICE_MS; /* 89 + 11.1 */
    before = window(&f);
    acked(&f, 80 * SLUICE_MS, before);
    CU_ASSERT_STRING_EQUAL(phase(&f), "slow start's end");
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 1.25 * before, 0.5);
    for (int i = 0; i < 5; i++)
        acked(&f, 80 * SLUICE_MS, window(&f));
    CU_ASSERT_STRING_EQUAL(phase(&f), "slow start's end");
    acked(&f, 80 * SLUICE_MS, window(&f));
    CU_ASSERT_STRING_EQUAL(phase(&f), "avoidance");
    end(&f);
}

/* A trial that was begun by chance goes back. */
static void cubic_goes_on_when_the_round_trip_falls(void)
{
    fixture f;
    double before;

    begin(&f, &congestion_cubic_LTX_sluice_plugin, 80 * SLUICE_MS, 0, 1);
    acked(&f, 80 * SLUICE_MS, window(&f));
    f.sample.rtt_ns = 100 * SLUICE_MS;
    acked(&f, 80 * SLUICE_MS, window(&f));
    CU_ASSERT_STRING_EQUAL(phase(&f), "slow start's end");
    f.sample.rtt_ns = 80 * SLUICE_MS;
    before = window(&f);
    acked(&f, 80 * SLUICE_MS, before);
    CU_ASSERT_STRING_EQUAL(phase(&f), "slow start");
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 2 * before, 0.5);
    end(&f);
}

/* Two lanes of weight a half grow as one flow, each by half of it. */
static void cubic_lanes_grow_as_one_flow(void)
{
    fixture one, half;

    begin(&one, &congestion_cubic_LTX_sluice_plugin, 100 * SLUICE_MS, 120 * MBIT, 1);
    begin(&half, &congestion_cubic_LTX_sluice_plugin, 100 * SLUICE_MS, 60 * MBIT, 0.5);
    lost(&one, 100 * SLUICE_MS, 1);
    lost(&half, 100 * SLUICE_MS, 1);
    for (int i = 0; i < 100; i++) {
        acked(&one, 200 * SLUICE_MS, window(&one));
        acked(&half, 200 * SLUICE_MS, window(&half));
        CU_ASSERT_DOUBLE_EQUAL(2 * window(&half), window(&one), 0.002 * window(&one));
    }
    end(&one);
    end(&half);
}

/* ---- ledbat ---- */

static void delayed(fixture *f, sluice_duration queue, unsigned samples)
{
    f->sample.queue_ns = f->sample.queue_min_ns = queue;
    f->sample.queue_base_ns = -7 * (int64_t)SLUICE_SECOND; /* clocks do not agree */
    for (unsigned i = 0; i < samples; i++)
        acked(f, SLUICE_US, 0.6);
}

/* At 50 ms GAIN is 1 / ceil(2 x 60 / 50) = 1/3 of a packet a round trip. */
static void ledbat_grows_by_its_gain(void)
{
    fixture f;

    begin(&f, &congestion_ledbat_LTX_sluice_plugin, 50 * SLUICE_MS, 24 * MBIT, 1);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 100, 0.01);
    delayed(&f, 0, 1);
    for (int i = 0; i < 30; i++)
        acked(&f, 50 * SLUICE_MS, window(&f));
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 110, 0.2);
    end(&f);
}

/* W x (delay / target - 1) a round trip, half of it at most. */
static void ledbat_shrinks_by_what_is_too_long(void)
{
    static const struct {
        sluice_duration queue;
        double want;
    } rows[] = {{60 * SLUICE_MS, 100.3}, {66 * SLUICE_MS, 90.3}, {75 * SLUICE_MS, 75.3}, {180 * SLUICE_MS, 50}};

    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        fixture f;

        begin(&f, &congestion_ledbat_LTX_sluice_plugin, 50 * SLUICE_MS, 24 * MBIT, 1);
        delayed(&f, 0, 1);
        f.sample.acked_packets = 0;
        f.sample.queue_ns = f.sample.queue_min_ns = rows[i].queue;
        for (int k = 0; k < 3; k++) /* the least of four samples counts: the first three change nothing but the filter */
            acked(&f, SLUICE_US, 0.6);
        acked(&f, SLUICE_US, 100);
        CU_ASSERT_DOUBLE_EQUAL(window(&f), rows[i].want, 0.8);
        end(&f);
    }
}

/* Slow start ends at 3/4 of the target; two round trips later it stands back to two packets for two round trips, and then
 * is back where it was. */
static void ledbat_stands_back_from_time_to_time(void)
{
    fixture f;
    double before;
    int rounds = 0;

    begin(&f, &congestion_ledbat_LTX_sluice_plugin, 200 * SLUICE_MS, 0, 1);
    f.sample.queue_base_ns = 5;
    for (int i = 0; i < 6; i++)
        acked(&f, 200 * SLUICE_MS, window(&f));
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 128, 0.1); /* GAIN is 1 here */
    f.sample.queue_min_ns = 46 * SLUICE_MS;
    for (int i = 0; i < 4 && strcmp(phase(&f), "avoidance") != 0; i++)
        acked(&f, SLUICE_US, 1);
    CU_ASSERT_STRING_EQUAL(phase(&f), "avoidance");
    before = window(&f);
    acked(&f, 401 * SLUICE_MS, 1);
    CU_ASSERT_STRING_EQUAL(phase(&f), "slowdown");
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 2, 0.01);
    f.sample.queue_min_ns = 0;
    acked(&f, 399 * SLUICE_MS, 2);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 2, 0.01);
    acked(&f, 2 * SLUICE_MS, 2);
    while (strcmp(phase(&f), "avoidance") != 0 && rounds++ < 20)
        acked(&f, 200 * SLUICE_MS, window(&f));
    CU_ASSERT_EQUAL(rounds, (int)ceil(log2(before / 2)));
    CU_ASSERT_DOUBLE_EQUAL(window(&f), before, 0.1);
    /* That took 0.4 s and those rounds; the next comes after nine times as long. */
    acked(&f, (sluice_duration)(9 * (0.4 + 0.2 * rounds) * 1e9) - 100 * SLUICE_MS, 1);
    CU_ASSERT_STRING_EQUAL(phase(&f), "avoidance");
    acked(&f, 200 * SLUICE_MS, 1);
    CU_ASSERT_STRING_EQUAL(phase(&f), "slowdown");
    end(&f);
}

/* What others keep standing is known for ten minutes, though the sample's own base follows it. */
static void ledbat_remembers_an_empty_path(void)
{
    fixture f;

    begin(&f, &congestion_ledbat_LTX_sluice_plugin, 50 * SLUICE_MS, 24 * MBIT, 1);
    f.sample.queue_base_ns = 1000;
    acked(&f, 50 * SLUICE_MS, 1);
    f.sample.queue_base_ns = 1000 + (int64_t)(120 * SLUICE_MS);
    for (int i = 0; i < 4; i++)
        acked(&f, 59 * SLUICE_SECOND, 100);
    for (int i = 0; i < 20; i++)
        acked(&f, 100 * SLUICE_MS, 100);
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 2, 0.01);
    acked(&f, 11 * 60 * SLUICE_SECOND, 2); /* now that is the path */
    for (int i = 0; i < 12; i++)
        acked(&f, 50 * SLUICE_MS, window(&f));
    CU_ASSERT_DOUBLE_EQUAL(window(&f), 2 + 13.0 / 3, 0.3);
    end(&f);
}

/* ---- bbr ---- */

typedef struct watch {
    sluice_sim simulation;
    sluice_sim_link forward, back;
    sim_flow flow;
} watch;

static void watch_begin(watch *w, double mbit, double rtt_ms, double queue_bdp, uint64_t mark_bytes)
{
    sluice_sim_link_setup forward = {.rate_bps = (sluice_rate)(mbit * 1e6),
                              .delay_ns = (sluice_duration)(rtt_ms / 2 * 1e6),
                              .queue_bytes = (uint64_t)(mbit * rtt_ms * 125 * queue_bdp),
                              .mark_bytes = mark_bytes};
    sluice_sim_link_setup back = {.delay_ns = forward.delay_ns};
    sim_flow_setup flow = {
        .plugin = &congestion_bbr_LTX_sluice_plugin, .forward = &w->forward, .back = &w->back, .rtt_known = true};

    sluice_sim_init(&w->simulation, 1);
    sluice_sim_link_init(&w->forward, &w->simulation, &forward, 1);
    sluice_sim_link_init(&w->back, &w->simulation, &back, 2);
    sim_flow_init(&w->flow, &w->simulation, &flow, 3);
}

static void watch_end(watch *w)
{
    sim_flow_stop(&w->flow);
    sluice_sim_run(&w->simulation, SLUICE_NEVER);
    CU_ASSERT_STRING_EQUAL(w->simulation.failure, "");
    sim_flow_fini(&w->flow);
    sluice_sim_link_fini(&w->forward);
    sluice_sim_link_fini(&w->back);
    sluice_sim_fini(&w->simulation);
}

static bool follows(const char *before, const char *after)
{
    static const char *const ways[][2] = {{"startup", "drain"},   {"drain", "down"},     {"down", "cruise"},
                                          {"cruise", "refill"},   {"down", "refill"},    {"refill", "up"},
                                          {"up", "down"},         {"probe rtt", "cruise"},
                                          /* where a sample finds that there is nothing to drain */
                                          {"drain", "cruise"},    {"up", "cruise"}};

    for (size_t i = 0; i < SLUICE_COUNT(ways); i++)
        if (strcmp(ways[i][0], before) == 0 && strcmp(ways[i][1], after) == 0)
            return true;
    return strcmp(after, "probe rtt") == 0;
}

static double gain_of(const char *name)
{
    static const struct {
        const char *name;
        double gain;
    } gains[] = {{"drain", 0.5}, {"down", 0.9}, {"cruise", 1}, {"refill", 1}, {"up", 1.25}, {"probe rtt", 1}};

    for (size_t i = 0; i < SLUICE_COUNT(gains); i++)
        if (strcmp(gains[i].name, name) == 0)
            return gains[i].gain;
    return 0;
}

/* 100 Mbit/s, 40 ms, a queue of 2 BDP: nothing is lost, and the states come in the draft's order with its gains. */
static void bbr_goes_round_its_states(void)
{
    static watch w;
    const char *now = "startup";
    unsigned seen[7] = {0};
    static const char *const names[] = {"startup", "drain", "down", "cruise", "refill", "up", "probe rtt"};
    sluice_time since = SLUICE_SIM_START, cruised = 0;

    watch_begin(&w, 100, 40, 2, 0);
    sluice_sim_run(&w.simulation, SLUICE_SIM_START + SLUICE_MS);
    for (sluice_time at = SLUICE_SIM_START + SLUICE_MS; at < SLUICE_SIM_START + 30 * SLUICE_SECOND; at += SLUICE_MS / 4) {
        sluice_congestion_view view;
        double pacing, gain;

        sluice_sim_run(&w.simulation, at);
        sluice_rate_view(&w.flow.rate, &view);
        gain = gain_of(view.phase);
        pacing = (double)w.flow.control.pacing_bps;
        if (gain > 0)
            CU_ASSERT_DOUBLE_EQUAL(pacing / (double)view.estimate_bps, 0.99 * gain, 0.001);
        if (strcmp(view.phase, now) == 0)
            continue;
        CU_ASSERT_TRUE(follows(now, view.phase));
        /* 2 to 3 s, or 63 round trips of 40 ms and some queue, less what `down` took of them. */
        if (strcmp(now, "cruise") == 0 && strcmp(view.phase, "refill") == 0)
            CU_ASSERT_TRUE(at - cruised > SLUICE_SECOND && at - since < 3 * SLUICE_SECOND);
        if (strcmp(now, "probe rtt") == 0)
            CU_ASSERT_TRUE(at - since >= 200 * SLUICE_MS && at - since < 400 * SLUICE_MS);
        for (size_t i = 0; i < 7; i++)
            seen[i] += strcmp(names[i], view.phase) == 0;
        now = view.phase;
        cruised = strcmp(now, "down") == 0 ? at : cruised;
        since = at;
    }
    CU_ASSERT_EQUAL(seen[1], 1);
    CU_ASSERT_TRUE(seen[5] >= 6);                 /* ups in 30 s */
    CU_ASSERT_TRUE(seen[6] >= 2 && seen[6] <= 6); /* probes of the round trip, 5 s apart where nothing lower was seen */
    CU_ASSERT_DOUBLE_EQUAL((double)w.flow.delivered_packets * 0.012 / 30, 100, 7);
    watch_end(&w);
}

/* In startup the window is twice, the pacing rate 2.77 times what was measured, so the rate doubles each round trip.  From ten
 * packets to 333 (100 Mbit/s at 40 ms) that is 5.1 times; the first two round trips go by until there is a rate, and one
 * each until the last is sent and measured.  The queue stays below the second window. */
static void bbr_doubles_its_rate_at_first(void)
{
    static watch w;
    sluice_congestion_view view;

    watch_begin(&w, 100, 40, 2, 0);
    sluice_sim_run(&w.simulation, SLUICE_SIM_START + 400 * SLUICE_MS);
    sluice_rate_view(&w.flow.rate, &view);
    CU_ASSERT_TRUE(view.estimate_bps > 90 * MBIT);
    sluice_sim_run(&w.simulation, SLUICE_SIM_START + SLUICE_SECOND);
    CU_ASSERT_TRUE((double)w.forward.counts.queue_most_bytes < 2.0 * 500000);
    watch_end(&w);
}

/* A queue of a tenth: the probes lose more than 2 %, so what is in flight is bounded, and losses stay rare. */
static void bbr_answers_loss(void)
{
    static watch w;
    uint64_t sent, lost;

    watch_begin(&w, 100, 40, 0.1, 0);
    sluice_sim_run(&w.simulation, SLUICE_SIM_START + 5 * SLUICE_SECOND);
    sent = w.flow.sent_packets;
    lost = w.flow.lost_packets;
    sluice_sim_run(&w.simulation, SLUICE_SIM_START + 25 * SLUICE_SECOND);
    sent = w.flow.sent_packets - sent;
    lost = w.flow.lost_packets - lost;
    CU_ASSERT_TRUE((double)lost < 0.02 * (double)sent);
    CU_ASSERT_TRUE((double)sent * 0.012 / 20 > 80);
    watch_end(&w);
}

/* Marks from a tenth of a BDP on keep the queue shorter than it is without them. */
static void bbr_answers_marks(void)
{
    static watch w;
    double queue[2];

    for (int i = 0; i < 2; i++) {
        watch_begin(&w, 100, 40, 2, i ? 50000 : 0);
        sluice_sim_run(&w.simulation, SLUICE_SIM_START + 5 * SLUICE_SECOND);
        sluice_sim_link_queue_mean(&w.forward);
        sluice_sim_run(&w.simulation, SLUICE_SIM_START + 25 * SLUICE_SECOND);
        queue[i] = sluice_sim_link_queue_mean(&w.forward);
        CU_ASSERT_TRUE((double)w.flow.delivered_packets > 85.0 * 25 / 0.012);
        watch_end(&w);
    }
    CU_ASSERT_TRUE(queue[1] < 0.8 * queue[0]);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"cubic follows its curve", cubic_follows_its_curve},
        {"cubic leaves room for newcomers", cubic_leaves_room_for_newcomers},
        {"cubic is never slower than Reno", cubic_is_never_slower_than_reno},
        {"cubic reacts once a round trip", cubic_reacts_once_a_round_trip},
        {"cubic takes back what reordering cost", cubic_takes_back_what_reordering_cost},
        {"cubic ends its start by HyStart++", cubic_ends_its_start_by_hystart},
        {"cubic goes on when the round trip falls", cubic_goes_on_when_the_round_trip_falls},
        {"cubic's lanes grow as one flow", cubic_lanes_grow_as_one_flow},
        {"ledbat grows by its gain", ledbat_grows_by_its_gain},
        {"ledbat shrinks by what is too long", ledbat_shrinks_by_what_is_too_long},
        {"ledbat stands back from time to time", ledbat_stands_back_from_time_to_time},
        {"ledbat remembers an empty path", ledbat_remembers_an_empty_path},
        {"bbr goes round its states", bbr_goes_round_its_states},
        {"bbr doubles its rate at first", bbr_doubles_its_rate_at_first},
        {"bbr answers loss", bbr_answers_loss},
        {"bbr answers marks", bbr_answers_marks},
        CU_TEST_INFO_NULL,
    };

    return sluice_suite_run("controls", tests);
}
