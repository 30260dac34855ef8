/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts.h - what a host knows of itself that decides how fast it sends and receives; and as a message of the session.
 *
 * A server answers a request that is a probe with its facts (message FACTS); the client gathers its own (survey.h).  0
 * and "" stand for what is not known.
 */
#ifndef SLUICE_SESSION_FACTS_H
#define SLUICE_SESSION_FACTS_H

#include "session/cipher.h"
#include "session/wire.h"

#define SLUICE_FACTS_WHY 200 /* room for a sentence and its NUL */

/* X(field, tag on the wire); all are u64. */
#define SLUICE_FACTS_MAP(X)                                                                                           \
    X(wall_ns, 1)              /* the clock of the day when they were sent, since 1970 UTC */                         \
    X(cores, 2)                /* processors that the program may use */                                              \
    X(datagrams, 3)            /* authentic datagrams of the other side that came in this session so far */           \
    X(receive_buffer_bytes, 4) /* of the UDP socket, as granted; 0: it has none */                                    \
    X(send_buffer_bytes, 5)                                                                                           \
    X(receive_limit_bytes, 6)  /* net.core.rmem_max, net.core.wmem_max */                                             \
    X(send_limit_bytes, 7)                                                                                            \
    X(segmenting, 8)           /* 1: UDP_SEGMENT, UDP_GRO are in use */                                               \
    X(coalescing, 9)                                                                                                  \
    X(disk_write_bps, 10)      /* of a file in the root; 0: not measured, disk_why says why */                        \
    X(disk_read_bps, 11)

#define SLUICE_FACTS_DISK_WHY 12 /* text */
#define SLUICE_FACTS_CIPHER 13   /* string name, number of packets per second; once for each cipher */

typedef struct sluice_facts {
#define SLUICE_FACTS_FIELD(field, tag) uint64_t field;
    SLUICE_FACTS_MAP(SLUICE_FACTS_FIELD)
#undef SLUICE_FACTS_FIELD
    char disk_why[SLUICE_FACTS_WHY];
    sluice_cipher_offer ciphers[SLUICE_CIPHERS];
    size_t cipher_count;
} sluice_facts;

/* The body of the message.  Of a peer's anything is taken: unknown fields are stepped over, what is malformed reads as
 * unknown. */
void sluice_facts_put(const sluice_facts *facts, sluice_wire_writer *body);
void sluice_facts_get(sluice_facts *facts, sluice_wire_reader *body);

#endif
