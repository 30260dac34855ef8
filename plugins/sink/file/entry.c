/* SPDX-License-Identifier: Apache-2.0 */
/* What prepare decides about one entry, by what lies at its name and by the policies. */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One call of prepare, look or put. */
typedef struct preparation {
    sluice_file_sink *sink;
    const sluice_entry *entry;
    bool compared;
    sluice_file_extended extended;
    const char *path; /* below base */
    const char *leaf;
    int parent;
    bool there; /* something lies at the name: */
    struct stat status;
} preparation;

static int look(preparation *visit)
{
    visit->there = fstatat(visit->parent, visit->leaf, &visit->status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!visit->there && errno != ENOENT)
        return sluice_file_destination_fail(visit->sink, visit->path, errno, "cannot be looked at");
    return SLUICE_OK;
}

static int fail_in_the_way(const preparation *visit, const char *what)
{
    return visit->sink->host->fail(visit->sink->host, SLUICE_EEXIST, "%s: %s of that name is there; move it away",
                                   sluice_beneath_shown(visit->path), what);
}

/* Only files and links are ever replaced. */
static int check_replaceable(const preparation *visit)
{
    if (!visit->there || S_ISREG(visit->status.st_mode) || S_ISLNK(visit->status.st_mode))
        return SLUICE_OK;
    if (S_ISDIR(visit->status.st_mode))
        return fail_in_the_way(visit, "a directory");
    return fail_in_the_way(visit, "a device, pipe or socket");
}

static int64_t mtime_of(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

/* Some file systems keep whole seconds only. */
static bool same_time(const struct stat *status, int64_t wanted_ns)
{
    int64_t there_ns = mtime_of(status);
    if (wanted_ns == INT64_MIN)
        return false;
    return there_ns == wanted_ns ||
           (status->st_mtim.tv_nsec == 0 && wanted_ns >= there_ns && wanted_ns - there_ns < 1000000000);
}

static sluice_sink_verdict judge(const preparation *visit)
{
    const sluice_file_sink *sink = visit->sink;
    const sluice_entry *entry = visit->entry;
    if (!visit->there)
        return SLUICE_SINK_WRITE;
    switch (sink->overwrite) {
    case SLUICE_OVERWRITE_NEVER:
        return SLUICE_SINK_SKIP;
    case SLUICE_OVERWRITE_OLDER:
        return entry->mtime_ns != INT64_MIN && mtime_of(&visit->status) < entry->mtime_ns ? SLUICE_SINK_WRITE
                                                                                          : SLUICE_SINK_SKIP;
    case SLUICE_OVERWRITE_DIFFERENT:
        if (visit->compared || !S_ISREG(visit->status.st_mode) || entry->type != SLUICE_ENTRY_FILE ||
            (uint64_t)visit->status.st_size != entry->size || !same_time(&visit->status, entry->mtime_ns))
            return SLUICE_SINK_WRITE;
        return sink->resume == SLUICE_RESUME_FULL ? SLUICE_SINK_COMPARE : SLUICE_SINK_SKIP;
    case SLUICE_OVERWRITE_ALWAYS:
        break;
    }
    return SLUICE_SINK_WRITE;
}

/* ---- files ---- */

static sluice_file_object *object_new(const preparation *visit)
{
    const sluice_host *host = visit->sink->host;
    size_t bytes = strlen(visit->path) + 1;
    const sluice_file_extended *extended = &visit->extended;
    sluice_file_object *object = host->resize(host, NULL, sizeof *object + bytes + extended->bytes);
    if (object == NULL || pthread_rwlock_init(&object->growth, NULL) != 0) {
        if (object != NULL)
            (void)host->resize(host, object, 0);
        return NULL;
    }
    object->fd = -1;
    object->comparing = object->reserved = false;
    object->parent_device = 0;
    object->parent_inode = 0;
    memcpy(object->path, visit->path, bytes);
    object->extended = *extended;
    if (extended->list != NULL) {
        object->extended.list = (const uint8_t *)object->path + bytes;
        memcpy(object->path + bytes, extended->list, extended->bytes);
    }
    object->leaf = object->path + (visit->leaf - visit->path);
    object->attributes = sluice_file_attributes_of(
        visit->sink, visit->entry, visit->there && S_ISREG(visit->status.st_mode) ? &visit->status : NULL);
    return object;
}

static void object_free(const preparation *visit, sluice_file_object *object)
{
    (void)pthread_rwlock_destroy(&object->growth);
    (void)visit->sink->host->resize(visit->sink->host, object, 0);
}

/* Which directory it was opened in: commit looks for it again. */
static bool object_anchor(const preparation *visit, sluice_file_object *object)
{
    struct stat parent;
    if (fstat(visit->parent, &parent) != 0)
        return false;
    object->parent_device = parent.st_dev;
    object->parent_inode = parent.st_ino;
    return true;
}

static int fail_memory(const preparation *visit)
{
    return visit->sink->host->fail(visit->sink->host, SLUICE_ENOMEM, "%s: out of memory",
                                   sluice_beneath_shown(visit->path));
}

/* The complete file that is there, for its digest.  -1: it cannot be read, or is not the file that was looked at. */
static int open_complete(const preparation *visit)
{
    int fd = openat(visit->parent, visit->leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat status;
    if (fd >= 0 && (fstat(fd, &status) != 0 || status.st_ino != visit->status.st_ino ||
                    status.st_dev != visit->status.st_dev || !S_ISREG(status.st_mode))) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static int prepare_file(preparation *visit, sluice_sink_verdict *verdict, void **out, uint64_t *have)
{
    sluice_sink_verdict decided = judge(visit);
    if (decided == SLUICE_SINK_SKIP) {
        *verdict = decided;
        return SLUICE_OK;
    }
    sluice_file_object *object = object_new(visit);
    if (object == NULL || !object_anchor(visit, object)) {
        if (object != NULL)
            object_free(visit, object);
        return fail_memory(visit);
    }
    int status = SLUICE_OK;
    uint64_t lying = 0;
    if (decided == SLUICE_SINK_COMPARE) {
        object->fd = open_complete(visit);
        object->comparing = true;
        if (object->fd < 0)
            decided = SLUICE_SINK_WRITE;
        else
            lying = visit->entry->size;
    }
    if (decided == SLUICE_SINK_WRITE) {
        object->comparing = false;
        status = sluice_file_partial_open(visit->sink, visit->parent, visit->path, visit->leaf, visit->entry,
                                          &object->fd, &lying);
        if (status == SLUICE_OK && (status = sluice_file_reserve(visit->sink, object, visit->entry)) != SLUICE_OK) {
            sluice_file_object_abandon(visit->sink, object, true);
            return status;
        }
    }
    if (status != SLUICE_OK) {
        object_free(visit, object);
        return status;
    }
    *verdict = decided;
    *out = object;
    *have = lying;
    return SLUICE_OK;
}

/* ---- directories and links ---- */

static int push(preparation *visit, sluice_file_notes *notes, const sluice_file_note *note)
{
    pthread_mutex_lock(&visit->sink->lock);
    int result = sluice_file_notes_push(visit->sink, notes, note);
    int errnum = errno;
    pthread_mutex_unlock(&visit->sink->lock);
    return result == 0 ? SLUICE_OK : sluice_file_destination_fail(visit->sink, visit->path, errnum, "cannot be noted");
}

/* While the transfer runs we must be able to write into a directory of ours, whatever its mode will be. */
static void open_up(const preparation *visit)
{
    char link[32];
    if (visit->status.st_uid != visit->sink->self || (visit->status.st_mode & 0700) == 0700)
        return;
    int fd = openat(visit->parent, visit->leaf, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    /* If this fails, the entries below fail with their own sentences. */
    (void)!chmod(link, (visit->status.st_mode & 07777) | 0700);
    (void)close(fd);
}

static int prepare_directory(preparation *visit)
{
    sluice_file_sink *sink = visit->sink;
    sluice_file_note note = {.type = SLUICE_ENTRY_DIRECTORY, .path = visit->path, .extended = visit->extended};
    if (visit->path[0] == '\0')
        return SLUICE_OK;
    mode_t first = (sink->preserve & SLUICE_PRESERVE_MODE) != 0 ? 0700 : 0777;
    note.made = mkdirat(visit->parent, visit->leaf, first) == 0;
    if (!note.made && errno != EEXIST)
        return sluice_file_destination_fail(sink, visit->path, errno, "cannot be made");
    if (note.made && sink->top != NULL && strcmp(visit->path, sink->top) == 0)
        sluice_file_unfinished_mark(sink);
    int status = look(visit);
    if (status != SLUICE_OK)
        return status;
    if (!visit->there || S_ISLNK(visit->status.st_mode))
        return fail_in_the_way(visit, "a symbolic link, which is not followed,");
    if (!S_ISDIR(visit->status.st_mode))
        return fail_in_the_way(visit, "a file");
    /* An operand without a name lands in the destination itself, whose attributes are its owner's affair. */
    if (strcmp(visit->entry->name, ".") == 0 && !note.made)
        return SLUICE_OK;
    note.attributes = sluice_file_attributes_of(sink, visit->entry, note.made ? NULL : &visit->status);
    if (note.attributes.mode == UINT32_MAX && (visit->status.st_mode & 0700) != 0700)
        note.attributes.mode = visit->status.st_mode & 0777;
    open_up(visit);
    return push(visit, &sink->directories, &note);
}

static bool same_target(const preparation *visit)
{
    char target[PATH_MAX];
    ssize_t bytes = readlinkat(visit->parent, visit->leaf, target, sizeof target);
    return bytes >= 0 && (size_t)bytes == strlen(visit->entry->target) &&
           memcmp(target, visit->entry->target, (size_t)bytes) == 0;
}

static int prepare_link(preparation *visit, sluice_sink_verdict *verdict)
{
    const sluice_entry *entry = visit->entry;
    sluice_file_sink *sink = visit->sink;
    if (entry->target == NULL || entry->target[0] == '\0' || strlen(entry->target) >= PATH_MAX)
        return sink->host->fail(sink->host, SLUICE_EINVAL, "%s: a symbolic link must lead to 1 to %d bytes",
                                sluice_beneath_shown(visit->path), PATH_MAX - 1);
    if (judge(visit) == SLUICE_SINK_SKIP ||
        (visit->there && sink->overwrite != SLUICE_OVERWRITE_ALWAYS && same_target(visit))) {
        *verdict = SLUICE_SINK_SKIP;
        return SLUICE_OK;
    }
    sluice_file_note note = {.type = SLUICE_ENTRY_SYMLINK, .path = visit->path, .target = entry->target};
    note.attributes = sluice_file_attributes_of(sink, entry, NULL);
    return push(visit, &sink->links, &note);
}

/* ---- small files, which are put whole ---- */

/* A partial file may be worth something, or belong to another writer: then prepare has to look into it. */
static bool has_partial(const preparation *visit)
{
    char partial[SLUICE_LEAF_BYTES];
    struct stat status;
    sluice_file_partial_name(visit->leaf, partial);
    return fstatat(visit->parent, partial, &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static int look_at(preparation *visit, sluice_sink_verdict *verdict)
{
    int status = look(visit);
    if (status == SLUICE_OK)
        status = check_replaceable(visit);
    if (status != SLUICE_OK)
        return status;
    *verdict = judge(visit);
    if (*verdict == SLUICE_SINK_WRITE && has_partial(visit))
        *verdict = SLUICE_SINK_COMPARE;
    return SLUICE_OK;
}

static int put_at(preparation *visit, const void *bytes, uint64_t size)
{
    sluice_file_sink *sink = visit->sink;
    int status = look(visit);
    if (status == SLUICE_OK)
        status = check_replaceable(visit);
    if (status != SLUICE_OK)
        return status;
    sluice_file_object *object = object_new(visit);
    if (object == NULL)
        return fail_memory(visit);
    uint64_t have = 0;
    status = sluice_file_partial_make(sink, visit->parent, visit->path, visit->leaf, &object->fd);
    if (status == SLUICE_EAGAIN)
        status = sluice_file_partial_open(sink, visit->parent, visit->path, visit->leaf, visit->entry, &object->fd, &have);
    if (status != SLUICE_OK) {
        object_free(visit, object);
        return status;
    }
    struct iovec buffer = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = (size_t)size};
    int64_t written = size > 0 ? sluice_file_object_write(sink, object, 0, &buffer, 1) : 0;
    if (written >= 0)
        return sluice_file_object_commit_in(sink, visit->parent, object, size);
    sluice_file_object_abandon_in(sink, visit->parent, object);
    return (int)written;
}

/* ---- */

static int prepare_at(preparation *visit, sluice_sink_verdict *verdict, void **object, uint64_t *have)
{
    if (visit->entry->type == SLUICE_ENTRY_DIRECTORY)
        return prepare_directory(visit);
    int status = look(visit);
    if (status == SLUICE_OK)
        status = check_replaceable(visit);
    if (status != SLUICE_OK)
        return status;
    return visit->entry->type == SLUICE_ENTRY_SYMLINK ? prepare_link(visit, verdict)
                                                      : prepare_file(visit, verdict, object, have);
}

/* Where the entry lies; make: directories that are missing are made.  *path is to be freed by visit_end whatever the
 * result. */
static int visit_begin(preparation *visit, bool make, char **path)
{
    sluice_file_sink *sink = visit->sink;
    visit->parent = -1;
    int status = sluice_file_destination_path(sink, visit->entry, path);
    if (status == SLUICE_OK)
        status = sluice_file_extended_take(sink, visit->entry, &visit->extended);
    if (status != SLUICE_OK)
        return status;
    visit->path = *path;
    visit->parent = sluice_file_destination_parent(sink, *path, make, &visit->leaf);
    return visit->parent < 0 ? visit->parent : SLUICE_OK;
}

static void visit_end(const preparation *visit, char *path)
{
    if (visit->parent >= 0)
        (void)close(visit->parent);
    if (path != NULL)
        (void)visit->sink->host->resize(visit->sink->host, path, 0);
}

int sluice_file_prepare(sluice_file_sink *sink, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict,
                        void **object, uint64_t *have)
{
    preparation visit = {.sink = sink, .entry = entry, .compared = compared};
    sluice_sink_verdict decided = SLUICE_SINK_DONE;
    char *path = NULL;
    int status = visit_begin(&visit, true, &path);
    if (status == SLUICE_OK)
        status = prepare_at(&visit, &decided, object, have);
    visit_end(&visit, path);
    if (status == SLUICE_OK)
        *verdict = decided;
    return status;
}

int sluice_file_look(sluice_file_sink *sink, const sluice_entry *entry, sluice_sink_verdict *verdict)
{
    preparation visit = {.sink = sink, .entry = entry};
    char *path = NULL;
    int status = visit_begin(&visit, false, &path);
    if (status == SLUICE_OK)
        status = look_at(&visit, verdict);
    if (status != SLUICE_OK && visit.path != NULL && visit.parent < 0) {
        *verdict = SLUICE_SINK_COMPARE; /* its directory is missing, or not to be had: prepare makes it, or says why */
        status = SLUICE_OK;
    }
    visit_end(&visit, path);
    return status;
}

int sluice_file_put(sluice_file_sink *sink, const sluice_entry *entry, const void *bytes, uint64_t size)
{
    preparation visit = {.sink = sink, .entry = entry, .compared = true};
    char *path = NULL;
    int status = visit_begin(&visit, true, &path);
    if (status == SLUICE_OK)
        status = put_at(&visit, bytes, size);
    visit_end(&visit, path);
    return status;
}
