/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet.h - one datagram on its way between transport, crypto and the datagram channel.
 *
 * Invariant for every transport: byte 0 holds flags, bytes 1 to 8 the connection id of the receiving side (its
 * first byte names the worker).  What follows up to header_bytes is the transport's; the header is authenticated,
 * the body is encrypted in place, and the seal (tag) follows the body.
 */
#ifndef SLUICE_PACKET_H
#define SLUICE_PACKET_H

#include <sluice/types.h>

#define SLUICE_PACKET_ID_AT 1   /* offset of the connection id */
#define SLUICE_PACKET_ID_BYTES 8
#define SLUICE_PACKET_MAX 16384 /* no datagram is larger */

enum {
    SLUICE_PACKET_ALONE = 1, /* a path probe: its own system call, don't-fragment set, never with others */
    SLUICE_PACKET_DATA = 2   /* carries object data (statistics) */
};

enum { SLUICE_ECN_NONE = 0, SLUICE_ECN_ECT1 = 1, SLUICE_ECN_ECT0 = 2, SLUICE_ECN_CE = 3 };

typedef struct sluice_packet {
    uint8_t *data;         /* header, body, seal */
    uint32_t size;         /* bytes in data: header + body before sealing and after opening, the datagram otherwise */
    uint32_t capacity;     /* bytes that may be written to data, room for the seal included */
    uint32_t header_bytes; /* authenticated, not encrypted; the body begins there */
    uint32_t flags;
    uint64_t number;       /* full packet number: never reused with the same key */
    uint32_t phase;        /* key phase, counting from 0; its lowest bit is the header's phase bit */
    int32_t status;        /* of inspect and open: SLUICE_OK, or why this packet is ignored */
    uint32_t path;         /* the core's number for the peer address it came from or goes to; 0 is the session's */
    uint8_t ecn;           /* SLUICE_ECN_* as received */
    sluice_time received;  /* when the kernel received it, on the clock of `now`; of sent packets: unused */
} sluice_packet;

#endif
