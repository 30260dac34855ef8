/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ascp_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(sluice_error *error)
{
    return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the command line");
}

int sluice_ascp_texts_add(sluice_ascp_texts *texts, const char *text, sluice_error *error)
{
    if (texts->count == texts->capacity) {
        size_t capacity = texts->capacity > 0 ? texts->capacity * 2 : 8;
        const char **grown = realloc(texts->list, capacity * sizeof *grown);
        if (grown == NULL)
            return out_of_memory(error);
        texts->list = grown;
        texts->capacity = capacity;
    }
    texts->list[texts->count++] = text;
    return SLUICE_OK;
}

int sluice_ascp_text_own(sluice_ascp_line *line, const char **out, sluice_error *error, const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int bytes = vasprintf(&text, format, args);
    va_end(args);
    if (bytes < 0)
        return out_of_memory(error);
    int status = sluice_ascp_texts_add(&line->owned, text, error);
    if (status != SLUICE_OK)
        free(text);
    else
        *out = text;
    return status;
}

const char *sluice_ascp_line_setting(const sluice_ascp_line *line, const char *key)
{
    const char *value = NULL;
    for (size_t i = 0; i + 1 < line->settings.count; i += 2)
        if (strcmp(line->settings.list[i], key) == 0)
            value = line->settings.list[i + 1];
    return value;
}

/* ---- base64 ---- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Into out, which has room for three bytes for each four letters; the number of bytes, or -1. */
static long decode(const char *text, char *out)
{
    unsigned bits = 0, held = 0;
    size_t letters = strcspn(text, "=");
    long n = 0;
    if (text[letters + strspn(text + letters, "=")] != '\0' || letters % 4 == 1 || strlen(text + letters) > 2)
        return -1;
    for (size_t i = 0; i < letters; i++) {
        int value = sextet(text[i]);
        if (value < 0)
            return -1;
        held = (held << 6 | (unsigned)value) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(held >> bits & 0xff);
        }
    }
    return n;
}

int sluice_ascp_base64(sluice_ascp_line *line, const char *what, const char *text, const char **out,
                       sluice_error *error)
{
    char *plain = malloc(strlen(text) + 1);
    if (plain == NULL)
        return out_of_memory(error);
    long bytes = decode(text, plain);
    if (bytes <= 0 || memchr(plain, '\0', (size_t)bytes) != NULL) {
        free(plain);
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: this is no text in base64", what, text);
    }
    plain[bytes] = '\0';
    int status = sluice_ascp_texts_add(&line->owned, plain, error);
    if (status == SLUICE_OK)
        *out = plain;
    else
        free(plain);
    return status;
}

/* ---- options ---- */

typedef struct arguments {
    int count, at;
    char **list;
} arguments;

static int warn_of_nothing(sluice_ascp_line *line, const sluice_ascp_option *option, const char *spelling,
                           sluice_error *error)
{
    const char *text;
    int status = sluice_ascp_text_own(line, &text, error, "%s: accepted, but sluice goes on without (%.*s)", spelling,
                                      (int)strlen(option->help) - 1, option->help);
    return status == SLUICE_OK ? sluice_ascp_texts_add(&line->warnings, text, error) : status;
}

static int take(sluice_ascp_line *line, const sluice_ascp_option *option, const char *spelling, const char *value,
                sluice_error *error)
{
    switch (option->effect) {
    case SLUICE_ASCP_DOES:
        return option->take(line, option, spelling, value, error);
    case SLUICE_ASCP_HOLDS:
        return SLUICE_OK;
    case SLUICE_ASCP_WARNS:
        return warn_of_nothing(line, option, spelling, error);
    case SLUICE_ASCP_REFUSES:
        break;
    }
    return sluice_fail(error, SLUICE_EUSAGE, "%s: %s", spelling, option->help);
}

static int unknown(const char *spelling, sluice_error *error)
{
    return sluice_fail(error, SLUICE_EUSAGE, "%s: unknown option; see `sluice ascp --help`", spelling);
}

static int no_value(const char *spelling, sluice_error *error)
{
    return sluice_fail(error, SLUICE_EUSAGE, "%s: a value is missing; see `sluice ascp --help`", spelling);
}

static bool is_digit_of_its_own(const char *text)
{
    return text != NULL && (text[0] == '0' || text[0] == '1') && text[1] == '\0';
}

static const char *following(const arguments *from)
{
    return from->at + 1 < from->count ? from->list[from->at + 1] : NULL;
}

/* dashes: how many stand before the name. */
static int take_long(sluice_ascp_line *line, arguments *from, size_t dashes, sluice_error *error)
{
    const char *text = from->list[from->at], *value = NULL;
    size_t bytes = strcspn(text + dashes, "=");
    char spelling[SLUICE_ASCP_SPELLING];
    (void)snprintf(spelling, sizeof spelling, "%.*s", (int)(bytes + dashes < 60 ? bytes + dashes : 60), text);
    const sluice_ascp_option *option = sluice_ascp_option_named(text + dashes, bytes);
    if (option == NULL)
        return unknown(spelling, error);
    if (text[dashes + bytes] == '=')
        value = text + dashes + bytes + 1;
    if (option->takes == SLUICE_ASCP_PLAIN && value != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: takes no value", spelling);
    if (option->takes == SLUICE_ASCP_VALUE && value == NULL) {
        value = following(from);
        if (value == NULL)
            return no_value(spelling, error);
        from->at++;
    }
    return take(line, option, spelling, value, error);
}

/* Letters that stand together, the last of which may have its value behind it or in the next argument. */
static int take_letters(sluice_ascp_line *line, arguments *from, sluice_error *error)
{
    int status = SLUICE_OK;
    for (const char *at = from->list[from->at] + 1; *at != '\0' && status == SLUICE_OK; at++) {
        const char *value = NULL, spelling[] = {'-', *at, '\0'};
        bool last = at[1] == '\0', joined;
        const sluice_ascp_option *option = sluice_ascp_option_lettered(*at);
        if (option == NULL)
            return unknown(*at > ' ' && *at < 0x7f ? spelling : from->list[from->at], error);
        joined = option->takes == SLUICE_ASCP_VALUE && !last;
        if (option->takes == SLUICE_ASCP_DIGIT && (at[1] == '0' || at[1] == '1'))
            at++;
        else if (option->takes == SLUICE_ASCP_DIGIT && last && is_digit_of_its_own(following(from)))
            from->at++;
        else if (joined)
            value = at + 1;
        else if (option->takes == SLUICE_ASCP_VALUE) {
            value = following(from);
            if (value == NULL)
                return no_value(spelling, error);
            from->at++;
        }
        status = take(line, option, spelling, value, error);
        if (value != NULL)
            break;
    }
    return status;
}

/* A long name may be written with one dash, where it cannot be letters and a value. */
static bool is_long_with_one_dash(const char *text)
{
    const sluice_ascp_option *option = sluice_ascp_option_named(text + 1, strcspn(text + 1, "="));
    return option != NULL && !option->two_dashes;
}

static int take_arguments(sluice_ascp_line *line, arguments *from, sluice_error *error)
{
    bool ended = false;
    int status = SLUICE_OK;
    for (; from->at < from->count && status == SLUICE_OK; from->at++) {
        const char *text = from->list[from->at];
        if (ended || text[0] != '-' || text[1] == '\0')
            status = sluice_ascp_texts_add(&line->operands, text, error);
        else if (strcmp(text, "--") == 0)
            ended = true;
        else if (text[1] == '-')
            status = take_long(line, from, 2, error);
        else if (is_long_with_one_dash(text))
            status = take_long(line, from, 1, error);
        else
            status = take_letters(line, from, error);
    }
    return status;
}

/* ---- the environment, and what does not go together ---- */

/* A variable that is set and empty is as one that is not. */
static const char *variable(sluice_ascp_environment *environment, const char *name)
{
    const char *value = environment(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static void take_environment(sluice_ascp_line *line, sluice_ascp_environment *environment)
{
    line->password = variable(environment, "ASPERA_SCP_PASS");
    line->key_text = variable(environment, "ASPERA_SCP_KEY");
    line->cookie = variable(environment, "ASPERA_SCP_COOKIE");
    if (line->token == NULL)
        line->token = variable(environment, "ASPERA_SCP_TOKEN");
}

static int check(const sluice_ascp_line *line, sluice_error *error)
{
    bool listed = line->file_list != NULL || line->pair_list != NULL;
    if (line->file_list != NULL && line->pair_list != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "--file-list and --file-pair-list do not go together");
    if (line->pair_list != NULL && line->source_base != NULL)
        return sluice_fail(error, SLUICE_EUSAGE,
                           "--src-base does not go with --file-pair-list, which names what sources become");
    if (line->move_to != NULL && line->remove_files)
        return sluice_fail(error, SLUICE_EUSAGE, "--move-after-transfer and --remove-after-transfer do not go together");
    if (line->host != NULL && line->mode == SLUICE_ASCP_ANY)
        return sluice_fail(error, SLUICE_EUSAGE, "--host needs --mode send or --mode recv");
    if (listed && line->operands.count > 1)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: with a list no other sources are given, only the destination",
                           line->operands.list[0]);
    if (line->keepalive && line->management.count == 0)
        return sluice_fail(error, SLUICE_EUSAGE, "--keepalive: nobody could name sources later, without a manager (-M)");
    if (line->operands.count == 0 || (line->operands.count == 1 && !listed && !line->keepalive))
        return sluice_fail(error, SLUICE_EUSAGE, "a source and a destination are needed; see `sluice ascp --help`");
    return SLUICE_OK;
}

static int settle(sluice_ascp_line *line, sluice_error *error)
{
    int status = check(line, error);
    if (status == SLUICE_OK && line->destination64)
        status = sluice_ascp_base64(line, "--dest64", line->operands.list[line->operands.count - 1],
                                    &line->operands.list[line->operands.count - 1], error);
    if (status == SLUICE_OK)
        status = sluice_ascp_options_end(line, error);
    return status;
}

int sluice_ascp_line_read(sluice_ascp_line *line, int argc, char **argv, sluice_ascp_environment *environment,
                          sluice_error *error)
{
    arguments from = {.count = argc, .at = 1, .list = argv};
    *line = (sluice_ascp_line){.help = false};
    int status = sluice_ascp_options_begin(line, error);
    if (status == SLUICE_OK)
        status = take_arguments(line, &from, error);
    take_environment(line, environment);
    if (status == SLUICE_OK && !line->help && !line->version)
        status = settle(line, error);
    return status;
}

void sluice_ascp_line_fini(sluice_ascp_line *line)
{
    for (size_t i = 0; i < line->owned.count; i++)
        free((char *)line->owned.list[i]);
    sluice_ascp_texts *const all[] = {&line->settings,   &line->warnings, &line->keys, &line->ssh_arguments,
                                      &line->management, &line->operands, &line->owned};
    for (size_t i = 0; i < SLUICE_COUNT(all); i++)
        free(all[i]->list);
    *line = (sluice_ascp_line){.help = false};
}
