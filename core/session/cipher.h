/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cipher.h - how fast each cipher is here, and which one two machines should agree on.
 */
#ifndef SLUICE_SESSION_CIPHER_H
#define SLUICE_SESSION_CIPHER_H

#include <sluice/crypto.h>

#define SLUICE_CIPHER_NAME 32 /* room for a name and its NUL */
#define SLUICE_CIPHERS 8      /* offered by one side at most */
#define SLUICE_CIPHER_NONE "none"

/* One cipher that a side allows, and how fast it seals there.  A cipher that is not in a side's list is not allowed. */
typedef struct sluice_cipher_offer {
    char name[SLUICE_CIPHER_NAME];
    uint64_t packets_per_second; /* of 1408 bytes, one thread; at least 1 */
} sluice_cipher_offer;

/* Seals batches of 32 packets of 1408 bytes for about 0.2 ms, but at least five of them, with a fresh instance of the
 * plugin and tells how many packets a second the fastest batch makes (at least 1).  Any thread; about 50 KB of memory for
 * the time of the call.  Errors are those of the plugin's init, key_set and seal, and SLUICE_ENOMEM. */
int sluice_cipher_measure(const sluice_plugin *plugin, const void *config, const sluice_host *host,
                          const sluice_cipher *cipher, uint64_t *packets_per_second);

/* The cipher that both lists name and whose slower side is fastest; of equals the one that comes first in ours.  `none`
 * is chosen only where none_allowed says so (no ticket session off loopback) and both lists name it, and then always,
 * because who lists it asks for it.  Pure: both sides come to the same choice only if one of them decides.
 * SLUICE_ECIPHER: nothing in common; the sentence lists both sides' names. */
int sluice_cipher_choose(const sluice_cipher_offer *ours, size_t our_count, const sluice_cipher_offer *theirs,
                         size_t their_count, bool none_allowed, char name[SLUICE_CIPHER_NAME], sluice_error *error);

#endif
