/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parcels.c - small files of a receiver, which wait in memory until they are whole and are put many at a time.
 *
 * Together they have no more than half of the session's credit, and their bytes are all that they need; so they never
 * have to be written for want of memory, and the other half is enough for all else.  One that turns out larger than it
 * was listed, or sparse, is unwrapped: it goes on as any other file, which its first operation opens.
 */
#include "session/incoming.h"

#include <stdlib.h>

static void put_done(sluice_work *work);

bool sluice_parcels_room(const sluice_receiver *receiver, const sluice_incoming *entry)
{
    return !entry->compared && sluice_parcel_suits(receiver->mover, &entry->entry) &&
           receiver->parcel_bytes + entry->entry.size <= receiver->mover->setup.receive_bytes / 2;
}

void sluice_parcels_take(sluice_receiver *receiver, sluice_incoming *entry)
{
    entry->parcel = true;
    receiver->parcel_bytes += entry->entry.size;
}

void sluice_parcels_forget(sluice_receiver *receiver, sluice_incoming *entry)
{
    if (entry->parcel)
        receiver->parcel_bytes -= entry->entry.size;
    if (entry->in_puts) {
        TAILQ_REMOVE(entry->put_later ? &receiver->puts_later : &receiver->puts, entry, link);
        receiver->put_count -= !entry->put_later;
        receiver->queued--;
    }
    entry->parcel = entry->in_puts = entry->put_later = false;
}

int sluice_parcels_unwrap(sluice_receiver *receiver, sluice_incoming *entry)
{
    if (receiver->unwrapped_count >= RECEIVER_UNWRAPPED_MOST)
        return SLUICE_ECHANGED;
    sluice_block *block = entry->chunk_count ? entry->chunks[0].block : NULL;
    sluice_parcels_forget(receiver, entry);
    entry->unwrapped = true;
    receiver->unwrapped_count++;
    if (block)
        sluice_incoming_block_list(receiver, block);
    return SLUICE_OK;
}

/* ---- putting ---- */

static sluice_parcels *parcels_get(sluice_receiver *receiver)
{
    sluice_parcels *parcels = receiver->parcels_idle;
    if (!parcels)
        return malloc(sizeof(*parcels));
    receiver->parcels_idle = parcels->next;
    return parcels;
}

static void parcels_fill(sluice_receiver *receiver, sluice_parcels *parcels, size_t most)
{
    bool checked = receiver->mover->request->checksum != SLUICE_CHECKSUM_NONE;
    sluice_incoming *entry;
    for (parcels->count = 0; parcels->count < most && (entry = TAILQ_FIRST(&receiver->puts)); parcels->count++) {
        sluice_parcel *parcel = &parcels->items[parcels->count];
        TAILQ_REMOVE(&receiver->puts, entry, link);
        receiver->put_count--;
        entry->in_puts = false;
        entry->busy = true;
        parcel->user = entry;
        parcel->entry = &entry->entry;
        parcel->size = entry->size;
        parcel->checked = checked;
        parcel->block = NULL;
        if (entry->size) {
            parcel->block = entry->chunks[0].block;
            parcel->expected = entry->chunks[0].theirs;
            entry->chunks[0].block = NULL;
        }
    }
}

void sluice_parcels_put(sluice_receiver *receiver)
{
    unsigned threads = receiver->mover->setup.crew.threads;
    while (receiver->put_count && receiver->putting < threads) {
        /* All threads get some, and none is asked twice for what one call can do. */
        size_t share = (receiver->put_count - 1) / (threads - receiver->putting) + 1;
        sluice_parcels *parcels = parcels_get(receiver);
        if (!parcels) {
            sluice_incoming_out_of_memory(receiver);
            return;
        }
        parcels_fill(receiver, parcels, share < SLUICE_PARCELS_MOST ? share : SLUICE_PARCELS_MOST);
        receiver->putting++;
        sluice_mover_submit(receiver->mover, &parcels->work, sluice_parcels_run, put_done);
    }
}

static void put_add(sluice_receiver *receiver, sluice_incoming *entry)
{
    TAILQ_INSERT_TAIL(&receiver->puts, entry, link);
    receiver->put_count++;
    receiver->queued++;
    entry->in_puts = true;
}

/* Another writer has it just now. */
static bool put_again(sluice_receiver *receiver, sluice_incoming *entry, sluice_block *block)
{
    if (!sluice_receiver_patient(receiver, entry))
        return false;
    if (block)
        entry->chunks[0].block = block;
    TAILQ_INSERT_TAIL(&receiver->puts_later, entry, link);
    entry->in_puts = entry->put_later = true;
    return true;
}

void sluice_parcels_tick(sluice_receiver *receiver)
{
    sluice_incoming *entry;
    while ((entry = TAILQ_FIRST(&receiver->puts_later))) {
        TAILQ_REMOVE(&receiver->puts_later, entry, link);
        entry->put_later = false;
        TAILQ_INSERT_TAIL(&receiver->puts, entry, link);
        receiver->put_count++;
    }
}

static void parcel_take(sluice_receiver *receiver, const sluice_parcel *parcel)
{
    sluice_incoming *entry = parcel->user;
    bool running = sluice_mover_running(receiver->mover), alive = running && entry->state != IN_FAILED;
    entry->busy = false;
    if (alive && parcel->status == SLUICE_EBUSY && put_again(receiver, entry, parcel->block))
        return;
    receiver->queued--;
    sluice_incoming_block_drop(receiver, entry, parcel->block);
    if (!running)
        return;
    if (!alive) {
        sluice_incoming_failed_continue(receiver, entry);
    } else if (parcel->status) {
        sluice_incoming_fail(receiver, entry, parcel->status, parcel->error.text);
    } else if (parcel->differs) {
        entry->chunks[0].flags |= CHUNK_SETTLED | CHUNK_DIFFERS;
        entry->settled++;
        entry->differing++;
        sluice_assembly_differs(receiver, entry);
    } else {
        sluice_incoming_result_tell(receiver, entry, SLUICE_OK, "");
    }
}

static void put_done(sluice_work *work)
{
    sluice_receiver *receiver = work->mover->receiver;
    sluice_parcels *parcels = (sluice_parcels *)work;
    receiver->putting--;
    for (size_t i = 0; i < parcels->count; i++)
        parcel_take(receiver, &parcels->items[i]);
    parcels->next = receiver->parcels_idle;
    receiver->parcels_idle = parcels;
}

/* As many bytes as it has are there; they must be these very ones, for no others of the buffer were ever set. */
static bool is_gapless(const sluice_incoming *entry)
{
    const sluice_block *block = entry->size ? entry->chunks[0].block : NULL;
    return entry->size == 0 || (block && block->run_count == 1 && block->runs[0].from == 0 && block->runs[0].to == entry->size);
}

void sluice_parcels_conclude(sluice_receiver *receiver, sluice_incoming *entry)
{
    if (entry->state != IN_WANTED || !entry->ended || entry->busy || entry->in_puts ||
        (entry->size && !(entry->chunks[0].flags & CHUNK_COMPLETE)))
        return;
    if (!is_gapless(entry))
        sluice_incoming_fail_named(receiver, entry, SLUICE_EPROTOCOL, sluice_incoming_put_problem(SLUICE_EPROTOCOL));
    else if (sluice_assembly_file_digest_agrees(receiver, entry))
        put_add(receiver, entry);
    else
        sluice_incoming_fail_named(receiver, entry, SLUICE_EDIGEST, "the digest of the whole file differs");
}

void sluice_parcels_free(sluice_receiver *receiver)
{
    sluice_parcels *parcels;
    while ((parcels = receiver->parcels_idle)) {
        receiver->parcels_idle = parcels->next;
        free(parcels);
    }
}
