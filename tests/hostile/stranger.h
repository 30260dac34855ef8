/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranger.h - a client that holds a ticket and says what a test wants it to say.
 *
 * Set-up and packets are those of core/session; the hello and every byte of the control stream are the test's.
 */
#ifndef SLUICE_TEST_STRANGER_H
#define SLUICE_TEST_STRANGER_H

#include "net/tls.h"
#include "session/hello.h"
#include "session/lane.h"
#include "session/ticket.h"

typedef struct stranger {
    sluice *library;
    sluice_loop *loop;
    sluice_channel *tls;
    sluice_datagram *datagram, *side_datagram;
    sluice_lane *lane, *side; /* the second one as of stranger_side */
    sluice_welcome_message welcome;
    sluice_keys keys; /* of the session, once there is one */
    sluice_ticket ticket;
    uint64_t connection_id;
    sluice_hello_message hello; /* the proof is filled in when the handshake is done */
    sluice_wire_writer extra;   /* goes behind the hello's fields */

    bool answered, hung_up;     /* on the set-up connection */
    bool moved;                 /* MOVED came */
    int refused;                /* status of a refusal or of an answer that is none */
    char sentence[1024];
    bool closed;                /* the server ended the session */
    sluice_wire_writer said;    /* our control stream */
    sluice_wire_writer heard;   /* the server's */
    uint64_t data_heard;        /* bytes of other objects */
} stranger;

/* A hello as the runner's client would send it.  Strangers may share a loop: waiting for one lets all of them act. */
void stranger_init(stranger *s, sluice *library, sluice_loop *loop, const char *ticket_file);
void stranger_fini(stranger *s);

/* Sends the hello (or, instead of it, these bytes) and waits for the answer; after a welcome the lane is there. */
void stranger_meet(stranger *s, uint16_t port, const void *instead, size_t bytes);

/* Another lane, which the welcome has promised, with the keys of the lane of that number. */
void stranger_side(stranger *s, uint32_t number, uint32_t keys_of);

/* Sends a message on the set-up channel and waits for what is said to it, if anything is. */
void stranger_tell(stranger *s, const void *bytes, size_t count);
/* Connects without saying anything, then asks that a session with these keys be moved here: wrong: with a proof that is not
 * good for this connection. */
void stranger_join(stranger *s, uint16_t port, const sluice_keys *keys, bool wrong);

/* Adds to the control stream. */
void stranger_say(stranger *s, const void *bytes, size_t count);
void stranger_message(stranger *s, uint64_t type, const void *body, size_t count);

/* Lets time pass until the server has ended the session, has sent a message of this type (0: none will do), or so many
 * seconds are over; true for the first two. */
bool stranger_wait(stranger *s, uint64_t type, unsigned seconds);

/* The status and sentence of the first REFUSE or ERROR that was heard; SLUICE_OK: none. */
int stranger_error(const stranger *s, char *sentence, size_t size);

#endif
