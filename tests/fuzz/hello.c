/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up messages: whatever the bytes, they are refused with a sentence, or mean the same when written anew. */
#include "fuzz/replay.h"

#include "session/hello.h"
#include <stdlib.h>
#include <string.h>

static void insist(bool true_always)
{
    if (!true_always)
        abort();
}

/* Ends within its room, and may go to a terminal. */
static void check_text(const char *text, size_t room)
{
    size_t bytes = strnlen(text, room);
    insist(bytes < room);
    for (size_t i = 0; i < bytes; i++)
        insist(text[i] >= 0x20 && text[i] < 0x7f);
}

static void check_refusal(int status, const sluice_error *error)
{
    insist(status == SLUICE_EPROTOCOL || status == SLUICE_EVERSION);
    insist(error->status == status && error->text[0] != '\0');
}

static void check_same(const sluice_wire_writer *first, const sluice_wire_writer *second)
{
    insist(first->failed || second->failed ||
           (first->size == second->size && memcmp(first->bytes, second->bytes, first->size) == 0));
}

static void try_hello(const uint8_t *bytes, size_t count)
{
    sluice_error error = {0};
    sluice_hello_message hello, again;
    sluice_wire_writer first = {0}, second = {0};
    int status = sluice_hello_get(bytes, count, &hello, &error);
    if (status != SLUICE_OK) {
        check_refusal(status, &error);
        return;
    }
    insist(hello.version_least <= SLUICE_PROTOCOL_VERSION && hello.version_most >= SLUICE_PROTOCOL_VERSION);
    check_text(hello.software, sizeof hello.software);
    check_text(hello.transport, sizeof hello.transport);
    check_text(hello.congestion, sizeof hello.congestion);
    insist(hello.cipher_count <= SLUICE_CIPHERS);
    for (size_t i = 0; i < hello.cipher_count; i++)
        insist(memchr(hello.ciphers[i].name, '\0', sizeof hello.ciphers[i].name) != NULL);
    sluice_hello_put(&hello, &first);
    insist(sluice_hello_get(first.bytes, first.size, &again, NULL) == SLUICE_OK);
    sluice_hello_put(&again, &second);
    check_same(&first, &second);
    sluice_wire_writer_fini(&first);
    sluice_wire_writer_fini(&second);
}

static void put_answer(sluice_hello_type type, const sluice_welcome_message *welcome,
                       const sluice_refuse_message *refuse, sluice_wire_writer *writer)
{
    if (type == SLUICE_WELCOME)
        sluice_welcome_put(welcome, writer);
    else if (type == SLUICE_REFUSE)
        sluice_refuse_put(refuse, writer);
    else
        sluice_moved_put(writer);
}

static void try_answer(const uint8_t *bytes, size_t count)
{
    sluice_error error = {0};
    sluice_hello_type type;
    sluice_welcome_message welcome = {0};
    sluice_refuse_message refuse = {0};
    sluice_wire_writer first = {0}, second = {0};
    int status = sluice_answer_get(bytes, count, &type, &welcome, &refuse, &error);
    if (status != SLUICE_OK) {
        check_refusal(status, &error);
        return;
    }
    insist(type == SLUICE_WELCOME || type == SLUICE_REFUSE || type == SLUICE_MOVED);
    check_text(welcome.software, sizeof welcome.software);
    check_text(welcome.transport, sizeof welcome.transport);
    check_text(welcome.host, sizeof welcome.host);
    check_text(refuse.sentence, sizeof refuse.sentence);
    bool datagrams = type == SLUICE_WELCOME && strcmp(welcome.transport, "tcp") != 0;
    insist(type != SLUICE_REFUSE || refuse.status < 0);
    insist(welcome.port < 65536 && (!datagrams || welcome.port > 0));
    put_answer(type, &welcome, &refuse, &first);
    insist(sluice_answer_get(first.bytes, first.size, &type, &welcome, &refuse, NULL) == SLUICE_OK);
    put_answer(type, &welcome, &refuse, &second);
    check_same(&first, &second);
    sluice_wire_writer_fini(&first);
    sluice_wire_writer_fini(&second);
}

static void try_move(const uint8_t *bytes, size_t count)
{
    sluice_error error = {0};
    sluice_move_message move, again;
    sluice_wire_writer first = {0}, second = {0};
    int status = sluice_move_get(bytes, count, &move, &error);
    if (status != SLUICE_OK) {
        check_refusal(status, &error);
        return;
    }
    sluice_move_put(&move, &first);
    insist(sluice_move_get(first.bytes, first.size, &again, NULL) == SLUICE_OK);
    insist(again.has_join == move.has_join);
    sluice_move_put(&again, &second);
    check_same(&first, &second);
    sluice_wire_writer_fini(&first);
    sluice_wire_writer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    try_hello(bytes, count);
    try_answer(bytes, count);
    try_move(bytes, count);
    return 0;
}
