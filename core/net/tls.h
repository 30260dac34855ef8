/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - the message channel: framed messages over TLS 1.3 on TCP.
 *
 * TLS 1.3 only, without session tickets and without 0-RTT.  The client knows the server by the SHA-256 of its public
 * key; the client itself is anonymous to TLS.  A message is a length (u32, big-endian, 1 to SLUICE_MESSAGE_MAX) and so
 * many bytes.  A client's first messages leave together with its Finished: TCP 1, TLS 1, message and answer 1 make
 * three round trips.
 *
 * Everything belongs to the loop's thread.  No callback is called from inside the function that starts something; all
 * come from the loop.  Inside any callback the channel may be freed.
 */
#ifndef SLUICE_NET_TLS_H
#define SLUICE_NET_TLS_H

#include "net/address.h"
#include "net/identity.h"
#include "net/loop.h"

#define SLUICE_MESSAGE_MAX 65536

typedef struct sluice_tls sluice_tls;
typedef struct sluice_tls_listener sluice_tls_listener;

typedef struct sluice_tls_calls {
    /* Optional.  The handshake is done and, at a client, the server's key is the right one.  Exporter, peer and
     * rtt can be asked from here on. */
    void (*ready)(void *user);

    /* Required.  One whole message; valid during the call. */
    void (*message)(void *user, const uint8_t *bytes, size_t count);

    /* Required.  The last call.  SLUICE_ECLOSED: the peer closed in an orderly way; else why it ended, with the
     * sentence: SLUICE_ECONNECT (nothing there, name unknown, no answer in time, not TLS), SLUICE_EAUTH (wrong key),
     * SLUICE_EPROTOCOL (message too large or empty, too much before admission), SLUICE_ETIMEOUT (not admitted in time),
     * SLUICE_EIO, SLUICE_ENOMEM.  The channel is still the owner's to free. */
    void (*closed)(void *user, const sluice_error *error);
} sluice_tls_calls;

typedef struct sluice_tls_connect_setup {
    const char *host; /* name or numeric address; looked up off the loop's thread */
    uint16_t port;
    const uint8_t *fingerprint;       /* SLUICE_FINGERPRINT_BYTES; required */
    sluice_duration timeout_ns;       /* from now until ready; 0: 15 s */
    sluice_duration stagger_ns;       /* between attempts at several addresses (RFC 8305); 0: 250 ms */
} sluice_tls_connect_setup;

/* Starts to connect.  Everything that can go wrong on the way is told by `closed`; here only SLUICE_ENOMEM and
 * SLUICE_EIO (no thread, no descriptors). */
int sluice_tls_connect(sluice_tls **out, sluice_loop *loop, const sluice_tls_connect_setup *setup,
                       const sluice_tls_calls *calls, void *user, sluice_error *error);

/* Closes at once; what was sent but not written yet is lost, unless `finish` was called and `closed` came.  NULL is
 * fine. */
void sluice_tls_free(sluice_tls *tls);

/* Who is told from here on; for what a listener accepted. */
void sluice_tls_calls_set(sluice_tls *tls, const sluice_tls_calls *calls, void *user);

/* Queues one message of 1 to SLUICE_MESSAGE_MAX bytes, also before `ready`: it leaves with the end of the handshake, to
 * nobody but the right server.  SLUICE_ELIMIT: more than 1 MiB is queued; SLUICE_ECLOSED; SLUICE_ENOMEM. */
int sluice_tls_send(sluice_tls *tls, const void *bytes, size_t count);

/* Nothing more will be sent: writes what is queued, closes in an orderly way, waits for the peer to do so too (at most
 * 2 s) and calls `closed`.  Only after ready; before, there is nothing to wait for: free it. */
void sluice_tls_finish(sluice_tls *tls);

/* After ready.  Keying material of RFC 8446 section 7.5, with an empty context; the same on both sides.  SLUICE_EINVAL
 * before ready, SLUICE_EFAILED. */
int sluice_tls_export(sluice_tls *tls, const char *label, uint8_t *out, size_t count);

/* After the TCP connection stands; none before. */
const sluice_address *sluice_tls_peer(const sluice_tls *tls);
const sluice_address *sluice_tls_local(const sluice_tls *tls);

/* Smoothed round trip as TCP has measured it, 0: unknown. */
sluice_duration sluice_tls_rtt(const sluice_tls *tls);

/* A server has authenticated the peer: the limits for strangers no longer hold for this channel. */
void sluice_tls_admit(sluice_tls *tls);

typedef struct sluice_tls_limits {
    unsigned strangers;          /* channels that are not admitted, at once; 0: 256.  Beyond them one whose handshake
                                    is not done makes room */
    unsigned strangers_per_host; /* the same of one IPv4 address or one IPv6 /64; 0: 8 */
    uint64_t stranger_bytes;     /* received by each before it is admitted; 0: 64 KiB */
    sluice_duration stranger_ns; /* from accept to admission; 0: 10 s */
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

    /* A handshake is done: tls is the callee's from here on, who sets its calls at once and admits it after the peer
     * has proven itself. */
    void (*accepted)(void *user, sluice_tls *tls);
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
