/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/host.h"

#include "sim/application.h"

#include <stdlib.h>

void sim_host_init(sim_host *host, sluice_sim *simulation, const sim_host_setup *setup)
{
    *host = (sim_host){.simulation = simulation, .setup = *setup};
    host->ring = calloc(setup->queue, sizeof(*host->ring));
    if (!host->ring)
        sluice_sim_fail(simulation, "out of memory for a host");
}

void sim_host_fini(sim_host *host)
{
    for (; host->count > 0; host->count--, host->head++)
        sluice_sim_packet_free(host->ring[host->head % host->setup.queue].packet);
    free(host->ring);
    host->ring = NULL;
}

static void turn(void *subject, uint64_t argument);

static void turn_make(sim_host *host)
{
    if (host->turn_made)
        return;
    host->turn_made = true;
    sluice_sim_at(host->simulation, host->free_at, turn, host, 0);
}

void sim_host_stall(sim_host *host, sluice_duration duration)
{
    sluice_time from = host->free_at > host->simulation->now ? host->free_at : host->simulation->now;

    host->free_at = from + duration;
}

void sim_host_arrive(sim_host *host, sim_endpoint *endpoint, sluice_sim_packet *packet)
{
    if (host->count == host->setup.queue) {
        host->drops++;
        sluice_sim_packet_free(packet);
        return;
    }
    host->ring[(host->head + host->count++) % host->setup.queue] =
        (sim_waiting){.endpoint = endpoint, .packet = packet, .arrived = host->simulation->now};
    turn_make(host);
}

void sim_host_wake(sim_host *host, sim_endpoint *endpoint)
{
    bool known = false;

    for (size_t i = 0; i < host->due_count; i++)
        known = known || host->due[i] == endpoint;
    if (!known && host->due_count < SIM_HOST_ENDPOINTS)
        host->due[host->due_count++] = endpoint;
    turn_make(host);
}

static void turn(void *subject, uint64_t argument)
{
    sim_host *host = subject;
    sluice_time now = host->simulation->now;
    uint64_t before = host->taken + host->sent;

    (void)argument;
    host->turn_made = false;
    if (now < host->free_at) { /* It was stalled meanwhile. */
        turn_make(host);
        return;
    }
    host->in_turn = true;
    for (unsigned taken = 0; host->count > 0 && taken < SIM_HOST_TURN; taken++) {
        sim_waiting *first = &host->ring[host->head];

        host->waited_ns = now - first->arrived;
        sim_endpoint_take(first->endpoint, first->packet, first->arrived);
        sim_host_wake(host, first->endpoint);
        host->head = (host->head + 1) % host->setup.queue;
        host->count--;
        host->taken++;
    }
    for (size_t i = 0; i < host->due_count; i++)
        sim_endpoint_work(host->due[i], UINT64_MAX);
    host->due_count = 0;
    host->in_turn = false;
    host->turn_made = false;
    host->free_at = now + (host->taken + host->sent - before) * host->setup.packet_ns;
    if (host->count > 0)
        turn_make(host);
}
