/* SPDX-License-Identifier: Apache-2.0 */
/* route.h - the links that packets of one sender take, one behind the other, and a delay of the sender's own. */
#ifndef SLUICE_SIMULATE_ROUTE_H
#define SLUICE_SIMULATE_ROUTE_H

#include "simulate/link.h"

#define SLUICE_SIM_HOPS 8

typedef struct sluice_sim_route {
    sluice_sim_link *hops[SLUICE_SIM_HOPS + 1]; /* borrowed, but for `own` */
    unsigned count;
    sluice_sim_link own; /* the last one: a wire that nobody shares */
    sluice_sim_arrival *arrival;
    void *subject;
} sluice_sim_route;

/* own_ns: of the wire that is the sender's alone; 0: none.  At most SLUICE_SIM_HOPS links.  At the end of the route packets go
 * to arrival. */
void sluice_sim_route_init(sluice_sim_route *route, sluice_sim *simulation, sluice_sim_link *const *links, unsigned count,
                           sluice_duration own_ns, sluice_sim_arrival *arrival, void *subject);
void sluice_sim_route_fini(sluice_sim_route *route);

/* Takes the packet over; its arrival and subject are set here. */
void sluice_sim_route_send(sluice_sim_route *route, sluice_sim_packet *packet);

/* Without queues. */
sluice_duration sluice_sim_route_delay(const sluice_sim_route *route);

#endif
