/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl - AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305 by OpenSSL's libcrypto.
 *
 * Each slot keeps a context with its cipher and key set; a packet costs a new IV and no look-up.
 */
#include "sealing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define TAG_BYTES SLUICE_SEALING_TAG_BYTES

typedef struct slot {
    EVP_CIPHER_CTX *sealer, *opener; /* the same key, for the two ways; NULL: no key in this slot */
    uint8_t iv[SLUICE_CRYPTO_IV_BYTES];
} slot;

typedef struct crypto {
    const sluice_host *host;
    const sluice_cipher *cipher;
    EVP_CIPHER *algorithm;
    slot slots[SLUICE_CRYPTO_SLOTS];
} crypto;

static const char *algorithm_name(const sluice_cipher *cipher)
{
    if (strcmp(cipher->name, "chacha20-poly1305") == 0)
        return "ChaCha20-Poly1305";
    return cipher->key_bytes == 16 ? "AES-128-GCM" : "AES-256-GCM";
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_cipher *cipher)
{
    (void)config;
    crypto *c = state;
    c->host = host;
    c->cipher = cipher;
    c->algorithm = EVP_CIPHER_fetch(NULL, algorithm_name(cipher), NULL);
    if (!c->algorithm)
        return host->fail(host, SLUICE_ECIPHER, "OpenSSL on this machine does not offer %s", cipher->name);
    return SLUICE_OK;
}

static void key_drop(void *state, unsigned number)
{
    crypto *c = state;
    slot *s = &c->slots[number % SLUICE_CRYPTO_SLOTS];
    EVP_CIPHER_CTX_free(s->sealer); /* cleanses the key */
    EVP_CIPHER_CTX_free(s->opener);
    OPENSSL_cleanse(s->iv, sizeof(s->iv));
    memset(s, 0, sizeof(*s));
}

static void fini(void *state)
{
    crypto *c = state;
    for (unsigned i = 0; i < SLUICE_CRYPTO_SLOTS; i++)
        key_drop(c, i);
    EVP_CIPHER_free(c->algorithm);
    memset(c, 0, sizeof(*c));
}

static EVP_CIPHER_CTX *way_new(const crypto *c, const uint8_t *key, int seals)
{
    EVP_CIPHER_CTX *way = EVP_CIPHER_CTX_new();
    if (way && EVP_CipherInit_ex2(way, c->algorithm, key, NULL, seals, NULL) != 1) {
        EVP_CIPHER_CTX_free(way);
        way = NULL;
    }
    return way;
}

static int key_set(void *state, unsigned number, const uint8_t *key, const uint8_t iv[SLUICE_CRYPTO_IV_BYTES])
{
    crypto *c = state;
    slot fresh = {.sealer = way_new(c, key, 1), .opener = way_new(c, key, 0)};
    if (!fresh.sealer || !fresh.opener) {
        EVP_CIPHER_CTX_free(fresh.sealer);
        EVP_CIPHER_CTX_free(fresh.opener);
        return c->host->fail(c->host, SLUICE_ENOMEM, "OpenSSL cannot set a key for %s", c->cipher->name);
    }
    memcpy(fresh.iv, iv, sizeof(fresh.iv));
    key_drop(c, number);
    c->slots[number % SLUICE_CRYPTO_SLOTS] = fresh;
    return SLUICE_OK;
}

static bool seal_one(const slot *s, sluice_packet *packet)
{
    uint8_t nonce[SLUICE_CRYPTO_IV_BYTES];
    uint8_t *body = packet->data + packet->header_bytes;
    int body_bytes = (int)(packet->size - packet->header_bytes), moved = 0, rest = 0;
    sluice_sealing_nonce(s->iv, packet->number, nonce);
    if (EVP_CipherInit_ex2(s->sealer, NULL, NULL, nonce, -1, NULL) != 1
        || EVP_CipherUpdate(s->sealer, NULL, &moved, packet->data, (int)packet->header_bytes) != 1
        || EVP_CipherUpdate(s->sealer, body, &moved, body, body_bytes) != 1 || moved != body_bytes
        || EVP_CipherFinal_ex(s->sealer, body + moved, &rest) != 1
        || EVP_CIPHER_CTX_ctrl(s->sealer, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + body_bytes) != 1)
        return false;
    packet->size += TAG_BYTES;
    return true;
}

/* Checked before the first packet is touched: all or none. */
static int seal_check(const crypto *c, const sluice_packet *packets, size_t count)
{
    int status = SLUICE_OK;
    for (size_t i = 0; i < count && status == SLUICE_OK; i++)
        status = sluice_sealing_check(c->host, &packets[i],
                                      c->slots[packets[i].phase % SLUICE_CRYPTO_SLOTS].sealer != NULL);
    return status;
}

static int seal(void *state, sluice_packet *packets, size_t count)
{
    crypto *c = state;
    int status = seal_check(c, packets, count);
    for (size_t i = 0; i < count && status == SLUICE_OK; i++)
        if (!seal_one(&c->slots[packets[i].phase % SLUICE_CRYPTO_SLOTS], &packets[i]))
            status = c->host->fail(c->host, SLUICE_EFAILED, "OpenSSL cannot seal with %s", c->cipher->name);
    return status;
}

static bool open_one(const slot *s, sluice_packet *packet)
{
    uint8_t nonce[SLUICE_CRYPTO_IV_BYTES];
    if (!s->opener || !sluice_sealing_whole(packet))
        return false;
    uint8_t *body = packet->data + packet->header_bytes;
    int body_bytes = (int)(packet->size - TAG_BYTES - packet->header_bytes), moved = 0, rest = 0;
    sluice_sealing_nonce(s->iv, packet->number, nonce);
    if (EVP_CipherInit_ex2(s->opener, NULL, NULL, nonce, -1, NULL) != 1
        || EVP_CIPHER_CTX_ctrl(s->opener, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, body + body_bytes) != 1
        || EVP_CipherUpdate(s->opener, NULL, &moved, packet->data, (int)packet->header_bytes) != 1
        || EVP_CipherUpdate(s->opener, body, &moved, body, body_bytes) != 1
        || EVP_CipherFinal_ex(s->opener, body + moved, &rest) != 1)
        return false;
    packet->size -= TAG_BYTES;
    return true;
}

static void open_packets(void *state, sluice_packet *packets, size_t count)
{
    crypto *c = state;
    for (size_t i = 0; i < count; i++)
        if (packets[i].status == SLUICE_OK
            && !open_one(&c->slots[packets[i].phase % SLUICE_CRYPTO_SLOTS], &packets[i]))
            packets[i].status = SLUICE_EAUTH;
}

static const sluice_crypto_ops ops = {
    .ciphers = sluice_sealing_ciphers,
    .cipher_count = SLUICE_SEALING_CIPHERS,
    .cipher_size = sizeof(sluice_cipher),
    .init = init,
    .fini = fini,
    .key_set = key_set,
    .key_drop = key_drop,
    .seal = seal,
    .open = open_packets,
};

SLUICE_PLUGIN_DEFINE(crypto, openssl, SLUICE_CRYPTO, SLUICE_CRYPTO_ABI, .name = "openssl", .version = "1.0",
                     .summary = "AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305 by OpenSSL",
                     .state_size = sizeof(crypto), .ops = &ops, .ops_size = sizeof(ops));
