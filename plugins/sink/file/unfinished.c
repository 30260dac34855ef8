/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree that is to get a new name makes a directory of that name; a run that finds it there would take it for one to
 * go into, and put the rest of the tree one level deeper.  So a directory that was made to take an operand's place has
 * a mark in it until all is there: a file that says which operand.  To later runs that bring the same one, the name is
 * as free as it was to the first.
 */
#include "file.h"

#include "beneath.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void mark_name(char out[SLUICE_LEAF_BYTES])
{
    sluice_file_partial_name(".", out); /* which is no file's leaf */
}

static int open_top(const sluice_file_sink *sink)
{
    return sluice_beneath_open(sink->base, sink->top, O_PATH | O_DIRECTORY, 0, SLUICE_BENEATH_STRICT);
}

/* A tree without a mark is complete all the same, so failures are not told. */
void sluice_file_unfinished_mark(sluice_file_sink *sink)
{
    char name[SLUICE_LEAF_BYTES], operand[SLUICE_LEAF_BYTES];
    pthread_mutex_lock(&sink->lock);
    strcpy(operand, sink->operand);
    pthread_mutex_unlock(&sink->lock);
    if (operand[0] == '\0')
        return;
    mark_name(name);
    int directory = open_top(sink);
    int fd = directory >= 0 ? openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        if (write(fd, operand, strlen(operand)) != (ssize_t)strlen(operand))
            (void)unlinkat(directory, name, 0);
        (void)close(fd);
    }
    if (directory >= 0)
        (void)close(directory);
}

bool sluice_file_unfinished_find(const sluice_file_sink *sink, int directory, char operand[SLUICE_LEAF_BYTES])
{
    char name[SLUICE_LEAF_BYTES];
    struct stat status;
    mark_name(name);
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ours = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == sink->self;
    ssize_t bytes = ours ? read(fd, operand, SLUICE_LEAF_BYTES) : 0;
    (void)close(fd);
    if (bytes <= 0 || bytes == SLUICE_LEAF_BYTES)
        return false;
    operand[bytes] = '\0';
    return sluice_beneath_is_name(operand) && strchr(operand, '/') == NULL;
}

void sluice_file_unfinished_end(const sluice_file_sink *sink)
{
    char name[SLUICE_LEAF_BYTES], operand[SLUICE_LEAF_BYTES];
    if (!sink->placed || sink->partials)
        return;
    int directory = open_top(sink);
    if (directory < 0)
        return;
    mark_name(name);
    if (sluice_file_unfinished_find(sink, directory, operand) && strcmp(operand, sink->operand) == 0)
        (void)unlinkat(directory, name, 0);
    (void)close(directory);
}
