/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of headers, frames and reports: vectors of RFC 9000, round trips, and input that is not what it should be. */
#include "../../plugins/transport/engine/report.h"
#include "../../plugins/transport/engine/wire.h"

#include "unit/suite.h"

#include <string.h>

static void varints_are_those_of_rfc_9000(void)
{
    /* RFC 9000, appendix A.1. */
    static const struct {
        uint8_t bytes[8];
        size_t size;
        uint64_t value;
    } cases[] = {
        {{0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, 8, UINT64_C(151288809941952652)},
        {{0x9d, 0x7f, 0x3e, 0x7d}, 4, 494878333},
        {{0x7b, 0xbd}, 2, 15293},
        {{0x25}, 1, 37},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        uint8_t out[8];
        const uint8_t *at = cases[i].bytes;
        uint64_t value;
        CU_ASSERT(engine_varint_get(&at, cases[i].bytes + cases[i].size, &value));
        CU_ASSERT_EQUAL(value, cases[i].value);
        CU_ASSERT_EQUAL((size_t)(engine_varint_put(out, value) - out), cases[i].size);
        CU_ASSERT_EQUAL(memcmp(out, cases[i].bytes, cases[i].size), 0);
        at = cases[i].bytes;
        CU_ASSERT_FALSE(engine_varint_get(&at, cases[i].bytes + cases[i].size - 1, &value));
    }
    const uint8_t longer[] = {0x40, 0x25}; /* The same 37 in two bytes is allowed. */
    const uint8_t *at = longer;
    uint64_t value;
    CU_ASSERT(engine_varint_get(&at, longer + 2, &value) && value == 37);
}

static void numbers_are_the_nearest(void)
{
    static const struct {
        uint64_t expected, number;
    } cases[] = {
        {0, 0},
        {0, 5},
        {UINT64_C(0xffffffff), UINT64_C(0x100000000)},
        {UINT64_C(0x100000005), UINT64_C(0xfffffff0)},
        {UINT64_C(0x7ffffffff), UINT64_C(0x800000100)},
        {UINT64_C(0x123456789a), UINT64_C(0x1234567000)},
        {UINT64_C(0x180000000), UINT64_C(0x1ffffffff)},
        {UINT64_C(0x180000000), UINT64_C(0x100000001)},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++)
        CU_ASSERT_EQUAL(engine_number_expand(cases[i].expected, (uint32_t)cases[i].number), cases[i].number);
}

static void headers_have_their_bytes(void)
{
    static const uint8_t expected[] = {0x41, 1, 2, 3, 4, 5, 6, 7, 8, 0xaa, 0xbb, 0xcc, 0xdd};
    uint8_t bytes[ENGINE_HEADER_BYTES];
    bool bit;
    uint32_t low;
    engine_header_put(bytes, true, UINT64_C(0x0102030405060708), UINT64_C(0x11aabbccdd));
    CU_ASSERT_EQUAL(memcmp(bytes, expected, sizeof(expected)), 0);
    CU_ASSERT(engine_header_get(bytes, sizeof(bytes), UINT64_C(0x0102030405060708), &bit, &low));
    CU_ASSERT(bit && low == 0xaabbccdd);
    CU_ASSERT_FALSE(engine_header_get(bytes, sizeof(bytes) - 1, UINT64_C(0x0102030405060708), &bit, &low));
    CU_ASSERT_FALSE(engine_header_get(bytes, sizeof(bytes), 9, &bit, &low));
    bytes[0] = 0x81;
    CU_ASSERT_FALSE(engine_header_get(bytes, sizeof(bytes), UINT64_C(0x0102030405060708), &bit, &low));
    bytes[0] = 0x43;
    CU_ASSERT_FALSE(engine_header_get(bytes, sizeof(bytes), UINT64_C(0x0102030405060708), &bit, &low));
}

static void frames_come_back(void)
{
    uint8_t bytes[256], *end = bytes;
    engine_frame frame;
    end = engine_data_put(end, 70, 3, 100000, 3, false);
    CU_ASSERT_EQUAL((size_t)(end - bytes), engine_data_overhead(70, 100000, 3, false));
    memcpy(end, "abc", 3);
    end += 3;
    *end++ = ENGINE_FRAME_PADDING;
    memcpy(end, "\x40\x40\x02hi", 5); /* Type 64, optional, not known. */
    end += 5;
    end = engine_fields_put(end, ENGINE_FRAME_END, (uint64_t[]){70, 3, 100003, 3}, 4);
    end = engine_frame_put(end, ENGINE_FRAME_CLOSE, (uint64_t[]){28}, 1, "bye", 3);
    end = engine_data_put(end, 2, 0, 0, 0, true);
    memcpy(end, "tail", 4);
    end += 4;
    const uint8_t *at = bytes;
    CU_ASSERT_EQUAL(engine_frame_get(&at, end, &frame), ENGINE_FRAME_READ);
    CU_ASSERT(frame.type == ENGINE_FRAME_DATA && frame.field[0] == 70 && frame.field[2] == 100000 &&
              frame.rest_bytes == 3);
    CU_ASSERT_EQUAL(engine_frame_get(&at, end, &frame), ENGINE_FRAME_READ);
    CU_ASSERT(frame.type == ENGINE_FRAME_END && frame.field[2] == 100003 && frame.field[3] == 3);
    CU_ASSERT_EQUAL(engine_frame_get(&at, end, &frame), ENGINE_FRAME_READ);
    CU_ASSERT(frame.type == ENGINE_FRAME_CLOSE && frame.field[0] == 28 && memcmp(frame.rest, "bye", 3) == 0);
    CU_ASSERT_EQUAL(engine_frame_get(&at, end, &frame), ENGINE_FRAME_READ);
    CU_ASSERT(frame.type == ENGINE_FRAME_DATA_LAST && frame.rest_bytes == 4 && memcmp(frame.rest, "tail", 4) == 0);
    CU_ASSERT_EQUAL(engine_frame_get(&at, end, &frame), ENGINE_FRAME_NONE);
}

static void broken_frames_are_refused(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        engine_frame_result expected;
    } cases[] = {
        {"\x05", 1, ENGINE_FRAME_MALFORMED},             /* no length */
        {"\x05\x04\x01\x01", 4, ENGINE_FRAME_MALFORMED}, /* longer than the packet */
        {"\x05\x02\x01\x01", 4, ENGINE_FRAME_MALFORMED}, /* fields are missing */
        {"\x05\xff\xff\xff\xff\xff\xff\xff\xff", 9, ENGINE_FRAME_MALFORMED},
        {"\x01\x03\x01\x01\x80", 5, ENGINE_FRAME_MALFORMED}, /* a field is cut */
        {"\x03\x01", 2, ENGINE_FRAME_MALFORMED},
        {"\x3f\x00", 2, ENGINE_FRAME_UNKNOWN},
        {"\x3e\x00", 2, ENGINE_FRAME_NONE},
        {"\x00\x00\x00", 3, ENGINE_FRAME_NONE},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        const uint8_t *at = (const uint8_t *)cases[i].bytes;
        engine_frame frame;
        CU_ASSERT_EQUAL(engine_frame_get(&at, at + cases[i].size, &frame), cases[i].expected);
    }
}

/* Segments of any density, anywhere in the wrapping bitmap, say exactly what the bitmap says; and what stands behind them
 * is found, if it is there. */
static void segments_say_what_arrived(void)
{
    static uint64_t map[64];
    engine_numbers numbers = {map, sizeof(map) * 8};
    uint64_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        uint8_t bytes[700];
        unsigned density = (unsigned)(round % 11);
        for (size_t i = 0; i < SLUICE_COUNT(map) * 64; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            bool set = (seed >> 40) % 10 < density;
            map[i / 64] = (map[i / 64] & ~(UINT64_C(1) << i % 64)) | (uint64_t)set << i % 64;
        }
        uint64_t newest = (seed >> 20) % 100000 + 5000, top = newest - (seed >> 50) % 1000;
        uint64_t low = top - (seed >> 33) % 3000;
        uint64_t wanted = low;
        size_t room = 40 + (seed >> 12) % 600;
        uint8_t *end = engine_segment_put(bytes, room, &numbers, newest, top, &low);
        CU_ASSERT_FATAL(end && (size_t)(end - bytes) <= room && low >= wanted && low <= top);
        uint64_t unread = round % 3 == 0 ? 0 : (seed >> 20) % 999999999;
        if (round % 3 != 0)
            end = engine_report_put_unread(end, unread);
        engine_report report = {.newest = newest, .segment_count = 1, .segments = bytes, .end = end};
        engine_walk walk;
        engine_walk_init(&walk, &report);
        CU_ASSERT_EQUAL_FATAL(engine_walk_next(&walk), ENGINE_WALK_SEGMENT);
        CU_ASSERT(walk.low == low && walk.top == top);
        uint64_t next = top;
        bool exact = true;
        engine_walk_step step;
        while ((step = engine_walk_next(&walk)) == ENGINE_WALK_RUN) {
            for (; next > walk.top; next--)
                exact = exact && !engine_numbers_has(&numbers, next);
            for (; next + 1 > walk.low; next--)
                exact = exact && engine_numbers_has(&numbers, next);
        }
        for (; next + 1 > low; next--)
            exact = exact && !engine_numbers_has(&numbers, next);
        CU_ASSERT(exact && step == ENGINE_WALK_END && engine_walk_unread_us(&walk) == unread);
    }
}

static void broken_reports_are_refused(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"", 0},
        {"\x05\x01\x01\x00\x00\x00\x09", 7},                          /* nine arrivals */
        {"\x05\x01\x01\x00\x00\x00\x01\x06\x00\x00", 10},             /* an arrival below number 0 */
        {"\x05\x01\x01\x00\x00\x00\x00\x11", 8},                      /* seventeen segments */
        {"\x05\x01\x01\x00\x00\x00\x00\x01\x06\x01\x00\x01", 12},     /* a top below 0 */
        {"\x05\x01\x01\x00\x00\x00\x00\x01\x00\x07\x00\x07", 12},     /* more numbers than there are */
        {"\x05\x01\x01\x00\x00\x00\x00\x01\x00\x00\x00", 11},         /* an empty segment */
        {"\x05\x01\x01\x00\x00\x00\x00\x01\x00\x05\x02\x05", 12},     /* an unknown form */
        {"\x05\x01\x01\x00\x00\x00\x00\x01\x00\x05\x00\x06", 12},     /* a run beyond the segment */
        {"\x05\x01\x01\x00\x00\x00\x00\x01\x00\x05\x00\x00\x00", 13}, /* a second run of nothing */
        {"\x05\x01\x01\x00\x00\x00\x00\x01\x00\x05\x01", 11},         /* no bitmap */
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        engine_report report;
        engine_walk_step step = ENGINE_WALK_MALFORMED;
        if (engine_report_get(bytes, bytes + cases[i].size, &report)) {
            engine_walk walk;
            engine_walk_init(&walk, &report);
            do {
                step = engine_walk_next(&walk);
            } while (step == ENGINE_WALK_SEGMENT || step == ENGINE_WALK_RUN);
        }
        CU_ASSERT_EQUAL(step, ENGINE_WALK_MALFORMED);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"varints are those of RFC 9000", varints_are_those_of_rfc_9000},
        {"numbers are the nearest", numbers_are_the_nearest},
        {"headers have their bytes", headers_have_their_bytes},
        {"frames come back", frames_come_back},
        {"broken frames are refused", broken_frames_are_refused},
        {"segments say what arrived", segments_say_what_arrived},
        {"broken reports are refused", broken_reports_are_refused},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("udp_wire", tests);
}
