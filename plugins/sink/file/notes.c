/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes for finish, last in first out: what lies below a directory is noted after it, so it comes off before it.
 * Up to MEMORY_BYTES they stay in memory; beyond, that memory is appended to a file without a name, so that millions
 * of directories cost disk space at the destination, not memory.
 *
 * A record is a head, the strings, the extended attributes, and the record's length, by which the stack is read
 * backwards.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BYTES ((size_t)256 << 10)

typedef struct record {
    sluice_entry_type type;
    bool made;
    sluice_file_attributes attributes;
    uint32_t path_bytes, target_bytes; /* with their NULs; no target: 0 */
    bool extended;                     /* there is a list, maybe an empty one */
    uint32_t extended_bytes;
} record;

/* A file without a name; where the file system cannot do that, one whose name goes at once. */
static int open_spool(const sluice_file_sink *sink)
{
    int fd = openat(sink->base, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    uint64_t number = 0;
    char name[64];
    sink->host->random(sink->host, &number, sizeof number);
    (void)snprintf(name, sizeof name, ".%016llx.sluice-notes", (unsigned long long)number);
    fd = openat(sink->base, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)unlinkat(sink->base, name, 0);
    return fd;
}

static int spool(sluice_file_sink *sink, sluice_file_notes *notes, const char *from, size_t bytes)
{
    if (notes->fd == 0) {
        int fd = open_spool(sink);
        if (fd < 0)
            return -1;
        notes->fd = fd;
    }
    while (bytes > 0) {
        ssize_t written = pwrite(notes->fd, from, bytes, (off_t)notes->spooled_bytes);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0) {
            from += written;
            bytes -= (size_t)written;
            notes->spooled_bytes += (uint64_t)written;
        }
    }
    return 0;
}

static char *append(char *to, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, from, bytes);
    return to + bytes;
}

/* A record that is larger than what is left of the memory sends what is there to the spool first; one that is larger
 * than all of it gets memory of its own for the moment. */
int sluice_file_notes_push(sluice_file_sink *sink, sluice_file_notes *notes, const sluice_file_note *note)
{
    const sluice_host *host = sink->host;
    record head;
    memset(&head, 0, sizeof head);
    head.type = note->type;
    head.made = note->made;
    head.attributes = note->attributes;
    head.path_bytes = (uint32_t)strlen(note->path) + 1;
    head.target_bytes = note->target != NULL ? (uint32_t)strlen(note->target) + 1 : 0;
    head.extended = note->extended.list != NULL;
    head.extended_bytes = (uint32_t)note->extended.bytes;
    uint32_t length =
        (uint32_t)(sizeof head + head.path_bytes + head.target_bytes + head.extended_bytes + sizeof length);
    if (notes->memory == NULL && (notes->memory = host->resize(host, NULL, MEMORY_BYTES)) == NULL) {
        errno = ENOMEM;
        return -1;
    }
    if (length > MEMORY_BYTES - notes->used) {
        if (spool(sink, notes, notes->memory, notes->used) != 0)
            return -1;
        notes->used = 0;
    }
    bool large = length > MEMORY_BYTES;
    char *start = large ? host->resize(host, NULL, length) : notes->memory + notes->used;
    if (start == NULL) {
        errno = ENOMEM;
        return -1;
    }
    char *at = append(start, &head, sizeof head);
    at = append(at, note->path, head.path_bytes);
    at = append(at, note->target, head.target_bytes);
    at = append(at, note->extended.list, head.extended_bytes);
    (void)append(at, &length, sizeof length);
    if (!large) {
        notes->used += length;
        return 0;
    }
    int result = spool(sink, notes, start, length);
    (void)host->resize(host, start, 0);
    return result;
}

/* bytes of the stack's end; they stay there. */
static int read_end(const sluice_file_notes *notes, char *to, size_t bytes)
{
    if (notes->used > 0) {
        memcpy(to, notes->memory + notes->used - bytes, bytes);
        return 0;
    }
    uint64_t offset = notes->spooled_bytes - bytes;
    while (bytes > 0) {
        ssize_t got = pread(notes->fd, to, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return -1;
        }
        to += got;
        bytes -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

int sluice_file_notes_pop(sluice_file_sink *sink, sluice_file_notes *notes, sluice_file_note *out, char **room)
{
    uint32_t length = 0;
    record head;
    if (notes->used == 0 && notes->spooled_bytes == 0)
        return 0;
    if (read_end(notes, (char *)&length, sizeof length) != 0)
        return -1;
    char *bytes = sink->host->resize(sink->host, *room, length);
    if (bytes == NULL) {
        errno = ENOMEM;
        return -1;
    }
    *room = bytes;
    if (read_end(notes, bytes, length) != 0)
        return -1;
    if (notes->used > 0)
        notes->used -= length;
    else
        notes->spooled_bytes -= length;
    memcpy(&head, bytes, sizeof head);
    const char *extended = bytes + sizeof head + head.path_bytes + head.target_bytes;
    *out = (sluice_file_note){.type = head.type,
                              .made = head.made,
                              .attributes = head.attributes,
                              .extended = {.list = head.extended ? (const uint8_t *)extended : NULL,
                                           .bytes = head.extended_bytes},
                              .path = bytes + sizeof head,
                              .target = head.target_bytes > 0 ? bytes + sizeof head + head.path_bytes : NULL};
    return 1;
}

void sluice_file_notes_fini(sluice_file_sink *sink, sluice_file_notes *notes)
{
    if (notes->memory != NULL)
        (void)sink->host->resize(sink->host, notes->memory, 0);
    if (notes->fd > 0)
        (void)close(notes->fd);
    *notes = (sluice_file_notes){0};
}
