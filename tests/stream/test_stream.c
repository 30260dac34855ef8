/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over loopback: the calls, in their right and in their wrong order. */
#include "stream/pier.h"
#include "unit/suite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const pier_setup plain = {0};

static void test_push(void)
{
    pier at;
    sluice_stream *client, *server;
    sluice_error error = {0};
    char text[64] = "";
    pier_begin(&at, &plain);
    pier_pair(&at, "greeting", SLUICE_STREAM_PUSH, &client, &server);
    CU_ASSERT_EQUAL(sluice_stream_write(client, "hello", 5), 5);
    CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 5);
    CU_ASSERT_NSTRING_EQUAL(text, "hello", 5);
    CU_ASSERT_EQUAL(sluice_stream_flush(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 0);
    CU_ASSERT_EQUAL(sluice_stream_verify(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_OK);
    pier_end(&at);
}

typedef struct mover {
    sluice_stream *stream;
    uint64_t bytes, seed;
    size_t most;
    bool good;
} mover;

static void *write_all(void *user)
{
    mover *job = user;
    uint8_t *bytes = malloc(job->most);
    unsigned state = (unsigned)job->seed;
    for (uint64_t at = 0; at < job->bytes;) {
        size_t count = (size_t)rand_r(&state) % job->most + 1;
        count = job->bytes - at < count ? (size_t)(job->bytes - at) : count;
        pier_fill(bytes, count, at, job->seed);
        if (sluice_stream_write(job->stream, bytes, count) != (int64_t)count) {
            fprintf(stderr, "write: %s\n", sluice_stream_error(job->stream, false)->text);
            break;
        }
        at += count;
        if (at == job->bytes)
            job->good = sluice_stream_finish(job->stream) == SLUICE_OK;
    }
    free(bytes);
    return NULL;
}

static void *read_all(void *user)
{
    mover *job = user;
    uint8_t *bytes = malloc(job->most);
    unsigned state = (unsigned)job->seed + 1;
    int64_t got;
    uint64_t at = 0;
    job->good = true;
    while ((got = sluice_stream_read(job->stream, bytes, (size_t)rand_r(&state) % job->most + 1)) > 0) {
        job->good = job->good && pier_check(bytes, (size_t)got, at, job->seed);
        at += (uint64_t)got;
    }
    if (got < 0)
        fprintf(stderr, "read: %s\n", sluice_stream_error(job->stream, true)->text);
    job->good = job->good && got == 0 && at == job->bytes;
    free(bytes);
    return NULL;
}

/* Both directions at once, by four threads. */
static void test_both(void)
{
    pier at;
    sluice_stream *ends[2];
    pthread_t threads[4];
    sluice_error error = {0};
    pier_begin(&at, &plain);
    pier_pair(&at, "", SLUICE_STREAM_BOTH, &ends[0], &ends[1]);
    mover jobs[4] = {
        {.stream = ends[0], .bytes = 100000000, .seed = 1, .most = 100000},
        {.stream = ends[1], .bytes = 100000000, .seed = 1, .most = 30000},
        {.stream = ends[1], .bytes = 40000000, .seed = 2, .most = 16 << 20},
        {.stream = ends[0], .bytes = 40000000, .seed = 2, .most = 5000},
    };
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i % 2 ? read_all : write_all, &jobs[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++)
        CU_ASSERT(jobs[i].good);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(sluice_stream_close(ends[i], &error), SLUICE_OK);
    pier_end(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"push", test_push},
        {"both directions at once", test_both},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("stream", tests);
}
