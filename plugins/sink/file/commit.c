/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an object: its final name, or none. */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void object_close(sluice_file_sink *sink, sluice_file_object *object)
{
    (void)close(object->fd);
    (void)pthread_rwlock_destroy(&object->growth);
    (void)sink->host->resize(sink->host, object, 0);
}

/* Size and attributes, and all that the system may still have to say about the bytes. */
static int complete(sluice_file_sink *sink, const sluice_file_object *object, uint64_t size,
                    sluice_file_trouble *trouble)
{
    struct stat status;
    if (fstat(object->fd, &status) != 0 ||
        (((uint64_t)status.st_size != size || (object->reserved && (uint64_t)status.st_blocks * 512 > size)) &&
         ftruncate(object->fd, (off_t)size) != 0))
        return sluice_file_destination_fail(sink, object->path, errno, "cannot be cut to its size");
    /* Network file systems report failed writes when a descriptor is closed: ask before the name is given. */
    int twin = fcntl(object->fd, F_DUPFD_CLOEXEC, 0);
    if (twin >= 0 && close(twin) != 0)
        return sluice_file_destination_fail(sink, object->path, errno, "cannot be written");
    if (sluice_file_attributes_apply(sink, &object->attributes, &object->extended, object->fd, false, trouble) != 0)
        return sluice_file_destination_fail(sink, object->path, errno, "its mode or times cannot be set");
    if (sink->sync == SLUICE_SYNC_FILE && fsync(object->fd) != 0)
        return sluice_file_destination_fail(sink, object->path, errno, "cannot be synced");
    return SLUICE_OK;
}

/* The directory of the object, if it still is the one where the object was opened. */
static int open_parent(sluice_file_sink *sink, const sluice_file_object *object)
{
    const char *leaf = NULL;
    int parent = sluice_file_destination_parent(sink, object->path, false, &leaf);
    struct stat status;
    if (parent < 0)
        return parent;
    if (fstat(parent, &status) == 0 && status.st_dev == object->parent_device && status.st_ino == object->parent_inode)
        return parent;
    (void)close(parent);
    return sink->host->fail(sink->host, SLUICE_EOUTSIDE, "%s: its directory was replaced while the file was received",
                            sluice_beneath_shown(object->path));
}

/* Gives the name only if nothing has it. */
static int rename_to_free(int parent, const char *partial, const char *leaf)
{
    if (renameat2(parent, partial, parent, leaf, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(parent, partial, parent, leaf, 0) != 0)
        return -1;
    return unlinkat(parent, partial, 0);
}

static int give_name(sluice_file_sink *sink, const sluice_file_object *object, int parent)
{
    char partial[SLUICE_LEAF_BYTES];
    struct stat status;
    const sluice_host *host = sink->host;
    sluice_file_partial_name(object->leaf, partial);
    if (!sluice_file_partial_is(parent, partial, object->fd))
        return host->fail(host, SLUICE_EBUSY, "%s: its partial file %s was replaced or taken away by somebody else",
                          sluice_beneath_shown(object->path), partial);
    if (fstatat(parent, object->leaf, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(status.st_mode))
            return sluice_file_destination_fail(sink, object->path, EISDIR, "cannot get its name");
        if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
            return host->fail(host, SLUICE_EEXIST, "%s: a device, pipe or socket of that name is there; move it away",
                              sluice_beneath_shown(object->path));
    }
    int result = sink->overwrite == SLUICE_OVERWRITE_NEVER ? rename_to_free(parent, partial, object->leaf)
                                                           : renameat(parent, partial, parent, object->leaf);
    if (result != 0)
        return sluice_file_destination_fail(sink, object->path, errno, "cannot get its name");
    /* Between the check and the rename somebody may have put another file under the partial's name. */
    if (!sluice_file_partial_is(parent, object->leaf, object->fd))
        return host->fail(host, SLUICE_EBUSY, "%s: was replaced by somebody else as it got its name",
                          sluice_beneath_shown(object->path));
    return SLUICE_OK;
}

static int sync_directory(sluice_file_sink *sink, const sluice_file_object *object, int parent)
{
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 ? fsync(fd) : -1;
    int errnum = errno;
    if (fd >= 0)
        (void)close(fd);
    return result == 0 ? SLUICE_OK
                       : sluice_file_destination_fail(sink, object->path, errnum, "its name cannot be synced");
}

/* The bytes are worth having without their attributes, but who asked for those must hear of it. */
static int fail_attributes(const sluice_file_sink *sink, const sluice_file_object *object,
                           const sluice_file_trouble *trouble)
{
    char text[1000];
    int status = sluice_file_extended_explain(trouble, object->path, text, sizeof text);
    return sink->host->fail(sink->host, status, "%s", text);
}

/* An object that is complete gets its name in parent. */
static int leave(sluice_file_sink *sink, const sluice_file_object *object, int parent, const sluice_file_trouble *trouble)
{
    int status = give_name(sink, object, parent);
    if (status == SLUICE_OK && sink->sync == SLUICE_SYNC_FILE)
        status = sync_directory(sink, object, parent);
    if (status == SLUICE_OK && trouble->errnum != 0)
        status = fail_attributes(sink, object, trouble);
    return status;
}

int sluice_file_object_commit(sluice_file_sink *sink, sluice_file_object *object, uint64_t size)
{
    sluice_file_trouble trouble = {0};
    int status = complete(sink, object, size, &trouble);
    int parent = status == SLUICE_OK ? open_parent(sink, object) : status;
    if (parent >= 0) {
        status = leave(sink, object, parent, &trouble);
        (void)close(parent);
    } else {
        status = parent;
    }
    object_close(sink, object);
    return status;
}

int sluice_file_object_commit_in(sluice_file_sink *sink, int parent, sluice_file_object *object, uint64_t size)
{
    sluice_file_trouble trouble = {0};
    int status = complete(sink, object, size, &trouble);
    if (status == SLUICE_OK)
        status = leave(sink, object, parent, &trouble);
    object_close(sink, object);
    return status;
}

/* Takes the partial file away, if it still lies where it was made. */
static void discard(const sluice_file_object *object, int parent)
{
    char partial[SLUICE_LEAF_BYTES];
    sluice_file_partial_name(object->leaf, partial);
    if (sluice_file_partial_is(parent, partial, object->fd))
        (void)unlinkat(parent, partial, 0);
}

void sluice_file_object_abandon(sluice_file_sink *sink, sluice_file_object *object, bool keep)
{
    struct stat status;
    bool empty = fstat(object->fd, &status) == 0 && status.st_size == 0;
    int parent = !object->comparing && (!keep || empty) ? open_parent(sink, object) : -1;
    if (parent >= 0) {
        discard(object, parent);
        (void)close(parent);
    } else if (!object->comparing) {
        pthread_mutex_lock(&sink->lock);
        sink->partials = true;
        pthread_mutex_unlock(&sink->lock);
    }
    sluice_file_reserve_return(object);
    object_close(sink, object);
}

void sluice_file_object_abandon_in(sluice_file_sink *sink, int parent, sluice_file_object *object)
{
    discard(object, parent);
    object_close(sink, object);
}
