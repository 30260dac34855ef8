/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "plugin/option.h"
#include <string.h>

typedef struct sample_config {
    bool flag;
    int64_t count;
    double gain;
    uint64_t window;
    sluice_rate rate;
    sluice_duration wait;
    int mode;
    char *word, *listen, *password;
} sample_config;

static const sluice_option options[] = {
    SLUICE_OPTION_BOOL(sample_config, flag, .def = "yes"),
    SLUICE_OPTION_INT(sample_config, count, .def = "-3", .min = "-10", .max = "10"),
    SLUICE_OPTION_REAL(sample_config, gain, .def = "0.1", .min = "0", .max = "1"),
    SLUICE_OPTION_SIZE(sample_config, window, .def = "64Ki", .max = "1Mi"),
    SLUICE_OPTION_RATE(sample_config, rate, .def = "5m", .min = "1k"),
    SLUICE_OPTION_DURATION(sample_config, wait, .def = "60", .min = "1s", .unit = "s"),
    SLUICE_OPTION_ENUM(sample_config, mode, .def = "slow", .choices = "fast|slow|idle"),
    SLUICE_OPTION_STRING(sample_config, word, .flags = SLUICE_OPTION_REPEAT),
    SLUICE_OPTION_ADDRESS(sample_config, listen, .def = "[::]:33001"),
    SLUICE_OPTION_SECRET(sample_config, password, .help = "Not shown."),
};
static const sluice_option_table table = {options, SLUICE_COUNT(options)};

static const char *printed(const char *key, const sample_config *config)
{
    static char text[256];
    sluice_text out = {0};
    bool there = sluice_option_print(sluice_option_find(table, key), config, &out);
    snprintf(text, sizeof(text), "%s", there ? sluice_text_string(&out) : "(null)");
    sluice_text_fini(&out);
    return text;
}

static void defaults_are_parsed_and_printed(void)
{
    sample_config config = {0};
    CU_ASSERT_EQUAL(sluice_option_table_check(table, sizeof(config), NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_option_defaults(table, &config, NULL), SLUICE_OK);
    CU_ASSERT(config.flag);
    CU_ASSERT_EQUAL(config.count, -3);
    CU_ASSERT_DOUBLE_EQUAL(config.gain, 0.1, 0);
    CU_ASSERT_EQUAL(config.window, 65536);
    CU_ASSERT_EQUAL(config.rate, 5000000);
    CU_ASSERT_EQUAL(config.wait, 60 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(config.mode, 1);
    CU_ASSERT_PTR_NULL(config.word);
    CU_ASSERT_STRING_EQUAL(printed("flag", &config), "yes");
    CU_ASSERT_STRING_EQUAL(printed("count", &config), "-3");
    CU_ASSERT_STRING_EQUAL(printed("gain", &config), "0.1");
    CU_ASSERT_STRING_EQUAL(printed("window", &config), "64Ki");
    CU_ASSERT_STRING_EQUAL(printed("mode", &config), "slow");
    CU_ASSERT_STRING_EQUAL(printed("word", &config), "(null)");
    CU_ASSERT_STRING_EQUAL(printed("listen", &config), "[::]:33001");
    sluice_option_fini(table, &config);
    CU_ASSERT_PTR_NULL(config.listen);
    sluice_option_fini(table, &config);
}

typedef struct set_row {
    const char *key, *value;
    const char *words; /* NULL: accepted; else a part of the sentence */
} set_row;

static void values_are_checked(void)
{
    static const set_row rows[] = {
        {"flag", "on", NULL},
        {"flag", "0", NULL},
        {"flag", "maybe", "flag: 'maybe' is neither yes nor no"},
        {"flag", "", "neither"},
        {"count", "10", NULL},
        {"count", "11", "count: 11 is above the maximum of 10"},
        {"count", "-11", "below the minimum of -10"},
        {"count", "1.5", "not a whole number"},
        {"count", "99999999999999999999", "too large"},
        {"count", "", "not a whole number"},
        {"gain", "1", NULL},
        {"gain", "1e-3", NULL},
        {"gain", "nan", "not a number"},
        {"gain", "1e999", "too large"},
        {"gain", "0x1", "not a number"},
        {"gain", "1.0001", "above the maximum of 1"},
        {"window", "1Mi", NULL},
        {"window", "1048577", "above the maximum of 1Mi"},
        {"rate", "999", "below the minimum of 1k"},
        {"rate", "5MB", "not a rate"},
        {"wait", "90", NULL},
        {"wait", "999ms", "below the minimum of 1s"},
        {"mode", "idle", NULL},
        {"mode", "fats", "mode: 'fats' is none of fast, slow, idle; did you mean 'fast'?"},
        {"mode", "fast|slow", "none of"},
        {"mode", "", "none of"},
        {"word", "", NULL},
        {"word", "a\nb", "line break"},
        {"listen", "localhost", NULL},
        {"listen", "127.0.0.1:0", NULL},
        {"listen", "[fe80::1%eth0]:80", NULL},
        {"listen", "::1", "[::1]"},
        {"listen", "host:65536", "not an address"},
        {"listen", "host:", "not an address"},
        {"listen", ":80", "not an address"},
        {"listen", "[::1", "not an address"},
        {"listen", "[zz]:80", "not an address"},
        {"listen", "", "not an address"},
    };
    sample_config config = {0};
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_error error = {0};
        int status = sluice_option_set(sluice_option_find(table, rows[i].key), &config, rows[i].value, false, &error);
        CU_ASSERT_EQUAL(status, rows[i].words == NULL ? SLUICE_OK : SLUICE_EINVAL);
        CU_ASSERT(rows[i].words == NULL || strstr(error.text, rows[i].words) != NULL);
        if (rows[i].words != NULL && strstr(error.text, rows[i].words) == NULL)
            printf("\n    no '%s' in: %s\n", rows[i].words, error.text);
    }
    sluice_option_fini(table, &config);
}

static void repeated_values_are_joined(void)
{
    sample_config config = {0};
    const sluice_option *word = sluice_option_find(table, "word");
    sluice_option_set(word, &config, "a", true, NULL);
    sluice_option_set(word, &config, "b", true, NULL);
    CU_ASSERT_STRING_EQUAL(config.word, "a\nb");
    sluice_option_set(word, &config, "c", false, NULL);
    CU_ASSERT_STRING_EQUAL(config.word, "c");
    sluice_option_fini(table, &config);
}

static void secrets_are_not_printed(void)
{
    sample_config config = {0};
    sluice_option_set(sluice_option_find(table, "password"), &config, "hunter2", false, NULL);
    CU_ASSERT_STRING_EQUAL(config.password, "hunter2");
    CU_ASSERT_STRING_EQUAL(printed("password", &config), "(secret)");
    sluice_option_fini(table, &config);
}

static void nearest_key_is_near(void)
{
    char key[SLUICE_OPTION_KEY_BYTES];
    CU_ASSERT(sluice_option_nearest(table, "lisetn", key));
    CU_ASSERT_STRING_EQUAL(key, "listen");
    CU_ASSERT(sluice_option_nearest(table, "Rate", key));
    CU_ASSERT_STRING_EQUAL(key, "rate");
    CU_ASSERT_FALSE(sluice_option_nearest(table, "bandwidth", key));
    CU_ASSERT_FALSE(sluice_option_nearest(table, "", key));
}

static void crooked_tables_are_refused(void)
{
    static const sluice_option good = {.name = "ok", .type = SLUICE_OPTION_INT_TYPE};
    sluice_option rows[2];
    sluice_option_table two = {rows, 2};
    rows[0] = good;
    rows[1] = good;
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 8, NULL), SLUICE_EPLUGIN); /* one name twice */
    rows[1].name = "also_ok";
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 8, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 7, NULL), SLUICE_EPLUGIN);
    rows[1].offset = 8;
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 15, NULL), SLUICE_EPLUGIN);
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 16, NULL), SLUICE_OK);
    rows[1].offset = 4;
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 16, NULL), SLUICE_EPLUGIN); /* not aligned */
    rows[1].offset = SIZE_MAX - 7;
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 16, NULL), SLUICE_EPLUGIN);
    rows[1] = good;
    rows[1].name = "Big";
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 8, NULL), SLUICE_EPLUGIN);
    rows[1].name = NULL;
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 8, NULL), SLUICE_EPLUGIN);
    rows[1].name = "type";
    rows[1].type = (sluice_option_type)99;
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 8, NULL), SLUICE_EPLUGIN);
    rows[1].type = SLUICE_OPTION_ENUM_TYPE;
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 8, NULL), SLUICE_EPLUGIN); /* no choices */
    rows[1].type = SLUICE_OPTION_INT_TYPE;
    rows[1].def = "5";
    rows[1].max = "4";
    CU_ASSERT_EQUAL(sluice_option_table_check(two, 8, NULL), SLUICE_EPLUGIN);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"defaults are parsed and printed", defaults_are_parsed_and_printed},
        {"values are checked", values_are_checked},
        {"repeated values are joined", repeated_values_are_joined},
        {"secrets are not printed", secrets_are_not_printed},
        {"nearest key is near", nearest_key_is_near},
        {"crooked tables are refused", crooked_tables_are_refused},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("option", tests);
}
