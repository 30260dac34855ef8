/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked for, and how things below it are reached. */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t without_slashes(const char *path, size_t length)
{
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

/* The last component of a path, trailing slashes aside; "." if that is no name ("/", ".", "..", empty). */
static void name_of(const char *path, char *out)
{
    size_t end = without_slashes(path, strlen(path));
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    memcpy(out, path + start, end - start);
    out[end - start] = '\0';
    if (!sluice_beneath_is_name(out))
        strcpy(out, ".");
}

sluice_file_operand *sluice_file_operand_at(const sluice_file_source *source, size_t index)
{
    size_t block = 0, first = 0;
    while (index - first >= (size_t)SLUICE_FILE_BLOCK_FIRST << block)
        first += (size_t)SLUICE_FILE_BLOCK_FIRST << block++;
    return &source->blocks[block][index - first];
}

/* Room for one more behind the last. */
static int room_make(sluice_file_source *source)
{
    size_t block = 0, first = 0, count = atomic_load(&source->operand_count);
    while (block < SLUICE_FILE_BLOCKS && count - first >= (size_t)SLUICE_FILE_BLOCK_FIRST << block)
        first += (size_t)SLUICE_FILE_BLOCK_FIRST << block++;
    if (block < SLUICE_FILE_BLOCKS && source->blocks[block] == NULL)
        source->blocks[block] = source->host->resize(
            source->host, NULL, ((size_t)SLUICE_FILE_BLOCK_FIRST << block) * sizeof *source->blocks[block]);
    if (block == SLUICE_FILE_BLOCKS || source->blocks[block] == NULL)
        return source->host->fail(source->host, SLUICE_ENOMEM, "out of memory for the list of sources");
    return SLUICE_OK;
}

void sluice_file_operand_range(const sluice_file_operand *operand, uint64_t bytes, uint64_t *from, uint64_t *to)
{
    *to = operand->to < bytes ? operand->to : bytes;
    *from = operand->from < *to ? operand->from : *to;
}

static int operand_init(sluice_file_source *source, const sluice_operand *asked, sluice_file_operand *out)
{
    const sluice_host *host = source->host;
    size_t path_bytes = strlen(asked->path);
    size_t name_bytes = asked->as != NULL ? strlen(asked->as) : path_bytes;
    /* Room for "." in both, whatever they hold. */
    char *text = host->resize(host, NULL, 2 * (path_bytes + 2) + name_bytes + 2);
    if (text == NULL)
        return host->fail(host, SLUICE_ENOMEM, "out of memory for the list of sources");
    out->given = text;
    out->path = text + path_bytes + 2;
    out->name = out->path + path_bytes + 2;
    out->problem = SLUICE_FILE_FINE;
    out->from = asked->from;
    out->to = asked->to > 0 ? asked->to : SLUICE_UNKNOWN;
    memcpy(out->given, asked->path, path_bytes + 1);
    if (!source->rooted) {
        size_t kept = without_slashes(asked->path, path_bytes);
        memcpy(out->path, asked->path, kept);
        out->path[kept] = '\0';
    } else if (!sluice_beneath_normalise(asked->path, out->path)) {
        out->path[0] = '\0';
        out->problem = SLUICE_FILE_OUTSIDE;
    }
    if (out->to <= out->from && out->problem == SLUICE_FILE_FINE)
        out->problem = SLUICE_FILE_BAD_RANGE;
    if (asked->as == NULL) {
        name_of(asked->path, out->name);
    } else {
        memcpy(out->name, asked->as, name_bytes + 1);
        if (!sluice_beneath_is_name(out->name) && out->problem == SLUICE_FILE_FINE)
            out->problem = SLUICE_FILE_BAD_NAME;
    }
    return SLUICE_OK;
}

static int by_name_then_place(const void *left, const void *right)
{
    const sluice_file_operand *const *a = left;
    const sluice_file_operand *const *b = right;
    int order = strcmp((*a)->name, (*b)->name);
    if (order != 0)
        return order;
    return *a < *b ? -1 : *a > *b;
}

/* Of operands with the same name only the first is good; several without a name may lie over each other. */
static int mark_duplicates(sluice_file_source *source)
{
    const sluice_host *host = source->host;
    size_t count = atomic_load(&source->operand_count);
    if (count < 2)
        return SLUICE_OK;
    sluice_file_operand **sorted = host->resize(host, NULL, count * sizeof *sorted);
    if (sorted == NULL)
        return host->fail(host, SLUICE_ENOMEM, "out of memory for the list of sources");
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        sluice_file_operand *operand = sluice_file_operand_at(source, i);
        if (operand->problem == SLUICE_FILE_FINE && strcmp(operand->name, ".") != 0)
            sorted[used++] = operand;
    }
    qsort(sorted, used, sizeof *sorted, by_name_then_place);
    for (size_t i = 1; i < used; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            sorted[i]->problem = SLUICE_FILE_DUPLICATE;
    }
    (void)host->resize(host, sorted, 0);
    return SLUICE_OK;
}

int sluice_file_operands_init(sluice_file_source *source, const sluice_source_spec *spec)
{
    if (spec->operand_count == 0 && !spec->open)
        return source->host->fail(source->host, SLUICE_EINVAL, "the source `file` was given nothing to send");
    for (size_t i = 0; i < spec->operand_count; i++) {
        /* The core's struct may be longer than the one this plugin knows. */
        const sluice_operand *asked =
            (const sluice_operand *)(const void *)((const char *)spec->operands + i * spec->operand_size);
        int status = sluice_file_operands_add(source, asked);
        if (status != SLUICE_OK)
            return status;
    }
    return mark_duplicates(source);
}

/* What comes later may have the name of an earlier one: it may be the same file, which has changed meanwhile. */
int sluice_file_operands_add(sluice_file_source *source, const sluice_operand *asked)
{
    size_t count = atomic_load(&source->operand_count);
    int status = room_make(source);
    if (status == SLUICE_OK)
        status = operand_init(source, asked, sluice_file_operand_at(source, count));
    if (status == SLUICE_OK)
        atomic_store(&source->operand_count, count + 1);
    return status;
}

void sluice_file_operands_fini(sluice_file_source *source)
{
    for (size_t i = 0; i < atomic_load(&source->operand_count); i++)
        (void)source->host->resize(source->host, sluice_file_operand_at(source, i)->given, 0);
    for (size_t i = 0; i < SLUICE_FILE_BLOCKS; i++) {
        if (source->blocks[i] != NULL)
            (void)source->host->resize(source->host, source->blocks[i], 0);
        source->blocks[i] = NULL;
    }
    atomic_store(&source->operand_count, 0);
}

/* What of name lies below the operand: "" for the operand itself.  NULL: name is none of its names. */
static const char *below_operand(const sluice_file_operand *operand, const char *name)
{
    if (strcmp(operand->name, name) == 0)
        return "";
    if (!sluice_beneath_is_name(name))
        return NULL;
    if (strcmp(operand->name, ".") == 0)
        return name;
    size_t length = strlen(operand->name);
    return strncmp(operand->name, name, length) == 0 && name[length] == '/' ? name + length + 1 : NULL;
}

static int open_following(const sluice_file_source *source, const sluice_file_operand *operand, const char *below,
                          int flags)
{
    size_t path_bytes = strlen(operand->path);
    size_t below_bytes = strlen(below);
    char *whole = source->host->resize(source->host, NULL, path_bytes + below_bytes + 2);
    if (whole == NULL) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(whole, operand->path, path_bytes);
    if (path_bytes > 0 && whole[path_bytes - 1] != '/')
        whole[path_bytes++] = '/';
    memcpy(whole + path_bytes, below, below_bytes + 1);
    int fd = sluice_beneath_open(source->base, whole, flags, 0,
                                 source->rooted ? SLUICE_BENEATH_CONFINED : SLUICE_BENEATH_FREE);
    int kept = errno;
    (void)source->host->resize(source->host, whole, 0);
    errno = kept;
    return fd;
}

int sluice_file_operand_open(const sluice_file_source *source, const sluice_file_operand *operand, const char *name,
                             int flags)
{
    const char *below = below_operand(operand, name);
    if (below == NULL || operand->problem == SLUICE_FILE_OUTSIDE) {
        errno = EXDEV;
        return -1;
    }
    if (below[0] != '\0' && source->tree_symlinks == SLUICE_SYMLINKS_FOLLOW)
        return open_following(source, operand, below, flags);
    sluice_beneath rule = source->rooted ? SLUICE_BENEATH_CONFINED : SLUICE_BENEATH_FREE;
    int operand_flags = source->named_symlinks == SLUICE_SYMLINKS_FOLLOW ? 0 : O_NOFOLLOW;
    if (below[0] == '\0')
        return sluice_beneath_open(source->base, operand->path, flags | operand_flags, 0, rule);
    int directory = sluice_beneath_open(source->base, operand->path, O_PATH | O_DIRECTORY | operand_flags, 0, rule);
    if (directory < 0)
        return -1;
    int fd = sluice_beneath_open(directory, below, flags | O_NOFOLLOW, 0, SLUICE_BENEATH_STRICT);
    int kept = errno;
    (void)close(directory);
    errno = kept;
    return fd;
}

int sluice_file_operand_open_quietly(const sluice_file_source *source, const sluice_file_operand *operand,
                                     const char *name, int flags)
{
    int fd = sluice_file_operand_open(source, operand, name, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM)
        fd = sluice_file_operand_open(source, operand, name, flags);
    return fd;
}
