/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/transfer_fixture.h"

#include <CUnit/CUnit.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_next(fixture *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

uint8_t *fixture_bytes(uint64_t seed, uint64_t size)
{
    uint8_t *bytes = malloc(size ? size : 1);
    uint64_t x = seed * 2654435761u + 1;
    for (uint64_t i = 0; i < size; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(x >> 56);
    }
    return bytes;
}

/* ---- source ---- */

static int source_next(void *state, sluice_entry *out)
{
    fixture *f = state;
    if (f->item_next == f->item_known)
        return SLUICE_EEND;
    out->operand = f->open ? (uint32_t)f->item_next : 0;
    const item *at = &f->items[f->item_next++];
    out->type = at->type;
    out->name = at->name;
    out->target = at->target;
    out->size = at->stream ? SLUICE_UNKNOWN : at->type == SLUICE_ENTRY_FILE ? at->size : 0;
    out->mode = 0644;
    out->mtime_ns = at->mtime_ns;
    if (at->unlistable) {
        f->text = "gone: cannot be listed";
        return SLUICE_EACCESS;
    }
    return SLUICE_OK;
}

static int source_add(void *state, const sluice_operand *operand)
{
    fixture *f = state;
    assert(f->item_known < f->item_count && strcmp(operand->path, f->items[f->item_known].name) == 0);
    f->item_known++;
    return SLUICE_OK;
}

static int source_open(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    fixture *f = state;
    (void)operand;
    for (size_t i = 0; i < f->item_count; i++)
        if (strcmp(f->items[i].name, name) == 0) {
            if (f->items[i].unopenable) {
                f->text = "vanished: no such file";
                return SLUICE_ENOENT;
            }
            *object = &f->items[i];
            *size = f->items[i].stream ? SLUICE_UNKNOWN : f->items[i].size_now ? f->items[i].size_now : f->items[i].size;
            return SLUICE_OK;
        }
    return SLUICE_ENOENT;
}

static int64_t source_read(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    fixture *f = state;
    const item *at = object;
    uint64_t size = at->shrunk_to ? at->shrunk_to : at->size;
    (void)completion;
    assert(count == 1);
    f->source_reads++;
    if (offset >= size)
        return 0;
    size_t bytes = buffers[0].iov_len < size - offset ? buffers[0].iov_len : (size_t)(size - offset);
    if (at->trickle && bytes > at->trickle)
        bytes = at->trickle;
    memcpy(buffers[0].iov_base, at->data + offset, bytes);
    f->task_bytes += bytes;
    return (int64_t)bytes;
}

static int source_extent(void *state, void *object, uint64_t offset, uint64_t *from, uint64_t *to)
{
    const item *at = object;
    (void)state;
    bool hole = offset >= at->hole_from && offset < at->hole_to;
    *from = hole ? at->hole_to : offset;
    *to = *from < at->hole_from && at->hole_to > at->hole_from ? at->hole_from : at->size;
    return SLUICE_OK;
}

static int source_unchanged(void *state, void *object)
{
    fixture *f = state;
    const item *at = object;
    f->text = "written to: changed while it was read";
    return at->changed ? SLUICE_ECHANGED : SLUICE_OK;
}

static void source_close(void *state, void *object)
{
    (void)state;
    (void)object;
}

/* ---- sink ---- */

stored *fixture_stored(fixture *f, const char *name)
{
    for (size_t i = 0; i < f->store_count; i++)
        if (strcmp(f->store[i].name, name) == 0)
            return &f->store[i];
    return NULL;
}

static int sink_prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict,
                        void **object, uint64_t *have)
{
    fixture *f = state;
    stored *at = fixture_stored(f, entry->name);
    if (f->now < f->busy_until) {
        f->text = "t: another transfer is writing it";
        return SLUICE_EBUSY;
    }
    if (!at) {
        at = &f->store[f->store_count++];
        memset(at, 0, sizeof(*at));
        snprintf(at->name, sizeof(at->name), "%s", entry->name);
    }
    at->type = entry->type;
    *have = 0;
    if (entry->type != SLUICE_ENTRY_FILE) {
        at->committed = true;
        *verdict = SLUICE_SINK_DONE;
        return SLUICE_OK;
    }
    if (at->committed && at->size == entry->size && at->mtime_ns == entry->mtime_ns && !compared) {
        *verdict = f->compare ? SLUICE_SINK_COMPARE : SLUICE_SINK_SKIP;
        *object = at;
        return SLUICE_OK;
    }
    *verdict = SLUICE_SINK_WRITE;
    f->opens++;
    *have = at->committed ? 0 : at->size;
    at->committed = false;
    at->open = true;
    at->mtime_ns = entry->mtime_ns;
    *object = at;
    return SLUICE_OK;
}

static void stored_grow(stored *at, uint64_t size)
{
    if (size > at->capacity) {
        at->data = realloc(at->data, size);
        memset(at->data + at->capacity, 0xee, size - at->capacity);
        at->capacity = size;
    }
    if (size > at->size)
        at->size = size;
}

static int64_t sink_write(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                          sluice_completion *completion)
{
    fixture *f = state;
    stored *at = object;
    (void)completion;
    assert(count == 1 && at->open);
    f->sink_writes++;
    if (!(f->sink_capabilities & SLUICE_SINK_SEEKABLE))
        CU_ASSERT_EQUAL(offset, at->size);
    if (f->writes_until_full == 0) {
        f->text = "store: no space left";
        return SLUICE_ENOSPACE;
    }
    if (f->writes_until_full > 0)
        f->writes_until_full--;
    stored_grow(at, offset + buffers[0].iov_len);
    memcpy(at->data + offset, buffers[0].iov_base, buffers[0].iov_len);
    return (int64_t)buffers[0].iov_len;
}

static int sink_hole(void *state, void *object, uint64_t from, uint64_t to)
{
    (void)state;
    stored_grow(object, to);
    memset(((stored *)object)->data + from, 0, to - from);
    return SLUICE_OK;
}

static int64_t sink_read(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count)
{
    fixture *f = state;
    const stored *at = object;
    assert(count == 1);
    if (offset >= at->size)
        return 0;
    size_t bytes = buffers[0].iov_len < at->size - offset ? buffers[0].iov_len : (size_t)(at->size - offset);
    memcpy(buffers[0].iov_base, at->data + offset, bytes);
    f->task_bytes += bytes;
    return (int64_t)bytes;
}

static int sink_commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    stored *at = object;
    (void)state;
    (void)completion;
    CU_ASSERT(at->size >= size);
    at->size = size;
    at->committed = true;
    at->open = false;
    return SLUICE_OK;
}

static void sink_abandon(void *state, void *object, bool keep)
{
    (void)state;
    ((stored *)object)->open = false;
    ((stored *)object)->kept = keep;
}

static int sink_look(void *state, const sluice_entry *entry, sluice_sink_verdict *verdict)
{
    fixture *f = state;
    const stored *at = fixture_stored(f, entry->name);
    bool same = at && at->committed && at->size == entry->size && at->mtime_ns == entry->mtime_ns;
    CU_ASSERT_EQUAL(entry->type, SLUICE_ENTRY_FILE);
    *verdict = same && !f->compare                    ? SLUICE_SINK_SKIP
               : same || (at && !at->committed)       ? SLUICE_SINK_COMPARE
                                                      : SLUICE_SINK_WRITE;
    return SLUICE_OK;
}

static int sink_put(void *state, const sluice_entry *entry, const void *bytes, uint64_t size, sluice_completion *completion)
{
    fixture *f = state;
    sluice_sink_verdict verdict;
    void *object = NULL;
    uint64_t have;
    int status = sink_prepare(state, entry, true, &verdict, &object, &have);
    if (status)
        return status;
    stored *at = object;
    f->opens--;
    f->puts++;
    at->size = 0;
    struct iovec buffer = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = (size_t)size};
    int64_t written = size ? sink_write(state, object, 0, &buffer, 1, completion) : 0;
    if (written >= 0)
        return sink_commit(state, object, size, completion);
    sink_abandon(state, object, false);
    return (int)written;
}

static int sink_finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                       void *user)
{
    (void)state;
    (void)failed;
    (void)user;
    return SLUICE_OK;
}

static void source_interrupt(void *state)
{
    ((fixture *)state)->source_interrupts++;
}

static void sink_interrupt(void *state)
{
    ((fixture *)state)->sink_interrupts++;
}

static sluice_source_ops source_ops = {.next = source_next, .open = source_open, .read = source_read,
                                       .extent = source_extent, .unchanged = source_unchanged, .close = source_close,
                                       .interrupt = source_interrupt, .add = source_add};
static sluice_sink_ops sink_ops = {.prepare = sink_prepare, .write = sink_write, .hole = sink_hole,
                                   .read = sink_read, .commit = sink_commit, .abandon = sink_abandon,
                                   .finish = sink_finish, .interrupt = sink_interrupt};

static void store_sentence(void *user, int status, sluice_error *out)
{
    fixture *f = user;
    sluice_fail(out, status, "%s", f->text ? f->text : "?");
}

/* ---- carrier ---- */

static way_object *object_find(side *s, sluice_object_id id)
{
    for (size_t i = s->object_count; i-- > 0;)
        if (s->objects[i].id == id)
            return &s->objects[i];
    return NULL;
}

static int carrier_open(void *state, sluice_object_id id, unsigned flags, unsigned priority)
{
    side *s = state;
    (void)priority;
    assert(!object_find(s, id) && s->object_count < SLUICE_COUNT(s->objects));
    s->objects[s->object_count++] = (way_object){.id = id, .flags = flags};
    return SLUICE_OK;
}

static void range_push(block_range **list, size_t *count, size_t *capacity, block_range range)
{
    if (*count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 64;
        *list = realloc(*list, *capacity * sizeof(**list));
    }
    (*list)[(*count)++] = range;
}

static int carrier_offer(void *state, sluice_object_id id, uint64_t from, uint64_t to)
{
    side *s = state;
    way_object *object = object_find(s, id);
    assert(object && !object->dead && from < to);
    if (object->flags & SLUICE_OBJECT_ORDERED)
        CU_ASSERT_EQUAL(from, object->offered ? object->size : 0);
    object->size = object->finished ? object->size : to;
    object->offered += to - from;
    range_push(&s->pending, &s->pending_count, &s->pending_capacity, (block_range){id, from, to});
    return SLUICE_OK;
}

static void completed_maybe(side *s, way_object *object)
{
    if (object->finished && !object->dead && object->acked == object->offered) {
        object->dead = true;
        sluice_mover_completed(s->mover, object->id);
    }
}

static int carrier_finish(void *state, sluice_object_id id, uint64_t size)
{
    way_object *object = object_find(state, id);
    object->finished = true;
    object->size = size;
    return SLUICE_OK;
}

static void carrier_ready(void *state, sluice_object_id id)
{
    object_find(state, id)->parked = false;
}

static int carrier_abort(void *state, sluice_object_id id, uint64_t code)
{
    side *s = state;
    way_object *object = object_find(s, id);
    (void)code;
    object->dead = true;
    return SLUICE_OK;
}

static void carrier_consumed(void *state, uint64_t bytes)
{
    side *s = state;
    assert(bytes <= s->unconsumed);
    s->unconsumed -= bytes;
}

static void carrier_widen(void *state, sluice_object_id id, uint64_t bytes)
{
    side *s = state;
    CU_ASSERT(object_find(s->peer, id) && object_find(s->peer, id)->flags & SLUICE_OBJECT_ORDERED);
    s->widened += bytes;
}

static void carrier_consumed_ordered(void *state, sluice_object_id id, uint64_t bytes)
{
    (void)state;
    (void)id;
    (void)bytes;
}

static int carrier_stop(void *state, sluice_object_id id, uint64_t code)
{
    side *s = state;
    way_object *object = object_find(s->peer, id);
    (void)code;
    if (object && !object->dead) {
        object->dead = true;
        sluice_mover_stopped(s->peer->mover, id, 0);
    }
    return SLUICE_OK;
}

static const sluice_transport_ops carrier_ops = {
    .open = carrier_open, .offer = carrier_offer, .finish = carrier_finish, .ready = carrier_ready,
    .abort = carrier_abort, .consumed = carrier_consumed, .consumed_ordered = carrier_consumed_ordered,
    .widen = carrier_widen, .stop = carrier_stop};

static void range_remove(block_range *list, size_t *count, size_t at)
{
    memmove(list + at, list + at + 1, (--*count - at) * sizeof(*list));
}

static void forge(uint8_t *block, size_t bytes)
{
    for (size_t i = 0; i + 1 < bytes; i++) {
        if (memcmp(block + i, "@@", 2) == 0)
            memcpy(block + i, "..", 2);
        if (memcmp(block + i, "%%", 2) == 0)
            memcpy(block + i, "/x", 2);
    }
}

/* Delivers one block of a side's pending ranges; false: none could move. */
static bool deliver_one(side *s)
{
    fixture *f = s->fixture;
    size_t start = s->pending_count ? random_next(f) % s->pending_count : 0;
    for (size_t n = 0; n < s->pending_count; n++) {
        size_t at = (start + n) % s->pending_count;
        block_range range = s->pending[at];
        way_object *object = object_find(s, range.id);
        bool ordered = object->flags & SLUICE_OBJECT_ORDERED;
        if (object->dead) {
            range_remove(s->pending, &s->pending_count, at);
            return true;
        }
        for (size_t i = 0; ordered && i < at; i++)
            if (s->pending[i].id == range.id) {
                at = i;
                range = s->pending[i];
                break;
            }
        size_t bytes = 1 + random_next(f) % f->piece_most;
        if (bytes > range.to - range.from)
            bytes = (size_t)(range.to - range.from);
        if (f->forged && range.id == 1)
            bytes = (size_t)(range.to - range.from);
        if (object->parked || (!ordered && s->peer->unconsumed + bytes > f->receive_bytes))
            continue;
        uint8_t *block = malloc(bytes);
        struct iovec buffer = {.iov_base = block, .iov_len = bytes};
        bytes = sluice_mover_fetch(s->mover, range.id, range.from, &buffer, 1);
        object = object_find(s, range.id);
        if (bytes == 0) {
            object->parked = !object->dead;
            free(block);
            return true;
        }
        if (f->forged && range.id == 1)
            forge(block, bytes);
        if (range.id > 1)
            s->fetched_bytes += bytes;
        if (random_next(f) % 100 < f->loss_percent) { /* lost: it is fetched again later */
            free(block);
            return true;
        }
        if (range.id > 1 && (f->corruptions < 0 || (f->corruptions > 0 && !sluice_attempt_of_object(range.id)))) {
            block[random_next(f) % bytes] ^= 0x40;
            f->corruptions -= f->corruptions > 0;
        }
        s->pending[at].from += bytes;
        if (s->pending[at].from == s->pending[at].to)
            range_remove(s->pending, &s->pending_count, at);
        range_push(&s->delivered, &s->delivered_count, &s->delivered_capacity,
                   (block_range){range.id, range.from, range.from + bytes});
        if (!object->opened_there && range.id) {
            object->opened_there = true;
            if (sluice_mover_opened(s->peer->mover, range.id, object->flags)) {
                object->dead = true;
                sluice_mover_stopped(s->mover, range.id, 0);
            }
        }
        if (!object->dead) {
            if (!ordered)
                s->peer->unconsumed += bytes;
            sluice_mover_deliver(s->peer->mover, range.id, range.from, block, bytes);
        }
        free(block);
        return true;
    }
    return false;
}

static bool ack_one(side *s)
{
    if (s->delivered_count == 0)
        return false;
    size_t at = random_next(s->fixture) % s->delivered_count;
    block_range range = s->delivered[at];
    s->delivered[at] = s->delivered[--s->delivered_count];
    way_object *object = object_find(s, range.id);
    object->acked += range.to - range.from;
    if (object->dead)
        return true;
    sluice_mover_acked(s->mover, range.id, range.from, range.to);
    completed_maybe(s, object);
    return true;
}

static bool finish_some(side *s)
{
    for (size_t i = 0; i < s->object_count; i++)
        if (s->objects[i].finished && !s->objects[i].dead && s->objects[i].acked == s->objects[i].offered) {
            completed_maybe(s, &s->objects[i]);
            return true;
        }
    return false;
}

/* ---- crew ---- */

static void crew_submit(void *user, sluice_task *task)
{
    side *s = user;
    assert(s->task_count < SLUICE_COUNT(s->tasks));
    s->tasks[s->task_count++] = task;
}

static bool task_one(side *s)
{
    if (s->task_count == 0 || s->stalled)
        return false;
    size_t at = random_next(s->fixture) % s->task_count;
    sluice_task *task = s->tasks[at];
    s->tasks[at] = s->tasks[--s->task_count];
    s->fixture->task_bytes = 0;
    task->run(task);
    if (s->fixture->task_bytes > s->fixture->task_bytes_most)
        s->fixture->task_bytes_most = s->fixture->task_bytes;
    task->done(task);
    return true;
}

/* ---- calls ---- */

static void attach(side *s)
{
    fixture *f = s->fixture;
    bool sends = s == (f->push ? &f->client : &f->server);
    sluice_mover_store store = {.source = sends ? &source_ops : NULL, .sink = sends ? NULL : &sink_ops, .state = f,
                                .sentence = store_sentence, .user = f};
    if (!sends && f->sink)
        store = *f->sink;
    CU_ASSERT_EQUAL(sluice_mover_attach(s->mover, &store, f->now), SLUICE_OK);
}

static void on_requested(void *user, const sluice_request *request)
{
    side *s = user;
    CU_ASSERT_EQUAL(request->push, s->fixture->push);
    if (s->fixture->refuse)
        sluice_mover_refuse(s->mover, SLUICE_EACCESS, "/root/x: this server is read-only", s->fixture->now);
    else
        attach(s);
    if (request->probe)
        sluice_mover_facts(s->mover, &(sluice_facts){.cores = 7, .datagrams = 3});
}

static void on_facts(void *user, const sluice_facts *facts)
{
    side *s = user;
    s->facts = *facts;
    s->facts_came++;
}

static void on_file(void *user, const sluice_cargo_item *file)
{
    side *s = user;
    s->done += strcmp(file->state, "done") == 0;
    s->skipped += strcmp(file->state, "skipped") == 0;
    if (strcmp(file->state, "failed") == 0) {
        s->failed++;
        snprintf(s->last_failure, sizeof(s->last_failure), "%s", file->message);
    }
    if (file->digest)
        snprintf(s->last_digest, sizeof(s->last_digest), "%s", file->digest);
}

static void on_warning(void *user, const char *sentence)
{
    (void)user;
    (void)sentence;
}

static void on_nothing(void *user)
{
    (void)user;
}

static void on_measure(void *user, sluice_progress *out)
{
    (void)user;
    out->wire_bytes = 12345;
}

static void on_progressed(void *user, const sluice_progress *peer)
{
    (void)user;
    CU_ASSERT_EQUAL(peer->wire_bytes, 12345);
}

static void on_rate(void *user, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy)
{
    (void)user;
    (void)target_bps;
    (void)minimum_bps;
    (void)policy;
}

static void on_paused(void *user, bool paused)
{
    (void)user;
    (void)paused;
}

static void on_finished(void *user, int status, const char *sentence)
{
    side *s = user;
    CU_ASSERT_FALSE(s->finished);
    s->finished = true;
    s->status = status;
    snprintf(s->sentence, sizeof(s->sentence), "%s", sentence);
}

static const sluice_cargo_calls calls = {.requested = on_requested, .item = on_file, .warning = on_warning,
                                         .scanned = on_nothing, .measure = on_measure, .progressed = on_progressed,
                                         .rate = on_rate, .paused = on_paused, .facts = on_facts, .wake = on_nothing,
                                         .finished = on_finished};

/* ---- the whole ---- */

static void side_init(fixture *f, side *s, side *peer)
{
    s->fixture = f;
    s->peer = peer;
    s->objects[s->object_count++] = (way_object){.id = 0, .flags = SLUICE_OBJECT_ORDERED, .opened_there = true};
}

void fixture_init(fixture *f, bool push, uint64_t seed, item *items, size_t count)
{
    memset(f, 0, sizeof(*f));
    side_init(f, &f->client, &f->server);
    side_init(f, &f->server, &f->client);
    f->random = seed * 7919 + 1;
    f->push = push;
    f->parcels = seed % 3 != 0;
    f->piece_most = 65536;
    f->items = items;
    f->item_count = f->item_known = count;
    f->writes_until_full = -1;
    f->memory_bytes = 64u << 20;
    f->receive_bytes = 8u << 20;
    f->source_capabilities = SLUICE_SOURCE_SIZE_KNOWN | SLUICE_SOURCE_SEEKABLE | SLUICE_SOURCE_PARALLEL |
                             SLUICE_SOURCE_SPARSE;
    f->sink_capabilities = SLUICE_SINK_SEEKABLE | SLUICE_SINK_PARALLEL | SLUICE_SINK_READABLE | SLUICE_SINK_ATOMIC;
    sluice_request_init(&f->request);
    f->request.push = push;
    f->request.seed = 0x123456789abcdef0u;
    int status = push ? sluice_request_destination_set(&f->request, "there/")
                      : sluice_request_operand_add(&f->request, &(sluice_operand){.path = "dir/t"});
    CU_ASSERT_EQUAL(status, SLUICE_OK);
}

static void mover_make(side *s, bool client)
{
    fixture *f = s->fixture;
    sluice_mover_setup setup = {.client = client,
                                .request = client ? &f->request : NULL,
                                .carrier = {.ops = &carrier_ops, .state = s},
                                .crew = {.submit = crew_submit, .user = s, .threads = 2},
                                .memory_bytes = f->memory_bytes,
                                .receive_bytes = f->receive_bytes,
                                .calls = &calls,
                                .user = s};
    CU_ASSERT_EQUAL(sluice_mover_new(&setup, &s->mover), SLUICE_OK);
}

void fixture_start(fixture *f)
{
    source_ops.capabilities = f->source_capabilities;
    sink_ops.capabilities = f->sink_capabilities;
    sink_ops.look = f->parcels ? sink_look : NULL;
    sink_ops.put = f->parcels ? sink_put : NULL;
    f->item_next = 0;
    mover_make(&f->client, true);
    mover_make(&f->server, false);
    CU_ASSERT_EQUAL(sluice_mover_start(f->client.mover, 0), SLUICE_OK);
    attach(&f->client);
}

bool fixture_step(fixture *f)
{
    bool (*const actions[])(side *) = {deliver_one, ack_one, task_one, finish_some};
    size_t start = random_next(f) % 8;
    for (size_t n = 0; n < 8; n++) {
        size_t which = (start + n) % 8;
        if (actions[which % 4](which < 4 ? &f->client : &f->server))
            return true;
    }
    return false;
}

void fixture_run(fixture *f)
{
    fixture_start(f);
    for (uint64_t steps = 0; steps < 10000000; steps++) {
        if (steps % 512 == 0) {
            f->now += 300 * SLUICE_MS;
            sluice_mover_tick(f->client.mover, f->now);
            sluice_mover_tick(f->server.mover, f->now);
        }
        if (f->client.finished && !f->server.finished && f->client.status == SLUICE_OK && f->server.task_count == 0 &&
            sluice_mover_heard(f->client.mover))
            sluice_mover_closed(f->server.mover, SLUICE_OK, "", f->now);
        if (!fixture_step(f) && (f->now > f->busy_until + 20 * SLUICE_SECOND || !f->busy_until || f->client.finished))
            break;
    }
    if (!f->server.finished)
        sluice_mover_closed(f->server.mover, SLUICE_OK, "", f->now);
    if (!f->client.finished)
        sluice_mover_closed(f->client.mover, SLUICE_OK, "", f->now);
    while (task_one(&f->client) || task_one(&f->server))
        continue;
    CU_ASSERT(f->client.finished && f->server.finished);
    CU_ASSERT(sluice_mover_idle(f->client.mover) && sluice_mover_idle(f->server.mover));
    for (size_t i = 0; i < f->store_count; i++)
        CU_ASSERT_FALSE(f->store[i].open);
}

void fixture_fini(fixture *f)
{
    sluice_mover_free(f->client.mover);
    sluice_mover_free(f->server.mover);
    CU_ASSERT_EQUAL(f->client.unconsumed, 0);
    CU_ASSERT_EQUAL(f->server.unconsumed, 0);
    free(f->client.pending);
    free(f->client.delivered);
    free(f->server.pending);
    free(f->server.delivered);
    for (size_t i = 0; i < f->store_count; i++)
        free(f->store[i].data);
    sluice_request_fini(&f->request);
}

bool fixture_identical(fixture *f)
{
    for (size_t i = 0; i < f->item_count; i++) {
        const stored *at = fixture_stored(f, f->items[i].name);
        if (!at || !at->committed)
            return false;
        if (f->items[i].type == SLUICE_ENTRY_FILE &&
            (at->size != f->items[i].size || (at->size && memcmp(at->data, f->items[i].data, at->size) != 0)))
            return false;
    }
    return true;
}

void fixture_control(side *from, const void *bytes, size_t count)
{
    sluice_mover_deliver(from->peer->mover, SLUICE_OBJECT_CONTROL, 0, bytes, count);
}
