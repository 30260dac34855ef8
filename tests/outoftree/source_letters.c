/* SPDX-License-Identifier: Apache-2.0 */
/* A third party's source: one object of letters, from the installed headers alone. */
#include <sluice/source.h>

typedef struct letters_state {
    uint64_t bytes;
    bool listed;
} letters_state;

typedef struct letters_config {
    uint64_t length;
} letters_config;

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    (void)host;
    (void)spec;
    ((letters_state *)state)->bytes = ((const letters_config *)config)->length;
    return SLUICE_OK;
}

static int next(void *state, sluice_entry *out)
{
    letters_state *letters = state;
    if (letters->listed)
        return SLUICE_EEND;
    letters->listed = true;
    *out = (sluice_entry){.type = SLUICE_ENTRY_FILE,
                          .name = "letters",
                          .size = letters->bytes,
                          .mode = 0644,
                          .mtime_ns = INT64_MIN,
                          .atime_ns = INT64_MIN,
                          .uid = UINT32_MAX,
                          .gid = UINT32_MAX};
    return SLUICE_OK;
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    (void)name;
    (void)operand;
    *object = state;
    *size = ((letters_state *)state)->bytes;
    return SLUICE_OK;
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    uint64_t bytes = ((letters_state *)state)->bytes;
    int64_t done = 0;
    (void)object;
    (void)completion;
    for (int i = 0; i < count; i++) {
        char *at = buffers[i].iov_base;
        for (size_t j = 0; j < buffers[i].iov_len && offset < bytes; j++, done++)
            at[j] = (char)('a' + offset++ % 26);
    }
    return done;
}

static void close_object(void *state, void *object)
{
    (void)state;
    (void)object;
}

static const sluice_source_ops ops = {
    .capabilities = SLUICE_SOURCE_SIZE_KNOWN | SLUICE_SOURCE_SEEKABLE,
    .init = init,
    .next = next,
    .open = open_object,
    .read = read_object,
    .close = close_object,
};

static const sluice_option options[] = {
    SLUICE_OPTION_SIZE(letters_config, length, .def = "1M", .help = "How many letters."),
};

SLUICE_PLUGIN_DEFINE(source, letters, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "letters", .version = "1.0",
                     .summary = "the alphabet, over and over", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(letters_config),
                     .state_size = sizeof(letters_state), .ops = &ops, .ops_size = sizeof(ops));
