/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_poll.c - two streams on one thread: standard input is pushed while another one is pulled.
 *
 *     stream_poll ADDRESS PUSHED PULLED [KEY=VALUE...]
 *
 * No call here waits but poll.  With libevent or epoll it is the same: watch the stream's descriptor for what is wanted
 * next, and nothing else; never read from it, write to it or close it.
 */
#define _POSIX_C_SOURCE 200809L
#include "begin.h"

#include <poll.h>
#include <unistd.h>

typedef struct pusher {
    sluice_stream *stream;
    char bytes[65536];
    size_t have, sent;
    bool input_over, verified;
} pusher;

static sluice_stream *open_stream(const char *name, sluice_stream_mode mode)
{
    sluice_error error = {0};
    sluice_stream *stream;
    const sluice_stream_order order = {.size = sizeof order, .name = name, .mode = mode};
    must(sluice_stream_open(session, &order, &stream, &error), &error);
    sluice_stream_blocking(stream, false);
    return stream;
}

static void must_stream(int64_t status, sluice_stream *stream, bool reading)
{
    if (status < 0 && status != SLUICE_EAGAIN)
        must((int)status, sluice_stream_error(stream, reading));
}

static void read_input(pusher *self)
{
    ssize_t got = read(STDIN_FILENO, self->bytes, sizeof self->bytes);
    must(got < 0 ? SLUICE_EIO : SLUICE_OK, &(sluice_error){.text = "standard input cannot be read"});
    self->have = (size_t)got;
    self->sent = 0;
    self->input_over = got == 0;
    if (self->input_over)
        must_stream(sluice_stream_finish(self->stream), self->stream, false);
}

/* Writable: there is room, or after finish the server's program has read everything. */
static void push(pusher *self)
{
    if (self->input_over) {
        int status = sluice_stream_verify(self->stream);
        must_stream(status, self->stream, false);
        self->verified = status == SLUICE_OK;
        return;
    }
    int64_t put = sluice_stream_write(self->stream, self->bytes + self->sent, self->have - self->sent);
    must_stream(put, self->stream, false);
    self->sent += put > 0 ? (size_t)put : 0;
}

/* False: the verified end. */
static bool pull(sluice_stream *stream)
{
    char bytes[65536];
    int64_t got = sluice_stream_read(stream, bytes, sizeof bytes);
    must_stream(got, stream, true);
    if (got > 0 && fwrite(bytes, 1, (size_t)got, stdout) != (size_t)got)
        must(SLUICE_EIO, &(sluice_error){.text = "standard output cannot be written"});
    return got != 0;
}

static void run(pusher *pushed, sluice_stream *pulled)
{
    sluice_error error = {0};
    struct pollfd row[3] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLOUT}, {.events = POLLIN}};
    int push_fd = sluice_stream_fd(pushed->stream, &error), pull_fd = sluice_stream_fd(pulled, &error);
    must(push_fd < 0 || pull_fd < 0 ? error.status : SLUICE_OK, &error);
    bool pulling = true;
    while (pulling || !pushed->verified) {
        bool empty = pushed->sent == pushed->have && !pushed->input_over;
        row[0].fd = empty ? STDIN_FILENO : -1;
        row[1].fd = empty || pushed->verified ? -1 : push_fd;
        row[2].fd = pulling ? pull_fd : -1;
        if (poll(row, 3, -1) < 0)
            continue;
        if (row[0].revents)
            read_input(pushed);
        if (row[1].revents)
            push(pushed);
        if (row[2].revents)
            pulling = pull(pulled);
    }
}

int main(int argc, char **argv)
{
    static pusher pushed;
    sluice *library;
    sluice_settings *settings;
    sluice_error error = {0};
    if (argc < 4) {
        fprintf(stderr, "usage: stream_poll ADDRESS PUSHED PULLED [KEY=VALUE...]\n");
        return 2;
    }
    begin(SLUICE_SETTINGS_TRANSFER, argv + 4, &library, &settings);
    connect_to(library, settings, argv[1]);
    pushed.stream = open_stream(argv[2], SLUICE_STREAM_PUSH);
    sluice_stream *pulled = open_stream(argv[3], SLUICE_STREAM_PULL);
    run(&pushed, pulled);
    /* Both are over and verified, so these do not wait. */
    must(sluice_stream_close(pushed.stream, &error), &error);
    must(sluice_stream_close(pulled, &error), &error);
    disconnect(SLUICE_OK, &error);
    sluice_settings_free(settings);
    sluice_free(library);
    return fflush(stdout) == 0 ? 0 : 1;
}
