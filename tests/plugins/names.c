/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source called `file`, as servers have it, of empty files that exist only by name: the operand's path says how many.
 * Of 5000: 5000/0000000/an-empty-file-0000000 to 5000/0000004/an-empty-file-0004999.  So a list of names can be longer than
 * any disk here would hold.
 */
#include <sluice/source.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define IN_A_DIRECTORY 1000

typedef struct names_source {
    uint64_t count, told;
    char name[100];
} names_source;

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    names_source *names = state;
    (void)config, (void)host;
    if (spec->operand_count != 1)
        return SLUICE_EINVAL;
    names->count = strtoull(spec->operands->path, NULL, 10);
    return SLUICE_OK;
}

static void fini(void *state)
{
    (void)state;
}

static int next(void *state, sluice_entry *out)
{
    names_source *names = state;
    if (names->told == names->count)
        return SLUICE_EEND;
    (void)snprintf(names->name, sizeof names->name, "%" PRIu64 "/%07" PRIu64 "/an-empty-file-%07" PRIu64, names->count,
                   names->told / IN_A_DIRECTORY, names->told);
    names->told++;
    *out = (sluice_entry){.type = SLUICE_ENTRY_FILE,
                          .name = names->name,
                          .mode = 0644,
                          .mtime_ns = INT64_C(1700000000000000000),
                          .atime_ns = INT64_MIN,
                          .uid = 1000,
                          .gid = 1000,
                          .user = "somebody",
                          .group = "somebody"};
    return SLUICE_OK;
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    (void)name, (void)operand;
    *object = state;
    *size = 0;
    return SLUICE_OK;
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    (void)state, (void)object, (void)offset, (void)buffers, (void)count, (void)completion;
    return 0;
}

static void close_object(void *state, void *object)
{
    (void)state, (void)object;
}

static const sluice_source_ops ops = {
    .capabilities = SLUICE_SOURCE_SIZE_KNOWN | SLUICE_SOURCE_SEEKABLE | SLUICE_SOURCE_PARALLEL,
    .init = init,
    .fini = fini,
    .next = next,
    .open = open_object,
    .read = read_object,
    .close = close_object,
};

SLUICE_PLUGIN_DEFINE(source, file, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "file", .version = "1",
                     .summary = "empty files that exist only by name", .state_size = sizeof(names_source), .ops = &ops,
                     .ops_size = sizeof ops);
