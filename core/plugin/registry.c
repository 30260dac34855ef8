/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/registry.h"

#include "plugin/descriptor.h"
#include "plugin/directory.h"
#include "plugin/loader.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYMBOL "sluice_plugin"

struct sluice_registry {
    pthread_mutex_t lock; /* guards what follows; directories change only before threads start */
    sluice_module *modules;
    char **directories;
    size_t directory_count;
    bool loader_begun;
};

int sluice_registry_new(sluice_registry **out, sluice_error *error)
{
    sluice_registry *registry = calloc(1, sizeof(*registry));
    if (registry == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    pthread_mutex_init(&registry->lock, NULL);
    int status = sluice_loader_begin(error);
    if (status != SLUICE_OK) {
        sluice_registry_free(registry);
        return status;
    }
    registry->loader_begun = true;
    *out = registry;
    return SLUICE_OK;
}

void sluice_registry_free(sluice_registry *registry)
{
    if (registry == NULL)
        return;
    assert(registry->modules == NULL);
    if (registry->loader_begun)
        sluice_loader_end();
    for (size_t i = 0; i < registry->directory_count; i++)
        free(registry->directories[i]);
    free(registry->directories);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

/* ---- directories ---- */

/* path: full; becomes the registry's. */
static int append_directory(sluice_registry *registry, char *path, sluice_error *error)
{
    size_t count = registry->directory_count;
    char **directories = realloc(registry->directories, (count + 1) * sizeof(*directories));
    if (directories == NULL) {
        free(path);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    }
    directories[count] = path;
    registry->directories = directories;
    registry->directory_count = count + 1;
    return SLUICE_OK;
}

int sluice_registry_add(sluice_registry *registry, const char *directory, sluice_error *error)
{
    struct stat about;
    /* What the user names is made a full path now, so that a later change of directory changes nothing. */
    char *path = directory[0] == '\0' ? NULL : realpath(directory, NULL);
    if (path == NULL)
        return sluice_fail(error, SLUICE_ECONFIG, "%s: cannot be searched for plugins: %s", directory,
                           strerror(directory[0] == '\0' ? ENOENT : errno));
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
        free(path);
        return sluice_fail(error, SLUICE_ECONFIG, "%s: cannot be searched for plugins: not a directory", directory);
    }
    return append_directory(registry, path, error);
}

int sluice_registry_add_list(sluice_registry *registry, const char *list, sluice_error *error)
{
    for (const char *at = list; at != NULL && *at != '\0';) {
        int length = (int)strcspn(at, ":");
        /* An empty or relative entry would mean the current directory. */
        if (length > 0 && *at != '/')
            return sluice_fail(error, SLUICE_ECONFIG, "plugin path: '%.*s' is not a full path", length, at);
        char *path = length == 0 ? NULL : strndup(at, (size_t)length);
        if (length > 0 && path == NULL)
            return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
        int status = path == NULL ? SLUICE_OK : append_directory(registry, path, error);
        if (status != SLUICE_OK)
            return status;
        at += length + (at[length] == ':');
    }
    return SLUICE_OK;
}

/* All directories in the order of search, the built-in one last. NULL after that. */
static const char *directory_at(const sluice_registry *registry, size_t index)
{
    if (index < registry->directory_count)
        return registry->directories[index];
    return index == registry->directory_count ? SLUICE_PLUGIN_DIR : NULL;
}

/* ---- loading ---- */

static void module_free(sluice_module *module)
{
    if (module == NULL)
        return;
    sluice_descriptor_fini(module);
    if (module->handle != NULL)
        sluice_loader_close(module->handle);
    free(module->path);
    free(module);
}

#define LINKED "(linked in)" /* stands for the path of a plugin that is linked into the program */
#define LINKED_SUFFIX ".a"

/* Opens and checks one file, or what is linked in. */
static int module_open(sluice_kind kind, const char *name, const char *path, sluice_module **out, sluice_error *error)
{
    char base[80];
    sluice_error why = {0};
    const void *raw = NULL;
    sluice_module *module = calloc(1, sizeof(*module));
    char *copy = strdup(path);
    if (module == NULL || copy == NULL) {
        free(module);
        free(copy);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    }
    module->path = copy;
    snprintf(base, sizeof(base), "%s_%s" LINKED_SUFFIX, sluice_kind_name(kind), name);
    int status = strcmp(path, LINKED) == 0 ? sluice_loader_open_linked(base, SYMBOL, &module->handle, &raw, &why)
                                           : sluice_loader_open(path, SYMBOL, &module->handle, &raw, &why);
    if (status == SLUICE_OK)
        status = sluice_descriptor_take(raw, kind, name, module, &why);
    if (status != SLUICE_OK) {
        sluice_fail(error, status, "%s: %s", module->path, why.text);
        module_free(module);
        return status;
    }
    *out = module;
    return SLUICE_OK;
}

static void note_name(void *user, sluice_kind kind, const char *name, const char *path)
{
    (void)kind;
    (void)path;
    void **pair = user;
    sluice_nearest_try(pair[0], pair[1], name);
}

static int not_found(sluice_registry *registry, sluice_kind kind, const char *name, sluice_error *error)
{
    sluice_text text = {0};
    sluice_nearest nearest = SLUICE_NEAREST_START;
    const char *directory;
    sluice_text_addf(&text, "no %s plugin '%s' in", sluice_kind_name(kind), name);
    for (size_t i = 0; (directory = directory_at(registry, i)) != NULL; i++) {
        char wanted[256];
        snprintf(wanted, sizeof(wanted), "%s", name);
        void *pair[] = {&nearest, wanted};
        sluice_text_addf(&text, "%s %s", i == 0 ? "" : ",", directory);
        sluice_directory_scan(directory, kind, note_name, pair, NULL);
    }
    sluice_nearest_add(&nearest, &text);
    sluice_fail(error, SLUICE_EPLUGIN, "%s", sluice_text_string(&text));
    sluice_text_fini(&text);
    return SLUICE_EPLUGIN;
}

/* The first directory that has the file is the one: a plugin that is refused there does not let another of that name
 * slip in. */
static int search(sluice_registry *registry, sluice_kind kind, const char *name, sluice_module **out,
                  sluice_error *error)
{
    const char *directory;
    if (!sluice_plugin_name_valid(name))
        return sluice_fail(error, SLUICE_EPLUGIN, "'%s' cannot be the name of a %s plugin: only a-z, 0-9, '-' and '_'",
                           name, sluice_kind_name(kind));
    for (size_t i = 0; (directory = directory_at(registry, i)) != NULL; i++) {
        sluice_text path = {0};
        sluice_text_addf(&path, "%s/%s_%s.so", directory, sluice_kind_name(kind), name);
        if (path.failed)
            return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
        bool there = access(path.bytes, F_OK) == 0;
        int status = there ? module_open(kind, name, path.bytes, out, error) : SLUICE_OK;
        sluice_text_fini(&path);
        if (there)
            return status;
    }
    if (module_open(kind, name, LINKED, out, NULL) == SLUICE_OK)
        return SLUICE_OK;
    return not_found(registry, kind, name, error);
}

int sluice_registry_load(sluice_registry *registry, sluice_kind kind, const char *name, sluice_module **out,
                         sluice_error *error)
{
    int status = SLUICE_OK;
    pthread_mutex_lock(&registry->lock);
    sluice_module *module = registry->modules;
    while (module != NULL && (module->descriptor.kind != kind || strcmp(module->descriptor.name, name) != 0))
        module = module->next;
    if (module == NULL) {
        status = search(registry, kind, name, &module, error);
        if (status == SLUICE_OK) {
            module->next = registry->modules;
            registry->modules = module;
        }
    }
    if (status == SLUICE_OK) {
        module->uses++;
        *out = module;
    }
    pthread_mutex_unlock(&registry->lock);
    return status;
}

void sluice_registry_release(sluice_registry *registry, sluice_module *module)
{
    if (module == NULL)
        return;
    pthread_mutex_lock(&registry->lock);
    assert(module->uses > 0);
    if (--module->uses == 0) {
        sluice_module **link = &registry->modules;
        while (*link != module)
            link = &(*link)->next;
        *link = module->next;
        module_free(module);
    }
    pthread_mutex_unlock(&registry->lock);
}

/* ---- listing ---- */

typedef struct found_file {
    sluice_kind kind;
    size_t order; /* of its directory */
    char *name, *path;
} found_file;

typedef struct found_files {
    sluice_kind kind; /* looked for; SLUICE_KINDS: all */
    found_file *files;
    size_t count, order;
    bool failed;
} found_files;

static void collect(void *user, sluice_kind kind, const char *name, const char *path)
{
    found_files *found = user;
    found_file *files = realloc(found->files, (found->count + 1) * sizeof(*files));
    if (files == NULL) {
        found->failed = true;
        return;
    }
    found->files = files;
    found_file *file = &files[found->count++];
    *file = (found_file){kind, found->order, strdup(name), strdup(path)};
    if (file->name == NULL || file->path == NULL)
        found->failed = true;
}

static void collect_linked(void *user, const char *file)
{
    sluice_kind kind;
    char name[64];
    const found_files *found = user;
    if (sluice_directory_split(file, LINKED_SUFFIX, &kind, name, sizeof(name)) &&
        (found->kind == SLUICE_KINDS || found->kind == kind))
        collect(user, kind, name, LINKED);
}

static int by_kind_and_name(const void *left, const void *right)
{
    const found_file *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int names = strcmp(a->name, b->name);
    if (names != 0)
        return names;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* previous: the file before this one in the order, or NULL. */
static void tell(const found_file *file, const found_file *previous,
                 void (*each)(void *user, const sluice_plugin_info *info), void *user)
{
    sluice_error why = {0};
    sluice_module *module = NULL;
    int status = module_open(file->kind, file->name, file->path, &module, &why);
    sluice_plugin_info info = {
        .kind = file->kind,
        .name = file->name,
        .path = file->path,
        .usable = status == SLUICE_OK,
        .sentence = why.text,
        .descriptor = module == NULL ? NULL : &module->descriptor,
    };
    if (previous != NULL && previous->kind == file->kind && strcmp(previous->name, file->name) == 0) {
        sluice_fail(&why, SLUICE_EPLUGIN, "%s: hidden by %s", file->path, previous->path);
        info.usable = false;
    }
    each(user, &info);
    module_free(module);
}

int sluice_registry_list(sluice_registry *registry, sluice_kind kind,
                         void (*each)(void *user, const sluice_plugin_info *info), void *user, sluice_error *error)
{
    found_files found = {.kind = kind};
    const char *directory;
    int status = SLUICE_OK;
    for (; (directory = directory_at(registry, found.order)) != NULL && status == SLUICE_OK; found.order++)
        status = sluice_directory_scan(directory, kind, collect, &found, error);
    sluice_loader_each_linked(collect_linked, &found);
    if (status == SLUICE_OK && found.failed)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    if (found.count != 0 && !found.failed)
        qsort(found.files, found.count, sizeof(found.files[0]), by_kind_and_name);
    for (size_t i = 0; i < found.count && status == SLUICE_OK; i++)
        tell(&found.files[i], i == 0 ? NULL : &found.files[i - 1], each, user);
    for (size_t i = 0; i < found.count; i++) {
        free(found.files[i].name);
        free(found.files[i].path);
    }
    free(found.files);
    return status;
}
