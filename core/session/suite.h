/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite.h - the ciphers that this machine offers, each with the plugin that does it best here.
 */
#ifndef SLUICE_SESSION_SUITE_H
#define SLUICE_SESSION_SUITE_H

#include "session/cipher.h"
#include <sluice/sluice.h>

#define SLUICE_SUITE_PLUGIN 64 /* room for a plugin's name and its NUL */

typedef struct sluice_suite {
    sluice_cipher_offer offers[SLUICE_CIPHERS];
    char plugins[SLUICE_CIPHERS][SLUICE_SUITE_PLUGIN];
    size_t count;
} sluice_suite;

/* Measures the ciphers of all crypto plugins, or of the one named (NULL and "auto": all), about a millisecond each,
 * and keeps the fastest plugin of each.  allowed: comma-separated names; "auto" stands for all but `none`.
 * SLUICE_ECIPHER: nothing is left, with the names that were asked for. */
int sluice_suite_gather(sluice *library, const char *crypto, const char *allowed, sluice_suite *out,
                        sluice_error *error);

/* The plugin that carries a cipher of the suite; NULL: not in it. */
const char *sluice_suite_plugin(const sluice_suite *suite, const char *cipher);

#endif
