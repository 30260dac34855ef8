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
    memcpy(out->given, asked->path, path_bytes + 1);
    if (!source->rooted) {
        size_t kept = without_slashes(asked->path, path_bytes);
        memcpy(out->path, asked->path, kept);
        out->path[kept] = '\0';
    } else if (!sluice_beneath_normalise(asked->path, out->path)) {
        out->path[0] = '\0';
        out->problem = SLUICE_FILE_OUTSIDE;
    }
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
    size_t count = source->operand_count;
    if (count < 2)
        return SLUICE_OK;
    sluice_file_operand **sorted = host->resize(host, NULL, count * sizeof *sorted);
    if (sorted == NULL)
        return host->fail(host, SLUICE_ENOMEM, "out of memory for the list of sources");
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        sluice_file_operand *operand = &source->operands[i];
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
    const sluice_host *host = source->host;
    if (spec->operand_count == 0)
        return host->fail(host, SLUICE_EINVAL, "the source `file` was given nothing to send");
    source->operands = host->resize(host, NULL, spec->operand_count * sizeof *source->operands);
    if (source->operands == NULL)
        return host->fail(host, SLUICE_ENOMEM, "out of memory for the list of sources");
    for (size_t i = 0; i < spec->operand_count; i++) {
        /* The core's struct may be longer than the one this plugin knows. */
        const sluice_operand *asked =
            (const sluice_operand *)(const void *)((const char *)spec->operands + i * spec->operand_size);
        int status = operand_init(source, asked, &source->operands[i]);
        if (status != SLUICE_OK)
            return status;
        source->operand_count++;
    }
    return mark_duplicates(source);
}

void sluice_file_operands_fini(sluice_file_source *source)
{
    for (size_t i = 0; i < source->operand_count; i++)
        (void)source->host->resize(source->host, source->operands[i].given, 0);
    if (source->operands != NULL)
        (void)source->host->resize(source->host, source->operands, 0);
    source->operands = NULL;
    source->operand_count = 0;
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
