/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h - memory in which a lane writes the packets of one call of the kernel.
 *
 * Each packet has room for SLUICE_PACKET_MAX bytes, or, laid out tightly, they lie end to end, so that equal-sized
 * packets form one run of bytes.  The channel takes both; it gathers what does not lie end to end.
 */
#ifndef SLUICE_NET_BATCH_H
#define SLUICE_NET_BATCH_H

#include <sluice/packet.h>
#include <sluice/status.h>

#define SLUICE_BATCH_PACKETS 64   /* the kernel's limit for one call with UDP_SEGMENT */
#define SLUICE_BATCH_BYTES 65487u /* its other limit: an IPv6 packet's payload of UDP, and a little less over IPv4 too */

typedef struct sluice_batch {
    struct sluice_batch *next; /* for whoever keeps several */
    sluice_packet packets[SLUICE_BATCH_PACKETS];
    uint8_t *arena; /* the batch's */
    size_t arena_bytes;
} sluice_batch;

/* SLUICE_ENOMEM.  Every packet is laid out loosely. */
int sluice_batch_init(sluice_batch *batch);
void sluice_batch_fini(sluice_batch *batch);

/* Makes the packets ready for produce: cleared, data and capacity set.  datagram_bytes 0: each has room for
 * SLUICE_PACKET_MAX bytes; else they lie end to end with room for so many (at most SLUICE_PACKET_MAX), the seal
 * included, but the first may take SLUICE_PACKET_MAX where it stays the only one: a probe of the path.  Returns how many
 * of them should be produced: as many as leave in one piece. */
size_t sluice_batch_lay(sluice_batch *batch, uint32_t datagram_bytes);

#endif
