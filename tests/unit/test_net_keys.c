/* SPDX-License-Identifier: Apache-2.0 */
#include "net/keys.h"
#include "net/secure.h"
#include "unit/suite.h"

#include <string.h>

#define ROOM 128

static size_t put(uint8_t *to, const char *hex)
{
    size_t bytes = strlen(hex) / 2;
    CU_ASSERT_FATAL(bytes <= ROOM && sluice_hex_parse(hex, to, bytes));
    return bytes;
}

/* RFC 5869, appendices A.1 to A.3. */
static void hkdf_vectors_hold(void)
{
    static const struct {
        const char *secret, *salt, *info, *out;
    } rows[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
         "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
         "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
         "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
         "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
         "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
         "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
         "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
         "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        uint8_t secret[ROOM], salt[ROOM], info[ROOM], wanted[ROOM], out[ROOM];
        size_t secret_bytes = put(secret, rows[i].secret), salt_bytes = put(salt, rows[i].salt);
        size_t info_bytes = put(info, rows[i].info), out_bytes = put(wanted, rows[i].out);
        CU_ASSERT_EQUAL(sluice_hkdf_sha256(secret, secret_bytes, salt, salt_bytes, info, info_bytes, out, out_bytes),
                        SLUICE_OK);
        CU_ASSERT_EQUAL(memcmp(out, wanted, out_bytes), 0);
    }
}

/* FIPS 180-2 appendix B, RFC 4231 test case 2. */
static void hash_vectors_hold(void)
{
    uint8_t out[32], wanted[ROOM];
    sluice_sha256_stream *stream;
    put(wanted, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CU_ASSERT_EQUAL(sluice_sha256("abc", 3, out), SLUICE_OK);
    CU_ASSERT_EQUAL(memcmp(out, wanted, 32), 0);
    CU_ASSERT_EQUAL_FATAL(sluice_sha256_new(&stream), SLUICE_OK);
    for (unsigned again = 0; again < 2; again++) {
        CU_ASSERT_EQUAL(sluice_sha256_update(stream, "a", 1), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_sha256_update(stream, "bc", 2), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_sha256_final(stream, out), SLUICE_OK);
        CU_ASSERT_EQUAL(memcmp(out, wanted, 32), 0);
        CU_ASSERT_EQUAL(sluice_sha256_reset(stream), SLUICE_OK);
    }
    sluice_sha256_free(stream);
    put(wanted, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CU_ASSERT_EQUAL(sluice_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out), SLUICE_OK);
    CU_ASSERT_EQUAL(memcmp(out, wanted, 32), 0);
}

static void keys_make(sluice_keys *keys)
{
    uint8_t secret[SLUICE_SECRET_BYTES], id[SLUICE_SESSION_ID_BYTES];
    memset(secret, 7, sizeof(secret));
    memset(id, 9, sizeof(id));
    sluice_keys_init(keys, secret, id);
}

/* The info is spelt out here byte by byte, as the contract has it. */
static void keys_are_what_the_contract_says(void)
{
    static const uint8_t key_info[] = "sluice1 key\0\1\0\0\0\2\0\0\0\0\0\0\0\3";
    static const uint8_t iv_info[] = "sluice1 iv\0\1\0\0\0\2\0\0\0\0\0\0\0\3";
    sluice_keys keys;
    uint8_t key[32], iv[12], wanted[32];
    keys_make(&keys);
    CU_ASSERT_EQUAL(sluice_keys_derive(&keys, SLUICE_SERVER, 2, 3, key, 32, iv), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_hkdf_sha256(keys.secret, 32, keys.session_id, 16, key_info, sizeof(key_info) - 1, wanted, 32),
                    SLUICE_OK);
    CU_ASSERT_EQUAL(memcmp(key, wanted, 32), 0);
    CU_ASSERT_EQUAL(sluice_hkdf_sha256(keys.secret, 32, keys.session_id, 16, iv_info, sizeof(iv_info) - 1, wanted, 12),
                    SLUICE_OK);
    CU_ASSERT_EQUAL(memcmp(iv, wanted, 12), 0);
    sluice_keys_fini(&keys);
    static const sluice_keys none;
    CU_ASSERT_EQUAL(memcmp(&keys, &none, sizeof(keys)), 0);
}

static void no_two_of_them_share_a_key(void)
{
    enum { ALL = 2 * 3 * 4 + 2 };
    uint8_t key[ALL][32], iv[ALL][12];
    size_t made = 0;
    sluice_keys keys;
    keys_make(&keys);
    for (unsigned sealer = 0; sealer < 2; sealer++)
        for (uint32_t lane = 0; lane < 3; lane++)
            for (uint64_t phase = 0; phase < 4; phase++, made++)
                CU_ASSERT_EQUAL(sluice_keys_derive(&keys, sealer ? SLUICE_SERVER : SLUICE_CLIENT, lane, phase << 31,
                                                   key[made], 32, iv[made]),
                                SLUICE_OK);
    keys.session_id[15] ^= 1;
    CU_ASSERT_EQUAL(sluice_keys_derive(&keys, SLUICE_CLIENT, 0, 0, key[made], 32, iv[made]), SLUICE_OK);
    made++;
    keys.session_id[15] ^= 1;
    keys.secret[0] ^= 1;
    CU_ASSERT_EQUAL(sluice_keys_derive(&keys, SLUICE_CLIENT, 0, 0, key[made], 32, iv[made]), SLUICE_OK);
    made++;
    CU_ASSERT_EQUAL_FATAL(made, ALL);
    for (size_t a = 0; a < ALL; a++)
        for (size_t b = 0; b < a; b++) {
            CU_ASSERT_NOT_EQUAL(memcmp(key[a], key[b], 32), 0);
            CU_ASSERT_NOT_EQUAL(memcmp(iv[a], iv[b], 12), 0);
        }
}

static void base64_is_that_of_the_rfc(void)
{
    /* RFC 4648 section 10, without padding; and the two letters that differ from plain base64. */
    static const struct {
        const char *plain, *text;
    } rows[] = {{"", ""},           {"f", "Zg"},           {"fo", "Zm8"},        {"foo", "Zm9v"},
                {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};
    static const char *const bad[] = {"A", "Zh", "Zm9=", "Zm9+", "Zm9/", "Zm 9", "ZmA\n", "Zm9vYg=="};
    uint8_t bytes[8];
    char text[16];
    size_t count = 99;
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        size_t plain = strlen(rows[i].plain);
        sluice_base64_text((const uint8_t *)rows[i].plain, plain, text);
        CU_ASSERT_STRING_EQUAL(text, rows[i].text);
        CU_ASSERT(strlen(text) < SLUICE_BASE64_TEXT(plain));
        CU_ASSERT_EQUAL(sluice_base64_parse(text, strlen(text), bytes, plain, &count), SLUICE_OK);
        CU_ASSERT_EQUAL(count, plain);
        CU_ASSERT_EQUAL(memcmp(bytes, rows[i].plain, plain), 0);
        if (plain)
            CU_ASSERT_EQUAL(sluice_base64_parse(text, strlen(text), bytes, plain - 1, &count), SLUICE_EINVAL);
    }
    for (size_t i = 0; i < SLUICE_COUNT(bad); i++)
        CU_ASSERT_EQUAL(sluice_base64_parse(bad[i], strlen(bad[i]), bytes, sizeof(bytes), &count), SLUICE_EINVAL);
}

static void secrets_are_compared_and_cleansed(void)
{
    uint8_t a[4] = {1, 2, 3, 4}, b[4] = {1, 2, 3, 5};
    CU_ASSERT_FALSE(sluice_secure_equal(a, b, 4));
    CU_ASSERT(sluice_secure_equal(a, b, 3));
    sluice_secure_cleanse(a, 4);
    CU_ASSERT_EQUAL(a[0] | a[1] | a[2] | a[3], 0);
    uint8_t x[32], y[32];
    CU_ASSERT_EQUAL(sluice_secure_random(x, 32), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_secure_random(y, 32), SLUICE_OK);
    CU_ASSERT_NOT_EQUAL(memcmp(x, y, 32), 0);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"HKDF vectors hold", hkdf_vectors_hold},
        {"hash vectors hold", hash_vectors_hold},
        {"keys are what the contract says", keys_are_what_the_contract_says},
        {"no two of them share a key", no_two_of_them_share_a_key},
        {"base64 is that of the RFC", base64_is_that_of_the_rfc},
        {"secrets are compared and cleansed", secrets_are_compared_and_cleansed},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_keys", tests);
}
