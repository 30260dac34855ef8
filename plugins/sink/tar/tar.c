/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink `tar`: files as one stream, to standard output (tar:-), or a file, named pipe or device (tar:PATH).
 *
 * Members stand one behind the other, each behind a head that tells its size, so files are taken one at a time.  One of
 * up to MEMBER_MOST bytes is kept in memory, one whose size is not known in a file without a name, and neither is written
 * before it is verified.  A larger one is written as it comes; when it fails in the middle, the stream is broken off
 * there: nothing follows, no end of an archive either, so that who reads it can tell.
 */
#include "sole.h"
#include "tar.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MEMBER_MOST (1u << 20)
#define COPY_BYTES 65536

typedef struct tar_config {
    int form;
} tar_config;

enum { FORM_TAR, FORM_HEADS };

static const sluice_option options[] = {
    SLUICE_OPTION_ENUM(tar_config, form, .def = "tar", .choices = "tar|heads",
                       .help = "What is written: a tar, or heads, files that each stand behind lines with their name and "
                               "size, as ascp has it."),
};

/* The file that is under way; there is one at a time. */
typedef struct member {
    bool open;
    sluice_entry entry; /* its strings are the copies below */
    char name[4096], user[256], group[256];
    uint64_t at;     /* bytes that came */
    uint8_t *memory; /* of a small one, MEMBER_MOST bytes of room */
    int spool;       /* of one whose size is not known; negative: none */
    bool headed;     /* its head is out */
} member;

typedef struct tar_sink {
    const sluice_host *host;
    char *path; /* NULL: standard output */
    unsigned preserve;
    sluice_overwrite overwrite;
    sluice_sync sync;
    tar_output output;
    const tar_form *form;
    void *form_state;
    member member;
    bool broken; /* nothing can follow */
    char last[256]; /* where it was broken off, for sentences */
} tar_sink;

/* ---- what is written ---- */

static int open_output(tar_sink *sink)
{
    tar_output *output = &sink->output;
    if (output->fd >= 0)
        return SLUICE_OK;
    int fd = sink->path != NULL ? sluice_flow_create(sink->path, &output->bell)
                                : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return tar_output_fail(output, sink->path != NULL ? -fd : errno, "cannot be opened");
    output->fd = fd;
    sluice_flow_widen(fd);
    return sink->form->begin(output, &sink->form_state);
}

static void break_off(tar_sink *sink, const char *name)
{
    if (!sink->broken)
        (void)snprintf(sink->last, sizeof sink->last, "%.255s", name);
    sink->broken = true;
}

/* What goes wrong from here on leaves half a member. */
static int head(tar_sink *sink, const sluice_entry *entry, uint64_t size)
{
    uint64_t before = sink->output.done;
    int status = sink->form->head(sink->form_state, entry, size);
    if (status != SLUICE_OK && (sink->output.done != before || status != SLUICE_EUNSUPPORTED))
        break_off(sink, entry->name);
    return status;
}

static int put(tar_sink *sink, const void *bytes, size_t count)
{
    int status = sink->form->write(sink->form_state, bytes, count);
    if (status != SLUICE_OK)
        break_off(sink, sink->member.name);
    return status;
}

static int put_buffers(tar_sink *sink, const struct iovec *buffers, int count)
{
    int status = SLUICE_OK;
    for (int i = 0; i < count && status == SLUICE_OK; i++)
        status = put(sink, buffers[i].iov_base, buffers[i].iov_len);
    return status;
}

static int put_spool(tar_sink *sink, uint64_t size)
{
    uint8_t bytes[COPY_BYTES];
    for (uint64_t at = 0; at < size;) {
        size_t most = size - at < sizeof bytes ? (size_t)(size - at) : sizeof bytes;
        ssize_t got = pread(sink->member.spool, bytes, most, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            break_off(sink, sink->member.name);
            return tar_output_fail(&sink->output, got < 0 ? errno : EIO, "what was kept of a file cannot be read");
        }
        int status = put(sink, bytes, (size_t)got);
        if (status != SLUICE_OK)
            return status;
        at += (uint64_t)got;
    }
    return SLUICE_OK;
}

/* ---- a member ---- */

/* What is told of an entry besides its bytes: what is to be kept, and something usual in place of the rest. */
static sluice_entry told_of(const tar_sink *sink, const sluice_entry *entry)
{
    sluice_entry out = *entry;
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    bool owner = sink->preserve & SLUICE_PRESERVE_OWNER && entry->uid != UINT32_MAX && entry->gid != UINT32_MAX;
    bool mode = sink->preserve & SLUICE_PRESERVE_MODE && entry->mode != UINT32_MAX;
    if (!(sink->preserve & SLUICE_PRESERVE_TIMES) || entry->mtime_ns == INT64_MIN)
        out.mtime_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (!mode)
        out.mode = entry->type == SLUICE_ENTRY_FILE ? 0644 : 0755;
    out.mode &= owner ? 07777 : 0777;
    if (owner)
        return out;
    out.uid = (uint32_t)geteuid();
    out.gid = (uint32_t)getegid();
    out.user = out.group = NULL;
    return out;
}

static void member_end(tar_sink *sink)
{
    member *under_way = &sink->member;
    if (under_way->memory != NULL)
        sink->host->resize(sink->host, under_way->memory, 0);
    if (under_way->open && under_way->spool >= 0)
        (void)close(under_way->spool);
    *under_way = (member){.open = false, .spool = -1};
}

static const char *keep(char *out, size_t size, const char *text)
{
    if (text == NULL)
        return NULL;
    (void)snprintf(out, size, "%s", text);
    return out;
}

/* In a file without a name, which nobody has to remove. */
static int make_spool(tar_sink *sink)
{
    const char *directory = secure_getenv("TMPDIR");
    if (directory == NULL || directory[0] == '\0')
        directory = "/tmp";
    sink->member.spool = open(directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (sink->member.spool >= 0)
        return SLUICE_OK;
    return sink->host->fail(sink->host, SLUICE_EIO, "%.700s: its size is not known, and it cannot be kept in %.300s: %s",
                            sink->member.name, directory, strerror(errno));
}

static int member_begin(tar_sink *sink, const sluice_entry *entry)
{
    member *begun = &sink->member;
    int status = SLUICE_OK;
    *begun = (member){.open = true, .spool = -1, .entry = told_of(sink, entry)};
    begun->entry.name = keep(begun->name, sizeof begun->name, entry->name);
    begun->entry.user = keep(begun->user, sizeof begun->user, begun->entry.user);
    begun->entry.group = keep(begun->group, sizeof begun->group, begun->entry.group);
    begun->entry.attributes = NULL;
    if (entry->size == SLUICE_UNKNOWN)
        status = make_spool(sink);
    else if (entry->size <= MEMBER_MOST && (begun->memory = sink->host->resize(sink->host, NULL, MEMBER_MOST)) == NULL)
        status = sink->host->fail(sink->host, SLUICE_ENOMEM, "%.700s: out of memory", entry->name);
    if (status != SLUICE_OK)
        member_end(sink);
    return status;
}

static int grown(const tar_sink *sink)
{
    return sink->host->fail(sink->host, SLUICE_ECHANGED, "%.700s: has more bytes than it was said to have", sink->member.name);
}

static int to_memory(tar_sink *sink, const struct iovec *buffers, int count, size_t bytes)
{
    uint8_t *to = sink->member.memory + sink->member.at;
    if (bytes > MEMBER_MOST - sink->member.at)
        return grown(sink);
    for (int i = 0; i < count; i++) {
        memcpy(to, buffers[i].iov_base, buffers[i].iov_len);
        to += buffers[i].iov_len;
    }
    return SLUICE_OK;
}

static int to_spool(tar_sink *sink, const struct iovec *buffers, int count)
{
    off_t at = (off_t)sink->member.at;
    for (int i = 0; i < count; i++)
        for (size_t done = 0; done < buffers[i].iov_len;) {
            ssize_t put = pwrite(sink->member.spool, (const uint8_t *)buffers[i].iov_base + done, buffers[i].iov_len - done, at);
            if (put < 0 && errno != EINTR)
                return tar_output_fail(&sink->output, errno, "a file of unknown size cannot be kept");
            done += put > 0 ? (size_t)put : 0;
            at += put > 0 ? put : 0;
        }
    return SLUICE_OK;
}

static int to_output(tar_sink *sink, const struct iovec *buffers, int count, size_t bytes)
{
    member *under_way = &sink->member;
    int status = SLUICE_OK;
    if (bytes > under_way->entry.size - under_way->at)
        return grown(sink);
    if (!under_way->headed)
        status = head(sink, &under_way->entry, under_way->entry.size);
    under_way->headed = status == SLUICE_OK;
    return status == SLUICE_OK ? put_buffers(sink, buffers, count) : status;
}

/* ---- the plugin ---- */

static int fail_broken(const tar_sink *sink, const char *name)
{
    return sink->host->fail(sink->host, SLUICE_EFAILED, "%.700s: nothing can follow in %.300s, which was broken off at %s", name,
                            sink->output.place, sink->last);
}

static int prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have)
{
    tar_sink *sink = state;
    (void)compared;
    if (sink->broken)
        return fail_broken(sink, entry->name);
    int status = open_output(sink);
    if (status != SLUICE_OK) {
        break_off(sink, entry->name);
        return status;
    }
    if (entry->type != SLUICE_ENTRY_FILE) {
        const sluice_entry told = told_of(sink, entry);
        *verdict = SLUICE_SINK_DONE;
        return head(sink, &told, 0);
    }
    status = member_begin(sink, entry);
    *verdict = SLUICE_SINK_WRITE;
    *object = &sink->member;
    *have = 0;
    return status;
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    tar_sink *sink = state;
    member *under_way = object;
    size_t bytes = 0;
    int status;
    (void)completion;
    for (int i = 0; i < count; i++)
        bytes += buffers[i].iov_len;
    if (offset != under_way->at)
        status = sink->host->fail(sink->host, SLUICE_EINVAL, "%.700s: byte %" PRIu64 " came when byte %" PRIu64 " was due",
                                  under_way->name, offset, under_way->at);
    else if (under_way->memory != NULL)
        status = to_memory(sink, buffers, count, bytes);
    else if (under_way->spool >= 0)
        status = to_spool(sink, buffers, count);
    else
        status = to_output(sink, buffers, count, bytes);
    if (status != SLUICE_OK)
        return status;
    under_way->at += bytes;
    return (int64_t)bytes;
}

static void abandon(void *state, void *object, bool keep_it)
{
    tar_sink *sink = state;
    (void)object, (void)keep_it;
    if (sink->member.headed)
        break_off(sink, sink->member.name);
    member_end(sink);
}

static int commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    tar_sink *sink = state;
    member *whole = object;
    int status = SLUICE_OK;
    (void)completion;
    if (size != whole->at || (whole->headed && size != whole->entry.size)) {
        status = sink->host->fail(sink->host, SLUICE_ECHANGED, "%.700s: has %" PRIu64 " bytes, and %" PRIu64 " came",
                                  whole->name, size, whole->at);
        abandon(state, object, false);
        return status;
    }
    if (!whole->headed)
        status = head(sink, &whole->entry, size);
    if (status == SLUICE_OK && whole->memory != NULL && size > 0)
        status = put(sink, whole->memory, (size_t)size);
    else if (status == SLUICE_OK && whole->spool >= 0)
        status = put_spool(sink, size);
    member_end(sink);
    return status;
}

static int close_output(tar_sink *sink)
{
    tar_output *output = &sink->output;
    int errnum = 0;
    /* Pipes and the like cannot be synchronised, which is no failure. */
    if (sink->sync != SLUICE_SYNC_NONE && fsync(output->fd) != 0 && errno != EINVAL && errno != EROFS)
        errnum = errno;
    if (close(output->fd) != 0 && errno != EINTR && errnum == 0)
        errnum = errno;
    output->fd = -1;
    return errnum != 0 ? tar_output_fail(output, errnum, "cannot be written") : SLUICE_OK;
}

static int finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence), void *user)
{
    tar_sink *sink = state;
    (void)failed, (void)user;
    if (sink->broken)
        return SLUICE_OK; /* what it was broken off at has failed already */
    int status = open_output(sink);
    if (status == SLUICE_OK)
        status = sink->form->finish(sink->form_state);
    return status == SLUICE_OK ? close_output(sink) : status;
}

static void interrupt(void *state)
{
    sluice_bell_ring(&((tar_sink *)state)->output.bell);
}

static void fini(void *state)
{
    tar_sink *sink = state;
    member_end(sink);
    sink->form->end(sink->form_state);
    if (sink->output.fd >= 0)
        (void)close(sink->output.fd);
    sluice_bell_fini(&sink->output.bell);
    if (sink->path != NULL)
        sink->host->resize(sink->host, sink->path, 0);
}

static int choose_form(tar_sink *sink, int wanted)
{
    sink->form = &tar_heads;
    if (wanted == FORM_HEADS)
        return SLUICE_OK;
#ifdef SLUICE_HAVE_LIBARCHIVE
    sink->form = &tar_archive;
    return SLUICE_OK;
#else
    return sink->host->fail(sink->host, SLUICE_EUNSUPPORTED,
                            "%.700s: this build of sluice writes no tars (it was made without libarchive)", sink->output.place);
#endif
}

/* What is wrong with the place is better known before the server knows of us. */
static int look(const tar_sink *sink)
{
    struct stat about;
    if (sink->path == NULL)
        return fcntl(STDOUT_FILENO, F_GETFD) < 0 ? tar_output_fail(&sink->output, errno, "is closed") : SLUICE_OK;
    if (stat(sink->path, &about) != 0)
        return SLUICE_OK;
    if (S_ISDIR(about.st_mode))
        return tar_output_fail(&sink->output, EISDIR, "cannot be written");
    if (sink->overwrite == SLUICE_OVERWRITE_NEVER && S_ISREG(about.st_mode))
        return sink->host->fail(sink->host, SLUICE_EEXIST, "%.700s: exists, and is not to be overwritten", sink->path);
    return SLUICE_OK;
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    tar_sink *sink = state;
    bool named = spec->destination[0] != '\0' && strcmp(spec->destination, "-") != 0;
    sink->host = host;
    sink->preserve = spec->preserve;
    sink->overwrite = spec->overwrite;
    sink->sync = spec->sync;
    sink->member.spool = -1;
    sink->output.host = host;
    sink->output.fd = -1;
    int status = sluice_sole_own(host, "tar", spec->root);
    if (status == SLUICE_OK && named && (sink->path = sluice_sole_copy(host, spec->destination)) == NULL)
        status = SLUICE_ENOMEM;
    sink->output.place = sink->path != NULL ? sink->path : "standard output";
    if (status == SLUICE_OK)
        status = choose_form(sink, ((const tar_config *)config)->form);
    if (status == SLUICE_OK)
        status = look(sink);
    if (status == SLUICE_OK && (errno = sluice_bell_init(&sink->output.bell)) != 0)
        status = tar_output_fail(&sink->output, errno, "cannot make an eventfd");
    if (status != SLUICE_OK && sink->path != NULL)
        host->resize(host, sink->path, 0);
    return status;
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

SLUICE_PLUGIN_DEFINE(sink, tar, SLUICE_SINK, SLUICE_SINK_ABI, .name = "tar", .version = "1.0",
                     .summary = "files as one tar, or behind heads as ascp has them, to standard output or a file",
                     .options = options, .option_count = SLUICE_COUNT(options), .config_size = sizeof(tar_config),
                     .state_size = sizeof(tar_sink), .ops = &ops, .ops_size = sizeof ops);
