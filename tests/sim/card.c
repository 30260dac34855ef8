/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report card of the rate controls: each row of doc/rate-control.md's table over several seeds, median and worst.
 * Not a test: the whole takes long.
 *
 *     card [-s SEEDS] [-t] [WORD...]     the rows whose names hold all words; -t: each second of the first seed
 */
#include "sim/contest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLUGIN(name) congestion_##name##_LTX_sluice_plugin
extern const sluice_plugin PLUGIN(bbr), PLUGIN(cubic), PLUGIN(fair), PLUGIN(fixed), PLUGIN(high), PLUGIN(ledbat), PLUGIN(low);

#define SEEDS_MOST 100

typedef struct card_figures {
    double a[SEEDS_MOST], b[SEEDS_MOST], c[SEEDS_MOST], d[SEEDS_MOST];
    unsigned count;
} card_figures;

static unsigned seeds = 5;
static bool trace;
static char **words;
static int word_count;
static contest_result got;

static int by_size(const void *left, const void *right)
{
    double l = *(const double *)left, r = *(const double *)right;

    return (l > r) - (l < r);
}

/* "median (worst)"; low: the least is the worst. */
static void tell(const char *name, double *values, unsigned count, bool low)
{
    qsort(values, count, sizeof(*values), by_size);
    printf("  %s %.3f (%.3f)", name, count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2,
           low ? values[0] : values[count - 1]);
}

static bool asked(const char *name)
{
    for (int i = 0; i < word_count; i++)
        if (!strstr(name, words[i]))
            return false;
    return true;
}

static void seconds_tell(const contest *setup)
{
    for (unsigned second = 0; second < setup->seconds; second++) {
        printf("%6u s  queue %7.2f ms ", second, got.queue_bins[10 * second]);
        for (unsigned i = 0; i < got.flows; i++) {
            double sum = 0;

            for (unsigned k = 0; k < 10; k++)
                sum += got.bins[i][10 * second + k];
            printf(" %8.2f", sum / 10);
        }
        putchar('\n');
    }
}

static bool each(const char *name, const contest *setup, unsigned seed)
{
    if (contest_run(setup, seed, &got)) {
        if (trace && seed == 1)
            seconds_tell(setup);
        return true;
    }
    printf("%s: %s\n", name, got.failure);
    return false;
}

static void alone(const char *kind, const contest *setup)
{
    static card_figures f;
    char name[200];

    snprintf(name, sizeof(name), "%s: %s %g Mbit/s %g ms %g %% queue %g BDP", kind, setup->flows[0].plugin->name,
             setup->rate_mbit, setup->rtt_ms, setup->loss * 100, setup->queue_bdp > 0 ? setup->queue_bdp : 1);
    if (!asked(name))
        return;
    for (unsigned i = 0; i < seeds; i++) {
        if (!each(name, setup, i + 1))
            return;
        f.a[i] = got.share;
        f.b[i] = got.resent[0];
        f.c[i] = got.queue_ms;
        f.d[i] = got.redundant[0];
    }
    printf("%-60s", name);
    tell("share", f.a, seeds, true);
    tell("resent", f.b, seeds, false);
    tell("queue ms", f.c, seeds, false);
    tell("redundant", f.d, seeds, false);
    putchar('\n');
    fflush(stdout);
}

static void beside(const char *kind, const contest *setup)
{
    static card_figures f;
    char name[200];

    snprintf(name, sizeof(name), "%s: %s beside %s %g Mbit/s %g ms queue %g BDP", kind, setup->flows[0].plugin->name,
             setup->flows[1].plugin->name, setup->rate_mbit, setup->rtt_ms,
             setup->queue_bdp > 0 ? setup->queue_bdp : 1);
    if (!asked(name))
        return;
    for (unsigned i = 0; i < seeds; i++) {
        double sum = 0;

        if (!each(name, setup, i + 1))
            return;
        for (unsigned k = 0; k < got.flows; k++)
            sum += got.mbit[k];
        f.a[i] = got.mbit[0] / sum;
        f.b[i] = got.share;
        f.c[i] = got.queue_ms;
        f.d[i] = got.jain;
    }
    printf("%-60s", name);
    tell("part", f.a, seeds, true);
    tell("share", f.b, seeds, true);
    tell("queue ms", f.c, seeds, false);
    tell("Jain", f.d, seeds, true);
    putchar('\n');
    fflush(stdout);
}

static void one_flow(void)
{
    static const double rates[] = {10, 100, 1000}, rtts[] = {10, 100, 200, 550}, losses[] = {0, 0.01, 0.05, 0.1};

    for (size_t r = 0; r < SLUICE_COUNT(rates); r++)
        for (size_t t = 0; t < SLUICE_COUNT(rtts); t++)
            for (size_t l = 0; l < SLUICE_COUNT(losses); l++) {
                contest c = {.rate_mbit = rates[r],
                             .rtt_ms = rtts[t],
                             .loss = losses[l],
                             .queue_bdp = losses[l] < 0.1 ? 0.5 : 1,
                             .seconds = 120,
                             .from = 60,
                             .flows = {{.plugin = &PLUGIN(fair)}}};
                alone("one flow", &c);
            }
    for (size_t r = 0; r < SLUICE_COUNT(rates); r++)
        for (size_t t = 0; t < SLUICE_COUNT(rtts); t++) {
            contest c = {.rate_mbit = rates[r],
                         .rtt_ms = rtts[t],
                         .queue_bdp = 4,
                         .seconds = 120,
                         .from = 60,
                         .flows = {{.plugin = &PLUGIN(fair)}}};
            alone("standing queue", &c);
            c.queue_bdp = 0.1;
            c.queue_least_kb = 15;
            alone("shallow queue", &c);
            c.queue_bdp = 1;
            c.queue_least_kb = 0;
            c.flows[0].plugin = &PLUGIN(low);
            alone("low alone", &c);
            c.flows[0].plugin = &PLUGIN(cubic);
            alone("cubic alone", &c);
            c.flows[0].plugin = &PLUGIN(bbr);
            alone("bbr alone", &c);
            c.flows[0].plugin = &PLUGIN(ledbat);
            alone("ledbat alone", &c);
        }
}

static void several_fair(void)
{
    static const double rates[] = {10, 100, 1000}, rtts[] = {10, 50, 100, 200}, late[] = {0, 2};
    static const unsigned counts[] = {2, 5, 10};

    for (size_t r = 0; r < SLUICE_COUNT(rates); r++)
        for (size_t t = 0; t < SLUICE_COUNT(rtts); t++)
            for (size_t n = 0; n < SLUICE_COUNT(counts); n++)
                for (size_t l = 0; l < SLUICE_COUNT(late); l++) {
                    char kind[40];
                    contest c = {.rate_mbit = rates[r], .rtt_ms = rtts[t]};

                    for (unsigned i = 0; i < counts[n]; i++)
                        c.flows[i] = (contest_flow){.plugin = &PLUGIN(fair), .start = i * late[l]};
                    c.from = late[l] * (counts[n] - 1) + fmax(20, rtts[t] / 10);
                    c.seconds = c.from + 60;
                    snprintf(kind, sizeof(kind), "%u fair %g s apart", counts[n], late[l]);
                    beside(kind, &c);
                }
    for (size_t r = 0; r < SLUICE_COUNT(rates); r++) {
        contest c = {.rate_mbit = rates[r],
                     .rtt_ms = 20,
                     .seconds = 120,
                     .from = 60,
                     .flows = {{.plugin = &PLUGIN(fair)}, {.plugin = &PLUGIN(fair), .rtt_ms = 200}}};
        beside("rtt fairness", &c);
        c.rtt_ms = 200;
        c.flows[0].rtt_ms = 20;
        beside("rtt fairness, long queue", &c);
    }
}

static void unlike(void)
{
    static const double rates[] = {10, 100, 1000}, rtts[] = {20, 50, 100, 200}, queues[] = {1, 2, 4};
    static const sluice_plugin *const pairs[][2] = {{&PLUGIN(high), &PLUGIN(fair)},  {&PLUGIN(low), &PLUGIN(cubic)},
                                                    {&PLUGIN(low), &PLUGIN(fair)},   {&PLUGIN(low), &PLUGIN(bbr)},
                                                    {&PLUGIN(fair), &PLUGIN(cubic)}, {&PLUGIN(fair), &PLUGIN(bbr)},
                                                    {&PLUGIN(ledbat), &PLUGIN(cubic)}, {&PLUGIN(bbr), &PLUGIN(cubic)},
                                                    {&PLUGIN(cubic), &PLUGIN(cubic)}, {&PLUGIN(bbr), &PLUGIN(bbr)},
                                                    {&PLUGIN(low), &PLUGIN(low)}};

    for (size_t p = 0; p < SLUICE_COUNT(pairs); p++)
        for (size_t r = 0; r < SLUICE_COUNT(rates); r++)
            for (size_t t = 0; t < SLUICE_COUNT(rtts); t++)
                for (size_t q = 0; q < SLUICE_COUNT(queues); q++) {
                    contest c = {.rate_mbit = rates[r],
                                 .rtt_ms = rtts[t],
                                 .queue_bdp = queues[q],
                                 .seconds = 120,
                                 .from = 60,
                                 .flows = {{.plugin = pairs[p][0]}, {.plugin = pairs[p][1], .start = 10}}};
                    beside("second 10 s late", &c);
                    c.flows[0].start = 10;
                    c.flows[1].start = 0;
                    beside("first 10 s late", &c);
                }
}

/* What a flow that comes second has of what it would have alone, and how long the first one takes to give its rate away. */

static double gone_after(unsigned flow, double rate)
{
    /* A second's mean below a fifth of the path. */
    for (unsigned at = 100; at + 10 < 1200; at++) {
        double sum = 0;

        for (unsigned k = 0; k < 10; k++)
            sum += got.bins[flow][at + k];
        if (sum < 2 * rate)
            return (at - 100) * 0.1;
    }
    return HUGE_VAL;
}

static void yields(void)
{
    static const double rates[] = {10, 100, 1000}, rtts[] = {20, 50, 100, 200}, queues[] = {1, 2, 4};
    static contest_result without;
    static const sluice_plugin *const controls[] = {&PLUGIN(low), &PLUGIN(ledbat)};

    for (size_t p = 0; p < SLUICE_COUNT(controls); p++)
        for (size_t r = 0; r < SLUICE_COUNT(rates); r++)
            for (size_t t = 0; t < SLUICE_COUNT(rtts); t++)
                for (size_t q = 0; q < SLUICE_COUNT(queues); q++) {
                    static card_figures f;
                    char name[200];
                    contest c = {.rate_mbit = rates[r],
                                 .rtt_ms = rtts[t],
                                 .queue_bdp = queues[q],
                                 .seconds = 120,
                                 .from = 60,
                                 .flows = {{.plugin = &PLUGIN(cubic), .start = 10}, {.plugin = controls[p]}}};
                    contest only = c;

                    snprintf(name, sizeof(name), "yields: %s to cubic %g Mbit/s %g ms queue %g BDP", controls[p]->name,
                             rates[r], rtts[t], queues[q]);
                    if (!asked(name))
                        continue;
                    only.flows[1].plugin = NULL;
                    for (unsigned i = 0; i < seeds; i++) {
                        if (!each(name, &only, i + 1))
                            return;
                        without = got;
                        if (!each(name, &c, i + 1))
                            return;
                        f.a[i] = got.mbit[0] / without.mbit[0];
                        f.b[i] = got.mbit[1] / rates[r];
                        f.c[i] = gone_after(1, rates[r]);
                        f.d[i] = got.queue_ms;
                    }
                    printf("%-60s", name);
                    tell("cubic keeps", f.a, seeds, true);
                    tell("it has", f.b, seeds, false);
                    tell("gone after s", f.c, seeds, false);
                    tell("queue ms", f.d, seeds, false);
                    putchar('\n');
                    fflush(stdout);
                }
}

static void changes(void)
{
    contest capacity = {.rate_mbit = 1000,
                        .rtt_ms = 100,
                        .change_at = 10,
                        .change_back = 20,
                        .change_mbit = 200,
                        .from = 25,
                        .seconds = 30,
                        .flows = {{.plugin = &PLUGIN(fair)}}};
    contest outage = {.rate_mbit = 100,
                      .rtt_ms = 100,
                      .out_at = 20,
                      .out_until = 30,
                      .from = 31.2,
                      .seconds = 36.2,
                      .flows = {{.plugin = &PLUGIN(fair)}}};
    contest jitter = {.rate_mbit = 300,
                      .rtt_ms = 50,
                      .jitter_ms = 5,
                      .from = 60,
                      .seconds = 120,
                      .flows = {{.plugin = &PLUGIN(fair)}}};
    contest minimum = {.rate_mbit = 100,
                       .rtt_ms = 50,
                       .from = 60,
                       .seconds = 120,
                       .flows = {{.plugin = &PLUGIN(fair), .minimum_mbit = 40}}};

    alone("capacity 1000 200 1000, from 5 s after", &capacity);
    if (asked("capacity queue")) {
        if (!each("capacity", &capacity, 1))
            return;
        printf("capacity queue, ms each 0.2 s from the fall on:");
        for (unsigned i = 100; i < 130; i += 2)
            printf(" %.0f", got.queue_bins[i]);
        printf("\ncapacity rate, Mbit/s each 0.5 s from the rise on:");
        for (unsigned i = 200; i < 260; i += 5)
            printf(" %.0f", got.bins[0][i]);
        putchar('\n');
    }
    alone("outage of 10 s, from 1.2 s after", &outage);
    alone("jitter with reordering", &jitter);
    for (unsigned i = 1; i < 10; i++)
        minimum.flows[i] = (contest_flow){.plugin = i < 5 ? &PLUGIN(fair) : &PLUGIN(cubic)};
    beside("minimum of 40 among ten", &minimum);
    for (int k = 0; k < 2; k++) {
        contest reverse = {.rate_mbit = 100,
                           .rtt_ms = 50,
                           .back_mbit = k ? 20 : 100,
                           .from = 60,
                           .seconds = 120,
                           .queue_bdp = 2,
                           .flows = {{.plugin = &PLUGIN(fair)}, {.plugin = &PLUGIN(cubic), .reverse = true}}};
        alone(k ? "reverse full of cubic at 20" : "reverse full of cubic at 100", &reverse);
        reverse.flows[1].plugin = &PLUGIN(fair);
        alone(k ? "reverse full of fair at 20" : "reverse full of fair at 100", &reverse);
    }
}

int main(int argc, char **argv)
{
    int at = 1;

    if (argc > at + 1 && strcmp(argv[at], "-s") == 0) {
        int asked_for = atoi(argv[at + 1]);

        seeds = asked_for < 1 ? 1 : asked_for > SEEDS_MOST ? SEEDS_MOST : (unsigned)asked_for;
        at += 2;
    }
    if (argc > at && strcmp(argv[at], "-t") == 0) {
        trace = true;
        at++;
    }
    words = argv + at;
    word_count = argc - at;
    one_flow();
    several_fair();
    unlike();
    yields();
    changes();
    return 0;
}
