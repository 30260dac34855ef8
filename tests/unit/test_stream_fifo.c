/* SPDX-License-Identifier: Apache-2.0 */
/* A row of bytes between two threads: what is read is what was written, and memory is what is held and a little. */
#include "stream/fifo.h"
#include "unit/suite.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static void fill(uint8_t *bytes, size_t count, uint64_t offset)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = byte_at(offset + i);
}

static bool same(const uint8_t *bytes, size_t count, uint64_t offset)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != byte_at(offset + i))
            return false;
    return true;
}

static size_t below(unsigned *seed, size_t limit)
{
    return (size_t)rand_r(seed) % limit;
}

static size_t memory(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* ---- one thread ---- */

static void what_can_be_seen(void)
{
    sluice_fifo fifo = {0};
    uint8_t out[1000], in[1000];
    struct iovec all = {in, sizeof in};
    fill(out, sizeof out, 0);
    CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, 0, &all, 1), 0);
    CU_ASSERT_EQUAL(sluice_fifo_write(&fifo, out, 0), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_fifo_write(&fifo, out, 400), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, 0, &all, 1), 0); /* not published */
    sluice_fifo_publish(&fifo);
    CU_ASSERT_EQUAL(sluice_fifo_write(&fifo, out + 400, 600), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_fifo_published(&fifo), 400);
    CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, 100, &all, 1), 300);
    CU_ASSERT(same(in, 300, 100));
    CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, 400, &all, 1), 0);
    struct iovec three[3] = {{in, 10}, {in + 10, 0}, {in + 10, 20}};
    CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, 7, three, 3), 30);
    CU_ASSERT(same(in, 30, 7));
    sluice_fifo_publish(&fifo);
    CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, 0, &all, 1), 1000);
    sluice_fifo_release(&fifo, 1000);
    CU_ASSERT_EQUAL(sluice_fifo_released(&fifo), 1000);
    CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, 1000, &all, 1), 0);
    sluice_fifo_fini(&fifo);
    sluice_fifo_fini(&fifo); /* it is zeroed, and so ready again */
}

/* Everything happens at the ends of segments. */
static void ends_of_segments(void)
{
    static const int64_t around[] = {-2, -1, 0, 1, 2};
    uint8_t *bytes = malloc(4 * SLUICE_FIFO_SEGMENT);
    fill(bytes, 4 * SLUICE_FIFO_SEGMENT, 0);
    for (size_t i = 0; i < 5 * 5 * 5; i++) {
        sluice_fifo fifo = {0};
        uint64_t written = (uint64_t)(3 * (int64_t)SLUICE_FIFO_SEGMENT + around[i % 5]);
        uint64_t first = (uint64_t)((int64_t)SLUICE_FIFO_SEGMENT + around[i / 5 % 5]);
        uint64_t second = (uint64_t)(2 * (int64_t)SLUICE_FIFO_SEGMENT + around[i / 25]);
        uint8_t in[8];
        CU_ASSERT_EQUAL(sluice_fifo_write(&fifo, bytes, written), SLUICE_OK);
        sluice_fifo_publish(&fifo);
        if (i % 2)
            sluice_fifo_release(&fifo, first);
        for (uint64_t at = i % 2 ? first : 0; at <= second && at + 8 <= written; at += 8191) {
            CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, at, &(struct iovec){in, 8}, 1), 8);
            CU_ASSERT(same(in, 8, at));
        }
        sluice_fifo_release(&fifo, second);
        CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, second, &(struct iovec){in, 8}, 1), 8);
        CU_ASSERT(same(in, 8, second));
        sluice_fifo_release(&fifo, written);
        CU_ASSERT_EQUAL(sluice_fifo_write(&fifo, bytes + written, 5), SLUICE_OK);
        sluice_fifo_publish(&fifo);
        CU_ASSERT_EQUAL(sluice_fifo_fetch(&fifo, written, &(struct iovec){in, 8}, 1), 5);
        CU_ASSERT(same(in, 5, written));
        sluice_fifo_fini(&fifo);
    }
    free(bytes);
}

/* However much goes through: the segments of what is held, two that are begun, and the spare ones; none of them anew. */
static void memory_is_bounded(void)
{
    enum { HELD = 5 * SLUICE_FIFO_SEGMENT, ROUNDS = 2000, SPARE = 16 };
    sluice_fifo_store store;
    sluice_fifo fifo = {.store = &store};
    uint8_t *bytes = malloc(HELD);
    unsigned seed = 3;
    uint64_t written = 0, released = 0;
    size_t before = memory(), most = 0, steady = 0;
    fill(bytes, HELD, 0);
    sluice_fifo_store_init(&store, SPARE);
    if (before == 0) { /* a sanitizer's memory is not counted */
        sluice_fifo_store_fini(&store);
        free(bytes);
        return;
    }
    for (int i = 0; i < ROUNDS; i++) {
        size_t count = HELD - (size_t)(written - released);
        count = count ? 1 + below(&seed, count) : 0;
        CU_ASSERT_EQUAL(sluice_fifo_write(&fifo, bytes, count), SLUICE_OK);
        sluice_fifo_publish(&fifo);
        written += count;
        size_t now = memory() - before;
        most = now > most ? now : most;
        if (i == ROUNDS / 2)
            steady = most;
        released += below(&seed, (size_t)(written - released) + 1);
        sluice_fifo_release(&fifo, released);
    }
    CU_ASSERT(most <= (size_t)(HELD / SLUICE_FIFO_SEGMENT + 2 + SPARE + 1) * (SLUICE_FIFO_SEGMENT + 64));
    CU_ASSERT(most >= HELD);
    CU_ASSERT_EQUAL(most, steady);
    sluice_fifo_release(&fifo, written);
    CU_ASSERT(store.count <= SPARE);
    sluice_fifo_fini(&fifo);
    CU_ASSERT(memory() - before <= SPARE * (SLUICE_FIFO_SEGMENT + 64));
    fifo.store = &store;

    /* Much is held once: what is given back is not kept but for the spare ones. */
    for (int i = 0; i < 60; i++)
        CU_ASSERT_EQUAL(sluice_fifo_write(&fifo, bytes, HELD), SLUICE_OK);
    sluice_fifo_publish(&fifo);
    CU_ASSERT(memory() - before >= 60u * HELD);
    sluice_fifo_release(&fifo, 60u * HELD);
    CU_ASSERT(memory() - before <= (SPARE + 2) * (SLUICE_FIFO_SEGMENT + 64));
    sluice_fifo_fini(&fifo);
    sluice_fifo_store_fini(&store);
    CU_ASSERT_EQUAL(memory(), before);
    free(bytes);
}

/* What lay there unused between two trims goes, but for what is to be kept; what was used stays. */
static void stores_are_trimmed(void)
{
    enum { COUNT = 20, KEEP = 5 };
    sluice_fifo_store store;
    sluice_fifo_store_init(&store, 100);
    sluice_fifo fifo = {.store = &store};
    static const uint8_t bytes[COUNT * SLUICE_FIFO_SEGMENT];
    CU_ASSERT_EQUAL(sluice_fifo_write(&fifo, bytes, sizeof bytes), SLUICE_OK);
    sluice_fifo_publish(&fifo);
    sluice_fifo_release(&fifo, sizeof bytes);
    CU_ASSERT_EQUAL(store.count, COUNT - 1); /* one stays in the fifo */
    sluice_fifo_store_trim(&store, KEEP);    /* none of them was unused for a whole time */
    CU_ASSERT_EQUAL(store.count, COUNT - 1);
    CU_ASSERT_EQUAL(sluice_fifo_write(&fifo, bytes, 10 * SLUICE_FIFO_SEGMENT), SLUICE_OK);
    sluice_fifo_publish(&fifo);
    sluice_fifo_release(&fifo, sizeof bytes + 10 * SLUICE_FIFO_SEGMENT);
    CU_ASSERT_EQUAL(store.count, COUNT - 1);
    sluice_fifo_store_trim(&store, KEEP); /* nine were never touched */
    CU_ASSERT_EQUAL(store.count, COUNT - 1 - (COUNT - 1 - 10 - KEEP));
    sluice_fifo_store_trim(&store, KEEP);
    CU_ASSERT_EQUAL(store.count, KEEP);
    sluice_fifo_store_trim(&store, KEEP);
    CU_ASSERT_EQUAL(store.count, KEEP);
    sluice_fifo_fini(&fifo);
    sluice_fifo_store_fini(&store);
}

/* ---- two threads ---- */

typedef struct race {
    sluice_fifo fifo;
    uint64_t total, held; /* bytes; so many may lie in it */
    unsigned seed;
    size_t most; /* of a write and of a fetch */
    bool bad;
} race;

static void *write_all(void *user)
{
    race *job = user;
    unsigned seed = job->seed;
    uint8_t *bytes = malloc(job->most);
    for (uint64_t at = 0; at < job->total;) {
        uint64_t room = job->held - (at - sluice_fifo_released(&job->fifo)), count = 1 + below(&seed, job->most);
        count = room < count ? room : count;
        count = job->total - at < count ? job->total - at : count;
        if (count == 0) {
            sched_yield();
            continue;
        }
        fill(bytes, (size_t)count, at);
        if (sluice_fifo_write(&job->fifo, bytes, (size_t)count) != SLUICE_OK)
            break;
        at += count;
        if (below(&seed, 3) || at == job->total || at - sluice_fifo_released(&job->fifo) == job->held)
            sluice_fifo_publish(&job->fifo);
    }
    free(bytes);
    return NULL;
}

static void *read_all(void *user)
{
    race *job = user;
    unsigned seed = job->seed + 1;
    uint8_t *bytes = malloc(job->most);
    for (uint64_t released = 0; released < job->total && !job->bad;) {
        uint64_t end = sluice_fifo_published(&job->fifo);
        if (end == released) {
            sched_yield();
            continue;
        }
        uint64_t offset = released + below(&seed, (size_t)(end - released));
        struct iovec two[2] = {{bytes, below(&seed, job->most / 2)}, {NULL, 1 + below(&seed, job->most / 2)}};
        two[1].iov_base = bytes + two[0].iov_len;
        size_t wanted = two[0].iov_len + two[1].iov_len, got = sluice_fifo_fetch(&job->fifo, offset, two, 2);
        job->bad = !same(bytes, got, offset) || (got < wanted && offset + got < end);
        if (below(&seed, 2)) {
            released += below(&seed, (size_t)(end - released) + 1);
            sluice_fifo_release(&job->fifo, released);
        }
    }
    free(bytes);
    return NULL;
}

static void two_threads(void)
{
    static const struct {
        uint64_t total, held;
        size_t most;
    } kinds[] = {
        {8000000, 100, 60},
        {20000000, SLUICE_FIFO_SEGMENT, 3000},
        {40000000, 10 * SLUICE_FIFO_SEGMENT + 1, 200000},
        {40000000, 3 << 20, 70000},
    };
    for (size_t i = 0; i < SLUICE_COUNT(kinds); i++) {
        race job = {.total = kinds[i].total, .held = kinds[i].held, .most = kinds[i].most, .seed = (unsigned)i + 1};
        pthread_t writer;
        pthread_create(&writer, NULL, write_all, &job);
        read_all(&job);
        if (job.bad) /* it need not wait for room any more */
            job.held = UINT64_MAX / 2;
        pthread_join(writer, NULL);
        CU_ASSERT_FALSE(job.bad);
        sluice_fifo_fini(&job.fifo);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"what can be seen", what_can_be_seen},
        {"ends of segments", ends_of_segments},
        {"memory is bounded", memory_is_bounded},
        {"stores are trimmed", stores_are_trimmed},
        {"two threads", two_threads},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("fifo", tests);
}
