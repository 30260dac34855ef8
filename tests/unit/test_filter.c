/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns as rsync(1) describes them, "PATTERN MATCHING RULES". */
#include "session/filter.h"
#include "unit/suite.h"
#include <string.h>

static void test_match(void)
{
    static const struct {
        const char *pattern, *name;
        bool directory, matches;
    } cases[] = {
        {"foo", "foo", false, true},
        {"foo", "a/b/foo", false, true},
        {"foo", "a/foo/b", false, false},
        {"foo", "xfoo", false, false},
        {"/foo", "foo", false, true},
        {"/foo", "a/foo", false, false},
        {"a/foo", "x/a/foo", false, true},
        {"a/foo", "xa/foo", false, false},
        {"/a/foo", "x/a/foo", false, false},
        {"foo/", "foo", false, false},
        {"foo/", "foo", true, true},
        {"foo/", "a/foo", true, true},
        {"*.o", "x.o", false, true},
        {"*.o", "a/x.o", false, true},
        {"*.o", "x.os", false, false},
        {"*", "a/b", false, true},
        {"/*", "a/b", false, false},
        {"/*", "a", false, true},
        {"a/*", "a/b", false, true},
        {"a/*", "a/b/c", false, false},
        {"a/**", "a/b/c", false, true},
        {"/foo/*/bar", "foo/x/bar", false, true},
        {"/foo/*/bar", "foo/x/y/bar", false, false},
        {"/foo/**/bar", "foo/x/y/bar", false, true},
        {"foo?", "foox", false, true},
        {"foo?", "foo", false, false},
        {"a?b", "a/b", false, false},
        {"[abc]x", "bx", false, true},
        {"[!abc]x", "bx", false, false},
        {"[^abc]x", "dx", false, true},
        {"[a-c]x", "bx", false, true},
        {"[a-c]x", "dx", false, false},
        {"[]]x", "]x", false, true},
        {"[[:digit:]]*", "7up", false, true},
        {"[[:digit:]]*", "up", false, false},
        {"\\*x", "\\*x", false, false}, /* a wildcard is there, so the backslash escapes it */
        {"\\*x*", "*xy", false, true},
        {"a\\b", "a\\b", false, true},  /* no wildcard: the backslash is one */
        {"dir/***", "dir", true, true},
        {"dir/***", "dir/x/y", false, true},
        {"dir/***", "dirx", false, false},
        {"[abc", "a", false, false},
        {"", "a", false, false},
        {"/", "a", true, false},
        {"*/", "a", true, true},
        {"*/", "a", false, false},
        {".*", ".hidden", false, true},
        {"***", "a/b", false, true},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        bool got = sluice_filter_match(cases[i].pattern, cases[i].name, cases[i].directory);
        if (got != cases[i].matches)
            CU_FAIL(cases[i].pattern);
        CU_ASSERT_EQUAL(got, cases[i].matches);
    }
}

/* The first rule that matches decides; what matches none is wanted. */
static void test_order(void)
{
    sluice_request request;
    sluice_request_init(&request);
    CU_ASSERT_EQUAL(sluice_request_rule_add(&request, true, "*/"), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_request_rule_add(&request, true, "*.c"), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_request_rule_add(&request, false, "*"), SLUICE_OK);
    CU_ASSERT(sluice_filter_wanted(&request, "src", true));
    CU_ASSERT(sluice_filter_wanted(&request, "src/a.c", false));
    CU_ASSERT_FALSE(sluice_filter_wanted(&request, "src/a.h", false));
    sluice_request_fini(&request);
    sluice_request_init(&request);
    CU_ASSERT(sluice_filter_wanted(&request, "anything", false));
    sluice_request_fini(&request);
}

/* A pattern made to be slow ends soon: it does not match. */
static void test_slow(void)
{
    char pattern[4000], name[4000];
    for (size_t i = 0; i < sizeof(pattern) - 2; i += 2)
        memcpy(pattern + i, "*a", 2);
    memcpy(pattern + sizeof(pattern) - 2, "b", 2);
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = 0;
    CU_ASSERT_FALSE(sluice_filter_match(pattern, name, false));
}

/* What is as old as a limit stays; directories, and what has no time, always do. */
static void test_times(void)
{
    sluice_request request;
    sluice_entry entry = {.type = SLUICE_ENTRY_FILE, .name = "a"};
    sluice_request_init(&request);
    entry.mtime_ns = 5;
    CU_ASSERT_FALSE(sluice_filter_untimely(&request, &entry));
    request.has_newest = request.has_oldest = true;
    request.newest_ns = 20;
    request.oldest_ns = -10;
    static const struct {
        int64_t mtime_ns;
        bool untimely;
    } rows[] = {{-11, true}, {-10, false}, {0, false}, {20, false}, {21, true}, {INT64_MIN, false}, {INT64_MAX, true}};
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        entry.mtime_ns = rows[i].mtime_ns;
        entry.type = SLUICE_ENTRY_FILE;
        CU_ASSERT_EQUAL(sluice_filter_untimely(&request, &entry), rows[i].untimely);
        entry.type = SLUICE_ENTRY_SYMLINK;
        CU_ASSERT_EQUAL(sluice_filter_untimely(&request, &entry), rows[i].untimely);
        entry.type = SLUICE_ENTRY_DIRECTORY;
        CU_ASSERT_FALSE(sluice_filter_untimely(&request, &entry));
    }
    sluice_request_fini(&request);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"match", test_match}, {"order", test_order}, {"slow", test_slow}, {"times", test_times}, CU_TEST_INFO_NULL};
    return sluice_suite_run("filter", tests);
}
