/* SPDX-License-Identifier: Apache-2.0 */
#include "sole.h"

#include <stdio.h>
#include <string.h>

int sluice_sole_own(const sluice_host *host, const char *plugin, const char *root)
{
    if (root == NULL)
        return SLUICE_OK;
    return host->fail(host, SLUICE_EACCESS, "%s: is for the local user alone, not for what a peer asks for", plugin);
}

/* ---- sources ---- */

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

int sluice_sole_name(const sluice_host *host, const char *plugin, const char *given, const char *path,
                     char out[SLUICE_SOLE_NAME])
{
    const char *name = given != NULL && given[0] != '\0' ? given : last_component(path);
    bool good = name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    if (!good || strlen(name) >= SLUICE_SOLE_NAME)
        return host->fail(host, SLUICE_ECONFIG, "%s: name: \"%.300s\" is not a good file name of less than %d bytes",
                          plugin, name, SLUICE_SOLE_NAME);
    strcpy(out, name);
    return SLUICE_OK;
}

int sluice_sole_next(bool *listed, const char *name, uint64_t size, sluice_entry *out)
{
    *out = (sluice_entry){.name = NULL};
    if (*listed)
        return SLUICE_EEND;
    *listed = true;
    *out = (sluice_entry){.type = SLUICE_ENTRY_FILE,
                          .name = name,
                          .size = size,
                          .mode = UINT32_MAX,
                          .mtime_ns = INT64_MIN,
                          .atime_ns = INT64_MIN,
                          .uid = UINT32_MAX,
                          .gid = UINT32_MAX};
    return SLUICE_OK;
}

char *sluice_sole_copy(const sluice_host *host, const char *text)
{
    char *copy = host->resize(host, NULL, strlen(text) + 1);
    if (copy == NULL)
        (void)host->fail(host, SLUICE_ENOMEM, "out of memory");
    else
        strcpy(copy, text);
    return copy;
}

/* ---- sinks ---- */

int sluice_sole_check(const sluice_host *host, const char *place, const sluice_sink_spec *spec)
{
    if (spec->single)
        return SLUICE_OK;
    return host->fail(host, SLUICE_EUSAGE, "%.300s: takes one file, but a list or several sources are asked for", place);
}

int sluice_sole_take(sluice_sole *sole, const sluice_host *host, const char *place, const sluice_entry *entry)
{
    if (sole->taken)
        return host->fail(host, SLUICE_EUNSUPPORTED, "%.300s: %.300s takes one file, and %.256s came before", entry->name,
                          place, sole->name);
    /* What lies below a directory must not be taken for the file that was meant. */
    sole->taken = true;
    (void)snprintf(sole->name, sizeof sole->name, "%s", entry->name);
    if (entry->type == SLUICE_ENTRY_FILE)
        return SLUICE_OK;
    return host->fail(host, SLUICE_EUNSUPPORTED, "%.300s: is a %s, and %.300s takes one file", entry->name,
                      entry->type == SLUICE_ENTRY_DIRECTORY ? "directory" : "symbolic link", place);
}
