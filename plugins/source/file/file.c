/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source `file`: files, directories with all below them, and symbolic links of this machine.
 *
 * Below a root (paths of a peer) nothing outside it is ever opened.  A file may be replaced between its listing and
 * its opening: what counts is what open saw.  Opening never waits (a named pipe in a file's place is refused), and
 * reading leaves access times alone where the system allows it.
 */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define READ_AHEAD_BYTES (1u << 20) /* below this the kernel's own guess is as good */
#define FOLIO_BYTES (2u << 20) /* the kernel keeps pages in groups of up to this size, which begin at a multiple of it */
#define WHEN_BYTES 48

typedef struct file_object {
    int fd;
    uint64_t from, to; /* of the file, what the object is */
    uint64_t size;     /* of the file */
    struct timespec mtime;
    /* The run of data that was found last, all of it for a file that has as many blocks as its size wants.  Looking for
     * the end of a run costs as much as the run is long (tmpfs looks at every page), so it is done once for each. */
    uint64_t data_from, data_to;
    char name[]; /* for sentences */
} file_object;

typedef struct file_config {
    int special;
} file_config;

enum { SPECIAL_FAIL, SPECIAL_SKIP };

static const sluice_option options[] = {
    SLUICE_OPTION_ENUM(file_config, special, .def = "fail", .choices = "fail|skip",
                       .help = "What becomes of named pipes, sockets and devices, which cannot be sent: fail, each is told of "
                               "and counts as failed; skip, they are left out."),
};

static void fini(void *state)
{
    sluice_file_source *source = state;
    if (source->host == NULL)
        return;
    sluice_file_walk_fini(source);
    sluice_file_operands_fini(source);
    sluice_file_attributes_fini(source);
    if (source->base >= 0)
        (void)close(source->base);
    source->base = -1;
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    sluice_file_source *source = state;
    source->host = host;
    source->skip_special = ((const file_config *)config)->special == SPECIAL_SKIP;
    source->rooted = spec->root != NULL;
    source->tree_symlinks = spec->tree_symlinks;
    source->named_symlinks = spec->named_symlinks;
    source->preserve = spec->preserve;
    source->drop_behind = spec->drop_behind;
    source->wanted = spec->wanted;
    source->wanted_user = spec->wanted_user;
    const char *base = source->rooted ? spec->root : ".";
    source->base = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (source->base < 0)
        return host->fail(host, sluice_beneath_status(errno), "%s: cannot be opened: %s", base, strerror(errno));
    int status = sluice_file_operands_init(source, spec);
    if (status != SLUICE_OK)
        fini(source);
    return status;
}

static int next(void *state, sluice_entry *out)
{
    return sluice_file_walk_next(state, out);
}

static int fail_open(const sluice_file_source *source, const char *name, int errnum)
{
    const sluice_host *host = source->host;
    const char *shown = sluice_beneath_shown(name);
    if (errnum == EXDEV || (errnum == ELOOP && source->tree_symlinks == SLUICE_SYMLINKS_FOLLOW))
        return host->fail(host, SLUICE_EOUTSIDE, "%s: leads out of the root, or round in a circle", shown);
    if (errnum == ELOOP)
        return host->fail(host, SLUICE_ECHANGED, "%s: was replaced by a symbolic link since it was listed", shown);
    if (errnum == ENOENT)
        return host->fail(host, SLUICE_ENOENT, "%s: went away since it was listed", shown);
    return host->fail(host, sluice_beneath_status(errnum), "%s: cannot be opened: %s", shown, strerror(errnum));
}

static int object_new(sluice_file_source *source, const sluice_file_operand *operand, const char *name, int fd,
                      file_object **out)
{
    const sluice_host *host = source->host;
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail_open(source, name, errno);
    if (!S_ISREG(status.st_mode))
        return host->fail(host, SLUICE_ECHANGED, "%s: is no regular file any more", sluice_beneath_shown(name));
    const char *shown = sluice_beneath_shown(name);
    file_object *object = host->resize(host, NULL, sizeof *object + strlen(shown) + 1);
    if (object == NULL)
        return host->fail(host, SLUICE_ENOMEM, "%s: out of memory", shown);
    object->fd = fd;
    object->size = (uint64_t)status.st_size;
    sluice_file_operand_range(operand, object->size, &object->from, &object->to);
    object->data_from = 0;
    object->data_to = (uint64_t)status.st_blocks * 512 >= object->size ? object->size : 0;
    object->mtime = status.st_mtim;
    strcpy(object->name, shown);
    *out = object;
    return SLUICE_OK;
}

static int open_object(void *state, const char *name, uint32_t operand, void **out, uint64_t *size)
{
    sluice_file_source *source = state;
    if (operand >= atomic_load(&source->operand_count))
        return fail_open(source, name, EXDEV);
    const sluice_file_operand *from = sluice_file_operand_at(source, operand);
    int fd = sluice_file_operand_open_quietly(source, from, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail_open(source, name, errno);
    file_object *object = NULL;
    int status = object_new(source, from, name, fd, &object);
    if (status != SLUICE_OK) {
        (void)close(fd);
        return status;
    }
    if (object->size > READ_AHEAD_BYTES)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *out = object;
    *size = object->to - object->from;
    return SLUICE_OK;
}

/* A group of pages goes only as a whole, so what was dropped for a part of it before is named again. */
static void drop_behind(const file_object *file, uint64_t from, uint64_t bytes)
{
    uint64_t begin = from - from % FOLIO_BYTES;
    (void)posix_fadvise(file->fd, (off_t)begin, (off_t)(from + bytes - begin), POSIX_FADV_DONTNEED);
}

/* Goes on after short reads: only the end of the object makes the answer shorter than the buffers. */
static int64_t read_buffers(const sluice_file_source *source, const file_object *file, uint64_t offset,
                            const struct iovec *buffers, int count)
{
    uint64_t left = offset < file->to ? file->to - offset : 0;
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
        size_t done = 0, wanted = buffers[i].iov_len < left ? buffers[i].iov_len : (size_t)left;
        left -= wanted;
        while (done < wanted) {
            ssize_t bytes = pread(file->fd, (char *)buffers[i].iov_base + done, wanted - done,
                                  (off_t)(offset + (uint64_t)total));
            if (bytes < 0 && errno == EINTR)
                continue;
            if (bytes < 0)
                return source->host->fail(source->host, sluice_beneath_status(errno),
                                          "%s: cannot be read at %" PRIu64 ": %s", file->name, offset + (uint64_t)total,
                                          strerror(errno));
            if (bytes == 0)
                return total;
            done += (size_t)bytes;
            total += bytes;
        }
    }
    return total;
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    const sluice_file_source *source = state;
    const file_object *file = object;
    (void)completion;
    if (offset > file->to - file->from)
        return 0;
    int64_t total = read_buffers(source, file, file->from + offset, buffers, count);
    if (source->drop_behind && total > 0)
        drop_behind(file, file->from + offset, (uint64_t)total);
    return total;
}

/* The first run of data of the file, whatever the object is of it. */
static int file_extent(void *state, void *object, uint64_t offset, uint64_t *from, uint64_t *to)
{
    const sluice_file_source *source = state;
    file_object *file = object;
    *from = *to = file->size;
    if (offset >= file->size)
        return SLUICE_OK;
    if (offset >= file->data_from && offset < file->data_to) {
        *from = offset;
        *to = file->data_to;
        return SLUICE_OK;
    }
    off_t start = lseek(file->fd, (off_t)offset, SEEK_DATA);
    if (start < 0 && errno == ENXIO)
        return SLUICE_OK;
    if (start < 0 && errno != EINVAL)
        return source->host->fail(source->host, sluice_beneath_status(errno), "%s: holes cannot be told: %s",
                                  file->name, strerror(errno));
    /* EINVAL: this file system knows no holes. */
    off_t end = start < 0 ? (off_t)file->size : lseek(file->fd, start, SEEK_HOLE);
    if (start < 0)
        start = (off_t)offset;
    if ((uint64_t)start >= file->size)
        return SLUICE_OK;
    *from = (uint64_t)start;
    if (end > start && (uint64_t)end < file->size)
        *to = (uint64_t)end;
    file->data_from = *from;
    file->data_to = *to;
    return SLUICE_OK;
}

static int extent(void *state, void *object, uint64_t offset, uint64_t *from, uint64_t *to)
{
    const file_object *file = object;
    uint64_t end = file->to - file->from;
    int status = file_extent(state, object, offset + file->from, from, to);
    if (status != SLUICE_OK)
        return status;
    *from = *from - file->from < end ? *from - file->from : end;
    *to = *to - file->from < end ? *to - file->from : end;
    return SLUICE_OK;
}

static void say_when(const struct timespec *time, char out[WHEN_BYTES])
{
    struct tm parts;
    char seconds[32] = "";
    if (gmtime_r(&time->tv_sec, &parts) != NULL)
        (void)strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    size_t used = strlen(seconds);
    memcpy(out, seconds, used);
    out[used++] = '.';
    long rest = time->tv_nsec;
    for (long unit = 100000000; unit > 0; unit /= 10) {
        out[used++] = (char)('0' + rest / unit);
        rest %= unit;
    }
    out[used++] = 'Z';
    out[used] = '\0';
}

/* Size and modification time tell; the change time does not, because links and modes of a file may change while its
 * bytes stay what they are. */
static int unchanged(void *state, void *object)
{
    const sluice_file_source *source = state;
    const sluice_host *host = source->host;
    const file_object *file = object;
    struct stat now;
    if (fstat(file->fd, &now) != 0)
        return host->fail(host, sluice_beneath_status(errno), "%s: %s", file->name, strerror(errno));
    if ((uint64_t)now.st_size != file->size)
        return host->fail(host, SLUICE_ECHANGED,
                          "%s: changed while it was read: it had %" PRIu64 " bytes and has %" PRIu64
                          " now; copy it again when nobody writes to it",
                          file->name, file->size, (uint64_t)now.st_size);
    if (now.st_mtim.tv_sec != file->mtime.tv_sec || now.st_mtim.tv_nsec != file->mtime.tv_nsec) {
        char before[WHEN_BYTES];
        char after[WHEN_BYTES];
        say_when(&file->mtime, before);
        say_when(&now.st_mtim, after);
        return host->fail(host, SLUICE_ECHANGED,
                          "%s: changed while it was read: modified %s when opened, %s now; "
                          "copy it again when nobody writes to it",
                          file->name, before, after);
    }
    return SLUICE_OK;
}

static int add(void *state, const sluice_operand *operand)
{
    return sluice_file_operands_add(state, operand);
}

static void close_object(void *state, void *object)
{
    const sluice_file_source *source = state;
    file_object *file = object;
    if (source->drop_behind) /* with what was read ahead and not used */
        (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
    (void)close(file->fd);
    (void)source->host->resize(source->host, file, 0);
}

static const sluice_source_ops ops = {
    .capabilities = SLUICE_SOURCE_SIZE_KNOWN | SLUICE_SOURCE_SEEKABLE | SLUICE_SOURCE_PARALLEL | SLUICE_SOURCE_SPARSE |
                    SLUICE_SOURCE_RANGES,
    .init = init,
    .fini = fini,
    .next = next,
    .open = open_object,
    .read = read_object,
    .extent = extent,
    .unchanged = unchanged,
    .close = close_object,
    .add = add,
};

SLUICE_PLUGIN_DEFINE(source, file, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "file", .version = "1.1",
                     .summary = "files, directories and symbolic links of this machine", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(file_config),
                     .state_size = sizeof(sluice_file_source), .ops = &ops, .ops_size = sizeof ops);
