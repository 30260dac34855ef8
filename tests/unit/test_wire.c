/* SPDX-License-Identifier: Apache-2.0 */
#include "session/catalogue.h"
#include "session/message.h"
#include "session/request.h"
#include "session/wire.h"
#include "unit/suite.h"
#include <stdlib.h>
#include <string.h>

/* The examples of RFC 9000, appendix A.1, and the edges of each length. */
static void test_number(void)
{
    static const struct {
        uint64_t number;
        size_t bytes;
        uint8_t encoded[8];
    } cases[] = {{151288809941952652u, 8, {0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}},
                 {494878333, 4, {0x9d, 0x7f, 0x3e, 0x7d}},
                 {15293, 2, {0x7b, 0xbd}},
                 {37, 1, {0x25}},
                 {0, 1, {0}},
                 {63, 1, {0x3f}},
                 {64, 2, {0x40, 0x40}},
                 {16383, 2, {0x7f, 0xff}},
                 {16384, 4, {0x80, 0, 0x40, 0}},
                 {1073741823, 4, {0xbf, 0xff, 0xff, 0xff}},
                 {1073741824, 8, {0xc0, 0, 0, 0, 0x40, 0, 0, 0}},
                 {SLUICE_WIRE_NUMBER_MAX, 8, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}};
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        sluice_wire_writer writer = {0};
        sluice_wire_put_number(&writer, cases[i].number);
        CU_ASSERT_EQUAL(writer.size, cases[i].bytes);
        CU_ASSERT_EQUAL(memcmp(writer.bytes, cases[i].encoded, cases[i].bytes), 0);
        sluice_wire_reader reader;
        sluice_wire_reader_init(&reader, cases[i].encoded, cases[i].bytes);
        CU_ASSERT_EQUAL(sluice_wire_get_number(&reader), cases[i].number);
        CU_ASSERT_FALSE(reader.bad);
        sluice_wire_reader_init(&reader, cases[i].encoded, cases[i].bytes - 1);
        CU_ASSERT_EQUAL(sluice_wire_get_number(&reader), 0);
        CU_ASSERT(reader.bad);
        sluice_wire_writer_fini(&writer);
    }
}

static void test_split(void)
{
    static const uint8_t bytes[] = {9, 3, 'a', 'b', 'c', 7};
    uint64_t type;
    size_t used;
    sluice_wire_reader body;
    for (size_t count = 0; count < 5; count++)
        CU_ASSERT_EQUAL(sluice_wire_split(bytes, count, 100, &type, &body, &used), SLUICE_EAGAIN);
    CU_ASSERT_EQUAL(sluice_wire_split(bytes, 6, 100, &type, &body, &used), SLUICE_OK);
    CU_ASSERT_EQUAL(type, 9);
    CU_ASSERT_EQUAL(used, 5);
    CU_ASSERT_EQUAL(sluice_wire_left(&body), 3);
    CU_ASSERT_EQUAL(sluice_wire_split(bytes, 2, 2, &type, &body, &used), SLUICE_EPROTOCOL);
}

static void test_entry(void)
{
    const sluice_entry entry = {.type = SLUICE_ENTRY_SYMLINK, .name = "a b/\xff\n", .operand = 70000, .mode = 04755,
                                .mtime_ns = -5, .atime_ns = INT64_MAX, .uid = 0, .gid = UINT32_MAX - 1, .user = "root",
                                .target = "../x"};
    sluice_wire_writer writer = {0};
    sluice_catalogue_put_entry(&writer, &entry);
    uint64_t type;
    size_t used;
    sluice_wire_reader body;
    sluice_entry got;
    char *memory;
    CU_ASSERT_EQUAL_FATAL(sluice_wire_split(writer.bytes, writer.size, 1000, &type, &body, &used), SLUICE_OK);
    CU_ASSERT_EQUAL(type, SLUICE_CATALOGUE_ENTRY);
    CU_ASSERT_EQUAL_FATAL(sluice_catalogue_get_entry(&body, &got, &memory), SLUICE_OK);
    CU_ASSERT_EQUAL(got.type, entry.type);
    CU_ASSERT_STRING_EQUAL(got.name, entry.name);
    CU_ASSERT_STRING_EQUAL(got.target, entry.target);
    CU_ASSERT_STRING_EQUAL(got.user, "root");
    CU_ASSERT_PTR_NULL(got.group);
    CU_ASSERT_EQUAL(got.operand, 70000);
    CU_ASSERT_EQUAL(got.mode, 04755);
    CU_ASSERT_EQUAL(got.mtime_ns, -5);
    CU_ASSERT_EQUAL(got.atime_ns, INT64_MAX);
    CU_ASSERT_EQUAL(got.uid, 0);
    CU_ASSERT_EQUAL(got.gid, UINT32_MAX - 1);
    free(memory);
    /* Cut anywhere, or with any byte changed, it is refused or read, never more. */
    for (size_t i = 0; i < writer.size; i++) {
        uint8_t *cut = malloc(i ? i : 1);
        memcpy(cut, writer.bytes, i);
        sluice_wire_reader_init(&body, cut, i);
        memory = NULL;
        (void)sluice_catalogue_get_entry(&body, &got, &memory);
        free(memory);
        free(cut);
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *changed = malloc(writer.size);
            memcpy(changed, writer.bytes, writer.size);
            changed[i] ^= (uint8_t)(1u << bit);
            sluice_wire_reader_init(&body, changed + 2, writer.size - 2);
            memory = NULL;
            int status = sluice_catalogue_get_entry(&body, &got, &memory);
            if (status == SLUICE_OK || status == SLUICE_EOUTSIDE)
                CU_ASSERT_EQUAL(sluice_catalogue_name_valid(got.name), status == SLUICE_OK);
            free(memory);
            free(changed);
        }
    }
    sluice_wire_writer_fini(&writer);
}

static void test_attributes(void)
{
    static const struct {
        const char *bytes;
        size_t count;
        bool valid;
    } cases[] = {
        {"", 0, true},
        {"\0\1\0\0\0\0a", 7, true},
        {"\0\1\0\0\0\2a\0\1", 9, true},
        {"\0\1\0\0\0\1ax\0\2\0\0\0\0bc", 16, true},
        {"\0", 1, false},
        {"\0\1\0\0\0", 5, false},
        {"\0\0\0\0\0\0", 6, false},         /* no name */
        {"\0\1\0\0\0\0", 6, false},         /* the name is not there */
        {"\0\1\0\0\0\1a", 7, false},        /* the value is not there */
        {"\0\1\0\0\0\0ab", 8, false},       /* one byte more */
        {"\0\2\0\0\0\0a\0", 8, false},      /* NUL in a name */
        {"\0\1\377\377\377\377ax", 8, false}, /* the sum of the lengths goes round */
        {"\1\0\0\0\0\0a", 7, false},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        const sluice_entry entry = {.name = "a", .attributes = cases[i].bytes, .attribute_bytes = cases[i].count};
        sluice_wire_writer writer = {0};
        uint64_t type;
        size_t used;
        sluice_wire_reader body;
        sluice_entry got;
        char *memory;
        CU_ASSERT_EQUAL(sluice_catalogue_attributes_valid(cases[i].bytes, cases[i].count), cases[i].valid);
        sluice_catalogue_put_entry(&writer, &entry);
        CU_ASSERT_EQUAL_FATAL(sluice_wire_split(writer.bytes, writer.size, 1000, &type, &body, &used), SLUICE_OK);
        int status = sluice_catalogue_get_entry(&body, &got, &memory);
        CU_ASSERT_EQUAL(status, cases[i].valid ? SLUICE_OK : SLUICE_EPROTOCOL);
        if (status == SLUICE_OK) {
            CU_ASSERT_PTR_NOT_NULL(got.attributes);
            CU_ASSERT_EQUAL(got.attribute_bytes, cases[i].count);
            CU_ASSERT_EQUAL(memcmp(got.attributes, cases[i].bytes, cases[i].count), 0);
            free(memory);
        }
        sluice_wire_writer_fini(&writer);
    }
}

/* The largest list there may be goes into one record; one byte more is refused. */
static void test_attributes_at_most(void)
{
    for (size_t bytes = SLUICE_ATTRIBUTES_MAX; bytes <= SLUICE_ATTRIBUTES_MAX + 1; bytes++) {
        size_t value = bytes - 7;
        uint8_t *attributes = calloc(1, bytes);
        sluice_wire_writer writer = {0};
        uint64_t type;
        size_t used;
        sluice_wire_reader body;
        sluice_entry got;
        char *memory = NULL;
        CU_ASSERT_PTR_NOT_NULL_FATAL(attributes);
        attributes[1] = 1;
        attributes[4] = (uint8_t)(value >> 8);
        attributes[5] = (uint8_t)value;
        attributes[6] = 'a';
        const sluice_entry entry = {.name = "a", .attributes = attributes, .attribute_bytes = bytes};
        sluice_catalogue_put_entry(&writer, &entry);
        CU_ASSERT_EQUAL_FATAL(
            sluice_wire_split(writer.bytes, writer.size, SLUICE_CATALOGUE_RECORD_MAX, &type, &body, &used), SLUICE_OK);
        int status = sluice_catalogue_get_entry(&body, &got, &memory);
        CU_ASSERT_EQUAL(status, bytes == SLUICE_ATTRIBUTES_MAX ? SLUICE_OK : SLUICE_EPROTOCOL);
        if (status == SLUICE_OK)
            free(memory);
        sluice_wire_writer_fini(&writer);
        free(attributes);
    }
}

static void test_names(void)
{
    static const struct {
        const char *name;
        bool valid;
    } cases[] = {{"a", true},     {"a/b", true},  {"...", true}, {"a b\n", true}, {".a/..b", true}, {"", false},
                 {"/a", false},   {"a/", false},  {".", false},  {"..", false},   {"a/../b", false}, {"a//b", false},
                 {"a/.", false}};
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++)
        CU_ASSERT_EQUAL(sluice_catalogue_name_valid(cases[i].name), cases[i].valid);
    char name[5000];
    memset(name, 'x', sizeof(name));
    name[255] = 0;
    CU_ASSERT(sluice_catalogue_name_valid(name));
    name[255] = 'x';
    name[256] = 0;
    CU_ASSERT_FALSE(sluice_catalogue_name_valid(name));
}

/* What a client asked for is what it takes. */
static void test_asked(void)
{
    static const struct {
        const char *path, *as, *name;
        bool asked;
    } cases[] = {{"/data/out", NULL, "out", true},    {"/data/out", NULL, "out/x", true},
                 {"/data/out/", NULL, "out/x", true}, {"/data/out", NULL, "outer", false},
                 {"/data/out", NULL, "x", false},     {"out", "new/name", "new/name", true},
                 {"out", "new/name", "new", false},   {"out", "new", "out", false},
                 {"/", NULL, "etc/passwd", true},     {"dir/.", NULL, "x", true},
                 {"dir/..", NULL, "x", true},         {"out", NULL, ".", false}};
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        sluice_request request;
        sluice_request_init(&request);
        CU_ASSERT_EQUAL(sluice_request_operand_add(&request, &(sluice_operand){.path = cases[i].path, .as = cases[i].as}), SLUICE_OK);
        sluice_entry entry = {.name = cases[i].name};
        CU_ASSERT_EQUAL(sluice_catalogue_name_asked(&request, &entry), cases[i].asked);
        entry.operand = 1;
        CU_ASSERT_FALSE(sluice_catalogue_name_asked(&request, &entry));
        sluice_request_fini(&request);
    }
}

/* Reads all messages of an encoded request. */
static int request_read(const sluice_wire_writer *messages, sluice_request *out)
{
    size_t at = 0, used;
    bool more = false;
    int status = SLUICE_OK;
    while (at < messages->size && status == SLUICE_OK) {
        uint64_t type;
        sluice_wire_reader body;
        status = sluice_wire_split(messages->bytes + at, messages->size - at, SLUICE_MESSAGE_BODY_MAX, &type, &body,
                                   &used);
        at += used;
        if (status == SLUICE_OK)
            status = type == SLUICE_MESSAGE_REQUEST ? sluice_request_decode(out, &body, &more, NULL)
                                                    : sluice_request_decode_operands(out, &body, &more, NULL);
    }
    CU_ASSERT_FALSE(more);
    return status;
}

/* What comes, is given up and ends while a session runs, and what is none of these. */
static void test_change(void)
{
    sluice_request got;
    sluice_wire_writer body = {0};
    sluice_wire_reader reader;
    uint32_t drop;
    sluice_request_init(&got);
    got.open = true;
    const sluice_operand part = {.path = "p", .as = "q", .from = 5, .to = 9}, rest = {.path = "r", .from = 7};
    sluice_request_put_change(&body, &(sluice_request_change){.add = &part, .drop = UINT32_MAX});
    sluice_request_put_change(&body, &(sluice_request_change){.add = &rest, .drop = 0, .last = true});
    sluice_wire_reader_init(&reader, body.bytes, body.size);
    CU_ASSERT_EQUAL(sluice_request_take_change(&got, &reader, &drop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(got.operand_count, 2);
    CU_ASSERT_STRING_EQUAL(got.operands[0].as, "q");
    CU_ASSERT(got.operands[0].from == 5 && got.operands[0].to == 9);
    CU_ASSERT(got.operands[1].from == 7 && got.operands[1].to == SLUICE_UNKNOWN);
    CU_ASSERT(drop == 0 && !got.open);
    sluice_wire_reader_init(&reader, body.bytes, body.size);
    CU_ASSERT_EQUAL(sluice_request_take_change(&got, &reader, &drop, NULL), SLUICE_EPROTOCOL); /* it is closed */
    sluice_wire_writer_fini(&body);

    static const struct {
        uint8_t bytes[24];
        size_t count;
        int status;
    } rows[] = {
        {{13, 1, 2}, 3, SLUICE_EPROTOCOL},          /* gives up one that there is not */
        {{5, 1, 'x'}, 3, SLUICE_EPROTOCOL},         /* a pattern */
        {{15, 0}, 2, SLUICE_EUNSUPPORTED},          /* a field that must be understood */
        {{16, 0}, 2, SLUICE_OK},                    /* one that need not */
        {{1, 9, 'x'}, 3, SLUICE_EPROTOCOL},         /* cut off */
        {{11, 16}, 18, SLUICE_EPROTOCOL},           /* a second range, of nothing */
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        got.open = true;
        sluice_wire_reader_init(&reader, rows[i].bytes, rows[i].count);
        CU_ASSERT_EQUAL(sluice_request_take_change(&got, &reader, &drop, NULL), rows[i].status);
    }
    sluice_request_fini(&got);
}

static void test_request(void)
{
    sluice_request asked, got;
    sluice_request_init(&asked);
    sluice_request_init(&got);
    char path[200];
    memset(path, 'p', sizeof(path));
    for (int i = 0; i < 1000; i++) { /* several messages */
        path[sizeof(path) - 1 - i % 100] = 0;
        CU_ASSERT_EQUAL(sluice_request_operand_add(&asked, &(sluice_operand){.path = path, .as = i % 2 ? "as" : NULL}), SLUICE_OK);
        path[sizeof(path) - 1 - i % 100] = 'p';
    }
    CU_ASSERT_EQUAL(sluice_request_rule_add(&asked, true, "*.c"), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_request_rule_add(&asked, false, "*"), SLUICE_OK);
    asked.resume = SLUICE_RESUME_SPARSE;
    asked.overwrite = SLUICE_OVERWRITE_OLDER;
    asked.checksum = SLUICE_CHECKSUM_SHA_256;
    asked.sync = SLUICE_SYNC_FILE;
    asked.preserve = SLUICE_PRESERVE_OWNER;
    asked.tree_symlinks = SLUICE_SYMLINKS_SKIP;
    asked.explicit_names = true;
    asked.target_bps = 250000000;
    asked.seed = UINT64_MAX;
    asked.probe = true;
    asked.has_newest = asked.has_oldest = true;
    asked.newest_ns = INT64_MAX;
    asked.oldest_ns = -5;
    sluice_wire_writer messages = {0};
    CU_ASSERT_EQUAL(sluice_request_encode(&asked, &messages, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(request_read(&messages, &got), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(got.operand_count, 1000);
    CU_ASSERT_EQUAL_FATAL(got.rule_count, 2);
    CU_ASSERT_STRING_EQUAL(got.operands[999].path, asked.operands[999].path);
    CU_ASSERT_STRING_EQUAL(got.operands[999].as, "as");
    CU_ASSERT_PTR_NULL(got.operands[998].as);
    CU_ASSERT(got.rules[0].include && !got.rules[1].include);
    CU_ASSERT_STRING_EQUAL(got.rules[0].pattern, "*.c");
    CU_ASSERT_EQUAL(got.resume, asked.resume);
    CU_ASSERT_EQUAL(got.overwrite, asked.overwrite);
    CU_ASSERT_EQUAL(got.checksum, asked.checksum);
    CU_ASSERT_EQUAL(got.sync, asked.sync);
    CU_ASSERT_EQUAL(got.preserve, asked.preserve);
    CU_ASSERT_EQUAL(got.tree_symlinks, asked.tree_symlinks);
    CU_ASSERT(got.explicit_names && !got.single && !got.make_parents && !got.push);
    CU_ASSERT_EQUAL(got.target_bps, 250000000);
    CU_ASSERT_EQUAL(got.seed, UINT64_MAX);
    CU_ASSERT(got.probe);
    CU_ASSERT(got.has_newest && got.has_oldest);
    CU_ASSERT_EQUAL(got.newest_ns, INT64_MAX);
    CU_ASSERT_EQUAL(got.oldest_ns, -5);
    sluice_wire_writer_fini(&messages);
    sluice_request_fini(&asked);
    sluice_request_fini(&got);
}

/* Bodies of REQUEST that are refused. */
static void test_request_malformed(void)
{
    static const struct {
        uint8_t bytes[8];
        size_t count;
        int status;
    } cases[] = {{{1, 1, 2}, 3, SLUICE_EPROTOCOL},          /* push: neither 0 nor 1 */
                 {{1, 1, 1}, 3, SLUICE_EPROTOCOL},          /* a push without destination */
                 {{13, 1, 4}, 3, SLUICE_EPROTOCOL},         /* resume: unknown */
                 {{17, 1, 9}, 3, SLUICE_EPROTOCOL},         /* checksum: unknown */
                 {{1, 5, 0}, 3, SLUICE_EPROTOCOL},          /* a field longer than the body */
                 {{5, 2, 'a', 0}, 4, SLUICE_EPROTOCOL},     /* a NUL in a path */
                 {{31, 1, 2}, 3, SLUICE_EPROTOCOL},         /* probe: neither 0 nor 1 */
                 {{63, 1, 0}, 3, SLUICE_EUNSUPPORTED},      /* unknown, must be understood */
                 {{62, 1, 0}, 3, SLUICE_OK},                /* unknown, may be skipped */
                 {{0}, 0, SLUICE_OK}};
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        sluice_request request;
        sluice_wire_reader body;
        sluice_error error = {0};
        bool more;
        sluice_request_init(&request);
        sluice_wire_reader_init(&body, cases[i].bytes, cases[i].count);
        CU_ASSERT_EQUAL(sluice_request_decode(&request, &body, &more, &error), cases[i].status);
        CU_ASSERT_EQUAL(error.text[0] != 0, cases[i].status != SLUICE_OK);
        sluice_request_fini(&request);
    }
}

static void test_status(void)
{
    sluice_wire_writer writer = {0};
    sluice_wire_reader reader;
    char sentence[20];
    sluice_message_put_status(&writer, SLUICE_ENOSPACE, "disk\nfull and more than fits");
    sluice_wire_reader_init(&reader, writer.bytes, writer.size);
    CU_ASSERT_EQUAL(sluice_message_get_status(&reader, sentence, sizeof(sentence)), SLUICE_ENOSPACE);
    CU_ASSERT_STRING_EQUAL(sentence, "disk?full and more ");
    sluice_wire_clear(&writer);
    sluice_wire_put_number(&writer, 9999);
    sluice_wire_put_string(&writer, "x", 1);
    sluice_wire_reader_init(&reader, writer.bytes, writer.size);
    CU_ASSERT_EQUAL(sluice_message_get_status(&reader, sentence, sizeof(sentence)), SLUICE_EFAILED);
    sluice_wire_writer_fini(&writer);
}

int main(void)
{
    static const CU_TestInfo tests[] = {{"number", test_number},   {"split", test_split},
                                        {"entry", test_entry},     {"names", test_names},
                                        {"attributes", test_attributes},
                                        {"attributes at most", test_attributes_at_most},
                                        {"asked", test_asked},     {"request", test_request}, {"change", test_change},
                                        {"malformed request", test_request_malformed},
                                        {"status", test_status},   CU_TEST_INFO_NULL};
    return sluice_suite_run("wire", tests);
}
