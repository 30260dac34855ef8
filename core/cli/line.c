/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/line.h"

#include "cli/help.h"
#include "cli/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What --name may be that is in no table. */
static const char *const own_names[] = {"config", "set", "plugin-dir", "help"};

static const struct {
    char letter;
    const char *key; /* NULL: accepted, and nothing changes */
} short_options[] = {{'q', "quiet"}, {'v', "verbose"}, {'0', "null"}, {'c', "command"}, {'r', NULL}};

/* A grammar may leave some of them out. */
static bool is_own_name(const sluice_help *grammar, const char *name)
{
    char wanted[SLUICE_LINE_KEY + 2];
    snprintf(wanted, sizeof wanted, " %s ", name);
    return grammar->without == NULL || strstr(grammar->without, wanted) == NULL;
}

void sluice_line_key(const sluice_option *option, char out[SLUICE_LINE_KEY])
{
    size_t n = 0;
    for (; option->name[n] != '\0' && n + 1 < SLUICE_LINE_KEY; n++)
        out[n] = option->name[n] == '_' ? '-' : option->name[n];
    out[n] = '\0';
}

static const sluice_option *find_among(const sluice_option *options, size_t count, const char *key, size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        char name[SLUICE_LINE_KEY];
        sluice_line_key(&options[i], name);
        if (strlen(name) == bytes && memcmp(name, key, bytes) == 0)
            return &options[i];
    }
    return NULL;
}

/* Among those that the subcommand takes. */
static const sluice_option *find(const sluice_help *grammar, const char *key, size_t bytes)
{
    size_t count;
    char name[SLUICE_LINE_KEY];
    const sluice_option *options = sluice_settings_options(grammar->table, &count);
    const sluice_option *option = find_among(grammar->own, grammar->own_count, key, bytes);
    if (option == NULL)
        option = find_among(options, count, key, bytes);
    if (option != NULL)
        sluice_line_key(option, name);
    return option != NULL && sluice_help_takes(grammar, name) ? option : NULL;
}

/* ---- the nearest name ---- */

unsigned sluice_line_distance(const char *from, size_t bytes, const char *to)
{
    unsigned row[SLUICE_LINE_KEY + 1];
    size_t width = strlen(to);
    if (width > SLUICE_LINE_KEY || bytes > SLUICE_LINE_KEY)
        return SLUICE_LINE_KEY;
    for (unsigned j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; i < bytes; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < width; j++) {
            unsigned above = row[j + 1], least = diagonal + (from[i] != to[j]);
            least = above + 1 < least ? above + 1 : least;
            row[j + 1] = row[j] + 1 < least ? row[j] + 1 : least;
            diagonal = above;
        }
    }
    return row[width];
}

static void try_nearest(const char *name, size_t bytes, const char *candidate, char *best, unsigned *least)
{
    unsigned edits = sluice_line_distance(name, bytes, candidate);
    if (edits < *least) {
        *least = edits;
        snprintf(best, SLUICE_LINE_KEY, "%s", candidate);
    }
}

static void try_options(const sluice_help *grammar, const sluice_option *options, size_t count, const char *name,
                        size_t bytes, char *best, unsigned *least)
{
    for (size_t i = 0; i < count; i++) {
        char key[SLUICE_LINE_KEY];
        sluice_line_key(&options[i], key);
        if (sluice_help_takes(grammar, key))
            try_nearest(name, bytes, key, best, least);
    }
}

/* A sentence, and where help is. */
static int see_help(const sluice_line *line, sluice_error *error, const char *format, ...) SLUICE_PRINTF(3, 4);
static int see_help(const sluice_line *line, sluice_error *error, const char *format, ...)
{
    char sentence[256];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    if (line->grammar->see != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "%s; see `%s`", sentence, line->grammar->see);
    return sluice_fail(error, SLUICE_EUSAGE, "%s; see `sluice %s --help`", sentence, line->command);
}

static int unknown_option(const sluice_line *line, const char *name, size_t bytes, sluice_error *error)
{
    char best[SLUICE_LINE_KEY] = "";
    unsigned least = bytes > 9 ? 4 : (unsigned)bytes / 3 + 1; /* nearer than that */
    const sluice_help *grammar = line->grammar;
    size_t count;
    const sluice_option *options = sluice_settings_options(grammar->table, &count);
    if (grammar->listening != NULL && find(grammar->listening, name, bytes) != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "--%.*s: is of a server: it goes with --listen ADDRESS:PORT", (int)bytes,
                           name);
    try_options(grammar, options, count, name, bytes, best, &least);
    try_options(grammar, grammar->own, grammar->own_count, name, bytes, best, &least);
    for (size_t i = 0; i < SLUICE_COUNT(own_names); i++)
        if (is_own_name(grammar, own_names[i]))
            try_nearest(name, bytes, own_names[i], best, &least);
    if (best[0] != '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "--%.*s: unknown option; did you mean --%s?", (int)bytes, name, best);
    return see_help(line, error, "--%.*s: unknown option", (int)bytes, name);
}

/* ---- parsing ---- */

static void add_option(sluice_line *line, const sluice_option *option, const char *value)
{
    line->options[line->option_count++] = (sluice_line_option){.option = option, .value = value};
}

/* The value of an option that needs one: behind '=', or the next argument. */
static int take_value(char **argv, int argc, int *at, size_t name_bytes, const char **value, sluice_error *error)
{
    const char *text = argv[*at];
    if (text[2 + name_bytes] == '=') {
        *value = text + 2 + name_bytes + 1;
        return SLUICE_OK;
    }
    if (*at + 1 >= argc)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: a value is missing", text);
    *value = argv[++*at];
    return SLUICE_OK;
}

/* --config, --set, --plugin-dir, --help.  False: it is none of them. */
static bool parse_own(sluice_line *line, int argc, char **argv, int *at, size_t bytes, int *status, sluice_error *error)
{
    const char *name = argv[*at] + 2, *value = NULL;
    size_t which = 0;
    while (which < SLUICE_COUNT(own_names) &&
           (strlen(own_names[which]) != bytes || memcmp(own_names[which], name, bytes) != 0))
        which++;
    if (which == SLUICE_COUNT(own_names) || !is_own_name(line->grammar, own_names[which]))
        return false;
    *status = SLUICE_OK;
    if (strcmp(own_names[which], "help") == 0) {
        line->help = true;
        return true;
    }
    *status = take_value(argv, argc, at, bytes, &value, error);
    if (*status != SLUICE_OK)
        return true;
    if (strcmp(own_names[which], "config") == 0)
        line->config = value;
    else if (strcmp(own_names[which], "set") == 0)
        line->sets[line->set_count++] = value;
    else
        line->plugin_dirs[line->plugin_dir_count++] = value;
    return true;
}

static int parse_long(sluice_line *line, int argc, char **argv, int *at, sluice_error *error)
{
    const char *name = argv[*at] + 2, *value = NULL;
    size_t bytes = strcspn(name, "=");
    int status;
    if (parse_own(line, argc, argv, at, bytes, &status, error))
        return status;
    const sluice_option *option = find(line->grammar, name, bytes);
    if (option == NULL && bytes > 3 && memcmp(name, "no-", 3) == 0) {
        option = find(line->grammar, name + 3, bytes - 3);
        if (option != NULL && option->type == SLUICE_OPTION_BOOL_TYPE) {
            if (name[bytes] == '=')
                return sluice_fail(error, SLUICE_EUSAGE, "--%s: takes no value", name);
            add_option(line, option, "no");
            return SLUICE_OK;
        }
        option = NULL;
    }
    if (option == NULL)
        return unknown_option(line, name, bytes, error);
    if (option->type == SLUICE_OPTION_BOOL_TYPE && name[bytes] != '=') {
        add_option(line, option, "yes");
        return SLUICE_OK;
    }
    status = take_value(argv, argc, at, bytes, &value, error);
    if (status == SLUICE_OK)
        add_option(line, option, value);
    return status;
}

/* What a letter needs: the rest of the argument, or the next one. */
static int take_short_value(sluice_line *line, const sluice_option *option, const char *rest, int argc, char **argv, int *at,
                            sluice_error *error)
{
    if (*rest == '\0' && *at + 1 >= argc)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: a value is missing", argv[*at]);
    add_option(line, option, *rest != '\0' ? rest : argv[++*at]);
    return SLUICE_OK;
}

static int parse_short(sluice_line *line, int argc, char **argv, int *at, sluice_error *error)
{
    for (const char *letters = argv[*at] + 1; *letters != '\0'; letters++) {
        size_t i = 0;
        if (*letters == 'h') {
            line->help = true;
            continue;
        }
        while (i < SLUICE_COUNT(short_options) && short_options[i].letter != *letters)
            i++;
        bool known = i < SLUICE_COUNT(short_options);
        const char *key = known ? short_options[i].key : NULL;
        const sluice_option *option = key != NULL ? find(line->grammar, key, strlen(key)) : NULL;
        bool idle = key == NULL && line->grammar->keys == NULL; /* -r goes with files */
        if (!known || (option == NULL && !idle))
            return see_help(line, error, "-%c: unknown option", *letters);
        if (option != NULL && option->type != SLUICE_OPTION_BOOL_TYPE)
            return take_short_value(line, option, letters + 1, argc, argv, at, error);
        if (option != NULL)
            add_option(line, option, "yes");
    }
    return SLUICE_OK;
}

static int parse_all(sluice_line *line, int argc, char **argv, sluice_error *error)
{
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        int status = SLUICE_OK;
        if (ended || argv[i][0] != '-' || argv[i][1] == '\0')
            line->operands[line->operand_count++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            ended = true;
        else if (argv[i][1] == '-')
            status = parse_long(line, argc, argv, &i, error);
        else
            status = parse_short(line, argc, argv, &i, error);
        if (status != SLUICE_OK)
            return status;
    }
    return SLUICE_OK;
}

int sluice_line_parse(sluice_line *line, const sluice_help *help, int argc, char **argv, sluice_error *error)
{
    /* A short option is one letter of an argument, so letters bound the number of options. */
    size_t arguments = (size_t)argc + 1, letters = arguments;
    for (int i = 1; i < argc; i++)
        letters += strlen(argv[i]);
    *line = (sluice_line){.command = argv[0], .grammar = help, .table = help->table};
    line->operands = calloc(arguments, sizeof *line->operands);
    line->sets = calloc(arguments, sizeof *line->sets);
    line->plugin_dirs = calloc(arguments, sizeof *line->plugin_dirs);
    line->options = calloc(letters, sizeof *line->options);
    if (line->operands == NULL || line->sets == NULL || line->plugin_dirs == NULL || line->options == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the command line");
    return parse_all(line, argc, argv, error);
}

void sluice_line_fini(sluice_line *line)
{
    free(line->operands);
    free(line->sets);
    free(line->plugin_dirs);
    free(line->options);
    *line = (sluice_line){.command = NULL};
}

const char *sluice_line_value(const sluice_line *line, const char *key)
{
    const char *value = NULL;
    for (size_t i = 0; i < line->option_count; i++) {
        char name[SLUICE_LINE_KEY];
        sluice_line_key(line->options[i].option, name);
        if (strcmp(name, key) == 0)
            value = line->options[i].value;
    }
    return value;
}

/* ---- the library ---- */

typedef struct complaints {
    void (*complain)(const char *sentence);
    unsigned count;
} complaints;

static void take_complaint(void *user, const char *sentence)
{
    complaints *all = user;
    all->count++;
    all->complain(sentence);
}

static int configure(const sluice_line *line, sluice *library, void (*complain)(const char *sentence),
                     sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t i = 0; i < line->plugin_dir_count && status == SLUICE_OK; i++)
        status = sluice_plugin_dir(library, line->plugin_dirs[i], error);
    if (status == SLUICE_OK)
        status = sluice_plugin_path(library, secure_getenv("SLUICE_PLUGIN_PATH"), error);
    if (status == SLUICE_OK && line->config != NULL) {
        complaints all = {.complain = complain};
        status = sluice_config_read(library, line->config, take_complaint, &all, error);
        if (status != SLUICE_OK && all.count > 0 && error != NULL)
            *error = (sluice_error){.status = status};
    }
    for (size_t i = 0; i < line->set_count && status == SLUICE_OK; i++)
        status = sluice_config_set(library, line->sets[i], error);
    return status;
}

int sluice_line_library(const sluice_line *line, void (*complain)(const char *sentence), sluice **out,
                        sluice_error *error)
{
    sluice *library;
    int status = sluice_new(&library, error);
    if (status != SLUICE_OK)
        return status;
    sluice_screen_log(library, line);
    status = configure(line, library, complain, error);
    if (status != SLUICE_OK) {
        sluice_free(library);
        return status;
    }
    *out = library;
    return SLUICE_OK;
}

/* A wrong value on the command line is wrong usage, whatever the same value would be in a file. */
static int set_option(sluice_settings *settings, const sluice_line_option *given, sluice_error *error)
{
    char key[SLUICE_LINE_KEY];
    sluice_error why = {0};
    sluice_line_key(given->option, key);
    int status = sluice_settings_set(settings, key, given->value, &why);
    if (status == SLUICE_EINVAL || status == SLUICE_ECONFIG)
        return sluice_fail(error, SLUICE_EUSAGE, "--%s", why.text);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "%s", why.text);
    return SLUICE_OK;
}

/* What no settings know. */
static bool is_own(const sluice_help *grammar, const sluice_option *option)
{
    return option >= grammar->own && option < grammar->own + grammar->own_count;
}

static bool says(const sluice_settings *settings, const char *key, const char *value)
{
    const char *text = sluice_settings_get(settings, key);
    return text != NULL && strcmp(text, value) == 0;
}

/* --progress never, and --json unless progress is asked for, take the report `progress` off the list. */
static int settle_progress(sluice_settings *settings, sluice_error *error)
{
    bool wanted =
        says(settings, "progress", "always") || (says(settings, "progress", "auto") && !says(settings, "json", "yes"));
    const char *list = sluice_settings_get(settings, "report");
    if (wanted || list == NULL)
        return SLUICE_OK;
    char *kept = calloc(1, strlen(list) + 2);
    if (kept == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the settings");
    for (size_t n = 0; *list != '\0';) {
        list += strspn(list, ", \t");
        size_t bytes = strcspn(list, ", \t");
        if (bytes > 0 && (bytes != 8 || memcmp(list, "progress", 8) != 0)) {
            kept[n] = ',';
            n += n > 0;
            memcpy(kept + n, list, bytes);
            n += bytes;
            kept[n] = '\0';
        }
        list += bytes;
    }
    int status = sluice_settings_set(settings, "report", kept, error);
    free(kept);
    return status;
}

int sluice_line_settings(const sluice_line *line, sluice *library, const char *session, sluice_settings **out,
                         sluice_error *error)
{
    sluice_settings *settings;
    int status = sluice_settings_new(library, line->table, session, &settings, error);
    if (status != SLUICE_OK)
        return status;
    for (size_t i = 0; i < line->option_count && status == SLUICE_OK; i++)
        if (!is_own(line->grammar, line->options[i].option))
            status = set_option(settings, &line->options[i], error);
    if (status == SLUICE_OK && line->table == SLUICE_SETTINGS_TRANSFER)
        status = settle_progress(settings, error);
    if (status != SLUICE_OK) {
        sluice_settings_free(settings);
        return status;
    }
    *out = settings;
    return SLUICE_OK;
}
