/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/payload.h"

#include <stdlib.h>
#include <string.h>

static uint64_t word(uint64_t stream, uint64_t object, uint64_t index)
{
    uint64_t z = index * 0x9e3779b97f4a7c15u + object * 0xd1342543de82ef95u + stream;

    z = (z ^ (z >> 32)) * 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 29);
}

void sim_payload_fill(uint64_t stream, uint64_t object, uint64_t offset, uint8_t *out, size_t bytes)
{
    while (bytes) {
        uint64_t value = word(stream, object, offset / 8);
        size_t at = offset % 8, count = 8 - at < bytes ? 8 - at : bytes;

        memcpy(out, (const uint8_t *)&value + at, count);
        out += count;
        offset += count;
        bytes -= count;
    }
}

bool sim_payload_same(uint64_t stream, uint64_t object, uint64_t offset, const uint8_t *data, size_t bytes)
{
    while (bytes) {
        uint64_t value = word(stream, object, offset / 8);
        size_t at = offset % 8, count = 8 - at < bytes ? 8 - at : bytes;

        if (memcmp(data, (const uint8_t *)&value + at, count))
            return false;
        data += count;
        offset += count;
        bytes -= count;
    }
    return true;
}

bool sim_receipt_init(sim_receipt *receipt, uint64_t size)
{
    uint64_t *bits = calloc(size / 64 + 1, sizeof(*bits));

    if (!bits)
        return false;
    *receipt = (sim_receipt){.bits = bits, .size = size};
    return true;
}

void sim_receipt_fini(sim_receipt *receipt)
{
    free(receipt->bits);
    *receipt = (sim_receipt){.bits = NULL};
}

bool sim_receipt_has(const sim_receipt *receipt, uint64_t offset)
{
    return offset < receipt->size && (receipt->bits[offset / 64] >> (offset % 64) & 1);
}

bool sim_receipt_add(sim_receipt *receipt, uint64_t offset, uint64_t bytes)
{
    if (offset > receipt->size || bytes > receipt->size - offset)
        return false;
    while (bytes) {
        uint64_t at = offset % 64, count = 64 - at < bytes ? 64 - at : bytes;
        uint64_t mask = (count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1) << at;

        if (receipt->bits[offset / 64] & mask)
            return false;
        receipt->bits[offset / 64] |= mask;
        receipt->count += count;
        offset += count;
        bytes -= count;
    }
    return true;
}
