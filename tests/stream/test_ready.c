/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stream's descriptor shows is what calls would do, after each step of many a history; and what passes between the
 * program's threads and the loop's is neither lost nor more than it may be.
 */
#include "stream/dock.h"
#include "session/message.h"
#include "unit/suite.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MEMORY (4u << 20)
#define STREAMS 16 /* that there is room for */

static uint8_t bytes[256 << 10];

/* ---- histories ---- */

static short shown(sluice_stream *stream)
{
    sluice_error error = {0};
    struct pollfd fd = {.fd = sluice_stream_fd(stream, &error), .events = POLLIN | POLLOUT};
    CU_ASSERT_FATAL(fd.fd >= 0);
    CU_ASSERT(poll(&fd, 1, 0) >= 0);
    return fd.revents & (POLLIN | POLLOUT);
}

typedef struct history {
    dock dock;
    sluice_stream *stream;
    bool client, finished, end_said, turned_away;
    uint64_t piece; /* of a live stream's writes */
    uint64_t said; /* bytes delivered and skipped */
    unsigned seed;
} history;

static uint64_t below(history *all, uint64_t limit)
{
    return (uint64_t)rand_r(&all->seed) % limit;
}

/* What is shown holds.  When the loop has nothing left to do, what is not shown does not. */
static bool agrees(bool shown, bool found, bool settled)
{
    return settled ? shown == found : !shown || found;
}

static bool settle(history *all)
{
    bool settles = below(all, 2);
    if (settles)
        dock_pump(&all->dock);
    return settles;
}

/* Reading changes what is shown, so it is looked at before; a byte at a time, that it changes often. */
static bool reading_agrees(history *all)
{
    bool settled = settle(all);
    short before = shown(all->stream);
    int64_t got = sluice_stream_read(all->stream, bytes, 1 + below(all, 3) * below(all, 50000));
    return agrees(before & POLLIN, got != SLUICE_EAGAIN, settled);
}

static bool writing_agrees(history *all)
{
    bool settled = settle(all);
    short before = shown(all->stream);
    uint64_t count = all->stream->deadline_ns ? all->piece : 1 + below(all, 3) * below(all, 50000);
    int64_t put = all->finished ? sluice_stream_verify(all->stream) : sluice_stream_write(all->stream, bytes, count);
    /* There may be room, but not for all of a live write; that is what is shown from then on. */
    if (all->stream->deadline_ns && !all->finished) {
        bool first = put == SLUICE_EAGAIN && !all->turned_away;
        all->turned_away = put == SLUICE_EAGAIN;
        if (first)
            return !(shown(all->stream) & POLLOUT);
    }
    return agrees(before & POLLOUT, put != SLUICE_EAGAIN, settled);
}

static void peer_step(history *all)
{
    switch (below(all, 12)) {
    case 0:
    case 1:
    case 2:
        all->said += all->end_said ? 0 : dock_deliver(&all->dock, 0, bytes, 1 + below(all, 30000));
        break;
    case 3:
    case 4:
    case 5:
        dock_ack(&all->dock, 0, 1 + below(all, 60000));
        break;
    case 6:
        if (!all->end_said && all->stream->deadline_ns) {
            uint64_t count = below(all, 2000);
            dock_skipped(&all->dock, 0, count);
            all->said = all->dock.in[0].arrived;
        }
        break;
    case 7:
        if (below(all, 10) == 0 && !all->end_said) {
            dock_say_number(&all->dock, SLUICE_MESSAGE_STREAM_END, 0, all->dock.in[0].arrived);
            all->end_said = true;
        }
        break;
    case 8:
        if (below(all, 10) == 0 && all->dock.out[0].finished && all->dock.out[0].acked == all->dock.out[0].size) {
            sluice_wire_writer *body = dock_begin();
            sluice_wire_put_number(body, 0);
            sluice_message_put_status(body, below(all, 4) ? SLUICE_OK : SLUICE_EDIGEST, "");
            dock_say(&all->dock, SLUICE_MESSAGE_STREAM_DONE);
        }
        break;
    case 9:
        if (below(all, 60) == 0) {
            sluice_wire_writer *body = dock_begin();
            sluice_wire_put_number(body, 0);
            sluice_wire_put_number(body, 1 + below(all, 3));
            sluice_message_put_status(body, SLUICE_EFAILED, "a whim");
            dock_say(&all->dock, SLUICE_MESSAGE_STREAM_ABORT);
        }
        break;
    default:
        dock_pump(&all->dock);
        all->dock.now += below(all, 5) * SLUICE_MS;
    }
}

static bool history_run(unsigned seed)
{
    history all = {.seed = seed};
    bool good = true;
    sluice_error error = {0};
    sluice_duration deadline = below(&all, 2) ? 0 : 10 * SLUICE_SECOND;
    all.client = below(&all, 2);
    all.piece = 1 + below(&all, 50000);
    dock_init(&all.dock, all.client, MEMORY);
    if (all.client) {
        sluice_stream_order order = {.size = sizeof order, .mode = SLUICE_STREAM_BOTH, .deadline_ns = deadline};
        all.dock.session->checksum = SLUICE_CHECKSUM_NONE;
        CU_ASSERT_EQUAL_FATAL(sluice_stream_open(all.dock.session, &order, &all.stream, &error), SLUICE_OK);
        sluice_stream_blocking(all.stream, false);
        dock_pump(&all.dock);
    } else {
        dock_say_open(&all.dock, 0, SLUICE_STREAM_BOTH, "", deadline);
        all.stream = all.dock.accepted[0];
    }
    for (int step = 0; step < 600 && good; step++) {
        if (below(&all, 3))
            peer_step(&all);
        else if (below(&all, 300) == 0)
            all.finished = sluice_stream_finish(all.stream) == SLUICE_OK || all.finished;
        else
            good = below(&all, 2) ? reading_agrees(&all) : writing_agrees(&all);
        good = good && !all.dock.broken;
    }
    if (all.client)
        sluice_stream_abort(all.stream, SLUICE_ECANCELLED, "seen");
    dock_fini(&all.dock);
    return good;
}

static void histories(void)
{
    for (unsigned seed = 1; seed <= 1000; seed++)
        if (!history_run(seed)) {
            fprintf(stderr, "history %u\n", seed);
            CU_FAIL("what is shown is not what calls do");
            return;
        }
    CU_PASS("all histories");
}

/* ---- edges ---- */

static int edges(int epoll)
{
    struct epoll_event event = {0};
    int count = epoll_wait(epoll, &event, 1, 0);
    return count > 0 ? (int)event.events : 0;
}

/* Each time that reading becomes possible, and writing, there is an edge. */
static void edge_after_edge(void)
{
    dock at;
    sluice_error error = {0};
    int epoll = epoll_create1(0);
    dock_init(&at, false, MEMORY);
    dock_say_open(&at, 0, SLUICE_STREAM_BOTH, "", 0);
    dock_pump(&at);
    sluice_stream *stream = at.accepted[0];
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
    CU_ASSERT_EQUAL(epoll_ctl(epoll, EPOLL_CTL_ADD, sluice_stream_fd(stream, &error), &event), 0);
    CU_ASSERT(edges(epoll) & EPOLLOUT);
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(edges(epoll) & EPOLLIN, 0);
        dock_deliver(&at, 0, bytes, 10);
        dock_pump(&at);
        CU_ASSERT(edges(epoll) & EPOLLIN);
        CU_ASSERT_EQUAL(sluice_stream_read(stream, bytes, sizeof bytes), 10);
        CU_ASSERT_EQUAL(sluice_stream_read(stream, bytes, 1), SLUICE_EAGAIN);
        while (sluice_stream_write(stream, bytes, sizeof bytes) > 0)
            continue;
        dock_pump(&at);
        edges(epoll);
        CU_ASSERT_EQUAL(edges(epoll), 0);
        CU_ASSERT(dock_ack(&at, 0, 1) == 1);
        dock_pump(&at);
        CU_ASSERT(edges(epoll) & EPOLLOUT);
    }
    close(epoll);
    dock_fini(&at);
}

/* ---- gathering ---- */

/* Less than a packet waits until its time, or until there is more; flush, finish and the end of gathering send what there
 * is. */
static void what_is_gathered(void)
{
    dock at;
    dock_init(&at, false, MEMORY);
    dock_say_open(&at, 0, SLUICE_STREAM_PULL, "", 0);
    sluice_stream *stream = at.accepted[0];
    sluice_stream_gather(stream, 5 * SLUICE_MS);
    dock_pump(&at);
    for (int i = 0; i < 10; i++) {
        uint64_t before = at.out[0].offered;
        for (int j = 0; j < 4; j++) {
            CU_ASSERT_EQUAL(sluice_stream_write(stream, bytes, 100), 100);
            dock_pump(&at);
            CU_ASSERT_EQUAL(at.out[0].offered, before);
            at.now += SLUICE_MS;
        }
        CU_ASSERT_EQUAL(at.cargo.ops->next_wake(at.cargo.state), at.now + SLUICE_MS);
        at.now += SLUICE_MS;
        dock_pump(&at);
        CU_ASSERT_EQUAL(at.out[0].offered, before + 400);
    }
    uint64_t before = at.out[0].offered;
    CU_ASSERT_EQUAL(sluice_stream_write(stream, bytes, 1199), 1199);
    dock_pump(&at);
    CU_ASSERT_EQUAL(at.out[0].offered, before);
    CU_ASSERT_EQUAL(sluice_stream_write(stream, bytes, 1), 1);
    dock_pump(&at);
    CU_ASSERT_EQUAL(at.out[0].offered, before + 1200);
    CU_ASSERT_EQUAL(sluice_stream_write(stream, bytes, 1), 1);
    CU_ASSERT_EQUAL(sluice_stream_flush(stream), SLUICE_EAGAIN);
    dock_pump(&at);
    CU_ASSERT_EQUAL(at.out[0].offered, before + 1201);
    CU_ASSERT_EQUAL(sluice_stream_write(stream, bytes, 1), 1);
    dock_pump(&at);
    CU_ASSERT_EQUAL(at.out[0].offered, before + 1201);
    sluice_stream_gather(stream, 0);
    dock_pump(&at);
    CU_ASSERT_EQUAL(at.out[0].offered, before + 1202);
    sluice_stream_gather(stream, SLUICE_SECOND);
    CU_ASSERT_EQUAL(sluice_stream_write(stream, bytes, 1), 1);
    CU_ASSERT_EQUAL(sluice_stream_finish(stream), SLUICE_OK);
    dock_pump(&at);
    CU_ASSERT_EQUAL(at.out[0].offered, before + 1203);
    CU_ASSERT(at.out[0].finished);
    CU_ASSERT_FALSE(at.broken);
    dock_fini(&at);
}

/* ---- two threads ---- */

typedef struct pair {
    dock dock;
    sluice_stream *streams[STREAMS];
    atomic_bool stop;
    atomic_uint_fast64_t read;
    unsigned seed;
} pair;

static void *keep_reading(void *user)
{
    pair *all = user;
    uint8_t byte;
    while (!atomic_load(&all->stop)) {
        if (sluice_stream_read(all->streams[0], &byte, 1) == 1)
            atomic_fetch_add(&all->read, 1);
    }
    return NULL;
}

/* The peer wants to know when a byte was read, at the very moment when it is: it is told. */
static void word_of_what_was_read(void)
{
    enum { ROUNDS = 20000 };
    pair all = {.seed = 1};
    pthread_t reader;
    sluice_wire_reader body;
    uint64_t lost = 0;
    dock_init(&all.dock, false, MEMORY);
    dock_say_open(&all.dock, 0, SLUICE_STREAM_PUSH, "", 0);
    all.streams[0] = all.dock.accepted[0];
    pthread_create(&reader, NULL, keep_reading, &all);
    for (uint64_t i = 1; i <= ROUNDS && lost == 0; i++) {
        dock_deliver(&all.dock, 0, bytes, 1);
        dock_pump(&all.dock);
        for (unsigned spin = (unsigned)rand_r(&all.seed) % 300; spin > 0; spin--)
            __asm__ volatile("" ::: "memory");
        dock_say_number(&all.dock, SLUICE_MESSAGE_STREAM_FLUSH, 0, i);
        while (atomic_load(&all.read) < i) /* the reader never waits */
            sched_yield();
        /* The call has returned, and has left word. */
        dock_pump(&all.dock);
        lost += !dock_hears(&all.dock, SLUICE_MESSAGE_STREAM_TAKEN, &body);
    }
    CU_ASSERT_EQUAL(lost, 0);
    atomic_store(&all.stop, true);
    pthread_join(reader, NULL);
    dock_fini(&all.dock);
}

static void *keep_writing(void *user)
{
    pair *all = user;
    while (!atomic_load(&all->stop)) {
        for (int i = 1; i < STREAMS; i++)
            (void)sluice_stream_write(all->streams[i], bytes, 1);
        for (int i = 0; i < 20; i++)
            (void)sluice_stream_write(all->streams[0], bytes, sizeof bytes);
    }
    return NULL;
}

static uint64_t held(const sluice_stream *stream)
{
    return sluice_fifo_published(&stream->out) - sluice_fifo_released(&stream->out);
}

/* One stream has had nearly all there is, and now the others want their part: while its share shrinks its writer goes on,
 * and never has more in it than the share. */
static void a_share_that_shrinks(void)
{
    enum { ROUNDS = 50, HURRY = 8 };
    pair all = {.seed = 1};
    pthread_t writer;
    bool good = true;
    uint64_t most = 0, least = UINT64_MAX;
    dock_init(&all.dock, false, MEMORY);
    for (uint64_t id = 0; id < STREAMS; id++) {
        dock_say_open(&all.dock, id, SLUICE_STREAM_PULL, "", 0);
        all.streams[id] = all.dock.accepted[id];
    }
    const sluice_stream *stream = all.streams[0];
    pthread_create(&writer, NULL, keep_writing, &all);
    for (int i = 0; i < ROUNDS && good; i++) {
        all.dock.now += 2 * SLUICE_SECOND; /* nobody is busy any more */
        dock_pump(&all.dock);
        for (int j = 0; j < HURRY; j++) {
            for (int k = 1; k < STREAMS && j == HURRY - 2; k++)
                dock_ack(&all.dock, (uint64_t)k, UINT64_MAX);
            all.dock.now += 10 * SLUICE_MS;
            while (held(stream) < stream->out_share.bytes / 8 * 7)
                sched_yield();
            dock_pump(&all.dock);
            dock_ack(&all.dock, 0, UINT64_MAX);
            uint64_t share = stream->out_share.bytes;
            good = good && held(stream) <= share;
            most = share > most ? share : most;
            least = share < least ? share : least;
        }
    }
    CU_ASSERT(good);
    CU_ASSERT(most > 2 * sizeof bytes);
    CU_ASSERT(least < sizeof bytes);
    atomic_store(&all.stop, true);
    pthread_join(writer, NULL);
    CU_ASSERT_FALSE(all.dock.broken);
    dock_fini(&all.dock);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"histories", histories},
        {"edge after edge", edge_after_edge},
        {"what is gathered", what_is_gathered},
        {"word of what was read", word_of_what_was_read},
        {"a share that shrinks", a_share_that_shrinks},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("readiness of streams", tests);
}
