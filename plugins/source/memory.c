/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source `memory`: bytes of memory that is shared under a name (memory:/name), or under the number that it has in this
 * process (memory:3): an application sends what it has in a memfd without a file on a disk.
 */
#include "region.h"
#include "sole.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct memory_config {
    char *name;
} memory_config;

static const sluice_option options[] = {
    SLUICE_OPTION_STRING(memory_config, name,
                         .help = "Name of the file where the destination is a directory. By default that of the shared "
                                 "memory object, or memory."),
};

typedef struct memory_source {
    const sluice_host *host;
    char *text;
    sluice_region region;
    char name[SLUICE_SOLE_NAME];
    int fd;
    uint64_t size;
    bool listed;
} memory_source;

static int look(memory_source *source)
{
    struct stat about;
    source->fd = sluice_region_open(&source->region, source->host, O_RDONLY);
    if (source->fd < 0)
        return source->fd;
    if (fstat(source->fd, &about) != 0) {
        int errnum = errno;
        (void)close(source->fd);
        return sluice_region_fail(&source->region, source->host, errnum, "cannot be looked at");
    }
    source->size = (uint64_t)about.st_size;
    return SLUICE_OK;
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    const memory_config *settings = config;
    memory_source *source = state;
    const char *argument = spec->argument != NULL ? spec->argument : "";
    source->host = host;
    int status = sluice_sole_own(host, "memory", spec->root);
    if (status == SLUICE_OK)
        status = sluice_region_parse(&source->region, host, argument);
    if (status == SLUICE_OK)
        status = sluice_sole_name(host, "memory", settings->name, source->region.number >= 0 ? "memory" : argument,
                                  source->name);
    if (status == SLUICE_OK && (source->text = sluice_sole_copy(host, argument)) == NULL)
        status = SLUICE_ENOMEM;
    if (status != SLUICE_OK)
        return status;
    source->region.text = source->text;
    status = look(source);
    if (status != SLUICE_OK)
        (void)host->resize(host, source->text, 0);
    return status;
}

static void fini(void *state)
{
    memory_source *source = state;
    (void)close(source->fd);
    (void)source->host->resize(source->host, source->text, 0);
}

static int next(void *state, sluice_entry *out)
{
    memory_source *source = state;
    return sluice_sole_next(&source->listed, source->name, source->size, out);
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    memory_source *source = state;
    (void)operand;
    if (strcmp(name, source->name) != 0)
        return source->host->fail(source->host, SLUICE_ENOENT, "memory: there is no %.700s", name);
    *object = source;
    *size = source->size;
    return SLUICE_OK;
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    const memory_source *source = state;
    ssize_t got;
    (void)object, (void)completion;
    if (offset >= source->size)
        return 0;
    do
        got = preadv(source->fd, buffers, count, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got >= 0 ? got : sluice_region_fail(&source->region, source->host, errno, "cannot be read");
}

static int unchanged(void *state, void *object)
{
    const memory_source *source = state;
    struct stat about;
    (void)object;
    if (fstat(source->fd, &about) == 0 && (uint64_t)about.st_size == source->size)
        return SLUICE_OK;
    return source->host->fail(source->host, SLUICE_ECHANGED, "memory:%.300s: its size changed while it was read",
                              source->text);
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
    .unchanged = unchanged,
    .close = close_object,
};

SLUICE_PLUGIN_DEFINE(source, memory, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "memory", .version = "1.0",
                     .summary = "memory that is shared: /name, or the number of a descriptor", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(memory_config),
                     .state_size = sizeof(memory_source), .ops = &ops, .ops_size = sizeof ops);
