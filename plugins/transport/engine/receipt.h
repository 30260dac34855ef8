/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipt.h - the receiving side's memory of what arrived, and when to tell.
 *
 * Each report tells about the newest numbers, as many as about sixteen reports span; so a number stands in many reports
 * whether they arrive or not.  Which reports the peer has got is known from its own reports; what no confirmed report
 * told, because all of them fell into an outage, is told again in spare room.
 */
#ifndef ENGINE_RECEIPT_H
#define ENGINE_RECEIPT_H

#include "ranges.h"
#include "report.h"

#define ENGINE_RECEIPT_WINDOW (UINT64_C(1) << 19) /* numbers remembered; older ones count as duplicates */
#define ENGINE_RECEIPT_LATE 64
#define ENGINE_RECEIPT_MARKS 32

typedef struct engine_receipt {
    engine_numbers numbers;
    bool any;
    uint64_t high;         /* highest number that came */
    sluice_time high_time; /* when */
    sluice_duration unread; /* how long it lay in our socket before it was read */
    engine_ranges pending; /* numbers that no confirmed report has told about */
    struct {
        uint64_t number, stamp; /* came late, when our next packet number was `stamp` */
    } late[ENGINE_RECEIPT_LATE];
    uint32_t late_next;
    struct {
        sluice_time time;
        uint64_t high;
    } marks[ENGINE_RECEIPT_MARKS]; /* how far the row of numbers reached at times past */
    uint32_t mark_next;
    bool tell_all;   /* the next report tells of all that no confirmed one has told */
    uint32_t every;  /* a report leaves at the latest when so many packets want one */
    uint64_t reach;  /* how far back packets came lately: reports cover twice as much */
    uint64_t cursor; /* where the rotation through old pending numbers stands */

    engine_arrival arrivals[ENGINE_REPORT_ARRIVALS]; /* since the last report; times in ns here */
    uint32_t arrival_count;
    uint32_t since;           /* packets since the last report */
    uint32_t eliciting_since; /* of those, ones that want a report */
    uint64_t eliciting_total;
    sluice_time due;  /* SLUICE_NEVER: no report is due by itself */
    sluice_time last; /* when the last report left; 0: none yet */
    uint64_t ce_packets, drop_packets;
} engine_receipt;

typedef enum engine_receipt_result { ENGINE_RECEIPT_NEW, ENGINE_RECEIPT_DUPLICATE } engine_receipt_result;

int engine_receipt_init(engine_receipt *receipt, const sluice_host *host);
void engine_receipt_fini(engine_receipt *receipt, const sluice_host *host);

/* A report is due at every so many packets that want one. */
void engine_receipt_every(engine_receipt *receipt, uint32_t packets);

/* Reports of late may have gone where they are not heard: one that tells all is due now. */
void engine_receipt_again(engine_receipt *receipt, sluice_time now);

bool engine_receipt_seen(const engine_receipt *receipt, uint64_t number);

/* Notes a packet that was not seen before, which came at `received` and is read now.  stamp: our next packet number.
 * SLUICE_ENOMEM. */
int engine_receipt_note(engine_receipt *receipt, const sluice_host *host, uint64_t number, sluice_time received,
                        sluice_time now, uint64_t stamp);

/* The packet wants a report: after `delay`, at once when it is one of the first, when many wait, or when urgent. */
void engine_receipt_want(engine_receipt *receipt, sluice_time now, sluice_duration delay, bool urgent);

/* A report would tell something that no confirmed one has. */
bool engine_receipt_untold(const engine_receipt *receipt);

/* Writes a REPORT frame's body into room (at least ENGINE_REPORT_LEAST_ROOM).  told[0] and told[1] are the segments
 * [from, to) that went in; aged: numbers first told before that time and not confirmed are told again.  Then the
 * next report is due only when something comes. */
uint8_t *engine_receipt_write(engine_receipt *receipt, uint8_t *at, size_t room, sluice_time now, sluice_duration aged,
                              uint64_t credit, engine_range told[2]);

/* The peer has the report that left in our packet `stamp` and told about [from, to). */
int engine_receipt_confirm(engine_receipt *receipt, const sluice_host *host, uint64_t stamp, uint64_t from,
                           uint64_t to);

#endif
