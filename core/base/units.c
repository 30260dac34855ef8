/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct unit {
    const char *name;
    uint64_t factor; /* 0: ends the table */
} unit;

#define KILO UINT64_C(1000)
#define KIBI UINT64_C(1024)

/* The first name of a factor is the one that is printed; larger factors stand later. */
static const unit rate_units[] = {
    {"", 1}, {"k", KILO}, {"m", KILO * KILO}, {"g", KILO * KILO * KILO}, {"t", KILO * KILO * KILO * KILO}, {NULL, 0},
};
static const unit size_units[] = {
    {"", 1},
    {"k", KILO},
    {"Ki", KIBI},
    {"M", KILO * KILO},
    {"Mi", KIBI * KIBI},
    {"G", KILO * KILO * KILO},
    {"Gi", KIBI * KIBI * KIBI},
    {"T", KILO * KILO * KILO * KILO},
    {"Ti", KIBI * KIBI * KIBI * KIBI},
    {NULL, 0},
};
static const unit duration_units[] = {
    {"ns", 1},
    {"us", SLUICE_US},
    {"ms", SLUICE_MS},
    {"s", SLUICE_SECOND},
    {"min", 60 * SLUICE_SECOND},
    {"h", 3600 * SLUICE_SECOND},
    {NULL, 0},
};

/* A decimal number: whole + part / scale, with scale a power of ten. */
typedef struct decimal {
    uint64_t whole, part, scale;
} decimal;

#define SCALE_MOST UINT64_C(1000000000000) /* digits behind it are below any unit's resolution that matters */

/* Reads a number and returns where it ends; NULL if there is none or its whole part does not fit. */
static const char *read_decimal(const char *text, decimal *out)
{
    const char *at = text;
    *out = (decimal){0, 0, 1};
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (out->whole > (UINT64_MAX - digit) / 10)
            return NULL;
        out->whole = out->whole * 10 + digit;
    }
    size_t digits = (size_t)(at - text);
    if (*at == '.') {
        const char *point = at++;
        for (; *at >= '0' && *at <= '9'; at++) {
            if (out->scale < SCALE_MOST) {
                out->part = out->part * 10 + (uint64_t)(*at - '0');
                out->scale *= 10;
            }
        }
        digits += (size_t)(at - point - 1);
    }
    return digits == 0 ? NULL : at;
}

__extension__ typedef unsigned __int128 wide; /* part * factor exceeds 64 bits */

static int scale(const char *text, decimal number, uint64_t factor, uint64_t *out, sluice_error *error)
{
    if (number.whole > UINT64_MAX / factor)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is too large", text);
    uint64_t value = number.whole * factor;
    uint64_t part = (uint64_t)((wide)number.part * factor / number.scale);
    if (value > UINT64_MAX - part)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is too large", text);
    if (value + part == 0 && (number.whole != 0 || number.part != 0))
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is too small", text);
    *out = value + part;
    return SLUICE_OK;
}

/* tails: words that may follow the unit's name, the last one NULL. */
static const unit *find_unit(const unit *units, const char *name, const char *const *tails)
{
    for (; units->factor != 0; units++) {
        size_t length = strlen(units->name);
        if (strncasecmp(name, units->name, length) != 0)
            continue;
        for (const char *const *tail = tails; *tail != NULL; tail++) {
            if (strcmp(name + length, *tail) == 0)
                return units;
        }
    }
    return NULL;
}

static const char *skip_spaces(const char *text)
{
    while (*text == ' ')
        text++;
    return text;
}

int sluice_units_rate_parse(const char *text, sluice_rate *out_bps, sluice_error *error)
{
    static const char *const tails[] = {"", "bit/s", "bit", "bps", NULL};
    decimal number;
    const char *end = read_decimal(text, &number);
    const unit *found = end == NULL ? NULL : find_unit(rate_units, skip_spaces(end), tails);
    if (found == NULL)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is not a rate in bits per second such as 250m or 1.5 Gbit/s",
                           text);
    return scale(text, number, found->factor, out_bps, error);
}

int sluice_units_size_parse(const char *text, uint64_t *out_bytes, sluice_error *error)
{
    static const char *const tails[] = {"", "B", NULL};
    decimal number;
    const char *end = read_decimal(text, &number);
    const unit *found = end == NULL ? NULL : find_unit(size_units, skip_spaces(end), tails);
    if (found == NULL)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is not a size in bytes such as 4096, 10M or 64Mi", text);
    return scale(text, number, found->factor, out_bytes, error);
}

int sluice_units_duration_parse(const char *text, const char *default_unit, sluice_duration *out_ns,
                                sluice_error *error)
{
    static const char *const tails[] = {"", NULL};
    decimal number;
    const char *end = read_decimal(text, &number);
    if (end != NULL) {
        const char *name = skip_spaces(end);
        if (*name == '\0' && default_unit != NULL)
            name = default_unit;
        else if (*name == '\0' && number.whole == 0 && number.part == 0)
            name = "ns";
        else if (*name == '\0')
            return sluice_fail(error, SLUICE_EINVAL, "'%s' has no unit: one of ns us ms s min h", text);
        const unit *found = find_unit(duration_units, name, tails);
        if (found != NULL)
            return scale(text, number, found->factor, out_ns, error);
    }
    return sluice_fail(error, SLUICE_EINVAL, "'%s' is not a duration such as 5ms, 1.5 s or 2min", text);
}

/* The unit that leaves the smallest whole number. */
static void format(const unit *units, uint64_t value, char *out)
{
    const unit *best = &units[0];
    for (const unit *at = units; value != 0 && at->factor != 0; at++) {
        if (value % at->factor == 0 && at->factor > best->factor)
            best = at;
    }
    snprintf(out, SLUICE_UNITS_TEXT, "%" PRIu64 "%s", value / best->factor, best->name);
}

void sluice_units_rate_format(sluice_rate bps, char out[SLUICE_UNITS_TEXT])
{
    format(rate_units, bps, out);
}

void sluice_units_size_format(uint64_t bytes, char out[SLUICE_UNITS_TEXT])
{
    format(size_units, bytes, out);
}

void sluice_units_duration_format(sluice_duration ns, char out[SLUICE_UNITS_TEXT])
{
    format(duration_units, ns, out);
}
