/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - the long options of copy, serve, send and recv, and a server's tickets and streams, as typed structs, behind
 * the public sluice_settings.
 *
 * The tables in settings.c fill these structs.  Strings are NULL where nothing is set and there is no default.
 */
#ifndef SLUICE_PLUGIN_SETTINGS_H
#define SLUICE_PLUGIN_SETTINGS_H

#include "plugin/option.h"
#include <sluice/sink.h>
#include <sluice/sluice.h>

#define SLUICE_SETTINGS_DATAGRAM_LEAST 508 /* bytes of UDP payload: any path takes them */

/* Values of the ENUM fields, in the order of their choices; those of resume, overwrite and sync are sink.h's. */
enum { SLUICE_POLICY_FIXED, SLUICE_POLICY_FAIR };
typedef enum sluice_checksum {
    SLUICE_CHECKSUM_XXH3_128,
    SLUICE_CHECKSUM_SHA_256,
    SLUICE_CHECKSUM_NONE
} sluice_checksum;
enum { SLUICE_PROGRESS_AUTO, SLUICE_PROGRESS_ALWAYS, SLUICE_PROGRESS_NEVER };

typedef struct sluice_transfer_settings {
    sluice_rate rate;     /* target; 0: none */
    sluice_rate min_rate; /* 0: none */
    int policy;           /* see sluice_settings_congestion for what is in force */
    char *congestion;
    char *cipher; /* "auto" or a cipher's name */
    char *crypto; /* "auto" or a crypto plugin's name */
    char *transport; /* "auto" or a transport plugin's name */
    int resume, overwrite;
    char *preserve; /* as text; sluice_settings_preserve has the flags */
    char *symlinks; /* "": copy inside trees, follow what is named; else copy, follow or skip for both */
    char *file_list, *pair_list;
    bool null; /* lists are NUL-separated */
    /* --exclude and --include in the order given, one a line: '-' or '+', then the pattern.  NULL: none. */
    char *filters;
    char *exclude_newer_than, *exclude_older_than; /* as sluice_settings_moment reads them; NULL: none */
    int checksum, sync;
    bool drop_behind;
    bool mkdir;
    char *ticket_file; /* NULL: the default place */
    char *ssh, *remote_command;
    char *udp_ports;   /* as sluice_settings_ports reads it */
    uint64_t datagram_size; /* bytes of UDP payload at most; 0: what the path takes */
    uint64_t udp_buffer;    /* bytes asked of the system for the socket, each way */
    bool udp_offload;       /* the kernel may cut and join datagrams */
    int64_t lanes;
    char *udp_host;    /* "": none */
    char *pin;         /* 64 lower-case hex digits; NULL: none */
    char *report;      /* comma-separated plugin names; see sluice_settings_list */
    bool json;
    int progress;
    bool quiet, verbose;
    char *management;      /* [HOST:]PORT, one a line; NULL: none */
    char *management_user; /* NULL: none */
    char *management_cookie, *management_tags;
    bool management_extended, management_required;
    bool management_insecure;
    char *manifest; /* NULL: none */
    sluice_duration timeout;
    uint64_t memory; /* bytes */
    sluice_duration deadline, gather; /* of streams; 0: none */

    /* Of a [session NAME] section only. */
    char *source; /* one a line */
    char *destination;
    char *stream; /* name of the stream that it is about; NULL: it is about files */
} sluice_transfer_settings;

typedef struct sluice_serve_settings {
    char *listen; /* address:port */
    bool stdio;
    char *root;   /* NULL: not given */
    bool read_only, write_only;
    char *ticket_file;   /* NULL: the default place */
    bool default_ticket; /* the ticket there admits clients, beside those of [ticket NAME] */
    bool once;
    sluice_rate max_rate; /* of each session; 0: none */
    int64_t max_sessions;
    int64_t max_handshakes, max_handshakes_per_host; /* of clients that were not admitted yet */
    char *cipher;     /* comma-separated: what a client may choose from; "none" only if it stands here */
    char *crypto;     /* "auto" or a crypto plugin's name */
    char *transport;  /* comma-separated: what a client may use */
    char *congestion; /* comma-separated: controls that a pulling client may name */
    char *report;     /* comma-separated plugin names */
    bool json;
    bool quiet, verbose;
    sluice_duration timeout;
    uint64_t memory; /* bytes for each session */
    sluice_duration gather; /* of streams that it gives; 0: none */
    uint64_t datagram_size, udp_buffer; /* as of a transfer */
    bool udp_offload;
    bool drop_behind;
    int64_t max_lanes;
} sluice_serve_settings;

/* A [ticket NAME] section. */
typedef struct sluice_ticket_settings {
    char *ticket_file;    /* required */
    char *rights;         /* comma-separated: read, write */
    char *root;           /* NULL: the server's */
    sluice_rate max_rate; /* of each session; 0: the server's */
    int64_t max_sessions; /* 0: the server's */
    char *expires;        /* as of base/date.h */
    bool revoked;
} sluice_ticket_settings;

/* A [stream NAME] section; one of them at least is set. */
typedef struct sluice_stream_settings {
    char *source; /* what clients that pull it get: a place, see place.h; NULL: nothing */
    char *sink;   /* where goes what clients push */
} sluice_stream_settings;

/* The typed struct behind settings of that table (asserted).  Valid until the settings change. */
const sluice_transfer_settings *sluice_settings_transfer(const sluice_settings *settings);
const sluice_serve_settings *sluice_settings_serve(const sluice_settings *settings);
const sluice_ticket_settings *sluice_settings_ticket(const sluice_settings *settings);
const sluice_stream_settings *sluice_settings_stream(const sluice_settings *settings);

/* A copy of its own, for an order that outlives what it was given. */
int sluice_settings_copy(const sluice_settings *settings, sluice_settings **out, sluice_error *error);

/* Whether values go together: policy and congestion (SLUICE_EUSAGE), rate and min-rate, read-only and write-only, a stream
 * and what is of files alone; and whether a ticket has a file, and a stream a source or sink. */
int sluice_settings_check(const sluice_settings *settings, sluice_error *error);

/* The congestion plugin in force, from congestion and policy: the one set by the stronger source (option over --set
 * over file) wins; set by the same source and different, sluice_settings_check has refused it. */
const char *sluice_settings_congestion(const sluice_settings *settings);

/* "A-B" or "A": a range of ports from 1 to 65535.  False: it is none. */
bool sluice_settings_ports(const char *value, uint16_t *least, uint16_t *most);

/* Seconds since 1970; negative: so many before now_s; or a date as of base/date.h.  False: it is none of them, or NULL. */
bool sluice_settings_moment(const char *value, int64_t now_s, int64_t *out_ns);

/* preserve as flags SLUICE_PRESERVE_* of sink.h. */
unsigned sluice_settings_preserve(const sluice_settings *settings);

/* Cuts the next word out of a comma-separated list: copies it to word, moves *list on; false at the end.  Blanks
 * around words are dropped, words that do not fit are cut.
 *     for (const char *list = transfer->report; sluice_settings_list(&list, name, sizeof(name));) ...            */
bool sluice_settings_list(const char **list, char *word, size_t bytes);

/* ---- for the configuration ---- */

/* Where a value comes from; stronger ones stand later. */
typedef enum sluice_layer {
    SLUICE_LAYER_BUILT_IN,
    SLUICE_LAYER_FILE,         /* [transfer], [serve] */
    SLUICE_LAYER_FILE_SESSION, /* [session NAME] */
    SLUICE_LAYER_SET,
    SLUICE_LAYER_SET_SESSION,
    SLUICE_LAYER_OPTION
} sluice_layer;

/* Table with the keys that only a [session NAME] section has. */
sluice_option_table sluice_settings_session_options(void);

/* Built-in values only. */
int sluice_settings_make(sluice_settings_table table, sluice_settings **out, sluice_error *error);

/* Sets key as that layer says it: replaces what weaker layers said; of a REPEAT key, is added to what the same layer
 * said.  session: source and destination are keys.  SLUICE_EINVAL with "key: why"; an unknown key too. */
int sluice_settings_assign(sluice_settings *settings, sluice_layer layer, bool session, const char *key,
                           const char *value, sluice_error *error);

/* The layer that gave a key its value. */
sluice_layer sluice_settings_layer(const sluice_settings *settings, const char *key);

#endif
