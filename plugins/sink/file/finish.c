/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the last entry: links are made, so that nothing could have been written through them; then directories get
 * their modes and times, those below before those above, because making things changes the times of what is above.
 */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct finishing {
    sluice_file_sink *sink;
    void (*failed)(void *user, const char *name, int status, const char *sentence);
    void *user;
    int status; /* the first failure's */
    char sentence[1000];
} finishing;

static void tell_sentence(finishing *run, const char *path, int status, const char *text)
{
    if (run->failed != NULL)
        run->failed(run->user, path, status, text);
    if (run->status != SLUICE_OK)
        return;
    run->status = status;
    (void)snprintf(run->sentence, sizeof run->sentence, "%s", text);
}

static void tell(finishing *run, const char *path, int errnum, const char *what)
{
    char text[sizeof run->sentence];
    int status = sluice_file_destination_explain(run->sink, path, errnum, what, text, sizeof text);
    tell_sentence(run, path, status, text);
}

/* The directory that path lies in; -1 and errno. */
static int open_parent(const sluice_file_sink *sink, char *path, const char **leaf)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        *slash = '\0';
    int fd = sluice_beneath_open(sink->base, slash != NULL ? path : "", O_PATH | O_DIRECTORY, 0, SLUICE_BENEATH_STRICT);
    if (slash != NULL)
        *slash = '/';
    *leaf = slash != NULL ? slash + 1 : path;
    return fd;
}

/* A link gets its name by a rename too: what was there before is replaced at once or not at all. */
static int make_link(const sluice_file_sink *sink, int parent, const char *leaf, const sluice_file_note *note)
{
    char partial[SLUICE_LEAF_BYTES];
    struct stat status;
    if (fstatat(parent, leaf, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? symlinkat(note->target, parent, leaf) : -1;
    if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EEXIST;
        return -1;
    }
    if (sink->overwrite == SLUICE_OVERWRITE_NEVER) {
        errno = EEXIST;
        return -1;
    }
    sluice_file_partial_name(leaf, partial);
    if (fstatat(parent, partial, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
        (void)unlinkat(parent, partial, 0); /* left by a run that was killed between the two calls below */
    if (symlinkat(note->target, parent, partial) != 0)
        return -1;
    return renameat(parent, partial, parent, leaf);
}

static void finish_link(finishing *run, const sluice_file_note *note)
{
    const char *leaf = NULL;
    /* The path lies in the room of the note, which is ours. */
    int parent = open_parent(run->sink, (char *)note->path, &leaf);
    if (parent < 0) {
        tell(run, note->path, errno, "the link cannot be made");
        return;
    }
    struct timespec times[2];
    sluice_file_attributes_times(&note->attributes, times);
    if (make_link(run->sink, parent, leaf, note) != 0) {
        tell(run, note->path, errno, "the link cannot be made");
    } else {
        if (note->attributes.uid != UINT32_MAX || note->attributes.gid != UINT32_MAX)
            (void)!fchownat(parent, leaf, note->attributes.uid, note->attributes.gid, AT_SYMLINK_NOFOLLOW);
        if (note->attributes.mtime_ns != INT64_MIN && utimensat(parent, leaf, times, AT_SYMLINK_NOFOLLOW) != 0 &&
            errno != ENOTSUP)
            tell(run, note->path, errno, "the link's times cannot be set");
    }
    (void)close(parent);
}

static void finish_directory(finishing *run, const sluice_file_note *note)
{
    int fd =
        sluice_beneath_open(run->sink->base, note->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, SLUICE_BENEATH_STRICT);
    if (fd < 0) {
        tell(run, note->path, errno, "its mode and times cannot be set");
        return;
    }
    sluice_file_trouble trouble = {0};
    if (sluice_file_attributes_apply(run->sink, &note->attributes, &note->extended, fd, true, &trouble) != 0) {
        tell(run, note->path, errno, "its mode and times cannot be set");
    } else if (trouble.errnum != 0) {
        char text[sizeof run->sentence];
        int status = sluice_file_extended_explain(&trouble, note->path, text, sizeof text);
        tell_sentence(run, note->path, status, text);
    }
    (void)close(fd);
}

static void finish_notes(finishing *run, sluice_file_notes *notes,
                         void (*act)(finishing *run, const sluice_file_note *note))
{
    sluice_file_note note;
    char *room = NULL;
    int taken;
    while ((taken = sluice_file_notes_pop(run->sink, notes, &note, &room)) > 0)
        act(run, &note);
    if (taken < 0)
        tell(run, "", errno, "the notes of links and directories cannot be read back");
    if (room != NULL)
        (void)run->sink->host->resize(run->sink->host, room, 0);
}

static void sync_all(finishing *run)
{
    int fd = openat(run->sink->base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) != 0)
        tell(run, "", errno, "cannot be synced");
    if (fd >= 0)
        (void)close(fd);
}

int sluice_file_finish(sluice_file_sink *sink,
                       void (*failed)(void *user, const char *name, int status, const char *sentence), void *user)
{
    finishing run = {.sink = sink, .failed = failed, .user = user};
    finish_notes(&run, &sink->links, finish_link);
    sluice_file_unfinished_end(sink);
    finish_notes(&run, &sink->directories, finish_directory);
    if (sink->sync != SLUICE_SYNC_NONE)
        sync_all(&run);
    return run.status == SLUICE_OK ? SLUICE_OK : sink->host->fail(sink->host, run.status, "%s", run.sentence);
}
