/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane.h - one flow of a session: transport, crypto and congestion instances around what its packets travel on.
 *
 * That is an endpoint of the datagram channel, where the lane seals and opens packets; or a message channel, over TLS or
 * ssh, which carries one packet a message and protects it, so that there is neither crypto nor congestion instance.  A lane may
 * move from the first to the second, and from one channel to another.  It wakes the transport in time.  It knows nothing of objects: the transport's calls about those go straight to the
 * session.  Everything belongs to the loop's thread.
 */
#ifndef SLUICE_SESSION_LANE_H
#define SLUICE_SESSION_LANE_H

#include "base/log.h"
#include "net/channel.h"
#include "net/datagram.h"
#include "net/keys.h"
#include "net/loop.h"
#include "plugin/instance.h"
#include "plugin/rate.h"
#include <sluice/crypto.h>
#include <sluice/transport.h>

#define SLUICE_LANE_KERNEL "kernel" /* called so in place of a congestion plugin: TCP's own, on a byte channel */

typedef struct sluice_lane sluice_lane;

typedef struct sluice_lane_setup {
    sluice *library; /* configuration and plugins */
    sluice_loop *loop;
    sluice_log *log;
    sluice_channel **channel;        /* not NULL: packets travel on it from the start; taken over when this succeeds */
    sluice_datagram *datagram;       /* outlives the lane; NULL with a channel */
    const sluice_address *peer;      /* NULL: learnt from the first authentic packet from `validated`'s host */
    const sluice_address *candidates; /* a client's: more places where the peer may be, all tried at once */
    size_t candidate_count;
    const sluice_address *validated; /* the host that TCP has validated; a first packet from elsewhere is challenged */
    const char *transport, *crypto, *congestion; /* plugin names */
    const char *cipher;              /* of the crypto plugin */
    const sluice_keys *keys;         /* borrowed for the call */
    uint32_t number;                 /* of the lane in its session, from 0 */
    uint64_t packets_per_phase;      /* 0: the cipher's seal_limit */
    sluice_limits limits;            /* of this lane */
    /* What the transport needs to know; seal_bytes, ip_bytes, control, phases, calls of rate control and user are
     * filled in by the lane. */
    sluice_transport_setup transport_setup;
    /* The object calls and `event` reach the session; sample, sent and restart are the lane's own. */
    const sluice_transport_calls *calls;
    /* The byte channel has ended: packets go nowhere until the lane is moved to another. */
    void (*cut)(void *user, const sluice_error *why);
    void *user;
} sluice_lane_setup;

/* The errors of the instances, of sluice_endpoint_new, ENOMEM. */
int sluice_lane_new(const sluice_lane_setup *setup, sluice_lane **out, sluice_error *error);
void sluice_lane_free(sluice_lane *lane); /* NULL is fine; not from inside one of its callbacks */

const sluice_transport_ops *sluice_lane_ops(const sluice_lane *lane);
void *sluice_lane_state(const sluice_lane *lane); /* the transport's, to call its ops */

/* The transport's close.  From here on it may produce even if nobody was heard yet: it ends all the same. */
void sluice_lane_close(sluice_lane *lane, uint64_t code, const char *reason);

/* Something was given to the transport, or time has passed: lets it produce, soon (after the callback under way). */
void sluice_lane_wake(sluice_lane *lane);

/* The user changed target, minimum or weight. */
void sluice_lane_limits(sluice_lane *lane, const sluice_limits *limits);
const sluice_limits *sluice_lane_limits_get(const sluice_lane *lane);

/* Exchanges the congestion control in mid-session; the new one starts from what the old one measured. */
int sluice_lane_congestion(sluice_lane *lane, const char *name, sluice_error *error);
const char *sluice_lane_congestion_name(const sluice_lane *lane);

/* At which it sends now; 0: as fast as it can. */
sluice_rate sluice_lane_pacing(const sluice_lane *lane);

void sluice_lane_statistics(const sluice_lane *lane, sluice_transport_statistics *out);

/* The address that packets go to; NULL: none yet, or a byte channel. */
const sluice_address *sluice_lane_peer(const sluice_lane *lane);

const sluice_keys *sluice_lane_keys(const sluice_lane *lane);

/* What packets travel on from here on; what was under way goes out again.  Takes the channel over.  SLUICE_EUNSUPPORTED (then
 * it is still the caller's); SLUICE_ENOMEM. */
int sluice_lane_move(sluice_lane *lane, sluice_channel **channel, sluice_error *error);
/* A client's socket takes a new local address: what it had may be gone, or forgotten by a NAT. */
int sluice_lane_reconnect(sluice_lane *lane, sluice_error *error);
bool sluice_lane_can_move(const sluice_lane *lane);
const sluice_channel *sluice_lane_channel(const sluice_lane *lane); /* NULL: datagrams, or nothing for the moment */

#endif
