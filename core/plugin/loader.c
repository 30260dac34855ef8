/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/loader.h"

#include <dlfcn.h>
#include <ltdl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* libltdl's state is the process's, so its lock is too. */
static pthread_mutex_t libltdl_lock = PTHREAD_MUTEX_INITIALIZER;

/* The table that libtool makes of -dlpreopen in a program with plugins linked in; in others there is none. */
extern const lt_dlsymlist lt_preloaded_symbols[] __attribute__((weak));

int sluice_loader_begin(sluice_error *error)
{
    pthread_mutex_lock(&libltdl_lock);
    int failures = lt_dlinit();
    if (failures == 0 && lt_preloaded_symbols != NULL)
        failures = lt_dlpreload(lt_preloaded_symbols);
    pthread_mutex_unlock(&libltdl_lock);
    if (failures != 0)
        return sluice_fail(error, SLUICE_EPLUGIN, "libltdl does not start");
    return SLUICE_OK;
}

void sluice_loader_end(void)
{
    pthread_mutex_lock(&libltdl_lock);
    lt_dlexit();
    pthread_mutex_unlock(&libltdl_lock);
}

#ifdef SLUICE_SANITIZERS
/* Reports of leaks name functions only while the module is mapped. */
#define BINDING (RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)
#else
#define BINDING (RTLD_NOW | RTLD_LOCAL)
#endif

/* libltdl answers "file not found" whatever the reason, and binds lazily.  The dynamic linker is asked first: it says
 * which symbol is missing, and what it has bound stays bound when libltdl opens the same file again. */
static void *bind_now(const char *path, sluice_error *error)
{
    void *bound = dlopen(path, BINDING);
    if (bound != NULL)
        return bound;
    const char *reason = dlerror();
    if (reason == NULL)
        reason = "unknown reason";
    /* It says the file's name itself, mostly; the caller says it always. */
    size_t length = strlen(path);
    if (strncmp(reason, path, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
        reason += length + 2;
    sluice_fail(error, SLUICE_EPLUGIN, "%s", reason);
    return NULL;
}

static lt_dlhandle open_advised(const char *path, bool preloaded)
{
    lt_dladvise advise;
    lt_dlhandle handle = NULL;
    if (lt_dladvise_init(&advise) != 0)
        return NULL;
    lt_dladvise_local(&advise);
    if (preloaded)
        lt_dladvise_preload(&advise);
    handle = lt_dlopenadvise(path, advise);
    lt_dladvise_destroy(&advise);
    return handle;
}

static int find(lt_dlhandle opened, const char *symbol, void **handle, const void **address, sluice_error *error)
{
    const void *found = opened == NULL ? NULL : lt_dlsym(opened, symbol);
    if (found != NULL) {
        *handle = opened;
        *address = found;
        return SLUICE_OK;
    }
    const char *reason = lt_dlerror();
    if (opened == NULL)
        return sluice_fail(error, SLUICE_EPLUGIN, "%s", reason == NULL ? "libltdl cannot open it" : reason);
    const lt_dlinfo *info = lt_dlgetinfo(opened);
    sluice_fail(error, SLUICE_EPLUGIN, "it is no sluice plugin of that name: it has no symbol %s_LTX_%s",
                info == NULL || info->name == NULL ? "" : info->name, symbol);
    lt_dlclose(opened);
    return SLUICE_EPLUGIN;
}

int sluice_loader_open(const char *path, const char *symbol, void **handle, const void **address,
                       sluice_error *error)
{
    pthread_mutex_lock(&libltdl_lock);
    int status = SLUICE_EPLUGIN;
    void *bound = bind_now(path, error);
    if (bound != NULL) {
        status = find(open_advised(path, false), symbol, handle, address, error);
        dlclose(bound);
    }
    pthread_mutex_unlock(&libltdl_lock);
    return status;
}

/* A module's own entry in the table is its file's name without an address. */
void sluice_loader_each_linked(void (*each)(void *user, const char *file), void *user)
{
    const lt_dlsymlist *entry = lt_preloaded_symbols;
    for (; entry != NULL && entry->name != NULL; entry++) {
        if (entry->address == NULL)
            each(user, entry->name);
    }
}

int sluice_loader_open_linked(const char *file, const char *symbol, void **handle, const void **address,
                              sluice_error *error)
{
    pthread_mutex_lock(&libltdl_lock);
    lt_dlhandle opened = open_advised(file, true);
    int status = opened == NULL ? SLUICE_ENOENT : find(opened, symbol, handle, address, error);
    pthread_mutex_unlock(&libltdl_lock);
    return status;
}

void sluice_loader_close(void *handle)
{
    pthread_mutex_lock(&libltdl_lock);
    lt_dlclose(handle);
    pthread_mutex_unlock(&libltdl_lock);
}
