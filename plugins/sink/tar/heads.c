/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heads.c - files behind heads of text, to the byte as ascp writes them to stdio-tar://: programs that read them from a
 * pipe want the empty line before each head, and the NUL behind the name.
 */
#include "tar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEAD_BYTES 4300 /* a name has at most 4095 */

/* There is nothing to keep but the output. */
static int begin(tar_output *output, void **form)
{
    *form = output;
    return SLUICE_OK;
}

/* Directories are in the names of the files, and are not told of themselves. */
static int head(void *form, const sluice_entry *entry, uint64_t size)
{
    tar_output *output = form;
    char text[HEAD_BYTES];
    size_t bytes = 0;
    if (entry->type == SLUICE_ENTRY_DIRECTORY)
        return SLUICE_OK;
    if (entry->type == SLUICE_ENTRY_SYMLINK)
        return output->host->fail(output->host, SLUICE_EUNSUPPORTED,
                                  "%.700s: is a symbolic link, which cannot be told in this form; take a tar, or follow links",
                                  entry->name);
    if (strchr(entry->name, '\n') != NULL)
        return output->host->fail(output->host, SLUICE_EUNSUPPORTED,
                                  "%.700s: has a line's end in its name, which cannot be told in this form", entry->name);
    bytes += (size_t)snprintf(text, sizeof text, "\nFile: %.4095s", entry->name) + 1; /* the NUL too */
    bytes += (size_t)snprintf(text + bytes, sizeof text - bytes, "\nSize: %" PRIu64 "\n\n", size);
    return tar_output_write(output, text, bytes);
}

static int write_bytes(void *form, const void *bytes, size_t count)
{
    return tar_output_write(form, bytes, count);
}

static int finish(void *form)
{
    (void)form;
    return SLUICE_OK;
}

static void end(void *form)
{
    (void)form;
}

const tar_form tar_heads = {.begin = begin, .head = head, .write = write_bytes, .finish = finish, .end = end};
