/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticket.h - what admits a client to a server: who the server is, and a secret to prove oneself with.
 *
 * As text a ticket is "sluice1:" and base64url (RFC 4648, section 5, no padding) of
 *
 *     version      1 byte, 1
 *     id           16 bytes, by which the server finds the ticket again
 *     rights       1 byte, SLUICE_TICKET_READ | SLUICE_TICKET_WRITE
 *     expiry       8 bytes, big endian, seconds since 1970 UTC; 0: none
 *     key          32 bytes, SHA-256 of the server's public key (SubjectPublicKeyInfo)
 *     secret       32 bytes; it never crosses the wire and is never logged
 *     count        1 byte, then as many addresses: 1 byte length, then host:port or [v6]:port
 *
 * and nothing after it.  The file holds that one line and must be a regular file of the reader, closed to everybody
 * else.
 */
#ifndef SLUICE_SESSION_TICKET_H
#define SLUICE_SESSION_TICKET_H

#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_TICKET_ID_BYTES 16
#define SLUICE_TICKET_KEY_BYTES 32
#define SLUICE_TICKET_SECRET_BYTES 32
#define SLUICE_TICKET_PROOF_BYTES 32
#define SLUICE_TICKET_ADDRESSES 8       /* most in one ticket */
#define SLUICE_TICKET_ADDRESS_BYTES 255 /* longest address: a 249-byte name, a colon, a port */
#define SLUICE_TICKET_TEXT_BYTES 3072   /* holds any ticket as text, with its NUL */

enum {
    SLUICE_TICKET_READ = 1, /* the client may pull */
    SLUICE_TICKET_WRITE = 2 /* the client may push */
};

typedef struct sluice_ticket {
    uint8_t id[SLUICE_TICKET_ID_BYTES];
    uint8_t key[SLUICE_TICKET_KEY_BYTES];
    uint8_t secret[SLUICE_TICKET_SECRET_BYTES];
    uint64_t expiry_s;
    unsigned rights;
    size_t address_count;
    char addresses[SLUICE_TICKET_ADDRESSES][SLUICE_TICKET_ADDRESS_BYTES + 1];
} sluice_ticket;

/* All of these: any thread. */

/* A new ticket without addresses: id and secret are random. */
int sluice_ticket_make(const uint8_t key[SLUICE_TICKET_KEY_BYTES], unsigned rights, uint64_t expiry_s,
                       sluice_ticket *out, sluice_error *error);

/* EINVAL for an address that is not printable ASCII or too long, ELIMIT when there are SLUICE_TICKET_ADDRESSES. */
int sluice_ticket_address_add(sluice_ticket *ticket, const char *address, sluice_error *error);

/* Reads the text; white space around it is skipped.  where names its origin in the sentence.  EAUTH whatever is
 * wrong; no byte of the text is repeated in the sentence. */
int sluice_ticket_parse(const char *text, size_t bytes, const char *where, sluice_ticket *out, sluice_error *error);

/* Writes the text, NUL-terminated, into out, which has room for SLUICE_TICKET_TEXT_BYTES. */
void sluice_ticket_format(const sluice_ticket *ticket, char *out);

/* EAUTH: the file cannot be read, is not the caller's, is open to others, or holds no ticket. */
int sluice_ticket_read(const char *path, sluice_ticket *out, sluice_error *error);

/* Puts the ticket there with mode 0600, in one step, and makes missing directories (mode 0700). */
int sluice_ticket_write(const char *path, const sluice_ticket *ticket, sluice_error *error);

/* $XDG_STATE_HOME/sluice/ticket, or ~/.local/state/sluice/ticket.  ECONFIG when there is no home. */
int sluice_ticket_default_path(char *out, size_t size, sluice_error *error);

bool sluice_ticket_expired(const sluice_ticket *ticket, uint64_t now_s);

/* Forgets the secret in a way that the compiler keeps. */
void sluice_ticket_wipe(sluice_ticket *ticket);

#endif
