/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/run.h"

#include "simulate/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS 10 /* of each sender: it has several sources of randomness */

/* ---- links ---- */

void sluice_line_settle(sluice_line *line, sluice_time now)
{
    double rate = line->link.setup.out ? 0 : (double)line->link.setup.rate_bps;

    line->capacity_bits += rate * (double)(now - line->capacity_at) / 1e9;
    line->capacity_at = now;
}

static uint64_t queue_of(const sluice_link_config *config, sluice_rate rate, sluice_duration rtt, uint64_t given)
{
    double bytes = (double)rate / 8 * (double)rtt / 1e9 * config->queue_bdp;

    if (given)
        return given;
    return bytes > (double)config->queue_least ? (uint64_t)bytes : config->queue_least;
}

static sluice_sim_link_setup line_setup(const sluice_link_config *config, bool back)
{
    sluice_duration back_delay = config->back_delay ? config->back_delay : config->delay;
    sluice_rate rate = back && config->back_rate ? config->back_rate : config->rate;
    uint64_t given = back && config->back_queue ? config->back_queue : config->queue;
    sluice_sim_link_setup setup = {.rate_bps = rate,
                                   .delay_ns = back ? back_delay : config->delay,
                                   .queue_bytes = queue_of(config, rate, config->delay + back_delay, given),
                                   .mark_bytes = config->mark,
                                   .ecn = config->ecn,
                                   .jitter_ns = config->jitter,
                                   .jitter_reorders = config->jitter_reorders,
                                   .mtu = (uint32_t)config->mtu,
                                   .loss = back ? config->back_loss : config->loss};

    if (config->discipline == SLUICE_CODEL)
        setup.codel = (sluice_codel_setup){config->codel_target, config->codel_interval};
    if (back)
        return setup;
    setup.policer_bps = config->policer;
    setup.policer_bytes = config->policer_burst;
    setup.burst_start = config->burst_start;
    setup.burst_end = config->burst_end;
    setup.burst_loss = config->burst_loss;
    setup.reorder = config->reorder;
    setup.reorder_ns = config->reorder_delay;
    setup.duplicate = config->duplicate;
    return setup;
}

static void lines_init(sluice_run *run)
{
    for (size_t i = 0; i < run->scenario->count; i++) {
        const sluice_part *part = &run->scenario->parts[i];

        for (int back = 0; part->type == SLUICE_PART_LINK && back < 2; back++) {
            sluice_line *line = &run->lines[run->line_count++];
            sluice_sim_link_setup setup = line_setup(&part->config.link, back);

            line->part = part;
            line->capacity_at = run->simulation.now;
            snprintf(line->name, sizeof(line->name), "%s%s", part->name, back ? "/back" : "");
            sluice_sim_link_init(&line->link, &run->simulation, &setup, run->line_count);
        }
    }
}

static sluice_line *line_of(sluice_run *run, const sluice_part *part, bool back)
{
    for (size_t i = 0; i < run->line_count; i++)
        if (run->lines[i].part == part)
            return &run->lines[i + back];
    return NULL;
}

/* ---- senders ---- */

static void way_set(sluice_run *run, sluice_sender *sender)
{
    bool flow = sender->part->type == SLUICE_PART_FLOW;
    const char *list = flow ? sender->part->config.flow.link : sender->part->config.competitor.link;
    bool back = (flow ? sender->part->config.flow.direction : sender->part->config.competitor.direction) == SLUICE_BACK;
    const sluice_part *way[SLUICE_SIM_HOPS];

    sender->hops = sluice_scenario_way(run->scenario, list, way, SLUICE_SIM_HOPS);
    for (unsigned i = 0; i < sender->hops; i++) {
        sluice_line *out = line_of(run, way[back ? sender->hops - 1 - i : i], back);
        sluice_line *home = line_of(run, way[back ? i : sender->hops - 1 - i], !back);

        sender->out[i] = &out->link;
        sender->back[i] = &home->link;
    }
}

static size_t senders_of(const sluice_part *part)
{
    return part->type == SLUICE_PART_FLOW         ? (size_t)part->config.flow.count
           : part->type == SLUICE_PART_COMPETITOR ? (size_t)part->config.competitor.count
                                                  : 0;
}

static void senders_init(sluice_run *run)
{
    for (size_t i = 0; i < run->scenario->count; i++) {
        const sluice_part *part = &run->scenario->parts[i];
        size_t count = senders_of(part);

        for (size_t j = 0; j < count; j++) {
            sluice_sender *sender = &run->senders[run->sender_count++];

            sender->simulation = &run->simulation;
            sender->library = run->scenario->library;
            sender->part = part;
            sender->jitter_ns = run->config->host_jitter;
            way_set(run, sender);
            sluice_sender_init(sender, (unsigned)j, (unsigned)count, 1000 + LABELS * run->sender_count);
        }
    }
}

/* ---- events ---- */

static void line_change(sluice_line *line, const sluice_part *part, bool outage_ends)
{
    const sluice_event_config *event = &part->config.event;
    sluice_sim_link_setup *setup = &line->link.setup;

    sluice_line_settle(line, line->link.simulation->now);
    if (outage_ends) {
        setup->out = false;
        return;
    }
    if (sluice_part_given(part, "rate"))
        setup->rate_bps = event->rate;
    if (sluice_part_given(part, "delay"))
        setup->delay_ns = event->delay;
    if (sluice_part_given(part, "loss"))
        setup->loss = event->loss;
    if (sluice_part_given(part, "jitter"))
        setup->jitter_ns = event->jitter;
    if (sluice_part_given(part, "queue"))
        setup->queue_bytes = event->queue;
    if (sluice_part_given(part, "policer")) {
        setup->policer_bps = event->policer;
        setup->policer_bytes = line->part->config.link.policer_burst;
    }
    if (event->outage)
        setup->out = true;
}

static void links_change(sluice_run *run, const sluice_part *part, bool outage_ends)
{
    const sluice_event_config *event = &part->config.event;
    const sluice_part *way[SLUICE_SIM_HOPS];
    unsigned count = sluice_scenario_way(run->scenario, event->link, way, SLUICE_SIM_HOPS);
    int direction = event->outage && !sluice_part_given(part, "direction") ? SLUICE_BOTH : event->direction;

    for (unsigned i = 0; i < count; i++) {
        if (direction != SLUICE_BACK)
            line_change(line_of(run, way[i], false), part, outage_ends);
        if (direction != SLUICE_FORWARD)
            line_change(line_of(run, way[i], true), part, outage_ends);
    }
}

static void flows_change(sluice_run *run, const sluice_part *part)
{
    const sluice_event_config *event = &part->config.event;

    for (size_t i = 0; i < run->sender_count; i++) {
        sluice_sender *sender = &run->senders[i];
        sluice_limits limits = sender->limits;

        if (sender->part->type != SLUICE_PART_FLOW || strcmp(sender->part->name, event->flow))
            continue;
        if (sluice_part_given(part, "rate"))
            limits.target_bps = event->rate;
        if (sluice_part_given(part, "min-rate"))
            limits.minimum_bps = event->min_rate;
        if (sluice_part_given(part, "weight"))
            limits.weight = event->weight;
        sluice_sender_limits(sender, &limits);
    }
}

static void happen(void *subject, uint64_t outage_ends)
{
    sluice_occurrence *it = subject;

    if (it->part->config.event.flow)
        flows_change(it->run, it->part);
    else
        links_change(it->run, it->part, outage_ends);
}

static void occurrences_init(sluice_run *run)
{
    static const char *const keys[] = {"rate", "min-rate", "weight", "delay", "loss", "jitter", "queue", "policer", "outage"};

    for (size_t i = 0; i < run->scenario->count; i++) {
        const sluice_part *part = &run->scenario->parts[i];
        sluice_occurrence *it = &run->occurrences[run->occurrence_count];
        sluice_time at = SLUICE_SIM_START + part->config.event.at;
        size_t used = 0;

        if (part->type != SLUICE_PART_EVENT)
            continue;
        run->occurrence_count++;
        *it = (sluice_occurrence){.run = run, .part = part};
        for (size_t k = 0; k < SLUICE_COUNT(keys); k++)
            if (sluice_part_given(part, keys[k]) && used < sizeof(it->what))
                used += (size_t)snprintf(it->what + used, sizeof(it->what) - used, "%s%s", used ? ", " : "", keys[k]);
        sluice_sim_at(&run->simulation, at, happen, it, false);
        if (part->config.event.outage)
            sluice_sim_at(&run->simulation, at + part->config.event.outage, happen, it, true);
    }
}

/* ---- the run ---- */

static double seconds_of(sluice_time time)
{
    return (double)(time - SLUICE_SIM_START) / 1e9;
}

static bool has_rate(const sluice_line *line)
{
    return line->part->config.link.rate != 0 || line->part->config.link.back_rate != 0;
}

static void tell_tracks(const sluice_run *run)
{
    const sluice_simulation_calls *calls = run->calls;
    sluice_track track = {.size = sizeof(track)};
    double end = (double)run->config->duration / 1e9;

    if (!calls->track)
        return;
    for (size_t i = 0; i < run->sender_count; i++, track.index++) {
        const sluice_sender *sender = &run->senders[i];

        track.type = sender->part->type == SLUICE_PART_FLOW ? SLUICE_TRACK_FLOW : SLUICE_TRACK_COMPETITOR;
        track.name = sender->name;
        track.kind = sluice_sender_kind(sender->part);
        track.start = seconds_of(sender->start);
        track.stop = sender->stop ? seconds_of(sender->stop) : end;
        calls->track(calls->user, &track);
    }
    for (size_t i = 0; i < run->line_count; i++) {
        if (!has_rate(&run->lines[i]))
            continue;
        track.type = SLUICE_TRACK_LINK;
        track.name = run->lines[i].name;
        track.kind = "link";
        track.start = 0;
        track.stop = end;
        calls->track(calls->user, &track);
        track.index++;
    }
    for (size_t i = 0; i < run->occurrence_count; i++, track.index++) {
        const sluice_event_config *event = &run->occurrences[i].part->config.event;

        track.type = SLUICE_TRACK_EVENT;
        track.name = run->occurrences[i].part->name;
        track.kind = run->occurrences[i].what;
        track.start = (double)event->at / 1e9;
        track.stop = track.start + (double)event->outage / 1e9;
        calls->track(calls->user, &track);
    }
}

static void go(sluice_run *run)
{
    const sluice_simulation_config *config = run->config;
    sluice_time end = SLUICE_SIM_START + config->duration;
    sluice_time judged = SLUICE_SIM_START + (config->from ? config->from : config->duration / 2);
    sluice_time from = SLUICE_SIM_START, to;
    bool judging = false;

    tell_tracks(run);
    for (; from < end; from = to) {
        to = from + config->interval < end ? from + config->interval : end;
        if (!judging && judged <= to) {
            if (!sluice_sim_run(&run->simulation, judged))
                return;
            sluice_figures_judge(run);
            judging = true;
        }
        if (!sluice_sim_run(&run->simulation, to))
            return;
        sluice_figures_tell(run, seconds_of(from), seconds_of(to), false);
    }
    sluice_figures_tell(run, seconds_of(judged), seconds_of(end), true);
}

static int run_init(sluice_run *run)
{
    size_t senders = 0, links = 0, events = 0;

    sluice_sim_init(&run->simulation, (uint64_t)run->config->seed);
    for (size_t i = 0; i < run->scenario->count; i++) {
        senders += senders_of(&run->scenario->parts[i]);
        links += run->scenario->parts[i].type == SLUICE_PART_LINK;
        events += run->scenario->parts[i].type == SLUICE_PART_EVENT;
    }
    run->lines = calloc(2 * links + 1, sizeof(*run->lines));
    run->senders = calloc(senders + 1, sizeof(*run->senders));
    run->occurrences = calloc(events + 1, sizeof(*run->occurrences));
    if (!run->lines || !run->senders || !run->occurrences)
        return SLUICE_ENOMEM;
    lines_init(run);
    senders_init(run);
    occurrences_init(run);
    return SLUICE_OK;
}

/* What is on its way comes to its end first: then no packet is anywhere. */
static void run_fini(sluice_run *run)
{
    run->simulation.failed = false;
    for (size_t i = 0; i < run->sender_count; i++)
        sluice_sender_stop(&run->senders[i]);
    sluice_sim_run(&run->simulation, SLUICE_NEVER);
    for (size_t i = 0; i < run->sender_count; i++)
        sluice_sender_fini(&run->senders[i]);
    for (size_t i = 0; i < run->line_count; i++)
        sluice_sim_link_fini(&run->lines[i].link);
    sluice_sim_fini(&run->simulation);
    free(run->lines);
    free(run->senders);
    free(run->occurrences);
}

int sluice_simulate(const sluice_scenario *scenario, const sluice_simulation_calls *calls, sluice_error *error)
{
    sluice_run *run = calloc(1, sizeof(*run));
    int status;

    if (!run)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    run->scenario = scenario;
    run->config = &scenario->parts[0].config.simulation;
    run->calls = calls;
    status = run_init(run);
    if (status)
        sluice_fail(error, status, "out of memory");
    else
        go(run);
    if (!status && run->simulation.failed)
        status = sluice_fail(error, SLUICE_EFAILED, "%s", run->simulation.failure);
    run_fini(run);
    free(run);
    return status;
}
