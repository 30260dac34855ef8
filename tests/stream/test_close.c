/* SPDX-License-Identifier: Apache-2.0 */
/* How streams end that do not end well: what each side's calls return, and which sentence comes with it. */
#include "stream/pier.h"
#include "unit/suite.h"

#include <pthread.h>
#include <string.h>

static const pier_setup plain = {0};

typedef struct closing {
    sluice_stream *stream;
    int status;
} closing;

static void *close_it(void *user)
{
    closing *job = user;
    job->status = sluice_stream_close(job->stream, NULL);
    return NULL;
}

/* Nobody reads what the other has written, and neither waits for it. */
static void test_both_close_unread(void)
{
    pier at;
    closing ends[2];
    pthread_t threads[2];
    pier_begin(&at, &plain);
    pier_pair(&at, "", SLUICE_STREAM_BOTH, &ends[0].stream, &ends[1].stream);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(sluice_stream_write(ends[i].stream, "unread", 6), 6);
        sluice_stream_timeouts(ends[i].stream, SLUICE_NEVER, 30 * SLUICE_SECOND); /* would be ETIMEOUT */
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, close_it, &ends[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(ends[i].status, SLUICE_ECLOSED);
    pier_end(&at);
}

/* Each direction is given up for a reason of its own. */
static void test_close_in_vain(void)
{
    static char much[4 << 20], bytes[4096];
    pier at;
    sluice_stream *client, *server;
    sluice_error error = {0};
    pier_begin(&at, &plain);
    pier_pair(&at, "deaf", SLUICE_STREAM_BOTH, &client, &server);
    /* More than the server takes without reading, so that it does not know all of it when the client gives up. */
    sluice_stream_timeouts(client, SLUICE_NEVER, 50 * SLUICE_MS);
    CU_ASSERT(sluice_stream_write(client, much, sizeof much) > 0);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_ETIMEOUT);
    int64_t got;
    while ((got = sluice_stream_read(server, bytes, sizeof bytes)) > 0)
        continue;
    CU_ASSERT_EQUAL(got, SLUICE_ECANCELLED);
    CU_ASSERT_STRING_EQUAL(sluice_stream_error(server, true)->text, "deaf: the writer has given it up");
    CU_ASSERT_EQUAL(sluice_stream_flush(server), SLUICE_ECLOSED);
    CU_ASSERT_STRING_EQUAL(sluice_stream_error(server, false)->text, "deaf: the reader has closed it before its end");
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_ECLOSED);
    pier_end(&at);
}

/* An error stays, and the first reason is the one that the peer is told. */
static void test_announced_wrongly(void)
{
    pier at;
    sluice_stream *client, *server;
    sluice_error error = {0};
    char bytes[16];
    pier_begin(&at, &plain);
    const sluice_stream_order order = {
        .size = sizeof order, .name = "short", .mode = SLUICE_STREAM_PUSH, .announced_bytes = 100};
    CU_ASSERT_EQUAL_FATAL(sluice_stream_open(at.session, &order, &client, &error), SLUICE_OK);
    server = pier_accept(&at);
    CU_ASSERT_EQUAL(sluice_stream_announced(server), 100);
    CU_ASSERT_EQUAL(sluice_stream_write(client, "ninety-nine", 11), 11);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_EINVAL);
    int64_t got;
    while ((got = sluice_stream_read(server, bytes, sizeof bytes)) > 0)
        continue;
    CU_ASSERT_EQUAL(got, SLUICE_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(sluice_stream_error(server, true)->text, "announced"));
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "short: "));
    pier_end(&at);
}

static int refuse(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    (void)user;
    (void)stream_user;
    return sluice_fail(error, SLUICE_ENOENT, "no '%s' today", request->name);
}

/* Nothing was written, and yet a call that must know does not say that all is well. */
static void test_refused(void)
{
    static const pier_setup refusing = {.requested = refuse};
    pier at;
    sluice_error error = {0};
    pier_begin(&at, &refusing);
    sluice_stream *stream = pier_open(at.session, "news", SLUICE_STREAM_BOTH);
    CU_ASSERT_EQUAL(sluice_stream_read(stream, &error, 1), SLUICE_ENOENT);
    CU_ASSERT_STRING_EQUAL(sluice_stream_error(stream, true)->text, "news: no 'news' today");
    CU_ASSERT_EQUAL(sluice_stream_flush(stream), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(sluice_stream_finish(stream), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(sluice_stream_verify(stream), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(sluice_stream_close(stream, &error), SLUICE_ENOENT);
    CU_ASSERT_STRING_EQUAL(error.text, "news: no 'news' today");
    pier_end(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"both sides close, and neither has read", test_both_close_unread},
        {"closed in vain", test_close_in_vain},
        {"announced wrongly", test_announced_wrongly},
        {"refused", test_refused},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("stream ends", tests);
}
