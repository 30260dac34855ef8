/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cargo.h - what a session carries, as the session sees it: files (transfer.h) or streams (core/stream).
 *
 * A session has one cargo, which puts objects on the carrier and takes those of the peer, and has its own messages on
 * object 0.  It knows no sockets.  Everything here is called on the session's loop thread, and so are all callbacks.
 */
#ifndef SLUICE_SESSION_CARGO_H
#define SLUICE_SESSION_CARGO_H

#include "session/facts.h"
#include "session/progress.h"
#include "session/request.h"
#include <sluice/status.h>
#include <sluice/transport.h>
#include <sluice/types.h>

/* What it stands on: the transport of the session's lane. */
typedef struct sluice_carrier {
    const sluice_transport_ops *ops;
    void *state;
} sluice_carrier;

/* One file or stream, as it is told of. */
typedef struct sluice_cargo_item {
    const char *path;      /* the entry's name */
    const char *state;     /* done, skipped, failed: as of sluice_event; start: first byte is on its way; moving: so far */
    uint64_t file_bytes, resumed_bytes;
    uint64_t moved_bytes, contiguous_bytes; /* of one that is moving: as of sluice_event */
    const char *digest;    /* "xxh3-128:hex" of one that is done; or NULL */
    int status;
    const char *message;   /* "" if none */
} sluice_cargo_item;

typedef struct sluice_cargo_statistics {
    uint64_t files, failed, skipped;   /* files only: directories and links are not counted unless they fail; or streams */
    uint64_t bytes;                    /* verified by the receiver */
    uint64_t total_files, total_bytes; /* listed so far */
    uint64_t moved_bytes;              /* acknowledged (receiver: arrived), found in place, or holes */
    uint64_t resumed_bytes;            /* of those, what was not sent */
    bool scan_complete;
    bool source_busy;                  /* sender: something is being read or listed, now */
    sluice_duration source_ns;         /* sender: spent in the source by the readings that are done, all together */
    bool memory_full;                  /* sender: more could be read, but what is unacknowledged holds the memory */
    bool finishing;                    /* sender: everything was sent once; the figures are about the last */
    bool sink_busy;                    /* receiver: the sink is what data waits for, now */
    sluice_duration sink_ns;           /* receiver: spent in the sink by the jobs that are done, all together */
} sluice_cargo_statistics;

/* What it tells and asks the session. */
typedef struct sluice_cargo_calls {
    /* Of files, server: the whole request is here.  Answer with attach or refuse, at once or later.  The request is the
     * cargo's and lives as long as it does. */
    void (*requested)(void *user, const sluice_request *request);
    void (*item)(void *user, const sluice_cargo_item *item);
    void (*warning)(void *user, const char *sentence);
    void (*scanned)(void *user);                                  /* of files: totals are final */
    void (*measure)(void *user, sluice_progress *out);            /* fill the transport's counters, to be sent */
    void (*progressed)(void *user, const sluice_progress *peer);  /* the peer's counters came */
    void (*rate)(void *user, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy); /* "": as is */
    void (*paused)(void *user, bool paused);
    void (*facts)(void *user, const sluice_facts *facts);         /* optional; of files, client: the server's came */
    /* Something was given to the carrier outside of one of its callbacks: produce soon. */
    void (*wake)(void *user);
    /* Exactly once, never from inside new, start or free.  The cargo may be freed later, not from inside. */
    void (*finished)(void *user, int status, const char *sentence);
} sluice_cargo_calls;

/* What the session asks of it. */
typedef struct sluice_cargo_ops {
    void (*free)(void *cargo);
    /* Client: begins. */
    int (*start)(void *cargo, sluice_time now);
    /* Someone wants an end: the peer is told (of ECANCELLED and EINTERRUPTED that it was cancelled, else why), finished comes
     * with that status (as soon as what runs elsewhere is done). */
    void (*cancel)(void *cargo, int status, const char *sentence, sluice_time now);
    /* The session is over (the transport's CLOSED, with its status and reason): what was not done has failed.  SLUICE_OK
     * after the work was done is a good end. */
    void (*closed)(void *cargo, int status, const char *reason, sluice_time now);
    /* Nothing runs for it elsewhere any more, so free may be called.  After `finished` or closed that becomes true soon;
     * calls.wake is called when it does. */
    bool (*idle)(const void *cargo);
    bool (*heard)(const void *cargo);      /* every message so far has reached the peer */
    bool (*closes)(const void *cargo);     /* it is this side that closes the session, having finished */
    bool (*peer_ended)(const void *cargo); /* the peer's own words (REFUSE, ERROR, CANCEL) are why it ended */
    bool (*sending)(const void *cargo);    /* more data goes from here to the peer than back */
    /* Work that is due by time; next_wake says when to call again (SLUICE_NEVER: only after other calls). */
    void (*tick)(void *cargo, sluice_time now);
    sluice_time (*next_wake)(const void *cargo);
    /* Live control, by the client: tells the peer. */
    void (*rate)(void *cargo, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy);
    void (*statistics)(const void *cargo, sluice_cargo_statistics *out);

    /* The transport's calls about objects. */
    size_t (*fetch)(void *cargo, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count);
    void (*acked)(void *cargo, sluice_object_id id, uint64_t from, uint64_t to);
    void (*completed)(void *cargo, sluice_object_id id);
    int (*opened)(void *cargo, sluice_object_id id, unsigned flags);
    void (*deliver)(void *cargo, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes);
    void (*ended)(void *cargo, sluice_object_id id, uint64_t size);
    void (*aborted)(void *cargo, sluice_object_id id, uint64_t code);
    void (*stopped)(void *cargo, sluice_object_id id, uint64_t code);
    void (*skipped)(void *cargo, sluice_object_id id, uint64_t from, uint64_t to);

    /* Of files: lends bytes of an unordered object of ours from offset on: *bytes of them at most, and then as many as
     * it says.  They do not change until *owner is given back, once for each time; another thread may read them.  NULL: not in memory now, and ready tells, as
     * after a fetch that got nothing. */
    const uint8_t *(*borrow)(void *cargo, sluice_object_id id, uint64_t offset, uint64_t *bytes, void **owner);
    void (*give_back)(void *cargo, void *owner);
} sluice_cargo_ops;

typedef struct sluice_cargo {
    const sluice_cargo_ops *ops;
    void *state;
} sluice_cargo;

struct sluice_session;

/* Whoever has another cargo than files: makes it once the session has its carrier.  All on the loop's thread. */
typedef struct sluice_cargo_maker {
    /* session: may be kept until the cargo is freed. */
    int (*make)(void *user, struct sluice_session *session, const sluice_carrier *carrier,
                const sluice_cargo_calls *calls, void *calls_user, sluice_cargo *out, sluice_error *error);
    /* Optional.  The session was made. */
    void (*began)(void *user);
    /* Once, and the last call: there is no session any more, or there never was one.  By whoever owns the session. */
    void (*ended)(void *user, const sluice_error *why);
    void *user;
    uint64_t ordered_bytes; /* first window of each ordered object of the peer */
    bool both_ways;         /* both sides send: rates and controls are both sides' affair */
} sluice_cargo_maker;

#endif
