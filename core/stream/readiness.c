/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readiness.c - one descriptor that is readable and writable as a stream is, for poll and its like.
 *
 * It is one end of a pair of connected sockets, both of which are ours: it is readable while a byte lies in it, and writable
 * unless its buffer towards the other end is full.
 */
#include "stream/stream_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILL_BYTES 512 /* at a time: the smallest buffer takes a few of these */

struct sluice_readiness {
    int shown, hidden; /* ends */
    bool readable, writable;
};

static void drain(int fd)
{
    char bytes[4096];
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
}

static void fill(int fd)
{
    static const char bytes[FILL_BYTES];
    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        continue;
}

int sluice_readiness_new(sluice_readiness **out, sluice_error *error)
{
    int fds[2], least = 1;
    sluice_readiness *readiness = calloc(1, sizeof *readiness);
    if (!readiness)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a descriptor");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        int status = sluice_fail(error, sluice_status_from_errno(errno), "cannot make a descriptor to poll: %s",
                                 strerror(errno));
        free(readiness);
        return status;
    }
    readiness->shown = fds[0];
    readiness->hidden = fds[1];
    readiness->writable = true;
    setsockopt(readiness->shown, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    *out = readiness;
    return SLUICE_OK;
}

void sluice_readiness_free(sluice_readiness *readiness)
{
    if (!readiness)
        return;
    close(readiness->shown);
    close(readiness->hidden);
    free(readiness);
}

int sluice_readiness_fd(const sluice_readiness *readiness)
{
    return readiness->shown;
}

void sluice_readiness_set(sluice_readiness *readiness, bool readable, bool writable)
{
    if (readable != readiness->readable) {
        readiness->readable = readable;
        if (readable)
            (void)!send(readiness->hidden, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            drain(readiness->shown);
    }
    if (writable != readiness->writable) {
        readiness->writable = writable;
        if (writable)
            drain(readiness->hidden);
        else
            fill(readiness->shown);
    }
}
