/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - byte streams between two programs: memory to memory, with the calls of a file.
 *
 *     server: sluice_stream_listen -> sluice_stream_accept ... -> read, write -> close
 *     client: sluice_stream_connect -> sluice_stream_open ...  -> read, write -> close -> sluice_stream_session_close
 *
 * A client connects to a server, and opens any number of streams in that one session.  Each has a name, which the
 * server's program gives a meaning to, and a mode: the client pushes (writes), pulls (reads), or both.  Bytes arrive in
 * order, without gaps, while they are being written, and both sides' digests of all that was written and read are
 * compared at the end.  A session outlives outages and changes of address that are shorter than its time-out.
 *
 * Memory.  What a side has written and the peer's transport has not acknowledged, and what has arrived and was not read,
 * lie within the settings' `memory` each, all streams of a session together; what one stream may have of it follows what
 * it makes use of, so that a stream whose reader is slow holds up its own writer and nobody else.
 *
 * Threads.  Every function may be called from any thread, but a handle must not be used any more once close, abort or
 * free was called for it.  On one stream one thread may read while another writes; calls of the same direction take
 * turns.  Callbacks come on the library's threads and must be quick: they call none of these functions but
 * sluice_stream_name, _mode, _user and _announced.
 *
 * Errors.  Calls return SLUICE_OK or a count, or a negative status; sluice_stream_error has the sentence of the last
 * call that failed in that direction.  Every call:
 *     SLUICE_EINVAL     not in this mode, after finish, or a wrong argument: nothing has happened
 *     SLUICE_EAGAIN     only where the stream does not block: it would have to wait
 *     SLUICE_ETIMEOUT   waited for as long as sluice_stream_timeouts allows, or the session's peer was silent for too long
 *     SLUICE_ECLOSED    the peer has closed its end of the stream, or the session
 *     SLUICE_EDIGEST    what was read is not what was written
 *     another status    the session has ended with it, or the peer has aborted or refused the stream with it
 * But for EINVAL, EAGAIN, ESKIPPED and a time-out of the call's own, the error stays: later calls return it too.
 */
#ifndef SLUICE_STREAM_H
#define SLUICE_STREAM_H

#include <sluice/sluice.h>
#include <stdio.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_stream_listener sluice_stream_listener;
typedef struct sluice_stream_session sluice_stream_session;
typedef struct sluice_stream sluice_stream;

#define SLUICE_STREAM_NAME_MAX 255 /* bytes of a stream's name: any but NUL */

typedef enum sluice_stream_mode {
    SLUICE_STREAM_PUSH = 1, /* the client writes, the server reads */
    SLUICE_STREAM_PULL = 2, /* the client reads, the server writes */
    SLUICE_STREAM_BOTH = 3
} sluice_stream_mode;

/* ---- the server's side ---- */

/* What a client asks for.  Strings are valid during the call. */
typedef struct sluice_stream_request {
    uint32_t size;
    const char *name;           /* "": it gave none */
    sluice_stream_mode mode;    /* the client's ticket allows it */
    uint64_t announced_bytes;   /* that the client will write; SLUICE_UNKNOWN */
    sluice_duration deadline_ns; /* of a live stream; 0: it is none */
    const char *peer;           /* host:port */
    const char *ticket;         /* name of the [ticket NAME] that admitted the client; "default" */
} sluice_stream_request;

typedef struct sluice_stream_listen_order {
    uint32_t size;
    const sluice_settings *settings; /* of table SERVE; borrowed for the call.  With a root, files are served as well */
    bool sections; /* streams are those of [stream NAME] sections: where there are none, a root is as needed as by
                    * sluice_server_start */
    /* Decides what becomes of a stream that a client asks for: SLUICE_OK has it accepted, with *stream_user as its user
     * pointer; any other status refuses it, and error's sentence is what the client's program is told.  NULL: all are
     * accepted. */
    int (*requested)(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error);
    void (*event)(void *user, const sluice_event *event); /* as of transfers; NULL: none */
    void *user;
    sluice_report_spec report;
} sluice_stream_listen_order;

/* Listens on TCP and UDP; a server's ticket and key are made if they are not there.  The errors of sluice_server_start. */
SLUICE_API int sluice_stream_listen(sluice *instance, const sluice_stream_listen_order *order,
                                    sluice_stream_listener **out, sluice_error *error);
/* The next stream that was accepted, of any session, the caller's from here on.  wait_ns: 0 does not wait (SLUICE_EAGAIN),
 * SLUICE_NEVER waits for ever, else SLUICE_ETIMEOUT.  SLUICE_EEND: drained or cancelled, and no more will come. */
SLUICE_API int sluice_stream_accept(sluice_stream_listener *listener, sluice_duration wait_ns, sluice_stream **out,
                                    sluice_error *error);
/* Readable while accept would not wait; to be watched only. */
SLUICE_API int sluice_stream_listener_fd(sluice_stream_listener *listener, sluice_error *error);
/* The server beneath: for its port, ticket file and fingerprint, for reload, drain and cancel (not for wait and free). */
SLUICE_API sluice_server *sluice_stream_listener_server(sluice_stream_listener *listener);
/* Ends all its sessions; streams that were accepted stay valid, and fail.  NULL is fine. */
SLUICE_API void sluice_stream_listener_free(sluice_stream_listener *listener);

/* ---- the client's side ---- */

typedef struct sluice_stream_connect_order {
    uint32_t size;
    const sluice_settings *settings; /* of table TRANSFER; borrowed for the call */
    const char *address;             /* sluice://host[:port], or host[:port]; NULL or "": the ticket's */
    const char *name;                /* for events; NULL: the NAME in the address */
    bool background;                 /* return at once: sluice_stream_session_ready tells when it stands */
    void (*event)(void *user, const sluice_event *event); /* as of transfers; NULL: none */
    void *user;
    sluice_report_spec report;
} sluice_stream_connect_order;

/* Returns when the session stands and streams can be opened, or why it could not be made. */
SLUICE_API int sluice_stream_connect(sluice *instance, const sluice_stream_connect_order *order,
                                     sluice_stream_session **out, sluice_error *error);
/* Whether it stands: SLUICE_OK, SLUICE_EAGAIN (wait_ns 0), SLUICE_ETIMEOUT, or why there is none (any more). */
SLUICE_API int sluice_stream_session_ready(sluice_stream_session *session, sluice_duration wait_ns, sluice_error *error);
/* Readable once ready would not wait; to be watched only. */
SLUICE_API int sluice_stream_session_fd(sluice_stream_session *session, sluice_error *error);

typedef struct sluice_stream_order {
    uint32_t size;
    const char *name; /* NULL: that of the session's address (sluice://host/NAME), or "" */
    sluice_stream_mode mode;
    uint64_t announced_bytes; /* that this side will write, told to the peer; 0: not known.  finish fails if it was not so */
    sluice_duration gather_ns; /* see sluice_stream_gather */
    sluice_duration deadline_ns; /* live: see below; 0: every byte arrives */
    unsigned priority;           /* 1 (first) to 7; 0: 4.  Streams of equal priority share, others wait for those before them */
} sluice_stream_order;

/* Opens a stream, without waiting: what is written may arrive with the request.  Whether the server takes it shows at the
 * first call that must know.  SLUICE_ELIMIT: as many are open as `memory` has room for, at either side (256 for 64 MiB);
 * SLUICE_EAGAIN: the session does not stand yet; the session's own end.
 *
 * Live.  With a deadline, what was written and has not arrived is given up when so much time has passed that it could
 * not arrive within it any more; the reader goes on with what follows, which is always the start of some write call.  Its
 * read returns SLUICE_ESKIPPED once where something is missing (sluice_stream_skipped says what).  Nothing compares the
 * digests of a live stream. */
SLUICE_API int sluice_stream_open(sluice_stream_session *session, const sluice_stream_order *order, sluice_stream **out,
                                  sluice_error *error);

/* ---- a session, at either side ---- */

/* Lives until the client's session_close, or at the server until all of its streams are closed. */
SLUICE_API sluice_stream_session *sluice_stream_session_of(sluice_stream *stream);
/* rate, min-rate, policy, congestion: of what this side sends, and at the client of what the server sends too. */
SLUICE_API int sluice_stream_session_set(sluice_stream_session *session, const char *key, const char *value,
                                         sluice_error *error);
/* While paused nothing of any stream is sent, in both directions, whichever side has asked for it; keep-alives go on. */
SLUICE_API int sluice_stream_session_pause(sluice_stream_session *session, bool paused);
/* Its figures, as of a quarter of a second ago at most; strings live as long as the session.  `files` are streams that came
 * to their verified end. */
SLUICE_API void sluice_stream_session_statistics(sluice_stream_session *session, sluice_statistics *out);
/* The client's: waits until what its closed streams have left is done, then ends it.  SLUICE_OK, or how it ended before
 * that.  Frees it in any case; streams that are still open are aborted, and stay valid until they are closed.  NULL is
 * fine. */
SLUICE_API int sluice_stream_session_close(sluice_stream_session *session, sluice_error *error);
/* Ends it soon: waiting calls return SLUICE_ECANCELLED, the client's own SLUICE_EINTERRUPTED.  The client's: also from signal
 * handlers. */
SLUICE_API void sluice_stream_session_cancel(sluice_stream_session *session);

/* ---- a stream ---- */

SLUICE_API const char *sluice_stream_name(const sluice_stream *stream);
SLUICE_API sluice_stream_mode sluice_stream_mode_of(const sluice_stream *stream);
SLUICE_API void *sluice_stream_user(const sluice_stream *stream); /* of `requested`; at the client what was set */
SLUICE_API void sluice_stream_user_set(sluice_stream *stream, void *user);
/* What the peer has announced to write; SLUICE_UNKNOWN: nothing, or it is not known here yet. */
SLUICE_API uint64_t sluice_stream_announced(const sluice_stream *stream);

/* Whether calls wait; at first they do. */
SLUICE_API void sluice_stream_blocking(sluice_stream *stream, bool blocking);
/* How long a call waits: read; write, flush, verify and close.  SLUICE_NEVER, as at first: as long as the session lives. */
SLUICE_API void sluice_stream_timeouts(sluice_stream *stream, sluice_duration read_ns, sluice_duration write_ns);
/* Of this side's writes.  0, as at first: even a single byte leaves at once.  Else less than a packet waits at most so long
 * for more.  flush and finish send what there is. */
SLUICE_API void sluice_stream_gather(sluice_stream *stream, sluice_duration gather_ns);

/* As read(2): at least one byte, 0 at the verified end.  SLUICE_ESKIPPED: see sluice_stream_open. */
SLUICE_API int64_t sluice_stream_read(sluice_stream *stream, void *bytes, size_t count);
SLUICE_API int64_t sluice_stream_readv(sluice_stream *stream, const struct iovec *buffers, int count);
/* As write(2): blocking, all of it, or less when time ran out or the stream ended in between; else as much as there is room
 * for, of a live stream all of it or nothing. */
SLUICE_API int64_t sluice_stream_write(sluice_stream *stream, const void *bytes, size_t count);
SLUICE_API int64_t sluice_stream_writev(sluice_stream *stream, const struct iovec *buffers, int count);
/* Waits until the peer's program has read everything written so far (or was told that it was skipped). */
SLUICE_API int sluice_stream_flush(sluice_stream *stream);
/* Nothing more will be written: the reader sees the end after what is there.  Does not wait; reading goes on. */
SLUICE_API int sluice_stream_finish(sluice_stream *stream);
/* After finish: waits until the peer's program has read everything and its digest agrees with ours. */
SLUICE_API int sluice_stream_verify(sluice_stream *stream);
/* finish and verify where this side writes; where it reads, the end must have been read, else the writer is told that the
 * rest is not wanted, and this is SLUICE_ECLOSED.  Waits even if the stream does not block, for as long as its time-outs
 * allow.  Frees the stream in any case.  NULL is fine. */
SLUICE_API int sluice_stream_close(sluice_stream *stream, sluice_error *error);
/* Gives it up, and frees it.  The peer's calls return status (not SLUICE_OK) with the sentence.  NULL is fine. */
SLUICE_API void sluice_stream_abort(sluice_stream *stream, int status, const char *sentence);

/* The sentence of the last call that failed: of reading; of everything else. */
SLUICE_API const sluice_error *sluice_stream_error(const sluice_stream *stream, bool reading);
/* The bytes [*from, *to) that the last SLUICE_ESKIPPED was about. */
SLUICE_API void sluice_stream_skipped(const sluice_stream *stream, uint64_t *from, uint64_t *to);

/* For poll, epoll, libevent and the like: readable while read would not wait, writable while write would not (of a live
 * stream: the one that had to last; or, after finish, verify would not); to be watched only, as long as the stream is open.  Level triggered. */
SLUICE_API int sluice_stream_fd(sluice_stream *stream, sluice_error *error);
/* Takes the stream over: fclose closes it, and fails where close would (errno says roughly why, the sentence is lost).  The
 * stream's own calls may still be used before that, but those of its data.  Skipped data is passed over silently.  A
 * stream of mode BOTH is opened as "r+" is; between reading and writing stdio wants an fflush. */
SLUICE_API FILE *sluice_stream_file(sluice_stream *stream, sluice_error *error);

typedef struct sluice_stream_statistics {
    uint32_t size;
    uint64_t written_bytes;   /* taken from the program */
    uint64_t acked_bytes;     /* of those, at the peer's transport */
    uint64_t taken_bytes;     /* of those, read by the peer's program, as far as is known here */
    uint64_t given_up_bytes;  /* live: not delivered in time */
    uint64_t read_bytes;      /* given to the program */
    uint64_t arrived_bytes;   /* in order, at this side */
    uint64_t skipped_bytes;   /* live: will never come */
    uint64_t room_bytes;      /* for writing, right now */
    uint64_t window_bytes;    /* what may wait here to be read */
} sluice_stream_statistics;
SLUICE_API void sluice_stream_statistics_get(sluice_stream *stream, sluice_stream_statistics *out);

/* ---- from a source, into a sink ---- */

/* Both return when all is done, one way or the other; they make the stream block, and its time-outs hold.  The stream is
 * still the caller's to close.  place: "-" for standard input or output (plugin stdio), KIND:ARGUMENT of a source or sink
 * plugin, or a path (plugin file); relative to the process.  It must come to exactly one object that holds bytes.  With
 * drop-behind in the settings of the session, a client's for both sides, what is read and written does not stay in the page
 * cache.  A plugin that waits is woken when the stream fails.  A failure of the plugin has one status for both programs:
 * SLUICE_EFAILED where its own would speak of usage, plugins or connections. */

/* Reads the source to its end, in order, then finishes and verifies the stream.  A source that fails gives the stream up with
 * its sentence, which the peer's program is told. */
SLUICE_API int sluice_stream_pour(sluice *instance, const char *source, sluice_stream *stream, sluice_error *error);
/* Reads the stream to its end and writes it into the sink, which gives it its name only when the end was verified; the peer's
 * program is told of a good end after that.  A sink that fails gives the stream up with its sentence.  What a live stream
 * has skipped is left out, counted in the stream's statistics, and told in the log. */
SLUICE_API int sluice_stream_fill(sluice *instance, sluice_stream *stream, const char *sink, sluice_error *error);
/* Whether the words name a place at all: SLUICE_OK, SLUICE_EUSAGE, SLUICE_EPLUGIN.  Nothing of it is touched. */
SLUICE_API int sluice_stream_place_check(sluice *instance, sluice_kind kind, const char *place, sluice_error *error);

#ifdef __cplusplus
}
#endif
#endif
