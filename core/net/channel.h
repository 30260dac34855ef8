/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - the message channel: framed messages, reliable and in order, over TLS on TCP or over a pair of pipes.
 *
 * The set-up of every session goes over one, and a session whose UDP is blocked goes on over one: then each message is
 * a packet.  A message is a length (u32, big-endian, 1 to SLUICE_MESSAGE_MAX) and so many bytes.  Who makes a channel
 * (tls.h, pipe.h, ssh.h) says what is below it; from there on all are the same.
 *
 * Everything belongs to the loop's thread.  No callback is called from inside the function that starts something; all
 * come from the loop.  Inside any callback the channel may be freed.
 */
#ifndef SLUICE_NET_CHANNEL_H
#define SLUICE_NET_CHANNEL_H

#include "net/address.h"
#include "net/loop.h"

#define SLUICE_MESSAGE_MAX 65536

/* Bytes of a message with which its length fills one TLS record: the best size for bulk data. */
#define SLUICE_CHANNEL_PACKET 16380

typedef struct sluice_channel sluice_channel;

typedef struct sluice_channel_calls {
    /* Optional.  The channel stands: at a client of TLS the server's key is the right one, over ssh the remote program
     * has spoken.  Exporter, peer and rtt can be asked from here on. */
    void (*ready)(void *user);

    /* Required.  One whole message, which may be written to; valid during the call. */
    void (*message)(void *user, uint8_t *bytes, size_t count);

    /* Optional.  The messages of the reading that is under way were handed over: the moment to answer. */
    void (*settled)(void *user);

    /* Optional.  After sluice_channel_send said SLUICE_EAGAIN: the queue has room again (half of it is free). */
    void (*writable)(void *user);

    /* Required.  The last call.  SLUICE_ECLOSED: the peer closed in an orderly way; else why it ended, with the
     * sentence: SLUICE_ECONNECT (nothing there, name unknown, no answer in time, not a sluice server), SLUICE_EAUTH
     * (wrong key, ssh lets us not in), SLUICE_EPROTOCOL (message too large or empty, too much before admission),
     * SLUICE_ETIMEOUT (not admitted in time), SLUICE_EIO, SLUICE_ENOMEM.  The channel is still the owner's to free. */
    void (*closed)(void *user, const sluice_error *error);
} sluice_channel_calls;

/* Closes at once; what was sent but not written yet is lost, unless `finish` was called and `closed` came.  NULL is
 * fine. */
void sluice_channel_free(sluice_channel *channel);

/* Who is told from here on. */
void sluice_channel_calls_set(sluice_channel *channel, const sluice_channel_calls *calls, void *user);

/* Queues one message of 1 to SLUICE_MESSAGE_MAX bytes, also before `ready`: over TLS it leaves with the end of the
 * handshake, to nobody but the right server.  SLUICE_EAGAIN: the queue is full, `writable` will be called;
 * SLUICE_ECLOSED; SLUICE_ENOMEM.  A message is taken whole or not at all. */
int sluice_channel_send(sluice_channel *channel, const void *bytes, size_t count);

/* How many bytes may wait in the queue; 1 MiB at first.  One message is always taken when the queue is empty. */
void sluice_channel_queue_most(sluice_channel *channel, size_t bytes);

/* Nothing more will be sent: writes what is queued, closes in an orderly way, waits for the peer to do so too (at most
 * 2 s) and calls `closed`.  Only after ready; before, there is nothing to wait for: free it. */
void sluice_channel_finish(sluice_channel *channel);

/* After ready.  Keying material of RFC 8446 section 7.5, with an empty context; the same on both sides.  SLUICE_EINVAL
 * before ready and where there is no TLS, SLUICE_EFAILED. */
int sluice_channel_export(sluice_channel *channel, const char *label, uint8_t *out, size_t count);

/* After the TCP connection stands; none before, and of pipes. */
const sluice_address *sluice_channel_peer(const sluice_channel *channel);
const sluice_address *sluice_channel_local(const sluice_channel *channel);

/* Round trip: as TCP has smoothed it, or 0: unknown. */
sluice_duration sluice_channel_rtt(const sluice_channel *channel);

/* What protects it: the cipher by our names (aes-256-gcm, ...) or "ssh"; and by whom: "tls" or "ssh". */
const char *sluice_channel_cipher(const sluice_channel *channel);
const char *sluice_channel_guard(const sluice_channel *channel);

/* True: over TLS, so there is an exporter to bind a proof to. */
bool sluice_channel_is_tls(const sluice_channel *channel);

#endif
