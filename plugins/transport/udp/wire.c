/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <assert.h>
#include <string.h>

size_t udp_varint_size(uint64_t value)
{
    return value < 64 ? 1 : value < 16384 ? 2 : value < (1u << 30) ? 4 : 8;
}

/* RFC 9000, section 16: the two highest bits of the first byte say how many bytes there are. */
uint8_t *udp_varint_put(uint8_t *at, uint64_t value)
{
    assert(value <= UDP_VARINT_MAX);
    size_t size = udp_varint_size(value);
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    at[0] |= (uint8_t)(size == 1 ? 0x00 : size == 2 ? 0x40 : size == 4 ? 0x80 : 0xc0);
    return at + size;
}

bool udp_varint_get(const uint8_t **at, const uint8_t *end, uint64_t *value)
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

void udp_header_put(uint8_t *at, bool phase_bit, uint64_t id, uint64_t number)
{
    at[0] = (uint8_t)(UDP_VERSION << 6 | (phase_bit ? UDP_PHASE_BIT : 0));
    for (int i = 0; i < 8; i++)
        at[1 + i] = (uint8_t)(id >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        at[9 + i] = (uint8_t)(number >> (24 - 8 * i));
}

bool udp_header_get(const uint8_t *at, size_t bytes, uint64_t id, bool *phase_bit, uint32_t *number_low)
{
    if (bytes < UDP_HEADER_BYTES || at[0] >> 6 != UDP_VERSION || (at[0] & 0x3e) != 0)
        return false;
    uint64_t seen = 0;
    for (int i = 0; i < 8; i++)
        seen = seen << 8 | at[1 + i];
    if (seen != id)
        return false;
    *phase_bit = (at[0] & UDP_PHASE_BIT) != 0;
    *number_low = (uint32_t)at[9] << 24 | (uint32_t)at[10] << 16 | (uint32_t)at[11] << 8 | at[12];
    return true;
}

uint64_t udp_number_expand(uint64_t expected, uint32_t low)
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
    return udp_varint_size(object) + 1 + udp_varint_size(offset);
}

size_t udp_data_overhead(uint64_t object, uint64_t offset, size_t payload, bool last)
{
    size_t fields = data_fields_size(object, offset);
    return 1 + fields + (last ? 0 : udp_varint_size(fields + payload));
}

uint8_t *udp_data_put(uint8_t *at, uint64_t object, uint64_t flags, uint64_t offset, size_t payload, bool last)
{
    *at++ = last ? UDP_FRAME_DATA_LAST : UDP_FRAME_DATA;
    if (!last)
        at = udp_varint_put(at, data_fields_size(object, offset) + payload);
    at = udp_varint_put(at, object);
    at = udp_varint_put(at, flags);
    return udp_varint_put(at, offset);
}

uint8_t *udp_frame_put(uint8_t *at, uint64_t type, const uint64_t *fields, size_t count, const void *rest, size_t bytes)
{
    size_t size = bytes;
    for (size_t i = 0; i < count; i++)
        size += udp_varint_size(fields[i]);
    at = udp_varint_put(at, type);
    at = udp_varint_put(at, size);
    for (size_t i = 0; i < count; i++)
        at = udp_varint_put(at, fields[i]);
    if (bytes > 0)
        memcpy(at, rest, bytes);
    return at + bytes;
}

uint8_t *udp_fields_put(uint8_t *at, uint64_t type, const uint64_t *fields, size_t count)
{
    return udp_frame_put(at, type, fields, count, NULL, 0);
}

/* How many varint fields a frame has, or -1 for a type that is not known. */
static int field_count(uint64_t type)
{
    switch (type) {
    case UDP_FRAME_DATA:
    case UDP_FRAME_DATA_LAST:
        return 3;
    case UDP_FRAME_END:
    case UDP_FRAME_ABORT:
        return 4;
    case UDP_FRAME_SKIP:
        return 5;
    case UDP_FRAME_STOP:
    case UDP_FRAME_CREDIT_OBJECT:
        return 2;
    case UDP_FRAME_CREDIT:
    case UDP_FRAME_CLOSE:
        return 1;
    case UDP_FRAME_REPORT:
    case UDP_FRAME_PING:
    case UDP_FRAME_CHALLENGE:
    case UDP_FRAME_RESPONSE:
        return 0;
    default:
        return -1;
    }
}

static udp_frame_result body_get(const uint8_t *at, const uint8_t *end, int fields, udp_frame *out)
{
    for (int i = 0; i < fields; i++) {
        if (!udp_varint_get(&at, end, &out->field[i]))
            return UDP_FRAME_MALFORMED;
    }
    out->rest = at;
    out->rest_bytes = (size_t)(end - at);
    return UDP_FRAME_READ;
}

udp_frame_result udp_frame_get(const uint8_t **at, const uint8_t *end, udp_frame *out)
{
    for (;;) {
        while (*at < end && **at == UDP_FRAME_PADDING)
            ++*at;
        if (*at >= end)
            return UDP_FRAME_NONE;
        uint64_t type, length;
        if (!udp_varint_get(at, end, &type))
            return UDP_FRAME_MALFORMED;
        if (type == UDP_FRAME_DATA_LAST)
            length = (uint64_t)(end - *at);
        else if (!udp_varint_get(at, end, &length) || length > (uint64_t)(end - *at))
            return UDP_FRAME_MALFORMED;
        const uint8_t *body = *at;
        *at += length;
        int fields = field_count(type);
        if (fields >= 0) {
            out->type = type;
            return body_get(body, *at, fields, out);
        }
        if (type & 1)
            return UDP_FRAME_UNKNOWN;
    }
}
