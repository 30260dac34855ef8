/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the report card: what each tries, on which paths, and what is to be reached there. */
#include "simulate/card.h"

#include "plugin/instance.h"
#include "simulate/conformance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW "[flow f]\ncongestion = @\n"
#define BESIDE(kind) FLOW "start = $first\n[competitor c]\nkind = " kind "\nstart = $second\n"
#define LAST_MINUTE .from = 60, .until = 120
#define ALL_RATES "10 100 1000"
#define ALL_RTTS "10 100 200 550"

static const sluice_card_row rows[] = {
    {.word = "target",
     .what = "an empty path, with its rate as the target",
     .target = true,
     .senders = FLOW "rate = $rate\n",
     .from = 10,
     .until = 30,
     .checks = {{.what = SLUICE_CARD_SHARE, .least = 0.85}},
     .grids = {{.rates = ALL_RATES, .rtts = "10 50 200"}}},
    {.word = "target-outage",
     .what = "the same 5 s after an outage of 10 s",
     .target = true,
     .senders = FLOW "rate = $rate\n[event e]\nat = 5s\noutage = 10s\ndirection = forward\n",
     .from = 20,
     .until = 25,
     .checks = {{.what = SLUICE_CARD_SHARE, .least = 0.85}},
     .grids = {{.rates = ALL_RATES, .rtts = "100"}}},
    {.word = "one-flow",
     .what = "one flow without a target, random loss up to 5 %",
     .senders = FLOW,
     .spares = "low",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_SHARE, .least = 0.95}},
     .grids = {{.rates = ALL_RATES, .rtts = ALL_RTTS, .losses = "0 0.01 0.05", .queues = "0.5"},
               {.rates = ALL_RATES, .rtts = "100", .losses = "0 0.01 0.05", .queues = "2"}}},
    {.word = "heavy-loss",
     .what = "one flow at 10 % random loss",
     .senders = FLOW,
     .spares = "low",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_SHARE, .least = 0.9}, {.what = SLUICE_CARD_RESENT, .most = 11}},
     .grids = {{.rates = ALL_RATES, .rtts = ALL_RTTS, .losses = "0.1", .queues = "0.5"}}},
    {.word = "standing-queue",
     .what = "standing queue of one flow: under 10 ms or 10 % of the rtt",
     .senders = FLOW,
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_QUEUE, .most = 10, .most_rtts = 0.1}, {.what = SLUICE_CARD_SHARE, .least = 0.95}},
     .grids = {{.rates = ALL_RATES, .rtts = ALL_RTTS, .queues = "4"}}},
    {.word = "shallow-queue",
     .what = "one flow, queue of max(0.1 BDP, 15 kB)",
     .link = "queue-least = 15k\n",
     .senders = FLOW,
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_SHARE, .least = 0.85}, {.what = SLUICE_CARD_RESENT, .most = 2}},
     .grids = {{.rates = ALL_RATES, .rtts = ALL_RTTS, .queues = "0.1"}}},
    {.word = "several",
     .what = "two to ten flows, at once or one after the other, once they have settled",
     .senders = FLOW "count = $count\nstagger = $late\n",
     .settles = true,
     .checks = {{.what = SLUICE_CARD_JAIN, .least = 0.95}},
     .grids = {{.rates = ALL_RATES, .rtts = "10 50 100 200", .counts = "2 5 10", .lates = "0 2"}}},
    {.word = "near-far",
     .what = "at 20 ms beside at 200 ms: the slower, of the faster",
     .senders = FLOW "[flow far]\ncongestion = @\ndelay = 90ms\n",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_RATIO, .least = 1.0 / 3}},
     .grids = {{.rates = ALL_RATES, .rtts = "20", .queues = "1 10"}}},
    {.word = "beside-cubic",
     .what = "beside one CUBIC flow, queue 1 to 2 BDP, 20 to 100 ms",
     .senders = BESIDE("cubic"),
     .spares = "low",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_PART, .least = 25, .most = 75}},
     .grids = {{.rates = "100", .rtts = "20 50 100", .queues = "1 2", .lates = "-10 0 10"}}},
    {.word = "beside-cubic-elsewhere",
     .what = "beside one CUBIC flow, elsewhere: 0.5 to 4 BDP, to 200 ms",
     .senders = BESIDE("cubic"),
     .spares = "low",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_PART, .least = 15, .most = 85}},
     .grids = {{.rates = "100", .rtts = "20 50 100", .queues = "0.5 4"},
               {.rates = "100", .rtts = "200", .queues = "0.5 1 2 4"},
               {.rates = "10 1000", .rtts = "20 100 200", .queues = "1 4"}}},
    {.word = "beside-bbr",
     .what = "beside one BBR flow, queue 1 to 2 BDP",
     .senders = BESIDE("bbr"),
     .spares = "low",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_PART, .least = 20}},
     .grids = {{.rates = "10 100", .rtts = "20 50 100 200", .queues = "1 2"},
               {.rates = "1000", .rtts = "20 100", .queues = "1 2"}}},
    {.word = "high",
     .what = "high beside fair",
     .senders = FLOW "start = $first\n[flow g]\ncongestion = fair\nstart = $second\n",
     .only = "high",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_PART, .least = 60, .most = 72}},
     .grids = {{.rates = ALL_RATES, .rtts = "20 50 100 200", .lates = "-10 0 10"}}},
    {.word = "low",
     .what = "low beside one CUBIC flow that comes at 10 s: yields, and CUBIC keeps what it has alone",
     .senders = FLOW "[competitor c]\nkind = cubic\nstart = 10s\n",
     .alone = "[competitor c]\nkind = cubic\nstart = 10s\n",
     .kept = 1,
     .only = "low",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_YIELDED, .most = 2, .most_rtts = 5, .since = 10, .window = 1},
                {.what = SLUICE_CARD_KEEPS, .least = 0.95}},
     .grids = {{.rates = ALL_RATES, .rtts = "20 50 100 200", .queues = "1 2 4"}}},
    {.word = "low-alone",
     .what = "low alone",
     .senders = FLOW,
     .only = "low",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_SHARE, .least = 0.85}},
     .grids = {{.rates = ALL_RATES, .rtts = ALL_RTTS}}},
    {.word = "minimum",
     .what = "a minimum of 40 % of the path, among ten of which five are CUBIC",
     .senders = FLOW "min-rate = $min\n[flow others]\ncongestion = @\ncount = 4\n[competitor c]\nkind = cubic\ncount = 5\n",
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_MINIMUM, .least = 0.95}},
     .grids = {{.rates = ALL_RATES, .rtts = "50"}}},
    {.word = "capacity",
     .what = "capacity to a fifth and back: queue drained, and 90 % again",
     .senders = FLOW "[event down]\nat = 10s\nrate = $fifth\n[event up]\nat = 20s\nrate = $rate\n",
     .from = 25,
     .until = 32,
     .checks = {{.what = SLUICE_CARD_DRAINED, .most = 2, .since = 10},
                {.what = SLUICE_CARD_BACK, .most = 5, .since = 20, .window = 1}},
     .grids = {{.rates = "1000", .rtts = "100"}}},
    {.word = "outage",
     .what = "outage of 10 s: 90 % within one second and two round trips of its end",
     .senders = FLOW "[event e]\nat = 10s\noutage = 10s\n",
     .from = 25,
     .until = 30,
     .checks = {{.what = SLUICE_CARD_BACK, .most = 1, .most_rtts = 2, .added = true, .since = 20, .window = 1}},
     .grids = {{.rates = ALL_RATES, .rtts = "20 100 200"}}},
    {.word = "jitter",
     .what = "jitter of 5 ms with reordering",
     .link = "jitter = 5ms\njitter-reorders = yes\n",
     .senders = FLOW,
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_SHARE, .least = 0.9}, {.what = SLUICE_CARD_REDUNDANT, .most = 0.5}},
     .grids = {{.rates = "300", .rtts = "50"}}},
    {.word = "reverse",
     .what = "the way back filled by CUBIC: what is kept of the rate forward",
     .link = "back-rate = $back\n",
     .senders = FLOW "[competitor c]\nkind = cubic\ndirection = back\nstart = 5s\n",
     .alone = FLOW,
     LAST_MINUTE,
     .checks = {{.what = SLUICE_CARD_KEEPS, .least = 0.9}},
     .grids = {{.rates = ALL_RATES, .rtts = "50", .queues = "1 2", .backs = "1"},
               {.rates = "100", .rtts = "50", .queues = "1 2", .backs = "0.2"}}},
    {.word = "start",
     .what = "start on an unknown path: filled to 90 % within 10 round trips, queue under 1 BDP",
     .senders = FLOW,
     .spares = "low",
     .from = 8,
     .until = 10,
     .checks = {{.what = SLUICE_CARD_FILLED, .most = 10}, {.what = SLUICE_CARD_OVERSHOT, .most = 1}},
     .grids = {{.rates = "1000", .rtts = "200", .queues = "4"}}},
    {.word = "start-elsewhere",
     .what = "the same on other paths, for which no goal is set",
     .senders = FLOW,
     .spares = "low",
     .from = 15,
     .until = 20,
     .checks = {{.what = SLUICE_CARD_FILLED}, {.what = SLUICE_CARD_OVERSHOT}},
     .grids = {{.rates = "10 100", .rtts = "20 50 100 200 550", .queues = "4"},
               {.rates = "1000", .rtts = "20 50 100 550", .queues = "4"}}},
    {.word = "start-target",
     .what = "start with the path's rate as the target: used at once",
     .target = true,
     .senders = FLOW "rate = $rate\n",
     .spares = "low",
     .from = 8,
     .until = 10,
     .checks = {{.what = SLUICE_CARD_FILLED, .most = 1}, {.what = SLUICE_CARD_OVERSHOT, .most = 1}},
     .grids = {{.rates = ALL_RATES, .rtts = "20 200 550", .queues = "4"}}},
};

const sluice_card_row *sluice_card_row_of(const char *word)
{
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        if (strcmp(rows[i].word, word) == 0)
            return &rows[i];
    return NULL;
}

size_t sluice_card_checks(const sluice_card_row *row)
{
    size_t count = 0;

    while (count < SLUICE_CARD_FIGURES && row->checks[count].what)
        count++;
    return count;
}

const char *sluice_card_name(const sluice_card_check *check)
{
    static const char *const names[] = {"",
                                        "share",
                                        "resent %",
                                        "redundant %",
                                        "queue ms",
                                        "of its minimum",
                                        "of the faster",
                                        "% of both",
                                        "Jain",
                                        "of what it has alone",
                                        "yielded after s",
                                        "90 % after s",
                                        "filled after rtt",
                                        "drained after s",
                                        "longest queue BDP"};
    return names[check->what];
}

void sluice_card_limits(const sluice_card_check *check, const sluice_card_path *path, double *least, double *most)
{
    double rtt = path->rtt * check->most_rtts * (check->what == SLUICE_CARD_QUEUE ? 1 : 1e-3);

    *least = check->least > 0 ? check->least : -HUGE_VAL;
    *most = check->most > 0 ? (check->added ? check->most + rtt : fmax(check->most, rtt)) : HUGE_VAL;
}

/* ---- grids ---- */

/* The number at that place of a list, and how many there are. */
static size_t list_at(const char *list, size_t place, double otherwise, double *out)
{
    size_t count = 0;

    *out = otherwise;
    while (list && *list) {
        char *end;
        double value = strtod(list, &end);

        if (count++ == place)
            *out = value;
        list = end;
    }
    return count > 0 ? count : 1;
}

SLUICE_PRINTF(2, 3)
static void say(sluice_card_trial *trial, const char *format, ...)
{
    size_t used = strlen(trial->words);
    va_list args;

    if (used > 0)
        used += (size_t)snprintf(trial->words + used, sizeof(trial->words) - used, ", ");
    va_start(args, format);
    vsnprintf(trial->words + used, sizeof(trial->words) - used, format, args);
    va_end(args);
}

static void describe(sluice_card_trial *trial, const sluice_card_grid *grid)
{
    const sluice_card_path *path = &trial->path;

    say(trial, "%g Mbit/s", path->rate);
    say(trial, "%g ms", path->rtt);
    if (grid->losses)
        say(trial, "%g %% loss", path->loss * 100);
    if (grid->queues)
        say(trial, "%g BDP", path->queue);
    if (grid->counts)
        say(trial, "%g flows", path->count);
    if (grid->backs)
        say(trial, "back %g Mbit/s", path->back * path->rate);
    if (grid->lates && path->late == 0)
        say(trial, "at once");
    else if (grid->lates && trial->row->settles)
        say(trial, "%g s apart", path->late);
    else if (grid->lates)
        say(trial, "%s %g s late", path->late > 0 ? "the other" : "it", fabs(path->late));
}

bool sluice_card_trial_at(const sluice_card_row *row, const sluice_card_grid *grid, size_t place, sluice_card_trial *out)
{
    sluice_card_path *path = &out->path;
    /* In the order of what is told; the last one changes first. */
    const struct {
        const char *list;
        double otherwise, *value;
    } axes[] = {{grid->rates, 100, &path->rate},  {grid->rtts, 50, &path->rtt},     {grid->losses, 0, &path->loss},
                {grid->queues, 1, &path->queue},  {grid->counts, 1, &path->count}, {grid->backs, 1, &path->back},
                {grid->lates, 0, &path->late}};

    *out = (sluice_card_trial){.row = row, .from = row->from, .until = row->until};
    if (!grid->rates)
        return false;
    for (size_t i = SLUICE_COUNT(axes); i-- > 0;) {
        double ignored;
        size_t count = list_at(axes[i].list, 0, 0, &ignored);

        list_at(axes[i].list, place % count, axes[i].otherwise, axes[i].value);
        place /= count;
    }
    if (place > 0)
        return false;
    if (row->settles) {
        out->from = path->late * (path->count - 1) + fmax(20, path->rtt / 10);
        out->until = out->from + 60;
    }
    describe(out, grid);
    return true;
}

/* ---- cases ---- */

static bool is(const char *policy, const char *plugin)
{
    return policy && strcmp(policy, plugin) == 0;
}

static bool concerns(const sluice_card_row *row, const char *plugin, bool needs_rate)
{
    return (row->target || !needs_rate) && !is(row->spares, plugin) && (!row->only || is(row->only, plugin));
}

static void tell(const sluice_card_trial *trial, bool concerned, size_t index,
                 void (*each)(void *user, const sluice_card_case *about), void *user)
{
    const sluice_card_row *row = trial->row;
    sluice_card_case about = {.size = sizeof(about),
                              .index = index,
                              .row = row->word,
                              .what = row->what,
                              .path = trial->words,
                              .concerned = concerned,
                              .seconds = trial->until * (row->alone ? 2 : 1),
                              .figure_count = sluice_card_checks(row)};

    for (size_t i = 0; i < about.figure_count; i++) {
        about.figures[i].name = sluice_card_name(&row->checks[i]);
        sluice_card_limits(&row->checks[i], &trial->path, &about.figures[i].least, &about.figures[i].most);
    }
    each(user, &about);
}

int sluice_card_cases(sluice *instance, const char *plugin, void (*each)(void *user, const sluice_card_case *about),
                      void *user, sluice_error *error)
{
    sluice_card_trial trial;
    sluice_instance *probe;
    size_t index = 0;
    bool needs_rate;
    int status = sluice_instance_new(instance, SLUICE_CONGESTION, plugin, &probe, error);

    if (status)
        return status;
    sluice_instance_free(probe);
    needs_rate = sluice_conformance_needs_rate(instance, plugin);
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        for (size_t g = 0; g < SLUICE_CARD_GRIDS; g++)
            for (size_t place = 0; sluice_card_trial_at(&rows[i], &rows[i].grids[g], place, &trial); place++)
                tell(&trial, concerns(&rows[i], plugin, needs_rate), index++, each, user);
    return SLUICE_OK;
}

/* Counts down to the case of an index; false: there are fewer. */
static bool find(size_t index, sluice_card_trial *out)
{
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        for (size_t g = 0; g < SLUICE_CARD_GRIDS; g++)
            for (size_t place = 0; sluice_card_trial_at(&rows[i], &rows[i].grids[g], place, out); place++)
                if (index-- == 0)
                    return true;
    return false;
}

int sluice_card_run(sluice *instance, const char *plugin, size_t index, int64_t seed, double values[SLUICE_CARD_FIGURES],
                    sluice_error *error)
{
    sluice_card_trial trial;

    if (!find(index, &trial))
        return sluice_fail(error, SLUICE_EINVAL, "the report card has no case %zu", index);
    return sluice_card_try(instance, plugin, &trial, seed, values, error);
}
