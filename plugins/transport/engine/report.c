/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "wire.h"

#include <string.h>

#define UNREAD_MOST_US 1000000000u /* fits into four bytes */

enum { FORM_RUNS = 0, FORM_BITMAP = 1 };

uint8_t *engine_report_put(uint8_t *at, const engine_report *report)
{
    at = engine_varint_put(at, report->newest);
    at = engine_varint_put(at, report->arrived_us);
    at = engine_varint_put(at, report->hold_us);
    at = engine_varint_put(at, report->ce_packets);
    at = engine_varint_put(at, report->drop_packets);
    at = engine_varint_put(at, report->credit);
    at = engine_varint_put(at, report->arrival_count);
    for (uint32_t i = 0; i < report->arrival_count; i++) {
        at = engine_varint_put(at, report->newest - report->arrivals[i].number);
        at = engine_varint_put(at, report->arrived_us - report->arrivals[i].time_us);
    }
    return at;
}

uint8_t *engine_report_put_unread(uint8_t *at, uint64_t unread_us)
{
    return engine_varint_put(at, unread_us < UNREAD_MOST_US ? unread_us : UNREAD_MOST_US);
}

bool engine_report_get(const uint8_t *at, const uint8_t *end, engine_report *out)
{
    uint64_t count;
    if (!engine_varint_get(&at, end, &out->newest) || !engine_varint_get(&at, end, &out->arrived_us) ||
        !engine_varint_get(&at, end, &out->hold_us) || !engine_varint_get(&at, end, &out->ce_packets) ||
        !engine_varint_get(&at, end, &out->drop_packets) || !engine_varint_get(&at, end, &out->credit) ||
        !engine_varint_get(&at, end, &count) || count > ENGINE_REPORT_ARRIVALS)
        return false;
    out->arrival_count = (uint32_t)count;
    for (uint32_t i = 0; i < out->arrival_count; i++) {
        uint64_t behind, earlier;
        if (!engine_varint_get(&at, end, &behind) || behind > out->newest || !engine_varint_get(&at, end, &earlier) ||
            earlier > out->arrived_us)
            return false;
        out->arrivals[i] = (engine_arrival){out->newest - behind, out->arrived_us - earlier};
    }
    if (!engine_varint_get(&at, end, &out->segment_count) || out->segment_count > ENGINE_REPORT_SEGMENTS)
        return false;
    out->segments = at;
    out->end = end;
    return true;
}

bool engine_numbers_has(const engine_numbers *numbers, uint64_t number)
{
    uint64_t index = number & (numbers->room - 1);
    return (numbers->map[index >> 6] >> (index & 63)) & 1;
}

uint64_t engine_numbers_back(const engine_numbers *numbers, uint64_t from, uint64_t low, bool set)
{
    for (;;) {
        uint64_t index = from & (numbers->room - 1);
        uint64_t word = numbers->map[index >> 6];
        word = (set ? word : ~word) << (63 - (index & 63));
        if (word) {
            uint64_t back = (unsigned)__builtin_clzll(word);
            return from - low < back ? low - 1 : from - back;
        }
        uint64_t step = (index & 63) + 1;
        if (from - low < step)
            return low - 1;
        from -= step;
    }
}

/* Runs from the top down, arrived and missing in turn.  Returns NULL when they do not fit before `end`; *low is
 * raised to what fitted if `cut` is allowed. */
static uint8_t *runs_put(uint8_t *at, const uint8_t *end, const engine_numbers *numbers, uint64_t top, uint64_t *low)
{
    uint64_t from = top;
    bool arrived = true;
    for (;;) {
        uint64_t stop = engine_numbers_back(numbers, from, *low, !arrived);
        uint64_t run = from - stop;
        if ((size_t)(end - at) < engine_varint_size(run))
            return NULL;
        at = engine_varint_put(at, run);
        if (stop + 1 == *low)
            return at;
        from = stop;
        arrived = !arrived;
    }
}

static uint8_t *bitmap_put(uint8_t *at, const engine_numbers *numbers, uint64_t top, uint64_t count)
{
    memset(at, 0, (size_t)(count + 7) / 8);
    for (uint64_t i = 0; i < count; i++) {
        if (engine_numbers_has(numbers, top - i))
            at[i / 8] |= (uint8_t)(1u << (i % 8));
    }
    return at + (count + 7) / 8;
}

uint8_t *engine_segment_put(uint8_t *at, size_t room, const engine_numbers *numbers, uint64_t newest, uint64_t top,
                            uint64_t *low)
{
    const size_t head = 8 + 4 + 1;
    if (room < head + 8)
        return NULL;
    uint64_t count = top - *low + 1;
    uint64_t bits_most = (room - head) * 8;
    size_t bitmap_bytes = (size_t)((count < bits_most ? count : bits_most) + 7) / 8;
    uint8_t *start = engine_varint_put(at, newest - top);
    uint8_t *runs = engine_varint_put(start, count);
    *runs++ = FORM_RUNS;
    size_t runs_room = room - (size_t)(runs - at);
    if (count <= bits_most && runs_room > bitmap_bytes)
        runs_room = bitmap_bytes;
    uint8_t *end = runs_put(runs, runs + runs_room, numbers, top, low);
    if (end)
        return end;
    if (count > bits_most) {
        count = bits_most;
        *low = top - count + 1;
    }
    at = engine_varint_put(start, count);
    *at++ = FORM_BITMAP;
    return bitmap_put(at, numbers, top, count);
}

void engine_walk_init(engine_walk *walk, const engine_report *report)
{
    *walk = (engine_walk){
        .at = report->segments, .end = report->end, .newest = report->newest, .segments_left = report->segment_count};
}

static engine_walk_step segment_begin(engine_walk *walk)
{
    uint64_t behind, count, form;
    if (walk->segments_left-- == 0) {
        walk->segments_left = 0;
        return ENGINE_WALK_END;
    }
    if (!engine_varint_get(&walk->at, walk->end, &behind) || behind > walk->newest ||
        !engine_varint_get(&walk->at, walk->end, &count) || count == 0 || count > ENGINE_REPORT_SEGMENT_MOST ||
        count > walk->newest - behind + 1 || !engine_varint_get(&walk->at, walk->end, &form) || form > FORM_BITMAP)
        return ENGINE_WALK_MALFORMED;
    walk->top = walk->newest - behind;
    walk->covered_low = walk->low = walk->top - count + 1;
    walk->cursor = count;
    walk->received = true;
    walk->bits = NULL;
    if (form == FORM_BITMAP) {
        uint64_t bytes = (count + 7) / 8;
        if (bytes > (uint64_t)(walk->end - walk->at))
            return ENGINE_WALK_MALFORMED;
        walk->bits = walk->at;
        walk->bit_top = walk->top;
        walk->at += bytes;
    }
    return ENGINE_WALK_SEGMENT;
}

static bool bit_of(const engine_walk *walk, uint64_t number)
{
    uint64_t i = walk->bit_top - number;
    return (walk->bits[i / 8] >> (i % 8)) & 1;
}

/* The next run of set bits below the cursor; false: none is left. */
static bool bitmap_run(engine_walk *walk)
{
    while (walk->cursor > 0 && !bit_of(walk, walk->covered_low + walk->cursor - 1))
        walk->cursor--;
    if (walk->cursor == 0)
        return false;
    walk->top = walk->covered_low + walk->cursor - 1;
    while (walk->cursor > 0 && bit_of(walk, walk->covered_low + walk->cursor - 1))
        walk->cursor--;
    walk->low = walk->covered_low + walk->cursor;
    return true;
}

engine_walk_step engine_walk_next(engine_walk *walk)
{
    for (;;) {
        if (walk->cursor == 0)
            return segment_begin(walk);
        if (walk->bits) {
            if (bitmap_run(walk))
                return ENGINE_WALK_RUN;
            continue;
        }
        uint64_t run;
        if (!engine_varint_get(&walk->at, walk->end, &run) || run > walk->cursor)
            return ENGINE_WALK_MALFORMED;
        bool received = walk->received;
        walk->received = !received;
        if (run == 0 && !received)
            return ENGINE_WALK_MALFORMED;
        walk->top = walk->covered_low + walk->cursor - 1;
        walk->cursor -= run;
        walk->low = walk->covered_low + walk->cursor;
        if (received && run > 0)
            return ENGINE_WALK_RUN;
    }
}

uint64_t engine_walk_unread_us(const engine_walk *walk)
{
    const uint8_t *at = walk->at;
    uint64_t unread;
    return engine_varint_get(&at, walk->end, &unread) ? unread : 0;
}
