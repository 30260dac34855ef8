/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BBR as Linux has it in tcp_bbr.c (version 1: Cardwell, Cheng, Gunn, Yeganeh, Jacobson, "BBR: Congestion-Based Congestion
 * Control", 2016, and draft-cardwell-iccrg-bbr-congestion-control-00), with its aggregation estimate and without its
 * long-term rates for policers.
 */
#include "simulate/tcp.h"

#include <math.h>

#define HIGH_GAIN 2.885    /* 2 / ln 2: doubles the rate in a round trip */
#define DRAIN_GAIN 0.34657 /* its inverse */
#define CWND_GAIN 2.0
#define CYCLE 8
#define BEST_ROUNDS 10
#define MIN_RTT_NS (10 * SLUICE_SECOND)
#define PROBE_RTT_NS (200 * SLUICE_MS)
#define CWND_LEAST 4.0
#define FULL_GROWTH 1.25
#define FULL_ROUNDS 3
#define MARGIN 0.99 /* Linux paces 1 % below, so that no queue stands */
#define EXTRA_ROUNDS 5
#define EXTRA_MOST_S 0.1

/* The largest of the last ten rounds, with the second and third best in waiting (Linux: win_minmax.c). */
static void best_update(sluice_sim_bbr *bbr, double pps)
{
    uint64_t round = bbr->round;

    if (pps >= bbr->best[0].pps || round - bbr->best[2].round > BEST_ROUNDS) {
        for (int i = 0; i < 3; i++) {
            bbr->best[i].pps = pps;
            bbr->best[i].round = round;
        }
        return;
    }
    for (int i = 1; i < 3; i++) {
        if (pps < bbr->best[i].pps)
            continue;
        for (int j = i; j < 3; j++) {
            bbr->best[j].pps = pps;
            bbr->best[j].round = round;
        }
        break;
    }
    uint64_t age = round - bbr->best[0].round;
    if (age > BEST_ROUNDS) {
        bbr->best[0] = bbr->best[1];
        bbr->best[1] = bbr->best[2];
        bbr->best[2].pps = pps;
        bbr->best[2].round = round;
        if (round - bbr->best[0].round > BEST_ROUNDS) {
            bbr->best[0] = bbr->best[1];
            bbr->best[1] = bbr->best[2];
        }
    } else if (bbr->best[1].round == bbr->best[0].round && age > BEST_ROUNDS / 4) {
        bbr->best[1].pps = bbr->best[2].pps = pps;
        bbr->best[1].round = bbr->best[2].round = round;
    } else if (bbr->best[2].round == bbr->best[1].round && age > BEST_ROUNDS / 2) {
        bbr->best[2].pps = pps;
        bbr->best[2].round = round;
    }
}

static double bdp(const sluice_sim_tcp *tcp, double gain)
{
    const sluice_sim_bbr *bbr = &tcp->own.bbr;

    if (!bbr->min_rtt)
        return 10;
    return ceil(gain * bbr->best[0].pps * (double)bbr->min_rtt / 1e9);
}

/* What delayed acknowledgements and segmentation offload keep from the wire (Linux: bbr_quantization_budget). */
static double inflight_target(const sluice_sim_tcp *tcp, double gain)
{
    const sluice_sim_bbr *bbr = &tcp->own.bbr;
    double burst = fmin(fmax(floor(tcp->pacing_pps / 1000), 2), 44); /* packets of a millisecond */
    double packets = bdp(tcp, gain) + 3 * burst;

    packets = ceil(packets / 2) * 2;
    return bbr->mode == SLUICE_SIM_BBR_BANDWIDTH && bbr->cycle == 0 ? packets + 2 : packets;
}

static void set_pacing(sluice_sim_tcp *tcp)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;
    double pps = bbr->best[0].pps;

    if (bbr->best[0].pps <= 0)
        pps = tcp->cwnd / (tcp->srtt ? (double)tcp->srtt / 1e9 : 0.001); /* Linux: as if the rtt were 1 ms */
    pps *= bbr->pacing_gain * MARGIN;
    if (bbr->full || pps > tcp->pacing_pps)
        tcp->pacing_pps = pps;
}

static void update_round(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;

    bbr->round_start = false;
    if (ack->rate_pps <= 0)
        return;
    if (ack->prior_delivered >= bbr->round_delivered) {
        bbr->round_delivered = tcp->delivered;
        bbr->round++;
        bbr->round_start = true;
        bbr->conserving = false;
    }
    if (!ack->app_limited || ack->rate_pps >= bbr->best[0].pps)
        best_update(bbr, ack->rate_pps);
}

static void update_extra(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;
    double expected, extra, most;

    if (ack->rate_pps <= 0 || !ack->delivered)
        return;
    if (bbr->round_start && ++bbr->extra_rounds >= EXTRA_ROUNDS) {
        bbr->extra_rounds = 0;
        bbr->extra_at = !bbr->extra_at;
        bbr->extra[bbr->extra_at] = 0;
    }
    expected = bbr->best[0].pps * (double)(tcp->simulation->now - bbr->epoch_at) / 1e9;
    if ((double)bbr->epoch_acked <= expected) {
        bbr->epoch_acked = 0;
        bbr->epoch_at = tcp->simulation->now;
        expected = 0;
    }
    bbr->epoch_acked += ack->delivered;
    extra = fmin((double)bbr->epoch_acked - expected, tcp->cwnd);
    most = bbr->best[0].pps * EXTRA_MOST_S;
    extra = fmin(extra, most);
    if (extra > bbr->extra[bbr->extra_at])
        bbr->extra[bbr->extra_at] = extra;
}

static void advance_cycle(sluice_sim_tcp *tcp, unsigned to)
{
    static const double gains[CYCLE] = {1.25, 0.75, 1, 1, 1, 1, 1, 1};
    sluice_sim_bbr *bbr = &tcp->own.bbr;

    bbr->cycle = to % CYCLE;
    bbr->cycle_at = tcp->simulation->now;
    bbr->pacing_gain = gains[bbr->cycle];
}

static void update_cycle(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;
    bool full_length = tcp->simulation->now - bbr->cycle_at > bbr->min_rtt, next;

    if (bbr->mode != SLUICE_SIM_BBR_BANDWIDTH)
        return;
    if (bbr->pacing_gain > 1)
        next = full_length && (ack->lost || (double)ack->prior_in_flight >= inflight_target(tcp, bbr->pacing_gain));
    else if (bbr->pacing_gain < 1)
        next = full_length || (double)ack->prior_in_flight <= inflight_target(tcp, 1);
    else
        next = full_length;
    if (next)
        advance_cycle(tcp, bbr->cycle + 1);
}

static void enter_bandwidth(sluice_sim_tcp *tcp)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;

    bbr->mode = SLUICE_SIM_BBR_BANDWIDTH;
    bbr->cwnd_gain = CWND_GAIN;
    /* Any phase but the one of 3/4. */
    advance_cycle(tcp, CYCLE - (unsigned)sluice_sim_random_below(&tcp->random, CYCLE - 1));
}

static void check_full(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;

    if (!bbr->full && bbr->round_start && !ack->app_limited) {
        if (bbr->best[0].pps >= bbr->full_pps * FULL_GROWTH) {
            bbr->full_pps = bbr->best[0].pps;
            bbr->full_count = 0;
        } else if (++bbr->full_count >= FULL_ROUNDS) {
            bbr->full = true;
        }
    }
    if (bbr->mode == SLUICE_SIM_BBR_STARTUP && bbr->full) {
        bbr->mode = SLUICE_SIM_BBR_DRAIN;
        bbr->pacing_gain = DRAIN_GAIN;
        tcp->ssthresh = inflight_target(tcp, 1);
    }
    if (bbr->mode == SLUICE_SIM_BBR_DRAIN && (double)tcp->in_flight <= inflight_target(tcp, 1))
        enter_bandwidth(tcp);
}

static void leave_probe_rtt(sluice_sim_tcp *tcp)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;

    bbr->min_rtt_at = tcp->simulation->now;
    tcp->cwnd = fmax(tcp->cwnd, bbr->prior_cwnd);
    if (bbr->full) {
        enter_bandwidth(tcp);
    } else {
        bbr->mode = SLUICE_SIM_BBR_STARTUP;
        bbr->pacing_gain = bbr->cwnd_gain = HIGH_GAIN;
    }
}

static void update_min_rtt(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;
    sluice_time now = tcp->simulation->now;
    bool old = now > bbr->min_rtt_at + MIN_RTT_NS;

    if (ack->rtt_ns && (!bbr->min_rtt || ack->rtt_ns < bbr->min_rtt || old)) {
        bbr->min_rtt = ack->rtt_ns;
        bbr->min_rtt_at = now;
    }
    if (old && bbr->mode != SLUICE_SIM_BBR_RTT) {
        bbr->mode = SLUICE_SIM_BBR_RTT;
        bbr->pacing_gain = bbr->cwnd_gain = 1;
        bbr->prior_cwnd = tcp->state == SLUICE_SIM_TCP_OPEN ? tcp->cwnd : fmax(bbr->prior_cwnd, tcp->cwnd);
        bbr->probe_rtt_done = 0;
    }
    if (bbr->mode != SLUICE_SIM_BBR_RTT)
        return;
    if (!bbr->probe_rtt_done && (double)tcp->in_flight <= CWND_LEAST) {
        bbr->probe_rtt_done = now + PROBE_RTT_NS;
        bbr->probe_rtt_round_done = false;
        bbr->round_delivered = tcp->delivered;
    } else if (bbr->probe_rtt_done) {
        bbr->probe_rtt_round_done = bbr->probe_rtt_round_done || bbr->round_start;
        if (bbr->probe_rtt_round_done && now > bbr->probe_rtt_done)
            leave_probe_rtt(tcp);
    }
}

/* Linux: bbr_set_cwnd_to_recover_or_restore.  True: the window is set already. */
static bool recover(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;

    if (ack->lost)
        tcp->cwnd = fmax(tcp->cwnd - (double)ack->lost, 1);
    if (tcp->state == SLUICE_SIM_TCP_RECOVERY && bbr->old_state != SLUICE_SIM_TCP_RECOVERY) {
        bbr->conserving = true;
        bbr->round_delivered = tcp->delivered;
        tcp->cwnd = (double)tcp->in_flight + (double)ack->delivered;
    } else if (bbr->old_state != SLUICE_SIM_TCP_OPEN && tcp->state == SLUICE_SIM_TCP_OPEN) {
        tcp->cwnd = fmax(tcp->cwnd, bbr->prior_cwnd);
        bbr->conserving = false;
    }
    bbr->old_state = tcp->state;
    if (bbr->conserving)
        tcp->cwnd = fmax(tcp->cwnd, (double)tcp->in_flight + (double)ack->delivered);
    return bbr->conserving;
}

static void set_window(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;
    double target, acked = (double)ack->delivered;

    if (ack->delivered && !recover(tcp, ack)) {
        target = inflight_target(tcp, bbr->cwnd_gain);
        if (bbr->full)
            target += fmax(bbr->extra[0], bbr->extra[1]);
        if (bbr->full)
            tcp->cwnd = fmin(tcp->cwnd + acked, target);
        else if (tcp->cwnd < target || tcp->delivered < 10)
            tcp->cwnd += acked;
        tcp->cwnd = fmax(tcp->cwnd, CWND_LEAST);
    }
    if (bbr->mode == SLUICE_SIM_BBR_RTT)
        tcp->cwnd = fmin(tcp->cwnd, CWND_LEAST);
}

static void bbr_acked(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    update_round(tcp, ack);
    update_extra(tcp, ack);
    update_cycle(tcp, ack);
    check_full(tcp, ack);
    update_min_rtt(tcp, ack);
    set_pacing(tcp);
    set_window(tcp, ack);
}

static double bbr_ssthresh(sluice_sim_tcp *tcp)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;

    /* The window before the loss, to come back to (Linux: bbr_save_cwnd). */
    if (bbr->old_state == SLUICE_SIM_TCP_OPEN && bbr->mode != SLUICE_SIM_BBR_RTT)
        bbr->prior_cwnd = tcp->cwnd;
    else
        bbr->prior_cwnd = fmax(bbr->prior_cwnd, tcp->cwnd);
    return tcp->ssthresh;
}

static void bbr_init(sluice_sim_tcp *tcp)
{
    sluice_sim_bbr *bbr = &tcp->own.bbr;

    *bbr = (sluice_sim_bbr){.mode = SLUICE_SIM_BBR_STARTUP,
                            .pacing_gain = HIGH_GAIN,
                            .cwnd_gain = HIGH_GAIN,
                            .min_rtt_at = tcp->simulation->now,
                            .epoch_at = tcp->simulation->now};
    set_pacing(tcp);
}

const sluice_sim_tcp_control sluice_sim_tcp_bbr = {
    .name = "bbr", .governs = true, .init = bbr_init, .ssthresh = bbr_ssthresh, .acked = bbr_acked};
