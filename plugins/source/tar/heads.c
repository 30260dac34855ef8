/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heads.c - files behind heads of text, as ascp takes them from stdio-tar:// and gives them there.
 *
 *     File: NAME          ascp writes a NUL behind the name, and an empty line before the head: both may be there
 *     Size: BYTES
 *     Offset: BYTES       only 0 is taken: nothing can be written into the middle of a file
 *
 * and an empty line, then the bytes.  Other fields are passed over.
 */
#include "tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MOST (TAR_NAME_MAX + 64) /* bytes of one */
#define LINES_MOST 32                 /* of a head */

typedef struct heads {
    tar_input *input;
    uint64_t left; /* of the member that is read */
    char line[LINE_MOST + 1];
} heads;

static int begin(tar_input *input, void **form)
{
    heads *made = input->host->resize(input->host, NULL, sizeof *made);
    *form = made;
    if (made == NULL)
        return input->host->fail(input->host, SLUICE_ENOMEM, "out of memory");
    made->input = input;
    made->left = 0;
    return SLUICE_OK;
}

static void end(void *form)
{
    heads *self = form;
    if (self != NULL)
        self->input->host->resize(self->input->host, self, 0);
}

static int fail_early(const heads *self, const char *where)
{
    return self->input->host->fail(self->input->host, SLUICE_EIO, "%.700s: ended %s", self->input->place, where);
}

/* A line without its end, or the NUL before that.  *bytes 0: it is empty.  SLUICE_EEND: nothing comes any more. */
static int read_line(heads *self, size_t *bytes)
{
    tar_input *input = self->input;
    *bytes = 0;
    for (;;) {
        int64_t there = tar_input_wait(input);
        if (there < 0)
            return (int)there;
        if (there == 0)
            return *bytes == 0 ? SLUICE_EEND : fail_early(self, "in the middle of a head");
        char c = (char)input->bytes[input->from++];
        if (c == '\n')
            break;
        if (*bytes == LINE_MOST)
            return input->host->fail(input->host, SLUICE_EINVAL, "%.700s: a line of a head is longer than %u bytes",
                                     input->place, LINE_MOST);
        self->line[(*bytes)++] = c;
    }
    if (*bytes > 0 && self->line[*bytes - 1] == '\0')
        --*bytes;
    self->line[*bytes] = '\0';
    return SLUICE_OK;
}

static bool read_number(const char *text, uint64_t *out)
{
    char *rest;
    if (*text < '0' || *text > '9' || strlen(text) > 18)
        return false;
    *out = strtoull(text, &rest, 10);
    return *rest == '\0';
}

/* What a field says; NULL: the line is another one. */
static const char *value_of(const char *line, const char *field)
{
    size_t bytes = strlen(field);
    if (strncmp(line, field, bytes) != 0)
        return NULL;
    line += bytes;
    return line + (*line == ' ');
}

static int wrong(const heads *self, const char *what)
{
    return self->input->host->fail(self->input->host, SLUICE_EINVAL, "%.700s: a head of a file %s: \"%.100s\"",
                                   self->input->place, what, self->line);
}

static int take_field(heads *self, size_t bytes, tar_head *head, uint64_t *offset)
{
    const char *value;
    if (strlen(self->line) != bytes)
        return wrong(self, "has a NUL in it");
    if ((value = value_of(self->line, "File:")) != NULL) {
        if (value[0] == '\0' || strlen(value) > TAR_NAME_MAX)
            return wrong(self, "has no name, or one that is too long");
        strcpy(head->name, value);
    } else if ((value = value_of(self->line, "Size:")) != NULL) {
        if (!read_number(value, &head->size))
            return wrong(self, "has a size that is no number");
    } else if ((value = value_of(self->line, "Offset:")) != NULL && !read_number(value, offset)) {
        return wrong(self, "has an offset that is no number");
    }
    return SLUICE_OK;
}

/* Past the rest of the last member. */
static int skip(heads *self)
{
    tar_input *input = self->input;
    while (self->left > 0) {
        int64_t there = tar_input_wait(input);
        if (there < 0)
            return (int)there;
        if (there == 0)
            return fail_early(self, "in the middle of a file");
        uint64_t bytes = (uint64_t)there < self->left ? (uint64_t)there : self->left;
        input->from += (size_t)bytes;
        self->left -= bytes;
    }
    return SLUICE_OK;
}

static int read_head(heads *self, tar_head *head, uint64_t *offset)
{
    size_t bytes = 0;
    int status = SLUICE_OK;
    while (status == SLUICE_OK && bytes == 0)
        status = read_line(self, &bytes);
    for (int lines = 0; status == SLUICE_OK && bytes > 0; lines++) {
        if (lines == LINES_MOST)
            return wrong(self, "has too many lines");
        status = take_field(self, bytes, head, offset);
        if (status == SLUICE_OK)
            status = read_line(self, &bytes);
        if (status == SLUICE_EEND)
            return fail_early(self, "in the middle of a head");
    }
    if (status == SLUICE_OK && (head->name[0] == '\0' || head->size == SLUICE_UNKNOWN))
        return wrong(self, "lacks File or Size before the line");
    return status;
}

static int next(void *form, tar_head *head)
{
    heads *self = form;
    uint64_t offset = 0;
    *head = (tar_head){.type = SLUICE_ENTRY_FILE,
                       .size = SLUICE_UNKNOWN,
                       .mode = UINT32_MAX,
                       .uid = UINT32_MAX,
                       .gid = UINT32_MAX,
                       .mtime_ns = INT64_MIN,
                       .atime_ns = INT64_MIN};
    int status = skip(self);
    if (status == SLUICE_OK)
        status = read_head(self, head, &offset);
    if (status != SLUICE_OK) {
        head->name[0] = '\0';
        return status;
    }
    self->left = head->size;
    if (offset == 0)
        return SLUICE_OK;
    return self->input->host->fail(self->input->host, SLUICE_EUNSUPPORTED,
                                   "%.700s: is to be written into the middle of a file, which is not to be had", head->name);
}

static int64_t read_bytes(void *form, void *bytes, size_t count)
{
    heads *self = form;
    tar_input *input = self->input;
    if (self->left == 0)
        return 0;
    int64_t there = tar_input_wait(input);
    if (there < 0)
        return there;
    if (there == 0)
        return fail_early(self, "in the middle of a file");
    if (count > (size_t)there)
        count = (size_t)there;
    if (count > self->left)
        count = (size_t)self->left;
    memcpy(bytes, input->bytes + input->from, count);
    input->from += count;
    self->left -= count;
    return (int64_t)count;
}

const tar_form tar_heads = {.begin = begin, .next = next, .read = read_bytes, .end = end};
