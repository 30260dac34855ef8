/* SPDX-License-Identifier: Apache-2.0 */
#include "faspmgr/message.h"

#include "faspmgr/utf8.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ESCAPE '\x1b'
#define NUMBER_DIGITS 18 /* more than any figure has; all of them fit */

/* ---- writing ---- */

static void append(faspmgr_writer *writer, const char *text, size_t bytes)
{
    if (bytes > sizeof writer->text - writer->bytes)
        bytes = sizeof writer->text - writer->bytes;
    memcpy(writer->text + writer->bytes, text, bytes);
    writer->bytes += bytes;
}

static void append_key(faspmgr_writer *writer, const char *key)
{
    append(writer, key, strlen(key));
    append(writer, ": ", 2);
}

void faspmgr_begin(faspmgr_writer *writer, const char *type)
{
    writer->bytes = 0;
    append(writer, "FASPMGR 2\n", 10);
    faspmgr_text(writer, "Type", type);
}

typedef enum value_kind { VALUE_TEXT, VALUE_PATH, VALUE_BYTES } value_kind;

/* One character of a value. */
static void append_character(faspmgr_writer *writer, const char *at, size_t bytes, uint32_t character, bool path)
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

static void append_value(faspmgr_writer *writer, const char *value, value_kind kind)
{
    /* A value that is far too long is cut, so that the lines behind it stay whole. */
    size_t most = writer->bytes + FASPMGR_LINE_MOST;
    while (*value != '\0' && writer->bytes + 8 < most) {
        uint32_t character = 0;
        bool valid;
        size_t bytes = text_decode(value, &character, &valid);
        if (valid)
            append_character(writer, value, bytes, character, kind != VALUE_TEXT);
        else if (kind == VALUE_BYTES)
            append(writer, value, bytes);
        else
            append(writer, "\xef\xbf\xbd", 3);
        value += bytes;
    }
    append(writer, "\n", 1);
}

void faspmgr_text(faspmgr_writer *writer, const char *key, const char *value)
{
    if (value == NULL)
        return;
    append_key(writer, key);
    append_value(writer, value, VALUE_TEXT);
}

void faspmgr_path(faspmgr_writer *writer, const char *key, const char *value)
{
    if (value == NULL)
        return;
    append_key(writer, key);
    append_value(writer, value, VALUE_PATH);
}

void faspmgr_path_bytes(faspmgr_writer *writer, const char *key, const char *value)
{
    if (value == NULL)
        return;
    append_key(writer, key);
    append_value(writer, value, VALUE_BYTES);
}

void faspmgr_number(faspmgr_writer *writer, const char *key, uint64_t value)
{
    char digits[24];
    append_key(writer, key);
    append(writer, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64 "\n", value));
}

void faspmgr_end(faspmgr_writer *writer)
{
    append(writer, "\n", 1);
}

/* ---- reading ---- */

/* Lines become fields once all of them are there. */
static void fields_find(const faspmgr_reader *reader, faspmgr_message *out)
{
    out->type = "";
    out->count = 0;
    for (size_t at = 0; at < reader->bytes && out->count < FASPMGR_FIELDS_MOST; at += strlen(reader->text + at) + 1) {
        const char *key = reader->text + at;
        at += strlen(key) + 1;
        out->fields[out->count] = (faspmgr_field){.key = key, .value = reader->text + at};
        if (strcmp(key, "Type") == 0)
            out->type = reader->text + at;
        out->count++;
    }
}

/* The line begins at reader->line and has a NUL in place of its end.  A field is cut at its colon, and at the one blank behind
 * it. */
static faspmgr_verdict line_take(faspmgr_reader *reader, faspmgr_message *out)
{
    char *line = reader->text + reader->line;
    size_t length = reader->bytes - reader->line;
    if (!reader->inside) {
        reader->bytes = reader->line = 0;
        if (length == 0) /* messages may be parted by more than one */
            return FASPMGR_MORE;
        reader->inside = strcmp(line, "FASPMGR 2") == 0;
        return reader->inside ? FASPMGR_MORE : FASPMGR_MALFORMED;
    }
    if (length == 0) {
        reader->inside = false;
        reader->whole = true;
        fields_find(reader, out);
        return FASPMGR_WHOLE;
    }
    char *colon = strchr(line, ':');
    if (colon == NULL || colon == line)
        return FASPMGR_MALFORMED;
    *colon = '\0';
    if (colon[1] == ' ') {
        memmove(colon + 1, colon + 2, (size_t)(line + length - colon) - 1);
        reader->bytes--;
    }
    reader->line = ++reader->bytes;
    return FASPMGR_MORE;
}

/* False: there is no room for it, or it is none of a line. */
static bool byte_take(faspmgr_reader *reader, char next)
{
    if (!reader->inside && ++reader->blanks > FASPMGR_LINE_MOST)
        return false;
    if (next == '\0' || reader->bytes + 1 >= sizeof reader->text || reader->bytes - reader->line + (next != '\n') >= FASPMGR_LINE_MOST)
        return false;
    if (next != '\n')
        reader->text[reader->bytes++] = next;
    return true;
}

faspmgr_verdict faspmgr_read(faspmgr_reader *reader, const char *bytes, size_t count, size_t *taken,
                             faspmgr_message *out)
{
    if (reader->whole) {
        reader->bytes = reader->line = reader->blanks = 0;
        reader->whole = false;
    }
    for (*taken = 0; *taken < count;) {
        char next = bytes[(*taken)++];
        if (!byte_take(reader, next))
            return FASPMGR_MALFORMED;
        if (next != '\n')
            continue;
        if (reader->bytes > reader->line && reader->text[reader->bytes - 1] == '\r')
            reader->bytes--;
        reader->text[reader->bytes] = '\0';
        faspmgr_verdict verdict = line_take(reader, out);
        if (verdict != FASPMGR_MORE)
            return verdict;
    }
    return FASPMGR_MORE;
}

const char *faspmgr_value(const faspmgr_message *message, const char *key)
{
    for (size_t i = 0; i < message->count; i++)
        if (strcmp(message->fields[i].key, key) == 0)
            return message->fields[i].value;
    return NULL;
}

uint64_t faspmgr_value_number(const faspmgr_message *message, const char *key)
{
    const char *digits = faspmgr_value(message, key);
    uint64_t value = 0;
    size_t count = digits != NULL ? strlen(digits) : 0;
    if (count == 0 || count > NUMBER_DIGITS || strspn(digits, "0123456789") != count)
        return SLUICE_UNKNOWN;
    for (; *digits != '\0'; digits++)
        value = value * 10 + (uint64_t)(*digits - '0');
    return value;
}

bool faspmgr_value_path(const faspmgr_message *message, const char *key, char *out, size_t size)
{
    const char *value = faspmgr_value(message, key);
    size_t bytes = 0;
    if (value == NULL)
        return false;
    for (; *value != '\0' && bytes + 1 < size; value++) {
        bool escaped = value[0] == ESCAPE && (value[1] == 'n' || value[1] == 'r' || value[1] == ESCAPE);
        value += escaped;
        out[bytes++] = (char)(!escaped || *value == ESCAPE ? *value : *value == 'n' ? '\n' : '\r');
    }
    out[bytes] = '\0';
    return *value == '\0';
}
