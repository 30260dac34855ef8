/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "base/log.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

static void keep(void *user, sluice_log_level level, const char *line)
{
    sluice_text_addf(user, "%d:%s|", (int)level, line);
}

static void level_filters(void)
{
    sluice_log log;
    sluice_text lines = {0};
    sluice_log_init(&log);
    sluice_log_say(&log, SLUICE_LOG_ERROR, "nobody listens");
    sluice_log_to_sink(&log, keep, &lines);
    sluice_log_say(&log, SLUICE_LOG_INFO, "one");
    sluice_log_say(&log, SLUICE_LOG_DEBUG, "two");
    sluice_log_level_is(&log, SLUICE_LOG_ERROR);
    sluice_log_say(&log, SLUICE_LOG_WARNING, "three");
    sluice_log_say(&log, SLUICE_LOG_ERROR, "four");
    CU_ASSERT_STRING_EQUAL(sluice_text_string(&lines), "2:one|0:four|");
    CU_ASSERT_FALSE(sluice_log_wants(NULL, SLUICE_LOG_ERROR));
    sluice_text_fini(&lines);
    sluice_log_fini(&log);
}

/* A file name must not be able to forge a second line. */
static void control_characters_are_replaced(void)
{
    sluice_log log;
    sluice_text lines = {0};
    sluice_log_init(&log);
    sluice_log_to_sink(&log, keep, &lines);
    sluice_log_say(&log, SLUICE_LOG_INFO, "%s", "a\nerror: b\x1b[2J\x7f\xc3\xa9");
    CU_ASSERT_STRING_EQUAL(sluice_text_string(&lines), "2:a?error: b?[2J?\xc3\xa9|");
    sluice_text_fini(&lines);
    sluice_log_fini(&log);
}

static void text_grows(void)
{
    sluice_text text = {0};
    CU_ASSERT_STRING_EQUAL(sluice_text_string(&text), "");
    for (int i = 0; i < 1000; i++)
        sluice_text_addf(&text, "%03d", i);
    CU_ASSERT_EQUAL(text.length, 3000);
    CU_ASSERT_EQUAL(strlen(sluice_text_string(&text)), 3000);
    CU_ASSERT_EQUAL(strncmp(sluice_text_string(&text) + 2994, "998999", 6), 0);
    char *taken = sluice_text_take(&text);
    CU_ASSERT_EQUAL(strlen(taken), 3000);
    free(taken);
    taken = sluice_text_take(&text);
    CU_ASSERT_STRING_EQUAL(taken, "");
    free(taken);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"level filters", level_filters},
        {"control characters are replaced", control_characters_are_replaced},
        {"text grows", text_grows},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("log", tests);
}
