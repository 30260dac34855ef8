/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source (with SLUGGISH_SINK: a sink) that takes its time, for tests.
 *
 * Every read or write takes `pause`; once, in the object called 0, one of them takes
 * `stall`, and as long as `until` is not there, but 40 s at most.  A stall is told on stderr when it begins and when it ends.
 */
#include <pthread.h>
#include <sluice/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STALL_FROM (2u << 20) /* offset of the read or write that stalls */

typedef struct sluggish_config {
    int64_t files;
    uint64_t bytes;
    sluice_duration pause, stall;
    char *until; /* NULL: none */
} sluggish_config;

static const sluice_option options[] = {
    SLUICE_OPTION_INT(sluggish_config, files, .def = "1", .min = "1", .max = "9", .help = "Objects, called 0, 1 and so on."),
    SLUICE_OPTION_SIZE(sluggish_config, bytes, .def = "16Mi", .help = "Of each of them."),
    SLUICE_OPTION_DURATION(sluggish_config, pause, .def = "0", .max = "10s", .help = "For each call."),
    SLUICE_OPTION_DURATION(sluggish_config, stall, .def = "0", .max = "60s", .help = "Once, in the object 0."),
    SLUICE_OPTION_PATH(sluggish_config, until, .help = "File that ends the stall."),
};

typedef struct sluggish_state {
    const sluggish_config *config;
    int64_t listed;
    char name[2];
    pthread_mutex_t lock;
    bool stalled;
} sluggish_state;

typedef struct sluggish_object {
    bool first;
} sluggish_object;

static void wait_for(sluice_duration duration)
{
    struct timespec left = {.tv_sec = (time_t)(duration / SLUICE_SECOND), .tv_nsec = (long)(duration % SLUICE_SECOND)};
    while (nanosleep(&left, &left) != 0) {
    }
}

/* One call. */
static void take_time(sluggish_state *self, const sluggish_object *object, uint64_t offset)
{
    bool stall = false;
    wait_for(self->config->pause);
    pthread_mutex_lock(&self->lock);
    if (self->config->stall > 0 && !self->stalled && object->first && offset >= STALL_FROM)
        stall = self->stalled = true;
    pthread_mutex_unlock(&self->lock);
    if (!stall)
        return;
    fputs("sluggish: stalls\n", stderr);
    wait_for(self->config->stall);
    for (int i = 0; i < 400 && self->config->until != NULL && access(self->config->until, F_OK) != 0; i++)
        wait_for(SLUICE_SECOND / 10);
    fputs("sluggish: goes on\n", stderr);
}

static int begin(sluggish_state *self, const void *config)
{
    self->config = config;
    return pthread_mutex_init(&self->lock, NULL) == 0 ? SLUICE_OK : SLUICE_ENOMEM;
}

static void fini(void *state)
{
    sluggish_state *self = state;
    if (self->config != NULL)
        (void)pthread_mutex_destroy(&self->lock);
    self->config = NULL;
}

static int object_new(const char *name, void **object)
{
    sluggish_object *made = malloc(sizeof *made);
    if (made == NULL)
        return SLUICE_ENOMEM;
    const char *last = strrchr(name, '/');
    made->first = strcmp(last != NULL ? last + 1 : name, "0") == 0;
    *object = made;
    return SLUICE_OK;
}

#ifndef SLUGGISH_SINK

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    (void)host, (void)spec;
    return begin(state, config);
}

static int next(void *state, sluice_entry *out)
{
    sluggish_state *self = state;
    if (self->listed == self->config->files)
        return SLUICE_EEND;
    self->name[0] = (char)('0' + self->listed++);
    *out = (sluice_entry){.type = SLUICE_ENTRY_FILE,
                          .name = self->name,
                          .size = self->config->bytes,
                          .mode = 0644,
                          .mtime_ns = INT64_MIN,
                          .atime_ns = INT64_MIN,
                          .uid = UINT32_MAX,
                          .gid = UINT32_MAX};
    return SLUICE_OK;
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    (void)operand;
    *size = ((const sluggish_state *)state)->config->bytes;
    return object_new(name, object);
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    uint64_t left = ((const sluggish_state *)state)->config->bytes - offset;
    size_t bytes = left < buffers[0].iov_len ? (size_t)left : buffers[0].iov_len;
    (void)count, (void)completion;
    take_time(state, object, offset);
    for (size_t i = 0; i < bytes; i++) /* no run of zeroes, and other ones in each mebibyte */
        ((uint8_t *)buffers[0].iov_base)[i] = (uint8_t)(i * 7 + (offset >> 20) + 1);
    return (int64_t)bytes;
}

static void close_object(void *state, void *object)
{
    (void)state;
    free(object);
}

static const sluice_source_ops ops = {.capabilities = SLUICE_SOURCE_SIZE_KNOWN | SLUICE_SOURCE_SEEKABLE | SLUICE_SOURCE_PARALLEL,
                                      .init = init,
                                      .fini = fini,
                                      .next = next,
                                      .open = open_object,
                                      .read = read_object,
                                      .close = close_object};

SLUICE_PLUGIN_DEFINE(source, sluggish, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "sluggish", .version = "1",
                     .summary = "takes its time", .options = options, .option_count = SLUICE_COUNT(options),
                     .config_size = sizeof(sluggish_config), .state_size = sizeof(sluggish_state), .ops = &ops,
                     .ops_size = sizeof(ops));

#else

static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    (void)host, (void)spec;
    return begin(state, config);
}

static int prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have)
{
    (void)state, (void)compared;
    *verdict = entry->type == SLUICE_ENTRY_FILE ? SLUICE_SINK_WRITE : SLUICE_SINK_DONE;
    *have = 0;
    return entry->type == SLUICE_ENTRY_FILE ? object_new(entry->name, object) : SLUICE_OK;
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    (void)count, (void)completion;
    take_time(state, object, offset);
    return (int64_t)buffers[0].iov_len;
}

static int commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    (void)state, (void)size, (void)completion;
    free(object);
    return SLUICE_OK;
}

static void abandon(void *state, void *object, bool keep)
{
    (void)state, (void)keep;
    free(object);
}

static int finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                  void *user)
{
    (void)state, (void)failed, (void)user;
    return SLUICE_OK;
}

static const sluice_sink_ops ops = {.capabilities = SLUICE_SINK_SEEKABLE | SLUICE_SINK_PARALLEL,
                                    .init = init,
                                    .fini = fini,
                                    .prepare = prepare,
                                    .write = write_object,
                                    .commit = commit,
                                    .abandon = abandon,
                                    .finish = finish};

SLUICE_PLUGIN_DEFINE(sink, sluggish, SLUICE_SINK, SLUICE_SINK_ABI, .name = "sluggish", .version = "1",
                     .summary = "takes its time", .options = options, .option_count = SLUICE_COUNT(options),
                     .config_size = sizeof(sluggish_config), .state_size = sizeof(sluggish_state), .ops = &ops,
                     .ops_size = sizeof(ops));

#endif
