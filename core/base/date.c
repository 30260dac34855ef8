/* SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S UINT64_C(86400)
#define LAST_S UINT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* From 1970-01-01; the months before, then the years, each counted: nobody is in a hurry. */
static uint64_t days_until(unsigned year, unsigned month, unsigned day)
{
    uint64_t days = day - 1;
    for (unsigned at = 1; at < month; at++)
        days += days_of_month(year, at);
    for (unsigned at = 1970; at < year; at++)
        days += is_leap(at) ? 366 : 365;
    return days;
}

/* Each 'd' of the form is a digit, anything else stands for itself.  Returns what follows; NULL: not of that form. */
static const char *follow(const char *text, const char *form)
{
    for (; *form != '\0'; form++, text++)
        if (*form == 'd' ? *text < '0' || *text > '9' : *text != *form)
            return NULL;
    return text;
}

static int no_date(const char *text, sluice_error *error)
{
    return sluice_fail(error, SLUICE_EINVAL, "'%s' is no date such as 2027-01-31, 2027-01-31T12:00:00Z (UTC) or never",
                       text);
}

int sluice_date_parse(const char *text, uint64_t *out_s, sluice_error *error)
{
    unsigned year, month, day, hour = 0, minute = 0, second = 0;
    if (strcmp(text, "never") == 0) {
        *out_s = 0;
        return SLUICE_OK;
    }
    const char *rest = follow(text, "dddd-dd-dd");
    if (rest == NULL || sscanf(text, "%4u-%2u-%2u", &year, &month, &day) != 3)
        return no_date(text, error);
    if (*rest != '\0') {
        const char *end = follow(rest, "Tdd:dd:ddZ");
        if (end == NULL || *end != '\0' || sscanf(rest, "T%2u:%2u:%2uZ", &hour, &minute, &second) != 3)
            return no_date(text, error);
    }
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 ||
        minute > 59 || second > 59)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is not in the calendar", text);
    uint64_t seconds = days_until(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;
    if (seconds == 0)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is the first moment of 1970: write never, or a later one", text);
    *out_s = seconds;
    return SLUICE_OK;
}

void sluice_date_format(uint64_t seconds, char out[SLUICE_DATE_TEXT])
{
    time_t at = (time_t)seconds;
    struct tm utc;
    if (seconds == 0 || seconds > LAST_S || gmtime_r(&at, &utc) == NULL)
        snprintf(out, SLUICE_DATE_TEXT, "never");
    else
        strftime(out, SLUICE_DATE_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
