/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/directory.h"

#include "plugin/registry.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX ".so"

bool sluice_directory_split(const char *file, const char *suffix, sluice_kind *kind, char *name, size_t bytes)
{
    size_t kind_length = strcspn(file, "_"), length = strlen(file), tail = strlen(suffix);
    if (file[kind_length] != '_' || length < kind_length + 1 + 1 + tail)
        return false;
    size_t name_length = length - kind_length - 1 - tail;
    if (strcmp(file + length - tail, suffix) != 0 || name_length >= bytes)
        return false;
    *kind = sluice_kind_find(file, kind_length);
    snprintf(name, bytes, "%.*s", (int)name_length, file + kind_length + 1);
    return *kind < SLUICE_KINDS && sluice_plugin_name_valid(name);
}

int sluice_directory_scan(const char *directory, sluice_kind kind,
                          void (*each)(void *user, sluice_kind kind, const char *name, const char *path), void *user,
                          sluice_error *error)
{
    DIR *stream = opendir(directory);
    if (stream == NULL && errno == ENOENT)
        return SLUICE_OK;
    if (stream == NULL)
        return sluice_fail(error, SLUICE_ECONFIG, "%s: cannot be searched for plugins: %s", directory,
                           strerror(errno));
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        sluice_kind found;
        char name[64];
        if (!sluice_directory_split(entry->d_name, SUFFIX, &found, name, sizeof(name)) ||
            (kind != SLUICE_KINDS && found != kind))
            continue;
        sluice_text path = {0};
        sluice_text_addf(&path, "%s/%s", directory, entry->d_name);
        if (!path.failed)
            each(user, found, name, path.bytes);
        sluice_text_fini(&path);
    }
    closedir(stream);
    return SLUICE_OK;
}
