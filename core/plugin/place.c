/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/place.h"

#include <stdio.h>
#include <string.h>

static const char *word_of(sluice_kind kind)
{
    return kind == SLUICE_SOURCE ? "source" : "sink";
}

static int check_plugin(sluice_registry *registry, sluice_kind kind, const char *text, const char *name,
                        sluice_error *error)
{
    sluice_module *module;
    sluice_error why = {0};
    int status = sluice_registry_load(registry, kind, name, &module, &why);
    if (status == SLUICE_OK) {
        sluice_registry_release(registry, module);
        return SLUICE_OK;
    }
    if (strcmp(text, "-") == 0)
        return sluice_fail(error, status, "-: %s; a file of that name is ./-", why.text);
    return sluice_fail(error, status, "%.300s: %s; a file with a colon in its name is ./%.300s", text, why.text, text);
}

int sluice_place_parse(sluice_registry *registry, sluice_kind kind, const char *text, sluice_place *out,
                       sluice_error *error)
{
    sluice_place found = {.plugin = "file", .argument = text, .file = true};
    size_t word = strcspn(text, ":/");
    if (text[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "an empty %s", word_of(kind));
    if (strncmp(text, "sluice://", 9) == 0)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the %s of a stream is on this machine", text, word_of(kind));
    if (strcmp(text, "-") == 0) {
        found = (sluice_place){.plugin = "stdio", .argument = "", .file = false};
    } else if (text[word] == ':') {
        if (word == 0 || word >= sizeof found.plugin)
            return sluice_fail(error, SLUICE_EUSAGE,
                               "%s: no %s plugin stands before the colon; a file with a colon in its name is ./%s", text,
                               word_of(kind), text);
        snprintf(found.plugin, sizeof found.plugin, "%.*s", (int)word, text);
        found.argument = text + word + 1;
        found.file = strcmp(found.plugin, "file") == 0;
    }
    int status = check_plugin(registry, kind, text, found.plugin, error);
    if (status == SLUICE_OK)
        *out = found;
    return status;
}
