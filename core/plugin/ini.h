/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ini.h - the door to inih: an INI file as sections and values, and every error of it with file and line.
 *
 * inih 55 cuts lines and names that are too long, joins indented lines to the key above and cuts values at " ;".  So
 * our reader takes each line apart first: it refuses what inih would cut or join, keeps the value aside, whatever it
 * holds, and hands inih a short line in its place.  A value is either bare (it ends at " ;", blanks around it are
 * dropped) or quoted: "..." with \" \\ \n \t \r inside.
 */
#ifndef SLUICE_PLUGIN_INI_H
#define SLUICE_PLUGIN_INI_H

#include "base/text.h"
#include <sluice/status.h>

#define SLUICE_INI_LINE_MOST 4096           /* bytes of a line */
#define SLUICE_INI_NAME_MOST 49             /* of a section's or key's name: what inih keeps */
#define SLUICE_INI_FILE_MOST (1024 * 1024)  /* of a file */

typedef struct sluice_ini_handler {
    void *user;
    /* A header.  On failure the values of that section are passed over. */
    int (*section)(void *user, const char *name, sluice_error *error);
    int (*value)(void *user, const char *key, const char *value, sluice_error *error);
    /* "file:line: sentence", in the file's order. */
    void (*complain)(void *user, const char *sentence);
    /* NULL, or where the line is kept that section and value are called for. */
    unsigned *line;
} sluice_ini_handler;

/* Reads the whole file.  ECONFIG: it cannot be read (said by error, not by complain), or complain was called. */
int sluice_ini_read(const char *path, const sluice_ini_handler *handler, sluice_error *error);

/* The same for text in memory; name stands for the file's. */
int sluice_ini_parse(const char *name, const char *text, size_t bytes, const sluice_ini_handler *handler,
                     sluice_error *error);

/* Adds a value in a form that reads back the same: quoted where it must be. */
void sluice_ini_quote(const char *value, sluice_text *out);

#endif
