/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of the shell's commands that are numbers: jobs, rates, times, sizes. */
#include "cli/shell.h"

#include <stdlib.h>
#include <string.h>

#define JOB_DIGITS 18

int sluice_shell_job(sluice_shell *shell, const char *word, sluice_job *out, sluice_error *error)
{
    const char *digits = word[0] == '#' ? word + 1 : word;
    size_t count = strspn(digits, "0123456789");
    if (strcmp(word, "last") == 0) {
        *out = shell->last;
        return shell->last != 0 ? SLUICE_OK : sluice_fail(error, SLUICE_EUSAGE, "last: no job was started yet");
    }
    if (count == 0 || count > JOB_DIGITS || digits[count] != '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "'%s' is no number of a job; `jobs` lists them", word);
    *out = strtoull(digits, NULL, 10);
    return SLUICE_OK;
}

int sluice_shell_rate(sluice_shell *shell, const char *word, sluice_rate *out, sluice_error *error)
{
    sluice_settings *settings;
    sluice_error why = {0};
    int status = sluice_settings_new(shell->library, SLUICE_SETTINGS_TRANSFER, NULL, &settings, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_settings_set(settings, "rate", word, &why);
    if (status == SLUICE_OK)
        (void)sluice_settings_number(settings, "rate", out);
    else
        status = sluice_fail(error, status == SLUICE_ENOMEM ? status : SLUICE_EUSAGE, "%s", why.text);
    sluice_settings_free(settings);
    return status;
}

/* Digits with at most one point, in thousandths of `unit`.  NULL: there are none, or they are too many. */
static const char *take_number(const char *text, uint64_t unit, uint64_t most, uint64_t *out)
{
    uint64_t whole = 0, part = 0, scale = unit;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        whole = whole * 10 + (uint64_t)(*at - '0');
        if (whole > most / unit)
            return NULL;
    }
    if (at == text)
        return NULL;
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
            scale /= 10;
            part += (uint64_t)(*at - '0') * scale;
        }
    }
    *out = whole * unit + part;
    return at;
}

typedef struct unit {
    const char *word;
    uint64_t value;
} unit;

/* A number and one of these units, the last of which has no word. */
static bool take_quantity(const char *text, const unit *units, uint64_t most, uint64_t *out)
{
    const char *word = text + strspn(text, "0123456789.");
    while (*word == ' ')
        word++;
    for (;; units++) {
        if (strcmp(units->word, word) == 0) {
            const char *end = take_number(text, units->value, most, out);
            return end != NULL && end[strspn(end, " ")] == *word;
        }
        if (units->word[0] == '\0')
            return false;
    }
}

int sluice_shell_seconds(const char *word, sluice_duration *out, sluice_error *error)
{
    static const unit units[] = {{"ns", 1},
                                 {"us", SLUICE_US},
                                 {"ms", SLUICE_MS},
                                 {"s", SLUICE_SECOND},
                                 {"min", 60 * SLUICE_SECOND},
                                 {"h", 3600 * SLUICE_SECOND},
                                 {"", SLUICE_SECOND}};
    if (!take_quantity(word, units, INT64_MAX, out))
        return sluice_fail(error, SLUICE_EUSAGE, "'%s' is no time; write 5, 5s, 200ms, 2min or 1h", word);
    return SLUICE_OK;
}

int sluice_shell_size(const char *word, uint64_t *out, sluice_error *error)
{
    static const unit units[] = {{"k", 1000},
                                 {"M", 1000000},
                                 {"G", 1000000000},
                                 {"T", 1000000000000},
                                 {"Ki", 1 << 10},
                                 {"Mi", 1 << 20},
                                 {"Gi", 1 << 30},
                                 {"Ti", (uint64_t)1 << 40},
                                 {"B", 1},
                                 {"", 1}};
    if (!take_quantity(word, units, INT64_MAX, out))
        return sluice_fail(error, SLUICE_EUSAGE, "'%s' is no size; write 4096, 64k, 10M or 16Mi", word);
    return SLUICE_OK;
}

bool sluice_shell_range(const char *word, uint64_t *from, uint64_t *to)
{
    char first[32];
    const char *colon = strchr(word, ':');
    if (colon == NULL || (size_t)(colon - word) >= sizeof first || colon[1 + strcspn(colon + 1, ":")] != '\0' ||
        word[1] == '\0')
        return false;
    memcpy(first, word, (size_t)(colon - word));
    first[colon - word] = '\0';
    *from = 0;
    *to = SLUICE_UNKNOWN;
    return (first[0] == '\0' || sluice_shell_size(first, from, NULL) == SLUICE_OK) &&
           (colon[1] == '\0' || sluice_shell_size(colon + 1, to, NULL) == SLUICE_OK) && *from <= *to;
}
