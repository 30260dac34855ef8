/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_init(sim *simulation, uint64_t seed)
{
    *simulation = (sim){.now = SIM_START, .seed = seed, .trace = 0xcbf29ce484222325u};
}

void sim_fini(sim *simulation)
{
    free(simulation->heap);
    simulation->heap = NULL;
    simulation->count = simulation->capacity = 0;
}

static bool earlier(const sim_event *a, const sim_event *b)
{
    return a->when != b->when ? a->when < b->when : a->sequence < b->sequence;
}

static bool grow(sim *simulation)
{
    size_t capacity = simulation->capacity ? 2 * simulation->capacity : 256;
    sim_event *heap = realloc(simulation->heap, capacity * sizeof(*heap));

    if (!heap) {
        sim_fail(simulation, "out of memory for %zu events", capacity);
        return false;
    }
    simulation->heap = heap;
    simulation->capacity = capacity;
    return true;
}

void sim_at(sim *simulation, sluice_time when, sim_action *action, void *subject, uint64_t argument)
{
    sim_event event = {when < simulation->now ? simulation->now : when, simulation->sequence++, action, subject,
                       argument};
    size_t at;

    if (simulation->count == simulation->capacity && !grow(simulation))
        return;
    at = simulation->count++;
    while (at > 0 && earlier(&event, &simulation->heap[(at - 1) / 2])) {
        simulation->heap[at] = simulation->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    simulation->heap[at] = event;
}

static sim_event take_first(sim *simulation)
{
    sim_event *heap = simulation->heap;
    sim_event first = heap[0], last = heap[--simulation->count];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < simulation->count) {
        if (child + 1 < simulation->count && earlier(&heap[child + 1], &heap[child]))
            child++;
        if (!earlier(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

bool sim_run(sim *simulation, sluice_time until)
{
    while (!simulation->failed && simulation->count && simulation->heap[0].when <= until) {
        sim_event event = take_first(simulation);

        if (event.when < simulation->now)
            sim_fail(simulation, "time goes back to %llu", (unsigned long long)event.when);
        simulation->now = event.when;
        simulation->events++;
        event.action(event.subject, event.argument);
        if (simulation->check)
            simulation->check(simulation->check_subject);
    }
    if (!simulation->failed && until != SLUICE_NEVER)
        simulation->now = until;
    return !simulation->failed;
}

void sim_fail(sim *simulation, const char *format, ...)
{
    size_t used;
    va_list args;

    if (simulation->failed)
        return;
    simulation->failed = true;
    snprintf(simulation->failure, sizeof(simulation->failure),
             "seed %llu at %.9f s: ", (unsigned long long)simulation->seed,
             (double)(simulation->now - SIM_START) / 1e9);
    used = strlen(simulation->failure);
    va_start(args, format);
    vsnprintf(simulation->failure + used, sizeof(simulation->failure) - used, format, args);
    va_end(args);
}

void sim_say(const sim *simulation, const char *format, ...)
{
    va_list args;

    if (!simulation->verbose)
        return;
    fprintf(stderr, "%14.9f ", (double)(simulation->now - SIM_START) / 1e9);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void sim_note(sim *simulation, uint64_t value)
{
    simulation->trace = mix(simulation->trace ^ (value + 0x9e3779b97f4a7c15u));
}

sim_random sim_random_make(uint64_t seed, uint64_t label)
{
    return (sim_random){mix(seed * 0x9e3779b97f4a7c15u + mix(label + 1))};
}

uint64_t sim_random_next(sim_random *random)
{
    random->state += 0x9e3779b97f4a7c15u;
    return mix(random->state);
}

uint64_t sim_random_below(sim_random *random, uint64_t limit)
{
    /* The bias of the remainder is below 2^-20 for the limits that simulations use. */
    return limit ? sim_random_next(random) % limit : 0;
}

uint64_t sim_random_between(sim_random *random, uint64_t least, uint64_t most)
{
    return least + sim_random_below(random, most - least + 1);
}

double sim_random_unit(sim_random *random)
{
    return (double)(sim_random_next(random) >> 11) * 0x1.0p-53;
}

bool sim_random_chance(sim_random *random, double probability)
{
    return probability > 0 && sim_random_unit(random) < probability;
}
