/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - counters that travel to the other side of a session. */
#ifndef SLUICE_SESSION_PROGRESS_H
#define SLUICE_SESSION_PROGRESS_H

#include "session/wire.h"

/* Those of the transport are filled by the session.  X(field, number on the wire). */
#define SLUICE_PROGRESS_MAP(X)                                                                                        \
    X(wire_bytes, 1)                                                                                                  \
    X(resent_bytes, 2)                                                                                                \
    X(redundant_bytes, 3)                                                                                             \
    X(lost_packets, 4)                                                                                                \
    X(data_packets, 5)                                                                                                \
    X(resent_packets, 6)                                                                                              \
    X(min_rtt_ns, 7)                                                                                                  \
    X(srtt_ns, 8)                                                                                                     \
    X(queue_ns, 9)                                                                                                    \
    X(rate_bps, 10)                                                                                                   \
    X(target_bps, 11)                                                                                                 \
    X(minimum_bps, 12)                                                                                                \
    X(mtu, 13)                                                                                                        \
    X(receiver_drops, 14)                                                                                             \
    X(limited_by, 15)       /* the session's own numbering; 0: cannot be told */                                      \
    X(first_data_ns, 16)    /* from the start of that side to its first data packet; 0: none */                       \
    X(total_files, 17)                                                                                                \
    X(total_bytes, 18)                                                                                                \
    X(verified_bytes, 19)   /* these five are filled by the cargo itself */                                           \
    X(files, 20)                                                                                                      \
    X(failed, 21)                                                                                                     \
    X(skipped, 22)                                                                                                    \
    X(moved_bytes, 23)                                                                                                \
    X(receiver_limit, 24)   /* what holds up the bytes that arrive, as of sluice_receiving */

typedef struct sluice_progress {
#define SLUICE_PROGRESS_FIELD(field, number) uint64_t field;
    SLUICE_PROGRESS_MAP(SLUICE_PROGRESS_FIELD)
#undef SLUICE_PROGRESS_FIELD
} sluice_progress;

void sluice_progress_put(const sluice_progress *progress, sluice_wire_writer *writer);
/* Fields that are missing or malformed are 0, unknown ones are stepped over. */
void sluice_progress_get(sluice_progress *progress, sluice_wire_reader *reader);

#endif
