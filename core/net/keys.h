/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the key schedule of a session.
 *
 * From one 32-byte session secret (the TLS exporter's, or one handed over inside ssh) come all packet keys, by
 * HKDF-SHA256 (RFC 5869) with the session id (16 bytes) as salt and an info of
 *
 *     "sluice1 " label 0x00 direction(u8) lane(u32) phase(u64)
 *
 * numbers big-endian, label "key" or "iv".  direction is who seals: 0 the client, 1 the server.  So no two of
 * direction, lane and phase share a key, and no nonce (iv XOR packet number) is ever used twice with one key.  Knowing
 * one phase's key says nothing of the others'.  Any thread.
 */
#ifndef SLUICE_NET_KEYS_H
#define SLUICE_NET_KEYS_H

#include <sluice/crypto.h>
#include <sluice/transport.h>

#define SLUICE_SECRET_BYTES 32
#define SLUICE_SESSION_ID_BYTES 16
#define SLUICE_LANES_MOST 16 /* of a session */
#define SLUICE_EXPORTER_LABEL "EXPORTER-sluice1-session" /* of the session secret, without context (RFC 8446, 7.5) */
#define SLUICE_EXPORTER_PROOF "EXPORTER-sluice1-proof"   /* of what a ticket's HMAC is made over */

typedef struct sluice_keys {
    uint8_t secret[SLUICE_SECRET_BYTES];
    uint8_t session_id[SLUICE_SESSION_ID_BYTES];
} sluice_keys;

void sluice_keys_init(sluice_keys *keys, const uint8_t secret[SLUICE_SECRET_BYTES],
                      const uint8_t session_id[SLUICE_SESSION_ID_BYTES]);
void sluice_keys_fini(sluice_keys *keys); /* cleanses */

/* The key (key_bytes of the cipher, at most SLUICE_CRYPTO_KEY_MAX) and iv that `sealer` seals with.  Cleanse them after
 * use.  SLUICE_ENOMEM, SLUICE_EFAILED as in secure.h. */
int sluice_keys_derive(const sluice_keys *keys, sluice_role sealer, uint32_t lane, uint64_t phase, uint8_t *key,
                       size_t key_bytes, uint8_t iv[SLUICE_CRYPTO_IV_BYTES]);

/* What a client proves with, on another channel than the one of the set-up, that it is the session's: label "join", all
 * numbers 0.  Cleanse it after use. */
int sluice_keys_join(const sluice_keys *keys, uint8_t out[SLUICE_SECRET_BYTES]);

/* Derives and installs the key of a phase into slot phase mod SLUICE_CRYPTO_SLOTS of an instance. */
int sluice_keys_install(const sluice_keys *keys, sluice_role sealer, uint32_t lane, uint64_t phase,
                        const sluice_crypto_ops *ops, void *crypto, const sluice_cipher *cipher);

#endif
