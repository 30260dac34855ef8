/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - the bytes of a REPORT: which packet numbers arrived, and what the sender needs to know of the way.
 *
 * A report describes segments of the row of packet numbers, the newest first.  Of each number in a segment it says
 * whether it arrived; of others it says nothing.  A segment is runs or a bitmap, whichever is shorter.
 */
#ifndef UDP_REPORT_H
#define UDP_REPORT_H

#include <sluice/types.h>

#define UDP_REPORT_ARRIVALS 8
#define UDP_REPORT_LEAST_ROOM 160     /* a report fits into that much, though with a short segment */
#define UDP_REPORT_SEGMENTS 16        /* a report with more is refused */
#define UDP_REPORT_SEGMENT_MOST 65536 /* numbers in a segment; more is refused */

typedef struct udp_arrival {
    uint64_t number;
    uint64_t time_us; /* receiver's clock */
} udp_arrival;

typedef struct udp_report {
    uint64_t newest;                           /* highest number that arrived */
    uint64_t arrived_us;                       /* when, by the receiver's clock */
    uint64_t hold_us;                          /* from then until the report left */
    uint64_t ce_packets, drop_packets;         /* since the session began */
    uint64_t credit;                           /* session credit, as in CREDIT */
    udp_arrival arrivals[UDP_REPORT_ARRIVALS]; /* others since the report before */
    uint32_t arrival_count;
    uint64_t segment_count;
    const uint8_t *segments, *end;
} udp_report;

/* Writes all but the segments. */
uint8_t *udp_report_put(uint8_t *at, const udp_report *report);
/* False: malformed. */
bool udp_report_get(const uint8_t *at, const uint8_t *end, udp_report *out);

/* A bitmap over numbers that wraps around: bit (number & (room - 1)). */
typedef struct udp_numbers {
    uint64_t *map;
    uint64_t room; /* a power of two, at least 64 */
} udp_numbers;

bool udp_numbers_has(const udp_numbers *numbers, uint64_t number);
/* The last number in [low, from] whose bit equals `set`; low - 1 (which may wrap to UINT64_MAX) when there is none. */
uint64_t udp_numbers_back(const udp_numbers *numbers, uint64_t from, uint64_t low, bool set);

/* Writes the segment [low, top], shortened from below to fit into room (at least 24 bytes).  Returns the end and
 * the low that was reached; NULL: no room. */
uint8_t *udp_segment_put(uint8_t *at, size_t room, const udp_numbers *numbers, uint64_t newest, uint64_t top,
                         uint64_t *low);

typedef enum udp_walk_step { UDP_WALK_SEGMENT, UDP_WALK_RUN, UDP_WALK_END, UDP_WALK_MALFORMED } udp_walk_step;

/* Goes through a report's segments: SEGMENT tells what is covered, then each RUN of numbers that arrived. */
typedef struct udp_walk {
    const uint8_t *at, *end;
    uint64_t newest, segments_left;
    uint64_t low, top;            /* of SEGMENT: covered; of RUN: arrived */
    uint64_t covered_low, cursor; /* numbers up to the cursor are still to be read; cursor counts from covered_low */
    const uint8_t *bits;          /* NULL: runs */
    uint64_t bit_top;
    bool received; /* the next run is one of numbers that arrived */
} udp_walk;

void udp_walk_init(udp_walk *walk, const udp_report *report);
udp_walk_step udp_walk_next(udp_walk *walk);

#endif
