/* SPDX-License-Identifier: Apache-2.0 */
#include "session/store.h"
#include "session/filter.h"
#include <string.h>

int sluice_store_source(sluice *library, const char *plugin, const char *root, const sluice_request *request,
                        uint32_t threads, sluice_store *out, sluice_error *error)
{
    sluice_instance *instance;
    sluice_source_spec spec = {
        .size = sizeof spec,
        .root = root,
        .argument = request->argument,
        .operands = request->operands,
        .operand_count = request->operand_count,
        .operand_size = sizeof(sluice_operand),
        .tree_symlinks = request->tree_symlinks,
        .named_symlinks = request->named_symlinks,
        .wanted = request->rule_count ? sluice_filter_wanted : NULL,
        .wanted_user = (void *)(uintptr_t)request,
        .threads = threads,
        .preserve = request->preserve,
    };
    int status = sluice_instance_new(library, SLUICE_SOURCE, plugin, &instance, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_source_ops *ops = instance->ops;
    status = ops->init(instance->state, instance->config, instance->host, &spec);
    if (status != SLUICE_OK) {
        status = sluice_instance_error(instance, status, error);
        sluice_instance_free(instance);
        return status;
    }
    *out = (sluice_store){.source = instance};
    return SLUICE_OK;
}

int sluice_store_sink(sluice *library, const char *plugin, const char *root, const char *destination,
                      const sluice_request *request, uint32_t threads, sluice_store *out, sluice_error *error)
{
    sluice_instance *instance;
    sluice_sink_spec spec = {
        .size = sizeof spec,
        .root = root,
        .destination = destination,
        .single = request->single,
        .explicit_names = request->explicit_names,
        .make_parents = request->make_parents,
        .preserve = request->preserve,
        .overwrite = request->overwrite,
        .resume = request->resume,
        .sync = request->sync,
        .threads = threads,
    };
    int status = sluice_instance_new(library, SLUICE_SINK, plugin, &instance, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_sink_ops *ops = instance->ops;
    status = ops->init(instance->state, instance->config, instance->host, &spec);
    if (status != SLUICE_OK) {
        status = sluice_instance_error(instance, status, error);
        sluice_instance_free(instance);
        return status;
    }
    *out = (sluice_store){.sink = instance};
    return SLUICE_OK;
}

void sluice_store_fini(sluice_store *store)
{
    if (store->source) {
        const sluice_source_ops *ops = store->source->ops;
        ops->fini(store->source->state);
        sluice_instance_free(store->source);
    }
    if (store->sink) {
        const sluice_sink_ops *ops = store->sink->ops;
        ops->fini(store->sink->state);
        sluice_instance_free(store->sink);
    }
    memset(store, 0, sizeof *store);
}
