/* SPDX-License-Identifier: Apache-2.0 */
#include "session/store.h"
#include "session/filter.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What not every source can do is refused, not left out. */
static int source_fits(const sluice_source_ops *ops, const char *plugin, const sluice_request *request,
                       sluice_error *error)
{
    if (request->open && !ops->add)
        return sluice_fail(error, SLUICE_EUNSUPPORTED, "source %s takes no sources while a session runs", plugin);
    for (size_t i = 0; i < request->operand_count; i++) {
        const sluice_operand *operand = &request->operands[i];
        if (!(ops->capabilities & SLUICE_SOURCE_RANGES) && (operand->from > 0 || operand->to > 0))
            return sluice_fail(error, SLUICE_EUNSUPPORTED, "%s: source %s cannot send a range of bytes", operand->path,
                               plugin);
    }
    return SLUICE_OK;
}

int sluice_store_source(sluice *library, const char *plugin, const char *root, const sluice_request *request,
                        uint32_t threads, bool drop_behind, sluice_store *out, sluice_error *error)
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
        .open = request->open,
        .drop_behind = drop_behind,
    };
    int status = sluice_instance_new(library, SLUICE_SOURCE, plugin, &instance, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_source_ops *ops = instance->ops;
    status = source_fits(ops, plugin, request, error);
    if (status != SLUICE_OK) {
        sluice_instance_free(instance);
        return status;
    }
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
                      const sluice_request *request, uint32_t threads, bool drop_behind, sluice_store *out,
                      sluice_error *error)
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
        .drop_behind = drop_behind,
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

bool sluice_store_once(const sluice_store *store)
{
    if (store->source)
        return ((const sluice_source_ops *)store->source->ops)->capabilities & SLUICE_SOURCE_ONCE;
    return ((const sluice_sink_ops *)store->sink->ops)->capabilities & SLUICE_SINK_ONCE;
}

bool sluice_store_several(const sluice_store *store)
{
    return store->source && ((const sluice_source_ops *)store->source->ops)->capabilities & SLUICE_SOURCE_IN_TURN;
}

void sluice_store_fini(sluice_store *store)
{
    if (store->source) {
        const sluice_source_ops *ops = store->source->ops;
        if (ops->fini)
            ops->fini(store->source->state);
        sluice_instance_free(store->source);
    }
    if (store->sink) {
        const sluice_sink_ops *ops = store->sink->ops;
        if (ops->fini)
            ops->fini(store->sink->state);
        sluice_instance_free(store->sink);
    }
    memset(store, 0, sizeof *store);
}

/* ---- answers that come later ---- */

typedef struct waiting {
    sluice_completion completion; /* first: what the plugin is handed */
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool ended;
    int64_t result;
    sluice_error error;
} waiting;

static void waiting_done(sluice_completion *completion, int64_t result, const char *sentence)
{
    waiting *wait = (waiting *)(void *)completion;
    pthread_mutex_lock(&wait->lock);
    wait->result = result;
    if (result < 0)
        sluice_fail(&wait->error, (int)result, "%s", sentence);
    wait->ended = true;
    pthread_cond_signal(&wait->done);
    pthread_mutex_unlock(&wait->lock);
}

static sluice_completion *completion_new(void *user)
{
    waiting *wait = calloc(1, sizeof *wait);
    (void)user;
    if (!wait)
        return NULL;
    wait->completion.done = waiting_done;
    pthread_mutex_init(&wait->lock, NULL);
    pthread_cond_init(&wait->done, NULL);
    return &wait->completion;
}

static int64_t completion_end(void *user, sluice_completion *completion, int64_t answer)
{
    const sluice_instance *instance = user;
    waiting *wait = (waiting *)(void *)completion;
    if (answer == SLUICE_EPENDING) {
        pthread_mutex_lock(&wait->lock);
        while (!wait->ended)
            pthread_cond_wait(&wait->done, &wait->lock);
        pthread_mutex_unlock(&wait->lock);
        answer = wait->result;
        /* Filed under this thread, as if the call had failed at once. */
        if (answer < 0)
            instance->host->fail(instance->host, (int)answer, "%s", wait->error.text);
    }
    pthread_cond_destroy(&wait->done);
    pthread_mutex_destroy(&wait->lock);
    free(wait);
    return answer;
}

static void store_sentence(void *user, int status, sluice_error *out)
{
    sluice_instance_error(user, status, out);
}

sluice_mover_store sluice_store_open(const sluice_store *store)
{
    sluice_instance *instance = store->source ? store->source : store->sink;
    return (sluice_mover_store){
        .source = store->source ? store->source->ops : NULL,
        .sink = store->sink ? store->sink->ops : NULL,
        .state = instance->state,
        .sentence = store_sentence,
        .completion_new = completion_new,
        .completion_end = completion_end,
        .user = instance,
    };
}
