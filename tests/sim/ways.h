/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ways.h - scenarios in which packets change their way: byte channels from the start or in mid-session, one after
 * another; clients that change their address, and attackers who would have the session at theirs.  What is sent and
 * what the datagrams suffer is drawn as in scenario.h.
 */
#ifndef SLUICE_SIM_WAYS_H
#define SLUICE_SIM_WAYS_H

#include "sim/addresses.h"
#include "sim/scenario.h"

#define SIM_WAYS_MOVES 4
#define SIM_WAYS_CHANGES 4

/* One byte channel, both directions, and when the session moves to it. */
typedef struct sim_way {
    sluice_time at;  /* when the first side moves; the other follows when it hears of it */
    sluice_time cut; /* when it breaks; 0: never */
    bool server_first;
    sim_channel_setup setup;
    sim_channel channels[2]; /* client to server, server to client */
    bool begun;
} sim_way;

typedef struct sim_ways {
    sim_scenario scenario; /* first: a pointer to it is one to this */
    sim_way ways[SIM_WAYS_MOVES];
    size_t way_count;
    bool many_addresses;
    sim_addresses addresses;
    sim_attack attack;
    sluice_time changes[SIM_WAYS_CHANGES]; /* when the client changes its address */
    size_t change_count;

    /* Of all scenarios so far. */
    uint64_t moves, moves_in_flight, changed, adopted, copies;
} sim_ways;

unsigned sim_ways_families(void);

/* Draws the scenario of this seed; its family is seed mod their number.  Run it with sim_scenario_run. */
void sim_ways_draw(sim_ways *ways, uint64_t seed);

#endif
