/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many sessions of one server whose thread is slow and at times stands still, with the real engine and the real
 * controls in virtual time.
 *
 * Each client sends an object and, all the time, small messages; the server says little.  In the middle the server's
 * thread is not run for a while.  What was said meanwhile waits in its socket, each packet with the time at which it
 * came. Whatever the engines take for lost then, they must come to rest: some seconds later packets wait for no longer
 * than they did before, nothing more is sent than the messages need, and everything arrives.  Engines that time out by
 * a round trip without the waits in sockets never do: each report that is read late makes them ask for another one.
 *
 *     test_crowd                 all of them
 *     test_crowd FIRST COUNT     these seeds
 *     test_crowd SEED            one, with what the server does in each second
 */
#include "sim/host.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const sluice_plugin congestion_fair_LTX_sluice_plugin;
extern const sluice_plugin transport_udp_LTX_sluice_plugin;

#define CASES 60
#define CASES_FEW 15 /* where a run takes many times as long: under sanitizers */
#define TWICE_EVERY 20
#define CLIENTS_MOST 100
#define SECONDS 24 /* messages are said for so long */
#define CALM 8     /* so many seconds after the stall all must have come to rest */
#define MESSAGE_BYTES 100
#define PACKETS_A_MESSAGE \
    8 /* at the server, both ways: the message and what reports on it, and all of that once more */
#define WAIT_MOST (100 * SLUICE_MS)

typedef struct crowd crowd;

typedef struct session {
    sluice_sim_link links[2];
    sim_endpoint ends[2]; /* client, server */
    sim_object_setup objects[2][2];
    sim_endpoint_setup setups[2];
} session;

struct crowd {
    sluice_sim simulation;
    sluice_sim_random random;
    sim_host host;
    sim_host_setup host_setup;
    size_t clients;
    session *sessions;
    sluice_duration pause, stall;
    sluice_time stalls_at;
    uint64_t bytes; /* of each client's object */
};

static double log_uniform(sluice_sim_random *random, double least, double most)
{
    return least * pow(most / least, sluice_sim_random_unit(random));
}

static void draw(crowd *c)
{
    c->clients = 20 + sluice_sim_random_below(&c->random, CLIENTS_MOST - 19);
    c->host_setup = (sim_host_setup){.packet_ns = (sluice_duration)log_uniform(&c->random, 10e3, 40e3),
                                     .queue = (size_t)log_uniform(&c->random, 700, 15000)};
    /* The messages alone take the thread a fifth of its time at most. */
    c->pause = (sluice_duration)log_uniform(&c->random, 100e6, 500e6);
    sluice_duration least = 5 * PACKETS_A_MESSAGE / 2 * c->clients * c->host_setup.packet_ns;
    c->pause = c->pause > least ? c->pause : least;
    c->stalls_at = SLUICE_SIM_START + (sluice_time)log_uniform(&c->random, 0.05e9, 6e9);
    c->stall = (sluice_duration)log_uniform(&c->random, 0.2e9, 2e9);
    c->bytes = (uint64_t)log_uniform(&c->random, 1e3, 1e6);
}

static void session_draw(crowd *c, session *s)
{
    sluice_duration delay = (sluice_duration)log_uniform(&c->random, 10e3, 300e3);
    uint64_t said = SECONDS * SLUICE_SECOND / c->pause;

    for (int side = 0; side < 2; side++) {
        sluice_duration pause = side ? 4 * c->pause : c->pause;
        s->objects[side][0] = (sim_object_setup){.flags = SLUICE_OBJECT_ORDERED,
                                                 .bytes = MESSAGE_BYTES * (side ? said / 4 : said),
                                                 .step = MESSAGE_BYTES,
                                                 .start = sluice_sim_random_below(&c->random, pause),
                                                 .pause = pause};
        s->objects[side][1] = (sim_object_setup){.priority = 1, .bytes = c->bytes, .start = SLUICE_MS};
        s->setups[side] = (sim_endpoint_setup){.role = side ? SLUICE_SERVER : SLUICE_CLIENT,
                                               .transport = &transport_udp_LTX_sluice_plugin,
                                               .congestion = &congestion_fair_LTX_sluice_plugin,
                                               .limits = {.weight = 1},
                                               .out = &s->links[side],
                                               .objects = s->objects[side],
                                               .object_count = side ? 1 : 2,
                                               .datagram_most = 16356,
                                               .host = side ? &c->host : NULL,
                                               .elided = true};
        sluice_sim_link_init(&s->links[side], &c->simulation, &(sluice_sim_link_setup){.delay_ns = delay},
                             sluice_sim_random_next(&c->random));
    }
    sim_endpoint_pair(&s->ends[0], &s->ends[1], &c->simulation, &s->setups[0], &s->setups[1], true);
}

static uint64_t served(const crowd *c)
{
    return c->host.taken + c->host.sent;
}

/* The packets of each second from when all must have come to rest until the messages end. */
static void judge(crowd *c, uint64_t packets)
{
    double messages = (double)c->clients * 1.25 * 1e9 / (double)c->pause;

    if (c->host.waited_ns > WAIT_MOST || (double)packets > messages * PACKETS_A_MESSAGE)
        sluice_sim_fail(&c->simulation,
                        "%zu clients, %.0f messages in a second: the server handles %" PRIu64
                        " packets, which wait %.3f s",
                        c->clients, messages, packets, (double)c->host.waited_ns / 1e9);
}

static void second(crowd *c, bool verbose)
{
    uint64_t before = served(c), drops = c->host.drops;

    sluice_sim_run(&c->simulation, c->simulation.now + SLUICE_SECOND);
    if (verbose)
        printf("%5.1f s: %6" PRIu64 " packets, the last waited %.3f s, %6zu wait, %6" PRIu64 " dropped\n",
               (double)(c->simulation.now - SLUICE_SIM_START) / 1e9, served(c) - before,
               (double)c->host.waited_ns / 1e9, c->host.count, c->host.drops - drops);
    if (!c->simulation.failed && c->simulation.now > c->stalls_at + c->stall + CALM * SLUICE_SECOND)
        judge(c, served(c) - before);
}

static void stall(void *subject, uint64_t argument)
{
    crowd *c = subject;

    (void)argument;
    sim_host_stall(&c->host, c->stall);
}

static void finish(crowd *c)
{
    for (size_t i = 0; i < c->clients; i++)
        for (int side = 0; side < 2 && !c->simulation.failed; side++)
            if (!sim_endpoint_done(&c->sessions[i].ends[side]))
                sim_endpoint_explain(&c->sessions[i].ends[side]);
}

static uint64_t run(uint64_t seed, bool verbose, unsigned *failures)
{
    crowd *c = calloc(1, sizeof(*c));
    uint64_t trace;

    if (!c || !(c->sessions = calloc(CLIENTS_MOST, sizeof(*c->sessions)))) {
        free(c);
        (*failures)++;
        return 0;
    }
    sluice_sim_init(&c->simulation, seed);
    c->random = sluice_sim_random_make(seed, 98);
    draw(c);
    sim_host_init(&c->host, &c->simulation, &c->host_setup);
    for (size_t i = 0; i < c->clients; i++)
        session_draw(c, &c->sessions[i]);
    sluice_sim_at(&c->simulation, c->stalls_at, stall, c, 0);
    for (unsigned s = 0; s < SECONDS && !c->simulation.failed; s++)
        second(c, verbose);
    if (!c->simulation.failed)
        sluice_sim_run(&c->simulation, c->simulation.now + 5 * SLUICE_SECOND);
    finish(c);
    trace = c->simulation.trace ^ served(c);
    if (c->simulation.failed) {
        (*failures)++;
        printf("FAIL %s\n  again, with each second: test_crowd %" PRIu64 "\n", c->simulation.failure, seed);
    }
    for (size_t i = 0; i < c->clients; i++)
        for (int side = 0; side < 2; side++) {
            sim_endpoint_fini(&c->sessions[i].ends[side]);
            sluice_sim_link_fini(&c->sessions[i].links[side]);
        }
    sim_host_fini(&c->host);
    sluice_sim_fini(&c->simulation);
    free(c->sessions);
    free(c);
    return trace;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const char *all = getenv("SLUICE_LONG_TESTS");
    uint64_t cases = all && strcmp(all, "no") == 0 ? CASES_FEW : CASES;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : cases;
    unsigned failures = 0;

    for (uint64_t seed = first; seed < first + count && failures < 20; seed++) {
        uint64_t trace = run(seed, argc == 2, &failures);

        if (seed % TWICE_EVERY == 0 && run(seed, false, &failures) != trace) {
            failures++;
            printf("FAIL seed %" PRIu64 " does not do the same twice\n", seed);
        }
    }
    printf("crowd: %" PRIu64 " seeds from %" PRIu64 ", %u failures\n", count, first, failures);
    return failures ? 1 : 0;
}
