/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of sessions in virtual time whose packets change their way, each drawn from its seed, judged by invariants
 * at every event.
 *
 *     test_ways                 all of them
 *     test_ways FIRST COUNT     these seeds
 *     test_ways SEED            one, with every event on stderr
 */
#include "sim/ways.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SCENARIOS 4000
#define TWICE_EVERY 50 /* each so many-th seed runs twice: the same seed must do the same */

static uint64_t run(sim_ways *ways, uint64_t seed, bool verbose, unsigned *failures)
{
    sim_ways_draw(ways, seed);
    if (!sim_scenario_run(&ways->scenario, verbose)) {
        (*failures)++;
        printf("FAIL %s: %s\n  again, with all events: test_ways %" PRIu64 "\n", ways->scenario.family,
               ways->scenario.simulation.failure, seed);
    }
    return ways->scenario.simulation.trace;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : SCENARIOS;
    sim_ways *ways = calloc(1, sizeof(*ways));
    unsigned failures = 0;
    uint64_t events = 0;

    if (!ways)
        return 1;
    for (uint64_t seed = first; seed < first + count && failures < 20; seed++) {
        uint64_t trace = run(ways, seed, argc == 2, &failures);

        events += ways->scenario.simulation.events;
        if (seed % TWICE_EVERY == 0 && run(ways, seed, false, &failures) != trace) {
            failures++;
            printf("FAIL %s: seed %" PRIu64 " does not do the same twice\n", ways->scenario.family, seed);
        }
    }
    printf("ways: %" PRIu64 " seeds from %" PRIu64 ", %u families, %" PRIu64 " events, %u failures\n", count, first,
           sim_ways_families(), events, failures);
    printf("%" PRIu64 " moves, %" PRIu64 " of them with packets in flight; %" PRIu64 " changes of address, %" PRIu64
           " followed; %" PRIu64 " copies and forgeries\n",
           ways->moves, ways->moves_in_flight, ways->changed, ways->adopted, ways->copies);
    /* Three of seven families move, three change the address, two or three have an attacker. */
    if (count >= SCENARIOS && (ways->moves_in_flight < count / 2 || ways->changed < count / 2 ||
                               ways->adopted < count / 4 || ways->copies < 10 * count)) {
        printf("FAIL: too few to mean anything\n");
        failures++;
    }
    free(ways);
    return failures ? 1 : 0;
}
