/* SPDX-License-Identifier: Apache-2.0 */
/* Orders, and what becomes of them: records for a worker that is sluice, arguments for one that takes ascp's. */
#include "manager/order.h"
#include "manager/plan.h"
#include "manager/words.h"
#include "unit/suite.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sluice_order *order_of(sluice_direction direction, const sluice_remote *remote, const char *source,
                              const char *destination)
{
    sluice_order *order = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_order_new(direction, &order, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_order_remote(order, remote, NULL), SLUICE_OK);
    if (source != NULL)
        CU_ASSERT_EQUAL_FATAL(sluice_order_source(order, source, NULL, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_order_destination(order, destination, NULL), SLUICE_OK);
    return order;
}

static sluice_order *push_to(const char *host, const char *source)
{
    const sluice_remote remote = {.size = sizeof remote, .host = host};
    return order_of(SLUICE_PUSH, &remote, source, "in");
}

/* Strings parted by NUL as lines; and words as lines. */
static const char *lines_of(const sluice_plan *plan, bool input, char *out, size_t size)
{
    size_t bytes = 0;
    out[0] = '\0';
    if (input)
        for (size_t i = 0; i < plan->input.length && bytes + 1 < size; i++)
            out[bytes++] = plan->input.bytes[i] != '\0' ? plan->input.bytes[i] : '\n';
    for (size_t i = 0; !input && i < plan->words.count; i++)
        bytes += (size_t)snprintf(out + bytes, size - bytes, "%s\n", plan->words.items[i]);
    out[bytes] = '\0';
    return out;
}

static void expect(const char *got, const char *wanted)
{
    if (strcmp(got, wanted) != 0)
        fprintf(stderr, "wanted:\n%s\ngot:\n%s\n", wanted, got);
    CU_ASSERT_STRING_EQUAL(got, wanted);
}

typedef int planner(sluice_plan *plan, const sluice_plan_spec *spec, sluice_error *error);

static void expect_plan(planner *make, const sluice_order *order, const sluice_wishes *wishes, const char *words,
                        const char *input)
{
    sluice_plan plan = {0};
    sluice_error error = {0};
    char text[8192];
    const sluice_wishes none = {0};
    const sluice_plan_spec spec = {.order = order, .wishes = wishes != NULL ? wishes : &none, .program = "/opt/sluice",
                                   .user = "token", .port = 4000};
    CU_ASSERT_EQUAL(sluice_order_check(order, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(make(&plan, &spec, &error), SLUICE_OK);
    if (error.text[0] != '\0')
        fprintf(stderr, "%s\n", error.text);
    if (words != NULL)
        expect(lines_of(&plan, false, text, sizeof text), words);
    if (input != NULL)
        expect(lines_of(&plan, true, text, sizeof text), input);
    CU_ASSERT_EQUAL(plan.has_input, input != NULL);
    sluice_plan_fini(&plan);
}

#define TAIL "set\nmanagement-user\ntoken\nset\nmanagement-extended\nyes\n"
#define REQUIRED "set\nmanagement-required\nyes\n"

/* ---- ours ---- */

static void test_records(void)
{
    const sluice_remote remote = {.size = sizeof remote, .host = "h.example", .port = 4100, .ticket = "sluice1:abc",
                                  .fingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"};
    sluice_order *order = order_of(SLUICE_PUSH, &remote, "data/a", "in/x y");
    CU_ASSERT_EQUAL(sluice_order_source(order, "b", "sub/c", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_range(order, "d", "e", 100, 200, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_range(order, "d", "f", 200, SLUICE_UNKNOWN, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_set(order, "rate", "100m", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_set(order, "rate", "200m", NULL), SLUICE_OK); /* replaces */
    CU_ASSERT_EQUAL(sluice_order_set(order, "exclude", "*.o", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_set(order, "exclude", "*.a", NULL), SLUICE_OK); /* is added */
    CU_ASSERT_EQUAL(sluice_order_set(order, "congestion.fair.target-queue", "5ms", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_cookie(order, "nightly", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_tags(order, "{\"a\":1}", NULL), SLUICE_OK);
    expect_plan(sluice_plan_sluice, order, NULL, "/opt/sluice\nworker\n3\n4\n",
                "set\nrate\n200m\nset\nexclude\n*.o\nset\nexclude\n*.a\nassign\ncongestion.fair.target-queue=5ms\n"
                "set\nmanagement-user\ntoken\nset\nmanagement-cookie\nnightly\nset\nmanagement-tags\n{\"a\":1}\n"
                "set\nmanagement-extended\nyes\nset\nmanagement-required\nyes\n"
                "set\npin\n00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\nticket\nsluice1:abc\n"
                "destination\nsluice://h.example:4100/in/x%20y\n"
                "base\n.\npath\ndata/a\n\n0\n\npath\nb\nsub/c\n0\n\npath\nd\ne\n100\n200\npath\nd\nf\n200\n\n");
    /* What does not end with its manager is not told to. */
    sluice_order_outlive(order, true);
    sluice_plan plan = {0};
    const sluice_wishes none = {0};
    const sluice_plan_spec spec = {.order = order, .wishes = &none, .program = "p", .user = "token", .plugin_path = "/a:/b"};
    char text[8192];
    CU_ASSERT_EQUAL(sluice_plan_sluice(&plan, &spec, NULL), SLUICE_OK);
    lines_of(&plan, true, text, sizeof text);
    CU_ASSERT_PTR_NULL(strstr(text, "management-required"));
    CU_ASSERT_PTR_EQUAL(strstr(text, "plugin-path\n/a:/b\n"), text);
    sluice_plan_fini(&plan);
    sluice_order_free(order);
}

static void test_ssh(void)
{
    const sluice_remote remote = {.size = sizeof remote, .host = "2001:db8::1", .ssh = true, .user = "me", .port = 2222,
                                  .password = "hunter2", .key_file = "/k"};
    sluice_order *order = order_of(SLUICE_PULL, &remote, "/data/a:b", "here:x");
    sluice_order_persistent(order, true);
    expect_plan(sluice_plan_sluice, order, NULL, "/opt/sluice\nworker\n3\n4\n",
                TAIL REQUIRED "password\nhunter2\nssh-key\n/k\nssh-port\n2222\npersistent\ndestination\n./here:x\n"
                              "base\nme@[2001:db8::1]:\npath\n/data/a:b\n\n0\n\n");
    sluice_order_free(order);
}

static void test_wishes(void)
{
    sluice_order *order = push_to("h", "a");
    CU_ASSERT_EQUAL(sluice_order_set(order, "rate", "50m", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_set(order, "min-rate", "10m", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_set(order, "congestion", "bbr", NULL), SLUICE_OK);
    /* A minimum above the target would be refused, and a control of its own beside a policy, too. */
    const sluice_wishes wishes = {.rate_set = true, .rate_bps = 5000000, .policy_set = true, .policy = "fixed"};
    expect_plan(sluice_plan_sluice, order, &wishes, NULL,
                "set\nrate\n5000000\nset\nmin-rate\n5000000\nset\npolicy\nfixed\n" TAIL REQUIRED
                "destination\nsluice://h/in\nbase\n.\npath\na\n\n0\n\n");
    /* A policy takes the place of a control of the order's own. */
    const sluice_wishes other = {.policy_set = true, .policy = "low"};
    expect_plan(sluice_plan_sluice, order, &other, NULL,
                "set\nrate\n50m\nset\nmin-rate\n10m\nset\npolicy\nlow\n" TAIL REQUIRED
                "destination\nsluice://h/in\nbase\n.\npath\na\n\n0\n\n");
    const sluice_wishes unlimited = {.rate_set = true, .policy_set = true, .policy = "fixed"};
    expect_plan(sluice_plan_sluice, order, &unlimited, NULL,
                "set\nrate\n50m\nset\nmin-rate\n10m\nset\npolicy\nfixed\n" TAIL REQUIRED
                "destination\nsluice://h/in\nbase\n.\npath\na\n\n0\n\n");
    sluice_order_free(order);
    order = push_to("h", "a");
    expect_plan(sluice_plan_sluice, order, &unlimited, NULL,
                TAIL REQUIRED "destination\nsluice://h/in\nbase\n.\npath\na\n\n0\n\n");
    sluice_order_free(order);
}

/* What is dropped is not in a later order. */
static void test_dropped(void)
{
    sluice_order *order = push_to("h", "a");
    CU_ASSERT_EQUAL(sluice_order_source(order, "b", NULL, NULL), SLUICE_OK);
    order->entries[0].dropped = true;
    expect_plan(sluice_plan_sluice, order, NULL, NULL, TAIL REQUIRED "destination\nsluice://h/in\nbase\n.\npath\nb\n\n0\n\n");
    sluice_order_free(order);
}

static void test_addresses(void)
{
    static const char *const local[][2] = {
        {"a", "a"},         {"/a:b", "/a:b"},   {"./a:b", "./a:b"},   {"a:b", "./a:b"},
        {"-", "./-"},       {"-x", "./-x"},     {"sluice://h/x", "./sluice://h/x"}, {"[a/b]:c", "./[a/b]:c"},
        {"d/a:b", "./d/a:b"}, {"../a", "../a"}, {"command:rm", "./command:rm"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(local); i++) {
        sluice_text text = {0};
        sluice_plan_local(&text, local[i][0]);
        CU_ASSERT_STRING_EQUAL(sluice_text_string(&text), local[i][1]);
        sluice_text_fini(&text);
    }
    static const struct {
        sluice_remote remote;
        const char *path, *address;
    } rows[] = {
        {{.host = "h"}, "", "sluice://h/"},
        {{.host = "h"}, "/abs", "sluice://h/abs"},
        {{.host = "::1", .port = 5}, "a/b", "sluice://[::1]:5/a/b"},
        {{.host = NULL, .ticket = "t", .port = 5}, "a", "sluice:///a"},
        {{.host = "h"}, "50%\xc3\xa4?#\n", "sluice://h/50%25%C3%A4%3F%23%0A"},
        {{.host = "h"}, "a-b._~", "sluice://h/a-b._~"},
        {{.host = "h", .ssh = true}, "a b", "h:a b"},
        {{.host = "h", .ssh = true, .user = "u@d"}, "", "u@d@h:"},
        {{.host = "::1", .ssh = true}, "x", "[::1]:x"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_remote remote = rows[i].remote;
        remote.size = sizeof remote;
        sluice_order *order = order_of(SLUICE_PUSH, &remote, "a", "b");
        sluice_text text = {0};
        sluice_plan_remote(&text, order, rows[i].path);
        expect(sluice_text_string(&text), rows[i].address);
        sluice_text_fini(&text);
        sluice_order_free(order);
    }
}

/* ---- theirs ---- */

static void test_ascp(void)
{
    const sluice_remote remote = {.size = sizeof remote, .host = "h.example", .user = "me", .port = 33001, .key_file = "/k",
                                  .password = "hunter2", .ticket = "secret"};
    sluice_order *order = order_of(SLUICE_PUSH, &remote, "a", "/dst");
    CU_ASSERT_EQUAL(sluice_order_ascp(order, "/opt/ascp", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_source(order, "-b", NULL, NULL), SLUICE_OK);
    static const char *const options[][2] = {
        {"rate", "100m"},         {"min-rate", "1500"},   {"policy", "high"},      {"cipher", "aes-256-gcm"},
        {"resume", "sparse"},     {"overwrite", "different"}, {"symlinks", "skip"}, {"checksum", "sha-256"},
        {"preserve", "times,owner"}, {"mkdir", "yes"},    {"udp-ports", "33002"},  {"exclude", "*.o"},
        {"include", "*.c"},       {"transport", "udp"},   {"datagram-size", "1400"}, {"manifest", "/r/"},
        {"exclude-older-than", "-3600"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(options); i++)
        CU_ASSERT_EQUAL(sluice_order_set(order, options[i][0], options[i][1], NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_cookie(order, "c", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_tags(order, "{\"a\":1}", NULL), SLUICE_OK);
    expect_plan(sluice_plan_ascp, order, NULL,
                "/opt/ascp\n-M\n4000\n-u\ntoken\n-q\n--mode=send\n--host=h.example\n--user=me\n-P\n33001\n-i\n/k\n-d\n"
                "-l\n100000\n-m\n2\n--policy=high\n-c\naes256gcm\n-k\n2\n--overwrite=diff\n--symbolic-links=skip\n"
                "--file-checksum=sha-256\n-p\n--preserve-file-owner-uid\n--preserve-file-owner-gid\n-O\n33002\n-E\n*.o\n"
                "-N\n*.c\n-Z\n1400\n--file-manifest=text\n--file-manifest-path=/r/\n--exclude-older-than=-3600\n--tags64=eyJhIjoxfQ==\na\n./-b\n/dst\n",
                NULL);
    sluice_plan plan = {0};
    const sluice_wishes none = {0};
    const sluice_plan_spec spec = {.order = order, .wishes = &none, .user = "token", .port = 4000};
    CU_ASSERT_EQUAL(sluice_plan_ascp(&plan, &spec, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(plan.environment.count, 3);
    CU_ASSERT_STRING_EQUAL(plan.environment.items[0], "ASPERA_SCP_PASS=hunter2");
    CU_ASSERT_STRING_EQUAL(plan.environment.items[1], "ASPERA_SCP_TOKEN=secret");
    CU_ASSERT_STRING_EQUAL(plan.environment.items[2], "ASPERA_SCP_COOKIE=c");
    for (size_t i = 0; i < plan.words.count; i++)
        CU_ASSERT(strstr(plan.words.items[i], "hunter2") == NULL && strstr(plan.words.items[i], "secret") == NULL);
    sluice_plan_fini(&plan);
    sluice_order_free(order);
}

static void test_ascp_lists(void)
{
    const sluice_remote remote = {.size = sizeof remote, .host = "h"};
    sluice_order *order = order_of(SLUICE_PULL, &remote, "d/a/", "here");
    CU_ASSERT_EQUAL(sluice_order_ascp(order, "ascp", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_source(order, "b", "sub/c", NULL), SLUICE_OK);
    const sluice_wishes wishes = {.rate_set = true, .rate_bps = 7000000, .policy_set = true, .policy = "low"};
    expect_plan(sluice_plan_ascp, order, &wishes,
                "ascp\n-M\n4000\n-u\ntoken\n-q\n--mode=recv\n--host=h\n-d\n-l\n7000\n--policy=low\n"
                "--file-pair-list=/dev/fd/3\nhere\n",
                "d/a/\na\nb\nsub/c\n");
    sluice_order_free(order);

    order = order_of(SLUICE_PUSH, &remote, NULL, "here");
    CU_ASSERT_EQUAL(sluice_order_ascp(order, "ascp", NULL), SLUICE_OK);
    sluice_order_persistent(order, true);
    expect_plan(sluice_plan_ascp, order, NULL,
                "ascp\n-M\n4000\n-u\ntoken\n-q\n--mode=send\n--host=h\n-d\n--keepalive\nhere\n", NULL);
    sluice_order_free(order);

    static const struct {
        uint64_t from, to;
        const char *words;
    } ranges[] = {
        {10, 20, "ascp\n-M\n4000\n-u\ntoken\n-q\n--mode=send\n--host=h\n-@\n10:19\na\nhere\n"},
        {10, SLUICE_UNKNOWN, "ascp\n-M\n4000\n-u\ntoken\n-q\n--mode=send\n--host=h\n-@\n10:\na\nhere\n"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(ranges); i++) {
        order = order_of(SLUICE_PUSH, &remote, NULL, "here");
        CU_ASSERT_EQUAL(sluice_order_ascp(order, "ascp", NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_order_range(order, "a", NULL, ranges[i].from, ranges[i].to, NULL), SLUICE_OK);
        expect_plan(sluice_plan_ascp, order, NULL, ranges[i].words, NULL);
        sluice_order_free(order);
    }
}

static void expect_refused(sluice_order *order, const char *part)
{
    sluice_plan plan = {0};
    sluice_error error = {0};
    const sluice_wishes none = {0};
    const sluice_plan_spec spec = {.order = order, .wishes = &none, .program = "p", .user = "u"};
    CU_ASSERT_EQUAL((order->ascp != NULL ? sluice_plan_ascp : sluice_plan_sluice)(&plan, &spec, &error), SLUICE_EUSAGE);
    if (strstr(error.text, part) == NULL)
        fprintf(stderr, "wanted '%s' in: %s\n", part, error.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, part));
    sluice_plan_fini(&plan);
    sluice_order_free(order);
}

static void test_ascp_refusals(void)
{
    static const char *const options[][2] = {
        {"congestion", "bbr"}, {"cipher", "chacha20-poly1305"}, {"checksum", "xxh3-128"}, {"transport", "tcp"},
        {"memory", "8Mi"},     {"udp-ports", "33001-33100"},    {"preserve", "times,mode"}, {"congestion.fair.gain", "1"},
        {"manifest", "/r/file"}, {"exclude-newer-than", "2027-01-31"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(options); i++) {
        sluice_order *order = push_to("h", "a");
        CU_ASSERT_EQUAL(sluice_order_ascp(order, "my-ascp", NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_order_set(order, options[i][0], options[i][1], NULL), SLUICE_OK);
        expect_refused(order, options[i][0]);
    }
    sluice_order *order = push_to("h", "a");
    CU_ASSERT_EQUAL(sluice_order_ascp(order, "my-ascp", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_range(order, "b", NULL, 1, 2, NULL), SLUICE_OK);
    expect_refused(order, "range");
    order = push_to("h", "a");
    CU_ASSERT_EQUAL(sluice_order_ascp(order, "my-ascp", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_source(order, "a\nb", "c", NULL), SLUICE_OK);
    expect_refused(order, "line end");
}

/* ---- orders ---- */

static void test_options_refused(void)
{
    static const struct {
        const char *key, *value, *part;
    } rows[] = {
        {"rat", "1m", "did you mean 'rate'"},   {"rate", "fast", "rate"},
        {"policy", "greedy", "policy"},         {"source", "a", "call of its own"},
        {"ticket-file", "t", "call of its own"}, {"pin", "00", "call of its own"},
        {"management", "4000", "manager"},      {"management-user", "x", "manager"},
        {"json", "yes", "terminal"},            {"congestio.fair.x", "1", "no kind"},
        {"congestion.fair", "1", "KIND.NAME.KEY"}, {"congestion.Fair!.x", "1", "no name"},
        {"congestion.fair.x=y", "1", "KIND.NAME.KEY"},
    };
    sluice_order *order = push_to("h", "a");
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_error error = {0};
        CU_ASSERT_EQUAL(sluice_order_set(order, rows[i].key, rows[i].value, &error), SLUICE_EUSAGE);
        if (strstr(error.text, rows[i].part) == NULL)
            fprintf(stderr, "%s: %s\n", rows[i].key, error.text);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rows[i].part));
    }
    CU_ASSERT_EQUAL(order->option_count, 0);
    sluice_order_free(order);
}

static void test_order_refused(void)
{
    static const struct {
        sluice_remote remote;
        const char *part;
    } rows[] = {
        {{.host = NULL, .ssh = true}, "no host"},
        {{.host = "h", .ssh = true, .ticket = "t"}, "for ssh"},
        {{.host = "h", .ssh = true, .ticket_file = "t"}, "for ssh"},
        {{.host = "h", .user = "u"}, "for ssh"},
        {{.host = "h", .password = "p"}, "for ssh"},
        {{.host = "h", .ticket = "t", .ticket_file = "f"}, "not by both"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_error error = {0};
        sluice_remote remote = rows[i].remote;
        remote.size = sizeof remote;
        sluice_order *order = order_of(SLUICE_PUSH, &remote, "a", "b");
        CU_ASSERT_EQUAL(sluice_order_check(order, &error), SLUICE_EUSAGE);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rows[i].part));
        sluice_order_free(order);
    }
    static const sluice_remote bad[] = {
        {.host = "-h"}, {.host = "a b"}, {.host = "a/b"}, {.host = "u@h"}, {.host = ""}, {.host = "h", .user = "-u"},
        {.host = "h", .user = "u:p"}, {.host = "h", .fingerprint = "00"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(bad); i++) {
        sluice_order *order = push_to("h", "a");
        sluice_remote remote = bad[i];
        remote.size = sizeof remote;
        CU_ASSERT_EQUAL(sluice_order_remote(order, &remote, NULL), SLUICE_EUSAGE);
        sluice_order_free(order);
    }
    sluice_order *order = push_to("h", NULL);
    CU_ASSERT_EQUAL(sluice_order_check(order, NULL), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_order_source(order, "", NULL, NULL), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_order_source(order, "a", "../b", NULL), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_order_source(order, "a", "/b", NULL), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_order_range(order, "a", NULL, 5, 5, NULL), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_order_destination(order, "", NULL), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_order_cookie(order, "a\nb", NULL), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(order->count, 0);
    sluice_order_persistent(order, true); /* may begin without any */
    CU_ASSERT_EQUAL(sluice_order_check(order, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_set(order, "policy", "high", NULL), SLUICE_OK);
    sluice_order_free(order);
}

static void write_file(const char *name, const char *text)
{
    FILE *out = fopen(name, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs(text, out);
    fclose(out);
}

static void test_lists(void)
{
    char name[] = "/tmp/sluice-list.XXXXXX";
    int fd = mkstemp(name);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    sluice_order *order = push_to("h", NULL);
    sluice_error error = {0};
    write_file(name, "a\n\nb:c\nd");
    CU_ASSERT_EQUAL(sluice_order_list(order, name, false, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(order->count, 3);
    CU_ASSERT_STRING_EQUAL(order->entries[1].path, "b:c");
    CU_ASSERT_PTR_NULL(order->entries[1].as);
    CU_ASSERT_STRING_EQUAL(order->entries[2].path, "d");
    write_file(name, "e\nx/y\nf\nz\n");
    CU_ASSERT_EQUAL(sluice_order_list(order, name, true, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(order->count, 5);
    CU_ASSERT_STRING_EQUAL(order->entries[3].path, "e");
    CU_ASSERT_STRING_EQUAL(order->entries[3].as, "x/y");
    write_file(name, "e\nx\nf\n");
    CU_ASSERT_EQUAL(sluice_order_list(order, name, true, &error), SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ":3: the last source has no destination"));
    write_file(name, "e\n../x\n");
    CU_ASSERT_EQUAL(sluice_order_list(order, name, true, &error), SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ":2: ../x"));
    write_file(name, "");
    CU_ASSERT_EQUAL(sluice_order_list(order, name, false, NULL), SLUICE_EUSAGE);
    unlink(name);
    CU_ASSERT_EQUAL(sluice_order_list(order, name, false, NULL), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(sluice_order_list(order, NULL, false, NULL), SLUICE_EINVAL);
    sluice_order_free(order);
}

static void test_words(void)
{
    static const char *const policies[] = {"fixed", "high", "fair", "low"};
    for (size_t i = 0; i < SLUICE_COUNT(policies); i++) {
        CU_ASSERT(sluice_words_policy(policies[i]));
        CU_ASSERT_STRING_EQUAL(sluice_words_policy_of(sluice_words_adaptive(policies[i]), sluice_words_priority(policies[i])),
                               policies[i]);
    }
    CU_ASSERT_FALSE(sluice_words_policy("Fixed"));
    CU_ASSERT_STRING_EQUAL(sluice_words_policy_of("Greedy", 1), "");
    CU_ASSERT(sluice_words_below("a/b"));
    CU_ASSERT(sluice_words_below("a/./b/"));
    CU_ASSERT_FALSE(sluice_words_below("a/../b"));
    CU_ASSERT_FALSE(sluice_words_below("/a"));
    CU_ASSERT_FALSE(sluice_words_below("."));
    CU_ASSERT_FALSE(sluice_words_below(""));
    for (int type = 0; type <= SLUICE_JOB_EVENT_SESSION_ERROR; type++)
        CU_ASSERT_STRING_NOT_EQUAL(sluice_job_event_name((sluice_job_event_type)type), "unknown");
    for (int state = 0; state <= SLUICE_JOB_CANCELLED; state++)
        CU_ASSERT_STRING_NOT_EQUAL(sluice_job_state_name((sluice_job_state)state), "unknown");
    CU_ASSERT_STRING_EQUAL(sluice_job_file_state_name(SLUICE_FILE_MOVING), "moving");
    CU_ASSERT_STRING_EQUAL(sluice_job_file_state_name(SLUICE_FILE_FAILED), "failed");
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"records of an order", test_records},
        {"an order through ssh", test_ssh},
        {"what was asked for later", test_wishes},
        {"sources that were taken out", test_dropped},
        {"addresses", test_addresses},
        {"arguments of ascp", test_ascp},
        {"lists, persistent sessions and ranges of ascp", test_ascp_lists},
        {"what ascp cannot be told", test_ascp_refusals},
        {"options that are refused", test_options_refused},
        {"orders that are refused", test_order_refused},
        {"lists of sources", test_lists},
        {"words", test_words},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("plan", tests);
}
