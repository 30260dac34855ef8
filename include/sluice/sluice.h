/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice.h - the library: configuration, plugins, transfers, servers.
 *
 * The library has no globals, installs no signal handlers, never exits and prints nothing to stdout.  Several
 * instances live side by side.  Outputs by pointer are untouched on failure.  error arguments may be NULL.
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include <sluice/option.h>
#include <sluice/plugin.h>
#include <sluice/report.h>
#include <sluice/status.h>
#include <sluice/types.h>

#ifdef __cplusplus
extern "C" {
#endif

SLUICE_API const char *sluice_version(void); /* any thread */

/* ---- one configuration and its plugins ---- */

/* Plugins, the INI file and --set values.  One thread at a time; transfers and servers made from it borrow it. */
typedef struct sluice sluice;

SLUICE_API int sluice_new(sluice **out, sluice_error *error);
SLUICE_API void sluice_free(sluice *instance);

/* Searched before the built-in directory, in the order given.  Never the current directory. */
SLUICE_API int sluice_plugin_dir(sluice *instance, const char *directory, sluice_error *error);
/* A colon-separated list, as in SLUICE_PLUGIN_PATH; NULL and "" do nothing. */
SLUICE_API int sluice_plugin_path(sluice *instance, const char *list, sluice_error *error);

/* Where log lines go; NULL: nowhere.  Any thread may call write. Level: [log] level of the configuration, or set. */
typedef void sluice_log_write(void *user, sluice_log_level level, const char *line);
SLUICE_API void sluice_log_to(sluice *instance, sluice_log_write *write, void *user);
SLUICE_API void sluice_log_level_set(sluice *instance, sluice_log_level level);

/* Reads an INI file.  All errors of the file are told, one call of `each` for each ("file:line: sentence"); then
 * ECONFIG (and nothing of the file is taken).  each may be NULL: error has the first one and how many more. */
SLUICE_API int sluice_config_read(sluice *instance, const char *path, void (*each)(void *user, const char *sentence),
                                  void *user, sluice_error *error);
/* One value over the file's: "transfer.rate=500m", "congestion.fair.target-queue=5ms". */
SLUICE_API int sluice_config_set(sluice *instance, const char *assignment, sluice_error *error);

/* The effective configuration as a commented INI text that reads back the same; secrets as "(secret)". */
SLUICE_API int sluice_config_print(sluice *instance, void (*write)(void *user, const char *text, size_t bytes),
                                   void *user, sluice_error *error);
/* The sample: every section, every key with its default, commented out, with help. */
SLUICE_API int sluice_config_sample(sluice *instance, void (*write)(void *user, const char *text, size_t bytes),
                                    void *user, sluice_error *error);
/* Names of the [session NAME] sections, in the file's order; NULL after the last.  The same of [ticket NAME] and
 * [stream NAME]. */
SLUICE_API const char *sluice_config_session(const sluice *instance, size_t index);
SLUICE_API const char *sluice_config_ticket(const sluice *instance, size_t index);
SLUICE_API const char *sluice_config_stream(const sluice *instance, size_t index);

/* What is installed, all directories, sorted by kind and name; one call per plugin file.  usable false: sentence says
 * why it is refused, and descriptor is NULL if it could not be read. */
typedef struct sluice_plugin_info {
    sluice_kind kind;
    const char *name, *path;
    bool usable;
    const char *sentence;
    const sluice_plugin *descriptor;
} sluice_plugin_info;
SLUICE_API int sluice_plugin_list(sluice *instance, void (*each)(void *user, const sluice_plugin_info *info),
                                  void *user, sluice_error *error);
SLUICE_API const char *sluice_kind_name(sluice_kind kind);

/* ---- settings: the long options of copy and serve, and a server's tickets and streams, as typed values ---- */

typedef struct sluice_settings sluice_settings;

typedef enum sluice_settings_table {
    SLUICE_SETTINGS_TRANSFER,
    SLUICE_SETTINGS_SERVE,
    SLUICE_SETTINGS_TICKET,
    SLUICE_SETTINGS_STREAM
} sluice_settings_table;

/* The option table behind a section: the runner makes its command line from it, the manual page its list. */
SLUICE_API const sluice_option *sluice_settings_options(sluice_settings_table table, size_t *count);

/* A copy of the configuration's [transfer] ([serve]) section; name: overridden by that [session NAME].  Of TICKET
 * and STREAM: of that [ticket NAME] or [stream NAME]. */
SLUICE_API int sluice_settings_new(sluice *instance, sluice_settings_table table, const char *name,
                                   sluice_settings **out, sluice_error *error);
SLUICE_API void sluice_settings_free(sluice_settings *settings);
SLUICE_API int sluice_settings_set(sluice_settings *settings, const char *key, const char *value, sluice_error *error);
/* The value as text, valid until the settings change; NULL: unknown key or not set.  Secrets as "(secret)". */
SLUICE_API const char *sluice_settings_get(const sluice_settings *settings, const char *key);
/* The value in the unit of its type: nanoseconds, bytes, bits per second, 0 or 1.  False: unknown key, or no number. */
SLUICE_API bool sluice_settings_number(const sluice_settings *settings, const char *key, uint64_t *out);

/* ---- addresses ---- */

/* Where something is, as the user of copy writes it: sluice://host[:port]/path, [user@]host:path, or a path here.  Of
 * plugins (KIND:ARGUMENT and "-") nothing is known. */
typedef struct sluice_location {
    uint32_t size;      /* set by parse */
    bool remote;        /* on another machine: */
    bool ssh;           /* through ssh; else on a `sluice serve` that runs there */
    bool bare;          /* remote, and no path is written behind the host */
    char user[264];     /* of ssh; "": as ssh has it */
    char host[264];     /* "": one of the ticket's */
    uint16_t port;      /* of a server; 0 elsewhere */
    char *path;         /* decoded; owned by the location */
} sluice_location;

/* Any thread.  EUSAGE with a sentence for the user; ENOMEM.  On success out is to be ended by fini, on failure it is untouched. */
SLUICE_API int sluice_location_parse(const char *text, sluice_location *out, sluice_error *error);
SLUICE_API void sluice_location_fini(sluice_location *location);

/* ---- transfers ---- */

typedef struct sluice_transfer sluice_transfer;

/* A source by its path, perhaps under another name, perhaps a part of it. */
typedef struct sluice_transfer_path {
    const char *path;  /* see paths of an order, and sluice_transfer_add */
    const char *as;    /* its name below the destination, which is then a directory; NULL: the last component */
    uint64_t from, to; /* of a file, the bytes [from, to) become a file of their own; to 0 or SLUICE_UNKNOWN: to its end */
} sluice_transfer_path;

typedef struct sluice_transfer_order {
    uint32_t size;
    const sluice_settings *settings;   /* borrowed for the call */
    const char *const *sources;        /* addresses as of copy; none if the settings name a list */
    size_t source_count;
    const char *destination;
    const char *name;                  /* for events; may be NULL */
    /* Called on the session's thread: must be quick.  NULL: none.  Reports of the settings are told as well. */
    void (*event)(void *user, const sluice_event *event);
    void *user;
    sluice_report_spec report;         /* for the report plugins that the settings name */
    /* In place of sources: addresses as of copy.  Or below the only one, which then is a directory and says which server it
     * is (sluice://host:port/, user@host:dir, or a local one): plain paths of that side. */
    const sluice_transfer_path *paths;
    size_t path_count;
    /* The session stays, for sources that are added while it runs; there need be none yet.  The destination is a directory. */
    bool persistent;
} sluice_transfer_order;

/* Checks the order, starts its thread and returns; what fails later is told by wait.  With managers in the settings it
 * connects to them first, which may take 5 s.  Any thread. */
SLUICE_API int sluice_transfer_start(sluice *instance, const sluice_transfer_order *order, sluice_transfer **out,
                                     sluice_error *error);
/* Ends it soon, partial files kept for a resume.  Any thread and signal handlers. */
SLUICE_API void sluice_transfer_cancel(sluice_transfer *transfer);
/* Changes a RUNTIME option (rate, min-rate, policy). Any thread; takes effect within a round trip. */
SLUICE_API int sluice_transfer_set(sluice_transfer *transfer, const char *key, const char *value, sluice_error *error);
/* Stops the data of a transfer of files, or lets it go on, within a round trip; the session lives on meanwhile, for hours
 * if need be, and the peer is told.  Any thread; before there is a session too. */
SLUICE_API void sluice_transfer_pause(sluice_transfer *transfer, bool paused);
/* Of persistent transfers (SLUICE_EUNSUPPORTED: it is none).  Any thread.  Those that were added are sent anew as well when the
 * transfer begins anew because the server was restarted; what is there already is skipped then. */

/* One source more, behind the others, by its plain path on the side that sends, below the order's directory if it has one;
 * what was there before may come again.  path and strings are borrowed for the call.
 * SLUICE_EEND: no more are taken, or the transfer is over. */
SLUICE_API int sluice_transfer_add(sluice_transfer *transfer, const sluice_transfer_path *path, sluice_error *error);
/* Gives up what was added or ordered by this path: what of it is not in place yet counts as skipped.  SLUICE_ENOENT: nothing
 * was. */
SLUICE_API int sluice_transfer_drop(sluice_transfer *transfer, const char *path, sluice_error *error);
/* No more come: the transfer ends when all that there are are in place. */
SLUICE_API int sluice_transfer_no_more(sluice_transfer *transfer, sluice_error *error);

/* Waits for the end, copies the final statistics (may be NULL; its strings live until free) and returns the status. */
SLUICE_API int sluice_transfer_wait(sluice_transfer *transfer, sluice_statistics *out, sluice_error *error);
SLUICE_API void sluice_transfer_free(sluice_transfer *transfer); /* cancels and waits if it still runs */

/* ---- servers ---- */

typedef struct sluice_server sluice_server;

typedef struct sluice_server_order {
    uint32_t size;
    const sluice_settings *settings; /* of table SERVE */
    void (*event)(void *user, const sluice_event *event); /* as of transfers, of every session */
    void *user;
    sluice_report_spec report;
} sluice_server_order;

SLUICE_API int sluice_server_start(sluice *instance, const sluice_server_order *order, sluice_server **out,
                                   sluice_error *error);
/* The port it listens on, its ticket file (NULL with default-ticket off) and its key's fingerprint (sha-256, hex).  Of
 * its start: a reload changes none of them. */
SLUICE_API int sluice_server_port(const sluice_server *server);
SLUICE_API const char *sluice_server_ticket_file(const sluice_server *server);
SLUICE_API const char *sluice_server_fingerprint(const sluice_server *server);
/* Takes over what a running server can change: the [ticket NAME] sections of `configuration`, an instance that has read
 * the files anew (the server's own must be left as it is), its log level, and of the settings those that its start did
 * not settle; what stays as it was is said in the log.  Sessions whose ticket was revoked end, others go on by the
 * rights that they began with.  Tickets and roots are looked at before this returns: when anything is wrong, nothing
 * changes, the first error is the result, and the others are in the log.  configuration and settings are borrowed for
 * the call.  Any thread, but not while server_free runs. */
SLUICE_API int sluice_server_reload(sluice_server *server, sluice *configuration, const sluice_settings *settings,
                                    sluice_error *error);
/* Takes no new sessions and ends when the last is over.  Any thread and signal handlers. */
SLUICE_API void sluice_server_drain(sluice_server *server);
SLUICE_API void sluice_server_cancel(sluice_server *server); /* ends all sessions soon */
SLUICE_API int sluice_server_wait(sluice_server *server, sluice_error *error);
SLUICE_API void sluice_server_free(sluice_server *server);

#ifdef __cplusplus
}
#endif
#endif
