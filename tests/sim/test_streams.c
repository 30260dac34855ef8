/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of sessions of streams in virtual time, each drawn from its seed: the mux as it is, on the transport as it is,
 * with programs that write, read, flush, pause, finish and give up as they like, judged at every step.
 *
 *     test_streams                 all of them
 *     test_streams FIRST COUNT     these seeds
 *     test_streams SEED            one, with every event on stderr
 */
#include "sim/streams.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SCENARIOS 3900
#define TWICE_EVERY 20 /* each so many-th seed runs twice: the same seed must do the same */

static uint64_t run(sim_streams *all, uint64_t seed, bool verbose, unsigned *failures)
{
    sim_streams_draw(all, seed);
    if (!sim_streams_run(all, verbose)) {
        (*failures)++;
        printf("FAIL %s: %s\n  again, with all events: test_streams %" PRIu64 "\n", all->family,
               all->simulation.failure, seed);
    }
    return all->simulation.trace;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : SCENARIOS;
    sim_streams *all = malloc(sizeof(*all));
    unsigned failures = 0;
    uint64_t events = 0, flushes = 0, verified = 0, skips = 0, elimits = 0, live = 0, late = 0;
    uint64_t prompt = 0, repeated = 0, again = 0;

    if (!all)
        return 1;
    for (uint64_t seed = first; seed < first + count && failures < 20; seed++) {
        uint64_t trace = run(all, seed, argc == 2, &failures);

        events += all->simulation.events;
        flushes += all->flushes;
        verified += all->verified;
        skips += all->skips;
        elimits += all->elimits;
        live += all->live_writes;
        late += all->live_late;
        if (all->forward_setup.loss > 0) {
            prompt += all->prompt_writes;
            repeated += all->prompt_late;
            again += all->prompt_very_late;
        }
        if (seed % TWICE_EVERY == 0 && run(all, seed, false, &failures) != trace) {
            failures++;
            printf("FAIL %s: seed %" PRIu64 " does not do the same twice\n", all->family, seed);
        }
    }
    printf("streams: %" PRIu64 " seeds from %" PRIu64 ", %u families, %" PRIu64 " events, %" PRIu64 " flushes, %" PRIu64
           " verified, %" PRIu64 " gaps, %" PRIu64 " waits for memory, %" PRIu64 " live writes of which %" PRIu64
           " late, %u failures\n",
           count, first, sim_streams_families(), events, flushes, verified, skips, elimits, live, late, failures);
    if (count >= 1000 && late * 50 > live) {
        failures++;
        printf("FAIL: more than one live write in fifty is late\n");
    }
    printf("small writes with loss: %" PRIu64 ", of which %" PRIu64 " were repeated, %" PRIu64 " more than once\n", prompt,
           repeated, again);
    /* One in twenty is lost, and one in four hundred twice. */
    if (count >= 1000 && again * 200 > prompt) {
        failures++;
        printf("FAIL: lost writes are late by more than a round trip and a half\n");
    }
    free(all);
    return failures ? 1 : 0;
}
