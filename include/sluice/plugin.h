/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin.h - what every plugin declares.
 *
 * A plugin is one shared object with one exported symbol, <kind>_<name>_LTX_sluice_plugin, made by
 * SLUICE_PLUGIN_DEFINE.  The core checks abi, kind_abi, kind, names and required operations before it calls
 * anything.  Rules of compatibility, all of them: majors equal and the plugin's minor not newer than the core's, for
 * both numbers; structs grow at the end only and travel by pointer; tables carry their entry size; an operation
 * that is NULL, or lies beyond ops_size, means the default behaviour that its header states.
 *
 * State belongs to the instance: the core allocates state_size bytes, zeroed, aligned for any type; no file-scope
 * variables.  Two instances of one plugin live side by side.  init may fail (then nothing else is called on that
 * state); fini may not.
 *
 * ABI history: 1.0 first.
 */
#ifndef SLUICE_PLUGIN_H
#define SLUICE_PLUGIN_H

#include <sluice/host.h>
#include <sluice/option.h>
#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_PLUGIN_ABI SLUICE_ABI(1, 0)

typedef enum sluice_kind {
    SLUICE_TRANSPORT,
    SLUICE_CRYPTO,
    SLUICE_CONGESTION,
    SLUICE_SOURCE,
    SLUICE_SINK,
    SLUICE_REPORT
} sluice_kind;
#define SLUICE_KINDS 6 /* names in this order: transport crypto congestion source sink report */

typedef struct sluice_plugin {
    uint32_t abi;      /* SLUICE_PLUGIN_ABI; first, because it protects the rest */
    uint32_t kind_abi; /* SLUICE_CONGESTION_ABI, ...: kinds evolve separately */
    uint32_t size;     /* sizeof(sluice_plugin) as the plugin was compiled */
    sluice_kind kind;
    const char *name;    /* [a-z0-9_-]+, as in the file's name */
    const char *version; /* the plugin's own */
    const char *summary; /* one line */
    const sluice_option *options;
    size_t option_count, option_size;
    size_t config_size; /* of the struct that the options fill */
    size_t state_size;  /* of an instance */
    const void *ops;    /* sluice_congestion_ops, ... */
    size_t ops_size;
} sluice_plugin;

#if defined(__GNUC__)
#define SLUICE_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define SLUICE_PLUGIN_EXPORT
#endif

/* SLUICE_PLUGIN_DEFINE(congestion, fair, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "fair", ...); */
#define SLUICE_PLUGIN_DEFINE(kind_word, name_word, kind_number, kind_abi_number, ...)                                 \
    extern SLUICE_PLUGIN_EXPORT const sluice_plugin kind_word##_##name_word##_LTX_sluice_plugin;                      \
    SLUICE_PLUGIN_EXPORT const sluice_plugin kind_word##_##name_word##_LTX_sluice_plugin = {                          \
        .abi = SLUICE_PLUGIN_ABI, .kind_abi = kind_abi_number, .size = sizeof(sluice_plugin), .kind = kind_number,    \
        .option_size = sizeof(sluice_option), __VA_ARGS__ }

#endif
