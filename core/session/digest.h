/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h - digests of chunks and of files.
 *
 * chunk digest   xxh3-128: XXH3_128bits of the bytes, in canonical form (big endian, 16 bytes)
 *                sha-256:  SHA-256 of the bytes (32 bytes)
 * seeded digest  xxh3-128: XXH3_128bits_withSeed; sha-256: SHA-256 over the seed (8 bytes, big endian), then the bytes
 * file digest    the algorithm's digest over the length (8 bytes, big endian) and the chunk digests in order
 *
 * Chunks can thus be hashed in any order, in parallel, resumed, and verified later.  Any thread; SLUICE_ENOMEM is the
 * only failure that is expected.
 */
#ifndef SLUICE_SESSION_DIGEST_H
#define SLUICE_SESSION_DIGEST_H

#include "session/request.h"
#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_CHUNK_BYTES (1u << 20)
#define SLUICE_DIGEST_MAX 32
#define SLUICE_DIGEST_TEXT 80 /* room for "algorithm:hex" and its NUL */

typedef struct sluice_digest {
    uint8_t bytes[SLUICE_DIGEST_MAX]; /* the first sluice_digest_bytes(algorithm) count, the rest is zero */
} sluice_digest;

size_t sluice_digest_bytes(sluice_checksum algorithm); /* 16, 32, or 0 for none */
int sluice_digest_chunk(sluice_checksum algorithm, const void *bytes, size_t count, sluice_digest *out);
/* With SLUICE_CHECKSUM_NONE the algorithm of seeded digests is xxh3-128: a resume is always checked. */
int sluice_digest_seeded(sluice_checksum algorithm, uint64_t seed, const void *bytes, size_t count,
                         sluice_digest *out);
size_t sluice_digest_seeded_bytes(sluice_checksum algorithm);
/* chunks points at count digests, stride bytes apart. */
int sluice_digest_file(sluice_checksum algorithm, uint64_t length, const sluice_digest *chunks, size_t count,
                       size_t stride, sluice_digest *out);
/* The digest of a row of bytes that comes piece by piece: that of the algorithm over all of them. */
typedef struct sluice_digest_stream sluice_digest_stream;
int sluice_digest_stream_new(sluice_checksum algorithm, sluice_digest_stream **out);
void sluice_digest_stream_free(sluice_digest_stream *stream); /* NULL is fine */
void sluice_digest_stream_update(sluice_digest_stream *stream, const void *bytes, size_t count);
/* SLUICE_ENOMEM, also for what went wrong before.  Nothing can be added afterwards. */
int sluice_digest_stream_final(sluice_digest_stream *stream, sluice_digest *out);
/* The digest of count zero bytes, at most a chunk. */
int sluice_digest_zeroes(sluice_checksum algorithm, size_t count, sluice_digest *out);
bool sluice_digest_equal(const sluice_digest *a, const sluice_digest *b);
/* "xxh3-128:99aa..."; "" for none. */
void sluice_digest_text(sluice_checksum algorithm, const sluice_digest *digest, char out[SLUICE_DIGEST_TEXT]);

#endif
