/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moorage.h - what holds the mux of a session to the session's loop, at either side.
 *
 * It is the user of a sluice_cargo_maker: made before the session, by whoever wants one, and gone when both the session
 * and its mux are.
 */
#ifndef SLUICE_STREAM_MOORAGE_H
#define SLUICE_STREAM_MOORAGE_H

#include "stream/mux.h"

typedef struct sluice_moorage_setup {
    sluice_stream_session *session;
    /* Server: see sluice_mux_setup; user is theirs. */
    int (*requested)(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error);
    void (*accepted)(void *user, sluice_stream *stream);
    void (*ended)(void *user, sluice_stream_session *session); /* the last call; NULL: nobody needs it */
    void *user;
} sluice_moorage_setup;

/* Fills maker, whose `ended` gives back what this takes; sluice_moorage_free does if that will never be called. */
int sluice_moorage_new(const sluice_moorage_setup *setup, sluice_cargo_maker *maker, sluice_error *error);
void sluice_moorage_free(const sluice_cargo_maker *maker);

#endif
