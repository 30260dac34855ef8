/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notary - a crypto plugin for tests that writes down every key and nonce it seals with.
 *
 * Each sealing instance writes one file of lines "key nonce", hexadecimal, into the folder that NOTARY names.  It says that
 * a key may seal 500 packets, so that phases turn in short runs.  The encryption is none that anyone should use.
 */
#include <inttypes.h>
#include <sluice/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_BYTES 16
#define SEAL_BYTES 16

typedef struct notary {
    uint8_t keys[SLUICE_CRYPTO_SLOTS][KEY_BYTES], ivs[SLUICE_CRYPTO_SLOTS][SLUICE_CRYPTO_IV_BYTES];
    FILE *book; /* of an instance that seals */
} notary;

static const sluice_cipher ciphers[] = {
    {.name = "aes-128-gcm", .key_bytes = KEY_BYTES, .seal_bytes = SEAL_BYTES, .seal_limit = 500}};

static int init(void *state, const void *config, const sluice_host *host, const sluice_cipher *cipher)
{
    (void)config;
    (void)host;
    (void)cipher;
    memset(state, 0, sizeof(notary));
    return SLUICE_OK;
}

static void fini(void *state)
{
    notary *self = state;
    if (self->book)
        fclose(self->book);
}

static int key_set(void *state, unsigned slot, const uint8_t *key, const uint8_t iv[SLUICE_CRYPTO_IV_BYTES])
{
    notary *self = state;
    memcpy(self->keys[slot], key, KEY_BYTES);
    memcpy(self->ivs[slot], iv, SLUICE_CRYPTO_IV_BYTES);
    return SLUICE_OK;
}

static void key_drop(void *state, unsigned slot)
{
    (void)state;
    (void)slot;
}

static void nonce_of(const notary *self, const sluice_packet *packet, uint8_t out[SLUICE_CRYPTO_IV_BYTES])
{
    memcpy(out, self->ivs[packet->phase % SLUICE_CRYPTO_SLOTS], SLUICE_CRYPTO_IV_BYTES);
    for (unsigned i = 0; i < 8; i++)
        out[SLUICE_CRYPTO_IV_BYTES - 1 - i] ^= (uint8_t)(packet->number >> 8 * i);
}

static void hide(const notary *self, const sluice_packet *packet, const uint8_t *nonce)
{
    const uint8_t *key = self->keys[packet->phase % SLUICE_CRYPTO_SLOTS];
    for (uint32_t i = packet->header_bytes; i < packet->size; i++)
        packet->data[i] ^= key[i % KEY_BYTES] ^ nonce[i % SLUICE_CRYPTO_IV_BYTES];
}

/* Over all that the packet has so far. */
static void seal_of(const notary *self, const sluice_packet *packet, uint8_t out[SEAL_BYTES])
{
    uint64_t sum = UINT64_C(14695981039346656037);
    memcpy(out, self->keys[packet->phase % SLUICE_CRYPTO_SLOTS], SEAL_BYTES);
    for (uint32_t i = 0; i < packet->size; i++)
        sum = (sum ^ packet->data[i]) * UINT64_C(1099511628211);
    for (unsigned i = 0; i < 8; i++)
        out[i] ^= (uint8_t)(sum >> 8 * i);
}

static bool book_open(notary *self)
{
    char path[300];
    const char *folder = getenv("NOTARY");
    if (!self->book && folder) {
        snprintf(path, sizeof path, "%s/%d.%p", folder, (int)getpid(), (void *)self);
        self->book = fopen(path, "a");
    }
    return self->book != NULL;
}

static void write_down(notary *self, const sluice_packet *packet, const uint8_t *nonce)
{
    const uint8_t *key = self->keys[packet->phase % SLUICE_CRYPTO_SLOTS];
    for (unsigned i = 0; i < KEY_BYTES; i++)
        fprintf(self->book, "%02x", key[i]);
    fputc(' ', self->book);
    for (unsigned i = 0; i < SLUICE_CRYPTO_IV_BYTES; i++)
        fprintf(self->book, "%02x", nonce[i]);
    fputc('\n', self->book);
}

static int seal(void *state, sluice_packet *packets, size_t count)
{
    notary *self = state;
    for (size_t i = 0; i < count; i++) {
        uint8_t nonce[SLUICE_CRYPTO_IV_BYTES];
        nonce_of(self, &packets[i], nonce);
        if (book_open(self))
            write_down(self, &packets[i], nonce);
        hide(self, &packets[i], nonce);
        seal_of(self, &packets[i], packets[i].data + packets[i].size);
        packets[i].size += SEAL_BYTES;
    }
    return SLUICE_OK;
}

static void open_one(const notary *self, sluice_packet *packet)
{
    uint8_t wanted[SEAL_BYTES], nonce[SLUICE_CRYPTO_IV_BYTES];
    if (packet->status != SLUICE_OK)
        return;
    packet->status = SLUICE_EAUTH;
    if (packet->size < packet->header_bytes + SEAL_BYTES)
        return;
    packet->size -= SEAL_BYTES;
    seal_of(self, packet, wanted);
    if (memcmp(wanted, packet->data + packet->size, SEAL_BYTES) != 0)
        return;
    nonce_of(self, packet, nonce);
    hide(self, packet, nonce);
    packet->status = SLUICE_OK;
}

static void open_packets(void *state, sluice_packet *packets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        open_one(state, &packets[i]);
}

static const sluice_crypto_ops ops = {
    .ciphers = ciphers,
    .cipher_count = SLUICE_COUNT(ciphers),
    .cipher_size = sizeof(sluice_cipher),
    .init = init,
    .fini = fini,
    .key_set = key_set,
    .key_drop = key_drop,
    .seal = seal,
    .open = open_packets,
};

SLUICE_PLUGIN_DEFINE(crypto, notary, SLUICE_CRYPTO, SLUICE_CRYPTO_ABI, .name = "notary", .version = "1.0",
                     .summary = "writes down every key and nonce", .state_size = sizeof(notary), .ops = &ops,
                     .ops_size = sizeof(ops));
