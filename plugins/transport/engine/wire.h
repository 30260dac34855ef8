/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - the bytes of packets and frames; doc/protocol.md has them in words.
 *
 * Writers assume that the caller has checked the room (sizes are bounded by the constants below); readers check
 * every byte, because it comes from the peer.
 */
#ifndef ENGINE_WIRE_H
#define ENGINE_WIRE_H

#include <sluice/types.h>

#define ENGINE_HEADER_BYTES 13
#define ENGINE_VERSION 1 /* in the two highest bits of byte 0 */
#define ENGINE_PHASE_BIT 0x01u
#define ENGINE_VARINT_MAX ((UINT64_C(1) << 62) - 1)
#define ENGINE_FIELDS_MAX 5 /* varint fields of a frame */
#define ENGINE_FRAME_MAX 48 /* bytes of a frame that consists of fields, at most */

/* The lowest bit of a type says that a receiver who does not know it must end the session. */
enum {
    ENGINE_FRAME_PADDING = 0x00, /* one byte, no length */
    ENGINE_FRAME_DATA = 0x01,
    ENGINE_FRAME_DATA_LAST = 0x03, /* no length: reaches to the end of the packet */
    ENGINE_FRAME_END = 0x05,
    ENGINE_FRAME_ABORT = 0x07,
    ENGINE_FRAME_STOP = 0x09,
    ENGINE_FRAME_SKIP = 0x0b,
    ENGINE_FRAME_CREDIT = 0x0d,
    ENGINE_FRAME_CREDIT_OBJECT = 0x0f,
    ENGINE_FRAME_REPORT = 0x11,
    ENGINE_FRAME_PING = 0x13,
    ENGINE_FRAME_CHALLENGE = 0x15,
    ENGINE_FRAME_RESPONSE = 0x17,
    ENGINE_FRAME_CLOSE = 0x19,
    ENGINE_FRAME_FLOOR = 0x1a /* a peer that does not know it remembers more */
};

/* Flags field of frames about objects: bit 0 ORDERED, bits 1 to 3 priority. */
#define ENGINE_OBJECT_FLAGS(ordered, priority) ((uint64_t)((ordered) ? 1u : 0u) | (uint64_t)(priority) << 1)

typedef struct engine_frame {
    uint64_t type;
    uint64_t field[ENGINE_FIELDS_MAX]; /* in the order of protocol.md */
    const uint8_t *rest;               /* what follows the fields: payload, reason, report */
    size_t rest_bytes;
} engine_frame;

size_t engine_varint_size(uint64_t value);
uint8_t *engine_varint_put(uint8_t *at, uint64_t value);
bool engine_varint_get(const uint8_t **at, const uint8_t *end, uint64_t *value);

void engine_header_put(uint8_t *at, bool phase_bit, uint64_t id, uint64_t number);
/* False: not a packet of this version for this id. */
bool engine_header_get(const uint8_t *at, size_t bytes, uint64_t id, bool *phase_bit, uint32_t *number_low);
/* The number nearest to `expected` that ends in these 32 bits. */
uint64_t engine_number_expand(uint64_t expected, uint32_t low);

/* Bytes in front of a DATA frame's payload; payload is the number that its length will say (ignored for LAST). */
size_t engine_data_overhead(uint64_t object, uint64_t offset, size_t payload, bool last);
uint8_t *engine_data_put(uint8_t *at, uint64_t object, uint64_t flags, uint64_t offset, size_t payload, bool last);

/* A frame of varint fields and nothing else. */
uint8_t *engine_fields_put(uint8_t *at, uint64_t type, const uint64_t *fields, size_t count);
/* A frame with fields and bytes behind them. */
uint8_t *engine_frame_put(uint8_t *at, uint64_t type, const uint64_t *fields, size_t count, const void *rest,
                          size_t bytes);

typedef enum engine_frame_result {
    ENGINE_FRAME_READ,
    ENGINE_FRAME_NONE,
    ENGINE_FRAME_MALFORMED,
    ENGINE_FRAME_UNKNOWN
} engine_frame_result;

/* Reads the next frame and moves *at behind it.  Padding and unknown optional frames are skipped.  NONE: the packet
 * is at its end; UNKNOWN: a frame that must be understood and is not. */
engine_frame_result engine_frame_get(const uint8_t **at, const uint8_t *end, engine_frame *out);

#endif
