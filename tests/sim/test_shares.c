/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one transfer gets of a path, with the real engine and the real controls in virtual time.
 *
 * share = payload x 8 / (from the first data packet to the last byte's arrival and its report) / (rate x (1 - loss) x
 * payload share), as DESIGN section 8 defines it; the payload share of a packet is 1432/1500 there.  The expectations
 * are those of the project's targets, not of what happens to come out.
 *
 *     test_shares            all rows; exit 1 if one is missed
 *     test_shares ROW        one, with its figures each tenth of its time
 */
#include "sim/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const sluice_plugin congestion_fair_LTX_sluice_plugin;
extern const sluice_plugin congestion_fixed_LTX_sluice_plugin;
extern const sluice_plugin transport_udp_LTX_sluice_plugin;

#define PAYLOAD_SHARE (1432.0 / 1500)

typedef struct path_row {
    const char *name;
    bool fixed;
    double rate_mbit, rtt_ms, loss, queue_bdp;
    double megabytes;
    double skip_seconds;      /* of the start, left out of the share: what is reached in the steady state */
    double share;             /* at least */
    double resent, redundant; /* at most; 0: not judged */
} path_row;

static const path_row rows[] = {
    {"1 Gbit/s, 100 ms, 1 % loss, 1 GB, fair", false, 1000, 100, 0.01, 1, 1000, 0, 0.85, 0.017, 0.005},
    {"100 Mbit/s, 200 ms, 10 % loss, 300 MB, fixed", true, 100, 200, 0.10, 1, 300, 0, 0.92, 0.11, 0.005},
    {"1 Gbit/s, 200 ms, fair, from 10 round trips on", false, 1000, 200, 0, 1, 1000, 2, 0.90, 0.02, 0.005},
    {"10 Mbit/s, 10 ms, 0.1 % loss, fair", false, 10, 10, 0.001, 1, 25, 2, 0.90, 0.02, 0.005},
    {"10 Mbit/s, 90 ms, 1 % loss, fair", false, 10, 90, 0.01, 1, 25, 4, 0.90, 0.03, 0.005},
    {"10 Mbit/s, 550 ms, 5 % loss, fair", false, 10, 550, 0.05, 1, 50, 10, 0.90, 0.06, 0.005},
    {"100 Mbit/s, 10 ms, 5 % loss, fair", false, 100, 10, 0.05, 1, 100, 1, 0.90, 0.07, 0.005},
    {"100 Mbit/s, 90 ms, 1 % loss, fair", false, 100, 90, 0.01, 1, 200, 2, 0.90, 0.02, 0.005},
    {"100 Mbit/s, 150 ms, 2 % loss, fair", false, 100, 150, 0.02, 1, 200, 3, 0.90, 0.03, 0.005},
    {"100 Mbit/s, 200 ms, 2 % loss, fair", false, 100, 200, 0.02, 1, 200, 4, 0.90, 0.03, 0.005},
    {"100 Mbit/s, 550 ms, 5 % loss, fair", false, 100, 550, 0.05, 1, 400, 12, 0.90, 0.06, 0.005},
};

typedef struct result {
    double share, resent, redundant, queue_ms, seconds;
    size_t memory;
} result;

static void links_init(const path_row *row, sluice_sim *simulation, sluice_sim_link *forward, sluice_sim_link *back)
{
    double rate = row->rate_mbit * 1e6, bdp = rate / 8 * row->rtt_ms / 1e3, queue = bdp * row->queue_bdp;
    sluice_sim_link_setup setup = {.rate_bps = (sluice_rate)rate,
                            .delay_ns = (sluice_duration)(row->rtt_ms / 2 * 1e6),
                            .queue_bytes = (uint64_t)(queue < 30e3 ? 30e3 : queue),
                            .mtu = 1500,
                            .loss = row->loss};

    sluice_sim_link_init(forward, simulation, &setup, 1);
    setup.loss = 0;
    sluice_sim_link_init(back, simulation, &setup, 2);
}

static void tell(const sim_endpoint *client, const sim_endpoint *server, sluice_sim_link *forward)
{
    sluice_transport_statistics s;
    sluice_congestion_view view;

    sim_endpoint_statistics(client, &s);
    sluice_rate_view(&client->rate, &view);
    printf("  %8.3f s  %9.3f MB  %s  estimate %.2f  pacing %.2f Mbit/s  window %.0f  in flight %.0f KB  srtt %.1f ms  "
           "queue %.2f ms  mean %.0f KB  sent %llu  lost %llu\n",
           (double)(client->simulation->now - SLUICE_SIM_START) / 1e9, (double)server->delivered_bytes / 1e6, view.phase,
           (double)view.estimate_bps / 1e6, (double)s.control.pacing_bps / 1e6, (double)s.control.cwnd_bytes / 1e3,
           (double)s.in_flight_bytes / 1e3, (double)s.srtt_ns / 1e6, (double)s.queue_ns / 1e6,
           sluice_sim_link_queue_mean(forward) / 1e3, (unsigned long long)s.packets_sent, (unsigned long long)s.lost_packets);
}

static bool transfer(const path_row *row, bool verbose, result *out, char *failure, size_t room)
{
    sluice_sim simulation;
    sluice_sim_link forward, back;
    sim_endpoint *client = calloc(2, sizeof(*client)), *server = client + 1;
    sim_object_setup objects[2] = {{.flags = SLUICE_OBJECT_ORDERED},
                                   {.bytes = (uint64_t)(row->megabytes * 1e6), .priority = 1}};
    sim_endpoint_setup setup = {.transport = &transport_udp_LTX_sluice_plugin,
                                .out = &forward,
                                .elided = true,
                                .objects = objects,
                                .object_count = 2,
                                .receive_bytes = UINT64_C(256) << 20,
                                .congestion = row->fixed ? &congestion_fixed_LTX_sluice_plugin
                                                         : &congestion_fair_LTX_sluice_plugin};
    sim_endpoint_setup back_setup = setup;
    sluice_transport_statistics sent = {.size = 0}, received = {.size = 0};
    sluice_time skip = SLUICE_SIM_START + (sluice_time)(row->skip_seconds * 1e9), begin;
    double expected = row->megabytes * 8 / row->rate_mbit, skipped = 0;
    bool done = false;

    if (!client)
        return false;
    back_setup.limits.target_bps = setup.limits.target_bps = row->fixed ? (sluice_rate)(row->rate_mbit * 1e6) : 0;
    back_setup.role = SLUICE_SERVER;
    back_setup.out = &back;
    back_setup.object_count = 1;
    sluice_sim_init(&simulation, 1);
    links_init(row, &simulation, &forward, &back);
    sim_endpoint_pair(client, server, &simulation, &setup, &back_setup, true);
    if (row->skip_seconds > 0) {
        sluice_sim_run(&simulation, skip);
        skipped = (double)server->delivered_bytes;
    }
    begin = row->skip_seconds > 0 ? skip : 0;
    while (!simulation.failed && !done && simulation.now < SLUICE_SIM_START + (sluice_time)(expected * 10e9)) {
        sluice_time pause = verbose ? (sluice_time)(expected * 5e7) : 10 * SLUICE_MS;

        sluice_sim_run(&simulation, simulation.now + pause);
        done = sim_endpoint_done(client);
        if (verbose)
            tell(client, server, &forward);
    }
    if (!simulation.failed && !done)
        sim_endpoint_explain(client);
    if (!simulation.failed) {
        sim_endpoint_statistics(client, &sent);
        sim_endpoint_statistics(server, &received);
        begin = begin ? begin : sent.first_data_sent;
        /* The client knows of success one way back after the last byte came. */
        out->seconds = (double)(server->last_delivered + back.setup.delay_ns - begin) / 1e9;
        out->share = ((double)row->megabytes * 1e6 - skipped) * 8 / out->seconds /
                     (row->rate_mbit * 1e6 * (1 - row->loss) * PAYLOAD_SHARE);
        out->resent = (double)sent.resent_packets / (double)sent.data_packets_sent;
        out->redundant = (double)received.redundant_bytes / (row->megabytes * 1e6);
        out->queue_ms = sluice_sim_link_queue_mean(&forward) * 8 / (row->rate_mbit * 1e3);
        out->memory = client->memory_most > server->memory_most ? client->memory_most : server->memory_most;
    }
    client->live = server->live = false;
    sluice_sim_run(&simulation, SLUICE_NEVER);
    sim_endpoint_fini(client);
    sim_endpoint_fini(server);
    sluice_sim_link_fini(&forward);
    sluice_sim_link_fini(&back);
    snprintf(failure, room, "%s", simulation.failure);
    sluice_sim_fini(&simulation);
    free(client);
    return !simulation.failed;
}

static bool judge(const path_row *row, bool verbose)
{
    result got = {.share = 0};
    char failure[sizeof(((sluice_sim *)0)->failure)];
    bool ok;

    if (!transfer(row, verbose, &got, failure, sizeof(failure))) {
        printf("FAIL %-50s %s\n", row->name, failure);
        return false;
    }
    ok = got.share >= row->share && (row->resent <= 0 || got.resent <= row->resent) &&
         (row->redundant <= 0 || got.redundant <= row->redundant);
    printf(
        "%s %-50s share %.3f (%.2f)  resent %.2f %% (%.1f)  redundant %.2f %% (%.1f)  queue %.2f ms  %.2f s  %zu KB\n",
        ok ? "ok  " : "FAIL", row->name, got.share, row->share, got.resent * 100, row->resent * 100,
        got.redundant * 100, row->redundant * 100, got.queue_ms, got.seconds, got.memory / 1000);
    return ok;
}

int main(int argc, char **argv)
{
    unsigned failures = 0;

    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        if (argc < 2 || (size_t)atoi(argv[1]) == i)
            failures += !judge(&rows[i], argc > 1);
    return failures ? 1 : 0;
}
