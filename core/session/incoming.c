/* SPDX-License-Identifier: Apache-2.0 */
/* incoming.c - the entries of a receiver: their blocks, their failure, their result. */
#include "session/incoming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sluice_incoming_out_of_memory(sluice_receiver *receiver)
{
    sluice_mover_fail(receiver->mover, SLUICE_ENOMEM, "out of memory while receiving; try a smaller --memory");
}

/* The credit of bytes that have left memory. */
void sluice_incoming_credit_return(sluice_receiver *receiver, const sluice_incoming *entry, uint64_t bytes)
{
    receiver->credit_held -= bytes;
    if (bytes == 0 || !sluice_mover_running(receiver->mover)) /* the carrier may be gone by now */
        return;
    if (receiver->ordered && entry)
        sluice_receiver_carrier(receiver)->consumed_ordered(sluice_receiver_carrier_state(receiver),
                                                            sluice_incoming_object(entry), bytes);
    else
        sluice_receiver_carrier(receiver)->consumed(sluice_receiver_carrier_state(receiver), bytes);
    receiver->mover->dirty = true;
}

/* ---- blocks ---- */

void sluice_incoming_block_list(sluice_receiver *receiver, sluice_block *block)
{
    TAILQ_INSERT_TAIL(&receiver->filling, block, link);
    block->listed = true;
    receiver->filling_bytes += block->room;
    receiver->filling_credit += block->credit;
}

void sluice_incoming_block_unlist(sluice_receiver *receiver, sluice_block *block)
{
    if (!block->listed)
        return;
    block->listed = false;
    TAILQ_REMOVE(&receiver->filling, block, link);
    receiver->filling_bytes -= block->room;
    receiver->filling_credit -= block->credit;
}

void sluice_incoming_block_drop(sluice_receiver *receiver, const sluice_incoming *entry, sluice_block *block)
{
    if (!block)
        return;
    receiver->block_bytes -= block->room;
    sluice_incoming_credit_return(receiver, entry, block->credit);
    sluice_block_free(block);
}

/* Room for count chunks in the entry's table: SLUICE_ELIMIT, SLUICE_ENOMEM. */
int sluice_incoming_chunks_make(sluice_receiver *receiver, sluice_incoming *entry, uint64_t count)
{
    if (count <= entry->chunk_count)
        return SLUICE_OK;
    if (count > RECEIVER_TABLES_MOST / sizeof(sluice_incoming_chunk))
        return SLUICE_ELIMIT;
    uint64_t more = (count - entry->chunk_count) * sizeof(sluice_incoming_chunk);
    if (receiver->table_bytes + more > RECEIVER_TABLES_MOST)
        return SLUICE_ELIMIT;
    sluice_incoming_chunk *grown = entry->chunks ? reallocarray(entry->chunks, count, sizeof(sluice_incoming_chunk))
                                                 : calloc(count, sizeof(sluice_incoming_chunk));
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

sluice_incoming *sluice_incoming_find(const sluice_receiver *receiver, uint64_t index)
{
    return (sluice_incoming *)sluice_roster_find(&receiver->roster, index);
}

sluice_incoming *sluice_incoming_of_work(sluice_work *work)
{
    return (sluice_incoming *)((char *)work - offsetof(sluice_incoming, writing) - offsetof(sluice_writing, work));
}

void sluice_incoming_operations_drop(sluice_receiver *receiver, sluice_incoming *entry,
                                     struct sluice_operation_list *list)
{
    sluice_operation *operation;
    while ((operation = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, operation, link);
        if (operation->type == SLUICE_OPERATION_PART) {
            sluice_incoming_credit_return(receiver, entry, operation->credit);
            sluice_block_free(operation->block);
        } else {
            sluice_incoming_block_drop(receiver, entry, operation->block);
        }
        receiver->queued--;
        free(operation);
    }
}

static void blocks_drop(sluice_receiver *receiver, sluice_incoming *entry)
{
    for (uint64_t i = 0; i < entry->chunk_count; i++) {
        sluice_block *block = entry->chunks[i].block;
        if (!block)
            continue;
        sluice_incoming_block_unlist(receiver, block);
        sluice_incoming_block_drop(receiver, entry, block);
        entry->chunks[i].block = NULL;
    }
    sluice_incoming_operations_drop(receiver, entry, &entry->operations);
}

void sluice_incoming_free(sluice_receiver *receiver, sluice_incoming *entry)
{
    sluice_parcels_forget(receiver, entry);
    blocks_drop(receiver, entry);
    sluice_roster_remove(&receiver->roster, &entry->node);
    receiver->table_bytes -= entry->chunk_count * sizeof(sluice_incoming_chunk);
    receiver->names_bytes -= entry->memory_bytes;
    free(entry->chunks);
    free(entry->memory);
    free(entry->sentence);
    free(entry->checking);
    free(entry);
}

/* The entry has its result. */
void sluice_incoming_retire(sluice_receiver *receiver, sluice_incoming *entry)
{
    if (entry->opened)
        receiver->open_count--;
    if (entry->unwrapped)
        receiver->unwrapped_count--;
    receiver->outstanding--;
    sluice_incoming_free(receiver, entry);
}

void sluice_incoming_file_told(sluice_receiver *receiver, const sluice_incoming *entry, const char *state, int status,
                               const char *sentence)
{
    char digest[SLUICE_DIGEST_TEXT] = "";
    if (strcmp(state, "done") == 0)
        sluice_digest_text(receiver->mover->request->checksum, &entry->digest, digest);
    uint64_t bytes = entry->ended ? entry->size : entry->entry.size;
    sluice_cargo_item file = {.path = entry->entry.name,
                              .state = state,
                              .file_bytes = bytes != SLUICE_UNKNOWN ? bytes : 0,
                              .resumed_bytes = entry->resumed_bytes,
                              .digest = digest[0] ? digest : NULL,
                              .status = status,
                              .message = sentence};
    sluice_mover_file_told(receiver->mover, &file);
}

void sluice_incoming_result_tell(sluice_receiver *receiver, sluice_incoming *entry, int status, const char *sentence)
{
    sluice_wire_writer *body = sluice_mover_message(receiver->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_message_put_status(body, status, sentence);
    sluice_mover_send(receiver->mover, SLUICE_MESSAGE_RESULT);
    sluice_incoming_file_told(receiver, entry, status ? "failed" : "done", status, sentence);
    sluice_incoming_retire(receiver, entry);
}

static void abandoning_done(sluice_work *work)
{
    sluice_incoming *entry = sluice_incoming_of_work(work);
    sluice_receiver *receiver = work->mover->receiver;
    entry->busy = false;
    entry->object = NULL;
    if (sluice_mover_running(work->mover))
        sluice_incoming_result_tell(receiver, entry, entry->status, entry->sentence ? entry->sentence : "");
}

bool sluice_incoming_keep(const sluice_receiver *receiver, const sluice_incoming *entry)
{
    return receiver->mover->request->resume != SLUICE_RESUME_NONE && entry->entry.size != SLUICE_UNKNOWN;
}

void sluice_incoming_abandon_submit(sluice_receiver *receiver, sluice_incoming *entry, bool keep,
                                    void (*done)(sluice_work *work))
{
    entry->busy = true;
    entry->writing.object = entry->object;
    entry->writing.abandon = true;
    entry->writing.keep = keep;
    TAILQ_INIT(&entry->writing.operations);
    sluice_mover_submit(receiver->mover, &entry->writing.work, sluice_writing_run, done);
}

/* A failed entry closes its object when nothing works on it any more; then the sender is told. */
void sluice_incoming_failed_continue(sluice_receiver *receiver, sluice_incoming *entry)
{
    if (entry->busy)
        return;
    if (entry->object)
        sluice_incoming_abandon_submit(receiver, entry, sluice_incoming_keep(receiver, entry), abandoning_done);
    else
        sluice_incoming_result_tell(receiver, entry, entry->status,
                                    entry->sentence ? entry->sentence : sluice_status_text(entry->status));
}

/* The entry fails: its bytes are not wanted any more.  The entry may be gone afterwards. */
void sluice_incoming_fail(sluice_receiver *receiver, sluice_incoming *entry, int status, const char *sentence)
{
    if (entry->state == IN_FAILED)
        return;
    if (entry->state == IN_QUEUED)
        TAILQ_REMOVE(&receiver->queue, entry, link);
    if (entry->state == IN_LATER)
        TAILQ_REMOVE(&receiver->later, entry, link);
    if (entry->carried)
        (void)sluice_receiver_carrier(receiver)->stop(sluice_receiver_carrier_state(receiver),
                                                      sluice_incoming_object(entry), 0);
    entry->carried = false;
    entry->state = IN_FAILED;
    entry->status = status;
    entry->sentence = strdup(sentence);
    receiver->mover->dirty = true;
    sluice_parcels_forget(receiver, entry);
    blocks_drop(receiver, entry);
    sluice_incoming_failed_continue(receiver, entry);
}

void sluice_incoming_fail_named(sluice_receiver *receiver, sluice_incoming *entry, int status, const char *what)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX];
    snprintf(sentence, sizeof(sentence), "%.800s: %s", entry->entry.name, what);
    sluice_incoming_fail(receiver, entry, status, sentence);
}

const char *sluice_incoming_put_problem(int status)
{
    return status == SLUICE_ELIMIT   ? "too large for this receiver's tables"
           : status == SLUICE_ECHANGED ? "has grown since it was listed, as too many others have; copy it again"
           : status == SLUICE_ENOMEM ? "out of memory while it was received; try a smaller --memory"
                                     : "the sender sent bytes that were not asked for";
}
