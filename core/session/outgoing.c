/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing.c - the entries of a sender: their buffers, their result, what is told of them. */
#include "session/outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sluice_outgoing_out_of_memory(sluice_sender *sender)
{
    sluice_mover_fail(sender->mover, SLUICE_ENOMEM, "out of memory while sending; try a smaller --memory");
}

/* ---- buffers ---- */

static void buffer_free(sluice_sender *sender, sluice_buffer *old)
{
    uint64_t kept = sender->spare_bytes + old->room;
    sender->buffer_bytes -= old->room;
    if (old->room == SLUICE_CHUNK_BYTES && kept <= SENDER_SPARE_MOST &&
        sender->buffer_bytes + kept <= sender->mover->setup.memory_bytes) {
        sender->spare_bytes = kept;
        TAILQ_INSERT_HEAD(&sender->spare, old, link); /* what was used last is warm */
    } else {
        free(old);
    }
}

/* A lane may still be reading what it was lent. */
void sluice_outgoing_buffer_drop(sluice_sender *sender, sluice_buffer *old)
{
    if (!old)
        return;
    if (old->listed)
        TAILQ_REMOVE(&sender->buffers, old, link);
    if (old->returned) {
        TAILQ_REMOVE(&sender->returned, old, link);
        sender->returned_count--;
    }
    sender->owed_bytes -= old->owed;
    old->owed = 0;
    old->listed = old->returned = false;
    old->dropped = true;
    if (old->lent == 0)
        buffer_free(sender, old);
}

void sluice_outgoing_buffer_list(sluice_sender *sender, sluice_buffer *buffer)
{
    if (buffer->listed || buffer->lent > 0 || !buffer->settled || buffer->fetched < buffer->high)
        return;
    buffer->listed = true;
    TAILQ_INSERT_TAIL(&sender->buffers, buffer, link);
}

void sluice_outgoing_buffer_lend(sluice_sender *sender, sluice_buffer *buffer)
{
    buffer->lent++;
    if (buffer->listed)
        TAILQ_REMOVE(&sender->buffers, buffer, link);
    buffer->listed = false;
}

void sluice_outgoing_buffer_return(sluice_sender *sender, sluice_buffer *buffer)
{
    buffer->lent--;
    if (!buffer->dropped)
        sluice_outgoing_buffer_list(sender, buffer);
    else if (buffer->lent == 0)
        buffer_free(sender, buffer);
}

void sluice_outgoing_returned_release(sluice_sender *sender, sluice_buffer *buffer)
{
    if (!buffer->returned)
        return;
    TAILQ_REMOVE(&sender->returned, buffer, link);
    sender->returned_count--;
    buffer->returned = false;
    sluice_outgoing_buffer_list(sender, buffer);
}

void sluice_outgoing_returned_add(sluice_sender *sender, sluice_buffer *buffer)
{
    buffer->settled = buffer->returned = true;
    TAILQ_INSERT_TAIL(&sender->returned, buffer, link);
    if (++sender->returned_count > SENDER_REREADS)
        sluice_outgoing_returned_release(sender, TAILQ_FIRST(&sender->returned));
}

void sluice_outgoing_spare_free(sluice_sender *sender)
{
    for (sluice_buffer *old; (old = TAILQ_FIRST(&sender->spare));) {
        TAILQ_REMOVE(&sender->spare, old, link);
        free(old);
    }
    sender->spare_bytes = 0;
}

void sluice_outgoing_chunk_drop(sluice_sender *sender, sluice_outgoing_chunk *chunk)
{
    sluice_outgoing_buffer_drop(sender, chunk->buffer);
    chunk->buffer = NULL;
}

/* Gives up the oldest buffers that were sent once, until `need` fits into the budget. */
bool sluice_outgoing_room_make(sluice_sender *sender, size_t need)
{
    uint64_t budget = sender->mover->setup.memory_bytes;
    for (sluice_buffer *at; sender->buffer_bytes + need > budget && (at = TAILQ_FIRST(&sender->buffers));)
        sluice_outgoing_chunk_drop(sender, &at->entry->chunks[at->chunk]);
    return sender->buffer_bytes + need <= budget;
}

sluice_buffer *sluice_outgoing_buffer_new(sluice_sender *sender, sluice_outgoing *entry, uint64_t chunk, size_t room)
{
    sluice_buffer *made = room == SLUICE_CHUNK_BYTES ? TAILQ_FIRST(&sender->spare) : NULL;
    if (made) {
        TAILQ_REMOVE(&sender->spare, made, link);
        sender->spare_bytes -= made->room;
    } else {
        made = malloc(sizeof(*made) + room);
    }
    if (!made) {
        sluice_outgoing_out_of_memory(sender);
        return NULL;
    }
    memset(made, 0, sizeof(*made));
    made->entry = entry;
    made->chunk = chunk;
    made->room = room;
    sender->buffer_bytes += room;
    return made;
}

/* ---- entries ---- */

sluice_outgoing *sluice_outgoing_find(const sluice_sender *sender, uint64_t index)
{
    return (sluice_outgoing *)sluice_roster_find(&sender->roster, index);
}

sluice_outgoing *sluice_outgoing_of_object(const sluice_sender *sender, sluice_object_id id)
{
    sluice_outgoing *entry = id < 2 ? NULL : sluice_outgoing_find(sender, sluice_entry_of_object(id));
    return entry && entry->attempt == sluice_attempt_of_object(id) ? entry : NULL;
}

void sluice_outgoing_ready_add(sluice_sender *sender, sluice_outgoing *entry, bool first)
{
    bool repeats = entry->reread_count > 0;
    if (entry->busy || (entry->in_ready && entry->in_repeats == repeats))
        return;
    sluice_outgoing_ready_remove(sender, entry);
    entry->in_ready = true;
    entry->in_repeats = repeats;
    if (repeats)
        TAILQ_INSERT_TAIL(&sender->repeats, entry, link);
    else if (first)
        TAILQ_INSERT_HEAD(&sender->ready, entry, link);
    else
        TAILQ_INSERT_TAIL(&sender->ready, entry, link);
}

void sluice_outgoing_ready_remove(sluice_sender *sender, sluice_outgoing *entry)
{
    if (entry->in_ready && entry->in_repeats)
        TAILQ_REMOVE(&sender->repeats, entry, link);
    else if (entry->in_ready)
        TAILQ_REMOVE(&sender->ready, entry, link);
    entry->in_ready = false;
}

/* The buffer that a reading fills; of a stream it stands with its chunk as well. */
void sluice_outgoing_filling_drop(sluice_sender *sender, sluice_outgoing *entry)
{
    sluice_buffer *old = entry->filling;
    if (old && old->chunk < entry->chunk_count && entry->chunks[old->chunk].buffer == old)
        entry->chunks[old->chunk].buffer = NULL;
    sluice_outgoing_buffer_drop(sender, old);
    entry->filling = NULL;
}

void sluice_outgoing_buffers_drop(sluice_sender *sender, sluice_outgoing *entry)
{
    if (!entry->busy)
        sluice_outgoing_filling_drop(sender, entry);
    for (uint64_t i = 0; i < entry->chunk_count; i++)
        if (!entry->filling || entry->chunks[i].buffer != entry->filling)
            sluice_outgoing_chunk_drop(sender, &entry->chunks[i]);
}

/* The lowest entry that is left.  Each look at the whole roster stands for as many entries that went. */
static uint64_t lowest_index(const sluice_sender *sender)
{
    uint64_t lowest = sender->next_index;
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        for (const sluice_roster_node *node = sender->roster.buckets[i]; node; node = node->next)
            lowest = node->index < lowest ? node->index : lowest;
    return lowest;
}

static void passed_tell(sluice_sender *sender)
{
    if (++sender->gone < SENDER_PASSED || !sluice_sender_carrier(sender)->passed || !sluice_mover_running(sender->mover))
        return;
    sender->gone = 0;
    sluice_sender_carrier(sender)->passed(sluice_sender_carrier_state(sender),
                                          sluice_object_of_entry(lowest_index(sender), 0));
}

void sluice_outgoing_free(sluice_sender *sender, sluice_outgoing *entry)
{
    sluice_outgoing_ready_remove(sender, entry);
    sluice_outgoing_buffers_drop(sender, entry);
    sluice_roster_remove(&sender->roster, &entry->node);
    free(entry->chunks);
    free(entry->name);
    free(entry);
    passed_tell(sender);
}

static void closing_run(sluice_work *work)
{
    sluice_reading *reading = (sluice_reading *)work;
    work->mover->store.source->close(work->mover->store.state, reading->object);
    reading->object = NULL;
}

sluice_outgoing *sluice_outgoing_of_work(sluice_work *work)
{
    return (sluice_outgoing *)((char *)work - offsetof(sluice_outgoing, reading) - offsetof(sluice_reading, work));
}

static void closing_done(sluice_work *work)
{
    sluice_outgoing *entry = sluice_outgoing_of_work(work);
    entry->busy = false;
    sluice_outgoing_release(work->mover->sender, entry);
}

/* Closes and forgets an entry that has its result, as soon as nothing needs it any more: what the peer has, but has
 * not acknowledged, may be asked for again. */
void sluice_outgoing_release(sluice_sender *sender, sluice_outgoing *entry)
{
    if (!entry->retired || entry->busy)
        return;
    if (entry->reading.object) {
        entry->busy = true;
        sluice_mover_submit(sender->mover, &entry->reading.work, closing_run, closing_done);
    } else if (!entry->carrier_open) {
        sluice_outgoing_free(sender, entry);
    }
}

void sluice_outgoing_carrier_abort(sluice_sender *sender, sluice_outgoing *entry)
{
    if (entry->carrier_open)
        (void)sluice_sender_carrier(sender)->abort(sluice_sender_carrier_state(sender), sluice_outgoing_object(entry),
                                                   0);
    entry->carrier_open = false;
    sender->mover->dirty = true;
}

void sluice_outgoing_told(sluice_sender *sender, sluice_outgoing *entry)
{
    sender->awaited -= entry->awaited;
    entry->awaited = false;
}

void sluice_outgoing_retire(sluice_sender *sender, sluice_outgoing *entry)
{
    if (entry->retired)
        return;
    const sluice_mover_store *store = &sender->mover->store;
    entry->retired = true;
    sender->outstanding--;
    sluice_outgoing_told(sender, entry);
    if (store->source->settled)
        store->source->settled(store->state, entry->name, entry->operand);
    sluice_outgoing_ready_remove(sender, entry);
    sluice_outgoing_release(sender, entry);
}

void sluice_outgoing_file_told(sluice_sender *sender, const sluice_outgoing *entry, const char *state, int status,
                               const char *sentence)
{
    char digest[SLUICE_DIGEST_TEXT] = "";
    if (strcmp(state, "done") == 0)
        sluice_digest_text(sender->mover->request->checksum, &entry->digest, digest);
    sluice_cargo_item file = {.path = entry->name,
                              .state = state,
                              .file_bytes = entry->size != SLUICE_UNKNOWN ? entry->size : 0,
                              .resumed_bytes = entry->resumed_bytes,
                              .digest = digest[0] ? digest : NULL,
                              .status = status,
                              .message = sentence};
    sluice_mover_file_told(sender->mover, &file);
}

/* The entry cannot be sent: the receiver is told and answers with RESULT. */
void sluice_outgoing_fail(sluice_sender *sender, sluice_outgoing *entry, int status, const char *sentence)
{
    if (entry->state == OUT_FAILED || entry->retired)
        return;
    entry->state = OUT_FAILED;
    sluice_outgoing_told(sender, entry);
    sluice_outgoing_ready_remove(sender, entry);
    sluice_outgoing_carrier_abort(sender, entry);
    sluice_outgoing_buffers_drop(sender, entry);
    sluice_wire_writer *body = sluice_mover_message(sender->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_message_put_status(body, status, sentence);
    sluice_mover_send(sender->mover, SLUICE_MESSAGE_FAILED);
    sluice_outgoing_file_told(sender, entry, "failed", status, sentence);
}

/* ---- notes and digests of an entry ---- */

void sluice_outgoing_note_tell(sluice_sender *sender, sluice_outgoing *entry)
{
    if (!entry->note)
        return;
    sluice_message note = entry->note;
    sluice_wire_writer *body = sluice_mover_message(sender->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_wire_put_number(body, entry->note_from);
    sluice_wire_put_number(body, entry->note_to);
    entry->note = 0;
    sluice_mover_send(sender->mover, note);
}

void sluice_outgoing_note_add(sluice_sender *sender, sluice_outgoing *entry, sluice_message note, uint64_t from,
                              uint64_t to)
{
    if (from >= to)
        return;
    if (note == SLUICE_MESSAGE_HOLE) {
        entry->hole_bytes += to - from;
        sluice_mover_found(sender->mover, to - from);
    }
    if (entry->note != note || entry->note_to != from)
        sluice_outgoing_note_tell(sender, entry);
    if (!entry->note)
        entry->note_from = from;
    entry->note = note;
    entry->note_to = to;
}

void sluice_outgoing_digests_tell(sluice_sender *sender, sluice_outgoing *entry)
{
    size_t bytes = sluice_digest_bytes(sender->mover->request->checksum);
    if (bytes && entry->digests_from < entry->digests_to) {
        sluice_wire_writer *body = sluice_mover_message(sender->mover);
        sluice_wire_put_number(body, entry->node.index);
        sluice_wire_put_number(body, entry->attempt);
        sluice_wire_put_number(body, entry->digests_from);
        sluice_wire_put_number(body, entry->digests_to - entry->digests_from);
        for (uint64_t i = entry->digests_from; i < entry->digests_to; i++)
            sluice_wire_put_bytes(body, entry->chunks[i].digest.bytes, bytes);
        sluice_mover_send(sender->mover, SLUICE_MESSAGE_DIGESTS);
    }
    entry->digests_from = entry->digests_to;
}

void sluice_outgoing_digest_add(sluice_sender *sender, sluice_outgoing *entry, uint64_t chunk,
                                const sluice_digest *digest)
{
    entry->chunks[chunk].digest = *digest;
    entry->chunks[chunk].flags = 0;
    if (entry->digests_to != chunk || entry->digests_to - entry->digests_from >= SENDER_DIGESTS) {
        sluice_outgoing_digests_tell(sender, entry);
        entry->digests_from = chunk;
    }
    entry->digests_to = chunk + 1;
}

int sluice_outgoing_chunks_make(sluice_outgoing *entry, uint64_t count)
{
    if (count <= entry->chunk_count)
        return SLUICE_OK;
    if (count > entry->chunk_capacity) {
        uint64_t capacity = entry->size != SLUICE_UNKNOWN || count < 2 ? count : count * 2;
        sluice_outgoing_chunk *grown = reallocarray(entry->chunks, capacity, sizeof(*grown));
        if (!grown)
            return SLUICE_ENOMEM;
        entry->chunks = grown;
        entry->chunk_capacity = capacity;
    }
    memset(entry->chunks + entry->chunk_count, 0, (count - entry->chunk_count) * sizeof(*entry->chunks));
    entry->chunk_count = count;
    return SLUICE_OK;
}
