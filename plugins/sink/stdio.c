/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink `stdio`: one stream, to standard output, or to a named pipe, device or file (stdio:PATH).
 *
 * A file is written in place, as the shell's `>` does it: what came before a failure stays there.
 */
#include "flow.h"
#include "sole.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct stdio_sink {
    const sluice_host *host;
    char *path; /* NULL: standard output */
    sluice_overwrite overwrite;
    sluice_sync sync;
    sluice_sole sole;
    sluice_bell bell;
    int fd; /* ours, of standard output too: close tells what a file system has kept back until then */
    uint64_t at;
} stdio_sink;

static const char *place(const stdio_sink *sink)
{
    return sink->path != NULL ? sink->path : "standard output";
}

static int fail_errno(const stdio_sink *sink, int errnum, const char *what)
{
    const sluice_host *host = sink->host;
    if (errnum == EPIPE)
        return host->fail(host, SLUICE_EIO, "%.700s: who read it has gone, after %" PRIu64 " bytes", place(sink),
                          sink->at);
    if (errnum == ECANCELED)
        return host->fail(host, SLUICE_ECANCELLED, "%.700s: interrupted", place(sink));
    int status = errnum == ENOSPC || errnum == EDQUOT  ? SLUICE_ENOSPACE
                 : errnum == ENOENT                    ? SLUICE_ENOENT
                 : errnum == EACCES || errnum == EPERM ? SLUICE_EACCESS
                                                       : SLUICE_EIO;
    return host->fail(host, status, "%.700s: %s: %s", place(sink), what, strerror(errnum));
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    stdio_sink *sink = state;
    (void)config;
    sink->host = host;
    sink->fd = -1;
    sink->overwrite = spec->overwrite;
    sink->sync = spec->sync;
    int status = sluice_sole_own(host, "stdio", spec->root);
    if (status == SLUICE_OK && spec->destination[0] != '\0' &&
        (sink->path = sluice_sole_copy(host, spec->destination)) == NULL)
        status = SLUICE_ENOMEM;
    if (status == SLUICE_OK)
        status = sluice_sole_check(host, place(sink), spec);
    if (status == SLUICE_OK && sink->path == NULL && fcntl(STDOUT_FILENO, F_GETFD) < 0)
        status = fail_errno(sink, errno, "is closed");
    int errnum = status == SLUICE_OK ? sluice_bell_init(&sink->bell) : 0;
    if (errnum != 0)
        status = fail_errno(sink, errnum, "cannot make an eventfd");
    if (status != SLUICE_OK && sink->path != NULL)
        (void)host->resize(host, sink->path, 0);
    return status;
}

static void abandon(void *state, void *object, bool keep)
{
    stdio_sink *sink = state;
    (void)object, (void)keep;
    if (sink->fd >= 0)
        (void)close(sink->fd);
    sink->fd = -1;
}

static void fini(void *state)
{
    stdio_sink *sink = state;
    abandon(state, NULL, false);
    sluice_bell_fini(&sink->bell);
    if (sink->path != NULL)
        (void)sink->host->resize(sink->host, sink->path, 0);
}

static int prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have)
{
    stdio_sink *sink = state;
    struct stat about;
    (void)compared;
    int status = sluice_sole_take(&sink->sole, sink->host, place(sink), entry);
    if (status != SLUICE_OK)
        return status;
    if (sink->path != NULL && sink->overwrite == SLUICE_OVERWRITE_NEVER && stat(sink->path, &about) == 0 &&
        S_ISREG(about.st_mode)) {
        *verdict = SLUICE_SINK_SKIP;
        return SLUICE_OK;
    }
    sink->fd = sink->path != NULL ? sluice_flow_create(sink->path, &sink->bell) : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (sink->fd < 0)
        status = fail_errno(sink, sink->path != NULL ? -sink->fd : errno, "cannot be opened");
    if (status != SLUICE_OK)
        return status;
    sluice_flow_widen(sink->fd);
    *verdict = SLUICE_SINK_WRITE;
    *object = sink;
    *have = 0;
    return SLUICE_OK;
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    stdio_sink *sink = state;
    (void)object, (void)completion;
    if (offset != sink->at)
        return sink->host->fail(sink->host, SLUICE_EINVAL, "%.700s: byte %" PRIu64 " came when byte %" PRIu64 " was due",
                                place(sink), offset, sink->at);
    int64_t put = sluice_flow_write(sink->fd, &sink->bell, buffers, count, &sink->at);
    return put < 0 ? fail_errno(sink, (int)-put, "cannot be written") : put;
}

/* Pipes and the like cannot be synchronised, which is no failure. */
static int commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    stdio_sink *sink = state;
    int errnum = 0;
    (void)object, (void)size, (void)completion;
    if (sink->sync != SLUICE_SYNC_NONE && fsync(sink->fd) != 0 && errno != EINVAL && errno != EROFS)
        errnum = errno;
    if (close(sink->fd) != 0 && errno != EINTR && errnum == 0)
        errnum = errno;
    sink->fd = -1;
    return errnum != 0 ? fail_errno(sink, errnum, "cannot be written") : SLUICE_OK;
}

static int finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                  void *user)
{
    (void)state, (void)failed, (void)user;
    return SLUICE_OK;
}

static void interrupt(void *state)
{
    sluice_bell_ring(&((stdio_sink *)state)->bell);
}

static const sluice_sink_ops ops = {
    .capabilities = SLUICE_SINK_ONCE,
    .init = init,
    .fini = fini,
    .prepare = prepare,
    .write = write_object,
    .commit = commit,
    .abandon = abandon,
    .finish = finish,
    .interrupt = interrupt,
};

SLUICE_PLUGIN_DEFINE(sink, stdio, SLUICE_SINK, SLUICE_SINK_ABI, .name = "stdio", .version = "1.0",
                     .summary = "standard output, or a named pipe, device or file as a stream",
                     .state_size = sizeof(stdio_sink), .ops = &ops, .ops_size = sizeof ops);
