/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codel.h - the control law of CoDel, "Controlled Delay Active Queue Management" (RFC 8289, section 5), without a queue.
 *
 * Whoever has the queue asks for each packet that is about to leave it.  Packets are dropped at their leaving when they
 * have waited for longer than the target for a whole interval; then one after interval / sqrt(count) each.
 */
#ifndef SLUICE_SIMULATE_CODEL_H
#define SLUICE_SIMULATE_CODEL_H

#include <sluice/types.h>

/* RFC 8289, 4.2 and 4.3, gives 5 ms and 100 ms for the Internet. */
typedef struct sluice_codel_setup {
    sluice_duration target_ns, interval_ns;
} sluice_codel_setup;

typedef struct sluice_codel {
    sluice_time first_above; /* when the wait will have been above the target for an interval; 0: it is not above */
    sluice_time drop_next;
    uint32_t count, last_count; /* packets dropped since dropping began; the same of the time before */
    bool dropping;
} sluice_codel;

/* Whether the packet that has waited so long is dropped (then ask for the next one) or passes.  waiting_bytes: behind it; a
 * queue of less than one packet is never dropped from. */
bool sluice_codel_drops(sluice_codel *codel, const sluice_codel_setup *setup, sluice_time now, sluice_duration waited,
                        uint64_t waiting_bytes);

/* The queue is empty. */
void sluice_codel_empty(sluice_codel *codel);

#endif
