/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealing.h - what the crypto plugins have in common, whichever library they stand on: the ciphers and their limits, the
 * nonce of a packet, and whether there is room for a seal.
 *
 * Packets that one of them seals the others open.
 */
#ifndef SLUICE_SEALING_H
#define SLUICE_SEALING_H

#include <sluice/crypto.h>

#define SLUICE_SEALING_CIPHERS 3
#define SLUICE_SEALING_TAG_BYTES 16

/* AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305.  Limits: RFC 9001 section 6.6 (2^23 packets sealed with AES-GCM; 2^52
 * forgeries against it, 2^36 against ChaCha20-Poly1305). */
extern const sluice_cipher sluice_sealing_ciphers[SLUICE_SEALING_CIPHERS];

/* Whether a packet can be sealed where it lies; else SLUICE_EINVAL with a sentence.  keyed: its slot has a key. */
int sluice_sealing_check(const sluice_host *host, const sluice_packet *packet, bool keyed);

/* Whether a packet from outside is long enough for its header and a seal. */
bool sluice_sealing_whole(const sluice_packet *packet);

/* RFC 9001 section 5.3. */
void sluice_sealing_nonce(const uint8_t iv[SLUICE_CRYPTO_IV_BYTES], uint64_t number,
                          uint8_t nonce[SLUICE_CRYPTO_IV_BYTES]);

#endif
