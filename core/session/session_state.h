/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_state.h - what session.c, session_way.c and account.c share: the session itself, how it tells of itself, and
 * how it watches the way that its packets take.
 */
#ifndef SLUICE_SESSION_SESSION_STATE_H
#define SLUICE_SESSION_SESSION_STATE_H

#include "session/limiting.h"
#include "session/session.h"

/* Bounds the memory for packets in flight, in IP bytes: more than 1 Gbit/s over 1 s with room for loss. */
#define SLUICE_SESSION_IN_FLIGHT_MOST (UINT64_C(256) << 20)

struct sluice_session {
    sluice *library;
    sluice_loop *loop;
    sluice_log *log;
    sluice_report *report;
    sluice_lane *lane;     /* the first */
    sluice_bundle *bundle; /* of all lanes; NULL: there is one */
    sluice_cargo cargo;
    sluice_mover *mover; /* the cargo, where it is files; else NULL */
    sluice_store store;
    sluice_timer *timer;
    sluice_post settle; /* looks at what is due once the callback under way is over */
    bool settle_posted;
    const sluice_session_calls *calls;
    void *user;

    sluice_role role;
    char id[2 * SLUICE_SESSION_ID_BYTES + 1];
    char peer[SLUICE_ADDRESS_HOST + 16];
    char udp[SLUICE_ADDRESS_HOST + 16]; /* where datagrams go */
    char *name;
    char *controls;
    char cipher[SLUICE_CIPHER_NAME], crypto[SLUICE_HELLO_NAME], transport[SLUICE_HELLO_NAME];
    char congestion[SLUICE_HELLO_NAME]; /* of the sending side, as agreed */
    uint32_t ip_bytes;
    bool on_bytes; /* packets travel, or travelled last, on a byte channel */
    uint64_t datagrams_before; /* that came before the session went over to a byte channel */
    sluice_rate max_rate;
    bool both_ways; /* this side and the peer both send data */

    sluice_time started, established, first_data_came, ended_at;
    sluice_duration timeout_ns;
    sluice_duration first_answer_ns; /* how long the first datagram is waited for */
    sluice_duration doubt_ns;
    sluice_time doubt_due;           /* when `silent` is called before anything came; SLUICE_NEVER: it was, or need not be */
    bool silent;                     /* it was called; the session waits for datagrams or for another way */
    sluice_time cut_until;           /* a byte channel has ended: how long another one is waited for; 0: none has */
    sluice_time first_answer_due; /* SLUICE_NEVER once something came */
    sluice_time request_due;      /* a server's: SLUICE_NEVER once the client has asked for something */
    sluice_time next_tick, next_progress, last_progress;
    uint64_t last_wire_bytes;
    sluice_rate rate_bps;
    sluice_busy busy; /* of the loop's thread */
    bool thread_busy; /* that one, or the thread of another lane */
    sluice_limiting limiting;
    sluice_receiving receiving;
    sluice_limit limit_recent;
    bool limit_told; /* a first second has gone by */
    sluice_progress peer_progress;
    bool peer_told; /* it has come at least once */

    sluice_error error;  /* why it ended */
    bool finished;       /* the mover has finished */
    bool closing;        /* the transport was told to close */
    bool closed;         /* the transport has closed */
    sluice_time close_due; /* when this side closes though it is the peer's turn; 0: not known yet */
    bool untold;           /* the end of this session is not the end of what the user asked for */
    bool ending;         /* ended was posted */
};

/* Behind a sentence about a bad end: what becomes of what is there, and what to do.  A stream is not taken up again. */
static inline const char *sluice_session_comfort(const sluice_session *session)
{
    return session->both_ways ? "" : "; what arrived is kept, run the same command again to go on";
}

/* All lanes together. */
void sluice_session_transport(const sluice_session *session, sluice_transport_statistics *out);
const sluice_limits *sluice_session_own_limits(const sluice_session *session);

/* Data flows from here to the peer. */
bool sluice_session_sending(const sluice_session *session);

/* Target and minimum of whoever sends the data; a peer that has not told them yet is taken to do as was agreed. */
sluice_limits sluice_session_limits_of_data(const sluice_session *session);

/* Events.  The event's type and own fields are set; size, time and the session's fields are filled in. */
void sluice_session_tell(sluice_session *session, sluice_event *event);
void sluice_session_tell_statistics(sluice_session *session, sluice_event_type type);
void sluice_session_tell_done(sluice_session *session);

/* The transport's and the session's figures for the peer. */
void sluice_session_measure(sluice_session *session, sluice_progress *out);
/* Where the time went until now. */
void sluice_session_limiting_feed(sluice_session *session, const sluice_transport_statistics *own,
                                  const sluice_cargo_statistics *cargo);
/* The same about ten times a second, with what is measured only then. */
void sluice_session_limiting_tick(sluice_session *session, const sluice_transport_statistics *own,
                                  const sluice_cargo_statistics *cargo);

/* Has what is due looked at, and the end, once the callback under way is over. */
void sluice_session_settle(sluice_session *session);

/* The way of the packets.  init and start set the times for which the peer is waited for; due does what is due, tick, often
 * enough, notices that a live path has died and that it lives again. */
void sluice_session_way_init(sluice_session *session, sluice_duration rtt_ns);
void sluice_session_way_start(sluice_session *session, sluice_time now);
void sluice_session_way_due(sluice_session *session, sluice_time now);
sluice_time sluice_session_way_wake(const sluice_session *session);
void sluice_session_way_tick(sluice_session *session);
/* The byte channel has ended: another one is waited for when somebody sees to it. */
void sluice_session_on_cut(void *user, const sluice_error *why);

#endif
