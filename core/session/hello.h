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

typedef enum sluice_hello_type {
    SLUICE_HELLO = 1,
    SLUICE_WELCOME = 2,
    SLUICE_REFUSE = 3,
    SLUICE_MOVE = 4, /* the session's packets shall travel on this channel */
    SLUICE_MOVED = 5 /* they do from here on */
} sluice_hello_type;

enum {
    SLUICE_FEATURE_MOVE = 1,   /* the session may move from UDP to a byte channel */
    SLUICE_FEATURE_STREAMS = 2 /* it carries streams, not files; in a welcome: as was asked for */
};
#define SLUICE_FEATURES (SLUICE_FEATURE_MOVE | SLUICE_FEATURE_STREAMS) /* all that this code knows */

/* Lanes beside the first one: how many, and the ids of packets to the sender of this message. */
typedef struct sluice_lane_row {
    size_t count;
    uint64_t ids[SLUICE_LANES_MOST - 1];
} sluice_lane_row;

/* Client to server. */
typedef struct sluice_hello {
    uint64_t version_least, version_most;
    uint64_t features; /* SLUICE_FEATURE_* */
    char software[SLUICE_HELLO_NAME];
    uint8_t ticket_id[SLUICE_TICKET_ID_BYTES];
    uint8_t proof[SLUICE_TICKET_PROOF_BYTES];
    uint64_t connection_id; /* of packets to the client */
    sluice_cipher_offer ciphers[SLUICE_CIPHERS];
    size_t cipher_count;
    char transport[SLUICE_HELLO_NAME];
    uint64_t push;                      /* 1: the client alone will send, and the rest of this group does not matter */
    char congestion[SLUICE_HELLO_NAME]; /* for the server's sending */
    sluice_rate target_bps, minimum_bps; /* for the server's sending; 0: none */
    uint64_t datagram_most;              /* UDP payload */
    uint64_t receive_bytes, ordered_bytes; /* first credit that the client gives */
    sluice_duration timeout_ns;
    /* Over ssh only, which has authenticated both sides. */
    bool has_secret;
    uint8_t secret[SLUICE_SECRET_BYTES]; /* the session's */
    sluice_lane_row lanes;
    bool has_ports;
    uint64_t own_port;               /* of the client's UDP socket */
    uint64_t port_least, port_most;  /* for the server's */
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
    sluice_rate rate_most; /* a client that sends does so no faster; 0: no limit */
    sluice_lane_row lanes; /* as many as were asked for, or fewer */
    bool has_host;
    char host[SLUICE_HELLO_NAME]; /* over ssh: the server's numeric address, as its sshd knows it */
} sluice_welcome_message;

/* Server to client instead of a welcome. */
typedef struct sluice_refuse {
    int status;
    char sentence[SLUICE_HELLO_SENTENCE];
} sluice_refuse_message;

/* Client to server.  On the channel that the session was set up over nothing more is needed; on another one the client
 * proves that it is the session's. */
typedef struct sluice_move {
    uint8_t session_id[SLUICE_SESSION_ID_BYTES];
    uint8_t proof[SLUICE_TICKET_PROOF_BYTES]; /* sluice_hello_prove with sluice_keys_join */
    bool has_join;
} sluice_move_message;

/* Append the whole message to an empty writer; its `failed` tells when memory was short. */
void sluice_hello_put(const sluice_hello_message *hello, sluice_wire_writer *writer);
void sluice_welcome_put(const sluice_welcome_message *welcome, sluice_wire_writer *writer);
void sluice_refuse_put(const sluice_refuse_message *refuse, sluice_wire_writer *writer);
void sluice_move_put(const sluice_move_message *move, sluice_wire_writer *writer);
void sluice_moved_put(sluice_wire_writer *writer);

/* What a message of at least one byte is, by its first one; 0: none of these. */
sluice_hello_type sluice_hello_type_of(const uint8_t *bytes, size_t count);

/* What proves that a client holds a ticket, or the keys of a session: HMAC-SHA256 with the secret over the set-up channel's exporter
 * (SLUICE_EXPORTER_PROOF), so that the secret never crosses the wire and the proof is good for this channel only. */
int sluice_hello_prove(const uint8_t secret[SLUICE_TICKET_SECRET_BYTES], const uint8_t exported[SLUICE_SHA256_BYTES],
                       uint8_t proof[SLUICE_TICKET_PROOF_BYTES]);

/* SLUICE_EPROTOCOL: malformed; SLUICE_EVERSION: an unknown field that must be understood, or no common version. */
int sluice_hello_get(const uint8_t *bytes, size_t count, sluice_hello_message *out, sluice_error *error);

int sluice_move_get(const uint8_t *bytes, size_t count, sluice_move_message *out, sluice_error *error);

/* What a server answered: *type says which of the two was filled, if any: SLUICE_MOVED has nothing in it. */
int sluice_answer_get(const uint8_t *bytes, size_t count, sluice_hello_type *type, sluice_welcome_message *welcome,
                      sluice_refuse_message *refuse, sluice_error *error);

#endif
