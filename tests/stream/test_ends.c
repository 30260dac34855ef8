/* SPDX-License-Identifier: Apache-2.0 */
/* How streams and their sessions end: well, early, in anger, and with others going on beside them. */
#include "stream/pier.h"
#include "stream/stream_state.h"
#include "unit/suite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const pier_setup plain = {0};

/* What a read comes to after all that is there. */
static int64_t read_to_end(sluice_stream *stream)
{
    uint8_t bytes[5000];
    int64_t got;
    while ((got = sluice_stream_read(stream, bytes, sizeof bytes)) > 0)
        continue;
    return got;
}

static bool says(const sluice_stream *stream, bool reading, const char *word)
{
    return strstr(sluice_stream_error(stream, reading)->text, word) != NULL;
}

static void close_well(sluice_stream *stream)
{
    sluice_error error = {0};
    int status = sluice_stream_close(stream, &error);
    if (status != SLUICE_OK)
        fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL(status, SLUICE_OK);
}

/* Bytes go from one end to the other and back, so both directions of it live. */
static void still_works(sluice_stream *one, sluice_stream *other)
{
    char text[8] = "";
    CU_ASSERT_EQUAL(sluice_stream_write(one, "ping", 4), 4);
    CU_ASSERT_EQUAL(sluice_stream_read(other, text, sizeof text), 4);
    CU_ASSERT_EQUAL(sluice_stream_write(other, "pong!", 5), 5);
    CU_ASSERT_EQUAL(sluice_stream_read(one, text, sizeof text), 5);
    CU_ASSERT_EQUAL(sluice_stream_flush(one), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_flush(other), SLUICE_OK);
}

static void both_end_well(sluice_stream *one, sluice_stream *other)
{
    CU_ASSERT_EQUAL(sluice_stream_finish(one), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_finish(other), SLUICE_OK);
    CU_ASSERT_EQUAL(read_to_end(one), 0);
    CU_ASSERT_EQUAL(read_to_end(other), 0);
    close_well(one);
    close_well(other);
}

/* ---- one direction ends, the other goes on ---- */

static void half_closed(void)
{
    pier at;
    char text[8] = "";
    sluice_stream *client, *server;
    pier_begin(&at, &plain);
    for (int side = 0; side < 2; side++) {
        pier_pair(&at, "half", SLUICE_STREAM_BOTH, &client, &server);
        sluice_stream *first = side ? server : client, *second = side ? client : server;
        still_works(first, second);
        CU_ASSERT_EQUAL(sluice_stream_finish(first), SLUICE_OK);
        CU_ASSERT_EQUAL(read_to_end(second), 0);
        CU_ASSERT_EQUAL(sluice_stream_verify(first), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_stream_write(first, "x", 1), SLUICE_EINVAL);
        /* Its own end is read, and the other direction goes on. */
        for (int i = 0; i < 20; i++) {
            CU_ASSERT_EQUAL(sluice_stream_write(second, "on", 2), 2);
            CU_ASSERT_EQUAL(sluice_stream_read(first, text, sizeof text), 2);
            CU_ASSERT_EQUAL(sluice_stream_flush(second), SLUICE_OK);
        }
        CU_ASSERT_EQUAL(sluice_stream_finish(second), SLUICE_OK);
        CU_ASSERT_EQUAL(read_to_end(first), 0);
        close_well(second);
        close_well(first);
    }
    pier_end(&at);
}

/* ---- the reader or the writer leaves early ---- */

static void the_reader_closes_early(void)
{
    pier at;
    static uint8_t bytes[1 << 20];
    sluice_error error = {0};
    sluice_stream *client, *server, *other_client, *other_server;
    pier_begin(&at, &plain);
    pier_pair(&at, "other", SLUICE_STREAM_BOTH, &other_client, &other_server);
    for (int side = 0; side < 2; side++) {
        pier_pair(&at, "early", side ? SLUICE_STREAM_PULL : SLUICE_STREAM_PUSH, &client, &server);
        sluice_stream *writer = side ? server : client, *reader = side ? client : server;
        CU_ASSERT_EQUAL(sluice_stream_write(writer, "abcd", 4), 4);
        CU_ASSERT_EQUAL(sluice_stream_read(reader, bytes, 4), 4);
        CU_ASSERT_EQUAL(sluice_stream_flush(writer), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_stream_close(reader, &error), SLUICE_ECLOSED);
        /* The writer learns of it while it waits for room. */
        int64_t put;
        while ((put = sluice_stream_write(writer, bytes, sizeof bytes)) > 0)
            continue;
        CU_ASSERT_EQUAL(put, SLUICE_ECLOSED);
        CU_ASSERT(says(writer, false, "the reader has closed it before its end"));
        CU_ASSERT_EQUAL(sluice_stream_flush(writer), SLUICE_ECLOSED);
        CU_ASSERT_EQUAL(sluice_stream_finish(writer), SLUICE_ECLOSED);
        CU_ASSERT_EQUAL(sluice_stream_verify(writer), SLUICE_ECLOSED);
        CU_ASSERT_EQUAL(sluice_stream_write(writer, "x", 0), SLUICE_ECLOSED);
        CU_ASSERT_EQUAL(sluice_stream_close(writer, &error), SLUICE_ECLOSED);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "the reader has closed it before its end"));
        still_works(other_client, other_server);
    }
    both_end_well(other_client, other_server);
    pier_end(&at);
}

/* All was read and told, and nothing has been written since: the error stays all the same. */
static void flush_after_the_reader_left(void)
{
    pier at;
    char byte;
    sluice_error error = {0};
    sluice_stream *client, *server;
    pier_begin(&at, &plain);
    pier_pair(&at, "left", SLUICE_STREAM_BOTH, &client, &server);
    CU_ASSERT_EQUAL(sluice_stream_write(client, "a", 1), 1);
    CU_ASSERT_EQUAL(sluice_stream_read(server, &byte, 1), 1);
    CU_ASSERT_EQUAL(sluice_stream_flush(client), SLUICE_OK);
    sluice_stream_abort(server, SLUICE_ENOSPACE, "no room left here");
    CU_ASSERT_EQUAL(sluice_stream_read(client, &byte, 1), SLUICE_ENOSPACE);
    CU_ASSERT_EQUAL(sluice_stream_flush(client), SLUICE_ENOSPACE);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_ENOSPACE);
    pier_end(&at);
}

static void the_writer_aborts(void)
{
    static const int statuses[] = {SLUICE_EFAILED, SLUICE_ENOSPACE, SLUICE_ECHANGED, SLUICE_EPROTOCOL, SLUICE_OK};
    pier at;
    sluice_error error = {0};
    sluice_stream *client, *server, *other_client, *other_server;
    pier_begin(&at, &plain);
    pier_pair(&at, "other", SLUICE_STREAM_BOTH, &other_client, &other_server);
    for (size_t i = 0; i < 2 * SLUICE_COUNT(statuses); i++) {
        int status = statuses[i / 2], told = status == SLUICE_OK ? SLUICE_ECANCELLED : status;
        pier_pair(&at, "anger", SLUICE_STREAM_BOTH, &client, &server);
        sluice_stream *one = i % 2 ? server : client, *two = i % 2 ? client : server;
        still_works(one, two);
        sluice_stream_abort(one, status, i < 2 ? "the source has burnt down" : NULL);
        CU_ASSERT_EQUAL(read_to_end(two), told);
        CU_ASSERT(says(two, true, i < 2 ? "the source has burnt down" : "given up"));
        CU_ASSERT_EQUAL(sluice_stream_write(two, "x", 1), told);
        CU_ASSERT_EQUAL(sluice_stream_finish(two), told);
        CU_ASSERT_EQUAL(sluice_stream_close(two, &error), told);
    }
    both_end_well(other_client, other_server);
    pier_end(&at);
}

/* A sentence of any length and content is cut, and ends nothing but its stream. */
static void long_sentences(void)
{
    pier at;
    char sentence[5000];
    sluice_stream *client, *server;
    sluice_error error = {0};
    memset(sentence, 's', sizeof sentence);
    sentence[sizeof sentence - 1] = '\0';
    sentence[7] = '\n';
    pier_begin(&at, &plain);
    pier_pair(&at, "eloquent", SLUICE_STREAM_PUSH, &client, &server);
    sluice_stream_abort(client, SLUICE_EFAILED, sentence);
    CU_ASSERT_EQUAL(read_to_end(server), SLUICE_EFAILED);
    CU_ASSERT(says(server, true, "sssssss?sss"));
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_EFAILED);
    pier_end(&at);
}

/* Both ends of a stream of both directions are closed, and neither has read to its end: none of them waits for the other. */
static void *close_it(void *stream)
{
    sluice_error error = {0};
    return (void *)(intptr_t)sluice_stream_close(stream, &error);
}

static void both_close_at_once(void)
{
    pier at;
    sluice_stream *client, *server;
    pthread_t thread;
    void *status;
    pier_begin(&at, &plain);
    pier_pair(&at, "handshake", SLUICE_STREAM_BOTH, &client, &server);
    still_works(client, server);
    sluice_stream_timeouts(client, SLUICE_NEVER, 20 * SLUICE_SECOND);
    sluice_stream_timeouts(server, SLUICE_NEVER, 20 * SLUICE_SECOND);
    pthread_create(&thread, NULL, close_it, server);
    int own = (int)(intptr_t)close_it(client);
    pthread_join(thread, &status);
    CU_ASSERT_EQUAL(own, SLUICE_ECLOSED);
    CU_ASSERT_EQUAL((int)(intptr_t)status, SLUICE_ECLOSED);
    pier_end(&at);
}

/* ---- what was read is not what was written ---- */

static void digests_that_differ(void)
{
    static const char *const checksums[] = {"xxh3-128", "sha-256", "none"};
    for (size_t i = 0; i < SLUICE_COUNT(checksums); i++) {
        pier at;
        sluice_error error = {0};
        sluice_stream *client, *server, *other_client, *other_server;
        const char *const transfer[] = {"checksum", checksums[i], NULL};
        int expected = strcmp(checksums[i], "none") == 0 ? SLUICE_OK : SLUICE_EDIGEST;
        pier_begin(&at, &(pier_setup){.transfer = transfer});
        pier_pair(&at, "other", SLUICE_STREAM_BOTH, &other_client, &other_server);
        for (int side = 0; side < 2; side++) {
            pier_pair(&at, "wrong", side ? SLUICE_STREAM_PULL : SLUICE_STREAM_PUSH, &client, &server);
            sluice_stream *writer = side ? server : client, *reader = side ? client : server;
            CU_ASSERT_EQUAL(sluice_stream_write(writer, "abcd", 4), 4);
            sluice_digest_stream_update(writer->out_digest, "what the reader never sees", 26);
            CU_ASSERT_EQUAL(sluice_stream_finish(writer), SLUICE_OK);
            CU_ASSERT_EQUAL(read_to_end(reader), expected);
            CU_ASSERT_EQUAL(read_to_end(reader), expected);
            CU_ASSERT_EQUAL(sluice_stream_verify(writer), expected);
            if (expected != SLUICE_OK)
                CU_ASSERT(says(reader, true, "digest") && says(writer, false, "digest"));
            CU_ASSERT_EQUAL(sluice_stream_close(writer, &error), expected);
            CU_ASSERT_EQUAL(sluice_stream_close(reader, &error), expected);
        }
        both_end_well(other_client, other_server);
        pier_end(&at);
    }
}

/* ---- sessions end ---- */

static void a_session_is_closed_under_its_streams(void)
{
    pier at;
    char byte;
    sluice_error error = {0};
    sluice_stream *client, *server;
    pier_begin(&at, &plain);
    pier_pair(&at, "under", SLUICE_STREAM_BOTH, &client, &server);
    still_works(client, server);
    CU_ASSERT_EQUAL(sluice_stream_session_close(at.session, &error), SLUICE_OK);
    /* Both handles outlive it. */
    CU_ASSERT_EQUAL(sluice_stream_read(client, &byte, 1), SLUICE_ECANCELLED);
    CU_ASSERT_EQUAL(sluice_stream_write(client, "x", 1), SLUICE_ECANCELLED);
    CU_ASSERT_EQUAL(sluice_stream_flush(client), SLUICE_ECANCELLED);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_ECANCELLED);
    CU_ASSERT_EQUAL(sluice_stream_read(server, &byte, 1), SLUICE_ECLOSED);
    CU_ASSERT_EQUAL(sluice_stream_write(server, "x", 1), SLUICE_ECLOSED);
    CU_ASSERT(says(server, true, "closed"));
    CU_ASSERT_EQUAL(sluice_stream_session_ready(sluice_stream_session_of(server), SLUICE_NEVER, &error), SLUICE_ECLOSED);
    CU_ASSERT_EQUAL(sluice_stream_session_set(sluice_stream_session_of(server), "rate", "1m", &error), SLUICE_ECLOSED);
    CU_ASSERT_EQUAL(sluice_stream_session_pause(sluice_stream_session_of(server), true), SLUICE_ECLOSED);
    CU_ASSERT_STRING_EQUAL(sluice_stream_name(server), "under");
    sluice_stream_statistics figures = {.size = sizeof figures};
    sluice_stream_statistics_get(server, &figures);
    CU_ASSERT_EQUAL(figures.written_bytes, 5);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_ECANCELLED);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_ECLOSED);
    pier_end_listening(&at);
}

static void a_session_is_cancelled(void)
{
    for (int side = 0; side < 2; side++) {
        pier at;
        char byte;
        sluice_error error = {0};
        sluice_stream *client, *server;
        int own = side ? SLUICE_ECANCELLED : SLUICE_EINTERRUPTED;
        pier_begin(&at, &plain);
        pier_pair(&at, "cut", SLUICE_STREAM_BOTH, &client, &server);
        sluice_stream_session_cancel(side ? sluice_stream_session_of(server) : at.session);
        CU_ASSERT_EQUAL(sluice_stream_read(side ? server : client, &byte, 1), own);
        CU_ASSERT_EQUAL(sluice_stream_read(side ? client : server, &byte, 1), SLUICE_ECANCELLED);
        CU_ASSERT_EQUAL(sluice_stream_close(client, &error), side ? SLUICE_ECANCELLED : own);
        CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_ECANCELLED);
        sluice_stream_order order = {.size = sizeof order, .mode = SLUICE_STREAM_PUSH};
        while (sluice_stream_open(at.session, &order, &client, &error) == SLUICE_OK) { /* it ends soon, not at once */
            CU_ASSERT(sluice_stream_write(client, "x", 1) <= 1);
            CU_ASSERT(sluice_stream_flush(client) < 0);
            sluice_stream_abort(client, SLUICE_EFAILED, "");
        }
        CU_ASSERT_NOT_EQUAL(sluice_stream_session_ready(at.session, SLUICE_NEVER, &error), SLUICE_OK);
        CU_ASSERT_NOT_EQUAL(sluice_stream_session_close(at.session, &error), SLUICE_OK);
        pier_end_listening(&at);
    }
}

static void a_listener_is_freed_under_its_sessions(void)
{
    pier at;
    char byte;
    sluice_error error = {0};
    sluice_stream *client, *server, *waits;
    pier_begin(&at, &plain);
    pier_pair(&at, "freed", SLUICE_STREAM_BOTH, &client, &server);
    waits = pier_open(at.session, "never accepted", SLUICE_STREAM_BOTH);
    still_works(client, server);
    sluice_stream_listener_free(at.listener);
    at.listener = NULL;
    CU_ASSERT(sluice_stream_read(server, &byte, 1) < 0);
    CU_ASSERT(sluice_stream_read(client, &byte, 1) < 0);
    CU_ASSERT(sluice_stream_read(waits, &byte, 1) < 0);
    CU_ASSERT(sluice_stream_close(client, &error) < 0);
    CU_ASSERT(sluice_stream_close(waits, &error) < 0);
    CU_ASSERT(sluice_stream_session_close(at.session, &error) < 0);
    CU_ASSERT_STRING_EQUAL(sluice_stream_name(server), "freed");
    CU_ASSERT(sluice_stream_close(server, &error) < 0);
    pier_end_listening(&at);
}

/* A thread waits in each call while the session goes. */
typedef struct sleeper {
    sluice_stream *stream;
    int what;
    int64_t status;
} sleeper;

static void *sleep_in(void *user)
{
    sleeper *job = user;
    static uint8_t bytes[256 << 10];
    uint8_t byte;
    switch (job->what) {
    case 0:
        job->status = sluice_stream_read(job->stream, &byte, 1);
        break;
    case 1:
        do {
            job->status = sluice_stream_write(job->stream, bytes, sizeof bytes);
        } while (job->status > 0);
        break;
    case 2:
        sluice_stream_write(job->stream, "x", 1);
        job->status = sluice_stream_flush(job->stream);
        break;
    default:
        sluice_stream_write(job->stream, "x", 1);
        sluice_stream_finish(job->stream);
        job->status = sluice_stream_verify(job->stream);
    }
    return NULL;
}

static void threads_wait_while_it_ends(void)
{
    enum { CALLS = 4 };
    for (int cancel = 0; cancel < 2; cancel++) {
        pier at;
        sluice_error error = {0};
        sluice_stream *servers[CALLS];
        sleeper jobs[CALLS];
        pthread_t threads[CALLS];
        pier_begin(&at, &plain);
        for (int i = 0; i < CALLS; i++) {
            jobs[i] = (sleeper){.what = i};
            pier_pair(&at, "asleep", SLUICE_STREAM_BOTH, &jobs[i].stream, &servers[i]);
            pthread_create(&threads[i], NULL, sleep_in, &jobs[i]);
        }
        if (cancel)
            sluice_stream_session_cancel(at.session);
        else
            CU_ASSERT_EQUAL(sluice_stream_session_close(at.session, &error), SLUICE_OK);
        for (int i = 0; i < CALLS; i++)
            pthread_join(threads[i], NULL);
        if (cancel)
            CU_ASSERT_EQUAL(sluice_stream_session_close(at.session, &error), SLUICE_EINTERRUPTED);
        for (int i = 0; i < CALLS; i++) {
            CU_ASSERT_EQUAL(jobs[i].status, cancel ? SLUICE_EINTERRUPTED : SLUICE_ECANCELLED);
            CU_ASSERT(sluice_stream_close(jobs[i].stream, &error) < 0);
            CU_ASSERT(sluice_stream_close(servers[i], &error) < 0);
        }
        pier_end_listening(&at);
    }
}

/* ---- a session that does not stand yet, or never will ---- */

static void in_the_background(void)
{
    pier at;
    sluice_error error = {0};
    sluice_stream *stream = NULL;
    sluice_stream_order order = {.size = sizeof order, .mode = SLUICE_STREAM_PUSH};
    pier_setup setup = {.background = true};
    pier_begin(&at, &setup);
    int status = sluice_stream_open(at.session, &order, &stream, &error);
    CU_ASSERT(status == SLUICE_EAGAIN || status == SLUICE_OK);
    sluice_stream_abort(stream, SLUICE_ECANCELLED, "seen");
    status = sluice_stream_session_ready(at.session, 0, &error);
    CU_ASSERT(status == SLUICE_EAGAIN || status == SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_session_ready(at.session, 20 * SLUICE_SECOND, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_session_ready(at.session, 0, &error), SLUICE_OK);
    pier_end(&at);

    /* Closed before it stands, or just then. */
    pier_begin_listening(&at, &setup);
    for (int i = 0; i < 10; i++) {
        status = sluice_stream_session_close(pier_connect(&at, &setup), &error);
        CU_ASSERT(status == SLUICE_OK || status == SLUICE_EINTERRUPTED);
    }
    pier_end_listening(&at);
}

/* ---- many threads ---- */

enum { OPENERS = 4, OPENED = 400, AT_ONCE = 20 };

static void *open_many(void *user)
{
    sluice_stream_session *session = user;
    sluice_error error = {0};
    uintptr_t failures = 0;
    for (int i = 0; i < OPENED; i += AT_ONCE) {
        sluice_stream *streams[AT_ONCE];
        char byte;
        for (int j = 0; j < AT_ONCE; j++) {
            sluice_stream_order order = {.size = sizeof order, .mode = SLUICE_STREAM_BOTH};
            streams[j] = NULL;
            failures += sluice_stream_open(session, &order, &streams[j], &error) != SLUICE_OK;
        }
        for (int j = 0; j < AT_ONCE; j++) {
            failures += !streams[j] || sluice_stream_read(streams[j], &byte, 1) != SLUICE_ENOENT;
            sluice_stream_abort(streams[j], SLUICE_ECANCELLED, "that was all");
        }
    }
    return (void *)failures;
}

/* Several threads open streams of one session at once. */
static void opened_by_many_threads(void)
{
    pier at;
    pthread_t threads[OPENERS];
    sluice_stream *stream;
    sluice_error error = {0};
    pier_begin(&at, &plain);
    for (int i = 0; i < OPENERS; i++)
        pthread_create(&threads[i], NULL, open_many, at.session);
    for (int i = 0; i < OPENERS * OPENED; i++) {
        int status = sluice_stream_accept(at.listener, 20 * SLUICE_SECOND, &stream, &error);
        CU_ASSERT_EQUAL(status, SLUICE_OK);
        if (status != SLUICE_OK)
            break;
        sluice_stream_abort(stream, SLUICE_ENOENT, "seen");
    }
    for (int i = 0; i < OPENERS; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        CU_ASSERT_PTR_NULL(failures);
    }
    pier_end(&at);
}

/* Streams are opened while their session ends: none of them waits for ever. */
static void *open_until_over(void *user)
{
    sluice_stream_session *session = user;
    sluice_error error = {0};
    sluice_stream *stream;
    uintptr_t asleep = 0;
    char byte;
    sluice_stream_order order = {.size = sizeof order, .mode = SLUICE_STREAM_BOTH};
    for (int status = SLUICE_OK; status == SLUICE_OK || status == SLUICE_ELIMIT;) {
        status = sluice_stream_open(session, &order, &stream, &error);
        if (status != SLUICE_OK)
            continue;
        sluice_stream_timeouts(stream, 20 * SLUICE_SECOND, 20 * SLUICE_SECOND);
        asleep += sluice_stream_read(stream, &byte, 1) == SLUICE_ETIMEOUT;
        sluice_stream_abort(stream, SLUICE_ECANCELLED, "that was all");
    }
    return (void *)asleep;
}

static int refuse(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    (void)user;
    (void)request;
    (void)stream_user;
    return sluice_fail(error, SLUICE_EACCESS, "nobody");
}

static void opened_while_it_ends(void)
{
    pier at;
    pier_setup setup = {.requested = refuse};
    pier_begin_listening(&at, &setup);
    for (int i = 0; i < 30; i++) {
        pthread_t threads[2];
        sluice_error error = {0};
        sluice_stream_session *session = pier_connect(&at, &setup);
        for (int j = 0; j < 2; j++)
            pthread_create(&threads[j], NULL, open_until_over, session);
        sluice_stream_session_cancel(session);
        for (int j = 0; j < 2; j++) {
            void *asleep;
            pthread_join(threads[j], &asleep);
            CU_ASSERT_PTR_NULL(asleep);
        }
        CU_ASSERT_EQUAL(sluice_stream_session_close(session, &error), SLUICE_EINTERRUPTED);
    }
    pier_end_listening(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"half closed", half_closed},
        {"the reader closes early", the_reader_closes_early},
        {"flush after the reader left", flush_after_the_reader_left},
        {"the writer aborts", the_writer_aborts},
        {"long sentences", long_sentences},
        {"both close at once", both_close_at_once},
        {"digests that differ", digests_that_differ},
        {"a session is closed under its streams", a_session_is_closed_under_its_streams},
        {"a session is cancelled", a_session_is_cancelled},
        {"a listener is freed under its sessions", a_listener_is_freed_under_its_sessions},
        {"threads wait while it ends", threads_wait_while_it_ends},
        {"in the background", in_the_background},
        {"opened by many threads", opened_by_many_threads},
        {"opened while it ends", opened_while_it_ends},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("stream ends", tests);
}
