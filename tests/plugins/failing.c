/* SPDX-License-Identifier: Apache-2.0 */
/* A source whose calls fail with a sentence of their own, for tests of the host table. */
#include <sluice/source.h>
#include <string.h>

typedef struct failing_state {
    const sluice_host *host;
} failing_state;

typedef struct failing_config {
    char *words;
    char *password;
} failing_config;

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    failing_state *failing = state;
    (void)config;
    (void)spec;
    failing->host = host;
    return SLUICE_OK;
}

/* Fails without a sentence. */
static int next(void *state, sluice_entry *out)
{
    (void)state;
    (void)out;
    return SLUICE_EACCESS;
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    const sluice_host *host = ((failing_state *)state)->host;
    (void)operand;
    (void)object;
    (void)size;
    host->log(host, SLUICE_LOG_WARNING, "opening %s", name);
    return host->fail(host, SLUICE_ENOENT, "%s: no such thing", name);
}

/* The offset is in the sentence, so that a test can tell threads apart. */
static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    const sluice_host *host = ((failing_state *)state)->host;
    (void)object;
    (void)buffers;
    (void)count;
    if (completion != NULL) {
        host->complete(host, completion, 42, NULL);
        return SLUICE_EPENDING;
    }
    return host->fail(host, SLUICE_EIO, "offset %llu", (unsigned long long)offset);
}

static void close_object(void *state, void *object)
{
    (void)state;
    (void)object;
}

static const sluice_source_ops ops = {
    .init = init,
    .next = next,
    .open = open_object,
    .read = read_object,
    .close = close_object,
};

static const sluice_option options[] = {
    SLUICE_OPTION_STRING(failing_config, words, .flags = SLUICE_OPTION_REPEAT, .help = "Words."),
    SLUICE_OPTION_SECRET(failing_config, password, .help = "Not to be shown."),
};

SLUICE_PLUGIN_DEFINE(source, failing, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "failing", .version = "1",
                     .summary = "fails", .options = options, .option_count = SLUICE_COUNT(options),
                     .config_size = sizeof(failing_config), .state_size = sizeof(failing_state), .ops = &ops,
                     .ops_size = sizeof(ops));
