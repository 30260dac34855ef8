/* SPDX-License-Identifier: Apache-2.0 */
#include "net/secure.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

int sluice_sha256(const void *bytes, size_t count, uint8_t out[SLUICE_SHA256_BYTES])
{
    return EVP_Digest(bytes, count, out, NULL, EVP_sha256(), NULL) == 1 ? SLUICE_OK : SLUICE_EFAILED;
}

int sluice_hmac_sha256(const void *key, size_t key_bytes, const void *bytes, size_t count,
                       uint8_t out[SLUICE_SHA256_BYTES])
{
    if (key_bytes > INT32_MAX)
        return SLUICE_EINVAL;
    return HMAC(EVP_sha256(), key, (int)key_bytes, bytes, count, out, NULL) ? SLUICE_OK : SLUICE_EFAILED;
}

int sluice_hkdf_sha256(const void *secret, size_t secret_bytes, const void *salt, size_t salt_bytes, const void *info,
                       size_t info_bytes, uint8_t *out, size_t out_bytes)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *derivation = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    EVP_KDF_free(kdf);
    if (!derivation)
        return SLUICE_EFAILED;
    char digest[] = "SHA256";
    /* OpenSSL takes pointers to what it only reads without const.  An empty salt is left out: RFC 5869 then takes
     * zeroes, which is what no salt means there. */
    OSSL_PARAM params[5], *end = params;
    *end++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    *end++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, secret_bytes);
    if (salt_bytes)
        *end++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_bytes);
    if (info_bytes)
        *end++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_bytes);
    *end = OSSL_PARAM_construct_end();
    int ok = EVP_KDF_derive(derivation, out, out_bytes, params);
    EVP_KDF_CTX_free(derivation);
    return ok == 1 ? SLUICE_OK : SLUICE_EFAILED;
}

struct sluice_sha256_stream {
    EVP_MD_CTX *state;
};

int sluice_sha256_new(sluice_sha256_stream **out)
{
    sluice_sha256_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return SLUICE_ENOMEM;
    stream->state = EVP_MD_CTX_new();
    int status = stream->state ? sluice_sha256_reset(stream) : SLUICE_ENOMEM;
    if (status != SLUICE_OK) {
        sluice_sha256_free(stream);
        return status;
    }
    *out = stream;
    return SLUICE_OK;
}

void sluice_sha256_free(sluice_sha256_stream *stream)
{
    if (!stream)
        return;
    EVP_MD_CTX_free(stream->state);
    free(stream);
}

int sluice_sha256_reset(sluice_sha256_stream *stream)
{
    return EVP_DigestInit_ex(stream->state, EVP_sha256(), NULL) == 1 ? SLUICE_OK : SLUICE_EFAILED;
}

int sluice_sha256_update(sluice_sha256_stream *stream, const void *bytes, size_t count)
{
    return EVP_DigestUpdate(stream->state, bytes, count) == 1 ? SLUICE_OK : SLUICE_EFAILED;
}

int sluice_sha256_final(sluice_sha256_stream *stream, uint8_t out[SLUICE_SHA256_BYTES])
{
    return EVP_DigestFinal_ex(stream->state, out, NULL) == 1 ? SLUICE_OK : SLUICE_EFAILED;
}

bool sluice_secure_equal(const void *a, const void *b, size_t count)
{
    return CRYPTO_memcmp(a, b, count) == 0;
}

void sluice_secure_cleanse(void *secret, size_t count)
{
    OPENSSL_cleanse(secret, count);
}

int sluice_secure_random(void *out, size_t count)
{
    if (count > INT32_MAX)
        return SLUICE_EINVAL;
    return RAND_bytes(out, (int)count) == 1 ? SLUICE_OK : SLUICE_EIO;
}

void sluice_hex_text(const uint8_t *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool sluice_hex_parse(const char *text, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++)
        if (hex_digit(text[i]) < 0) /* the NUL of a text that is too short is none either */
            return false;
    if (text[2 * count])
        return false;
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return true;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sluice_base64_text(const uint8_t *bytes, size_t count, char *text)
{
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < count; i++) {
        held = held << 8 | bytes[i];
        for (bits += 8; bits >= 6; bits -= 6)
            *text++ = base64_digits[held >> (bits - 6) & 63];
    }
    if (bits)
        *text++ = base64_digits[held << (6 - bits) & 63];
    *text = '\0';
}

int sluice_base64_parse(const char *text, size_t text_bytes, uint8_t *bytes, size_t room, size_t *count)
{
    if (text_bytes % 4 == 1 || text_bytes / 4 * 3 + text_bytes % 4 * 3 / 4 > room)
        return SLUICE_EINVAL;
    uint32_t held = 0;
    unsigned bits = 0;
    size_t made = 0;
    for (size_t i = 0; i < text_bytes; i++) {
        const char *digit = text[i] ? strchr(base64_digits, text[i]) : NULL;
        if (!digit)
            return SLUICE_EINVAL;
        held = held << 6 | (uint32_t)(digit - base64_digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[made++] = (uint8_t)(held >> bits);
        }
    }
    if (held & ((1u << bits) - 1))
        return SLUICE_EINVAL;
    *count = made;
    return SLUICE_OK;
}
