/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ascp_sources.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOLD_MOST 10 /* files that stay are named, so many of them */

bool sluice_ascp_sources_wanted(const sluice_ascp_line *line)
{
    return line->remove_files || line->remove_directories || line->remove_source_directory || line->move_to != NULL;
}

/* ---- noting ---- */

static int out_of_memory(sluice_error *error)
{
    return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the sources that are to be removed");
}

/* One source, as an operand of the source plugin `file` is read: its path without slashes at its end, and its name. */
typedef struct operand {
    char path[PATH_MAX];
    const char *last; /* component of path; "." where that is no name */
    const char *name; /* what it is called at the destination */
} operand;

static bool is_name(const char *text)
{
    return text[0] != '\0' && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* False: it is too long, and stays. */
static bool operand_read(operand *out, const char *path, const char *as)
{
    size_t bytes = strlen(path);
    while (bytes > 1 && path[bytes - 1] == '/')
        bytes--;
    if (bytes == 0 || bytes >= sizeof out->path)
        return false;
    memcpy(out->path, path, bytes);
    out->path[bytes] = '\0';
    const char *slash = strrchr(out->path, '/');
    out->last = slash != NULL ? slash + 1 : out->path;
    if (!is_name(out->last))
        out->last = ".";
    out->name = as != NULL ? as : out->last;
    return true;
}

/* "name/rest", of which either may be missing; the bytes that it takes, its NUL too. */
static size_t join(char *to, size_t room, const char *name, const char *rest)
{
    bool top = strcmp(name, ".") == 0;
    if (rest[0] == '\0' || top)
        return (size_t)snprintf(to, room, "%s", top ? rest : name) + 1;
    return (size_t)snprintf(to, room, "%s/%s", name, rest) + 1;
}

static int add(sluice_ascp_sources *sources, const operand *from, const FTSENT *found, sluice_error *error)
{
    if (sources->count == sources->capacity) {
        size_t capacity = sources->capacity > 0 ? sources->capacity * 2 : 64;
        sluice_ascp_source *grown = reallocarray(sources->list, capacity, sizeof *grown);
        if (grown == NULL)
            return out_of_memory(error);
        sources->list = grown;
        sources->capacity = capacity;
    }
    const char *rest = found->fts_path + strlen(from->path);
    rest += strspn(rest, "/");
    size_t bytes = strlen(found->fts_path) + 1;
    size_t room = 3 * (bytes + 1) + strlen(from->name) + strlen(from->last);
    char *text = malloc(room);
    if (text == NULL)
        return out_of_memory(error);
    sluice_ascp_source *added = &sources->list[sources->count++];
    *added = (sluice_ascp_source){.path = text, .about = *found->fts_statp, .parent = SIZE_MAX};
    memcpy(text, found->fts_path, bytes);
    added->name = text + bytes;
    bytes += join(text + bytes, room - bytes, from->name, rest);
    added->archived = text + bytes;
    (void)join(text + bytes, room - bytes, from->last, rest);
    if (found->fts_level > 0)
        added->parent = (size_t)found->fts_parent->fts_number;
    return SLUICE_OK;
}

static int note_operand(sluice_ascp_sources *sources, const operand *from, sluice_error *error)
{
    char *const paths[] = {(char *)(uintptr_t)from->path, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *found;
    int status = walk != NULL ? SLUICE_OK : out_of_memory(error);
    while (status == SLUICE_OK && (found = fts_read(walk)) != NULL)
        if (found->fts_info == FTS_D || found->fts_info == FTS_F) {
            status = add(sources, from, found, error);
            found->fts_number = (long)sources->count - 1;
        }
    if (walk != NULL)
        (void)fts_close(walk);
    return status;
}

static int by_name(const void *left, const void *right, void *list)
{
    const sluice_ascp_source *sources = list;
    return strcmp(sources[*(const size_t *)left].name, sources[*(const size_t *)right].name);
}

static int sort(sluice_ascp_sources *sources, sluice_error *error)
{
    sources->by_name = calloc(sources->count + 1, sizeof *sources->by_name);
    if (sources->by_name == NULL)
        return out_of_memory(error);
    for (size_t i = 0; i < sources->count; i++)
        if (S_ISREG(sources->list[i].about.st_mode))
            sources->by_name[sources->files++] = i;
    qsort_r(sources->by_name, sources->files, sizeof *sources->by_name, by_name, sources->list);
    for (size_t i = 1; i < sources->files; i++) {
        sluice_ascp_source *one = &sources->list[sources->by_name[i - 1]], *other = &sources->list[sources->by_name[i]];
        if (strcmp(one->name, other->name) == 0)
            one->ambiguous = other->ambiguous = true;
    }
    return SLUICE_OK;
}

int sluice_ascp_sources_note(sluice_ascp_sources *sources, const sluice_ascp_plan *plan, sluice_error *error)
{
    int status = SLUICE_OK;
    operand from;
    for (size_t i = 0; i < plan->sources.count && status == SLUICE_OK; i++)
        if (operand_read(&from, plan->sources.list[i], NULL))
            status = note_operand(sources, &from, error);
    for (size_t i = 0; i + 1 < plan->pairs.count && status == SLUICE_OK; i += 2)
        if (operand_read(&from, plan->pairs.list[i], plan->pairs.list[i + 1]))
            status = note_operand(sources, &from, error);
    return status == SLUICE_OK ? sort(sources, error) : status;
}

/* ---- events ---- */

static sluice_ascp_source *find(const sluice_ascp_sources *sources, const char *name)
{
    size_t low = 0, high = sources->files;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        sluice_ascp_source *at = &sources->list[sources->by_name[middle]];
        int order = strcmp(at->name, name);
        if (order == 0)
            return at;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* A size that differs says that what was sent is not what was noted. */
void sluice_ascp_sources_event(sluice_ascp_sources *sources, const sluice_event *event)
{
    if (event->type != SLUICE_EVENT_FILE || event->path == NULL || event->state == NULL)
        return;
    sluice_ascp_source *told = find(sources, event->path);
    if (told == NULL)
        return;
    bool same = event->file_bytes == (uint64_t)told->about.st_size;
    if (strcmp(event->state, "done") == 0 && same)
        told->done = true;
    else if (strcmp(event->state, "skipped") == 0 && same)
        told->skipped = true;
    else
        told->failed = true;
}

/* ---- the end ---- */

typedef struct settling {
    sluice_ascp_sources *sources;
    const sluice_ascp_line *line;
    void (*say)(const char *format, ...) SLUICE_PRINTF(1, 2);
    size_t stayed;
} settling;

static void stays(settling *self, const sluice_ascp_source *source, const char *why)
{
    if (self->stayed++ < TOLD_MOST)
        self->say("warning: %s: stays where it is: %s", source->path, why);
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* The time of change moves when another name of the same file goes, as we may have seen to ourselves. */
static bool is_unchanged(const sluice_ascp_source *source, const struct stat *now)
{
    const struct stat *then = &source->about;
    return S_ISREG(now->st_mode) && now->st_dev == then->st_dev && now->st_ino == then->st_ino &&
           now->st_size == then->st_size && same_time(now->st_mtim, then->st_mtim) &&
           (then->st_nlink > 1 || same_time(now->st_ctim, then->st_ctim));
}

/* Makes the directories that a path needs. */
static int make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(path, 0777) != 0 && errno != EEXIST ? errno : 0;
        *slash = '/';
        if (failed != 0)
            return failed;
    }
    return 0;
}

/* An errno value.  What lies there already is not replaced. */
static int move(int directory, const char *base, const char *to, const char *archived)
{
    char *path;
    if (asprintf(&path, "%s/%s", to, archived) < 0)
        return ENOMEM;
    int failed = make_parents(path);
    if (failed == 0 && renameat2(directory, base, AT_FDCWD, path, RENAME_NOREPLACE) != 0)
        failed = errno;
    free(path);
    return failed;
}

/* Looks at it once more and takes it away, by its name in one and the same directory. */
static void take_away(settling *self, sluice_ascp_source *source)
{
    const char *slash = strrchr(source->path, '/'), *base = slash != NULL ? slash + 1 : source->path;
    char parent[PATH_MAX] = ".";
    if (slash != NULL && slash - source->path + 1 >= PATH_MAX) {
        stays(self, source, "its path is too long");
        return;
    }
    if (slash != NULL)
        (void)snprintf(parent, sizeof parent, "%.*s", (int)(slash - source->path) + 1, source->path);
    int directory = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat now;
    if (directory < 0 || fstatat(directory, base, &now, AT_SYMLINK_NOFOLLOW) != 0)
        stays(self, source, strerror(errno));
    else if (!is_unchanged(source, &now))
        stays(self, source, "it was changed since");
    else {
        int failed = self->line->move_to != NULL ? move(directory, base, self->line->move_to, source->archived)
                     : unlinkat(directory, base, 0) != 0 ? errno
                                                         : 0;
        if (failed != 0)
            stays(self, source, strerror(failed));
        else
            for (size_t up = source->parent; up != SIZE_MAX; up = self->sources->list[up].parent)
                self->sources->list[up].emptied = true;
    }
    if (directory >= 0)
        (void)close(directory);
}

/* By --overwrite=diff a skipped file is there with this size and time; by another rule only something of that name is. */
static bool takes_skipped(const settling *self)
{
    bool same = strcmp(sluice_ascp_line_setting(self->line, "overwrite"), "different") == 0;
    if (self->line->remove_skipped && !same)
        self->say("warning: --remove-skipped: with this --overwrite other files may lie there, so what was skipped stays");
    return self->line->remove_skipped && same;
}

static void settle_files(settling *self)
{
    bool skipped = takes_skipped(self);
    for (size_t i = 0; i < self->sources->files; i++) {
        sluice_ascp_source *source = &self->sources->list[self->sources->by_name[i]];
        bool arrived = source->done || (source->skipped && skipped);
        if (!arrived || source->failed)
            continue;
        if (source->ambiguous)
            stays(self, source, "another source has the same name");
        else
            take_away(self, source);
    }
}

/* Patterns and times leave out files that nobody has told of; a directory may have been left out, too, so that only one is
 * removed which something was taken out of. */
static bool is_filtered(const sluice_ascp_line *line)
{
    static const char *const keys[] = {"exclude", "include", "exclude-newer-than", "exclude-older-than"};
    for (size_t i = 0; i < SLUICE_COUNT(keys); i++)
        if (sluice_ascp_line_setting(line, keys[i]) != NULL)
            return true;
    return false;
}

/* What lies in them stands behind them: from the end on. */
static void settle_directories(settling *self)
{
    bool filtered = is_filtered(self->line);
    for (size_t i = self->sources->count; i-- > 0;) {
        const sluice_ascp_source *source = &self->sources->list[i];
        bool asked = source->parent == SIZE_MAX ? self->line->remove_source_directory : self->line->remove_directories;
        struct stat now;
        if (!S_ISDIR(source->about.st_mode) || !asked || (filtered && !source->emptied) ||
            lstat(source->path, &now) != 0 || now.st_dev != source->about.st_dev || now.st_ino != source->about.st_ino)
            continue;
        if (rmdir(source->path) != 0 && errno != ENOTEMPTY && errno != EEXIST && errno != EINVAL && errno != EBUSY)
            stays(self, source, strerror(errno));
    }
}

void sluice_ascp_sources_settle(sluice_ascp_sources *sources, const sluice_ascp_line *line,
                                void (*say)(const char *format, ...) SLUICE_PRINTF(1, 2))
{
    settling self = {.sources = sources, .line = line, .say = say};
    if (line->remove_files || line->move_to != NULL)
        settle_files(&self);
    settle_directories(&self);
    if (self.stayed > TOLD_MOST)
        say("warning: and %zu more stay", self.stayed - TOLD_MOST);
}

void sluice_ascp_sources_fini(sluice_ascp_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++)
        free(sources->list[i].path);
    free(sources->list);
    free(sources->by_name);
    *sources = (sluice_ascp_sources){.list = NULL};
}
