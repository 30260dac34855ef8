/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over operands and all that lies below them.  Memory does not grow with the number of entries, only with
 * the depth; at most OPEN_LEVELS directories are open at once: shallower ones are closed, and opened again by their
 * path, at the position where they stood, when the walk comes back.
 */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define OPEN_LEVELS 32
#define LIST_FLAGS (O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC)

static const sluice_file_operand *present(const sluice_file_source *source)
{
    return sluice_file_operand_at(source, source->walk.operand - 1);
}

/* An entry that cannot be told: out->name says which, and the walk goes on with the next call. */
static int fail_entry(sluice_file_source *source, sluice_entry *out, int errnum, const char *what)
{
    const sluice_host *host = source->host;
    out->name = source->walk.name;
    const char *shown = sluice_beneath_shown(source->walk.name);
    if (strcmp(shown, ".") == 0)
        shown = present(source)->given;
    if (errnum == ENOMEM)
        return host->fail(host, SLUICE_ENOMEM, "%s: out of memory", shown);
    if (errnum == EXDEV)
        return host->fail(host, SLUICE_EOUTSIDE, "%s: leads out of the root through a symbolic link", shown);
    if (errnum == ELOOP)
        return host->fail(host, source->rooted ? SLUICE_EOUTSIDE : SLUICE_EIO,
                          "%s: a symbolic link is in its way, or leads round in a circle", shown);
    return host->fail(host, sluice_beneath_status(errnum), "%s: %s: %s", shown, what, strerror(errnum));
}

/* The walk's name becomes its first `prefix` bytes, '/' and leaf.  With prefix 0 it is leaf alone. */
static bool set_name(sluice_file_source *source, size_t prefix, const char *leaf)
{
    sluice_file_walk *walk = &source->walk;
    size_t leaf_bytes = strlen(leaf);
    size_t need = prefix + leaf_bytes + 2;
    if (need > walk->name_capacity) {
        size_t capacity = need < 512 ? 1024 : need * 2;
        char *grown = source->host->resize(source->host, walk->name, capacity);
        if (grown == NULL)
            return false;
        walk->name = grown;
        walk->name_capacity = capacity;
    }
    if (prefix > 0)
        walk->name[prefix++] = '/';
    memcpy(walk->name + prefix, leaf, leaf_bytes + 1);
    walk->name_bytes = prefix + leaf_bytes;
    return true;
}

/* ---- owners ---- */

static const char *user_name(sluice_file_source *source, uid_t id)
{
    sluice_file_owner *owner = &source->walk.users[id % SLUICE_FILE_OWNERS];
    if (!owner->known || owner->id != id) {
        char text[4096];
        struct passwd room;
        struct passwd *found = NULL;
        *owner = (sluice_file_owner){.known = true, .id = id};
        if (getpwuid_r(id, &room, text, sizeof text, &found) == 0 && found != NULL &&
            strlen(found->pw_name) < sizeof owner->name)
            strcpy(owner->name, found->pw_name);
    }
    return owner->name[0] != '\0' ? owner->name : NULL;
}

static const char *group_name(sluice_file_source *source, gid_t id)
{
    sluice_file_owner *owner = &source->walk.groups[id % SLUICE_FILE_OWNERS];
    if (!owner->known || owner->id != id) {
        char text[16384];
        struct group room;
        struct group *found = NULL;
        *owner = (sluice_file_owner){.known = true, .id = id};
        if (getgrgid_r(id, &room, text, sizeof text, &found) == 0 && found != NULL &&
            strlen(found->gr_name) < sizeof owner->name)
            strcpy(owner->name, found->gr_name);
    }
    return owner->name[0] != '\0' ? owner->name : NULL;
}

/* ---- levels ---- */

static void close_stream(sluice_file_level *level)
{
    if (level->stream != NULL)
        (void)closedir(level->stream);
    level->stream = NULL;
}

static void pop_level(sluice_file_walk *walk)
{
    close_stream(&walk->levels[--walk->depth]);
}

/* The walk's name becomes that of its deepest level. */
static void name_level(sluice_file_walk *walk)
{
    size_t bytes = walk->levels[walk->depth - 1].name_bytes;
    walk->name_bytes = bytes;
    walk->name[bytes] = '\0';
    if (bytes == 0)
        strcpy(walk->name, ".");
}

static bool is_above(const sluice_file_walk *walk, const struct stat *status)
{
    for (size_t i = 0; i < walk->depth; i++) {
        if (walk->levels[i].device == status->st_dev && walk->levels[i].inode == status->st_ino)
            return true;
    }
    return false;
}

/* Opens the directory that the walk's name tells.  The one above it, if any, is open. */
static int open_named(sluice_file_source *source)
{
    sluice_file_walk *walk = &source->walk;
    if (walk->depth == 0 || (source->rooted && source->tree_symlinks == SLUICE_SYMLINKS_FOLLOW))
        return sluice_file_operand_open_quietly(source, present(source), walk->name, LIST_FLAGS);
    const sluice_file_level *above = &walk->levels[walk->depth - 1];
    const char *slash = strrchr(walk->name, '/');
    const char *leaf = slash != NULL ? slash + 1 : walk->name;
    int flags = LIST_FLAGS | (source->tree_symlinks == SLUICE_SYMLINKS_FOLLOW ? 0 : O_NOFOLLOW);
    int fd = openat(dirfd(above->stream), leaf, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM)
        fd = openat(dirfd(above->stream), leaf, flags);
    return fd;
}

static bool reserve_level(sluice_file_source *source)
{
    sluice_file_walk *walk = &source->walk;
    if (walk->depth < walk->level_capacity)
        return true;
    size_t capacity = walk->level_capacity == 0 ? 16 : walk->level_capacity * 2;
    sluice_file_level *grown = source->host->resize(source->host, walk->levels, capacity * sizeof *grown);
    if (grown == NULL)
        return false;
    walk->levels = grown;
    walk->level_capacity = capacity;
    return true;
}

static int push_level(sluice_file_source *source, sluice_entry *out)
{
    sluice_file_walk *walk = &source->walk;
    if (!reserve_level(source))
        return fail_entry(source, out, ENOMEM, "cannot be listed");
    int fd = open_named(source);
    if (fd < 0)
        return fail_entry(source, out, errno, "cannot be listed");
    struct stat status;
    DIR *stream = NULL;
    if (fstat(fd, &status) != 0 || (stream = fdopendir(fd)) == NULL) {
        int errnum = errno;
        (void)close(fd);
        return fail_entry(source, out, errnum, "cannot be listed");
    }
    if (is_above(walk, &status)) {
        (void)closedir(stream);
        out->name = walk->name;
        return source->host->fail(source->host, SLUICE_EUNSUPPORTED,
                                  "%s: leads back to a directory that it lies in; it is not followed",
                                  sluice_beneath_shown(walk->name));
    }
    bool nameless = strcmp(walk->name, ".") == 0;
    walk->levels[walk->depth++] = (sluice_file_level){.stream = stream,
                                                      .device = status.st_dev,
                                                      .inode = status.st_ino,
                                                      .name_bytes = nameless ? 0 : walk->name_bytes};
    if (walk->depth > OPEN_LEVELS) {
        sluice_file_level *shallow = &walk->levels[walk->depth - 1 - OPEN_LEVELS];
        shallow->position = telldir(shallow->stream);
        close_stream(shallow);
    }
    return SLUICE_OK;
}

/* Opens the deepest level again where it stood; false, with errno, if that directory is not there any more. */
static bool reopen_level(sluice_file_source *source)
{
    sluice_file_walk *walk = &source->walk;
    sluice_file_level *level = &walk->levels[walk->depth - 1];
    name_level(walk);
    int fd = sluice_file_operand_open_quietly(source, present(source), walk->name, LIST_FLAGS);
    if (fd < 0)
        return false;
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_dev != level->device || status.st_ino != level->inode) {
        (void)close(fd);
        errno = ENOENT;
        return false;
    }
    level->stream = fdopendir(fd);
    if (level->stream == NULL) {
        int errnum = errno;
        (void)close(fd);
        errno = errnum;
        return false;
    }
    seekdir(level->stream, level->position);
    return true;
}

/* ---- entries ---- */

/* The status of the walk's name, of which `at` and leaf are the short way (at -1: an operand).  Links as the policy
 * says.  -1 and errno. */
static int look(sluice_file_source *source, int at, const char *leaf, sluice_symlinks links)
{
    sluice_file_walk *walk = &source->walk;
    if (at >= 0) {
        if (fstatat(at, leaf, &walk->status, AT_SYMLINK_NOFOLLOW) != 0)
            return -1;
        if (!S_ISLNK(walk->status.st_mode) || links != SLUICE_SYMLINKS_FOLLOW)
            return 0;
        if (!source->rooted)
            return fstatat(at, leaf, &walk->status, 0);
    }
    int fd = sluice_file_operand_open(source, present(source), walk->name, O_PATH);
    if (fd < 0)
        return -1;
    int result = fstat(fd, &walk->status);
    if (result == 0 && at < 0 && S_ISLNK(walk->status.st_mode)) {
        ssize_t bytes = readlinkat(fd, "", walk->target, sizeof walk->target - 1);
        walk->target[bytes > 0 ? bytes : 0] = '\0';
    }
    (void)close(fd);
    return result;
}

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static void fill(sluice_file_source *source, sluice_entry *out)
{
    sluice_file_walk *walk = &source->walk;
    const struct stat *status = &walk->status;
    *out = (sluice_entry){.type = SLUICE_ENTRY_FILE, .name = walk->name, .operand = (uint32_t)(walk->operand - 1)};
    if (S_ISDIR(status->st_mode))
        out->type = SLUICE_ENTRY_DIRECTORY;
    else if (S_ISLNK(status->st_mode))
        out->type = SLUICE_ENTRY_SYMLINK;
    else
        out->size = (uint64_t)status->st_size;
    out->sparse = (uint64_t)status->st_blocks * 512 < out->size;
    out->target = out->type == SLUICE_ENTRY_SYMLINK ? walk->target : NULL;
    out->mode = status->st_mode & 07777;
    out->mtime_ns = nanoseconds(&status->st_mtim);
    out->atime_ns = nanoseconds(&status->st_atim);
    out->uid = status->st_uid;
    out->gid = status->st_gid;
    out->user = user_name(source, status->st_uid);
    out->group = group_name(source, status->st_gid);
}

/* A descriptor of what look has seen, for its attributes; -1 and errno. */
static int open_seen(sluice_file_source *source, int at, const char *leaf, sluice_symlinks links)
{
    struct stat status;
    bool follow = links == SLUICE_SYMLINKS_FOLLOW;
    int fd = at < 0 || (follow && source->rooted)
                 ? sluice_file_operand_open(source, present(source), source->walk.name, O_PATH)
                 : openat(at, leaf, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) != 0 || (status.st_mode & S_IFMT) != (source->walk.status.st_mode & S_IFMT)) {
        (void)close(fd);
        errno = ESTALE;
        return -1;
    }
    /* A file that was replaced by another is that other one. */
    source->walk.status = status;
    return fd;
}

/* Before fill, whose out it completes; a failure is one of that entry.  What lies in a directory is listed all the
 * same, unless that would fail for the same reason. */
static int tell_attributes(sluice_file_source *source, int at, const char *leaf, sluice_symlinks links,
                           sluice_entry *out)
{
    sluice_file_walk *walk = &source->walk;
    bool directory = S_ISDIR(walk->status.st_mode);
    size_t bytes = 0;
    int errnum = 0;
    int fd = open_seen(source, at, leaf, links);
    if (fd < 0)
        return fail_entry(source, out, errno, "its extended attributes cannot be read");
    bool listed = sluice_file_attributes_list(source, fd, directory, &bytes, &errnum);
    (void)close(fd);
    if (listed) {
        fill(source, out);
        out->attributes = walk->attributes;
        out->attribute_bytes = bytes;
        return SLUICE_OK;
    }
    walk->descend = directory && errnum != EACCES;
    if (errnum != E2BIG)
        return fail_entry(source, out, errnum, "its extended attributes cannot be read");
    out->name = walk->name;
    return source->host->fail(source->host, SLUICE_ELIMIT,
                              "%s: its extended attributes and ACLs are more than %u bytes; "
                              "leave xattr and acl out of --preserve",
                              sluice_beneath_shown(walk->name), SLUICE_ATTRIBUTES_MAX);
}

static int fail_special(sluice_file_source *source, sluice_entry *out)
{
    mode_t mode = source->walk.status.st_mode;
    const char *kind = S_ISFIFO(mode) ? "a named pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
    out->name = source->walk.name;
    return source->host->fail(source->host, SLUICE_EUNSUPPORTED,
                              "%s: is %s; only files, directories and links are sent",
                              sluice_beneath_shown(source->walk.name), kind);
}

/* Tells the walk's name if it is to be told: SLUICE_EAGAIN if it is left out. */
static int tell(sluice_file_source *source, int at, const char *leaf, sluice_symlinks links, sluice_entry *out)
{
    sluice_file_walk *walk = &source->walk;
    if (look(source, at, leaf, links) != 0) {
        /* What went away between the listing and now is not there: nothing to tell. */
        bool gone = at >= 0 && errno == ENOENT && faccessat(at, leaf, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
        return gone ? SLUICE_EAGAIN : fail_entry(source, out, errno, "cannot be read");
    }
    mode_t mode = walk->status.st_mode;
    bool nameless = strcmp(walk->name, ".") == 0;
    if (!nameless && source->wanted != NULL && !source->wanted(source->wanted_user, walk->name, S_ISDIR(mode)))
        return SLUICE_EAGAIN;
    if (S_ISLNK(mode)) {
        if (links == SLUICE_SYMLINKS_SKIP)
            return SLUICE_EAGAIN;
        if (at >= 0) {
            ssize_t bytes = readlinkat(at, leaf, walk->target, sizeof walk->target - 1);
            if (bytes < 0)
                return fail_entry(source, out, errno, "cannot be read");
            walk->target[bytes] = '\0';
        }
    } else if (!S_ISDIR(mode) && !S_ISREG(mode)) {
        return source->skip_special ? SLUICE_EAGAIN : fail_special(source, out);
    }
    if ((source->preserve & (SLUICE_PRESERVE_XATTR | SLUICE_PRESERVE_ACL)) != 0 && !S_ISLNK(mode)) {
        int status = tell_attributes(source, at, leaf, links, out);
        if (status != SLUICE_OK)
            return status;
    } else {
        fill(source, out);
    }
    walk->descend = out->type == SLUICE_ENTRY_DIRECTORY;
    return SLUICE_OK;
}

static bool is_range(const sluice_file_operand *operand)
{
    return operand->from > 0 || operand->to != SLUICE_UNKNOWN;
}

/* Of an operand that was told whole. */
static int tell_range(sluice_file_source *source, const sluice_file_operand *operand, sluice_entry *out)
{
    uint64_t from, to;
    const char *shown = sluice_beneath_shown(operand->given);
    source->walk.descend = false;
    if (out->type != SLUICE_ENTRY_FILE)
        return source->host->fail(source->host, SLUICE_EINVAL, "%s: a range of bytes is that of a file, which this is not",
                                  shown);
    sluice_file_operand_range(operand, out->size, &from, &to);
    out->size = to - from;
    return SLUICE_OK;
}

static int tell_operand(sluice_file_source *source, sluice_entry *out)
{
    const sluice_host *host = source->host;
    const sluice_file_operand *operand = sluice_file_operand_at(source, source->walk.operand++);
    if (!set_name(source, 0, operand->name)) {
        out->name = operand->name;
        return host->fail(host, SLUICE_ENOMEM, "%s: out of memory", sluice_beneath_shown(operand->given));
    }
    out->name = source->walk.name;
    const char *shown = sluice_beneath_shown(operand->given);
    switch (operand->problem) {
    case SLUICE_FILE_OUTSIDE:
        return host->fail(host, SLUICE_EOUTSIDE, "%s: lies outside the root; name a path below it", shown);
    case SLUICE_FILE_BAD_NAME:
        return host->fail(host, SLUICE_EINVAL, "%s: cannot be called \"%s\" at the destination", shown,
                          sluice_beneath_shown(operand->name));
    case SLUICE_FILE_BAD_RANGE:
        return host->fail(host, SLUICE_EINVAL, "%s: there are no bytes in the range that is asked for", shown);
    case SLUICE_FILE_DUPLICATE:
        return host->fail(host, SLUICE_EEXIST, "%s: an earlier source is called \"%s\" as well; copy it apart", shown,
                          sluice_beneath_shown(operand->name));
    case SLUICE_FILE_FINE:
        break;
    }
    int status = tell(source, -1, operand->path, source->named_symlinks, out);
    if (status == SLUICE_OK && is_range(operand))
        status = tell_range(source, operand, out);
    if (status == SLUICE_ENOENT)
        status = host->fail(host, SLUICE_ENOENT, "%s: no such file or directory", shown);
    return status;
}

/* The next entry of the deepest level; SLUICE_EAGAIN: none was to be told yet. */
static int tell_next(sluice_file_source *source, sluice_entry *out)
{
    sluice_file_walk *walk = &source->walk;
    sluice_file_level *level = &walk->levels[walk->depth - 1];
    if (level->stream == NULL && !reopen_level(source)) {
        int errnum = errno;
        pop_level(walk);
        return fail_entry(source, out, errnum, "went away while it was listed");
    }
    errno = 0;
    const struct dirent *found = readdir(level->stream);
    if (found == NULL) {
        int errnum = errno;
        name_level(walk);
        pop_level(walk);
        return errnum == 0 ? SLUICE_EAGAIN : fail_entry(source, out, errnum, "cannot be listed to its end");
    }
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
        return SLUICE_EAGAIN;
    if (!set_name(source, level->name_bytes, found->d_name)) {
        name_level(walk);
        return fail_entry(source, out, ENOMEM, "cannot be listed");
    }
    return tell(source, dirfd(level->stream), found->d_name, source->tree_symlinks, out);
}

int sluice_file_walk_next(sluice_file_source *source, sluice_entry *out)
{
    sluice_file_walk *walk = &source->walk;
    int status = SLUICE_EAGAIN;
    *out = (sluice_entry){0};
    while (status == SLUICE_EAGAIN) {
        if (walk->descend) {
            walk->descend = false;
            status = push_level(source, out);
            if (status == SLUICE_OK)
                status = SLUICE_EAGAIN;
        } else if (walk->depth > 0) {
            status = tell_next(source, out);
        } else if (walk->operand < atomic_load(&source->operand_count)) {
            status = tell_operand(source, out);
        } else {
            status = SLUICE_EEND;
        }
    }
    return status;
}

void sluice_file_walk_fini(sluice_file_source *source)
{
    sluice_file_walk *walk = &source->walk;
    while (walk->depth > 0)
        pop_level(walk);
    if (walk->levels != NULL)
        (void)source->host->resize(source->host, walk->levels, 0);
    if (walk->name != NULL)
        (void)source->host->resize(source->host, walk->name, 0);
    walk->levels = NULL;
    walk->name = NULL;
}
