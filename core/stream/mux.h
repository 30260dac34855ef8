/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mux.h - the streams of one session, above a transport: the cargo of a session that carries streams.
 *
 * It knows the wire (doc/protocol.md), credit and order; no sockets, no threads but through stream_state.h, and no clock
 * but the one it is given.  The session's loop thread, or a simulator's.
 */
#ifndef SLUICE_STREAM_MUX_H
#define SLUICE_STREAM_MUX_H

#include "session/cargo.h"
#include "stream/stream_state.h"

typedef struct sluice_mux_setup {
    sluice_stream_session *session;
    sluice_carrier carrier;
    const sluice_cargo_calls *calls;
    void *user;
    sluice_time (*now)(void *user);
    void *now_user;
    /* Server: what becomes of a stream that the client asks for, as of sluice_stream_listen_order; NULL: all are accepted. */
    int (*requested)(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error);
    /* Server: one was accepted; the caller's reference is the callee's. */
    void (*accepted)(void *user, sluice_stream *stream);
    void *requested_user;
    /* The session was asked for new rates by its program. */
    void (*set_rate)(void *user, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy);
    /* The session's figures, for whoever asks.  NULL: none are to be had. */
    void (*figures)(void *user, sluice_statistics *out);
    /* The mux is about to be gone: nobody is to be woken for it any more. */
    void (*freed)(void *user);
    void *session_user;
} sluice_mux_setup;

/* SLUICE_ENOMEM. */
int sluice_mux_new(const sluice_mux_setup *setup, sluice_mux **out);
/* As a session sees it. */
sluice_cargo sluice_mux_cargo(sluice_mux *mux);
/* Does what program and transport have left to do: once for each wake-up of the session (stream_state.h), which must be over
 * before this is called, as another one may follow from inside. */
void sluice_mux_pump(sluice_mux *mux);

#endif
