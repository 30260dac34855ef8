/* SPDX-License-Identifier: Apache-2.0 */
/* Many streams of a session at once, slow readers among them: who goes on, what is held, and what pauses and rates do. */
#include "stream/pier.h"
#include "unit/suite.h"

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static const pier_setup plain = {0};

static sluice_time now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (sluice_time)at.tv_sec * SLUICE_SECOND + (sluice_time)at.tv_nsec;
}

static void close_well(sluice_stream *stream)
{
    sluice_error error = {0};
    int status = sluice_stream_close(stream, &error);
    if (status != SLUICE_OK)
        fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL(status, SLUICE_OK);
}

static void abort_both(sluice_stream *one, sluice_stream *other)
{
    sluice_stream_abort(one, SLUICE_ECANCELLED, "seen");
    sluice_stream_abort(other, SLUICE_ECANCELLED, "seen");
}

/* ---- one thread moves many streams, by poll or by the edges of epoll ---- */

#define PIECE (64u << 10)

/* One end: writes what can be told from its place, reads and compares. */
typedef struct end {
    sluice_stream *stream;
    uint64_t wrote, read, total; /* bytes; the same in both directions */
    uint64_t seed_out, seed_in;
    unsigned state;
    bool finished, over, wrong;
} end;

/* As far as it goes without waiting.  True: it has come to its end. */
static bool end_move(end *self)
{
    static uint8_t bytes[PIECE];
    int64_t done = 1;
    while (!self->finished && done > 0) {
        size_t count = 1 + (size_t)rand_r(&self->state) % PIECE;
        count = self->total - self->wrote < count ? (size_t)(self->total - self->wrote) : count;
        pier_fill(bytes, count, self->wrote, self->seed_out);
        done = count ? sluice_stream_write(self->stream, bytes, count) : 0;
        if (done > 0)
            self->wrote += (uint64_t)done;
        else if (done < 0 && done != SLUICE_EAGAIN)
            self->wrong = true;
        if (self->wrote == self->total)
            self->finished = sluice_stream_finish(self->stream) == SLUICE_OK;
    }
    done = 1;
    while (!self->over && done > 0) {
        size_t count = 1 + (size_t)rand_r(&self->state) % PIECE;
        done = sluice_stream_read(self->stream, bytes, count);
        if (done > 0) {
            self->wrong = self->wrong || !pier_check(bytes, (size_t)done, self->read, self->seed_in);
            self->read += (uint64_t)done;
        } else if (done == 0) {
            self->over = true;
        } else if (done != SLUICE_EAGAIN) {
            self->wrong = true;
        }
    }
    return self->wrong || (self->over && self->finished && sluice_stream_verify(self->stream) == SLUICE_OK);
}

static void ends_init(pier *at, end *ends, size_t streams, uint64_t bytes)
{
    for (size_t i = 0; i < streams; i++) {
        char name[32];
        snprintf(name, sizeof name, "stream %zu", i);
        ends[2 * i].stream = pier_open(at->session, name, SLUICE_STREAM_BOTH);
        CU_ASSERT_PTR_NOT_NULL_FATAL(ends[2 * i].stream);
    }
    for (size_t i = 0; i < streams; i++)
        ends[2 * i + 1].stream = pier_accept(at);
    for (size_t i = 0; i < 2 * streams; i++) {
        ends[i].total = bytes;
        ends[i].seed_out = i + 1;
        ends[i].seed_in = (i ^ 1) + 1;
        ends[i].state = (unsigned)i + 1;
        sluice_stream_blocking(ends[i].stream, false);
    }
}

static void ends_fini(end *ends, size_t streams)
{
    for (size_t i = 0; i < 2 * streams; i++) {
        CU_ASSERT_FALSE(ends[i].wrong);
        CU_ASSERT_EQUAL(ends[i].read, ends[i].total);
        close_well(ends[i].stream);
    }
}

/* Told of edges only; whoever misses one waits for ever. */
static void move_by_edges(end *ends, size_t streams)
{
    size_t left = 2 * streams;
    bool *done = calloc(left, sizeof *done);
    int epoll = epoll_create1(0);
    for (size_t i = 0; i < 2 * streams; i++) {
        sluice_error error = {0};
        int fd = sluice_stream_fd(ends[i].stream, &error);
        CU_ASSERT_FATAL(fd >= 0);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = i};
        CU_ASSERT_EQUAL(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    }
    while (left > 0) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, 15000);
        CU_ASSERT(count > 0);
        if (count <= 0)
            break;
        for (int i = 0; i < count; i++) {
            size_t which = (size_t)events[i].data.u64;
            if (!done[which] && end_move(&ends[which])) {
                done[which] = true;
                left--;
            }
        }
    }
    close(epoll);
    free(done);
}

static void two_hundred_streams(void)
{
    enum { STREAMS = 200 };
    pier at;
    static end ends[2 * STREAMS];
    memset(ends, 0, sizeof ends);
    pier_begin(&at, &plain);
    ends_init(&at, ends, STREAMS, 100000);
    move_by_edges(ends, STREAMS);
    ends_fini(ends, STREAMS);
    pier_end(&at);
}

static void one_stream_by_edges(void)
{
    pier at;
    end ends[2] = {0};
    pier_begin(&at, &plain);
    ends_init(&at, ends, 1, 10000000);
    move_by_edges(ends, 1);
    ends_fini(ends, 1);
    pier_end(&at);
}

/* Level triggered: whatever poll says holds until something is done about it. */
static void one_stream_by_poll(void)
{
    pier at;
    end ends[2] = {0};
    struct pollfd fds[2];
    bool done[2] = {false, false};
    sluice_error error = {0};
    pier_begin(&at, &plain);
    ends_init(&at, ends, 1, 3000000);
    while (!done[0] || !done[1]) {
        for (int i = 0; i < 2; i++) {
            short writing = !ends[i].finished || ends[i].over ? POLLOUT : 0;
            fds[i] = (struct pollfd){.fd = done[i] ? -1 : sluice_stream_fd(ends[i].stream, &error),
                                     .events = (short)((ends[i].over ? 0 : POLLIN) | writing)};
        }
        int ready = poll(fds, 2, 15000);
        CU_ASSERT(ready > 0);
        if (ready <= 0)
            break;
        for (int i = 0; i < 2; i++) {
            uint64_t before = ends[i].read + ends[i].wrote + ends[i].finished + ends[i].over;
            if (!fds[i].revents)
                continue;
            done[i] = end_move(&ends[i]);
            /* It was ready, so something has come of it. */
            CU_ASSERT(done[i] || ends[i].read + ends[i].wrote + ends[i].finished + ends[i].over > before);
        }
    }
    ends_fini(ends, 1);
    pier_end(&at);
}

/* ---- more than there is memory for ---- */

static void more_than_there_is_memory_for(void)
{
    enum { MOST = 16 }; /* a quarter of 4 MiB, in first shares of 64 KiB */
    static const char *const small[] = {"memory", "4Mi", NULL};
    /* Whose memory it is. */
    for (int side = 0; side < 2; side++) {
        pier at;
        char byte;
        sluice_error error = {0};
        sluice_stream *clients[MOST], *servers[MOST], *none = NULL;
        sluice_stream_order order = {.size = sizeof order, .mode = SLUICE_STREAM_BOTH};
        pier_begin(&at, side ? &(pier_setup){.serve = small} : &(pier_setup){.transfer = small});
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < MOST; i++)
                pier_pair(&at, "", SLUICE_STREAM_BOTH, &clients[i], &servers[i]);
            int status = sluice_stream_open(at.session, &order, &none, &error);
            if (side) {
                CU_ASSERT_EQUAL(status, SLUICE_OK);
                CU_ASSERT_EQUAL(sluice_stream_read(none, &byte, 1), SLUICE_ELIMIT);
                CU_ASSERT_EQUAL(sluice_stream_close(none, &error), SLUICE_ELIMIT);
            } else {
                CU_ASSERT_EQUAL(status, SLUICE_ELIMIT);
                CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "memory"));
            }
            for (int i = 0; i < MOST; i++) {
                sluice_stream_finish(clients[i]);
                sluice_stream_finish(servers[i]);
                CU_ASSERT_EQUAL(sluice_stream_read(clients[i], &byte, 1), 0);
                CU_ASSERT_EQUAL(sluice_stream_read(servers[i], &byte, 1), 0);
                close_well(clients[i]);
                close_well(servers[i]);
            }
        }
        pier_end(&at);
    }
}

/* ---- slow readers ---- */

static uint64_t held_out(sluice_stream *stream)
{
    sluice_stream_statistics figures = {.size = sizeof figures};
    sluice_stream_statistics_get(stream, &figures);
    return figures.written_bytes - figures.acked_bytes;
}

static uint64_t held_in(sluice_stream *stream)
{
    sluice_stream_statistics figures = {.size = sizeof figures};
    sluice_stream_statistics_get(stream, &figures);
    return figures.arrived_bytes - figures.read_bytes;
}

typedef struct feeder {
    sluice_stream *stream;
    uint64_t bytes;
} feeder;

static void *feed(void *user)
{
    feeder *self = user;
    static const uint8_t bytes[PIECE];
    int64_t put;
    while ((put = sluice_stream_write(self->stream, bytes, sizeof bytes)) > 0)
        self->bytes += (uint64_t)put;
    return NULL;
}

/* Streams whose readers have stopped fill what they may have, and the others go on beside them as fast as ever. */
static void stopped_readers(void)
{
    enum { STUCK = 12, MEMORY = 4 << 20, BUSY = 30000000 };
    static const char *const small[] = {"memory", "4Mi", NULL};
    pier at;
    sluice_stream *clients[STUCK + 1], *servers[STUCK + 1];
    feeder feeders[STUCK + 1];
    pthread_t threads[STUCK + 1];
    uint8_t *bytes = malloc(PIECE);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    pier_begin(&at, &(pier_setup){.transfer = small, .serve = small});
    for (int i = 0; i <= STUCK; i++) {
        pier_pair(&at, "slow", i % 2 ? SLUICE_STREAM_PULL : SLUICE_STREAM_PUSH, &clients[i], &servers[i]);
        feeders[i] = (feeder){.stream = i % 2 ? servers[i] : clients[i]};
        pthread_create(&threads[i], NULL, feed, &feeders[i]);
    }
    /* Each of them gives a little first, so that it grows, and then stops. */
    for (int i = 0; i < STUCK; i++)
        for (uint64_t got = 0; got < 300000;)
            got += (uint64_t)sluice_stream_read(i % 2 ? clients[i] : servers[i], bytes, PIECE);
    sluice_stream *reader = servers[STUCK];
    uint64_t most[4] = {0};
    for (uint64_t got = 0; got < BUSY;) {
        int64_t count = sluice_stream_read(reader, bytes, PIECE);
        CU_ASSERT_FATAL(count > 0);
        got += (uint64_t)count;
        uint64_t held[4] = {0}; /* by side and direction */
        for (int i = 0; i <= STUCK; i++) {
            held[i % 2 ? 1 : 0] += held_out(i % 2 ? servers[i] : clients[i]);
            held[i % 2 ? 2 : 3] += held_in(i % 2 ? clients[i] : servers[i]);
        }
        for (int i = 0; i < 4; i++)
            most[i] = held[i] > most[i] ? held[i] : most[i];
    }
    for (int i = 0; i < 4; i++)
        CU_ASSERT(most[i] <= MEMORY);
    /* Each of the stuck ones holds its first share at least. */
    for (int i = 0; i < STUCK; i++)
        CU_ASSERT(feeders[i].bytes >= 300000);
    /* Four limits, segments that are not full, and what a session has beside them. */
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    CU_ASSERT(after - before < 4 * (size_t)MEMORY + (48u << 20));
    for (int i = 0; i <= STUCK; i++) {
        sluice_stream_abort(i % 2 ? clients[i] : servers[i], SLUICE_EFAILED, "enough");
        pthread_join(threads[i], NULL);
        sluice_stream_abort(i % 2 ? servers[i] : clients[i], SLUICE_EFAILED, "enough");
    }
    free(bytes);
    pier_end(&at);
}

/* ---- pause ---- */

static uint64_t arrived(sluice_stream *stream)
{
    sluice_stream_statistics figures = {.size = sizeof figures};
    sluice_stream_statistics_get(stream, &figures);
    return figures.arrived_bytes;
}

/* Whoever asks: nothing comes, and then everything does. */
static void paused_by_either_side(void)
{
    for (int side = 0; side < 2; side++) {
        pier at;
        char text[8] = "";
        sluice_stream *client, *server;
        pier_begin(&at, &plain);
        pier_pair(&at, "pause", SLUICE_STREAM_BOTH, &client, &server);
        sluice_stream_session *asker = side ? sluice_stream_session_of(server) : at.session;
        CU_ASSERT_EQUAL(sluice_stream_session_pause(asker, true), SLUICE_OK);
        /* Both know of it once a message that was sent after it is there: the opening of a stream, the client's; of the
         * server's pause an answer to what the client's flush has asked for. */
        sluice_stream *mark = pier_open(at.session, "mark", SLUICE_STREAM_PUSH), *mark_server = pier_accept(&at);
        sluice_stream_abort(mark_server, SLUICE_EFAILED, "seen");
        CU_ASSERT(sluice_stream_finish(mark) == SLUICE_OK || sluice_stream_error(mark, false)->status == SLUICE_EFAILED);
        CU_ASSERT_EQUAL(sluice_stream_verify(mark), SLUICE_EFAILED);
        sluice_stream_abort(mark, SLUICE_EFAILED, "seen");
        uint64_t at_client = arrived(client), at_server = arrived(server);
        CU_ASSERT_EQUAL(sluice_stream_write(client, "there", 5), 5);
        CU_ASSERT_EQUAL(sluice_stream_write(server, "back!", 5), 5);
        sluice_stream_timeouts(client, 100 * SLUICE_MS, SLUICE_NEVER);
        sluice_stream_timeouts(server, 100 * SLUICE_MS, SLUICE_NEVER);
        CU_ASSERT_EQUAL(sluice_stream_read(client, text, sizeof text), SLUICE_ETIMEOUT);
        CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), SLUICE_ETIMEOUT);
        CU_ASSERT_EQUAL(arrived(client), at_client);
        CU_ASSERT_EQUAL(arrived(server), at_server);
        CU_ASSERT_EQUAL(sluice_stream_session_pause(asker, false), SLUICE_OK);
        sluice_stream_timeouts(client, SLUICE_NEVER, SLUICE_NEVER);
        sluice_stream_timeouts(server, SLUICE_NEVER, SLUICE_NEVER);
        CU_ASSERT_EQUAL(sluice_stream_read(server, text, sizeof text), 5);
        CU_ASSERT_EQUAL(sluice_stream_read(client, text, sizeof text), 5);
        CU_ASSERT_STRING_EQUAL(text, "back!");
        abort_both(client, server);
        pier_end(&at);
    }
}

/* ---- rates ---- */

/* So many bytes of one stream, from when the first of them came. */
static sluice_duration time_of(sluice_stream *reader, uint64_t bytes)
{
    static uint8_t room[PIECE];
    uint64_t got = (uint64_t)sluice_stream_read(reader, room, 1);
    sluice_time from = now();
    while (got < bytes)
        got += (uint64_t)sluice_stream_read(reader, room, PIECE);
    return now() - from;
}

/* A rate is a limit from above: what is read cannot have come faster, whatever the machine does. */
static void rates(void)
{
    static const char *const slow[] = {"rate", "40m", NULL};
    for (int side = 0; side < 2; side++) {
        pier at;
        sluice_error error = {0};
        pthread_t thread;
        sluice_stream *client, *server;
        pier_begin(&at, &(pier_setup){.transfer = slow});
        CU_ASSERT_EQUAL(sluice_stream_session_set(at.session, "cipher", "none", &error), SLUICE_EUSAGE);
        CU_ASSERT_NOT_EQUAL(sluice_stream_session_set(at.session, "rate", "fast", &error), SLUICE_OK);
        CU_ASSERT_NOT_EQUAL(sluice_stream_session_set(at.session, "nonsense", "1", &error), SLUICE_OK);
        /* What is not there is refused, and does not come in the way of what follows. */
        CU_ASSERT_EQUAL(sluice_stream_session_set(at.session, "congestion", "nowhere", &error), SLUICE_EPLUGIN);
        pier_pair(&at, "rate", side ? SLUICE_STREAM_PULL : SLUICE_STREAM_PUSH, &client, &server);
        feeder job = {.stream = side ? server : client};
        sluice_stream *reader = side ? client : server;
        pthread_create(&thread, NULL, feed, &job);
        /* 2 MB at 40 Mbit/s take 400 ms, but for what was under way when the first byte was read: a window and a burst. */
        CU_ASSERT(time_of(reader, 2500000) >= 2000000 * 8 * SLUICE_SECOND / 40000000);
        CU_ASSERT_EQUAL(sluice_stream_session_set(at.session, "rate", "16m", &error), SLUICE_OK);
        time_of(reader, 2500000); /* what was still sent at the old rate */
        CU_ASSERT(time_of(reader, 1000000) >= 500000 * 8 * SLUICE_SECOND / 16000000);
        CU_ASSERT_EQUAL(sluice_stream_session_set(at.session, "rate", "10g", &error), SLUICE_OK);
        time_of(reader, 20000000); /* ten seconds' worth, and the test's own limit tells */
        sluice_stream_abort(reader, SLUICE_EFAILED, "enough");
        pthread_join(thread, NULL);
        sluice_stream_abort(job.stream, SLUICE_EFAILED, "enough");
        pier_end(&at);
    }
}

/* ---- two threads on one stream ---- */

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
    uint64_t at = 0;
    for (int64_t put = 1; at < job->bytes && put > 0; at += put > 0 ? (uint64_t)put : 0) {
        /* From a byte to all there is, every size about as often as its double. */
        size_t count = (size_t)1 << rand_r(&state) % 25;
        count += (size_t)rand_r(&state) % count;
        count = count < job->most ? count : job->most;
        count = job->bytes - at < count ? (size_t)(job->bytes - at) : count;
        pier_fill(bytes, count, at, job->seed);
        put = sluice_stream_write(job->stream, bytes, count);
        if (rand_r(&state) % 200 == 0)
            job->good = sluice_stream_flush(job->stream) == SLUICE_OK && job->good;
    }
    job->good = job->good && at == job->bytes && sluice_stream_finish(job->stream) == SLUICE_OK &&
                sluice_stream_verify(job->stream) == SLUICE_OK;
    free(bytes);
    return NULL;
}

static void *read_all(void *user)
{
    mover *job = user;
    uint8_t *bytes = malloc(job->most);
    unsigned state = (unsigned)job->seed + 1;
    uint64_t at = 0;
    int64_t got = 1;
    while (got > 0) {
        size_t count = (size_t)1 << rand_r(&state) % 25;
        got = sluice_stream_read(job->stream, bytes, count < job->most ? count : job->most);
        job->good = job->good && (got <= 0 || pier_check(bytes, (size_t)got, at, job->seed));
        at += got > 0 ? (uint64_t)got : 0;
    }
    job->good = job->good && got == 0 && at == job->bytes;
    free(bytes);
    return NULL;
}

/* Writes and reads of 1 byte to 16 MiB, both directions of a stream, each end read and written by a thread of its own. */
static void sizes_of_all_kinds(void)
{
    enum { BYTES = 40000000, MOST = 16 << 20 };
    pier at;
    sluice_stream *ends[2];
    pthread_t threads[4];
    pier_begin(&at, &plain);
    pier_pair(&at, "sizes", SLUICE_STREAM_BOTH, &ends[0], &ends[1]);
    mover jobs[4];
    for (size_t i = 0; i < 4; i++) {
        jobs[i] = (mover){.stream = ends[i / 2], .bytes = BYTES, .seed = 1 + (i / 2 ^ i % 2), .most = MOST, .good = true};
        pthread_create(&threads[i], NULL, i % 2 ? read_all : write_all, &jobs[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT(jobs[i].good);
    }
    close_well(ends[0]);
    close_well(ends[1]);
    pier_end(&at);
}

/* Two threads write to one stream, and two read from it: calls take turns, whole. */
enum { RECORDS = 4000, RECORD = 16 };

static void *write_records(void *user)
{
    mover *job = user;
    char record[RECORD];
    for (int i = 0; i < RECORDS && job->good; i++) {
        snprintf(record, sizeof record, "%llu %012d", (unsigned long long)job->seed, i);
        job->good = sluice_stream_write(job->stream, record, RECORD) == RECORD;
    }
    return NULL;
}

static void writers_take_turns(void)
{
    pier at;
    sluice_stream *client, *server;
    pthread_t threads[2];
    mover jobs[2];
    int next[2] = {0, 0};
    char record[RECORD];
    pier_begin(&at, &plain);
    pier_pair(&at, "turns", SLUICE_STREAM_PUSH, &client, &server);
    for (size_t i = 0; i < 2; i++) {
        jobs[i] = (mover){.stream = client, .seed = i, .good = true};
        pthread_create(&threads[i], NULL, write_records, &jobs[i]);
    }
    bool good = true;
    for (int i = 0; i < 2 * RECORDS && good; i++) {
        size_t got = 0;
        for (int64_t count = 1; got < RECORD && count > 0; got += count > 0 ? (size_t)count : 0)
            count = sluice_stream_read(server, record + got, RECORD - got);
        int who = record[0] - '0', number = atoi(record + 2);
        good = got == RECORD && (who == 0 || who == 1) && number == next[who]++;
    }
    CU_ASSERT(good);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT(jobs[i].good);
    }
    abort_both(client, server);
    pier_end(&at);
}

/* The server's highest rate of a session holds in both directions, from the start. */
static void rates_of_the_server(void)
{
    static const char *const most[] = {"max-rate", "40m", NULL};
    for (int side = 0; side < 2; side++) {
        pier at;
        pthread_t thread;
        sluice_stream *client, *server;
        pier_begin(&at, &(pier_setup){.serve = most});
        pier_pair(&at, "rate", side ? SLUICE_STREAM_PULL : SLUICE_STREAM_PUSH, &client, &server);
        feeder job = {.stream = side ? server : client};
        pthread_create(&thread, NULL, feed, &job);
        CU_ASSERT(time_of(side ? client : server, 2500000) >= 2000000 * 8 * SLUICE_SECOND / 40000000);
        sluice_stream_abort(side ? client : server, SLUICE_EFAILED, "enough");
        pthread_join(thread, NULL);
        sluice_stream_abort(job.stream, SLUICE_EFAILED, "enough");
        pier_end(&at);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"two hundred streams both ways", two_hundred_streams},
        {"one stream by edges", one_stream_by_edges},
        {"one stream by poll", one_stream_by_poll},
        {"more than there is memory for", more_than_there_is_memory_for},
        {"stopped readers", stopped_readers},
        {"paused by either side", paused_by_either_side},
        {"rates", rates},
        {"rates of the server", rates_of_the_server},
        {"sizes of all kinds", sizes_of_all_kinds},
        {"writers take turns", writers_take_turns},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("many streams", tests);
}
