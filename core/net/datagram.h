/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datagram.h - the datagram channel: one UDP socket, whole batches of packets in and out.
 *
 * A server has one unconnected socket for all sessions, a client one connected socket.  Each lane of a session is an
 * endpoint: a connection id (bytes 1 to 8 of every packet, see packet.h) and the few peer addresses, called paths, that
 * packets with this id came from.  Datagrams whose id nobody has registered, or that are too short to hold one, are
 * counted and forgotten: they cost no state and get no answer.
 *
 * What the kernel can do is tried, not assumed: segmentation offload that turns out not to work is switched off for
 * this socket and the batch goes out again without.  Don't-fragment is always set and the kernel's own idea of the path
 * MTU is ignored.  Everything belongs to the loop's thread.  Endpoints may be freed inside `received`, `settled` and
 * `writable`, not inside `too_big` and `unreachable`.
 */
#ifndef SLUICE_NET_DATAGRAM_H
#define SLUICE_NET_DATAGRAM_H

#include "net/address.h"
#include "net/batch.h"
#include "net/loop.h"
#include <sluice/packet.h>

#define SLUICE_DATAGRAM_BUFFER_BYTES (UINT64_C(8) << 20) /* asked of the system, each way */
#define SLUICE_PATHS 8 /* addresses kept for an endpoint; path numbers are below */

typedef struct sluice_datagram sluice_datagram;
typedef struct sluice_endpoint sluice_endpoint;

typedef struct sluice_datagram_setup {
    const sluice_address *local;  /* where to listen; NULL or none: [::] and IPv4, or what fits the peer */
    const sluice_address *peer;   /* not NULL: a client's socket, connected to it */
    uint64_t buffer_bytes;        /* of the socket, each way; 0: 8 MiB; the system's limits may cut it */
    uint16_t port_least, port_most; /* bind to the first free port of the range instead of local's; 0: no range */
    bool share_port;              /* SO_REUSEPORT */
    bool sieve; /* a server's: ids come from sluice_datagram_id, the kernel throws others away (sieve.h) */
    /* Not NULL: one more socket at the address of that one, which has a sieve; `local` and ports do not count.  The first byte
     * of an id says to which of them a packet goes: 0 to the one with the sieve, 1 to the first that was opened so, and so
     * on.  They are opened one after the other and closed all together. */
    const sluice_datagram *beside;
    bool segment_off, coalesce_off; /* do without UDP_SEGMENT, without UDP_GRO (tests, broken drivers) */
} sluice_datagram_setup;

/* Counted since the socket was opened. */
typedef struct sluice_datagram_statistics {
    uint64_t sent_packets, sent_bytes, send_calls;             /* bytes of UDP payload */
    uint64_t received_packets, received_bytes, receive_calls;
    uint64_t stranger_packets; /* id unknown, or too short to have one, those in the sieve included */
    uint64_t dropped_packets;  /* by our own socket, its buffer being full (SO_RXQ_OVFL) */
    uint64_t crowded_packets;  /* from one address more than an endpoint keeps: a path made room for it */
    uint64_t refused_packets;  /* by the kernel as too big */
    uint64_t lost_packets;     /* by the kernel for another reason, which a network might have had too */
    uint64_t reconnects;       /* times that a connected socket took a new local address and port */
    uint64_t receive_buffer_bytes, send_buffer_bytes;          /* as granted */
    bool segmenting, coalescing;                               /* whether the offloads are in use at this moment */
} sluice_datagram_statistics;

/* SLUICE_ECONNECT: no route to the peer, address in use or not ours (the sentence names it); SLUICE_EACCESS: port below
 * 1024; SLUICE_ENOMEM, SLUICE_EIO. */
int sluice_datagram_new(sluice_datagram **out, sluice_loop *loop, const sluice_datagram_setup *setup,
                        sluice_error *error);
/* Endpoints must be gone.  Not from inside a callback. */
void sluice_datagram_free(sluice_datagram *datagram); /* NULL is fine */

/* The network that the socket was bound to may be gone, or a NAT has forgotten it.  A client's connected socket is
 * replaced by one with another local port, and with the local address by which the peer is reached now; its endpoints
 * stay, what lay unread in the old one is lost.  When the kernel says while sending that the address or the way is gone
 * (over IPv4 it does when a local address was removed, over IPv6 it sends on in that address's name), a channel does
 * this by itself, at most once a second.  An unconnected socket's endpoints forget from which of our addresses they
 * write to their paths.  Inside callbacks as well.  SLUICE_ECONNECT (there is no way to the peer now), SLUICE_EIO,
 * SLUICE_ENOMEM: nothing has changed. */
int sluice_datagram_reconnect(sluice_datagram *datagram, sluice_error *error);

/* A batch to produce packets in; kept by the channel, so that idle endpoints need none.  NULL: no memory. */
sluice_batch *sluice_datagram_batch_take(sluice_datagram *datagram);
void sluice_datagram_batch_give(sluice_datagram *datagram, sluice_batch *batch); /* NULL is fine */

/* Whether others can be opened beside it. */
bool sluice_datagram_sieves(const sluice_datagram *datagram);

/* Makes an id that passes the channel's sieve out of a random one; the highest 48 bits stay.  Of these the first byte says
 * which socket it is for: 0, or the number of one beside it. */
uint64_t sluice_datagram_id(const sluice_datagram *datagram, uint64_t random);

const sluice_address *sluice_datagram_local(const sluice_datagram *datagram); /* with the true port */
void sluice_datagram_statistics_get(const sluice_datagram *datagram, sluice_datagram_statistics *out);

typedef struct sluice_endpoint_calls {
    /* Required.  Packets with the endpoint's id that came from one address (so all have the same path), oldest first;
     * data, size, capacity, path, ecn and received are set, all else is zero.  They may be written to (opened in
     * place), and are gone when the call returns. */
    void (*received)(void *user, sluice_time now, sluice_packet *packets, size_t count);

    /* Optional.  The last batch of the reading that is under way was handed over: the moment to send reports. */
    void (*settled)(void *user, sluice_time now);

    /* Optional.  After sluice_endpoint_send said SLUICE_EAGAIN: the socket takes packets again. */
    void (*writable)(void *user, sluice_time now);

    /* Optional.  Called inside sluice_endpoint_send: the kernel refused packets of this size (EMSGSIZE).  They count as
     * handled, and sending goes on behind them.  packets is part of the array given to send. */
    void (*too_big)(void *user, const sluice_packet *packets, size_t count);

    /* Optional.  The network or the peer's host says that packets do not arrive (errno value, e.g. ECONNREFUSED).  A
     * hint: anyone may have sent it. */
    void (*unreachable)(void *user, int errnum);
} sluice_endpoint_calls;

/* Registers an id (the first SLUICE_PACKET_ID_BYTES of header behind the flags byte, read as a big-endian number).
 * peer becomes path 0; NULL: a client's endpoint gets the socket's peer, a server's learns it by adopt.
 * SLUICE_EEXIST: the id is taken; SLUICE_ENOMEM.  calls must outlive the endpoint. */
int sluice_endpoint_new(sluice_endpoint **out, sluice_datagram *datagram, uint64_t id, const sluice_address *peer,
                        const sluice_endpoint_calls *calls, void *user, sluice_error *error);
void sluice_endpoint_free(sluice_endpoint *endpoint); /* NULL is fine */

/* Sends packets[0 .. count) in order, to the address of packets[i].path (a path without an address: the packet is
 * dropped and counted as lost).  *handled says how many are done with.  SLUICE_OK: all of them.  SLUICE_EAGAIN: the
 * socket is full; the caller keeps the others, and writable will be called.  Anything else the kernel says about a
 * packet is treated as loss on the way: counted, and told by `unreachable` where it says so.  SLUICE_EIO: the socket is
 * broken for good. */
int sluice_endpoint_send(sluice_endpoint *endpoint, const sluice_packet *packets, size_t count, size_t *handled);

/* One more address that may be the peer's, on an unconnected socket: *path is its number, under which packets can be
 * sent there and come from there.  It is kept like a confirmed one.  SLUICE_EINVAL: the socket is connected, or of
 * another family; SLUICE_ELIMIT: SLUICE_PATHS addresses are kept already. */
int sluice_endpoint_path_add(sluice_endpoint *endpoint, const sluice_address *peer, uint32_t *path);

/* The address of a path; NULL: none. */
const sluice_address *sluice_endpoint_path(const sluice_endpoint *endpoint, uint32_t path);

/* Path becomes path 0 and what was path 0 takes its number: the transport has validated it (or it is the first one, and
 * stands to reason).  From inside `received`, the packets in hand keep the path they have. */
void sluice_endpoint_adopt(sluice_endpoint *endpoint, uint32_t path);

/* A packet from this path was authentic: what is sent there comes from the address of ours that it came to.  Paths that
 * were never confirmed make room for new ones first, so that forged source addresses cannot push out a path that is being
 * validated. */
void sluice_endpoint_confirm(sluice_endpoint *endpoint, uint32_t path);

#endif
