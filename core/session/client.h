/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - what the files of a client share: one transfer, from the order over the set-up to a session, on a loop thread
 * of its own.
 *
 * client.c has the life of a transfer and the calls from other threads; client_sources.c sources that come later;
 * client_request.c makes request and store from the
 * order; client_session.c gets to the server, makes the session and keeps a way open for it.
 */
#ifndef SLUICE_SESSION_CLIENT_H
#define SLUICE_SESSION_CLIENT_H

#include "net/identity.h"
#include "plugin/library.h"
#include "session/approach.h"
#include "session/operands.h"
#include "session/places.h"
#include "session/session.h"
#include "session/suite.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sluice/sluice.h>

#define SLUICE_CLIENT_SUITES 128 /* room for names of TLS 1.3 cipher suites */

typedef struct sluice_probing sluice_probing; /* of probe.h */

/* Sources that may come while the transfer runs; with the operands, guarded by the transfer's lock. */
typedef struct sluice_client_sources {
    bool persistent;
    bool closed;         /* no more will come */
    size_t handed;       /* operands that the request has */
    uint32_t *drops;     /* operands that were given up, by number, */
    size_t drop_count, drops_handed; /* and how many of them the session knows of */
} sluice_client_sources;

struct sluice_transfer {
    sluice *library;
    sluice_probing *probing; /* NULL: files are really to be moved; else everything is for what it shows */
    sluice_cargo_maker maker; /* of streams; make is NULL: files */
    sluice_settings *settings;
    const sluice_transfer_settings *options; /* of settings */
    sluice_log *log;
    char *name;
    sluice_time started;

    sluice_operands operands;
    sluice_client_sources sources;
    sluice_request request;
    sluice_store store;
    sluice_suite suite;
    sluice_ticket ticket;
    uint8_t fingerprint[SLUICE_FINGERPRINT_BYTES]; /* of the server's key: of the ticket, or pinned */
    char suites[SLUICE_CLIENT_SUITES];
    char congestion[SLUICE_HELLO_NAME];
    char host[SLUICE_ADDRESS_HOST];
    char peer[SLUICE_ADDRESS_HOST + 16]; /* host:port, or ssh's target, for sentences and events */
    uint16_t port;
    bool by_ssh;
    size_t address; /* which of the ticket's is tried, where the user names no host */

    sluice_loop *loop;
    sluice_thread *thread;
    sluice_crew crew;
    sluice_crew_member member;
    sluice_report *report;
    sluice_approach *approach;
    sluice_places *places; /* of the ssh way */
    sluice_datagram *datagram;
    sluice_session *session;
    sluice_welcome_message welcome;
    uint64_t connection_id;
    sluice_lane_row lanes; /* beside the first one, as was asked for; and what they are to live on */
    sluice_strand *strands[SLUICE_LANES_MOST];
    bool welcomed, begun; /* the server has answered; a session was made of it */
    bool may_move;        /* both sides can go on over a byte channel */
    bool live;            /* an authentic packet has come */
    bool once;            /* source or sink here cannot begin anew: no session may follow another */
    unsigned fruitless;   /* sessions in a row that were given up before anything had come of them */
    bool again;           /* the session is given up: another one takes up where it was */
    sluice_post anew;     /* begins it, or goes to another address, outside of the old one's callbacks */

    int wake_fd; /* eventfd: cancel may be called from signal handlers */
    sluice_watch *wake_watch;
    atomic_bool cancel;
    atomic_bool paused; /* as it is wanted */
    bool cancelled;
    bool ended; /* without a session, and told; the loop may still have something in hand */

    sluice_limits limits; /* target and minimum, as the loop's thread knows them */

    pthread_mutex_t lock; /* guards what follows, which other threads see, and the runtime options of settings */
    bool over;
    sluice_statistics statistics;
    sluice_error error;

    bool rate_changed; /* values for the loop */
    sluice_rate new_rate, new_minimum;
    char new_policy[SLUICE_HELLO_NAME];
};

/* ---- client.c ---- */

/* What sluice_transfer_start does.  Takes probing over in any case; with it, sources and destination are its affair. */
int sluice_client_start(sluice *instance, const sluice_transfer_order *order, sluice_probing *probing,
                        sluice_transfer **out, sluice_error *error);
/* The same for streams: the order's destination is the server (see sluice_operands_server); it has no sources.  maker's
 * `ended` is called only if this succeeds. */
int sluice_client_start_streams(sluice *instance, const sluice_transfer_order *order, const sluice_cargo_maker *maker,
                                sluice_transfer **out, sluice_error *error);

/* Events that no session tells. */
void sluice_client_tell(sluice_transfer *transfer, sluice_event_type type, int status, const char *sentence);
/* The transfer is over: wait will return this. */
void sluice_client_end(sluice_transfer *transfer, const sluice_error *error);
void sluice_client_end_without_session(sluice_transfer *transfer, int status, const char *sentence);
/* What other threads have changed since the last time. */
void sluice_client_apply_rate(sluice_transfer *transfer);
void sluice_client_apply_pause(sluice_transfer *transfer);
void sluice_client_wake(sluice_transfer *transfer); /* any thread: so that the loop does */

/* ---- client_sources.c ---- */

/* On the loop. */
void sluice_client_apply_sources(sluice_transfer *transfer);
/* Between one session and the next: ENOMEM, ELIMIT. */
int sluice_client_renew_sources(sluice_transfer *transfer);
void sluice_client_sources_fini(sluice_client_sources *sources);

/* ---- client_request.c ---- */

int sluice_client_read_operands(sluice_transfer *transfer, const sluice_transfer_order *order, sluice_error *error);
int sluice_client_fill_request(sluice_transfer *transfer, sluice_error *error);
int sluice_client_make_store(sluice_transfer *transfer, sluice_error *error);

/* ---- client_session.c ---- */

/* Ticket, host and pin, or ssh's target. */
int sluice_client_find_server(sluice_transfer *transfer, sluice_error *error);
/* patient: the server was there a moment ago. */
int sluice_client_connect(sluice_transfer *transfer, bool patient, sluice_error *error);
void sluice_client_disconnect(sluice_transfer *transfer); /* frees everything of it; the session is over or was never begun */

#endif
