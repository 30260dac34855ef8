/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets: whatever the text, it is refused as such, or it is one that reads back the same. */
#include "fuzz/replay.h"

#include "session/ticket.h"
#include <stdlib.h>
#include <string.h>

static void insist(bool true_always)
{
    if (!true_always)
        abort();
}

static void check_addresses(const sluice_ticket *ticket)
{
    insist(ticket->address_count <= SLUICE_TICKET_ADDRESSES);
    for (size_t i = 0; i < ticket->address_count; i++) {
        const char *address = ticket->addresses[i];
        size_t bytes = strnlen(address, SLUICE_TICKET_ADDRESS_BYTES + 1);
        insist(bytes > 0 && bytes <= SLUICE_TICKET_ADDRESS_BYTES && strchr(address, ':') != NULL);
        for (size_t j = 0; j < bytes; j++)
            insist(address[j] > ' ' && address[j] <= '~');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    sluice_error error = {0};
    sluice_ticket ticket, again;
    char text[SLUICE_TICKET_TEXT_BYTES], text_again[SLUICE_TICKET_TEXT_BYTES];
    int status = sluice_ticket_parse((const char *)bytes, count, "f", &ticket, &error);
    if (status != SLUICE_OK) {
        insist(status == SLUICE_EAUTH && error.status == SLUICE_EAUTH && error.text[0] != '\0');
        return 0;
    }
    check_addresses(&ticket);
    sluice_ticket_format(&ticket, text);
    insist(sluice_ticket_parse(text, strlen(text), "f", &again, NULL) == SLUICE_OK);
    sluice_ticket_format(&again, text_again);
    insist(strcmp(text, text_again) == 0);
    return 0;
}
