/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source `zero`: files that do not exist and read as zeroes, for measuring without a disk.
 *
 * The argument is SIZE or SIZE*COUNT ("4G", "4Ki*5000") and goes before the options.  Holes are not told, so that all
 * bytes are really sent.
 */
#include <inttypes.h>
#include <sluice/source.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct zero_config {
    uint64_t size;
    int64_t count;
    char *name;
} zero_config;

static const sluice_option options[] = {
    SLUICE_OPTION_SIZE(zero_config, size, .def = "1G", .max = "8192T", .help = "Bytes of each file."),
    SLUICE_OPTION_INT(zero_config, count, .def = "1", .min = "1", .max = "1000000000", .help = "How many files."),
    SLUICE_OPTION_STRING(zero_config, name, .def = "zero", .help = "Name of the file; several get a number behind it."),
};

#define NAME_BYTES 200

typedef struct zero_source {
    const sluice_host *host;
    uint64_t size, count, told;
    char base[NAME_BYTES];
    char name[NAME_BYTES + 24];
} zero_source;

/* "4G": decimal, and with an i binary.  False: no size. */
static bool read_size(const char *text, char **end, uint64_t *out)
{
    static const char units[] = "kMGTPE";
    if (*text < '0' || *text > '9')
        return false;
    uint64_t value = strtoull(text, end, 10);
    const char *unit = **end != '\0' ? strchr(units, **end == 'K' ? 'k' : **end) : NULL;
    if (unit != NULL) {
        bool binary = (*end)[1] == 'i';
        *end += binary ? 2 : 1;
        for (ptrdiff_t i = 0; i <= unit - units; i++) {
            if (__builtin_mul_overflow(value, binary ? 1024u : 1000u, &value))
                return false;
        }
    }
    *out = value;
    return value <= INT64_MAX;
}

static int read_argument(zero_source *source, const char *argument)
{
    char *end = NULL;
    bool good = read_size(argument, &end, &source->size);
    if (good && *end == '*')
        good = read_size(end + 1, &end, &source->count) && source->count > 0;
    if (good && *end == '\0')
        return SLUICE_OK;
    return source->host->fail(source->host, SLUICE_EUSAGE,
                              "zero:%s: give SIZE or SIZE*COUNT, as in zero:4G or "
                              "zero:4Ki*5000",
                              argument);
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    const zero_config *settings = config;
    zero_source *source = state;
    source->host = host;
    source->size = settings->size;
    source->count = (uint64_t)settings->count;
    const char *name = settings->name != NULL ? settings->name : "zero";
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL || strlen(name) >= sizeof source->base)
        return host->fail(host, SLUICE_ECONFIG, "zero: name: \"%s\" is not a good file name of less than %d bytes",
                          name, NAME_BYTES);
    strcpy(source->base, name);
    return spec->argument != NULL && spec->argument[0] != '\0' ? read_argument(source, spec->argument) : SLUICE_OK;
}

static void fini(void *state)
{
    (void)state;
}

static int next(void *state, sluice_entry *out)
{
    zero_source *source = state;
    *out = (sluice_entry){.name = NULL};
    if (source->told == source->count)
        return SLUICE_EEND;
    if (source->count == 1)
        (void)snprintf(source->name, sizeof source->name, "%s", source->base);
    else
        (void)snprintf(source->name, sizeof source->name, "%s-%" PRIu64, source->base, source->told);
    source->told++;
    /* A fixed time, so that a second run finds the same files. */
    *out = (sluice_entry){.type = SLUICE_ENTRY_FILE,
                          .name = source->name,
                          .size = source->size,
                          .mode = 0644,
                          .mtime_ns = 0,
                          .atime_ns = INT64_MIN,
                          .uid = UINT32_MAX,
                          .gid = UINT32_MAX};
    return SLUICE_OK;
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    zero_source *source = state;
    (void)operand;
    size_t bytes = strlen(source->base);
    if (strncmp(name, source->base, bytes) != 0 || (name[bytes] != '\0' && name[bytes] != '-'))
        return source->host->fail(source->host, SLUICE_ENOENT, "zero: there is no %s", name);
    *object = source; /* all files are alike */
    *size = source->size;
    return SLUICE_OK;
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    const zero_source *source = state;
    int64_t total = 0;
    (void)object, (void)completion;
    for (int i = 0; i < count && offset < source->size; i++) {
        uint64_t left = source->size - offset;
        size_t bytes = buffers[i].iov_len < left ? buffers[i].iov_len : (size_t)left;
        memset(buffers[i].iov_base, 0, bytes);
        offset += bytes;
        total += (int64_t)bytes;
    }
    return total;
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

SLUICE_PLUGIN_DEFINE(source, zero, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "zero", .version = "1.0",
                     .summary = "synthetic files that read as zeroes", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(zero_config),
                     .state_size = sizeof(zero_source), .ops = &ops, .ops_size = sizeof ops);
