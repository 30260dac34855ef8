/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_unzstd.c - a compressed file is expanded on its way in: unzstd:PATH.
 *
 *     cc -std=c17 -O2 -fPIC -shared -fvisibility=hidden -Wl,-z,defs -Wl,-z,now $(pkg-config --cflags sluice libzstd) \
 *         -o sink_unzstd.so sink_unzstd.c $(pkg-config --libs libzstd)
 *
 * An example of a sink that takes bytes in order.  It writes PATH.part, which becomes PATH when everything has come, was
 * verified, and was a whole zstd file.
 */
#include <errno.h>
#include <sluice/sink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

typedef struct unzstd_sink {
    const sluice_host *host;
    char path[4096], part[4096 + 8];
    bool taken, whole; /* whole: nothing but frames that have ended has come */
    FILE *file;
    ZSTD_DStream *stream;
    char bytes[131072];
} unzstd_sink;

static int fail_errno(const unzstd_sink *sink, const char *what)
{
    int status = errno == ENOSPC ? SLUICE_ENOSPACE : errno == ENOENT ? SLUICE_ENOENT : SLUICE_EIO;
    return sink->host->fail(sink->host, status, "%.800s: %s: %s", sink->path, what, strerror(errno));
}

static int unzstd_init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    unzstd_sink *sink = state;
    (void)config;
    sink->host = host;
    if (spec->root) /* a peer's paths would have to stay below it, which this plugin does not look after */
        return host->fail(host, SLUICE_EACCESS, "unzstd: is not for what a peer asks for");
    if (!spec->single || !spec->destination[0] || strlen(spec->destination) >= sizeof sink->path)
        return host->fail(host, SLUICE_EUSAGE, "unzstd:%.300s: takes one file and the path that it gets, as in "
                                               "unzstd:/srv/db.dump", spec->destination);
    strcpy(sink->path, spec->destination);
    snprintf(sink->part, sizeof sink->part, "%s.part", sink->path);
    return SLUICE_OK;
}

static void unzstd_fini(void *state)
{
    (void)state; /* commit or abandon has let go of everything */
}

static void unzstd_abandon(void *state, void *object, bool keep)
{
    unzstd_sink *sink = state;
    (void)object, (void)keep; /* half of a stream is no use for a resume */
    if (sink->file) {
        fclose(sink->file);
        unlink(sink->part);
    }
    ZSTD_freeDStream(sink->stream);
    sink->file = NULL;
    sink->stream = NULL;
}

static int unzstd_prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict,
                          void **object, uint64_t *have)
{
    unzstd_sink *sink = state;
    const sluice_host *host = sink->host;
    bool first = !sink->taken;
    (void)compared;
    sink->taken = true; /* of a directory what lies in it comes next, and is not meant either */
    if (entry->type != SLUICE_ENTRY_FILE || !first)
        return host->fail(host, SLUICE_EUNSUPPORTED, "%.300s: unzstd takes one file and nothing else", entry->name);
    sink->file = fopen(sink->part, "wxe"); /* x: another transfer may be writing it */
    if (!sink->file)
        return fail_errno(sink, "its .part cannot be made");
    sink->stream = ZSTD_createDStream();
    if (!sink->stream) {
        unzstd_abandon(state, NULL, false);
        return host->fail(host, SLUICE_ENOMEM, "%.800s: out of memory", sink->path);
    }
    *verdict = SLUICE_SINK_WRITE;
    *object = sink;
    *have = 0;
    return SLUICE_OK;
}

/* Bytes come in order, in pieces of any size. */
static int64_t unzstd_write(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    unzstd_sink *sink = state;
    int64_t total = 0;
    (void)object, (void)offset, (void)completion;
    for (int i = 0; i < count; i++) {
        ZSTD_inBuffer in = {buffers[i].iov_base, buffers[i].iov_len, 0};
        bool full = false; /* then there may be more to come out, though nothing is left to go in */
        while (in.pos < in.size || full) {
            ZSTD_outBuffer out = {sink->bytes, sizeof sink->bytes, 0};
            size_t hint = ZSTD_decompressStream(sink->stream, &out, &in);
            if (ZSTD_isError(hint))
                return sink->host->fail(sink->host, SLUICE_EFAILED, "%.800s: what came is no good zstd file: %s",
                                        sink->path, ZSTD_getErrorName(hint));
            if (fwrite(sink->bytes, 1, out.pos, sink->file) != out.pos)
                return fail_errno(sink, "cannot be written");
            sink->whole = hint == 0;
            full = out.pos == out.size && hint != 0;
        }
        total += (int64_t)in.size;
    }
    return total;
}

/* Everything has come and was verified; whether it makes sense only we know. */
static int unzstd_commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    unzstd_sink *sink = state;
    int status = SLUICE_OK;
    (void)completion;
    if (!sink->whole)
        status = sink->host->fail(sink->host, SLUICE_EFAILED, "%.800s: the zstd file ends in its middle, after %llu bytes",
                                  sink->path, (unsigned long long)size);
    if (status == SLUICE_OK && (fflush(sink->file) != 0 || rename(sink->part, sink->path) != 0))
        status = fail_errno(sink, "cannot be finished");
    if (status == SLUICE_OK) {
        int failed = fclose(sink->file);
        sink->file = NULL;
        if (failed)
            status = fail_errno(sink, "cannot be closed");
    }
    unzstd_abandon(state, object, false); /* it closes the object whatever the result */
    return status;
}

static int unzstd_finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                         void *user)
{
    (void)state, (void)failed, (void)user;
    return SLUICE_OK;
}

static const sluice_sink_ops ops = {
    .capabilities = SLUICE_SINK_ATOMIC, /* one object, bytes in order, nothing to be read back */
    .init = unzstd_init,
    .fini = unzstd_fini,
    .prepare = unzstd_prepare,
    .write = unzstd_write,
    .commit = unzstd_commit,
    .abandon = unzstd_abandon,
    .finish = unzstd_finish,
};

SLUICE_PLUGIN_DEFINE(sink, unzstd, SLUICE_SINK, SLUICE_SINK_ABI, .name = "unzstd", .version = "1.0",
                     .summary = "a file that zstd compressed is expanded on its way in",
                     .state_size = sizeof(unzstd_sink), .ops = &ops, .ops_size = sizeof ops);
