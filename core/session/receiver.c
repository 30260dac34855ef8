/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receiver.c - the receiving side of a transfer: what is wanted, where blocks go, when a file is whole.
 *
 * An entry's way: listed -> prepared -> (compared) -> wanted -> all bytes there -> digests agree -> committed.  One
 * batch of operations at a time is with the pool (`busy`); what comes meanwhile queues up behind it, in order.
 */
#include "session/catalogue.h"
#include "session/writer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVER_TABLES_MOST (256u << 20)  /* bytes of all chunk tables: one file of 2.9 TiB, about */
#define RECEIVER_CRUMB_MOST (64u << 10)    /* neighbours are joined up to this when no chunk's buffer can be had */
#define RECEIVER_QUEUE_MOST 65536          /* operations that wait: tiny blocks must not multiply in memory */
#define RECEIVER_NAMES_MOST (16u << 20)    /* bytes of entries that have no result yet */
#define RECEIVER_BATCH 16                  /* operations handed to the pool at once */
#define RECEIVER_SAMPLE 16                 /* resume `sparse`: one chunk in so many */

enum {
    CHUNK_MINE = 1,      /* our digest is known */
    CHUNK_THEIRS = 2,    /* the sender's is */
    CHUNK_SPILLED = 4,   /* part of it left memory before it was whole: it is read back for its digest */
    CHUNK_HELD = 8,      /* our digest of what lay there before is known, and counts if the sender says HAVE */
    CHUNK_SETTLED = 16,  /* both digests were compared */
    CHUNK_DIFFERS = 32,
    CHUNK_COMPLETE = 64, /* all bytes are there, or on their way to the sink */
    CHUNK_EXPECTED = 128 /* it comes again */
};

typedef struct chunk_in {
    sluice_digest mine, theirs;
    uint32_t got, hole;
    unsigned flags;
    sluice_block *block; /* what has arrived and is in memory */
} chunk_in;

typedef enum incoming_state { IN_QUEUED, IN_PREPARING, IN_CHECKING, IN_COMPARED, IN_WANTED, IN_FAILED } incoming_state;

typedef struct incoming {
    sluice_roster_node node; /* first */
    TAILQ_ENTRY(incoming) link;
    incoming_state state;
    sluice_entry entry;
    char *memory;            /* holds the entry's strings */
    size_t memory_bytes;
    bool opened, busy, compared, answered_same, ended, carried;
    void *object;
    uint64_t have, size;
    unsigned attempt, stride;
    chunk_in *chunks;
    uint64_t chunk_count;
    uint64_t settled, differing, held_next, resumed_bytes;
    sluice_digest digest;
    struct sluice_operation_list operations;
    sluice_writing writing;
    sluice_checking *checking;
    int status;
    char *sentence;
} incoming;

struct sluice_receiver {
    sluice_mover *mover;
    sluice_roster roster;
    uint64_t next_index, outstanding, open_count, open_most;
    size_t names_bytes;
    bool totals_known, finish_asked;
    TAILQ_HEAD(, incoming) queue;        /* to be prepared */
    sluice_preparing preparing;
    bool preparing_busy;
    TAILQ_HEAD(, sluice_block) filling;  /* blocks of chunks that are not whole, oldest first */
    uint64_t filling_bytes, filling_credit;
    uint64_t block_bytes, table_bytes, queued; /* in memory; operations that wait or run */
    uint64_t credit_held;
    sluice_finishing finishing;
    bool ordered, readable;              /* what the sink can do */
    bool zero_known;
    sluice_digest zero;
};

static void entry_fail(sluice_receiver *receiver, incoming *entry, int status, const char *sentence);
static void writing_submit(sluice_receiver *receiver, incoming *entry);

static const sluice_transport_ops *carrier(const sluice_receiver *receiver)
{
    return receiver->mover->setup.carrier.ops;
}

static void *carrier_state(const sluice_receiver *receiver)
{
    return receiver->mover->setup.carrier.state;
}

static sluice_object_id object_id(const incoming *entry)
{
    return sluice_object_of_entry(entry->node.index, entry->attempt);
}

static void out_of_memory(sluice_receiver *receiver)
{
    sluice_mover_fail(receiver->mover, SLUICE_ENOMEM, "out of memory while receiving; try a smaller --memory");
}

static uint64_t chunks_of(uint64_t size)
{
    return size / SLUICE_CHUNK_BYTES + (size % SLUICE_CHUNK_BYTES != 0);
}

/* The credit of bytes that have left memory. */
static void credit_return(sluice_receiver *receiver, const incoming *entry, uint64_t bytes)
{
    receiver->credit_held -= bytes;
    if (bytes == 0 || !sluice_mover_running(receiver->mover)) /* the carrier may be gone by now */
        return;
    if (receiver->ordered && entry)
        carrier(receiver)->consumed_ordered(carrier_state(receiver), object_id(entry), bytes);
    else
        carrier(receiver)->consumed(carrier_state(receiver), bytes);
    receiver->mover->dirty = true;
}

/* ---- blocks ---- */

static void block_unlist(sluice_receiver *receiver, sluice_block *block)
{
    TAILQ_REMOVE(&receiver->filling, block, link);
    receiver->filling_bytes -= block->room;
    receiver->filling_credit -= block->credit;
}

static void block_drop(sluice_receiver *receiver, const incoming *entry, sluice_block *block)
{
    if (!block)
        return;
    receiver->block_bytes -= block->room;
    credit_return(receiver, entry, block->credit);
    sluice_block_free(block);
}

/* Room for count chunks in the entry's table: SLUICE_ELIMIT, SLUICE_ENOMEM. */
static int chunks_make(sluice_receiver *receiver, incoming *entry, uint64_t count)
{
    if (count <= entry->chunk_count)
        return SLUICE_OK;
    if (count > RECEIVER_TABLES_MOST / sizeof(chunk_in))
        return SLUICE_ELIMIT;
    uint64_t more = (count - entry->chunk_count) * sizeof(chunk_in);
    if (receiver->table_bytes + more > RECEIVER_TABLES_MOST)
        return SLUICE_ELIMIT;
    chunk_in *grown = entry->chunks ? reallocarray(entry->chunks, count, sizeof(chunk_in)) : calloc(count, sizeof(chunk_in));
    if (!grown)
        return SLUICE_ENOMEM;
    if (entry->chunks)
        memset(grown + entry->chunk_count, 0, more);
    entry->chunks = grown;
    entry->chunk_count = count;
    receiver->table_bytes += more;
    return SLUICE_OK;
}

/* ---- entries ---- */

static incoming *entry_find(const sluice_receiver *receiver, uint64_t index)
{
    return (incoming *)sluice_roster_find(&receiver->roster, index);
}

static incoming *entry_of_work(sluice_work *work)
{
    return (incoming *)((char *)work - offsetof(incoming, writing) - offsetof(sluice_writing, work));
}

static void operations_drop(sluice_receiver *receiver, incoming *entry, struct sluice_operation_list *list)
{
    sluice_operation *operation;
    while ((operation = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, operation, link);
        block_drop(receiver, entry, operation->block);
        receiver->queued--;
        free(operation);
    }
}

static void blocks_drop(sluice_receiver *receiver, incoming *entry)
{
    for (uint64_t i = 0; i < entry->chunk_count; i++) {
        sluice_block *block = entry->chunks[i].block;
        if (!block)
            continue;
        block_unlist(receiver, block);
        block_drop(receiver, entry, block);
        entry->chunks[i].block = NULL;
    }
    operations_drop(receiver, entry, &entry->operations);
}

static void entry_free(sluice_receiver *receiver, incoming *entry)
{
    blocks_drop(receiver, entry);
    sluice_roster_remove(&receiver->roster, &entry->node);
    receiver->table_bytes -= entry->chunk_count * sizeof(chunk_in);
    receiver->names_bytes -= entry->memory_bytes;
    free(entry->chunks);
    free(entry->memory);
    free(entry->sentence);
    free(entry->checking);
    free(entry);
}

/* The entry has its result. */
static void entry_retire(sluice_receiver *receiver, incoming *entry)
{
    if (entry->opened)
        receiver->open_count--;
    receiver->outstanding--;
    entry_free(receiver, entry);
}

static void file_told(sluice_receiver *receiver, const incoming *entry, const char *state, int status,
                      const char *sentence)
{
    char digest[SLUICE_DIGEST_TEXT] = "";
    if (strcmp(state, "done") == 0)
        sluice_digest_text(receiver->mover->request->checksum, &entry->digest, digest);
    uint64_t bytes = entry->ended ? entry->size : entry->entry.size;
    sluice_mover_file file = {.path = entry->entry.name,
                              .state = state,
                              .file_bytes = bytes != SLUICE_UNKNOWN ? bytes : 0,
                              .resumed_bytes = entry->resumed_bytes,
                              .digest = digest[0] ? digest : NULL,
                              .status = status,
                              .message = sentence};
    sluice_mover_file_told(receiver->mover, &file);
}

static void result_tell(sluice_receiver *receiver, incoming *entry, int status, const char *sentence)
{
    sluice_wire_writer *body = sluice_mover_message(receiver->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_message_put_status(body, status, sentence);
    sluice_mover_send(receiver->mover, SLUICE_MESSAGE_RESULT);
    file_told(receiver, entry, status ? "failed" : "done", status, sentence);
    entry_retire(receiver, entry);
}

static void abandoning_done(sluice_work *work)
{
    incoming *entry = entry_of_work(work);
    sluice_receiver *receiver = work->mover->receiver;
    entry->busy = false;
    entry->object = NULL;
    if (sluice_mover_running(work->mover))
        result_tell(receiver, entry, entry->status, entry->sentence ? entry->sentence : "");
}

static void abandon_submit(sluice_receiver *receiver, incoming *entry, bool keep, void (*done)(sluice_work *work))
{
    entry->busy = true;
    entry->writing.object = entry->object;
    entry->writing.abandon = true;
    entry->writing.keep = keep;
    TAILQ_INIT(&entry->writing.operations);
    sluice_mover_submit(receiver->mover, &entry->writing.work, sluice_writing_run, done);
}

/* A failed entry closes its object when nothing works on it any more; then the sender is told. */
static void failed_continue(sluice_receiver *receiver, incoming *entry)
{
    if (entry->busy)
        return;
    if (entry->object)
        abandon_submit(receiver, entry, receiver->mover->request->resume != SLUICE_RESUME_NONE, abandoning_done);
    else
        result_tell(receiver, entry, entry->status, entry->sentence ? entry->sentence : sluice_status_text(entry->status));
}

/* The entry fails: its bytes are not wanted any more.  The entry may be gone afterwards. */
static void entry_fail(sluice_receiver *receiver, incoming *entry, int status, const char *sentence)
{
    if (entry->state == IN_FAILED)
        return;
    if (entry->state == IN_QUEUED)
        TAILQ_REMOVE(&receiver->queue, entry, link);
    if (entry->carried)
        (void)carrier(receiver)->stop(carrier_state(receiver), object_id(entry), 0);
    entry->carried = false;
    entry->state = IN_FAILED;
    entry->status = status;
    entry->sentence = strdup(sentence);
    receiver->mover->dirty = true;
    blocks_drop(receiver, entry);
    failed_continue(receiver, entry);
}

static void entry_fail_named(sluice_receiver *receiver, incoming *entry, int status, const char *what)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX];
    snprintf(sentence, sizeof(sentence), "%.800s: %s", entry->entry.name, what);
    entry_fail(receiver, entry, status, sentence);
}

/* ---- when a file is whole ---- */

static void commit_done(sluice_work *work);

/* Which chunks are to come again: their state begins anew, as the next attempt. */
static void again_tell(sluice_receiver *receiver, incoming *entry)
{
    uint64_t total = chunks_of(entry->size), count = 0;
    sluice_wire_writer runs = {0};
    for (uint64_t i = 0; i < total && runs.size < SLUICE_MESSAGE_BODY_MAX / 2; i++) {
        uint64_t first = i;
        for (; i < total && entry->chunks[i].flags & CHUNK_DIFFERS; i++)
            entry->chunks[i] = (chunk_in){.flags = CHUNK_EXPECTED};
        if (i > first) {
            sluice_wire_put_number(&runs, first);
            sluice_wire_put_number(&runs, i - first);
            count++;
            entry->settled -= i - first;
            entry->differing -= i - first;
        }
    }
    entry->attempt = 1;
    entry->ended = entry->carried = false;
    sluice_wire_writer *body = sluice_mover_message(receiver->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_wire_put_number(body, count);
    sluice_wire_put_bytes(body, runs.bytes, runs.size);
    body->failed = body->failed || runs.failed;
    sluice_wire_writer_fini(&runs);
    sluice_mover_send(receiver->mover, SLUICE_MESSAGE_AGAIN);
}

/* The digest of the whole, made of the sender's chunk digests, must be what END said. */
static bool file_digest_agrees(sluice_receiver *receiver, const incoming *entry)
{
    sluice_digest digest;
    sluice_checksum algorithm = receiver->mover->request->checksum;
    int status = sluice_digest_file(algorithm, entry->size, entry->chunks ? &entry->chunks[0].theirs : NULL,
                                    chunks_of(entry->size), sizeof(chunk_in), &digest);
    return status == SLUICE_OK && sluice_digest_equal(&digest, &entry->digest);
}

/* Looks whether everything is there and compared; then the file is committed, asked for again, or failed. */
static void conclude(sluice_receiver *receiver, incoming *entry)
{
    if (entry->state != IN_WANTED || !entry->ended || entry->busy || !TAILQ_EMPTY(&entry->operations) ||
        entry->settled < chunks_of(entry->size))
        return;
    if (entry->differing && (entry->attempt || receiver->ordered)) {
        entry_fail_named(receiver, entry, SLUICE_ECHANGED,
                         "changed while read: its bytes differ from their digests a second time");
    } else if (entry->differing) {
        again_tell(receiver, entry);
    } else if (!file_digest_agrees(receiver, entry)) {
        entry_fail_named(receiver, entry, SLUICE_EDIGEST, "the digest of the whole file differs");
    } else {
        entry->busy = true;
        entry->writing.object = entry->object;
        entry->writing.name = entry->entry.name;
        entry->writing.commit = true;
        entry->writing.expecting = false;
        entry->writing.abandon = entry->writing.committed = false;
        entry->writing.size = entry->size;
        TAILQ_INIT(&entry->writing.operations);
        sluice_mover_submit(receiver->mover, &entry->writing.work, sluice_writing_run, commit_done);
    }
}

/* The outcome of a job that committed, or tried to. */
static void committed_take(sluice_receiver *receiver, incoming *entry)
{
    if (entry->writing.status)
        entry_fail(receiver, entry, entry->writing.status, entry->writing.error.text);
    else
        result_tell(receiver, entry, SLUICE_OK, "");
}

static void commit_done(sluice_work *work)
{
    incoming *entry = entry_of_work(work);
    sluice_receiver *receiver = work->mover->receiver;
    entry->busy = false;
    entry->object = NULL;
    if (entry->state == IN_FAILED)
        failed_continue(receiver, entry);
    else if (sluice_mover_running(work->mover))
        committed_take(receiver, entry);
}

static void settle(sluice_receiver *receiver, incoming *entry, chunk_in *chunk)
{
    bool none = receiver->mover->request->checksum == SLUICE_CHECKSUM_NONE;
    unsigned needed = none ? CHUNK_COMPLETE : CHUNK_COMPLETE | CHUNK_MINE | CHUNK_THEIRS;
    if (chunk->flags & CHUNK_SETTLED || (chunk->flags & needed) != needed)
        return;
    chunk->flags |= CHUNK_SETTLED;
    entry->settled++;
    if (!none && !sluice_digest_equal(&chunk->mine, &chunk->theirs)) {
        chunk->flags |= CHUNK_DIFFERS;
        entry->differing++;
    }
}

/* ---- operations ---- */

static sluice_operation *operation_add(sluice_receiver *receiver, incoming *entry, sluice_operation_type type,
                                       uint64_t chunk, uint64_t from, uint64_t to)
{
    if (receiver->queued >= RECEIVER_QUEUE_MOST) {
        sluice_mover_fail(receiver->mover, SLUICE_ELIMIT, "the sender's blocks are too small and too many");
        return NULL;
    }
    sluice_operation *operation = calloc(1, sizeof(*operation));
    if (!operation) {
        out_of_memory(receiver);
        return NULL;
    }
    operation->type = type;
    operation->chunk = chunk;
    operation->from = from;
    operation->to = to;
    receiver->queued++;
    TAILQ_INSERT_TAIL(&entry->operations, operation, link);
    return operation;
}

/* Asks for a block to be written; it leaves the chunk. */
static void block_write(sluice_receiver *receiver, incoming *entry, chunk_in *chunk, bool whole, uint64_t to)
{
    sluice_block *block = chunk->block;
    sluice_operation *operation = operation_add(receiver, entry, SLUICE_OPERATION_WRITE, block->chunk, block->from, to);
    if (!operation)
        return;
    block_unlist(receiver, block);
    chunk->block = NULL;
    operation->block = block;
    operation->whole = whole;
}

static int zero_digest(sluice_receiver *receiver, uint64_t length, sluice_digest *out)
{
    sluice_checksum algorithm = receiver->mover->request->checksum;
    if (length < SLUICE_CHUNK_BYTES)
        return sluice_digest_zeroes(algorithm, (size_t)length, out);
    int status = receiver->zero_known ? SLUICE_OK : sluice_digest_zeroes(algorithm, SLUICE_CHUNK_BYTES, &receiver->zero);
    receiver->zero_known = status == SLUICE_OK;
    *out = receiver->zero;
    return status;
}

/* All bytes of a chunk are there: what is in memory is written, and its digest made. */
static void chunk_complete(sluice_receiver *receiver, incoming *entry, uint64_t index, uint64_t length)
{
    chunk_in *chunk = &entry->chunks[index];
    uint64_t from = index * SLUICE_CHUNK_BYTES, to = from + length;
    bool none = receiver->mover->request->checksum == SLUICE_CHECKSUM_NONE;
    bool whole = chunk->block && !(chunk->flags & CHUNK_SPILLED) && !none;
    chunk->flags |= CHUNK_COMPLETE;
    if (chunk->hole == length) {
        if (zero_digest(receiver, length, &chunk->mine))
            out_of_memory(receiver);
        chunk->flags |= CHUNK_MINE;
    } else if (chunk->block) {
        block_write(receiver, entry, chunk, whole, to);
    }
    if (!whole && !none && !(chunk->flags & CHUNK_MINE))
        operation_add(receiver, entry, SLUICE_OPERATION_DIGEST, index, from, to);
    settle(receiver, entry, chunk);
}

/* EPROTOCOL: more bytes than the chunk has. */
static int chunk_check(sluice_receiver *receiver, incoming *entry, uint64_t index)
{
    chunk_in *chunk = &entry->chunks[index];
    uint64_t from = index * SLUICE_CHUNK_BYTES, length = SLUICE_CHUNK_BYTES;
    if (entry->ended && entry->size - from < length)
        length = entry->size - from;
    if (chunk->got > length)
        return SLUICE_EPROTOCOL;
    if (chunk->got == length && !(chunk->flags & CHUNK_COMPLETE))
        chunk_complete(receiver, entry, index, length);
    return SLUICE_OK;
}

/* The next chunks of a partial file whose digests the sender waits for. */
static void held_continue(sluice_receiver *receiver, incoming *entry)
{
    uint64_t count = chunks_of(entry->have);
    for (int i = 0; i < RECEIVER_BATCH && entry->held_next < count; i++) {
        uint64_t from = entry->held_next * SLUICE_CHUNK_BYTES, to = from + SLUICE_CHUNK_BYTES;
        if (!operation_add(receiver, entry, SLUICE_OPERATION_HELD, entry->held_next, from,
                           to < entry->have ? to : entry->have))
            return;
        uint64_t next = entry->held_next + entry->stride;
        entry->held_next = next < count || entry->held_next + 1 == count ? next : count - 1;
    }
    writing_submit(receiver, entry);
}

/* HELD for a row of chunks, `stride` apart. */
static void held_tell(sluice_receiver *receiver, const incoming *entry, uint64_t first, uint64_t count)
{
    size_t bytes = sluice_digest_seeded_bytes(receiver->mover->request->checksum);
    sluice_wire_writer *body = sluice_mover_message(receiver->mover);
    const sluice_operation *operation;
    sluice_wire_put_number(body, entry->node.index);
    sluice_wire_put_number(body, first);
    sluice_wire_put_number(body, count);
    TAILQ_FOREACH(operation, &entry->writing.operations, link)
        if (operation->type == SLUICE_OPERATION_HELD && operation->chunk >= first &&
            operation->chunk <= first + (count - 1) * entry->stride)
            sluice_wire_put_bytes(body, operation->seeded.bytes, bytes);
    sluice_mover_send(receiver->mover, SLUICE_MESSAGE_HELD);
}

static void held_take(sluice_receiver *receiver, incoming *entry)
{
    uint64_t first = 0, count = 0;
    const sluice_operation *operation;
    TAILQ_FOREACH(operation, &entry->writing.operations, link) {
        if (operation->type != SLUICE_OPERATION_HELD)
            continue;
        if (count && operation->chunk != first + count * entry->stride) {
            held_tell(receiver, entry, first, count);
            count = 0;
        }
        if (count++ == 0)
            first = operation->chunk;
    }
    if (count)
        held_tell(receiver, entry, first, count);
}

/* What a batch has found out. */
static void operations_take(sluice_receiver *receiver, incoming *entry)
{
    const sluice_operation *operation;
    TAILQ_FOREACH(operation, &entry->writing.operations, link) {
        chunk_in *chunk = &entry->chunks[operation->chunk];
        if (operation->type == SLUICE_OPERATION_HELD) {
            chunk->mine = operation->plain;
            chunk->flags |= CHUNK_HELD;
        } else if (operation->type == SLUICE_OPERATION_DIGEST || operation->whole) {
            chunk->mine = operation->plain;
            chunk->flags |= CHUNK_MINE;
            settle(receiver, entry, chunk);
        }
    }
    held_take(receiver, entry);
}

static void writing_done(sluice_work *work)
{
    incoming *entry = entry_of_work(work);
    sluice_receiver *receiver = work->mover->receiver;
    sluice_writing *writing = &entry->writing;
    bool running = sluice_mover_running(work->mover), alive = running && entry->state != IN_FAILED;
    entry->busy = false;
    entry->object = writing->object;
    if (alive && !writing->status)
        operations_take(receiver, entry);
    operations_drop(receiver, entry, &writing->operations);
    if (!running)
        return;
    if (!alive) {
        failed_continue(receiver, entry);
    } else if (writing->status) {
        entry_fail(receiver, entry, writing->status, writing->error.text);
    } else if (writing->committed) {
        result_tell(receiver, entry, SLUICE_OK, "");
    } else {
        if (entry->stride && TAILQ_EMPTY(&entry->operations) && entry->held_next < chunks_of(entry->have))
            held_continue(receiver, entry);
        writing_submit(receiver, entry);
        conclude(receiver, entry);
    }
}

/* A small file's last job can commit as well: one way to the pool less for each. */
static bool commit_along(sluice_receiver *receiver, const incoming *entry)
{
    return entry->ended && chunks_of(entry->size) == 1 && TAILQ_EMPTY(&entry->operations) && !entry->differing &&
           entry->chunks[0].flags & CHUNK_COMPLETE && entry->chunks[0].flags & CHUNK_THEIRS &&
           !(entry->chunks[0].flags & CHUNK_SETTLED) && file_digest_agrees(receiver, entry);
}

static void writing_submit(sluice_receiver *receiver, incoming *entry)
{
    sluice_writing *writing = &entry->writing;
    if (entry->busy || TAILQ_EMPTY(&entry->operations))
        return;
    TAILQ_INIT(&writing->operations);
    for (int i = 0; i < RECEIVER_BATCH && !TAILQ_EMPTY(&entry->operations); i++) {
        sluice_operation *operation = TAILQ_FIRST(&entry->operations);
        TAILQ_REMOVE(&entry->operations, operation, link);
        TAILQ_INSERT_TAIL(&writing->operations, operation, link);
    }
    writing->name = entry->entry.name;
    writing->object = entry->object;
    writing->abandon = writing->committed = false;
    writing->commit = commit_along(receiver, entry);
    writing->expecting = writing->commit;
    if (writing->commit)
        writing->expected = entry->chunks[0].theirs;
    writing->size = entry->size;
    entry->busy = true;
    sluice_mover_submit(receiver->mover, &writing->work, sluice_writing_run, writing_done);
}

/* ---- blocks that arrive ---- */

/* Bytes for which no chunk's buffer can be had are written by themselves, joined with their neighbour. */
static int crumb_put(sluice_receiver *receiver, incoming *entry, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sluice_operation *last = TAILQ_LAST(&entry->operations, sluice_operation_list);
    sluice_block *block = last && last->type == SLUICE_OPERATION_WRITE && !last->whole ? last->block : NULL;
    uint64_t index = offset / SLUICE_CHUNK_BYTES;
    entry->chunks[index].flags |= CHUNK_SPILLED;
    if (block && block->run_count == 1 && block->chunk == index && block->runs[0].from == 0 &&
        block->runs[0].to == block->room && block->from + block->room == offset &&
        block->room + bytes <= RECEIVER_CRUMB_MOST) {
        uint8_t *grown = realloc(block->bytes, block->room + bytes);
        if (!grown)
            return SLUICE_ENOMEM;
        block->bytes = grown;
    } else {
        block = sluice_block_new(index, offset, 0);
        sluice_operation *operation =
            block ? operation_add(receiver, entry, SLUICE_OPERATION_WRITE, index, offset, offset) : NULL;
        if (!operation) {
            sluice_block_free(block);
            return SLUICE_ENOMEM;
        }
        operation->block = block;
        uint8_t *grown = realloc(block->bytes, bytes);
        if (!grown)
            return SLUICE_ENOMEM;
        block->bytes = grown;
    }
    memcpy(block->bytes + block->room, data, bytes);
    int status = sluice_block_add(block, (uint32_t)block->room, (uint32_t)(block->room + bytes));
    block->room += bytes;
    block->credit += bytes;
    receiver->block_bytes += bytes;
    return status;
}

/* The chunk's buffer, made if the budget has room; NULL: there is none. */
static sluice_block *block_of(sluice_receiver *receiver, incoming *entry, uint64_t index, size_t need)
{
    chunk_in *chunk = &entry->chunks[index];
    uint64_t from = index * SLUICE_CHUNK_BYTES, size = entry->ended ? entry->size : entry->entry.size;
    if (chunk->block)
        return need <= chunk->block->room ? chunk->block : NULL;
    size_t room = size > from && size - from < SLUICE_CHUNK_BYTES ? (size_t)(size - from) : SLUICE_CHUNK_BYTES;
    if (room < need)
        room = SLUICE_CHUNK_BYTES;
    /* Gaps take room on top of what the credit lets in: half of the budget more. */
    if (receiver->readable && receiver->block_bytes + room > receiver->mover->setup.memory_bytes / 2 * 3)
        return NULL;
    sluice_block *block = sluice_block_new(index, from, room);
    if (!block)
        return NULL;
    block->entry = entry;
    chunk->block = block;
    receiver->block_bytes += room;
    receiver->filling_bytes += room;
    TAILQ_INSERT_TAIL(&receiver->filling, block, link);
    return block;
}

/* Blocks that wait for their gaps must not hold the whole memory or credit: the oldest are written as they are. */
static void spill(sluice_receiver *receiver)
{
    const sluice_mover_setup *setup = &receiver->mover->setup;
    while (receiver->readable && (receiver->filling_bytes > setup->memory_bytes / 4 * 3 ||
                                  receiver->filling_credit > setup->receive_bytes / 2)) {
        sluice_block *block = TAILQ_FIRST(&receiver->filling);
        incoming *entry = block->entry;
        chunk_in *chunk = &entry->chunks[block->chunk];
        chunk->flags |= CHUNK_SPILLED;
        block_write(receiver, entry, chunk, false, 0);
        if (chunk->block)
            return;
        writing_submit(receiver, entry);
    }
}

/* One chunk's part of a block. */
static int piece_put(sluice_receiver *receiver, incoming *entry, uint64_t offset, const uint8_t *data, size_t bytes)
{
    uint64_t index = offset / SLUICE_CHUNK_BYTES;
    uint32_t at = (uint32_t)(offset % SLUICE_CHUNK_BYTES);
    int status = chunks_make(receiver, entry, index + 1);
    if (status)
        return status;
    chunk_in *chunk = &entry->chunks[index];
    if (chunk->flags & CHUNK_COMPLETE || (entry->attempt && !(chunk->flags & CHUNK_EXPECTED)) ||
        (entry->ended && offset + bytes > entry->size))
        return SLUICE_EPROTOCOL;
    sluice_block *block = block_of(receiver, entry, index, at + bytes);
    if (block) {
        status = sluice_block_add(block, at, at + (uint32_t)bytes);
        if (status)
            return status;
        memcpy(block->bytes + at, data, bytes);
        block->credit += bytes;
        receiver->filling_credit += bytes;
    } else {
        status = crumb_put(receiver, entry, offset, data, bytes);
        if (status)
            return status;
    }
    chunk->got += (uint32_t)bytes;
    return chunk_check(receiver, entry, index);
}

static const char *put_problem(int status)
{
    return status == SLUICE_ELIMIT    ? "too large for this receiver's tables"
           : status == SLUICE_ENOMEM  ? "out of memory while it was received; try a smaller --memory"
                                      : "the sender sent bytes that were not asked for";
}

void sluice_receiver_deliver(sluice_receiver *receiver, sluice_object_id id, uint64_t offset, const uint8_t *data,
                             size_t bytes)
{
    incoming *entry = entry_find(receiver, sluice_entry_of_object(id));
    bool wanted = entry && entry->state == IN_WANTED && entry->attempt == sluice_attempt_of_object(id) &&
                  sluice_mover_running(receiver->mover);
    receiver->credit_held += bytes;
    if (!wanted || offset > SLUICE_WIRE_NUMBER_MAX) {
        credit_return(receiver, NULL, bytes);
        return;
    }
    while (bytes > 0) {
        size_t piece = SLUICE_CHUNK_BYTES - (size_t)(offset % SLUICE_CHUNK_BYTES);
        if (piece > bytes)
            piece = bytes;
        int status = piece_put(receiver, entry, offset, data, piece);
        if (!sluice_mover_running(receiver->mover))
            return;
        if (status) {
            credit_return(receiver, entry, bytes);
            entry_fail_named(receiver, entry, status, put_problem(status));
            return;
        }
        offset += piece;
        data += piece;
        bytes -= piece;
    }
    writing_submit(receiver, entry);
    conclude(receiver, entry);
    spill(receiver);
}

int sluice_receiver_opened(sluice_receiver *receiver, sluice_object_id id, unsigned flags)
{
    incoming *entry = entry_find(receiver, sluice_entry_of_object(id));
    if (!entry || entry->state != IN_WANTED || entry->attempt != sluice_attempt_of_object(id) ||
        !(flags & SLUICE_OBJECT_ORDERED) != !receiver->ordered)
        return SLUICE_ECANCELLED;
    if (entry->attempt == 0)
        file_told(receiver, entry, "start", SLUICE_OK, "");
    entry->carried = true;
    return SLUICE_OK;
}

/* ---- preparing ---- */

static void skip_tell(sluice_receiver *receiver, incoming *entry, bool skipped)
{
    sluice_wire_writer *body = sluice_mover_message(receiver->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_wire_put_number(body, skipped);
    sluice_mover_send(receiver->mover, SLUICE_MESSAGE_SKIP);
    if (entry->entry.type == SLUICE_ENTRY_FILE) {
        file_told(receiver, entry, skipped ? "skipped" : "done", SLUICE_OK, "");
        if (entry->entry.size != SLUICE_UNKNOWN)
            receiver->mover->statistics.moved_bytes += entry->entry.size;
    }
    entry_retire(receiver, entry);
}

/* How much of a partial file is worth looking at: whole chunks, or all of the file. */
static uint64_t have_of(const sluice_receiver *receiver, const incoming *entry, uint64_t have)
{
    if (receiver->mover->request->resume == SLUICE_RESUME_NONE || !receiver->readable || receiver->ordered ||
        entry->entry.size == SLUICE_UNKNOWN)
        return 0;
    return have >= entry->entry.size ? entry->entry.size : have - have % SLUICE_CHUNK_BYTES;
}

static void want_tell(sluice_receiver *receiver, incoming *entry, uint64_t have)
{
    sluice_resume resume = receiver->mover->request->resume;
    entry->state = IN_WANTED;
    entry->have = have_of(receiver, entry, have);
    entry->stride = resume == SLUICE_RESUME_FULL ? 1 : resume == SLUICE_RESUME_SPARSE ? RECEIVER_SAMPLE : 0;
    if (entry->have == 0)
        entry->stride = 0;
    int status = chunks_make(receiver, entry, chunks_of(entry->have));
    if (status) {
        entry_fail_named(receiver, entry, status, put_problem(status));
        return;
    }
    sluice_wire_writer *body = sluice_mover_message(receiver->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_wire_put_number(body, receiver->ordered);
    sluice_wire_put_number(body, entry->have);
    sluice_wire_put_number(body, entry->stride);
    sluice_mover_send(receiver->mover, SLUICE_MESSAGE_WANT);
    if (entry->stride)
        held_continue(receiver, entry);
}

/* COMPARE when the digest of what lies there is known. */
static void checking_done(sluice_work *work)
{
    sluice_receiver *receiver = work->mover->receiver;
    sluice_checking *checking = (sluice_checking *)work;
    incoming *entry = checking->entry;
    entry->busy = false;
    entry->checking = NULL;
    if (entry->state == IN_FAILED && sluice_mover_running(work->mover)) {
        failed_continue(receiver, entry);
    } else if (sluice_mover_running(work->mover) && checking->status) {
        entry_fail(receiver, entry, checking->status, checking->error.text);
    } else if (sluice_mover_running(work->mover)) {
        entry->state = IN_COMPARED;
        sluice_wire_writer *body = sluice_mover_message(receiver->mover);
        sluice_wire_put_number(body, entry->node.index);
        sluice_wire_put_number(body, checking->size);
        sluice_wire_put_bytes(body, checking->digest.bytes,
                              sluice_digest_seeded_bytes(receiver->mover->request->checksum));
        sluice_mover_send(receiver->mover, SLUICE_MESSAGE_COMPARE);
    }
    free(checking);
}

static void check_submit(sluice_receiver *receiver, incoming *entry)
{
    entry->checking = calloc(1, sizeof(*entry->checking));
    if (!entry->checking) {
        out_of_memory(receiver);
        return;
    }
    entry->state = IN_CHECKING;
    entry->busy = true;
    entry->checking->entry = entry;
    entry->checking->name = entry->entry.name;
    entry->checking->object = entry->object;
    entry->checking->size = entry->entry.size;
    sluice_mover_submit(receiver->mover, &entry->checking->work, sluice_checking_run, checking_done);
}

static void prepared_take(sluice_receiver *receiver, const sluice_prepared *prepared)
{
    incoming *entry = prepared->user;
    entry->busy = false;
    if (!prepared->status && (prepared->verdict == SLUICE_SINK_WRITE || prepared->verdict == SLUICE_SINK_COMPARE))
        entry->object = prepared->object;
    if (!sluice_mover_running(receiver->mover))
        return;
    bool file = entry->entry.type == SLUICE_ENTRY_FILE;
    if (entry->state == IN_FAILED)
        failed_continue(receiver, entry);
    else if (prepared->status)
        entry_fail(receiver, entry, prepared->status, prepared->error.text);
    else if (prepared->verdict == SLUICE_SINK_DONE || prepared->verdict == SLUICE_SINK_SKIP)
        skip_tell(receiver, entry, prepared->verdict == SLUICE_SINK_SKIP);
    else if (!file || (prepared->verdict == SLUICE_SINK_COMPARE &&
                       (entry->compared || !receiver->readable || entry->entry.size == SLUICE_UNKNOWN)))
        entry_fail_named(receiver, entry, SLUICE_EPLUGIN, "the sink answered what cannot be done");
    else if (prepared->verdict == SLUICE_SINK_COMPARE)
        check_submit(receiver, entry);
    else
        want_tell(receiver, entry, prepared->have);
}

static void preparing_done(sluice_work *work)
{
    sluice_receiver *receiver = work->mover->receiver;
    receiver->preparing_busy = false;
    for (size_t i = 0; i < receiver->preparing.count; i++)
        prepared_take(receiver, &receiver->preparing.entries[i]);
}

static void prepare_more(sluice_receiver *receiver)
{
    sluice_preparing *preparing = &receiver->preparing;
    if (receiver->preparing_busy)
        return;
    preparing->count = 0;
    incoming *entry;
    while (preparing->count < SLUICE_PREPARING_MOST && (entry = TAILQ_FIRST(&receiver->queue)) &&
           (entry->opened || receiver->open_count < receiver->open_most)) {
        TAILQ_REMOVE(&receiver->queue, entry, link);
        receiver->open_count += !entry->opened;
        entry->opened = entry->busy = true;
        entry->state = IN_PREPARING;
        preparing->entries[preparing->count++] =
            (sluice_prepared){.entry = &entry->entry, .user = entry, .compared = entry->compared};
    }
    if (preparing->count == 0)
        return;
    receiver->preparing_busy = true;
    sluice_mover_submit(receiver->mover, &preparing->work, sluice_preparing_run, preparing_done);
}

/* ---- catalogue ---- */

static int entry_take(sluice_receiver *receiver, sluice_wire_reader *body, sluice_error *error)
{
    sluice_mover *mover = receiver->mover;
    incoming *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the list of files");
    entry->memory_bytes = sizeof(*entry) + sluice_wire_left(body);
    int status = sluice_catalogue_get_entry(body, &entry->entry, &entry->memory);
    if (status) {
        free(entry);
        return sluice_fail(error, status, "the sender's list of files has an entry that is not valid (%s)",
                           sluice_status_text(status));
    }
    if (mover->setup.client && !sluice_catalogue_name_asked(mover->request, &entry->entry)) {
        status = sluice_fail(error, SLUICE_EOUTSIDE, "%.800s: the server sent a name that was not asked for",
                             entry->entry.name);
        free(entry->memory);
        free(entry);
        return status;
    }
    entry->size = SLUICE_UNKNOWN;
    entry->node.index = receiver->next_index++;
    TAILQ_INIT(&entry->operations);
    sluice_roster_add(&receiver->roster, &entry->node);
    receiver->outstanding++;
    receiver->names_bytes += entry->memory_bytes;
    TAILQ_INSERT_TAIL(&receiver->queue, entry, link);
    if (entry->entry.type == SLUICE_ENTRY_FILE) {
        mover->statistics.total_files++;
        if (entry->entry.size != SLUICE_UNKNOWN)
            mover->statistics.total_bytes += entry->entry.size;
    }
    return SLUICE_OK;
}

/* Something that the sender could not list. */
static int listing_fault_take(sluice_receiver *receiver, sluice_wire_reader *body, sluice_error *error)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    size_t length;
    int text_status = SLUICE_OK;
    const uint8_t *name = sluice_wire_get_string(body, &length);
    int status = sluice_message_get_status(body, sentence, sizeof(sentence));
    char *path = body->bad ? NULL : sluice_wire_text(name, length, &text_status);
    if (!path)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the sender's list of files has a malformed fault");
    sluice_mover_file file = {.path = path, .state = "failed", .status = status, .message = sentence};
    sluice_mover_file_told(receiver->mover, &file);
    free(path);
    return SLUICE_OK;
}

static int record_take(sluice_receiver *receiver, uint64_t type, sluice_wire_reader *body, sluice_error *error)
{
    switch (type) {
    case SLUICE_CATALOGUE_ENTRY:
        return entry_take(receiver, body, error);
    case SLUICE_CATALOGUE_FAULT:
        return listing_fault_take(receiver, body, error);
    case SLUICE_CATALOGUE_TOTALS:
        receiver->totals_known = true;
        receiver->mover->statistics.scan_complete = true;
        receiver->mover->setup.calls->scanned(receiver->mover->setup.user);
        return SLUICE_OK;
    default:
        return type & 1 ? sluice_fail(error, SLUICE_EUNSUPPORTED, "the list of files has records of type %llu, which "
                                                                  "are not known here",
                                      (unsigned long long)type)
                        : SLUICE_OK;
    }
}

/* Takes records as long as there is room for entries; what stays behind holds the sender up. */
static void catalogue_take(sluice_receiver *receiver)
{
    sluice_wire_writer *bytes = &receiver->mover->catalogue;
    size_t at = 0, used;
    sluice_error error = {0};
    int status = bytes->failed ? sluice_fail(&error, SLUICE_ENOMEM, "out of memory for the list of files") : SLUICE_OK;
    while (!status && at < bytes->size && receiver->outstanding < SLUICE_MOVER_WINDOW &&
           receiver->names_bytes < RECEIVER_NAMES_MOST) {
        uint64_t type;
        sluice_wire_reader body;
        status = sluice_wire_split(bytes->bytes + at, bytes->size - at, SLUICE_CATALOGUE_RECORD_MAX, &type, &body, &used);
        if (status == SLUICE_EAGAIN)
            break;
        if (status || receiver->totals_known) {
            status = sluice_fail(&error, SLUICE_EPROTOCOL, "the sender's list of files is malformed");
            break;
        }
        at += used;
        status = record_take(receiver, type, &body, &error);
    }
    if (at) {
        memmove(bytes->bytes, bytes->bytes + at, bytes->size - at);
        bytes->size -= at;
        carrier(receiver)->consumed_ordered(carrier_state(receiver), SLUICE_OBJECT_CATALOGUE, at);
        receiver->mover->dirty = true;
    }
    if (status && status != SLUICE_EAGAIN)
        sluice_mover_fail(receiver->mover, status, "%s", error.text);
}

/* ---- the end ---- */

static void finishing_done(sluice_work *work)
{
    sluice_receiver *receiver = work->mover->receiver;
    sluice_mover *mover = work->mover;
    sluice_fault *fault;
    bool told = false;
    while ((fault = TAILQ_FIRST(&receiver->finishing.faults))) {
        TAILQ_REMOVE(&receiver->finishing.faults, fault, link);
        if (sluice_mover_running(mover)) {
            size_t length = strlen(fault->name);
            sluice_wire_writer *body = sluice_mover_message(mover);
            sluice_wire_put_string(body, fault->name, length < 4096 ? length : 4096);
            sluice_message_put_status(body, fault->status, fault->sentence);
            sluice_mover_send(mover, SLUICE_MESSAGE_FAULT);
            sluice_mover_file file = {.path = fault->name, .state = "failed", .status = fault->status,
                                      .message = fault->sentence};
            sluice_mover_file_told(mover, &file);
            told = true;
        }
        sluice_fault_free(fault);
    }
    if (!sluice_mover_running(mover))
        return;
    if (receiver->finishing.status && !told) {
        sluice_mover_fail(mover, receiver->finishing.status, "%s", receiver->finishing.error.text);
        return;
    }
    sluice_mover_progress(mover);
    sluice_wire_writer *body = sluice_mover_message(mover);
    sluice_wire_put_number(body, mover->statistics.files);
    sluice_wire_put_number(body, mover->statistics.failed);
    sluice_wire_put_number(body, mover->statistics.skipped);
    sluice_wire_put_number(body, mover->statistics.bytes);
    sluice_mover_send(mover, SLUICE_MESSAGE_FINISHED);
    sluice_mover_end(mover, SLUICE_OK, "");
}

void sluice_receiver_pump(sluice_receiver *receiver)
{
    if (receiver->mover->catalogue.size || receiver->mover->catalogue.failed)
        catalogue_take(receiver);
    if (!sluice_mover_running(receiver->mover))
        return;
    prepare_more(receiver);
    if (receiver->finish_asked && receiver->totals_known && receiver->outstanding == 0) {
        receiver->finish_asked = false;
        sluice_mover_submit(receiver->mover, &receiver->finishing.work, sluice_finishing_run, finishing_done);
    }
}

/* ---- messages ---- */

static int malformed(sluice_error *error, const char *what)
{
    return sluice_fail(error, SLUICE_EPROTOCOL, "the sender sent a malformed %s", what);
}

/* HOLE and HAVE: bytes of a range are there without being sent. */
static int range_take(sluice_receiver *receiver, incoming *entry, bool hole, sluice_wire_reader *body,
                      sluice_error *error)
{
    uint64_t from = sluice_wire_get_number(body), to = sluice_wire_get_number(body);
    if (body->bad || from >= to || entry->attempt || entry->ended || receiver->ordered ||
        (!hole && to > entry->have))
        return malformed(error, hole ? "HOLE" : "HAVE");
    int status = chunks_make(receiver, entry, chunks_of(to));
    if (!status && hole && !operation_add(receiver, entry, SLUICE_OPERATION_HOLE, 0, from, to))
        return SLUICE_OK;
    for (uint64_t at = from; at < to && !status;) {
        uint64_t index = at / SLUICE_CHUNK_BYTES, end = (index + 1) * SLUICE_CHUNK_BYTES;
        uint64_t bytes = (to < end ? to : end) - at;
        chunk_in *chunk = &entry->chunks[index];
        if (chunk->flags & CHUNK_COMPLETE || chunk->got + bytes > SLUICE_CHUNK_BYTES)
            return malformed(error, hole ? "HOLE" : "HAVE");
        chunk->got += (uint32_t)bytes;
        if (hole)
            chunk->hole += (uint32_t)bytes;
        else if (chunk->flags & CHUNK_HELD)
            chunk->flags |= CHUNK_MINE;
        status = chunk_check(receiver, entry, index);
        at += bytes;
    }
    if (status) {
        entry_fail_named(receiver, entry, status, put_problem(status));
        return SLUICE_OK;
    }
    if (!hole) {
        entry->resumed_bytes += to - from;
        receiver->mover->statistics.moved_bytes += to - from;
    }
    writing_submit(receiver, entry);
    conclude(receiver, entry);
    return SLUICE_OK;
}

static int digests_take(sluice_receiver *receiver, incoming *entry, sluice_wire_reader *body, sluice_error *error)
{
    size_t bytes = sluice_digest_bytes(receiver->mover->request->checksum);
    uint64_t attempt = sluice_wire_get_number(body), first = sluice_wire_get_number(body),
             count = sluice_wire_get_number(body);
    if (body->bad || bytes == 0 || attempt != entry->attempt || entry->ended || count == 0 ||
        count > SLUICE_MESSAGE_BODY_MAX || sluice_wire_left(body) / bytes < count)
        return malformed(error, "DIGESTS");
    int status = chunks_make(receiver, entry, first + count);
    if (status) {
        entry_fail_named(receiver, entry, status, put_problem(status));
        return SLUICE_OK;
    }
    for (uint64_t i = first; i < first + count; i++) {
        chunk_in *chunk = &entry->chunks[i];
        if (chunk->flags & CHUNK_THEIRS || (entry->attempt && !(chunk->flags & CHUNK_EXPECTED)))
            return malformed(error, "DIGESTS");
        memcpy(chunk->theirs.bytes, sluice_wire_get_bytes(body, bytes), bytes);
        chunk->flags |= CHUNK_THEIRS;
        settle(receiver, entry, chunk);
    }
    conclude(receiver, entry);
    return SLUICE_OK;
}

static int end_take(sluice_receiver *receiver, incoming *entry, sluice_wire_reader *body, sluice_error *error)
{
    size_t bytes = sluice_digest_bytes(receiver->mover->request->checksum);
    uint64_t attempt = sluice_wire_get_number(body), size = sluice_wire_get_number(body);
    const uint8_t *digest = sluice_wire_get_bytes(body, bytes);
    if (!digest || attempt != entry->attempt || entry->ended || (attempt && size != entry->size))
        return malformed(error, "END");
    int status = chunks_make(receiver, entry, chunks_of(size));
    for (uint64_t i = chunks_of(size); i < entry->chunk_count && !status; i++)
        if (entry->chunks[i].got || entry->chunks[i].flags & CHUNK_THEIRS)
            return malformed(error, "END");
    entry->ended = true;
    entry->size = size;
    memcpy(entry->digest.bytes, digest, bytes);
    if (!status && size)
        status = chunk_check(receiver, entry, chunks_of(size) - 1);
    if (status) {
        entry_fail_named(receiver, entry, status, put_problem(status));
        return SLUICE_OK;
    }
    writing_submit(receiver, entry);
    conclude(receiver, entry);
    return SLUICE_OK;
}

static void same_done(sluice_work *work)
{
    incoming *entry = entry_of_work(work);
    sluice_receiver *receiver = work->mover->receiver;
    entry->busy = false;
    entry->object = NULL;
    if (!sluice_mover_running(work->mover))
        return;
    if (entry->state == IN_FAILED) {
        failed_continue(receiver, entry);
    } else if (entry->answered_same) {
        skip_tell(receiver, entry, true);
    } else {
        entry->compared = true;
        entry->state = IN_QUEUED;
        TAILQ_INSERT_HEAD(&receiver->queue, entry, link);
    }
}

/* Same: the file stays.  Different: it is prepared again, to be written. */
static int answer_take(sluice_receiver *receiver, incoming *entry, sluice_wire_reader *body, sluice_error *error)
{
    entry->answered_same = sluice_wire_get_number(body) != 0;
    if (body->bad || entry->state != IN_COMPARED || entry->busy)
        return malformed(error, "ANSWER");
    abandon_submit(receiver, entry, true, same_done);
    return SLUICE_OK;
}

static int failed_take(sluice_receiver *receiver, incoming *entry, sluice_wire_reader *body, sluice_error *error)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    int status = sluice_message_get_status(body, sentence, sizeof(sentence));
    if (body->bad)
        return malformed(error, "FAILED");
    entry_fail(receiver, entry, status ? status : SLUICE_EFAILED, sentence);
    return SLUICE_OK;
}

int sluice_receiver_message(sluice_receiver *receiver, uint64_t type, sluice_wire_reader *body, sluice_error *error)
{
    if (type == SLUICE_MESSAGE_FINISH) {
        receiver->finish_asked = true;
        return SLUICE_OK;
    }
    uint64_t index = sluice_wire_get_number(body);
    if (body->bad || index >= receiver->next_index)
        return malformed(error, "index");
    incoming *entry = entry_find(receiver, index);
    if (!entry || entry->state == IN_FAILED)
        return SLUICE_OK;
    if (type == SLUICE_MESSAGE_FAILED)
        return failed_take(receiver, entry, body, error);
    if (type == SLUICE_MESSAGE_ANSWER)
        return answer_take(receiver, entry, body, error);
    if (entry->state != IN_WANTED)
        return malformed(error, "message for an entry that was not asked for");
    switch (type) {
    case SLUICE_MESSAGE_HOLE:
    case SLUICE_MESSAGE_HAVE:
        return range_take(receiver, entry, type == SLUICE_MESSAGE_HOLE, body, error);
    case SLUICE_MESSAGE_DIGESTS:
        return digests_take(receiver, entry, body, error);
    case SLUICE_MESSAGE_END:
        return end_take(receiver, entry, body, error);
    default:
        return sluice_fail(error, SLUICE_EPROTOCOL, "message %llu is not one that a sender sends",
                           (unsigned long long)type);
    }
}

/* ---- life ---- */

int sluice_receiver_new(sluice_mover *mover, sluice_receiver **out)
{
    sluice_receiver *receiver = calloc(1, sizeof(*receiver));
    if (!receiver)
        return SLUICE_ENOMEM;
    unsigned capabilities = mover->store.sink->capabilities;
    receiver->mover = mover;
    receiver->ordered = !(capabilities & SLUICE_SINK_SEEKABLE);
    receiver->readable = capabilities & SLUICE_SINK_READABLE && mover->store.sink->read;
    receiver->open_most = capabilities & SLUICE_SINK_PARALLEL ? mover->setup.open_most : 1;
    TAILQ_INIT(&receiver->queue);
    TAILQ_INIT(&receiver->filling);
    TAILQ_INIT(&receiver->finishing.faults);
    *out = receiver;
    return SLUICE_OK;
}

void sluice_receiver_free(sluice_receiver *receiver)
{
    if (!receiver)
        return;
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        while (receiver->roster.buckets[i])
            entry_free(receiver, (incoming *)receiver->roster.buckets[i]);
    free(receiver);
}

static void sweeping_done(sluice_work *work)
{
    incoming *entry = entry_of_work(work);
    entry->busy = false;
    entry->object = NULL;
}

bool sluice_receiver_swept(sluice_receiver *receiver)
{
    bool clean = true;
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        for (sluice_roster_node *node = receiver->roster.buckets[i]; node; node = node->next) {
            incoming *entry = (incoming *)node;
            clean = clean && !entry->object && !entry->busy;
            if (!entry->busy && entry->object)
                abandon_submit(receiver, entry, receiver->mover->request->resume != SLUICE_RESUME_NONE, sweeping_done);
        }
    return clean;
}

bool sluice_receiver_busy(const sluice_receiver *receiver)
{
    return receiver->credit_held > receiver->mover->setup.receive_bytes / 2 && receiver->queued > 0;
}
