/* SPDX-License-Identifier: Apache-2.0 */
#include "session/digest.h"

#include "net/secure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

size_t sluice_digest_bytes(sluice_checksum algorithm)
{
    return algorithm == SLUICE_CHECKSUM_XXH3_128 ? 16 : algorithm == SLUICE_CHECKSUM_SHA_256 ? 32 : 0;
}

size_t sluice_digest_seeded_bytes(sluice_checksum algorithm)
{
    return algorithm == SLUICE_CHECKSUM_SHA_256 ? 32 : 16;
}

static void xxh3_store(XXH128_hash_t hash, sluice_digest *out)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    memset(out, 0, sizeof(*out));
    memcpy(out->bytes, canonical.digest, 16);
}

static void u64_store(uint64_t number, uint8_t out[8])
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(number >> 8 * (7 - i));
}

int sluice_digest_chunk(sluice_checksum algorithm, const void *bytes, size_t count, sluice_digest *out)
{
    memset(out, 0, sizeof(*out));
    if (algorithm == SLUICE_CHECKSUM_XXH3_128)
        xxh3_store(XXH3_128bits(bytes, count), out);
    else if (algorithm == SLUICE_CHECKSUM_SHA_256)
        return sluice_sha256(bytes, count, out->bytes);
    return SLUICE_OK;
}

static int sha256_pair(const void *head, size_t head_bytes, const void *bytes, size_t count, sluice_digest *out)
{
    sluice_sha256_stream *stream;
    int status = sluice_sha256_new(&stream);
    if (status)
        return status;
    status = sluice_sha256_update(stream, head, head_bytes);
    if (!status)
        status = sluice_sha256_update(stream, bytes, count);
    if (!status)
        status = sluice_sha256_final(stream, out->bytes);
    sluice_sha256_free(stream);
    return status;
}

int sluice_digest_seeded(sluice_checksum algorithm, uint64_t seed, const void *bytes, size_t count,
                         sluice_digest *out)
{
    memset(out, 0, sizeof(*out));
    if (algorithm == SLUICE_CHECKSUM_SHA_256) {
        uint8_t head[8];
        u64_store(seed, head);
        return sha256_pair(head, sizeof(head), bytes, count, out);
    }
    xxh3_store(XXH3_128bits_withSeed(bytes, count, seed), out);
    return SLUICE_OK;
}

static int xxh3_file(uint64_t length, const uint8_t *chunks, size_t count, size_t stride, sluice_digest *out)
{
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return SLUICE_ENOMEM;
    uint8_t head[8];
    u64_store(length, head);
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, head, sizeof(head));
    for (size_t i = 0; i < count; i++)
        XXH3_128bits_update(state, chunks + i * stride, 16);
    xxh3_store(XXH3_128bits_digest(state), out);
    XXH3_freeState(state);
    return SLUICE_OK;
}

static int sha256_file(uint64_t length, const uint8_t *chunks, size_t count, size_t stride, sluice_digest *out)
{
    sluice_sha256_stream *stream;
    int status = sluice_sha256_new(&stream);
    if (status)
        return status;
    uint8_t head[8];
    u64_store(length, head);
    status = sluice_sha256_update(stream, head, sizeof(head));
    for (size_t i = 0; i < count && !status; i++)
        status = sluice_sha256_update(stream, chunks + i * stride, 32);
    if (!status)
        status = sluice_sha256_final(stream, out->bytes);
    sluice_sha256_free(stream);
    return status;
}

int sluice_digest_file(sluice_checksum algorithm, uint64_t length, const sluice_digest *chunks, size_t count,
                       size_t stride, sluice_digest *out)
{
    memset(out, 0, sizeof(*out));
    if (algorithm == SLUICE_CHECKSUM_NONE)
        return SLUICE_OK;
    const uint8_t *first = (const uint8_t *)chunks;
    return algorithm == SLUICE_CHECKSUM_XXH3_128 ? xxh3_file(length, first, count, stride, out)
                                                 : sha256_file(length, first, count, stride, out);
}

struct sluice_digest_stream {
    XXH3_state_t *xxh3;          /* one of these, or none */
    sluice_sha256_stream *sha256;
    int status;
};

int sluice_digest_stream_new(sluice_checksum algorithm, sluice_digest_stream **out)
{
    sluice_digest_stream *stream = calloc(1, sizeof *stream);
    int status = stream ? SLUICE_OK : SLUICE_ENOMEM;
    if (!status && algorithm == SLUICE_CHECKSUM_XXH3_128) {
        stream->xxh3 = XXH3_createState();
        status = stream->xxh3 ? SLUICE_OK : SLUICE_ENOMEM;
    } else if (!status && algorithm == SLUICE_CHECKSUM_SHA_256) {
        status = sluice_sha256_new(&stream->sha256);
    }
    if (status) {
        sluice_digest_stream_free(stream);
        return status;
    }
    if (stream->xxh3)
        XXH3_128bits_reset(stream->xxh3);
    *out = stream;
    return SLUICE_OK;
}

void sluice_digest_stream_free(sluice_digest_stream *stream)
{
    if (!stream)
        return;
    XXH3_freeState(stream->xxh3);
    sluice_sha256_free(stream->sha256);
    free(stream);
}

void sluice_digest_stream_update(sluice_digest_stream *stream, const void *bytes, size_t count)
{
    if (stream->xxh3)
        XXH3_128bits_update(stream->xxh3, bytes, count);
    else if (stream->sha256 && !stream->status)
        stream->status = sluice_sha256_update(stream->sha256, bytes, count);
}

int sluice_digest_stream_final(sluice_digest_stream *stream, sluice_digest *out)
{
    memset(out, 0, sizeof(*out));
    if (stream->xxh3)
        xxh3_store(XXH3_128bits_digest(stream->xxh3), out);
    else if (stream->sha256 && !stream->status)
        stream->status = sluice_sha256_final(stream->sha256, out->bytes);
    return stream->status;
}

int sluice_digest_zeroes(sluice_checksum algorithm, size_t count, sluice_digest *out)
{
    void *zeroes = calloc(1, count ? count : 1);
    if (!zeroes)
        return SLUICE_ENOMEM;
    int status = sluice_digest_chunk(algorithm, zeroes, count, out);
    free(zeroes);
    return status;
}

bool sluice_digest_equal(const sluice_digest *a, const sluice_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void sluice_digest_text(sluice_checksum algorithm, const sluice_digest *digest, char out[SLUICE_DIGEST_TEXT])
{
    static const char *const names[] = {"xxh3-128", "sha-256"};
    out[0] = 0;
    if (algorithm == SLUICE_CHECKSUM_NONE)
        return;
    size_t at = (size_t)snprintf(out, SLUICE_DIGEST_TEXT, "%s:", names[algorithm]);
    sluice_hex_text(digest->bytes, sluice_digest_bytes(algorithm), out + at);
}
