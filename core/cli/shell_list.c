/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reading {
    const sluice_shell_list *list;
    FILE *file;
    char *line;
    size_t room;
    unsigned long number;
} reading;

/* The next line without its end; EEND after the last. */
static int next(reading *in, sluice_error *error)
{
    int end = in->list->nul ? '\0' : '\n';
    errno = 0;
    ssize_t bytes = getdelim(&in->line, &in->room, end, in->file);
    if (bytes < 0 && ferror(in->file))
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: cannot be read: %s", in->list->file, strerror(errno));
    if (bytes < 0)
        return SLUICE_EEND;
    in->number++;
    if (in->line[bytes - 1] == end)
        in->line[--bytes] = '\0';
    if (strlen(in->line) != (size_t)bytes)
        return sluice_fail(error, SLUICE_EUSAGE, "%s:%lu: a NUL byte in a name", in->list->file, in->number);
    return SLUICE_OK;
}

static char *join(const char *base, const char *name)
{
    size_t bytes = strlen(base) + strlen(name) + 2;
    char *out = malloc(bytes);
    if (out != NULL)
        snprintf(out, bytes, "%s%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/", name);
    return out;
}

static int path_of(const reading *in, char **out, sluice_error *error)
{
    const sluice_shell_list *list = in->list;
    if (list->base == NULL && list->resolve != NULL)
        return list->resolve(list->user, in->line, out, error);
    *out = list->base != NULL && strcmp(list->base, ".") != 0 ? join(list->base, in->line) : strdup(in->line);
    return *out != NULL ? SLUICE_OK : sluice_fail(error, SLUICE_ENOMEM, "out of memory for the names of the files");
}

/* A line, and with pairs the one behind it. */
static int take(reading *in, sluice_order *order, sluice_error *error)
{
    sluice_error why = {0};
    char *path = NULL;
    const sluice_shell_list *list = in->list;
    if (in->line[0] == '\0' && !list->pairs)
        return SLUICE_OK;
    int status = path_of(in, &path, &why);
    if (status == SLUICE_OK && list->pairs) {
        status = next(in, &why);
        if (status == SLUICE_EEND)
            status = sluice_fail(&why, SLUICE_EUSAGE, "the last source has no destination");
    }
    if (status == SLUICE_OK)
        status = sluice_order_source(order, path, list->pairs || list->base != NULL ? in->line : NULL, &why);
    free(path);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "%s:%lu: %s", list->file, in->number, why.text);
    return SLUICE_OK;
}

int sluice_shell_list_read(const sluice_shell_list *list, sluice_order *order, sluice_error *error)
{
    reading in = {.list = list, .file = fopen(list->file, "re")};
    if (in.file == NULL)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: list cannot be read: %s", list->file,
                           strerror(errno));
    int status;
    while ((status = next(&in, error)) == SLUICE_OK)
        if ((status = take(&in, order, error)) != SLUICE_OK)
            break;
    bool empty = in.number == 0;
    free(in.line);
    fclose(in.file);
    if (status == SLUICE_EEND && empty)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the list names nothing", list->file);
    return status == SLUICE_EEND ? SLUICE_OK : status;
}
