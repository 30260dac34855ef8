/* SPDX-License-Identifier: Apache-2.0 */
/* The report plugins for people: progress and log. */
#include "unit/report_feed.h"
#include "unit/suite.h"

#include <ctype.h>
#include <sys/stat.h>

#include "../../plugins/report/text.h"

static const sluice_statistics halfway = {.size = sizeof halfway,
                                          .files = 412,
                                          .skipped = 8,
                                          .total_files = 5000,
                                          .total_bytes = 2000000000,
                                          .moved_bytes = 1000000000,
                                          .scan_complete = true,
                                          .rate_bps = 812400000,
                                          .srtt_ns = 102 * SLUICE_MS,
                                          .data_packets = 1000,
                                          .lost_packets = 9,
                                          .limited_by = "network",
                                          .target_bps = 1000000000};

static char *run(sluice_report_spec spec, const sluice_event *events, size_t count)
{
    report_feed feed;
    CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "progress", NULL, spec), SLUICE_OK);
    for (size_t i = 0; i < count; i++)
        feed_event(&feed, events[i]);
    char *text = feed_text(feed.screen);
    feed_end(&feed);
    return text;
}

#define CONTAINS(text, part) CU_ASSERT_PTR_NOT_NULL(strstr(text, part))
#define LACKS(text, part) CU_ASSERT_PTR_NULL(strstr(text, part))

static size_t lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void a_line_every_ten_seconds(void)
{
    sluice_event events[31];
    for (size_t i = 0; i < SLUICE_COUNT(events); i++)
        events[i] =
            (sluice_event){.type = SLUICE_EVENT_PROGRESS, .now = (100 + i) * SLUICE_SECOND, .statistics = &halfway};
    char *text = run((sluice_report_spec){0}, events, SLUICE_COUNT(events));
    CU_ASSERT_EQUAL(lines(text), 4); /* at 0, 10, 20 and 30 s */
    CONTAINS(text, " 50 %  1.00 GB of 2.00 GB  812 Mbit/s (target 1.00 Gbit/s)");
    CONTAINS(text, "420 of 5000 files  rtt 102.0 ms  loss 0.9 %  limited by network\n");
    LACKS(text, "\033");
    free(text);
}

static void time_left_follows_the_speed(void)
{
    sluice_statistics first = halfway, second = halfway;
    first.moved_bytes = 900000000; /* 100 MB a second, 1000 MB to go */
    const sluice_event events[] = {
        {.type = SLUICE_EVENT_PROGRESS, .now = 100 * SLUICE_SECOND, .statistics = &first},
        {.type = SLUICE_EVENT_PROGRESS, .now = 101 * SLUICE_SECOND, .statistics = &second},
    };
    char *text = run((sluice_report_spec){.terminal = true, .columns = 80}, events, SLUICE_COUNT(events));
    CONTAINS(text, "  11 s left\n"); /* 10 s, rounded up */
    free(text);
}

static void a_terminal_is_redrawn_within_its_width(void)
{
    for (int columns = 20; columns < 130; columns++) {
        const sluice_event events[] = {
            {.type = SLUICE_EVENT_FILE_START, .path = "some/rather/long/name/of/a/file/that/goes/on/and/on/and/on"},
            {.type = SLUICE_EVENT_PROGRESS, .now = 100 * SLUICE_SECOND, .statistics = &halfway},
            {.type = SLUICE_EVENT_PROGRESS, .now = 101 * SLUICE_SECOND, .statistics = &halfway},
        };
        char *text = run((sluice_report_spec){.terminal = true, .columns = columns}, events, SLUICE_COUNT(events));
        int column = 0;
        for (const char *at = text; *at != '\0'; at++) {
            if (*at == '\033')
                at += strcspn(at, "KA");
            else if (*at == '\n' || *at == '\r')
                column = 0;
            else
                CU_ASSERT(++column < columns);
        }
        CONTAINS(text, "\r\033[K\033[1A\r\033[K");
        free(text);
    }
}

static void failed_files_are_named_safely(void)
{
    const sluice_event events[] = {{.type = SLUICE_EVENT_FILE,
                                    .path = "a\nb\033[2Jc\\\xff\xe2\x80\xae",
                                    .state = "failed",
                                    .status = SLUICE_EACCESS,
                                    .message = "permission denied"},
                                   {.type = SLUICE_EVENT_FILE, .path = "fine", .state = "done"}};
    for (int quiet = 0; quiet < 2; quiet++) {
        char *text = run((sluice_report_spec){.quiet = quiet != 0}, events, SLUICE_COUNT(events));
        CU_ASSERT_STRING_EQUAL(text, "failed: a\\nb\\x1b[2Jc\\\\\\xff\\xe2\\x80\\xae: permission denied\n");
        free(text);
    }
}

static void the_summary_says_what_was_verified(void)
{
    sluice_statistics total = {.size = sizeof total,
                               .files = 2,
                               .bytes = 20500000,
                               .duration_ns = 3810 * SLUICE_MS,
                               .goodput_bps = 43000000,
                               .wire_bytes = 21300000,
                               .data_packets = 10000,
                               .resent_packets = 90,
                               .min_rtt_ns = 100200000,
                               .skipped = 12};
    const sluice_event events[] = {
        {.type = SLUICE_EVENT_FILE, .path = "a", .state = "done", .file_bytes = 5, .digest = "xxh3-128:00"},
        {.type = SLUICE_EVENT_FILE, .path = "b", .state = "done", .file_bytes = 5, .digest = "xxh3-128:01"},
        {.type = SLUICE_EVENT_DONE, .state = "ok", .statistics = &total},
    };
    char *text = run((sluice_report_spec){0}, events, SLUICE_COUNT(events));
    CU_ASSERT_STRING_EQUAL(text, "done: 2 files, 20.5 MB in 3.81 s, 43.0 Mbit/s  12 there already  every digest agrees "
                                 "(xxh3-128)\n"
                                 "      21.3 MB on the wire  0.90 % sent again  rtt 100.2 ms\n");
    free(text);
    const sluice_event without[] = {{.type = SLUICE_EVENT_FILE, .path = "a", .state = "done", .file_bytes = 5},
                                    events[2]};
    text = run((sluice_report_spec){0}, without, SLUICE_COUNT(without));
    CONTAINS(text, "1 not verified");
    LACKS(text, "agrees");
    free(text);
}

static void a_failure_before_any_file_is_left_to_the_runner(void)
{
    sluice_statistics none = {.size = sizeof none};
    const sluice_event events[] = {{.type = SLUICE_EVENT_ERROR, .status = SLUICE_ECONNECT, .message = "refused"},
                                   {.type = SLUICE_EVENT_DONE,
                                    .state = "failed",
                                    .status = SLUICE_ECONNECT,
                                    .message = "refused",
                                    .statistics = &none}};
    char *text = run((sluice_report_spec){0}, events, SLUICE_COUNT(events));
    CU_ASSERT_STRING_EQUAL(text, "");
    free(text);
}

static void quantities_have_three_digits(void)
{
    static const struct {
        uint64_t value;
        const char *text;
    } cases[] = {{0, "0 B"},
                 {999, "999 B"},
                 {1000, "1.00 kB"},
                 {1234567, "1.23 MB"},
                 {20500000, "20.5 MB"},
                 {999999999, "999 MB"},
                 {UINT64_MAX, "18.4 EB"}};
    char text[32];
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        text_quantity(text, sizeof text, cases[i].value, "B");
        CU_ASSERT_STRING_EQUAL(text, cases[i].text);
    }
}

static void long_names_are_cut(void)
{
    char out[64];
    CU_ASSERT_EQUAL(text_printable(out, sizeof out, 10, "0123456789"), 10);
    CU_ASSERT_STRING_EQUAL(out, "0123456789");
    CU_ASSERT_EQUAL(text_printable(out, sizeof out, 10, "0123456789a"), 10);
    CU_ASSERT_STRING_EQUAL(out, "0123456...");
    CU_ASSERT(text_printable(out, 8, 80, "0123456789") <= 7);
    CU_ASSERT_STRING_EQUAL(out, "0123...");
    CU_ASSERT(text_printable(out, sizeof out, 5, "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2") <= 5); /* wide characters */
    CU_ASSERT_STRING_EQUAL(out, "\xe6\xbc\xa2...");
}

/* ---- log ---- */

typedef struct log_config { /* as in plugins/report/log.c */
    char *path;
    int level;
} log_config;

static char *run_log(log_config config, const sluice_event *events, size_t count)
{
    report_feed feed;
    CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "log", &config, (sluice_report_spec){0}), SLUICE_OK);
    for (size_t i = 0; i < count; i++)
        feed_event(&feed, events[i]);
    char *text = feed_text(feed.screen);
    feed_end(&feed);
    return text;
}

static void log_lines_have_time_and_members(void)
{
    const sluice_event events[] = {{.type = SLUICE_EVENT_FILE,
                                    .session = "5f",
                                    .path = "a b\n\"c",
                                    .state = "failed",
                                    .file_bytes = 7,
                                    .status = SLUICE_EIO,
                                    .message = "a b: input or output error"},
                                   {.type = SLUICE_EVENT_PROGRESS, .statistics = &halfway}};
    char *text = run_log((log_config){.level = SLUICE_LOG_INFO}, events, SLUICE_COUNT(events));
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
    for (size_t i = 0; i + 1 < sizeof shape; i++)
        CU_ASSERT(shape[i] == 'd' ? isdigit((unsigned char)text[i]) != 0 : text[i] == shape[i]);
    CU_ASSERT_STRING_EQUAL(text + sizeof shape - 1,
                           "error file session=5f path=\"a b\\n\\x22c\" state=failed bytes=7 code=-6 "
                           "message=\"a b: input or output error\"\n");
    free(text);
    text = run_log((log_config){.level = SLUICE_LOG_DEBUG}, events + 1, 1);
    CONTAINS(text, " debug progress files=412 ");
    CONTAINS(text, " srtt_ms=102.000 ");
    CONTAINS(text, " limited_by=network ");
    free(text);
}

static void log_goes_to_its_file(void)
{
    char path[] = "/tmp/sluice-test-log-XXXXXX";
    int descriptor = mkstemp(path);
    CU_ASSERT_FATAL(descriptor >= 0);
    const sluice_event event = {.type = SLUICE_EVENT_WARNING, .message = "slow"};
    char *text = run_log((log_config){.path = path, .level = SLUICE_LOG_INFO}, &event, 1);
    CU_ASSERT_STRING_EQUAL(text, "");
    free(text);
    char line[256] = {0};
    CU_ASSERT(read(descriptor, line, sizeof line - 1) > 0);
    CONTAINS(line, " warning warning message=slow\n");
    close(descriptor);
    unlink(path);
}

static void a_log_that_cannot_be_opened_fails_the_start(void)
{
    report_feed feed;
    char path[] = "/nonexistent/log";
    log_config config = {.path = path};
    CU_ASSERT_EQUAL(feed_begin(&feed, "log", &config, (sluice_report_spec){0}), SLUICE_ECONFIG);
    feed_end(&feed);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"a line every ten seconds without a terminal", a_line_every_ten_seconds},
        {"time left follows the speed", time_left_follows_the_speed},
        {"a terminal is redrawn within its width", a_terminal_is_redrawn_within_its_width},
        {"failed files are named, harmlessly", failed_files_are_named_safely},
        {"the summary says what was verified", the_summary_says_what_was_verified},
        {"a failure before any file is left to the runner", a_failure_before_any_file_is_left_to_the_runner},
        {"quantities have three digits", quantities_have_three_digits},
        {"long names are cut", long_names_are_cut},
        {"log lines have time and members", log_lines_have_time_and_members},
        {"a log goes to its file", log_goes_to_its_file},
        {"a log that cannot be opened fails the start", a_log_that_cannot_be_opened_fails_the_start},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("report_progress", tests);
}
