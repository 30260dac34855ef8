/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - a stream as a FILE of the C library. */
#include "stream/stream_state.h"

#include <errno.h>
#include <string.h>

static int errno_of(int64_t status)
{
    switch (status) {
    case SLUICE_EAGAIN:
        return EAGAIN;
    case SLUICE_ETIMEOUT:
        return ETIMEDOUT;
    case SLUICE_ECLOSED:
        return EPIPE;
    case SLUICE_EINVAL:
        return EBADF;
    case SLUICE_ENOMEM:
        return ENOMEM;
    case SLUICE_ECANCELLED:
    case SLUICE_EINTERRUPTED:
        return ECANCELED;
    default:
        return EIO;
    }
}

static ssize_t file_read(void *cookie, char *bytes, size_t count)
{
    int64_t got;
    do {
        got = sluice_stream_read(cookie, bytes, count);
    } while (got == SLUICE_ESKIPPED);
    if (got >= 0)
        return (ssize_t)got;
    errno = errno_of(got);
    return -1;
}

/* glibc takes less than all for a failure here, 0 included, but not -1. */
static ssize_t file_write(void *cookie, const char *bytes, size_t count)
{
    int64_t put = sluice_stream_write(cookie, bytes, count);
    if (put < 0 || (size_t)put < count)
        errno = errno_of(sluice_stream_error(cookie, false)->status);
    return put < 0 ? 0 : (ssize_t)put;
}

static int file_close(void *cookie)
{
    int status = sluice_stream_close(cookie, NULL);
    if (status == SLUICE_OK)
        return 0;
    errno = errno_of(status);
    return -1;
}

FILE *sluice_stream_file(sluice_stream *stream, sluice_error *error)
{
    static const cookie_io_functions_t functions = {.read = file_read, .write = file_write, .close = file_close};
    const char *mode = stream->writes ? stream->reads ? "r+" : "w" : "r";
    FILE *file = fopencookie(stream, mode, functions);
    if (!file)
        sluice_fail(error, SLUICE_ENOMEM, "cannot make a FILE of a stream: %s", strerror(errno));
    return file;
}
