/* SPDX-License-Identifier: Apache-2.0 */
#include "sealing.h"

#include <limits.h>
#include <string.h>

const sluice_cipher sluice_sealing_ciphers[SLUICE_SEALING_CIPHERS] = {
    {.name = "aes-128-gcm",
     .key_bytes = 16,
     .seal_bytes = SLUICE_SEALING_TAG_BYTES,
     .seal_limit = UINT64_C(1) << 23,
     .forgery_limit = UINT64_C(1) << 52},
    {.name = "aes-256-gcm",
     .key_bytes = 32,
     .seal_bytes = SLUICE_SEALING_TAG_BYTES,
     .seal_limit = UINT64_C(1) << 23,
     .forgery_limit = UINT64_C(1) << 52},
    {.name = "chacha20-poly1305",
     .key_bytes = 32,
     .seal_bytes = SLUICE_SEALING_TAG_BYTES,
     .forgery_limit = UINT64_C(1) << 36},
};

int sluice_sealing_check(const sluice_host *host, const sluice_packet *packet, bool keyed)
{
    if (!keyed)
        return host->fail(host, SLUICE_EINVAL, "there is no key for phase %u", (unsigned)packet->phase);
    /* Some libraries take lengths as int. */
    if (packet->header_bytes > packet->size || packet->size > INT_MAX - SLUICE_SEALING_TAG_BYTES
        || packet->size + SLUICE_SEALING_TAG_BYTES > packet->capacity)
        return host->fail(host, SLUICE_EINVAL, "a packet of %u bytes has no room for its seal",
                          (unsigned)packet->size);
    return SLUICE_OK;
}

bool sluice_sealing_whole(const sluice_packet *packet)
{
    return packet->size <= INT_MAX && packet->size >= SLUICE_SEALING_TAG_BYTES
           && packet->size - SLUICE_SEALING_TAG_BYTES >= packet->header_bytes;
}

void sluice_sealing_nonce(const uint8_t iv[SLUICE_CRYPTO_IV_BYTES], uint64_t number,
                          uint8_t nonce[SLUICE_CRYPTO_IV_BYTES])
{
    memcpy(nonce, iv, SLUICE_CRYPTO_IV_BYTES);
    for (unsigned i = 0; i < 8; i++)
        nonce[SLUICE_CRYPTO_IV_BYTES - 1 - i] ^= (uint8_t)(number >> (8 * i));
}
