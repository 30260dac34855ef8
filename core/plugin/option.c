/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/option.h"

#include "base/units.h"
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_SHOWN "(secret)"

/* A parsed value of any type; strings are checked, and copied only when they are stored. */
typedef union option_value {
    bool boolean;
    int64_t integer;
    double real;
    uint64_t number; /* size, rate, duration */
    int choice;
} option_value;

static void *field_of(const sluice_option *option, void *config)
{
    return (char *)config + option->offset;
}

static const void *const_field_of(const sluice_option *option, const void *config)
{
    return (const char *)config + option->offset;
}

bool sluice_option_is_string(const sluice_option *option)
{
    switch (option->type) {
    case SLUICE_OPTION_STRING_TYPE:
    case SLUICE_OPTION_PATH_TYPE:
    case SLUICE_OPTION_ADDRESS_TYPE:
    case SLUICE_OPTION_SECRET_TYPE:
        return true;
    default:
        return false;
    }
}

void sluice_option_key(const sluice_option *option, char out[SLUICE_OPTION_KEY_BYTES])
{
    size_t i = 0;
    for (; option->name[i] != '\0' && i + 1 < SLUICE_OPTION_KEY_BYTES; i++)
        out[i] = option->name[i] == '_' ? '-' : option->name[i];
    out[i] = '\0';
}

const sluice_option *sluice_option_find(sluice_option_table table, const char *key)
{
    for (size_t i = 0; i < table.count; i++) {
        char name[SLUICE_OPTION_KEY_BYTES];
        sluice_option_key(&table.options[i], name);
        if (strcmp(name, key) == 0)
            return &table.options[i];
    }
    return NULL;
}

bool sluice_option_nearest(sluice_option_table table, const char *key, char out[SLUICE_OPTION_KEY_BYTES])
{
    sluice_nearest nearest = SLUICE_NEAREST_START;
    for (size_t i = 0; i < table.count; i++) {
        char name[SLUICE_OPTION_KEY_BYTES];
        sluice_option_key(&table.options[i], name);
        sluice_nearest_try(&nearest, key, name);
    }
    if (!sluice_nearest_found(&nearest))
        return false;
    snprintf(out, SLUICE_OPTION_KEY_BYTES, "%.*s", SLUICE_OPTION_KEY_BYTES - 1, nearest.word);
    return true;
}

const char *sluice_option_choice(const sluice_option *option, int value, size_t *length)
{
    const char *at = option->choices;
    for (; value > 0 && at != NULL; value--) {
        at = strchr(at, '|');
        at = at == NULL ? NULL : at + 1;
    }
    assert(at != NULL);
    *length = strcspn(at, "|");
    return at;
}

/* ---- parsing ---- */

static int parse_boolean(const char *text, bool *out, sluice_error *error)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < SLUICE_COUNT(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i % 2 == 1;
            return SLUICE_OK;
        }
    }
    return sluice_fail(error, SLUICE_EINVAL, "'%s' is neither yes nor no", text);
}

static int parse_integer(const char *text, int64_t *out, sluice_error *error)
{
    const char *digits = text + (*text == '-' ? 1 : 0);
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is not a whole number", text);
    errno = 0;
    *out = strtoll(text, NULL, 10);
    if (errno != 0)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is too large", text);
    return SLUICE_OK;
}

/* The application may have set a locale whose decimal point is a comma. */
static int parse_real(const char *text, double *out, sluice_error *error)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is not a number", text);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    char *end;
    double value = strtod_l(text, &end, plain);
    freelocale(plain);
    if (*end != '\0' || end == text)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is not a number", text);
    if (!isfinite(value))
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is too large", text);
    *out = value;
    return SLUICE_OK;
}

static int parse_choice(const sluice_option *option, const char *text, int *out, sluice_error *error)
{
    sluice_nearest nearest = SLUICE_NEAREST_START;
    sluice_text all = {0};
    int index = 0;
    for (const char *at = option->choices; at != NULL; index++) {
        int length = (int)strcspn(at, "|");
        if (strlen(text) == (size_t)length && strncmp(at, text, (size_t)length) == 0) {
            *out = index;
            sluice_text_fini(&all);
            return SLUICE_OK;
        }
        char word[64];
        snprintf(word, sizeof(word), "%.*s", length, at);
        sluice_nearest_try(&nearest, text, word);
        sluice_text_addf(&all, "%s%s", index == 0 ? "" : ", ", word);
        at = at[length] == '|' ? at + length + 1 : NULL;
    }
    sluice_nearest_add(&nearest, &all);
    int status = sluice_fail(error, SLUICE_EINVAL, "'%s' is none of %s", text, sluice_text_string(&all));
    sluice_text_fini(&all);
    return status;
}

static bool port_valid(const char *text)
{
    return text[0] != '\0' && strlen(text) <= 5 && text[strspn(text, "0123456789")] == '\0' && atoi(text) <= 65535;
}

/* [v6], [v6%zone], each with :port or without. */
static bool bracketed_valid(const char *text)
{
    const char *close = strchr(text, ']');
    char host[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (close == NULL || (close[1] != '\0' && (close[1] != ':' || !port_valid(close + 2))))
        return false;
    size_t length = strcspn(text + 1, "%]");
    if (length >= sizeof(host))
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)length, text + 1);
    return inet_pton(AF_INET6, host, &address) == 1;
}

static int check_address(const char *text, sluice_error *error)
{
    if (text[0] == '[') {
        if (bracketed_valid(text))
            return SLUICE_OK;
    } else {
        const char *colon = strchr(text, ':');
        if (colon != NULL && strchr(colon + 1, ':') != NULL)
            return sluice_fail(error, SLUICE_EINVAL, "'%s' is ambiguous; write an IPv6 address as [::1] or [::1]:33001",
                               text);
        size_t host = colon == NULL ? strlen(text) : (size_t)(colon - text);
        if (host > 0 && host <= 255 && strcspn(text, " \t\n/@") >= host && (colon == NULL || port_valid(colon + 1)))
            return SLUICE_OK;
    }
    return sluice_fail(error, SLUICE_EINVAL, "'%s' is not an address such as host, host:port or [v6]:port", text);
}

static int parse(const sluice_option *option, const char *text, option_value *out, sluice_error *error)
{
    switch (option->type) {
    case SLUICE_OPTION_BOOL_TYPE:
        return parse_boolean(text, &out->boolean, error);
    case SLUICE_OPTION_INT_TYPE:
        return parse_integer(text, &out->integer, error);
    case SLUICE_OPTION_REAL_TYPE:
        return parse_real(text, &out->real, error);
    case SLUICE_OPTION_SIZE_TYPE:
        return sluice_units_size_parse(text, &out->number, error);
    case SLUICE_OPTION_RATE_TYPE:
        return sluice_units_rate_parse(text, &out->number, error);
    case SLUICE_OPTION_DURATION_TYPE:
        return sluice_units_duration_parse(text, option->unit, &out->number, error);
    case SLUICE_OPTION_ENUM_TYPE:
        return parse_choice(option, text, &out->choice, error);
    case SLUICE_OPTION_ADDRESS_TYPE:
        return check_address(text, error);
    default:
        return SLUICE_OK;
    }
}

/* -1, 0 or 1 as a is less than, equal to or more than b. */
static int compare(sluice_option_type type, option_value a, option_value b)
{
    if (type == SLUICE_OPTION_INT_TYPE)
        return (a.integer > b.integer) - (a.integer < b.integer);
    if (type == SLUICE_OPTION_REAL_TYPE)
        return (a.real > b.real) - (a.real < b.real);
    return (a.number > b.number) - (a.number < b.number);
}

static bool has_range(const sluice_option *option)
{
    return option->type >= SLUICE_OPTION_INT_TYPE && option->type <= SLUICE_OPTION_DURATION_TYPE;
}

static int check_range(const sluice_option *option, const char *text, option_value value, sluice_error *error)
{
    option_value bound;
    if (!has_range(option))
        return SLUICE_OK;
    if (option->min != NULL) {
        int status = parse(option, option->min, &bound, error);
        if (status != SLUICE_OK)
            return status;
        if (compare(option->type, value, bound) < 0)
            return sluice_fail(error, SLUICE_EINVAL, "%s is below the minimum of %s", text, option->min);
    }
    if (option->max != NULL) {
        int status = parse(option, option->max, &bound, error);
        if (status != SLUICE_OK)
            return status;
        if (compare(option->type, value, bound) > 0)
            return sluice_fail(error, SLUICE_EINVAL, "%s is above the maximum of %s", text, option->max);
    }
    return SLUICE_OK;
}

/* ---- storing ---- */

static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
}

static int store_string(const sluice_option *option, char **field, const char *value, bool append, sluice_error *error)
{
    if ((option->flags & SLUICE_OPTION_REPEAT) != 0 && strchr(value, '\n') != NULL)
        return sluice_fail(error, SLUICE_EINVAL, "a value may not hold a line break");
    size_t before = append && *field != NULL ? strlen(*field) + 1 : 0, bytes = strlen(value) + 1;
    char *string = realloc(before > 0 ? *field : NULL, before + bytes);
    if (string == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    if (before > 0) {
        string[before - 1] = '\n';
    } else {
        if (option->type == SLUICE_OPTION_SECRET_TYPE)
            wipe(*field);
        free(*field);
    }
    memcpy(string + before, value, bytes);
    *field = string;
    return SLUICE_OK;
}

static int store(const sluice_option *option, void *config, option_value value)
{
    void *field = field_of(option, config);
    switch (option->type) {
    case SLUICE_OPTION_BOOL_TYPE:
        *(bool *)field = value.boolean;
        break;
    case SLUICE_OPTION_INT_TYPE:
        *(int64_t *)field = value.integer;
        break;
    case SLUICE_OPTION_REAL_TYPE:
        *(double *)field = value.real;
        break;
    case SLUICE_OPTION_ENUM_TYPE:
        *(int *)field = value.choice;
        break;
    default:
        *(uint64_t *)field = value.number;
    }
    return SLUICE_OK;
}

static int set(const sluice_option *option, void *config, const char *value, bool append, sluice_error *error)
{
    option_value parsed = {0};
    int status = parse(option, value, &parsed, error);
    if (status == SLUICE_OK)
        status = check_range(option, value, parsed, error);
    if (status != SLUICE_OK)
        return status;
    if (sluice_option_is_string(option))
        return store_string(option, field_of(option, config), value, append, error);
    return store(option, config, parsed);
}

int sluice_option_set(const sluice_option *option, void *config, const char *value, bool append, sluice_error *error)
{
    sluice_error why = {0};
    int status = set(option, config, value, append && (option->flags & SLUICE_OPTION_REPEAT) != 0, &why);
    if (status == SLUICE_OK)
        return SLUICE_OK;
    char key[SLUICE_OPTION_KEY_BYTES];
    sluice_option_key(option, key);
    /* What the sentence quotes of a secret must not reach a log. */
    if (option->type == SLUICE_OPTION_SECRET_TYPE)
        return sluice_fail(error, status, "%s: the secret cannot be taken", key);
    return sluice_fail(error, status, "%s: %s", key, why.text);
}

int sluice_option_defaults(sluice_option_table table, void *config, sluice_error *error)
{
    for (size_t i = 0; i < table.count; i++) {
        const sluice_option *option = &table.options[i];
        if (option->def == NULL)
            continue;
        int status = sluice_option_set(option, config, option->def, false, error);
        if (status != SLUICE_OK)
            return status;
    }
    return SLUICE_OK;
}

void sluice_option_fini(sluice_option_table table, void *config)
{
    for (size_t i = 0; i < table.count; i++) {
        const sluice_option *option = &table.options[i];
        if (!sluice_option_is_string(option))
            continue;
        char **field = field_of(option, config);
        if (option->type == SLUICE_OPTION_SECRET_TYPE)
            wipe(*field);
        free(*field);
        *field = NULL;
    }
}

/* ---- printing ---- */

/* The fewest digits that read back as the same number, with a point whatever the locale. */
static void print_real(double value, sluice_text *out)
{
    char text[64];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        for (char *at = text; *at != '\0'; at++) {
            if (strchr("0123456789+-eE", *at) == NULL)
                *at = '.';
        }
        double back;
        if (parse_real(text, &back, NULL) == SLUICE_OK && compare(SLUICE_OPTION_REAL_TYPE, (option_value){.real = back},
                                                                 (option_value){.real = value}) == 0)
            break;
    }
    sluice_text_add(out, text);
}

static bool print_string(const sluice_option *option, const char *value, sluice_text *out)
{
    if (value == NULL)
        return false;
    sluice_text_add(out, option->type == SLUICE_OPTION_SECRET_TYPE ? SECRET_SHOWN : value);
    return true;
}

bool sluice_option_print(const sluice_option *option, const void *config, sluice_text *out)
{
    const void *field = const_field_of(option, config);
    char number[SLUICE_UNITS_TEXT];
    size_t length;
    switch (option->type) {
    case SLUICE_OPTION_BOOL_TYPE:
        sluice_text_add(out, *(const bool *)field ? "yes" : "no");
        return true;
    case SLUICE_OPTION_INT_TYPE:
        sluice_text_addf(out, "%" PRId64, *(const int64_t *)field);
        return true;
    case SLUICE_OPTION_REAL_TYPE:
        print_real(*(const double *)field, out);
        return true;
    case SLUICE_OPTION_SIZE_TYPE:
        sluice_units_size_format(*(const uint64_t *)field, number);
        break;
    case SLUICE_OPTION_RATE_TYPE:
        sluice_units_rate_format(*(const uint64_t *)field, number);
        break;
    case SLUICE_OPTION_DURATION_TYPE:
        sluice_units_duration_format(*(const uint64_t *)field, number);
        break;
    case SLUICE_OPTION_ENUM_TYPE: {
        const char *word = sluice_option_choice(option, *(const int *)field, &length);
        sluice_text_add_bytes(out, word, length);
        return true;
    }
    default:
        return print_string(option, *(char *const *)field, out);
    }
    sluice_text_add(out, number);
    return true;
}

/* ---- checking tables ---- */

static size_t field_bytes(const sluice_option *option)
{
    switch (option->type) {
    case SLUICE_OPTION_BOOL_TYPE:
        return sizeof(bool);
    case SLUICE_OPTION_ENUM_TYPE:
        return sizeof(int);
    default:
        return 8; /* int64_t, uint64_t, double and pointers */
    }
}

static bool name_valid(const char *name)
{
    return name != NULL && name[0] != '\0' && strlen(name) < SLUICE_OPTION_KEY_BYTES &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0';
}

/* What is in a table is text for the same parser as the user's. */
static int check_text(const sluice_option *option, const char *which, const char *text, sluice_error *error)
{
    option_value value = {0};
    sluice_error why = {0};
    if (text == NULL)
        return SLUICE_OK;
    int status = parse(option, text, &value, &why);
    if (status == SLUICE_OK)
        status = check_range(option, text, value, &why);
    if (status == SLUICE_ENOMEM)
        return sluice_fail(error, status, "%s", why.text);
    if (status != SLUICE_OK)
        return sluice_fail(error, SLUICE_EPLUGIN, "option %s: its %s is wrong: %s", option->name, which, why.text);
    return SLUICE_OK;
}

static int check_option(const sluice_option *option, size_t config_size, sluice_error *error)
{
    if (!name_valid(option->name))
        return sluice_fail(error, SLUICE_EPLUGIN, "an option has no name of a-z, 0-9 and '-'");
    if ((unsigned)option->type > SLUICE_OPTION_SECRET_TYPE)
        return sluice_fail(error, SLUICE_EPLUGIN, "option %s: type %d is unknown", option->name, (int)option->type);
    size_t bytes = field_bytes(option);
    if (option->offset % bytes != 0 || bytes > config_size || option->offset > config_size - bytes)
        return sluice_fail(error, SLUICE_EPLUGIN, "option %s: lies outside of its config struct", option->name);
    if (option->type == SLUICE_OPTION_ENUM_TYPE && (option->choices == NULL || option->choices[0] == '\0'))
        return sluice_fail(error, SLUICE_EPLUGIN, "option %s: has no choices", option->name);
    int status = check_text(option, "minimum", option->min, error);
    if (status == SLUICE_OK)
        status = check_text(option, "maximum", option->max, error);
    if (status == SLUICE_OK)
        status = check_text(option, "default", option->def, error);
    return status;
}

int sluice_option_table_check(sluice_option_table table, size_t config_size, sluice_error *error)
{
    for (size_t i = 0; i < table.count; i++) {
        int status = check_option(&table.options[i], config_size, error);
        if (status != SLUICE_OK)
            return status;
        char key[SLUICE_OPTION_KEY_BYTES];
        sluice_option_key(&table.options[i], key);
        if (sluice_option_find(table, key) != &table.options[i])
            return sluice_fail(error, SLUICE_EPLUGIN, "option %s: is there twice", key);
    }
    return SLUICE_OK;
}
