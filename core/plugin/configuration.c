/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/configuration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sluice_configuration_fini(sluice_configuration *configuration)
{
    for (size_t i = 0; i < configuration->count; i++) {
        sluice_section *section = &configuration->sections[i];
        for (size_t j = 0; j < section->count; j++) {
            /* Some of them are secrets. */
            explicit_bzero(section->assignments[j].value, strlen(section->assignments[j].value));
            free(section->assignments[j].key);
            free(section->assignments[j].value);
        }
        free(section->assignments);
    }
    free(configuration->sections);
    *configuration = (sluice_configuration){0};
}

static bool same_name(const sluice_section_name *a, const sluice_section_name *b)
{
    return a->type == b->type && a->kind == b->kind && strcmp(a->name, b->name) == 0;
}

sluice_section *sluice_configuration_find(const sluice_configuration *configuration, const sluice_section_name *name)
{
    for (size_t i = 0; i < configuration->count; i++) {
        if (same_name(&configuration->sections[i].name, name))
            return &configuration->sections[i];
    }
    return NULL;
}

sluice_section *sluice_configuration_section(sluice_configuration *configuration, const sluice_section_name *name)
{
    sluice_section *section = sluice_configuration_find(configuration, name);
    if (section != NULL)
        return section;
    sluice_section *sections =
        realloc(configuration->sections, (configuration->count + 1) * sizeof(*configuration->sections));
    if (sections == NULL)
        return NULL;
    configuration->sections = sections;
    section = &sections[configuration->count++];
    *section = (sluice_section){.name = *name};
    return section;
}

int sluice_configuration_carry(sluice_configuration *to, const sluice_configuration *from, sluice_error *error)
{
    for (size_t i = 0; i < from->count; i++) {
        for (size_t j = 0; j < from->sections[i].count; j++) {
            const sluice_assignment *assignment = &from->sections[i].assignments[j];
            if (!assignment->set)
                continue;
            sluice_section *section = sluice_configuration_section(to, &from->sections[i].name);
            int status = section == NULL ? sluice_fail(error, SLUICE_ENOMEM, "out of memory")
                                         : sluice_section_append(section, true, assignment->key, assignment->value,
                                                                 error);
            if (status != SLUICE_OK)
                return status;
        }
    }
    return SLUICE_OK;
}

int sluice_configuration_fill(const sluice_configuration *configuration, const sluice_plugin *plugin, void *config,
                              sluice_error *error)
{
    sluice_section_name name = {.type = SLUICE_SECTION_PLUGIN, .kind = plugin->kind};
    snprintf(name.name, sizeof(name.name), "%s", plugin->name);
    return sluice_section_fill(sluice_configuration_find(configuration, &name),
                               (sluice_option_table){plugin->options, plugin->option_count}, config, error);
}

static int apply(const sluice_section *section, bool set, sluice_layer layer, sluice_settings *settings,
                 sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t i = 0; section != NULL && i < section->count && status == SLUICE_OK; i++) {
        const sluice_assignment *assignment = &section->assignments[i];
        if (assignment->set == set)
            status = sluice_settings_assign(settings, layer, section->name.type == SLUICE_SECTION_SESSION,
                                            assignment->key, assignment->value, error);
    }
    return status;
}

const sluice_section *sluice_configuration_nth(const sluice_configuration *configuration, sluice_section_type type,
                                               size_t index)
{
    for (size_t i = 0; i < configuration->count; i++) {
        if (configuration->sections[i].name.type == type && index-- == 0)
            return &configuration->sections[i];
    }
    return NULL;
}

static const sluice_section *find_named(const sluice_configuration *configuration, sluice_section_type type,
                                        const char *wanted)
{
    sluice_section_name name = {.type = type, .kind = SLUICE_KINDS};
    if (strlen(wanted) >= sizeof(name.name))
        return NULL;
    snprintf(name.name, sizeof(name.name), "%s", wanted);
    return sluice_configuration_find(configuration, &name);
}

static int none_named(const sluice_configuration *configuration, sluice_section_type type, const char *wanted,
                      sluice_error *error)
{
    sluice_nearest nearest = SLUICE_NEAREST_START;
    sluice_text hint = {0};
    const sluice_section *section;
    for (size_t i = 0; (section = sluice_configuration_nth(configuration, type, i)) != NULL; i++)
        sluice_nearest_try(&nearest, wanted, section->name.name);
    sluice_nearest_add(&nearest, &hint);
    sluice_fail(error, SLUICE_ECONFIG, "the configuration has no %s '%s'%s",
                type == SLUICE_SECTION_TICKET   ? "ticket"
                : type == SLUICE_SECTION_STREAM ? "stream"
                                                : "session",
                wanted, sluice_text_string(&hint));
    sluice_text_fini(&hint);
    return SLUICE_ECONFIG;
}

/* The section whose values all settings of a table begin with; tickets and streams have none. */
static const sluice_section *base_of(const sluice_configuration *configuration, sluice_settings_table table)
{
    sluice_section_name name = {
        .type = table == SLUICE_SETTINGS_SERVE ? SLUICE_SECTION_SERVE : SLUICE_SECTION_TRANSFER,
        .kind = SLUICE_KINDS,
    };
    bool alone = table == SLUICE_SETTINGS_TICKET || table == SLUICE_SETTINGS_STREAM;
    return alone ? NULL : sluice_configuration_find(configuration, &name);
}

int sluice_configuration_settings(const sluice_configuration *configuration, sluice_settings_table table,
                                  const char *name, sluice_settings **out, sluice_error *error)
{
    sluice_section_type type = table == SLUICE_SETTINGS_TICKET   ? SLUICE_SECTION_TICKET
                               : table == SLUICE_SETTINGS_STREAM ? SLUICE_SECTION_STREAM
                                                                 : SLUICE_SECTION_SESSION;
    const sluice_section *base = base_of(configuration, table);
    const sluice_section *special = name == NULL ? NULL : find_named(configuration, type, name);
    if (name != NULL && special == NULL)
        return none_named(configuration, type, name, error);
    sluice_settings *settings;
    int status = sluice_settings_make(table, &settings, error);
    if (status != SLUICE_OK)
        return status;
    status = apply(base, false, SLUICE_LAYER_FILE, settings, error);
    if (status == SLUICE_OK)
        status = apply(special, false, SLUICE_LAYER_FILE_SESSION, settings, error);
    if (status == SLUICE_OK)
        status = apply(base, true, SLUICE_LAYER_SET, settings, error);
    if (status == SLUICE_OK)
        status = apply(special, true, SLUICE_LAYER_SET_SESSION, settings, error);
    if (status != SLUICE_OK) {
        sluice_settings_free(settings);
        return status;
    }
    *out = settings;
    return SLUICE_OK;
}

/* ---- comparing ---- */

/* Whether every value that one section has for a key is the other's, in the same order. */
static bool same_values(const sluice_section *a, const sluice_section *b)
{
    if (b == NULL || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const sluice_assignment *one = &a->assignments[i], *other = &b->assignments[i];
        if (one->set != other->set || strcmp(one->key, other->key) != 0 || strcmp(one->value, other->value) != 0)
            return false;
    }
    return true;
}

static bool has_plugins_of(const sluice_configuration *a, const sluice_configuration *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const sluice_section *section = &b->sections[i];
        if (section->name.type == SLUICE_SECTION_PLUGIN && section->count > 0 &&
            !same_values(section, sluice_configuration_find(a, &section->name)))
            return false;
    }
    return true;
}

bool sluice_configuration_same_plugins(const sluice_configuration *a, const sluice_configuration *b)
{
    return has_plugins_of(a, b) && has_plugins_of(b, a);
}
