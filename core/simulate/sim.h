/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - virtual time: one heap of events, ordered by time and then by the order in which they were made.
 *
 * Nothing in the simulator reads a clock or draws from anything but seeded generators, so that a run is decided by
 * its set-up and seed alone.  What happens is folded into a trace hash: two runs of one seed have the same.
 * One thread.  The first failure (a broken invariant, or no memory) is kept as a sentence and ends the run.
 */
#ifndef SLUICE_SIMULATE_SIM_H
#define SLUICE_SIMULATE_SIM_H

#include <sluice/status.h>
#include <sluice/types.h>

typedef void sluice_sim_action(void *subject, uint64_t argument);

typedef struct sluice_sim_event {
    sluice_time when;
    uint64_t sequence;
    sluice_sim_action *action;
    void *subject;
    uint64_t argument;
} sluice_sim_event;

typedef struct sluice_sim {
    sluice_time now;
    uint64_t seed;
    uint64_t trace;   /* hash of all that was noted so far */
    uint64_t packets; /* that exist at this moment, wherever they are */
    uint64_t events;  /* that have happened */
    struct sluice_sim_packet *kept; /* for the next ones (link.h) */
    bool verbose;     /* sluice_sim_say prints */
    bool failed;
    char failure[1000];
    void (*check)(void *subject); /* called after each event; may be NULL */
    void *check_subject;
    sluice_sim_event *heap;
    size_t count, capacity;
    uint64_t sequence;
} sluice_sim;

/* The first moment of a run: not 0, so that a time of 0 still can mean "none". */
#define SLUICE_SIM_START SLUICE_SECOND

void sluice_sim_init(sluice_sim *simulation, uint64_t seed);
void sluice_sim_fini(sluice_sim *simulation);

/* Makes an event; one in the past happens now. */
void sluice_sim_at(sluice_sim *simulation, sluice_time when, sluice_sim_action *action, void *subject, uint64_t argument);

/* Runs all events up to and including `until`; the time is then `until`, or that of the failure.  False: failed. */
bool sluice_sim_run(sluice_sim *simulation, sluice_time until);

/* Records a failure with its time and the seed; later ones are dropped. */
void sluice_sim_fail(sluice_sim *simulation, const char *format, ...) SLUICE_PRINTF(2, 3);

/* Prints a line with the time to stderr when the run is verbose. */
void sluice_sim_say(const sluice_sim *simulation, const char *format, ...) SLUICE_PRINTF(2, 3);

/* Folds a value into the trace. */
void sluice_sim_note(sluice_sim *simulation, uint64_t value);

/* A stream of pseudo-random numbers: splitmix64 (Steele, Lea, Flood 2014). */
typedef struct sluice_sim_random {
    uint64_t state;
} sluice_sim_random;

/* An independent stream for each (seed, label). */
sluice_sim_random sluice_sim_random_make(uint64_t seed, uint64_t label);
uint64_t sluice_sim_random_next(sluice_sim_random *random);
uint64_t sluice_sim_random_below(sluice_sim_random *random, uint64_t limit); /* uniform in [0, limit); 0 for limit 0 */
uint64_t sluice_sim_random_between(sluice_sim_random *random, uint64_t least, uint64_t most);
double sluice_sim_random_unit(sluice_sim_random *random); /* uniform in [0, 1) */
bool sluice_sim_random_chance(sluice_sim_random *random, double probability);

#endif
