/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/library.h"

#include "plugin/ini.h"
#include "plugin/place.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sluice_version(void)
{
    return PACKAGE_VERSION;
}

int sluice_new(sluice **out, sluice_error *error)
{
    sluice *instance = calloc(1, sizeof(*instance));
    if (instance == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    int status = sluice_registry_new(&instance->registry, error);
    if (status != SLUICE_OK) {
        free(instance);
        return status;
    }
    sluice_log_init(&instance->log);
    *out = instance;
    return SLUICE_OK;
}

void sluice_free(sluice *instance)
{
    if (instance == NULL)
        return;
    sluice_configuration_fini(&instance->configuration);
    sluice_registry_free(instance->registry);
    sluice_log_fini(&instance->log);
    free(instance);
}

int sluice_plugin_dir(sluice *instance, const char *directory, sluice_error *error)
{
    return sluice_registry_add(instance->registry, directory, error);
}

int sluice_plugin_path(sluice *instance, const char *list, sluice_error *error)
{
    return sluice_registry_add_list(instance->registry, list, error);
}

int sluice_plugin_list(sluice *instance, void (*each)(void *user, const sluice_plugin_info *info), void *user,
                       sluice_error *error)
{
    return sluice_registry_list(instance->registry, SLUICE_KINDS, each, user, error);
}

/* ---- log ---- */

void sluice_log_to(sluice *instance, sluice_log_write *write, void *user)
{
    sluice_log_to_sink(&instance->log, write, user);
}

void sluice_log_level_set(sluice *instance, sluice_log_level level)
{
    instance->level_given = true;
    sluice_log_level_is(&instance->log, level);
}

sluice_log *sluice_library_log(sluice *library)
{
    return &library->log;
}

static void apply_log_level(sluice *instance)
{
    sluice_log_settings settings = {0};
    sluice_section_name name = {.type = SLUICE_SECTION_LOG, .kind = SLUICE_KINDS};
    const sluice_section *section = sluice_configuration_find(&instance->configuration, &name);
    if (!instance->level_given &&
        sluice_section_fill(section, sluice_log_options(), &settings, NULL) == SLUICE_OK)
        sluice_log_level_is(&instance->log, (sluice_log_level)settings.level);
}

/* ---- the file ---- */

typedef struct file_reading {
    sluice *instance;
    const char *path;
    sluice_configuration configuration;
    size_t section;     /* index of the one that is being read */
    unsigned complaints;
    sluice_error first;
    void (*each)(void *user, const char *sentence);
    void *user;
} file_reading;

static void complain(void *user, const char *sentence)
{
    file_reading *reading = user;
    if (reading->complaints++ == 0)
        sluice_fail(&reading->first, SLUICE_ECONFIG, "%s", sentence);
    if (reading->each != NULL)
        reading->each(reading->user, sentence);
}

static int begin_section(void *user, const char *text, sluice_error *error)
{
    file_reading *reading = user;
    sluice_section_name name;
    int status = sluice_section_name_parse(text, ' ', &name, error);
    if (status != SLUICE_OK)
        return status;
    if (sluice_configuration_find(&reading->configuration, &name) != NULL)
        return sluice_fail(error, SLUICE_EINVAL, "section '%s' is there twice", text);
    if (reading->configuration.count >= SLUICE_SECTIONS_MOST)
        return sluice_fail(error, SLUICE_EINVAL, "more than %d sections", SLUICE_SECTIONS_MOST);
    if (name.type == SLUICE_SECTION_PLUGIN) {
        /* A plugin that is not there is an error even if its section is empty. */
        sluice_module *module;
        status = sluice_registry_load(reading->instance->registry, name.kind, name.name, &module, error);
        if (status != SLUICE_OK)
            return status;
        sluice_registry_release(reading->instance->registry, module);
    }
    if (sluice_configuration_section(&reading->configuration, &name) == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    reading->section = reading->configuration.count - 1;
    return SLUICE_OK;
}

static int take_value(void *user, const char *key, const char *value, sluice_error *error)
{
    file_reading *reading = user;
    return sluice_section_assign(&reading->configuration.sections[reading->section], reading->instance->registry,
                                 false, key, value, error);
}

static void complain_of(file_reading *reading, const sluice_section_name *name, const char *why)
{
    sluice_text sentence = {0};
    sluice_text_addf(&sentence, "%s: [", reading->path);
    sluice_section_name_print(name, &sentence);
    sluice_text_addf(&sentence, "]: %s", why);
    complain(reading, sluice_text_string(&sentence));
    sluice_text_fini(&sentence);
}

/* A plugin that a stream needs and that is not there would be noticed by the first client. */
static int check_places(sluice_registry *registry, const sluice_stream_settings *stream, sluice_error *error)
{
    sluice_place place;
    int status = SLUICE_OK;
    if (stream->source != NULL)
        status = sluice_place_parse(registry, SLUICE_SOURCE, stream->source, &place, error);
    if (status == SLUICE_OK && stream->sink != NULL)
        status = sluice_place_parse(registry, SLUICE_SINK, stream->sink, &place, error);
    return status;
}

/* What only shows when all values of a section are known. */
static void check_section(file_reading *reading, const sluice_section_name *name)
{
    sluice_settings *settings;
    sluice_error why = {0};
    int status = sluice_configuration_settings(&reading->configuration, sluice_section_table(name->type),
                                               name->name[0] != '\0' ? name->name : NULL, &settings, &why);
    if (status == SLUICE_OK) {
        status = sluice_settings_check(settings, &why);
        if (status == SLUICE_OK && name->type == SLUICE_SECTION_STREAM)
            status = check_places(reading->instance->registry, sluice_settings_stream(settings), &why);
        sluice_settings_free(settings);
    }
    if (status != SLUICE_OK)
        complain_of(reading, name, why.text);
}

static const char *ticket_file(const sluice_section *section)
{
    const sluice_assignment *given = sluice_section_find(section, "ticket-file", true);
    if (given == NULL)
        given = sluice_section_find(section, "ticket-file", false);
    return given == NULL ? NULL : given->value;
}

/* Two tickets in one file would be one ticket with two meanings; that of [serve] is a ticket too. */
static void check_ticket_files(file_reading *reading)
{
    const sluice_configuration *configuration = &reading->configuration;
    for (size_t i = 0; i < configuration->count; i++) {
        const sluice_section *section = &configuration->sections[i];
        const char *file = section->name.type == SLUICE_SECTION_TICKET ? ticket_file(section) : NULL;
        for (size_t j = 0; file != NULL && j < configuration->count; j++) {
            const sluice_section *other = &configuration->sections[j];
            bool counts = other->name.type == SLUICE_SECTION_SERVE ||
                          (other->name.type == SLUICE_SECTION_TICKET && j < i);
            const char *others = counts ? ticket_file(other) : NULL;
            if (others == NULL || strcmp(others, file) != 0)
                continue;
            complain_of(reading, &section->name, "its ticket-file is another section's too; each needs one of its own");
            break;
        }
    }
}

static int read_file(file_reading *reading, sluice_error *error)
{
    sluice_ini_handler handler = {
        .user = reading,
        .section = begin_section,
        .value = take_value,
        .complain = complain,
    };
    sluice_error why = {0};
    int status = sluice_ini_read(reading->path, &handler, &why);
    if (status != SLUICE_OK && reading->complaints == 0) {
        /* The file as a whole. */
        complain(reading, why.text);
    }
    for (size_t i = 0; i < reading->configuration.count; i++) {
        const sluice_section_name *name = &reading->configuration.sections[i].name;
        if (name->type != SLUICE_SECTION_LOG && name->type != SLUICE_SECTION_PLUGIN)
            check_section(reading, name);
    }
    check_ticket_files(reading);
    if (reading->complaints == 1)
        return sluice_fail(error, SLUICE_ECONFIG, "%s", reading->first.text);
    if (reading->complaints > 1)
        return sluice_fail(error, SLUICE_ECONFIG, "%s (and %u more)", reading->first.text, reading->complaints - 1);
    return sluice_configuration_carry(&reading->configuration, &reading->instance->configuration, error);
}

int sluice_config_read(sluice *instance, const char *path, void (*each)(void *user, const char *sentence), void *user,
                       sluice_error *error)
{
    file_reading reading = {.instance = instance, .path = path, .each = each, .user = user};
    int status = read_file(&reading, error);
    if (status != SLUICE_OK) {
        sluice_configuration_fini(&reading.configuration);
        return status;
    }
    sluice_configuration_fini(&instance->configuration);
    instance->configuration = reading.configuration;
    apply_log_level(instance);
    return SLUICE_OK;
}

/* ---- --set ---- */

/* A session, ticket or stream that --set names must be one of the file's: else a slip of the pen would go unnoticed. */
static int check_named(const sluice *instance, const sluice_section_name *name, sluice_error *error)
{
    sluice_settings *settings;
    if (name->type < SLUICE_SECTION_SESSION || name->type == SLUICE_SECTION_PLUGIN)
        return SLUICE_OK;
    int status = sluice_configuration_settings(&instance->configuration, sluice_section_table(name->type), name->name,
                                               &settings, error);
    if (status == SLUICE_OK)
        sluice_settings_free(settings);
    return status;
}

/* text: SECTION.KEY, where SECTION may hold a dot itself; is cut at the last one. */
static int assign(sluice *instance, char *text, const char *value, sluice_error *error)
{
    sluice_section_name name;
    char *dot = strrchr(text, '.');
    if (dot == NULL)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is not SECTION.KEY or KIND.NAME.KEY", text);
    *dot = '\0';
    int status = sluice_section_name_parse(text, '.', &name, error);
    if (status == SLUICE_OK)
        status = check_named(instance, &name, error);
    if (status != SLUICE_OK)
        return status;
    sluice_section *section = sluice_configuration_section(&instance->configuration, &name);
    if (section == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    return sluice_section_assign(section, instance->registry, true, dot + 1, value, error);
}

int sluice_config_set(sluice *instance, const char *assignment, sluice_error *error)
{
    sluice_error why = {0};
    const char *equals = strchr(assignment, '=');
    if (equals == NULL)
        return sluice_fail(error, SLUICE_ECONFIG, "--set %s: is not KIND.NAME.KEY=VALUE", assignment);
    char *text = strndup(assignment, (size_t)(equals - assignment));
    if (text == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    int status = assign(instance, text, equals + 1, &why);
    free(text);
    if (status == SLUICE_OK) {
        apply_log_level(instance);
        return SLUICE_OK;
    }
    /* Without the value, which may be a secret. */
    return sluice_fail(error, status == SLUICE_EINVAL ? SLUICE_ECONFIG : status, "--set %.*s: %s",
                       (int)(equals - assignment), assignment, why.text);
}

/* ---- sessions and settings ---- */

const char *sluice_config_session(const sluice *instance, size_t index)
{
    const sluice_section *section =
        sluice_configuration_nth(&instance->configuration, SLUICE_SECTION_SESSION, index);
    return section == NULL ? NULL : section->name.name;
}

const char *sluice_config_ticket(const sluice *instance, size_t index)
{
    const sluice_section *section = sluice_configuration_nth(&instance->configuration, SLUICE_SECTION_TICKET, index);
    return section == NULL ? NULL : section->name.name;
}

const char *sluice_config_stream(const sluice *instance, size_t index)
{
    const sluice_section *section = sluice_configuration_nth(&instance->configuration, SLUICE_SECTION_STREAM, index);
    return section == NULL ? NULL : section->name.name;
}

int sluice_settings_new(sluice *instance, sluice_settings_table table, const char *name, sluice_settings **out,
                        sluice_error *error)
{
    return sluice_configuration_settings(&instance->configuration, table, name, out, error);
}
