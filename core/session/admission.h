/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission.h - the tickets that a server admits clients by, and what each of them permits.
 *
 * There is the ticket of [serve] (called "default") and one for each [ticket NAME] section.  A section rules over what
 * the ticket's file says of rights and expiry; the file, which clients get a copy of, is made to say the same.  An
 * admission never changes: a reload makes another one.
 */
#ifndef SLUICE_SESSION_ADMISSION_H
#define SLUICE_SESSION_ADMISSION_H

#include "net/secure.h"
#include "plugin/settings.h"
#include "session/ticket.h"

/* ---- what a client is admitted as ---- */

/* Never changes once it is handed out, so any thread may read it; use and leave: one thread at a time. */
typedef struct sluice_permit {
    char name[64]; /* of the ticket's section */
    uint8_t id[SLUICE_TICKET_ID_BYTES];
    unsigned rights;      /* SLUICE_TICKET_READ, SLUICE_TICKET_WRITE */
    char *root;           /* directory that is / for the client; NULL: whatever the user of this program may see */
    sluice_rate max_rate; /* of each session; 0: none */
    int64_t max_sessions; /* with this ticket, at once; 0: no limit of its own */
    uint64_t expiry_s;    /* since 1970; 0: never */
    bool of_ticket;       /* false: let in by other means */
    unsigned users;
} sluice_permit;

/* One that belongs to no ticket, for a client that was let in by other means.  The caller is its first user; NULL: out
 * of memory. */
sluice_permit *sluice_permit_new(const char *name, unsigned rights, const char *root);
sluice_permit *sluice_permit_use(sluice_permit *permit);
void sluice_permit_leave(sluice_permit *permit); /* NULL is fine */

/* ---- the tickets ---- */

typedef struct sluice_admission sluice_admission;

typedef struct sluice_admission_setup {
    sluice *library;                    /* has the [ticket NAME] sections */
    const sluice_serve_settings *serve; /* what holds where a section says nothing; default_ticket */
    const char *ticket_file;            /* of the default ticket */
    const uint8_t *key;                 /* SLUICE_TICKET_KEY_BYTES: fingerprint of the server's key */
    const char *address;                /* host:port that a new ticket names */
    uint64_t now_s;                     /* since 1970 */
    bool rootless;                      /* a root is not needed: the server has streams */
    /* Told of files that were made or changed, and of errors after the first one.  NULL: nobody. */
    void (*tell)(void *user, sluice_log_level level, const char *sentence);
    void *user;
} sluice_admission_setup;

/* Reads all tickets, makes those that are not there, and rewrites those whose section says something else.  When
 * anything is wrong no file is touched; the first error is the result, the others are told.  SLUICE_EAUTH,
 * SLUICE_ECONFIG (a ticket twice), SLUICE_EUSAGE (no root) and those of files.  Any thread. */
int sluice_admission_new(const sluice_admission_setup *setup, sluice_admission **out, sluice_error *error);
void sluice_admission_free(sluice_admission *admission); /* NULL is fine */

/* Whose proof this is: every ticket is compared, in a time that does not tell which agrees.  exported: of the
 * set-up channel.  SLUICE_EAUTH: unknown ticket or wrong proof, told alike, *out is untouched; or, for the holder of
 * the ticket, revoked or expired.  Then, and when all is well, the caller is one more user of *out. */
int sluice_admission_check(const sluice_admission *admission, const uint8_t id[SLUICE_TICKET_ID_BYTES],
                           const uint8_t proof[SLUICE_TICKET_PROOF_BYTES], const uint8_t exported[SLUICE_SHA256_BYTES],
                           uint64_t now_s, sluice_permit **out, sluice_error *error);

/* What a client that was admitted with a permit, maybe of an earlier admission, is permitted now.  SLUICE_EAUTH:
 * nothing any more: its ticket is gone, was revoked, or was given an expiry that has passed; one that it had from the
 * start and has reached since does not end what has begun.  *out is borrowed; it is `held` itself where there is no
 * ticket. */
int sluice_admission_renew(const sluice_admission *admission, sluice_permit *held, uint64_t now_s, sluice_permit **out,
                           sluice_error *error);

size_t sluice_admission_count(const sluice_admission *admission);

/* One sentence for each ticket, for logs. */
void sluice_admission_describe(const sluice_admission *admission, uint64_t now_s,
                               void (*tell)(void *user, sluice_log_level level, const char *sentence), void *user);

#endif
