/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane_state.h - what lane.c (instances, what the session asks) and carriage.c (packets out and in) share: the lane.
 */
#ifndef SLUICE_SESSION_LANE_STATE_H
#define SLUICE_SESSION_LANE_STATE_H

#include "session/lane.h"

struct sluice_lane {
    sluice *library;
    sluice_loop *loop;
    sluice_log *log;
    sluice_timer *timer;
    sluice_keys keys;
    uint32_t number;
    sluice_role role;

    /* What packets travel on: the endpoint, or the channel, or for a while neither. */
    sluice_datagram *datagram;
    sluice_endpoint *endpoint;
    sluice_channel *channel;
    void (*cut)(void *user, const sluice_error *why);

    sluice_instance *transport, *sealing, *opening, *congestion; /* no crypto and no congestion on a byte channel */
    const sluice_transport_ops *ops;
    const sluice_crypto_ops *crypto;
    const sluice_cipher *cipher;
    bool transport_up; /* init has succeeded, so fini is due */
    bool sealing_up, opening_up;

    sluice_rate_control rate;
    sluice_control control; /* the rate control's newest answer, as the transport knows it */
    const sluice_transport_calls *calls;
    void *user;

    /* Phases whose keys are installed.  Sealing: only the present one; opening: the slots tell. */
    uint64_t sealing_phase;
    uint64_t opening_phase[SLUICE_CRYPTO_SLOTS];
    bool opening_installed[SLUICE_CRYPTO_SLOTS];

    uint32_t candidates; /* paths 0 to candidates - 1 may be the peer's; everything goes to all until one answers */
    bool copying; /* a batch goes to the others of them */
    bool peer_known;
    bool heard;   /* an authentic packet came */
    bool closing; /* the session has closed the transport */
    sluice_address validated;
    bool receiving; /* inside the transport's receive: production waits until the reading has settled */
    bool broken;    /* the socket or the cipher failed for good; the transport was told to close */
    uint64_t dropped_packets;

    uint32_t datagram_bytes; /* of full packets, as the transport says */
    sluice_batch *batch; /* of the channel's; held only while the socket does not take all of it */
    sluice_batch *spare; /* of a byte channel, which keeps none */
    size_t batch_count, batch_sent;
};

/* carriage.c */
extern const sluice_endpoint_calls sluice_lane_endpoint_calls;
extern const sluice_channel_calls sluice_lane_channel_calls;
void sluice_lane_pump(sluice_lane *lane, sluice_time now);
/* Forgets what was produced and has not left. */
void sluice_lane_batch_drop(sluice_lane *lane);

#endif
