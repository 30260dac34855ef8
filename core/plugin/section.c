/* SPDX-License-Identifier: Apache-2.0 */
/* One section: what it is called, which option table it has, which values it holds. */
#include "plugin/configuration.h"

#include <assert.h>
#include <sluice/host.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sluice_option log_options[] = {
    SLUICE_OPTION_ENUM(sluice_log_settings, level, .def = "info", .choices = "error|warning|info|debug",
                       .help = "What is logged: this and what is worse."),
};

sluice_option_table sluice_log_options(void)
{
    return (sluice_option_table){log_options, SLUICE_COUNT(log_options)};
}

/* ---- names ---- */

/* In the order of sluice_section_type. */
static const char *const words[] = {"transfer", "serve", "log", "session", "ticket", "stream"};

static int unknown_section(const char *text, char separator, sluice_error *error)
{
    char word[64];
    sluice_text hint = {0};
    sluice_nearest nearest = SLUICE_NEAREST_START;
    snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, (char[]){separator, '\0'}), text);
    for (size_t i = 0; i < SLUICE_COUNT(words); i++)
        sluice_nearest_try(&nearest, word, words[i]);
    for (int kind = 0; kind < SLUICE_KINDS; kind++)
        sluice_nearest_try(&nearest, word, sluice_kind_name((sluice_kind)kind));
    sluice_nearest_add(&nearest, &hint);
    sluice_fail(error, SLUICE_EINVAL, "unknown section '%s'%s", text, sluice_text_string(&hint));
    sluice_text_fini(&hint);
    return SLUICE_EINVAL;
}

/* rest: what stands behind the first word; "" if nothing does. */
static int take_name(sluice_section_name *found, const char *word, const char *rest, sluice_error *error)
{
    bool named = found->type >= SLUICE_SECTION_SESSION;
    if (!named && *rest != '\0')
        return sluice_fail(error, SLUICE_EINVAL, "section '%s' has no name behind it", word);
    if (named && *rest == '\0')
        return sluice_fail(error, SLUICE_EINVAL, "section '%s' needs a name behind it", word);
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (strlen(rest) >= sizeof(found->name) || rest[strspn(rest, allowed)] != '\0')
        return sluice_fail(error, SLUICE_EINVAL, "'%s' cannot be a name in section '%s': only letters, digits, '-' "
                                                 "and '_'", rest, word);
    if (found->type == SLUICE_SECTION_TICKET && strcmp(rest, "default") == 0)
        return sluice_fail(error, SLUICE_EINVAL, "'default' is the ticket of section 'serve'; call it something else");
    snprintf(found->name, sizeof(found->name), "%s", rest);
    return SLUICE_OK;
}

int sluice_section_name_parse(const char *text, char separator, sluice_section_name *out, sluice_error *error)
{
    const char stop[] = {separator, separator == ' ' ? '\t' : '\0', '\0'};
    size_t length = strcspn(text, stop);
    sluice_section_name found = {.kind = SLUICE_KINDS};
    char word[32];
    snprintf(word, sizeof(word), "%.*s", (int)length, text);
    unsigned type = 0;
    while (type < SLUICE_COUNT(words) && strcmp(words[type], word) != 0)
        type++;
    found.type = (sluice_section_type)type;
    if (found.type == SLUICE_SECTION_PLUGIN) {
        found.kind = sluice_kind_find(text, length);
        if (found.kind == SLUICE_KINDS)
            return unknown_section(text, separator, error);
    }
    const char *rest = text + length;
    rest += separator == ' ' ? strspn(rest, stop) : (*rest != '\0');
    int status = take_name(&found, word, rest, error);
    if (status == SLUICE_OK)
        *out = found;
    return status;
}

void sluice_section_name_print(const sluice_section_name *name, sluice_text *out)
{
    const char *word = name->type == SLUICE_SECTION_PLUGIN ? sluice_kind_name(name->kind) : words[name->type];
    sluice_text_addf(out, "%s%s%s", word, name->name[0] == '\0' ? "" : " ", name->name);
}

sluice_settings_table sluice_section_table(sluice_section_type type)
{
    return type == SLUICE_SECTION_SERVE    ? SLUICE_SETTINGS_SERVE
           : type == SLUICE_SECTION_TICKET ? SLUICE_SETTINGS_TICKET
           : type == SLUICE_SECTION_STREAM ? SLUICE_SETTINGS_STREAM
                                           : SLUICE_SETTINGS_TRANSFER;
}

/* ---- values ---- */

sluice_assignment *sluice_section_find(const sluice_section *section, const char *key, bool set)
{
    for (size_t i = 0; i < section->count; i++) {
        if (section->assignments[i].set == set && strcmp(section->assignments[i].key, key) == 0)
            return &section->assignments[i];
    }
    return NULL;
}

static int unknown_key(sluice_option_table table, const char *key, sluice_error *error)
{
    char nearest[SLUICE_OPTION_KEY_BYTES];
    if (sluice_option_nearest(table, key, nearest))
        return sluice_fail(error, SLUICE_EINVAL, "unknown key '%s'; did you mean '%s'?", key, nearest);
    return sluice_fail(error, SLUICE_EINVAL, "unknown key '%s'", key);
}

/* Sets the value in a struct that is thrown away. */
static int check_in_table(sluice_option_table table, size_t config_size, const char *key, const char *value,
                          bool *repeat, sluice_error *error)
{
    const sluice_option *option = sluice_option_find(table, key);
    if (option == NULL)
        return unknown_key(table, key, error);
    void *config = calloc(1, config_size);
    if (config == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    int status = sluice_option_set(option, config, value, false, error);
    sluice_option_fini(table, config);
    free(config);
    *repeat = (option->flags & SLUICE_OPTION_REPEAT) != 0;
    return status;
}

static int check_in_settings(sluice_section_type type, const char *key, const char *value, bool *repeat,
                             sluice_error *error)
{
    sluice_settings *scratch;
    bool session = type == SLUICE_SECTION_SESSION;
    int status = sluice_settings_make(sluice_section_table(type), &scratch, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_settings_assign(scratch, SLUICE_LAYER_FILE, session, key, value, error);
    sluice_settings_free(scratch);
    if (status == SLUICE_OK && sluice_section_table(type) == SLUICE_SETTINGS_TRANSFER) {
        const sluice_option *option = sluice_option_find(sluice_settings_session_options(), key);
        *repeat = (option->flags & SLUICE_OPTION_REPEAT) != 0;
    }
    return status;
}

static int check_value(const sluice_section_name *name, sluice_registry *registry, const char *key,
                       const char *value, bool *repeat, sluice_error *error)
{
    if (name->type == SLUICE_SECTION_LOG)
        return check_in_table(sluice_log_options(), sizeof(sluice_log_settings), key, value, repeat, error);
    if (name->type != SLUICE_SECTION_PLUGIN)
        return check_in_settings(name->type, key, value, repeat, error);
    sluice_module *module;
    int status = sluice_registry_load(registry, name->kind, name->name, &module, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_plugin *plugin = &module->descriptor;
    status = check_in_table((sluice_option_table){plugin->options, plugin->option_count}, plugin->config_size, key,
                            value, repeat, error);
    sluice_registry_release(registry, module);
    return status;
}

int sluice_section_append(sluice_section *section, bool set, const char *key, const char *value, sluice_error *error)
{
    if (section->count >= SLUICE_ASSIGNMENTS_MOST)
        return sluice_fail(error, SLUICE_EINVAL, "more than %d values in one section; use a list in a file",
                           SLUICE_ASSIGNMENTS_MOST);
    sluice_assignment *assignments =
        realloc(section->assignments, (section->count + 1) * sizeof(*section->assignments));
    if (assignments != NULL) {
        section->assignments = assignments;
        sluice_assignment *added = &assignments[section->count];
        *added = (sluice_assignment){strdup(key), strdup(value), set};
        if (added->key != NULL && added->value != NULL) {
            section->count++;
            return SLUICE_OK;
        }
        free(added->key);
        free(added->value);
    }
    return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
}

static int replace(sluice_assignment *assignment, const char *value, sluice_error *error)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    free(assignment->value);
    assignment->value = copy;
    return SLUICE_OK;
}

int sluice_section_assign(sluice_section *section, sluice_registry *registry, bool set, const char *key,
                          const char *value, sluice_error *error)
{
    bool repeat = false;
    int status = check_value(&section->name, registry, key, value, &repeat, error);
    if (status != SLUICE_OK)
        return status;
    sluice_assignment *before = repeat ? NULL : sluice_section_find(section, key, set);
    if (before == NULL)
        return sluice_section_append(section, set, key, value, error);
    if (!set)
        return sluice_fail(error, SLUICE_EINVAL, "key '%s' is there twice", key);
    return replace(before, value, error);
}

/* Values of the file, then those of --set, which replace what the file repeats. */
int sluice_section_fill(const sluice_section *section, sluice_option_table table, void *config, sluice_error *error)
{
    int status = sluice_option_defaults(table, config, error);
    for (int set = 0; set <= 1 && section != NULL && status == SLUICE_OK; set++) {
        for (size_t i = 0; i < section->count && status == SLUICE_OK; i++) {
            const sluice_assignment *assignment = &section->assignments[i];
            const sluice_option *option = sluice_option_find(table, assignment->key);
            if (assignment->set != (set == 1) || option == NULL)
                continue;
            bool more = sluice_section_find(section, assignment->key, assignment->set) != assignment;
            status = sluice_option_set(option, config, assignment->value, more, error);
        }
    }
    if (status != SLUICE_OK)
        sluice_option_fini(table, config);
    return status;
}
