/* SPDX-License-Identifier: Apache-2.0 */
/* Where names lie: the destination as the user meant it, and the way from there to the directory of each entry. */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DIRECTORY_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#define NAME_BYTES_MAX (1u << 20)

/* Enough for a directory and for what sluice_beneath_shown leaves of a name. */
#define SHOWN_PATH_BYTES 900
#define SHOWN_BASE_BYTES 300

/* ---- sentences ---- */

/* A path below base for a sentence: in full where the sentence is for this machine's own user.  The way to a root is
 * none of a peer's business. */
static void show(const sluice_file_sink *sink, const char *path, char out[SHOWN_PATH_BYTES])
{
    char link[32], base[SHOWN_BASE_BYTES];
    ssize_t length = -1;
    if (!sink->confined) {
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", sink->base);
        length = readlink(link, base, sizeof base);
    }
    if (length > 0 && length < (ssize_t)sizeof base)
        (void)snprintf(out, SHOWN_PATH_BYTES, "%.*s%s%s", (int)length, base,
                       base[length - 1] != '/' && path[0] != '\0' ? "/" : "", sluice_beneath_shown(path));
    else
        (void)snprintf(out, SHOWN_PATH_BYTES, "%s", path[0] != '\0' ? sluice_beneath_shown(path) : "the destination");
}

int sluice_file_destination_explain(const sluice_file_sink *sink, const char *path, int errnum, const char *what,
                                    char *out, size_t bytes)
{
    char shown[SHOWN_PATH_BYTES];
    struct statvfs room;
    show(sink, path, shown);
    switch (errnum) {
    case EXDEV:
    case ELOOP:
        (void)snprintf(out, bytes, "%s: %s: a symbolic link is in its way, and nothing is written through links", shown,
                       what);
        return SLUICE_EOUTSIDE;
    case ENOTDIR:
        (void)snprintf(out, bytes, "%s: %s: something that is no directory is in its way", shown, what);
        return SLUICE_EEXIST;
    case EISDIR:
        (void)snprintf(out, bytes, "%s: %s: a directory of that name is there; move it away", shown, what);
        return SLUICE_EEXIST;
    case ENOSPC:
        if (fstatvfs(sink->base, &room) == 0) {
            (void)snprintf(out, bytes,
                           "%s: %s: no space left on the destination (%" PRIu64
                           " bytes free); make room and copy again, what has arrived is kept",
                           shown, what, (uint64_t)room.f_bavail * room.f_frsize);
            return SLUICE_ENOSPACE;
        }
        break;
    default:
        break;
    }
    (void)snprintf(out, bytes, "%s: %s: %s", shown, what, strerror(errnum));
    return sluice_beneath_status(errnum);
}

int sluice_file_destination_fail(const sluice_file_sink *sink, const char *path, int errnum, const char *what)
{
    char text[1000];
    int status = sluice_file_destination_explain(sink, path, errnum, what, text, sizeof text);
    return sink->host->fail(sink->host, status, "%s", text);
}

/* ---- the destination ---- */

typedef struct lookup {
    int start; /* directory that path is seen from */
    sluice_beneath rule;
    char *path;
    bool directory; /* by its form it can only be one: trailing '/', ".", ".." */
} lookup;

/* Opens the directory path, making what is missing of it.  -1 and errno. */
static int open_making(int start, char *path, sluice_beneath rule)
{
    int above = openat(start, path[0] == '/' ? "/" : ".", DIRECTORY_FLAGS);
    char *component = path + strspn(path, "/");
    while (above >= 0 && *component != '\0') {
        char *end = component + strcspn(component, "/");
        char cut = *end;
        *end = '\0';
        int fd = sluice_beneath_open(start, path, O_PATH | O_DIRECTORY, 0, rule);
        if (fd < 0 && errno == ENOENT && (mkdirat(above, component, 0777) == 0 || errno == EEXIST))
            fd = sluice_beneath_open(start, path, O_PATH | O_DIRECTORY, 0, rule);
        *end = cut;
        int errnum = errno;
        (void)close(above);
        errno = errnum;
        above = fd;
        component = end + strspn(end, "/");
    }
    return above;
}

static int fail_outside(const sluice_file_sink *sink, const char *destination)
{
    return sink->host->fail(sink->host, SLUICE_EOUTSIDE, "%s: lies outside the root; name a path below it",
                            sluice_beneath_shown(destination));
}

static int fail_search(const sluice_file_sink *sink, const lookup *search, const char *destination, int errnum)
{
    const sluice_host *host = sink->host;
    if (search->rule != SLUICE_BENEATH_FREE && (errnum == EXDEV || errnum == ELOOP))
        return fail_outside(sink, destination);
    if (errnum == ENOTDIR)
        return host->fail(host, SLUICE_EEXIST, "%s: is no directory, or something on the way to it is none",
                          sluice_beneath_shown(destination));
    return host->fail(host, sluice_beneath_status(errnum), "%s: %s", sluice_beneath_shown(destination),
                      strerror(errnum));
}

/* There is no directory at the path: things go below it (into), or it becomes the name of the only operand. */
static int open_into(sluice_file_sink *sink, const sluice_sink_spec *spec, lookup *search, int errnum)
{
    const sluice_host *host = sink->host;
    if (errnum == ENOENT && (spec->make_parents || spec->explicit_names)) {
        sink->base = open_making(search->start, search->path, search->rule);
        return sink->base >= 0 ? SLUICE_OK : fail_search(sink, search, spec->destination, errno);
    }
    if (errnum == ENOENT)
        return host->fail(host, SLUICE_ENOENT, "%s: there is no such directory; --mkdir makes it",
                          sluice_beneath_shown(spec->destination));
    if (errnum == ENOTDIR && !spec->single)
        return host->fail(host, SLUICE_EEXIST, "%s: is no directory, and several sources can only go into one",
                          sluice_beneath_shown(spec->destination));
    return fail_search(sink, search, spec->destination, errnum);
}

static int open_under_name(sluice_file_sink *sink, const sluice_sink_spec *spec, lookup *search)
{
    const sluice_host *host = sink->host;
    char *slash = strrchr(search->path, '/');
    const char *leaf = slash != NULL ? slash + 1 : search->path;
    if (!sluice_beneath_is_name(leaf))
        return host->fail(host, SLUICE_EINVAL, "%s: its last component is longer than 255 bytes",
                          sluice_beneath_shown(spec->destination));
    sink->top = host->resize(host, NULL, strlen(leaf) + 1);
    if (sink->top == NULL)
        return host->fail(host, SLUICE_ENOMEM, "out of memory");
    strcpy(sink->top, leaf);
    if (slash == NULL)
        search->path[0] = '\0';
    else
        slash[slash == search->path ? 1 : 0] = '\0';
    sink->base = sluice_beneath_open(search->start, search->path, O_PATH | O_DIRECTORY, 0, search->rule);
    if (sink->base < 0 && errno == ENOENT && spec->make_parents)
        sink->base = open_making(search->start, search->path, search->rule);
    if (sink->base >= 0)
        return SLUICE_OK;
    if (errno == ENOENT)
        return host->fail(host, SLUICE_ENOENT,
                          "%s: the directory that it should lie in does not exist; --mkdir makes it",
                          sluice_beneath_shown(spec->destination));
    return fail_search(sink, search, spec->destination, errno);
}

/* Whether top is that directory, and no link to it. */
static bool is_top(const sluice_file_sink *sink, int directory)
{
    struct stat named, opened;
    return fstatat(sink->base, sink->top, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(directory, &opened) == 0 &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* The directory is there: something to go into, unless it is what an earlier run has made in an operand's place. */
static void open_unfinished(sluice_file_sink *sink, const sluice_sink_spec *spec, lookup *search)
{
    int directory = sink->base;
    if (!spec->single || spec->explicit_names || search->directory ||
        !sluice_file_unfinished_find(sink, directory, sink->operand))
        return;
    sink->unfinished = open_under_name(sink, spec, search) == SLUICE_OK && is_top(sink, directory);
    if (sink->unfinished) {
        (void)close(directory);
        return;
    }
    if (sink->base >= 0)
        (void)close(sink->base);
    sink->base = directory;
    if (sink->top != NULL)
        (void)sink->host->resize(sink->host, sink->top, 0);
    sink->top = NULL;
}

static int open_destination(sluice_file_sink *sink, const sluice_sink_spec *spec, lookup *search)
{
    sink->base = sluice_beneath_open(search->start, search->path, O_PATH | O_DIRECTORY, 0, search->rule);
    if (sink->base >= 0) {
        open_unfinished(sink, spec, search);
        return SLUICE_OK;
    }
    int errnum = errno;
    if (errnum != ENOENT && errnum != ENOTDIR)
        return fail_search(sink, search, spec->destination, errnum);
    if (search->directory || !spec->single || spec->explicit_names)
        return open_into(sink, spec, search, errnum);
    return open_under_name(sink, spec, search);
}

static bool is_directory_by_form(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *leaf = slash != NULL ? slash + 1 : path;
    return leaf[0] == '\0' || strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0;
}

int sluice_file_destination_open(sluice_file_sink *sink, const sluice_sink_spec *spec)
{
    const sluice_host *host = sink->host;
    lookup search = {.rule = spec->root != NULL ? SLUICE_BENEATH_CONFINED : SLUICE_BENEATH_FREE,
                     .directory = is_directory_by_form(spec->destination)};
    const char *start = spec->root != NULL ? spec->root : ".";
    search.start = open(start, DIRECTORY_FLAGS);
    if (search.start < 0)
        return host->fail(host, sluice_beneath_status(errno), "%s: cannot be opened: %s", start, strerror(errno));
    search.path = host->resize(host, NULL, strlen(spec->destination) + 1);
    int status = SLUICE_OK;
    if (search.path == NULL)
        status = host->fail(host, SLUICE_ENOMEM, "out of memory");
    else if (spec->root == NULL)
        strcpy(search.path, spec->destination);
    else if (!sluice_beneath_normalise(spec->destination, search.path))
        status = fail_outside(sink, spec->destination);
    if (status == SLUICE_OK)
        status = open_destination(sink, spec, &search);
    if (search.path != NULL)
        (void)host->resize(host, search.path, 0);
    (void)close(search.start);
    struct statvfs system;
    if (status == SLUICE_OK && fstatvfs(sink->base, &system) == 0 && (system.f_flag & ST_RDONLY) != 0)
        status = host->fail(host, SLUICE_EACCESS, "%s: lies on a read-only file system",
                            sluice_beneath_shown(spec->destination));
    return status;
}

/* ---- entries ---- */

/* A partial file's name would let one entry lie in another's way. */
static bool has_partial_name(const char *name)
{
    for (;;) {
        size_t length = strcspn(name, "/");
        if (sluice_file_partial_is_name(name, length))
            return true;
        if (name[length] == '\0')
            return false;
        name += length + 1;
    }
}

static int check_name(sluice_file_sink *sink, const sluice_entry *entry, bool nameless)
{
    const sluice_host *host = sink->host;
    const char *shown = sluice_beneath_shown(entry->name);
    if (nameless)
        return SLUICE_OK;
    if (strlen(entry->name) > NAME_BYTES_MAX || !sluice_beneath_is_name(entry->name))
        return host->fail(host, SLUICE_EOUTSIDE,
                          "%s: refused: names must lie below the destination, components have "
                          "1 to 255 bytes and are not . or ..",
                          shown);
    if (has_partial_name(entry->name))
        return host->fail(host, SLUICE_EUNSUPPORTED, "%s: refused: it is called like a partial file of sluice", shown);
    return SLUICE_OK;
}

/* Whether the entry is, or lies below, a directory of the name that the unfinished one was made for. */
static bool is_continued(const sluice_file_sink *sink, const sluice_entry *entry)
{
    size_t bytes = strcspn(entry->name, "/");
    bool tree = entry->name[bytes] == '/' || entry->type == SLUICE_ENTRY_DIRECTORY;
    return tree && strlen(sink->operand) == bytes && memcmp(sink->operand, entry->name, bytes) == 0;
}

/* Whether top stands for the name's first component.  Under the lock. */
static bool takes_place(sluice_file_sink *sink, const sluice_entry *entry)
{
    size_t bytes = strcspn(entry->name, "/");
    if (sink->top == NULL || sink->nameless || (sink->unfinished && !is_continued(sink, entry)))
        return false;
    if (!sink->placed) {
        memcpy(sink->operand, entry->name, bytes);
        sink->operand[bytes] = '\0';
    }
    sink->placed = true;
    return true;
}

int sluice_file_destination_path(sluice_file_sink *sink, const sluice_entry *entry, char **out)
{
    const sluice_host *host = sink->host;
    bool nameless = entry->type == SLUICE_ENTRY_DIRECTORY && strcmp(entry->name, ".") == 0;
    int status = check_name(sink, entry, nameless);
    if (status != SLUICE_OK)
        return status;
    pthread_mutex_lock(&sink->lock);
    if (nameless)
        sink->nameless = true;
    bool replaced = takes_place(sink, entry);
    pthread_mutex_unlock(&sink->lock);
    const char *top = sink->top != NULL ? sink->top : "";
    const char *rest = nameless ? "" : entry->name;
    if (replaced) {
        rest += strcspn(rest, "/");
        rest += *rest == '/';
    }
    char *path = host->resize(host, NULL, strlen(top) + strlen(rest) + 2);
    if (path == NULL)
        return host->fail(host, SLUICE_ENOMEM, "%s: out of memory", sluice_beneath_shown(entry->name));
    strcpy(path, top);
    if (top[0] != '\0' && rest[0] != '\0')
        strcat(path, "/");
    strcat(path, rest);
    *out = path;
    return SLUICE_OK;
}

/* As open_making, but no component may be a link. */
static int make_parents(sluice_file_sink *sink, char *path)
{
    int above = sluice_beneath_open(sink->base, "", O_PATH | O_DIRECTORY, 0, SLUICE_BENEATH_STRICT);
    char *component = path;
    while (above >= 0 && *component != '\0') {
        char *end = component + strcspn(component, "/");
        char cut = *end;
        *end = '\0';
        int fd = -1;
        bool made = mkdirat(above, component, 0777) == 0;
        if (made || errno == EEXIST)
            fd = sluice_beneath_open(above, component, O_PATH | O_DIRECTORY, 0, SLUICE_BENEATH_STRICT);
        int errnum = errno;
        if (made && sink->top != NULL && strcmp(path, sink->top) == 0)
            sluice_file_unfinished_mark(sink);
        *end = cut;
        (void)close(above);
        errno = errnum;
        above = fd;
        component = cut == '/' ? end + 1 : end;
    }
    return above;
}

int sluice_file_destination_parent(sluice_file_sink *sink, const char *path, bool make, const char **leaf)
{
    const sluice_host *host = sink->host;
    const char *slash = strrchr(path, '/');
    size_t bytes = slash != NULL ? (size_t)(slash - path) : 0;
    char *parent = host->resize(host, NULL, bytes + 1);
    if (parent == NULL)
        return host->fail(host, SLUICE_ENOMEM, "%s: out of memory", sluice_beneath_shown(path));
    memcpy(parent, path, bytes);
    parent[bytes] = '\0';
    int fd = sluice_beneath_open(sink->base, parent, O_PATH | O_DIRECTORY, 0, SLUICE_BENEATH_STRICT);
    if (fd < 0 && errno == ENOENT && make)
        fd = make_parents(sink, parent);
    int errnum = errno;
    (void)host->resize(host, parent, 0);
    if (fd < 0)
        return sluice_file_destination_fail(sink, path, errnum, "its directory cannot be opened");
    *leaf = slash != NULL ? slash + 1 : path;
    return fd;
}
