/* SPDX-License-Identifier: Apache-2.0 */
/* A source (with LATER_SINK: a sink) that ends every call by a completion, on a thread of its own, for tests. */
#include <pthread.h>
#include <sluice/sink.h>
#include <string.h>

#define SOURCE_BYTES 300000
#define SOURCE_STEP 70001

/* One call is under way at a time: its thread is waited for before the next one, and before the code goes away. */
typedef struct later_state {
    const sluice_host *host;
    bool listed, begun;
    pthread_t thread;
    sluice_completion *completion;
    int64_t result;
} later_state;

static void *complete(void *user)
{
    const later_state *self = user;
    self->host->complete(self->host, self->completion, self->result, self->result < 0 ? "later: failed later" : NULL);
    return NULL;
}

static void fini(void *state)
{
    later_state *self = state;
    if (self->begun)
        pthread_join(self->thread, NULL);
    self->begun = false;
}

static int later(later_state *self, sluice_completion *completion, int64_t result)
{
    fini(self);
    self->completion = completion;
    self->result = result;
    self->begun = pthread_create(&self->thread, NULL, complete, self) == 0;
    return self->begun ? SLUICE_EPENDING : SLUICE_ELIMIT;
}

#ifndef LATER_SINK

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    (void)config, (void)spec;
    ((later_state *)state)->host = host;
    return SLUICE_OK;
}

static int next(void *state, sluice_entry *out)
{
    later_state *self = state;
    *out = (sluice_entry){.type = SLUICE_ENTRY_FILE, .name = "later", .size = SLUICE_UNKNOWN};
    if (self->listed)
        return SLUICE_EEND;
    self->listed = true;
    return SLUICE_OK;
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    (void)name, (void)operand;
    *object = state;
    *size = SLUICE_UNKNOWN;
    return SLUICE_OK;
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    uint64_t left = SOURCE_BYTES - offset;
    size_t bytes = left < SOURCE_STEP ? (size_t)left : SOURCE_STEP;
    (void)object, (void)count;
    bytes = bytes < buffers[0].iov_len ? bytes : buffers[0].iov_len;
    memset(buffers[0].iov_base, 'l', bytes);
    return later(state, completion, (int64_t)bytes);
}

static void close_object(void *state, void *object)
{
    (void)state, (void)object;
}

static const sluice_source_ops ops = {
    .init = init, .fini = fini, .next = next, .open = open_object, .read = read_object, .close = close_object};

SLUICE_PLUGIN_DEFINE(source, later, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "later", .version = "1",
                     .summary = "answers later", .state_size = sizeof(later_state), .ops = &ops, .ops_size = sizeof(ops));

#else

/* The destination `fail` fails the commit. */
static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    later_state *self = state;
    (void)config;
    self->host = host;
    self->listed = strcmp(spec->destination, "fail") == 0;
    return SLUICE_OK;
}

static int prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have)
{
    (void)entry, (void)compared;
    *verdict = SLUICE_SINK_WRITE;
    *object = state;
    *have = 0;
    return SLUICE_OK;
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    (void)object, (void)offset, (void)count;
    return later(state, completion, (int64_t)buffers[0].iov_len);
}

static int commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    later_state *self = state;
    (void)object, (void)size;
    return later(self, completion, self->listed ? SLUICE_ENOSPACE : SLUICE_OK);
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

static const sluice_sink_ops ops = {.init = init,
                                    .fini = fini,
                                    .prepare = prepare,
                                    .write = write_object,
                                    .commit = commit,
                                    .abandon = abandon,
                                    .finish = finish};

SLUICE_PLUGIN_DEFINE(sink, later, SLUICE_SINK, SLUICE_SINK_ABI, .name = "later", .version = "1",
                     .summary = "answers later", .state_size = sizeof(later_state), .ops = &ops, .ops_size = sizeof(ops));

#endif
