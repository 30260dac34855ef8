/* SPDX-License-Identifier: Apache-2.0 */
/* application.h - what an endpoint sends and must get: the engine's calls about objects, and their judgement. */
#ifndef SLUICE_SIM_APPLICATION_H
#define SLUICE_SIM_APPLICATION_H

#include "sim/endpoint.h"

/* Sets the calls about objects; their user is the endpoint. */
void sim_application_calls(sluice_transport_calls *calls);

/* A sluice_sim_action of the endpoint: offers the next step of the object of this number. */
void sim_application_step(void *subject, uint64_t argument);

/* The number of the direction in which an endpoint sends; its payload follows from it. */
uint64_t sim_application_stream(const sim_endpoint *sender);

/* A sluice_sim_action: packets in, packets out.  argument: the timer that fired, UINT64_MAX for other reasons. */
void sim_endpoint_work(void *subject, uint64_t argument);

#endif
