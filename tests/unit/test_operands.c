/* SPDX-License-Identifier: Apache-2.0 */
#include "session/operands.h"

#include "unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_plugin(void *user, sluice_kind kind, const char *name)
{
    (void)user;
    if (strcmp(name, "file") == 0)
        return true;
    return strcmp(name, kind == SLUICE_SOURCE ? "zero" : "null") == 0;
}

static char list_path[] = "/tmp/sluice-test-operands-XXXXXX";

static void write_list(const char *text, size_t bytes)
{
    FILE *file = fopen(list_path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL_FATAL(fwrite(text, 1, bytes, file), bytes);
    fclose(file);
}

/* "push host:port plugin[argument] path>as path>as => destination single names" */
static void describe(const sluice_operands *operands, char *out, size_t size)
{
    int n = operands->target[0] != '\0'
                ? snprintf(out, size, "%s ssh %s %s", operands->push ? "push" : "pull", operands->target, operands->plugin)
                : snprintf(out, size, "%s %s:%u %s", operands->push ? "push" : "pull", operands->host, operands->port,
                           operands->plugin);
    if (operands->argument != NULL)
        n += snprintf(out + n, size - (size_t)n, "[%s]", operands->argument);
    for (size_t i = 0; i < operands->count; i++) {
        n += snprintf(out + n, size - (size_t)n, " %s", operands->operands[i].path);
        if (operands->operands[i].as != NULL)
            n += snprintf(out + n, size - (size_t)n, ">%s", operands->operands[i].as);
    }
    snprintf(out + n, size - (size_t)n, " => %s%s%s", operands->destination, operands->single ? " single" : "",
             operands->explicit_names ? " names" : "");
}

/* Expects the description, or, when it begins with '!', an error of usage whose sentence has the rest in it. */
static void check(const sluice_operands_order *order, const char *expected)
{
    sluice_operands operands = {0};
    sluice_error error = {0};
    char text[2048];
    int status = sluice_operands_read(&operands, order, &error);
    if (expected[0] == '!') {
        CU_ASSERT_EQUAL(status, SLUICE_EUSAGE);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, expected + 1));
        CU_ASSERT_PTR_NULL(operands.operands);
    } else {
        CU_ASSERT_EQUAL_FATAL(status, SLUICE_OK);
        describe(&operands, text, sizeof text);
        CU_ASSERT_STRING_EQUAL(text, expected);
    }
    sluice_operands_fini(&operands);
}

static void addresses(void)
{
    static const struct {
        const char *sources[3];
        const char *destination, *expected;
    } cases[] = {
        {{"a"}, "sluice://h/in/", "push h:33001 file a => in/ single"},
        {{"a", "b/c/"}, "sluice://h:7/in", "push h:7 file a b/c/ => in"},
        {{"./a:b", "x/y:z"}, "sluice://[::1]:7/", "push ::1:7 file ./a:b x/y:z => "},
        {{"a"}, "sluice://h", "push h:33001 file a =>  single"},
        {{"a"}, "sluice:///x", "push :33001 file a => x single"},
        {{"sluice://h//a%20b%2fc?#", "sluice://h/"}, ".", "pull h:33001 file a b/c?#  => ."},
        {{"a"}, "sluice://[fe80::1%25eth0]:1/x", "push fe80::1%eth0:1 file a => x single"},
        {{"a"}, "sluice://[fe80::1%eth0]/x", "push fe80::1%eth0:33001 file a => x single"},
        {{"file:/a:b"}, "sluice://h/", "push h:33001 file /a:b =>  single"},
        {{"zero:1G"}, "sluice://h/x", "push h:33001 zero[1G] => x single"},
        {{"sluice://h/x"}, "null:", "pull h:33001 null x =>  single"},
        {{"a"}, "b", "!both sides are local"},
        {{"sluice://h/a"}, "sluice://h/b", "!both sides are remote"},
        {{"a", "sluice://h/b"}, "sluice://h/b", "!all local or all on one server"},
        {{"sluice://h/a", "sluice://g/b"}, ".", "!all on one server"},
        {{"sluice://h/a", "sluice://h:1/b"}, ".", "!all on one server"},
        {{"host:path"}, ".", "pull ssh host file path => . single"},
        {{"user@host:/path"}, ".", "pull ssh user@host file /path => . single"},
        {{"a"}, "host:", "push ssh host file a => . single"},
        {{"a"}, "host:~/in/", "push ssh host file a => in/ single"},
        {{"a"}, "host:~", "push ssh host file a => . single"},
        {{"a"}, "host:~other/in", "push ssh host file a => ~other/in single"},
        {{"[::1]:path"}, ".", "pull ssh ::1 file path => . single"},
        {{"u@[fe80::1%eth0]:p"}, ".", "pull ssh u@fe80::1%eth0 file p => . single"},
        {{"host:a", "host:b"}, ".", "pull ssh host file a b => ."},
        {{"host:a;touch b"}, ".", "pull ssh host file a;touch b => . single"},
        {{"host:a:b"}, ".", "pull ssh host file a:b => . single"},
        {{"host:a", "other:b"}, ".", "!sources must be all on one server"},
        {{"host:a", "sluice://host/b"}, ".", "!sources must be all on one server"},
        {{"host:path"}, "sluice://h/", "!both sides are remote"},
        {{"-oProxyCommand=x:path"}, ".", "!may not begin with '-'"},
        {{"u@-oProxyCommand=x:path"}, ".", "!may not begin with '-'"},
        {{"[-x]:path"}, ".", "!may not begin with '-'"},
        {{"ho st:path"}, ".", "!blanks or control characters"},
        {{":path"}, ".", "!no host before the colon"},
        {{"@host:path"}, ".", "!no user before the colon"},
        {{"user@:path"}, ".", "!no host before the colon"},
        {{"dir/host:path"}, "sluice://h/", "push h:33001 file dir/host:path =>  single"},
        {{"./host:path"}, "sluice://h/", "push h:33001 file ./host:path =>  single"},
        {{"[half:path"}, "sluice://h/", "push h:33001 file [half:path =>  single"},
        {{"null:"}, "sluice://h/x", "!both sides are remote"}, /* a sink is no source, so this is a host */
        {{"zero:1", "a"}, "sluice://h/x", "!is copied alone"},
        {{"a", "zero:1"}, "sluice://h/x", "!is copied alone"},
        {{"zero:1"}, "sluice://h/x/", "push h:33001 zero[1] => x/ single"},
        {{"a"}, "sluice://h:0/", "!no such host or port"},
        {{"a"}, "sluice://h:99999/", "!sluice://h:99999/"},
        {{"a"}, "sluice://u@h/", "!sluice://u@h/"},
        {{"a"}, "sluice://:1/", "!sluice://:1/"},
        {{"sluice://h/%"}, ".", "!%25"},
        {{"sluice://h/%0"}, ".", "!%25"},
        {{"sluice://h/%zz"}, ".", "!%25"},
        {{"sluice://h/a%00b"}, ".", "!%25"},
        {{"-"}, "sluice://h/x", "!./-"},
        {{""}, "sluice://h/x", "!an empty source"},
        {{"a"}, "", "!an empty destination"},
        {{NULL}, "x", "!no source"},
        {{"a"}, NULL, "!no destination"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        size_t count = 0;
        while (count < 3 && cases[i].sources[count] != NULL)
            count++;
        check(&(sluice_operands_order){.sources = cases[i].sources,
                                       .source_count = count,
                                       .destination = cases[i].destination,
                                       .is_plugin = is_plugin},
              cases[i].expected);
    }
}

#define TEXT(literal) literal, sizeof(literal) - 1

static void lists(void)
{
    static const char *const local[] = {"base"}, *const remote[] = {"sluice://h/b%20b/"}, *const two[] = {"a", "b"};
    static const struct {
        const char *text;
        size_t bytes;
        bool pairs, null;
        const char *const *sources;
        size_t count;
        const char *destination, *expected;
    } cases[] = {
        {TEXT("a:b\n\n/x y\nlast"), false, false, NULL, 0, "sluice://h/in/", "push h:33001 file a:b /x y last => in/"},
        {TEXT("a\nb\0c\n\0"), false, true, NULL, 0, "sluice://h/", "push h:33001 file a\nb c\n => "},
        {TEXT("sluice://h/a%20b\nsluice://h/c\n"), false, false, NULL, 0, ".", "pull h:33001 file a b c => ."},
        {TEXT("./x//y/../z"), false, false, local, 1, "sluice://h/", "!:1: "},
        {TEXT("./x//y\nsluice://z\n"), false, false, local, 1, "sluice://h/",
         "push h:33001 file base/x/y>x/y base/sluice:/z>sluice:/z =>  names"},
        {TEXT("x%20/y\n"), false, false, remote, 1, "d", "pull h:33001 file b b/x%20/y>x%20/y => d names"},
        {TEXT("/etc/passwd\n"), false, false, remote, 1, "d", "!:1: "},
        {TEXT("/x/a\nout/1\nb\n2\n"), true, false, NULL, 0, "sluice://h/in/",
         "push h:33001 file /x/a>out/1 b>2 => in/ names"},
        {TEXT("a\nx/y\n"), true, false, local, 1, "sluice://h/", "push h:33001 file base/a>x/y =>  names"},
        {TEXT("a\nb\nc\n"), true, false, NULL, 0, "sluice://h/", "!:3: the last source has no destination"},
        {TEXT("a\n/b\n"), true, false, NULL, 0, "sluice://h/", "!:2: /b"},
        {TEXT("a\n../b\n"), true, false, NULL, 0, "sluice://h/", "!:2: ../b"},
        {TEXT("a\nb/..\n"), true, false, NULL, 0, "sluice://h/", "!:2: b/.."},
        {TEXT("\nb\n"), true, false, NULL, 0, "sluice://h/", "!:1: an empty source"},
        {TEXT("a\n\n"), true, false, NULL, 0, "sluice://h/", "!:2: "},
        {TEXT("a\0b\n"), false, false, NULL, 0, "sluice://h/", "!-0"},
        {TEXT("a\nsluice://h/b\n"), false, false, NULL, 0, "sluice://h/", "!:2: sluice://h/b"},
        {TEXT(""), false, false, NULL, 0, "sluice://h/", "!names nothing"},
        {TEXT("a"), false, false, two, 2, "sluice://h/", "!at most one source"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        write_list(cases[i].text, cases[i].bytes);
        check(&(sluice_operands_order){.sources = cases[i].sources,
                                       .source_count = cases[i].count,
                                       .destination = cases[i].destination,
                                       .null = cases[i].null,
                                       .file_list = cases[i].pairs ? NULL : list_path,
                                       .pair_list = cases[i].pairs ? list_path : NULL},
              cases[i].expected);
    }
}

static void lists_that_cannot_be_read(void)
{
    sluice_operands operands = {0};
    sluice_error error;
    CU_ASSERT_EQUAL(
        sluice_operands_read(&operands,
                             &(sluice_operands_order){.destination = "sluice://h/", .file_list = "/nonexistent/list"},
                             &error),
        SLUICE_ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/nonexistent/list"));
    check(&(sluice_operands_order){.destination = "sluice://h/", .file_list = "x", .pair_list = "y"},
          "!do not go together");
}

/* ---- for programs ---- */

static void locations(void)
{
    static const struct {
        const char *text;
        bool remote, ssh, bare;
        const char *user, *host;
        uint16_t port;
        const char *path;
    } rows[] = {
        {"a", false, false, false, "", "", 0, "a"},
        {"./a:b", false, false, false, "", "", 0, "./a:b"},
        {"/x:y", false, false, false, "", "", 0, "/x:y"},
        {"sluice://h/a", true, false, false, "", "h", 33001, "a"},
        {"sluice://h", true, false, true, "", "h", 33001, "."},
        {"sluice://h/", true, false, true, "", "h", 33001, "."},
        {"sluice://h:44//a%20b%25/", true, false, false, "", "h", 44, "a b%/"},
        {"sluice:///a", true, false, false, "", "", 33001, "a"},
        {"sluice://[::1]/a", true, false, false, "", "::1", 33001, "a"},
        {"sluice://[fe80::1%25eth0]:9/a", true, false, false, "", "fe80::1%eth0", 9, "a"},
        {"sluice://::1/a", true, false, false, "", "::1", 33001, "a"},
        {"h:a", true, true, false, "", "h", 0, "a"},
        {"h:", true, true, true, "", "h", 0, "."},
        {"h:~", true, true, true, "", "h", 0, "."},
        {"h:~/a", true, true, false, "", "h", 0, "a"},
        {"u@h:/a:b", true, true, false, "u", "h", 0, "/a:b"},
        {"u@x@h:a", false, false, false, "", "", 0, NULL},
        {"[::1]:a", true, true, false, "", "::1", 0, "a"},
        {"u@[::1]:a", true, true, false, "u", "::1", 0, "a"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_location address = {.size = 0};
        if (rows[i].path == NULL)
            continue;
        CU_ASSERT_EQUAL_FATAL(sluice_location_parse(rows[i].text, &address, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(address.remote, rows[i].remote);
        CU_ASSERT_EQUAL(address.ssh, rows[i].ssh);
        CU_ASSERT_EQUAL(address.bare, rows[i].bare);
        CU_ASSERT_STRING_EQUAL(address.user, rows[i].user);
        CU_ASSERT_STRING_EQUAL(address.host, rows[i].host);
        CU_ASSERT_EQUAL(address.port, rows[i].port);
        CU_ASSERT_STRING_EQUAL(address.path, rows[i].path);
        sluice_location_fini(&address);
    }
}

static void bad_locations(void)
{
    static const char *const texts[] = {"",
                                        "sluice://h:0/a",
                                        "sluice://h:65536/a",
                                        "sluice://h:x/a",
                                        "sluice://[::1/a",
                                        "sluice://u@h/a",
                                        "sluice://h/%zz",
                                        "sluice://h/%00",
                                        "-oProxyCommand=x:a",
                                        "u@-h:a",
                                        "-u@h:a",
                                        "@h:a",
                                        "u@:a",
                                        "a b:c"};
    for (size_t i = 0; i < SLUICE_COUNT(texts); i++) {
        sluice_location address = {.size = 0};
        sluice_error error = {0};
        CU_ASSERT_EQUAL(sluice_location_parse(texts[i], &address, &error), SLUICE_EUSAGE);
        CU_ASSERT(error.text[0] != '\0');
        sluice_location_fini(&address);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"addresses", addresses},
        {"locations", locations},
        {"bad locations", bad_locations},
        {"lists", lists},
        {"lists that cannot be read", lists_that_cannot_be_read},
        CU_TEST_INFO_NULL,
    };
    int descriptor = mkstemp(list_path);
    if (descriptor < 0) {
        perror(list_path);
        return 1;
    }
    close(descriptor);
    int status = sluice_suite_run("operands", tests);
    unlink(list_path);
    return status;
}
