/* SPDX-License-Identifier: Apache-2.0 */
#include "session/suite.h"
#include "plugin/instance.h"
#include "plugin/library.h"
#include "plugin/settings.h"
#include <inttypes.h>
#include <sluice/crypto.h>
#include <stdio.h>
#include <string.h>

#define PLUGINS 16 /* crypto plugins looked at */

typedef struct gathering {
    sluice *library;
    const char *allowed;
    char name[PLUGINS][SLUICE_SUITE_PLUGIN];
    size_t count;
    sluice_suite suite;
    sluice_error why; /* the last one was left out */
} gathering;

static void leave_out(gathering *g, const char *plugin, const char *cipher)
{
    sluice_log_say(sluice_library_log(g->library), SLUICE_LOG_DEBUG, "crypto plugin %s is left out%s%s: %s", plugin,
                   cipher ? " for " : "", cipher ? cipher : "", g->why.text);
}

static void note_plugin(void *user, const sluice_plugin_info *info)
{
    gathering *g = user;
    if (g->count == PLUGINS)
        return;
    if (!info->usable) {
        sluice_fail(&g->why, SLUICE_EPLUGIN, "%s", info->sentence);
        leave_out(g, info->name, NULL);
        return;
    }
    snprintf(g->name[g->count++], SLUICE_SUITE_PLUGIN, "%s", info->name);
}

static bool listed(const char *list, const char *cipher)
{
    char word[SLUICE_CIPHER_NAME];
    while (sluice_settings_list(&list, word, sizeof word)) {
        if (strcmp(word, cipher) == 0)
            return true;
        if (strcmp(word, "auto") == 0 && strcmp(cipher, SLUICE_CIPHER_NONE) != 0)
            return true;
    }
    return false;
}

static void offer(sluice_suite *suite, const char *plugin, const sluice_cipher *cipher, uint64_t speed)
{
    size_t at = 0;
    while (at < suite->count && strcmp(suite->offers[at].name, cipher->name) != 0)
        at++;
    if (at == SLUICE_CIPHERS || (at < suite->count && suite->offers[at].packets_per_second >= speed))
        return;
    if (at == suite->count)
        suite->count++;
    snprintf(suite->offers[at].name, sizeof suite->offers[at].name, "%s", cipher->name);
    suite->offers[at].packets_per_second = speed;
    snprintf(suite->plugins[at], sizeof suite->plugins[at], "%s", plugin);
}

static void gather_cipher(gathering *g, sluice_instance *instance, const sluice_cipher *cipher)
{
    const char *plugin = instance->plugin->name;
    uint64_t speed;
    int status = sluice_cipher_measure(instance->plugin, instance->config, instance->host, cipher, &speed);
    if (status != SLUICE_OK) {
        sluice_instance_error(instance, status, &g->why);
        leave_out(g, plugin, cipher->name);
        return;
    }
    sluice_log_say(sluice_library_log(g->library), SLUICE_LOG_DEBUG,
                   "crypto plugin %s: %s, %" PRIu64 " packets of 1408 bytes a second", plugin, cipher->name, speed);
    offer(&g->suite, plugin, cipher, speed);
}

static int gather_plugin(gathering *g, const char *plugin, sluice_error *error)
{
    sluice_instance *instance;
    int status = sluice_instance_new(g->library, SLUICE_CRYPTO, plugin, &instance, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_crypto_ops *ops = instance->ops;
    for (size_t i = 0; i < ops->cipher_count; i++) {
        const sluice_cipher *cipher =
            (const sluice_cipher *)(const void *)((const char *)ops->ciphers + i * ops->cipher_size);
        if (listed(g->allowed, cipher->name) && strlen(cipher->name) < SLUICE_CIPHER_NAME &&
            (!ops->usable || ops->usable(cipher)))
            gather_cipher(g, instance, cipher);
    }
    sluice_instance_free(instance);
    return SLUICE_OK;
}

int sluice_suite_gather(sluice *library, const char *crypto, const char *allowed, sluice_suite *out,
                        sluice_error *error)
{
    gathering g = {.library = library, .allowed = allowed};
    int status = SLUICE_OK;
    bool named = crypto && strcmp(crypto, "auto") != 0;
    if (named)
        snprintf(g.name[g.count++], SLUICE_SUITE_PLUGIN, "%s", crypto);
    else
        status = sluice_registry_list(library->registry, SLUICE_CRYPTO, note_plugin, &g, error);
    for (size_t i = 0; i < g.count && status == SLUICE_OK; i++)
        status = gather_plugin(&g, g.name[i], error);
    if (status != SLUICE_OK)
        return status;
    if (g.suite.count == 0)
        return sluice_fail(error, SLUICE_ECIPHER, "no crypto plugin here (%s) has a cipher of: %s%s%s",
                           named ? crypto : "all were asked", allowed, g.why.text[0] ? "; " : "", g.why.text);
    *out = g.suite;
    return SLUICE_OK;
}

const char *sluice_suite_plugin(const sluice_suite *suite, const char *cipher)
{
    for (size_t i = 0; i < suite->count; i++)
        if (strcmp(suite->offers[i].name, cipher) == 0)
            return suite->plugins[i];
    return NULL;
}
