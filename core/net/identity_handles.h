/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_handles.h - an identity as OpenSSL knows it; for core/net's own files, because it shows OpenSSL's types.
 */
#ifndef SLUICE_NET_IDENTITY_HANDLES_H
#define SLUICE_NET_IDENTITY_HANDLES_H

#include "net/identity.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

/* Borrowed: they live as long as the identity. */
EVP_PKEY *sluice_identity_key(const sluice_identity *identity);
X509 *sluice_identity_certificate(const sluice_identity *identity);

/* SHA-256 of a certificate's SubjectPublicKeyInfo. */
int sluice_certificate_fingerprint(X509 *certificate, uint8_t out[SLUICE_FINGERPRINT_BYTES]);

#endif
