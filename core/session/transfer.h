/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer.h - the mover: one side of one transfer of files, above a transport and below client and server.
 *
 * A mover knows files, digests and the session protocol (doc/protocol.md); it knows no sockets, no threads
 * and no clock.  Everything here is called on the session's loop thread, and so are all callbacks.  Work that may
 * block (the source, the sink, digests) is handed out as tasks through sluice_crew_port.
 *
 *     client: new(setup with request) -> start -> attach(source or sink) -> ... -> finished
 *     server: new(setup) -> start -> calls.requested -> attach or refuse -> ... -> finished
 *
 * The client closes the session after `finished`; the server's lane stays until the client has closed it, so that its
 * last control bytes arrive.
 */
#ifndef SLUICE_SESSION_TRANSFER_H
#define SLUICE_SESSION_TRANSFER_H

#include "session/cargo.h"
#include <sluice/sink.h>
#include <sluice/source.h>
#include <sluice/status.h>
#include <sluice/transport.h>
#include <sluice/types.h>

/* ---- tasks: what runs off the loop ---- */

typedef struct sluice_task sluice_task;

/* Embedded in what it works on.  run is called once on some pool thread, then done once on the loop thread; from
 * submit until done the task belongs to the port. */
struct sluice_task {
    void (*run)(sluice_task *task);
    void (*done)(sluice_task *task);
    sluice_task *next;                /* the port's */
    union {
        void *pointers[8];
        max_align_t align;
    } room;                           /* the port's, for its pool's intrusive job */
};

typedef struct sluice_crew_port {
    void (*submit)(void *user, sluice_task *task); /* never fails, never calls run or done from inside itself */
    void *user;
    uint32_t threads;                              /* how many tasks run at once, about */
} sluice_crew_port;

/* ---- what it stands on ---- */

/* A source or sink instance; called a store, since an endpoint is a lane's place at the datagram channel.  Exactly one
 * of source and sink is set. */
typedef struct sluice_mover_store {
    const sluice_source_ops *source;
    const sluice_sink_ops *sink;
    void *state;
    /* The sentence of the call that has just failed with status on this (pool) thread; fills out in any case. */
    void (*sentence)(void *user, int status, sluice_error *out);
    /* For operations that may answer SLUICE_EPENDING: completion_new (NULL: out of memory) makes what is handed to the
     * plugin, completion_end waits on this (pool) thread if the answer was SLUICE_EPENDING, frees the completion, and
     * returns the final answer, whose sentence `sentence` then tells.  Both NULL: such answers are errors of the
     * plugin. */
    sluice_completion *(*completion_new)(void *user);
    int64_t (*completion_end)(void *user, sluice_completion *completion, int64_t answer);
    void *user;
} sluice_mover_store;

/* ---- life ---- */

typedef struct sluice_mover_setup {
    bool client;
    const sluice_request *request; /* client: borrowed until free; server: NULL */
    sluice_carrier carrier;
    sluice_crew_port crew;
    uint64_t memory_bytes;         /* for chunk buffers; at least 2 MiB are used */
    uint64_t receive_bytes;        /* the session credit that the carrier was set up with */
    uint32_t open_most;            /* objects of the sink open at once; 0: 512 */
    bool file_progress;            /* calls.item is told about once a second of each file that is moving */
    const sluice_cargo_calls *calls; /* all are required but facts */
    void *user;
} sluice_mover_setup;

typedef struct sluice_mover sluice_mover;

/* ENOMEM.  setup is borrowed for the call, but for what it says. */
int sluice_mover_new(const sluice_mover_setup *setup, sluice_mover **out);

/* As a session sees it. */
sluice_cargo sluice_mover_cargo(sluice_mover *mover);

/* Gives it the source (sending side) or the sink; a server thereby accepts the request.  The instance must live
 * until the mover is freed; if it fails, it is not used.  ECANCELLED: the mover has ended meanwhile. */
int sluice_mover_attach(sluice_mover *mover, const sluice_mover_store *store, sluice_time now);

/* Server, after attach: what the client asked for by a request that is a probe. */
void sluice_mover_facts(sluice_mover *mover, const sluice_facts *facts);

/* Server: the request is not taken; status and sentence reach the client's `finished` unchanged. */
void sluice_mover_refuse(sluice_mover *mover, int status, const char *sentence, sluice_time now);

/* The data stops, or goes on unless the peer has paused it too, within a round trip; the peer is told. */
void sluice_mover_pause(sluice_mover *mover, bool paused);
bool sluice_mover_paused(const sluice_mover *mover); /* by either side */
bool sluice_mover_hindered(const sluice_mover *mover); /* it waits for a file that another writer holds */

/* Client of a request that is open, which it has changed just so: a source was appended, is given up, or there will be no
 * more. */
void sluice_mover_change(sluice_mover *mover, const sluice_request_change *change, sluice_time now);

/* ---- the calls of its cargo, which say what they do; user is the mover ---- */

/* All tasks must be done: call cancel first and free only when idle says so.  NULL is fine. */
void sluice_mover_free(void *mover);
int sluice_mover_start(void *mover, sluice_time now); /* client: puts REQUEST on the control stream */
/* Partial files are kept for a resume. */
void sluice_mover_cancel(void *mover, int status, const char *sentence, sluice_time now);
void sluice_mover_closed(void *mover, int status, const char *reason, sluice_time now);
bool sluice_mover_idle(const void *mover); /* nothing runs on the pool */
bool sluice_mover_heard(const void *mover);
/* Of a transfer that went to its end it is the sender, who hears FINISHED, else the client. */
bool sluice_mover_closes(const void *mover);
bool sluice_mover_peer_ended(const void *mover);
/* True when this side sends the data; known from start (client) or requested (server) on. */
bool sluice_mover_sending(const void *mover);
void sluice_mover_tick(void *mover, sluice_time now);
sluice_time sluice_mover_next_wake(const void *mover);
void sluice_mover_rate(void *mover, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy);
void sluice_mover_statistics_get(const void *mover, sluice_cargo_statistics *out);
size_t sluice_mover_fetch(void *mover, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count);
const uint8_t *sluice_mover_borrow(void *mover, sluice_object_id id, uint64_t offset, uint64_t *bytes, void **owner);
void sluice_mover_give_back(void *mover, void *owner);
void sluice_mover_acked(void *mover, sluice_object_id id, uint64_t from, uint64_t to);
void sluice_mover_completed(void *mover, sluice_object_id id);
int sluice_mover_opened(void *mover, sluice_object_id id, unsigned flags);
void sluice_mover_deliver(void *mover, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes);
void sluice_mover_ended(void *mover, sluice_object_id id, uint64_t size);
void sluice_mover_aborted(void *mover, sluice_object_id id, uint64_t code);
void sluice_mover_stopped(void *mover, sluice_object_id id, uint64_t code);
void sluice_mover_skipped(void *mover, sluice_object_id id, uint64_t from, uint64_t to);

#endif
