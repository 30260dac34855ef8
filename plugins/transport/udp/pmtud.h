/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmtud.h - the size of datagrams: DPLPMTUD (RFC 8899).
 *
 * Probes travel alone.  All sizes above the present one are tried at once, because a path carries them all or loses the
 * large ones only; each is tried three times.  A black hole is when large packets die for three probe time-outs
 * while smaller ones, sent later, arrive.
 */
#ifndef UDP_PMTUD_H
#define UDP_PMTUD_H

#include <sluice/types.h>

#define UDP_PMTUD_SIZES 10

typedef struct udp_pmtud_size {
    uint32_t bytes; /* UDP payload */
    uint8_t tries;  /* probes lost */
    bool flying;
} udp_pmtud_size;

typedef struct udp_pmtud {
    udp_pmtud_size sizes[UDP_PMTUD_SIZES];
    uint32_t count, current;
    sluice_time next;       /* no probe before */
    sluice_time proof;      /* when the newest packet was sent that arrived and was as large as those that died */
    sluice_time dead_since; /* when the first large packet lost since then was sent; 0: none */
    uint32_t dead_count, dead_least; /* how many died, and the size of the smallest */
} udp_pmtud;

void udp_pmtud_init(udp_pmtud *pmtud, uint32_t least, uint32_t most);
uint32_t udp_pmtud_bytes(const udp_pmtud *pmtud);

/* The size to probe now, of those up to `most`; or 0. */
uint32_t udp_pmtud_probe(const udp_pmtud *pmtud, sluice_time now, uint64_t most);
/* When udp_pmtud_probe will have one: SLUICE_NEVER while probes are under way. */
sluice_time udp_pmtud_wake(const udp_pmtud *pmtud, uint64_t most);

/* What became of a probe of that size.  All return true when the size in use changed. */
void udp_pmtud_sent(udp_pmtud *pmtud, uint32_t bytes);
bool udp_pmtud_acked(udp_pmtud *pmtud, sluice_time now, uint32_t bytes);
void udp_pmtud_lost(udp_pmtud *pmtud, sluice_time now, uint32_t bytes);
/* The kernel says that this size does not go. */
bool udp_pmtud_refused(udp_pmtud *pmtud, sluice_time now, uint32_t bytes);

/* Evidence from ordinary packets; bytes: of UDP payload.  Those of the least size say nothing by their death: they are
 * assumed to pass. */
void udp_pmtud_packet_lost(udp_pmtud *pmtud, sluice_time sent, uint32_t bytes);
bool udp_pmtud_packet_acked(udp_pmtud *pmtud, sluice_time now, sluice_time sent, uint32_t bytes, sluice_duration pto);

#endif
