/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configuration.h - what the INI file and --set say.
 *
 * Values are kept as text, in the order they were given.  They are checked by the option table that they belong to
 * when they are given, so that errors have a file and a line, and parsed again when a struct is filled from them.
 */
#ifndef SLUICE_PLUGIN_CONFIGURATION_H
#define SLUICE_PLUGIN_CONFIGURATION_H

#include "plugin/registry.h"
#include "plugin/settings.h"

/* More than this is no configuration but an attack on whoever reads it. */
#define SLUICE_SECTIONS_MOST 1000
#define SLUICE_ASSIGNMENTS_MOST 1000 /* of a section */

typedef enum sluice_section_type {
    SLUICE_SECTION_TRANSFER,
    SLUICE_SECTION_SERVE,
    SLUICE_SECTION_LOG,
    SLUICE_SECTION_SESSION,
    SLUICE_SECTION_TICKET,
    SLUICE_SECTION_STREAM,
    SLUICE_SECTION_PLUGIN
} sluice_section_type;

typedef struct sluice_assignment {
    char *key, *value;
    bool set; /* by --set, else by the file */
} sluice_assignment;

/* What a section is called. */
typedef struct sluice_section_name {
    sluice_section_type type;
    sluice_kind kind; /* of PLUGIN */
    char name[64];    /* of SESSION, TICKET, STREAM and PLUGIN; else "" */
} sluice_section_name;

typedef struct sluice_section {
    sluice_section_name name;
    sluice_assignment *assignments;
    size_t count;
} sluice_section;

typedef struct sluice_configuration {
    sluice_section *sections;
    size_t count;
} sluice_configuration;

typedef struct sluice_log_settings {
    int level; /* a sluice_log_level */
} sluice_log_settings;

sluice_option_table sluice_log_options(void);

void sluice_configuration_fini(sluice_configuration *configuration);

/* "transfer", "serve", "log", "session NAME", "ticket NAME", "stream NAME", "KIND NAME" of a section's header; separator:
 * ' ' there, '.' in --set.  SLUICE_EINVAL with the nearest name. */
int sluice_section_name_parse(const char *text, char separator, sluice_section_name *out, sluice_error *error);
/* As in a header. */
void sluice_section_name_print(const sluice_section_name *name, sluice_text *out);

/* The table of the settings that stand behind a section of that type; not for LOG and PLUGIN. */
sluice_settings_table sluice_section_table(sluice_section_type type);

/* NULL if there is none. */
sluice_section *sluice_configuration_find(const sluice_configuration *configuration,
                                          const sluice_section_name *name);
/* Finds or adds; NULL: out of memory. */
sluice_section *sluice_configuration_section(sluice_configuration *configuration, const sluice_section_name *name);

/* The first value of a key that --set (or else the file) gives; NULL: none. */
sluice_assignment *sluice_section_find(const sluice_section *section, const char *key, bool set);

/* Checks the value with the section's option table and keeps it.  A key that the file gives twice is refused unless
 * it may be repeated; the last --set of a key counts.  registry: for the tables of plugins.  SLUICE_EINVAL with
 * "key: why". */
int sluice_section_assign(sluice_section *section, sluice_registry *registry, bool set, const char *key,
                          const char *value, sluice_error *error);

/* Keeps a value that was checked. */
int sluice_section_append(sluice_section *section, bool set, const char *key, const char *value, sluice_error *error);

/* Copies what --set said from one configuration to another. */
int sluice_configuration_carry(sluice_configuration *to, const sluice_configuration *from, sluice_error *error);

/* Fills a struct by a table: built-in values, then the section's, file's first.  section may be NULL.  The struct is
 * zeroed before; on failure it is empty again. */
int sluice_section_fill(const sluice_section *section, sluice_option_table table, void *config, sluice_error *error);

/* Fills a plugin's config struct from its section. */
int sluice_configuration_fill(const sluice_configuration *configuration, const sluice_plugin *plugin, void *config,
                              sluice_error *error);

/* The index'th section of a type, in the file's order; NULL: there are not so many. */
const sluice_section *sluice_configuration_nth(const sluice_configuration *configuration, sluice_section_type type,
                                               size_t index);

/* Makes settings: built-in, file, session's (of TICKET: ticket's, of STREAM: stream's), --set's.  name of that
 * session may be NULL. */
int sluice_configuration_settings(const sluice_configuration *configuration, sluice_settings_table table,
                                  const char *name, sluice_settings **out, sluice_error *error);

/* Whether both say the same of every plugin's options. */
bool sluice_configuration_same_plugins(const sluice_configuration *a, const sluice_configuration *b);

#endif
