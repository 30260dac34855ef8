/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUBIC (RFC 9438) with fast convergence, Reno-friendly region and HyStart, with the constants of Linux's tcp_cubic.c
 * (beta 717/1024, C 0.4; slow start ends when rtts of a round rise by an eighth, 4 to 16 ms, or an unbroken train of
 * acknowledgements lasts half the least rtt).
 */
#include "simulate/tcp.h"

#include <math.h>

#define BETA (717.0 / 1024)
#define C 0.4
#define HYSTART_WINDOW 16
#define HYSTART_SAMPLES 8
#define HYSTART_GAP_NS (2 * SLUICE_MS)

static void cubic_init(sluice_sim_tcp *tcp)
{
    tcp->own.cubic = (sluice_sim_cubic){.last_max = 0};
}

static double cubic_ssthresh(sluice_sim_tcp *tcp)
{
    sluice_sim_cubic *cubic = &tcp->own.cubic;
    double reduced = floor(floor(tcp->cwnd) * BETA); /* windows are whole packets */

    cubic->epoch = 0;
    cubic->last_max = tcp->cwnd < cubic->last_max ? tcp->cwnd * (1 + BETA) / 2 : tcp->cwnd;
    return reduced > 2 ? reduced : 2;
}

static void begin_epoch(sluice_sim_tcp *tcp)
{
    sluice_sim_cubic *cubic = &tcp->own.cubic;

    cubic->epoch = tcp->simulation->now;
    cubic->friendly = tcp->cwnd;
    cubic->k = tcp->cwnd < cubic->last_max ? cbrt((cubic->last_max - tcp->cwnd) / C) : 0;
    cubic->origin = tcp->cwnd < cubic->last_max ? cubic->last_max : tcp->cwnd;
}

static void grow(sluice_sim_tcp *tcp, double acked)
{
    sluice_sim_cubic *cubic = &tcp->own.cubic;
    double t, target, step, alpha = 3 * (1 - BETA) / (1 + BETA);

    if (!cubic->epoch)
        begin_epoch(tcp);
    t = (double)(tcp->simulation->now - cubic->epoch + cubic->delay_min) / 1e9 - cubic->k;
    target = cubic->origin + C * t * t * t;
    target = fmin(target, 1.5 * tcp->cwnd);
    /* Packets that one packet more takes; 100 windows where the target is below. */
    step = target > tcp->cwnd ? tcp->cwnd / (target - tcp->cwnd) : 100 * tcp->cwnd;
    if (cubic->last_max <= 0 && step > 20)
        step = 20; /* Linux: the first epoch grows by 5 % a round trip at least */
    cubic->friendly += alpha * acked / tcp->cwnd;
    if (cubic->friendly > tcp->cwnd)
        step = fmin(step, tcp->cwnd / (cubic->friendly - tcp->cwnd));
    tcp->cwnd += acked / fmax(step, 2);
}

static void hystart(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_sim_cubic *cubic = &tcp->own.cubic;
    sluice_time now = tcp->simulation->now;
    sluice_duration rise = cubic->delay_min / 8;

    if (tcp->una >= cubic->round_end) {
        cubic->round_end = tcp->next;
        cubic->round_start = cubic->last_ack = now;
        cubic->round_rtt = 0;
        cubic->samples = 0;
    }
    if (cubic->found || tcp->cwnd < HYSTART_WINDOW)
        return;
    if (now - cubic->last_ack <= HYSTART_GAP_NS) {
        cubic->last_ack = now;
        if (now - cubic->round_start > cubic->delay_min / 2)
            cubic->found = true;
    }
    if (ack->rtt_ns && (!cubic->round_rtt || ack->rtt_ns < cubic->round_rtt))
        cubic->round_rtt = ack->rtt_ns;
    rise = rise < 4 * SLUICE_MS ? 4 * SLUICE_MS : rise > 16 * SLUICE_MS ? 16 * SLUICE_MS : rise;
    if (cubic->samples < HYSTART_SAMPLES)
        cubic->samples++;
    else if (cubic->round_rtt > cubic->delay_min + rise)
        cubic->found = true;
    if (cubic->found)
        tcp->ssthresh = tcp->cwnd;
}

static void cubic_acked(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_sim_cubic *cubic = &tcp->own.cubic;
    double acked = (double)ack->grows;

    if (ack->rtt_ns && (!cubic->delay_min || ack->rtt_ns < cubic->delay_min))
        cubic->delay_min = ack->rtt_ns;
    if (tcp->cwnd < tcp->ssthresh) {
        double room = tcp->ssthresh - tcp->cwnd, used = acked < room ? acked : room;

        hystart(tcp, ack);
        tcp->cwnd += used;
        acked -= used;
    }
    if (acked > 0)
        grow(tcp, acked);
}

const sluice_sim_tcp_control sluice_sim_tcp_cubic = {
    .name = "cubic", .init = cubic_init, .ssthresh = cubic_ssthresh, .acked = cubic_acked};
