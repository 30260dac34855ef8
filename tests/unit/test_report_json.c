/* SPDX-License-Identifier: Apache-2.0 */
/* The report plugin json: every line is an object of RFC 8259 with the keys of the contract, in its order. */
#include "unit/report_feed.h"
#include "unit/suite.h"

#include <ctype.h>

/* ---- a strict reader of flat objects ---- */

typedef struct member {
    char key[64], value[512]; /* value: a string decoded, anything else as written */
    bool string;
} member;

typedef struct object {
    member members[80];
    size_t count;
} object;

/* Reads four hex digits; -1 if they are not. */
static long hex4(const char *text)
{
    char digits[5] = {0};
    for (int i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return -1;
        digits[i] = text[i];
    }
    return strtol(digits, NULL, 16);
}

static const char *read_string(const char *at, char *out, size_t size)
{
    size_t n = 0;
    if (*at++ != '"')
        return NULL;
    while (*at != '"') {
        if ((unsigned char)*at < 0x20 || n + 2 > size)
            return NULL;
        if (*at != '\\') {
            out[n++] = *at++;
            continue;
        }
        at++;
        if (*at == 'u') {
            long code = hex4(at + 1);
            if (code < 0 || code > 0x7f)
                return NULL; /* the plugin escapes ASCII only */
            out[n++] = (char)code;
            at += 5;
        } else if (strchr("\"\\/", *at) != NULL && *at != '\0') {
            out[n++] = *at++;
        } else {
            return NULL;
        }
    }
    out[n] = '\0';
    return at + 1;
}

static const char *read_number(const char *at)
{
    at += *at == '-';
    if (*at == '0')
        at++;
    else if (isdigit((unsigned char)*at))
        while (isdigit((unsigned char)*at))
            at++;
    else
        return NULL;
    if (*at == '.') {
        if (!isdigit((unsigned char)*++at))
            return NULL;
        while (isdigit((unsigned char)*at))
            at++;
    }
    return at;
}

static const char *read_value(const char *at, member *out)
{
    out->string = *at == '"';
    if (out->string)
        return read_string(at, out->value, sizeof out->value);
    const char *end = strncmp(at, "null", 4) == 0 ? at + 4 : read_number(at);
    if (end == NULL || (size_t)(end - at) >= sizeof out->value)
        return NULL;
    memcpy(out->value, at, (size_t)(end - at));
    out->value[end - at] = '\0';
    return end;
}

/* Reads one object and the newline after it; NULL unless that is what stands there. */
static const char *read_object(const char *at, object *out)
{
    out->count = 0;
    if (*at++ != '{')
        return NULL;
    for (;;) {
        member *next = &out->members[out->count++];
        at = read_string(at, next->key, sizeof next->key);
        if (at == NULL || *at++ != ':')
            return NULL;
        at = read_value(at, next);
        if (at == NULL || out->count == SLUICE_COUNT(out->members))
            return NULL;
        for (size_t i = 0; i + 1 < out->count; i++)
            if (strcmp(out->members[i].key, next->key) == 0)
                return NULL; /* a key stands once */
        if (*at == '}')
            return at[1] == '\n' ? at + 2 : NULL;
        if (*at++ != ',')
            return NULL;
    }
}

static const char *value(const object *from, const char *key)
{
    for (size_t i = 0; i < from->count; i++)
        if (strcmp(from->members[i].key, key) == 0)
            return from->members[i].value;
    return "(missing)";
}

static object feed_one(sluice_event event)
{
    report_feed feed;
    object read = {.count = 0};
    CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "json", NULL, (sluice_report_spec){0}), SLUICE_OK);
    feed_event(&feed, event);
    char *text = feed_text(feed.output);
    const char *end = read_object(text, &read);
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    CU_ASSERT_EQUAL(*end, '\0');
    free(text);
    feed_end(&feed);
    return read;
}

/* ---- tests ---- */

static void done_has_the_keys_of_the_contract(void)
{
    static const char *const keys[] = {"event",         "status",      "exit",       "code",         "message",
                                       "files",         "failed",      "skipped",    "bytes",        "seconds",
                                       "setup_seconds", "goodput_bps", "wire_bytes", "resent_bytes", "redundant_bytes",
                                       "lost_packets",  "min_rtt_ms",  "srtt_ms",    "mtu",          "cipher",
                                       "crypto",        "transport",   "congestion", "lanes",        "limited_by"};
    sluice_statistics statistics = {.size = sizeof statistics,
                                    .files = 3,
                                    .bytes = 18446744073709551614u,
                                    .duration_ns = 12345600000,
                                    .setup_ns = 350499999,
                                    .min_rtt_ns = 100000500,
                                    .srtt_ns = 1999499,
                                    .cipher = "aes-128-gcm",
                                    .lanes = 1};
    object done = feed_one((sluice_event){.type = SLUICE_EVENT_DONE,
                                          .state = "failed",
                                          .exit_status = 6,
                                          .status = SLUICE_EPARTIAL,
                                          .message = "1 of 4 files failed",
                                          .statistics = &statistics,
                                          .session = "5f",
                                          .peer = "[::1]:33001"});
    for (size_t i = 0; i < SLUICE_COUNT(keys); i++)
        CU_ASSERT_STRING_EQUAL(done.members[i].key, keys[i]);
    CU_ASSERT_STRING_EQUAL(value(&done, "event"), "done");
    CU_ASSERT_STRING_EQUAL(value(&done, "status"), "failed");
    CU_ASSERT_STRING_EQUAL(value(&done, "exit"), "6");
    CU_ASSERT_STRING_EQUAL(value(&done, "code"), "-14");
    CU_ASSERT_STRING_EQUAL(value(&done, "message"), "1 of 4 files failed");
    CU_ASSERT_STRING_EQUAL(value(&done, "bytes"), "18446744073709551614");
    CU_ASSERT_STRING_EQUAL(value(&done, "seconds"), "12.346");
    CU_ASSERT_STRING_EQUAL(value(&done, "setup_seconds"), "0.350");
    CU_ASSERT_STRING_EQUAL(value(&done, "min_rtt_ms"), "100.001");
    CU_ASSERT_STRING_EQUAL(value(&done, "srtt_ms"), "1.999");
    CU_ASSERT_STRING_EQUAL(value(&done, "cipher"), "aes-128-gcm");
    CU_ASSERT_STRING_EQUAL(value(&done, "limited_by"), "null");
    CU_ASSERT_STRING_EQUAL(value(&done, "peer"), "[::1]:33001");
}

static void done_is_told_without_statistics(void)
{
    object done = feed_one((sluice_event){.type = SLUICE_EVENT_DONE,
                                          .state = "failed",
                                          .exit_status = 5,
                                          .status = SLUICE_ECONNECT,
                                          .message = "archive:33001: connection refused"});
    CU_ASSERT_STRING_EQUAL(value(&done, "event"), "done");
    CU_ASSERT_STRING_EQUAL(value(&done, "exit"), "5");
}

static void progress_has_the_statistics_after_its_name(void)
{
    sluice_statistics statistics = {.size = sizeof statistics, .files = 7, .total_bytes = SLUICE_UNKNOWN};
    object progress = feed_one((sluice_event){.type = SLUICE_EVENT_PROGRESS, .statistics = &statistics});
    CU_ASSERT_STRING_EQUAL(progress.members[0].value, "progress");
    CU_ASSERT_STRING_EQUAL(progress.members[1].key, "files");
    CU_ASSERT_STRING_EQUAL(value(&progress, "files"), "7");
    CU_ASSERT_STRING_EQUAL(value(&progress, "total_bytes"), "null");
}

static void names_are_escaped(void)
{
    static const struct {
        const char *path, *shown, *base64; /* base64: "(missing)" where the name is UTF-8 */
    } cases[] = {
        {"a\"b\\c\nd\x7f", "a\"b\\c\nd\x7f", "(missing)"},
        {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8a", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8a", "(missing)"},
        {"\xff", "\xef\xbf\xbd", "/w=="},
        {"a\xe9t\xe9", "a\xef\xbf\xbdt\xef\xbf\xbd", "Yel06Q=="},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "7aCA"}, /* a surrogate */
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "wK8="},                 /* not the shortest form */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "9JCAgA=="}, /* beyond U+10FFFF */
        {"\xe2\x82", "\xef\xbf\xbd", "4oI="}, /* cut short: one for the whole piece */
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        object file = feed_one((sluice_event){.type = SLUICE_EVENT_FILE, .path = cases[i].path, .state = "done"});
        CU_ASSERT_STRING_EQUAL(value(&file, "path"), cases[i].shown);
        CU_ASSERT_STRING_EQUAL(value(&file, "path_base64"), cases[i].base64);
    }
}

static void a_failed_file_says_why(void)
{
    object file = feed_one((sluice_event){.type = SLUICE_EVENT_FILE,
                                          .path = "x",
                                          .state = "failed",
                                          .file_bytes = 9,
                                          .status = SLUICE_ECHANGED,
                                          .message = "x: changed while read"});
    CU_ASSERT_STRING_EQUAL(value(&file, "state"), "failed");
    CU_ASSERT_STRING_EQUAL(value(&file, "bytes"), "9");
    CU_ASSERT_STRING_EQUAL(value(&file, "digest"), "null");
    CU_ASSERT_STRING_EQUAL(value(&file, "code"), "-25");
    CU_ASSERT_STRING_EQUAL(value(&file, "message"), "x: changed while read");
}

static void every_event_is_a_line(void)
{
#define WORD(name, word, help) word,
    static const char *const words[] = {SLUICE_EVENT_MAP(WORD)};
#undef WORD
    report_feed feed;
    object read;
    CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "json", NULL, (sluice_report_spec){0}), SLUICE_OK);
    for (size_t i = 0; i < SLUICE_COUNT(words); i++)
        feed_event(&feed, (sluice_event){.type = (sluice_event_type)i});
    char *text = feed_text(feed.output);
    const char *at = text;
    for (size_t i = 0; i < SLUICE_COUNT(words); i++) {
        at = read_object(at, &read);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        CU_ASSERT_STRING_EQUAL(value(&read, "event"), words[i]);
    }
    CU_ASSERT_EQUAL(*at, '\0');
    free(text);
    feed_end(&feed);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"done has the keys of the contract, in order", done_has_the_keys_of_the_contract},
        {"done is told without statistics", done_is_told_without_statistics},
        {"progress has the statistics", progress_has_the_statistics_after_its_name},
        {"names are escaped; what is not UTF-8 comes as base64 too", names_are_escaped},
        {"a failed file says why", a_failed_file_says_why},
        {"every event is a line", every_event_is_a_line},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("report_json", tests);
}
