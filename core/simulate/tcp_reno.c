/* SPDX-License-Identifier: Apache-2.0 */
/* Reno's congestion control (RFC 5681): one packet more a round trip, half the window after a loss. */
#include "simulate/tcp.h"

#include <math.h>

static void reno_init(sluice_sim_tcp *tcp)
{
    (void)tcp;
}

/* Windows are whole packets: what had grown towards the next one is lost. */
static double reno_ssthresh(sluice_sim_tcp *tcp)
{
    double half = floor(floor(tcp->cwnd) / 2);

    return half > 2 ? half : 2;
}

static void reno_acked(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    double acked = (double)ack->grows;

    if (tcp->cwnd < tcp->ssthresh) {
        double room = tcp->ssthresh - tcp->cwnd, used = acked < room ? acked : room;

        tcp->cwnd += used;
        acked -= used;
    }
    if (acked > 0)
        tcp->cwnd += acked / tcp->cwnd;
}

const sluice_sim_tcp_control sluice_sim_tcp_reno = {
    .name = "reno", .init = reno_init, .ssthresh = reno_ssthresh, .acked = reno_acked};
