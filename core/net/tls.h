/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - message channels over TLS 1.3 on TCP: a client's, and a listener that accepts them.
 *
 * TLS 1.3 only, without session tickets and without 0-RTT.  The client knows the server by the SHA-256 of its public
 * key; the client itself is anonymous to TLS.  A client's first messages leave together with its Finished: TCP 1,
 * TLS 1, message and answer 1 make three round trips.  A message of SLUICE_CHANNEL_PACKET bytes and its length are one TLS
 * record; smaller ones share a record.
 *
 * Everything belongs to the loop's thread.  No callback is called from inside the function that starts something; all
 * come from the loop.
 */
#ifndef SLUICE_NET_TLS_H
#define SLUICE_NET_TLS_H

#include "net/channel.h"
#include "net/identity.h"

typedef struct sluice_tls_listener sluice_tls_listener;

typedef struct sluice_tls_connect_setup {
    const char *host; /* name or numeric address; looked up off the loop's thread */
    uint16_t port;
    const uint8_t *fingerprint; /* SLUICE_FINGERPRINT_BYTES; required */
    const char *ciphersuites;   /* TLS 1.3 names (TLS_AES_128_GCM_SHA256:...), the best first; NULL: OpenSSL's */
    sluice_duration timeout_ns; /* from now until ready; 0: 15 s */
    sluice_duration stagger_ns; /* between attempts at several addresses (RFC 8305); 0: 250 ms */
    uint64_t key_records;       /* sent with one key, then TLS takes the next; 0: 2^23 */
} sluice_tls_connect_setup;

/* Starts to connect.  Everything that can go wrong on the way is told by `closed`; here only SLUICE_ENOMEM, SLUICE_EIO
 * (no thread, no descriptors) and SLUICE_EINVAL (cipher suites that OpenSSL does not know). */
int sluice_tls_connect(sluice_channel **out, sluice_loop *loop, const sluice_tls_connect_setup *setup,
                       const sluice_channel_calls *calls, void *user, sluice_error *error);

/* A server has authenticated the peer: the limits for strangers no longer hold for this channel.  Of a channel that is
 * not from a listener there is nothing to admit, and nothing is done. */
void sluice_tls_admit(sluice_channel *channel);

typedef struct sluice_tls_limits {
    unsigned strangers;          /* channels that are not admitted, at once; 0: 256.  Beyond them one whose handshake
                                    is not done makes room */
    unsigned strangers_per_host; /* the same of one IPv4 address or one IPv6 /64; 0: 8 */
    uint64_t stranger_bytes;     /* received by each before it is admitted; 0: 64 KiB */
    sluice_duration stranger_ns; /* from accept to admission; 0: 30 s */
} sluice_tls_limits;

typedef struct sluice_tls_listener_statistics {
    uint64_t accepted;  /* TCP connections */
    uint64_t ready;     /* handshakes that were finished */
    uint64_t turned_away; /* for a limit on their number: at once, or to make room */
    uint64_t failed;    /* during the handshake or before admission: garbage, too slow, too much */
    unsigned strangers; /* at this moment */
} sluice_tls_listener_statistics;

typedef struct sluice_tls_listener_setup {
    const sluice_address *local; /* port 0: any; address none or any: [::] and IPv4, IPv4 alone where there is no IPv6 */
    const sluice_identity *identity;
    sluice_tls_limits limits;

    uint64_t key_records; /* as in sluice_tls_connect_setup */

    /* A handshake is done: the channel is the callee's from here on, who sets its calls at once and admits it after the
     * peer has proven itself. */
    void (*accepted)(void *user, sluice_channel *channel);
    void *user;
} sluice_tls_listener_setup;

/* SLUICE_ECONNECT: address in use or not ours (the sentence names it); SLUICE_EACCESS, SLUICE_EIO, SLUICE_ENOMEM.
 * identity must outlive the listener.  Channels that were handed over outlive it. */
int sluice_tls_listen(sluice_tls_listener **out, sluice_loop *loop, const sluice_tls_listener_setup *setup,
                      sluice_error *error);
void sluice_tls_listener_free(sluice_tls_listener *listener); /* NULL is fine */
const sluice_address *sluice_tls_listener_local(const sluice_tls_listener *listener); /* with the true port */
void sluice_tls_listener_statistics_get(const sluice_tls_listener *listener, sluice_tls_listener_statistics *out);

#endif
