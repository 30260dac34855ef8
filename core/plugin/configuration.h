/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configuration.h - what the INI file and --set say, and the library object that holds it.
 *
 * Values are kept as text with the place they come from, and are parsed by the option table that they belong to
 * when they are given (so that errors have a file and a line) and again when a struct is filled from them.
 */
#ifndef SLUICE_PLUGIN_CONFIGURATION_H
#define SLUICE_PLUGIN_CONFIGURATION_H

#include "base/log.h"
#include "plugin/registry.h"
#include "plugin/settings.h"
#include <sluice/sluice.h>

typedef enum sluice_section_type {
    SLUICE_SECTION_TRANSFER,
    SLUICE_SECTION_SERVE,
    SLUICE_SECTION_LOG,
    SLUICE_SECTION_SESSION,
    SLUICE_SECTION_PLUGIN
} sluice_section_type;

typedef struct sluice_assignment {
    char *key, *value;
    bool set; /* by --set, else by the file */
} sluice_assignment;

typedef struct sluice_section {
    sluice_section_type type;
    sluice_kind kind; /* of PLUGIN */
    char *name;       /* of SESSION and PLUGIN; else "" */
    sluice_assignment *assignments;
    size_t count;
} sluice_section;

typedef struct sluice_configuration {
    sluice_section *sections;
    size_t count;
} sluice_configuration;

struct sluice {
    sluice_log log;
    sluice_registry *registry;
    sluice_configuration configuration;
};

/* What rooms above need of the library. */
static inline sluice_log *sluice_library_log(sluice *library)
{
    return &library->log;
}

void sluice_configuration_fini(sluice_configuration *configuration);

/* NULL if there is none. */
const sluice_section *sluice_configuration_find(const sluice_configuration *configuration, sluice_section_type type,
                                                sluice_kind kind, const char *name);

/* Fills a config struct of a plugin: built-in values, then the file's, then --set's.  config is zeroed before; on
 * failure it is empty again. */
int sluice_configuration_fill(const sluice_configuration *configuration, const sluice_plugin *plugin, void *config,
                              sluice_error *error);

#endif
