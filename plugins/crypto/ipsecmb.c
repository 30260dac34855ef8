/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipsecmb - AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305 by libipsec-mb, Intel's assembly for x86-64.
 *
 * Packets go through the library's calls for one message each.  Its queue of jobs is no faster for AES-GCM, since one
 * message fills the processor's AES units, and costs 200 KB an instance (doc/performance.md has the figures).
 *
 * Without AES instructions the library has nothing for AES, and OpenSSL's code is at least as good for the other cipher:
 * so there init fails.
 */
#include "sealing.h"

#include <intel-ipsec-mb.h>
#include <string.h>

#define TAG_BYTES SLUICE_SEALING_TAG_BYTES
#define ALIGNMENT 64 /* the widest registers; of what lies there the library reads whole ones */

typedef struct slot {
    _Alignas(ALIGNMENT) union {
        struct gcm_key_data gcm; /* all that can be computed ahead of a packet */
        uint8_t chacha[SLUICE_CRYPTO_KEY_MAX];
    } key;
    uint8_t iv[SLUICE_CRYPTO_IV_BYTES];
    bool keyed;
} slot;

typedef struct crypto crypto;

/* Encrypts or decrypts a packet's body in place and tells the tag that belongs to it. */
typedef void run_packet(crypto *c, const slot *s, sluice_packet *packet, uint32_t body_bytes, bool seals,
                        uint8_t tag[TAG_BYTES]);

struct crypto {
    union { /* of the packet under way */
        struct gcm_context_data gcm;
        struct chacha20_poly1305_context_data chacha;
    } work;
    const sluice_host *host;
    const sluice_cipher *cipher;
    run_packet *run;
    /* What the library has for this processor: of AES-GCM with this length of key, and of ChaCha20-Poly1305. */
    aes_gcm_pre_t gcm_prepare;
    aes_gcm_enc_dec_t gcm_seal, gcm_open;
    chacha_poly_init_t chacha_begin;
    chacha_poly_enc_dec_update_t chacha_seal, chacha_open;
    chacha_poly_finalize_t chacha_end;
    slot slots[SLUICE_CRYPTO_SLOTS];
};

/* A host aligns a state for any type of C's, which is less than what the library's keys want. */
static crypto *crypto_in(void *state)
{
    uintptr_t beyond = (uintptr_t)state % ALIGNMENT;
    return (crypto *)(void *)((char *)state + (beyond == 0 ? 0 : ALIGNMENT - beyond));
}

static void gcm_run(crypto *c, const slot *s, sluice_packet *packet, uint32_t body_bytes, bool seals,
                    uint8_t tag[TAG_BYTES])
{
    uint8_t nonce[SLUICE_CRYPTO_IV_BYTES], *body = packet->data + packet->header_bytes;
    sluice_sealing_nonce(s->iv, packet->number, nonce);
    (seals ? c->gcm_seal : c->gcm_open)(&s->key.gcm, &c->work.gcm, body, body, body_bytes, nonce, packet->data,
                                        packet->header_bytes, tag, TAG_BYTES);
}

static void chacha_run(crypto *c, const slot *s, sluice_packet *packet, uint32_t body_bytes, bool seals,
                       uint8_t tag[TAG_BYTES])
{
    uint8_t nonce[SLUICE_CRYPTO_IV_BYTES], *body = packet->data + packet->header_bytes;
    sluice_sealing_nonce(s->iv, packet->number, nonce);
    c->chacha_begin(s->key.chacha, &c->work.chacha, nonce, packet->data, packet->header_bytes);
    (seals ? c->chacha_seal : c->chacha_open)(s->key.chacha, &c->work.chacha, body, body, body_bytes);
    c->chacha_end(&c->work.chacha, tag, TAG_BYTES);
}

static void functions_take(crypto *c, const IMB_MGR *manager)
{
    if (strcmp(c->cipher->name, "chacha20-poly1305") == 0) {
        c->run = chacha_run;
        c->chacha_begin = manager->chacha20_poly1305_init;
        c->chacha_seal = manager->chacha20_poly1305_enc_update;
        c->chacha_open = manager->chacha20_poly1305_dec_update;
        c->chacha_end = manager->chacha20_poly1305_finalize;
        return;
    }
    bool small = c->cipher->key_bytes == 16;
    c->run = gcm_run;
    c->gcm_prepare = small ? manager->gcm128_pre : manager->gcm256_pre;
    c->gcm_seal = small ? manager->gcm128_enc : manager->gcm256_enc;
    c->gcm_open = small ? manager->gcm128_dec : manager->gcm256_dec;
}

/* There is no AES for it, or the test that it makes of itself has failed. */
static int refuse(const sluice_host *host, IMB_MGR *manager)
{
    int trouble = imb_get_errno(manager);
    return host->fail(host, SLUICE_ECIPHER, "libipsec-mb does not work on this processor: %s",
                      trouble == 0 ? "it has no AES instructions" : imb_get_strerror(trouble));
}

/* A manager looks what this processor can do.  Nothing else is wanted of it. */
static int init(void *state, const void *config, const sluice_host *host, const sluice_cipher *cipher)
{
    (void)config;
    crypto *c = crypto_in(state);
    c->host = host;
    c->cipher = cipher;
    IMB_ARCH architecture = IMB_ARCH_NONE;
    IMB_MGR *manager = alloc_mb_mgr(0);
    if (manager)
        init_mb_mgr_auto(manager, &architecture);
    int status = SLUICE_OK;
    if (!manager || architecture == IMB_ARCH_NONE || architecture == IMB_ARCH_NOAESNI || imb_get_errno(manager) != 0)
        status = refuse(host, manager);
    else
        functions_take(c, manager);
    if (manager)
        free_mb_mgr(manager);
    return status;
}

static void key_drop(void *state, unsigned number)
{
    imb_clear_mem(&crypto_in(state)->slots[number % SLUICE_CRYPTO_SLOTS], sizeof(slot));
}

/* What the packet under way leaves is of the key, too. */
static void fini(void *state)
{
    imb_clear_mem(crypto_in(state), sizeof(crypto));
}

static int key_set(void *state, unsigned number, const uint8_t *key, const uint8_t iv[SLUICE_CRYPTO_IV_BYTES])
{
    crypto *c = crypto_in(state);
    slot *s = &c->slots[number % SLUICE_CRYPTO_SLOTS];
    key_drop(state, number);
    if (c->gcm_prepare)
        c->gcm_prepare(key, &s->key.gcm);
    else
        memcpy(s->key.chacha, key, c->cipher->key_bytes);
    memcpy(s->iv, iv, sizeof(s->iv));
    s->keyed = true;
    return SLUICE_OK;
}

static slot *slot_of(crypto *c, const sluice_packet *packet)
{
    return &c->slots[packet->phase % SLUICE_CRYPTO_SLOTS];
}

static int seal(void *state, sluice_packet *packets, size_t count)
{
    crypto *c = crypto_in(state);
    /* Before the first packet is touched: all or none. */
    for (size_t i = 0; i < count; i++) {
        int status = sluice_sealing_check(c->host, &packets[i], slot_of(c, &packets[i])->keyed);
        if (status != SLUICE_OK)
            return status;
    }
    for (size_t i = 0; i < count; i++) {
        sluice_packet *packet = &packets[i];
        c->run(c, slot_of(c, packet), packet, packet->size - packet->header_bytes, true, packet->data + packet->size);
        packet->size += TAG_BYTES;
    }
    return SLUICE_OK;
}

/* In a time that does not tell where they differ. */
static bool tags_equal(const uint8_t *left, const uint8_t *right)
{
    unsigned difference = 0;
    for (size_t i = 0; i < TAG_BYTES; i++)
        difference |= (unsigned)(left[i] ^ right[i]);
    return difference == 0;
}

static bool open_one(crypto *c, const slot *s, sluice_packet *packet)
{
    uint8_t tag[TAG_BYTES];
    if (!s->keyed || !sluice_sealing_whole(packet))
        return false;
    uint32_t opened_bytes = packet->size - TAG_BYTES;
    c->run(c, s, packet, opened_bytes - packet->header_bytes, false, tag);
    if (!tags_equal(tag, packet->data + opened_bytes))
        return false;
    packet->size = opened_bytes;
    return true;
}

static void open_packets(void *state, sluice_packet *packets, size_t count)
{
    crypto *c = crypto_in(state);
    for (size_t i = 0; i < count; i++)
        if (packets[i].status == SLUICE_OK && !open_one(c, slot_of(c, &packets[i]), &packets[i]))
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

SLUICE_PLUGIN_DEFINE(crypto, ipsecmb, SLUICE_CRYPTO, SLUICE_CRYPTO_ABI, .name = "ipsecmb", .version = "1.0",
                     .summary = "AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305 by libipsec-mb, on processors with AES",
                     .state_size = sizeof(crypto) + ALIGNMENT - 1, .ops = &ops, .ops_size = sizeof(ops));
