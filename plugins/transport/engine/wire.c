/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <assert.h>
#include <string.h>

size_t engine_varint_size(uint64_t value)
{
    return value < 64 ? 1 : value < 16384 ? 2 : value < (1u << 30) ? 4 : 8;
}

/* RFC 9000, section 16: the two highest bits of the first byte say how many bytes there are. */
uint8_t *engine_varint_put(uint8_t *at, uint64_t value)
{
    assert(value <= ENGINE_VARINT_MAX);
    size_t size = engine_varint_size(value);
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    at[0] |= (uint8_t)(size == 1 ? 0x00 : size == 2 ? 0x40 : size == 4 ? 0x80 : 0xc0);
    return at + size;
}

bool engine_varint_get(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    if (*at >= end)
        return false;
    size_t size = (size_t)1 << (**at >> 6);
    if ((size_t)(end - *at) < size)
        return false;
    uint64_t sum = **at & 0x3f;
    for (size_t i = 1; i < size; i++)
        sum = sum << 8 | (*at)[i];
    *at += size;
    *value = sum;
    return true;
}

void engine_header_put(uint8_t *at, bool phase_bit, uint64_t id, uint64_t number)
{
    at[0] = (uint8_t)(ENGINE_VERSION << 6 | (phase_bit ? ENGINE_PHASE_BIT : 0));
    for (int i = 0; i < 8; i++)
        at[1 + i] = (uint8_t)(id >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        at[9 + i] = (uint8_t)(number >> (24 - 8 * i));
}

bool engine_header_get(const uint8_t *at, size_t bytes, uint64_t id, bool *phase_bit, uint32_t *number_low)
{
    if (bytes < ENGINE_HEADER_BYTES || at[0] >> 6 != ENGINE_VERSION || (at[0] & 0x3e) != 0)
        return false;
    uint64_t seen = 0;
    for (int i = 0; i < 8; i++)
        seen = seen << 8 | at[1 + i];
    if (seen != id)
        return false;
    *phase_bit = (at[0] & ENGINE_PHASE_BIT) != 0;
    *number_low = (uint32_t)at[9] << 24 | (uint32_t)at[10] << 16 | (uint32_t)at[11] << 8 | at[12];
    return true;
}

uint64_t engine_number_expand(uint64_t expected, uint32_t low)
{
    const uint64_t window = UINT64_C(1) << 32;
    uint64_t candidate = (expected & ~(window - 1)) | low;
    if (candidate + window / 2 <= expected)
        return candidate + window;
    if (candidate > expected + window / 2 && candidate >= window)
        return candidate - window;
    return candidate;
}

static size_t data_fields_size(uint64_t object, uint64_t offset)
{
    return engine_varint_size(object) + 1 + engine_varint_size(offset);
}

size_t engine_data_overhead(uint64_t object, uint64_t offset, size_t payload, bool last)
{
    size_t fields = data_fields_size(object, offset);
    return 1 + fields + (last ? 0 : engine_varint_size(fields + payload));
}

uint8_t *engine_data_put(uint8_t *at, uint64_t object, uint64_t flags, uint64_t offset, size_t payload, bool last)
{
    *at++ = last ? ENGINE_FRAME_DATA_LAST : ENGINE_FRAME_DATA;
    if (!last)
        at = engine_varint_put(at, data_fields_size(object, offset) + payload);
    at = engine_varint_put(at, object);
    at = engine_varint_put(at, flags);
    return engine_varint_put(at, offset);
}

uint8_t *engine_frame_put(uint8_t *at, uint64_t type, const uint64_t *fields, size_t count, const void *rest,
                          size_t bytes)
{
    size_t size = bytes;
    for (size_t i = 0; i < count; i++)
        size += engine_varint_size(fields[i]);
    at = engine_varint_put(at, type);
    at = engine_varint_put(at, size);
    for (size_t i = 0; i < count; i++)
        at = engine_varint_put(at, fields[i]);
    if (bytes > 0)
        memcpy(at, rest, bytes);
    return at + bytes;
}

uint8_t *engine_fields_put(uint8_t *at, uint64_t type, const uint64_t *fields, size_t count)
{
    return engine_frame_put(at, type, fields, count, NULL, 0);
}

/* How many varint fields a frame has, or -1 for a type that is not known. */
static int field_count(uint64_t type)
{
    switch (type) {
    case ENGINE_FRAME_DATA:
    case ENGINE_FRAME_DATA_LAST:
        return 3;
    case ENGINE_FRAME_END:
    case ENGINE_FRAME_ABORT:
        return 4;
    case ENGINE_FRAME_SKIP:
        return 5;
    case ENGINE_FRAME_STOP:
    case ENGINE_FRAME_CREDIT_OBJECT:
        return 2;
    case ENGINE_FRAME_CREDIT:
    case ENGINE_FRAME_FLOOR:
    case ENGINE_FRAME_CLOSE:
        return 1;
    case ENGINE_FRAME_REPORT:
    case ENGINE_FRAME_PING:
    case ENGINE_FRAME_CHALLENGE:
    case ENGINE_FRAME_RESPONSE:
        return 0;
    default:
        return -1;
    }
}

static engine_frame_result body_get(const uint8_t *at, const uint8_t *end, int fields, engine_frame *out)
{
    for (int i = 0; i < fields; i++) {
        if (!engine_varint_get(&at, end, &out->field[i]))
            return ENGINE_FRAME_MALFORMED;
    }
    out->rest = at;
    out->rest_bytes = (size_t)(end - at);
    return ENGINE_FRAME_READ;
}

engine_frame_result engine_frame_get(const uint8_t **at, const uint8_t *end, engine_frame *out)
{
    for (;;) {
        while (*at < end && **at == ENGINE_FRAME_PADDING)
            ++*at;
        if (*at >= end)
            return ENGINE_FRAME_NONE;
        uint64_t type, length;
        if (!engine_varint_get(at, end, &type))
            return ENGINE_FRAME_MALFORMED;
        if (type == ENGINE_FRAME_DATA_LAST)
            length = (uint64_t)(end - *at);
        else if (!engine_varint_get(at, end, &length) || length > (uint64_t)(end - *at))
            return ENGINE_FRAME_MALFORMED;
        const uint8_t *body = *at;
        *at += length;
        int fields = field_count(type);
        if (fields >= 0) {
            out->type = type;
            return body_get(body, *at, fields, out);
        }
        if (type & 1)
            return ENGINE_FRAME_UNKNOWN;
    }
}
