/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/codel.h"

#include <math.h>

#define PACKET_BYTES 1500

static sluice_time control_law(const sluice_codel *codel, const sluice_codel_setup *setup, sluice_time from)
{
    return from + (sluice_duration)((double)setup->interval_ns / sqrt((double)codel->count));
}

/* dodequeue() of the RFC: whether dropping is in order at all. */
static bool may_drop(sluice_codel *codel, const sluice_codel_setup *setup, sluice_time now, sluice_duration waited,
                     uint64_t waiting_bytes)
{
    if (waited < setup->target_ns || waiting_bytes <= PACKET_BYTES) {
        codel->first_above = 0;
        return false;
    }
    if (!codel->first_above) {
        codel->first_above = now + setup->interval_ns;
        return false;
    }
    return now >= codel->first_above;
}

/* A queue that was controlled a moment ago is taken up again near the rate of dropping that had controlled it. */
static void begin(sluice_codel *codel, const sluice_codel_setup *setup, sluice_time now)
{
    uint32_t delta = codel->count - codel->last_count;

    codel->dropping = true;
    codel->count = delta > 1 && now - codel->drop_next < 16 * setup->interval_ns ? delta : 1;
    codel->drop_next = control_law(codel, setup, now);
    codel->last_count = codel->count;
}

bool sluice_codel_drops(sluice_codel *codel, const sluice_codel_setup *setup, sluice_time now, sluice_duration waited,
                        uint64_t waiting_bytes)
{
    bool above = may_drop(codel, setup, now, waited, waiting_bytes);

    if (codel->dropping && !above) {
        codel->dropping = false;
        return false;
    }
    if (!codel->dropping) {
        if (above)
            begin(codel, setup, now);
        return above;
    }
    if (now < codel->drop_next)
        return false;
    codel->count++;
    codel->drop_next = control_law(codel, setup, codel->drop_next);
    return true;
}

void sluice_codel_empty(sluice_codel *codel)
{
    codel->first_above = 0;
    codel->dropping = false;
}
