/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.h - kind `crypto`: seals and opens batches of packets in place.
 *
 * AEADs with a 96-bit nonce as in RFC 9001 section 5.3: nonce = iv XOR the packet number as a big-endian number in
 * its last 8 bytes; additional data = the packet's header_bytes first bytes; the tag follows the body.  The key
 * schedule is the core's: a plugin gets raw key and iv per slot.  An instance serves one direction of one lane and
 * is used by that lane's loop thread only.  ABI history: 1.0 first.
 */
#ifndef SLUICE_CRYPTO_H
#define SLUICE_CRYPTO_H

#include <sluice/packet.h>
#include <sluice/plugin.h>

#define SLUICE_CRYPTO_ABI SLUICE_ABI(1, 0)

#define SLUICE_CRYPTO_SLOTS 4 /* keys held at once; the core puts phase p into slot p mod 4 */
#define SLUICE_CRYPTO_KEY_MAX 32
#define SLUICE_CRYPTO_IV_BYTES 12

typedef struct sluice_cipher {
    const char *name;            /* aes-128-gcm, aes-256-gcm, chacha20-poly1305, none */
    uint32_t key_bytes;
    uint32_t seal_bytes;         /* what a packet grows by */
    uint64_t seal_limit;         /* packets that one key may seal (RFC 9001 section 6.6); 0: no limit */
    uint64_t forgery_limit;      /* packets that may fail to open under one key; 0: no limit */
} sluice_cipher;

typedef struct sluice_crypto_ops {
    /* Required.  The ciphers that this plugin can do on this machine, now; at least one. */
    const sluice_cipher *ciphers;
    size_t cipher_count, cipher_size;

    /* Required.  cipher is one of `ciphers`. */
    int (*init)(void *state, const void *config, const sluice_host *host, const sluice_cipher *cipher);
    void (*fini)(void *state);

    /* Required.  Installs a key in a slot, replacing what was there; drop forgets it (and cleanses it). */
    int (*key_set)(void *state, unsigned slot, const uint8_t *key, const uint8_t iv[SLUICE_CRYPTO_IV_BYTES]);
    void (*key_drop)(void *state, unsigned slot);

    /* Required.  Encrypts each packet's body in place under the slot of its phase and adds the seal; size grows by
     * seal_bytes.  All or none: a failure here is one of the environment and ends the session. */
    int (*seal)(void *state, sluice_packet *packets, size_t count);

    /* Required.  Opens the packets whose status is SLUICE_OK; size shrinks by seal_bytes.  A packet that does not
     * open gets status SLUICE_EAUTH and nothing else is told about it; its body is then undefined. */
    void (*open)(void *state, sluice_packet *packets, size_t count);

    /* Optional.  False when the machine lacks what this cipher needs to be worth choosing. NULL: all usable. */
    bool (*usable)(const sluice_cipher *cipher);
} sluice_crypto_ops;

#endif
