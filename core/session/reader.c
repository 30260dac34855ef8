/* SPDX-License-Identifier: Apache-2.0 */
#include "session/reader.h"

#include "base/clock.h"
#include "session/catalogue.h"
#include "session/filter.h"
#include <stdlib.h>
#include <string.h>

#define READER_LISTING_BYTES (32u << 10) /* records of one batch, about */
#define READER_STREAM_PIECE (64u << 10)  /* of a stream: a source of ABI 1.0 waits until all of it has come */

/* Takes a failed call's status and sentence. */
static int failed(sluice_mover *mover, int64_t status, sluice_error *error)
{
    sluice_mover_sentence(mover, (int)status, error);
    return (int)status;
}

/* source->read, waiting for answers that come later. */
static int64_t source_read(sluice_mover *mover, void *object, uint64_t offset, uint8_t *bytes, size_t count)
{
    const sluice_mover_store *store = &mover->store;
    struct iovec buffer = {.iov_base = bytes, .iov_len = count};
    sluice_completion *completion = store->completion_new ? store->completion_new(store->user) : NULL;
    int64_t got = store->source->read(store->state, object, offset, &buffer, 1, completion);
    if (completion)
        got = store->completion_end(store->user, completion, got);
    if (got == SLUICE_EPENDING || got > (int64_t)count)
        got = SLUICE_EPLUGIN;
    return got;
}

/* Reads count bytes; fewer only at the end.  Negative: a status. */
static int64_t read_all(sluice_mover *mover, void *object, uint64_t offset, uint8_t *bytes, size_t count)
{
    size_t filled = 0;
    while (filled < count) {
        int64_t got = source_read(mover, object, offset + filled, bytes + filled, count - filled);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        filled += (size_t)got;
    }
    return (int64_t)filled;
}

/* ---- one chunk ---- */

static uint64_t chunk_from(const sluice_reading *reading)
{
    return reading->chunk * SLUICE_CHUNK_BYTES;
}

static int object_open(sluice_mover *mover, sluice_reading *reading)
{
    uint64_t size = SLUICE_UNKNOWN;
    int status =
        mover->store.source->open(mover->store.state, reading->name, reading->operand, &reading->object, &size);
    if (status)
        return failed(mover, status, &reading->error);
    reading->open = false;
    reading->size = size;
    return SLUICE_OK;
}

/* Finds the runs of data in [from, to); a hole that is too small to tell joins its neighbours. */
static int runs_find(sluice_mover *mover, sluice_reading *reading, uint64_t from, uint64_t to)
{
    const sluice_source_ops *ops = mover->store.source;
    bool sparse = ops->capabilities & SLUICE_SOURCE_SPARSE && ops->extent && !reading->ordered &&
                  to - from >= SLUICE_READER_HOLE_LEAST;
    uint64_t at = from;
    reading->run_count = 0;
    while (sparse && at < to) {
        uint64_t data_from = at, data_to = to;
        int status = ops->extent(mover->store.state, reading->object, at, &data_from, &data_to);
        if (status)
            return failed(mover, status, &reading->error);
        if (data_from >= to) {
            if (at == from)
                reading->hole_chunks = reading->skip_holes ? (data_from - from) / SLUICE_CHUNK_BYTES : 1;
            break;
        }
        if (data_from < at || data_to <= data_from || data_to > to)
            data_to = to;
        if (data_from < at)
            data_from = at;
        sluice_reader_run *last = reading->run_count ? &reading->runs[reading->run_count - 1] : NULL;
        if (!last && data_from - from < SLUICE_READER_HOLE_LEAST)
            data_from = from;
        if (last && (data_from - last->to < SLUICE_READER_HOLE_LEAST || reading->run_count == SLUICE_READER_RUNS))
            last->to = data_to;
        else
            reading->runs[reading->run_count++] = (sluice_reader_run){data_from, data_to};
        at = data_to;
    }
    if (!sparse)
        reading->runs[reading->run_count++] = (sluice_reader_run){from, to};
    else if (reading->run_count == 0 && reading->hole_chunks == 0)
        reading->hole_chunks = 1;
    return SLUICE_OK;
}

static int shorter(sluice_reading *reading)
{
    return reading->status = sluice_fail(&reading->error, SLUICE_ECHANGED,
                                         "%s: became shorter while it was read; copy it again when nobody writes to it",
                                         reading->name);
}

/* The bytes of a chunk whose file has a known size. */
static int known_read(sluice_mover *mover, sluice_reading *reading)
{
    uint64_t from = chunk_from(reading);
    uint64_t to = reading->size - from < SLUICE_CHUNK_BYTES ? reading->size : from + SLUICE_CHUNK_BYTES;
    if (to - from > reading->room) {
        reading->filled = 0; /* it has grown since it was listed: the loop comes again with more room */
        return SLUICE_EAGAIN;
    }
    int status = runs_find(mover, reading, from, to);
    uint64_t zeroed = from;
    for (size_t i = 0; i < reading->run_count && !status; i++) {
        const sluice_reader_run *run = &reading->runs[i];
        memset(reading->bytes + (zeroed - from), 0, run->from - zeroed);
        int64_t got = read_all(mover, reading->object, run->from, reading->bytes + (run->from - from),
                               (size_t)(run->to - run->from));
        if (got < 0)
            status = failed(mover, got, &reading->error);
        else if ((uint64_t)got < run->to - run->from)
            status = shorter(reading);
        zeroed = run->to;
    }
    if (!status)
        memset(reading->bytes + (zeroed - from), 0, to - zeroed);
    reading->filled = (size_t)(to - from);
    return status;
}

/* Some more bytes of a stream, as many as are there: reading->filled of this chunk have come already. */
static int stream_read(sluice_mover *mover, sluice_reading *reading)
{
    uint64_t from = chunk_from(reading) + reading->filled;
    size_t count = SLUICE_CHUNK_BYTES - reading->filled;
    if (count > READER_STREAM_PIECE)
        count = READER_STREAM_PIECE;
    int64_t got = source_read(mover, reading->object, from, reading->bytes + reading->filled, count);
    if (got < 0)
        return failed(mover, got, &reading->error);
    reading->filled += (size_t)got;
    if (got == 0)
        reading->size = from;
    reading->runs[0] = (sluice_reader_run){from, from + (uint64_t)got};
    reading->run_count = got > 0;
    return SLUICE_OK;
}

static bool chunk_last(const sluice_reading *reading)
{
    return reading->size != SLUICE_UNKNOWN && chunk_from(reading) + reading->filled >= reading->size;
}

static int digests_make(sluice_mover *mover, sluice_reading *reading)
{
    sluice_checksum algorithm = mover->request->checksum;
    if (reading->size == SLUICE_UNKNOWN && reading->filled < SLUICE_CHUNK_BYTES)
        return SLUICE_OK; /* the chunk of a stream is not whole yet */
    int status = SLUICE_OK;
    if (reading->hole_chunks > 1)
        return SLUICE_OK; /* the loop knows the digest of a chunk of zeroes */
    if (reading->hole_chunks == 1)
        memset(reading->bytes, 0, reading->filled);
    status = sluice_digest_chunk(algorithm, reading->bytes, reading->filled, &reading->plain);
    if (!status && reading->seeded)
        status =
            sluice_digest_seeded(algorithm, mover->request->seed, reading->bytes, reading->filled, &reading->checked);
    return status ? sluice_fail(&reading->error, status, "%s: no memory for its digest", reading->name) : SLUICE_OK;
}

static int reading_do(sluice_mover *mover, sluice_reading *reading)
{
    const sluice_source_ops *ops = mover->store.source;
    sluice_time begun = sluice_clock_now();
    int status = reading->open ? object_open(mover, reading) : SLUICE_OK;
    if (status)
        return status;
    reading->run_count = 0;
    reading->hole_chunks = 0;
    if (reading->size == SLUICE_UNKNOWN)
        status = stream_read(mover, reading);
    else if (chunk_from(reading) > reading->size)
        status = shorter(reading);
    else
        status = known_read(mover, reading);
    reading->source_ns = sluice_clock_now() - begun;
    if (!status)
        status = digests_make(mover, reading);
    uint64_t end = chunk_from(reading) + reading->hole_chunks * SLUICE_CHUNK_BYTES;
    bool last =
        chunk_last(reading) || (reading->hole_chunks && reading->size != SLUICE_UNKNOWN && end >= reading->size);
    if (!status && last && ops->unchanged) {
        status = ops->unchanged(mover->store.state, reading->object);
        if (status)
            status = failed(mover, status, &reading->error);
    }
    return status;
}

void sluice_reading_run(sluice_work *work)
{
    sluice_reading *reading = (sluice_reading *)work;
    sluice_mover *mover = work->mover;
    reading->source_ns = 0;
    reading->status = reading_do(mover, reading);
    bool over = reading->status ? reading->status != SLUICE_EAGAIN : chunk_last(reading);
    if (reading->object && reading->close_after && over) {
        mover->store.source->close(mover->store.state, reading->object);
        reading->object = NULL;
    }
}

/* ---- comparing ---- */

static int comparing_memory_fail(sluice_comparing *comparing)
{
    return sluice_fail(&comparing->error, SLUICE_ENOMEM, "%s: no memory to compare it", comparing->name);
}

static int comparing_add(sluice_mover *mover, sluice_comparing *comparing, const uint8_t *bytes, size_t count)
{
    if (comparing->count == comparing->capacity) {
        size_t capacity = comparing->capacity ? comparing->capacity * 2 : 16;
        sluice_digest *grown = reallocarray(comparing->digests, capacity, sizeof(*grown));
        if (!grown)
            return comparing_memory_fail(comparing);
        comparing->digests = grown;
        comparing->capacity = capacity;
    }
    comparing->at += count;
    return sluice_digest_seeded(mover->request->checksum, mover->request->seed, bytes, count,
                                &comparing->digests[comparing->count++])
               ? comparing_memory_fail(comparing)
               : SLUICE_OK;
}

/* *end: all of it was read. */
static int comparing_slice(sluice_mover *mover, sluice_comparing *comparing, uint8_t *bytes, bool *end)
{
    uint64_t until = comparing->at + SLUICE_MOVER_SLICE;
    int status = SLUICE_OK;
    *end = false;
    while (!status && !*end && comparing->at < until) {
        uint64_t left = comparing->size - comparing->at;
        size_t want = left < SLUICE_CHUNK_BYTES ? (size_t)left : SLUICE_CHUNK_BYTES;
        int64_t got = want > 0 && !atomic_load(&mover->stop_work)
                          ? read_all(mover, comparing->object, comparing->at, bytes, want)
                          : 0;
        if (got > 0)
            status = comparing_add(mover, comparing, bytes, (size_t)got);
        else if (got < 0)
            status = failed(mover, got, &comparing->error);
        *end = got == 0;
    }
    return status;
}

static int comparing_open(sluice_mover *mover, sluice_comparing *comparing)
{
    const sluice_mover_store *store = &mover->store;
    int status = store->source->open(store->state, comparing->name, comparing->operand, &comparing->object,
                                     &comparing->size);
    comparing->opened = !status;
    return status ? failed(mover, status, &comparing->error) : SLUICE_OK;
}

static int comparing_read(sluice_mover *mover, sluice_comparing *comparing)
{
    sluice_checksum algorithm = mover->request->checksum;
    uint8_t *bytes = malloc(SLUICE_CHUNK_BYTES);
    bool end = false;
    int status = bytes ? SLUICE_OK : comparing_memory_fail(comparing);
    if (!status && !comparing->opened)
        status = comparing_open(mover, comparing);
    if (!status)
        status = comparing_slice(mover, comparing, bytes, &end);
    free(bytes);
    if (status || !end) {
        comparing->work.again = !status;
        return status;
    }
    comparing->size = comparing->at;
    return sluice_digest_file(algorithm == SLUICE_CHECKSUM_NONE ? SLUICE_CHECKSUM_XXH3_128 : algorithm, comparing->at,
                              comparing->digests, comparing->count, sizeof(*comparing->digests), &comparing->digest);
}

void sluice_comparing_run(sluice_work *work)
{
    sluice_comparing *comparing = (sluice_comparing *)work;
    const sluice_mover_store *store = &work->mover->store;
    comparing->status = comparing_read(work->mover, comparing);
    if (work->again)
        return;
    if (comparing->opened)
        store->source->close(store->state, comparing->object);
    free(comparing->digests);
    comparing->opened = false;
    comparing->digests = NULL;
}

/* ---- listing ---- */

void sluice_listed_free(sluice_listed *listed)
{
    if (listed)
        free(listed->sentence);
    free(listed);
}

static sluice_listed *listed_new(const char *name, uint32_t operand)
{
    size_t length = strlen(name);
    sluice_listed *listed = calloc(1, sizeof(*listed) + length + 1);
    if (!listed)
        return NULL;
    listed->operand = operand;
    memcpy(listed->name, name, length + 1);
    return listed;
}

/* Of what is listed but will not be sent. */
static void entry_settle(const sluice_mover *mover, const sluice_entry *entry)
{
    if (mover->store.source->settled)
        mover->store.source->settled(mover->store.state, entry->name, entry->operand);
}

/* A name, target or list of attributes that no peer would take is a fault of that entry. */
static int entry_check(const sluice_entry *entry, sluice_error *error)
{
    bool top = entry->type == SLUICE_ENTRY_DIRECTORY && strcmp(entry->name, ".") == 0;
    if (!top && !sluice_catalogue_name_valid(entry->name))
        return sluice_fail(error, SLUICE_EINVAL, "%.200s: not a name that can be sent (%zu bytes)", entry->name,
                           strlen(entry->name));
    if (entry->type == SLUICE_ENTRY_SYMLINK &&
        (!entry->target || !entry->target[0] || strlen(entry->target) > SLUICE_CATALOGUE_NAME_MAX))
        return sluice_fail(error, SLUICE_EINVAL, "%s: the link's target cannot be sent", entry->name);
    if (entry->attributes && !sluice_catalogue_attributes_valid(entry->attributes, entry->attribute_bytes))
        return sluice_fail(error, SLUICE_EINVAL, "%s: its extended attributes cannot be sent", entry->name);
    return SLUICE_OK;
}

static int entry_list(sluice_listing *listing, const sluice_entry *entry, int status, const sluice_error *error)
{
    sluice_listed *listed = listed_new(entry->name, entry->operand);
    if (!listed)
        return SLUICE_ENOMEM;
    TAILQ_INSERT_TAIL(&listing->entries, listed, link);
    listed->status = status;
    if (status) {
        listed->sentence = strdup(error->text);
        if (!listed->sentence)
            return SLUICE_ENOMEM;
        sluice_catalogue_put_fault(&listing->records, entry->name, status, error->text);
    } else {
        listed->type = entry->type;
        listed->size = entry->type == SLUICE_ENTRY_FILE ? entry->size : 0;
        sluice_catalogue_put_entry(&listing->records, entry);
    }
    return listing->records.failed ? SLUICE_ENOMEM : SLUICE_OK;
}

static bool is_dropped(const sluice_listing *listing, uint32_t operand)
{
    for (size_t i = 0; i < listing->dropped_count; i++)
        if (listing->dropped[i] == operand)
            return true;
    return false;
}

static int operands_add(sluice_mover *mover, sluice_listing *listing)
{
    int status = SLUICE_OK;
    for (size_t i = 0; i < listing->add_count && status == SLUICE_OK; i++)
        status = mover->store.source->add(mover->store.state, &listing->adds[i]);
    return status == SLUICE_OK ? SLUICE_OK : failed(mover, status, &listing->error);
}

void sluice_listing_run(sluice_work *work)
{
    sluice_listing *listing = (sluice_listing *)work;
    sluice_mover *mover = work->mover;
    listing->end = false;
    listing->status = operands_add(mover, listing);
    if (listing->status)
        return;
    for (size_t i = 0; i < listing->most && listing->records.size < READER_LISTING_BYTES; i++) {
        sluice_entry entry = {
            .mode = UINT32_MAX, .mtime_ns = INT64_MIN, .atime_ns = INT64_MIN, .uid = UINT32_MAX, .gid = UINT32_MAX};
        sluice_error error = {0};
        int status = mover->store.source->next(mover->store.state, &entry);
        if (status == SLUICE_EEND) {
            listing->end = true;
            return;
        }
        if (status)
            failed(mover, status, &error);
        if (status && !entry.name) {
            listing->status = status;
            listing->error = error;
            return;
        }
        if (!status && (is_dropped(listing, entry.operand) || sluice_filter_untimely(mover->request, &entry))) {
            entry_settle(mover, &entry);
            continue;
        }
        if (!status && (status = entry_check(&entry, &error)))
            entry_settle(mover, &entry);
        if (entry_list(listing, &entry, status, &error)) {
            listing->status = sluice_fail(&listing->error, SLUICE_ENOMEM, "out of memory for the list of files");
            return;
        }
    }
}
