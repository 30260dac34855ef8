/* SPDX-License-Identifier: Apache-2.0 */
/* directory.h - which plugin files lie in a directory, and what their names say. */
#ifndef SLUICE_PLUGIN_DIRECTORY_H
#define SLUICE_PLUGIN_DIRECTORY_H

#include <sluice/plugin.h>

/* Calls each for every file <kind>_<name>.so whose name is valid, in no order; kind: only those, SLUICE_KINDS: all.
 * A directory that does not exist has none; one that cannot be read gives SLUICE_ECONFIG. */
int sluice_directory_scan(const char *directory, sluice_kind kind,
                          void (*each)(void *user, sluice_kind kind, const char *name, const char *path), void *user,
                          sluice_error *error);

/* Takes <kind>_<name> and a suffix apart; false if the file is not called like a plugin. */
bool sluice_directory_split(const char *file, const char *suffix, sluice_kind *kind, char *name, size_t bytes);

#endif
