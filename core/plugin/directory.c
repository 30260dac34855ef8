/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/directory.h"

#include "plugin/registry.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX ".so"

/* Takes a file's name apart; false if it is not a plugin's. */
static bool split(const char *file, sluice_kind *kind, char *name, size_t bytes)
{
    size_t kind_length = strcspn(file, "_"), length = strlen(file);
    if (file[kind_length] != '_' || length < kind_length + 1 + sizeof(SUFFIX))
        return false;
    size_t name_length = length - kind_length - sizeof(SUFFIX);
    if (strcmp(file + length - strlen(SUFFIX), SUFFIX) != 0 || name_length >= bytes)
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
        if (!split(entry->d_name, &found, name, sizeof(name)) || (kind != SLUICE_KINDS && found != kind))
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
