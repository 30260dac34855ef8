/* SPDX-License-Identifier: Apache-2.0 */
/* report_feed.h - runs a report plugin on events of a test and keeps what it writes. */
#ifndef SLUICE_TEST_REPORT_FEED_H
#define SLUICE_TEST_REPORT_FEED_H

#include <CUnit/CUnit.h>
#include <dlfcn.h>
#include <sluice/report.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct report_feed {
    const sluice_report_ops *ops;
    sluice_host host;
    void *state;
    FILE *screen, *output;
} report_feed;

static inline void feed_log(const sluice_host *host, sluice_log_level level, const char *format, ...)
{
    (void)host;
    (void)level;
    (void)format;
}

static inline int feed_fail(const sluice_host *host, int status, const char *format, ...)
{
    (void)host;
    (void)format;
    return status;
}

static inline void *feed_resize(const sluice_host *host, void *memory, size_t bytes)
{
    (void)host;
    if (bytes > 0)
        return realloc(memory, bytes);
    free(memory);
    return NULL;
}

/* The descriptor of a report plugin as it was built.  The object stays loaded until the test ends. */
static inline const sluice_plugin *feed_plugin(const char *name)
{
    char text[512];
    snprintf(text, sizeof text, "%s/report_%s.so", TEST_PLUGIN_DIR, name);
    void *object = dlopen(text, RTLD_NOW | RTLD_LOCAL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    snprintf(text, sizeof text, "report_%s_LTX_sluice_plugin", name);
    const sluice_plugin *plugin = dlsym(object, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plugin);
    return plugin;
}

static inline int feed_begin(report_feed *feed, const char *name, const void *config, sluice_report_spec spec)
{
    const sluice_plugin *plugin = feed_plugin(name);
    *feed =
        (report_feed){.ops = plugin->ops,
                      .host = {.size = sizeof(sluice_host), .log = feed_log, .fail = feed_fail, .resize = feed_resize},
                      .state = calloc(1, plugin->state_size),
                      .screen = tmpfile(),
                      .output = tmpfile()};
    CU_ASSERT_FATAL(feed->state != NULL && feed->screen != NULL && feed->output != NULL);
    spec.size = sizeof spec;
    spec.screen = fileno(feed->screen);
    spec.output = fileno(feed->output);
    return feed->ops->init(feed->state, config, &feed->host, &spec);
}

static inline void feed_event(report_feed *feed, sluice_event event)
{
    event.size = sizeof event;
    feed->ops->event(feed->state, &event);
}

/* All that was written so far, to be freed. */
static inline char *feed_text(FILE *file)
{
    rewind(file);
    char *text = calloc(1, 1 << 18);
    CU_ASSERT_FATAL(text != NULL);
    size_t bytes = fread(text, 1, (1 << 18) - 1, file);
    CU_ASSERT_FATAL(bytes < (1 << 18) - 1);
    fseek(file, 0, SEEK_END);
    return text;
}

static inline void feed_end(report_feed *feed)
{
    if (feed->ops->fini != NULL)
        feed->ops->fini(feed->state);
    fclose(feed->screen);
    fclose(feed->output);
    free(feed->state);
}

#endif
