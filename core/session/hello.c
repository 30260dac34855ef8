/* SPDX-License-Identifier: Apache-2.0 */
#include "session/hello.h"

#include "net/secure.h"
#include <string.h>

/* How the body of a field lies in its message: numbers have 8 bytes on the wire. */
typedef enum field_kind {
    FIELD_NUMBERS, /* one or more uint64_t, one after the other */
    FIELD_TEXT,    /* an array of char, NUL-terminated */
    FIELD_BYTES,
    FIELD_CIPHERS,
    FIELD_LANES /* as many numbers as there are, at most SLUICE_LANES_MOST - 1; none: the field is not there */
} field_kind;

typedef struct field {
    uint64_t tag; /* odd: must be understood; never reused */
    field_kind kind;
    size_t offset, size;
    size_t has; /* offset of the bool that says whether the field is there; 0: it always is (a tag lies at 0) */
} field;

#define SPAN(message, first, last)                                                                                    \
    offsetof(message, first), offsetof(message, last) + sizeof(((message *)0)->last) - offsetof(message, first)

#define HELLO(tag, kind, first, last) {tag, FIELD_##kind, SPAN(sluice_hello_message, first, last), 0}
#define HELLO_IF(has, tag, kind, first, last)                                                                         \
    {tag, FIELD_##kind, SPAN(sluice_hello_message, first, last), offsetof(sluice_hello_message, has)}
static const field hello_fields[] = {
    HELLO(1, NUMBERS, version_least, version_most),
    HELLO(2, NUMBERS, features, features),
    HELLO(4, TEXT, software, software),
    HELLO(3, BYTES, ticket_id, proof),
    HELLO(5, NUMBERS, connection_id, connection_id),
    HELLO(7, CIPHERS, ciphers, ciphers),
    HELLO(9, TEXT, transport, transport),
    HELLO(18, NUMBERS, push, push),
    HELLO(6, TEXT, congestion, congestion),
    HELLO(8, NUMBERS, target_bps, minimum_bps),
    HELLO(10, NUMBERS, datagram_most, datagram_most),
    HELLO(12, NUMBERS, receive_bytes, ordered_bytes),
    HELLO(14, NUMBERS, timeout_ns, timeout_ns),
    HELLO(26, LANES, lanes, lanes),
    HELLO_IF(has_secret, 19, BYTES, secret, secret),
    HELLO_IF(has_ports, 20, NUMBERS, own_port, port_most),
};

#define WELCOME(tag, kind, first, last) {tag, FIELD_##kind, SPAN(sluice_welcome_message, first, last), 0}
static const field welcome_fields[] = {
    WELCOME(1, NUMBERS, version_least, version_most),
    WELCOME(2, NUMBERS, features, features),
    WELCOME(4, TEXT, software, software),
    WELCOME(11, BYTES, session_id, session_id),
    WELCOME(5, NUMBERS, connection_id, connection_id),
    WELCOME(13, NUMBERS, port, port),
    WELCOME(15, TEXT, cipher, cipher),
    WELCOME(9, TEXT, transport, transport),
    WELCOME(6, TEXT, congestion, congestion),
    WELCOME(10, NUMBERS, datagram_most, datagram_most),
    WELCOME(12, NUMBERS, receive_bytes, ordered_bytes),
    WELCOME(26, LANES, lanes, lanes),
    WELCOME(24, NUMBERS, rate_most, rate_most),
    {22, FIELD_TEXT, SPAN(sluice_welcome_message, host, host), offsetof(sluice_welcome_message, has_host)},
};

/* A refusal as it travels: the status is a number without its sign. */
typedef struct refusal {
    uint64_t number;
    char sentence[SLUICE_HELLO_SENTENCE];
} refusal;

static const field refuse_fields[] = {
    {17, FIELD_NUMBERS, SPAN(refusal, number, number), 0},
    {16, FIELD_TEXT, SPAN(refusal, sentence, sentence), 0},
};

static const field move_fields[] = {
    {23, FIELD_BYTES, SPAN(sluice_move_message, session_id, proof), offsetof(sluice_move_message, has_join)},
};

/* ---- writing ---- */

static void put_ciphers(const sluice_hello_message *hello, sluice_wire_writer *body)
{
    for (size_t i = 0; i < hello->cipher_count; i++) {
        sluice_wire_put_string(body, hello->ciphers[i].name, strlen(hello->ciphers[i].name));
        sluice_wire_put_u64(body, hello->ciphers[i].packets_per_second);
    }
}

static void put_lanes(const sluice_lane_row *lanes, sluice_wire_writer *body)
{
    for (size_t i = 0; i < lanes->count; i++)
        sluice_wire_put_u64(body, lanes->ids[i]);
}

static void put_body(const field *at, const void *message, sluice_wire_writer *body)
{
    const uint8_t *value = (const uint8_t *)message + at->offset;
    uint64_t number;
    switch (at->kind) {
    case FIELD_NUMBERS:
        for (size_t i = 0; i < at->size; i += sizeof number) {
            memcpy(&number, value + i, sizeof number);
            sluice_wire_put_u64(body, number);
        }
        break;
    case FIELD_TEXT:
        sluice_wire_put_bytes(body, value, strlen((const char *)value));
        break;
    case FIELD_BYTES:
        sluice_wire_put_bytes(body, value, at->size);
        break;
    case FIELD_CIPHERS:
        put_ciphers(message, body);
        break;
    case FIELD_LANES:
        put_lanes((const sluice_lane_row *)(const void *)value, body);
        break;
    }
}

/* A field that may be missing, or has nothing in it that a peer would want. */
static bool is_missing(const field *at, const void *message)
{
    const uint8_t *bytes = message;
    if (at->kind == FIELD_LANES)
        return ((const sluice_lane_row *)(const void *)(bytes + at->offset))->count == 0;
    return at->has && !*(const bool *)(bytes + at->has);
}

static void put_fields(sluice_hello_type type, const field *fields, size_t count, const void *message,
                       sluice_wire_writer *writer)
{
    sluice_wire_writer body = {0};
    sluice_wire_put_byte(writer, (uint8_t)type);
    for (size_t i = 0; i < count; i++) {
        if (is_missing(&fields[i], message))
            continue;
        sluice_wire_clear(&body);
        put_body(&fields[i], message, &body);
        sluice_wire_put_field(writer, fields[i].tag, body.bytes, body.size);
    }
    writer->failed |= body.failed;
    if (body.bytes) /* one of the fields may have been a secret */
        sluice_secure_cleanse(body.bytes, body.size);
    sluice_wire_writer_fini(&body);
}

void sluice_hello_put(const sluice_hello_message *hello, sluice_wire_writer *writer)
{
    put_fields(SLUICE_HELLO, hello_fields, SLUICE_COUNT(hello_fields), hello, writer);
}

void sluice_welcome_put(const sluice_welcome_message *welcome, sluice_wire_writer *writer)
{
    put_fields(SLUICE_WELCOME, welcome_fields, SLUICE_COUNT(welcome_fields), welcome, writer);
}

void sluice_refuse_put(const sluice_refuse_message *refuse, sluice_wire_writer *writer)
{
    refusal message = {.number = (uint64_t)-refuse->status};
    memcpy(message.sentence, refuse->sentence, sizeof message.sentence);
    put_fields(SLUICE_REFUSE, refuse_fields, SLUICE_COUNT(refuse_fields), &message, writer);
}

void sluice_move_put(const sluice_move_message *move, sluice_wire_writer *writer)
{
    put_fields(SLUICE_MOVE, move_fields, SLUICE_COUNT(move_fields), move, writer);
}

void sluice_moved_put(sluice_wire_writer *writer)
{
    sluice_wire_put_byte(writer, SLUICE_MOVED);
}

int sluice_hello_prove(const uint8_t secret[SLUICE_TICKET_SECRET_BYTES], const uint8_t exported[SLUICE_SHA256_BYTES],
                       uint8_t proof[SLUICE_TICKET_PROOF_BYTES])
{
    return sluice_hmac_sha256(secret, SLUICE_TICKET_SECRET_BYTES, exported, SLUICE_SHA256_BYTES, proof);
}

/* ---- reading ---- */

/* Text of a field into a fixed room; bytes that are not printable ASCII become '?', since they may reach a terminal. */
static void get_text(sluice_wire_reader *body, char *out, size_t room)
{
    size_t count = sluice_wire_left(body);
    const uint8_t *bytes = sluice_wire_get_bytes(body, count);
    size_t kept = count < room ? count : room - 1;
    for (size_t i = 0; bytes && i < kept; i++)
        out[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
    out[bytes ? kept : 0] = '\0';
}

static void get_ciphers(sluice_wire_reader *body, sluice_hello_message *out)
{
    out->cipher_count = 0;
    while (sluice_wire_left(body) > 0 && !body->bad && out->cipher_count < SLUICE_CIPHERS) {
        sluice_cipher_offer *offer = &out->ciphers[out->cipher_count];
        size_t count;
        const uint8_t *name = sluice_wire_get_string(body, &count);
        offer->packets_per_second = sluice_wire_get_u64(body);
        if (body->bad || !name || count >= sizeof offer->name)
            continue;
        memcpy(offer->name, name, count);
        offer->name[count] = '\0';
        out->cipher_count++;
    }
}

/* More than there can be are not looked at: they are not granted. */
static void get_lanes(sluice_wire_reader *body, sluice_lane_row *out)
{
    out->count = 0;
    while (sluice_wire_left(body) > 0 && !body->bad && out->count < SLUICE_COUNT(out->ids))
        out->ids[out->count++] = sluice_wire_get_u64(body);
}

static void get_body(const field *at, sluice_wire_reader *body, void *message)
{
    uint8_t *value = (uint8_t *)message + at->offset;
    const uint8_t *bytes;
    uint64_t number;
    switch (at->kind) {
    case FIELD_NUMBERS:
        for (size_t i = 0; i < at->size; i += sizeof number) {
            number = sluice_wire_get_u64(body);
            memcpy(value + i, &number, sizeof number);
        }
        break;
    case FIELD_TEXT:
        get_text(body, (char *)value, at->size);
        break;
    case FIELD_BYTES:
        bytes = sluice_wire_get_bytes(body, at->size);
        if (bytes)
            memcpy(value, bytes, at->size);
        break;
    case FIELD_CIPHERS:
        get_ciphers(body, message);
        break;
    case FIELD_LANES:
        get_lanes(body, (sluice_lane_row *)(void *)value);
        break;
    }
}

static const field *find_field(const field *fields, size_t count, uint64_t tag)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].tag == tag)
            return &fields[i];
    return NULL;
}

static int get_fields(sluice_wire_reader *reader, const field *fields, size_t count, void *message,
                      sluice_error *error)
{
    uint64_t tag;
    sluice_wire_reader body;
    while (sluice_wire_get_field(reader, &tag, &body)) {
        const field *at = find_field(fields, count, tag);
        if (at)
            get_body(at, &body, message);
        if (at && at->has)
            *(bool *)((uint8_t *)message + at->has) = true;
        if (!at && (tag & 1))
            return sluice_fail(error, SLUICE_EVERSION,
                               "the peer's set-up message has a field (%llu) that this version does not know",
                               (unsigned long long)tag);
        if (body.bad)
            return sluice_fail(error, SLUICE_EPROTOCOL, "field %llu of the peer's set-up message is cut short",
                               (unsigned long long)tag);
    }
    if (reader->bad)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the peer's set-up message is malformed");
    return SLUICE_OK;
}

sluice_hello_type sluice_hello_type_of(const uint8_t *bytes, size_t count)
{
    return count > 0 && bytes[0] >= SLUICE_HELLO && bytes[0] <= SLUICE_MOVED ? (sluice_hello_type)bytes[0] : 0;
}

int sluice_move_get(const uint8_t *bytes, size_t count, sluice_move_message *out, sluice_error *error)
{
    sluice_move_message move = {.has_join = false};
    sluice_wire_reader reader;
    sluice_wire_reader_init(&reader, bytes, count);
    if (sluice_wire_get_byte(&reader) != SLUICE_MOVE)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client's message is no move");
    int status = get_fields(&reader, move_fields, SLUICE_COUNT(move_fields), &move, error);
    if (status == SLUICE_OK)
        *out = move;
    return status;
}

int sluice_hello_get(const uint8_t *bytes, size_t count, sluice_hello_message *out, sluice_error *error)
{
    sluice_hello_message hello = {0};
    sluice_wire_reader reader;
    sluice_wire_reader_init(&reader, bytes, count);
    if (sluice_wire_get_byte(&reader) != SLUICE_HELLO)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client's first message is no hello");
    int status = get_fields(&reader, hello_fields, SLUICE_COUNT(hello_fields), &hello, error);
    if (status != SLUICE_OK)
        return status;
    if (hello.version_least > SLUICE_PROTOCOL_VERSION || hello.version_most < SLUICE_PROTOCOL_VERSION)
        return sluice_fail(error, SLUICE_EVERSION,
                           "no common version: the client (%s) speaks protocol %llu to %llu, the server %d",
                           hello.software, (unsigned long long)hello.version_least,
                           (unsigned long long)hello.version_most, SLUICE_PROTOCOL_VERSION);
    *out = hello;
    return SLUICE_OK;
}

static int welcome_get(sluice_wire_reader *reader, sluice_welcome_message *out, sluice_error *error)
{
    sluice_welcome_message answer = {0};
    int status = get_fields(reader, welcome_fields, SLUICE_COUNT(welcome_fields), &answer, error);
    if (status != SLUICE_OK)
        return status;
    if (answer.version_least != SLUICE_PROTOCOL_VERSION || answer.version_most != SLUICE_PROTOCOL_VERSION)
        return sluice_fail(error, SLUICE_EVERSION, "the server (%s) chose protocol %llu, which was not offered",
                           answer.software, (unsigned long long)answer.version_least);
    bool udp = strcmp(answer.transport, "tcp") != 0;
    if (answer.port > 65535 || (udp && answer.port == 0))
        return sluice_fail(error, SLUICE_EPROTOCOL, "the server names no UDP port");
    *out = answer;
    return SLUICE_OK;
}

static int refuse_get(sluice_wire_reader *reader, sluice_refuse_message *out, sluice_error *error)
{
    refusal answer = {0};
    int status = get_fields(reader, refuse_fields, SLUICE_COUNT(refuse_fields), &answer, error);
    if (status != SLUICE_OK)
        return status;
    out->status = answer.number > 0 && answer.number < 1000 ? -(int)answer.number : SLUICE_EFAILED;
    memcpy(out->sentence, answer.sentence, sizeof out->sentence);
    return SLUICE_OK;
}

int sluice_answer_get(const uint8_t *bytes, size_t count, sluice_hello_type *type, sluice_welcome_message *welcome,
                      sluice_refuse_message *refuse, sluice_error *error)
{
    sluice_wire_reader reader;
    sluice_wire_reader_init(&reader, bytes, count);
    uint8_t first = sluice_wire_get_byte(&reader);
    int status;
    if (first == SLUICE_WELCOME)
        status = welcome_get(&reader, welcome, error);
    else if (first == SLUICE_REFUSE)
        status = refuse_get(&reader, refuse, error);
    else if (first == SLUICE_MOVED)
        status = SLUICE_OK;
    else
        return sluice_fail(error, SLUICE_EPROTOCOL, "the server's answer is neither welcome nor refusal");
    if (status == SLUICE_OK)
        *type = (sluice_hello_type)first;
    return status;
}
