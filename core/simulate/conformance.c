/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every congestion control must stand, whatever its idea: silence, jumps of time, samples of nothing and of enormous
 * figures, facts that contradict each other.  It must answer with rates and windows that can be used, do the same twice, and
 * fill an empty path.
 */
#include "simulate/conformance.h"

#include "plugin/instance.h"
#include "plugin/rate.h"
#include "simulate/report_card.h"
#include "simulate/sim.h"

#include <stdio.h>
#include <string.h>

#define SAMPLES 20000
#define SEEDS 10
#define TARGET_BPS (100 * UINT64_C(1000000))
#define PACKET 1500
#define PACKET_LEAST 500 /* full-size on the oddest path: nothing fits into a smaller window */
/* No answer may be larger: it would not survive the arithmetic of whoever uses it.  What a NaN becomes is larger. */
#define ANSWER_MOST (UINT64_C(1) << 62)

/* A plugin under test, and what went wrong first. */
typedef struct patient {
    sluice_instance *instance;
    sluice_rate_control rate;
    sluice_control control;
    uint64_t trace; /* of all answers */
    char failure[300];
} patient;

static bool fails(patient *p, const char *what, uint64_t seed)
{
    if (!p->failure[0])
        snprintf(p->failure, sizeof(p->failure), "%s (seed %llu; pacing %llu bit/s, window %llu bytes)", what,
                 (unsigned long long)seed, (unsigned long long)p->rate.raw.pacing_bps,
                 (unsigned long long)p->rate.raw.cwnd_bytes);
    return false;
}

static bool usable(const sluice_control *control)
{
    return control->pacing_bps <= ANSWER_MOST && control->cwnd_bytes <= ANSWER_MOST &&
           (control->pacing_bps > 0 || control->cwnd_bytes > 0) &&
           (control->cwnd_bytes == 0 || control->cwnd_bytes >= PACKET_LEAST);
}

static void note(patient *p, uint64_t value)
{
    p->trace = (p->trace ^ value) * 0xbf58476d1ce4e5b9u;
    p->trace ^= p->trace >> 31;
}

static bool examine(patient *p, uint64_t seed, const char *after)
{
    sluice_congestion_view view = {.phase = "none"};
    char what[120];

    if (!usable(&p->control) || !usable(&p->rate.raw)) {
        snprintf(what, sizeof(what), "an answer that cannot be used, after %s", after);
        return fails(p, what, seed);
    }
    if (p->rate.ops->view)
        sluice_rate_view(&p->rate, &view);
    note(p, p->rate.raw.pacing_bps);
    note(p, p->rate.raw.cwnd_bytes);
    note(p, view.estimate_bps);
    return view.phase ? true : fails(p, "its view has no phase", seed);
}

static bool start(patient *p, sluice *library, const char *name, const sluice_congestion_start *with)
{
    sluice_error error = {0, ""};

    *p = (patient){.trace = 1};
    if (sluice_instance_new(library, SLUICE_CONGESTION, name, &p->instance, &error)) {
        snprintf(p->failure, sizeof(p->failure), "%.250s", error.text);
        return false;
    }
    if (sluice_rate_init(&p->rate, p->instance->plugin, p->instance->state, p->instance->config, with, &p->control, &error)) {
        snprintf(p->failure, sizeof(p->failure), "%.250s", error.text);
        return false;
    }
    return examine(p, 0, "its start");
}

static void end(patient *p)
{
    sluice_instance_free(p->instance);
    p->instance = NULL;
}

static sluice_congestion_start start_plain(void)
{
    return (sluice_congestion_start){.size = sizeof(sluice_congestion_start),
                                     .now = SLUICE_SIM_START,
                                     .packet_bytes = PACKET,
                                     .limits = {TARGET_BPS, 0, 1}};
}

/* ---- wild samples ---- */

static sluice_congestion_start start_of(sluice_sim_random *random)
{
    sluice_congestion_start with = start_plain();

    if (sluice_sim_random_chance(random, 0.5)) {
        with.srtt_ns = with.min_rtt_ns = sluice_sim_random_between(random, 1, SLUICE_SECOND);
        with.delivery_rate_bps = sluice_sim_random_chance(random, 0.5) ? sluice_sim_random_next(random) >> 24 : 0;
    }
    return with;
}

static uint64_t wild(sluice_sim_random *random)
{
    unsigned shift = (unsigned)sluice_sim_random_between(random, 0, 64);

    return shift == 64 ? 0 : sluice_sim_random_next(random) >> shift;
}

/* Any figures at all, but the time does not go back and counters do not fall. */
static sluice_sample sample_wild(sluice_sim_random *random, const sluice_sample *before)
{
    sluice_sample s = {.size = sizeof(s), .now = before->now + (wild(random) >> 15)};

    s.acked_bytes = wild(random) >> 8;
    s.acked_packets = s.acked_bytes / 1200;
    s.lost_packets = wild(random) >> 20;
    s.lost_bytes = s.lost_packets;
    s.spurious_packets = wild(random);
    s.ce_packets = sluice_sim_random_chance(random, 0.1) ? wild(random) : 0;
    s.receiver_drop_packets = sluice_sim_random_chance(random, 0.1) ? wild(random) : 0;
    s.persistent = sluice_sim_random_chance(random, 0.05);
    s.delivered_bytes = before->delivered_bytes + (s.acked_bytes >> 8);
    s.in_flight_bytes = wild(random);
    s.prior_in_flight_bytes = wild(random);
    s.round_start = sluice_sim_random_chance(random, 0.3);
    s.round = before->round + s.round_start;
    s.rtt_ns = wild(random);
    s.srtt_ns = sluice_sim_random_chance(random, 0.9) ? wild(random) : 0;
    s.rttvar_ns = wild(random);
    s.min_rtt_ns = wild(random);
    s.queue_valid = sluice_sim_random_chance(random, 0.7);
    s.queue_ns = wild(random);
    s.queue_min_ns = s.queue_ns ? sluice_sim_random_below(random, s.queue_ns) : 0;
    s.delivery_rate_bps = wild(random);
    s.delivery_interval_ns = wild(random);
    s.app_limited = sluice_sim_random_chance(random, 0.2);
    s.queue_base_ns = (int64_t)(wild(random) >> 1) - (int64_t)(wild(random) >> 2);
    s.packet_bytes = (uint32_t)sluice_sim_random_between(random, PACKET_LEAST, 16384);
    return s;
}

static void other_calls(patient *p, sluice_sim_random *random, sluice_time now)
{
    sluice_limits limits = {wild(random) >> 14 | 1, 0, sluice_sim_random_unit(random)};

    switch (sluice_sim_random_below(random, 8)) {
    case 0:
        sluice_rate_sent(&p->rate, now, wild(random), wild(random), &p->control);
        break;
    case 1:
        sluice_rate_restart(&p->rate, now, sluice_sim_random_below(random, now), &p->control);
        break;
    case 2:
        sluice_rate_limits(&p->rate, now, &limits, &p->control);
        break;
    default:
        break;
    }
}

/* One who gets them, in steps, so that two may take turns. */
typedef struct ordeal {
    sluice_sim_random random;
    sluice_sample sample;
} ordeal;

static bool ordeal_start(ordeal *o, patient *p, sluice *library, const char *name, uint64_t seed)
{
    sluice_congestion_start with;

    o->random = sluice_sim_random_make(seed, 5);
    with = start_of(&o->random);
    o->sample = (sluice_sample){.now = SLUICE_SIM_START};
    return start(p, library, name, &with);
}

static bool ordeal_step(ordeal *o, patient *p, uint64_t seed)
{
    o->sample = sample_wild(&o->random, &o->sample);
    sluice_rate_sample(&p->rate, &o->sample, &p->control);
    if (!examine(p, seed, "wild samples"))
        return false;
    other_calls(p, &o->random, o->sample.now);
    return true;
}

static bool wild_samples(sluice *library, const char *name, char *sentence, size_t room)
{
    bool ok = true;

    for (uint64_t seed = 1; ok && seed <= SEEDS; seed++) {
        ordeal o;
        patient p;

        ok = ordeal_start(&o, &p, library, name, seed);
        for (unsigned i = 0; ok && i < SAMPLES; i++)
            ok = ordeal_step(&o, &p, seed);
        end(&p);
        snprintf(sentence, room, "%s", ok ? "usable answers to 10 times 20000 of them" : p.failure);
    }
    return ok;
}

/* Once alone, and then two that take turns: what lies outside of the instance's state would show. */
static bool same_twice(sluice *library, const char *name, char *sentence, size_t room)
{
    bool ok = true;

    for (uint64_t seed = 1; ok && seed <= SEEDS; seed++) {
        ordeal o[3];
        patient p[3] = {{.trace = 0}};

        for (int i = 0; i < 3; i++)
            ok = ordeal_start(&o[i], &p[i], library, name, i == 2 ? seed + SEEDS : seed) && ok;
        for (unsigned i = 0; ok && i < SAMPLES / 4; i++)
            ok = ordeal_step(&o[0], &p[0], seed);
        for (unsigned i = 0; ok && i < SAMPLES / 4; i++)
            ok = ordeal_step(&o[1], &p[1], seed) && ordeal_step(&o[2], &p[2], seed + SEEDS);
        if (ok && p[0].trace != p[1].trace)
            ok = fails(&p[0], "other answers to the same calls", seed);
        snprintf(sentence, room, "%s", ok ? "the same answers, alone and beside another instance"
                                          : p[0].failure[0] ? p[0].failure : p[1].failure[0] ? p[1].failure : p[2].failure);
        for (int i = 0; i < 3; i++)
            end(&p[i]);
    }
    return ok;
}

/* ---- silence, jumps, nothing, and too much ---- */

static sluice_sample sample_usual(sluice_time now, uint64_t round)
{
    return (sluice_sample){.size = sizeof(sluice_sample),
                           .now = now,
                           .acked_bytes = 10 * PACKET,
                           .acked_packets = 10,
                           .delivered_bytes = 10 * PACKET * (round + 1),
                           .in_flight_bytes = 40 * PACKET,
                           .prior_in_flight_bytes = 40 * PACKET,
                           .round = round,
                           .round_start = true,
                           .rtt_ns = 50 * SLUICE_MS,
                           .srtt_ns = 50 * SLUICE_MS,
                           .rttvar_ns = SLUICE_MS,
                           .min_rtt_ns = 50 * SLUICE_MS,
                           .queue_valid = true,
                           .delivery_rate_bps = 10 * UINT64_C(1000000),
                           .delivery_interval_ns = 50 * SLUICE_MS,
                           .packet_bytes = PACKET};
}

static bool usual(patient *p, sluice_time *now, uint64_t *round, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        sluice_sample sample = sample_usual(*now += 50 * SLUICE_MS, ++*round);

        sluice_rate_sample(&p->rate, &sample, &p->control);
        if (!examine(p, 0, "usual samples"))
            return false;
    }
    return true;
}

/* Probe time-outs, farther and farther apart, for hours; then it goes on. */
static bool silence(patient *p, sluice_time *now, uint64_t *round)
{
    for (unsigned i = 0; i < 200; i++) {
        sluice_sample sample = {.size = sizeof(sample),
                                .now = *now += (i < 20 ? i + 1 : 60) * SLUICE_SECOND,
                                .persistent = true,
                                .lost_packets = i == 0 ? 40 : 0,
                                .lost_bytes = i == 0 ? 40 * PACKET : 0,
                                .delivered_bytes = 10 * PACKET * (*round + 1),
                                .round = *round,
                                .srtt_ns = 50 * SLUICE_MS,
                                .rttvar_ns = SLUICE_MS,
                                .min_rtt_ns = 50 * SLUICE_MS,
                                .packet_bytes = PACKET};

        sluice_rate_sample(&p->rate, &sample, &p->control);
        if (!examine(p, 0, "silence"))
            return false;
    }
    sluice_rate_restart(&p->rate, *now, *now - SLUICE_SECOND, &p->control);
    return examine(p, 0, "silence") && usual(p, now, round, 100);
}

static bool jumps(patient *p, sluice_time *now, uint64_t *round)
{
    static const sluice_duration far[] = {0, 1, SLUICE_SECOND, 3600 * SLUICE_SECOND, 30 * 86400 * SLUICE_SECOND};

    for (size_t i = 0; i < SLUICE_COUNT(far); i++) {
        *now += far[i];
        sluice_rate_restart(&p->rate, *now, *now - far[i], &p->control);
        if (!examine(p, 0, "a jump of time") || !usual(p, now, round, 20))
            return false;
    }
    return true;
}

static bool nothing(patient *p, sluice_time *now, uint64_t *round)
{
    for (unsigned i = 0; i < 1000; i++) {
        sluice_sample sample = {.size = sizeof(sample), .now = *now, .packet_bytes = i % 2 ? PACKET : 0};

        sluice_rate_sample(&p->rate, &sample, &p->control);
        if (!examine(p, 0, "samples of nothing"))
            return false;
    }
    return usual(p, now, round, 100);
}

static bool too_much(patient *p, sluice_time *now, uint64_t *round)
{
    for (unsigned i = 0; i < 100; i++) {
        sluice_sample sample;

        memset(&sample, 0xff, sizeof(sample));
        sample.size = sizeof(sample);
        sample.now = ++*now;
        sample.persistent = i % 3 == 0;
        sample.round_start = sample.queue_valid = true;
        sample.app_limited = i % 2 == 0;
        sluice_rate_sample(&p->rate, &sample, &p->control);
        sluice_rate_sent(&p->rate, *now, UINT64_MAX, UINT64_MAX, &p->control);
        if (!examine(p, 0, "samples of enormous figures"))
            return false;
    }
    return usual(p, now, round, 100);
}

static bool endure(sluice *library, const char *name, bool (*trial)(patient *, sluice_time *, uint64_t *), const char *good,
                   char *sentence, size_t room)
{
    sluice_congestion_start with = start_plain();
    sluice_time now = SLUICE_SIM_START;
    uint64_t round = 0;
    patient p;
    bool ok = start(&p, library, name, &with) && usual(&p, &now, &round, 100) && trial(&p, &now, &round);

    snprintf(sentence, room, "%s", ok ? good : p.failure);
    end(&p);
    return ok;
}

bool sluice_conformance_needs_rate(sluice *library, const char *name)
{
    sluice_congestion_start with = start_plain();
    patient p;
    bool started;

    with.limits.target_bps = 0;
    started = start(&p, library, name, &with);
    end(&p);
    return !started;
}

/* ---- all of it ---- */

typedef struct session {
    void (*each)(void *user, const sluice_verdict *verdict);
    void *user;
    unsigned failed;
} session;

static void tell(void *user, const sluice_verdict *verdict)
{
    session *s = user;

    s->failed += verdict->required && !verdict->passed;
    if (s->each)
        s->each(s->user, verdict);
}

static void tell_required(session *s, const char *what, bool passed, const char *sentence)
{
    sluice_verdict verdict = {
        .size = sizeof(verdict), .required = true, .passed = passed, .what = what, .sentence = sentence};

    tell(s, &verdict);
}

int sluice_conformance(sluice *instance, const char *name, void (*each)(void *user, const sluice_verdict *verdict),
                       void *user, sluice_error *error)
{
    static const struct {
        const char *what, *good;
        bool (*trial)(patient *, sluice_time *, uint64_t *);
    } trials[] = {
        {"survives silence", "usable answers after two hours of it", silence},
        {"survives jumps of time", "usable answers after a month at once", jumps},
        {"survives samples of nothing", "usable answers", nothing},
        {"survives samples of enormous figures", "usable answers", too_much},
    };
    session s = {.each = each, .user = user};
    sluice_instance *probe;
    char sentence[300];
    bool passed;
    int status = sluice_instance_new(instance, SLUICE_CONGESTION, name, &probe, error);

    if (status)
        return status;
    sluice_instance_free(probe);
    for (size_t i = 0; i < SLUICE_COUNT(trials); i++) {
        passed = endure(instance, name, trials[i].trial, trials[i].good, sentence, sizeof(sentence));
        tell_required(&s, trials[i].what, passed, sentence);
    }
    passed = wild_samples(instance, name, sentence, sizeof(sentence));
    tell_required(&s, "survives wild samples, and gives no NaN", passed, sentence);
    passed = same_twice(instance, name, sentence, sizeof(sentence));
    tell_required(&s, "does the same twice", passed, sentence);
    if (!s.failed)
        status = sluice_report_card(instance, name, sluice_conformance_needs_rate(instance, name), tell, &s, error);
    if (!status && s.failed)
        status = sluice_fail(error, SLUICE_EFAILED, "congestion/%s: %u of what is required failed", name, s.failed);
    return status;
}
