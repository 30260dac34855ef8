/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/streams.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const sluice_plugin congestion_fair_LTX_sluice_plugin;
extern const sluice_plugin congestion_fixed_LTX_sluice_plugin;
extern const sluice_plugin transport_udp_LTX_sluice_plugin;

#define PIECE_MOST (256u << 10)

static uint8_t piece[PIECE_MOST];

/* ---- the plan ---- */

static double log_uniform(sluice_sim_random *random, double least, double most)
{
    return least * pow(most / least, sluice_sim_random_unit(random));
}

static uint64_t log_between(sluice_sim_random *random, double least, double most)
{
    return (uint64_t)log_uniform(random, least, most);
}

static void path_draw(sim_streams *all, sluice_sim_random *random)
{
    double rate = log_uniform(random, 3e6, 1e9), delay = log_uniform(random, 50e3, 120e6);
    double bdp = rate / 8 * 2 * delay / 1e9;

    all->forward_setup =
        (sluice_sim_link_setup){.rate_bps = (sluice_rate)rate, .delay_ns = (sluice_duration)delay, .mtu = 1500};
    all->forward_setup.queue_bytes = (uint64_t)(60e3 + bdp * log_uniform(random, 0.3, 2));
    all->back_setup = all->forward_setup;
    all->rtt_known = sluice_sim_random_chance(random, 0.7);
    all->client_setup = (sim_endpoint_setup){.role = SLUICE_CLIENT,
                                             .transport = &transport_udp_LTX_sluice_plugin,
                                             .congestion = &congestion_fair_LTX_sluice_plugin,
                                             .ordered_bytes = SLUICE_STREAM_FIRST_BYTES};
    if (sluice_sim_random_chance(random, 0.25)) {
        all->client_setup.congestion = &congestion_fixed_LTX_sluice_plugin;
        all->client_setup.limits.target_bps = (sluice_rate)(rate * log_uniform(random, 0.3, 0.9));
    }
    all->server_setup = all->client_setup;
    all->server_setup.role = SLUICE_SERVER;
    all->memory_bytes = UINT64_C(1) << sluice_sim_random_between(random, 22, 24);
    all->lag_ns = sluice_sim_random_chance(random, 0.5) ? 0 : log_between(random, 1e3, 500e3);
}

static void way_draw(sluice_sim_random *random, sim_way *way, double most)
{
    *way = (sim_way){.used = true};
    way->bytes = sluice_sim_random_chance(random, 0.05) ? 0 : log_between(random, 1, most);
    way->write_most = log_between(random, 1 + (double)way->bytes / 300, PIECE_MOST);
    way->read_most = log_between(random, 1 + (double)way->bytes / 300, PIECE_MOST);
    way->flushes = sluice_sim_random_chance(random, 0.3) ? 0.1 : 0;
    way->write_pauses = sluice_sim_random_chance(random, 0.3) ? 0.1 : 0;
    way->read_pauses = sluice_sim_random_chance(random, 0.3) ? 0.1 : 0;
    way->pause_ns = log_between(random, 1e4, 100e6);
    way->gather_ns = sluice_sim_random_chance(random, 0.3) ? log_between(random, 1e3, 50e6) : 0;
}

static void plan_draw(sluice_sim_random *random, sim_plan *plan, double most)
{
    *plan = (sim_plan){.mode = (sluice_stream_mode)sluice_sim_random_between(random, 1, 3)};
    plan->opens = SLUICE_SIM_START + (sluice_sim_random_chance(random, 0.5) ? 0 : log_between(random, 1e5, 1e9));
    plan->priority = sluice_sim_random_chance(random, 0.5) ? 0 : (unsigned)sluice_sim_random_between(random, 1, 7);
    for (int i = 0; i < 2; i++)
        if (plan->mode & (i ? SLUICE_STREAM_PULL : SLUICE_STREAM_PUSH))
            way_draw(random, &plan->ways[i], most);
}

static void plans_draw(sim_streams *all, sluice_sim_random *random, size_t count, double most)
{
    all->plan_count = count;
    for (size_t i = 0; i < count; i++)
        plan_draw(random, &all->plans[i], most);
}

/* ---- families ---- */

static void plain(sim_streams *all, sluice_sim_random *random)
{
    (void)all;
    (void)random;
}

static void loss(sim_streams *all, sluice_sim_random *random)
{
    all->forward_setup.loss = 0.1 * sluice_sim_random_unit(random);
    all->back_setup.loss = 0.1 * sluice_sim_random_unit(random);
}

static void bursts(sim_streams *all, sluice_sim_random *random)
{
    sluice_sim_link_setup *setups[] = {&all->forward_setup, &all->back_setup};

    for (int i = 0; i < 2; i++) {
        setups[i]->burst_start = log_uniform(random, 0.0005, 0.01);
        setups[i]->burst_end = log_uniform(random, 0.05, 0.5);
        setups[i]->burst_loss = 0.5 + 0.5 * sluice_sim_random_unit(random);
    }
}

static void reordering(sim_streams *all, sluice_sim_random *random)
{
    sluice_sim_link_setup *setups[] = {&all->forward_setup, &all->back_setup};

    for (int i = 0; i < 2; i++) {
        setups[i]->jitter_ns = log_between(random, 10e3, 20e6);
        setups[i]->jitter_reorders = sluice_sim_random_chance(random, 0.7);
        setups[i]->reorder = 0.1 * sluice_sim_random_unit(random);
        setups[i]->reorder_ns = log_between(random, 10e3, 50e6);
    }
}

static void copies(sim_streams *all, sluice_sim_random *random)
{
    all->forward_setup.duplicate = 0.2 * sluice_sim_random_unit(random);
    all->back_setup.duplicate = 0.2 * sluice_sim_random_unit(random);
    all->forward_setup.corrupt = sluice_sim_random_chance(random, 0.5) ? 0.05 : 0;
    all->back_setup.corrupt = sluice_sim_random_chance(random, 0.5) ? 0.05 : 0;
}

static void trouble_add(sim_streams *all, sluice_sim_link *link, sluice_duration after, const sluice_sim_link_setup *setup)
{
    all->troubles[all->trouble_count++] = (sim_trouble_of_link){SLUICE_SIM_START + after, link, *setup};
}

/* Shorter than the time-out of 30 s. */
static void outage(sim_streams *all, sluice_sim_random *random)
{
    sluice_duration at = log_between(random, 1e6, 2e9), length = log_between(random, 50e6, 15e9);
    sluice_sim_link_setup out = all->forward_setup;
    uint64_t which = sluice_sim_random_between(random, 1, 3);

    out.out = true;
    all->client_setup.timeout = all->server_setup.timeout = 30 * SLUICE_SECOND;
    if (which & 1) {
        trouble_add(all, &all->forward, at, &out);
        trouble_add(all, &all->forward, at + length, &all->forward_setup);
    }
    out = all->back_setup;
    out.out = true;
    if (which & 2) {
        trouble_add(all, &all->back, at, &out);
        trouble_add(all, &all->back, at + length, &all->back_setup);
    }
}

static void giving_up(sim_streams *all, sluice_sim_random *random)
{
    plans_draw(all, random, sluice_sim_random_between(random, 3, 14), 300e3);
    for (size_t i = 0; i < all->plan_count; i++) {
        sim_plan *plan = &all->plans[i];
        sim_way *way = &plan->ways[plan->mode == SLUICE_STREAM_PULL || sluice_sim_random_chance(random, 0.5)];

        way = way->used ? way : &plan->ways[0];
        switch (sluice_sim_random_between(random, 0, 4)) {
        case 0:
            way->abort_at = 1 + sluice_sim_random_below(random, way->bytes + 1);
            break;
        case 1:
            way->leave_at = 1 + sluice_sim_random_below(random, way->bytes + 1);
            break;
        case 2:
            plan->refused = true;
            break;
        default:
            break;
        }
    }
    if (sluice_sim_random_chance(random, 0.7))
        loss(all, random);
}

static void many(sim_streams *all, sluice_sim_random *random)
{
    /* More than there is memory for at once: the client must wait for some to end. */
    plans_draw(all, random, SIM_STREAMS_MOST, 60e3);
    for (size_t i = 0; i < all->plan_count; i++)
        all->plans[i].opens = SLUICE_SIM_START;
    all->memory_bytes = UINT64_C(4) << 20;
    if (sluice_sim_random_chance(random, 0.5))
        loss(all, random);
}

static void pausing(sim_streams *all, sluice_sim_random *random)
{
    all->pause_count = sluice_sim_random_between(random, 1, 2);
    for (size_t i = 0; i < all->pause_count; i++) {
        all->pauses[i].from = SLUICE_SIM_START + log_between(random, 1e6, 1e9);
        all->pauses[i].to = all->pauses[i].from + log_between(random, 1e6, 3e9);
        all->pauses[i].client = sluice_sim_random_chance(random, 0.5);
    }
    if (all->pause_count == 2)
        all->pauses[1].client = !all->pauses[0].client;
    if (sluice_sim_random_chance(random, 0.5))
        loss(all, random);
}

/* What may be late is given time enough to come a second time. */
static void live_plan(const sim_streams *all, sluice_sim_random *random, sim_plan *plan)
{
    sluice_duration rtt = all->forward_setup.delay_ns + all->back_setup.delay_ns;

    plan->deadline_ns = 2 * rtt + log_between(random, 20e6, 1e9);
    for (int i = 0; i < 2; i++) {
        plan->ways[i].write_most = log_between(random, 100, 20e3);
        plan->ways[i].write_pauses = 0.9;
        plan->ways[i].pause_ns = log_between(random, 1e5, 20e6);
        plan->ways[i].read_pauses = 0;
    }
}

static void live(sim_streams *all, sluice_sim_random *random)
{
    plans_draw(all, random, sluice_sim_random_between(random, 1, 5), 500e3);
    for (size_t i = 0; i < all->plan_count; i++)
        if (i == 0 || sluice_sim_random_chance(random, 0.7))
            live_plan(all, random, &all->plans[i]);
    loss(all, random);
    all->forward_setup.loss *= 3;
    all->back_setup.loss *= 3;
}

static void live_and_giving_up(sim_streams *all, sluice_sim_random *random)
{
    giving_up(all, random);
    for (size_t i = 0; i < all->plan_count; i++)
        if (sluice_sim_random_chance(random, 0.7))
            live_plan(all, random, &all->plans[i]);
    loss(all, random);
    all->forward_setup.loss *= 2;
    all->back_setup.loss *= 2;
}

/* One stream, small writes far apart on an idle path. */
static void latency(sim_streams *all, sluice_sim_random *random)
{
    sluice_duration rtt = all->forward_setup.delay_ns + all->back_setup.delay_ns;
    sim_plan *plan = &all->plans[0];

    all->prompt = true;
    all->lag_ns = 0;
    all->rtt_known = true;
    plans_draw(all, random, 1, 5000);
    plan->priority = 0;
    plan->opens = SLUICE_SIM_START + 20 * rtt + 2 * SLUICE_SECOND; /* the path is idle then */
    for (int i = 0; i < 2; i++) {
        sim_way *way = &plan->ways[i];

        way->bytes = way->used ? way->bytes + 1 : 0;
        way->write_most = 1 + way->bytes / 20;
        way->read_most = PIECE_MOST;
        way->flushes = way->read_pauses = 0;
        way->write_pauses = 1;
        way->pause_ns = 5 * rtt + 200 * SLUICE_MS;
    }
}

static void latency_and_loss(sim_streams *all, sluice_sim_random *random)
{
    latency(all, random);
    all->forward_setup.loss = all->back_setup.loss = 0.05;
}

static void everything(sim_streams *all, sluice_sim_random *random)
{
    giving_up(all, random);
    loss(all, random);
    all->forward_setup.loss /= 2;
    all->back_setup.loss /= 2;
    reordering(all, random);
    copies(all, random);
    pausing(all, random);
    outage(all, random);
}

static const struct family {
    const char *name;
    void (*add)(sim_streams *all, sluice_sim_random *random);
} families[] = {
    {"plain", plain},
    {"loss", loss},
    {"bursts of loss", bursts},
    {"reordering", reordering},
    {"copies and damage", copies},
    {"outage", outage},
    {"giving up", giving_up},
    {"many", many},
    {"pausing", pausing},
    {"live", live},
    {"live, giving up", live_and_giving_up},
    {"latency", latency},
    {"latency and loss", latency_and_loss},
    {"everything", everything},
};

unsigned sim_streams_families(void)
{
    return SLUICE_COUNT(families);
}

/* More than all of it takes: bytes at a fifth of what the path carries, each pause, each flush, and time to recover. */
static sluice_time limit_of(const sim_streams *all)
{
    sluice_duration rtt = all->forward_setup.delay_ns + all->back_setup.delay_ns;
    sluice_rate rate = all->client_setup.limits.target_bps ? all->client_setup.limits.target_bps
                                                           : all->forward_setup.rate_bps;
    sluice_time limit = SLUICE_SIM_START + 60 * SLUICE_SECOND + 200 * rtt;
    double bytes = 0;

    for (size_t i = 0; i < all->plan_count; i++)
        for (int j = 0; j < 2; j++) {
            const sim_way *way = &all->plans[i].ways[j];
            uint64_t calls;

            if (!way->used)
                continue;
            calls = 1 + 2 * way->bytes / way->write_most + 2 * way->bytes / way->read_most;
            bytes += (double)way->bytes;
            limit += calls * (sluice_duration)((way->write_pauses + way->read_pauses) * (double)way->pause_ns +
                                               way->flushes * 8 * (double)(rtt + 10 * SLUICE_MS));
        }
    limit += (sluice_duration)(bytes * 8e9 * 5 / (double)rate);
    for (size_t i = 0; i < all->pause_count; i++)
        limit += all->pauses[i].to - all->pauses[i].from;
    return all->trouble_count ? limit + 60 * SLUICE_SECOND : limit;
}

void sim_streams_draw(sim_streams *all, uint64_t seed)
{
    sluice_sim_random random = sluice_sim_random_make(seed, 78);
    const struct family *drawn = &families[seed % SLUICE_COUNT(families)];

    memset(all, 0, sizeof(*all));
    sluice_sim_init(&all->simulation, seed);
    all->family = drawn->name;
    all->random = sluice_sim_random_make(seed, 79);
    path_draw(all, &random);
    plans_draw(all, &random, sluice_sim_random_between(&random, 1, 6), 800e3);
    drawn->add(all, &random);
    all->limit = limit_of(all);
}

/* ---- the programs: one at each end of each stream ---- */

static void writer_step(sim_streams *all, sim_plan *plan, int which);
static void reader_step(sim_streams *all, sim_plan *plan, int which);

static uint64_t number_of(const sim_streams *all, const sim_plan *plan)
{
    return (uint64_t)(plan - all->plans);
}

static sluice_stream *writer_of(sim_plan *plan, int which)
{
    return plan->ends[which ? 1 : 0];
}

static sluice_stream *reader_of(sim_plan *plan, int which)
{
    return plan->ends[which ? 0 : 1];
}

static const char *name_of(int which, bool reading)
{
    return reading == (which == 0) ? "server" : "client";
}

/* Argument: plan, way, and whether it is the reader. */
static void rested(void *subject, uint64_t argument)
{
    sim_streams *all = subject;
    sim_plan *plan = &all->plans[argument >> 2];
    int which = argument >> 1 & 1;

    if (argument & 1)
        plan->ways[which].reader_rests = false;
    else
        plan->ways[which].writer_rests = false;
    if (argument & 1)
        reader_step(all, plan, which);
    else
        writer_step(all, plan, which);
}

static void rest(sim_streams *all, sim_plan *plan, int which, bool reading, sluice_duration most)
{
    sluice_duration pause = all->prompt ? most : sluice_sim_random_below(&all->random, most + 1);

    if (reading)
        plan->ways[which].reader_rests = true;
    else
        plan->ways[which].writer_rests = true;
    sluice_sim_at(&all->simulation, all->simulation.now + pause, rested, all,
           number_of(all, plan) << 2 | (uint64_t)which << 1 | reading);
}

/* An end whose program has nothing to do any more is closed. */
static void end_if_over(sim_streams *all, sim_plan *plan, int side)
{
    const sim_way *out = &plan->ways[side], *in = &plan->ways[1 - side];
    sluice_error error = {0};
    int status;

    if (!plan->ends[side] || (out->used && !out->writer_over) || (in->used && !in->reader_over))
        return;
    status = sluice_stream_close(plan->ends[side], &error);
    plan->ends[side] = NULL;
    if (status != SLUICE_OK && plan->disturbed == SLUICE_OK && !plan->refused)
        sluice_sim_fail(&all->simulation, "stream %llu: close: %s", (unsigned long long)number_of(all, plan), error.text);
}

static void role_over(sim_streams *all, sim_plan *plan, int which, bool reading)
{
    if (reading)
        plan->ways[which].reader_over = true;
    else
        plan->ways[which].writer_over = true;
    end_if_over(all, plan, reading ? 1 - which : which);
}

/* A call failed for good: only because somebody gave the stream up, with the status that he gave. */
static void failed(sim_streams *all, sim_plan *plan, int which, bool reading, int64_t status)
{
    const sluice_error *error =
        sluice_stream_error(reading ? reader_of(plan, which) : writer_of(plan, which), reading);

    if (plan->refused ? status != SLUICE_EACCESS || !strstr(error->text, "not this one")
                      : plan->disturbed == SLUICE_OK || status != plan->disturbed)
        sluice_sim_fail(&all->simulation, "stream %llu, %s, %s: %s: %s", (unsigned long long)number_of(all, plan),
                 name_of(which, reading), reading ? "reading" : "writing", sluice_status_name((int)status), error->text);
    role_over(all, plan, which, reading);
}

static void give_up(sim_streams *all, sim_plan *plan, int side)
{
    sluice_stream *stream = plan->ends[side];

    if (plan->disturbed == SLUICE_OK)
        plan->disturbed = SLUICE_EFAILED;
    plan->ends[side] = NULL;
    plan->ways[side].writer_over = plan->ways[1 - side].reader_over = true;
    sluice_stream_abort(stream, SLUICE_EFAILED, "a whim");
    sluice_sim_say(&all->simulation, "stream %llu: %s gives up", (unsigned long long)number_of(all, plan),
            side ? "server" : "client");
}

/* ---- writing ---- */

static void call_note(sim_streams *all, sim_way *way)
{
    if (way->call_count == way->call_room) {
        way->call_room = way->call_room ? way->call_room * 2 : 64;
        way->calls = realloc(way->calls, way->call_room * sizeof(*way->calls));
        if (!way->calls)
            abort();
    }
    way->calls[way->call_count++] = (sim_call){way->written, all->simulation.now};
}

/* True: it goes on. */
static bool write_some(sim_streams *all, sim_plan *plan, int which)
{
    sim_way *way = &plan->ways[which];
    uint64_t count = 1 + sluice_sim_random_below(&all->random, way->write_most);
    int64_t put;

    if (count > way->bytes - way->written)
        count = way->bytes - way->written;
    if (count > PIECE_MOST)
        count = PIECE_MOST;
    sim_payload_fill((uint64_t)which + 1, number_of(all, plan), way->written, piece, count);
    put = sluice_stream_write(writer_of(plan, which), piece, count);
    if (put == SLUICE_EAGAIN)
        return false;
    if (put < 0) {
        failed(all, plan, which, false, put);
        return false;
    }
    if (put == 0 || (uint64_t)put > count)
        sluice_sim_fail(&all->simulation, "a write of %llu returns %lld", (unsigned long long)count, (long long)put);
    way->written += (uint64_t)put;
    call_note(all, way);
    if (sluice_sim_random_chance(&all->random, way->flushes)) {
        way->flushing = true;
        way->flush_upto = way->written;
    }
    if (sluice_sim_random_chance(&all->random, way->write_pauses))
        rest(all, plan, which, false, way->pause_ns);
    return true;
}

static bool flush_once(sim_streams *all, sim_plan *plan, int which)
{
    sim_way *way = &plan->ways[which];
    int status = sluice_stream_flush(writer_of(plan, which));

    if (status == SLUICE_EAGAIN)
        return false;
    way->flushing = false;
    if (status != SLUICE_OK) {
        failed(all, plan, which, false, status);
        return false;
    }
    all->flushes++;
    if (way->read_at < way->flush_upto)
        sluice_sim_fail(&all->simulation, "stream %llu: flush of %llu returns, but %llu were read",
                 (unsigned long long)number_of(all, plan), (unsigned long long)way->flush_upto,
                 (unsigned long long)way->read_at);
    return true;
}

static void verify_once(sim_streams *all, sim_plan *plan, int which)
{
    sim_way *way = &plan->ways[which];
    int status = sluice_stream_verify(writer_of(plan, which));

    if (status == SLUICE_EAGAIN)
        return;
    if (status != SLUICE_OK) {
        failed(all, plan, which, false, status);
        return;
    }
    all->verified++;
    if (!way->ended || way->read_at != way->written)
        sluice_sim_fail(&all->simulation, "stream %llu is verified, but %llu of %llu were read, end %d",
                 (unsigned long long)number_of(all, plan), (unsigned long long)way->read_at,
                 (unsigned long long)way->written, way->ended);
    role_over(all, plan, which, false);
}

static bool finish_once(sim_streams *all, sim_plan *plan, int which)
{
    int status = sluice_stream_finish(writer_of(plan, which));

    if (status != SLUICE_OK)
        failed(all, plan, which, false, status);
    plan->ways[which].finished = status == SLUICE_OK;
    return status == SLUICE_OK;
}

static void writer_step(sim_streams *all, sim_plan *plan, int which)
{
    sim_way *way = &plan->ways[which];
    bool goes_on = true;

    while (goes_on && !all->simulation.failed && writer_of(plan, which) && !way->writer_over && !way->writer_rests) {
        if (way->abort_at && way->written >= way->abort_at - 1) {
            give_up(all, plan, which);
            return;
        }
        if (way->flushing) {
            goes_on = flush_once(all, plan, which);
        } else if (way->finished) {
            verify_once(all, plan, which);
            return;
        } else if (way->written == way->bytes) {
            goes_on = finish_once(all, plan, which);
        } else {
            goes_on = write_some(all, plan, which);
        }
    }
}

/* ---- reading ---- */

/* The writer gives up in time; that the reader learns of it in time takes a packet that is not lost.  So few are late, and
 * none by more than some repetitions of that packet take. */
static void live_check(sim_streams *all, const sim_plan *plan, const sluice_sim_link_setup *link, sluice_duration took)
{
    sluice_duration rtt = all->forward_setup.delay_ns + all->back_setup.delay_ns;
    sluice_duration more = 5 * rtt + 250 * SLUICE_MS + 64000 * 8 * SLUICE_SECOND / link->rate_bps;

    all->live_writes++;
    all->live_late += took > plan->deadline_ns;
    if (took > plan->deadline_ns + more)
        sluice_sim_fail(&all->simulation, "stream %llu: bytes with a deadline of %.3f ms are read after %.3f",
                 (unsigned long long)number_of(all, plan), (double)plan->deadline_ns / 1e6, (double)took / 1e6);
}

static void latency_check(sim_streams *all, sim_plan *plan, int which)
{
    sim_way *way = &plan->ways[which];
    const sluice_sim_link_setup *link = which ? &all->back_setup : &all->forward_setup;

    for (; way->call_read < way->call_count && way->calls[way->call_read].end <= way->read_at; way->call_read++) {
        sluice_duration took = all->simulation.now - way->calls[way->call_read].at;

        way->latest_ns = took > way->latest_ns ? took : way->latest_ns;
        if (plan->deadline_ns)
            live_check(all, plan, link, took);
        /* Half a round trip, and what the gathering is allowed to take. */
        sluice_duration usual =
            link->delay_ns + way->gather_ns + 2 * SLUICE_MS + 1500 * 8 * SLUICE_SECOND / link->rate_bps;
        if (all->prompt) {
            all->prompt_writes++;
            all->prompt_late += took > usual;
            all->prompt_very_late += took > usual + 3 * link->delay_ns + 5 * SLUICE_MS;
        }
        if (all->prompt && link->loss <= 0 && took > usual)
            sluice_sim_fail(&all->simulation,
                     "write %zu is readable after %.3f ms, on a way of %.3f ms at %.3f Mbit/s that gathers for %.3f",
                     way->call_read, (double)took / 1e6, (double)link->delay_ns / 1e6, (double)link->rate_bps / 1e6,
                     (double)way->gather_ns / 1e6);
        if (all->prompt && took > all->latency_most)
            all->latency_most = took;
    }
}

/* What is passed over begins where reading stands, and ends where some write did. */
static void skip_over(sim_streams *all, sim_plan *plan, int which)
{
    sim_way *way = &plan->ways[which];
    uint64_t from, to;
    bool found = false;

    sluice_stream_skipped(reader_of(plan, which), &from, &to);
    for (size_t i = 0; i < way->call_count && !found; i++)
        found = way->calls[i].end == to;
    if (!plan->deadline_ns || from != way->read_at || to <= from || to > way->written || !found)
        sluice_sim_fail(&all->simulation, "stream %llu: %llu to %llu are skipped at %llu of %llu",
                 (unsigned long long)number_of(all, plan), (unsigned long long)from, (unsigned long long)to,
                 (unsigned long long)way->read_at, (unsigned long long)way->written);
    while (way->call_read < way->call_count && way->calls[way->call_read].end <= to)
        way->call_read++;
    way->skipped += to - from;
    way->read_at = to;
    all->skips++;
}

static void at_end(sim_streams *all, sim_plan *plan, int which)
{
    sim_way *way = &plan->ways[which];

    if (!way->finished || way->read_at != way->written)
        sluice_sim_fail(&all->simulation, "stream %llu ends at %llu of %llu, finished %d",
                 (unsigned long long)number_of(all, plan), (unsigned long long)way->read_at,
                 (unsigned long long)way->written, way->finished);
    way->ended = true;
    role_over(all, plan, which, true);
}

static bool read_some(sim_streams *all, sim_plan *plan, int which)
{
    sim_way *way = &plan->ways[which];
    uint64_t count = 1 + sluice_sim_random_below(&all->random, way->read_most);
    int64_t got = sluice_stream_read(reader_of(plan, which), piece, count < PIECE_MOST ? count : PIECE_MOST);

    if (got == SLUICE_EAGAIN)
        return false;
    if (got == SLUICE_ESKIPPED) {
        skip_over(all, plan, which);
        return true;
    }
    if (got == 0)
        at_end(all, plan, which);
    if (got < 0)
        failed(all, plan, which, true, got);
    if (got <= 0)
        return false;
    if (way->read_at + (uint64_t)got > way->written ||
        !sim_payload_same((uint64_t)which + 1, number_of(all, plan), way->read_at, piece, (size_t)got))
        sluice_sim_fail(&all->simulation, "stream %llu: bytes %llu to %llu of %llu are wrong",
                 (unsigned long long)number_of(all, plan), (unsigned long long)way->read_at,
                 (unsigned long long)(way->read_at + (uint64_t)got), (unsigned long long)way->written);
    way->read_at += (uint64_t)got;
    sluice_sim_note(&all->simulation, way->read_at);
    latency_check(all, plan, which);
    if (sluice_sim_random_chance(&all->random, way->read_pauses))
        rest(all, plan, which, true, way->pause_ns);
    return true;
}

static void leave(sim_streams *all, sim_plan *plan, int which)
{
    int side = 1 - which;
    sluice_error error = {0};

    if (plan->mode == SLUICE_STREAM_BOTH) {
        give_up(all, plan, side);
        return;
    }
    if (plan->disturbed == SLUICE_OK)
        plan->disturbed = SLUICE_ECLOSED;
    plan->ways[which].reader_over = true;
    (void)sluice_stream_close(plan->ends[side], &error);
    plan->ends[side] = NULL;
}

static void reader_step(sim_streams *all, sim_plan *plan, int which)
{
    sim_way *way = &plan->ways[which];
    bool goes_on = true;

    while (goes_on && !all->simulation.failed && reader_of(plan, which) && !way->reader_over && !way->reader_rests) {
        if (way->leave_at && way->read_at >= way->leave_at - 1) {
            leave(all, plan, which);
            return;
        }
        goes_on = read_some(all, plan, which);
    }
}

/* ---- streams begin ---- */

static void ends_step(sim_streams *all, sim_plan *plan, int side)
{
    if (plan->ends[side] && plan->ways[1 - side].used)
        reader_step(all, plan, 1 - side);
    if (plan->ends[side] && plan->ways[side].used)
        writer_step(all, plan, side);
}

static void stream_open(sim_streams *all, sim_plan *plan)
{
    char name[32];
    sluice_error error = {0};
    sluice_stream_order order = {.size = sizeof(order),
                                 .name = name,
                                 .mode = plan->mode,
                                 .gather_ns = plan->ways[0].gather_ns,
                                 .deadline_ns = plan->deadline_ns,
                                 .priority = plan->priority};
    int status;

    snprintf(name, sizeof(name), "%llu", (unsigned long long)number_of(all, plan));
    status = sluice_stream_open(all->quays[0].session, &order, &plan->ends[0], &error);
    if (status == SLUICE_ELIMIT) {
        all->elimits++;
        return; /* the next pump tries again */
    }
    if (status != SLUICE_OK) {
        sluice_sim_fail(&all->simulation, "open: %s", error.text);
        return;
    }
    plan->opened = true;
    sluice_stream_blocking(plan->ends[0], false);
    ends_step(all, plan, 0);
}

static void due(void *subject, uint64_t argument)
{
    sim_streams *all = subject;
    sim_plan *plan = &all->plans[argument];

    if (!all->simulation.failed && !plan->opened)
        stream_open(all, plan);
}

static int on_requested(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    sim_streams *all = user;
    sim_plan *plan = &all->plans[strtoull(request->name, NULL, 10)];

    if (plan->mode != request->mode || plan->deadline_ns != request->deadline_ns)
        sluice_sim_fail(&all->simulation, "stream %s is asked for wrongly", request->name);
    *stream_user = plan;
    return plan->refused ? sluice_fail(error, SLUICE_EACCESS, "not this one") : SLUICE_OK;
}

/* It was handed over, and is used from the next pump on. */
static void on_accepted(void *user, sluice_stream *stream)
{
    sim_plan *plan = sluice_stream_user(stream);

    (void)user;
    plan->accepted = true;
    plan->ends[1] = stream;
    sluice_stream_blocking(stream, false);
    if (plan->ways[1].gather_ns)
        sluice_stream_gather(stream, plan->ways[1].gather_ns);
}

static bool plan_over(const sim_plan *plan)
{
    return plan->opened && !plan->ends[0] && (plan->refused || (plan->accepted && !plan->ends[1]));
}

static void on_pumped(void *user, bool client)
{
    sim_streams *all = user;
    bool over = true;

    for (size_t i = 0; i < all->plan_count && !all->simulation.failed; i++) {
        sim_plan *plan = &all->plans[i];

        if (client && !plan->opened && plan->opens < all->simulation.now)
            stream_open(all, plan);
        ends_step(all, plan, client ? 0 : 1);
        over = over && plan_over(plan);
    }
    if (over && !all->closing && !all->simulation.failed) {
        all->closing = true;
        sim_quay_close(&all->quays[0]);
    }
}

/* ---- running ---- */

/* What the fifos of all handles hold, of a direction. */
static void memory_check(sim_streams *all)
{
    for (int side = 0; side < 2; side++) {
        uint64_t out = 0, in = 0;

        for (size_t i = 0; i < all->plan_count; i++) {
            const sluice_stream *stream = all->plans[i].ends[side];

            if (!stream)
                continue;
            out += stream->out.written - sluice_fifo_released(&stream->out);
            in += stream->in.written - sluice_fifo_released(&stream->in);
        }
        if (out > all->memory_bytes || in > all->memory_bytes)
            sluice_sim_fail(&all->simulation, "%s: %llu bytes are held out, %llu in; the limit is %llu",
                     side ? "server" : "client", (unsigned long long)out, (unsigned long long)in,
                     (unsigned long long)all->memory_bytes);
    }
}

static void check(void *subject)
{
    sim_streams *all = subject;

    memory_check(all);
    sluice_sim_link_check(&all->forward);
    sluice_sim_link_check(&all->back);
}

static void trouble(void *subject, uint64_t argument)
{
    sim_streams *all = subject;

    all->troubles[argument].link->setup = all->troubles[argument].setup;
    sluice_sim_say(&all->simulation, "trouble %llu", (unsigned long long)argument);
}

/* Argument: which pause, and whether it begins. */
static void pause_event(void *subject, uint64_t argument)
{
    sim_streams *all = subject;
    const sim_pause *pause = &all->pauses[argument >> 1];

    (void)sluice_stream_session_pause(all->quays[!pause->client].session, argument & 1);
}

static void explain(sim_streams *all)
{
    for (size_t i = 0; i < all->plan_count; i++) {
        const sim_plan *plan = &all->plans[i];

        if (plan_over(plan))
            continue;
        sluice_sim_fail(&all->simulation,
                 "stream %zu, mode %d, is not over: opened %d accepted %d disturbed %d; to server %llu/%llu/%llu over "
                 "%d/%d rests %d/%d flush %d finished %d; to client %llu/%llu/%llu over %d/%d rests %d/%d flush %d "
                 "finished %d",
                 i, plan->mode, plan->opened, plan->accepted, plan->disturbed,
                 (unsigned long long)plan->ways[0].bytes, (unsigned long long)plan->ways[0].written,
                 (unsigned long long)plan->ways[0].read_at, plan->ways[0].writer_over, plan->ways[0].reader_over,
                 plan->ways[0].writer_rests, plan->ways[0].reader_rests, plan->ways[0].flushing,
                 plan->ways[0].finished, (unsigned long long)plan->ways[1].bytes,
                 (unsigned long long)plan->ways[1].written, (unsigned long long)plan->ways[1].read_at,
                 plan->ways[1].writer_over, plan->ways[1].reader_over, plan->ways[1].writer_rests,
                 plan->ways[1].reader_rests, plan->ways[1].flushing, plan->ways[1].finished);
    }
    sluice_sim_fail(&all->simulation, "all streams are over, but the session is not: closed %d %d", all->client.closed,
             all->server.closed);
}

/* Where every word of the close is lost, the other side notices by its time-out of 60 s. */
static bool goes_on(const sim_streams *all)
{
    bool one = all->client.closed != all->server.closed;

    return !all->simulation.failed && all->simulation.now < all->limit + (one ? 70 * SLUICE_SECOND : 0) &&
           !(all->client.closed && all->server.closed);
}

static void run(sim_streams *all)
{
    while (goes_on(all))
        sluice_sim_run(&all->simulation, all->simulation.now + 50 * SLUICE_MS);
    if (all->simulation.failed)
        return;
    if (!all->client.closed || !all->server.closed) {
        explain(all);
        return;
    }
    for (int side = 0; side < 2; side++) {
        const sim_quay *quay = &all->quays[side];

        /* A session in good order is told as well as its streams are. */
        if (!quay->finished || (quay->status == SLUICE_OK) != (quay->items_failed == 0) ||
            (quay->status == SLUICE_EPARTIAL) != (quay->items_failed > 0 && quay->items_done > 0))
            sluice_sim_fail(&all->simulation, "%s: the session ends with %s: %s", side ? "server" : "client",
                     sluice_status_name(quay->status), quay->sentence);
        if (quay->items_begun != quay->items_done + quay->items_failed)
            sluice_sim_fail(&all->simulation, "%s: %llu streams begin, %llu are done, %llu fail", side ? "server" : "client",
                     (unsigned long long)quay->items_begun, (unsigned long long)quay->items_done,
                     (unsigned long long)quay->items_failed);
    }
}

static void ends_fini(sim_streams *all)
{
    for (size_t i = 0; i < all->plan_count; i++)
        for (int side = 0; side < 2; side++) {
            sluice_stream_abort(all->plans[i].ends[side], SLUICE_ECANCELLED, "the run is over");
            free(all->plans[i].ways[side].calls);
        }
}

static void events_make(sim_streams *all)
{
    for (size_t i = 0; i < all->plan_count; i++)
        sluice_sim_at(&all->simulation, all->plans[i].opens, due, all, i);
    for (size_t i = 0; i < all->trouble_count; i++)
        sluice_sim_at(&all->simulation, all->troubles[i].at, trouble, all, i);
    for (size_t i = 0; i < all->pause_count; i++) {
        sluice_sim_at(&all->simulation, all->pauses[i].from, pause_event, all, i << 1 | 1);
        sluice_sim_at(&all->simulation, all->pauses[i].to, pause_event, all, i << 1);
    }
}

static void both_begin(sim_streams *all)
{
    sim_quay_setup setup = {.memory_bytes = all->memory_bytes,
                            .lag_ns = all->lag_ns,
                            .requested = on_requested,
                            .accepted = on_accepted,
                            .pumped = on_pumped,
                            .user = all};

    for (int side = 0; side < 2; side++) {
        setup.client = side == 0;
        sim_quay_init(&all->quays[side], &all->simulation, &setup);
    }
    all->client_setup.out = &all->forward;
    all->server_setup.out = &all->back;
    all->client_setup.cargo = &all->quays[0].hook;
    all->server_setup.cargo = &all->quays[1].hook;
    all->client_setup.receive_bytes = all->server_setup.receive_bytes = all->memory_bytes;
    sim_endpoint_pair(&all->client, &all->server, &all->simulation, &all->client_setup, &all->server_setup,
                      all->rtt_known);
    if (all->simulation.failed)
        return;
    sim_quay_start(&all->quays[1], &all->server);
    sim_quay_start(&all->quays[0], &all->client);
}

bool sim_streams_run(sim_streams *all, bool verbose)
{
    all->simulation.verbose = verbose;
    sluice_sim_link_init(&all->forward, &all->simulation, &all->forward_setup, 1);
    sluice_sim_link_init(&all->back, &all->simulation, &all->back_setup, 2);
    both_begin(all);
    events_make(all);
    all->simulation.check = check;
    all->simulation.check_subject = all;
    run(all);
    all->client.live = all->server.live = false;
    for (int side = 0; side < 2; side++)
        sim_quay_stop(&all->quays[side]);
    if (!all->simulation.failed)
        sluice_sim_run(&all->simulation, SLUICE_NEVER);
    if (!all->simulation.failed && all->simulation.packets)
        sluice_sim_fail(&all->simulation, "%llu packets are left", (unsigned long long)all->simulation.packets);
    all->simulation.check = NULL;
    ends_fini(all);
    for (int side = 0; side < 2; side++) {
        sim_endpoint_fini(side ? &all->server : &all->client);
        sim_quay_fini(&all->quays[side]);
    }
    sluice_sim_link_fini(&all->forward);
    sluice_sim_link_fini(&all->back);
    sluice_sim_fini(&all->simulation);
    return !all->simulation.failed;
}
