/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - report plugin: one JSON object (RFC 8259) a line, made from the tables of report.h.
 *
 * Every line is written whole.  When the reader has gone away the rest is dropped without a word: a transfer does not
 * fail because nobody watches it.
 */
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <sluice/report.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct json_state {
    const sluice_host *host;
    int output;
    bool broken;  /* the output takes nothing any more */
    bool lacking; /* no memory for the line under way */
    bool first;   /* no member of the object is written yet */
    char *line;
    size_t bytes, room;
} json_state;

/* ---- the line ---- */

static void append(json_state *json, const char *text, size_t bytes)
{
    if (json->lacking)
        return;
    if (bytes > json->room - json->bytes) {
        size_t room = (json->bytes + bytes) * 2;
        char *line = json->host->resize(json->host, json->line, room);
        if (line == NULL) {
            json->lacking = true;
            return;
        }
        json->line = line;
        json->room = room;
    }
    memcpy(json->line + json->bytes, text, bytes);
    json->bytes += bytes;
}

static void append_text(json_state *json, const char *text)
{
    append(json, text, strlen(text));
}

/* A string with what JSON wants escaped, and U+FFFD for what is not UTF-8.  True if all of it was. */
static bool append_string(json_state *json, const char *text)
{
    bool whole = true;
    append_text(json, "\"");
    while (*text != '\0') {
        uint32_t character = 0;
        bool valid;
        size_t bytes = text_decode(text, &character, &valid);
        if (!valid) {
            append_text(json, "\xef\xbf\xbd");
            whole = false;
        } else if (character == '"' || character == '\\') {
            append_text(json, "\\");
            append(json, text, 1);
        } else if (character < 0x20 || character == 0x7f) {
            char escape[8];
            append(json, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)character));
        } else {
            append(json, text, bytes);
        }
        text += bytes;
    }
    append_text(json, "\"");
    return whole;
}

static void append_key(json_state *json, const char *key)
{
    append_text(json, json->first ? "{\"" : ",\"");
    append_text(json, key);
    append_text(json, "\":");
    json->first = false;
}

static void member_text(json_state *json, const char *key, const char *value)
{
    append_key(json, key);
    if (value == NULL)
        append_text(json, "null");
    else
        append_string(json, value);
}

static void member_u(json_state *json, const char *key, uint64_t value)
{
    char digits[24];
    append_key(json, key);
    if (value == SLUICE_UNKNOWN)
        append_text(json, "null");
    else
        append(json, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value));
}

static void member_int(json_state *json, const char *key, int value)
{
    char digits[16];
    append_key(json, key);
    append(json, digits, (size_t)snprintf(digits, sizeof digits, "%d", value));
}

/* Three decimals of value / unit, rounded; integers only, so that no locale puts a comma there. */
static void member_decimal(json_state *json, const char *key, uint64_t value, uint64_t unit)
{
    char digits[32];
    append_key(json, key);
    if (value == SLUICE_UNKNOWN) {
        append_text(json, "null");
        return;
    }
    uint64_t step = unit / 1000, thousandths = value / step + (value % step >= step / 2);
    append(json, digits,
           (size_t)snprintf(digits, sizeof digits, "%" PRIu64 ".%03" PRIu64, thousandths / 1000, thousandths % 1000));
}

static void member_s(json_state *json, const char *key, uint64_t ns)
{
    member_decimal(json, key, ns, SLUICE_SECOND);
}

static void member_ms(json_state *json, const char *key, uint64_t ns)
{
    member_decimal(json, key, ns, SLUICE_MS);
}

static void member_base64(json_state *json, const char *key, const char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)text;
    size_t left = strlen(text);
    append_key(json, key);
    append_text(json, "\"");
    for (; left > 0; in += 3) {
        unsigned bits = (unsigned)in[0] << 16 | (left > 1 ? (unsigned)in[1] << 8 : 0) | (left > 2 ? in[2] : 0u);
        char group[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], left > 1 ? alphabet[bits >> 6 & 63] : '=',
                         left > 2 ? alphabet[bits & 63] : '='};
        append(json, group, sizeof group);
        left -= left < 3 ? left : 3;
    }
    append_text(json, "\"");
}

static void member_path(json_state *json, const char *path)
{
    append_key(json, "path");
    if (!append_string(json, path))
        member_base64(json, "path_base64", path);
}

/* ---- the members of an event ---- */

static const char *event_word(sluice_event_type type)
{
    switch (type) {
#define WORD(name, word, help) \
    case SLUICE_EVENT_##name:  \
        return word;
        SLUICE_EVENT_MAP(WORD)
#undef WORD
    }
    return NULL;
}

static void members_statistics(json_state *json, const sluice_statistics *statistics)
{
#define MEMBER(ctype, name, key, format, unit, help) member_##format(json, key, statistics->name);
    SLUICE_STATISTICS_MAP(MEMBER)
#undef MEMBER
}

static void members_file(json_state *json, const sluice_event *event)
{
    member_path(json, event->path);
    if (event->state != NULL)
        member_text(json, "state", event->state);
    member_u(json, "bytes", event->file_bytes);
    if (event->type == SLUICE_EVENT_FILE) {
        member_u(json, "resumed_bytes", event->resumed_bytes);
        member_text(json, "digest", event->digest);
    }
}

static void members_outcome(json_state *json, const sluice_event *event)
{
    if (event->type == SLUICE_EVENT_DONE) {
        member_text(json, "status", event->state);
        member_int(json, "exit", event->exit_status);
    }
    member_int(json, "code", event->status);
    member_text(json, "message", event->message != NULL ? event->message : "");
}

static bool has_outcome(const sluice_event *event)
{
    return event->type == SLUICE_EVENT_DONE || event->type == SLUICE_EVENT_FILE || event->type == SLUICE_EVENT_ERROR ||
           event->type == SLUICE_EVENT_WARNING || event->status != SLUICE_OK;
}

static void members_identity(json_state *json, const sluice_event *event)
{
    const struct {
        const char *key, *value;
    } facts[] = {
        {"session", event->session}, {"name", event->name}, {"direction", event->direction}, {"peer", event->peer}};
    for (size_t i = 0; i < SLUICE_COUNT(facts); i++)
        if (facts[i].value != NULL)
            member_text(json, facts[i].key, facts[i].value);
}

/* ---- operations ---- */

static void write_line(json_state *json)
{
    const char *at = json->line;
    size_t left = json->bytes;
    while (left > 0 && !json->broken) {
        ssize_t put = write(json->output, at, left);
        if (put >= 0) {
            at += put;
            left -= (size_t)put;
        } else if (errno == EAGAIN) {
            struct pollfd ready = {.fd = json->output, .events = POLLOUT};
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            json->host->log(json->host, SLUICE_LOG_INFO, "nobody reads the JSON any more: %s", strerror(errno));
            json->broken = true;
        }
    }
}

static int json_init(void *state, const void *config, const sluice_host *host, const sluice_report_spec *spec)
{
    json_state *json = state;
    (void)config;
    json->host = host;
    json->output = spec->output;
    return SLUICE_OK;
}

static void json_fini(void *state)
{
    json_state *json = state;
    json->host->resize(json->host, json->line, 0);
}

static void json_event(void *state, const sluice_event *event)
{
    json_state *json = state;
    const char *word = event_word(event->type);
    if (json->broken || word == NULL)
        return;
    json->bytes = 0;
    json->lacking = false;
    json->first = true;
    member_text(json, "event", word);
    if (event->path != NULL)
        members_file(json, event);
    if (has_outcome(event))
        members_outcome(json, event);
    if (event->statistics != NULL && event->path == NULL)
        members_statistics(json, event->statistics);
    members_identity(json, event);
    append_text(json, "}\n");
    if (json->lacking)
        json->host->log(json->host, SLUICE_LOG_WARNING, "no memory for the JSON of an event \"%s\"", word);
    else
        write_line(json);
}

static const sluice_report_ops operations = {.init = json_init, .fini = json_fini, .event = json_event};

SLUICE_PLUGIN_DEFINE(report, json, SLUICE_REPORT, SLUICE_REPORT_ABI, .name = "json", .version = "1.0",
                     .summary = "events and statistics as JSON, one object a line", .state_size = sizeof(json_state),
                     .ops = &operations, .ops_size = sizeof operations);
