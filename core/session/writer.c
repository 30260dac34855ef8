/* SPDX-License-Identifier: Apache-2.0 */
#include "session/writer.h"

#include "base/clock.h"
#include "session/parcel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Takes a failed call's status and sentence. */
static int failed(sluice_mover *mover, int64_t status, sluice_error *error)
{
    sluice_mover_sentence(mover, (int)status, error);
    return (int)status;
}

/* ---- blocks ---- */

sluice_block *sluice_block_new(uint64_t chunk, uint64_t from, size_t room)
{
    sluice_block *block = calloc(1, sizeof(*block));
    uint8_t *bytes = malloc(room ? room : 1);
    if (!block || !bytes) {
        free(block);
        free(bytes);
        return NULL;
    }
    block->chunk = chunk;
    block->from = from;
    block->room = room;
    block->bytes = bytes;
    return block;
}

void sluice_block_free(sluice_block *block)
{
    if (!block)
        return;
    if (block->holds > 0) {
        block->holds--;
        return;
    }
    free(block->runs);
    free(block->bytes);
    free(block);
}

int sluice_block_add(sluice_block *block, uint32_t from, uint32_t to)
{
    sluice_block_run *runs = block->runs;
    size_t at = block->run_count;
    while (at > 0 && runs[at - 1].from > from)
        at--;
    if ((at > 0 && runs[at - 1].to > from) || (at < block->run_count && runs[at].from < to))
        return SLUICE_EPROTOCOL;
    bool joins_last = at > 0 && runs[at - 1].to == from, joins_next = at < block->run_count && runs[at].from == to;
    if (joins_last && joins_next) {
        runs[at - 1].to = runs[at].to;
        memmove(runs + at, runs + at + 1, (--block->run_count - at) * sizeof(*runs));
    } else if (joins_last) {
        runs[at - 1].to = to;
    } else if (joins_next) {
        runs[at].from = from;
    } else {
        if (block->run_count == block->run_capacity) {
            size_t capacity = block->run_capacity ? block->run_capacity * 2 : 4;
            runs = reallocarray(block->runs, capacity, sizeof(*runs));
            if (!runs)
                return SLUICE_ENOMEM;
            block->runs = runs;
            block->run_capacity = capacity;
        }
        memmove(runs + at + 1, runs + at, (block->run_count++ - at) * sizeof(*runs));
        runs[at] = (sluice_block_run){from, to};
    }
    return SLUICE_OK;
}

/* ---- writing ---- */

static int sink_write(sluice_mover *mover, sluice_writing *writing, uint64_t offset, const uint8_t *bytes, size_t count)
{
    const sluice_mover_store *store = &mover->store;
    struct iovec buffer = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
    sluice_completion *completion = store->completion_new ? store->completion_new(store->user) : NULL;
    sluice_time begun = sluice_clock_now();
    int64_t got = store->sink->write(store->state, writing->object, offset, &buffer, 1, completion);
    if (completion)
        got = store->completion_end(store->user, completion, got);
    writing->sink_ns += sluice_clock_now() - begun;
    if (got >= 0 && got != (int64_t)count)
        got = SLUICE_EIO;
    return got < 0 ? failed(mover, got, &writing->error) : SLUICE_OK;
}

static int memory_fail(sluice_writing *writing)
{
    return sluice_fail(&writing->error, SLUICE_ENOMEM, "%s: out of memory for its digest", writing->name);
}

static int block_write(sluice_mover *mover, sluice_writing *writing, sluice_operation *operation)
{
    sluice_block *block = operation->block;
    int status = SLUICE_OK;
    uint32_t zeroed = 0;
    for (size_t i = 0; i < block->run_count && !status; i++) {
        const sluice_block_run *run = &block->runs[i];
        uint32_t from = run->from > block->handed ? run->from : block->handed;
        if (from < run->to)
            status = sink_write(mover, writing, block->from + from, block->bytes + from, run->to - from);
        if (operation->whole)
            memset(block->bytes + zeroed, 0, run->from - zeroed);
        zeroed = run->to;
    }
    if (!operation->whole || status)
        return status;
    size_t length = (size_t)(operation->to - operation->from);
    if (zeroed < length)
        memset(block->bytes + zeroed, 0, length - zeroed);
    status = sluice_digest_chunk(mover->request->checksum, block->bytes, length, &operation->plain);
    return status ? memory_fail(writing) : SLUICE_OK;
}

/* The loop adds to the block meanwhile, but touches none of these bytes. */
static int part_write(sluice_mover *mover, sluice_writing *writing, const sluice_operation *operation)
{
    const sluice_block *block = operation->block;
    return sink_write(mover, writing, operation->from, block->bytes + (operation->from - block->from),
                      (size_t)(operation->to - operation->from));
}

/* A sink that knows no holes gets zeroes. */
static int hole_make(sluice_mover *mover, sluice_writing *writing, uint64_t from, uint64_t to)
{
    static const uint8_t zeroes[65536];
    const sluice_sink_ops *ops = mover->store.sink;
    int status = SLUICE_OK;
    if (ops->hole) {
        status = ops->hole(mover->store.state, writing->object, from, to);
        return status ? failed(mover, status, &writing->error) : SLUICE_OK;
    }
    while (from < to && !status && !atomic_load(&mover->stop_work)) {
        size_t count = to - from < sizeof(zeroes) ? (size_t)(to - from) : sizeof(zeroes);
        status = sink_write(mover, writing, from, zeroes, count);
        from += count;
    }
    return status;
}

/* Fills bytes with [from, from + count) of the object; what is not there reads as zeroes. */
static int read_back(sluice_mover *mover, void *object, uint64_t from, uint8_t *bytes, size_t count, size_t *got,
                     sluice_error *error)
{
    size_t filled = 0;
    while (filled < count) {
        struct iovec buffer = {.iov_base = bytes + filled, .iov_len = count - filled};
        int64_t more = mover->store.sink->read(mover->store.state, object, from + filled, &buffer, 1);
        if (more < 0)
            return failed(mover, more, error);
        if (more == 0)
            break;
        filled += (size_t)more;
    }
    memset(bytes + filled, 0, count - filled);
    *got = filled;
    return SLUICE_OK;
}

static int digest_read(sluice_mover *mover, sluice_writing *writing, sluice_operation *operation)
{
    sluice_checksum algorithm = mover->request->checksum;
    size_t count = (size_t)(operation->to - operation->from), got;
    uint8_t *bytes = malloc(count ? count : 1);
    if (!bytes)
        return memory_fail(writing);
    int status = read_back(mover, writing->object, operation->from, bytes, count, &got, &writing->error);
    if (!status && sluice_digest_chunk(algorithm, bytes, count, &operation->plain))
        status = memory_fail(writing);
    if (!status && operation->type == SLUICE_OPERATION_HELD &&
        sluice_digest_seeded(algorithm, mover->request->seed, bytes, count, &operation->seeded))
        status = memory_fail(writing);
    free(bytes);
    return status;
}

static int operation_do(sluice_mover *mover, sluice_writing *writing, sluice_operation *operation)
{
    switch (operation->type) {
    case SLUICE_OPERATION_WRITE:
        return block_write(mover, writing, operation);
    case SLUICE_OPERATION_PART:
        return part_write(mover, writing, operation);
    case SLUICE_OPERATION_HOLE:
        return hole_make(mover, writing, operation->from, operation->to);
    default:
        return digest_read(mover, writing, operation);
    }
}

static int object_commit(sluice_mover *mover, sluice_writing *writing)
{
    const sluice_mover_store *store = &mover->store;
    sluice_completion *completion = store->completion_new ? store->completion_new(store->user) : NULL;
    int64_t status = store->sink->commit(store->state, writing->object, writing->size, completion);
    if (completion)
        status = store->completion_end(store->user, completion, status);
    writing->object = NULL;
    if (status < 0)
        return failed(mover, status, &writing->error);
    writing->committed = true;
    return SLUICE_OK;
}

static int object_open(sluice_mover *mover, sluice_writing *writing)
{
    sluice_sink_verdict verdict = SLUICE_SINK_DONE;
    uint64_t have; /* all of it is written anew */
    int status = mover->store.sink->prepare(mover->store.state, writing->open, true, &verdict, &writing->object, &have);
    if (status)
        return failed(mover, status, &writing->error);
    if (verdict != SLUICE_SINK_WRITE)
        return sluice_fail(&writing->error, SLUICE_EEXIST, "%s: appeared while it was received", writing->name);
    return SLUICE_OK;
}

void sluice_writing_run(sluice_work *work)
{
    sluice_writing *writing = (sluice_writing *)work;
    sluice_mover *mover = work->mover;
    sluice_operation *operation;
    const sluice_operation *digested = NULL;
    writing->status = SLUICE_OK;
    writing->sink_ns = 0;
    if (writing->abandon) {
        mover->store.sink->abandon(mover->store.state, writing->object, writing->keep);
        writing->object = NULL;
        return;
    }
    if (writing->open)
        writing->status = object_open(mover, writing);
    TAILQ_FOREACH(operation, &writing->operations, link) {
        if (!writing->status)
            writing->status = operation_do(mover, writing, operation);
        if (operation->whole || operation->type == SLUICE_OPERATION_DIGEST || operation->type == SLUICE_OPERATION_HELD)
            digested = operation;
    }
    bool agrees = !writing->expecting || (digested && sluice_digest_equal(&writing->expected, &digested->plain));
    if (writing->commit && !writing->status && agrees)
        writing->status = object_commit(mover, writing);
}

/* ---- preparing ---- */

void sluice_preparing_run(sluice_work *work)
{
    sluice_preparing *preparing = (sluice_preparing *)work;
    sluice_mover *mover = work->mover;
    for (size_t i = 0; i < preparing->count; i++) {
        sluice_prepared *at = &preparing->entries[i];
        at->status = SLUICE_OK;
        at->verdict = SLUICE_SINK_COMPARE;
        if (at->suits)
            at->status = sluice_parcel_look(mover, at->entry, &at->parcel, &at->verdict);
        if (!at->status && at->verdict == SLUICE_SINK_COMPARE)
            at->status = mover->store.sink->prepare(mover->store.state, at->entry, at->compared, &at->verdict,
                                                    &at->object, &at->have);
        if (at->status)
            failed(mover, at->status, &at->error);
    }
}

/* ---- checking ---- */

static int checking_memory_fail(sluice_checking *checking)
{
    return sluice_fail(&checking->error, SLUICE_ENOMEM, "%s: out of memory to compare it", checking->name);
}

/* *end: all of it was read. */
static int checking_slice(sluice_mover *mover, sluice_checking *checking, uint8_t *bytes, bool *end)
{
    uint64_t until = checking->at + SLUICE_MOVER_SLICE;
    *end = false;
    while (!*end && checking->at < until) {
        uint64_t left = checking->size - checking->at;
        size_t want = left < SLUICE_CHUNK_BYTES ? (size_t)left : SLUICE_CHUNK_BYTES, got = 0;
        int status = SLUICE_OK;
        if (want > 0 && !atomic_load(&mover->stop_work))
            status = read_back(mover, checking->object, checking->at, bytes, want, &got, &checking->error);
        if (status)
            return status;
        *end = got == 0;
        if (got > 0 && sluice_digest_seeded(mover->request->checksum, mover->request->seed, bytes, got,
                                            &checking->digests[checking->count++]))
            return checking_memory_fail(checking);
        checking->at += got;
    }
    return SLUICE_OK;
}

static int checking_read(sluice_mover *mover, sluice_checking *checking)
{
    sluice_checksum algorithm = mover->request->checksum;
    uint8_t *bytes = malloc(SLUICE_CHUNK_BYTES);
    bool end = false;
    if (!checking->digests)
        checking->digests =
            calloc((size_t)(checking->size / SLUICE_CHUNK_BYTES + 1), sizeof(*checking->digests));
    int status = bytes && checking->digests ? checking_slice(mover, checking, bytes, &end)
                                            : checking_memory_fail(checking);
    free(bytes);
    if (status || !end) {
        checking->work.again = !status;
        return status;
    }
    checking->size = checking->at;
    return sluice_digest_file(algorithm == SLUICE_CHECKSUM_NONE ? SLUICE_CHECKSUM_XXH3_128 : algorithm, checking->at,
                              checking->digests, checking->count, sizeof(*checking->digests), &checking->digest);
}

void sluice_checking_run(sluice_work *work)
{
    sluice_checking *checking = (sluice_checking *)work;
    checking->status = checking_read(work->mover, checking);
    if (!work->again) {
        free(checking->digests);
        checking->digests = NULL;
    }
}

/* ---- the end ---- */

void sluice_fault_free(sluice_fault *fault)
{
    if (fault) {
        free(fault->name);
        free(fault->sentence);
    }
    free(fault);
}

static void fault_note(void *user, const char *name, int status, const char *sentence)
{
    sluice_finishing *finishing = user;
    sluice_fault *fault = calloc(1, sizeof(*fault));
    if (fault) {
        fault->status = status;
        fault->name = strdup(name);
        fault->sentence = strdup(sentence);
    }
    if (!fault || !fault->name || !fault->sentence) {
        finishing->short_of_memory = true;
        sluice_fault_free(fault);
        return;
    }
    TAILQ_INSERT_TAIL(&finishing->faults, fault, link);
}

void sluice_finishing_run(sluice_work *work)
{
    sluice_finishing *finishing = (sluice_finishing *)work;
    const sluice_mover_store *store = &work->mover->store;
    finishing->status = store->sink->finish(store->state, fault_note, finishing);
    if (finishing->status)
        failed(work->mover, finishing->status, &finishing->error);
}
