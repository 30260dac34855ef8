/* SPDX-License-Identifier: Apache-2.0 */
/* assembly.c - how blocks become chunks, chunks a file, and when that file is whole. */
#include "session/incoming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void commit_done(sluice_work *work);

/* ---- when a file is whole ---- */

/* Which chunks are to come again: their state begins anew, as the next attempt. */
static void again_tell(sluice_receiver *receiver, sluice_incoming *entry)
{
    uint64_t total = sluice_incoming_chunks_of(entry->size), count = 0;
    sluice_wire_writer runs = {0};
    for (uint64_t i = 0; i < total && runs.size < SLUICE_MESSAGE_BODY_MAX / 2; i++) {
        uint64_t first = i;
        for (; i < total && entry->chunks[i].flags & CHUNK_DIFFERS; i++)
            entry->chunks[i] = (sluice_incoming_chunk){.flags = CHUNK_EXPECTED};
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

bool sluice_assembly_file_digest_agrees(const sluice_receiver *receiver, const sluice_incoming *entry)
{
    sluice_digest digest;
    sluice_checksum algorithm = receiver->mover->request->checksum;
    int status = sluice_digest_file(algorithm, entry->size, entry->chunks ? &entry->chunks[0].theirs : NULL,
                                    sluice_incoming_chunks_of(entry->size), sizeof(sluice_incoming_chunk), &digest);
    return status == SLUICE_OK && sluice_digest_equal(&digest, &entry->digest);
}

void sluice_assembly_differs(sluice_receiver *receiver, sluice_incoming *entry)
{
    if (entry->attempt || receiver->ordered)
        sluice_incoming_fail_named(receiver, entry, SLUICE_ECHANGED,
                                   "changed while read: its bytes differ from their digests a second time");
    else
        again_tell(receiver, entry);
}

/* Looks whether everything is there and compared; then the file is committed, asked for again, or failed. */
void sluice_assembly_conclude(sluice_receiver *receiver, sluice_incoming *entry)
{
    if (entry->parcel) {
        sluice_parcels_conclude(receiver, entry);
        return;
    }
    if (entry->state != IN_WANTED || !entry->ended || entry->busy || !TAILQ_EMPTY(&entry->operations) ||
        entry->settled < sluice_incoming_chunks_of(entry->size))
        return;
    if (entry->differing) {
        sluice_assembly_differs(receiver, entry);
    } else if (!sluice_assembly_file_digest_agrees(receiver, entry)) {
        sluice_incoming_fail_named(receiver, entry, SLUICE_EDIGEST, "the digest of the whole file differs");
    } else {
        entry->busy = true;
        entry->writing.object = entry->object;
        entry->writing.open = entry->object ? NULL : &entry->entry;
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
static void committed_take(sluice_receiver *receiver, sluice_incoming *entry)
{
    if (entry->writing.status)
        sluice_incoming_fail(receiver, entry, entry->writing.status, entry->writing.error.text);
    else
        sluice_incoming_result_tell(receiver, entry, SLUICE_OK, "");
}

static void commit_done(sluice_work *work)
{
    sluice_incoming *entry = sluice_incoming_of_work(work);
    sluice_receiver *receiver = work->mover->receiver;
    entry->busy = false;
    entry->object = NULL;
    if (entry->state == IN_FAILED)
        sluice_incoming_failed_continue(receiver, entry);
    else if (sluice_mover_running(work->mover))
        committed_take(receiver, entry);
}

void sluice_assembly_settle(sluice_receiver *receiver, sluice_incoming *entry, sluice_incoming_chunk *chunk)
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

sluice_operation *sluice_assembly_operation_add(sluice_receiver *receiver, sluice_incoming *entry,
                                                sluice_operation_type type, uint64_t chunk, uint64_t from, uint64_t to)
{
    if (receiver->queued >= RECEIVER_QUEUE_MOST) {
        sluice_mover_fail(receiver->mover, SLUICE_ELIMIT, "the sender's blocks are too small and too many");
        return NULL;
    }
    sluice_operation *operation = calloc(1, sizeof(*operation));
    if (!operation) {
        sluice_incoming_out_of_memory(receiver);
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
static void block_write(sluice_receiver *receiver, sluice_incoming *entry, sluice_incoming_chunk *chunk, bool whole,
                        uint64_t to)
{
    sluice_block *block = chunk->block;
    sluice_operation *operation =
        sluice_assembly_operation_add(receiver, entry, SLUICE_OPERATION_WRITE, block->chunk, block->from, to);
    if (!operation)
        return;
    sluice_incoming_block_unlist(receiver, block);
    chunk->block = NULL;
    operation->block = block;
    operation->whole = whole;
}

static int zero_digest(sluice_receiver *receiver, uint64_t length, sluice_digest *out)
{
    sluice_checksum algorithm = receiver->mover->request->checksum;
    if (length < SLUICE_CHUNK_BYTES)
        return sluice_digest_zeroes(algorithm, (size_t)length, out);
    int status =
        receiver->zero_known ? SLUICE_OK : sluice_digest_zeroes(algorithm, SLUICE_CHUNK_BYTES, &receiver->zero);
    receiver->zero_known = status == SLUICE_OK;
    *out = receiver->zero;
    return status;
}

/* All bytes of a chunk are there: what is in memory is written, and its digest made. */
static void chunk_complete(sluice_receiver *receiver, sluice_incoming *entry, uint64_t index, uint64_t length)
{
    sluice_incoming_chunk *chunk = &entry->chunks[index];
    uint64_t from = index * SLUICE_CHUNK_BYTES, to = from + length;
    bool none = receiver->mover->request->checksum == SLUICE_CHECKSUM_NONE;
    bool whole = chunk->block && !(chunk->flags & CHUNK_SPILLED) && !none;
    chunk->flags |= CHUNK_COMPLETE;
    if (entry->parcel)
        return;
    if (chunk->hole == length) {
        if (zero_digest(receiver, length, &chunk->mine))
            sluice_incoming_out_of_memory(receiver);
        chunk->flags |= CHUNK_MINE;
    } else if (chunk->block) {
        block_write(receiver, entry, chunk, whole, to);
    }
    if (!whole && !none && !(chunk->flags & CHUNK_MINE))
        sluice_assembly_operation_add(receiver, entry, SLUICE_OPERATION_DIGEST, index, from, to);
    sluice_assembly_settle(receiver, entry, chunk);
}

/* EPROTOCOL: more bytes than the chunk has. */
int sluice_assembly_chunk_check(sluice_receiver *receiver, sluice_incoming *entry, uint64_t index)
{
    sluice_incoming_chunk *chunk = &entry->chunks[index];
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
void sluice_assembly_held_continue(sluice_receiver *receiver, sluice_incoming *entry)
{
    uint64_t count = sluice_incoming_chunks_of(entry->have);
    for (int i = 0; i < RECEIVER_BATCH && entry->held_next < count; i++) {
        uint64_t from = entry->held_next * SLUICE_CHUNK_BYTES, to = from + SLUICE_CHUNK_BYTES;
        if (!sluice_assembly_operation_add(receiver, entry, SLUICE_OPERATION_HELD, entry->held_next, from,
                                           to < entry->have ? to : entry->have))
            return;
        uint64_t next = entry->held_next + entry->stride;
        entry->held_next = next < count || entry->held_next + 1 == count ? next : count - 1;
    }
    sluice_assembly_writing_submit(receiver, entry);
}

/* HELD for a row of chunks, `stride` apart. */
static void held_tell(sluice_receiver *receiver, const sluice_incoming *entry, uint64_t first, uint64_t count)
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

static void held_take(sluice_receiver *receiver, sluice_incoming *entry)
{
    uint64_t first = 0, count = 0;
    const sluice_operation *operation;
    TAILQ_FOREACH(operation, &entry->writing.operations, link)
    {
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
static void operations_take(sluice_receiver *receiver, sluice_incoming *entry)
{
    const sluice_operation *operation;
    TAILQ_FOREACH(operation, &entry->writing.operations, link)
    {
        sluice_incoming_chunk *chunk = &entry->chunks[operation->chunk];
        if (operation->type == SLUICE_OPERATION_HELD) {
            chunk->mine = operation->plain;
            chunk->flags |= CHUNK_HELD;
        } else if (operation->type == SLUICE_OPERATION_DIGEST || operation->whole) {
            chunk->mine = operation->plain;
            chunk->flags |= CHUNK_MINE;
            sluice_assembly_settle(receiver, entry, chunk);
        }
    }
    held_take(receiver, entry);
}

/* ---- sinks that take bytes in order ---- */

/* Hands what has come of a chunk to the sink.  Their credit goes back when they are written: the window of an ordered
 * object may be no larger than a chunk. */
static void part_put(sluice_receiver *receiver, sluice_incoming *entry, sluice_block *block)
{
    uint32_t to = block->runs[0].to;
    sluice_operation *operation = sluice_assembly_operation_add(
        receiver, entry, SLUICE_OPERATION_PART, block->chunk, block->from + block->handed, block->from + to);
    if (!operation)
        return;
    operation->block = block;
    operation->credit = block->credit;
    receiver->filling_credit -= block->credit;
    block->credit = 0;
    block->handed = to;
    block->holds++;
}

/* So many bytes of a block can be handed on. */
static uint32_t part_bytes(const sluice_block *block)
{
    return block->run_count && block->runs[0].from <= block->handed && block->runs[0].to > block->handed
               ? block->runs[0].to - block->handed
               : 0;
}

/* While the sink is busy more comes together, so a fast stream is written in large pieces. */
static void part_maybe(sluice_receiver *receiver, sluice_incoming *entry, sluice_block *block)
{
    if (!block || entry->busy || !TAILQ_EMPTY(&entry->operations) || part_bytes(block) == 0)
        return;
    if (part_bytes(block) >= RECEIVER_PART_LEAST)
        part_put(receiver, entry, block);
    else
        receiver->parts_wait = true;
}

/* The sink has taken what it was busy with. */
static void parts_continue(sluice_receiver *receiver, sluice_incoming *entry)
{
    sluice_block *block;
    TAILQ_FOREACH(block, &receiver->filling, link)
    if (block->entry == entry)
        part_maybe(receiver, entry, block);
}

void sluice_assembly_parts_write(sluice_receiver *receiver)
{
    sluice_block *block;
    receiver->parts_wait = false;
    receiver->parts_due = 0;
    TAILQ_FOREACH(block, &receiver->filling, link)
    {
        sluice_incoming *entry = block->entry;
        if (entry->busy || part_bytes(block) == 0)
            continue;
        part_put(receiver, entry, block);
        sluice_assembly_writing_submit(receiver, entry);
        if (!sluice_mover_running(receiver->mover))
            return;
    }
}

/* ---- jobs ---- */

static void writing_done(sluice_work *work)
{
    sluice_incoming *entry = sluice_incoming_of_work(work);
    sluice_receiver *receiver = work->mover->receiver;
    sluice_writing *writing = &entry->writing;
    bool running = sluice_mover_running(work->mover), alive = running && entry->state != IN_FAILED;
    entry->busy = false;
    entry->object = writing->object;
    work->mover->statistics.sink_ns += writing->sink_ns;
    if (alive && !writing->status)
        operations_take(receiver, entry);
    sluice_incoming_operations_drop(receiver, entry, &writing->operations);
    if (!running)
        return;
    if (!alive) {
        sluice_incoming_failed_continue(receiver, entry);
    } else if (writing->status) {
        sluice_incoming_fail(receiver, entry, writing->status, writing->error.text);
    } else if (writing->committed) {
        sluice_incoming_result_tell(receiver, entry, SLUICE_OK, "");
    } else {
        if (entry->stride && TAILQ_EMPTY(&entry->operations) &&
            entry->held_next < sluice_incoming_chunks_of(entry->have))
            sluice_assembly_held_continue(receiver, entry);
        if (receiver->ordered)
            parts_continue(receiver, entry);
        sluice_assembly_writing_submit(receiver, entry);
        sluice_assembly_conclude(receiver, entry);
    }
}

/* A small file's last job can commit as well: one way to the pool less for each. */
static bool commit_along(sluice_receiver *receiver, const sluice_incoming *entry)
{
    return entry->ended && sluice_incoming_chunks_of(entry->size) == 1 && TAILQ_EMPTY(&entry->operations) &&
           !entry->differing && entry->chunks[0].flags & CHUNK_COMPLETE && entry->chunks[0].flags & CHUNK_THEIRS &&
           !(entry->chunks[0].flags & CHUNK_SETTLED) && sluice_assembly_file_digest_agrees(receiver, entry);
}

void sluice_assembly_writing_submit(sluice_receiver *receiver, sluice_incoming *entry)
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
    writing->open = entry->object ? NULL : &entry->entry;
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
static int crumb_put(sluice_receiver *receiver, sluice_incoming *entry, uint64_t offset, const uint8_t *data,
                     size_t bytes)
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
            block ? sluice_assembly_operation_add(receiver, entry, SLUICE_OPERATION_WRITE, index, offset, offset)
                  : NULL;
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

/* A chunk that turns out longer than its entry said, for a sink that gives nothing back: another buffer takes the place
 * of its own, which a part may be on its way from. */
static sluice_block *block_grow(sluice_receiver *receiver, sluice_incoming_chunk *chunk)
{
    sluice_block *old = chunk->block, *grown = sluice_block_new(old->chunk, old->from, SLUICE_CHUNK_BYTES);
    if (!grown)
        return NULL;
    memcpy(grown->bytes, old->bytes, old->room);
    grown->entry = old->entry;
    grown->credit = old->credit;
    grown->handed = old->handed;
    grown->runs = old->runs;
    grown->run_count = old->run_count;
    grown->run_capacity = old->run_capacity;
    old->runs = NULL;
    receiver->block_bytes += grown->room - old->room;
    receiver->filling_bytes += grown->room - old->room;
    grown->listed = true;
    TAILQ_INSERT_AFTER(&receiver->filling, old, grown, link);
    TAILQ_REMOVE(&receiver->filling, old, link);
    sluice_block_free(old);
    return chunk->block = grown;
}

/* The chunk's buffer, made if the budget has room; NULL: there is none. */
static sluice_block *block_of(sluice_receiver *receiver, sluice_incoming *entry, uint64_t index, size_t need)
{
    sluice_incoming_chunk *chunk = &entry->chunks[index];
    uint64_t from = index * SLUICE_CHUNK_BYTES, size = entry->ended ? entry->size : entry->entry.size;
    if (chunk->block && need > chunk->block->room && !receiver->readable)
        return block_grow(receiver, chunk);
    if (chunk->block)
        return need <= chunk->block->room ? chunk->block : NULL;
    size_t room = size > from && size - from < SLUICE_CHUNK_BYTES ? (size_t)(size - from) : SLUICE_CHUNK_BYTES;
    if (room < need)
        room = SLUICE_CHUNK_BYTES;
    /* Gaps take room on top of what the credit lets in: half of the budget more.  Parcels have theirs. */
    if (receiver->readable && !entry->parcel && receiver->block_bytes + room > receiver->mover->setup.memory_bytes / 2 * 3)
        return NULL;
    sluice_block *block = sluice_block_new(index, from, room);
    if (!block)
        return NULL;
    block->entry = entry;
    chunk->block = block;
    receiver->block_bytes += room;
    if (!entry->parcel)
        sluice_incoming_block_list(receiver, block);
    return block;
}

/* Blocks that wait for their gaps must not hold the whole memory or credit: the oldest are written as they are. */
static void spill(sluice_receiver *receiver)
{
    const sluice_mover_setup *setup = &receiver->mover->setup;
    while (receiver->readable && (receiver->filling_bytes > setup->memory_bytes / 4 * 3 ||
                                  receiver->filling_credit > setup->receive_bytes / 2)) {
        sluice_block *block = TAILQ_FIRST(&receiver->filling);
        sluice_incoming *entry = block->entry;
        sluice_incoming_chunk *chunk = &entry->chunks[block->chunk];
        chunk->flags |= CHUNK_SPILLED;
        block_write(receiver, entry, chunk, false, 0);
        if (chunk->block)
            return;
        sluice_assembly_writing_submit(receiver, entry);
    }
}

/* One chunk's part of a block. */
static int piece_put(sluice_receiver *receiver, sluice_incoming *entry, uint64_t offset, const uint8_t *data,
                     size_t bytes)
{
    uint64_t index = offset / SLUICE_CHUNK_BYTES;
    uint32_t at = (uint32_t)(offset % SLUICE_CHUNK_BYTES);
    int status = sluice_incoming_chunks_make(receiver, entry, index + 1);
    if (!status && entry->parcel && !entry->ended && offset + bytes > entry->entry.size)
        status = sluice_parcels_unwrap(receiver, entry);
    if (status)
        return status;
    sluice_incoming_chunk *chunk = &entry->chunks[index];
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
        receiver->filling_credit += block->listed ? bytes : 0;
    } else if (!receiver->readable) {
        return SLUICE_ENOMEM; /* it could not be read back for its digest */
    } else {
        status = crumb_put(receiver, entry, offset, data, bytes);
        if (status)
            return status;
    }
    chunk->got += (uint32_t)bytes;
    return sluice_assembly_chunk_check(receiver, entry, index);
}

void sluice_receiver_deliver(sluice_receiver *receiver, sluice_object_id id, uint64_t offset, const uint8_t *data,
                             size_t bytes)
{
    sluice_incoming *entry = sluice_incoming_find(receiver, sluice_entry_of_object(id));
    bool wanted = entry && entry->state == IN_WANTED && entry->attempt == sluice_attempt_of_object(id) &&
                  sluice_mover_running(receiver->mover);
    receiver->credit_held += bytes;
    if (!wanted || offset > SLUICE_WIRE_NUMBER_MAX) {
        if (receiver->ordered)
            receiver->credit_held -= bytes; /* of an object that was stopped: its window does not matter any more */
        else
            sluice_incoming_credit_return(receiver, NULL, bytes);
        return;
    }
    if (entry->attempt == 0) {
        entry->moved_bytes += bytes;
        receiver->mover->statistics.moved_bytes += bytes;
    }
    while (bytes > 0) {
        size_t piece = SLUICE_CHUNK_BYTES - (size_t)(offset % SLUICE_CHUNK_BYTES);
        if (piece > bytes)
            piece = bytes;
        int status = piece_put(receiver, entry, offset, data, piece);
        if (!sluice_mover_running(receiver->mover))
            return;
        if (status) {
            sluice_incoming_credit_return(receiver, entry, bytes);
            sluice_incoming_fail_named(receiver, entry, status, sluice_incoming_put_problem(status));
            return;
        }
        offset += piece;
        data += piece;
        bytes -= piece;
    }
    if (receiver->ordered && offset > 0)
        part_maybe(receiver, entry, entry->chunks[(offset - 1) / SLUICE_CHUNK_BYTES].block);
    sluice_assembly_writing_submit(receiver, entry);
    sluice_assembly_conclude(receiver, entry);
    spill(receiver);
}
