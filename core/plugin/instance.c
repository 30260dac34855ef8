/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/instance.h"

#include "plugin/library.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Sentences that nobody took, of threads that may be gone: more than this many are not kept. */
#define SENTENCES_MOST 32

typedef struct filed_sentence {
    pthread_t thread;
    sluice_error error;
    struct filed_sentence *next;
} filed_sentence;

struct sluice_instance_calls {
    sluice_instance instance; /* first: the public part is handed out */
    sluice_host host;
    sluice *library;
    sluice_module *module;
    pthread_mutex_t lock; /* guards sentences */
    filed_sentence *sentences; /* newest first */
    void *config;
};

/* ---- the host table ---- */

SLUICE_PRINTF(3, 4)
static void host_log(const sluice_host *host, sluice_log_level level, const char *format, ...)
{
    const sluice_instance_calls *calls = host->owner;
    sluice_log *log = &calls->library->log;
    if (!sluice_log_wants(log, level))
        return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    const sluice_plugin *plugin = calls->instance.plugin;
    sluice_log_say(log, level, "%s/%s: %s", sluice_kind_name(plugin->kind), plugin->name, line);
}

/* Takes the calling thread's entry out of the list; the lock is held. */
static filed_sentence *take_entry(sluice_instance_calls *calls)
{
    for (filed_sentence **link = &calls->sentences; *link != NULL; link = &(*link)->next) {
        filed_sentence *entry = *link;
        if (pthread_equal(entry->thread, pthread_self())) {
            *link = entry->next;
            return entry;
        }
    }
    return NULL;
}

static void drop_oldest(sluice_instance_calls *calls)
{
    unsigned count = 0;
    for (filed_sentence **link = &calls->sentences; *link != NULL; link = &(*link)->next) {
        if (++count > SENTENCES_MOST) {
            filed_sentence *oldest = *link;
            *link = NULL;
            free(oldest);
            return;
        }
    }
}

SLUICE_PRINTF(3, 4)
static int host_fail(const sluice_host *host, int status, const char *format, ...)
{
    sluice_instance_calls *calls = host->owner;
    pthread_mutex_lock(&calls->lock);
    filed_sentence *entry = take_entry(calls);
    if (entry == NULL)
        entry = calloc(1, sizeof(*entry));
    /* Without memory the status travels up alone. */
    if (entry != NULL) {
        va_list args;
        va_start(args, format);
        sluice_vfail(&entry->error, status, format, args);
        va_end(args);
        entry->thread = pthread_self();
        entry->next = calls->sentences;
        calls->sentences = entry;
        drop_oldest(calls);
    }
    pthread_mutex_unlock(&calls->lock);
    return status;
}

static void *host_resize(const sluice_host *host, void *memory, size_t bytes)
{
    (void)host;
    if (bytes == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, bytes);
}

static void host_random(const sluice_host *host, void *out, size_t bytes)
{
    (void)host;
    char *at = out;
    while (bytes > 0) {
        ssize_t got = getrandom(at, bytes, 0);
        /* There is no way to go on with bytes that a stranger may guess. */
        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            at += got;
            bytes -= (size_t)got;
        }
    }
}

static void host_complete(const sluice_host *host, sluice_completion *completion, int64_t result,
                          const char *sentence)
{
    (void)host;
    int status = result < 0 && result >= INT_MIN ? (int)result : SLUICE_EFAILED;
    completion->done(completion, result, sentence != NULL ? sentence : result < 0 ? sluice_status_text(status) : "");
}

/* ---- making and unmaking ---- */

static void *allocate_state(size_t bytes)
{
    void *state = NULL;
    bytes = bytes == 0 ? 1 : bytes;
    if (posix_memalign(&state, 64, bytes) != 0)
        return NULL;
    memset(state, 0, bytes);
    return state;
}

static int prepare(sluice_instance_calls *calls, sluice_error *error)
{
    const sluice_plugin *plugin = &calls->module->descriptor;
    calls->config = calloc(1, plugin->config_size == 0 ? 1 : plugin->config_size);
    calls->instance.state = allocate_state(plugin->state_size);
    if (calls->config == NULL || calls->instance.state == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for an instance of %s/%s",
                           sluice_kind_name(plugin->kind), plugin->name);
    return sluice_configuration_fill(&calls->library->configuration, plugin, calls->config, error);
}

int sluice_instance_new(sluice *library, sluice_kind kind, const char *name, sluice_instance **out,
                        sluice_error *error)
{
    sluice_instance_calls *calls = calloc(1, sizeof(*calls));
    if (calls == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    pthread_mutex_init(&calls->lock, NULL);
    calls->library = library;
    calls->instance.calls = calls;
    int status = sluice_registry_load(library->registry, kind, name, &calls->module, error);
    if (status == SLUICE_OK)
        status = prepare(calls, error);
    if (status != SLUICE_OK) {
        sluice_instance_free(&calls->instance);
        return status;
    }
    calls->host = (sluice_host){
        .size = sizeof(sluice_host),
        .owner = calls,
        .log = host_log,
        .fail = host_fail,
        .resize = host_resize,
        .random = host_random,
        .complete = host_complete,
    };
    calls->instance.plugin = &calls->module->descriptor;
    calls->instance.ops = calls->module->ops;
    calls->instance.config = calls->config;
    calls->instance.host = &calls->host;
    *out = &calls->instance;
    return SLUICE_OK;
}

void sluice_instance_free(sluice_instance *instance)
{
    if (instance == NULL)
        return;
    sluice_instance_calls *calls = instance->calls;
    while (calls->sentences != NULL) {
        filed_sentence *entry = calls->sentences;
        calls->sentences = entry->next;
        free(entry);
    }
    if (calls->module != NULL && calls->config != NULL) {
        const sluice_plugin *plugin = &calls->module->descriptor;
        sluice_option_fini((sluice_option_table){plugin->options, plugin->option_count}, calls->config);
    }
    free(calls->config);
    free(calls->instance.state);
    sluice_registry_release(calls->library->registry, calls->module);
    pthread_mutex_destroy(&calls->lock);
    free(calls);
}

int sluice_instance_error(sluice_instance *instance, int status, sluice_error *error)
{
    sluice_instance_calls *calls = instance->calls;
    const sluice_plugin *plugin = instance->plugin;
    pthread_mutex_lock(&calls->lock);
    filed_sentence *entry = take_entry(calls);
    pthread_mutex_unlock(&calls->lock);
    /* A sentence with another status is of a failure that the plugin got over. */
    if (entry != NULL && entry->error.status == status)
        sluice_fail(error, status, "%s", entry->error.text);
    else
        sluice_fail(error, status, "%s/%s: %s", sluice_kind_name(plugin->kind), plugin->name,
                    sluice_status_text(status));
    free(entry);
    return status;
}
