/* SPDX-License-Identifier: Apache-2.0 */
/* intake.c - how the bytes of an entry get from the source to the carrier. */
#include "session/outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reading_done(sluice_work *work);
static void end_tell(sluice_sender *sender, sluice_outgoing *entry);

/* ---- reading ---- */

static bool digest_expected(const sluice_outgoing *entry, uint64_t chunk)
{
    return chunk < entry->have_chunks && entry->stride &&
           (chunk % entry->stride == 0 || chunk + 1 == entry->have_chunks);
}

/* The next chunk that is to be read; false: none, or it waits for the receiver's digest. */
bool sluice_intake_next_chunk(sluice_outgoing *entry)
{
    if (entry->state != OUT_WANTED)
        return false;
    if (entry->attempt) {
        while (entry->next_chunk < entry->chunk_count && !(entry->chunks[entry->next_chunk].flags & CHUNK_AGAIN))
            entry->next_chunk++;
        return true;
    }
    return !digest_expected(entry, entry->next_chunk) ||
           (entry->next_chunk < entry->chunk_count && entry->chunks[entry->next_chunk].flags & CHUNK_HELD);
}

static bool all_read(const sluice_outgoing *entry)
{
    if (!entry->opened || entry->size == SLUICE_UNKNOWN || (entry->filling && !entry->busy))
        return false;
    return entry->next_chunk >= sluice_outgoing_chunks_of(entry->size) && (entry->size || entry->next_chunk);
}

static size_t room_of_chunk(const sluice_outgoing *entry, uint64_t chunk)
{
    uint64_t size = entry->opened ? entry->size : entry->listed_size, from = chunk * SLUICE_CHUNK_BYTES;
    uint64_t room = size == SLUICE_UNKNOWN || size > from + SLUICE_CHUNK_BYTES ? SLUICE_CHUNK_BYTES
                    : size > from                                              ? size - from
                                                                               : 1;
    return room < entry->room_least ? entry->room_least : (size_t)room;
}

/* What was read ahead and not sent yet may have a quarter of the budget, so that the rest is there for what was sent: on a long path
 * with much loss each chunk is wanted for several round trips. */
static bool far_ahead(const sluice_sender *sender, size_t room)
{
    return sluice_sender_seekable(sender) && sender->owed_bytes > 0 &&
           sender->owed_bytes + room > sender->mover->setup.memory_bytes / 4;
}

/* Submits one read of an entry; false: no memory within the budget now. */
bool sluice_intake_read_submit(sluice_sender *sender, sluice_outgoing *entry)
{
    bool again = entry->reread_count > 0;
    uint64_t chunk = again ? entry->rereads[0] : entry->next_chunk;
    sluice_reading *reading = &entry->reading;
    if (again || !entry->filling) {
        size_t room = room_of_chunk(entry, chunk);
        if (!again && far_ahead(sender, room))
            return false;
        if (!sluice_outgoing_room_make(sender, room) && !(again && sender->rereading < SENDER_REREADS) &&
            sender->buffer_bytes > 0)
            return false;
        entry->filling = sluice_outgoing_buffer_new(sender, entry, chunk, room);
        if (!entry->filling)
            return false;
        reading->filled = 0;
    }
    sluice_outgoing_ready_remove(sender, entry);
    entry->repeating = again;
    if (again)
        sender->rereading++;
    reading->name = entry->name;
    reading->operand = entry->operand;
    reading->open = reading->object == NULL;
    reading->close_after = sluice_sender_seekable(sender) && entry->listed_size <= SLUICE_CHUNK_BYTES;
    reading->ordered = entry->ordered || entry->attempt > 0;
    reading->seeded = !again && !entry->attempt && digest_expected(entry, chunk);
    reading->skip_holes = !again && !entry->attempt && chunk >= entry->have_chunks;
    reading->chunk = chunk;
    reading->bytes = entry->filling->bytes;
    reading->room = entry->filling->room;
    entry->busy = true;
    sender->readings++;
    sluice_mover_submit(sender->mover, &reading->work, sluice_reading_run, reading_done);
    return true;
}

void sluice_intake_repeats_submit(sluice_sender *sender)
{
    sluice_outgoing *entry;
    while (!sluice_mover_holds(sender->mover) && sender->readings < sender->readings_most &&
           (entry = TAILQ_FIRST(&sender->repeats)) && sluice_intake_read_submit(sender, entry))
        continue;
}

/* Offers [from, to) of the current attempt. */
static int run_offer(sluice_sender *sender, sluice_outgoing *entry, uint64_t from, uint64_t to)
{
    int status = SLUICE_OK;
    if (!entry->carrier_open) {
        status = sluice_sender_carrier(sender)->open(sluice_sender_carrier_state(sender), sluice_outgoing_object(entry),
                                                     entry->ordered ? SLUICE_OBJECT_ORDERED : 0, SENDER_PRIORITY);
        entry->carrier_open = status == SLUICE_OK;
    }
    if (!entry->started)
        sluice_outgoing_file_told(sender, entry, "start", SLUICE_OK, "");
    entry->started = true;
    sender->mover->dirty = true;
    return status ? status
                  : sluice_sender_carrier(sender)->offer(sluice_sender_carrier_state(sender),
                                                         sluice_outgoing_object(entry), from, to);
}

/* Does the receiver hold this chunk already?  What it has not sampled is trusted if its group's sample agreed. */
static bool chunk_held(sluice_sender *sender, sluice_outgoing *entry, const sluice_reading *reading)
{
    uint64_t from = reading->chunk * SLUICE_CHUNK_BYTES;
    if (entry->attempt || reading->chunk >= entry->have_chunks || from + reading->filled > entry->have_bytes)
        return false;
    if (!entry->stride)
        return true;
    if (!digest_expected(entry, reading->chunk))
        return entry->group_agreed;
    const sluice_outgoing_chunk *chunk = &entry->chunks[reading->chunk];
    size_t bytes = sluice_digest_seeded_bytes(sender->mover->request->checksum);
    bool same = memcmp(chunk->digest.bytes, reading->checked.bytes, bytes) == 0;
    if (reading->chunk % entry->stride == 0)
        entry->group_agreed = same;
    return same;
}

/* A row of chunks that are nothing but hole. */
static int holes_take(sluice_sender *sender, sluice_outgoing *entry, const sluice_reading *reading)
{
    sluice_checksum algorithm = sender->mover->request->checksum;
    if (!sender->zero_known) {
        int status = sluice_digest_zeroes(algorithm, SLUICE_CHUNK_BYTES, &sender->zero);
        if (status)
            return status;
        sender->zero_known = true;
    }
    uint64_t to = reading->chunk + reading->hole_chunks;
    for (uint64_t i = reading->chunk; i < to; i++)
        sluice_outgoing_digest_add(sender, entry, i, &sender->zero);
    sluice_outgoing_note_add(sender, entry, SLUICE_MESSAGE_HOLE, reading->chunk * SLUICE_CHUNK_BYTES,
                             to * SLUICE_CHUNK_BYTES);
    entry->next_chunk = to;
    sluice_outgoing_filling_drop(sender, entry);
    return SLUICE_OK;
}

/* Offers the data of a chunk and notes its holes; the buffer stays with the chunk. */
static int chunk_offer(sluice_sender *sender, sluice_outgoing *entry, const sluice_reading *reading)
{
    sluice_outgoing_chunk *chunk = &entry->chunks[reading->chunk];
    uint64_t at = reading->chunk * SLUICE_CHUNK_BYTES, to = at + reading->filled;
    bool stream = entry->filling->high > 0 || entry->size == SLUICE_UNKNOWN;
    if (stream && reading->run_count)
        at = reading->runs[0].from;
    int status = SLUICE_OK;
    chunk->buffer = entry->filling; /* from here on the carrier may ask for it */
    for (size_t i = 0; i < reading->run_count && !status; i++) {
        const sluice_reader_run *run = &reading->runs[i];
        sluice_outgoing_note_add(sender, entry, SLUICE_MESSAGE_HOLE, at, run->from);
        chunk->unacked += (uint32_t)(run->to - run->from);
        entry->filling->owed += run->to - run->from;
        sender->owed_bytes += run->to - run->from;
        entry->filling->high = run->to;
        status = run->from < run->to ? run_offer(sender, entry, run->from, run->to) : SLUICE_OK;
        at = run->to;
    }
    if (!stream)
        sluice_outgoing_note_add(sender, entry, SLUICE_MESSAGE_HOLE, at, to);
    return status;
}

/* The chunk's reading is over: its buffer is the chunk's alone, and may be dropped again if it can be read again. */
static void chunk_settle(sluice_sender *sender, sluice_outgoing *entry, sluice_outgoing_chunk *chunk)
{
    sluice_buffer *kept = entry->filling;
    entry->filling = NULL;
    entry->next_chunk++;
    chunk->buffer = kept;
    if (chunk->unacked == 0) {
        sluice_outgoing_chunk_drop(sender, chunk);
    } else if (sluice_sender_seekable(sender) && !entry->reading.close_after) {
        kept->settled = true;
        sluice_outgoing_buffer_list(sender, kept);
    }
}

static int chunk_take(sluice_sender *sender, sluice_outgoing *entry)
{
    const sluice_reading *reading = &entry->reading;
    entry->size = reading->size;
    entry->opened = true;
    uint64_t count = reading->chunk + (reading->hole_chunks ? reading->hole_chunks : 1);
    if (entry->size != SLUICE_UNKNOWN && sluice_outgoing_chunks_of(entry->size) > count)
        count = sluice_outgoing_chunks_of(entry->size);
    int status = sluice_outgoing_chunks_make(entry, count);
    if (status)
        return status;
    if (reading->hole_chunks > 1)
        return holes_take(sender, entry, reading);
    sluice_outgoing_chunk *chunk = &entry->chunks[reading->chunk];
    bool whole = reading->filled == SLUICE_CHUNK_BYTES || entry->size != SLUICE_UNKNOWN;
    uint64_t from = reading->chunk * SLUICE_CHUNK_BYTES;
    if (whole && reading->filled && chunk_held(sender, entry, reading)) {
        sluice_outgoing_note_add(sender, entry, SLUICE_MESSAGE_HAVE, from, from + reading->filled);
        entry->resumed_bytes += reading->filled;
        sluice_mover_found(sender->mover, reading->filled);
    } else {
        status = chunk_offer(sender, entry, reading);
    }
    if (whole && reading->filled)
        sluice_outgoing_digest_add(sender, entry, reading->chunk, &reading->plain);
    if (whole)
        chunk_settle(sender, entry, chunk);
    return status;
}

/* A chunk that was dropped is back, for bytes that were lost. */
static void reread_take(sluice_sender *sender, sluice_outgoing *entry)
{
    sluice_outgoing_chunk *chunk = &entry->chunks[entry->reading.chunk];
    sluice_buffer *back = entry->filling;
    entry->filling = NULL;
    if (chunk->buffer || chunk->unacked == 0) {
        sluice_outgoing_buffer_drop(sender, back);
    } else {
        chunk->buffer = back;
        sluice_outgoing_returned_add(sender, back);
    }
    if (entry->carrier_open)
        sluice_sender_carrier(sender)->ready(sluice_sender_carrier_state(sender), sluice_outgoing_object(entry));
    sender->mover->dirty = true;
}

static void ready_again(sluice_sender *sender, sluice_outgoing *entry)
{
    if (entry->retired || entry->state == OUT_FAILED)
        return;
    if (entry->reread_count || (entry->state == OUT_WANTED && !all_read(entry) && sluice_intake_next_chunk(entry)))
        sluice_outgoing_ready_add(sender, entry, true);
}

static void changed_fail(sluice_sender *sender, sluice_outgoing *entry)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX];
    snprintf(sentence, sizeof(sentence), "%.800s: changed while it was read; copy it again when nobody writes to it",
             entry->name);
    sluice_outgoing_fail(sender, entry, SLUICE_ECHANGED, sentence);
}

static void reading_done(sluice_work *work)
{
    sluice_sender *sender = work->mover->sender;
    sluice_outgoing *entry = sluice_outgoing_of_work(work);
    sluice_reading *reading = &entry->reading;
    bool again = entry->repeating;
    entry->busy = entry->repeating = false;
    sender->readings--;
    sender->mover->statistics.source_ns += reading->source_ns;
    if (again) {
        sender->rereading--;
        entry->reread_count--;
        memmove(entry->rereads, entry->rereads + 1, entry->reread_count * sizeof(entry->rereads[0]));
    }
    bool gone = entry->retired || entry->stopped || entry->state == OUT_FAILED || !sluice_mover_running(sender->mover);
    if (gone || reading->status)
        sluice_outgoing_filling_drop(sender, entry);
    if (gone) {
        sluice_outgoing_release(sender, entry);
        return;
    }
    if (reading->status == SLUICE_EAGAIN) {
        entry->room_least = SLUICE_CHUNK_BYTES;
    } else if (reading->status) {
        sluice_outgoing_fail(sender, entry, reading->status, reading->error.text);
        return;
    } else if (entry->attempt && !again && reading->size != entry->size) {
        sluice_outgoing_filling_drop(sender, entry);
        changed_fail(sender, entry);
        return;
    } else if (again) {
        reread_take(sender, entry);
    } else if (chunk_take(sender, entry)) {
        sluice_outgoing_out_of_memory(sender);
        return;
    }
    if (entry->attempt)
        (void)sluice_intake_next_chunk(entry);
    if (entry->state == OUT_WANTED && !again && all_read(entry))
        end_tell(sender, entry);
    ready_again(sender, entry);
}

/* Everything of this attempt is read: the receiver learns the size and what it must add up to. */
static void end_tell(sluice_sender *sender, sluice_outgoing *entry)
{
    sluice_checksum algorithm = sender->mover->request->checksum;
    entry->state = OUT_ENDED;
    sluice_outgoing_told(sender, entry);
    sluice_outgoing_note_tell(sender, entry);
    sluice_outgoing_digests_tell(sender, entry);
    if (sluice_digest_file(algorithm, entry->size, entry->chunks ? &entry->chunks[0].digest : NULL,
                           sluice_outgoing_chunks_of(entry->size), sizeof(*entry->chunks), &entry->digest)) {
        sluice_outgoing_out_of_memory(sender);
        return;
    }
    if (entry->carrier_open)
        (void)sluice_sender_carrier(sender)->finish(sluice_sender_carrier_state(sender), sluice_outgoing_object(entry),
                                                    entry->size);
    sluice_wire_writer *body = sluice_mover_message(sender->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_wire_put_number(body, entry->attempt);
    sluice_wire_put_number(body, entry->size);
    sluice_wire_put_bytes(body, entry->digest.bytes, sluice_digest_bytes(algorithm));
    sluice_mover_send(sender->mover, SLUICE_MESSAGE_END);
}
