/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manual < FRAME > PAGE: fills the lists of options into a manual page; run by the build, not installed.
 *
 * A line of the frame that begins with '@' is replaced, all others pass as they are:
 *
 *     @options copy         the options of a subcommand that has an option table; streams: send and recv; orders: what those
 *                           of the shell have of their own
 *     @commands             those of the shell
 *     @keys transfer        the keys of that section of the INI file; serve, ticket, stream; or of a scenario
 *     @plugin congestion fair
 */
#include "cli/ascp_help.h"
#include "cli/help.h"
#include "cli/line.h"
#include "cli/shell.h"
#include "cli/shell_commands.h"

#include <sluice/simulate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096

/* Text as roff takes it: '-' as it is typed, no escapes, no requests. */
static void put_text(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    }
}

static void put_strong(const char *text)
{
    fputs("\\fB", stdout);
    put_text(text);
    fputs("\\fR", stdout);
}

/* "One of: a, b.  Default: a.  From 1s to 24h." in a line of its own. */
static void put_values(const sluice_option *option)
{
    if (option->choices != NULL) {
        fputs("One of ", stdout);
        for (const char *at = option->choices; *at != '\0';) {
            size_t bytes = strcspn(at, "|");
            char word[64];
            snprintf(word, sizeof word, "%.*s", (int)bytes, at);
            put_strong(word);
            at += bytes;
            fputs(*at == '|' ? ", " : "", stdout);
            at += *at == '|';
        }
        fputs(".\n", stdout);
    }
    if (option->min != NULL && option->max != NULL)
        printf("From %s to %s.\n", option->min, option->max);
    else if (option->max != NULL)
        printf("At most %s.\n", option->max);
    if (option->type != SLUICE_OPTION_BOOL_TYPE && option->def != NULL && option->def[0] != '\0') {
        fputs("Default: ", stdout);
        put_strong(option->def);
        fputs(".\n", stdout);
    }
}

/* ---- the command line ---- */

static void put_row(void *user, const sluice_help_row *row)
{
    const char **heading = user;
    char text[LINE_BYTES];
    if (*heading != row->group)
        printf(".SS \"%s\"\n", row->group);
    *heading = row->group;
    puts(".TP");
    if (row->letter != '\0') {
        snprintf(text, sizeof text, "-%c", row->letter);
        put_strong(text);
        fputs(row->name != NULL ? ", " : "", stdout);
    }
    if (row->name != NULL) {
        snprintf(text, sizeof text, "--%s", row->name);
        put_strong(text);
    }
    if (row->argument != NULL) {
        fputs(" \\fI", stdout);
        put_text(row->argument);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    put_text(row->help);
    putchar('\n');
    if (row->option != NULL)
        put_values(row->option);
}

static int put_options(const char *command)
{
    const sluice_help *help = strcmp(command, "copy") == 0      ? &sluice_help_copy
                              : strcmp(command, "serve") == 0   ? &sluice_help_serve
                              : strcmp(command, "doctor") == 0  ? &sluice_help_doctor
                              : strcmp(command, "shell") == 0   ? &sluice_help_shell
                              : strcmp(command, "simulate") == 0 ? &sluice_help_simulate
                              : strcmp(command, "streams") == 0 ? &sluice_help_streams
                                                                : NULL;
    const char *heading = NULL;
    if (strcmp(command, "ascp") == 0) {
        sluice_ascp_help_each(put_row, &heading);
        return SLUICE_OK;
    }
    if (help == NULL)
        return SLUICE_EUSAGE;
    sluice_help_each(help, put_row, &heading);
    return SLUICE_OK;
}

/* What push and pull have that copy has not. */
static void put_own_row(void *user, const sluice_help_row *row)
{
    const sluice_help *help = &sluice_help_push;
    (void)user;
    if (row->option < help->own || row->option >= help->own + help->own_count)
        return;
    char name[64];
    snprintf(name, sizeof name, "--%s", row->name);
    puts(".TP");
    put_strong(name);
    if (row->argument != NULL)
        printf(" \\fI%s\\fR", row->argument);
    putchar('\n');
    put_text(row->help);
    putchar('\n');
    put_values(row->option);
}

static void put_commands(void)
{
    size_t count;
    const sluice_shell_command *commands = sluice_shell_commands(&count);
    for (size_t i = 0; i < count; i++) {
        puts(".TP");
        put_strong(commands[i].name);
        if (commands[i].arguments[0] != '\0') {
            fputs(" \\fI", stdout);
            put_text(commands[i].arguments);
            fputs("\\fR", stdout);
        }
        putchar('\n');
        put_text(commands[i].help);
        putchar('\n');
        if (commands[i].detail[0] != '\0') {
            put_text(commands[i].detail);
            putchar('\n');
        }
    }
}

/* ---- the INI file ---- */

static void put_keys(const sluice_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char key[SLUICE_LINE_KEY];
        sluice_line_key(&options[i], key);
        puts(".TP");
        put_strong(key);
        putchar('\n');
        put_text(options[i].help);
        putchar('\n');
        put_values(&options[i]);
        if ((options[i].flags & SLUICE_OPTION_REPEAT) != 0)
            puts("May be given several times.");
    }
}

static int put_section(const char *section)
{
    size_t count;
    const sluice_option *options;
    if (strcmp(section, "transfer") == 0)
        options = sluice_settings_options(SLUICE_SETTINGS_TRANSFER, &count);
    else if (strcmp(section, "serve") == 0)
        options = sluice_settings_options(SLUICE_SETTINGS_SERVE, &count);
    else if (strcmp(section, "stream") == 0)
        options = sluice_settings_options(SLUICE_SETTINGS_STREAM, &count);
    else if (strcmp(section, "ticket") == 0)
        options = sluice_settings_options(SLUICE_SETTINGS_TICKET, &count);
    else if ((options = sluice_scenario_options(section, &count)) == NULL)
        return SLUICE_EUSAGE;
    put_keys(options, count);
    return SLUICE_OK;
}

typedef struct wanted {
    char kind[32], name[64];
    bool found;
} wanted;

static void put_plugin(void *user, const sluice_plugin_info *info)
{
    wanted *plugin = user;
    if (!info->usable || plugin->found || strcmp(sluice_kind_name(info->kind), plugin->kind) != 0 ||
        strcmp(info->name, plugin->name) != 0)
        return;
    plugin->found = true;
    printf(".SS \"[%s %s]\"\n", plugin->kind, plugin->name);
    put_text(info->descriptor->summary);
    size_t length = strlen(info->descriptor->summary);
    puts(length > 0 && info->descriptor->summary[length - 1] == '.' ? "" : ".");
    put_keys(info->descriptor->options, info->descriptor->option_count);
}

/* optional: nothing is said of a plugin that was not built. */
static int put_plugins(sluice *library, const char *operands, bool optional)
{
    wanted plugin = {.found = false};
    if (sscanf(operands, "%31s %63s", plugin.kind, plugin.name) != 2)
        return SLUICE_EUSAGE;
    int status = sluice_plugin_list(library, put_plugin, &plugin, NULL);
    return status == SLUICE_OK && !plugin.found && !optional ? SLUICE_EPLUGIN : status;
}

/* ---- the frame ---- */

static int fill(sluice *library)
{
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, stdin) != NULL) {
        int status = SLUICE_OK;
        if (line[0] != '@') {
            fputs(line, stdout);
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "@options orders") == 0)
            sluice_help_each(&sluice_help_push, put_own_row, NULL);
        else if (strncmp(line, "@options ", 9) == 0)
            status = put_options(line + 9);
        else if (strcmp(line, "@commands") == 0)
            put_commands();
        else if (strncmp(line, "@keys ", 6) == 0)
            status = put_section(line + 6);
        else if (strncmp(line, "@plugin ", 8) == 0)
            status = put_plugins(library, line + 8, false);
        else if (strncmp(line, "@optional-plugin ", 17) == 0)
            status = put_plugins(library, line + 17, true);
        else
            status = SLUICE_EUSAGE;
        if (status != SLUICE_OK) {
            fprintf(stderr, "manual: %s: %s\n", line, sluice_status_text(status));
            return status;
        }
    }
    return ferror(stdin) || fflush(stdout) != 0 || ferror(stdout) ? SLUICE_EIO : SLUICE_OK;
}

int main(void)
{
    sluice_error error = {0};
    sluice *library;
    int status = sluice_new(&library, &error);
    if (status == SLUICE_OK) {
        status = sluice_plugin_path(library, secure_getenv("SLUICE_PLUGIN_PATH"), &error);
        if (status == SLUICE_OK)
            status = fill(library);
        sluice_free(library);
    }
    if (error.status != SLUICE_OK)
        fprintf(stderr, "manual: %s\n", error.text);
    return sluice_status_exit(status);
}
