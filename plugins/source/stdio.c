/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source `stdio`: one stream, of standard input, or of a named pipe, device or file (stdio:PATH).
 *
 * It is read once, from where it stands, to its end.  A size is told where a regular file has one.
 */
#include "flow.h"
#include "sole.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct stdio_config {
    char *name;
} stdio_config;

static const sluice_option options[] = {
    SLUICE_OPTION_STRING(stdio_config, name,
                         .help = "Name of the file where the destination is a directory. By default stdin, or the last "
                                 "component of the path."),
};

typedef struct stdio_source {
    const sluice_host *host;
    char *path; /* NULL: standard input */
    char name[SLUICE_SOLE_NAME];
    sluice_bell bell;
    int fd;
    uint64_t at;
    bool listed, ended;
} stdio_source;

static const char *place(const stdio_source *source)
{
    return source->path != NULL ? source->path : "standard input";
}

static int fail_errno(const stdio_source *source, int errnum, const char *what)
{
    int status = errnum == ENOENT ? SLUICE_ENOENT : errnum == EACCES || errnum == EPERM ? SLUICE_EACCESS : SLUICE_EIO;
    return source->host->fail(source->host, status, "%.700s: %s: %s", place(source), what, strerror(errnum));
}

/* What is wrong with a place is better known before the server knows of us. */
static int look(const stdio_source *source)
{
    struct stat about;
    int failed = source->path != NULL ? stat(source->path, &about) : fstat(STDIN_FILENO, &about);
    if (failed != 0)
        return fail_errno(source, errno, source->path != NULL ? "cannot be read" : "is closed");
    if (S_ISDIR(about.st_mode))
        return source->host->fail(source->host, SLUICE_EUSAGE, "%.700s: is a directory; a stream cannot be read of it",
                                  place(source));
    return SLUICE_OK;
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    const stdio_config *settings = config;
    stdio_source *source = state;
    bool named = spec->argument != NULL && spec->argument[0] != '\0';
    source->host = host;
    source->fd = -1;
    int status = sluice_sole_own(host, "stdio", spec->root);
    if (status == SLUICE_OK)
        status = sluice_sole_name(host, "stdio", settings->name, named ? spec->argument : "stdin", source->name);
    if (status == SLUICE_OK && named && (source->path = sluice_sole_copy(host, spec->argument)) == NULL)
        status = SLUICE_ENOMEM;
    if (status == SLUICE_OK)
        status = look(source);
    int errnum = status == SLUICE_OK ? sluice_bell_init(&source->bell) : 0;
    if (errnum != 0)
        status = fail_errno(source, errnum, "cannot make an eventfd");
    if (status != SLUICE_OK && source->path != NULL)
        (void)host->resize(host, source->path, 0);
    return status;
}

static void close_object(void *state, void *object)
{
    stdio_source *source = state;
    (void)object;
    if (source->fd >= 0 && source->path != NULL)
        (void)close(source->fd);
    source->fd = -1;
}

static void fini(void *state)
{
    stdio_source *source = state;
    close_object(state, NULL);
    sluice_bell_fini(&source->bell);
    if (source->path != NULL)
        (void)source->host->resize(source->host, source->path, 0);
}

/* What is left of a regular file.  Those of which the system makes up the bytes (/proc, /sys) have none or a wrong size;
 * they take no space either. */
static uint64_t size_left(const stdio_source *source, int fd)
{
    struct stat about;
    bool known = (fd >= 0 ? fstat(fd, &about) : stat(source->path, &about)) == 0 && S_ISREG(about.st_mode) &&
                 about.st_blocks > 0;
    off_t at = fd >= 0 ? lseek(fd, 0, SEEK_CUR) : 0;
    return known && at >= 0 && about.st_size > at ? (uint64_t)(about.st_size - at) : SLUICE_UNKNOWN;
}

static int next(void *state, sluice_entry *out)
{
    stdio_source *source = state;
    uint64_t size = source->listed ? SLUICE_UNKNOWN : size_left(source, source->path != NULL ? -1 : STDIN_FILENO);
    return sluice_sole_next(&source->listed, source->name, size, out);
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    stdio_source *source = state;
    (void)operand;
    if (strcmp(name, source->name) != 0 || source->fd >= 0 || source->at > 0)
        return source->host->fail(source->host, SLUICE_ENOENT, "stdio: there is no %.700s, or not any more", name);
    /* Without waiting for a named pipe's writer: read does that. */
    source->fd = source->path == NULL ? STDIN_FILENO
                                      : open(source->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (source->fd < 0)
        return fail_errno(source, errno, "cannot be opened");
    sluice_flow_widen(source->fd);
    *object = source;
    *size = size_left(source, source->fd);
    return SLUICE_OK;
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    stdio_source *source = state;
    const sluice_host *host = source->host;
    (void)object, (void)completion;
    if (offset != source->at)
        return host->fail(host, SLUICE_EINVAL, "%.700s: cannot be read again from byte %" PRIu64, place(source), offset);
    /* A terminal would wait for more after its end. */
    if (source->ended)
        return 0;
    int64_t got = sluice_flow_read(source->fd, &source->bell, buffers, count);
    if (got == -ECANCELED)
        return host->fail(host, SLUICE_ECANCELLED, "%.700s: interrupted", place(source));
    if (got < 0)
        return fail_errno(source, (int)-got, "cannot be read");
    source->at += (uint64_t)got;
    source->ended = got == 0;
    return got;
}

static void interrupt(void *state)
{
    sluice_bell_ring(&((stdio_source *)state)->bell);
}

static const sluice_source_ops ops = {
    .capabilities = SLUICE_SOURCE_ONCE,
    .init = init,
    .fini = fini,
    .next = next,
    .open = open_object,
    .read = read_object,
    .close = close_object,
    .interrupt = interrupt,
};

SLUICE_PLUGIN_DEFINE(source, stdio, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "stdio", .version = "1.0",
                     .summary = "standard input, or a named pipe, device or file as a stream", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(stdio_config),
                     .state_size = sizeof(stdio_source), .ops = &ops, .ops_size = sizeof ops);
