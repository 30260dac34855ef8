/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limiting.h - what limits a transfer: measured at the sender from what sending waited for.
 *
 * Fed about ten times a second with the transport's waiting times; answers for the last second and for the whole.
 */
#ifndef SLUICE_SESSION_LIMITING_H
#define SLUICE_SESSION_LIMITING_H

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

/* Zeroed at the start. */
typedef struct sluice_limiting {
    uint64_t waited_ns[SLUICE_WAITS];   /* as of the last feeding */
    uint64_t data_packets, lost_packets, receiver_drops;
    sluice_duration source_ns;
    uint64_t recent_ns[SLUICE_LIMITS];  /* of about the last second */
    uint64_t whole_ns[SLUICE_LIMITS];
} sluice_limiting;

/* Waiting for data has several reasons.  source_busy: something is being read; else all of it is on its way, or the
 * receiver has not asked for more, and which cannot be told.  source_ns: spent in the source so far by readings that
 * are done: when it is little, or no time at all of a reading under way, it is this machine that is slow, not the
 * source. */
void sluice_limiting_feed(sluice_limiting *limiting, const sluice_transport_statistics *now, sluice_rate target_bps,
                          bool source_busy, sluice_duration source_ns);
/* Of the time since the last call of this function. */
sluice_limit sluice_limiting_recent(sluice_limiting *limiting);
sluice_limit sluice_limiting_whole(const sluice_limiting *limiting);

#endif
