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

/* Measures the ciphers of all crypto plugins, or of the one named (NULL and "auto": all), about 0.2 ms each, and keeps
 * the fastest plugin of each.  A plugin that does not load or does not work here is left out, which the log says at level
 * debug, as it does what was measured.  allowed: comma-separated names; "auto" stands for all but `none`.
 * SLUICE_ECIPHER: nothing is left, with the names that were asked for and why the last one was left out. */
int sluice_suite_gather(sluice *library, const char *crypto, const char *allowed, sluice_suite *out,
                        sluice_error *error);

/* The plugin that carries a cipher of the suite; NULL: not in it. */
const char *sluice_suite_plugin(const sluice_suite *suite, const char *cipher);

#endif
