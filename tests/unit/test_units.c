/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "base/units.h"
#include <string.h>

typedef struct parse_row {
    const char *text;
    uint64_t value;
} parse_row;

static void rates_are_decimal_bits(void)
{
    static const parse_row rows[] = {
        {"250m", 250000000},       {"1.5 Gbit/s", 1500000000}, {"80kbit/s", 80000},  {"1000", 1000},
        {"0", 0},                  {"1t", 1000000000000},      {"2.5k", 2500},       {"10 Mbps", 10000000},
        {".5k", 500},              {"1000bit/s", 1000},        {"0.0000019m", 1},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_rate bps = 7;
        CU_ASSERT_EQUAL(sluice_units_rate_parse(rows[i].text, &bps, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(bps, rows[i].value);
    }
}

static void bad_rates_are_refused_and_quoted(void)
{
    static const char *const rows[] = {
        "",      " ",    "m",    "-1",  "1e6",  "1,5m", "10 MB/s",  "10 mib", "5x", "1..2",
        "0x10", "18446744073709551616",
        "1.5.2", "0.1", "20000000t", "nan", "inf", "+5",  "5m ;", ".",
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_rate bps = 7;
        sluice_error error = {0};
        CU_ASSERT_EQUAL(sluice_units_rate_parse(rows[i], &bps, &error), SLUICE_EINVAL);
        CU_ASSERT_EQUAL(bps, 7);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rows[i]));
    }
}

static void sizes_are_decimal_or_binary(void)
{
    static const parse_row rows[] = {
        {"4096", 4096},
        {"10M", 10000000},
        {"64Mi", 67108864},
        {"64MiB", 67108864},
        {"1.5Ki", 1536},
        {"1k", 1000},
        {"2Ti", UINT64_C(2199023255552)},
        {"0.1Gi", 107374182},
        {"3 GB", UINT64_C(3000000000)},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        uint64_t bytes = 0;
        CU_ASSERT_EQUAL(sluice_units_size_parse(rows[i].text, &bytes, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(bytes, rows[i].value);
    }
    uint64_t bytes = 0;
    CU_ASSERT_EQUAL(sluice_units_size_parse("10Mbit", &bytes, NULL), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_units_size_parse("17000000Ti", &bytes, NULL), SLUICE_EINVAL);
}

static void durations_need_a_unit(void)
{
    static const parse_row rows[] = {
        {"5ms", 5 * SLUICE_MS},
        {"1.5 s", 1500 * SLUICE_MS},
        {"2min", 120 * SLUICE_SECOND},
        {"1h", 3600 * SLUICE_SECOND},
        {"250us", 250 * SLUICE_US},
        {"7ns", 7},
        {"0", 0},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_duration ns = 99;
        CU_ASSERT_EQUAL(sluice_units_duration_parse(rows[i].text, NULL, &ns, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(ns, rows[i].value);
    }
    sluice_duration ns = 99;
    CU_ASSERT_EQUAL(sluice_units_duration_parse("60", NULL, &ns, NULL), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_units_duration_parse("5m", NULL, &ns, NULL), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_units_duration_parse("0.5ns", NULL, &ns, NULL), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(ns, 99);
    CU_ASSERT_EQUAL(sluice_units_duration_parse("60", "s", &ns, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(ns, 60 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(sluice_units_duration_parse("60ms", "s", &ns, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(ns, 60 * SLUICE_MS);
}

static void what_is_printed_reads_back(void)
{
    static const uint64_t values[] = {
        0, 1, 7, 1000, 1024, 1500, 4096, 65536, 1000000, 67108864, 250000000, 1500000000, 999999999999, UINT64_MAX,
    };
    for (size_t i = 0; i < SLUICE_COUNT(values); i++) {
        char text[SLUICE_UNITS_TEXT];
        uint64_t back = 1234567;
        sluice_units_rate_format(values[i], text);
        CU_ASSERT_EQUAL(sluice_units_rate_parse(text, &back, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(back, values[i]);
        sluice_units_size_format(values[i], text);
        CU_ASSERT_EQUAL(sluice_units_size_parse(text, &back, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(back, values[i]);
        sluice_units_duration_format(values[i], text);
        CU_ASSERT_EQUAL(sluice_units_duration_parse(text, NULL, &back, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(back, values[i]);
    }
}

static void printed_units_are_the_largest(void)
{
    char text[SLUICE_UNITS_TEXT];
    sluice_units_rate_format(250000000, text);
    CU_ASSERT_STRING_EQUAL(text, "250m");
    sluice_units_size_format(67108864, text);
    CU_ASSERT_STRING_EQUAL(text, "64Mi");
    sluice_units_size_format(10000000, text);
    CU_ASSERT_STRING_EQUAL(text, "10M");
    sluice_units_duration_format(90 * SLUICE_SECOND, text);
    CU_ASSERT_STRING_EQUAL(text, "90s");
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"rates are decimal bits", rates_are_decimal_bits},
        {"bad rates are refused and quoted", bad_rates_are_refused_and_quoted},
        {"sizes are decimal or binary", sizes_are_decimal_or_binary},
        {"durations need a unit", durations_need_a_unit},
        {"what is printed reads back", what_is_printed_reads_back},
        {"printed units are the largest", printed_units_are_the_largest},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("units", tests);
}
