/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_zstd.c - a file that is compressed on its way out: zstd:PATH arrives as PATH.zst.
 *
 *     cc -std=c17 -O2 -fPIC -shared -fvisibility=hidden -Wl,-z,defs -Wl,-z,now $(pkg-config --cflags sluice libzstd) \
 *         -o source_zstd.so source_zstd.c $(pkg-config --libs libzstd)
 *
 * An example of a stream: its size is not known before its end, and it is read once, in order.
 */
#include <errno.h>
#include <sluice/source.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

typedef struct zstd_config {
    int64_t level;
    bool checksum;
} zstd_config;

static const sluice_option options[] = {
    SLUICE_OPTION_INT(zstd_config, level, .def = "3", .min = "1", .max = "19",
                      .help = "Higher ones compress better and slower."),
    SLUICE_OPTION_BOOL(zstd_config, checksum, .def = "yes", .help = "Put a checksum of the content at its end."),
};

typedef struct zstd_source {
    const sluice_host *host;
    const zstd_config *config;
    char path[4096], name[256];
    bool listed, ended;
    FILE *file;
    ZSTD_CStream *stream;
    ZSTD_inBuffer in; /* what of `bytes` is not compressed yet */
    uint64_t at;      /* bytes given so far */
    char bytes[65536];
} zstd_source;

static int zstd_init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    zstd_source *source = state;
    const char *path = spec->argument ? spec->argument : "";
    const char *slash = strrchr(path, '/'), *leaf = slash ? slash + 1 : path;
    source->host = host;
    source->config = config;
    if (spec->root) /* a peer may ask for what lies below a root, which this plugin does not look after */
        return host->fail(host, SLUICE_EACCESS, "zstd: is not for what a peer asks for");
    if (!leaf[0] || strlen(path) >= sizeof source->path || strlen(leaf) > sizeof source->name - 5)
        return host->fail(host, SLUICE_EUSAGE, "zstd:%.300s: give the path of a file, as in zstd:/var/log/syslog", path);
    strcpy(source->path, path);
    snprintf(source->name, sizeof source->name, "%.250s.zst", leaf);
    return SLUICE_OK;
}

static void zstd_fini(void *state)
{
    (void)state; /* close has let go of everything */
}

static int zstd_next(void *state, sluice_entry *out)
{
    zstd_source *source = state;
    if (source->listed)
        return SLUICE_EEND;
    source->listed = true;
    memset(out, 0, sizeof *out);
    out->type = SLUICE_ENTRY_FILE;
    out->name = source->name;
    out->size = SLUICE_UNKNOWN;
    out->mode = UINT32_MAX;
    out->mtime_ns = out->atime_ns = INT64_MIN;
    out->uid = out->gid = UINT32_MAX;
    return SLUICE_OK;
}

static void zstd_close(void *state, void *object)
{
    zstd_source *source = state;
    (void)object;
    if (source->file)
        fclose(source->file);
    ZSTD_freeCStream(source->stream);
    source->file = NULL;
    source->stream = NULL;
}

static int zstd_open(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    zstd_source *source = state;
    const sluice_host *host = source->host;
    (void)operand;
    if (strcmp(name, source->name) != 0)
        return host->fail(host, SLUICE_ENOENT, "zstd: there is no %s", name);
    source->file = fopen(source->path, "re");
    if (!source->file)
        return host->fail(host, errno == ENOENT ? SLUICE_ENOENT : SLUICE_EIO, "zstd:%s: cannot be opened: %s",
                          source->path, strerror(errno));
    source->stream = ZSTD_createCStream();
    if (!source->stream) {
        zstd_close(state, NULL);
        return host->fail(host, SLUICE_ENOMEM, "zstd:%s: out of memory", source->path);
    }
    ZSTD_CCtx_setParameter(source->stream, ZSTD_c_compressionLevel, (int)source->config->level);
    ZSTD_CCtx_setParameter(source->stream, ZSTD_c_checksumFlag, source->config->checksum);
    source->in = (ZSTD_inBuffer){source->bytes, 0, 0};
    source->ended = false;
    source->at = 0;
    *object = source;
    *size = SLUICE_UNKNOWN;
    return SLUICE_OK;
}

/* Compresses until there is something to give: a stream may give less than was asked for, and only its end is 0. */
static int64_t zstd_read(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                         sluice_completion *completion)
{
    zstd_source *source = state;
    const sluice_host *host = source->host;
    ZSTD_outBuffer out = {buffers[0].iov_base, buffers[0].iov_len, 0};
    (void)object, (void)count, (void)completion;
    if (offset != source->at)
        return host->fail(host, SLUICE_EINVAL, "zstd:%s: cannot be read again", source->path);
    while (out.pos == 0 && !source->ended) {
        if (source->in.pos == source->in.size) {
            source->in.size = fread(source->bytes, 1, sizeof source->bytes, source->file);
            source->in.pos = 0;
            if (ferror(source->file))
                return host->fail(host, SLUICE_EIO, "zstd:%s: cannot be read: %s", source->path, strerror(errno));
        }
        bool last = feof(source->file);
        size_t left = ZSTD_compressStream2(source->stream, &out, &source->in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return host->fail(host, SLUICE_EFAILED, "zstd:%s: %s", source->path, ZSTD_getErrorName(left));
        source->ended = last && left == 0;
    }
    source->at += out.pos;
    return (int64_t)out.pos;
}

static const sluice_source_ops ops = {
    .init = zstd_init, /* no capabilities: size unknown, one object, read once, in order */
    .fini = zstd_fini,
    .next = zstd_next,
    .open = zstd_open,
    .read = zstd_read,
    .close = zstd_close,
};

SLUICE_PLUGIN_DEFINE(source, zstd, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "zstd", .version = "1.0",
                     .summary = "a file, compressed by zstd on its way out", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(zstd_config),
                     .state_size = sizeof(zstd_source), .ops = &ops, .ops_size = sizeof ops);
