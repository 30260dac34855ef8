/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How policies and published controls share a path, short enough for every check: the rows of doc/rate-control.md that
 * are about two flows, at rates that cost little.  The whole table is `sluice simulate
 * --report-card`.
 *
 *     test_policies [ROW]      all rows; exit 1 if one is missed
 */
#include "sim/contest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PLUGIN(name) congestion_##name##_LTX_sluice_plugin
extern const sluice_plugin PLUGIN(bbr), PLUGIN(cubic), PLUGIN(fair), PLUGIN(fixed), PLUGIN(high), PLUGIN(ledbat), PLUGIN(low);

typedef struct policy_row {
    const char *name;
    contest contest;
    double part_least, part_most; /* of the first flow, of what all get together */
    double share;                 /* of all, at least */
    double bin_most, bin_at;      /* the first flow's mean of the second from then on, part of the path at most */
    double queue_most;            /* ms, mean; 0: any */
} policy_row;

static const policy_row rows[] = {
    {.name = "high beside fair, 100 Mbit/s, 50 ms",
     .contest = {.rate_mbit = 100,
                 .rtt_ms = 50,
                 .seconds = 60,
                 .from = 25,
                 .flows = {{.plugin = &PLUGIN(high)}, {.plugin = &PLUGIN(fair), .start = 3}}},
     .part_least = 0.6,
     .part_most = 0.72,
     .share = 0.95},
    {.name = "high beside fair, 10 Mbit/s, 100 ms, late",
     .contest = {.rate_mbit = 10,
                 .rtt_ms = 100,
                 .seconds = 90,
                 .from = 40,
                 .flows = {{.plugin = &PLUGIN(high), .start = 5}, {.plugin = &PLUGIN(fair)}}},
     .part_least = 0.6,
     .part_most = 0.72,
     .share = 0.95},
    {.name = "low beside cubic, 100 Mbit/s, 50 ms",
     .contest = {.rate_mbit = 100,
                 .rtt_ms = 50,
                 .seconds = 40,
                 .from = 12,
                 .flows = {{.plugin = &PLUGIN(low)}, {.plugin = &PLUGIN(cubic), .start = 10}}},
     .part_most = 0.05,
     .share = 0.95,
     .bin_at = 12,
     .bin_most = 0.2},
    {.name = "low beside cubic, 10 Mbit/s, 20 ms",
     .contest = {.rate_mbit = 10,
                 .rtt_ms = 20,
                 .seconds = 60,
                 .from = 12,
                 .flows = {{.plugin = &PLUGIN(low)}, {.plugin = &PLUGIN(cubic), .start = 10}}},
     .part_most = 0.05,
     .share = 0.95,
     .bin_at = 12,
     .bin_most = 0.2},
    {.name = "low beside cubic, queue 4 BDP",
     .contest = {.rate_mbit = 50,
                 .rtt_ms = 100,
                 .queue_bdp = 4,
                 .seconds = 60,
                 .from = 30,
                 .flows = {{.plugin = &PLUGIN(low)}, {.plugin = &PLUGIN(cubic), .start = 10}}},
     .part_most = 0.05,
     .share = 0.95,
     .bin_at = 12,
     .bin_most = 0.2},
    {.name = "low beside fair",
     .contest = {.rate_mbit = 100,
                 .rtt_ms = 50,
                 .seconds = 40,
                 .from = 20,
                 .flows = {{.plugin = &PLUGIN(low)}, {.plugin = &PLUGIN(fair), .start = 10}}},
     .part_most = 0.05,
     .share = 0.95},
    {.name = "low beside bbr",
     .contest = {.rate_mbit = 50,
                 .rtt_ms = 50,
                 .seconds = 40,
                 .from = 20,
                 .flows = {{.plugin = &PLUGIN(low)}, {.plugin = &PLUGIN(bbr), .start = 10}}},
     .part_most = 0.05,
     .share = 0.95},
    {.name = "low alone, 2 % loss",
     .contest = {.rate_mbit = 100,
                 .rtt_ms = 100,
                 .loss = 0.02,
                 .seconds = 60,
                 .from = 20,
                 .flows = {{.plugin = &PLUGIN(low)}}},
     .share = 0.85},
    {.name = "low alone, 10 Mbit/s, 200 ms",
     .contest = {.rate_mbit = 10, .rtt_ms = 200, .seconds = 90, .from = 30, .flows = {{.plugin = &PLUGIN(low)}}},
     .share = 0.85},
    {.name = "low alone, 10 Mbit/s, 550 ms",
     .contest = {.rate_mbit = 10, .rtt_ms = 550, .seconds = 120, .from = 60, .flows = {{.plugin = &PLUGIN(low)}}},
     .share = 0.85},
    {.name = "low alone, 10 Mbit/s, 10 ms",
     .contest = {.rate_mbit = 10, .rtt_ms = 10, .seconds = 120, .from = 60, .flows = {{.plugin = &PLUGIN(low)}}},
     .share = 0.85},
    {.name = "low is back when cubic has gone",
     .contest = {.rate_mbit = 100,
                 .rtt_ms = 50,
                 .seconds = 45,
                 .from = 35,
                 .flows = {{.plugin = &PLUGIN(low)}, {.plugin = &PLUGIN(cubic), .start = 5, .stop = 25}}},
     .share = 0.85},
    {.name = "fair beside cubic, 100 Mbit/s, 50 ms",
     .contest = {.rate_mbit = 100,
                 .rtt_ms = 50,
                 .seconds = 100,
                 .from = 40,
                 .flows = {{.plugin = &PLUGIN(fair)}, {.plugin = &PLUGIN(cubic), .start = 10}}},
     .part_least = 0.25,
     .part_most = 0.75,
     .share = 0.95},
    {.name = "fair that comes late beside cubic, queue 2 BDP",
     .contest = {.rate_mbit = 50,
                 .rtt_ms = 100,
                 .queue_bdp = 2,
                 .seconds = 110,
                 .from = 50,
                 .flows = {{.plugin = &PLUGIN(fair), .start = 10}, {.plugin = &PLUGIN(cubic)}}},
     .part_least = 0.15,
     .part_most = 0.75,
     .share = 0.95},
    {.name = "fair keeps a short queue again when cubic has gone",
     .contest = {.rate_mbit = 100,
                 .rtt_ms = 50,
                 .queue_bdp = 2,
                 .seconds = 110,
                 .from = 70,
                 .flows = {{.plugin = &PLUGIN(fair)}, {.plugin = &PLUGIN(cubic), .start = 5, .stop = 40}}},
     .share = 0.95,
     .queue_most = 10},
    {.name = "two of fair meet when cubic has gone",
     .contest = {.rate_mbit = 100,
                 .rtt_ms = 50,
                 .queue_bdp = 2,
                 .seconds = 130,
                 .from = 90,
                 .flows = {{.plugin = &PLUGIN(fair)},
                           {.plugin = &PLUGIN(fair), .start = 3},
                           {.plugin = &PLUGIN(cubic), .start = 5, .stop = 40}}},
     .part_least = 0.35,
     .part_most = 0.65,
     .share = 0.95,
     .queue_most = 10},
    {.name = "ledbat alone",
     .contest = {.rate_mbit = 50, .rtt_ms = 50, .queue_bdp = 2, .seconds = 80, .from = 20, .flows = {{.plugin = &PLUGIN(ledbat)}}},
     .share = 0.85},
    {.name = "ledbat beside cubic, queue longer than its target",
     .contest = {.rate_mbit = 50,
                 .rtt_ms = 50,
                 .queue_bdp = 4,
                 .seconds = 60,
                 .from = 30,
                 .flows = {{.plugin = &PLUGIN(ledbat)}, {.plugin = &PLUGIN(cubic), .start = 10}}},
     .part_most = 0.1,
     .share = 0.95},
    {.name = "cubic beside cubic",
     .contest = {.rate_mbit = 50,
                 .rtt_ms = 50,
                 .seconds = 150,
                 .from = 60,
                 .flows = {{.plugin = &PLUGIN(cubic)}, {.plugin = &PLUGIN(cubic), .start = 2}}},
     .part_least = 0.35,
     .part_most = 0.65,
     .share = 0.95},
    {.name = "bbr beside bbr",
     .contest = {.rate_mbit = 50,
                 .rtt_ms = 50,
                 .seconds = 100,
                 .from = 40,
                 .flows = {{.plugin = &PLUGIN(bbr)}, {.plugin = &PLUGIN(bbr), .start = 2}}},
     .part_least = 0.3,
     .part_most = 0.7,
     .share = 0.9},
};

static double second_from(const contest_result *got, double at, double rate)
{
    double sum = 0;

    for (unsigned i = 0; i < 10; i++)
        sum += got->bins[0][(unsigned)lround(at * 10) + i];
    return sum / 10 / rate;
}

static bool judge(const policy_row *row)
{
    static contest_result got;
    double sum = 0, part, second = 0;
    bool ok;

    if (!contest_run(&row->contest, 1, &got)) {
        printf("FAIL %-50s %s\n", row->name, got.failure);
        return false;
    }
    for (unsigned i = 0; i < got.flows; i++)
        sum += got.mbit[i];
    part = got.mbit[0] / fmax(sum, 1e-9);
    if (row->bin_at > 0)
        second = second_from(&got, row->bin_at, row->contest.rate_mbit);
    ok = part >= row->part_least && (row->part_most <= 0 || part <= row->part_most) && got.share >= row->share &&
         (row->bin_at <= 0 || second <= row->bin_most) && (row->queue_most <= 0 || got.queue_ms <= row->queue_most);
    printf("%s %-50s part %.3f (%.2f to %.2f)  share %.3f (%.2f)  queue %.2f ms  second %.3f (%.2f)\n",
           ok ? "ok  " : "FAIL", row->name, part, row->part_least, row->part_most, got.share, row->share, got.queue_ms,
           second, row->bin_most);
    return ok;
}

int main(int argc, char **argv)
{
    unsigned failures = 0;

    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        if (argc < 2 || (size_t)atoi(argv[1]) == i)
            failures += !judge(&rows[i]);
    return failures ? 1 : 0;
}
