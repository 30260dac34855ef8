/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h - finds plugins and loads them through libltdl.
 *
 * A plugin is the file <kind>_<name>.so in one of the directories; the first directory that has it is the one.
 * Directories are full paths, never the current directory; everything is bound at load.  A descriptor is checked
 * whole before anything of it is used: both ABI numbers, kind, names, option table, required operations.
 *
 * libltdl keeps one state per process.  One lock in registry.c guards it: the only global of the library.
 */
#ifndef SLUICE_PLUGIN_REGISTRY_H
#define SLUICE_PLUGIN_REGISTRY_H

#include "plugin/option.h"
#include <sluice/plugin.h>
#include <sluice/sluice.h>

typedef struct sluice_registry sluice_registry;

/* A plugin that is loaded and was found good; stays while somebody uses it. */
typedef struct sluice_module {
    /* In the core's own layout, whatever the plugin was compiled with: options are an array of sluice_option, ops is
     * a whole sluice_<kind>_ops with NULL for operations that the plugin does not know. */
    sluice_plugin descriptor;
    char *path;
    unsigned uses;
    void *handle, *ops, *options; /* the registry's */
    struct sluice_module *next;
} sluice_module;

int sluice_registry_new(sluice_registry **out, sluice_error *error);
/* All modules must have been released. */
void sluice_registry_free(sluice_registry *registry);

/* As sluice_plugin_dir and sluice_plugin_path say. */
int sluice_registry_add(sluice_registry *registry, const char *directory, sluice_error *error);
int sluice_registry_add_list(sluice_registry *registry, const char *list, sluice_error *error);

/* Any thread.  SLUICE_EPLUGIN with file, reason and, for ABIs, both numbers; or with the directories that were
 * searched and the nearest name there is. */
int sluice_registry_load(sluice_registry *registry, sluice_kind kind, const char *name, sluice_module **out,
                         sluice_error *error);
void sluice_registry_release(sluice_registry *registry, sluice_module *module);

/* As sluice_plugin_list says, of one kind; SLUICE_KINDS: of all.  Each of them is loaded for that. */
int sluice_registry_list(sluice_registry *registry, sluice_kind kind,
                         void (*each)(void *user, const sluice_plugin_info *info), void *user, sluice_error *error);

/* SLUICE_KINDS if the word is none. */
sluice_kind sluice_kind_find(const char *word, size_t length);

/* [a-z0-9_-]+, at most 48 bytes. */
bool sluice_plugin_name_valid(const char *name);

#endif
