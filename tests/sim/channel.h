/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - one direction of a byte channel in virtual time: TLS over TCP, as the session's loop sees it.
 *
 * What enters leaves in order and whole, at the channel's rate and after its delay.  So much may wait in it, then it is
 * full: it takes what is given all the same (the batch that was made already), and says when there is room again.  When
 * it is cut, all that is inside is gone, and so is what is given to it later.
 */
#ifndef SLUICE_SIM_CHANNEL_H
#define SLUICE_SIM_CHANNEL_H

#include "simulate/link.h"

typedef struct sim_channel_setup {
    sluice_rate rate_bps;
    sluice_duration delay_ns;
    uint64_t queue_bytes;
} sim_channel_setup;

typedef struct sim_channel {
    sluice_sim *simulation;
    sim_channel_setup setup;
    sluice_sim_packet *first, *last; /* the queue; first is being sent */
    uint64_t queued_bytes, queue_most_bytes;
    uint64_t sent, delivered, cut, held;                /* packets */
    bool out;                                           /* it was cut */
    bool wanted;                                        /* the writer waits for room */
    void (*writable)(void *subject, uint64_t argument); /* an event of its own; argument: UINT64_MAX */
    void *subject;
    sluice_sim_packet *wire, *wire_last; /* what has left the queue and not arrived */
} sim_channel;

void sim_channel_init(sim_channel *channel, sluice_sim *simulation, const sim_channel_setup *setup);
/* Frees what is inside. */
void sim_channel_fini(sim_channel *channel);

/* False: writable will be called. */
bool sim_channel_room(sim_channel *channel);
/* Takes the packet over. */
void sim_channel_send(sim_channel *channel, sluice_sim_packet *packet);
void sim_channel_cut(sim_channel *channel);

/* Fails the simulation unless packets sent = delivered + cut + held. */
void sim_channel_check(sim_channel *channel);

#endif
