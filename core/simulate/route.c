/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/route.h"

#include <assert.h>

void sluice_sim_route_init(sluice_sim_route *route, sluice_sim *simulation, sluice_sim_link *const *links, unsigned count,
                           sluice_duration own_ns, sluice_sim_arrival *arrival, void *subject)
{
    assert(count <= SLUICE_SIM_HOPS);
    *route = (sluice_sim_route){.count = count, .arrival = arrival, .subject = subject};
    for (unsigned i = 0; i < count; i++)
        route->hops[i] = links[i];
    sluice_sim_link_init(&route->own, simulation, &(sluice_sim_link_setup){.delay_ns = own_ns}, 0);
    if (own_ns > 0 || count == 0)
        route->hops[route->count++] = &route->own;
}

void sluice_sim_route_fini(sluice_sim_route *route)
{
    sluice_sim_link_fini(&route->own);
}

static void pass(void *subject, sluice_sim_packet *packet)
{
    sluice_sim_route *route = subject;

    if (++packet->hop < route->count)
        sluice_sim_link_send(route->hops[packet->hop], packet);
    else
        route->arrival(route->subject, packet);
}

void sluice_sim_route_send(sluice_sim_route *route, sluice_sim_packet *packet)
{
    packet->hop = 0;
    packet->arrival = pass;
    packet->subject = route;
    sluice_sim_link_send(route->hops[0], packet);
}

sluice_duration sluice_sim_route_delay(const sluice_sim_route *route)
{
    sluice_duration delay = 0;

    for (unsigned i = 0; i < route->count; i++)
        delay += route->hops[i]->setup.delay_ns;
    return delay;
}
