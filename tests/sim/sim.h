/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - virtual time: one heap of events, ordered by time and then by the order in which they were made.
 *
 * Nothing in the simulator reads a clock or draws from anything but seeded generators, so that a run is decided by
 * its set-up and seed alone.  What happens is folded into a trace hash: two runs of one seed have the same.
 * One thread.  The first failure (a broken invariant, or no memory) is kept as a sentence and ends the run.
 */
#ifndef SLUICE_SIM_SIM_H
#define SLUICE_SIM_SIM_H

#include <sluice/status.h>
#include <sluice/types.h>

typedef void sim_action(void *subject, uint64_t argument);

typedef struct sim_event {
    sluice_time when;
    uint64_t sequence;
    sim_action *action;
    void *subject;
    uint64_t argument;
} sim_event;

typedef struct sim {
    sluice_time now;
    uint64_t seed;
    uint64_t trace;   /* hash of all that was noted so far */
    uint64_t packets; /* that exist at this moment, wherever they are */
    uint64_t events;  /* that have happened */
    bool verbose;     /* sim_say prints */
    bool failed;
    char failure[1000];
    void (*check)(void *subject); /* called after each event; may be NULL */
    void *check_subject;
    sim_event *heap;
    size_t count, capacity;
    uint64_t sequence;
} sim;

/* The first moment of a run: not 0, so that a time of 0 still can mean "none". */
#define SIM_START SLUICE_SECOND

void sim_init(sim *simulation, uint64_t seed);
void sim_fini(sim *simulation);

/* Makes an event; one in the past happens now. */
void sim_at(sim *simulation, sluice_time when, sim_action *action, void *subject, uint64_t argument);

/* Runs all events up to and including `until`; the time is then `until`, or that of the failure.  False: failed. */
bool sim_run(sim *simulation, sluice_time until);

/* Records a failure with its time and the seed; later ones are dropped. */
void sim_fail(sim *simulation, const char *format, ...) SLUICE_PRINTF(2, 3);

/* Prints a line with the time to stderr when the run is verbose. */
void sim_say(const sim *simulation, const char *format, ...) SLUICE_PRINTF(2, 3);

/* Folds a value into the trace. */
void sim_note(sim *simulation, uint64_t value);

/* A stream of pseudo-random numbers: splitmix64 (Steele, Lea, Flood 2014). */
typedef struct sim_random {
    uint64_t state;
} sim_random;

/* An independent stream for each (seed, label). */
sim_random sim_random_make(uint64_t seed, uint64_t label);
uint64_t sim_random_next(sim_random *random);
uint64_t sim_random_below(sim_random *random, uint64_t limit); /* uniform in [0, limit); 0 for limit 0 */
uint64_t sim_random_between(sim_random *random, uint64_t least, uint64_t most);
double sim_random_unit(sim_random *random); /* uniform in [0, 1) */
bool sim_random_chance(sim_random *random, double probability);

#endif
