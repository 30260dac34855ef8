/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink `memory`: a file becomes memory that is shared under a name (memory:/name), or that has a number in this process
 * (memory:3), and never touches a disk.
 *
 * Under a name it appears whole, in place of what was there: until then the memory has no name, and goes with the process.
 * (POSIX knows no rename for shared memory objects; on Linux they are files of /dev/shm.)  Under a number it is filled in
 * place, cut to size at the end, and good only if the transfer says so.
 */
#include "region.h"
#include "sole.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HIDDEN_BYTES 40 /* ".sluice-" and 16 digits */

typedef struct memory_sink {
    const sluice_host *host;
    char *text;
    sluice_region region;
    sluice_overwrite overwrite;
    sluice_sole sole;
    int fd;
} memory_sink;

static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    memory_sink *sink = state;
    (void)config;
    sink->host = host;
    sink->fd = -1;
    sink->overwrite = spec->overwrite;
    int status = sluice_sole_own(host, "memory", spec->root);
    if (status == SLUICE_OK)
        status = sluice_region_parse(&sink->region, host, spec->destination);
    if (status == SLUICE_OK)
        status = sluice_sole_check(host, "memory", spec);
    if (status == SLUICE_OK && (sink->text = sluice_sole_copy(host, spec->destination)) == NULL)
        status = SLUICE_ENOMEM;
    sink->region.text = sink->text;
    return status;
}

static void abandon(void *state, void *object, bool keep)
{
    memory_sink *sink = state;
    (void)object, (void)keep;
    if (sink->fd >= 0)
        (void)close(sink->fd);
    sink->fd = -1;
}

static void fini(void *state)
{
    memory_sink *sink = state;
    abandon(state, NULL, false);
    (void)sink->host->resize(sink->host, sink->text, 0);
}

static int fail_errno(const memory_sink *sink, int errnum, const char *what)
{
    return sluice_region_fail(&sink->region, sink->host, errnum, what);
}

static bool is_there(const memory_sink *sink)
{
    struct stat about;
    char path[sizeof SLUICE_REGION_DIRECTORY + NAME_MAX + 2];
    (void)snprintf(path, sizeof path, "%s%.*s", SLUICE_REGION_DIRECTORY, NAME_MAX + 1, sink->text);
    return lstat(path, &about) == 0;
}

static int open_memory(memory_sink *sink)
{
    if (sink->region.number >= 0) {
        sink->fd = sluice_region_open(&sink->region, sink->host, O_RDWR);
        if (sink->fd < 0)
            return sink->fd;
        return ftruncate(sink->fd, 0) == 0 ? SLUICE_OK : fail_errno(sink, errno, "cannot be emptied");
    }
    sink->fd = open(SLUICE_REGION_DIRECTORY, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return sink->fd >= 0 ? SLUICE_OK : fail_errno(sink, errno, "no shared memory to be had in " SLUICE_REGION_DIRECTORY);
}

static int prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have)
{
    memory_sink *sink = state;
    (void)compared;
    int status = sluice_sole_take(&sink->sole, sink->host, "memory", entry);
    if (status != SLUICE_OK)
        return status;
    if (sink->region.number < 0 && sink->overwrite == SLUICE_OVERWRITE_NEVER && is_there(sink)) {
        *verdict = SLUICE_SINK_SKIP;
        return SLUICE_OK;
    }
    status = open_memory(sink);
    if (status != SLUICE_OK) {
        abandon(state, NULL, false);
        return status;
    }
    *verdict = SLUICE_SINK_WRITE;
    *object = sink;
    *have = 0;
    return SLUICE_OK;
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    const memory_sink *sink = state;
    int64_t total = 0;
    (void)object, (void)completion;
    for (int i = 0; i < count; i++) {
        const char *at = buffers[i].iov_base;
        for (size_t left = buffers[i].iov_len; left > 0;) {
            ssize_t put = pwrite(sink->fd, at, left, (off_t)(offset + (uint64_t)total));
            if (put < 0 && errno == EINTR)
                continue;
            if (put <= 0)
                return fail_errno(sink, put < 0 ? errno : ENOSPC, "cannot be written");
            at += put;
            left -= (size_t)put;
            total += put;
        }
    }
    return total;
}

static int hole(void *state, void *object, uint64_t from, uint64_t to)
{
    const memory_sink *sink = state;
    (void)object;
    if (fallocate(sink->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from)) == 0)
        return SLUICE_OK;
    return fail_errno(sink, errno, "cannot get a hole");
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count)
{
    const memory_sink *sink = state;
    ssize_t got;
    (void)object;
    do
        got = preadv(sink->fd, buffers, count, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got >= 0 ? got : fail_errno(sink, errno, "cannot be read back");
}

/* A link cannot take the place of another name, but a second name can be renamed to it. */
static int replace(const memory_sink *sink, int directory, const char *from)
{
    char hidden[HIDDEN_BYTES];
    uint64_t number;
    sink->host->random(sink->host, &number, sizeof number);
    (void)snprintf(hidden, sizeof hidden, ".sluice-%016" PRIx64, number);
    if (linkat(AT_FDCWD, from, directory, hidden, AT_SYMLINK_FOLLOW) != 0)
        return errno;
    if (renameat(directory, hidden, directory, sink->text + 1) == 0)
        return 0;
    int errnum = errno;
    (void)unlinkat(directory, hidden, 0);
    return errnum;
}

static int give_name(const memory_sink *sink)
{
    char from[40];
    (void)snprintf(from, sizeof from, "/proc/self/fd/%d", sink->fd);
    int directory = open(SLUICE_REGION_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return errno;
    int errnum = linkat(AT_FDCWD, from, directory, sink->text + 1, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
    if (errnum == EEXIST)
        errnum = replace(sink, directory, from);
    (void)close(directory);
    return errnum;
}

static int commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    memory_sink *sink = state;
    int errnum = 0;
    (void)completion;
    if (ftruncate(sink->fd, (off_t)size) != 0)
        errnum = errno;
    if (errnum == 0 && sink->region.number < 0)
        errnum = give_name(sink);
    abandon(state, object, false);
    return errnum == 0 ? SLUICE_OK : fail_errno(sink, errnum, "cannot be finished");
}

static int finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                  void *user)
{
    (void)state, (void)failed, (void)user;
    return SLUICE_OK;
}

static const sluice_sink_ops ops = {
    .capabilities = SLUICE_SINK_SEEKABLE | SLUICE_SINK_PARALLEL_WRITES | SLUICE_SINK_READABLE | SLUICE_SINK_ATOMIC,
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

SLUICE_PLUGIN_DEFINE(sink, memory, SLUICE_SINK, SLUICE_SINK_ABI, .name = "memory", .version = "1.0",
                     .summary = "memory that is shared: /name, or the number of a descriptor",
                     .state_size = sizeof(memory_sink), .ops = &ops, .ops_size = sizeof ops);
