/* SPDX-License-Identifier: Apache-2.0 */
/* pier.h - a server of streams and a client's session with it, in one program, over loopback. */
#ifndef SLUICE_STREAM_PIER_H
#define SLUICE_STREAM_PIER_H

#include <sluice/stream.h>

typedef struct pier {
    char room[64]; /* a directory of its own */
    sluice *library;
    sluice_stream_listener *listener;
    sluice_stream_session *session;
} pier;

typedef struct pier_setup {
    int (*requested)(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error);
    void *user;
    const char *const *serve;    /* key, value ..., NULL */
    const char *const *transfer; /* the same, of the client */
    bool background;
} pier_setup;

/* Fail the test when anything goes wrong. */
void pier_begin(pier *at, const pier_setup *setup);
void pier_begin_listening(pier *at, const pier_setup *setup);
sluice_stream_session *pier_connect(pier *at, const pier_setup *setup);
/* Closes the session, which must end well, and the server. */
void pier_end(pier *at);
void pier_end_listening(pier *at);

/* A stream at the client's side, and the other end of it at the server's. */
sluice_stream *pier_open(sluice_stream_session *session, const char *name, sluice_stream_mode mode);
sluice_stream *pier_accept(pier *at);
void pier_pair(pier *at, const char *name, sluice_stream_mode mode, sluice_stream **client, sluice_stream **server);

/* Bytes that can be told from their place. */
void pier_fill(uint8_t *bytes, size_t count, uint64_t offset, uint64_t seed);
bool pier_check(const uint8_t *bytes, size_t count, uint64_t offset, uint64_t seed);

#endif
