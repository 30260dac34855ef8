/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secure.h - hashes, MACs, randomness, and the care that secrets need.  Any thread.
 */
#ifndef SLUICE_NET_SECURE_H
#define SLUICE_NET_SECURE_H

#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_SHA256_BYTES 32

/* Status: SLUICE_OK, SLUICE_ENOMEM, or SLUICE_EFAILED if OpenSSL lacks what every build of it has. */
int sluice_sha256(const void *bytes, size_t count, uint8_t out[SLUICE_SHA256_BYTES]);
int sluice_hmac_sha256(const void *key, size_t key_bytes, const void *bytes, size_t count,
                       uint8_t out[SLUICE_SHA256_BYTES]);
/* RFC 5869, extract and expand at once; out_bytes at most 255 * 32. */
int sluice_hkdf_sha256(const void *secret, size_t secret_bytes, const void *salt, size_t salt_bytes, const void *info,
                       size_t info_bytes, uint8_t *out, size_t out_bytes);

/* SHA-256 piece by piece; one thread at a time.  reset begins anew after final or in mid-way. */
typedef struct sluice_sha256_stream sluice_sha256_stream;
int sluice_sha256_new(sluice_sha256_stream **out);
void sluice_sha256_free(sluice_sha256_stream *stream); /* NULL is fine */
int sluice_sha256_reset(sluice_sha256_stream *stream);
int sluice_sha256_update(sluice_sha256_stream *stream, const void *bytes, size_t count);
int sluice_sha256_final(sluice_sha256_stream *stream, uint8_t out[SLUICE_SHA256_BYTES]);

/* In a time that depends on count only. */
bool sluice_secure_equal(const void *a, const void *b, size_t count);
/* Overwrites a secret in a way that the compiler does not remove. */
void sluice_secure_cleanse(void *secret, size_t count);
/* Unpredictable bytes.  SLUICE_EIO: the system has none to give; then nothing may go on. */
int sluice_secure_random(void *out, size_t count);

/* Lower-case hex; text has room for 2 * count + 1.  Parsing wants exactly 2 * count digits, of either case; false if
 * text is anything else. */
void sluice_hex_text(const uint8_t *bytes, size_t count, char *text);
bool sluice_hex_parse(const char *text, uint8_t *bytes, size_t count);

/* base64url without padding (RFC 4648 section 5). */
#define SLUICE_BASE64_TEXT(count) (((count) * 4 + 2) / 3 + 1) /* room for the text of count bytes and its NUL */
void sluice_base64_text(const uint8_t *bytes, size_t count, char *text);
/* At most room bytes.  SLUICE_EINVAL: a byte that is not of the alphabet, an impossible length, bits left over that are
 * not zero, or no room. */
int sluice_base64_parse(const char *text, size_t text_bytes, uint8_t *bytes, size_t room, size_t *count);

#endif
