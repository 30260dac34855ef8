/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - the bytes of a REPORT: which packet numbers arrived, and what the sender needs to know of the way.
 *
 * A report describes segments of the row of packet numbers, the newest first.  Of each number in a segment it says
 * whether it arrived; of others it says nothing.  A segment is runs or a bitmap, whichever is shorter.
 *
 * Last comes how long the newest packet lay unread in the socket.  A report may end before that, and more may follow it.
 */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include <sluice/types.h>

#define ENGINE_REPORT_ARRIVALS 8
#define ENGINE_REPORT_UNREAD_ROOM 4      /* that is left behind the segments for how long the newest lay unread */
#define ENGINE_REPORT_LEAST_ROOM 160     /* a report fits into that much, though with a short segment */
#define ENGINE_REPORT_SEGMENTS 16        /* a report with more is refused */
#define ENGINE_REPORT_SEGMENT_MOST 65536 /* numbers in a segment; more is refused */

typedef struct engine_arrival {
    uint64_t number;
    uint64_t time_us; /* receiver's clock */
} engine_arrival;

typedef struct engine_report {
    uint64_t newest;                                 /* highest number that arrived */
    uint64_t arrived_us;                             /* when, by the receiver's clock */
    uint64_t hold_us;                                /* from then until the report left */
    uint64_t ce_packets, drop_packets;               /* since the session began */
    uint64_t credit;                                 /* session credit, as in CREDIT */
    engine_arrival arrivals[ENGINE_REPORT_ARRIVALS]; /* others since the report before */
    uint32_t arrival_count;
    uint64_t segment_count;
    const uint8_t *segments, *end;
} engine_report;

/* Writes all but the segments. */
uint8_t *engine_report_put(uint8_t *at, const engine_report *report);
/* False: malformed. */
bool engine_report_get(const uint8_t *at, const uint8_t *end, engine_report *out);

/* A bitmap over numbers that wraps around: bit (number & (room - 1)). */
typedef struct engine_numbers {
    uint64_t *map;
    uint64_t room; /* a power of two, at least 64 */
} engine_numbers;

bool engine_numbers_has(const engine_numbers *numbers, uint64_t number);
/* The last number in [low, from] whose bit equals `set`; low - 1 (which may wrap to UINT64_MAX) when there is none. */
uint64_t engine_numbers_back(const engine_numbers *numbers, uint64_t from, uint64_t low, bool set);

/* Writes the segment [low, top], shortened from below to fit into room (at least 24 bytes).  Returns the end and
 * the low that was reached; NULL: no room. */
uint8_t *engine_segment_put(uint8_t *at, size_t room, const engine_numbers *numbers, uint64_t newest, uint64_t top,
                            uint64_t *low);

typedef enum engine_walk_step {
    ENGINE_WALK_SEGMENT,
    ENGINE_WALK_RUN,
    ENGINE_WALK_END,
    ENGINE_WALK_MALFORMED
} engine_walk_step;

/* Writes how long the newest packet lay unread, into ENGINE_REPORT_UNREAD_ROOM: a thousand seconds at most. */
uint8_t *engine_report_put_unread(uint8_t *at, uint64_t unread_us);

/* Goes through a report's segments: SEGMENT tells what is covered, then each RUN of numbers that arrived. */
typedef struct engine_walk {
    const uint8_t *at, *end;
    uint64_t newest, segments_left;
    uint64_t low, top;            /* of SEGMENT: covered; of RUN: arrived */
    uint64_t covered_low, cursor; /* numbers up to the cursor are still to be read; cursor counts from covered_low */
    const uint8_t *bits;          /* NULL: runs */
    uint64_t bit_top;
    bool received; /* the next run is one of numbers that arrived */
} engine_walk;

void engine_walk_init(engine_walk *walk, const engine_report *report);
engine_walk_step engine_walk_next(engine_walk *walk);
/* After END: how long the newest packet lay unread, in us; 0 where the report does not tell. */
uint64_t engine_walk_unread_us(const engine_walk *walk);

#endif
