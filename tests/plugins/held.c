/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink of the name `file` that keeps nothing, for tests of disks that do not answer.
 *
 * What has `held` in its name is not written until somebody has opened the pipe `gate` for writing.  Each write of it is told on
 * stderr when it begins to wait.
 */
#include <fcntl.h>
#include <sluice/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct held_config {
    char *gate; /* NULL: nothing is held */
} held_config;

static const sluice_option options[] = {
    SLUICE_OPTION_PATH(held_config, gate, .help = "Pipe that is opened for writing when nothing is to be held any more."),
};

typedef struct held_state {
    const held_config *config;
} held_state;

static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    (void)host, (void)spec;
    ((held_state *)state)->config = config;
    return SLUICE_OK;
}

static void fini(void *state)
{
    (void)state;
}

static int prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have)
{
    (void)state, (void)compared;
    *verdict = SLUICE_SINK_DONE;
    *have = 0;
    if (entry->type != SLUICE_ENTRY_FILE)
        return SLUICE_OK;
    *verdict = SLUICE_SINK_WRITE;
    *object = strdup(entry->name);
    return *object != NULL ? SLUICE_OK : SLUICE_ENOMEM;
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    const held_config *config = ((const held_state *)state)->config;
    const char *name = object;
    (void)offset, (void)completion;
    if (config->gate != NULL && strstr(name, "held") != NULL) {
        (void)fprintf(stderr, "held: %s\n", name);
        int fd = open(config->gate, O_RDONLY | O_CLOEXEC); /* waits for the other side */
        if (fd < 0)
            return SLUICE_EIO;
        (void)close(fd);
    }
    int64_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += (int64_t)buffers[i].iov_len;
    return bytes;
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

SLUICE_PLUGIN_DEFINE(sink, file, SLUICE_SINK, SLUICE_SINK_ABI, .name = "file", .version = "1",
                     .summary = "holds what it is to hold", .options = options, .option_count = SLUICE_COUNT(options),
                     .config_size = sizeof(held_config), .state_size = sizeof(held_state), .ops = &ops,
                     .ops_size = sizeof(ops));
