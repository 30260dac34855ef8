/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmtud.h - the size of datagrams: DPLPMTUD (RFC 8899).
 *
 * Probes travel alone.  All sizes above the present one are tried at once, because a path carries them all or loses the
 * large ones only; each is tried three times.  A black hole is when large packets die for three probe time-outs
 * while smaller ones, sent later, arrive.
 */
#ifndef ENGINE_PMTUD_H
#define ENGINE_PMTUD_H

#include <sluice/types.h>

#define ENGINE_PMTUD_SIZES 10

typedef struct engine_pmtud_size {
    uint32_t bytes; /* UDP payload */
    uint8_t tries;  /* probes lost */
    bool flying;
} engine_pmtud_size;

typedef struct engine_pmtud {
    engine_pmtud_size sizes[ENGINE_PMTUD_SIZES];
    uint32_t count, current;
    sluice_time next;       /* no probe before */
    sluice_time proof;      /* when the newest packet was sent that arrived and was as large as those that died */
    sluice_time dead_since; /* when the first large packet lost since then was sent; 0: none */
    uint32_t dead_count, dead_least; /* how many died, and the size of the smallest */
} engine_pmtud;

void engine_pmtud_init(engine_pmtud *pmtud, uint32_t least, uint32_t most);
uint32_t engine_pmtud_bytes(const engine_pmtud *pmtud);

/* The size to probe now, of those up to `most`; or 0. */
uint32_t engine_pmtud_probe(const engine_pmtud *pmtud, sluice_time now, uint64_t most);
/* When engine_pmtud_probe will have one: SLUICE_NEVER while probes are under way. */
sluice_time engine_pmtud_wake(const engine_pmtud *pmtud, uint64_t most);

/* What became of a probe of that size.  All that return a bool return true when the size in use changed.  overrun: the
 * peer's socket overflowed of late, so that what was lost says little of the path.  Such a probe is not counted, and is
 * sent again. */
void engine_pmtud_sent(engine_pmtud *pmtud, uint32_t bytes);
bool engine_pmtud_acked(engine_pmtud *pmtud, sluice_time now, uint32_t bytes);
void engine_pmtud_lost(engine_pmtud *pmtud, sluice_time now, uint32_t bytes, bool overrun);
/* The kernel says that this size does not go. */
bool engine_pmtud_refused(engine_pmtud *pmtud, sluice_time now, uint32_t bytes);

/* Evidence from ordinary packets; bytes: of UDP payload.  Those of the least size say nothing by their death: they are
 * assumed to pass.  With an overrun more of them must die before they count as a black hole. */
void engine_pmtud_packet_lost(engine_pmtud *pmtud, sluice_time sent, uint32_t bytes);
bool engine_pmtud_packet_acked(engine_pmtud *pmtud, sluice_time now, sluice_time sent, uint32_t bytes,
                               sluice_duration pto, bool overrun);

#endif
