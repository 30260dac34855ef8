/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of sessions in virtual time, each drawn from its seed, judged by invariants at every event.
 *
 *     test_scenarios                 all of them
 *     test_scenarios FIRST COUNT     these seeds
 *     test_scenarios SEED            one, with every event on stderr
 */
#include "sim/scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SCENARIOS 6800
#define TWICE_EVERY 20 /* each so many-th seed runs twice: the same seed must do the same */

/* Seeds beyond the usual ones that found something once: black hole with nothing but mid-size packets left. */
static const uint64_t found[] = {108433};

static uint64_t run(sim_scenario *scenario, uint64_t seed, bool verbose, unsigned *failures)
{
    sim_scenario_draw(scenario, seed);
    if (!sim_scenario_run(scenario, verbose)) {
        (*failures)++;
        printf("FAIL %s: %s\n  again, with all events: test_scenarios %" PRIu64 "\n", scenario->family,
               scenario->simulation.failure, seed);
    }
    return scenario->simulation.trace;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : SCENARIOS;
    sim_scenario *scenario = malloc(sizeof(*scenario));
    unsigned failures = 0;
    uint64_t events = 0;

    if (!scenario)
        return 1;
    for (uint64_t seed = first; seed < first + count && failures < 20; seed++) {
        uint64_t trace = run(scenario, seed, argc == 2, &failures);

        events += scenario->simulation.events;
        if (seed % TWICE_EVERY == 0 && run(scenario, seed, false, &failures) != trace) {
            failures++;
            printf("FAIL %s: seed %" PRIu64 " does not do the same twice\n", scenario->family, seed);
        }
    }
    for (size_t i = 0; argc == 1 && i < SLUICE_COUNT(found); i++)
        run(scenario, found[i], false, &failures);
    printf("scenarios: %" PRIu64 " seeds from %" PRIu64 ", %u families, %" PRIu64 " events, %u failures\n", count,
           first, sim_scenario_families(), events, failures);
    free(scenario);
    return failures ? 1 : 0;
}
