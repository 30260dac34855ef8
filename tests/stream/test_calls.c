/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of streams in every state that they are wrong in, and what each of them says then. */
#include "stream/pier.h"
#include "unit/suite.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHORT (5 * SLUICE_MS) /* a time-out that is to pass */

static const pier_setup plain = {0};

static sluice_time now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (sluice_time)at.tv_sec * SLUICE_SECOND + (sluice_time)at.tv_nsec;
}

/* ---- streams that cannot be ---- */

static int open_with(sluice_stream_session *session, const sluice_stream_order *order, const char *word)
{
    sluice_error error = {0};
    sluice_stream *stream = NULL;
    int status = sluice_stream_open(session, order, &stream, &error);
    CU_ASSERT_PTR_NULL(stream);
    CU_ASSERT_EQUAL(error.status, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, word));
    return status;
}

static void orders_that_cannot_be(void)
{
    pier at;
    char name[SLUICE_STREAM_NAME_MAX + 2];
    sluice_stream_order order = {.size = sizeof order, .mode = SLUICE_STREAM_PUSH};
    pier_begin(&at, &plain);
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    order.name = name;
    CU_ASSERT_EQUAL(open_with(at.session, &order, "name"), SLUICE_EINVAL);
    order.name = NULL;
    order.mode = 0;
    CU_ASSERT_EQUAL(open_with(at.session, &order, "push"), SLUICE_EINVAL);
    order.mode = (sluice_stream_mode)4;
    CU_ASSERT_EQUAL(open_with(at.session, &order, "pull"), SLUICE_EINVAL);
    order.mode = SLUICE_STREAM_BOTH;
    order.priority = 8;
    CU_ASSERT_EQUAL(open_with(at.session, &order, "priority"), SLUICE_EINVAL);
    order.priority = 0;
    order.deadline_ns = SLUICE_NEVER;
    CU_ASSERT_EQUAL(open_with(at.session, &order, "deadline"), SLUICE_EINVAL);
    pier_end(&at);
}

/* Any bytes but NUL make a name, and as many as are allowed. */
static void names_of_all_bytes(void)
{
    pier at;
    char name[SLUICE_STREAM_NAME_MAX + 1];
    sluice_stream *client, *server;
    sluice_error error = {0};
    pier_begin(&at, &plain);
    for (size_t i = 0; i < SLUICE_STREAM_NAME_MAX; i++)
        name[i] = (char)(unsigned char)(i + 1);
    name[SLUICE_STREAM_NAME_MAX] = '\0';
    pier_pair(&at, name, SLUICE_STREAM_PUSH, &client, &server);
    CU_ASSERT_STRING_EQUAL(sluice_stream_name(client), name);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_read(server, name, 1), 0);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_OK);
    pier_end(&at);
}

static void what_a_stream_is(void)
{
    pier at;
    int mark;
    sluice_stream *client, *server;
    sluice_stream_order wrong = {.size = sizeof wrong, .mode = SLUICE_STREAM_PULL};
    pier_begin(&at, &plain);
    pier_pair(&at, "nature", SLUICE_STREAM_BOTH, &client, &server);
    CU_ASSERT_EQUAL(sluice_stream_mode_of(client), SLUICE_STREAM_BOTH);
    CU_ASSERT_EQUAL(sluice_stream_mode_of(server), SLUICE_STREAM_BOTH);
    CU_ASSERT_PTR_EQUAL(sluice_stream_session_of(client), at.session);
    CU_ASSERT_PTR_NOT_EQUAL(sluice_stream_session_of(server), at.session);
    CU_ASSERT_PTR_NULL(sluice_stream_user(client));
    CU_ASSERT_PTR_NULL(sluice_stream_user(server));
    sluice_stream_user_set(client, &mark);
    CU_ASSERT_PTR_EQUAL(sluice_stream_user(client), &mark);
    CU_ASSERT_EQUAL(sluice_stream_announced(server), SLUICE_UNKNOWN);
    CU_ASSERT_EQUAL(open_with(sluice_stream_session_of(server), &wrong, "client"), SLUICE_EINVAL);
    sluice_stream_abort(client, SLUICE_ECANCELLED, "seen");
    sluice_stream_abort(server, SLUICE_ECANCELLED, "seen");
    pier_end(&at);
}

static void nothing_to_free(void)
{
    sluice_error error = {0};
    CU_ASSERT_EQUAL(sluice_stream_close(NULL, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_session_close(NULL, &error), SLUICE_OK);
    sluice_stream_abort(NULL, SLUICE_EFAILED, "nothing");
    sluice_stream_listener_free(NULL);
    CU_ASSERT_EQUAL(error.status, SLUICE_OK);
}

/* ---- calls that the mode has no use for ---- */

static void no_writing(sluice_stream *stream)
{
    char byte = 'x';
    struct iovec buffer = {.iov_base = &byte, .iov_len = 1};
    const sluice_error *error = sluice_stream_error(stream, false);
    CU_ASSERT_EQUAL(sluice_stream_write(stream, "x", 1), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(error->status, SLUICE_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->text, "reading only"));
    CU_ASSERT_EQUAL(sluice_stream_write(stream, "x", 0), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_writev(stream, &buffer, 1), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_flush(stream), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_finish(stream), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_verify(stream), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(error->status, SLUICE_EINVAL);
}

static void no_reading(sluice_stream *stream)
{
    char text[4];
    struct iovec buffer = {.iov_base = text, .iov_len = sizeof text};
    const sluice_error *error = sluice_stream_error(stream, true);
    CU_ASSERT_EQUAL(sluice_stream_read(stream, text, sizeof text), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(error->status, SLUICE_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->text, "writing only"));
    CU_ASSERT_EQUAL(sluice_stream_read(stream, text, 0), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_readv(stream, &buffer, 1), SLUICE_EINVAL);
}

/* The writer's end and the reader's end of one direction, whichever side they are on. */
static void one_direction(sluice_stream *writer, sluice_stream *reader)
{
    char text[8] = "";
    sluice_error error = {0};
    no_reading(writer);
    no_writing(reader);
    /* Nothing has happened to either. */
    CU_ASSERT_EQUAL(sluice_stream_write(writer, "still", 5), 5);
    CU_ASSERT_EQUAL(sluice_stream_read(reader, text, sizeof text), 5);
    CU_ASSERT_EQUAL(sluice_stream_finish(writer), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_read(reader, text, sizeof text), 0);
    CU_ASSERT_EQUAL(sluice_stream_close(writer, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_close(reader, &error), SLUICE_OK);
}

static void the_other_direction(void)
{
    pier at;
    sluice_stream *client, *server;
    pier_begin(&at, &plain);
    pier_pair(&at, "push", SLUICE_STREAM_PUSH, &client, &server);
    one_direction(client, server);
    pier_pair(&at, "pull", SLUICE_STREAM_PULL, &client, &server);
    one_direction(server, client);
    pier_end(&at);
}

/* ---- calls out of turn ---- */

static void the_order_of_calls(void)
{
    pier at;
    char text[8] = "";
    char letters[] = "abc";
    struct iovec none[2] = {{NULL, 0}, {text, 0}}, three[3] = {{letters, 2}, {NULL, 0}, {letters + 2, 1}};
    sluice_stream *client, *server;
    sluice_error error = {0};
    pier_begin(&at, &plain);
    pier_pair(&at, "order", SLUICE_STREAM_PUSH, &client, &server);
    CU_ASSERT_EQUAL(sluice_stream_verify(client), SLUICE_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(sluice_stream_error(client, false)->text, "finish"));
    CU_ASSERT_EQUAL(sluice_stream_flush(client), SLUICE_OK); /* nothing was written */
    CU_ASSERT_EQUAL(sluice_stream_writev(client, three, -1), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_readv(server, none, -1), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_write(client, NULL, 0), 0);
    CU_ASSERT_EQUAL(sluice_stream_writev(client, NULL, 0), 0);
    CU_ASSERT_EQUAL(sluice_stream_writev(client, none, 2), 0);
    CU_ASSERT_EQUAL(sluice_stream_read(server, NULL, 0), 0); /* nothing is there: it does not wait */
    CU_ASSERT_EQUAL(sluice_stream_readv(server, none, 2), 0);
    CU_ASSERT_EQUAL(sluice_stream_writev(client, three, 3), 3);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_write(client, "x", 1), SLUICE_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(sluice_stream_error(client, false)->text, "finish"));
    CU_ASSERT_EQUAL(sluice_stream_write(client, "x", 0), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_read(server, text, 1), 1);
    CU_ASSERT_EQUAL(sluice_stream_read(server, text + 1, 7), 2);
    CU_ASSERT_STRING_EQUAL(text, "abc");
    CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 0);
    CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 0);
    CU_ASSERT_EQUAL(sluice_stream_verify(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_verify(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_flush(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 0);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_OK);
    pier_end(&at);
}

/* Bytes of a direction lie in many buffers, of any size and of none. */
static void rows_of_buffers(void)
{
    enum { BYTES = 300000, PARTS = 40 };
    pier at;
    sluice_stream *client, *server;
    sluice_error error = {0};
    uint8_t *out = malloc(BYTES), *in = malloc(BYTES);
    unsigned state = 11;
    struct iovec parts[PARTS];
    size_t got = 0;
    int64_t count = 0;
    pier_begin(&at, &plain);
    pier_pair(&at, "rows", SLUICE_STREAM_PUSH, &client, &server);
    pier_fill(out, BYTES, 0, 5);
    for (size_t i = 0, from = 0; i < PARTS; i++) {
        size_t part = i + 1 == PARTS ? BYTES - from : i % 5 == 3 ? 0 : (size_t)rand_r(&state) % (2 * BYTES / PARTS);
        part = part < BYTES - from ? part : BYTES - from;
        parts[i] = (struct iovec){out + from, part};
        from += part;
    }
    sluice_stream_blocking(server, true);
    CU_ASSERT_EQUAL(sluice_stream_write(client, out, 1000), 1000);
    while (got < 1000 && (count = sluice_stream_read(server, in + got, 1000 - got)) > 0)
        got += (size_t)count;
    CU_ASSERT(pier_check(in, got, 0, 5));
    /* More than there is room for: nobody reads, so it takes what it can, and the rest later. */
    sluice_stream_blocking(client, false);
    int64_t put = sluice_stream_writev(client, parts, PARTS);
    CU_ASSERT(put > 0 && put <= BYTES);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    got = 0;
    do {
        struct iovec two[3] = {{in + got, (size_t)rand_r(&state) % 5000}, {NULL, 0}, {NULL, 0}};
        two[2] = (struct iovec){in + got + two[0].iov_len, 1 + (size_t)rand_r(&state) % 5000};
        if (got + two[0].iov_len + two[2].iov_len > BYTES)
            two[0].iov_len = 0, two[2] = (struct iovec){in + got, BYTES - got < 1 ? 1 : BYTES - got};
        count = got < BYTES ? sluice_stream_readv(server, two, 3) : sluice_stream_read(server, &(char){0}, 1);
        got += count > 0 ? (size_t)count : 0;
    } while (count > 0);
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_EQUAL(got, (size_t)put);
    CU_ASSERT(pier_check(in, got, 0, 5));
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_OK);
    free(out);
    free(in);
    pier_end(&at);
}

/* ---- calls that do not wait, and calls that wait for so long ---- */

/* As much as there is room for while nobody reads. */
static uint64_t fill_up(sluice_stream *stream)
{
    static const uint8_t bytes[100000];
    uint64_t total = 0;
    int64_t put;
    sluice_stream_blocking(stream, false);
    while ((put = sluice_stream_write(stream, bytes, sizeof bytes)) > 0)
        total += (uint64_t)put;
    CU_ASSERT_EQUAL(put, SLUICE_EAGAIN);
    return total;
}

static void calls_that_do_not_wait(void)
{
    pier at;
    char byte;
    sluice_stream *client, *server;
    pier_begin(&at, &plain);
    pier_pair(&at, "hasty", SLUICE_STREAM_PUSH, &client, &server);
    sluice_stream_blocking(client, false);
    sluice_stream_blocking(server, false);
    CU_ASSERT_EQUAL(sluice_stream_read(server, &byte, 1), SLUICE_EAGAIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(sluice_stream_error(server, true)->text, "hasty"));
    CU_ASSERT(fill_up(client) >= 32768); /* the first share */
    CU_ASSERT_EQUAL(sluice_stream_flush(client), SLUICE_EAGAIN);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_verify(client), SLUICE_EAGAIN);
    sluice_stream_abort(client, SLUICE_ECANCELLED, "enough");
    sluice_stream_abort(server, SLUICE_ECANCELLED, "enough");
    pier_end(&at);
}

static void calls_that_wait_for_so_long(void)
{
    static const char *const small[] = {"memory", "4Mi", NULL}; /* so that 4 MiB do not fit */
    pier at;
    char byte;
    uint8_t *bytes = malloc(4 << 20);
    sluice_stream *client, *server;
    sluice_error error = {0};
    pier_begin(&at, &(pier_setup){.transfer = small});
    pier_pair(&at, "patient", SLUICE_STREAM_PUSH, &client, &server);
    sluice_stream_timeouts(server, SHORT, SHORT);
    sluice_stream_timeouts(client, SHORT, SHORT);
    sluice_time before = now();
    CU_ASSERT_EQUAL(sluice_stream_read(server, &byte, 1), SLUICE_ETIMEOUT);
    CU_ASSERT(now() - before >= SHORT);
    CU_ASSERT_EQUAL(sluice_stream_error(server, true)->status, SLUICE_ETIMEOUT);
    /* None of it stays. */
    CU_ASSERT_EQUAL(sluice_stream_write(client, "b", 1), 1);
    sluice_stream_timeouts(server, SLUICE_NEVER, SHORT);
    CU_ASSERT_EQUAL(sluice_stream_read(server, &byte, 1), 1);

    pier_fill(bytes, 4 << 20, 0, 3);
    before = now();
    int64_t put = sluice_stream_write(client, bytes, 4 << 20);
    CU_ASSERT(put > 0 && put < 4 << 20);
    CU_ASSERT(now() - before >= SHORT);
    for (put = 1; put > 0;) /* whatever room the last acknowledgements have made */
        put = sluice_stream_write(client, bytes, 1 << 20);
    CU_ASSERT_EQUAL(put, SLUICE_ETIMEOUT);
    CU_ASSERT_EQUAL(sluice_stream_flush(client), SLUICE_ETIMEOUT);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_verify(client), SLUICE_ETIMEOUT);
    before = now();
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_ETIMEOUT);
    CU_ASSERT(now() - before >= SHORT);
    CU_ASSERT_EQUAL(error.status, SLUICE_ETIMEOUT);
    /* The reader learns that the writer has given it up. */
    while ((put = sluice_stream_read(server, bytes, 4 << 20)) > 0)
        continue;
    CU_ASSERT_EQUAL(put, SLUICE_ECANCELLED);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_ECANCELLED);
    free(bytes);
    pier_end(&at);
}

/* ---- streams that are refused ---- */

typedef struct doorman {
    int status;
    const char *sentence;
    sluice_stream_request seen;
    char name[SLUICE_STREAM_NAME_MAX + 1], peer[64], ticket[64];
} doorman;

static int decide(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    doorman *door = user;
    door->seen = *request;
    snprintf(door->name, sizeof door->name, "%s", request->name);
    snprintf(door->peer, sizeof door->peer, "%s", request->peer);
    snprintf(door->ticket, sizeof door->ticket, "%s", request->ticket);
    *stream_user = door;
    if (strncmp(request->name, "no", 2) != 0)
        return SLUICE_OK;
    return door->sentence ? sluice_fail(error, door->status, "%s", door->sentence) : door->status;
}

/* What only means to wait or to go on is no reason: that is a plain failure. */
static void refused_with(pier *at, doorman *door, int status, const char *sentence)
{
    char byte;
    sluice_error error = {0};
    door->status = status;
    door->sentence = sentence;
    const char *said = sentence ? sentence : sluice_status_text(status);
    status = status == SLUICE_EAGAIN || status == SLUICE_EPENDING || status == SLUICE_ESKIPPED ? SLUICE_EFAILED : status;
    sluice_stream *stream = pier_open(at->session, "no entry", SLUICE_STREAM_BOTH);
    int64_t wrote = sluice_stream_write(stream, "in vain", 7); /* unless the refusal was here first */
    CU_ASSERT(wrote == 7 || wrote == status);
    CU_ASSERT_EQUAL(sluice_stream_read(stream, &byte, 1), status);
    CU_ASSERT_PTR_NOT_NULL(strstr(sluice_stream_error(stream, true)->text, said));
    CU_ASSERT_EQUAL(sluice_stream_write(stream, "x", 1), status);
    CU_ASSERT_PTR_NOT_NULL(strstr(sluice_stream_error(stream, false)->text, said));
    CU_ASSERT_EQUAL(sluice_stream_flush(stream), status);
    CU_ASSERT_EQUAL(sluice_stream_finish(stream), status);
    CU_ASSERT_EQUAL(sluice_stream_verify(stream), status);
    CU_ASSERT_EQUAL(sluice_stream_close(stream, &error), status);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, said));
}

static void streams_that_are_refused(void)
{
    static const struct {
        int status;
        const char *sentence;
    } words[] = {
        {SLUICE_EACCESS, "not for you"},      {SLUICE_ENOENT, NULL},          {SLUICE_EPROTOCOL, "not so"},
        {SLUICE_ELIMIT, "full, come later"},  {SLUICE_ECLOSED, "closed"},     {SLUICE_EDIGEST, "odd, but said"},
        {SLUICE_ETIMEOUT, "too late"},        {SLUICE_EAGAIN, "not yet"},     {SLUICE_EINVAL, NULL},
        {SLUICE_ESKIPPED, "left out"},        {SLUICE_EPENDING, "in a while"},
    };
    pier at;
    doorman door = {0};
    sluice_stream *client, *server;
    char text[8] = "";
    sluice_error error = {0};
    pier_begin(&at, &(pier_setup){.requested = decide, .user = &door});
    pier_pair(&at, "yes", SLUICE_STREAM_BOTH, &client, &server);
    CU_ASSERT_PTR_EQUAL(sluice_stream_user(server), &door);
    CU_ASSERT_STRING_EQUAL(door.name, "yes");
    CU_ASSERT_EQUAL(door.seen.mode, SLUICE_STREAM_BOTH);
    CU_ASSERT_EQUAL(door.seen.announced_bytes, SLUICE_UNKNOWN);
    CU_ASSERT_EQUAL(door.seen.deadline_ns, 0);
    CU_ASSERT_NSTRING_EQUAL(door.peer, "127.0.0.1:", 10);
    CU_ASSERT_STRING_EQUAL(door.ticket, "default");
    for (size_t i = 0; i < SLUICE_COUNT(words); i++)
        refused_with(&at, &door, words[i].status, words[i].sentence);
    /* The others go on. */
    CU_ASSERT_EQUAL(sluice_stream_write(client, "hello", 5), 5);
    CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 5);
    CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_finish(server), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_read(client, text, sizeof text), 0);
    CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 0);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_OK);
    pier_end(&at);
}

/* ---- what was announced ---- */

static void announcements(void)
{
    pier at;
    doorman door = {0};
    char text[16];
    sluice_error error = {0};
    sluice_stream *client = NULL, *server;
    sluice_stream_order order = {
        .size = sizeof order, .name = "announced", .mode = SLUICE_STREAM_PUSH, .announced_bytes = 5};
    pier_begin(&at, &(pier_setup){.requested = decide, .user = &door});
    for (int wrong = 0; wrong < 2; wrong++) {
        CU_ASSERT_EQUAL_FATAL(sluice_stream_open(at.session, &order, &client, &error), SLUICE_OK);
        server = pier_accept(&at);
        CU_ASSERT_EQUAL(door.seen.announced_bytes, 5);
        CU_ASSERT_EQUAL(sluice_stream_announced(server), 5);
        CU_ASSERT_EQUAL(sluice_stream_write(client, "hello!", (size_t)(5 + wrong)), 5 + wrong);
        if (!wrong) {
            CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 5);
            CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_OK);
            CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 0);
            CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_OK);
            CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_OK);
            continue;
        }
        CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(sluice_stream_error(client, false)->text, "announced"));
        CU_ASSERT_EQUAL(sluice_stream_finish(client), SLUICE_EINVAL);
        CU_ASSERT_EQUAL(sluice_stream_verify(client), SLUICE_EINVAL);
        int64_t got;
        while ((got = sluice_stream_read(server, text, sizeof text)) > 0)
            continue;
        CU_ASSERT_EQUAL(got, SLUICE_EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(sluice_stream_error(server, true)->text, "announced"));
        CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_EINVAL);
        CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_EINVAL);
    }
    /* close alone finds it out as well. */
    CU_ASSERT_EQUAL_FATAL(sluice_stream_open(at.session, &order, &client, &error), SLUICE_OK);
    server = pier_accept(&at);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "announced"));
    CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_EINVAL);
    pier_end(&at);
}

/* ---- rights ---- */

static void rights_of_a_ticket(void)
{
    static const char *const read_only[] = {"read-only", "yes", NULL},
                             *const write_only[] = {"write-only", "yes", NULL};
    for (int writes = 0; writes < 2; writes++) {
        pier at;
        char byte;
        sluice_error error = {0};
        pier_begin(&at, &(pier_setup){.serve = writes ? write_only : read_only});
        sluice_stream_mode bad = writes ? SLUICE_STREAM_PULL : SLUICE_STREAM_PUSH;
        sluice_stream *stream = pier_open(at.session, "", bad);
        int64_t status = writes ? sluice_stream_read(stream, &byte, 1) : SLUICE_OK;
        if (!writes) {
            CU_ASSERT_EQUAL(sluice_stream_write(stream, "x", 1), 1);
            status = sluice_stream_flush(stream);
        }
        CU_ASSERT_EQUAL(status, SLUICE_EACCESS);
        CU_ASSERT_PTR_NOT_NULL(strstr(sluice_stream_error(stream, writes)->text, "ticket"));
        CU_ASSERT_EQUAL(sluice_stream_close(stream, &error), SLUICE_EACCESS);
        stream = pier_open(at.session, "", SLUICE_STREAM_BOTH);
        CU_ASSERT_EQUAL(sluice_stream_read(stream, &byte, 1), SLUICE_EACCESS);
        CU_ASSERT_EQUAL(sluice_stream_close(stream, &error), SLUICE_EACCESS);
        sluice_stream *good = pier_open(at.session, "", writes ? SLUICE_STREAM_PUSH : SLUICE_STREAM_PULL);
        sluice_stream *server = pier_accept(&at);
        sluice_stream_abort(server, SLUICE_EFAILED, "seen");
        sluice_stream_abort(good, SLUICE_EFAILED, "seen");
        pier_end(&at);
    }
}

/* ---- accept, and a session in the background ---- */

static void accepting(void)
{
    pier at;
    sluice_error error = {0};
    sluice_stream *stream = NULL;
    pier_begin(&at, &plain);
    CU_ASSERT_EQUAL(sluice_stream_accept(at.listener, 0, &stream, &error), SLUICE_EAGAIN);
    sluice_time before = now();
    CU_ASSERT_EQUAL(sluice_stream_accept(at.listener, SHORT, &stream, &error), SLUICE_ETIMEOUT);
    CU_ASSERT(now() - before >= SHORT);
    CU_ASSERT_PTR_NULL(stream);
    CU_ASSERT_EQUAL(sluice_stream_session_close(at.session, &error), SLUICE_OK);
    sluice_server_drain(sluice_stream_listener_server(at.listener));
    CU_ASSERT_EQUAL(sluice_stream_accept(at.listener, SLUICE_NEVER, &stream, &error), SLUICE_EEND);
    CU_ASSERT_EQUAL(sluice_stream_accept(at.listener, 0, &stream, &error), SLUICE_EEND);
    CU_ASSERT_EQUAL(error.status, SLUICE_EEND);
    pier_end_listening(&at);
}

/* The descriptors of a listener and of a session show when accept and ready would not wait. */
static bool readable(int fd, int wait_ms)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, wait_ms) == 1 && (one.revents & POLLIN);
}

static void descriptors(void)
{
    pier at;
    sluice_error error = {0};
    sluice_stream *clients[3];
    pier_setup setup = {.background = true};
    pier_begin(&at, &setup);
    int session_fd = sluice_stream_session_fd(at.session, &error);
    int fd = sluice_stream_listener_fd(at.listener, &error);
    CU_ASSERT(session_fd >= 0 && fd >= 0);
    CU_ASSERT_EQUAL(sluice_stream_listener_fd(at.listener, &error), fd);
    CU_ASSERT(readable(session_fd, 20000));
    CU_ASSERT_EQUAL(sluice_stream_session_ready(at.session, 0, &error), SLUICE_OK);
    CU_ASSERT_FALSE(readable(fd, 0));
    for (int i = 0; i < 3; i++)
        clients[i] = pier_open(at.session, "", SLUICE_STREAM_PUSH);
    CU_ASSERT(readable(fd, 20000));
    for (int i = 0; i < 3; i++) {
        sluice_stream_abort(pier_accept(&at), SLUICE_ENOENT, "seen");
        CU_ASSERT_EQUAL(sluice_stream_finish(clients[i]) == SLUICE_OK ? sluice_stream_verify(clients[i]) : SLUICE_ENOENT,
                        SLUICE_ENOENT);
        sluice_stream_abort(clients[i], SLUICE_ECANCELLED, "seen");
    }
    CU_ASSERT_FALSE(readable(fd, 0));
    CU_ASSERT_EQUAL(sluice_stream_session_close(at.session, &error), SLUICE_OK);
    sluice_server_drain(sluice_stream_listener_server(at.listener));
    CU_ASSERT(readable(fd, 20000));
    CU_ASSERT_EQUAL(sluice_stream_accept(at.listener, 0, &clients[0], &error), SLUICE_EEND);
    CU_ASSERT(readable(fd, 0));
    pier_end_listening(&at);
}

/* A server that is cancelled ends its sessions, and accept is told. */
static void a_server_is_cancelled(void)
{
    pier at;
    char byte;
    sluice_error error = {0};
    sluice_stream *client, *server, *none = NULL;
    pier_begin(&at, &plain);
    pier_pair(&at, "cut", SLUICE_STREAM_BOTH, &client, &server);
    sluice_server_cancel(sluice_stream_listener_server(at.listener));
    CU_ASSERT_EQUAL(sluice_stream_accept(at.listener, SLUICE_NEVER, &none, &error), SLUICE_EEND);
    CU_ASSERT(sluice_stream_read(client, &byte, 1) < 0);
    int64_t status = sluice_stream_read(server, &byte, 1);
    CU_ASSERT(status < 0);
    CU_ASSERT_EQUAL(sluice_stream_read(server, &byte, 1), status);
    CU_ASSERT_NOT_EQUAL(sluice_stream_close(client, &error), SLUICE_OK);
    CU_ASSERT_NOT_EQUAL(sluice_stream_close(server, &error), SLUICE_OK);
    CU_ASSERT_NOT_EQUAL(sluice_stream_session_close(at.session, &error), SLUICE_OK);
    CU_ASSERT_NOT_EQUAL(error.text[0], '\0');
    pier_end_listening(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"orders that cannot be", orders_that_cannot_be},
        {"names of all bytes", names_of_all_bytes},
        {"what a stream is", what_a_stream_is},
        {"nothing to free", nothing_to_free},
        {"calls of the other direction", the_other_direction},
        {"the order of calls", the_order_of_calls},
        {"rows of buffers", rows_of_buffers},
        {"calls that do not wait", calls_that_do_not_wait},
        {"calls that wait for so long", calls_that_wait_for_so_long},
        {"streams that are refused", streams_that_are_refused},
        {"announcements", announcements},
        {"rights of a ticket", rights_of_a_ticket},
        {"accepting", accepting},
        {"descriptors", descriptors},
        {"a server is cancelled", a_server_is_cancelled},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("stream calls", tests);
}
