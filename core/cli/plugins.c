/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice plugins [KIND | KIND/NAME]`: what is installed, from where, with every option. */
#include "cli/command.h"
#include "cli/inspection.h"
#include "cli/screen.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "Usage: sluice plugins [--plugin-dir D] [KIND | KIND/NAME]\n\n"
    "Lists the plugins that are installed and where they lie; with KIND/NAME all options of one.\n"
    "Kinds: transport, crypto, congestion, source, sink, report.\n\n"
    "  --plugin-dir D   search this directory for plugins first";

typedef struct listing {
    int kind;         /* SLUICE_KINDS: all */
    const char *name; /* NULL: all of the kind */
    unsigned found, refused;
} listing;

static void print_options(const sluice_plugin *plugin)
{
    static const char *const types[] = {"yes or no", "number", "number", "size", "rate", "duration",
                                        "choice", "text", "path", "address", "secret"};
    for (size_t i = 0; i < plugin->option_count; i++) {
        const sluice_option *option = &plugin->options[i];
        printf("\n  ");
        for (const char *at = option->name; *at != '\0'; at++)
            putchar(*at == '_' ? '-' : *at);
        printf(" (%s", option->choices != NULL ? option->choices : types[option->type]);
        if (option->unit != NULL)
            printf(" in %s", option->unit);
        if (option->def != NULL)
            printf(", default %s", option->def);
        if (option->min != NULL)
            printf(", minimum %s", option->min);
        if (option->max != NULL)
            printf(", maximum %s", option->max);
        printf(")\n      %s\n", option->help == NULL ? "" : option->help);
    }
}

static void print_one(const sluice_plugin_info *info)
{
    const sluice_plugin *plugin = info->descriptor;
    printf("%s/%s %s\n%s\n%s\n", sluice_kind_name(info->kind), info->name, plugin->version, plugin->summary,
           info->path);
    print_options(plugin);
}

static void print_row(const sluice_plugin_info *info)
{
    char name[80];
    snprintf(name, sizeof(name), "%s/%s", sluice_kind_name(info->kind), info->name);
    printf("%-24s %-10s %s\n%-24s %-10s %s\n", name, info->descriptor->version, info->descriptor->summary, "", "",
           info->path);
}

static void print(void *user, const sluice_plugin_info *info)
{
    listing *list = user;
    if ((list->kind != SLUICE_KINDS && (int)info->kind != list->kind) ||
        (list->name != NULL && strcmp(list->name, info->name) != 0))
        return;
    if (!info->usable) {
        list->refused++;
        sluice_screen_say("%s", info->sentence);
        return;
    }
    list->found++;
    if (list->name != NULL)
        print_one(info);
    else
        print_row(info);
}

/* KIND or KIND/NAME. */
static int parse_operand(const char *operand, listing *list, sluice_error *error)
{
    if (operand == NULL)
        return SLUICE_OK;
    size_t length = strcspn(operand, "/");
    for (list->kind = 0; list->kind < SLUICE_KINDS; list->kind++) {
        const char *word = sluice_kind_name((sluice_kind)list->kind);
        if (strlen(word) == length && strncmp(word, operand, length) == 0)
            break;
    }
    if (list->kind == SLUICE_KINDS)
        return sluice_fail(error, SLUICE_EUSAGE, "plugins: '%.*s' is none of transport, crypto, congestion, source, "
                                                 "sink, report", (int)length, operand);
    list->name = operand[length] == '\0' ? NULL : operand + length + 1;
    return SLUICE_OK;
}

/* A plugin that is asked for by name must be usable; in a list a refused one is told and passed over. */
static int plugins(const sluice_inspection *inspection, sluice_error *error)
{
    listing list = {.kind = SLUICE_KINDS};
    sluice *library;
    int status = parse_operand(inspection->operand, &list, error);
    if (status == SLUICE_OK)
        status = sluice_inspection_library(inspection, &library, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_plugin_list(library, print, &list, error);
    sluice_free(library);
    if (status == SLUICE_OK && list.name != NULL && list.found == 0)
        status = list.refused != 0 ? SLUICE_EPLUGIN
                                   : sluice_fail(error, SLUICE_EPLUGIN, "no plugin '%s'; sluice plugins lists all",
                                                 inspection->operand);
    if (status == SLUICE_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = sluice_fail(error, SLUICE_EIO, "standard output cannot be written");
    return status;
}

int sluice_command_plugins(int argc, char **argv)
{
    sluice_inspection inspection = {0};
    sluice_error error = {0};
    int status = sluice_inspection_parse(&inspection, argc, argv, false, &error);
    if (status == SLUICE_OK && inspection.help)
        puts(usage);
    else if (status == SLUICE_OK)
        status = plugins(&inspection, &error);
    sluice_inspection_fini(&inspection);
    if (error.status != SLUICE_OK)
        sluice_screen_fail(NULL, error.status, &error);
    return sluice_status_exit(status);
}
