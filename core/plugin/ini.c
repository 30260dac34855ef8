/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLANKS " \t"
#define KEY_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
#define NAME_BYTES KEY_BYTES " \t"

/* What inih is given in place of a value, which waits in reader.value. */
#define VALUE_AHEAD "ahead"

typedef struct reader {
    const char *name; /* of the file */
    const char *at, *end;
    unsigned line;
    const sluice_ini_handler *handler;
    bool complained;
    bool in_section; /* false: before the first header */
    bool skipping;   /* the section was refused */
    sluice_text value;
} reader;

static void complain(reader *r, const sluice_error *why)
{
    sluice_text sentence = {0};
    r->complained = true;
    sluice_text_addf(&sentence, "%s:%u: %s", r->name, r->line, why->text);
    r->handler->complain(r->handler->user, sentence.failed ? why->text : sentence.bytes);
    sluice_text_fini(&sentence);
}

/* ---- one line ---- */

/* A line as a string without its end; SLUICE_EINVAL for bytes that no INI file has. */
static int take_line(reader *r, char *line, sluice_error *error)
{
    const char *begin = r->at;
    const char *newline = memchr(begin, '\n', (size_t)(r->end - begin));
    size_t length = (size_t)((newline == NULL ? r->end : newline) - begin);
    r->at = newline == NULL ? r->end : newline + 1;
    r->line++;
    if (r->handler->line != NULL)
        *r->handler->line = r->line;
    if (r->line == 1 && length >= 3 && memcmp(begin, "\xef\xbb\xbf", 3) == 0) {
        begin += 3; /* a byte order mark */
        length -= 3;
    }
    if (length > 0 && begin[length - 1] == '\r')
        length--;
    if (length > SLUICE_INI_LINE_MOST)
        return sluice_fail(error, SLUICE_EINVAL, "the line is longer than %d bytes", SLUICE_INI_LINE_MOST);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)begin[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return sluice_fail(error, SLUICE_EINVAL, "byte 0x%02x does not belong in an INI file", byte);
    }
    memcpy(line, begin, length);
    line[length] = '\0';
    return SLUICE_OK;
}

static bool blank_or_comment(const char *text)
{
    text += strspn(text, BLANKS);
    return *text == '\0' || *text == ';' || *text == '#';
}

static void trim_end(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
        text[--length] = '\0';
}

/* Copies what may be shown of a name that is not one. */
static const char *shown(const char *text, char out[SLUICE_INI_NAME_MOST + 1])
{
    size_t i = 0;
    for (; text[i] != '\0' && i < SLUICE_INI_NAME_MOST; i++)
        out[i] = (unsigned char)text[i] >= 0x7f ? '?' : text[i];
    out[i] = '\0';
    return out;
}

static int check_name(const char *what, const char *name, const char *allowed, sluice_error *error)
{
    char safe[SLUICE_INI_NAME_MOST + 1];
    if (strlen(name) > SLUICE_INI_NAME_MOST)
        return sluice_fail(error, SLUICE_EINVAL, "the %s '%s...' is longer than %d bytes", what, shown(name, safe),
                           SLUICE_INI_NAME_MOST);
    if (name[0] == '\0' || name[strspn(name, allowed)] != '\0')
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is not the name of a %s", shown(name, safe), what);
    return SLUICE_OK;
}

/* text: behind the opening quote. */
static int read_quoted(const char *text, sluice_text *value, sluice_error *error)
{
    static const char escapes[] = "\"\\ntr", meanings[] = "\"\\\n\t\r";
    for (; *text != '"'; text++) {
        if (*text == '\0')
            return sluice_fail(error, SLUICE_EINVAL, "the closing quote is missing");
        if (*text != '\\') {
            sluice_text_add_bytes(value, text, 1);
            continue;
        }
        const char *escape = *++text == '\0' ? NULL : strchr(escapes, *text);
        if (escape == NULL)
            return sluice_fail(error, SLUICE_EINVAL, "in quotes a backslash stands before one of \" \\ n t r; write "
                                                     "\\\\ for a backslash");
        sluice_text_add_bytes(value, &meanings[escape - escapes], 1);
    }
    if (!blank_or_comment(text + 1))
        return sluice_fail(error, SLUICE_EINVAL, "something stands behind the closing quote");
    return SLUICE_OK;
}

static void read_bare(const char *text, sluice_text *value)
{
    size_t length = 0;
    while (text[length] != '\0' && !(text[length] == ';' && (length == 0 || strchr(BLANKS, text[length - 1]) != NULL)))
        length++;
    while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
        length--;
    sluice_text_add_bytes(value, text, length);
}

/* line: "[...". Leaves "[name]" for inih. */
static int read_header(reader *r, char *line, char *out, size_t bytes, sluice_error *error)
{
    char *close = strchr(line, ']');
    r->in_section = true;
    r->skipping = true;
    if (close == NULL)
        return sluice_fail(error, SLUICE_EINVAL, "a section's header has no ']'");
    if (!blank_or_comment(close + 1))
        return sluice_fail(error, SLUICE_EINVAL, "something stands behind the section's header");
    *close = '\0';
    char *name = line + 1 + strspn(line + 1, BLANKS);
    trim_end(name);
    int status = check_name("section", name, NAME_BYTES, error);
    if (status == SLUICE_OK)
        status = r->handler->section(r->handler->user, name, error);
    if (status != SLUICE_OK)
        return status;
    r->skipping = false;
    snprintf(out, bytes, "[%.*s]\n", SLUICE_INI_NAME_MOST, name);
    return SLUICE_OK;
}

/* Leaves "key = ..." for inih, and the value aside. */
static int read_pair(reader *r, char *line, char *out, size_t bytes, sluice_error *error)
{
    char *equals = strchr(line, '=');
    if (strchr(BLANKS, line[0]) != NULL)
        return sluice_fail(error, SLUICE_EINVAL, "an indented line does not continue the one above; begin it at the "
                                                 "margin");
    if (equals == NULL)
        return sluice_fail(error, SLUICE_EINVAL, "neither a [section] nor key = value");
    *equals = '\0';
    trim_end(line);
    int status = check_name("key", line, KEY_BYTES, error);
    if (status != SLUICE_OK)
        return status;
    if (!r->in_section)
        return sluice_fail(error, SLUICE_EINVAL, "key '%s' stands before the first section", line);
    const char *value = equals + 1 + strspn(equals + 1, BLANKS);
    sluice_text_clear(&r->value);
    if (*value == '"')
        status = read_quoted(value + 1, &r->value, error);
    else
        read_bare(value, &r->value);
    if (status == SLUICE_OK && r->value.failed)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    if (status == SLUICE_OK)
        snprintf(out, bytes, "%.*s = " VALUE_AHEAD "\n", SLUICE_INI_NAME_MOST, line);
    return status;
}

/* ---- between inih and the handler ---- */

/* inih's fgets: the next line, in a form that inih takes as it is meant. */
static char *next_line(char *out, int room, void *stream)
{
    reader *r = stream;
    char line[SLUICE_INI_LINE_MOST + 1];
    char simple[SLUICE_INI_NAME_MOST + 32] = "\n";
    sluice_error why = {0};
    if (r->at >= r->end)
        return NULL;
    int status = take_line(r, line, &why);
    if (status == SLUICE_OK && !blank_or_comment(line)) {
        if (line[0] == '[')
            status = read_header(r, line, simple, sizeof(simple), &why);
        else if (!r->skipping || line[0] == ' ' || line[0] == '\t')
            status = read_pair(r, line, simple, sizeof(simple), &why);
    }
    if (status == SLUICE_OK && (size_t)room <= strlen(simple))
        status = sluice_fail(&why, SLUICE_EINVAL, "inih takes only %d bytes of a line", room);
    if (status != SLUICE_OK) {
        complain(r, &why);
        snprintf(simple, sizeof(simple), "\n");
    }
    snprintf(out, (size_t)room, "%s", simple);
    return out;
}

static int take_value(void *user, const char *section, const char *key, const char *value)
{
    reader *r = user;
    sluice_error why = {0};
    (void)section; /* the handler was told by read_header */
    if (r->skipping || strcmp(value, VALUE_AHEAD) != 0)
        return 1;
    if (r->handler->value(r->handler->user, key, sluice_text_string(&r->value), &why) != SLUICE_OK)
        complain(r, &why);
    return 1;
}

int sluice_ini_parse(const char *name, const char *text, size_t bytes, const sluice_ini_handler *handler,
                     sluice_error *error)
{
    reader r = {.name = name, .at = text, .end = text + bytes, .handler = handler};
    int result = ini_parse_stream(next_line, &r, take_value, &r);
    sluice_text_fini(&r.value);
    if (result == 0 && !r.complained)
        return SLUICE_OK;
    if (result < 0)
        return sluice_fail(error, SLUICE_ENOMEM, "%s: out of memory", name);
    if (!r.complained) {
        sluice_error why = {0};
        r.line = (unsigned)result;
        sluice_fail(&why, SLUICE_EINVAL, "not understood");
        complain(&r, &why);
    }
    return sluice_fail(error, SLUICE_ECONFIG, "%s: has errors", name);
}

/* ---- the file ---- */

static int read_all(const char *path, int file, sluice_text *out, sluice_error *error)
{
    char block[16384];
    for (;;) {
        ssize_t got = read(file, block, sizeof(block));
        if (got == 0)
            return out->failed ? sluice_fail(error, SLUICE_ENOMEM, "%s: out of memory", path) : SLUICE_OK;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sluice_fail(error, SLUICE_ECONFIG, "%s: cannot be read: %s", path, strerror(errno));
        sluice_text_add_bytes(out, block, (size_t)got);
        if (out->length > SLUICE_INI_FILE_MOST)
            return sluice_fail(error, SLUICE_ECONFIG, "%s: is larger than %d bytes", path, SLUICE_INI_FILE_MOST);
    }
}

int sluice_ini_read(const char *path, const sluice_ini_handler *handler, sluice_error *error)
{
    sluice_text content = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return sluice_fail(error, SLUICE_ECONFIG, "%s: cannot be opened: %s", path, strerror(errno));
    int status = read_all(path, file, &content, error);
    close(file);
    if (status == SLUICE_OK)
        status = sluice_ini_parse(path, sluice_text_string(&content), content.length, handler, error);
    sluice_text_fini(&content);
    return status;
}

void sluice_ini_quote(const char *value, sluice_text *out)
{
    size_t length = strlen(value);
    bool bare = length > 0 && value[strcspn(value, "\n\t\r;\"\\")] == '\0' && value[0] != ' ' &&
                value[length - 1] != ' ';
    if (bare) {
        sluice_text_add(out, value);
        return;
    }
    sluice_text_add(out, "\"");
    for (; *value != '\0'; value++) {
        static const char meanings[] = "\"\\\n\t\r", escapes[] = "\"\\ntr";
        const char *special = strchr(meanings, *value);
        if (special != NULL)
            sluice_text_addf(out, "\\%c", escapes[special - meanings]);
        else
            sluice_text_add_bytes(out, value, 1);
    }
    sluice_text_add(out, "\"");
}
