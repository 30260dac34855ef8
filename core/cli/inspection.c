/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inspection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value behind "--name" or "--name="; NULL if the argument is another option; "" and *missing if it has none. */
static const char *value_of(const char *name, int argc, char **argv, int *at, bool *missing)
{
    size_t length = strlen(name);
    if (strncmp(argv[*at], name, length) != 0)
        return NULL;
    if (argv[*at][length] == '=')
        return argv[*at] + length + 1;
    if (argv[*at][length] != '\0')
        return NULL;
    if (*at + 1 < argc)
        return argv[++*at];
    *missing = true;
    return "";
}

/* One argument, which may take the next one along. */
static int take(sluice_inspection *inspection, int argc, char **argv, int *at, bool takes_sample, sluice_error *error)
{
    const char *argument = argv[*at], *value;
    bool missing = false;
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
        inspection->help = true;
    } else if (takes_sample && strcmp(argument, "--sample") == 0) {
        inspection->sample = true;
    } else if ((value = value_of("--plugin-dir", argc, argv, at, &missing)) != NULL) {
        inspection->plugin_dirs[inspection->plugin_dir_count++] = value;
    } else if (takes_sample && (value = value_of("--set", argc, argv, at, &missing)) != NULL) {
        inspection->sets[inspection->set_count++] = value;
    } else if (argument[0] == '-' && argument[1] != '\0') {
        return sluice_fail(error, SLUICE_EUSAGE, "%s: unknown option '%s'; try sluice %s --help", argv[0], argument,
                           argv[0]);
    } else if (inspection->operand != NULL) {
        return sluice_fail(error, SLUICE_EUSAGE, "%s: one argument at most; '%s' is too many", argv[0], argument);
    } else {
        inspection->operand = argument;
    }
    if (missing)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: option '%s' needs a value", argv[0], argument);
    return SLUICE_OK;
}

int sluice_inspection_parse(sluice_inspection *inspection, int argc, char **argv, bool takes_sample,
                            sluice_error *error)
{
    inspection->plugin_dirs = calloc((size_t)argc, sizeof(char *));
    inspection->sets = calloc((size_t)argc, sizeof(char *));
    if (inspection->plugin_dirs == NULL || inspection->sets == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    for (int at = 1; at < argc; at++) {
        int status = take(inspection, argc, argv, &at, takes_sample, error);
        if (status != SLUICE_OK)
            return status;
    }
    return SLUICE_OK;
}

void sluice_inspection_fini(sluice_inspection *inspection)
{
    free(inspection->plugin_dirs);
    free(inspection->sets);
    inspection->plugin_dirs = NULL;
    inspection->sets = NULL;
}

int sluice_inspection_library(const sluice_inspection *inspection, sluice **out, sluice_error *error)
{
    sluice *library;
    int status = sluice_new(&library, error);
    if (status != SLUICE_OK)
        return status;
    for (size_t i = 0; i < inspection->plugin_dir_count && status == SLUICE_OK; i++)
        status = sluice_plugin_dir(library, inspection->plugin_dirs[i], error);
    if (status == SLUICE_OK)
        status = sluice_plugin_path(library, secure_getenv("SLUICE_PLUGIN_PATH"), error);
    if (status != SLUICE_OK) {
        sluice_free(library);
        return status;
    }
    *out = library;
    return SLUICE_OK;
}
