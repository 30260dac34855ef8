/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket.h - one UDP socket and what this kernel can do with it: the datagram channel without loop and endpoints.
 *
 * One thread at a time.
 */
#ifndef SLUICE_NET_SOCKET_H
#define SLUICE_NET_SOCKET_H

#include "net/datagram.h"

#define SLUICE_SOCKET_ARRIVALS 32 /* taken by one call */
#define SLUICE_SOCKET_PAYLOAD_MAX 65507 /* of one call with segmentation */

/* What the kernel handed over in one piece: a datagram, or several of one sender that it has joined (UDP_GRO), each of
 * segment_bytes but the last. */
typedef struct sluice_arrival {
    uint8_t *bytes; /* the socket's, until the next receive */
    size_t count, segment_bytes;
    sluice_address from; /* none on a connected socket: there is one sender only */
    sluice_address to;   /* our own address that it came to; none on a connected socket */
    sluice_time received;
    uint8_t ecn;
} sluice_arrival;

typedef struct sluice_socket {
    int fd, family;
    bool connected;
    sluice_address local, peer;
    sluice_datagram_statistics statistics; /* segmenting and coalescing say what is done from here on */
    uint32_t overflow;                     /* the kernel's counter when it was last seen */
    bool joined_lately;                    /* the last call brought large pieces: a few of them are enough */
    struct sluice_inbox *inbox;
    sluice_datagram_setup setup; /* as it was asked for; its addresses are ours: */
    sluice_address wished;
} sluice_socket;

/* Errors as sluice_datagram_new. */
int sluice_socket_init(sluice_socket *udp, const sluice_datagram_setup *setup, sluice_error *error);
void sluice_socket_fini(sluice_socket *udp);

/* Of a connected socket: a new descriptor with a new local port, and the local address by which the peer is reached
 * now.  0, and the old descriptor in *before, which is the caller's to close; or a negative errno value, and all is as
 * it was. */
int sluice_socket_reopen(sluice_socket *udp, int *before);

/* Takes what is there, without waiting.  Returns the number of arrivals (0: nothing there), and the array in *arrivals.
 * A negative errno value: the network told of a packet sent earlier; call again. */
int sluice_socket_receive(sluice_socket *udp, sluice_arrival **arrivals);

/* Hands packets to the kernel, all to one peer (NULL on a connected socket) and from one of our addresses (NULL or
 * none: the kernel's choice), in as few calls as it can.  *sent packets have left; 0 is returned when these are all,
 * else the errno value that stands for packets[*sent].  Segmentation that fails where single packets pass is given up
 * for this socket. */
int sluice_socket_send(sluice_socket *udp, const sluice_address *to, const sluice_address *from,
                       const sluice_packet *packets, size_t count, size_t *sent);

#endif
