/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - kind `report`: told of events and statistics; and the one table of both.
 *
 * Callbacks, JSON, the management protocol, logs and every report plugin are made from the tables here, so they
 * cannot disagree.  Reports run on a thread of their own, fed by a bounded ring with a drop counter: a slow report
 * never slows a transfer.
 *
 * ABI history: 1.0 first; 1.1 control and the order's own words in the spec, file-progress, wants, paused; 1.2 sources by
 * control, persistent, more words of managers, manifest, EVERY_FILE.
 */
#ifndef SLUICE_REPORT_H
#define SLUICE_REPORT_H

#include <sluice/plugin.h>

#define SLUICE_REPORT_ABI SLUICE_ABI(1, 2)

/* X(NAME, word, help).  `word` is the JSON event. */
#define SLUICE_EVENT_MAP(X)                                                                         \
    X(CONNECTING, "connecting", "The set-up connection is being made.")                             \
    X(SESSION, "session", "A session is established: all of it is negotiated.")                     \
    X(SCAN, "scan", "The source has been listed: totals are known.")                                \
    X(PROGRESS, "progress", "Statistics, about once a second.")                                     \
    X(FILE_START, "file-start", "The first byte of a file is on its way.")                          \
    X(FILE, "file", "A file is done, skipped or failed.")                                           \
    X(RATE, "rate", "Target, minimum or policy changed.")                                           \
    X(WARNING, "warning", "Something that the user should know.")                                   \
    X(ERROR, "error", "Something failed.")                                                          \
    X(DONE, "done", "The last event of a session, on failure too.")                                 \
    X(FILE_PROGRESS, "file-progress", "How far a file is, about once a second, for those who want it.")

typedef enum sluice_event_type {
#define SLUICE_EVENT_ENUM(name, word, help) SLUICE_EVENT_##name,
    SLUICE_EVENT_MAP(SLUICE_EVENT_ENUM)
#undef SLUICE_EVENT_ENUM
} sluice_event_type;

/* X(ctype, name, JSON key, format, unit, help).  Formats: u (unsigned), s (seconds from ns, 3 decimals), ms
 * (milliseconds from ns, 3 decimals), text (string or null).  The order is the order of output.  In `done` after
 * "message"; "progress" has the same keys.  All figures are of the whole session so far but those marked "now". */
#define SLUICE_STATISTICS_MAP(X)                                                                                      \
    X(uint64_t, files, "files", u, "files", "Files verified and in place.")                                           \
    X(uint64_t, failed, "failed", u, "files", "Files that failed.")                                                   \
    X(uint64_t, skipped, "skipped", u, "files", "Files that were there already.")                                     \
    X(uint64_t, bytes, "bytes", u, "bytes", "Payload that the receiver verified.")                                    \
    X(uint64_t, duration_ns, "seconds", s, "s", "From start to success or failure.")                                  \
    X(uint64_t, setup_ns, "setup_seconds", s, "s", "From start to the first packet with object data.")                \
    X(uint64_t, goodput_bps, "goodput_bps", u, "bit/s", "Payload per time since the first data packet.")              \
    X(uint64_t, wire_bytes, "wire_bytes", u, "bytes", "IP bytes sent by the side that sends the data.")               \
    X(uint64_t, resent_bytes, "resent_bytes", u, "bytes", "Payload sent again.")                                      \
    X(uint64_t, redundant_bytes, "redundant_bytes", u, "bytes", "Payload received twice.")                            \
    X(uint64_t, lost_packets, "lost_packets", u, "packets", "Packets declared lost.")                                 \
    X(uint64_t, min_rtt_ns, "min_rtt_ms", ms, "ms", "Least round trip.")                                              \
    X(uint64_t, srtt_ns, "srtt_ms", ms, "ms", "Smoothed round trip, now.")                                            \
    X(uint64_t, mtu, "mtu", u, "bytes", "IP packet size in use, now.")                                                \
    X(const char *, cipher, "cipher", text, "", "Cipher of the data.")                                                \
    X(const char *, crypto, "crypto", text, "", "Plugin that carries it.")                                            \
    X(const char *, transport, "transport", text, "", "Transport plugin.")                                            \
    X(const char *, congestion, "congestion", text, "", "Congestion plugin of the sending side.")                     \
    X(uint64_t, lanes, "lanes", u, "lanes", "UDP flows of the session.")                                              \
    X(const char *, limited_by, "limited_by", text, "", "What holds it back, see doc/operating.md; or null.")         \
    X(uint64_t, data_packets, "data_packets", u, "packets", "Data packets sent, repeats included.")                   \
    X(uint64_t, resent_packets, "resent_packets", u, "packets", "Data packets more than half of whose data was sent before.")                \
    X(uint64_t, rate_bps, "rate_bps", u, "bit/s", "IP bits sent in the last interval, now.")                          \
    X(uint64_t, target_bps, "target_bps", u, "bit/s", "Target rate in force; 0: none.")                               \
    X(uint64_t, minimum_bps, "minimum_bps", u, "bit/s", "Minimum rate in force.")                                     \
    X(uint64_t, queue_ns, "queue_ms", ms, "ms", "Queueing delay on the way out, now.")                                \
    X(uint64_t, total_files, "total_files", u, "files", "Files listed so far.")                                       \
    X(uint64_t, total_bytes, "total_bytes", u, "bytes", "Bytes listed so far.")                                       \
    X(uint64_t, moved_bytes, "moved_bytes", u, "bytes", "Payload acknowledged or found in place, now.")               \
    X(uint64_t, receiver_drops, "receiver_drops", u, "packets", "Packets dropped by the receiver's socket.")

typedef struct sluice_statistics {
    uint32_t size;
#define SLUICE_STATISTICS_FIELD(ctype, name, key, format, unit, help) ctype name;
    SLUICE_STATISTICS_MAP(SLUICE_STATISTICS_FIELD)
#undef SLUICE_STATISTICS_FIELD
    bool scan_complete; /* totals are final */
    uint64_t resumed_bytes; /* of moved_bytes, what was found in place, and holes: nothing of it was sent.  From 1.1 */
} sluice_statistics;

/* Strings are valid during the call only.  NULL and 0 where an event has nothing to say. */
typedef struct sluice_event {
    uint32_t size;
    sluice_event_type type;
    sluice_time now;
    const char *session;   /* id, 32 hex digits */
    const char *name;      /* of a job or of the INI's session; may be NULL */
    const char *direction; /* "push" or "pull" as seen by the client, "send" or "receive" by a server; or NULL */
    const char *peer;      /* host:port or [v6]:port */
    const char *path;      /* FILE events: bytes of the name, not necessarily UTF-8 */
    const char *state;     /* FILE: done, skipped, failed; DONE: ok, failed */
    uint64_t file_bytes;   /* FILE events: size */
    uint64_t resumed_bytes; /* FILE events: bytes of it that were there already */
    const char *digest;    /* FILE done: algorithm:hex; or NULL */
    int status;            /* SLUICE_OK or why */
    int exit_status;       /* DONE */
    const char *message;   /* the sentence, "" if none */
    const sluice_statistics *statistics; /* of PROGRESS, RATE, SCAN, FILE_PROGRESS and DONE; may be NULL elsewhere */
    /* From 1.1. */
    uint64_t moved_bytes;      /* FILE_PROGRESS: bytes of it that this session has moved; resumed_bytes come on top */
    uint64_t contiguous_bytes; /* FILE_PROGRESS: so many from its beginning are there without a gap */
    bool paused;               /* the session is paused, by either side */
} sluice_event;

/* What a report may ask of the transfer that it watches.  Any thread, from init until fini returns; none of it waits. */
typedef struct sluice_report_control {
    uint32_t size;
    /* Changes a RUNTIME option (rate, min-rate, policy), as sluice_transfer_set does.  error may be NULL. */
    int (*set)(void *user, const char *key, const char *value, sluice_error *error);
    /* As sluice_transfer_pause and sluice_transfer_cancel do. */
    void (*pause)(void *user, bool paused);
    void (*cancel)(void *user);
    /* Since 1.2: as sluice_transfer_add (from and to as of its path), _drop and _no_more do.  error may be NULL. */
    int (*add)(void *user, const char *path, const char *as, uint64_t from, uint64_t to, sluice_error *error);
    int (*drop)(void *user, const char *path, sluice_error *error);
    int (*no_more)(void *user, sluice_error *error);
} sluice_report_control;

typedef struct sluice_report_spec {
    uint32_t size;
    int output;          /* descriptor for what programs read (JSON): stdout, or stderr when stdout carries data */
    bool terminal;       /* screen is a terminal and may be redrawn */
    bool quiet, verbose;
    int columns;         /* of the terminal; 0: unknown */
    int screen;          /* descriptor for what people read (progress, log): stderr, so that both go side by side */
    /* From 1.1; the core fills it in, for transfers of files.  Strings are valid during init only. */
    const sluice_report_control *control; /* NULL: there is nothing to control, as at a server */
    void *control_user;                   /* first argument of its calls */
    const char *direction;                /* as of events */
    const char *source, *destination;     /* as the order has them; source: the first one; NULL: a list names them */
    const char *management;               /* settings of these names; management: [HOST:]PORT, one a line; NULL: none */
    const char *management_user;
    bool management_insecure;
    /* From 1.2. */
    const char *management_cookie, *management_tags; /* texts for managers to repeat; NULL: none */
    bool management_extended; /* they are ours, and are told more than FASPMGR 2 has words for */
    bool management_required; /* when one of them goes, the transfer ends */
    bool persistent;          /* sources may be added */
    const char *manifest; /* the setting of this name, the path of a receipt; NULL: none */
} sluice_report_spec;

/* What costs something, so that it is done only where a report wants it. */
enum {
    SLUICE_REPORT_FILE_PROGRESS = 1, /* FILE_PROGRESS is told; and FILE comes with statistics */
    SLUICE_REPORT_EVERY_FILE = 2     /* since 1.2: many more FILE events may wait than others (256 Ki) before one is left out */
};

typedef struct sluice_report_ops {
    /* Required. */
    int (*init)(void *state, const void *config, const sluice_host *host, const sluice_report_spec *spec);
    /* Optional.  Called after the last event; writes what is left. */
    void (*fini)(void *state);
    /* Required.  On the report thread; may block. */
    void (*event)(void *state, const sluice_event *event);
    /* Optional.  About ten times a second while nothing else comes, for those who draw. */
    void (*tick)(void *state, sluice_time now);
    /* Optional, from 1.1.  What it wants of what costs something: SLUICE_REPORT_*. */
    unsigned (*wants)(void *state);
} sluice_report_ops;

#endif
