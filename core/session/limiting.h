/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limiting.h - what limits a transfer, measured about ten times a second: at the sender from what sending waited for, at
 * the receiver from what the bytes that arrived wait for, which it tells the sender.
 *
 * Pure, and zeroed at the start.  doc/operating.md says what each word means.
 */
#ifndef SLUICE_SESSION_LIMITING_H
#define SLUICE_SESSION_LIMITING_H

#include "base/clock.h"
#include <sluice/transport.h>

/* Numbers travel in PROGRESS messages: never renumbered. */
typedef enum sluice_limit {
    SLUICE_LIMIT_UNKNOWN,
    SLUICE_LIMIT_TARGET,
    SLUICE_LIMIT_NETWORK,
    SLUICE_LIMIT_LOSS,
    SLUICE_LIMIT_SOURCE,
    SLUICE_LIMIT_SINK,
    SLUICE_LIMIT_SENDER_CPU,
    SLUICE_LIMIT_RECEIVER_CPU,
    SLUICE_LIMIT_WINDOW
} sluice_limit;
#define SLUICE_LIMITS 9

/* The word of `limited_by`; NULL for UNKNOWN and for numbers that are none. */
const char *sluice_limit_word(uint64_t limit);

/* ---- how busy a thread is ---- */

typedef struct sluice_busy {
    sluice_time at;
    sluice_clock_work work; /* as of then */
    bool told, high;        /* high: the thread had no time left for more */
} sluice_busy;

void sluice_busy_feed(sluice_busy *busy, sluice_time now, const sluice_clock_work *work);
/* Whether one of the threads that carry a session is: what the others have left is of no use for what lies with that one. */
bool sluice_busy_any(const sluice_busy *threads, size_t count);

/* ---- at the sender ---- */

typedef struct sluice_limiting_facts {
    const sluice_transport_statistics *transport;
    sluice_time now;
    sluice_rate target_bps;  /* 0: none */
    uint64_t in_flight_most; /* IP bytes: the transport's own bound */
    bool thread_busy;        /* one that seals and sends has no time left */
    uint64_t receiver_limit; /* what the receiver says: as of sluice_receiving */
    /* Waiting for data has several reasons.  source_busy: something is being read.  memory_full: something could be, but
     * unacknowledged bytes hold all the memory there may be.  Neither: all of it is on its way, or the receiver has not asked
     * for more, and which cannot be told. */
    bool source_busy, memory_full;
    /* Spent in the source so far by readings that are done: when it is little, and not nothing because of a reading under
     * way, it is this machine that is slow, not the source. */
    sluice_duration source_ns;
} sluice_limiting_facts;

typedef struct sluice_losses { /* packets, the older the less */
    double sent, lost;
} sluice_losses;

typedef struct sluice_limiting {
    uint64_t waited_ns[SLUICE_WAITS];   /* as of the last feeding */
    uint64_t data_packets, lost_packets, receiver_drops, wire_bytes;
    sluice_duration source_ns;
    sluice_time at;
    sluice_losses brief, lasting;       /* of about the last second, and the last five */
    uint64_t credit_untold_ns;          /* waited for credit before the receiver said why */
    uint64_t recent_ns[SLUICE_LIMITS];  /* of about the last second */
    uint64_t whole_ns[SLUICE_LIMITS];
} sluice_limiting;

void sluice_limiting_feed(sluice_limiting *limiting, const sluice_limiting_facts *facts);
/* Of the time since the last call of this function. */
sluice_limit sluice_limiting_recent(sluice_limiting *limiting);
/* Of most of the time since the first data. */
sluice_limit sluice_limiting_whole(const sluice_limiting *limiting);

/* ---- at the receiver ---- */

/* What holds up the bytes that have arrived: SINK, RECEIVER_CPU, or WINDOW when nothing does, so that a sender without
 * credit waits only for the way there and back.  UNKNOWN: it was not measured long enough. */
typedef struct sluice_receiving {
    unsigned feeds, full;      /* of the measurement under way: how often, and how often bytes waited for the sink */
    unsigned busy;
    sluice_duration sink_ns, sink_before_ns;
    sluice_time began;
    sluice_limit limit;
} sluice_receiving;

/* thread_busy: one that receives and opens has no time left.  sink_busy: so many bytes wait for the sink that the sender will be held up.  sink_ns: spent in the sink so far by the calls
 * that are done. */
void sluice_receiving_feed(sluice_receiving *receiving, sluice_time now, bool thread_busy, bool sink_busy,
                           sluice_duration sink_ns);

#endif
