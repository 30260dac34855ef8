/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.c - real tars, by libarchive: pax, so that nothing is cut (long names, large sizes, times to the nanosecond).
 * Of names the same holds as of the source: under C.UTF-8 they are the bytes that they are.
 */
#include "tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>

#define BLOCK_BYTES 10240 /* as tars have it: some readers of named pipes take no others */

typedef struct archived {
    tar_output *output;
    struct archive *archive;
    struct archive_entry *entry;
    locale_t names; /* 0: the system has none */
    bool muted; /* nothing is written any more */
    int failed; /* status of what the output has said */
} archived;

static la_ssize_t take(struct archive *archive, void *user, const void *bytes, size_t count)
{
    archived *self = user;
    if (self->muted)
        return -1;
    self->failed = tar_output_write(self->output, bytes, count);
    if (self->failed == SLUICE_OK)
        return (la_ssize_t)count;
    archive_set_error(archive, EIO, "output");
    return -1;
}

/* What the output has said stands recorded already. */
static int fail(const archived *self)
{
    const tar_output *output = self->output;
    if (self->failed != SLUICE_OK)
        return self->failed;
    const char *why = archive_error_string(self->archive);
    return output->host->fail(output->host, SLUICE_EIO, "%.700s: cannot be written: %.200s", output->place,
                              why != NULL ? why : "no reason is known");
}

/* An archive that was not finished gets no end, so that nobody takes it for a whole one.  It is closed all the same, for else
 * libarchive does not let go of its block. */
static void end(void *form)
{
    archived *self = form;
    if (self == NULL)
        return;
    if (self->archive != NULL) {
        self->muted = true;
        (void)archive_write_close(self->archive);
        archive_write_free(self->archive);
    }
    archive_entry_free(self->entry);
    if (self->names != (locale_t)0)
        freelocale(self->names);
    self->output->host->resize(self->output->host, self, 0);
}

static int begin(tar_output *output, void **form)
{
    archived *self = output->host->resize(output->host, NULL, sizeof *self);
    *form = NULL;
    if (self == NULL)
        return output->host->fail(output->host, SLUICE_ENOMEM, "out of memory");
    *self = (archived){.output = output,
                       .archive = archive_write_new(),
                       .entry = archive_entry_new(),
                       .names = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
    int status = SLUICE_OK;
    if (self->archive == NULL || self->entry == NULL)
        status = output->host->fail(output->host, SLUICE_ENOMEM, "out of memory");
    else if (archive_write_set_format_pax(self->archive) != ARCHIVE_OK ||
             archive_write_set_bytes_per_block(self->archive, BLOCK_BYTES) != ARCHIVE_OK ||
             archive_write_open(self->archive, self, NULL, take, NULL) != ARCHIVE_OK)
        status = fail(self);
    if (status != SLUICE_OK)
        end(self);
    else
        *form = self;
    return status;
}

/* Rounded down, as seconds and what is beyond. */
static time_t seconds_of(int64_t ns, long *rest)
{
    int64_t seconds = ns / 1000000000, beyond = ns % 1000000000;
    if (beyond < 0) {
        beyond += 1000000000;
        seconds--;
    }
    *rest = (long)beyond;
    return (time_t)seconds;
}

static void fill(struct archive_entry *out, const sluice_entry *entry, uint64_t size)
{
    long rest;
    archive_entry_clear(out);
    archive_entry_copy_pathname(out, entry->name);
    archive_entry_set_filetype(out, entry->type == SLUICE_ENTRY_DIRECTORY ? AE_IFDIR
                                    : entry->type == SLUICE_ENTRY_SYMLINK ? AE_IFLNK
                                                                          : AE_IFREG);
    archive_entry_set_perm(out, entry->mode);
    archive_entry_set_size(out, (la_int64_t)size);
    if (entry->target != NULL)
        archive_entry_copy_symlink(out, entry->target);
    archive_entry_set_uid(out, entry->uid);
    archive_entry_set_gid(out, entry->gid);
    if (entry->user != NULL)
        archive_entry_copy_uname(out, entry->user);
    if (entry->group != NULL)
        archive_entry_copy_gname(out, entry->group);
    time_t seconds = seconds_of(entry->mtime_ns, &rest);
    archive_entry_set_mtime(out, seconds, rest);
}

/* A warning is of a name that is no UTF-8, which is kept as it is. */
static int head(void *form, const sluice_entry *entry, uint64_t size)
{
    archived *self = form;
    locale_t before = self->names != (locale_t)0 ? uselocale(self->names) : (locale_t)0;
    fill(self->entry, entry, size);
    int result = archive_write_header(self->archive, self->entry);
    if (before != (locale_t)0)
        (void)uselocale(before);
    return result == ARCHIVE_OK || result == ARCHIVE_WARN ? SLUICE_OK : fail(self);
}

static int write_bytes(void *form, const void *bytes, size_t count)
{
    archived *self = form;
    return archive_write_data(self->archive, bytes, count) == (la_ssize_t)count ? SLUICE_OK : fail(self);
}

static int finish(void *form)
{
    archived *self = form;
    return archive_write_close(self->archive) == ARCHIVE_OK ? SLUICE_OK : fail(self);
}

const tar_form tar_archive = {.begin = begin, .head = head, .write = write_bytes, .finish = finish, .end = end};
