/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows are those of doc/simulate.md: required is only what any control must do on an empty path with a target; the others are
 * the goals of the policy `fair`, each with one seed and a time that is short enough to wait for.
 */
#include "simulate/report_card.h"

#include "base/text.h"
#include "simulate/scenario.h"

#include <stdio.h>
#include <string.h>

#define TRACKS 16
#define CHECKS 3

typedef enum figure {
    NOTHING,
    SHARE,    /* of the path, by one flow */
    RESENT,   /* % */
    REDUNDANT, /* % */
    QUEUE,    /* ms, of the link */
    MBIT,     /* Mbit/s that arrive, of one flow */
    RATIO,    /* what one gets, of what the one behind it gets */
    PART,     /* what one gets, of what both get: % */
    JAIN
} figure;

typedef struct check {
    figure what;
    unsigned track;
    double least, most;
} check;

/* In the scenario '@' stands for the plugin's name.  Tracks are in the order of sections; links come last. */
typedef struct row {
    const char *what, *scenario;
    bool required;
    check checks[CHECKS];
} row;

#define ANY 1e30
#define EMPTY(rate, delay, seconds)                                                                                      \
    "[simulation]\nduration = " seconds "\n[link l]\nrate = " rate "\ndelay = " delay "\n[flow f]\ncongestion = @\nrate = " \
    rate "\n"

static const row rows[] = {
    {"fills an empty 10 Mbit/s at 10 ms, given its rate", EMPTY("10m", "5ms", "20s"), true, {{SHARE, 0, 0.85, ANY}}},
    {"fills an empty 10 Mbit/s at 200 ms, given its rate", EMPTY("10m", "100ms", "30s"), true, {{SHARE, 0, 0.85, ANY}}},
    {"fills an empty 100 Mbit/s at 50 ms, given its rate", EMPTY("100m", "25ms", "20s"), true, {{SHARE, 0, 0.85, ANY}}},
    {"fills an empty 1 Gbit/s at 20 ms, given its rate", EMPTY("1g", "10ms", "6s"), true, {{SHARE, 0, 0.85, ANY}}},
    {"fills 100 Mbit/s again after an outage of 10 s",
     "[simulation]\nduration = 25s\nfrom = 20s\n[link l]\nrate = 100m\ndelay = 50ms\n[flow f]\ncongestion = @\nrate = 100m\n"
     "[event e]\nat = 5s\noutage = 10s\ndirection = forward\n",
     false, /* what has backed off as TCP does takes its time */
     {{SHARE, 0, 0.85, ANY}}},
    {"one flow, 100 Mbit/s, 100 ms, 1 % loss",
     "[simulation]\nduration = 40s\nfrom = 10s\n[link l]\nrate = 100m\ndelay = 50ms\nloss = 0.01\n[flow f]\ncongestion = @\n",
     false,
     {{SHARE, 0, 0.95, ANY}}},
    {"one flow, 10 Mbit/s, 550 ms, 5 % loss, half a BDP",
     "[simulation]\nduration = 80s\nfrom = 40s\n[link l]\nrate = 10m\ndelay = 275ms\nqueue-bdp = 0.5\nloss = 0.05\n[flow f]\n"
     "congestion = @\n",
     false,
     {{SHARE, 0, 0.95, ANY}}},
    {"one flow, 100 Mbit/s, 200 ms, 10 % loss",
     "[simulation]\nduration = 40s\nfrom = 10s\n[link l]\nrate = 100m\ndelay = 100ms\nloss = 0.1\n[flow f]\ncongestion = @\n",
     false,
     {{SHARE, 0, 0.90, ANY}, {RESENT, 0, 0, 11}}},
    {"standing queue, 100 Mbit/s, 50 ms, 4 BDP",
     "[simulation]\nduration = 40s\nfrom = 10s\n[link l]\nrate = 100m\ndelay = 25ms\nqueue-bdp = 4\n[flow f]\ncongestion = @\n",
     false,
     {{QUEUE, 1, 0, 10}, {SHARE, 0, 0.95, ANY}}},
    {"shallow queue, 100 Mbit/s, 100 ms, a tenth of a BDP",
     "[simulation]\nduration = 40s\nfrom = 10s\n[link l]\nrate = 100m\ndelay = 50ms\nqueue-bdp = 0.1\nqueue-least = 15k\n"
     "[flow f]\ncongestion = @\n",
     false,
     {{SHARE, 0, 0.85, ANY}, {RESENT, 0, 0, 2}}},
    {"two flows, 100 Mbit/s, 50 ms, one 10 s late",
     "[simulation]\nduration = 60s\nfrom = 30s\n[link l]\nrate = 100m\ndelay = 25ms\n[flow f]\ncongestion = @\ncount = 2\n"
     "stagger = 10s\n",
     false,
     {{JAIN, 0, 0.95, ANY}}},
    {"at 200 ms beside one at 20 ms",
     "[simulation]\nduration = 80s\nfrom = 40s\n[link l]\nrate = 100m\ndelay = 10ms\n[flow far]\ncongestion = @\ndelay = 90ms\n"
     "[flow near]\ncongestion = @\n",
     false,
     {{RATIO, 0, 0.333, ANY}}},
    {"beside one CUBIC, 100 Mbit/s, 50 ms, 1 BDP",
     "[simulation]\nduration = 80s\nfrom = 30s\n[link l]\nrate = 100m\ndelay = 25ms\n[flow f]\ncongestion = @\n"
     "[competitor c]\nkind = cubic\n",
     false,
     {{PART, 0, 25, 75}}},
    {"beside one BBR, 100 Mbit/s, 50 ms, 1 BDP",
     "[simulation]\nduration = 80s\nfrom = 30s\n[link l]\nrate = 100m\ndelay = 25ms\n[flow f]\ncongestion = @\n"
     "[competitor c]\nkind = bbr\n",
     false,
     {{PART, 0, 20, ANY}}},
    {"a minimum of 20 Mbit/s beside nine CUBICs",
     "[simulation]\nduration = 40s\nfrom = 20s\n[link l]\nrate = 100m\ndelay = 25ms\n[flow f]\ncongestion = @\nmin-rate = 20m\n"
     "[competitor c]\nkind = cubic\ncount = 9\n",
     false,
     {{MBIT, 0, 19, ANY}}},
    {"1000 to 200 Mbit/s at 100 ms: the queue 2 s after",
     "[simulation]\nduration = 12s\nfrom = 10s\n[link l]\nrate = 1g\ndelay = 50ms\n[flow f]\ncongestion = @\n"
     "[event down]\nat = 8s\nrate = 200m\n",
     false,
     {{QUEUE, 1, 0, 10}}},
    {"200 to 1000 Mbit/s at 100 ms: 5 s after",
     "[simulation]\nduration = 20s\nfrom = 17s\n[link l]\nrate = 1g\ndelay = 50ms\n[flow f]\ncongestion = @\n"
     "[event down]\nat = 6s\nrate = 200m\n[event up]\nat = 12s\nrate = 1g\n",
     false,
     {{SHARE, 0, 0.9, ANY}}},
    {"outage of 10 s at 100 ms: 1.2 s after its end",
     "[simulation]\nduration = 30s\nfrom = 21.2s\n[link l]\nrate = 100m\ndelay = 50ms\n[flow f]\ncongestion = @\n"
     "[event e]\nat = 10s\noutage = 10s\n",
     false,
     {{SHARE, 0, 0.9, ANY}}},
    {"5 ms of jitter with reordering, 300 Mbit/s, 50 ms",
     "[simulation]\nduration = 20s\nfrom = 8s\n[link l]\nrate = 300m\ndelay = 25ms\njitter = 5ms\njitter-reorders = yes\n"
     "[flow f]\ncongestion = @\n",
     false,
     {{SHARE, 0, 0.9, ANY}, {REDUNDANT, 0, 0, 0.5}}},
    {"the way back is full: 100 Mbit/s, 50 ms",
     "[simulation]\nduration = 40s\nfrom = 15s\n[link l]\nrate = 100m\ndelay = 25ms\n[flow f]\ncongestion = @\n"
     "[competitor c]\nkind = cubic\ndirection = back\nstart = 5s\n",
     false,
     {{SHARE, 0, 0.85, ANY}}},
};

/* ---- running one ---- */

typedef struct outcome {
    sluice_figures tracks[TRACKS];
    bool flows[TRACKS];
} outcome;

static void take_track(void *user, const sluice_track *track)
{
    outcome *out = user;

    if (track->index < TRACKS)
        out->flows[track->index] = track->type == SLUICE_TRACK_FLOW;
}

static void take_result(void *user, const sluice_figures *figures)
{
    outcome *out = user;

    if (figures->track < TRACKS)
        out->tracks[figures->track] = *figures;
}

static double jain(const outcome *out)
{
    double sum = 0, squares = 0, count = 0;

    for (unsigned i = 0; i < TRACKS; i++) {
        double rate = out->tracks[i].goodput_bps;

        if (!out->flows[i])
            continue;
        sum += rate;
        squares += rate * rate;
        count++;
    }
    return squares > 0 ? sum * sum / (count * squares) : 0;
}

static double value_of(const check *c, const outcome *out)
{
    const sluice_figures *f = &out->tracks[c->track];
    double other = c->track + 1 < TRACKS ? f[1].goodput_bps : 0;

    switch (c->what) {
    case SHARE:
        return f->share;
    case RESENT:
        return f->resent * 100;
    case REDUNDANT:
        return f->redundant * 100;
    case QUEUE:
        return f->queue_ms;
    case MBIT:
        return f->rate_bps / 1e6;
    case RATIO:
        return other > 0 ? f->goodput_bps / other : 0;
    case PART:
        return f->goodput_bps + other > 0 ? 100 * f->goodput_bps / (f->goodput_bps + other) : 0;
    case JAIN:
        return jain(out);
    case NOTHING:
        break;
    }
    return 0;
}

static bool judge(const row *r, const outcome *out, sluice_text *sentence)
{
    static const char *const words[] = {"", "share", "resent %", "redundant %", "queue ms", "Mbit/s", "of the other", "% of both",
                                        "Jain"};
    bool ok = true;

    for (unsigned i = 0; i < CHECKS && r->checks[i].what; i++) {
        const check *c = &r->checks[i];
        double value = value_of(c, out);

        ok = ok && value >= c->least && value <= c->most;
        sluice_text_addf(sentence, "%s%s %.3f (", i ? ", " : "", words[c->what], value);
        if (c->least > 0 && c->most < ANY)
            sluice_text_addf(sentence, "%g to %g)", c->least, c->most);
        else if (c->least > 0)
            sluice_text_addf(sentence, "at least %g)", c->least);
        else
            sluice_text_addf(sentence, "at most %g)", c->most);
    }
    return ok;
}

static int run_row(sluice *instance, const row *r, const char *name, outcome *out, sluice_error *error)
{
    sluice_simulation_calls calls = {.size = sizeof(calls), .user = out, .track = take_track, .result = take_result};
    sluice_scenario *scenario;
    sluice_text text = {0};
    int status;

    for (const char *at = r->scenario; *at; at++) {
        if (*at == '@')
            sluice_text_add(&text, name);
        else
            sluice_text_add_bytes(&text, at, 1);
    }
    if (text.failed)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    else
        status = sluice_scenario_parse(instance, r->what, sluice_text_string(&text), &scenario, error);
    sluice_text_fini(&text);
    if (status)
        return status;
    status = sluice_simulate(scenario, &calls, error);
    sluice_scenario_free(scenario);
    return status;
}

int sluice_report_card(sluice *instance, const char *name, bool needs_rate,
                       void (*each)(void *user, const sluice_verdict *verdict), void *user, sluice_error *error)
{
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_verdict verdict = {.size = sizeof(verdict), .required = rows[i].required, .what = rows[i].what};
        outcome out = {.flows = {false}};
        sluice_text sentence = {0};
        sluice_error why = {0, ""};
        int status;

        if (needs_rate && !rows[i].required) {
            verdict.passed = true;
            verdict.what = "goals on paths without a target";
            verdict.sentence = "not tried: it keeps a given rate";
            each(user, &verdict);
            return SLUICE_OK;
        }
        status = run_row(instance, &rows[i], name, &out, &why);

        if (status == SLUICE_ENOMEM || status == SLUICE_ECONFIG)
            return sluice_fail(error, status, "%s", why.text);
        if (status)
            sluice_text_add(&sentence, why.text);
        else
            verdict.passed = judge(&rows[i], &out, &sentence);
        verdict.sentence = sluice_text_string(&sentence);
        each(user, &verdict);
        sluice_text_fini(&sentence);
    }
    return SLUICE_OK;
}
