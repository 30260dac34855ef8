/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "wire.h"

#include <string.h>

enum { FORM_RUNS = 0, FORM_BITMAP = 1 };

uint8_t *udp_report_put(uint8_t *at, const udp_report *report)
{
    at = udp_varint_put(at, report->newest);
    at = udp_varint_put(at, report->arrived_us);
    at = udp_varint_put(at, report->hold_us);
    at = udp_varint_put(at, report->ce_packets);
    at = udp_varint_put(at, report->drop_packets);
    at = udp_varint_put(at, report->credit);
    at = udp_varint_put(at, report->arrival_count);
    for (uint32_t i = 0; i < report->arrival_count; i++) {
        at = udp_varint_put(at, report->newest - report->arrivals[i].number);
        at = udp_varint_put(at, report->arrived_us - report->arrivals[i].time_us);
    }
    return at;
}

bool udp_report_get(const uint8_t *at, const uint8_t *end, udp_report *out)
{
    uint64_t count;
    if (!udp_varint_get(&at, end, &out->newest) || !udp_varint_get(&at, end, &out->arrived_us) ||
        !udp_varint_get(&at, end, &out->hold_us) || !udp_varint_get(&at, end, &out->ce_packets) ||
        !udp_varint_get(&at, end, &out->drop_packets) || !udp_varint_get(&at, end, &out->credit) ||
        !udp_varint_get(&at, end, &count) || count > UDP_REPORT_ARRIVALS)
        return false;
    out->arrival_count = (uint32_t)count;
    for (uint32_t i = 0; i < out->arrival_count; i++) {
        uint64_t behind, earlier;
        if (!udp_varint_get(&at, end, &behind) || behind > out->newest || !udp_varint_get(&at, end, &earlier) ||
            earlier > out->arrived_us)
            return false;
        out->arrivals[i] = (udp_arrival){out->newest - behind, out->arrived_us - earlier};
    }
    if (!udp_varint_get(&at, end, &out->segment_count) || out->segment_count > UDP_REPORT_SEGMENTS)
        return false;
    out->segments = at;
    out->end = end;
    return true;
}

bool udp_numbers_has(const udp_numbers *numbers, uint64_t number)
{
    uint64_t index = number & (numbers->room - 1);
    return (numbers->map[index >> 6] >> (index & 63)) & 1;
}

uint64_t udp_numbers_back(const udp_numbers *numbers, uint64_t from, uint64_t low, bool set)
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
static uint8_t *runs_put(uint8_t *at, const uint8_t *end, const udp_numbers *numbers, uint64_t top, uint64_t *low)
{
    uint64_t from = top;
    bool arrived = true;
    for (;;) {
        uint64_t stop = udp_numbers_back(numbers, from, *low, !arrived);
        uint64_t run = from - stop;
        if ((size_t)(end - at) < udp_varint_size(run))
            return NULL;
        at = udp_varint_put(at, run);
        if (stop + 1 == *low)
            return at;
        from = stop;
        arrived = !arrived;
    }
}

static uint8_t *bitmap_put(uint8_t *at, const udp_numbers *numbers, uint64_t top, uint64_t count)
{
    memset(at, 0, (size_t)(count + 7) / 8);
    for (uint64_t i = 0; i < count; i++) {
        if (udp_numbers_has(numbers, top - i))
            at[i / 8] |= (uint8_t)(1u << (i % 8));
    }
    return at + (count + 7) / 8;
}

uint8_t *udp_segment_put(uint8_t *at, size_t room, const udp_numbers *numbers, uint64_t newest, uint64_t top,
                         uint64_t *low)
{
    const size_t head = 8 + 4 + 1;
    if (room < head + 8)
        return NULL;
    uint64_t count = top - *low + 1;
    uint64_t bits_most = (room - head) * 8;
    size_t bitmap_bytes = (size_t)((count < bits_most ? count : bits_most) + 7) / 8;
    uint8_t *start = udp_varint_put(at, newest - top);
    uint8_t *runs = udp_varint_put(start, count);
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
    at = udp_varint_put(start, count);
    *at++ = FORM_BITMAP;
    return bitmap_put(at, numbers, top, count);
}

void udp_walk_init(udp_walk *walk, const udp_report *report)
{
    *walk = (udp_walk){
        .at = report->segments, .end = report->end, .newest = report->newest, .segments_left = report->segment_count};
}

static udp_walk_step segment_begin(udp_walk *walk)
{
    uint64_t behind, count, form;
    if (walk->segments_left-- == 0) {
        walk->segments_left = 0;
        return UDP_WALK_END;
    }
    if (!udp_varint_get(&walk->at, walk->end, &behind) || behind > walk->newest ||
        !udp_varint_get(&walk->at, walk->end, &count) || count == 0 || count > UDP_REPORT_SEGMENT_MOST ||
        count > walk->newest - behind + 1 || !udp_varint_get(&walk->at, walk->end, &form) || form > FORM_BITMAP)
        return UDP_WALK_MALFORMED;
    walk->top = walk->newest - behind;
    walk->covered_low = walk->low = walk->top - count + 1;
    walk->cursor = count;
    walk->received = true;
    walk->bits = NULL;
    if (form == FORM_BITMAP) {
        uint64_t bytes = (count + 7) / 8;
        if (bytes > (uint64_t)(walk->end - walk->at))
            return UDP_WALK_MALFORMED;
        walk->bits = walk->at;
        walk->bit_top = walk->top;
        walk->at += bytes;
    }
    return UDP_WALK_SEGMENT;
}

static bool bit_of(const udp_walk *walk, uint64_t number)
{
    uint64_t i = walk->bit_top - number;
    return (walk->bits[i / 8] >> (i % 8)) & 1;
}

/* The next run of set bits below the cursor; false: none is left. */
static bool bitmap_run(udp_walk *walk)
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

udp_walk_step udp_walk_next(udp_walk *walk)
{
    for (;;) {
        if (walk->cursor == 0)
            return segment_begin(walk);
        if (walk->bits) {
            if (bitmap_run(walk))
                return UDP_WALK_RUN;
            continue;
        }
        uint64_t run;
        if (!udp_varint_get(&walk->at, walk->end, &run) || run > walk->cursor)
            return UDP_WALK_MALFORMED;
        bool received = walk->received;
        walk->received = !received;
        if (run == 0 && !received)
            return UDP_WALK_MALFORMED;
        walk->top = walk->covered_low + walk->cursor - 1;
        walk->cursor -= run;
        walk->low = walk->covered_low + walk->cursor;
        if (received && run > 0)
            return UDP_WALK_RUN;
    }
}
