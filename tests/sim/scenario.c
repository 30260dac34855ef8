/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/scenario.h"

#include <math.h>
#include <string.h>

extern const sluice_plugin congestion_fair_LTX_sluice_plugin;
extern const sluice_plugin congestion_fixed_LTX_sluice_plugin;
extern const sluice_plugin transport_udp_LTX_sluice_plugin;

typedef struct draw {
    sluice_sim_random random;
    sim_scenario *scenario;
} draw;

static double log_uniform(draw *d, double least, double most)
{
    return least * pow(most / least, sluice_sim_random_unit(&d->random));
}

static uint64_t between(draw *d, uint64_t least, uint64_t most)
{
    return sluice_sim_random_between(&d->random, least, most);
}

static bool chance(draw *d, double probability)
{
    return sluice_sim_random_chance(&d->random, probability);
}

/* ---- what every scenario has: a path and some objects ---- */

static void path_draw(draw *d)
{
    sim_scenario *s = d->scenario;
    double rate = log_uniform(d, 2e6, 1e9), delay = log_uniform(d, 50e3, 250e6);
    double bdp = rate / 8 * 2 * delay / 1e9;

    s->forward_setup = (sluice_sim_link_setup){.rate_bps = (sluice_rate)rate, .delay_ns = (sluice_duration)delay, .mtu = 1500};
    s->forward_setup.queue_bytes = (uint64_t)(30e3 + bdp * log_uniform(d, 0.1, 2));
    s->back_setup = s->forward_setup;
    if (chance(d, 0.5))
        s->back_setup.delay_ns = (sluice_duration)log_uniform(d, 50e3, 250e6);
}

/* Sizes from nothing to some hundred KB; mostly unordered. */
static void object_draw(draw *d, sim_object_setup *object, double most)
{
    *object = (sim_object_setup){.priority = (unsigned)between(d, 1, SLUICE_PRIORITY_LEVELS - 1)};
    object->bytes = chance(d, 0.1) ? 0 : (uint64_t)log_uniform(d, 1, most);
    object->flags = chance(d, 0.3) ? SLUICE_OBJECT_ORDERED : 0;
    if (chance(d, 0.5))
        object->step = (uint64_t)log_uniform(d, 1 + (double)object->bytes / 200, 1 + (double)object->bytes);
    if (chance(d, 0.3))
        object->start = (sluice_duration)log_uniform(d, 1e3, 1e9);
    if (chance(d, 0.2))
        object->pause = (sluice_duration)log_uniform(d, 1e3, 50e6);
    object->holes = object->step && !object->flags && chance(d, 0.2);
}

static size_t objects_draw(draw *d, sim_object_setup *objects, size_t count, double most)
{
    objects[0] = (sim_object_setup){.flags = SLUICE_OBJECT_ORDERED};
    objects[0].bytes = chance(d, 0.7) ? (uint64_t)log_uniform(d, 1, 5000) : 0;
    objects[0].step = chance(d, 0.5) ? 100 : 0;
    objects[0].pause = (sluice_duration)log_uniform(d, 1e3, 100e6);
    for (size_t i = 1; i <= count; i++)
        object_draw(d, &objects[i], most);
    return count + 1;
}

static void ends_draw(draw *d)
{
    sim_scenario *s = d->scenario;
    sim_endpoint_setup *client = &s->client_setup, *server = &s->server_setup;

    *client = (sim_endpoint_setup){.role = SLUICE_CLIENT,
                                   .transport = &transport_udp_LTX_sluice_plugin,
                                   .congestion = &congestion_fair_LTX_sluice_plugin};
    if (chance(d, 0.25)) {
        client->congestion = &congestion_fixed_LTX_sluice_plugin;
        client->limits.target_bps = (sluice_rate)((double)s->forward_setup.rate_bps * log_uniform(d, 0.3, 1));
    }
    *server = *client;
    server->role = SLUICE_SERVER;
    client->objects = s->client_objects;
    client->object_count = objects_draw(d, s->client_objects, (size_t)between(d, 1, 3), 2e6);
    server->objects = s->server_objects;
    server->object_count = objects_draw(d, s->server_objects, chance(d, 0.3) ? 1 : 0, 100e3);
    s->rtt_known = chance(d, 0.7);
}

/* ---- families: each adds one kind of trouble ---- */

static void plain(draw *d)
{
    (void)d;
}

static void random_loss(draw *d)
{
    d->scenario->forward_setup.loss = 0.3 * sluice_sim_random_unit(&d->random);
    d->scenario->back_setup.loss = 0.3 * sluice_sim_random_unit(&d->random);
}

static void bursts(draw *d)
{
    sluice_sim_link_setup *setup = &d->scenario->forward_setup;

    setup->burst_start = log_uniform(d, 0.0005, 0.02);
    setup->burst_end = log_uniform(d, 0.02, 0.5);
    setup->burst_loss = 0.5 + 0.5 * sluice_sim_random_unit(&d->random);
    if (chance(d, 0.5)) {
        d->scenario->back_setup.burst_start = setup->burst_start;
        d->scenario->back_setup.burst_end = setup->burst_end;
        d->scenario->back_setup.burst_loss = setup->burst_loss;
    }
}

static void reordering(draw *d)
{
    sluice_sim_link_setup *setup = &d->scenario->forward_setup;

    setup->jitter_ns = (sluice_duration)log_uniform(d, 10e3, 20e6);
    setup->jitter_reorders = chance(d, 0.7);
    setup->reorder = 0.2 * sluice_sim_random_unit(&d->random);
    setup->reorder_ns = (sluice_duration)log_uniform(d, 10e3, 100e6);
    d->scenario->back_setup.jitter_ns = setup->jitter_ns;
    d->scenario->back_setup.jitter_reorders = setup->jitter_reorders;
}

static void copies_and_damage(draw *d)
{
    sluice_sim_link_setup *setup = &d->scenario->forward_setup, *back = &d->scenario->back_setup;

    setup->duplicate = 0.3 * sluice_sim_random_unit(&d->random);
    setup->corrupt = chance(d, 0.5) ? 0.2 * sluice_sim_random_unit(&d->random) : 0;
    back->duplicate = 0.3 * sluice_sim_random_unit(&d->random);
    back->corrupt = chance(d, 0.5) ? 0.2 * sluice_sim_random_unit(&d->random) : 0;
}

static void trouble_add(sim_scenario *s, sluice_sim_link *link, sluice_duration after, const sluice_sim_link_setup *setup)
{
    s->troubles[s->trouble_count++] = (sim_trouble){SLUICE_SIM_START + after, link, *setup};
}

static void outage(draw *d)
{
    sim_scenario *s = d->scenario;
    sluice_duration at = (sluice_duration)log_uniform(d, 1e6, 3e9),
                    length = (sluice_duration)log_uniform(d, 50e6, 10e9);
    sluice_sim_link_setup out = s->forward_setup;
    bool both = chance(d, 0.6), forward = both || chance(d, 0.5);

    out.out = true;
    s->client_setup.timeout = s->server_setup.timeout = 30 * SLUICE_SECOND;
    if (forward) {
        trouble_add(s, &s->forward, at, &out);
        trouble_add(s, &s->forward, at + length, &s->forward_setup);
    }
    out = s->back_setup;
    out.out = true;
    if (both || !forward) {
        trouble_add(s, &s->back, at, &out);
        trouble_add(s, &s->back, at + length, &s->back_setup);
    }
}

static void lost_reports(draw *d)
{
    d->scenario->back_setup.loss = 0.2 + 0.5 * sluice_sim_random_unit(&d->random);
}

static void small_mtu(draw *d)
{
    static const uint32_t sizes[] = {1228, 1280, 1300, 1400, 1420, 1492};
    sim_scenario *s = d->scenario;
    sluice_sim_link_setup lower = s->forward_setup;

    lower.mtu = sizes[between(d, 0, SLUICE_COUNT(sizes) - 1)];
    s->client_setup.datagram_most = s->server_setup.datagram_most = chance(d, 0.5) ? 1472 : 8948;
    if (chance(d, 0.3))
        s->forward_setup.mtu = s->back_setup.mtu = 9000;
    if (chance(d, 0.7))
        trouble_add(s, &s->forward, (sluice_duration)log_uniform(d, 1e6, 2e9), &lower);
    else
        s->forward_setup.mtu = lower.mtu;
    if (chance(d, 0.2)) {
        s->client_setup.datagram_least = s->server_setup.datagram_least = 508;
        s->forward_setup.mtu = s->back_setup.mtu = (uint32_t)between(d, 576, 1228);
        s->trouble_count = 0;
    }
}

static void refusals(draw *d)
{
    sim_scenario *s = d->scenario;

    s->client_setup.refusal = 0.1 * sluice_sim_random_unit(&d->random);
    s->server_setup.refusal = 0.1 * sluice_sim_random_unit(&d->random);
    s->client_setup.datagram_most = s->server_setup.datagram_most = 8948;
    s->client_setup.local_mtu = (uint32_t)between(d, 1228, 9000);
    s->forward_setup.mtu = s->back_setup.mtu = chance(d, 0.5) ? 1500 : 9000;
}

static void key_phases(draw *d)
{
    sim_scenario *s = d->scenario;

    s->client_setup.packets_per_phase = (uint64_t)log_uniform(d, 3, 300);
    s->server_setup.packets_per_phase = (uint64_t)log_uniform(d, 3, 300);
    s->forward_setup.loss = chance(d, 0.5) ? 0.2 * sluice_sim_random_unit(&d->random) : 0;
    s->forward_setup.jitter_ns = chance(d, 0.5) ? (sluice_duration)log_uniform(d, 10e3, 20e6) : 0;
    s->forward_setup.jitter_reorders = true;
}

static void both_ways(draw *d)
{
    sim_scenario *s = d->scenario;

    s->client_setup.object_count = objects_draw(d, s->client_objects, (size_t)between(d, 2, 20), 100e3);
    s->server_setup.object_count = objects_draw(d, s->server_objects, (size_t)between(d, 2, 20), 100e3);
    s->forward_setup.loss = s->back_setup.loss = chance(d, 0.5) ? 0.1 * sluice_sim_random_unit(&d->random) : 0;
}

static void many_objects(draw *d)
{
    sim_scenario *s = d->scenario;

    s->client_setup.object_count = objects_draw(d, s->client_objects, SIM_SCENARIO_OBJECTS - 1, 5000);
    s->forward_setup.loss = chance(d, 0.5) ? 0.2 * sluice_sim_random_unit(&d->random) : 0;
}

static void slow_sink(draw *d)
{
    sim_scenario *s = d->scenario;

    s->server_setup.sink_bps = (sluice_rate)log_uniform(d, 2e6, 100e6);
    s->server_setup.receive_bytes = (uint64_t)log_uniform(d, 20e3, 1e6);
    s->server_setup.ordered_bytes = (uint64_t)log_uniform(d, 20e3, 1e6);
    s->forward_setup.loss = chance(d, 0.5) ? 0.1 * sluice_sim_random_unit(&d->random) : 0;
}

static void giving_up(draw *d)
{
    sim_scenario *s = d->scenario;

    s->client_setup.object_count = objects_draw(d, s->client_objects, (size_t)between(d, 3, 12), 200e3);
    for (size_t i = 1; i < s->client_setup.object_count; i++) {
        sim_object_setup *object = &s->client_objects[i];

        if (!object->bytes)
            continue;
        switch (between(d, 0, 5)) {
        case 0:
            object->abort_at = between(d, 1, object->bytes);
            break;
        case 1:
            object->stop_at = between(d, 1, object->bytes);
            break;
        case 2:
            object->refused = true;
            break;
        case 3:
            object->skip_at = between(d, 1, object->bytes);
            break;
        default:
            break;
        }
    }
    s->forward_setup.loss = chance(d, 0.7) ? 0.2 * sluice_sim_random_unit(&d->random) : 0;
    s->back_setup.loss = chance(d, 0.3) ? 0.2 * sluice_sim_random_unit(&d->random) : 0;
}

static void stalling_source(draw *d)
{
    d->scenario->client_setup.stall = 0.5 * sluice_sim_random_unit(&d->random);
    d->scenario->forward_setup.loss = chance(d, 0.5) ? 0.1 * sluice_sim_random_unit(&d->random) : 0;
}

static void marks(draw *d)
{
    sim_scenario *s = d->scenario;

    s->client_setup.ecn = s->server_setup.ecn = true;
    s->forward_setup.mark_bytes = s->forward_setup.queue_bytes / 4;
}

static void everything(draw *d)
{
    random_loss(d);
    d->scenario->forward_setup.loss /= 4;
    d->scenario->back_setup.loss /= 4;
    reordering(d);
    copies_and_damage(d);
    both_ways(d);
    giving_up(d);
    slow_sink(d);
    d->scenario->client_setup.packets_per_phase = (uint64_t)log_uniform(d, 20, 300);
    d->scenario->client_setup.stall = 0.2 * sluice_sim_random_unit(&d->random);
    outage(d);
}

typedef struct family {
    const char *name;
    void (*add)(draw *d);
} family;

static const family families[] = {
    {"plain", plain},
    {"random loss", random_loss},
    {"bursts of loss", bursts},
    {"reordering", reordering},
    {"copies and damage", copies_and_damage},
    {"outage", outage},
    {"lost reports", lost_reports},
    {"small MTU", small_mtu},
    {"refusals", refusals},
    {"key phases", key_phases},
    {"both ways", both_ways},
    {"many objects", many_objects},
    {"slow sink", slow_sink},
    {"giving up", giving_up},
    {"stalling source", stalling_source},
    {"marks", marks},
    {"everything", everything},
};

unsigned sim_scenario_families(void)
{
    return SLUICE_COUNT(families);
}

void sim_scenario_draw(sim_scenario *scenario, uint64_t seed)
{
    draw d = {sluice_sim_random_make(seed, 77), scenario};
    const family *drawn = &families[seed % SLUICE_COUNT(families)];

    memset(scenario, 0, sizeof(*scenario));
    sluice_sim_init(&scenario->simulation, seed);
    scenario->family = drawn->name;
    path_draw(&d);
    ends_draw(&d);
    drawn->add(&d);
    scenario->limit = SLUICE_SIM_START + 300 * SLUICE_SECOND;
}

/* ---- running ---- */

static void check(void *subject)
{
    sim_scenario *s = subject;
    uint64_t inside = s->forward.counts.held + s->back.counts.held + s->client.inbox_count + s->server.inbox_count;

    if (s->more) {
        inside += s->more->held(s);
        s->more->check(s);
    }

    sluice_sim_link_check(&s->forward);
    sluice_sim_link_check(&s->back);
    if (s->simulation.packets != inside)
        sluice_sim_fail(&s->simulation, "%llu packets exist, %llu lie on links or before the engines",
                 (unsigned long long)s->simulation.packets, (unsigned long long)inside);
}

static void trouble(void *subject, uint64_t argument)
{
    sim_scenario *s = subject;

    s->troubles[argument].link->setup = s->troubles[argument].setup;
    sluice_sim_say(&s->simulation, "trouble %llu", (unsigned long long)argument);
}

static bool run_until_done(sim_scenario *s)
{
    while (s->simulation.now < s->limit) {
        if (!sluice_sim_run(&s->simulation, s->simulation.now + 20 * SLUICE_MS))
            return false;
        if (sim_endpoint_done(&s->client) && sim_endpoint_done(&s->server))
            return true;
    }
    sim_endpoint_explain(&s->client);
    sim_endpoint_explain(&s->server);
    return false;
}

static void run_close(sim_scenario *s)
{
    sim_endpoint *closer = s->simulation.seed / SLUICE_COUNT(families) % 2 ? &s->client : &s->server;
    sluice_time limit = s->simulation.now + 90 * SLUICE_SECOND;

    sim_endpoint_close(closer, 0, "done");
    while (!s->simulation.failed && s->simulation.now < limit && !(s->client.closed && s->server.closed))
        sluice_sim_run(&s->simulation, s->simulation.now + 20 * SLUICE_MS);
    if (!s->client.closed || !s->server.closed)
        sluice_sim_fail(&s->simulation, "closed by %s, and client %d, server %d know of it",
                 closer == &s->client ? "client" : "server", s->client.closed, s->server.closed);
    else if (closer->closed_status)
        sluice_sim_fail(&s->simulation, "our own close ends with %s", sluice_status_name(closer->closed_status));
}

/* Whatever lies on the wire arrives; then nothing may be left. */
static void run_out(sim_scenario *s)
{
    s->client.live = s->server.live = false;
    sluice_sim_run(&s->simulation, SLUICE_NEVER);
    if (s->more)
        s->more->end(s);
    if (s->simulation.packets)
        sluice_sim_fail(&s->simulation, "%llu packets are left", (unsigned long long)s->simulation.packets);
}

bool sim_scenario_run(sim_scenario *s, bool verbose)
{
    s->simulation.verbose = verbose;
    sluice_sim_link_init(&s->forward, &s->simulation, &s->forward_setup, 1);
    sluice_sim_link_init(&s->back, &s->simulation, &s->back_setup, 2);
    if (!s->client_setup.channel) {
        s->client_setup.out = &s->forward;
        s->server_setup.out = &s->back;
    }
    for (size_t i = 0; i < s->trouble_count; i++)
        sluice_sim_at(&s->simulation, s->troubles[i].at, trouble, s, i);
    sim_endpoint_pair(&s->client, &s->server, &s->simulation, &s->client_setup, &s->server_setup, s->rtt_known);
    s->simulation.check = check;
    s->simulation.check_subject = s;
    if (s->more && !s->simulation.failed)
        s->more->begin(s);
    if (run_until_done(s))
        run_close(s);
    if (!s->simulation.failed)
        run_out(s);
    else if (s->more)
        s->more->end(s);
    s->simulation.check = NULL;
    for (int side = 0; side < 2; side++) {
        sim_endpoint *endpoint = side ? &s->server : &s->client;

        sluice_sim_note(&s->simulation, endpoint->delivered_bytes);
        sim_endpoint_fini(endpoint);
    }
    sluice_sim_link_fini(&s->forward);
    sluice_sim_link_fini(&s->back);
    sluice_sim_fini(&s->simulation);
    return !s->simulation.failed;
}
