/* SPDX-License-Identifier: Apache-2.0 */
#include "receipt.h"

#include <string.h>

#define PACKETS_PER_REPORT 64u
#define FIRST_AT_ONCE 8u /* reports at once for the first packets, so that the start is quick */
#define TOLD_LEAST 256u
#define TOLD_MOST 4096u
#define TOLD_REACH 6144u /* at most, when packets come far out of order */
#define TOLD_AGAIN 2048u
#define URGENT_GAP (1 * SLUICE_MS)

int engine_receipt_init(engine_receipt *receipt, const sluice_host *host)
{
    *receipt = (engine_receipt){.due = SLUICE_NEVER, .every = PACKETS_PER_REPORT};
    receipt->numbers.map = host->resize(host, NULL, ENGINE_RECEIPT_WINDOW / 8);
    if (!receipt->numbers.map)
        return SLUICE_ENOMEM;
    receipt->numbers.room = ENGINE_RECEIPT_WINDOW;
    memset(receipt->numbers.map, 0, ENGINE_RECEIPT_WINDOW / 8);
    return SLUICE_OK;
}

void engine_receipt_fini(engine_receipt *receipt, const sluice_host *host)
{
    if (receipt->numbers.map)
        host->resize(host, receipt->numbers.map, 0);
    engine_ranges_fini(&receipt->pending, host);
    *receipt = (engine_receipt){0};
}

void engine_receipt_every(engine_receipt *receipt, uint32_t packets)
{
    receipt->every = packets;
}

void engine_receipt_again(engine_receipt *receipt, sluice_time now)
{
    if (!receipt->any)
        return;
    receipt->tell_all = true;
    receipt->due = now;
}

bool engine_receipt_seen(const engine_receipt *receipt, uint64_t number)
{
    if (!receipt->any || number > receipt->high)
        return false;
    return receipt->high - number >= ENGINE_RECEIPT_WINDOW || engine_numbers_has(&receipt->numbers, number);
}

/* Clears the bits of (high, number], which stood for numbers one window before. */
static void advance(engine_receipt *receipt, uint64_t number)
{
    uint64_t from =
        receipt->any ? receipt->high + 1 : number - (number < ENGINE_RECEIPT_WINDOW ? number : ENGINE_RECEIPT_WINDOW);
    if (number - from >= ENGINE_RECEIPT_WINDOW) {
        memset(receipt->numbers.map, 0, ENGINE_RECEIPT_WINDOW / 8);
        return;
    }
    for (uint64_t n = from; n <= number;) {
        uint64_t index = n & (ENGINE_RECEIPT_WINDOW - 1);
        if ((index & 63) == 0 && number - n >= 63) {
            receipt->numbers.map[index >> 6] = 0;
            n += 64;
        } else {
            receipt->numbers.map[index >> 6] &= ~(UINT64_C(1) << (index & 63));
            n++;
        }
    }
}

static void arrival_note(engine_receipt *receipt, uint64_t number, sluice_time received)
{
    if (receipt->since % (receipt->every / ENGINE_REPORT_ARRIVALS) == 0 &&
        receipt->arrival_count < ENGINE_REPORT_ARRIVALS)
        receipt->arrivals[receipt->arrival_count++] = (engine_arrival){number, received};
}

int engine_receipt_note(engine_receipt *receipt, const sluice_host *host, uint64_t number, sluice_time received,
                        sluice_time now, uint64_t stamp)
{
    int status = SLUICE_OK;
    if (!receipt->any || number > receipt->high) {
        uint64_t from = receipt->any ? receipt->high + 1 : 0;
        if (number - from >= ENGINE_RECEIPT_WINDOW)
            from = number - ENGINE_RECEIPT_WINDOW + 1;
        status = engine_ranges_add(&receipt->pending, host, from, number + 1, NULL);
        if (status != SLUICE_OK)
            return status;
        if (number >= ENGINE_RECEIPT_WINDOW)
            status = engine_ranges_remove(&receipt->pending, host, 0, number - ENGINE_RECEIPT_WINDOW + 1, NULL);
        advance(receipt, number);
        receipt->high = number;
        receipt->high_time = received;
        receipt->unread = now - received;
        receipt->any = true;
    } else if (receipt->high - number > TOLD_LEAST / 2) {
        uint64_t back = receipt->high - number;
        receipt->reach = back > receipt->reach ? back : receipt->reach;
        status = engine_ranges_add(&receipt->pending, host, number, number + 1, NULL);
        receipt->late[receipt->late_next % ENGINE_RECEIPT_LATE].number = number;
        receipt->late[receipt->late_next % ENGINE_RECEIPT_LATE].stamp = stamp;
        receipt->late_next++;
    }
    if (status != SLUICE_OK)
        return status;
    uint64_t index = number & (ENGINE_RECEIPT_WINDOW - 1);
    receipt->numbers.map[index >> 6] |= UINT64_C(1) << (index & 63);
    arrival_note(receipt, number, received);
    receipt->since++;
    return SLUICE_OK;
}

void engine_receipt_want(engine_receipt *receipt, sluice_time now, sluice_duration delay, bool urgent)
{
    sluice_time due = now + delay;
    receipt->eliciting_since++;
    receipt->eliciting_total++;
    if (receipt->eliciting_since >= receipt->every || receipt->eliciting_total <= FIRST_AT_ONCE)
        due = now;
    else if (urgent)
        due = now > receipt->last + URGENT_GAP ? now : receipt->last + URGENT_GAP;
    if (due < receipt->due)
        receipt->due = due;
}

bool engine_receipt_untold(const engine_receipt *receipt)
{
    return receipt->any && (receipt->due != SLUICE_NEVER || receipt->pending.count > 0);
}

static void mark_note(engine_receipt *receipt, sluice_time now, sluice_duration aged)
{
    uint32_t last = (receipt->mark_next + ENGINE_RECEIPT_MARKS - 1) % ENGINE_RECEIPT_MARKS;
    if (receipt->mark_next > 0 && now < receipt->marks[last].time + aged / 8)
        return;
    uint32_t slot = receipt->mark_next % ENGINE_RECEIPT_MARKS;
    receipt->marks[slot].time = now;
    receipt->marks[slot].high = receipt->high;
    receipt->mark_next++;
}

/* Numbers below this were first told at least `aged` ago. */
static uint64_t aged_limit(const engine_receipt *receipt, sluice_time now, sluice_duration aged)
{
    uint64_t limit = 0;
    uint32_t count = receipt->mark_next < ENGINE_RECEIPT_MARKS ? receipt->mark_next : ENGINE_RECEIPT_MARKS;
    for (uint32_t i = 0; i < count; i++) {
        if (receipt->marks[i].time + aged <= now && receipt->marks[i].high + 1 > limit)
            limit = receipt->marks[i].high + 1;
    }
    return limit;
}

/* The next stretch of old numbers to tell again; false: none. */
static bool old_stretch(engine_receipt *receipt, uint64_t limit, engine_range *out)
{
    if (receipt->cursor >= limit || !engine_ranges_find(&receipt->pending, receipt->cursor, out) ||
        out->from >= limit) {
        receipt->cursor = 0;
        if (!engine_ranges_find(&receipt->pending, 0, out) || out->from >= limit)
            return false;
    }
    if (out->from < receipt->cursor)
        out->from = receipt->cursor;
    if (out->to > limit)
        out->to = limit;
    if (out->to - out->from > TOLD_AGAIN)
        out->to = out->from + TOLD_AGAIN;
    return true;
}

static void arrivals_fill(engine_receipt *receipt, engine_report *report)
{
    for (uint32_t i = 0; i < receipt->arrival_count; i++) {
        const engine_arrival *arrival = &receipt->arrivals[i];
        uint64_t time_us = arrival->time_us / 1000;
        if (arrival->number < report->newest && time_us <= report->arrived_us)
            report->arrivals[report->arrival_count++] = (engine_arrival){arrival->number, time_us};
    }
}

/* From the newest number down to the oldest that no confirmed report has told, as far as a segment can tell. */
static uint64_t all_span(const engine_receipt *receipt, uint64_t least)
{
    engine_range oldest;
    if (!engine_ranges_find(&receipt->pending, 0, &oldest) || receipt->high < oldest.from)
        return least;
    uint64_t span = receipt->high + 1 - oldest.from;
    span = span < ENGINE_REPORT_SEGMENT_MOST ? span : ENGINE_REPORT_SEGMENT_MOST;
    return span > least ? span : least;
}

uint8_t *engine_receipt_write(engine_receipt *receipt, uint8_t *at, size_t room, sluice_time now, sluice_duration aged,
                              uint64_t credit, engine_range told[2])
{
    uint8_t *end = at + room - ENGINE_REPORT_UNREAD_ROOM;
    engine_report report = {.newest = receipt->high,
                            .arrived_us = receipt->high_time / 1000,
                            .hold_us = now > receipt->high_time ? (now - receipt->high_time) / 1000 : 0,
                            .ce_packets = receipt->ce_packets,
                            .drop_packets = receipt->drop_packets,
                            .credit = credit};
    arrivals_fill(receipt, &report);
    at = engine_report_put(at, &report);
    uint8_t *count_at = at++;
    *count_at = 1;

    uint64_t span = 16 * (uint64_t)receipt->since;
    span = span < TOLD_LEAST ? TOLD_LEAST : span > TOLD_MOST ? TOLD_MOST : span;
    uint64_t reach = receipt->reach * 2 < TOLD_REACH ? receipt->reach * 2 : TOLD_REACH;
    span = span > reach ? span : reach;
    span = receipt->tell_all ? all_span(receipt, span) : span;
    receipt->tell_all = false;
    receipt->reach -= receipt->reach / 64;
    uint64_t low = receipt->high + 1 > span ? receipt->high + 1 - span : 0;
    at = engine_segment_put(at, (size_t)(end - at), &receipt->numbers, receipt->high, receipt->high, &low);
    told[0] = (engine_range){low, receipt->high + 1};
    told[1] = (engine_range){0, 0};

    uint64_t limit = aged_limit(receipt, now, aged);
    engine_range old;
    if (old_stretch(receipt, limit < low ? limit : low, &old)) {
        uint64_t old_low = old.from;
        uint8_t *after =
            engine_segment_put(at, (size_t)(end - at), &receipt->numbers, receipt->high, old.to - 1, &old_low);
        if (after) {
            at = after;
            *count_at = 2;
            told[1] = (engine_range){old_low, old.to};
            receipt->cursor = old.to;
        }
    }
    at = engine_report_put_unread(at, receipt->unread / 1000);
    mark_note(receipt, now, aged);
    receipt->arrival_count = 0;
    receipt->since = receipt->eliciting_since = 0;
    receipt->due = SLUICE_NEVER;
    receipt->last = now;
    return at;
}

int engine_receipt_confirm(engine_receipt *receipt, const sluice_host *host, uint64_t stamp, uint64_t from, uint64_t to)
{
    int status = engine_ranges_remove(&receipt->pending, host, from, to, NULL);
    uint32_t count = receipt->late_next < ENGINE_RECEIPT_LATE ? receipt->late_next : ENGINE_RECEIPT_LATE;
    for (uint32_t i = 0; i < count && status == SLUICE_OK; i++) {
        uint64_t number = receipt->late[i].number;
        if (receipt->late[i].stamp > stamp && number >= from && number < to)
            status = engine_ranges_add(&receipt->pending, host, number, number + 1, NULL);
    }
    return status;
}
