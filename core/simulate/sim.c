/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/sim.h"

#include "simulate/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sluice_sim_init(sluice_sim *simulation, uint64_t seed)
{
    *simulation = (sluice_sim){.now = SLUICE_SIM_START, .seed = seed, .trace = 0xcbf29ce484222325u};
}

void sluice_sim_fini(sluice_sim *simulation)
{
    free(simulation->heap);
    simulation->heap = NULL;
    simulation->count = simulation->capacity = 0;
    while (simulation->kept) {
        sluice_sim_packet *packet = simulation->kept;

        simulation->kept = packet->next;
        free(packet);
    }
}

static bool earlier(const sluice_sim_event *a, const sluice_sim_event *b)
{
    return a->when != b->when ? a->when < b->when : a->sequence < b->sequence;
}

static bool grow(sluice_sim *simulation)
{
    size_t capacity = simulation->capacity ? 2 * simulation->capacity : 256;
    sluice_sim_event *heap = realloc(simulation->heap, capacity * sizeof(*heap));

    if (!heap) {
        sluice_sim_fail(simulation, "out of memory for %zu events", capacity);
        return false;
    }
    simulation->heap = heap;
    simulation->capacity = capacity;
    return true;
}

void sluice_sim_at(sluice_sim *simulation, sluice_time when, sluice_sim_action *action, void *subject, uint64_t argument)
{
    sluice_sim_event event = {when < simulation->now ? simulation->now : when, simulation->sequence++, action, subject,
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

static sluice_sim_event take_first(sluice_sim *simulation)
{
    sluice_sim_event *heap = simulation->heap;
    sluice_sim_event first = heap[0], last = heap[--simulation->count];
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

bool sluice_sim_run(sluice_sim *simulation, sluice_time until)
{
    while (!simulation->failed && simulation->count && simulation->heap[0].when <= until) {
        sluice_sim_event event = take_first(simulation);

        if (event.when < simulation->now)
            sluice_sim_fail(simulation, "time goes back to %llu", (unsigned long long)event.when);
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

void sluice_sim_fail(sluice_sim *simulation, const char *format, ...)
{
    size_t used;
    va_list args;

    if (simulation->failed)
        return;
    simulation->failed = true;
    snprintf(simulation->failure, sizeof(simulation->failure),
             "seed %llu at %.9f s: ", (unsigned long long)simulation->seed,
             (double)(simulation->now - SLUICE_SIM_START) / 1e9);
    used = strlen(simulation->failure);
    va_start(args, format);
    vsnprintf(simulation->failure + used, sizeof(simulation->failure) - used, format, args);
    va_end(args);
}

void sluice_sim_say(const sluice_sim *simulation, const char *format, ...)
{
    va_list args;

    if (!simulation->verbose)
        return;
    fprintf(stderr, "%14.9f ", (double)(simulation->now - SLUICE_SIM_START) / 1e9);
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

void sluice_sim_note(sluice_sim *simulation, uint64_t value)
{
    simulation->trace = mix(simulation->trace ^ (value + 0x9e3779b97f4a7c15u));
}

sluice_sim_random sluice_sim_random_make(uint64_t seed, uint64_t label)
{
    return (sluice_sim_random){mix(seed * 0x9e3779b97f4a7c15u + mix(label + 1))};
}

uint64_t sluice_sim_random_next(sluice_sim_random *random)
{
    random->state += 0x9e3779b97f4a7c15u;
    return mix(random->state);
}

uint64_t sluice_sim_random_below(sluice_sim_random *random, uint64_t limit)
{
    /* The bias of the remainder is below 2^-20 for the limits that simulations use. */
    return limit ? sluice_sim_random_next(random) % limit : 0;
}

uint64_t sluice_sim_random_between(sluice_sim_random *random, uint64_t least, uint64_t most)
{
    return least + sluice_sim_random_below(random, most - least + 1);
}

double sluice_sim_random_unit(sluice_sim_random *random)
{
    return (double)(sluice_sim_random_next(random) >> 11) * 0x1.0p-53;
}

bool sluice_sim_random_chance(sluice_sim_random *random, double probability)
{
    return probability > 0 && sluice_sim_random_unit(random) < probability;
}
