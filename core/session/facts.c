/* SPDX-License-Identifier: Apache-2.0 */
#include "session/facts.h"

#include <string.h>

static void cipher_put(sluice_wire_writer *body, const sluice_cipher_offer *cipher)
{
    sluice_wire_writer row = {0};
    uint64_t speed = cipher->packets_per_second;
    sluice_wire_put_string(&row, cipher->name, strlen(cipher->name));
    sluice_wire_put_number(&row, speed < SLUICE_WIRE_NUMBER_MAX ? speed : SLUICE_WIRE_NUMBER_MAX);
    sluice_wire_put_field(body, SLUICE_FACTS_CIPHER, row.bytes, row.size);
    body->failed = body->failed || row.failed;
    sluice_wire_writer_fini(&row);
}

void sluice_facts_put(const sluice_facts *facts, sluice_wire_writer *body)
{
#define FACTS_PUT(field, tag) \
    if (facts->field)         \
        sluice_wire_put_field_u64(body, tag, facts->field);
    SLUICE_FACTS_MAP(FACTS_PUT)
#undef FACTS_PUT
    if (facts->disk_why[0])
        sluice_wire_put_field(body, SLUICE_FACTS_DISK_WHY, facts->disk_why, strlen(facts->disk_why));
    for (size_t i = 0; i < facts->cipher_count; i++)
        cipher_put(body, &facts->ciphers[i]);
}

/* Whoever reads it on a terminal must not be led astray. */
static void text_take(char *out, size_t size, const uint8_t *bytes, size_t count)
{
    if (count > size - 1)
        count = size - 1;
    for (size_t i = 0; i < count; i++)
        out[i] = (char)(bytes[i] < 0x20 || bytes[i] == 0x7f ? '?' : bytes[i]);
    out[count] = '\0';
}

static void cipher_take(sluice_facts *facts, sluice_wire_reader *field)
{
    size_t count;
    sluice_cipher_offer *cipher = &facts->ciphers[facts->cipher_count];
    const uint8_t *name = sluice_wire_get_string(field, &count);
    uint64_t speed = sluice_wire_get_number(field);
    if (facts->cipher_count == SLUICE_CIPHERS || field->bad || count >= sizeof cipher->name)
        return;
    text_take(cipher->name, sizeof cipher->name, name, count);
    cipher->packets_per_second = speed;
    facts->cipher_count++;
}

void sluice_facts_get(sluice_facts *facts, sluice_wire_reader *body)
{
    sluice_wire_reader field;
    uint64_t tag;
    memset(facts, 0, sizeof *facts);
    while (sluice_wire_get_field(body, &tag, &field)) {
        switch (tag) {
#define FACTS_GET(name, number)                    \
    case number:                                   \
        facts->name = sluice_wire_get_u64(&field); \
        break;
            SLUICE_FACTS_MAP(FACTS_GET)
#undef FACTS_GET
        case SLUICE_FACTS_DISK_WHY:
            text_take(facts->disk_why, sizeof facts->disk_why, field.at, sluice_wire_left(&field));
            break;
        case SLUICE_FACTS_CIPHER:
            cipher_take(facts, &field);
            break;
        default:
            break;
        }
    }
}
