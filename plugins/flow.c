/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)
#define READER_LOOK_MS 20 /* how often to look whether a named pipe has got a reader */

/* ---- the bell ---- */

int sluice_bell_init(sluice_bell *bell)
{
    bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return bell->fd >= 0 ? 0 : errno;
}

void sluice_bell_fini(sluice_bell *bell)
{
    (void)close(bell->fd);
    bell->fd = -1;
}

void sluice_bell_ring(const sluice_bell *bell)
{
    const uint64_t one = 1;
    ssize_t written = write(bell->fd, &one, sizeof one);
    (void)written; /* a full counter rings as well */
}

bool sluice_bell_wait(const sluice_bell *bell, int milliseconds)
{
    struct pollfd rung = {.fd = bell->fd, .events = POLLIN};
    return poll(&rung, 1, milliseconds) > 0;
}

/* Until the descriptor can be used.  0, or -ECANCELED. */
static int64_t wait_for(int fd, short events, const sluice_bell *bell)
{
    struct pollfd both[2] = {{.fd = bell->fd, .events = POLLIN}, {.fd = fd, .events = events}};
    while (poll(both, 2, -1) < 0) {
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
    return both[0].revents != 0 ? -ECANCELED : 0;
}

static bool is_passing(int errnum)
{
    return errnum == EINTR || errnum == EAGAIN || errnum == EWOULDBLOCK;
}

/* ---- reading ---- */

int64_t sluice_flow_read(int fd, const sluice_bell *bell, const struct iovec *buffers, int count)
{
    for (;;) {
        int64_t ready = wait_for(fd, POLLIN, bell);
        if (ready < 0)
            return ready;
        ssize_t got = readv(fd, buffers, count);
        if (got >= 0)
            return got;
        if (!is_passing(errno))
            return -errno;
    }
}

/* ---- writing ---- */

typedef enum manner { MANNER_ANY, MANNER_PIPE, MANNER_SOCKET } manner;

/* How much can be written at once without being held up, after poll has said that something can. */
static manner manner_of(int fd)
{
    struct stat about;
    int flags = fcntl(fd, F_GETFL);
    if ((flags >= 0 && (flags & O_NONBLOCK) != 0) || fstat(fd, &about) != 0)
        return MANNER_ANY;
    return S_ISFIFO(about.st_mode) ? MANNER_PIPE : S_ISSOCK(about.st_mode) ? MANNER_SOCKET : MANNER_ANY;
}

/* A pipe that poll calls writable takes PIPE_BUF bytes without waiting, and perhaps no more. */
static ssize_t write_some(int fd, manner how, const char *bytes, size_t count)
{
    if (how == MANNER_SOCKET)
        return send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(fd, bytes, how == MANNER_PIPE && count > PIPE_BUF ? PIPE_BUF : count);
}

static int64_t write_buffer(int fd, manner how, const sluice_bell *bell, const struct iovec *buffer, uint64_t *done)
{
    const char *at = buffer->iov_base;
    size_t left = buffer->iov_len;
    while (left > 0) {
        int64_t ready = wait_for(fd, POLLOUT, bell);
        if (ready < 0)
            return ready;
        ssize_t put = write_some(fd, how, at, left);
        if (put < 0 && !is_passing(errno))
            return -errno;
        if (put > 0) {
            at += put;
            left -= (size_t)put;
            *done += (uint64_t)put;
        }
    }
    return (int64_t)buffer->iov_len;
}

int64_t sluice_flow_write(int fd, const sluice_bell *bell, const struct iovec *buffers, int count, uint64_t *done)
{
    manner how = manner_of(fd);
    int64_t total = 0;
    for (int i = 0; i < count; i++) {
        int64_t put = write_buffer(fd, how, bell, &buffers[i], done);
        if (put < 0)
            return put;
        total += put;
    }
    return total;
}

void sluice_flow_widen(int fd)
{
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
}

/* A named pipe without a reader refuses writers that do not wait (ENXIO, open(2)), so that waiting for one can end. */
int sluice_flow_create(const char *path, const sluice_bell *bell)
{
    for (;;) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
        if (fd >= 0)
            return fd;
        if (errno != ENXIO && errno != EINTR)
            return -errno;
        if (sluice_bell_wait(bell, READER_LOOK_MS))
            return -ECANCELED;
    }
}
