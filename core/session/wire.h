/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - how numbers, strings and tagged fields are written in control messages and the catalogue.
 *
 * A number is a varint as in RFC 9000 section 16: 1, 2, 4 or 8 bytes, the two highest bits tell which.  A string is
 * its length as a number, then its bytes.  A field is a tag, a length and a body; readers step over tags they do not
 * know.  Readers are safe on any bytes: after the first read past the end everything reads as zero and `bad` is set.
 * One thread at a time.
 */
#ifndef SLUICE_SESSION_WIRE_H
#define SLUICE_SESSION_WIRE_H

#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_WIRE_NUMBER_MAX ((UINT64_C(1) << 62) - 1)

/* A growing row of bytes.  A zeroed struct is empty.  When memory runs out, `failed` is set, the bytes stay as they
 * are, and every later put does nothing. */
typedef struct sluice_wire_writer {
    uint8_t *bytes;
    size_t size, capacity;
    bool failed;
} sluice_wire_writer;

void sluice_wire_writer_fini(sluice_wire_writer *writer);
void sluice_wire_clear(sluice_wire_writer *writer); /* keeps the memory */
void sluice_wire_put_byte(sluice_wire_writer *writer, uint8_t byte);
void sluice_wire_put_bytes(sluice_wire_writer *writer, const void *bytes, size_t count);
void sluice_wire_put_number(sluice_wire_writer *writer, uint64_t number); /* at most SLUICE_WIRE_NUMBER_MAX */
void sluice_wire_put_u64(sluice_wire_writer *writer, uint64_t number);    /* 8 bytes, big endian: any value */
void sluice_wire_put_string(sluice_wire_writer *writer, const void *bytes, size_t count);
void sluice_wire_put_field(sluice_wire_writer *writer, uint64_t tag, const void *bytes, size_t count);
void sluice_wire_put_field_number(sluice_wire_writer *writer, uint64_t tag, uint64_t number);
void sluice_wire_put_field_u64(sluice_wire_writer *writer, uint64_t tag, uint64_t number);

typedef struct sluice_wire_reader {
    const uint8_t *at, *end;
    bool bad; /* something was read that was not there */
} sluice_wire_reader;

void sluice_wire_reader_init(sluice_wire_reader *reader, const void *bytes, size_t count);
size_t sluice_wire_left(const sluice_wire_reader *reader);
uint8_t sluice_wire_get_byte(sluice_wire_reader *reader);
uint64_t sluice_wire_get_number(sluice_wire_reader *reader);
uint64_t sluice_wire_get_u64(sluice_wire_reader *reader);
/* count bytes, borrowed from what is read; NULL and bad if they are not there. */
const uint8_t *sluice_wire_get_bytes(sluice_wire_reader *reader, size_t count);
/* A string: its bytes, borrowed. */
const uint8_t *sluice_wire_get_string(sluice_wire_reader *reader, size_t *count);
/* The next field; false at the end (bad tells whether it was a clean one). */
bool sluice_wire_get_field(sluice_wire_reader *reader, uint64_t *tag, sluice_wire_reader *body);

/* Splits a stream of [type][length][body]: SLUICE_OK with *body inside bytes and *used set; SLUICE_EAGAIN when more
 * bytes are needed; SLUICE_EPROTOCOL when the length is above most. */
int sluice_wire_split(const uint8_t *bytes, size_t count, size_t most, uint64_t *type, sluice_wire_reader *body,
                      size_t *used);

/* A copy with a NUL behind it; NULL when memory is short or (bad input) a NUL is inside: *status tells. */
char *sluice_wire_text(const uint8_t *bytes, size_t count, int *status);

#endif
