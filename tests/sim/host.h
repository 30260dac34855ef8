/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - a machine in virtual time whose one thread serves many endpoints by one socket, as a server's loop does.
 *
 * What arrives waits in the socket and carries the time of its arrival, as the kernel stamps it.  In each turn the
 * thread takes some packets, gives them to their endpoints, lets these send, and then those whose timers are due.  Each
 * packet in or out takes its time; what happens in a turn happens at its beginning, and the next one begins when that
 * time is over.  So an endpoint may wait long for a packet that has arrived, while its timers run.
 */
#ifndef SLUICE_SIM_HOST_H
#define SLUICE_SIM_HOST_H

#include "sim/endpoint.h"

#define SIM_HOST_ENDPOINTS 128
#define SIM_HOST_TURN 128 /* packets taken before others have their turn */

typedef struct sim_host_setup {
    sluice_duration packet_ns; /* that the thread needs for a packet, in or out */
    size_t queue;              /* packets that the socket holds */
} sim_host_setup;

typedef struct sim_waiting {
    sim_endpoint *endpoint;
    sluice_sim_packet *packet;
    sluice_time arrived;
} sim_waiting;

struct sim_host {
    sluice_sim *simulation;
    sim_host_setup setup;
    sim_waiting *ring; /* the socket: from `head` on, `count` of them */
    size_t head, count;
    sim_endpoint *due[SIM_HOST_ENDPOINTS]; /* have packets to take, or a timer that rang */
    size_t due_count;
    sluice_time free_at;
    bool turn_made, in_turn;
    uint64_t taken, sent, drops;
    sluice_duration waited_ns; /* of the packet taken last, in the socket */
};

void sim_host_init(sim_host *host, sluice_sim *simulation, const sim_host_setup *setup);
void sim_host_fini(sim_host *host);

/* The thread is not run for so long. */
void sim_host_stall(sim_host *host, sluice_duration duration);

/* For endpoint.c.  A packet has come to the socket; taken over. */
void sim_host_arrive(sim_host *host, sim_endpoint *endpoint, sluice_sim_packet *packet);
/* The endpoint has something to do. */
void sim_host_wake(sim_host *host, sim_endpoint *endpoint);

#endif
