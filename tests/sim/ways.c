/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/ways.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

extern const sluice_plugin transport_tcp_LTX_sluice_plugin;

typedef struct draw {
    sluice_sim_random random;
    sim_ways *ways;
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

/* ---- families ---- */

/* Families of scenario.c by their place in its table, which says what is sent and what datagrams suffer. */
enum {
    PLAIN,
    RANDOM_LOSS,
    BURSTS,
    REORDERING,
    COPIES,
    OUTAGE,
    LOST_REPORTS,
    KEY_PHASES = 9,
    BOTH_WAYS,
    MANY_OBJECTS,
    SLOW_SINK,
    GIVING_UP,
    STALLING_SOURCE,
    EVERYTHING = 16
};

static void base_draw(draw *d, const unsigned *bases, size_t count)
{
    uint64_t seed = d->ways->scenario.simulation.seed;
    uint64_t base = bases[between(d, 0, count - 1)];

    sim_scenario_draw(&d->ways->scenario, sim_scenario_families() * seed + base);
    sluice_sim_init(&d->ways->scenario.simulation, seed);
}

static sim_way *way_add(draw *d, sluice_time at)
{
    sim_way *way = &d->ways->ways[d->ways->way_count++];

    *way = (sim_way){.at = at, .server_first = chance(d, 0.7)};
    way->setup.rate_bps = (sluice_rate)log_uniform(d, 2e6, 10e9);
    way->setup.delay_ns = (sluice_duration)log_uniform(d, 20e3, 250e6);
    way->setup.queue_bytes = (uint64_t)log_uniform(d, 10e3, 4e6);
    return way;
}

static void channel_only(draw *d)
{
    static const unsigned bases[] = {PLAIN, BOTH_WAYS, MANY_OBJECTS, SLOW_SINK, GIVING_UP, STALLING_SOURCE};
    sim_scenario *s = &d->ways->scenario;

    base_draw(d, bases, SLUICE_COUNT(bases));
    sim_way *way = way_add(d, 0);
    s->client_setup.transport = s->server_setup.transport = &transport_tcp_LTX_sluice_plugin;
    s->client_setup.channel = &way->channels[0];
    s->server_setup.channel = &way->channels[1];
    s->client_setup.in_flight_most = s->server_setup.in_flight_most = (uint64_t)log_uniform(d, 20e3, 64e6);
    way->begun = true;
}

/* Datagrams fail at about the time of the move, or go on coming. */
static void datagrams_fade(draw *d, sluice_time at)
{
    sim_scenario *s = &d->ways->scenario;
    sluice_duration before = (sluice_duration)log_uniform(d, 1e6, 2e9);
    sluice_time from = at - SLUICE_SIM_START > before ? at - before : SLUICE_SIM_START;
    sluice_sim_link_setup out = s->forward_setup;

    s->trouble_count = 0;
    if (chance(d, 0.4))
        return;
    out.out = true;
    s->troubles[s->trouble_count++] = (sim_trouble){from, &s->forward, out};
    out = s->back_setup;
    out.out = true;
    if (chance(d, 0.7))
        s->troubles[s->trouble_count++] = (sim_trouble){from, &s->back, out};
}

static const unsigned troubled[] = {PLAIN,        RANDOM_LOSS,     BURSTS,    REORDERING,   COPIES,
                                    LOST_REPORTS, KEY_PHASES,      BOTH_WAYS, MANY_OBJECTS, SLOW_SINK,
                                    GIVING_UP,    STALLING_SOURCE, EVERYTHING};

/* Some time of the session, as long as it would last on a path without trouble, or a little later; often before either
 * side has heard of the other. */
static sluice_time moment(draw *d)
{
    const sim_scenario *s = &d->ways->scenario;
    uint64_t bytes = 0;

    for (size_t i = 0; i < s->client_setup.object_count; i++)
        bytes += s->client_objects[i].bytes;
    double way = (double)s->forward_setup.delay_ns;
    double length = 3 * way + (double)bytes * 8e9 / (double)s->forward_setup.rate_bps;

    return SLUICE_SIM_START + (sluice_duration)(chance(d, 0.15) ? 2 * way * sluice_sim_random_unit(&d->random)
                                                         : 1.2 * length * sluice_sim_random_unit(&d->random));
}

static void one_move(draw *d)
{
    base_draw(d, troubled, SLUICE_COUNT(troubled));
    sluice_time at = moment(d);

    way_add(d, at);
    datagrams_fade(d, at);
}

/* A way is cut, at times before both sides have moved to it, and another takes its place. */
static void many_moves(draw *d)
{
    base_draw(d, troubled, SLUICE_COUNT(troubled));
    sluice_time at = moment(d);
    uint64_t count = between(d, 2, SIM_WAYS_MOVES);

    datagrams_fade(d, at);
    for (uint64_t i = 0; i < count; i++) {
        sim_way *way = way_add(d, at);
        sluice_duration life = (sluice_duration)log_uniform(d, 100e3, 3e9);

        if (i + 1 < count) {
            way->cut = at + life;
            at = way->cut + (sluice_duration)log_uniform(d, 1e3, 3e9);
            if (chance(d, 0.2))
                way->cut = 0; /* It is left though it lives. */
        }
    }
}

static void changes_draw(draw *d)
{
    sim_ways *ways = d->ways;
    uint64_t count = between(d, 1, SIM_WAYS_CHANGES);

    for (uint64_t i = 0; i < count; i++)
        ways->changes[ways->change_count++] = moment(d);
}

static void attack_draw(draw *d)
{
    sim_attack *attack = &d->ways->attack;

    attack->addresses = between(d, 1, 3);
    attack->copied = chance(d, 0.3) ? 1 : sluice_sim_random_unit(&d->random);
    attack->sooner = chance(d, 0.3) ? 1 : sluice_sim_random_unit(&d->random);
    attack->every = chance(d, 0.7) ? (sluice_duration)log_uniform(d, 100e3, 1e9) : 0;
    attack->claims = chance(d, 0.5);
}

static void addresses_begin(draw *d)
{
    base_draw(d, troubled, SLUICE_COUNT(troubled));
    d->ways->many_addresses = true;
    d->ways->addresses.former_lives = chance(d, 0.3);
}

static void addresses(draw *d)
{
    addresses_begin(d);
    changes_draw(d);
}

static void attacker(draw *d)
{
    addresses_begin(d);
    attack_draw(d);
}

static void addresses_and_attacker(draw *d)
{
    addresses_begin(d);
    changes_draw(d);
    attack_draw(d);
}

static void addresses_and_moves(draw *d)
{
    addresses_begin(d);
    changes_draw(d);
    if (chance(d, 0.5))
        attack_draw(d);
    way_add(d, moment(d));
}

typedef struct family {
    const char *name;
    void (*draw)(draw *d);
} family;

static const family families[] = {
    {"channel only", channel_only},
    {"one move", one_move},
    {"many moves", many_moves},
    {"addresses", addresses},
    {"attacker", attacker},
    {"addresses and attacker", addresses_and_attacker},
    {"addresses and moves", addresses_and_moves},
};

/* ---- what happens ---- */

static sim_ways *ways_of(sim_scenario *scenario)
{
    return (sim_ways *)scenario;
}

static sim_endpoint *side(sim_scenario *s, bool server)
{
    return server ? &s->server : &s->client;
}

/* The other side reads on the channel that the first one has moved: it moves before it takes a packet from there. */
static void follow(void *subject, uint64_t argument)
{
    sim_scenario *s = subject;
    sim_way *way = &ways_of(s)->ways[argument];
    bool server = !way->server_first;

    if (!way->channels[0].out)
        sim_endpoint_move(side(s, server), &way->channels[server]);
}

static void move(void *subject, uint64_t argument)
{
    sim_scenario *s = subject;
    sim_way *way = &ways_of(s)->ways[argument];

    sluice_sim_at(&s->simulation, s->simulation.now + way->setup.delay_ns, follow, s, argument);
    sim_endpoint_move(side(s, way->server_first), &way->channels[way->server_first]);
}

static void cut(void *subject, uint64_t argument)
{
    sim_scenario *s = subject;
    sim_way *way = &ways_of(s)->ways[argument];

    sim_channel_cut(&way->channels[0]);
    sim_channel_cut(&way->channels[1]);
    sluice_sim_say(&s->simulation, "channel %llu is cut", (unsigned long long)argument);
}

static void change(void *subject, uint64_t argument)
{
    sim_ways *ways = subject;

    (void)argument;
    if (ways->scenario.client.live && !ways->scenario.client.channel)
        sim_addresses_change(&ways->addresses);
}

static void begin(sim_scenario *s)
{
    sim_ways *ways = ways_of(s);

    if (ways->many_addresses)
        sim_addresses_init(&ways->addresses, &s->client, &s->server, &ways->attack);
    for (size_t i = 0; i < ways->change_count; i++)
        sluice_sim_at(&s->simulation, ways->changes[i], change, ways, 0);
    for (size_t i = 0; i < ways->way_count; i++) {
        sim_way *way = &ways->ways[i];

        if (way->at)
            sluice_sim_at(&s->simulation, way->at, move, s, i);
        if (way->cut)
            sluice_sim_at(&s->simulation, way->cut, cut, s, i);
    }
}

static uint64_t held(const sim_scenario *s)
{
    const sim_ways *ways = (const sim_ways *)s;
    uint64_t sum = ways->addresses.held;

    for (size_t i = 0; i < SLUICE_COUNT(ways->addresses.tape); i++)
        sum += ways->addresses.tape[i] != NULL;
    for (size_t i = 0; i < ways->way_count; i++)
        sum += ways->ways[i].channels[0].held + ways->ways[i].channels[1].held;
    return sum;
}

static void check(sim_scenario *s)
{
    sim_ways *ways = ways_of(s);

    for (size_t i = 0; i < ways->way_count; i++) {
        sim_channel_check(&ways->ways[i].channels[0]);
        sim_channel_check(&ways->ways[i].channels[1]);
    }
}

static void end(sim_scenario *s)
{
    sim_ways *ways = ways_of(s);

    ways->moves += s->client.moves + s->server.moves;
    ways->moves_in_flight += s->client.moves_in_flight + s->server.moves_in_flight;
    ways->changed += ways->addresses.client_at;
    ways->adopted += ways->addresses.adopted;
    ways->copies += ways->addresses.copies;
    if (ways->many_addresses)
        sim_addresses_fini(&ways->addresses);
    for (size_t i = 0; i < ways->way_count; i++) {
        sim_channel_fini(&ways->ways[i].channels[0]);
        sim_channel_fini(&ways->ways[i].channels[1]);
    }
}

static const sim_scenario_more more = {.begin = begin, .held = held, .check = check, .end = end};

unsigned sim_ways_families(void)
{
    return SLUICE_COUNT(families);
}

void sim_ways_draw(sim_ways *ways, uint64_t seed)
{
    draw d = {sluice_sim_random_make(seed, 78), ways};
    const family *drawn = &families[seed % SLUICE_COUNT(families)];

    memset(ways, 0, offsetof(sim_ways, moves));
    sluice_sim_init(&ways->scenario.simulation, seed);
    drawn->draw(&d);
    ways->scenario.family = drawn->name;
    ways->scenario.more = &more;
    for (size_t i = 0; i < ways->way_count; i++) {
        sim_channel_init(&ways->ways[i].channels[0], &ways->scenario.simulation, &ways->ways[i].setup);
        sim_channel_init(&ways->ways[i].channels[1], &ways->scenario.simulation, &ways->ways[i].setup);
    }
}
