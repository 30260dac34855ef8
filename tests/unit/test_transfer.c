/* SPDX-License-Identifier: Apache-2.0 */
/* Sender and receiver, joined in memory: every test is repeated with several orders of events. */
#include "session/digest.h"
#include "unit/suite.h"
#include "unit/transfer_fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static item file_item(const char *name, uint64_t size)
{
    return (item){.type = SLUICE_ENTRY_FILE, .name = name, .data = fixture_bytes(size + 17, size), .size = size,
                  .mtime_ns = 1700000000000000000};
}

static void items_free(item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(items[i].data);
}

static fixture *fixture_new(bool push, uint64_t seed, item *items, size_t count)
{
    fixture *f = malloc(sizeof(*f));
    fixture_init(f, push, seed, items, count);
    return f;
}

static void fixture_end(fixture *f)
{
    fixture_fini(f);
    free(f);
}

/* A tree with all kinds of entries arrives whole, in a push and in a pull, with loss, whatever the order. */
static void test_tree(void)
{
    item items[] = {{.type = SLUICE_ENTRY_DIRECTORY, .name = "t"},
                    file_item("t/empty", 0),
                    file_item("t/one", 1),
                    file_item("t/small", 4096),
                    {.type = SLUICE_ENTRY_DIRECTORY, .name = "t/d"},
                    file_item("t/d/chunk", MIB),
                    file_item("t/d/chunk+1", MIB + 1),
                    {.type = SLUICE_ENTRY_SYMLINK, .name = "t/link", .target = "d/chunk"},
                    file_item("t/big", 5 * MIB + 333)};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        fixture *f = fixture_new(seed & 1, seed, items, SLUICE_COUNT(items));
        f->loss_percent = (unsigned)(seed % 3 * 10);
        f->request.checksum = seed % 4 == 0 ? SLUICE_CHECKSUM_SHA_256
                              : seed % 5 == 0 ? SLUICE_CHECKSUM_NONE : SLUICE_CHECKSUM_XXH3_128;
        fixture_run(f);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT_EQUAL(f->server.status, SLUICE_OK);
        CU_ASSERT_EQUAL(f->client.done, 6);
        CU_ASSERT_EQUAL(f->server.done, 6);
        CU_ASSERT(fixture_identical(f));
        sluice_cargo_statistics counted;
        sluice_mover_statistics_get(f->client.mover, &counted);
        CU_ASSERT_EQUAL(counted.bytes, 0 + 1 + 4096 + MIB + MIB + 1 + 5 * MIB + 333);
        CU_ASSERT_EQUAL(counted.total_files, 6);
        CU_ASSERT(counted.scan_complete);
        CU_ASSERT_EQUAL(counted.moved_bytes, counted.bytes);
        CU_ASSERT_EQUAL(counted.resumed_bytes, 0);
        sluice_mover_statistics_get(f->server.mover, &counted);
        CU_ASSERT_EQUAL(counted.moved_bytes, counted.bytes);
        CU_ASSERT_EQUAL(counted.resumed_bytes, 0);
        fixture_end(f);
    }
    items_free(items, SLUICE_COUNT(items));
}

static void run_until_still(fixture *f)
{
    while (fixture_step(f))
        continue;
}

/* An hour of nothing but what the movers do by time. */
static void idle_for_an_hour(fixture *f)
{
    for (unsigned second = 0; second < 3600; second++) {
        f->now += SLUICE_SECOND;
        sluice_mover_tick(f->client.mover, f->now);
        sluice_mover_tick(f->server.mover, f->now);
        run_until_still(f);
    }
}

/* Either side may pause: what was read already waits as well, time ends nothing, and all goes on when both want it. */
static void test_pause(void)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        item items[] = {{.type = SLUICE_ENTRY_DIRECTORY, .name = "t"},
                        file_item("t/a", 20 * MIB + 1),
                        file_item("t/b", 12 * MIB)};
        fixture *f = fixture_new(seed & 1, seed, items, SLUICE_COUNT(items));
        side *sender = seed & 1 ? &f->client : &f->server;
        side *pauses = seed & 2 ? &f->client : &f->server;
        f->loss_percent = seed & 4 ? 10 : 0;
        f->memory_bytes = 2 * MIB; /* so that the message does not come after all of them */
        fixture_start(f);
        while (sender->fetched_bytes < MIB && fixture_step(f))
            continue;
        uint64_t before = sender->fetched_bytes;
        sluice_mover_pause(pauses->mover, true);
        run_until_still(f);
        uint64_t after = sender->fetched_bytes;
        CU_ASSERT(before >= MIB && after < 32 * MIB);
        CU_ASSERT(pauses != sender || after == before);
        CU_ASSERT(sluice_mover_paused(f->client.mover) && sluice_mover_paused(f->server.mover));
        idle_for_an_hour(f);
        CU_ASSERT_EQUAL(sender->fetched_bytes, after);
        CU_ASSERT_FALSE(f->client.finished || f->server.finished);
        sluice_mover_pause(pauses->peer->mover, true);
        run_until_still(f);
        sluice_mover_pause(pauses->mover, false);
        run_until_still(f);
        CU_ASSERT_EQUAL(sender->fetched_bytes, after);
        sluice_mover_pause(pauses->peer->mover, false);
        run_until_still(f);
        CU_ASSERT_FALSE(sluice_mover_paused(f->client.mover) || sluice_mover_paused(f->server.mover));
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT(f->client.finished);
        if (!f->server.finished)
            sluice_mover_closed(f->server.mover, SLUICE_OK, "", f->now);
        run_until_still(f);
        CU_ASSERT(fixture_identical(f));
        fixture_end(f);
        items_free(items, SLUICE_COUNT(items));
    }
}

/* More files than the window holds: all of them arrive, and none is searched for. */
static void test_many_files(void)
{
    enum { COUNT = 400 };
    static char names[COUNT][32];
    item items[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "t/%zu", i);
        items[i] = file_item(names[i], i * 37);
    }
    fixture *f = fixture_new(true, 5, items, COUNT);
    fixture_run(f);
    CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
    CU_ASSERT_EQUAL(f->client.done, COUNT);
    CU_ASSERT(fixture_identical(f));
    fixture_end(f);
    items_free(items, COUNT);
}

/* Small files are put whole, and nothing of them is open meanwhile; so many at once that some have to wait for room. */
static void test_parcels(void)
{
    enum { COUNT = 300, LARGE = 3 };
    static char names[COUNT][32];
    item items[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "t/%zu", i);
        items[i] = file_item(names[i], i < COUNT - LARGE ? i * 977 % 20000 : 65536);
    }
    for (uint64_t seed = 1; seed <= 9; seed++) {
        fixture *f = fixture_new(seed & 1, seed, items, COUNT);
        f->parcels = true;
        f->piece_most = 9000;
        f->receive_bytes = seed % 3 ? 8 * MIB : MIB;
        f->loss_percent = seed % 2 * 20;
        f->request.checksum = seed % 5 ? SLUICE_CHECKSUM_XXH3_128 : SLUICE_CHECKSUM_NONE;
        fixture_run(f);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT_EQUAL(f->server.done, COUNT);
        CU_ASSERT(fixture_identical(f));
        CU_ASSERT_EQUAL(f->puts + f->opens, COUNT);
        CU_ASSERT(f->opens == LARGE || (seed % 3 == 0 && f->opens > LARGE));
        fixture_end(f);
    }
    items_free(items, COUNT);
}

/* The parcels that another writer had for a while are put when he is gone; those that are given up never. */
static void test_parcels_busy(void)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        item items[] = {file_item("t/a", 5000), file_item("t/b", 0), file_item("t/c", 70000)};
        fixture *f = fixture_new(seed & 1, seed, items, 3);
        f->parcels = true;
        f->busy_until = seed % 2 ? 3 * SLUICE_SECOND : 15 * SLUICE_SECOND;
        fixture_run(f);
        CU_ASSERT_EQUAL(f->client.status, seed % 2 ? SLUICE_OK : SLUICE_EFAILED);
        CU_ASSERT_EQUAL(f->client.failed, seed % 2 ? 0 : 3);
        CU_ASSERT_EQUAL(f->puts, seed % 2 ? 2 : 0);
        CU_ASSERT(f->now < 12 * SLUICE_SECOND);
        fixture_end(f);
        items_free(items, 3);
    }
}

/* What was listed as small and is not: it is opened as any other file, with all that came of it; and damaged as it may be. */
static void test_parcels_grown(void)
{
    enum { COUNT = 3 };
    static const uint64_t listed[COUNT] = {0, 700, 60000}, then[COUNT] = {100, 64000, 3 * MIB + 5};
    for (uint64_t seed = 1; seed <= 24; seed++) {
        item items[] = {file_item("t/a", then[0]), file_item("t/b", then[1]), file_item("t/c", then[2])};
        fixture *f = fixture_new(seed & 1, seed, items, COUNT);
        f->parcels = true;
        f->piece_most = 5000;
        f->loss_percent = seed % 2 * 20;
        f->corruptions = seed % 4 ? 0 : 5;
        if (seed % 3 == 0) {
            items[2].hole_from = 100000;
            items[2].hole_to = MIB + 200000;
            memset(items[2].data + items[2].hole_from, 0, items[2].hole_to - items[2].hole_from);
        }
        for (size_t i = 0; i < COUNT; i++) {
            items[i].size = listed[i];
            items[i].size_now = then[i];
        }
        fixture_start(f);
        while (f->item_next < COUNT && fixture_step(f))
            continue;
        for (size_t i = 0; i < COUNT; i++)
            items[i].size = then[i];
        while (fixture_step(f))
            continue;
        if (!f->server.finished)
            sluice_mover_closed(f->server.mover, SLUICE_OK, "", 0);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT(fixture_identical(f));
        CU_ASSERT_EQUAL(f->opens, COUNT);
        fixture_end(f);
        items_free(items, COUNT);
    }
}

/* With little memory buffers are dropped and read again, chunks are spilled and read back. */
static void test_tiny_memory(void)
{
    item items[] = {file_item("t/a", 9 * MIB + 5), file_item("t/b", 7 * MIB)};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fixture *f = fixture_new(true, seed, items, 2);
        f->memory_bytes = 2 * MIB;
        f->receive_bytes = seed & 1 ? MIB : 12 * MIB;
        f->loss_percent = 20;
        f->piece_most = 20000;
        fixture_run(f);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT(fixture_identical(f));
        fixture_end(f);
    }
    items_free(items, 2);
}

/* What is fetched, and is not in memory any more, is being read when fetch has answered: on a path that carries little just then,
 * no other call to the mover may come for long. */
static void test_read_again(void)
{
    item items[] = {file_item("t/a", 9 * MIB)};
    fixture *f = fixture_new(true, 1, items, 1);
    side *sender = &f->client;
    uint8_t byte;
    struct iovec buffer = {.iov_base = &byte, .iov_len = 1};
    f->memory_bytes = 2 * MIB;
    fixture_start(f);
    while ((sender->fetched_bytes < 5 * MIB || sender->task_count > 0) && fixture_step(f))
        continue;
    CU_ASSERT_EQUAL(sender->task_count, 0);
    CU_ASSERT_EQUAL(sluice_mover_fetch(sender->mover, sluice_object_of_entry(0, 0), 0, &buffer, 1), 0);
    CU_ASSERT_EQUAL(sender->task_count, 1);
    run_until_still(f);
    CU_ASSERT(f->client.finished);
    CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
    if (!f->server.finished)
        sluice_mover_closed(f->server.mover, SLUICE_OK, "", f->now);
    run_until_still(f);
    CU_ASSERT(fixture_identical(f));
    fixture_end(f);
    items_free(items, 1);
}

/* Holes are told, not sent, and read as zeroes at the other end whatever lay there. */
static void test_holes(void)
{
    item items[] = {file_item("t/sparse", 6 * MIB + 100), file_item("t/hole", 3 * MIB), file_item("t/edge", 2 * MIB)};
    items[0].hole_from = 300000;
    items[0].hole_to = 5 * MIB + 77777;
    items[1].hole_from = 0;
    items[1].hole_to = 3 * MIB;
    items[2].hole_from = MIB;
    items[2].hole_to = 2 * MIB;
    for (size_t i = 0; i < 3; i++)
        memset(items[i].data + items[i].hole_from, 0, items[i].hole_to - items[i].hole_from);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fixture *f = fixture_new(true, seed, items, 3);
        fixture_run(f);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT(fixture_identical(f));
        CU_ASSERT_EQUAL(f->client.fetched_bytes, 300000 + MIB + 100 - 77777 + MIB);
        fixture_end(f);
    }
    items_free(items, 3);
}

static void partial_put(fixture *f, const item *of, uint64_t size)
{
    stored *at = &f->store[f->store_count++];
    memset(at, 0, sizeof(*at));
    snprintf(at->name, sizeof(at->name), "%s", of->name);
    at->data = malloc(size);
    memcpy(at->data, of->data, size);
    at->size = at->capacity = size;
    at->mtime_ns = of->mtime_ns;
}

/* A partial file with one flipped byte: full resume sends that chunk and what is missing, no more. */
static void test_resume(void)
{
    item items[] = {file_item("t/r", 40 * MIB + 9)};
    static const struct {
        sluice_resume resume;
        uint64_t flip, sent; /* offset of the flipped byte; bytes that cross */
    } cases[] = {{SLUICE_RESUME_FULL, 3 * MIB + 5, 7 * MIB + 9 + MIB},
                 {SLUICE_RESUME_FULL, 33 * MIB, 7 * MIB + 9},
                 {SLUICE_RESUME_ATTRIBUTES, 3 * MIB + 5, 7 * MIB + 9 + MIB},
                 {SLUICE_RESUME_SPARSE, 3 * MIB + 5, 7 * MIB + 9 + MIB},
                 {SLUICE_RESUME_SPARSE, 16 * MIB + 5, 7 * MIB + 9 + 16 * MIB},
                 {SLUICE_RESUME_NONE, 0, 40 * MIB + 9}};
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        fixture *f = fixture_new(i & 1, i + 1, items, 1);
        f->request.resume = cases[i].resume;
        partial_put(f, &items[0], 33 * MIB + 12345);
        f->store[0].data[cases[i].flip] ^= 1;
        fixture_run(f);
        side *sender = i & 1 ? &f->client : &f->server;
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT(fixture_identical(f));
        CU_ASSERT_EQUAL(sender->fetched_bytes, cases[i].sent);
        fixture_end(f);
    }
    items_free(items, 1);
}

/* Same size and time: the digests decide.  A file is read in parts, so that one that is large lets others have a turn. */
static void test_compare(void)
{
    item items[] = {file_item("t/same", 2 * MIB + 7), file_item("t/other", 2 * MIB + 7), file_item("t/large", 29 * MIB + 7),
                    file_item("t/whole", 8 * MIB)};
    fixture *f = fixture_new(true, 3, items, 4);
    f->compare = true;
    for (size_t i = 0; i < 4; i++) {
        partial_put(f, &items[i], items[i].size);
        f->store[i].committed = true;
    }
    f->store[1].data[MIB + 1] ^= 1;
    fixture_run(f);
    CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
    CU_ASSERT_EQUAL(f->client.skipped, 3);
    CU_ASSERT_EQUAL(f->client.done, 1);
    CU_ASSERT(fixture_identical(f));
    CU_ASSERT_EQUAL(f->task_bytes_most, 8 * MIB);
    fixture_end(f);
    items_free(items, 4);
}

/* A damaged block costs one more way of its chunk; damage that stays fails the file. */
static void test_damage(void)
{
    item items[] = {file_item("t/x", 5 * MIB), file_item("t/y", 500)};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fixture *f = fixture_new(true, seed, items, 2);
        f->corruptions = 3;
        fixture_run(f);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT(fixture_identical(f));
        CU_ASSERT(f->client.fetched_bytes > 5 * MIB + 500);
        fixture_end(f);
    }
    fixture *f = fixture_new(true, 9, items, 2);
    f->corruptions = -1;
    fixture_run(f);
    CU_ASSERT_EQUAL(f->client.status, SLUICE_EFAILED);
    CU_ASSERT_EQUAL(f->client.failed, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->client.last_failure, "changed while read"));
    CU_ASSERT_FALSE(fixture_stored(f, "t/x")->committed);
    fixture_end(f);
    items_free(items, 2);
}

/* Files that cannot be had fail with their sentence on both sides; the rest goes on. */
static void test_bad_files(void)
{
    item items[] = {file_item("t/good", 3 * MIB), file_item("t/vanished", 100), file_item("t/shrunk", 3 * MIB),
                    file_item("t/changed", 70000), {.type = SLUICE_ENTRY_FILE, .name = "t/no", .unlistable = true},
                    file_item("t/grown", 3 * MIB)};
    items[1].unopenable = true;
    items[2].shrunk_to = MIB + 5;
    items[3].changed = true;
    items[5].size = 1000; /* as listed; then it has all of its bytes */
    items[5].size_now = 3 * MIB;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        fixture *f = fixture_new(seed & 1, seed, items, 6);
        items[5].size = 1000;
        fixture_start(f);
        while (f->item_next < 6 && fixture_step(f))
            continue;
        items[5].size = 3 * MIB;
        while (fixture_step(f))
            continue;
        if (!f->server.finished)
            sluice_mover_closed(f->server.mover, SLUICE_OK, "", 0);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_EPARTIAL);
        CU_ASSERT_EQUAL(f->server.status, SLUICE_EPARTIAL);
        CU_ASSERT_EQUAL(f->client.failed, 4);
        CU_ASSERT_EQUAL(f->server.failed, 4);
        CU_ASSERT_EQUAL(f->client.done, 2);
        CU_ASSERT(fixture_stored(f, "t/good")->committed);
        CU_ASSERT_EQUAL(fixture_stored(f, "t/grown")->size, 3 * MIB);
        CU_ASSERT_FALSE(fixture_stored(f, "t/shrunk")->committed);
        CU_ASSERT_FALSE(fixture_stored(f, "t/changed")->committed);
        fixture_end(f);
    }
    items_free(items, 6);
}

/* A full disk fails the file with the sink's sentence. */
static void test_no_space(void)
{
    item items[] = {file_item("t/a", 100), file_item("t/b", 20 * MIB)};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fixture *f = fixture_new(seed & 1, seed, items, 2);
        f->writes_until_full = (int)seed;
        fixture_run(f);
        CU_ASSERT_EQUAL(f->client.status, f->client.done ? SLUICE_EPARTIAL : SLUICE_EFAILED);
        CU_ASSERT(f->client.failed >= 1);
        CU_ASSERT_STRING_EQUAL(f->client.last_failure, "store: no space left");
        CU_ASSERT_FALSE(fixture_stored(f, "t/b")->committed);
        fixture_end(f);
    }
    items_free(items, 2);
}

/* A stream of unknown size into a sink that takes bytes in order only, from a source that reads once. */
static void test_stream(void)
{
    static const uint64_t sizes[] = {0, 1, 65536, MIB, 3 * MIB + 70001};
    for (size_t i = 0; i < SLUICE_COUNT(sizes); i++)
        for (uint64_t in_order = 0; in_order < 2; in_order++) {
            item items[] = {file_item("t", sizes[i])};
            items[0].stream = true;
            fixture *f = fixture_new(in_order, i + 1, items, 1);
            f->source_capabilities = 0;
            f->loss_percent = 10;
            f->memory_bytes = 2 * MIB;
            if (in_order)
                f->sink_capabilities = 0;
            fixture_run(f);
            CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
            CU_ASSERT(fixture_identical(f));
            fixture_end(f);
            items_free(items, 1);
        }
}

/* What there is of a stream is with a sink in order soon, though its chunk is not whole and its source stands still. */
static void test_trickle(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        item items[] = {file_item("t", 2 * MIB + 5)};
        items[0].stream = true;
        items[0].trickle = seed % 2 ? 1000 : 200000;
        fixture *f = fixture_new(seed & 1, seed, items, 1);
        side *sender = f->push ? &f->client : &f->server, *receiver = sender->peer;
        f->source_capabilities = f->sink_capabilities = 0;
        f->piece_most = 5000;
        fixture_start(f);
        while (f->source_reads < 9 && fixture_step(f))
            continue;
        sender->stalled = true;
        for (sluice_time late = 0; late < 3; late++) {
            while (fixture_step(f))
                continue;
            sluice_mover_tick(receiver->mover, f->now);
            f->now += 50 * SLUICE_MS;
        }
        const stored *at = fixture_stored(f, "t");
        uint64_t read = items[0].trickle < 65536 ? 9 * items[0].trickle : 9 * 65536;
        CU_ASSERT(at && at->size == read && !at->committed);
        CU_ASSERT(at && memcmp(at->data, items[0].data, at->size) == 0);
        sender->stalled = false;
        while (fixture_step(f))
            continue;
        sluice_mover_closed(f->server.mover, SLUICE_OK, "", f->now);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT(fixture_identical(f));
        CU_ASSERT_EQUAL(f->source_interrupts, 1);
        CU_ASSERT_EQUAL(f->sink_interrupts, 1);
        CU_ASSERT_EQUAL(receiver->widened, f->receive_bytes);
        fixture_end(f);
        items_free(items, 1);
    }
}

/* A stream that was cut off leaves nothing behind, for nothing could tell what it was the beginning of. */
static void test_stream_cut(void)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        item items[] = {file_item("t", 5 * MIB)};
        items[0].stream = seed & 2;
        fixture *f = fixture_new(seed & 1, seed, items, 1);
        f->writes_until_full = 3;
        if (seed & 4)
            f->sink_capabilities = 0;
        fixture_run(f);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_ENOSPACE);
        CU_ASSERT_EQUAL(fixture_stored(f, "t")->kept, !items[0].stream);
        fixture_end(f);
        items_free(items, 1);
    }
}

/* More comes than the list of files said, for a sink that gives nothing back. */
static void test_longer(void)
{
    static const unsigned capabilities[] = {0, SLUICE_SINK_SEEKABLE};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        item items[] = {file_item("t", MIB + 777)};
        fixture *f = fixture_new(seed & 1, seed, items, 1);
        f->sink_capabilities = capabilities[seed / 2 % 2];
        f->piece_most = 3000;
        items[0].size = 100000;
        items[0].size_now = MIB + 777;
        fixture_start(f);
        while (f->item_next < 1 && fixture_step(f))
            continue;
        items[0].size = MIB + 777;
        while (fixture_step(f))
            continue;
        sluice_mover_closed(f->server.mover, SLUICE_OK, "", 0);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT(fixture_identical(f));
        fixture_end(f);
        items_free(items, 1);
    }
}

/* Another writer is waited for, but not for ever. */
static void test_busy(void)
{
    static const struct {
        sluice_time until;
        int status;
    } cases[] = {{3 * SLUICE_SECOND, SLUICE_OK}, {15 * SLUICE_SECOND, SLUICE_EBUSY}};
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        item items[] = {file_item("t", 5000)};
        fixture *f = fixture_new(true, i + 1, items, 1);
        f->busy_until = cases[i].until;
        fixture_run(f);
        CU_ASSERT_EQUAL(f->client.status, cases[i].status);
        CU_ASSERT(f->now < 12 * SLUICE_SECOND);
        CU_ASSERT_EQUAL(f->client.done, cases[i].status == SLUICE_OK);
        fixture_end(f);
        items_free(items, 1);
    }
}

static void test_refused(void)
{
    item items[] = {file_item("t", 10)};
    fixture *f = fixture_new(true, 1, items, 1);
    f->refuse = true;
    fixture_run(f);
    CU_ASSERT_EQUAL(f->client.status, SLUICE_EACCESS);
    CU_ASSERT_STRING_EQUAL(f->client.sentence, "/root/x: this server is read-only");
    fixture_end(f);
    items_free(items, 1);
}

/* Cancelled at any moment by either side: both end, nothing stays open. */
static void test_cancel(void)
{
    item items[] = {file_item("t/a", 3 * MIB), file_item("t/b", 10), file_item("t/c", 2 * MIB)};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        fixture *f = fixture_new(seed & 1, seed, items, 3);
        fixture_start(f);
        for (uint64_t steps = 0; steps < seed * 7 && fixture_step(f); steps++)
            continue;
        sluice_mover_cancel(seed & 2 ? f->client.mover : f->server.mover, SLUICE_ECANCELLED, "cancelled", 0);
        while (fixture_step(f))
            continue;
        CU_ASSERT(f->client.finished && f->server.finished);
        CU_ASSERT(f->client.status == SLUICE_ECANCELLED || (f->client.status == SLUICE_OK && fixture_identical(f)));
        CU_ASSERT(f->client.status == SLUICE_ECANCELLED || seed > 20); /* so early nothing can be done yet */
        for (size_t i = 0; i < f->store_count; i++)
            CU_ASSERT_FALSE(f->store[i].open);
        f->client.unconsumed = f->server.unconsumed = 0; /* the session is over, and with it its credit */
        fixture_end(f);
    }
    items_free(items, 3);
}

/* A probe: the server tells its facts, once; and a client that has seen enough ends it well for the server. */
static void test_probe(void)
{
    item items[] = {file_item("t/a", 3 * MIB), file_item("t/b", 2 * MIB)};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        bool early = seed % 4 != 0;
        fixture *f = fixture_new(seed & 1, seed, items, 2);
        f->request.probe = true;
        if (early) {
            fixture_start(f);
            while (f->client.facts_came == 0 && fixture_step(f))
                continue;
            sluice_mover_cancel(f->client.mover, SLUICE_EINTERRUPTED, "enough", 0);
            while (fixture_step(f))
                continue;
            CU_ASSERT(f->client.finished && f->server.finished);
            CU_ASSERT(f->client.status == SLUICE_EINTERRUPTED || f->client.status == SLUICE_OK);
        } else {
            fixture_run(f);
            CU_ASSERT_EQUAL(f->client.status, SLUICE_OK);
            CU_ASSERT(fixture_identical(f));
        }
        CU_ASSERT_EQUAL(f->server.status, SLUICE_OK);
        CU_ASSERT_EQUAL(f->client.facts_came, 1);
        CU_ASSERT_EQUAL(f->client.facts.cores, 7);
        CU_ASSERT_EQUAL(f->client.facts.datagrams, 3);
        CU_ASSERT_EQUAL(f->server.facts_came, 0);
        f->client.unconsumed = f->server.unconsumed = 0; /* the session is over, and with it its credit */
        fixture_end(f);
    }
    items_free(items, 2);
}

/* The set-up may hear of the end before the mover does. */
static void test_probe_closed(void)
{
    item items[] = {file_item("t/a", 3 * MIB)};
    for (int probe = 0; probe < 2; probe++) {
        fixture *f = fixture_new(true, 5, items, 1);
        f->request.probe = probe;
        fixture_start(f);
        for (int steps = 0; steps < 40; steps++)
            fixture_step(f);
        sluice_mover_closed(f->server.mover, SLUICE_ECANCELLED, "the peer cancelled", 0);
        sluice_mover_closed(f->client.mover, SLUICE_ECANCELLED, "cancelled", 0);
        while (fixture_step(f))
            continue;
        CU_ASSERT_EQUAL(f->server.status, probe ? SLUICE_OK : SLUICE_ECANCELLED);
        CU_ASSERT_EQUAL(f->client.status, SLUICE_ECANCELLED);
        f->client.unconsumed = f->server.unconsumed = 0;
        fixture_end(f);
    }
    items_free(items, 1);
}

/* A server that sends names that were not asked for. */
static void test_hostile_names(void)
{
    static const char *const names[] = {"u", "../t", "/t", "t/../x", "t//x", "tt", "t/./x", "."};
    for (size_t i = 0; i < SLUICE_COUNT(names); i++) {
        item items[] = {file_item(names[i], 10)};
        fixture *f = fixture_new(false, i + 1, items, 1);
        fixture_run(f);
        CU_ASSERT_NOT_EQUAL(f->client.status, SLUICE_OK);
        CU_ASSERT_PTR_NULL(fixture_stored(f, names[i]));
        fixture_end(f);
        items_free(items, 1);
    }
}

/* Random and malformed control bytes end the session with EPROTOCOL or do nothing; they never do harm. */
/* ---- sources that come later ---- */

#define LATER 40

static void change(fixture *f, const sluice_request_change *what)
{
    sluice_mover_change(f->client.mover, what, f->now);
}

static void add_next(fixture *f, size_t *added)
{
    const sluice_operand operand = {.path = f->items[(*added)++].name};
    CU_ASSERT_EQUAL_FATAL(sluice_request_operand_add(&f->request, &operand), SLUICE_OK);
    change(f, &(sluice_request_change){.add = &f->request.operands[f->request.operand_count - 1], .drop = UINT32_MAX});
}

static uint64_t draw(uint64_t *random, uint64_t most)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (*random >> 33) % most;
}

/* Adds and gives up at moments that the seed decides, then says that no more come. */
static void change_at_random(fixture *f, uint64_t seed, bool *dropped)
{
    uint64_t random = seed;
    size_t added = 0;
    while (added < LATER) {
        for (uint64_t steps = draw(&random, 400); steps > 0 && fixture_step(f); steps--)
            continue;
        f->now += draw(&random, 3) * 300 * SLUICE_MS;
        sluice_mover_tick(f->client.mover, f->now);
        sluice_mover_tick(f->server.mover, f->now);
        if (draw(&random, 4) == 0 && added > 0) {
            uint32_t which = (uint32_t)draw(&random, added);
            dropped[which] = true;
            change(f, &(sluice_request_change){.drop = which});
        } else {
            add_next(f, &added);
        }
    }
    idle_for_an_hour(f); /* nothing ends it before it is told so */
    CU_ASSERT_FALSE(f->client.finished || f->server.finished);
    f->request.open = false;
    change(f, &(sluice_request_change){.drop = UINT32_MAX, .last = true});
}

static void sources_that_come_later(void)
{
    item items[LATER];
    char names[LATER][8];
    for (size_t i = 0; i < LATER; i++) {
        snprintf(names[i], sizeof names[i], "f%zu", i);
        items[i] = file_item(names[i], i % 5 == 0 ? 3 * MIB + i : i * 1000);
    }
    for (uint64_t seed = 1; seed <= 100; seed++) {
        bool dropped[LATER] = {false};
        fixture *f = fixture_new(seed & 1, seed, items, LATER);
        f->loss_percent = seed & 2 ? 10 : 0;
        f->memory_bytes = seed & 4 ? 4 * MIB : 64 * MIB;
        f->open = f->request.open = true;
        f->item_known = 0;
        sluice_request_operands_clear(&f->request);
        fixture_start(f);
        change_at_random(f, seed, dropped);
        run_until_still(f);
        if (!f->server.finished)
            sluice_mover_closed(f->server.mover, SLUICE_OK, "", f->now);
        run_until_still(f);
        CU_ASSERT(f->client.finished && f->client.status == SLUICE_OK);
        CU_ASSERT(f->server.finished && f->server.status == SLUICE_OK);
        uint64_t there = 0;
        for (size_t i = 0; i < LATER; i++) {
            const stored *file = fixture_stored(f, items[i].name);
            bool whole = file && file->committed && file->size == items[i].size &&
                         memcmp(file->data, items[i].data, items[i].size) == 0;
            CU_ASSERT(whole || (dropped[i] && !(file && file->committed)));
            there += whole;
        }
        CU_ASSERT_EQUAL(f->client.done, there);
        CU_ASSERT_EQUAL(f->server.done, there);
        CU_ASSERT_EQUAL(f->client.failed + f->server.failed, 0);
        fixture_end(f);
    }
    items_free(items, LATER);
}

static void test_hostile_control(void)
{
    item items[] = {file_item("t/a", 2 * MIB), file_item("t/b", 300)};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        fixture *f = fixture_new(seed & 1, seed, items, 2);
        fixture_start(f);
        for (uint64_t steps = 0; steps < seed && fixture_step(f); steps++)
            continue;
        uint8_t *noise = fixture_bytes(seed, 40);
        noise[0] = (uint8_t)(seed * 2 + 1) & 0x3f; /* a type that must be understood */
        noise[1] = 20;
        for (size_t i = 2; i < 6; i++)
            noise[i] &= 7;
        fixture_control(seed & 2 ? &f->client : &f->server, noise, 22);
        free(noise);
        while (fixture_step(f))
            continue;
        if (!f->client.finished)
            sluice_mover_closed(f->client.mover, SLUICE_ETIMEOUT, "silent", 0);
        if (!f->server.finished)
            sluice_mover_closed(f->server.mover, SLUICE_ETIMEOUT, "silent", 0);
        while (fixture_step(f))
            continue;
        CU_ASSERT(f->client.finished && f->server.finished);
        f->client.unconsumed = f->server.unconsumed = 0;
        fixture_end(f);
    }
    items_free(items, 2);
}

int main(void)
{
    static const CU_TestInfo tests[] = {{"tree", test_tree},
                                        {"a pause by either side", test_pause},
                                        {"many files", test_many_files},
                                        {"small files", test_parcels},
                                        {"small files that another writer has", test_parcels_busy},
                                        {"small files that have grown", test_parcels_grown},
                                        {"tiny memory", test_tiny_memory},
                                        {"what is read again", test_read_again},
                                        {"holes", test_holes},
                                        {"resume", test_resume},
                                        {"compare", test_compare},
                                        {"damage", test_damage},
                                        {"bad files", test_bad_files},
                                        {"no space", test_no_space},
                                        {"stream", test_stream},
                                        {"trickle", test_trickle},
                                        {"a stream that is cut off", test_stream_cut},
                                        {"longer than it was listed", test_longer},
                                        {"busy", test_busy},
                                        {"refused", test_refused},
                                        {"cancel", test_cancel},
                                        {"a probe", test_probe},
                                        {"a probe whose end comes by the transport", test_probe_closed},
                                        {"hostile names", test_hostile_names},
                                        {"hostile control", test_hostile_control},
                                        {"sources that come later", sources_that_come_later},
                                        CU_TEST_INFO_NULL};
    return sluice_suite_run("transfer", tests);
}
