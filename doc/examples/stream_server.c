/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_server.c - a server of streams, whose names say what they are.
 *
 *     stream_server LISTEN DIRECTORY [KEY=VALUE...]        stream_server 127.0.0.1:0 /srv/streams memory=16Mi
 *
 * What a client pushes as NAME is stored in DIRECTORY; one that pulls NAME gets that file, or of "time" the time; what comes
 * on "echo" goes back.  After SIGTERM it takes no new sessions, and ends when the last is over.
 */
#define _POSIX_C_SOURCE 200809L
#include "begin.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static sluice *library;
static const char *directory;
static sluice_stream_listener *listener;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards running */
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int running; /* threads that serve a stream */

/* The error of a stream stays, so a loop that moves bytes may just stop: this has the sentence. */
static void end(sluice_stream *stream)
{
    sluice_error error = {0};
    if (sluice_stream_close(stream, &error) != SLUICE_OK)
        fprintf(stderr, "%s\n", error.text);
}

static void send_time(sluice_stream *stream)
{
    char text[32];
    time_t now = time(NULL);
    ctime_r(&now, text);
    sluice_stream_write(stream, text, strlen(text));
    end(stream);
}

static void echo(sluice_stream *stream)
{
    char bytes[65536];
    int64_t got;
    while ((got = sluice_stream_read(stream, bytes, sizeof bytes)) > 0)
        if (sluice_stream_write(stream, bytes, (size_t)got) != got)
            break;
    end(stream);
}

/* Where the file lies: requested has looked at the name. */
static void place_of(const sluice_stream *stream, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", directory, sluice_stream_name(stream));
}

static void send_file(sluice_stream *stream)
{
    char place[4096];
    place_of(stream, place, sizeof place);
    if (access(place, R_OK) == 0) {
        sluice_stream_pour(library, place, stream, NULL);
        end(stream);
    } else { /* the client need not know where the files lie */
        sluice_stream_abort(stream, SLUICE_ENOENT, "there is no such file here");
    }
}

/* The client's close returns 0 when the file has its name: not before all of it is there, and verified. */
static void store_file(sluice_stream *stream)
{
    char place[4096];
    place_of(stream, place, sizeof place);
    sluice_stream_fill(library, stream, place, NULL);
    end(stream);
}

static const struct kind {
    sluice_stream_mode mode;
    const char *name; /* NULL: a file's */
    void (*serve)(sluice_stream *stream);
} kinds[] = {
    {SLUICE_STREAM_PULL, "time", send_time},
    {SLUICE_STREAM_BOTH, "echo", echo},
    {SLUICE_STREAM_PULL, NULL, send_file},
    {SLUICE_STREAM_PUSH, NULL, store_file},
};

/* A name is what a stranger has written: nothing but this is a file's. */
static bool is_file_name(const char *name)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    return name[0] && name[0] != '.' && name[strspn(name, good)] == '\0';
}

/* On the library's thread, so it decides and does nothing else.  The client's program reads the sentence. */
static int requested(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    (void)user;
    for (size_t i = 0; i < SLUICE_COUNT(kinds); i++) {
        bool named = kinds[i].name ? strcmp(kinds[i].name, request->name) == 0 : is_file_name(request->name);
        if (!named || kinds[i].mode != request->mode)
            continue;
        *stream_user = (void *)(uintptr_t)&kinds[i];
        return SLUICE_OK;
    }
    return sluice_fail(error, SLUICE_ENOENT, "there is no stream '%s' here", request->name);
}

static void *serve(void *stream)
{
    const struct kind *kind = sluice_stream_user(stream);
    kind->serve(stream);
    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void serve_on_thread(sluice_stream *stream)
{
    pthread_t thread;
    pthread_mutex_lock(&lock);
    bool made = pthread_create(&thread, NULL, serve, stream) == 0;
    running += made;
    pthread_mutex_unlock(&lock);
    if (made)
        pthread_detach(thread);
    else
        sluice_stream_abort(stream, SLUICE_ELIMIT, "the server has no thread left");
}

static void on_signal(int number)
{
    (void)number;
    sluice_server_drain(sluice_stream_listener_server(listener));
}

int main(int argc, char **argv)
{
    sluice_settings *settings;
    sluice_stream *stream;
    sluice_error error = {0};
    int status;
    if (argc < 3) {
        fprintf(stderr, "usage: stream_server LISTEN DIRECTORY [KEY=VALUE...]\n");
        return 2;
    }
    directory = argv[2];
    begin(SLUICE_SETTINGS_SERVE, argv + 3, &library, &settings);
    listener = listen_on(library, settings, argv[1], requested);
    sluice_settings_free(settings);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);

    while ((status = sluice_stream_accept(listener, SLUICE_NEVER, &stream, &error)) == SLUICE_OK)
        serve_on_thread(stream);
    pthread_mutex_lock(&lock);
    while (running > 0)
        pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
    sluice_stream_listener_free(listener);
    sluice_free(library);
    must(status == SLUICE_EEND ? SLUICE_OK : status, &error);
    return 0;
}
