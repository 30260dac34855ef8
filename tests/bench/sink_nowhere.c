/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink of the name `file` that keeps nothing.  A server puts what clients send into files; with this one before the
 * true one on its plugin path the bench measures from memory to memory.  What it is asked for again reads as zeroes, for those
 * of source `zero` are all that it is sent: so the receiver can put aside the chunks that wait for lost blocks, as with files.
 */
#include <sluice/sink.h>
#include <string.h>

static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    (void)state, (void)config, (void)host, (void)spec;
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
        *object = state;
        *have = 0;
    }
    return SLUICE_OK;
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    int64_t bytes = 0;
    (void)state, (void)object, (void)offset, (void)completion;
    for (int i = 0; i < count; i++)
        bytes += (int64_t)buffers[i].iov_len;
    return bytes;
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count)
{
    int64_t bytes = 0;
    (void)state, (void)object, (void)offset;
    for (int i = 0; i < count; i++) {
        memset(buffers[i].iov_base, 0, buffers[i].iov_len);
        bytes += (int64_t)buffers[i].iov_len;
    }
    return bytes;
}

static int hole(void *state, void *object, uint64_t from, uint64_t to)
{
    (void)state, (void)object, (void)from, (void)to;
    return SLUICE_OK;
}

static int commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    (void)state, (void)object, (void)size, (void)completion;
    return SLUICE_OK;
}

static void abandon(void *state, void *object, bool keep)
{
    (void)state, (void)object, (void)keep;
}

static int finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                  void *user)
{
    (void)state, (void)failed, (void)user;
    return SLUICE_OK;
}

static const sluice_sink_ops ops = {
    .capabilities = SLUICE_SINK_SEEKABLE | SLUICE_SINK_PARALLEL | SLUICE_SINK_PARALLEL_WRITES | SLUICE_SINK_ATOMIC |
                    SLUICE_SINK_READABLE,
    .init = init,
    .fini = fini,
    .prepare = prepare,
    .write = write_object,
    .hole = hole,
    .read = read_object,
    .commit = commit,
    .abandon = abandon,
    .finish = finish,
};

SLUICE_PLUGIN_DEFINE(sink, file, SLUICE_SINK, SLUICE_SINK_ABI, .name = "file", .version = "1.0",
                     .summary = "keeps nothing, for the bench", .state_size = 1, .ops = &ops, .ops_size = sizeof ops);
