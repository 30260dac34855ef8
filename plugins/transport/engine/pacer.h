/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pacer.h - spreads packets over time: no window of time t carries more than rate x t + one burst.
 *
 * A burst is rate x 0.5 ms, at least two full-size packets, at most 64 KB.  All bytes are IP bytes of one direction.
 * The state is one time, as in ATM's GCRA: when the bucket would be full again; so nothing accumulates, and after a
 * stall there is at most one burst of catch-up.
 *
 * Reports do not wait, however low the rate is: those of a fast stream that comes may be more than it.  What else is to be
 * sent makes up for them, each packet for as many bytes as it has itself; so they never take more than half of the rate from
 * it, and a message does not wait until all reports so far are paid for.
 */
#ifndef ENGINE_PACER_H
#define ENGINE_PACER_H

#include <sluice/types.h>

typedef struct engine_pacer {
    sluice_rate rate;      /* 0: no pacing */
    uint64_t burst;        /* bytes */
    uint32_t packet_bytes; /* of a full-size packet */
    sluice_time full_at;   /* when the bucket is full again; in the past: it is full */
    uint64_t owed;         /* bytes of reports that others have to make up for; a burst at most */
} engine_pacer;

/* Sets or changes the rate; what was sent stays paid for. */
void engine_pacer_set(engine_pacer *pacer, sluice_time now, sluice_rate rate, uint32_t packet_bytes);

/* Bytes that may leave now; UINT64_MAX without pacing. */
uint64_t engine_pacer_room(const engine_pacer *pacer, sluice_time now);

/* When `bytes` may leave (a burst at most); 0 bytes: a worthwhile run, a quarter of a burst or one packet at low rates.
 */
sluice_time engine_pacer_when(const engine_pacer *pacer, uint64_t bytes);

/* bytes were sent; may exceed the room. */
void engine_pacer_spend(engine_pacer *pacer, sluice_time now, uint64_t bytes);

/* The same of a packet that holds a report and nothing else.  others: there is something that waits for the pacer. */
void engine_pacer_report(engine_pacer *pacer, sluice_time now, uint64_t bytes, bool others);

#endif
