/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - one negotiated connection between two endpoints: a lane, a mover, and what is told about them.
 *
 * Client and server do the set-up and make a session of its outcome; from there on both are the same.  Everything
 * belongs to the loop's thread.
 */
#ifndef SLUICE_SESSION_SESSION_H
#define SLUICE_SESSION_SESSION_H

#include "plugin/settings.h"
#include "session/bundle.h"
#include "session/crew.h"
#include "session/hello.h"
#include "session/lane.h"
#include "session/report.h"
#include "session/store.h"
#include "session/transfer.h"

/* First credit of an ordered object, and its window: control messages and the catalogue. */
#define SLUICE_SESSION_ORDERED_BYTES (UINT64_C(1) << 20)
#define SLUICE_SESSION_DATAGRAM_LEAST SLUICE_SETTINGS_DATAGRAM_LEAST /* that sides may agree on */
#define SLUICE_SESSION_DATAGRAM_BASE 1200 /* assumed to pass, unless less was agreed */
#define SLUICE_SESSION_DATAGRAM_MOST 16356

typedef struct sluice_session sluice_session;

typedef struct sluice_session_calls {
    /* Server: what the client asks.  Answer with sluice_session_attach or sluice_session_refuse. */
    void (*requested)(void *user, const sluice_request *request);
    /* Optional, of a client.  The server's facts, which a probe asks for. */
    void (*facts)(void *user, const sluice_facts *facts);
    /* Optional.  Both ways are live: the set-up connection is no longer needed. */
    void (*ready)(void *user);
    /* Optional, of a client.  Nothing has come for so long that UDP may be filtered, or (established) that the way may be gone:
     * called once per silence.  True: the client looks for another way and will move the session, or end it. */
    bool (*silent)(void *user, bool established);
    /* Optional.  Packets come again, after silent. */
    void (*back)(void *user);
    /* Optional.  The byte channel that packets travelled on has ended.  True: the owner will move the session to another. */
    bool (*cut)(void *user, const sluice_error *why);
    /* Of a session with several lanes: where the one of this number is to live, as of sluice_bundle_setup. */
    int (*strand)(void *user, uint32_t number, sluice_strand **out, sluice_error *error);
    /* The last call: everything is over and the session may be freed, but not from inside. */
    void (*ended)(void *user, int status);
} sluice_session_calls;

typedef struct sluice_session_setup {
    sluice *library;
    sluice_loop *loop;
    sluice_log *log;
    sluice_crew_member *crew;
    sluice_report *report;  /* told of everything; outlives the session */
    sluice_role role;
    sluice_channel **channel;
    sluice_datagram *datagram;
    const sluice_address *peer, *validated, *candidates; /* these as of sluice_lane_setup */
    size_t candidate_count;
    const char *peer_text;   /* host:port, or ssh's target, for events and sentences; copied */
    const char *udp_text;    /* where datagrams go, for sentences; NULL: peer_text says it; copied */
    const char *name;        /* for events; may be NULL; copied */
    const sluice_keys *keys; /* with the session's id */
    uint64_t local_id, remote_id;
    uint32_t lanes;            /* as agreed; 0, 1: one, as with a channel, or a maker */
    const sluice_lane_ids *ids; /* of lanes 1 and up */
    const char *transport, *crypto, *cipher, *congestion; /* with a channel crypto and cipher are only told */
    sluice_limits limits;
    sluice_rate max_rate;    /* no target above it; 0: none */
    const char *controls;    /* comma-separated: congestion controls that the peer may change to; NULL: any installed */
    uint64_t datagram_most;  /* as agreed */
    uint64_t memory_bytes, receive_bytes, peer_receive_bytes, peer_ordered_bytes;
    uint64_t packets_per_phase; /* 0: the cipher's limit */
    sluice_duration timeout_ns, initial_rtt_ns;
    sluice_time started;     /* when the order was given: setup_seconds counts from there */
    const sluice_request *request; /* of files, client: borrowed until free */
    const sluice_cargo_maker *maker; /* NULL: files are carried; borrowed for the call */
    const sluice_session_calls *calls;
    void *user;
} sluice_session_setup;

int sluice_session_new(const sluice_session_setup *setup, sluice_session **out, sluice_error *error);
void sluice_session_free(sluice_session *session); /* after ended, or before start; NULL is fine */

sluice_loop *sluice_session_loop(const sluice_session *session);

/* Tells the SESSION event and begins. */
int sluice_session_start(sluice_session *session, sluice_error *error);

/* The source or sink: made by the caller, ended and freed by the session.  Borrowed when it fails. */
int sluice_session_attach(sluice_session *session, const sluice_store *store, sluice_error *error);
void sluice_session_refuse(sluice_session *session, int status, const char *sentence);

/* Server, after attach. */
void sluice_session_facts(sluice_session *session, const sluice_facts *facts);
/* Authentic datagrams that have come from the peer; those on a byte channel are none. */
uint64_t sluice_session_datagrams(const sluice_session *session);

/* The set-up connection is gone: if no datagram has come yet, none is likely to.  Does nothing once both ways live. */
void sluice_session_orphaned(sluice_session *session);

/* Ends it soon; partial files stay.  ECANCELLED, EINTERRUPTED: the peer is told that it was cancelled, else why. */
void sluice_session_cancel(sluice_session *session, int status, const char *sentence);

/* Packets travel on this channel from here on; nothing is lost.  Takes it over unless it fails. */
int sluice_session_move(sluice_session *session, sluice_channel **channel, sluice_error *error);
/* Lanes that are live.  A session that has more than one keeps to datagrams: move fails. */
uint32_t sluice_session_lanes(const sluice_session *session);
/* Whether they travel as datagrams. */
bool sluice_session_on_datagrams(const sluice_session *session);
/* Nothing goes or comes any more; `ended` is on its way. */
bool sluice_session_is_closed(const sluice_session *session);
bool sluice_session_is_finished(const sluice_session *session); /* the outcome is known */
/* The byte channel that they travelled on has ended, and there is no other yet. */
bool sluice_session_is_cut(const sluice_session *session);
/* A client's: see sluice_lane_reconnect. */
void sluice_session_reconnect(sluice_session *session);
const sluice_address *sluice_session_peer(const sluice_session *session); /* as of sluice_lane_peer */
const char *sluice_session_udp(const sluice_session *session); /* where datagrams go, for sentences */
const sluice_keys *sluice_session_keys(const sluice_session *session);

/* Ends without a word to the peer, who has forgotten the session or cannot be reached.  told: DONE is told; else the owner
 * goes on in another way. */
void sluice_session_forget(sluice_session *session, int status, const char *sentence, bool told);

/* Live control, at either side of the session; policy NULL: as it is. */
int sluice_session_rate(sluice_session *session, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy,
                        sluice_error *error);
/* Of files: stops the data, or lets it go on. */
void sluice_session_pause(sluice_session *session, bool paused);
/* Of files, client: the request, which is open, has changed just so. */
void sluice_session_change(sluice_session *session, const sluice_request_change *change);
const sluice_limits *sluice_session_limits(const sluice_session *session);

void sluice_session_tell_warning(sluice_session *session, const char *sentence);

/* Of files: it waits for one that another writer holds, perhaps another session. */
bool sluice_session_is_hindered(const sluice_session *session);

/* How long nothing has come from the peer, and the round trip that this is to be judged by (0: unknown). */
sluice_duration sluice_session_silence(const sluice_session *session, sluice_duration *srtt_ns);

/* IP bytes of all packets that came from the peer. */
uint64_t sluice_session_received(const sluice_session *session);

/* The session's figures now; strings live as long as the session. */
void sluice_session_statistics(const sluice_session *session, sluice_statistics *out);
const sluice_error *sluice_session_error(const sluice_session *session);

#endif
