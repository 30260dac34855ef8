/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - one source or sink on this machine, in the words of a user:
 *
 *     -                 the plugin stdio: standard input or output
 *     KIND:ARGUMENT     of the source or sink plugin of that name
 *     anything else, and whatever has a '/' before its first ':', is a path, for the plugin file
 */
#ifndef SLUICE_PLUGIN_PLACE_H
#define SLUICE_PLUGIN_PLACE_H

#include "plugin/registry.h"

#define SLUICE_PLACE_PLUGIN 49 /* room for a plugin's name and its NUL */

typedef struct sluice_place {
    char plugin[SLUICE_PLACE_PLUGIN];
    const char *argument; /* inside of the text: ARGUMENT or the path; "" for '-' */
    bool file;            /* the plugin is `file` */
} sluice_place;

/* kind: SOURCE or SINK.  Nothing of the place is touched.  SLUICE_EUSAGE for an address of another machine and an empty
 * text; SLUICE_EPLUGIN for a plugin that is not there.  Any thread. */
int sluice_place_parse(sluice_registry *registry, sluice_kind kind, const char *text, sluice_place *out,
                       sluice_error *error);

#endif
