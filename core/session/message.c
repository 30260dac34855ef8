/* SPDX-License-Identifier: Apache-2.0 */
#include "session/message.h"

#include <string.h>

void sluice_message_put_status(sluice_wire_writer *writer, int status, const char *sentence)
{
    size_t length = strlen(sentence);
    if (length > SLUICE_MESSAGE_SENTENCE_MAX)
        length = SLUICE_MESSAGE_SENTENCE_MAX;
    sluice_wire_put_number(writer, (uint64_t)(status < 0 ? -status : 0));
    sluice_wire_put_string(writer, sentence, length);
}

static int status_of_number(uint64_t number)
{
    switch (number) {
#define MESSAGE_STATUS(name, value, exit_status, text)                                                                \
    case -(value):                                                                                                    \
        return value;
        SLUICE_STATUS_MAP(MESSAGE_STATUS)
#undef MESSAGE_STATUS
    default:
        return SLUICE_EFAILED;
    }
}

int sluice_message_get_status(sluice_wire_reader *reader, char *sentence, size_t size)
{
    size_t count;
    int status = status_of_number(sluice_wire_get_number(reader));
    const uint8_t *bytes = sluice_wire_get_string(reader, &count);
    if (count > size - 1)
        count = size - 1;
    for (size_t i = 0; i < count; i++) {
        bool c1 = i > 0 && bytes[i - 1] == 0xc2 && bytes[i] >= 0x80 && bytes[i] < 0xa0; /* controls in UTF-8, too */
        sentence[i] = (char)(bytes[i] < 0x20 || bytes[i] == 0x7f || c1 ? '?' : bytes[i]);
        if (c1)
            sentence[i - 1] = '?';
    }
    sentence[count] = 0;
    return status;
}
