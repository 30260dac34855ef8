/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_client.c - standard input to a stream, a stream to standard output, or both.
 *
 *     stream_client push|pull|both ADDRESS NAME [KEY=VALUE...]        stream_client pull server.example time rate=50m
 *
 * It ends with 0 when the server's program has read all that was written, and all was read that it has written, and the
 * digests agree.  SIGINT ends the session, and the server is told.
 */
#define _POSIX_C_SOURCE 200809L
#include "begin.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static void on_signal(int number)
{
    (void)number;
    sluice_stream_session_cancel(session);
}

static void push(sluice_stream *stream)
{
    static char bytes[65536];
    ssize_t got;
    while ((got = read(STDIN_FILENO, bytes, sizeof bytes)) > 0)
        if (sluice_stream_write(stream, bytes, (size_t)got) != got)
            return; /* close has the sentence */
    if (got == 0) {
        sluice_stream_finish(stream);
        return;
    }
    perror("stdin"); /* to finish now would be a lie */
    sluice_stream_session_cancel(session);
}

static void *pull(void *stream)
{
    static char bytes[65536];
    int64_t got;
    while ((got = sluice_stream_read(stream, bytes, sizeof bytes)) > 0)
        if (fwrite(bytes, 1, (size_t)got, stdout) != (size_t)got || fflush(stdout) != 0)
            break;
    if (got > 0)
        perror("stdout"); /* closed before its end was read, the stream fails */
    return NULL;
}

/* One thread writes while another reads: else each side could come to wait for the other's reader. */
static int move(sluice_stream *stream, sluice_stream_mode mode, sluice_error *error)
{
    pthread_t reader;
    if ((mode & SLUICE_STREAM_PULL) && pthread_create(&reader, NULL, pull, stream) != 0) {
        sluice_stream_abort(stream, SLUICE_ECANCELLED, "the client has no thread left");
        return sluice_fail(error, SLUICE_ELIMIT, "no thread to read with");
    }
    if (mode & SLUICE_STREAM_PUSH)
        push(stream);
    if (mode & SLUICE_STREAM_PULL)
        pthread_join(reader, NULL);
    return sluice_stream_close(stream, error);
}

int main(int argc, char **argv)
{
    static const char *const words[] = {"", "push", "pull", "both"};
    sluice *library;
    sluice_settings *settings;
    sluice_stream *stream;
    sluice_error error = {0};
    int mode = argc >= 4 ? SLUICE_STREAM_BOTH : 0;
    while (mode > 0 && strcmp(argv[1], words[mode]) != 0)
        mode--;
    if (mode == 0) {
        fprintf(stderr, "usage: stream_client push|pull|both ADDRESS NAME [KEY=VALUE...]\n");
        return 2;
    }
    begin(SLUICE_SETTINGS_TRANSFER, argv + 4, &library, &settings);
    connect_to(library, settings, argv[2]);
    sluice_settings_free(settings);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);

    const sluice_stream_order wanted = {.size = sizeof wanted, .name = argv[3], .mode = (sluice_stream_mode)mode};
    int status = sluice_stream_open(session, &wanted, &stream, &error);
    if (status == SLUICE_OK)
        status = move(stream, wanted.mode, &error);
    signal(SIGINT, SIG_DFL); /* there is about to be no session any more */
    disconnect(status, &error);
    sluice_free(library);
    return 0;
}
