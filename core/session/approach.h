/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approach.h - how a client gets to its server: the channel of the set-up, hello and answer, and later another channel
 * for a session whose datagrams do not arrive.
 *
 * Two ways lead to a server: TLS on TCP to a `sluice serve`, known by its ticket; or ssh, which starts one.  A connection that
 * is cut before the server has spoken is tried again.  After the welcome the channel of the ssh way is kept as long as it
 * lives; that of TLS is closed when datagrams arrive, and another one is dialled when it is needed.
 *
 * Everything belongs to the loop's thread; callbacks come from the loop, and may free the approach.
 */
#ifndef SLUICE_SESSION_APPROACH_H
#define SLUICE_SESSION_APPROACH_H

#include "base/log.h"
#include "net/channel.h"
#include "session/hello.h"

typedef struct sluice_approach sluice_approach;

typedef struct sluice_approach_calls {
    /* The server has answered the hello. */
    void (*welcomed)(void *user, const sluice_welcome_message *welcome);
    /* What was asked for by sluice_approach_move: packets may travel on *channel, which is to be taken over. */
    void (*moved)(void *user, sluice_channel **channel);
    /* The server does not know the session: it was restarted. */
    void (*gone)(void *user);
    /* It did not come to a welcome, or there is no other way for the session; the sentence names the server. */
    void (*failed)(void *user, const sluice_error *error);
    /* The remote side of the ssh way said something on stderr. */
    void (*said)(void *user, const char *line);
} sluice_approach_calls;

typedef struct sluice_approach_setup {
    sluice_loop *loop;
    sluice_log *log;
    const char *peer; /* for sentences; these strings and the ticket are borrowed for the approach's life */
    /* By TLS. */
    const char *host;
    uint16_t port;
    const sluice_ticket *ticket;
    const uint8_t *fingerprint; /* of the server's key */
    const char *ciphersuites;   /* of TLS; NULL: its default */
    /* By ssh: target is set. */
    const char *target, *ssh, *remote;
    sluice_duration timeout_ns; /* how long to knock in vain at a server that is restarting */
    const sluice_approach_calls *calls;
    void *user;
} sluice_approach_setup;

/* Starts to connect, and will say hello: ticket, proof and secret are filled in here.  patient: a server that cannot be
 * reached is tried until timeout_ns has passed (it was there a moment ago).  ENOMEM, EIO, EUSAGE. */
int sluice_approach_new(sluice_approach **out, const sluice_approach_setup *setup, const sluice_hello_message *hello,
                        bool patient, sluice_error *error);
void sluice_approach_free(sluice_approach *approach); /* NULL is fine */

/* After `welcomed`: the session's secret; the channel's own round trip, and the server's address (TLS). */
int sluice_approach_secret(sluice_approach *approach, uint8_t secret[SLUICE_SECRET_BYTES], sluice_error *error);
sluice_duration sluice_approach_rtt(const sluice_approach *approach);
const sluice_address *sluice_approach_server(const sluice_approach *approach);
const sluice_channel *sluice_approach_channel(const sluice_approach *approach); /* NULL when it is closed */

/* Inside `welcomed`: packets travel on the very channel from the start. */
sluice_channel *sluice_approach_take(sluice_approach *approach);

/* Datagrams arrive: the set-up channel is no longer needed. */
void sluice_approach_arrived(sluice_approach *approach);

/* Asks for a byte channel for the session: the one that is open, else another.  The answer is `moved`, `gone` or `failed`.
 * patience_ns: once the server is reached, datagrams are given so long to come again.  keys: of the session. */
void sluice_approach_move(sluice_approach *approach, const sluice_keys *keys, sluice_duration patience_ns);
/* Not needed any more, as datagrams have come again.  False: it is too late, the server was asked. */
bool sluice_approach_stay(sluice_approach *approach);

#endif
