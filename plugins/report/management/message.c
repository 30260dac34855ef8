/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include "report/text.h"

#define ESCAPE '\x1b'
#define NUMBER_DIGITS 15 /* more than any rate has */

/* ---- writing ---- */

static void append(management_writer *writer, const char *text, size_t bytes)
{
    if (bytes > sizeof writer->text - writer->bytes)
        bytes = sizeof writer->text - writer->bytes;
    memcpy(writer->text + writer->bytes, text, bytes);
    writer->bytes += bytes;
}

static void append_key(management_writer *writer, const char *key)
{
    append(writer, key, strlen(key));
    append(writer, ": ", 2);
}

void management_begin(management_writer *writer, const char *type)
{
    writer->bytes = 0;
    append(writer, "FASPMGR 2\n", 10);
    management_text(writer, "Type", type);
}

/* One character of a value. */
static void append_character(management_writer *writer, const char *at, size_t bytes, uint32_t character, bool path)
{
    static const char escapes[] = {ESCAPE, 'n', ESCAPE, 'r', ESCAPE, ESCAPE};
    if (path && character == '\n')
        append(writer, escapes, 2);
    else if (path && character == '\r')
        append(writer, escapes + 2, 2);
    else if (path && character == ESCAPE)
        append(writer, escapes + 4, 2);
    else if (!path && (character < 0x20 || character == 0x7f))
        append(writer, " ", 1);
    else
        append(writer, at, bytes);
}

static void append_value(management_writer *writer, const char *value, bool path)
{
    /* A value that is far too long is cut, so that the lines behind it stay whole. */
    size_t most = writer->bytes + 3 * MANAGEMENT_LINE_MOST;
    while (*value != '\0' && writer->bytes + 8 < most) {
        uint32_t character = 0;
        bool valid;
        size_t bytes = text_decode(value, &character, &valid);
        if (valid)
            append_character(writer, value, bytes, character, path);
        else
            append(writer, "\xef\xbf\xbd", 3);
        value += bytes;
    }
    append(writer, "\n", 1);
}

void management_text(management_writer *writer, const char *key, const char *value)
{
    if (value == NULL)
        return;
    append_key(writer, key);
    append_value(writer, value, false);
}

void management_path(management_writer *writer, const char *key, const char *value)
{
    if (value == NULL)
        return;
    append_key(writer, key);
    append_value(writer, value, true);
}

void management_number(management_writer *writer, const char *key, uint64_t value)
{
    char digits[24];
    append_key(writer, key);
    append(writer, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64 "\n", value));
}

void management_end(management_writer *writer)
{
    append(writer, "\n", 1);
}

/* ---- reading ---- */

static management_type type_of(const char *word)
{
    static const struct {
        const char *word;
        management_type type;
    } rows[] = {{"NOP", MANAGEMENT_NOP},     {"RATE", MANAGEMENT_RATE}, {"CANCEL", MANAGEMENT_CANCEL},
                {"START", MANAGEMENT_START}, {"STOP", MANAGEMENT_STOP}, {"DONE", MANAGEMENT_DONE}};
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        if (strcmp(rows[i].word, word) == 0)
            return rows[i].type;
    return MANAGEMENT_OTHER;
}

static management_policy policy_of(const char *word)
{
    return strcmp(word, "Adaptive") == 0  ? MANAGEMENT_POLICY_ADAPTIVE
           : strcmp(word, "Fixed") == 0   ? MANAGEMENT_POLICY_FIXED
           : strcmp(word, "Trickle") == 0 ? MANAGEMENT_POLICY_TRICKLE
                                          : MANAGEMENT_POLICY_NONE;
}

static uint64_t number_of(const char *digits)
{
    uint64_t value = 0;
    size_t count = strlen(digits);
    if (count == 0 || count > NUMBER_DIGITS || strspn(digits, "0123456789") != count)
        return SLUICE_UNKNOWN;
    for (; *digits != '\0'; digits++)
        value = value * 10 + (uint64_t)(*digits - '0');
    return value;
}

static void field_take(management_message *message, const char *key, const char *value)
{
    if (strcmp(key, "Type") == 0)
        message->type = type_of(value);
    else if (strcmp(key, "Rate") == 0)
        message->rate_kbps = number_of(value);
    else if (strcmp(key, "MinRate") == 0)
        message->minimum_kbps = number_of(value);
    else if (strcmp(key, "Adaptive") == 0)
        message->policy = policy_of(value);
    else if (strcmp(key, "Priority") == 0)
        message->priority = number_of(value);
}

/* A whole line, without its end. */
static management_verdict line_take(management_reader *reader, management_message *out)
{
    char *line = reader->line, *colon;
    if (!reader->inside) {
        if (line[0] == '\0') /* managers may part their messages by more than one */
            return MANAGEMENT_MORE;
        if (strcmp(line, "FASPMGR 2") != 0)
            return MANAGEMENT_MALFORMED;
        reader->inside = true;
        reader->message_bytes = 0;
        reader->message = (management_message){
            .rate_kbps = SLUICE_UNKNOWN, .minimum_kbps = SLUICE_UNKNOWN, .priority = SLUICE_UNKNOWN};
        return MANAGEMENT_MORE;
    }
    if (line[0] == '\0') {
        reader->inside = false;
        reader->message_bytes = 0;
        *out = reader->message;
        return MANAGEMENT_WHOLE;
    }
    colon = strchr(line, ':');
    if (colon == NULL || colon == line)
        return MANAGEMENT_MALFORMED;
    *colon++ = '\0';
    field_take(&reader->message, line, *colon == ' ' ? colon + 1 : colon);
    return MANAGEMENT_MORE;
}

management_verdict management_read(management_reader *reader, const char *bytes, size_t count, size_t *taken,
                                   management_message *out)
{
    for (*taken = 0; *taken < count;) {
        char next = bytes[(*taken)++];
        /* Outside of messages only empty lines come, which count as well. */
        if (next == '\0' || ++reader->message_bytes > MANAGEMENT_MESSAGE_MOST)
            return MANAGEMENT_MALFORMED;
        if (next != '\n') {
            if (reader->line_bytes + 1 == sizeof reader->line)
                return MANAGEMENT_MALFORMED;
            reader->line[reader->line_bytes++] = next;
            continue;
        }
        if (reader->line_bytes > 0 && reader->line[reader->line_bytes - 1] == '\r')
            reader->line_bytes--;
        reader->line[reader->line_bytes] = '\0';
        reader->line_bytes = 0;
        management_verdict verdict = line_take(reader, out);
        if (verdict != MANAGEMENT_MORE)
            return verdict;
    }
    return MANAGEMENT_MORE;
}
