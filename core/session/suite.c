/* SPDX-License-Identifier: Apache-2.0 */
#include "session/suite.h"
#include "plugin/instance.h"
#include "plugin/settings.h"
#include <sluice/crypto.h>
#include <stdio.h>
#include <string.h>

#define PLUGINS 16 /* crypto plugins looked at */

typedef struct names {
    char name[PLUGINS][SLUICE_SUITE_PLUGIN];
    size_t count;
} names;

static void note_plugin(void *user, const sluice_plugin_info *info)
{
    names *found = user;
    if (info->kind != SLUICE_CRYPTO || !info->usable || found->count == PLUGINS)
        return;
    snprintf(found->name[found->count++], SLUICE_SUITE_PLUGIN, "%s", info->name);
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

static int gather_plugin(sluice *library, const char *plugin, const char *allowed, sluice_suite *suite,
                         sluice_error *error)
{
    sluice_instance *instance;
    int status = sluice_instance_new(library, SLUICE_CRYPTO, plugin, &instance, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_crypto_ops *ops = instance->ops;
    for (size_t i = 0; i < ops->cipher_count; i++) {
        const sluice_cipher *cipher =
            (const sluice_cipher *)(const void *)((const char *)ops->ciphers + i * ops->cipher_size);
        uint64_t speed;
        if (!listed(allowed, cipher->name) || strlen(cipher->name) >= SLUICE_CIPHER_NAME ||
            (ops->usable && !ops->usable(cipher)))
            continue;
        status = sluice_cipher_measure(instance->plugin, instance->config, instance->host, cipher, &speed);
        if (status == SLUICE_OK)
            offer(suite, plugin, cipher, speed);
    }
    sluice_instance_free(instance);
    return SLUICE_OK;
}

int sluice_suite_gather(sluice *library, const char *crypto, const char *allowed, sluice_suite *out,
                        sluice_error *error)
{
    names found = {.count = 0};
    sluice_suite suite = {.count = 0};
    int status = SLUICE_OK;
    bool named = crypto && strcmp(crypto, "auto") != 0;
    if (named)
        snprintf(found.name[found.count++], SLUICE_SUITE_PLUGIN, "%s", crypto);
    else
        status = sluice_plugin_list(library, note_plugin, &found, error);
    for (size_t i = 0; i < found.count && status == SLUICE_OK; i++)
        status = gather_plugin(library, found.name[i], allowed, &suite, error);
    if (status != SLUICE_OK)
        return status;
    if (suite.count == 0)
        return sluice_fail(error, SLUICE_ECIPHER, "no crypto plugin here (%s) has a cipher of: %s",
                           named ? crypto : "all were asked", allowed);
    *out = suite;
    return SLUICE_OK;
}

const char *sluice_suite_plugin(const sluice_suite *suite, const char *cipher)
{
    for (size_t i = 0; i < suite->count; i++)
        if (strcmp(suite->offers[i].name, cipher) == 0)
            return suite->plugins[i];
    return NULL;
}
