/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer says once the transport runs.  The first byte chooses the stream: even, control messages; odd, the
 * catalogue.  Requests and names that are taken hold what the code behind them relies on.
 */
#include "fuzz/replay.h"

#include "session/catalogue.h"
#include "session/message.h"
#include <stdlib.h>
#include <string.h>

static void insist(bool true_always)
{
    if (!true_always)
        abort();
}

static void check_status(int status)
{
    insist(status == SLUICE_OK || status == SLUICE_EPROTOCOL || status == SLUICE_EUNSUPPORTED ||
           status == SLUICE_ELIMIT || status == SLUICE_ENOMEM);
}

/* Reads only its last item, a status and a sentence for people. */
static void try_sentence(sluice_wire_reader *body)
{
    char sentence[64];
    int status = sluice_message_get_status(body, sentence, sizeof sentence);
    insist(status <= 0 && sluice_status_text(status)[0] != '\0');
    insist(memchr(sentence, '\0', sizeof sentence) != NULL);
    for (const char *at = sentence; *at != '\0'; at++)
        insist((unsigned char)*at >= 0x20 && *at != 0x7f);
}

/* A request that was taken can be written again, unless a name is longer than a writer allows. */
static void check_request(const sluice_request *request)
{
    sluice_wire_writer writer = {0};
    insist(request->text_bytes <= SLUICE_REQUEST_BYTES_MAX);
    for (size_t i = 0; i < request->operand_count; i++)
        insist(request->operands[i].path != NULL);
    for (size_t i = 0; i < request->rule_count; i++)
        insist(request->rules[i].pattern != NULL);
    int status = sluice_request_encode(request, &writer, NULL);
    insist(status == SLUICE_OK || status == SLUICE_EINVAL || status == SLUICE_ENOMEM);
    sluice_wire_writer_fini(&writer);
}

static int take_message(sluice_request *request, uint64_t type, sluice_wire_reader *body)
{
    bool more = false;
    sluice_error error = {0};
    int status = SLUICE_OK;
    if (type == SLUICE_MESSAGE_REQUEST)
        status = sluice_request_decode(request, body, &more, &error);
    else if (type == SLUICE_MESSAGE_OPERANDS)
        status = sluice_request_decode_operands(request, body, &more, &error);
    else
        try_sentence(body);
    check_status(status);
    insist(status == SLUICE_OK || error.text[0] != '\0');
    return status;
}

static void try_messages(const uint8_t *bytes, size_t count)
{
    sluice_request request;
    uint64_t type;
    sluice_wire_reader body;
    size_t used;
    bool asked = false;
    int status;
    sluice_request_init(&request);
    while ((status = sluice_wire_split(bytes, count, SLUICE_MESSAGE_BODY_MAX, &type, &body, &used)) == SLUICE_OK) {
        insist(used > 0 && used <= count);
        /* As in a session: one request, then its operands. */
        if (type == SLUICE_MESSAGE_REQUEST ? asked : type == SLUICE_MESSAGE_OPERANDS && !asked)
            break;
        asked = asked || type == SLUICE_MESSAGE_REQUEST;
        if (take_message(&request, type, &body) != SLUICE_OK)
            break;
        bytes += used;
        count -= used;
    }
    insist(status == SLUICE_OK || status == SLUICE_EAGAIN || status == SLUICE_EPROTOCOL);
    check_request(&request);
    sluice_request_fini(&request);
}

static void check_entry(const sluice_entry *entry)
{
    insist(entry->type <= SLUICE_ENTRY_SYMLINK);
    insist(sluice_catalogue_name_valid(entry->name) || strcmp(entry->name, ".") == 0);
    insist((entry->target != NULL) == (entry->type == SLUICE_ENTRY_SYMLINK));
    insist(entry->mode == UINT32_MAX || entry->mode <= 07777);
}

static void try_catalogue(const uint8_t *bytes, size_t count)
{
    uint64_t type;
    sluice_wire_reader body;
    size_t used;
    while (sluice_wire_split(bytes, count, SLUICE_CATALOGUE_RECORD_MAX, &type, &body, &used) == SLUICE_OK) {
        sluice_entry entry;
        char *memory = NULL;
        insist(used > 0 && used <= count);
        if (type == SLUICE_CATALOGUE_ENTRY) {
            int status = sluice_catalogue_get_entry(&body, &entry, &memory);
            if (status == SLUICE_EOUTSIDE)
                insist(!sluice_catalogue_name_valid(entry.name));
            else
                check_status(status);
            if (status == SLUICE_OK)
                check_entry(&entry);
            free(memory);
        } else if (type == SLUICE_CATALOGUE_FAULT) {
            size_t length;
            sluice_wire_get_string(&body, &length);
            try_sentence(&body);
        }
        bytes += used;
        count -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0)
        return 0;
    if (bytes[0] % 2 == 0)
        try_messages(bytes + 1, count - 1);
    else
        try_catalogue(bytes + 1, count - 1);
    return 0;
}
