/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as INI text: what is in effect, and the sample.  Values that are built in are commented out. */
#include "plugin/ini.h"
#include "plugin/library.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS 100

typedef struct writer {
    sluice_text text;
    sluice *library;
    bool first;
} writer;

/* ---- parts ---- */

static void write_header(writer *w, const sluice_section_name *name)
{
    sluice_text_add(&w->text, w->first ? "[" : "\n[");
    sluice_section_name_print(name, &w->text);
    sluice_text_add(&w->text, "]\n");
    w->first = false;
}

/* A comment of several lines, broken at blanks. */
static void write_comment(writer *w, const char *comment)
{
    while (*comment != '\0') {
        size_t length = strlen(comment);
        if (length > COLUMNS) {
            length = COLUMNS;
            while (length > 0 && comment[length] != ' ')
                length--;
            if (length == 0)
                length = strcspn(comment, " ");
        }
        sluice_text_add(&w->text, "; ");
        sluice_text_add_bytes(&w->text, comment, length);
        sluice_text_add(&w->text, "\n");
        comment += length + (comment[length] == ' ');
    }
}

static void write_help(writer *w, const sluice_option *option)
{
    sluice_text help = {0};
    sluice_text_add(&help, option->help == NULL ? "" : option->help);
    if (option->choices != NULL) {
        sluice_text_add(&help, " One of: ");
        for (const char *at = option->choices; *at != '\0'; at++)
            sluice_text_add_bytes(&help, *at == '|' ? ", " : at, *at == '|' ? 2 : 1);
        sluice_text_add(&help, ".");
    }
    if (option->min != NULL && option->max != NULL)
        sluice_text_addf(&help, " From %s to %s.", option->min, option->max);
    else if (option->min != NULL)
        sluice_text_addf(&help, " At least %s.", option->min);
    else if (option->max != NULL)
        sluice_text_addf(&help, " At most %s.", option->max);
    if ((option->flags & SLUICE_OPTION_REPEAT) != 0)
        sluice_text_add(&help, " May be given several times.");
    write_comment(w, sluice_text_string(&help));
    w->text.failed = w->text.failed || help.failed;
    sluice_text_fini(&help);
}

/* value: NULL: not set. */
static void write_pair(writer *w, const sluice_option *option, const char *value, bool given)
{
    char key[SLUICE_OPTION_KEY_BYTES];
    sluice_option_key(option, key);
    sluice_text_addf(&w->text, "%s%s =", given ? "" : ";", key);
    if (value != NULL && (given || value[0] != '\0')) {
        sluice_text_add(&w->text, " ");
        sluice_ini_quote(value, &w->text);
    }
    sluice_text_add(&w->text, "\n");
}

/* One line for each of the values that newlines join. */
static void write_lines(writer *w, const sluice_option *option, const char *values)
{
    for (const char *at = values;;) {
        size_t length = strcspn(at, "\n");
        char *value = strndup(at, length);
        w->text.failed = w->text.failed || value == NULL;
        write_pair(w, option, value, true);
        free(value);
        if (at[length] == '\0')
            return;
        at += length + 1;
    }
}

static void write_value(writer *w, const sluice_option *option, const char *value, bool given)
{
    if (given && value != NULL && (option->flags & SLUICE_OPTION_REPEAT) != 0)
        write_lines(w, option, value);
    else
        write_pair(w, option, value, given);
}

/* ---- sections that settings stand behind ---- */

/* exclude and include keep their order among each other, so both are written in one go. */
static void write_filters(writer *w, sluice_option_table table, const char *filters)
{
    for (const char *at = filters; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "\n");
        char *pattern = strndup(at + 1, length - 1);
        w->text.failed = w->text.failed || pattern == NULL;
        write_pair(w, sluice_option_find(table, *at == '-' ? "exclude" : "include"), pattern, true);
        free(pattern);
        at += length + (at[length] == '\n');
    }
}

/* least: the weakest layer that counts as given. */
static void write_settings(writer *w, const sluice_settings *settings, sluice_option_table table,
                           sluice_layer least, bool help)
{
    for (size_t i = 0; i < table.count; i++) {
        const sluice_option *option = &table.options[i];
        char key[SLUICE_OPTION_KEY_BYTES];
        sluice_option_key(option, key);
        sluice_layer layer = sluice_settings_layer(settings, key);
        /* A session shows what is its own. */
        bool given = layer >= least && !(least == SLUICE_LAYER_FILE_SESSION && layer == SLUICE_LAYER_SET);
        if (!help && !given)
            continue;
        if (help)
            write_help(w, option);
        bool include = strcmp(key, "include") == 0, exclude = strcmp(key, "exclude") == 0;
        if (given && (exclude || (include && sluice_settings_layer(settings, "exclude") < least)))
            write_filters(w, table, sluice_settings_transfer(settings)->filters);
        else if (!(given && include))
            write_value(w, option, sluice_settings_get(settings, key), given);
    }
}

static int write_general(writer *w, sluice_settings_table table, bool sample, sluice_error *error)
{
    sluice_settings *settings;
    sluice_section_name name = {
        .type = table == SLUICE_SETTINGS_SERVE ? SLUICE_SECTION_SERVE : SLUICE_SECTION_TRANSFER,
        .kind = SLUICE_KINDS,
    };
    int status = sample ? sluice_settings_make(table, &settings, error)
                        : sluice_settings_new(w->library, table, NULL, &settings, error);
    if (status != SLUICE_OK)
        return status;
    size_t count;
    const sluice_option *options = sluice_settings_options(table, &count);
    write_header(w, &name);
    write_settings(w, settings, (sluice_option_table){options, count}, SLUICE_LAYER_FILE, true);
    sluice_settings_free(settings);
    return SLUICE_OK;
}

/* A session, ticket or stream: of the first only what is its own, of the others all, for they have nothing behind them. */
static int write_named(writer *w, const sluice_section_name *name, sluice_error *error)
{
    sluice_settings *settings;
    sluice_settings_table table = sluice_section_table(name->type);
    int status = sluice_settings_new(w->library, table, name->name, &settings, error);
    if (status != SLUICE_OK)
        return status;
    size_t count;
    const sluice_option *options = sluice_settings_options(table, &count);
    bool whole = table != SLUICE_SETTINGS_TRANSFER;
    sluice_option_table rows = whole ? (sluice_option_table){options, count} : sluice_settings_session_options();
    write_header(w, name);
    write_settings(w, settings, rows, SLUICE_LAYER_FILE_SESSION, whole);
    sluice_settings_free(settings);
    return SLUICE_OK;
}

/* ---- sections with a table ---- */

/* section: NULL: all of it is built in. */
static int write_table(writer *w, const sluice_section_name *name, const sluice_section *section,
                       sluice_option_table table, size_t config_size, sluice_error *error)
{
    void *config = calloc(1, config_size == 0 ? 1 : config_size);
    if (config == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    int status = sluice_section_fill(section, table, config, error);
    if (status == SLUICE_OK)
        write_header(w, name);
    for (size_t i = 0; i < table.count && status == SLUICE_OK; i++) {
        const sluice_option *option = &table.options[i];
        char key[SLUICE_OPTION_KEY_BYTES];
        sluice_text value = {0};
        sluice_option_key(option, key);
        bool given = section != NULL && (sluice_section_find(section, key, false) != NULL ||
                                         sluice_section_find(section, key, true) != NULL);
        write_help(w, option);
        bool there = sluice_option_print(option, config, &value);
        write_value(w, option, there ? sluice_text_string(&value) : NULL, given);
        sluice_text_fini(&value);
    }
    sluice_option_fini(table, config);
    free(config);
    return status;
}

static int write_log(writer *w, bool sample, sluice_error *error)
{
    sluice_section_name name = {.type = SLUICE_SECTION_LOG, .kind = SLUICE_KINDS};
    const sluice_section *section = sample ? NULL : sluice_configuration_find(&w->library->configuration, &name);
    return write_table(w, &name, section, sluice_log_options(), sizeof(sluice_log_settings), error);
}

static int write_plugin(writer *w, const sluice_section *section, sluice_error *error)
{
    sluice_module *module;
    int status = sluice_registry_load(w->library->registry, section->name.kind, section->name.name, &module, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_plugin *plugin = &module->descriptor;
    status = write_table(w, &section->name, section, (sluice_option_table){plugin->options, plugin->option_count},
                         plugin->config_size, error);
    sluice_registry_release(w->library->registry, module);
    return status;
}

static int hand_out(writer *w, int status, void (*write)(void *user, const char *text, size_t bytes), void *user,
                    sluice_error *error)
{
    if (status == SLUICE_OK && w->text.failed)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    if (status == SLUICE_OK)
        write(user, sluice_text_string(&w->text), w->text.length);
    sluice_text_fini(&w->text);
    return status;
}

int sluice_config_print(sluice *instance, void (*write)(void *user, const char *text, size_t bytes), void *user,
                        sluice_error *error)
{
    writer w = {.library = instance, .first = true};
    const sluice_configuration *configuration = &instance->configuration;
    int status = write_general(&w, SLUICE_SETTINGS_TRANSFER, false, error);
    if (status == SLUICE_OK)
        status = write_general(&w, SLUICE_SETTINGS_SERVE, false, error);
    if (status == SLUICE_OK)
        status = write_log(&w, false, error);
    for (size_t i = 0; i < configuration->count && status == SLUICE_OK; i++) {
        if (configuration->sections[i].name.type == SLUICE_SECTION_PLUGIN)
            status = write_plugin(&w, &configuration->sections[i], error);
    }
    for (size_t i = 0; i < configuration->count && status == SLUICE_OK; i++) {
        const sluice_section_name *name = &configuration->sections[i].name;
        if (name->type >= SLUICE_SECTION_SESSION && name->type != SLUICE_SECTION_PLUGIN)
            status = write_named(&w, name, error);
    }
    return hand_out(&w, status, write, user, error);
}

/* ---- the sample ---- */

static void write_sample_plugin(void *user, const sluice_plugin_info *info)
{
    writer *w = user;
    if (!info->usable || info->descriptor->option_count == 0)
        return;
    const sluice_plugin *plugin = info->descriptor;
    sluice_section_name name = {.type = SLUICE_SECTION_PLUGIN, .kind = plugin->kind};
    strncat(name.name, plugin->name, sizeof(name.name) - 1);
    if (write_table(w, &name, NULL, (sluice_option_table){plugin->options, plugin->option_count},
                    plugin->config_size, NULL) != SLUICE_OK)
        w->text.failed = true;
}

static void write_sample_session(writer *w)
{
    static const char *const own[] = {"source", "destination", "stream"};
    sluice_text_add(&w->text, "\n; Sessions, to be run by name; each key of [transfer] may stand here too.\n"
                              ";[session NAME]\n");
    for (size_t i = 0; i < SLUICE_COUNT(own); i++) {
        const sluice_option *option = sluice_option_find(sluice_settings_session_options(), own[i]);
        write_help(w, option);
        write_pair(w, option, NULL, false);
    }
}

static int write_sample_named(writer *w, sluice_settings_table table, const char *head, sluice_error *error)
{
    sluice_settings *settings;
    size_t count;
    const sluice_option *options = sluice_settings_options(table, &count);
    int status = sluice_settings_make(table, &settings, error);
    if (status != SLUICE_OK)
        return status;
    sluice_text_add(&w->text, head);
    write_settings(w, settings, (sluice_option_table){options, count}, SLUICE_LAYER_FILE, true);
    sluice_settings_free(settings);
    return SLUICE_OK;
}

int sluice_config_sample(sluice *instance, void (*write)(void *user, const char *text, size_t bytes), void *user,
                         sluice_error *error)
{
    writer w = {.library = instance, .first = false};
    sluice_text_add(&w.text, "; Every section and key of sluice, with the values that are built in.\n");
    int status = write_general(&w, SLUICE_SETTINGS_TRANSFER, true, error);
    if (status == SLUICE_OK)
        status = write_general(&w, SLUICE_SETTINGS_SERVE, true, error);
    if (status == SLUICE_OK)
        status = write_log(&w, true, error);
    if (status == SLUICE_OK)
        status = sluice_plugin_list(instance, write_sample_plugin, &w, error);
    write_sample_session(&w);
    if (status == SLUICE_OK)
        status = write_sample_named(&w, SLUICE_SETTINGS_TICKET,
                                    "\n; Tickets of a server, beside the one of [serve]; as many as are wanted.\n"
                                    ";[ticket NAME]\n",
                                    error);
    if (status == SLUICE_OK)
        status = write_sample_named(&w, SLUICE_SETTINGS_STREAM,
                                    "\n; Streams of a server, which clients ask for by name; source, sink or both.\n"
                                    ";[stream NAME]\n",
                                    error);
    return hand_out(&w, status, write, user, error);
}
