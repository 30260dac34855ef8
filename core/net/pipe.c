/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pipe.h"

#include "net/channel_state.h"
#include "net/pipe_keeper.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES 65536           /* of reading: what a pipe holds */
#define SCAN_BYTES 4096             /* of reading, before the marker came */
#define ROUNDS 8                    /* of reading, before others get their turn */
#define DEAF_NS (2 * SLUICE_SECOND) /* to say its last, after the peer has closed the way to it */

/* Its first byte comes nowhere else in it: what does not go on as the marker can only begin it anew. */
const uint8_t sluice_pipe_marker[SLUICE_PIPE_MARKER_BYTES] = {'\n', 's',  'l',  'u',  'i',  'c',  'e',  '1',
                                                              ' ',  0x00, 0xff, 0xfe, 0x01, 0x80, 0x1a, 0x04,
                                                              0xc0, 0x02, 0xf8, 0x9d, 0x11, 0xe3, 0x13, 0x00};

typedef struct pipe_way {
    sluice_channel channel; /* first: a channel over pipes is one of these */
    int in, out;            /* may be the same; -1: closed */
    bool out_is_socket, speaks_first;
    bool spoken;  /* the marker has come, or it is ours to send */
    bool ended;   /* the peer has closed its end */
    bool deaf;    /* the peer reads no more */
    bool waiting; /* for its end, after that */
    sluice_watch *in_watch, *out_watch;
    size_t matched, noise_bytes;               /* bytes of the marker; bytes that were none of it */
    uint8_t noise[SLUICE_PIPE_NOISE_TEXT - 1]; /* the first of them */

    const sluice_pipe_keeper *keeper;
    void *keeper_user;
} pipe_way;

static pipe_way *way_of(sluice_channel *channel)
{
    return (pipe_way *)channel;
}

/* ---- out ---- */

/* A pipe has no flag against SIGPIPE, and the thread need not be one of ours: it is blocked for the call, and taken
 * away when it came. */
static ssize_t write_quietly(int fd, const uint8_t *bytes, size_t count)
{
    static const struct timespec at_once = {0};
    sigset_t quiet, before;
    sigemptyset(&quiet);
    sigaddset(&quiet, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &quiet, &before);
    ssize_t wrote = write(fd, bytes, count);
    int failed = errno;
    if (wrote < 0 && failed == EPIPE)
        while (sigtimedwait(&quiet, NULL, &at_once) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return wrote;
}

static ssize_t bytes_give(pipe_way *way, const uint8_t *bytes, size_t count)
{
    ssize_t gave;
    do
        gave = way->out_is_socket ? send(way->out, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT)
                                  : write_quietly(way->out, bytes, count);
    while (gave < 0 && errno == EINTR);
    return gave;
}

/* Nobody reads what we write.  What the peer has said before may still lie in the other pipe, its reason for going most
 * of all: that is waited for. */
static void deaf_peer(pipe_way *way)
{
    sluice_channel *channel = &way->channel;
    sluice_channel_sent(channel, channel->queue_used);
    if (channel->stage != SLUICE_CHANNEL_FINISHING && !way->waiting)
        sluice_channel_deadline(channel, DEAF_NS);
    way->waiting = true;
}

static int pipe_write(sluice_channel *channel)
{
    pipe_way *way = way_of(channel);
    bool full = false;
    while (channel->queue_used && !way->deaf && !full) {
        const uint8_t *bytes;
        size_t count = sluice_channel_next(channel, SIZE_MAX, &bytes);
        ssize_t gave = bytes_give(way, bytes, count);
        if (gave >= 0)
            sluice_channel_sent(channel, (size_t)gave);
        else if (errno == EAGAIN)
            full = true;
        else if (errno == EPIPE || errno == ECONNRESET)
            way->deaf = true;
        else
            return -errno;
    }
    if (way->deaf)
        deaf_peer(way);
    if (!way->out_watch)
        return 0;
    return sluice_watch_set(way->out_watch, full ? SLUICE_WATCH_WRITE : 0) == SLUICE_OK ? 0 : -EIO;
}

static void out_close(pipe_way *way)
{
    sluice_watch_free(way->out_watch);
    way->out_watch = NULL;
    /* Another descriptor may stand for the same socket, as stdin does for stdout below sshd. */
    if (way->out >= 0 && way->out_is_socket)
        (void)shutdown(way->out, SHUT_WR);
    if (way->out >= 0 && way->out != way->in)
        close(way->out);
    way->out = -1;
}

static void pipe_shut(sluice_channel *channel)
{
    out_close(way_of(channel));
}

/* ---- in ---- */

const char *sluice_pipe_noise(const sluice_channel *channel, char out[SLUICE_PIPE_NOISE_TEXT])
{
    const pipe_way *way = (const pipe_way *)channel;
    size_t count = way->noise_bytes < sizeof(way->noise) ? way->noise_bytes : sizeof(way->noise);
    while (count && (way->noise[count - 1] == '\n' || way->noise[count - 1] == '\r'))
        count--;
    for (size_t i = 0; i < count; i++)
        out[i] = way->noise[i] >= ' ' && way->noise[i] < 0x7f ? (char)way->noise[i] : way->noise[i] == '\n' ? ' ' : '?';
    out[count] = '\0';
    return out;
}

static void noise_add(pipe_way *way, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count && way->noise_bytes + i < sizeof(way->noise); i++)
        way->noise[way->noise_bytes + i] = bytes[i];
    way->noise_bytes += count;
}

/* Looks for the marker.  How many bytes belong to it and to what came before it. */
static size_t scan(pipe_way *way, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == sluice_pipe_marker[way->matched]) {
            if (++way->matched < SLUICE_PIPE_MARKER_BYTES)
                continue;
            way->spoken = true;
            return i + 1;
        }
        noise_add(way, sluice_pipe_marker, way->matched);
        way->matched = bytes[i] == sluice_pipe_marker[0];
        if (!way->matched)
            noise_add(way, &bytes[i], 1);
    }
    return count;
}

/* False: the channel is gone or has ended. */
static bool spoke(pipe_way *way, const uint8_t *rest, size_t count)
{
    size_t room;
    way->waiting = false; /* no deadline holds any more */
    if (!sluice_channel_ready(&way->channel))
        return false;
    if (!count)
        return true;
    uint8_t *to = sluice_channel_room(&way->channel, &room);
    if (!to)
        return false;
    memcpy(to, rest, count); /* less than a piece */
    return sluice_channel_took(&way->channel, count);
}

static bool noise_take(pipe_way *way, const uint8_t *bytes, size_t count)
{
    char text[SLUICE_PIPE_NOISE_TEXT];
    size_t taken = scan(way, bytes, count);
    if (way->noise_bytes <= SLUICE_PIPE_NOISE)
        return !way->spoken || spoke(way, bytes + taken, count - taken);
    sluice_channel_end_with(
        &way->channel, SLUICE_ECONNECT,
        "%s: %d bytes of something else came in place of sluice's answer, beginning with \"%s\" - the "
        "remote shell's startup files must be quiet for commands that are not interactive",
        way->channel.label, SLUICE_PIPE_NOISE, sluice_pipe_noise(&way->channel, text));
    return false;
}

static void peer_closed(pipe_way *way)
{
    sluice_channel *channel = &way->channel;
    char text[SLUICE_PIPE_NOISE_TEXT];
    way->ended = true;
    if (!way->spoken && way->noise_bytes)
        sluice_channel_end_with(
            channel, SLUICE_ECONNECT,
            "%s: ended before sluice answered there; it said \"%s\" - is sluice installed there, and "
            "are the shell's startup files quiet?",
            channel->label, sluice_pipe_noise(channel, text));
    else if (!way->spoken)
        sluice_channel_end_with(channel, SLUICE_ECONNECT, "%s: ended before sluice answered there", channel->label);
    else if (channel->in_from < channel->in_to)
        sluice_channel_end_with(channel, SLUICE_EIO, "%s: the connection was cut", channel->label);
    else
        sluice_channel_end_with(channel, SLUICE_ECLOSED, "%s closed the connection", channel->label);
}

void sluice_pipe_cut(sluice_channel *channel)
{
    if (channel->stage != SLUICE_CHANNEL_CLOSED)
        peer_closed(way_of(channel));
}

/* One call of the kernel.  1: go on; 0: nothing more for now; -1: the channel is gone or has ended. */
static int bytes_take(pipe_way *way)
{
    uint8_t scanned[SCAN_BYTES], *to = scanned;
    size_t room = sizeof(scanned);
    ssize_t got;
    bool scanning = !way->spoken;
    if (!scanning && !(to = sluice_channel_room(&way->channel, &room)))
        return -1;
    do
        got = read(way->in, to, room);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got < 0 && errno != ECONNRESET) {
        sluice_channel_end_with(&way->channel, SLUICE_EIO, "%s: the connection failed: %s", way->channel.label,
                                strerror(errno));
        return -1;
    }
    if (got <= 0) {
        peer_closed(way);
        return -1;
    }
    if (!(scanning ? noise_take(way, to, (size_t)got) : sluice_channel_took(&way->channel, (size_t)got)))
        return -1;
    return (size_t)got == room;
}

/* ---- the loop ---- */

/* The end that speaks first is ready as soon as the loop runs.  False: the channel is gone or has ended. */
static bool stands(pipe_way *way)
{
    if (!way->speaks_first || way->channel.stage != SLUICE_CHANNEL_OPENING)
        return true;
    return sluice_channel_ready(&way->channel);
}

static void readable(void *user, unsigned directions)
{
    (void)directions;
    pipe_way *way = user;
    int more = 1;
    sluice_channel_turn_begin(&way->channel);
    if (!stands(way))
        return;
    for (unsigned round = 0; round < ROUNDS && more > 0; round++)
        more = bytes_take(way);
    if (more >= 0)
        (void)sluice_channel_turn_end(&way->channel);
}

static void writable(void *user, unsigned directions)
{
    (void)directions;
    pipe_way *way = user;
    sluice_channel_turn_begin(&way->channel);
    if (stands(way))
        (void)sluice_channel_turn_end(&way->channel);
}

static void pipe_late(sluice_channel *channel)
{
    pipe_way *way = way_of(channel);
    unsigned long long seconds = (channel->timeout_ns + SLUICE_SECOND - 1) / SLUICE_SECOND;
    if (way->speaks_first && channel->stage == SLUICE_CHANNEL_OPENING) {
        writable(way, 0);
    } else if (channel->stage == SLUICE_CHANNEL_FINISHING) {
        sluice_channel_end_with(channel, SLUICE_ECLOSED, "%s does not close the connection", channel->label);
    } else if (way->deaf) {
        sluice_channel_end_with(channel, SLUICE_EIO, "%s: the connection failed: %s", channel->label, strerror(EPIPE));
    } else {
        sluice_channel_end_with(channel, SLUICE_ECONNECT, "%s: sluice did not answer there within %llu s",
                                channel->label, seconds);
    }
}

/* The descriptors' flags stay as they are: the other ends of pipes have flags of their own, and a server's stdin and
 * stdout below sshd are its alone. */
static void pipe_hang_up(sluice_channel *channel)
{
    pipe_way *way = way_of(channel);
    sluice_watch_free(way->in_watch);
    way->in_watch = NULL;
    out_close(way);
    if (way->in >= 0)
        close(way->in);
    way->in = -1;
}

static bool pipe_hold(sluice_channel *channel, const sluice_error *error)
{
    pipe_way *way = way_of(channel);
    return way->keeper && way->keeper->ended(way->keeper_user, error, way->ended || way->deaf);
}

static void pipe_leaving(sluice_channel *channel)
{
    pipe_way *way = way_of(channel);
    pipe_hang_up(channel);
    if (way->keeper)
        way->keeper->left(way->keeper_user);
}

static void pipe_fini(sluice_channel *channel)
{
    free(way_of(channel));
}

static const sluice_channel_ops pipe_ops = {
    .write = pipe_write,
    .shut = pipe_shut,
    .late = pipe_late,
    .hang_up = pipe_hang_up,
    .hold = pipe_hold,
    .leaving = pipe_leaving,
    .fini = pipe_fini,
    .guard = "ssh",
};

/* ---- for the keeper ---- */

void sluice_pipe_keep(sluice_channel *channel, const sluice_pipe_keeper *keeper, void *user)
{
    way_of(channel)->keeper = keeper;
    way_of(channel)->keeper_user = user;
}

void sluice_pipe_end(sluice_channel *channel, const sluice_error *error)
{
    sluice_channel_end(channel, error);
}

bool sluice_pipe_has_spoken(const sluice_channel *channel)
{
    return ((const pipe_way *)channel)->spoken;
}

/* ---- making ---- */

static bool unblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static int descriptors_open(pipe_way *way, sluice_error *error)
{
    struct stat in, out;
    const char *label = way->channel.label;
    if (!unblock(way->in) || !unblock(way->out) || fstat(way->in, &in) < 0 || fstat(way->out, &out) < 0)
        return sluice_fail(error, SLUICE_EIO, "%s: the pipes cannot be used: %s", label, strerror(errno));
    if (S_ISREG(in.st_mode) || S_ISREG(out.st_mode))
        return sluice_fail(error, SLUICE_EIO, "%s: pipes or sockets are needed, not files", label);
    way->out_is_socket = S_ISSOCK(out.st_mode);
    if (sluice_watch_new(&way->in_watch, way->channel.loop, way->in, readable, way) != SLUICE_OK ||
        sluice_watch_new(&way->out_watch, way->channel.loop, way->out, writable, way) != SLUICE_OK)
        return sluice_fail(error, SLUICE_ENOMEM, "%s: out of memory", label);
    if (sluice_watch_set(way->in_watch, SLUICE_WATCH_READ) != SLUICE_OK ||
        sluice_watch_set(way->out_watch, SLUICE_WATCH_WRITE) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EIO, "%s: pipes or sockets are needed, which can be watched", label);
    return SLUICE_OK;
}

static int start(pipe_way *way, const sluice_pipe_setup *setup, sluice_error *error)
{
    int status = descriptors_open(way, error);
    if (status != SLUICE_OK)
        return status;
    if (!setup->speaks_first) {
        (void)sluice_loop_refresh(way->channel.loop); /* it may not have run for long */
        if (setup->timeout_ns)
            sluice_channel_deadline(&way->channel, setup->timeout_ns);
        return SLUICE_OK;
    }
    way->speaks_first = way->spoken = true;
    sluice_channel_deadline(&way->channel, 0); /* ready, at once but from the loop */
    if (sluice_channel_preface(&way->channel, sluice_pipe_marker, SLUICE_PIPE_MARKER_BYTES) != SLUICE_OK)
        return sluice_fail(error, SLUICE_ENOMEM, "%s: out of memory", way->channel.label);
    return SLUICE_OK;
}

int sluice_pipe_new(sluice_channel **out, sluice_loop *loop, const sluice_pipe_setup *setup,
                    const sluice_channel_calls *calls, void *user, sluice_error *error)
{
    pipe_way *way = calloc(1, sizeof(*way));
    if (!way || sluice_channel_init(&way->channel, &pipe_ops, loop, PIECE_BYTES) != SLUICE_OK) {
        free(way);
        close(setup->in);
        if (setup->out != setup->in)
            close(setup->out);
        return sluice_fail(error, SLUICE_ENOMEM, "%s: out of memory", setup->label);
    }
    way->in = setup->in;
    way->out = setup->out;
    snprintf(way->channel.label, sizeof(way->channel.label), "%s", setup->label);
    sluice_channel_calls_set(&way->channel, calls, user);
    int status = start(way, setup, error);
    if (status != SLUICE_OK) {
        sluice_channel_free(&way->channel);
        return status;
    }
    *out = &way->channel;
    return SLUICE_OK;
}
