/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manager.h - jobs: transfers of files in processes of their own, watched by callbacks or by polling, and controlled while
 * they run.
 *
 * An order says what goes where, and how.  A manager launches it as a job: a worker process, which speaks FASPMGR 2 with it
 * (doc/management-protocol.md).  A worker that dies cannot hurt the application; what deserves another try gets one, which
 * goes on where the last one was.  The worker is `sluice` itself, or any program that takes ascp's arguments.
 *
 * Threads.  Every function may be called by any thread, from callbacks too, unless it says otherwise.  Callbacks come on
 * one thread of the manager, one after the other, in the order in which things happened to a job.  They may take their time:
 * no transfer waits for them, though other callbacks do.
 *
 * Figures.  What callbacks and polls say of a job comes from its worker, about once a second, and exactly at its end.  Rates are
 * bits per second, times nanoseconds.  Functions return SLUICE_OK or a negative status of status.h; error may be NULL.
 *
 * All structs that have a size begin with it: set it to sizeof before the call.  Structs grow at their end only.
 */
#ifndef SLUICE_MANAGER_H
#define SLUICE_MANAGER_H

#include <sluice/status.h>
#include <sluice/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- orders ---- */

typedef enum sluice_direction { SLUICE_PUSH, SLUICE_PULL } sluice_direction; /* to the remote side, or from it */

/* What is to be moved, from where to where, and how.  Owned by who made it; a launch copies it, so one order serves for many
 * jobs.  One thread at a time. */
typedef struct sluice_order sluice_order;

/* The other machine, and how to be let in there.  Strings are copied; NULL: none. */
typedef struct sluice_remote {
    uint32_t size;
    const char *host;        /* name or address; NULL with a ticket: one of the ticket's addresses */
    uint16_t port;           /* TCP; 0: 33001 of a server, what ssh takes otherwise */
    bool ssh;                /* through ssh; else a `sluice serve` that runs there */
    const char *user;        /* of ssh; NULL: as ssh has it */
    const char *password;    /* of ssh; told to ssh alone, never in arguments or logs */
    const char *key_file;    /* of ssh: private key */
    const char *ticket_file; /* of a server; NULL: the default one */
    const char *ticket;      /* its text, in place of a file */
    const char *fingerprint; /* of a server's key (sha-256, hex) */
} sluice_remote;

SLUICE_API int sluice_order_new(sluice_direction direction, sluice_order **out, sluice_error *error);
SLUICE_API void sluice_order_free(sluice_order *order);
SLUICE_API int sluice_order_remote(sluice_order *order, const sluice_remote *remote, sluice_error *error);

/* Where it goes: of a push a path there (relative to the server's root, or to the home directory), of a pull one here.  As
 * of `sluice copy`: a directory that is there, or a trailing '/', means into it. */
SLUICE_API int sluice_order_destination(sluice_order *order, const char *path, sluice_error *error);
/* A file or directory, on the side that sends.  as: its name below the destination, which is then a directory (a pair); NULL:
 * the last component of path. */
SLUICE_API int sluice_order_source(sluice_order *order, const char *path, const char *as, sluice_error *error);
/* The bytes [from, to) of one file become a file of their own; to SLUICE_UNKNOWN: to its end. */
SLUICE_API int sluice_order_range(sluice_order *order, const char *path, const char *as, uint64_t from, uint64_t to,
                                  sluice_error *error);
/* Sources from a file: one path a line, or with pairs a path and its name below the destination on alternate lines.  It is
 * read at once. */
SLUICE_API int sluice_order_list(sluice_order *order, const char *file, bool pairs, sluice_error *error);

/* How: the long options of `sluice copy` ("rate" "100m", "policy", "udp-ports", "cipher", "transport", "resume", "overwrite",
 * "checksum", "preserve", "exclude", "datagram-size", "manifest", ...), and options of plugins as KIND.NAME.KEY
 * ("congestion.fair.target-queue").  What is set again is replaced, but exclude and include, which add up.  A key that is not
 * known, or a value that cannot be read, fails at once (EUSAGE), with the nearest valid name; those of plugins are looked at by
 * the worker, and a policy that only another program may have by launch.  Options that say what else this header says
 * (source, destination, file-list, ticket-file, pin, management...), and those of a terminal (json, progress, quiet, verbose),
 * are refused. */
SLUICE_API int sluice_order_set(sluice_order *order, const char *key, const char *value, sluice_error *error);
/* What messages to managers and, of a cookie, statistics repeat; never looked at. */
SLUICE_API int sluice_order_cookie(sluice_order *order, const char *cookie, sluice_error *error);
SLUICE_API int sluice_order_tags(sluice_order *order, const char *json, sluice_error *error);

/* The session stays open for sources that are added while it runs (sluice_job_add), until sluice_job_no_more.  The destination
 * is a directory, and it may begin without any source. */
SLUICE_API void sluice_order_persistent(sluice_order *order, bool persistent);

/* Errors that another try may mend are tried again: attempts times, first after first_ns, then after twice as long each
 * time, most_ns at most.  An attempt by which something arrived begins the count anew.  A worker that was killed by a signal is
 * followed by another one as well.  As it is made: 7, 2 s, 60 s. */
SLUICE_API void sluice_order_retry(sluice_order *order, unsigned attempts, sluice_duration first_ns, sluice_duration most_ns);

/* The transfer goes on if this process dies.  As it is made: it ends, resumable.  Of workers that are sluice; what others do
 * is their own matter. */
SLUICE_API void sluice_order_outlive(sluice_order *order, bool outlive);

/* A program that takes ascp's arguments and speaks FASPMGR 2, in place of sluice; NULL: sluice.  What has no such argument
 * (see doc/management-protocol.md) is refused by launch.  The remote side's ssh does not matter then: ascp has its own way. */
SLUICE_API int sluice_order_ascp(sluice_order *order, const char *program, sluice_error *error);

/* ---- jobs ---- */

typedef uint64_t sluice_job; /* names a job of one manager; never 0, never used again */

typedef enum sluice_job_state {
    SLUICE_JOB_SUBMITTED,  /* waits for its worker to start */
    SLUICE_JOB_CONNECTING, /* the worker runs and gets to the other side */
    SLUICE_JOB_RUNNING,    /* a session is there */
    SLUICE_JOB_PAUSED,     /* it is, and its data stands still */
    SLUICE_JOB_RETRYING,   /* waits for its next attempt */
    SLUICE_JOB_FINISHED,   /* these are ends: all is there, */
    SLUICE_JOB_FAILED,     /* something is not, */
    SLUICE_JOB_CANCELLED   /* or it was not to be */
} sluice_job_state;

/* "running"; never NULL. */
SLUICE_API const char *sluice_job_state_name(sluice_job_state state);

typedef struct sluice_job_statistics {
    uint32_t size;
    sluice_job job;
    sluice_job_state state;
    sluice_direction direction;
    int status;               /* how it ended, or why it is tried again; SLUICE_OK */
    unsigned code;            /* the same as ASCP number */
    unsigned attempts;        /* workers started so far */
    int worker;               /* process id of the worker that runs; 0: none does */
    bool persistent, open;    /* open: sources may still be added */
    uint64_t files, failed, skipped, active;   /* files in place, failed, there already, on their way now */
    uint64_t total_files, total_bytes;         /* listed; bytes SLUICE_UNKNOWN when some size is not known */
    bool scanned;                              /* the totals are final */
    uint64_t transferred_bytes;                /* sent over the network for files, by all attempts */
    uint64_t present_bytes;                    /* at the destination, what was there before included */
    uint64_t lost_bytes;                       /* sent again */
    sluice_duration elapsed_ns;                /* since launch, waits included; final at the end */
    sluice_duration rtt_ns;
    sluice_rate rate_bps;                      /* received in the last second or so */
    sluice_rate target_bps, minimum_bps;       /* in force; 0: none */
    uint64_t mtu;
    uint64_t events_dropped;                   /* callbacks that were left out because the application fell too far behind */
    char policy[16];                           /* fixed, high, fair, low */
    char cipher[32];
    char limited_by[16];                       /* of a worker that is sluice; "" unknown */
    char session[40];                          /* id of the session */
    char peer[280];                            /* host:port */
    char message[1024];                        /* sentence to status; "" if none */
    char cookie[256];                          /* of the order, as much as there is room for; "" */
} sluice_job_statistics;

typedef enum sluice_job_file_state {
    SLUICE_FILE_MOVING,
    SLUICE_FILE_DONE,
    SLUICE_FILE_SKIPPED,
    SLUICE_FILE_FAILED
} sluice_job_file_state;

/* "moving", "done", "skipped", "failed"; never NULL. */
SLUICE_API const char *sluice_job_file_state_name(sluice_job_file_state state);

typedef struct sluice_job_file {
    uint32_t size;
    const char *name;         /* below the destination */
    sluice_job_file_state state;
    uint64_t file_bytes;      /* its size */
    uint64_t start_byte;      /* what was there before */
    uint64_t written_bytes;   /* there by now, in any place */
    uint64_t contiguous_bytes; /* there by now, without a gap from its beginning */
    const char *digest;       /* "xxh3-128:hex"; NULL: none, or not told */
    int status;
    unsigned code;
    const char *message;      /* of one that failed: why, and of a worker that is sluice which; "" */
} sluice_job_file;

/* X(NAME, word, help). */
#define SLUICE_JOB_EVENT_MAP(X)                                                                     \
    X(CONNECTING, "connecting", "A worker has reported, and is getting to the other side.")         \
    X(SESSION_START, "session-start", "It has a session with the other side.")                      \
    X(RATE, "rate", "Target, minimum or policy are in force, or changed; paused or going on.")      \
    X(SCAN, "scan", "What there is to move has been listed.")                                       \
    X(FILE_START, "file-start", "A file is on its way.")                                            \
    X(PROGRESS, "progress", "Figures of the job and, if file is set, of one file; each second.")    \
    X(FILE_STOP, "file-stop", "A file is in place.")                                                \
    X(FILE_SKIP, "file-skip", "A file was there already.")                                          \
    X(FILE_ERROR, "file-error", "A file failed; the job goes on.")                                  \
    X(WARNING, "warning", "Something that the user should know.")                                   \
    X(RETRY, "retry", "An attempt failed, and another one is made after a while.")                  \
    X(SESSION_STOP, "session-stop", "The job is over, and all is there.")                           \
    X(SESSION_ERROR, "session-error", "The job is over, and has failed or was cancelled.")

typedef enum sluice_job_event_type {
#define SLUICE_JOB_EVENT_ENUM(name, word, help) SLUICE_JOB_EVENT_##name,
    SLUICE_JOB_EVENT_MAP(SLUICE_JOB_EVENT_ENUM)
#undef SLUICE_JOB_EVENT_ENUM
} sluice_job_event_type;

SLUICE_API const char *sluice_job_event_name(sluice_job_event_type type);

/* What it points to is valid during the callback only. */
typedef struct sluice_job_event {
    uint32_t size;
    sluice_job_event_type type;
    sluice_job job;
    const sluice_job_statistics *statistics; /* never NULL: as they were when it happened */
    const sluice_job_file *file;             /* of events of a file; else NULL */
    const char *message;                     /* sentence; "" if none */
    sluice_duration retry_ns;                /* RETRY: how long it waits */
} sluice_job_event;

typedef void sluice_job_callback(void *user, const sluice_job_event *event);

/* ---- managers ---- */

typedef struct sluice_manager sluice_manager;

typedef struct sluice_manager_setup {
    uint32_t size;
    const char *program;   /* the worker; NULL: SLUICE_PROGRAM of the environment, else `sluice` where it was installed */
    const char *plugin_path; /* directories of plugins for workers, colon-separated; NULL: SLUICE_PLUGIN_PATH */
    unsigned workers_most; /* at once, others wait in the order of their launch; 0: 128 */
    unsigned files_most;   /* of files that are over, so many of a job are kept for sluice_job_files; 0: 1000 */
} sluice_manager_setup;

/* Opens its management socket (on 127.0.0.1, for workers that are not sluice) and starts its threads.  setup may be NULL. */
SLUICE_API int sluice_manager_new(const sluice_manager_setup *setup, sluice_manager **out, sluice_error *error);
/* The one of this process: made by the first call, counted by each, freed by as many calls of sluice_manager_free. */
SLUICE_API int sluice_manager_default(sluice_manager **out, sluice_error *error);
/* Cancels what still runs, waits for the workers' end (those that do not come to it are killed) and for callbacks.  Not from
 * a callback.  NULL is fine. */
SLUICE_API void sluice_manager_free(sluice_manager *manager);

/* Told of the events of all jobs, before the job's own callback.  The same callback with the same user counts once. */
SLUICE_API int sluice_manager_watch(sluice_manager *manager, sluice_job_callback *callback, void *user, sluice_error *error);
/* When it returns the callback does not run and will not (unless it is called from that very callback). */
SLUICE_API void sluice_manager_unwatch(sluice_manager *manager, sluice_job_callback *callback, void *user);

/* Starts a job and returns; what fails later is told by callbacks and wait.  EUSAGE: the order lacks something, or says what
 * does not go together, or what its worker cannot be told.  EEND: the manager is being freed.  callback and job may be NULL. */
SLUICE_API int sluice_manager_launch(sluice_manager *manager, const sluice_order *order, sluice_job_callback *callback,
                                     void *user, sluice_job *job, sluice_error *error);

/* Ids of all jobs that are not forgotten, oldest first: at most `most` of them into out; returns how many there are. */
SLUICE_API size_t sluice_manager_jobs(sluice_manager *manager, sluice_job *out, size_t most);

/* Of the following: SLUICE_ENOENT if there is no such job (any more). */

SLUICE_API int sluice_job_statistics_get(sluice_manager *manager, sluice_job job, sluice_job_statistics *out);
/* Tells each file that is on its way, and the last files_most of those that are over, in the order in which they began.  The
 * callback is called on this thread, before the call returns, and may not call the manager. */
SLUICE_API int sluice_job_files(sluice_manager *manager, sluice_job job, void (*each)(void *user, const sluice_job_file *file),
                                void *user);
/* Waits until the job is over and its last callback has returned.  SLUICE_ETIMEOUT: timeout (SLUICE_NEVER: none) has passed
 * first; out has the figures as they are.  SLUICE_OK: it is over, and out (may be NULL) says how: its status.  Not from
 * callbacks (SLUICE_EBUSY). */
SLUICE_API int sluice_job_wait(sluice_manager *manager, sluice_job job, sluice_duration timeout, sluice_job_statistics *out);
/* The same until some attempt of it has had a session, or it is over. */
SLUICE_API int sluice_job_wait_session(sluice_manager *manager, sluice_job job, sluice_duration timeout,
                                       sluice_job_statistics *out);
/* Removes a job that is over (SLUICE_EBUSY: it is not); from its own callbacks too, of which the last still comes. */
SLUICE_API int sluice_job_forget(sluice_manager *manager, sluice_job job);

/* ---- control ---- */

/* Each takes effect within a round trip of a session that runs, and is answered by an event RATE where it is one; before
 * there is a session, and between attempts, it counts for the next one.  SLUICE_EEND: the job is over. */

SLUICE_API int sluice_job_pause(sluice_manager *manager, sluice_job job);
SLUICE_API int sluice_job_resume(sluice_manager *manager, sluice_job job);
/* Ends it soon; partial files are kept, so that the same order goes on where it was. */
SLUICE_API int sluice_job_cancel(sluice_manager *manager, sluice_job job);
SLUICE_API int sluice_job_rate(sluice_manager *manager, sluice_job job, sluice_rate target_bps);       /* 0: none */
SLUICE_API int sluice_job_minimum_rate(sluice_manager *manager, sluice_job job, sluice_rate minimum_bps);
/* fixed, high, fair or low; SLUICE_EINVAL: none of these. */
SLUICE_API int sluice_job_policy(sluice_manager *manager, sluice_job job, const char *policy);
/* Of persistent jobs (SLUICE_EUNSUPPORTED: it is none): one source more, as of sluice_order_source (from 0, to SLUICE_UNKNOWN)
 * and _range.  SLUICE_EEND: no more are taken.  SLUICE_EUSAGE: path or as is no name, or the range is empty.  Sources that were
 * added are there in every later attempt, and so they are kept until the job is over. */
SLUICE_API int sluice_job_add(sluice_manager *manager, sluice_job job, const char *path, const char *as, uint64_t from,
                              uint64_t to);
/* Takes a source out again that was given by this path (SLUICE_ENOENT: none was): what of it is not in place yet is given
 * up. */
SLUICE_API int sluice_job_drop(sluice_manager *manager, sluice_job job, const char *path);
/* No more sources: the job ends when all that were given are in place. */
SLUICE_API int sluice_job_no_more(sluice_manager *manager, sluice_job job);

#ifdef __cplusplus
}
#endif
#endif
