/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/card.h"

#include "base/text.h"
#include "simulate/scenario.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENDERS 16
#define SAMPLE_LEAST 1.0  /* ms */
#define SAMPLE_MOST 50.0
#define SAMPLES_A_ROUND 20 /* so that waits are known to a twentieth of a round trip */
#define FULL 0.9           /* of a path that counts as filled */
#define GONE 0.2           /* of a path that is left to others */

/* One interval. */
typedef struct sample {
    double from, share, rate, link_share, queue_bytes, queue_ms;
} sample;

typedef struct outcome {
    sluice_figures senders[SENDERS], link;
    bool flows[SENDERS];
    unsigned link_track;
    bool has_link, failed;
    sample *samples;
    size_t count, room;
    double interval; /* s */
} outcome;

/* ---- what a run tells ---- */

static void take_track(void *user, const sluice_track *track)
{
    outcome *out = user;

    if (track->type == SLUICE_TRACK_LINK && !out->has_link) {
        out->has_link = true;
        out->link_track = track->index;
    }
    if (track->index < SENDERS)
        out->flows[track->index] = track->type == SLUICE_TRACK_FLOW;
}

static sample *sample_of(outcome *out, double from)
{
    if (out->count > 0 && out->samples[out->count - 1].from == from)
        return &out->samples[out->count - 1];
    if (out->count == out->room) {
        size_t room = out->room ? 2 * out->room : 1024;
        sample *samples = realloc(out->samples, room * sizeof(*samples));

        if (!samples) {
            out->failed = true;
            return NULL;
        }
        out->samples = samples;
        out->room = room;
    }
    out->samples[out->count] = (sample){.from = from};
    return &out->samples[out->count++];
}

static void take_interval(void *user, const sluice_figures *figures)
{
    outcome *out = user;
    bool link = out->has_link && figures->track == out->link_track;
    sample *at;

    if ((figures->track != 0 && !link) || !(at = sample_of(out, figures->from)))
        return;
    if (link) {
        at->link_share = figures->share;
        at->queue_bytes = figures->queue_bytes;
        at->queue_ms = figures->queue_ms;
    } else {
        at->share = figures->share;
        at->rate = figures->rate_bps;
    }
}

static void take_result(void *user, const sluice_figures *figures)
{
    outcome *out = user;

    if (out->has_link && figures->track == out->link_track)
        out->link = *figures;
    else if (figures->track < SENDERS)
        out->senders[figures->track] = *figures;
}

/* ---- figures ---- */

static double share_in(const sample *at)
{
    return at->share;
}

static double rate_in(const sample *at)
{
    return at->rate;
}

static double link_share_in(const sample *at)
{
    return at->link_share;
}

static double queue_in(const sample *at)
{
    return at->queue_ms;
}

/* How long after `since` a time of the length `window` begins over which the mean is at least so much (above), or at most. */
static double wait_for(const outcome *out, double (*value)(const sample *), double since, double window, bool above, double limit)
{
    size_t length = (size_t)fmax(1, ceil(window / out->interval - 1e-6)), first = 0;
    double sum = 0;

    while (first < out->count && out->samples[first].from < since - 1e-9)
        first++;
    for (size_t i = first; i < out->count; i++) {
        double mean;

        sum += value(&out->samples[i]);
        if (i >= first + length)
            sum -= value(&out->samples[i - length]);
        mean = sum / (double)length;
        if (i + 1 >= first + length && (above ? mean >= limit : mean <= limit))
            return fmax(0, out->samples[i + 1 - length].from - since);
    }
    return HUGE_VAL;
}

static double longest_queue(const outcome *out)
{
    double most = 0;

    for (size_t i = 0; i < out->count; i++)
        most = fmax(most, out->samples[i].queue_bytes);
    return most;
}

static double jain(const outcome *out)
{
    double sum = 0, squares = 0, count = 0;

    for (unsigned i = 0; i < SENDERS; i++) {
        double rate = out->senders[i].goodput_bps;

        if (!out->flows[i])
            continue;
        sum += rate;
        squares += rate * rate;
        count++;
    }
    return squares > 0 ? sum * sum / (count * squares) : 0;
}

static double part_of(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static double value_of(const sluice_card_trial *trial, const sluice_card_check *check, const outcome *out, const outcome *alone)
{
    const sluice_card_path *path = &trial->path;
    const sluice_figures *first = &out->senders[0], *second = &out->senders[1];
    double a = first->goodput_bps, b = second->goodput_bps, rtt = path->rtt / 1e3;
    double window = check->window > 0 ? check->window : rtt;

    switch (check->what) {
    case SLUICE_CARD_SHARE:
        return first->share;
    case SLUICE_CARD_RESENT:
        return first->resent * 100;
    case SLUICE_CARD_REDUNDANT:
        return first->redundant * 100;
    case SLUICE_CARD_QUEUE:
        return out->link.queue_ms;
    case SLUICE_CARD_MINIMUM:
        return first->sent_bps / (SLUICE_CARD_MINIMUM_PART * path->rate * 1e6);
    case SLUICE_CARD_RATIO:
        return part_of(fmin(a, b), fmax(a, b));
    case SLUICE_CARD_PART:
        return 100 * part_of(a, a + b);
    case SLUICE_CARD_JAIN:
        return jain(out);
    case SLUICE_CARD_KEEPS:
        return part_of(out->senders[trial->row->kept].goodput_bps, alone->senders[0].goodput_bps);
    case SLUICE_CARD_YIELDED:
        return wait_for(out, rate_in, check->since, window, false, GONE * path->rate * 1e6);
    case SLUICE_CARD_BACK:
        return wait_for(out, share_in, check->since, window, true, FULL);
    case SLUICE_CARD_FILLED:
        return wait_for(out, link_share_in, check->since, window, true, FULL) / rtt;
    case SLUICE_CARD_DRAINED:
        return wait_for(out, queue_in, check->since, window, false, fmax(10, path->rtt / 10));
    case SLUICE_CARD_OVERSHOT:
        return longest_queue(out) / (path->rate * 1e6 / 8 * rtt);
    case SLUICE_CARD_NOTHING:
        break;
    }
    return 0;
}

/* ---- a run ---- */

static double interval_of(const sluice_card_trial *trial)
{
    return fmin(fmax(floor(trial->path.rtt / SAMPLES_A_ROUND), SAMPLE_LEAST), SAMPLE_MOST) / 1e3;
}

/* What a $word stands for; false: nothing. */
static bool word_value(const sluice_card_trial *trial, const char *word, size_t bytes, char *out, size_t room)
{
    const sluice_card_path *path = &trial->path;
    const struct {
        const char *word, *unit;
        double value;
    } words[] = {{"rate", "m", path->rate},
                 {"fifth", "m", path->rate / 5},
                 {"min", "m", path->rate * SLUICE_CARD_MINIMUM_PART},
                 {"back", "m", path->rate * path->back},
                 {"count", "", path->count},
                 {"late", "s", path->late},
                 {"first", "s", fmax(0, -path->late)},
                 {"second", "s", fmax(0, path->late)}};

    for (size_t i = 0; i < SLUICE_COUNT(words); i++) {
        if (strlen(words[i].word) == bytes && strncmp(words[i].word, word, bytes) == 0) {
            snprintf(out, room, "%g%s", words[i].value, words[i].unit);
            return true;
        }
    }
    return false;
}

static void add_lines(sluice_text *text, const char *lines, const sluice_card_trial *trial, const char *plugin)
{
    for (const char *at = lines; at && *at; at++) {
        size_t bytes = *at == '$' ? strspn(at + 1, "abcdefghijklmnopqrstuvwxyz") : 0;
        char value[32];

        if (*at == '@') {
            sluice_text_add(text, plugin);
        } else if (bytes > 0 && word_value(trial, at + 1, bytes, value, sizeof(value))) {
            sluice_text_add(text, value);
            at += bytes;
        } else {
            sluice_text_add_bytes(text, at, 1);
        }
    }
}

static void write_scenario(sluice_text *text, const char *senders, const sluice_card_trial *trial, const char *plugin, int64_t seed)
{
    const sluice_card_path *path = &trial->path;

    sluice_text_addf(text, "[simulation]\nseed = %lld\nduration = %gs\nfrom = %gs\ninterval = %gms\n", (long long)seed,
                     trial->until, trial->from, interval_of(trial) * 1e3);
    sluice_text_addf(text, "[link l]\nrate = %gm\ndelay = %gms\nloss = %g\nqueue-bdp = %g\n", path->rate, path->rtt / 2,
                     path->loss, path->queue);
    add_lines(text, trial->row->link, trial, plugin);
    add_lines(text, senders, trial, plugin);
}

static int run(sluice *instance, const char *plugin, const sluice_card_trial *trial, const char *senders, int64_t seed,
               outcome *out, sluice_error *error)
{
    sluice_simulation_calls calls = {
        .size = sizeof(calls), .user = out, .track = take_track, .interval = take_interval, .result = take_result};
    sluice_scenario *scenario;
    sluice_text text = {0};
    int status;

    out->interval = interval_of(trial);
    write_scenario(&text, senders, trial, plugin, seed);
    if (text.failed)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    else
        status = sluice_scenario_parse(instance, trial->row->word, sluice_text_string(&text), &scenario, error);
    sluice_text_fini(&text);
    if (status)
        return status;
    status = sluice_simulate(scenario, &calls, error);
    sluice_scenario_free(scenario);
    if (!status && out->failed)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    return status;
}

int sluice_card_try(sluice *instance, const char *plugin, const sluice_card_trial *trial, int64_t seed,
                    double values[SLUICE_CARD_FIGURES], sluice_error *error)
{
    outcome out = {.samples = NULL}, alone = {.samples = NULL};
    int status = run(instance, plugin, trial, trial->row->senders, seed, &out, error);

    if (!status && trial->row->alone)
        status = run(instance, plugin, trial, trial->row->alone, seed, &alone, error);
    for (size_t i = 0; i < SLUICE_CARD_FIGURES; i++)
        values[i] = !status && trial->row->checks[i].what ? value_of(trial, &trial->row->checks[i], &out, &alone) : 0;
    free(out.samples);
    free(alone.samples);
    return status;
}
