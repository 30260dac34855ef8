/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the report card is tried by every --conformance: a path of each row, with one seed and a time that is short enough to
 * wait for.  Required is only what any control must do on an empty path with a target.
 */
#include "simulate/report_card.h"

#include "base/text.h"
#include "simulate/card.h"

#include <math.h>
#include <stdio.h>

typedef struct brief {
    const char *row;
    sluice_card_grid path;
    double from, until;
    bool required;
} brief;

static const brief briefs[] = {
    {"target", {.rates = "10", .rtts = "10"}, 10, 20, true},
    {"target", {.rates = "10", .rtts = "200"}, 15, 30, true},
    {"target", {.rates = "100", .rtts = "50"}, 10, 20, true},
    {"target", {.rates = "1000", .rtts = "20"}, 3, 6, true},
    {"target-outage", {.rates = "100", .rtts = "100"}, 20, 25, false}, /* what has backed off as TCP does takes its time */
    {"one-flow", {.rates = "100", .rtts = "100", .losses = "0.01"}, 10, 40, false},
    {"one-flow", {.rates = "10", .rtts = "550", .losses = "0.05", .queues = "0.5"}, 40, 80, false},
    {"heavy-loss", {.rates = "100", .rtts = "200", .losses = "0.1"}, 10, 40, false},
    {"standing-queue", {.rates = "100", .rtts = "50", .queues = "4"}, 10, 40, false},
    {"shallow-queue", {.rates = "100", .rtts = "100", .queues = "0.1"}, 10, 40, false},
    {"several", {.rates = "100", .rtts = "50", .counts = "2", .lates = "10"}, 30, 60, false},
    {"near-far", {.rates = "100", .rtts = "20"}, 40, 80, false},
    {"beside-cubic", {.rates = "100", .rtts = "50", .queues = "1"}, 30, 80, false},
    {"beside-bbr", {.rates = "100", .rtts = "50", .queues = "1"}, 30, 80, false},
    {"minimum", {.rates = "100", .rtts = "50"}, 20, 40, false},
    {"capacity", {.rates = "1000", .rtts = "100"}, 25, 27, false},
    {"outage", {.rates = "100", .rtts = "100"}, 25, 26, false},
    {"jitter", {.rates = "300", .rtts = "50"}, 8, 20, false},
    {"reverse", {.rates = "100", .rtts = "50"}, 15, 40, false},
    {"start", {.rates = "1000", .rtts = "200", .queues = "4"}, 4, 5, false},
};

static void add_limits(sluice_text *sentence, double least, double most)
{
    if (least > -HUGE_VAL && most < HUGE_VAL)
        sluice_text_addf(sentence, " (%.3g to %.3g)", least, most);
    else if (least > -HUGE_VAL)
        sluice_text_addf(sentence, " (at least %.3g)", least);
    else if (most < HUGE_VAL)
        sluice_text_addf(sentence, " (at most %.3g)", most);
}

static bool judge(const sluice_card_trial *trial, const double *values, sluice_text *sentence)
{
    bool ok = true;

    for (size_t i = 0; i < sluice_card_checks(trial->row); i++) {
        const sluice_card_check *check = &trial->row->checks[i];
        double least, most;

        sluice_card_limits(check, &trial->path, &least, &most);
        ok = ok && values[i] >= least && values[i] <= most;
        sluice_text_addf(sentence, "%s%s ", i ? ", " : "", sluice_card_name(check));
        if (isfinite(values[i]))
            sluice_text_addf(sentence, "%.3f", values[i]);
        else
            sluice_text_add(sentence, "never");
        add_limits(sentence, least, most);
    }
    return ok;
}

int sluice_report_card(sluice *instance, const char *name, bool needs_rate,
                       void (*each)(void *user, const sluice_verdict *verdict), void *user, sluice_error *error)
{
    for (size_t i = 0; i < SLUICE_COUNT(briefs); i++) {
        sluice_verdict verdict = {.size = sizeof(verdict), .required = briefs[i].required};
        const sluice_card_row *row = sluice_card_row_of(briefs[i].row);
        double values[SLUICE_CARD_FIGURES];
        sluice_card_trial trial;
        sluice_text sentence = {0};
        sluice_error why = {0, ""};
        char what[200];
        int status;

        if (needs_rate && !briefs[i].required) {
            verdict.passed = true;
            verdict.what = "goals on paths without a target";
            verdict.sentence = "not tried: it keeps a given rate";
            each(user, &verdict);
            return SLUICE_OK;
        }
        if (!row || !sluice_card_trial_at(row, &briefs[i].path, 0, &trial))
            continue;
        trial.from = briefs[i].from;
        trial.until = briefs[i].until;
        status = sluice_card_try(instance, name, &trial, 1, values, &why);
        if (status == SLUICE_ENOMEM || status == SLUICE_ECONFIG)
            return sluice_fail(error, status, "%s", why.text);
        if (status)
            sluice_text_add(&sentence, why.text);
        else
            verdict.passed = judge(&trial, values, &sentence);
        snprintf(what, sizeof(what), "%s: %s", briefs[i].row, trial.words);
        verdict.what = what;
        verdict.sentence = sluice_text_string(&sentence);
        each(user, &verdict);
        sluice_text_fini(&sentence);
    }
    return SLUICE_OK;
}
