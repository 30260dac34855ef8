/* SPDX-License-Identifier: Apache-2.0 */
/* scenario.h - a whole session on a path, drawn from a seed, run to its end and judged. */
#ifndef SLUICE_SIM_SCENARIO_H
#define SLUICE_SIM_SCENARIO_H

#include "sim/endpoint.h"

#define SIM_SCENARIO_OBJECTS 48
#define SIM_SCENARIO_TROUBLES 6

/* What the path or a side does at some moment of the run. */
typedef struct sim_trouble {
    sluice_time at;
    sluice_sim_link *link;
    sluice_sim_link_setup setup; /* from then on */
} sim_trouble;

typedef struct sim_scenario sim_scenario;

/* What a program adds to scenarios: things that happen, places where packets are, what else must hold. */
typedef struct sim_scenario_more {
    void (*begin)(sim_scenario *scenario);          /* the endpoints stand */
    uint64_t (*held)(const sim_scenario *scenario); /* packets */
    void (*check)(sim_scenario *scenario);          /* after each event */
    void (*end)(sim_scenario *scenario);            /* all is said, the endpoints still stand */
} sim_scenario_more;

struct sim_scenario {
    sluice_sim simulation;
    const char *family;
    sluice_sim_link forward, back;
    sluice_sim_link_setup forward_setup, back_setup;
    sim_object_setup client_objects[SIM_SCENARIO_OBJECTS], server_objects[SIM_SCENARIO_OBJECTS];
    sim_endpoint_setup client_setup, server_setup;
    sim_endpoint client, server;
    sim_trouble troubles[SIM_SCENARIO_TROUBLES];
    size_t trouble_count;
    bool rtt_known;
    sluice_time limit; /* all must be done by then */
    const sim_scenario_more *more;
};

/* How many families there are; a scenario's is seed mod this. */
unsigned sim_scenario_families(void);

/* Draws the scenario of this seed. */
void sim_scenario_draw(sim_scenario *scenario, uint64_t seed);

/* Runs it.  False: scenario->simulation.failure says what broke.  The trace is in scenario->simulation.trace. */
bool sim_scenario_run(sim_scenario *scenario, bool verbose);

#endif
