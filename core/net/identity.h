/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - who a server is: its private key and self-signed certificate.
 *
 * A client pins the SHA-256 of the certificate's SubjectPublicKeyInfo (as RFC 7469 does), so nothing else in the
 * certificate matters: no name, no date is looked at.  Any thread; an identity does not change after it was loaded.
 */
#ifndef SLUICE_NET_IDENTITY_H
#define SLUICE_NET_IDENTITY_H

#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_FINGERPRINT_BYTES 32
#define SLUICE_FINGERPRINT_TEXT 65 /* hex and NUL */

typedef struct sluice_identity sluice_identity;

/* Loads the key (P-256 or Ed25519) and the certificate from two PEM files, or makes them (P-256) if neither is there:
 * written under another name, flushed, and given their names without ever replacing a file, so that two servers
 * starting at once end with one identity.  Both files are mode 0600.
 *
 * SLUICE_EACCESS: a file is a link, not a regular file, not owned by the caller, or (the key) open to others; SLUICE_
 * ECONFIG: unreadable as PEM, key of another kind, certificate of another key, or one file without the other; SLUICE_
 * ENOENT: the directory does not exist; SLUICE_EIO, SLUICE_ENOSPACE, SLUICE_ENOMEM.  The sentence names the file. */
int sluice_identity_load(sluice_identity **out, const char *key_path, const char *certificate_path,
                         sluice_error *error);
/* One that lives in memory only, e.g. for a single session. */
int sluice_identity_new(sluice_identity **out, sluice_error *error);
void sluice_identity_free(sluice_identity *identity); /* NULL is fine */

/* SHA-256 of the DER encoding of the SubjectPublicKeyInfo; lives as long as the identity. */
const uint8_t *sluice_identity_fingerprint(const sluice_identity *identity);

/* Fingerprints as the user writes them: 64 hex digits, colons between the bytes allowed, "sha256:" in front allowed. */
int sluice_fingerprint_parse(const char *text, uint8_t out[SLUICE_FINGERPRINT_BYTES], sluice_error *error);
const char *sluice_fingerprint_text(const uint8_t fingerprint[SLUICE_FINGERPRINT_BYTES],
                                    char out[SLUICE_FINGERPRINT_TEXT]);

#endif
