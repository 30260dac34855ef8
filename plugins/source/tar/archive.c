/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.c - real tars, by libarchive: its reader of ustar, pax and GNU tar alone, without any decompression.
 *
 * Names are bytes here and text there: libarchive converts those of pax from UTF-8 to the character set of the thread's
 * locale.  With C.UTF-8 set around its calls they come out as the bytes that they were, those that are no UTF-8 too.
 */
#include "tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

typedef struct archived {
    tar_input *input;
    struct archive *archive;
    locale_t names; /* 0: the system has no such locale, and names of pax beyond ASCII fail */
    int failed;     /* status of what the input has said, for libarchive has no place for it */
} archived;

static locale_t enter(const archived *self)
{
    return self->names != (locale_t)0 ? uselocale(self->names) : (locale_t)0;
}

static void leave(locale_t before)
{
    if (before != (locale_t)0)
        (void)uselocale(before);
}

static la_ssize_t give(struct archive *archive, void *user, const void **out)
{
    archived *self = user;
    int64_t there = tar_input_wait(self->input);
    if (there < 0) {
        self->failed = (int)there;
        archive_set_error(archive, EIO, "input");
        return -1;
    }
    *out = self->input->bytes + self->input->from;
    self->input->from = self->input->to;
    return (la_ssize_t)there;
}

/* What the input has said stands recorded already. */
static int fail_whole(const archived *self)
{
    const tar_input *input = self->input;
    if (self->failed != SLUICE_OK)
        return self->failed;
    const char *why = archive_error_string(self->archive);
    return input->host->fail(input->host, SLUICE_EIO, "%.700s: is no tar, or a damaged one: %.200s", input->place,
                             why != NULL ? why : "it ends early");
}

static void end(void *form)
{
    archived *self = form;
    if (self == NULL)
        return;
    if (self->archive != NULL)
        archive_read_free(self->archive);
    if (self->names != (locale_t)0)
        freelocale(self->names);
    self->input->host->resize(self->input->host, self, 0);
}

static int begin(tar_input *input, void **form)
{
    archived *self = input->host->resize(input->host, NULL, sizeof *self);
    *form = NULL;
    if (self == NULL)
        return input->host->fail(input->host, SLUICE_ENOMEM, "out of memory");
    *self = (archived){.input = input, .archive = archive_read_new(), .names = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
    int status = SLUICE_OK;
    if (self->archive == NULL)
        status = input->host->fail(input->host, SLUICE_ENOMEM, "out of memory");
    else if (archive_read_support_format_tar(self->archive) != ARCHIVE_OK ||
             archive_read_open(self->archive, self, NULL, give, NULL) != ARCHIVE_OK)
        status = fail_whole(self);
    if (status != SLUICE_OK)
        end(self);
    else
        *form = self;
    return status;
}

static int64_t nanoseconds(bool set, int64_t seconds, long rest)
{
    int64_t whole;
    if (!set || __builtin_mul_overflow(seconds, (int64_t)1000000000, &whole) || __builtin_add_overflow(whole, rest, &whole))
        return INT64_MIN;
    return whole;
}

static uint32_t number_of(int64_t id)
{
    return id >= 0 && id < UINT32_MAX ? (uint32_t)id : UINT32_MAX;
}

/* False: it is cut, because it is too long. */
static bool copy(char *out, size_t size, const char *text)
{
    return (size_t)snprintf(out, size, "%s", text != NULL ? text : "") < size;
}

static int fail_member(const archived *self, const tar_head *head, int status, const char *why)
{
    return self->input->host->fail(self->input->host, status, "%.700s: %s", head->name, why);
}

static int take_type(const archived *self, struct archive_entry *entry, tar_head *head)
{
    const char *link = archive_entry_hardlink(entry);
    int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    head->size = size > 0 ? (uint64_t)size : 0;
    switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
        head->type = SLUICE_ENTRY_DIRECTORY;
        head->size = 0;
        return SLUICE_OK;
    case AE_IFLNK:
        head->type = SLUICE_ENTRY_SYMLINK;
        head->size = 0;
        if (!copy(head->target, sizeof head->target, archive_entry_symlink(entry)) || head->target[0] == '\0')
            return fail_member(self, head, SLUICE_EINVAL, "the link's target cannot be sent");
        return SLUICE_OK;
    case AE_IFREG:
    case 0: /* of a hard link */
        break;
    default:
        return fail_member(self, head, SLUICE_EUNSUPPORTED, "is no file, directory or symbolic link");
    }
    if (link != NULL && head->size == 0)
        return fail_member(self, head, SLUICE_EUNSUPPORTED,
                           "is a hard link to a file before it, whose bytes have gone by; make the tar with --hard-dereference");
    head->type = SLUICE_ENTRY_FILE;
    return SLUICE_OK;
}

static int take(const archived *self, struct archive_entry *entry, tar_head *head)
{
    const char *name = archive_entry_pathname(entry);
    *head = (tar_head){
        .mode = (uint32_t)archive_entry_perm(entry) & 07777,
        .uid = number_of(archive_entry_uid(entry)),
        .gid = number_of(archive_entry_gid(entry)),
        .mtime_ns = nanoseconds(archive_entry_mtime_is_set(entry), archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)),
        .atime_ns = nanoseconds(archive_entry_atime_is_set(entry), archive_entry_atime(entry), archive_entry_atime_nsec(entry)),
    };
    (void)copy(head->user, sizeof head->user, archive_entry_uname(entry));
    (void)copy(head->group, sizeof head->group, archive_entry_gname(entry));
    bool whole = copy(head->name, sizeof head->name, name);
    if (head->name[0] == '\0')
        (void)copy(head->name, sizeof head->name, "(no name)");
    if (!whole || name == NULL || name[0] == '\0')
        return fail_member(self, head, SLUICE_EINVAL, "not a name that can be sent");
    return take_type(self, entry, head);
}

/* A warning is of a name that is no UTF-8, or the like: its bytes are there all the same. */
static int next(void *form, tar_head *head)
{
    archived *self = form;
    struct archive_entry *entry;
    locale_t before = enter(self);
    head->name[0] = '\0';
    int result, status, retries = 0;
    do
        result = archive_read_next_header(self->archive, &entry);
    while (result == ARCHIVE_RETRY && retries++ < 8);
    if (result == ARCHIVE_EOF)
        status = SLUICE_EEND;
    else if (result == ARCHIVE_OK || result == ARCHIVE_WARN)
        status = take(self, entry, head);
    else
        status = fail_whole(self);
    leave(before);
    return status;
}

static int64_t read_bytes(void *form, void *bytes, size_t count)
{
    archived *self = form;
    int64_t got = archive_read_data(self->archive, bytes, count);
    return got >= 0 ? got : fail_whole(self);
}

const tar_form tar_archive = {.begin = begin, .next = next, .read = read_bytes, .end = end};
