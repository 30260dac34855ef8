/* SPDX-License-Identifier: Apache-2.0 */
#include "session/hello.h"
#include <stdio.h>
#include <string.h>

/* Tags.  Odd ones must be understood.  Numbers are never reused. */
enum {
    TAG_VERSIONS = 1,
    TAG_TICKET = 3,
    TAG_CONNECTION = 5,
    TAG_CIPHERS = 7,
    TAG_TRANSPORT = 9,
    TAG_SESSION = 11,
    TAG_PORT = 13,
    TAG_CIPHER = 15,
    TAG_STATUS = 17,
    TAG_FEATURES = 2,
    TAG_SOFTWARE = 4,
    TAG_CONGESTION = 6,
    TAG_RATES = 8,
    TAG_DATAGRAM = 10,
    TAG_CREDIT = 12,
    TAG_TIMEOUT = 14,
    TAG_SENTENCE = 16,
    TAG_PUSH = 18
};

static void put_text(sluice_wire_writer *writer, uint64_t tag, const char *text)
{
    sluice_wire_put_field(writer, tag, text, strlen(text));
}

static void put_two(sluice_wire_writer *writer, uint64_t tag, uint64_t a, uint64_t b)
{
    sluice_wire_writer body = {0};
    sluice_wire_put_u64(&body, a);
    sluice_wire_put_u64(&body, b);
    sluice_wire_put_field(writer, tag, body.bytes, body.size);
    writer->failed |= body.failed;
    sluice_wire_writer_fini(&body);
}

static void put_ciphers(sluice_wire_writer *writer, const sluice_cipher_offer *offers, size_t count)
{
    sluice_wire_writer body = {0};
    for (size_t i = 0; i < count; i++) {
        sluice_wire_put_string(&body, offers[i].name, strlen(offers[i].name));
        sluice_wire_put_u64(&body, offers[i].packets_per_second);
    }
    sluice_wire_put_field(writer, TAG_CIPHERS, body.bytes, body.size);
    writer->failed |= body.failed;
    sluice_wire_writer_fini(&body);
}

void sluice_hello_put(const sluice_hello_message *hello, sluice_wire_writer *writer)
{
    uint8_t ticket[SLUICE_TICKET_ID_BYTES + SLUICE_TICKET_PROOF_BYTES];
    memcpy(ticket, hello->ticket_id, SLUICE_TICKET_ID_BYTES);
    memcpy(ticket + SLUICE_TICKET_ID_BYTES, hello->proof, SLUICE_TICKET_PROOF_BYTES);
    sluice_wire_put_byte(writer, SLUICE_HELLO);
    put_two(writer, TAG_VERSIONS, hello->version_least, hello->version_most);
    sluice_wire_put_field_u64(writer, TAG_FEATURES, hello->features);
    put_text(writer, TAG_SOFTWARE, hello->software);
    sluice_wire_put_field(writer, TAG_TICKET, ticket, sizeof ticket);
    sluice_wire_put_field_u64(writer, TAG_CONNECTION, hello->connection_id);
    put_ciphers(writer, hello->ciphers, hello->cipher_count);
    put_text(writer, TAG_TRANSPORT, hello->transport);
    sluice_wire_put_field_u64(writer, TAG_PUSH, hello->push);
    put_text(writer, TAG_CONGESTION, hello->congestion);
    put_two(writer, TAG_RATES, hello->target_bps, hello->minimum_bps);
    sluice_wire_put_field_u64(writer, TAG_DATAGRAM, hello->datagram_most);
    put_two(writer, TAG_CREDIT, hello->receive_bytes, hello->ordered_bytes);
    sluice_wire_put_field_u64(writer, TAG_TIMEOUT, hello->timeout_ns);
}

void sluice_welcome_put(const sluice_welcome_message *welcome, sluice_wire_writer *writer)
{
    sluice_wire_put_byte(writer, SLUICE_WELCOME);
    put_two(writer, TAG_VERSIONS, welcome->version, welcome->version);
    sluice_wire_put_field_u64(writer, TAG_FEATURES, welcome->features);
    put_text(writer, TAG_SOFTWARE, welcome->software);
    sluice_wire_put_field(writer, TAG_SESSION, welcome->session_id, sizeof welcome->session_id);
    sluice_wire_put_field_u64(writer, TAG_CONNECTION, welcome->connection_id);
    sluice_wire_put_field_u64(writer, TAG_PORT, welcome->port);
    put_text(writer, TAG_CIPHER, welcome->cipher);
    put_text(writer, TAG_TRANSPORT, welcome->transport);
    put_text(writer, TAG_CONGESTION, welcome->congestion);
    sluice_wire_put_field_u64(writer, TAG_DATAGRAM, welcome->datagram_most);
    put_two(writer, TAG_CREDIT, welcome->receive_bytes, welcome->ordered_bytes);
}

void sluice_refuse_put(const sluice_refuse_message *refuse, sluice_wire_writer *writer)
{
    sluice_wire_put_byte(writer, SLUICE_REFUSE);
    sluice_wire_put_field_u64(writer, TAG_STATUS, (uint64_t)-refuse->status);
    put_text(writer, TAG_SENTENCE, refuse->sentence);
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

static void get_exact(sluice_wire_reader *body, uint8_t *out, size_t count)
{
    const uint8_t *bytes = sluice_wire_get_bytes(body, count);
    if (bytes)
        memcpy(out, bytes, count);
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

/* False: unknown tag. */
static bool hello_field(uint64_t tag, sluice_wire_reader *body, sluice_hello_message *out)
{
    switch (tag) {
    case TAG_VERSIONS:
        out->version_least = sluice_wire_get_u64(body);
        out->version_most = sluice_wire_get_u64(body);
        return true;
    case TAG_FEATURES:
        out->features = sluice_wire_get_u64(body);
        return true;
    case TAG_SOFTWARE:
        get_text(body, out->software, sizeof out->software);
        return true;
    case TAG_TICKET:
        get_exact(body, out->ticket_id, sizeof out->ticket_id);
        get_exact(body, out->proof, sizeof out->proof);
        return true;
    case TAG_CONNECTION:
        out->connection_id = sluice_wire_get_u64(body);
        return true;
    case TAG_CIPHERS:
        get_ciphers(body, out);
        return true;
    case TAG_TRANSPORT:
        get_text(body, out->transport, sizeof out->transport);
        return true;
    case TAG_CONGESTION:
        get_text(body, out->congestion, sizeof out->congestion);
        return true;
    case TAG_RATES:
        out->target_bps = sluice_wire_get_u64(body);
        out->minimum_bps = sluice_wire_get_u64(body);
        return true;
    case TAG_PUSH:
        out->push = sluice_wire_get_u64(body) != 0;
        return true;
    case TAG_DATAGRAM:
        out->datagram_most = sluice_wire_get_u64(body);
        return true;
    case TAG_CREDIT:
        out->receive_bytes = sluice_wire_get_u64(body);
        out->ordered_bytes = sluice_wire_get_u64(body);
        return true;
    case TAG_TIMEOUT:
        out->timeout_ns = sluice_wire_get_u64(body);
        return true;
    default:
        return false;
    }
}

static bool welcome_field(uint64_t tag, sluice_wire_reader *body, sluice_welcome_message *out)
{
    switch (tag) {
    case TAG_VERSIONS:
        out->version = sluice_wire_get_u64(body);
        sluice_wire_get_u64(body);
        return true;
    case TAG_FEATURES:
        out->features = sluice_wire_get_u64(body);
        return true;
    case TAG_SOFTWARE:
        get_text(body, out->software, sizeof out->software);
        return true;
    case TAG_SESSION:
        get_exact(body, out->session_id, sizeof out->session_id);
        return true;
    case TAG_CONNECTION:
        out->connection_id = sluice_wire_get_u64(body);
        return true;
    case TAG_PORT:
        out->port = sluice_wire_get_u64(body);
        return true;
    case TAG_CIPHER:
        get_text(body, out->cipher, sizeof out->cipher);
        return true;
    case TAG_TRANSPORT:
        get_text(body, out->transport, sizeof out->transport);
        return true;
    case TAG_CONGESTION:
        get_text(body, out->congestion, sizeof out->congestion);
        return true;
    case TAG_DATAGRAM:
        out->datagram_most = sluice_wire_get_u64(body);
        return true;
    case TAG_CREDIT:
        out->receive_bytes = sluice_wire_get_u64(body);
        out->ordered_bytes = sluice_wire_get_u64(body);
        return true;
    default:
        return false;
    }
}

static bool refuse_field(uint64_t tag, sluice_wire_reader *body, sluice_refuse_message *out)
{
    uint64_t number;
    switch (tag) {
    case TAG_STATUS:
        number = sluice_wire_get_u64(body);
        out->status = number > 0 && number < 1000 ? -(int)number : SLUICE_EFAILED;
        return true;
    case TAG_SENTENCE:
        get_text(body, out->sentence, sizeof out->sentence);
        return true;
    default:
        return false;
    }
}

typedef bool field_reader(uint64_t tag, sluice_wire_reader *body, void *out);

static bool hello_reader(uint64_t tag, sluice_wire_reader *body, void *out)
{
    return hello_field(tag, body, out);
}

static bool welcome_reader(uint64_t tag, sluice_wire_reader *body, void *out)
{
    return welcome_field(tag, body, out);
}

static bool refuse_reader(uint64_t tag, sluice_wire_reader *body, void *out)
{
    return refuse_field(tag, body, out);
}

static int read_fields(sluice_wire_reader *reader, field_reader *read, void *out, sluice_error *error)
{
    uint64_t tag;
    sluice_wire_reader body;
    while (sluice_wire_get_field(reader, &tag, &body)) {
        if (!read(tag, &body, out) && (tag & 1))
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

int sluice_hello_get(const uint8_t *bytes, size_t count, sluice_hello_message *out, sluice_error *error)
{
    sluice_hello_message hello = {0};
    sluice_wire_reader reader;
    sluice_wire_reader_init(&reader, bytes, count);
    if (sluice_wire_get_byte(&reader) != SLUICE_HELLO)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client's first message is no hello");
    int status = read_fields(&reader, hello_reader, &hello, error);
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

int sluice_answer_get(const uint8_t *bytes, size_t count, sluice_hello_type *type, sluice_welcome_message *welcome,
                      sluice_refuse_message *refuse, sluice_error *error)
{
    sluice_wire_reader reader;
    sluice_wire_reader_init(&reader, bytes, count);
    uint8_t first = sluice_wire_get_byte(&reader);
    int status;
    if (first == SLUICE_WELCOME) {
        sluice_welcome_message answer = {0};
        status = read_fields(&reader, welcome_reader, &answer, error);
        if (status == SLUICE_OK && answer.version != SLUICE_PROTOCOL_VERSION)
            status = sluice_fail(error, SLUICE_EVERSION, "the server (%s) chose protocol %llu, which was not offered",
                                 answer.software, (unsigned long long)answer.version);
        if (status == SLUICE_OK && (answer.port == 0 || answer.port > 65535))
            status = sluice_fail(error, SLUICE_EPROTOCOL, "the server names no UDP port");
        if (status == SLUICE_OK)
            *welcome = answer;
    } else if (first == SLUICE_REFUSE) {
        sluice_refuse_message answer = {.status = SLUICE_EFAILED};
        status = read_fields(&reader, refuse_reader, &answer, error);
        if (status == SLUICE_OK)
            *refuse = answer;
    } else {
        return sluice_fail(error, SLUICE_EPROTOCOL, "the server's answer is neither welcome nor refusal");
    }
    if (status == SLUICE_OK)
        *type = (sluice_hello_type)first;
    return status;
}
