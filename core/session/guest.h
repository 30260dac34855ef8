/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.h - one client of a server, from the end of its TLS handshake to the end of its session.
 *
 * A guest's first message is its hello; it is admitted when that proves the server's ticket.  Guests that were not
 * admitted are bounded by the listener's limits.  Everything belongs to the server's loop thread.
 */
#ifndef SLUICE_SESSION_GUEST_H
#define SLUICE_SESSION_GUEST_H

#include "net/tls.h"
#include "plugin/library.h"
#include "session/admission.h"
#include "session/session.h"
#include "session/suite.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct sluice_guest sluice_guest;
typedef struct sluice_reload sluice_reload;

/* Who asks for streams, once admitted. */
typedef struct sluice_stream_visitor {
    sluice_loop *loop;
    sluice_log *log;
    const char *peer, *ticket; /* names */
    bool may_read, may_write;
    uint64_t memory_bytes;
    bool drop_behind; /* of what the server reads and writes for it */
} sluice_stream_visitor;

/* Whoever has streams for a server's clients.  welcome is called on the loop's thread and fills what the session is made
 * with. */
typedef struct sluice_stream_host {
    int (*welcome)(void *user, const sluice_stream_visitor *visitor, sluice_cargo_maker *out, sluice_error *error);
    void *user;
    bool sections; /* it has none where the configuration has no [stream NAME] section */
} sluice_stream_host;

struct sluice_server {
    sluice *library;
    sluice_settings *first; /* as it was started: what a reload cannot change */
    sluice_settings *settings;
    const sluice_serve_settings *serve; /* of settings; as `admission` the loop's once that runs */
    sluice_admission *admission;
    sluice_log *log;
    sluice_loop *loop;
    sluice_thread *thread;
    sluice_crew crew;
    sluice_report *report;
    sluice_identity *identity;
    sluice_suite suite;
    const sluice_stream_host *streams; /* NULL: none */
    sluice_tls_listener *listener;
    sluice_datagram *datagram;
    sluice_strand *strands[SLUICE_LANES_MOST]; /* of lanes 1 and up, once a session wants several; for all of them */
    uint32_t strand_count;                     /* lanes that there is a place for, the first included; 0: not tried */
    char ticket_file[PATH_MAX];
    char fingerprint[SLUICE_FINGERPRINT_TEXT];
    uint16_t port;
    /* With stdio: the client's and our own address as sshd knows them; none, and "", where it does not say. */
    sluice_address ssh_peer;
    char ssh_local[SLUICE_HELLO_NAME];
    sluice_guest *guests;
    int64_t session_count;
    uint64_t admitted;            /* sessions so far: newer ones have higher numbers */
    sluice_timer *contention;     /* looks for the dead while newcomers may want what they hold */
    sluice_timer *rounds;         /* once a second: what is noticed by looking */
    uint64_t turned_away_told;    /* of the listener's figure */
    sluice_time turned_away_when; /* when that was told; 0: never */
    int wake_fd; /* eventfd: drain and cancel may be called from signal handlers */
    sluice_watch *wake_watch;
    atomic_bool drain, cancel;
    bool draining;
    bool disk_busy;        /* measured for a guest, now */
    sluice_time disk_when; /* when it was, last; 0: never */
    int64_t left_told; /* sessions that were left, as was said last; -1: not said */
    pthread_mutex_t reload_lock;
    sluice_reload *reload; /* waits for the loop's thread, which takes it; guarded by the lock */
};

/* What sluice_server_start does, for a server that has streams as well; or only, where neither it nor a ticket has a root. */
int sluice_server_start_with(sluice *instance, const sluice_server_order *order, const sluice_stream_host *streams,
                             sluice_server **out, sluice_error *error);

/* Takes over a channel whose handshake is done; user is the server. */
void sluice_guest_accept(void *server, sluice_channel *channel);

/* Ends those that are not admitted yet. */
void sluice_guests_turn_away(sluice_server *server);
/* Ends all of them soon. */
void sluice_guests_cancel(sluice_server *server);

/* Of the server's contention timer.  A client that was killed leaves a session that holds its partial files until the
 * time-out.  While a newer session from the same host waits for a file that another writer holds, older ones from there that
 * have been silent for longer than a live peer would be are ended, so that a repeated command can go on at once.  So is a
 * client behind ssh that is silent and whose ssh has ended. */
void sluice_guests_contend(void *server, sluice_time now);

/* After a reload: those whose ticket is none any more are ended. */
void sluice_guests_renew(sluice_server *server);
/* Once a second: those that send faster than their ticket allows are ended. */
void sluice_guests_measure(sluice_server *server, sluice_time now);

/* server_stdio.c.  In place of listening: takes standard input and output for a guest. */
int sluice_server_stdio_open(sluice_server *server, sluice_error *error);
/* What the guest is called. */
void sluice_server_stdio_peer(const sluice_server *server, char out[SLUICE_ADDRESS_TEXT + 16]);

/* By guests: makes sure that there is a UDP socket for a session with this client.  ECONNECT, with why there can be none. */
int sluice_server_udp(sluice_server *server, const sluice_hello_message *hello, sluice_error *error);

/* By guests: how many lanes, of so many that a session asks for, there is a place for.  Those who share a number share a
 * thread and a socket. */
uint32_t sluice_server_lanes(sluice_server *server, uint32_t asked);

/* By guests: one of them is gone, and the server may be too; one was served, which may be all it was there for. */
void sluice_server_settle(sluice_server *server);
void sluice_server_once_served(sluice_server *server);

/* Makes the loop look at what was asked of the server.  Any thread and signal handlers. */
void sluice_server_wake(sluice_server *server);

/* Whether a server is of use without a root, since it has streams. */
bool sluice_server_rootless(const sluice_server *server, const sluice *configuration);

#endif
