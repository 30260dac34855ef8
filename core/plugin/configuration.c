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

static const sluice_section *find_session(const sluice_configuration *configuration, const char *session)
{
    sluice_section_name name = {.type = SLUICE_SECTION_SESSION, .kind = SLUICE_KINDS};
    if (strlen(session) >= sizeof(name.name))
        return NULL;
    snprintf(name.name, sizeof(name.name), "%s", session);
    return sluice_configuration_find(configuration, &name);
}

static int no_session(const sluice_configuration *configuration, const char *session, sluice_error *error)
{
    sluice_nearest nearest = SLUICE_NEAREST_START;
    sluice_text hint = {0};
    for (size_t i = 0; i < configuration->count; i++) {
        if (configuration->sections[i].name.type == SLUICE_SECTION_SESSION)
            sluice_nearest_try(&nearest, session, configuration->sections[i].name.name);
    }
    sluice_nearest_add(&nearest, &hint);
    sluice_fail(error, SLUICE_ECONFIG, "the configuration has no session '%s'%s", session, sluice_text_string(&hint));
    sluice_text_fini(&hint);
    return SLUICE_ECONFIG;
}

int sluice_configuration_settings(const sluice_configuration *configuration, sluice_settings_table table,
                                  const char *session, sluice_settings **out, sluice_error *error)
{
    sluice_section_name general = {
        .type = table == SLUICE_SETTINGS_SERVE ? SLUICE_SECTION_SERVE : SLUICE_SECTION_TRANSFER,
        .kind = SLUICE_KINDS,
    };
    const sluice_section *base = sluice_configuration_find(configuration, &general);
    const sluice_section *special = session == NULL ? NULL : find_session(configuration, session);
    if (session != NULL && special == NULL)
        return no_session(configuration, session, error);
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
