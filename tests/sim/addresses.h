/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addresses.h - a client that changes its address, and an attacker who sees all that it sends.
 *
 * The server's side keeps addresses as core/net/datagram.c does: eight of them, 0 the session's; an adopted one changes
 * places with it.  The attacker has addresses of his own, and may claim that of the client before its last change.  He
 * copies packets of the client, sooner than the original or later, re-sends old ones, and sends garbage.  What is sent
 * to him he gets, but the client gets nothing from him.
 */
#ifndef SLUICE_SIM_ADDRESSES_H
#define SLUICE_SIM_ADDRESSES_H

#include "sim/endpoint.h"

#define SIM_ADDRESSES 8 /* in all: as many as the core keeps, so none is forgotten */

typedef struct sim_attack {
    uint64_t addresses;    /* his own, the last ones of all; 0: no attacker */
    double copied, sooner; /* chances that a packet is copied, and that the copy is sent so that it may come first */
    sluice_duration every; /* re-sends an old packet or garbage on the average so often; 0: never */
    bool claims;           /* uses the client's former address as well */
} sim_attack;

typedef struct sim_address {
    uint64_t came, sent; /* IP bytes that the server got from there, and sent there */
    bool validated;      /* it was the session's at some time */
} sim_address;

typedef struct sim_addresses {
    sluice_sim *simulation;
    sim_endpoint *client, *server;
    sim_addressing addressing;
    sim_attack attack;
    sluice_sim_random random;
    sim_address known[SIM_ADDRESSES]; /* 0: the client's first */
    uint32_t client_at;               /* where it is now; it has had all below */
    bool former_lives;                /* what is sent to a former address of the client arrives */
    struct {
        uint32_t address;
        bool used, confirmed;
        sluice_time heard;
    } paths[SIM_ADDRESSES];
    sluice_sim_packet *tape[32]; /* packets that the attacker keeps */
    uint64_t taped, held; /* packets on their way from him */
    uint64_t adopted, copies;
} sim_addresses;

void sim_addresses_init(sim_addresses *addresses, sim_endpoint *client, sim_endpoint *server, const sim_attack *attack);
void sim_addresses_fini(sim_addresses *addresses);

/* The client is elsewhere from now on. */
void sim_addresses_change(sim_addresses *addresses);
/* Where the server sends to. */
uint32_t sim_addresses_session(const sim_addresses *addresses);

#endif
