/* SPDX-License-Identifier: Apache-2.0 */
#include "session/digest.h"
#include "unit/suite.h"
#include <stdlib.h>
#include <string.h>

static void expect(sluice_checksum algorithm, const sluice_digest *digest, const char *text)
{
    char got[SLUICE_DIGEST_TEXT];
    sluice_digest_text(algorithm, digest, got);
    CU_ASSERT_STRING_EQUAL(got, text);
}

/* XXH3_128 of nothing (xxHash's specification); SHA-256 of nothing and of "abc" (FIPS 180-4 examples). */
static void test_published(void)
{
    sluice_digest digest;
    CU_ASSERT_EQUAL(sluice_digest_chunk(SLUICE_CHECKSUM_XXH3_128, "", 0, &digest), SLUICE_OK);
    expect(SLUICE_CHECKSUM_XXH3_128, &digest, "xxh3-128:99aa06d3014798d86001c324468d497f");
    CU_ASSERT_EQUAL(sluice_digest_chunk(SLUICE_CHECKSUM_SHA_256, "", 0, &digest), SLUICE_OK);
    expect(SLUICE_CHECKSUM_SHA_256, &digest, "sha-256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CU_ASSERT_EQUAL(sluice_digest_chunk(SLUICE_CHECKSUM_SHA_256, "abc", 3, &digest), SLUICE_OK);
    expect(SLUICE_CHECKSUM_SHA_256, &digest, "sha-256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CU_ASSERT_EQUAL(sluice_digest_bytes(SLUICE_CHECKSUM_NONE), 0);
    expect(SLUICE_CHECKSUM_NONE, &digest, "");
}

/* The file digest is the digest of the length and the chunk digests, written one after the other. */
static void test_file(void)
{
    static const sluice_checksum algorithms[] = {SLUICE_CHECKSUM_XXH3_128, SLUICE_CHECKSUM_SHA_256};
    for (size_t a = 0; a < 2; a++) {
        size_t bytes = sluice_digest_bytes(algorithms[a]);
        uint8_t row[8 + 3 * SLUICE_DIGEST_MAX] = {0, 0, 0, 0, 0, 0x20, 0, 5}; /* 2 MiB and 5 bytes */
        sluice_digest chunks[3], whole, expected;
        for (size_t i = 0; i < 3; i++) {
            memset(&chunks[i], 0, sizeof(chunks[i]));
            memset(chunks[i].bytes, (int)(i + 1), bytes);
            memcpy(row + 8 + i * bytes, chunks[i].bytes, bytes);
        }
        CU_ASSERT_EQUAL(sluice_digest_file(algorithms[a], (2u << 20) + 5, chunks, 3, sizeof(chunks[0]), &whole), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_digest_chunk(algorithms[a], row, 8 + 3 * bytes, &expected), SLUICE_OK);
        CU_ASSERT(sluice_digest_equal(&whole, &expected));
    }
}

static void test_seeded(void)
{
    static const uint8_t seeded[] = {1, 2, 3, 4, 5, 6, 7, 8, 'a', 'b', 'c'};
    sluice_digest a, b;
    CU_ASSERT_EQUAL(sluice_digest_seeded(SLUICE_CHECKSUM_SHA_256, 0x0102030405060708u, "abc", 3, &a), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_digest_chunk(SLUICE_CHECKSUM_SHA_256, seeded, sizeof(seeded), &b), SLUICE_OK);
    CU_ASSERT(sluice_digest_equal(&a, &b));
    /* XXH3's seed 0 is the unseeded hash; another seed is another hash. */
    CU_ASSERT_EQUAL(sluice_digest_seeded(SLUICE_CHECKSUM_XXH3_128, 0, "abc", 3, &a), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_digest_chunk(SLUICE_CHECKSUM_XXH3_128, "abc", 3, &b), SLUICE_OK);
    CU_ASSERT(sluice_digest_equal(&a, &b));
    CU_ASSERT_EQUAL(sluice_digest_seeded(SLUICE_CHECKSUM_NONE, 1, "abc", 3, &a), SLUICE_OK);
    CU_ASSERT_FALSE(sluice_digest_equal(&a, &b));
}

static void test_zeroes(void)
{
    uint8_t zeroes[1000] = {0};
    sluice_digest a, b;
    CU_ASSERT_EQUAL(sluice_digest_zeroes(SLUICE_CHECKSUM_XXH3_128, sizeof(zeroes), &a), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_digest_chunk(SLUICE_CHECKSUM_XXH3_128, zeroes, sizeof(zeroes), &b), SLUICE_OK);
    CU_ASSERT(sluice_digest_equal(&a, &b));
}

/* SHA-256 of a million times "a" (FIPS 180-4 examples), and of the 448-bit message; pieces do not matter. */
static void test_stream_published(void)
{
    static const char message[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    char letters[1000];
    sluice_digest_stream *stream;
    sluice_digest digest;
    memset(letters, 'a', sizeof(letters));
    CU_ASSERT_EQUAL_FATAL(sluice_digest_stream_new(SLUICE_CHECKSUM_SHA_256, &stream), SLUICE_OK);
    for (int i = 0; i < 1000; i++)
        sluice_digest_stream_update(stream, letters, sizeof(letters));
    CU_ASSERT_EQUAL(sluice_digest_stream_final(stream, &digest), SLUICE_OK);
    expect(SLUICE_CHECKSUM_SHA_256, &digest, "sha-256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    sluice_digest_stream_free(stream);
    CU_ASSERT_EQUAL_FATAL(sluice_digest_stream_new(SLUICE_CHECKSUM_SHA_256, &stream), SLUICE_OK);
    sluice_digest_stream_update(stream, message, 3);
    sluice_digest_stream_update(stream, message + 3, 0);
    sluice_digest_stream_update(stream, message + 3, sizeof(message) - 4);
    CU_ASSERT_EQUAL(sluice_digest_stream_final(stream, &digest), SLUICE_OK);
    expect(SLUICE_CHECKSUM_SHA_256, &digest, "sha-256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    sluice_digest_stream_free(stream);
    CU_ASSERT_EQUAL_FATAL(sluice_digest_stream_new(SLUICE_CHECKSUM_XXH3_128, &stream), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_digest_stream_final(stream, &digest), SLUICE_OK);
    expect(SLUICE_CHECKSUM_XXH3_128, &digest, "xxh3-128:99aa06d3014798d86001c324468d497f");
    sluice_digest_stream_free(stream);
    sluice_digest_stream_free(NULL);
}

/* A row of bytes in random pieces has the digest of all of it at once. */
static void test_stream_pieces(void)
{
    enum { BYTES = 300000 };
    static const sluice_checksum algorithms[] = {SLUICE_CHECKSUM_XXH3_128, SLUICE_CHECKSUM_SHA_256, SLUICE_CHECKSUM_NONE};
    uint8_t *bytes = malloc(BYTES);
    unsigned seed = 1;
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)rand_r(&seed);
    for (int i = 0; i < 60; i++) {
        sluice_checksum algorithm = algorithms[i % 3];
        size_t count = i < 6 ? (size_t)i : (size_t)(rand_r(&seed) % BYTES), at = 0;
        sluice_digest_stream *stream;
        sluice_digest whole = {{0}}, pieces;
        CU_ASSERT_EQUAL_FATAL(sluice_digest_stream_new(algorithm, &stream), SLUICE_OK);
        while (at < count) {
            size_t piece = (size_t)(rand_r(&seed) % 3000);
            piece = count - at < piece ? count - at : piece;
            sluice_digest_stream_update(stream, bytes + at, piece);
            at += piece;
        }
        CU_ASSERT_EQUAL(sluice_digest_stream_final(stream, &pieces), SLUICE_OK);
        if (algorithm != SLUICE_CHECKSUM_NONE)
            CU_ASSERT_EQUAL(sluice_digest_chunk(algorithm, bytes, count, &whole), SLUICE_OK);
        CU_ASSERT(sluice_digest_equal(&whole, &pieces));
        sluice_digest_stream_free(stream);
    }
    free(bytes);
}

int main(void)
{
    static const CU_TestInfo tests[] = {{"published", test_published},
                                        {"streams, published", test_stream_published},
                                        {"streams in pieces", test_stream_pieces},
                                        {"file", test_file},
                                        {"seeded", test_seeded},
                                        {"zeroes", test_zeroes},
                                        CU_TEST_INFO_NULL};
    return sluice_suite_run("digest", tests);
}
