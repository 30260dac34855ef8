/* SPDX-License-Identifier: Apache-2.0 */
/* One congestion control, good or with one thing wrong: the build defines NAME and at most one CROOKED_... */
#include <sluice/congestion.h>

typedef struct crooked_config {
    int64_t packets;
    sluice_duration target_queue;
    bool eager;
} crooked_config;

static int init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    (void)state;
    (void)start;
    control->cwnd_bytes = 1500 * (uint64_t)((const crooked_config *)config)->packets;
    return SLUICE_OK;
}

static void sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    (void)state;
    (void)sample;
    (void)control;
}

#ifdef CROOKED_UNDEFINED
void sluice_nobody_has_this(void);

static void restart(void *state, sluice_time now, sluice_time idle_since, sluice_control *control)
{
    (void)state;
    (void)now;
    (void)idle_since;
    (void)control;
    sluice_nobody_has_this();
}
#endif

static const sluice_congestion_ops ops = {
    .init = init,
#ifndef CROOKED_LACKING
    .sample = sample,
#endif
#ifdef CROOKED_UNDEFINED
    .restart = restart,
#endif
};

#ifdef CROOKED_LACKING
void (*const sluice_crooked_keep)(void *, const sluice_sample *, sluice_control *);
void (*const sluice_crooked_keep)(void *, const sluice_sample *, sluice_control *) = sample;
#endif

#ifdef CROOKED_DEFAULT
#define PACKETS_DEFAULT "many"
#else
#define PACKETS_DEFAULT "10"
#endif

static const sluice_option options[] = {
    SLUICE_OPTION_INT(crooked_config, packets, .def = PACKETS_DEFAULT, .min = "1", .max = "1000", .unit = "packets",
                      .help = "Window."),
    SLUICE_OPTION_DURATION(crooked_config, target_queue, .def = "5ms", .min = "1ms", .max = "1s", .help = "Queue."),
    SLUICE_OPTION_BOOL(crooked_config, eager, .def = "no", .help = "Haste."),
};

#define GLUE(name) congestion_##name##_LTX_sluice_plugin
#define SYMBOL(name) GLUE(name)
#define QUOTE(name) #name
#define STRING(name) QUOTE(name)

#ifdef CROOKED_SYMBOL
#define DESCRIPTOR sluice_crooked_other_symbol
#else
#define DESCRIPTOR SYMBOL(NAME)
#endif

extern SLUICE_PLUGIN_EXPORT const sluice_plugin DESCRIPTOR;
SLUICE_PLUGIN_EXPORT const sluice_plugin DESCRIPTOR = {
#ifdef CROOKED_ABI
    .abi = SLUICE_ABI(9, 3),
#else
    .abi = SLUICE_PLUGIN_ABI,
#endif
#ifdef CROOKED_MINOR
    .kind_abi = SLUICE_CONGESTION_ABI + 1,
#else
    .kind_abi = SLUICE_CONGESTION_ABI,
#endif
    .size = sizeof(sluice_plugin),
#ifdef CROOKED_KIND
    .kind = SLUICE_SINK,
#else
    .kind = SLUICE_CONGESTION,
#endif
#ifdef CROOKED_NAME
    .name = "other",
#else
    .name = STRING(NAME),
#endif
    .version = "1.2",
    .summary = "a control for tests",
    .options = options,
    .option_count = SLUICE_COUNT(options),
    .option_size = sizeof(sluice_option),
    .config_size = sizeof(crooked_config),
    .state_size = 1,
    .ops = &ops,
    .ops_size = sizeof(ops),
};
