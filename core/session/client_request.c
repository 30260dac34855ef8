/* SPDX-License-Identifier: Apache-2.0 */
/* client_request.c - from the order to the request, and to the source or sink on this side. */
#include "net/secure.h"
#include "session/client.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_plugin(void *user, sluice_kind kind, const char *name)
{
    sluice_transfer *transfer = user;
    sluice_module *module;
    if (sluice_registry_load(transfer->library->registry, kind, name, &module, NULL) != SLUICE_OK)
        return false;
    sluice_registry_release(transfer->library->registry, module);
    return true;
}

int sluice_client_read_operands(sluice_transfer *transfer, const sluice_transfer_order *order, sluice_error *error)
{
    sluice_operands_order ask = {
        .sources = order->sources,
        .source_count = order->source_count,
        .destination = order->destination,
        .file_list = transfer->options->file_list,
        .paths = order->paths,
        .path_count = order->path_count,
        .persistent = order->persistent,
        .pair_list = transfer->options->pair_list,
        .null = transfer->options->null,
        .is_plugin = is_plugin,
        .user = transfer,
    };
    return sluice_operands_read(&transfer->operands, &ask, error);
}

static int request_rules(sluice_transfer *transfer)
{
    const char *line = transfer->options->filters;
    int status = SLUICE_OK;
    while (line && *line && status == SLUICE_OK) {
        const char *end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - line) : strlen(line);
        char *pattern = length > 1 ? strndup(line + 1, length - 1) : NULL;
        if (length > 1)
            status = pattern ? sluice_request_rule_add(&transfer->request, line[0] == '+', pattern) : SLUICE_ENOMEM;
        free(pattern);
        line = end ? end + 1 : NULL;
    }
    return status;
}

static int request_paths(sluice_transfer *transfer)
{
    sluice_request *request = &transfer->request;
    const sluice_operands *operands = &transfer->operands;
    int status = SLUICE_OK;
    if (operands->push)
        status = sluice_request_destination_set(request, operands->destination);
    if (status == SLUICE_OK && operands->argument) /* of a source here; of a probe, there */
        status = sluice_request_argument_set(request, operands->argument);
    for (size_t i = 0; i < operands->count && status == SLUICE_OK; i++)
        status = sluice_request_operand_add(request, &operands->operands[i]);
    transfer->sources.handed = operands->count;
    return status;
}

/* Moments before now are of when the order was given. */
static void request_times(sluice_transfer *transfer)
{
    sluice_request *request = &transfer->request;
    const sluice_transfer_settings *options = transfer->options;
    int64_t now_s = (int64_t)time(NULL);
    request->has_newest = sluice_settings_moment(options->exclude_newer_than, now_s, &request->newest_ns);
    request->has_oldest = sluice_settings_moment(options->exclude_older_than, now_s, &request->oldest_ns);
}

static void request_symlinks(sluice_transfer *transfer)
{
    sluice_request *request = &transfer->request;
    const char *word = transfer->options->symlinks;
    request->tree_symlinks = SLUICE_SYMLINKS_COPY;
    request->named_symlinks =
        request->preserve & SLUICE_PRESERVE_LINKS ? SLUICE_SYMLINKS_COPY : SLUICE_SYMLINKS_FOLLOW;
    if (!word || !*word)
        return;
    sluice_symlinks both = strcmp(word, "follow") == 0 ? SLUICE_SYMLINKS_FOLLOW
                           : strcmp(word, "skip") == 0 ? SLUICE_SYMLINKS_SKIP
                                                       : SLUICE_SYMLINKS_COPY;
    request->tree_symlinks = request->named_symlinks = both;
}

int sluice_client_fill_request(sluice_transfer *transfer, sluice_error *error)
{
    const sluice_transfer_settings *options = transfer->options;
    sluice_request *request = &transfer->request;
    request->push = transfer->operands.push;
    request->probe = transfer->probing != NULL;
    request->open = transfer->sources.persistent;
    request->single = transfer->operands.single;
    request->explicit_names = transfer->operands.explicit_names;
    request->make_parents = options->mkdir;
    request->preserve = sluice_settings_preserve(transfer->settings);
    request->overwrite = (sluice_overwrite)options->overwrite;
    request->resume = (sluice_resume)options->resume;
    request->sync = (sluice_sync)options->sync;
    request->drop_behind = options->drop_behind;
    request->checksum = (sluice_checksum)options->checksum;
    request->target_bps = options->rate;
    request->minimum_bps = options->min_rate;
    request_symlinks(transfer);
    request_times(transfer);
    int status = sluice_secure_random(&request->seed, sizeof request->seed);
    if (status == SLUICE_OK)
        status = request_paths(transfer);
    if (status == SLUICE_OK && !request->probe)
        status = request_rules(transfer);
    if (status == SLUICE_OK)
        status = sluice_request_congestion_set(request, transfer->congestion);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot make the request: %s", sluice_status_text(status));
    return SLUICE_OK;
}

int sluice_client_make_store(sluice_transfer *transfer, sluice_error *error)
{
    const sluice_operands *operands = &transfer->operands;
    sluice_store *store = &transfer->store;
    const sluice_request *request = &transfer->request;
    int status = operands->push
                     ? sluice_store_source(transfer->library, operands->plugin, NULL, request,
                                           SLUICE_CREW_EACH, request->drop_behind, store, error)
                     : sluice_store_sink(transfer->library, operands->plugin, NULL, operands->destination, request,
                                         SLUICE_CREW_EACH, request->drop_behind, store, error);
    if (status == SLUICE_OK)
        transfer->once = sluice_store_once(store);
    /* What is said of the destination's name holds for one file or tree, and these are any number. */
    if (status == SLUICE_OK && sluice_store_several(store))
        transfer->request.single = false;
    return status;
}
