/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/descriptor.h"

#include <sluice/congestion.h>
#include <sluice/crypto.h>
#include <sluice/report.h>
#include <sluice/sink.h>
#include <sluice/source.h>
#include <sluice/transport.h>
#include <stdlib.h>
#include <string.h>

/* An operation that must be there. */
typedef struct required_operation {
    const char *name;
    size_t offset;
} required_operation;

#define REQUIRED(ops, field) {#field, offsetof(ops, field)}

static const required_operation transport_required[] = {
    REQUIRED(sluice_transport_ops, init),       REQUIRED(sluice_transport_ops, inspect),
    REQUIRED(sluice_transport_ops, receive),    REQUIRED(sluice_transport_ops, produce),
    REQUIRED(sluice_transport_ops, next_wake),  REQUIRED(sluice_transport_ops, too_big),
    REQUIRED(sluice_transport_ops, dropped),    REQUIRED(sluice_transport_ops, open),
    REQUIRED(sluice_transport_ops, offer),      REQUIRED(sluice_transport_ops, finish),
    REQUIRED(sluice_transport_ops, ready),      REQUIRED(sluice_transport_ops, abort),
    REQUIRED(sluice_transport_ops, skip),       REQUIRED(sluice_transport_ops, consumed),
    REQUIRED(sluice_transport_ops, consumed_ordered), REQUIRED(sluice_transport_ops, stop),
    REQUIRED(sluice_transport_ops, control),    REQUIRED(sluice_transport_ops, close),
    REQUIRED(sluice_transport_ops, statistics), REQUIRED(sluice_transport_ops, waits),
};
static const required_operation crypto_required[] = {
    REQUIRED(sluice_crypto_ops, ciphers), REQUIRED(sluice_crypto_ops, init), REQUIRED(sluice_crypto_ops, key_set),
    REQUIRED(sluice_crypto_ops, seal),    REQUIRED(sluice_crypto_ops, open),
};
static const required_operation congestion_required[] = {
    REQUIRED(sluice_congestion_ops, init),
    REQUIRED(sluice_congestion_ops, sample),
};
static const required_operation source_required[] = {
    REQUIRED(sluice_source_ops, init), REQUIRED(sluice_source_ops, next),  REQUIRED(sluice_source_ops, open),
    REQUIRED(sluice_source_ops, read), REQUIRED(sluice_source_ops, close),
};
static const required_operation sink_required[] = {
    REQUIRED(sluice_sink_ops, init),   REQUIRED(sluice_sink_ops, prepare), REQUIRED(sluice_sink_ops, write),
    REQUIRED(sluice_sink_ops, commit), REQUIRED(sluice_sink_ops, abandon), REQUIRED(sluice_sink_ops, finish),
};
static const required_operation report_required[] = {
    REQUIRED(sluice_report_ops, init),
    REQUIRED(sluice_report_ops, event),
};

typedef struct kind_row {
    const char *name;
    uint32_t abi;
    size_t ops_size;
    const required_operation *required;
    size_t required_count;
} kind_row;

#define KIND(word, ABI) \
    {#word, SLUICE_##ABI##_ABI, sizeof(sluice_##word##_ops), word##_required, SLUICE_COUNT(word##_required)}

/* In the order of sluice_kind. */
static const kind_row kinds[SLUICE_KINDS] = {
    KIND(transport, TRANSPORT), KIND(crypto, CRYPTO), KIND(congestion, CONGESTION),
    KIND(source, SOURCE),       KIND(sink, SINK),     KIND(report, REPORT),
};

/* Plugins are compiled with structs no smaller than those of the first release. */
#define DESCRIPTOR_LEAST sizeof(sluice_plugin)
#define OPTION_LEAST sizeof(sluice_option)

#define CONFIG_MOST ((size_t)1 << 20) /* no plugin needs more; a descriptor that says so is broken */
#define STATE_MOST ((size_t)1 << 28)
#define OPTIONS_MOST 1000

const char *sluice_kind_name(sluice_kind kind)
{
    return (unsigned)kind < SLUICE_KINDS ? kinds[kind].name : "unknown";
}

sluice_kind sluice_kind_find(const char *word, size_t length)
{
    int kind = 0;
    while (kind < SLUICE_KINDS && (strlen(kinds[kind].name) != length || strncmp(kinds[kind].name, word, length) != 0))
        kind++;
    return (sluice_kind)kind;
}

uint32_t sluice_kind_abi(sluice_kind kind)
{
    return kinds[kind].abi;
}

bool sluice_plugin_name_valid(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= 48 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

static int check_abi(const char *which, uint32_t theirs, uint32_t ours, sluice_error *error)
{
    if (SLUICE_ABI_MAJOR(theirs) == SLUICE_ABI_MAJOR(ours) && SLUICE_ABI_MINOR(theirs) <= SLUICE_ABI_MINOR(ours))
        return SLUICE_OK;
    return sluice_fail(error, SLUICE_EPLUGIN, "it was built for %s ABI %u.%u, this is %u.%u; %s", which,
                       SLUICE_ABI_MAJOR(theirs), SLUICE_ABI_MINOR(theirs), SLUICE_ABI_MAJOR(ours),
                       SLUICE_ABI_MINOR(ours),
                       SLUICE_ABI_MAJOR(theirs) < SLUICE_ABI_MAJOR(ours) ? "rebuild the plugin"
                                                                        : "update sluice or rebuild the plugin");
}

/* Everything but options and operations. */
static int check_head(const sluice_plugin *raw, sluice_kind kind, const char *name, sluice_error *error)
{
    int status = check_abi("plugin", raw->abi, SLUICE_PLUGIN_ABI, error);
    if (status == SLUICE_OK && raw->size < DESCRIPTOR_LEAST)
        return sluice_fail(error, SLUICE_EPLUGIN, "its descriptor has %u bytes, at least %zu are needed", raw->size,
                           DESCRIPTOR_LEAST);
    if (status == SLUICE_OK && raw->kind != kind)
        return sluice_fail(error, SLUICE_EPLUGIN, "its file's name says kind %s, its descriptor says %s",
                           sluice_kind_name(kind), sluice_kind_name(raw->kind));
    if (status == SLUICE_OK)
        status = check_abi(sluice_kind_name(kind), raw->kind_abi, kinds[kind].abi, error);
    if (status != SLUICE_OK)
        return status;
    if (raw->name == NULL || !sluice_plugin_name_valid(raw->name) || strcmp(raw->name, name) != 0)
        return sluice_fail(error, SLUICE_EPLUGIN, "its file's name says '%s', its descriptor says '%s'", name,
                           raw->name == NULL ? "" : raw->name);
    if (raw->version == NULL || raw->summary == NULL)
        return sluice_fail(error, SLUICE_EPLUGIN, "its descriptor lacks a %s",
                           raw->version == NULL ? "version" : "summary");
    if (raw->config_size > CONFIG_MOST || raw->state_size > STATE_MOST)
        return sluice_fail(error, SLUICE_EPLUGIN, "it asks for %zu bytes of configuration and %zu of state",
                           raw->config_size, raw->state_size);
    return SLUICE_OK;
}

/* Copies the table entry by entry: a plugin's entries may be larger than ours are. */
static int take_options(const sluice_plugin *raw, sluice_module *module, sluice_error *error)
{
    if (raw->option_count == 0)
        return SLUICE_OK;
    if (raw->options == NULL || raw->option_size < OPTION_LEAST || raw->option_count > OPTIONS_MOST)
        return sluice_fail(error, SLUICE_EPLUGIN, "its table of %zu options of %zu bytes is broken", raw->option_count,
                           raw->option_size);
    sluice_option *options = calloc(raw->option_count, sizeof(*options));
    if (options == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    for (size_t i = 0; i < raw->option_count; i++)
        memcpy(&options[i], (const char *)raw->options + i * raw->option_size, sizeof(*options));
    module->options = options;
    return sluice_option_table_check((sluice_option_table){options, raw->option_count}, raw->config_size, error);
}

/* Operations beyond what the plugin knows stay NULL. */
static int take_operations(const sluice_plugin *raw, sluice_module *module, sluice_error *error)
{
    const kind_row *row = &kinds[raw->kind];
    if (raw->ops == NULL)
        return sluice_fail(error, SLUICE_EPLUGIN, "it has no operations");
    char *ops = calloc(1, row->ops_size);
    if (ops == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    module->ops = ops;
    memcpy(ops, raw->ops, raw->ops_size < row->ops_size ? raw->ops_size : row->ops_size);
    static const char absent[sizeof(void (*)(void))];
    for (size_t i = 0; i < row->required_count; i++) {
        if (memcmp(ops + row->required[i].offset, absent, sizeof(absent)) == 0)
            return sluice_fail(error, SLUICE_EPLUGIN, "it lacks the required operation '%s'", row->required[i].name);
    }
    return SLUICE_OK;
}

int sluice_descriptor_take(const sluice_plugin *raw, sluice_kind kind, const char *name, sluice_module *module,
                           sluice_error *error)
{
    int status = check_head(raw, kind, name, error);
    if (status == SLUICE_OK)
        status = take_options(raw, module, error);
    if (status == SLUICE_OK)
        status = take_operations(raw, module, error);
    if (status != SLUICE_OK) {
        sluice_descriptor_fini(module);
        return status;
    }
    module->descriptor = *raw;
    module->descriptor.size = sizeof(sluice_plugin);
    module->descriptor.options = module->options;
    module->descriptor.option_size = sizeof(sluice_option);
    module->descriptor.ops = module->ops;
    module->descriptor.ops_size = kinds[kind].ops_size;
    return SLUICE_OK;
}

void sluice_descriptor_fini(sluice_module *module)
{
    free(module->options);
    free(module->ops);
    module->options = NULL;
    module->ops = NULL;
}
