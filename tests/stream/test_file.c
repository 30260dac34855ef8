/* SPDX-License-Identifier: Apache-2.0 */
/* Streams as the FILEs of the C library. */
#include "stream/pier.h"
#include "stream/stream_state.h"
#include "unit/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const pier_setup plain = {0};

static FILE *file_of(sluice_stream *stream)
{
    sluice_error error = {0};
    FILE *file = sluice_stream_file(stream, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    return file;
}

/* ---- lines and blocks ---- */

enum { LINES = 3000, BLOCK = 1 << 20 };

static void *write_lines(void *user)
{
    FILE *file = user;
    uint8_t *block = malloc(BLOCK);
    bool good = true;
    for (int i = 0; i < LINES; i++)
        good = fprintf(file, "line %d of %d\n", i, LINES) > 0 && good;
    pier_fill(block, BLOCK, 0, 9);
    good = fwrite(block, 1, BLOCK, file) == BLOCK && good;
    good = fputs("the end", file) >= 0 && good;
    good = fclose(file) == 0 && good;
    free(block);
    return good ? NULL : file;
}

static void lines_and_blocks(void)
{
    pier at;
    sluice_stream *client, *server;
    pthread_t writer;
    char *line = NULL, expected[64];
    size_t room = 0;
    void *failed;
    uint8_t *block = malloc(BLOCK);
    pier_begin(&at, &plain);
    for (int side = 0; side < 2; side++) {
        bool good = true;
        pier_pair(&at, "lines", side ? SLUICE_STREAM_PULL : SLUICE_STREAM_PUSH, &client, &server);
        FILE *in = file_of(side ? client : server);
        pthread_create(&writer, NULL, write_lines, file_of(side ? server : client));
        for (int i = 0; i < LINES; i++) {
            snprintf(expected, sizeof expected, "line %d of %d\n", i, LINES);
            good = getline(&line, &room, in) > 0 && strcmp(line, expected) == 0 && good;
        }
        CU_ASSERT(good);
        CU_ASSERT_EQUAL(fread(block, 1, BLOCK, in), BLOCK);
        CU_ASSERT(pier_check(block, BLOCK, 0, 9));
        CU_ASSERT_EQUAL(getline(&line, &room, in), 7);
        CU_ASSERT_STRING_EQUAL(line, "the end");
        CU_ASSERT_EQUAL(getline(&line, &room, in), -1);
        CU_ASSERT(feof(in) && !ferror(in));
        CU_ASSERT_EQUAL(fclose(in), 0);
        pthread_join(writer, &failed);
        CU_ASSERT_PTR_NULL(failed);
    }
    free(line);
    free(block);
    pier_end(&at);
}

/* Requests and answers, line by line, on one FILE of both directions. */
static void *answer_lines(void *user)
{
    FILE *file = user;
    char line[64];
    while (fgets(line, sizeof line, file)) {
        fflush(file);
        fprintf(file, "you said %s", line);
        fflush(file);
    }
    return (void *)(intptr_t)fclose(file);
}

static void both_directions_in_turns(void)
{
    pier at;
    sluice_stream *client, *server;
    pthread_t thread;
    char line[64], expected[64];
    void *status;
    pier_begin(&at, &plain);
    pier_pair(&at, "turns", SLUICE_STREAM_BOTH, &client, &server);
    pthread_create(&thread, NULL, answer_lines, file_of(server));
    FILE *file = file_of(client);
    for (int i = 0; i < 300; i++) {
        CU_ASSERT(fprintf(file, "word %d\n", i) > 0);
        CU_ASSERT_EQUAL(fflush(file), 0);
        snprintf(expected, sizeof expected, "you said word %d\n", i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(line, sizeof line, file));
        CU_ASSERT_STRING_EQUAL(line, expected);
        CU_ASSERT_EQUAL(fflush(file), 0);
    }
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK); /* no call of its data */
    CU_ASSERT_PTR_NULL(fgets(line, sizeof line, file));
    CU_ASSERT(feof(file));
    CU_ASSERT_EQUAL(fclose(file), 0);
    pthread_join(thread, &status);
    CU_ASSERT_PTR_NULL(status);
    pier_end(&at);
}

/* ---- failures ---- */

static void writing_after_the_reader_left(void)
{
    pier at;
    sluice_stream *client, *server;
    sluice_error error = {0};
    char *block = calloc(1, BLOCK);
    pier_begin(&at, &plain);
    pier_pair(&at, "left", SLUICE_STREAM_PUSH, &client, &server);
    FILE *file = file_of(client);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_ECLOSED);
    /* Sooner or later: what has room is taken before the news comes. */
    errno = 0;
    while (fwrite(block, 1, BLOCK, file) == BLOCK)
        errno = 0;
    CU_ASSERT(ferror(file));
    CU_ASSERT_EQUAL(errno, EPIPE);
    errno = 0;
    CU_ASSERT_EQUAL(fclose(file), EOF);
    CU_ASSERT_EQUAL(errno, EPIPE);
    free(block);
    pier_end(&at);
}

static void reading_what_was_given_up(void)
{
    pier at;
    sluice_stream *client, *server;
    char byte;
    pier_begin(&at, &plain);
    pier_pair(&at, "given up", SLUICE_STREAM_PUSH, &client, &server);
    FILE *file = file_of(server);
    sluice_stream_abort(client, SLUICE_ECANCELLED, "enough");
    errno = 0;
    CU_ASSERT_EQUAL(fread(&byte, 1, 1, file), 0);
    CU_ASSERT(ferror(file) && !feof(file));
    CU_ASSERT_EQUAL(errno, ECANCELED);
    CU_ASSERT_EQUAL(fclose(file), EOF);
    CU_ASSERT_EQUAL(errno, ECANCELED);
    pier_end(&at);
}

static void closing_before_the_end(void)
{
    pier at;
    sluice_stream *client, *server;
    char text[4];
    pier_begin(&at, &plain);
    pier_pair(&at, "early", SLUICE_STREAM_PUSH, &client, &server);
    FILE *out = file_of(client), *in = file_of(server);
    setvbuf(in, NULL, _IONBF, 0);
    CU_ASSERT(fputs("abcdef", out) >= 0);
    CU_ASSERT_EQUAL(fflush(out), 0);
    CU_ASSERT_EQUAL(fread(text, 1, 3, in), 3);
    errno = 0;
    CU_ASSERT_EQUAL(fclose(in), EOF);
    CU_ASSERT_EQUAL(errno, EPIPE);
    CU_ASSERT_EQUAL(fclose(out), EOF);
    pier_end(&at);
}

static void closing_what_was_announced_otherwise(void)
{
    pier at;
    sluice_error error = {0};
    sluice_stream *client = NULL, *server;
    char text[16];
    sluice_stream_order order = {.size = sizeof order, .mode = SLUICE_STREAM_PUSH, .announced_bytes = 100};
    pier_begin(&at, &plain);
    CU_ASSERT_EQUAL_FATAL(sluice_stream_open(at.session, &order, &client, &error), SLUICE_OK);
    server = pier_accept(&at);
    FILE *out = file_of(client), *in = file_of(server);
    CU_ASSERT(fputs("abc", out) >= 0);
    CU_ASSERT_EQUAL(fclose(out), EOF);
    CU_ASSERT(fread(text, 1, sizeof text, in) <= 3);
    CU_ASSERT(ferror(in));
    CU_ASSERT_EQUAL(fclose(in), EOF);
    pier_end(&at);
}

static void closing_a_wrong_digest(void)
{
    pier at;
    sluice_stream *client, *server;
    char text[16];
    pier_begin(&at, &plain);
    pier_pair(&at, "wrong", SLUICE_STREAM_PUSH, &client, &server);
    FILE *in = file_of(server), *out = file_of(client);
    sluice_digest_stream_update(client->out_digest, "?", 1);
    CU_ASSERT(fputs("abc", out) >= 0);
    CU_ASSERT_EQUAL(fflush(out), 0);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    CU_ASSERT_EQUAL(fread(text, 1, sizeof text, in), 3);
    CU_ASSERT(ferror(in) && !feof(in));
    errno = 0;
    CU_ASSERT_EQUAL(fclose(in), EOF);
    CU_ASSERT_EQUAL(errno, EIO);
    errno = 0;
    CU_ASSERT_EQUAL(fclose(out), EOF);
    CU_ASSERT_EQUAL(errno, EIO);
    pier_end(&at);
}

static void calls_of_the_other_direction(void)
{
    pier at;
    sluice_stream *client, *server;
    pier_begin(&at, &plain);
    pier_pair(&at, "one way", SLUICE_STREAM_PUSH, &client, &server);
    FILE *out = file_of(client), *in = file_of(server);
    errno = 0;
    CU_ASSERT_EQUAL(fgetc(out), EOF);
    CU_ASSERT_EQUAL(errno, EBADF);
    errno = 0;
    CU_ASSERT_EQUAL(fputc('x', in), EOF);
    CU_ASSERT_EQUAL(errno, EBADF);
    clearerr(out);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    clearerr(in);
    CU_ASSERT_EQUAL(fgetc(in), EOF);
    CU_ASSERT(feof(in));
    CU_ASSERT_EQUAL(fclose(out), 0);
    CU_ASSERT_EQUAL(fclose(in), 0);
    pier_end(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"lines and blocks", lines_and_blocks},
        {"both directions in turns", both_directions_in_turns},
        {"writing after the reader left", writing_after_the_reader_left},
        {"reading what was given up", reading_what_was_given_up},
        {"closing before the end", closing_before_the_end},
        {"closing what was announced otherwise", closing_what_was_announced_otherwise},
        {"closing a wrong digest", closing_a_wrong_digest},
        {"calls of the other direction", calls_of_the_other_direction},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("streams as files", tests);
}
