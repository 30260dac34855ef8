/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of a host on the wire, a disk that is measured, and figures in words. */
#include "session/disk.h"
#include "session/facts.h"
#include "session/survey.h"
#include "session/words.h"

#include "unit/suite.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void facts_make(sluice_facts *facts)
{
    *facts = (sluice_facts){.cipher_count = 2};
#define NUMBERED(field, tag) facts->field = UINT64_MAX - (tag);
    SLUICE_FACTS_MAP(NUMBERED)
#undef NUMBERED
    snprintf(facts->disk_why, sizeof facts->disk_why, "it was measured a moment ago");
    snprintf(facts->ciphers[0].name, SLUICE_CIPHER_NAME, "aes-128-gcm");
    facts->ciphers[0].packets_per_second = 1;
    snprintf(facts->ciphers[1].name, SLUICE_CIPHER_NAME, "chacha20-poly1305");
    facts->ciphers[1].packets_per_second = UINT64_C(1) << 40;
}

static void test_there_and_back(void)
{
    sluice_facts out, in;
    sluice_wire_writer writer = {0};
    sluice_wire_reader reader;
    facts_make(&out);
    sluice_facts_put(&out, &writer);
    CU_ASSERT_FALSE_FATAL(writer.failed);
    sluice_wire_reader_init(&reader, writer.bytes, writer.size);
    memset(&in, 0x55, sizeof in);
    sluice_facts_get(&in, &reader);
#define EQUAL(field, tag) CU_ASSERT_EQUAL(in.field, out.field);
    SLUICE_FACTS_MAP(EQUAL)
#undef EQUAL
    CU_ASSERT_STRING_EQUAL(in.disk_why, out.disk_why);
    CU_ASSERT_EQUAL_FATAL(in.cipher_count, 2);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_STRING_EQUAL(in.ciphers[i].name, out.ciphers[i].name);
        CU_ASSERT_EQUAL(in.ciphers[i].packets_per_second, out.ciphers[i].packets_per_second);
    }
    sluice_wire_writer_fini(&writer);
}

/* A peer's words are not to be trusted: cut anywhere, too many, too long, with control characters. */
static void test_hostile(void)
{
    sluice_facts facts;
    sluice_wire_writer writer = {0};
    sluice_wire_reader reader;
    char text[1000];
    memset(text, 'x', sizeof text);
    memcpy(text, "a\033[31mb", 7);
    sluice_wire_put_field(&writer, SLUICE_FACTS_DISK_WHY, text, sizeof text);
    for (int i = 0; i < 20; i++)
        sluice_wire_put_field(&writer, SLUICE_FACTS_CIPHER, "\003aes\001", 5);
    sluice_wire_put_field(&writer, SLUICE_FACTS_CIPHER, "\077aes", 4); /* longer than it is */
    sluice_wire_put_field(&writer, 1, "\1\2", 2);
    sluice_wire_put_field(&writer, 99, "later", 5);
    CU_ASSERT_FALSE_FATAL(writer.failed);
    for (size_t size = 0; size <= writer.size; size++) {
        uint8_t *bytes = malloc(size ? size : 1); /* so that reading past the end is seen */
        CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
        memcpy(bytes, writer.bytes, size);
        sluice_wire_reader_init(&reader, bytes, size);
        sluice_facts_get(&facts, &reader);
        CU_ASSERT(facts.cipher_count <= SLUICE_CIPHERS);
        CU_ASSERT(strlen(facts.disk_why) < sizeof facts.disk_why);
        free(bytes);
    }
    CU_ASSERT_EQUAL(facts.cipher_count, SLUICE_CIPHERS);
    CU_ASSERT_STRING_EQUAL(facts.ciphers[7].name, "aes");
    CU_ASSERT_EQUAL(strncmp(facts.disk_why, "a?[31mbx", 8), 0);
    CU_ASSERT_EQUAL(facts.wall_ns, 0);
    sluice_wire_writer_fini(&writer);
}

static size_t entries(const char *path)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2; /* . and .. */
}

static void test_disk(void)
{
    char path[] = "/tmp/sluice-test-disk-XXXXXX";
    sluice_disk_speed speed = {0};
    sluice_error error = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    CU_ASSERT_EQUAL(sluice_disk_measure(path, &speed, &error), SLUICE_OK);
    CU_ASSERT(speed.write_bps > 0 && speed.read_bps > 0);
    CU_ASSERT_EQUAL(entries(path), 0);
    rmdir(path);
    speed = (sluice_disk_speed){.write_bps = 7};
    CU_ASSERT_EQUAL(sluice_disk_measure(path, &speed, &error), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(speed.write_bps, 7);
    CU_ASSERT_PTR_NULL(strstr(error.text, path)); /* the server's root is its own affair */
}

static void test_survey(void)
{
    char path[] = "/tmp/sluice-test-disk-XXXXXX";
    sluice_facts facts = {0};
    sluice_survey_system(&facts);
    CU_ASSERT(facts.cores >= 1);
    CU_ASSERT(facts.wall_ns > UINT64_C(1700000000) * SLUICE_SECOND);
    sluice_survey_disk(&facts, NULL, "because");
    CU_ASSERT_STRING_EQUAL(facts.disk_why, "because");
    CU_ASSERT_EQUAL(facts.disk_write_bps, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    rmdir(path);
    sluice_survey_disk(&facts, path, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(facts.disk_why, "No such file"));
    CU_ASSERT_EQUAL(facts.disk_write_bps, 0);
}

static void test_words(void)
{
    CU_ASSERT_STRING_EQUAL(sluice_words_rate(0).text, "0 bit/s");
    CU_ASSERT_STRING_EQUAL(sluice_words_rate(999).text, "999 bit/s");
    CU_ASSERT_STRING_EQUAL(sluice_words_rate(1000).text, "1 kbit/s");
    CU_ASSERT_STRING_EQUAL(sluice_words_rate(941234567).text, "941 Mbit/s");
    CU_ASSERT_STRING_EQUAL(sluice_words_rate(999999999).text, "1 Gbit/s");
    CU_ASSERT_STRING_EQUAL(sluice_words_rate(UINT64_C(1250000000000000)).text, "1250 Tbit/s");
    CU_ASSERT_STRING_EQUAL(sluice_words_time(0).text, "0 us");
    CU_ASSERT_STRING_EQUAL(sluice_words_time(12340000).text, "12.3 ms");
    CU_ASSERT_STRING_EQUAL(sluice_words_time(90 * SLUICE_SECOND).text, "90 s");
    CU_ASSERT_STRING_EQUAL(sluice_words_bytes(212992).text, "208 KiB");
    CU_ASSERT_STRING_EQUAL(sluice_words_bytes(8 << 20).text, "8 MiB");
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"facts there and back", test_there_and_back},
        {"facts of a hostile peer", test_hostile},
        {"a disk is measured and nothing stays", test_disk},
        {"what the system says", test_survey},
        {"figures in words", test_words},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("facts", tests);
}
