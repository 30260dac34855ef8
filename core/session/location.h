/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location.h - an address as of copy, taken apart: where something is, or is to be.
 *
 *     sluice://host[:port]/path   on a running server; percent-decoded, relative to its root.  Without a host
 *                                 (sluice:///path) the ticket's addresses are used
 *     KIND:ARGUMENT               of a source or sink plugin of that name
 *     [user@]host:path            through ssh, relative to the home directory there; host may be [v6]
 *     -                           the plugin stdio
 *     anything else, and whatever has a '/' before its first ':', is a local path
 */
#ifndef SLUICE_SESSION_LOCATION_H
#define SLUICE_SESSION_LOCATION_H

#include "net/address.h"
#include <sluice/plugin.h>
#include <sluice/sluice.h>

#define SLUICE_LOCATION_SCHEME "sluice://"
#define SLUICE_DEFAULT_PORT 33001
#define SLUICE_LOCATION_NAME 49 /* room for a plugin's name and its NUL */

typedef enum sluice_location_kind {
    SLUICE_LOCATION_LOCAL,
    SLUICE_LOCATION_REMOTE,
    SLUICE_LOCATION_PLUGIN
} sluice_location_kind;

typedef struct sluice_location_parts {
    sluice_location_kind kind;
    char target[SLUICE_ADDRESS_HOST]; /* of REMOTE: for ssh, [user@]host without brackets; "": host and port */
    char host[SLUICE_ADDRESS_HOST];
    uint16_t port;
    char plugin[SLUICE_LOCATION_NAME];
    char *path; /* owned by whoever asked; decoded; of PLUGIN its argument */
} sluice_location_parts;

/* Whether a source or sink plugin of that name is there, for KIND:ARGUMENT and "-".  NULL: none is. */
typedef struct sluice_location_plugins {
    bool (*is_plugin)(void *user, sluice_kind kind, const char *name);
    void *user;
} sluice_location_plugins;

/* Fills out, whose path is to be freed on failure too.  EUSAGE with a sentence for people; ENOMEM. */
int sluice_location_take_apart(const char *text, sluice_kind kind, const sluice_location_plugins *plugins,
                               sluice_location_parts *out, sluice_error *error);
/* The same of what begins with sluice://, into a zeroed struct. */
int sluice_location_take_server(const char *text, sluice_location_parts *out, sluice_error *error);

#endif
