/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.h - a plugin made ready: its state, its configuration, its host.
 *
 * `init` differs by kind, so whoever makes an instance calls it, and `fini` before sluice_instance_free:
 *
 *     sluice_instance *cc;
 *     sluice_instance_new(library, SLUICE_CONGESTION, "fair", &cc, error);
 *     const sluice_congestion_ops *ops = cc->ops;
 *     status = ops->init(cc->state, cc->config, &start, &control);
 *     if (status < 0)
 *         status = sluice_instance_error(cc, status, error);
 *
 * The sentence of a failed call.  A plugin calls host->fail on the thread that its failing call runs on, and several
 * threads may be in calls of one instance at once.  fail therefore files the sentence under the calling thread, and
 * sluice_instance_error takes what is filed under the thread that asks: right after the call, on the same thread.  A
 * call that succeeds costs nothing.
 */
#ifndef SLUICE_PLUGIN_INSTANCE_H
#define SLUICE_PLUGIN_INSTANCE_H

#include "plugin/registry.h"
#include <sluice/host.h>
#include <sluice/sluice.h>

/* What host->complete ends.  The caller embeds it in its own struct and passes its address with the call; done runs
 * on the thread that the plugin calls complete on.  sentence: never NULL; valid during the call. */
struct sluice_completion {
    void (*done)(sluice_completion *completion, int64_t result, const char *sentence);
};

typedef struct sluice_instance_calls sluice_instance_calls;

typedef struct sluice_instance {
    const sluice_plugin *plugin; /* in the core's own layout */
    const void *ops;             /* a whole sluice_<kind>_ops; NULL where the plugin has no such operation */
    void *state;                 /* zeroed, aligned to 64 bytes */
    const void *config;          /* the built-in values, then those of [KIND NAME] and --set */
    const sluice_host *host;
    sluice_instance_calls *calls; /* the instance's own */
} sluice_instance;

/* Any thread.  The library must outlive the instance. */
int sluice_instance_new(sluice *library, sluice_kind kind, const char *name, sluice_instance **out,
                        sluice_error *error);

/* NULL is fine.  Does not call the plugin: fini has been called, or init has failed or was never called. */
void sluice_instance_free(sluice_instance *instance);

/* Fills error with the sentence that host->fail filed on this thread since the last time, or, if there is none, with
 * the plugin's name and the status's text.  Returns status. */
int sluice_instance_error(sluice_instance *instance, int status, sluice_error *error);

#endif
