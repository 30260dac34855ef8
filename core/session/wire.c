/* SPDX-License-Identifier: Apache-2.0 */
#include "session/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void sluice_wire_writer_fini(sluice_wire_writer *writer)
{
    free(writer->bytes);
    memset(writer, 0, sizeof(*writer));
}

void sluice_wire_clear(sluice_wire_writer *writer)
{
    writer->size = 0;
    writer->failed = false;
}

void sluice_wire_put_bytes(sluice_wire_writer *writer, const void *bytes, size_t count)
{
    if (writer->failed || count == 0)
        return;
    if (count > writer->capacity - writer->size) {
        size_t capacity = writer->capacity < 64 ? 64 : writer->capacity;
        while (capacity - writer->size < count) {
            if (capacity > SIZE_MAX / 2) {
                writer->failed = true;
                return;
            }
            capacity *= 2;
        }
        uint8_t *grown = realloc(writer->bytes, capacity);
        if (!grown) {
            writer->failed = true;
            return;
        }
        writer->bytes = grown;
        writer->capacity = capacity;
    }
    memcpy(writer->bytes + writer->size, bytes, count);
    writer->size += count;
}

void sluice_wire_put_byte(sluice_wire_writer *writer, uint8_t byte)
{
    sluice_wire_put_bytes(writer, &byte, 1);
}

/* Bytes that a number takes: 1, 2, 4 or 8; log2 of it is what the two highest bits say. */
static unsigned number_log(uint64_t number)
{
    return number < 1u << 6 ? 0 : number < 1u << 14 ? 1 : number < UINT64_C(1) << 30 ? 2 : 3;
}

void sluice_wire_put_number(sluice_wire_writer *writer, uint64_t number)
{
    assert(number <= SLUICE_WIRE_NUMBER_MAX);
    uint8_t bytes[8];
    unsigned log = number_log(number), count = 1u << log;
    for (unsigned i = 0; i < count; i++)
        bytes[i] = (uint8_t)(number >> 8 * (count - 1 - i));
    bytes[0] = (uint8_t)(bytes[0] | log << 6);
    sluice_wire_put_bytes(writer, bytes, count);
}

void sluice_wire_put_u64(sluice_wire_writer *writer, uint64_t number)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> 8 * (7 - i));
    sluice_wire_put_bytes(writer, bytes, 8);
}

void sluice_wire_put_string(sluice_wire_writer *writer, const void *bytes, size_t count)
{
    sluice_wire_put_number(writer, count);
    sluice_wire_put_bytes(writer, bytes, count);
}

void sluice_wire_put_field(sluice_wire_writer *writer, uint64_t tag, const void *bytes, size_t count)
{
    sluice_wire_put_number(writer, tag);
    sluice_wire_put_string(writer, bytes, count);
}

void sluice_wire_put_field_number(sluice_wire_writer *writer, uint64_t tag, uint64_t number)
{
    sluice_wire_put_number(writer, tag);
    sluice_wire_put_number(writer, 1u << number_log(number));
    sluice_wire_put_number(writer, number);
}

void sluice_wire_put_field_u64(sluice_wire_writer *writer, uint64_t tag, uint64_t number)
{
    sluice_wire_put_number(writer, tag);
    sluice_wire_put_number(writer, 8);
    sluice_wire_put_u64(writer, number);
}

void sluice_wire_reader_init(sluice_wire_reader *reader, const void *bytes, size_t count)
{
    static const uint8_t nothing[1];
    reader->at = bytes ? bytes : nothing;
    reader->end = reader->at + (bytes ? count : 0);
    reader->bad = false;
}

size_t sluice_wire_left(const sluice_wire_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

const uint8_t *sluice_wire_get_bytes(sluice_wire_reader *reader, size_t count)
{
    if (reader->bad || count > sluice_wire_left(reader)) {
        reader->bad = true;
        reader->at = reader->end;
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += count;
    return bytes;
}

uint8_t sluice_wire_get_byte(sluice_wire_reader *reader)
{
    const uint8_t *bytes = sluice_wire_get_bytes(reader, 1);
    return bytes ? *bytes : 0;
}

static uint64_t big_endian(const uint8_t *bytes, unsigned count)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < count; i++)
        number = number << 8 | bytes[i];
    return number;
}

uint64_t sluice_wire_get_number(sluice_wire_reader *reader)
{
    if (reader->bad || reader->at == reader->end) {
        reader->bad = true;
        return 0;
    }
    unsigned count = 1u << (*reader->at >> 6);
    const uint8_t *bytes = sluice_wire_get_bytes(reader, count);
    return bytes ? big_endian(bytes, count) & (UINT64_MAX >> (64 - 8 * count + 2)) : 0;
}

uint64_t sluice_wire_get_u64(sluice_wire_reader *reader)
{
    const uint8_t *bytes = sluice_wire_get_bytes(reader, 8);
    return bytes ? big_endian(bytes, 8) : 0;
}

const uint8_t *sluice_wire_get_string(sluice_wire_reader *reader, size_t *count)
{
    uint64_t length = sluice_wire_get_number(reader);
    const uint8_t *bytes = length > SIZE_MAX ? NULL : sluice_wire_get_bytes(reader, (size_t)length);
    *count = bytes ? (size_t)length : 0;
    if (!bytes)
        reader->bad = true;
    return bytes;
}

bool sluice_wire_get_field(sluice_wire_reader *reader, uint64_t *tag, sluice_wire_reader *body)
{
    if (reader->bad || reader->at == reader->end)
        return false;
    size_t count;
    *tag = sluice_wire_get_number(reader);
    const uint8_t *bytes = sluice_wire_get_string(reader, &count);
    sluice_wire_reader_init(body, bytes, count);
    return !reader->bad;
}

int sluice_wire_split(const uint8_t *bytes, size_t count, size_t most, uint64_t *type, sluice_wire_reader *body,
                      size_t *used)
{
    sluice_wire_reader head;
    sluice_wire_reader_init(&head, bytes, count);
    uint64_t type_read = sluice_wire_get_number(&head), length = sluice_wire_get_number(&head);
    if (head.bad)
        return SLUICE_EAGAIN;
    if (length > most)
        return SLUICE_EPROTOCOL;
    if (length > sluice_wire_left(&head))
        return SLUICE_EAGAIN;
    *type = type_read;
    sluice_wire_reader_init(body, head.at, (size_t)length);
    *used = (size_t)(head.at - bytes) + (size_t)length;
    return SLUICE_OK;
}

char *sluice_wire_text(const uint8_t *bytes, size_t count, int *status)
{
    if (count && memchr(bytes, 0, count)) {
        *status = SLUICE_EPROTOCOL;
        return NULL;
    }
    char *text = malloc(count + 1);
    if (!text) {
        *status = SLUICE_ENOMEM;
        return NULL;
    }
    if (count)
        memcpy(text, bytes, count);
    text[count] = 0;
    return text;
}
