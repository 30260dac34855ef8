/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "base/date.h"
#include <string.h>

/* Seconds by GNU date: date -u -d TEXT +%s. */
static const struct {
    const char *text;
    uint64_t seconds;
} moments[] = {
    {"never", 0},
    {"1970-01-01T00:00:01Z", 1},
    {"1970-01-02", 86400},
    {"1999-12-31T23:59:59Z", 946684799},
    {"2000-02-29", 951782400},
    {"2000-03-01", 951868800},
    {"2027-01-31", 1801353600},
    {"2027-01-31T12:00:00Z", 1801396800},
    {"2028-02-29T01:02:03Z", 1835398923},
    {"2100-03-01", 4107542400},
    {"9999-12-31T23:59:59Z", 253402300799},
};

static void moments_are_read(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(moments); i++) {
        uint64_t seconds = 7;
        CU_ASSERT_EQUAL(sluice_date_parse(moments[i].text, &seconds, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(seconds, moments[i].seconds);
    }
}

static void what_is_no_moment_is_refused_and_quoted(void)
{
    static const char *const rows[] = {
        "",
        "Never",
        "tomorrow",
        "2027",
        "2027-1-31",
        "2027-01-31 ",
        " 2027-01-31",
        "2027-01-31T",
        "2027-01-31T12:00",
        "2027-01-31T12:00:00",
        "2027-01-31T12:00:00+01:00",
        "2027-01-31T12:00:00Zulu",
        "2027-01-31 12:00:00Z",
        "2027-01-31T12:00:60Z",
        "2027-01-31T24:00:00Z",
        "2027-01-31T12:60:00Z",
        "2027-00-10",
        "2027-13-01",
        "2027-01-00",
        "2027-02-29",
        "2100-02-29",
        "2027-04-31",
        "1969-12-31",
        "1970-01-01",
        "20270131",
        "-027-01-31",
        "12027-01-31",
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        uint64_t seconds = 7;
        sluice_error error = {0};
        CU_ASSERT_EQUAL(sluice_date_parse(rows[i], &seconds, &error), SLUICE_EINVAL);
        CU_ASSERT_EQUAL(seconds, 7);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rows[i]));
    }
}

static void moments_are_written(void)
{
    char text[SLUICE_DATE_TEXT];
    uint64_t back;
    sluice_date_format(1801396800, text);
    CU_ASSERT_STRING_EQUAL(text, "2027-01-31T12:00:00Z");
    sluice_date_format(1801353600, text);
    CU_ASSERT_STRING_EQUAL(text, "2027-01-31T00:00:00Z");
    for (size_t i = 0; i < SLUICE_COUNT(moments); i++) {
        sluice_date_format(moments[i].seconds, text);
        CU_ASSERT_EQUAL(sluice_date_parse(text, &back, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(back, moments[i].seconds);
    }
    sluice_date_format(UINT64_MAX, text);
    CU_ASSERT_STRING_EQUAL(text, "never");
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"moments are read", moments_are_read},
        {"what is no moment is refused and quoted", what_is_no_moment_is_refused_and_quoted},
        {"moments are written", moments_are_written},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("date", tests);
}
