/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sieve.h - has the kernel throw away datagrams of strangers before they cost a server a call.
 *
 * A second socket on the same port, in one SO_REUSEPORT group with the first, has a filter that takes nothing.  A small
 * program (classic BPF) sends to it whatever is too short for a connection id or has one without our mark: the lowest
 * 16 bits of an id are a keyed hash of the others.  One of 65536 random datagrams slips through, and so do those of
 * someone who has seen an id on the way; the channel looks every id up as it does without a sieve, and the transport
 * opens what it is given with the session's keys.  So the sieve saves time and protects nothing.
 *
 * The same program sends a packet on to other sockets of the group: the first byte of an id is the socket's number, 0 for the
 * first one, and more of them may join later (sluice_datagram_setup.beside).
 *
 * Why not a filter on the socket itself: SO_RXQ_OVFL counts what a filter drops like what a full buffer drops, and
 * senders slow down by that figure.
 */
#ifndef SLUICE_NET_SIEVE_H
#define SLUICE_NET_SIEVE_H

#include "net/address.h"

#include <stdint.h>

typedef struct sluice_sieve {
    int fd; /* negative: no sieve */
    uint32_t keys[3];
} sluice_sieve;

/* For a bound, unconnected UDP socket of that family and address, which nobody else could bind to.  Where the kernel
 * does not play along there is no sieve, and everything arrives at the socket as before.  coalesce: as the socket has
 * it. */
void sluice_sieve_init(sluice_sieve *sieve, int fd, int family, const sluice_address *local, bool coalesce);
void sluice_sieve_fini(sluice_sieve *sieve);

/* The id with the mark in its lowest 16 bits; without a sieve as it is. */
uint64_t sluice_sieve_mark(const sluice_sieve *sieve, uint64_t id);

/* Datagrams thrown away; several that the kernel had joined are judged by the first, and count as one. */
uint64_t sluice_sieve_count(const sluice_sieve *sieve);

#endif
