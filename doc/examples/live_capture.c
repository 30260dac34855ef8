/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live_capture.c - a camera's frames, sent while they are recorded; what comes too late is skipped.
 *
 *     live_capture receive LISTEN [KEY=VALUE...]
 *     live_capture record ADDRESS FRAMES DEADLINE_MS [KEY=VALUE...]        FRAMES 0: until SIGTERM
 *
 * The recorder takes commands on its standard input while it runs: "rate 5m", "min-rate 1m", "policy fixed" and
 * whatever else a session lets be changed; "pause" and "resume".  Here a clock stands in for the camera.  Both ends are
 * machines of the same kind, whose clocks agree: a real format says in which order the bytes of its numbers come.
 */
#define _POSIX_C_SOURCE 200809L
#include "begin.h"

#include <poll.h>
#include <signal.h>
#include <time.h>

#define FRAMES_A_SECOND 50

typedef struct frame {
    uint64_t number, time_ns; /* when it was taken */
    char picture[20000];
} frame;

static volatile sig_atomic_t stopped;
static sluice_stream_listener *listener;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * SLUICE_SECOND + (uint64_t)now.tv_nsec;
}

/* ---- the recorder ---- */

static void obey(char *line)
{
    sluice_error error = {0};
    char *key = strtok(line, " \n"), *value = strtok(NULL, " \n");
    int status = SLUICE_OK;
    if (!key)
        return;
    if (strcmp(key, "pause") == 0 || strcmp(key, "resume") == 0)
        sluice_stream_session_pause(session, *key == 'p');
    else
        status = sluice_stream_session_set(session, key, value ? value : "", &error);
    printf("%s: %s\n", key, status == SLUICE_OK ? "done" : error.text);
}

/* Waits for the time of a frame, and does what comes on standard input meanwhile. */
static void wait_until(uint64_t due_ns)
{
    static struct pollfd input = {.fd = 0, .events = POLLIN};
    char line[128];
    uint64_t now;
    do {
        now = now_ns();
        int ready = poll(&input, 1, now < due_ns ? (int)((due_ns - now + SLUICE_MS - 1) / SLUICE_MS) : 0);
        if (ready > 0 && fgets(line, sizeof line, stdin))
            obey(line);
        else if (ready > 0)
            input.fd = -1; /* nobody has anything to say any more */
    } while (now < due_ns && !stopped);
}

static void show(sluice_stream *stream, uint64_t frames)
{
    sluice_statistics all;
    sluice_stream_statistics own = {.size = sizeof own};
    sluice_stream_session_statistics(session, &all);
    sluice_stream_statistics_get(stream, &own);
    printf("%llu frames, %llu bytes acknowledged, %llu given up; %.1f Mbit/s of %.1f, rtt %.1f ms\n",
           (unsigned long long)frames, (unsigned long long)own.acked_bytes, (unsigned long long)own.given_up_bytes,
           (double)all.rate_bps / 1e6, (double)all.target_bps / 1e6, (double)all.srtt_ns / 1e6);
}

/* A write waits for room at most until older frames are given up: no longer than the deadline. */
static int record(sluice_stream *stream, uint64_t frames, sluice_error *error)
{
    static frame picture;
    uint64_t start = now_ns();
    while (!stopped && (frames == 0 || picture.number < frames)) {
        wait_until(start + picture.number * (SLUICE_SECOND / FRAMES_A_SECOND));
        picture.time_ns = now_ns();
        if (sluice_stream_write(stream, &picture, sizeof picture) != (int64_t)sizeof picture)
            break; /* close has the sentence */
        if (++picture.number % FRAMES_A_SECOND == 0)
            show(stream, picture.number);
    }
    int status = sluice_stream_flush(stream);
    show(stream, picture.number);
    int end = sluice_stream_close(stream, error);
    return status == SLUICE_OK ? end : status;
}

static void record_as(const sluice_stream_order *order, uint64_t frames)
{
    sluice_error error = {0};
    sluice_stream *stream;
    int status = sluice_stream_open(session, order, &stream, &error);
    if (status == SLUICE_OK)
        status = record(stream, frames, &error);
    disconnect(status, &error);
}

/* ---- the receiver ---- */

/* 1, 0 at the end, or why there is none.  A frame that was begun and ends in a gap is lost with it: what comes behind a
 * gap is the start of a write, and so of a frame. */
static int read_frame(sluice_stream *stream, frame *out)
{
    size_t have = 0;
    uint64_t from, to;
    while (have < sizeof *out) {
        int64_t got = sluice_stream_read(stream, (char *)out + have, sizeof *out - have);
        if (got == SLUICE_ESKIPPED) {
            sluice_stream_skipped(stream, &from, &to);
            printf("skipped bytes %llu to %llu\n", (unsigned long long)from, (unsigned long long)to);
            have = 0;
        } else if (got <= 0) {
            return (int)got;
        } else {
            have += (size_t)got;
        }
    }
    return 1;
}

static int receive(sluice_stream *stream, sluice_error *error)
{
    static frame picture;
    uint64_t frames = 0;
    for (; read_frame(stream, &picture) == 1; frames++)
        printf("frame %llu, %.1f ms\n", (unsigned long long)picture.number,
               ((double)now_ns() - (double)picture.time_ns) / 1e6);
    printf("end: %llu frames\n", (unsigned long long)frames);
    return sluice_stream_close(stream, error);
}

/* One recorder after the other. */
static void receive_all(void)
{
    sluice_error error = {0};
    sluice_stream *stream;
    int status;
    while ((status = sluice_stream_accept(listener, SLUICE_NEVER, &stream, &error)) == SLUICE_OK)
        if (receive(stream, &error) != SLUICE_OK)
            printf("%s\n", error.text);
    sluice_stream_listener_free(listener);
    must(status == SLUICE_EEND ? SLUICE_OK : status, &error);
}

/* ---- both ---- */

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
    if (listener)
        sluice_server_drain(sluice_stream_listener_server(listener));
}

int main(int argc, char **argv)
{
    sluice *library;
    sluice_settings *settings;
    bool records = argc >= 5 && strcmp(argv[1], "record") == 0;
    if (!records && (argc < 3 || strcmp(argv[1], "receive") != 0)) {
        fprintf(stderr, "usage: live_capture receive LISTEN [KEY=VALUE...]\n"
                        "       live_capture record ADDRESS FRAMES DEADLINE_MS [KEY=VALUE...]\n");
        return 2;
    }
    setvbuf(stdin, NULL, _IONBF, 0); /* poll knows nothing of what stdio has read ahead */
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    begin(records ? SLUICE_SETTINGS_TRANSFER : SLUICE_SETTINGS_SERVE, argv + (records ? 5 : 3), &library, &settings);
    if (records) {
        connect_to(library, settings, argv[2]);
        record_as(&(sluice_stream_order){.size = sizeof(sluice_stream_order),
                                         .name = "camera",
                                         .mode = SLUICE_STREAM_PUSH,
                                         .deadline_ns = strtoull(argv[4], NULL, 10) * SLUICE_MS,
                                         .priority = 1},
                  strtoull(argv[3], NULL, 10));
    } else {
        listener = listen_on(library, settings, argv[2], NULL);
        receive_all();
    }
    sluice_settings_free(settings);
    sluice_free(library);
    return 0;
}
