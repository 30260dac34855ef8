/* SPDX-License-Identifier: Apache-2.0 */
#include "session/watchers.h"
#include "plugin/instance.h"
#include "plugin/settings.h"
#include <string.h>

#define WATCHERS 16

typedef struct crowd {
    sluice_report_watcher watchers[WATCHERS];
    size_t count;
} crowd;

static void release(void *owner)
{
    sluice_instance_free(owner);
}

static bool present(const crowd *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(((sluice_instance *)all->watchers[i].owner)->plugin->name, name) == 0)
            return true;
    return false;
}

static int add(crowd *all, sluice *library, const char *name, const sluice_report_spec *spec, sluice_error *error)
{
    sluice_instance *instance;
    if (present(all, name))
        return SLUICE_OK;
    if (all->count == WATCHERS)
        return sluice_fail(error, SLUICE_ECONFIG, "more than %d reports are asked for", WATCHERS);
    int status = sluice_instance_new(library, SLUICE_REPORT, name, &instance, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_report_ops *ops = instance->ops;
    status = ops->init(instance->state, instance->config, instance->host, spec);
    if (status != SLUICE_OK) {
        status = sluice_instance_error(instance, status, error);
        sluice_instance_free(instance);
        return status;
    }
    all->watchers[all->count++] =
        (sluice_report_watcher){.ops = ops, .state = instance->state, .release = release, .owner = instance};
    return SLUICE_OK;
}

static void crowd_fini(crowd *all)
{
    for (size_t i = 0; i < all->count; i++) {
        if (all->watchers[i].ops->fini)
            all->watchers[i].ops->fini(all->watchers[i].state);
        release(all->watchers[i].owner);
    }
}

sluice_report_spec sluice_watchers_spec(const sluice_report_spec *given)
{
    sluice_report_spec spec = {0};
    memcpy(&spec, given, offsetof(sluice_report_spec, control));
    spec.size = sizeof spec;
    return spec;
}

int sluice_watchers_open(sluice *library, const sluice_watchers_named *named, const sluice_report_spec *spec,
                         void (*event)(void *user, const sluice_event *event), void *user, sluice_report **out,
                         sluice_error *error)
{
    crowd all = {.count = 0};
    char name[64];
    const char *list = named->list;
    int status = named->management ? add(&all, library, "management", spec, error) : SLUICE_OK;
    while (status == SLUICE_OK && list && sluice_settings_list(&list, name, sizeof name))
        status = add(&all, library, name, spec, error);
    if (status == SLUICE_OK && named->json)
        status = add(&all, library, "json", spec, error);
    if (status == SLUICE_OK && named->manifest)
        status = add(&all, library, "manifest", spec, error);
    sluice_report_setup setup = {
        .watchers = all.watchers, .watcher_count = all.count, .event = event, .user = user};
    if (status == SLUICE_OK)
        status = sluice_report_new(&setup, out, error);
    if (status != SLUICE_OK)
        crowd_fini(&all);
    return status;
}
