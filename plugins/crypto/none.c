/* SPDX-License-Identifier: Apache-2.0 */
/*
 * none - no encryption and no authentication: packets travel as they are.
 *
 * It adds nothing to a packet, so a corrupted or forged packet is noticed by nothing here: UDP's checksum and the
 * digests of what is transferred are all there is.  For trusted links and measurements; both sides must allow it.
 */
#include <sluice/crypto.h>

static const sluice_cipher ciphers[] = {{.name = "none"}};

static int init(void *state, const void *config, const sluice_host *host, const sluice_cipher *cipher)
{
    (void)state;
    (void)config;
    (void)host;
    (void)cipher;
    return SLUICE_OK;
}

static void fini(void *state)
{
    (void)state;
}

static int key_set(void *state, unsigned slot, const uint8_t *key, const uint8_t iv[SLUICE_CRYPTO_IV_BYTES])
{
    (void)state;
    (void)slot;
    (void)key;
    (void)iv;
    return SLUICE_OK;
}

static void key_drop(void *state, unsigned slot)
{
    (void)state;
    (void)slot;
}

static int seal(void *state, sluice_packet *packets, size_t count)
{
    (void)state;
    (void)packets;
    (void)count;
    return SLUICE_OK;
}

static void open_packets(void *state, sluice_packet *packets, size_t count)
{
    (void)state;
    (void)packets;
    (void)count;
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

SLUICE_PLUGIN_DEFINE(crypto, none, SLUICE_CRYPTO, SLUICE_CRYPTO_ABI, .name = "none", .version = "1.0",
                     .summary = "no encryption and no authentication", .ops = &ops, .ops_size = sizeof(ops));
