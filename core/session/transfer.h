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

#include "session/facts.h"
#include "session/request.h"
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

typedef struct sluice_carrier {
    const sluice_transport_ops *ops;
    void *state;
} sluice_carrier;

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

/* ---- what it tells ---- */

typedef struct sluice_mover_file {
    const char *path;      /* the entry's name */
    const char *state;     /* done, skipped, failed: as of sluice_event; start: first byte is on its way */
    uint64_t file_bytes, resumed_bytes;
    const char *digest;    /* "xxh3-128:hex" of a file that is done; or NULL */
    int status;
    const char *message;   /* "" if none */
} sluice_mover_file;

/* Counters that travel to the other side (message PROGRESS): those of the transport, filled by the lane.
 * X(field, number on the wire). */
#define SLUICE_PROGRESS_MAP(X)                                                                                        \
    X(wire_bytes, 1)                                                                                                  \
    X(resent_bytes, 2)                                                                                                \
    X(redundant_bytes, 3)                                                                                             \
    X(lost_packets, 4)                                                                                                \
    X(data_packets, 5)                                                                                                \
    X(resent_packets, 6)                                                                                              \
    X(min_rtt_ns, 7)                                                                                                  \
    X(srtt_ns, 8)                                                                                                     \
    X(queue_ns, 9)                                                                                                    \
    X(rate_bps, 10)                                                                                                   \
    X(target_bps, 11)                                                                                                 \
    X(minimum_bps, 12)                                                                                                \
    X(mtu, 13)                                                                                                        \
    X(receiver_drops, 14)                                                                                             \
    X(limited_by, 15)       /* the lane's own numbering; 0: cannot be told */                                         \
    X(first_data_ns, 16)    /* from the start of that side to its first data packet; 0: none */                       \
    X(total_files, 17)                                                                                                \
    X(total_bytes, 18)                                                                                                \
    X(verified_bytes, 19)   /* these five are filled by the mover itself */                                           \
    X(files, 20)                                                                                                      \
    X(failed, 21)                                                                                                     \
    X(skipped, 22)                                                                                                    \
    X(moved_bytes, 23)

typedef struct sluice_progress {
#define SLUICE_PROGRESS_FIELD(field, number) uint64_t field;
    SLUICE_PROGRESS_MAP(SLUICE_PROGRESS_FIELD)
#undef SLUICE_PROGRESS_FIELD
} sluice_progress;

typedef struct sluice_mover_calls {
    /* Server: the whole request is here.  Answer with attach or refuse, at once or later.  The request is the
     * mover's and lives as long as it does. */
    void (*requested)(void *user, const sluice_request *request);
    void (*file)(void *user, const sluice_mover_file *file);
    void (*warning)(void *user, const char *sentence);
    void (*scanned)(void *user);                                  /* totals are final */
    void (*measure)(void *user, sluice_progress *out);            /* fill the transport's counters, to be sent */
    void (*progressed)(void *user, const sluice_progress *peer);  /* the peer's counters came */
    void (*rate)(void *user, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy); /* "": as is */
    void (*paused)(void *user, bool paused);
    void (*facts)(void *user, const sluice_facts *facts);         /* optional; client: the server's came */
    /* Something was given to the carrier outside of one of its callbacks: produce soon. */
    void (*wake)(void *user);
    /* Exactly once, never from inside new, start or free.  The mover may be freed later, not from inside. */
    void (*finished)(void *user, int status, const char *sentence);
} sluice_mover_calls;

typedef struct sluice_mover_setup {
    bool client;
    const sluice_request *request; /* client: borrowed until free; server: NULL */
    sluice_carrier carrier;
    sluice_crew_port crew;
    uint64_t memory_bytes;         /* for chunk buffers; at least 2 MiB are used */
    uint64_t receive_bytes;        /* the session credit that the carrier was set up with */
    uint32_t open_most;            /* objects of the sink open at once; 0: 512 */
    const sluice_mover_calls *calls; /* all are required but facts */
    void *user;
} sluice_mover_setup;

typedef struct sluice_mover sluice_mover;

/* ENOMEM.  setup is borrowed for the call, but for what it says. */
int sluice_mover_new(const sluice_mover_setup *setup, sluice_mover **out);

/* All tasks must be done: call stop first and free only when idle says so.  NULL is fine. */
void sluice_mover_free(sluice_mover *mover);

/* Client: puts REQUEST on the control stream. */
int sluice_mover_start(sluice_mover *mover, sluice_time now);

/* Gives it the source (sending side) or the sink; a server thereby accepts the request.  The instance must live
 * until the mover is freed; if it fails, it is not used.  ECANCELLED: the mover has ended meanwhile. */
int sluice_mover_attach(sluice_mover *mover, const sluice_mover_store *store, sluice_time now);

/* Server, after attach: what the client asked for by a request that is a probe. */
void sluice_mover_facts(sluice_mover *mover, const sluice_facts *facts);

/* Server: the request is not taken; status and sentence reach the client's `finished` unchanged. */
void sluice_mover_refuse(sluice_mover *mover, int status, const char *sentence, sluice_time now);

/* Someone wants an end: the peer is told (of ECANCELLED and EINTERRUPTED that it was cancelled, else why), partial
 * files are kept for a resume, finished comes with that status (as soon as what runs on the pool is done). */
void sluice_mover_cancel(sluice_mover *mover, int status, const char *sentence, sluice_time now);

/* The session is over (the transport's CLOSED, with its status and reason): what was not done is failed.  SLUICE_OK
 * after the work was done is a good end. */
void sluice_mover_closed(sluice_mover *mover, int status, const char *reason, sluice_time now);

/* Nothing runs on the pool any more, so free may be called.  After `finished` or closed that becomes true soon;
 * calls.wake is called when it does. */
bool sluice_mover_idle(const sluice_mover *mover);
/* Every control message so far has reached the peer. */
bool sluice_mover_heard(const sluice_mover *mover);
/* It went to its end: FINISHED was sent, or came, whatever became of single files. */
bool sluice_mover_complete(const sluice_mover *mover);

/* Work that is due by time; next_wake says when to call again (SLUICE_NEVER: only after other calls). */
void sluice_mover_tick(sluice_mover *mover, sluice_time now);
sluice_time sluice_mover_next_wake(const sluice_mover *mover);

/* Live control: effect at the sender of the data within a round trip. */
void sluice_mover_rate(sluice_mover *mover, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy);
void sluice_mover_pause(sluice_mover *mover, bool paused);

typedef struct sluice_mover_statistics {
    uint64_t files, failed, skipped;   /* files only: directories and links are not counted unless they fail */
    uint64_t bytes;                    /* verified by the receiver */
    uint64_t total_files, total_bytes; /* listed so far */
    uint64_t moved_bytes;              /* acknowledged (receiver: arrived), or found in place */
    bool scan_complete;
    bool source_busy;                  /* sender: something is being read or listed, now */
    sluice_duration source_ns;         /* sender: spent in the source by the readings that are done, all together */
    bool finishing;                    /* sender: everything was sent and answered; the figures are the last */
    bool sink_busy;                    /* receiver: the sink is what data waits for, now */
} sluice_mover_statistics;
void sluice_mover_statistics_get(const sluice_mover *mover, sluice_mover_statistics *out);

/* The peer's own words (REFUSE, ERROR, CANCEL) are why it ended. */
bool sluice_mover_peer_ended(const sluice_mover *mover);

/* True when this side sends the data; known from start (client) or requested (server) on. */
bool sluice_mover_sending(const sluice_mover *mover);

/* ---- the transport's callbacks, forwarded by the lane; user is the mover ---- */

size_t sluice_mover_fetch(void *mover, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count);
void sluice_mover_acked(void *mover, sluice_object_id id, uint64_t from, uint64_t to);
void sluice_mover_completed(void *mover, sluice_object_id id);
int sluice_mover_opened(void *mover, sluice_object_id id, unsigned flags);
void sluice_mover_deliver(void *mover, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes);
void sluice_mover_ended(void *mover, sluice_object_id id, uint64_t size);
void sluice_mover_aborted(void *mover, sluice_object_id id, uint64_t code);
void sluice_mover_stopped(void *mover, sluice_object_id id, uint64_t code);
void sluice_mover_skipped(void *mover, sluice_object_id id, uint64_t from, uint64_t to);

#endif
