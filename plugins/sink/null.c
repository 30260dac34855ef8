/* SPDX-License-Identifier: Apache-2.0 */
/* sink `null`: takes everything, keeps nothing, and says in the end how much it was. */
#include <inttypes.h>
#include <sluice/sink.h>
#include <stdatomic.h>

typedef struct null_sink {
    const sluice_host *host;
    atomic_uint_fast64_t bytes, files;
} null_sink;

static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    null_sink *sink = state;
    (void)config, (void)spec;
    sink->host = host;
    return SLUICE_OK;
}

static void fini(void *state)
{
    (void)state;
}

static int prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have)
{
    (void)compared;
    *verdict = SLUICE_SINK_DONE;
    if (entry->type == SLUICE_ENTRY_FILE) {
        *verdict = SLUICE_SINK_WRITE;
        *object = state; /* objects have nothing of their own */
        *have = 0;
    }
    return SLUICE_OK;
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    null_sink *sink = state;
    uint64_t bytes = 0;
    (void)object, (void)offset, (void)completion;
    for (int i = 0; i < count; i++)
        bytes += buffers[i].iov_len;
    atomic_fetch_add_explicit(&sink->bytes, bytes, memory_order_relaxed);
    return (int64_t)bytes;
}

static int hole(void *state, void *object, uint64_t from, uint64_t to)
{
    (void)state, (void)object, (void)from, (void)to;
    return SLUICE_OK;
}

static int commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    null_sink *sink = state;
    (void)object, (void)size, (void)completion;
    atomic_fetch_add_explicit(&sink->files, 1, memory_order_relaxed);
    return SLUICE_OK;
}

static void abandon(void *state, void *object, bool keep)
{
    (void)state, (void)object, (void)keep;
}

static int finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                  void *user)
{
    null_sink *sink = state;
    (void)failed, (void)user;
    sink->host->log(sink->host, SLUICE_LOG_INFO, "null: took %" PRIu64 " bytes of %" PRIu64 " files",
                    (uint64_t)atomic_load(&sink->bytes), (uint64_t)atomic_load(&sink->files));
    return SLUICE_OK;
}

static int look(void *state, const sluice_entry *entry, sluice_sink_verdict *verdict)
{
    (void)state, (void)entry;
    *verdict = SLUICE_SINK_WRITE;
    return SLUICE_OK;
}

static int put(void *state, const sluice_entry *entry, const void *bytes, uint64_t size, sluice_completion *completion)
{
    null_sink *sink = state;
    (void)entry, (void)bytes, (void)completion;
    atomic_fetch_add_explicit(&sink->bytes, size, memory_order_relaxed);
    atomic_fetch_add_explicit(&sink->files, 1, memory_order_relaxed);
    return SLUICE_OK;
}

static const sluice_sink_ops ops = {
    .capabilities = SLUICE_SINK_SEEKABLE | SLUICE_SINK_PARALLEL | SLUICE_SINK_PARALLEL_WRITES | SLUICE_SINK_ATOMIC,
    .init = init,
    .fini = fini,
    .prepare = prepare,
    .write = write_object,
    .hole = hole,
    .commit = commit,
    .abandon = abandon,
    .finish = finish,
    .look = look,
    .put = put,
};

SLUICE_PLUGIN_DEFINE(sink, null, SLUICE_SINK, SLUICE_SINK_ABI, .name = "null", .version = "1.0",
                     .summary = "counts what comes and keeps nothing", .state_size = sizeof(null_sink), .ops = &ops,
                     .ops_size = sizeof ops);
