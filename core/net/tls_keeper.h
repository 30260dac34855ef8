/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_keeper.h - between a channel and the listener that keeps an eye on it until its peer is admitted; for core/net's
 * own files, because it shows OpenSSL's types.
 */
#ifndef SLUICE_NET_TLS_KEEPER_H
#define SLUICE_NET_TLS_KEEPER_H

#include "net/tls.h"
#include <openssl/ssl.h>

typedef struct sluice_tls_keeper {
    void (*ready)(void *user, sluice_channel *channel);  /* the handshake is done: somebody must take the channel */
    void (*failed)(void *user, sluice_channel *channel); /* it ended; if nobody has claimed it, the keeper frees it */
    void (*left)(void *user, sluice_channel *channel);   /* admitted, or about to be freed: not to be watched any more */
} sluice_tls_keeper;

/* What both sides set: TLS 1.3 only, no tickets, no early data.  NULL: OpenSSL has no memory. */
SSL_CTX *sluice_tls_settings_new(const SSL_METHOD *method);

/* A channel on an accepted socket, which it takes over whatever comes of it. */
int sluice_tls_accept(sluice_channel **out, sluice_loop *loop, SSL_CTX *settings, int fd, const sluice_address *peer,
                      const sluice_tls_limits *limits, uint64_t key_records, const sluice_tls_keeper *keeper,
                      void *keeper_user);

/* The keeper goes before the channel. */
void sluice_tls_keeper_forget(sluice_channel *channel);
/* Somebody has set calls: the channel is theirs. */
bool sluice_tls_is_claimed(const sluice_channel *channel);

#endif
