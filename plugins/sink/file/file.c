/* SPDX-License-Identifier: Apache-2.0 */
/* sink `file`: files, directories and symbolic links of this machine. */
#include "file.h"

#include <unistd.h>

typedef struct file_config {
    bool preallocate;
} file_config;

static const sluice_option options[] = {
    SLUICE_OPTION_BOOL(file_config, preallocate, .def = "yes",
                       .help = "Room for a file is reserved before its bytes come, where the file system can do that, so that a disk "
                               "that is full says so at once.  Of files with holes it is not, so that these stay holes."),
};

static void fini(void *state)
{
    sluice_file_sink *sink = state;
    if (sink->host == NULL)
        return;
    sluice_file_behind_flush(sink);
    sluice_file_notes_fini(sink, &sink->directories);
    sluice_file_notes_fini(sink, &sink->links);
    if (sink->base >= 0)
        (void)close(sink->base);
    if (sink->top != NULL)
        (void)sink->host->resize(sink->host, sink->top, 0);
    (void)pthread_mutex_destroy(&sink->lock);
    *sink = (sluice_file_sink){0};
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    sluice_file_sink *sink = state;
    if (pthread_mutex_init(&sink->lock, NULL) != 0)
        return host->fail(host, SLUICE_ENOMEM, "out of memory");
    sink->host = host;
    sink->base = -1;
    sink->confined = spec->root != NULL;
    sink->preserve = spec->preserve;
    sink->overwrite = spec->overwrite;
    sink->resume = spec->resume;
    sink->sync = spec->sync;
    sink->drop_behind = spec->drop_behind;
    sink->preallocate = ((const file_config *)config)->preallocate;
    sink->umask = sluice_file_attributes_umask();
    sink->self = geteuid();
    int status = sluice_file_destination_open(sink, spec);
    if (status != SLUICE_OK)
        fini(sink);
    return status;
}

static int prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have)
{
    return sluice_file_prepare(state, entry, compared, verdict, object, have);
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    (void)completion;
    return sluice_file_object_write(state, object, offset, buffers, count);
}

static int hole(void *state, void *object, uint64_t from, uint64_t to)
{
    return sluice_file_object_hole(state, object, from, to);
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count)
{
    return sluice_file_object_read(state, object, offset, buffers, count);
}

static int commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    (void)completion;
    return sluice_file_object_commit(state, object, size);
}

static void abandon(void *state, void *object, bool keep)
{
    sluice_file_object_abandon(state, object, keep);
}

static int finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                  void *user)
{
    sluice_file_behind_flush(state);
    return sluice_file_finish(state, failed, user);
}

static int look(void *state, const sluice_entry *entry, sluice_sink_verdict *verdict)
{
    return sluice_file_look(state, entry, verdict);
}

static int put(void *state, const sluice_entry *entry, const void *bytes, uint64_t size, sluice_completion *completion)
{
    (void)completion;
    return sluice_file_put(state, entry, bytes, size);
}

static const sluice_sink_ops ops = {
    .capabilities = SLUICE_SINK_SEEKABLE | SLUICE_SINK_PARALLEL | SLUICE_SINK_PARALLEL_WRITES | SLUICE_SINK_READABLE |
                    SLUICE_SINK_ATOMIC,
    .init = init,
    .fini = fini,
    .prepare = prepare,
    .write = write_object,
    .hole = hole,
    .read = read_object,
    .commit = commit,
    .abandon = abandon,
    .finish = finish,
    .look = look,
    .put = put,
};

SLUICE_PLUGIN_DEFINE(sink, file, SLUICE_SINK, SLUICE_SINK_ABI, .name = "file", .version = "1.1",
                     .summary = "files, directories and symbolic links of this machine", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(file_config),
                     .state_size = sizeof(sluice_file_sink), .ops = &ops, .ops_size = sizeof ops);
