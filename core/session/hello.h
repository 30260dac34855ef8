/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello.h - the negotiation: one message each way over the set-up channel.
 *
 * A message is a type byte and fields (wire.h).  A field whose tag is odd must be understood, others may be stepped
 * over, so that a peer of another version is either served or told why not.  All of these: any thread.
 */
#ifndef SLUICE_SESSION_HELLO_H
#define SLUICE_SESSION_HELLO_H

#include "net/keys.h"
#include "net/secure.h"
#include "session/cipher.h"
#include "session/ticket.h"
#include "session/wire.h"

#define SLUICE_PROTOCOL_VERSION 1 /* the one this code speaks */
#define SLUICE_HELLO_NAME 64      /* room for a plugin's name or a software version and its NUL */
#define SLUICE_HELLO_SENTENCE 1000

typedef enum sluice_hello_type { SLUICE_HELLO = 1, SLUICE_WELCOME = 2, SLUICE_REFUSE = 3 } sluice_hello_type;

/* Client to server. */
typedef struct sluice_hello {
    uint64_t version_least, version_most;
    uint64_t features; /* bits; none are defined in version 1 */
    char software[SLUICE_HELLO_NAME];
    uint8_t ticket_id[SLUICE_TICKET_ID_BYTES];
    uint8_t proof[SLUICE_TICKET_PROOF_BYTES];
    uint64_t connection_id; /* of packets to the client */
    sluice_cipher_offer ciphers[SLUICE_CIPHERS];
    size_t cipher_count;
    char transport[SLUICE_HELLO_NAME];
    uint64_t push;                      /* 1: the client will send, and the rest of this group does not matter */
    char congestion[SLUICE_HELLO_NAME]; /* for the server's sending */
    sluice_rate target_bps, minimum_bps; /* for the server's sending; 0: none */
    uint64_t datagram_most;              /* UDP payload */
    uint64_t receive_bytes, ordered_bytes; /* first credit that the client gives */
    sluice_duration timeout_ns;
} sluice_hello_message;

/* Server to client. */
typedef struct sluice_welcome {
    uint64_t version_least, version_most; /* equal: the one that was chosen */
    uint64_t features;
    char software[SLUICE_HELLO_NAME];
    uint8_t session_id[SLUICE_SESSION_ID_BYTES];
    uint64_t connection_id; /* of packets to the server */
    uint64_t port;          /* UDP */
    char cipher[SLUICE_CIPHER_NAME];
    char transport[SLUICE_HELLO_NAME];
    char congestion[SLUICE_HELLO_NAME]; /* the server's, when it sends */
    uint64_t datagram_most;
    uint64_t receive_bytes, ordered_bytes;
    sluice_rate rate_most; /* a client that pushes sends no faster; 0: no limit */
} sluice_welcome_message;

/* Server to client instead of a welcome. */
typedef struct sluice_refuse {
    int status;
    char sentence[SLUICE_HELLO_SENTENCE];
} sluice_refuse_message;

/* Append the whole message to an empty writer; its `failed` tells when memory was short. */
void sluice_hello_put(const sluice_hello_message *hello, sluice_wire_writer *writer);
void sluice_welcome_put(const sluice_welcome_message *welcome, sluice_wire_writer *writer);
void sluice_refuse_put(const sluice_refuse_message *refuse, sluice_wire_writer *writer);

/* What proves that a client holds a ticket: HMAC-SHA256 with the ticket's secret over the set-up channel's exporter
 * (SLUICE_EXPORTER_PROOF), so that the secret never crosses the wire and the proof is good for this channel only. */
int sluice_hello_prove(const uint8_t secret[SLUICE_TICKET_SECRET_BYTES], const uint8_t exported[SLUICE_SHA256_BYTES],
                       uint8_t proof[SLUICE_TICKET_PROOF_BYTES]);

/* SLUICE_EPROTOCOL: malformed; SLUICE_EVERSION: an unknown field that must be understood, or no common version. */
int sluice_hello_get(const uint8_t *bytes, size_t count, sluice_hello_message *out, sluice_error *error);

/* What a server answered: *type says which of the two was filled. */
int sluice_answer_get(const uint8_t *bytes, size_t count, sluice_hello_type *type, sluice_welcome_message *welcome,
                      sluice_refuse_message *refuse, sluice_error *error);

#endif
