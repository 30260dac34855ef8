/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_file.c - streams as FILEs: what code that knows nothing but stdio writes to and reads from.
 *
 *     stream_file ADDRESS NAME [KEY=VALUE...]
 *
 * Ten lines go to the server as NAME, and come back.
 */
#define _POSIX_C_SOURCE 200809L
#include "begin.h"

#include <errno.h>

/* The stream is the FILE's from here on. */
static FILE *open_file(const char *name, sluice_stream_mode mode)
{
    sluice_error error = {0};
    sluice_stream *stream;
    const sluice_stream_order order = {.size = sizeof order, .name = name, .mode = mode};
    must(sluice_stream_open(session, &order, &stream, &error), &error);
    FILE *file = sluice_stream_file(stream, &error);
    must(file ? SLUICE_OK : error.status, &error);
    return file;
}

/* Only fclose knows whether all of it got there, or whether its end was the end. */
static void close_file(FILE *file, const char *what)
{
    sluice_error error = {0};
    if (fclose(file) != 0)
        must(sluice_fail(&error, sluice_status_from_errno(errno), "%s: %s", what, strerror(errno)), &error);
}

int main(int argc, char **argv)
{
    sluice *library;
    sluice_settings *settings;
    sluice_error error = {0};
    char *line = NULL;
    size_t room = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: stream_file ADDRESS NAME [KEY=VALUE...]\n");
        return 2;
    }
    begin(SLUICE_SETTINGS_TRANSFER, argv + 3, &library, &settings);
    connect_to(library, settings, argv[1]);
    FILE *file = open_file(argv[2], SLUICE_STREAM_PUSH);
    for (int i = 1; i <= 10; i++)
        fprintf(file, "line %d of 10\n", i);
    close_file(file, "pushed");

    file = open_file(argv[2], SLUICE_STREAM_PULL);
    while (getline(&line, &room, file) > 0)
        fputs(line, stdout);
    close_file(file, "pulled");
    free(line);
    disconnect(SLUICE_OK, &error);
    sluice_settings_free(settings);
    sluice_free(library);
    return 0;
}
