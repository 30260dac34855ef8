/* SPDX-License-Identifier: Apache-2.0 */
#include "net/keys.h"

#include "net/secure.h"
#include <assert.h>
#include <string.h>

#define PREFIX "sluice1 "
#define INFO_ROOM 32

void sluice_keys_init(sluice_keys *keys, const uint8_t secret[SLUICE_SECRET_BYTES],
                      const uint8_t session_id[SLUICE_SESSION_ID_BYTES])
{
    memcpy(keys->secret, secret, SLUICE_SECRET_BYTES);
    memcpy(keys->session_id, session_id, SLUICE_SESSION_ID_BYTES);
}

void sluice_keys_fini(sluice_keys *keys)
{
    sluice_secure_cleanse(keys, sizeof(*keys));
}

static uint8_t *put_number(uint8_t *to, uint64_t number, unsigned bytes)
{
    while (bytes--)
        *to++ = (uint8_t)(number >> (8 * bytes));
    return to;
}

static int derive(const sluice_keys *keys, const char *label, sluice_role sealer, uint32_t lane, uint64_t phase,
                  uint8_t *out, size_t bytes)
{
    uint8_t info[INFO_ROOM], *end = info;
    size_t label_bytes = strlen(label) + 1; /* its NUL separates it from the numbers */
    memcpy(end, PREFIX, sizeof(PREFIX) - 1);
    end += sizeof(PREFIX) - 1;
    memcpy(end, label, label_bytes);
    end += label_bytes;
    end = put_number(end, sealer == SLUICE_SERVER, 1);
    end = put_number(end, lane, 4);
    end = put_number(end, phase, 8);
    assert(end <= info + INFO_ROOM);
    return sluice_hkdf_sha256(keys->secret, SLUICE_SECRET_BYTES, keys->session_id, SLUICE_SESSION_ID_BYTES, info,
                              (size_t)(end - info), out, bytes);
}

int sluice_keys_derive(const sluice_keys *keys, sluice_role sealer, uint32_t lane, uint64_t phase, uint8_t *key,
                       size_t key_bytes, uint8_t iv[SLUICE_CRYPTO_IV_BYTES])
{
    assert(key_bytes <= SLUICE_CRYPTO_KEY_MAX);
    /* A cipher without a key has nothing to be derived. */
    int status = key_bytes ? derive(keys, "key", sealer, lane, phase, key, key_bytes) : SLUICE_OK;
    if (status == SLUICE_OK)
        status = derive(keys, "iv", sealer, lane, phase, iv, SLUICE_CRYPTO_IV_BYTES);
    return status;
}

int sluice_keys_join(const sluice_keys *keys, uint8_t out[SLUICE_SECRET_BYTES])
{
    return derive(keys, "join", SLUICE_CLIENT, 0, 0, out, SLUICE_SECRET_BYTES);
}

int sluice_keys_install(const sluice_keys *keys, sluice_role sealer, uint32_t lane, uint64_t phase,
                        const sluice_crypto_ops *ops, void *crypto, const sluice_cipher *cipher)
{
    uint8_t key[SLUICE_CRYPTO_KEY_MAX] = {0}, iv[SLUICE_CRYPTO_IV_BYTES];
    int status = sluice_keys_derive(keys, sealer, lane, phase, key, cipher->key_bytes, iv);
    if (status == SLUICE_OK)
        status = ops->key_set(crypto, (unsigned)(phase % SLUICE_CRYPTO_SLOTS), key, iv);
    sluice_secure_cleanse(key, sizeof(key));
    sluice_secure_cleanse(iv, sizeof(iv));
    return status;
}
