/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receiver.c - the receiving side of a transfer: what is wanted, where blocks go, when a file is whole.
 *
 * An entry's way: listed -> prepared -> (compared) -> wanted -> all bytes there -> digests agree -> committed.  One
 * batch of operations at a time is with the pool (`busy`); what comes meanwhile queues up behind it, in order.
 */
#include "session/incoming.h"

#include "session/catalogue.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int malformed(sluice_error *error, const char *what);

/* What an ordered object begins with is for control messages: at a gigabit per second it is full within milliseconds.
 * The one object of a sink in order may have all the memory there is for what was received; several at once may not. */
static void window_widen(sluice_receiver *receiver, sluice_object_id id)
{
    if (receiver->ordered && receiver->open_most == 1 && sluice_receiver_carrier(receiver)->widen)
        sluice_receiver_carrier(receiver)->widen(sluice_receiver_carrier_state(receiver), id,
                                                 receiver->mover->setup.receive_bytes);
}

int sluice_receiver_opened(sluice_receiver *receiver, sluice_object_id id, unsigned flags)
{
    sluice_incoming *entry = sluice_incoming_find(receiver, sluice_entry_of_object(id));
    if (!entry || entry->state != IN_WANTED || entry->attempt != sluice_attempt_of_object(id) ||
        !(flags & SLUICE_OBJECT_ORDERED) != !receiver->ordered)
        return SLUICE_ECANCELLED;
    if (entry->attempt == 0 && !entry->carried) /* each lane tells */
        sluice_incoming_file_told(receiver, entry, "start", SLUICE_OK, "");
    entry->carried = true;
    window_widen(receiver, id);
    return SLUICE_OK;
}

/* ---- preparing ---- */

static void skip_tell(sluice_receiver *receiver, sluice_incoming *entry, bool skipped)
{
    sluice_wire_writer *body = sluice_mover_message(receiver->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_wire_put_number(body, skipped);
    sluice_mover_send(receiver->mover, SLUICE_MESSAGE_SKIP);
    if (entry->entry.type == SLUICE_ENTRY_FILE) {
        if (entry->entry.size != SLUICE_UNKNOWN)
            sluice_mover_found(receiver->mover, entry->entry.size);
        sluice_incoming_file_told(receiver, entry, skipped ? "skipped" : "done", SLUICE_OK, "");
    }
    sluice_incoming_retire(receiver, entry);
}

/* How much of a partial file is worth looking at: whole chunks, or all of the file. */
static uint64_t have_of(const sluice_receiver *receiver, const sluice_incoming *entry, uint64_t have)
{
    if (receiver->mover->request->resume == SLUICE_RESUME_NONE || !receiver->readable || receiver->ordered ||
        entry->entry.size == SLUICE_UNKNOWN)
        return 0;
    return have >= entry->entry.size ? entry->entry.size : have - have % SLUICE_CHUNK_BYTES;
}

static void want_tell(sluice_receiver *receiver, sluice_incoming *entry, uint64_t have)
{
    sluice_resume resume = receiver->mover->request->resume;
    entry->state = IN_WANTED;
    entry->have = have_of(receiver, entry, have);
    entry->stride = resume == SLUICE_RESUME_FULL ? 1 : resume == SLUICE_RESUME_SPARSE ? RECEIVER_SAMPLE : 0;
    if (entry->have == 0)
        entry->stride = 0;
    int status = sluice_incoming_chunks_make(receiver, entry, sluice_incoming_chunks_of(entry->have));
    if (status) {
        sluice_incoming_fail_named(receiver, entry, status, sluice_incoming_put_problem(status));
        return;
    }
    sluice_wire_writer *body = sluice_mover_message(receiver->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_wire_put_number(body, receiver->ordered);
    sluice_wire_put_number(body, entry->have);
    sluice_wire_put_number(body, entry->stride);
    sluice_mover_send(receiver->mover, SLUICE_MESSAGE_WANT);
    if (entry->stride)
        sluice_assembly_held_continue(receiver, entry);
}

/* COMPARE when the digest of what lies there is known. */
static void checking_done(sluice_work *work)
{
    sluice_receiver *receiver = work->mover->receiver;
    sluice_checking *checking = (sluice_checking *)work;
    sluice_incoming *entry = checking->entry;
    entry->busy = false;
    entry->checking = NULL;
    if (entry->state == IN_FAILED && sluice_mover_running(work->mover)) {
        sluice_incoming_failed_continue(receiver, entry);
    } else if (sluice_mover_running(work->mover) && checking->status) {
        sluice_incoming_fail(receiver, entry, checking->status, checking->error.text);
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

static void check_submit(sluice_receiver *receiver, sluice_incoming *entry)
{
    entry->checking = calloc(1, sizeof(*entry->checking));
    if (!entry->checking) {
        sluice_incoming_out_of_memory(receiver);
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

/* The other writer may be a session whose end is not noticed yet, of a client that was killed and has come back: it is
 * worth some patience. */
bool sluice_receiver_patient(sluice_receiver *receiver, sluice_incoming *entry)
{
    sluice_time now = receiver->mover->now;
    if (!entry->busy_since)
        entry->busy_since = now ? now : 1;
    receiver->hindered_at = now ? now : 1;
    return now - entry->busy_since <= RECEIVER_PATIENCE_NS || now <= entry->busy_since;
}

static bool prepare_later(sluice_receiver *receiver, sluice_incoming *entry)
{
    if (!sluice_receiver_patient(receiver, entry))
        return false;
    entry->state = IN_LATER;
    TAILQ_INSERT_TAIL(&receiver->later, entry, link);
    return true;
}

/* What is waited for is tried again at each tick. */
bool sluice_receiver_hindered(const sluice_receiver *receiver)
{
    return receiver->hindered_at != 0 && receiver->mover->now - receiver->hindered_at < RECEIVER_HINDERED_NS;
}

sluice_time sluice_receiver_next_wake(const sluice_receiver *receiver)
{
    return receiver->parts_wait ? receiver->parts_due : SLUICE_NEVER;
}

void sluice_receiver_wake(sluice_receiver *receiver)
{
    sluice_time now = receiver->mover->now;
    if (receiver->parts_wait && receiver->parts_due == 0)
        receiver->parts_due = now + RECEIVER_PART_NS;
    else if (receiver->parts_wait && now >= receiver->parts_due)
        sluice_assembly_parts_write(receiver);
}

void sluice_receiver_tick(sluice_receiver *receiver)
{
    sluice_incoming *entry;
    while ((entry = TAILQ_FIRST(&receiver->later))) {
        TAILQ_REMOVE(&receiver->later, entry, link);
        entry->state = IN_QUEUED;
        TAILQ_INSERT_TAIL(&receiver->queue, entry, link);
    }
    sluice_parcels_tick(receiver);
}

/* Each chunk is passed once in all, however often it is asked. */
static uint64_t contiguous_of(sluice_incoming *entry)
{
    while (entry->gap_chunk < entry->chunk_count && entry->chunks[entry->gap_chunk].flags & CHUNK_COMPLETE)
        entry->gap_chunk++;
    uint64_t bytes = entry->gap_chunk * SLUICE_CHUNK_BYTES, size = entry->ended ? entry->size : entry->entry.size;
    return bytes < size ? bytes : size;
}

void sluice_receiver_progress(sluice_receiver *receiver)
{
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        for (sluice_roster_node *node = receiver->roster.buckets[i]; node; node = node->next) {
            sluice_incoming *entry = (sluice_incoming *)node;
            uint64_t size = entry->ended ? entry->size : entry->entry.size;
            if (entry->state != IN_WANTED || (!entry->carried && entry->resumed_bytes == 0))
                continue;
            sluice_cargo_item file = {.path = entry->entry.name,
                                      .state = "moving",
                                      .file_bytes = size != SLUICE_UNKNOWN ? size : 0,
                                      .resumed_bytes = entry->resumed_bytes,
                                      .moved_bytes = entry->moved_bytes,
                                      .contiguous_bytes = contiguous_of(entry),
                                      .message = ""};
            receiver->mover->setup.calls->item(receiver->mover->setup.user, &file);
        }
}

static void prepared_take(sluice_receiver *receiver, const sluice_prepared *prepared)
{
    sluice_incoming *entry = prepared->user;
    entry->busy = false;
    if (prepared->parcel) {
        entry->opened = false;
        receiver->open_count--;
    } else {
        sluice_parcels_forget(receiver, entry);
    }
    if (!prepared->status && !prepared->parcel && (prepared->verdict == SLUICE_SINK_WRITE || prepared->verdict == SLUICE_SINK_COMPARE))
        entry->object = prepared->object;
    if (!sluice_mover_running(receiver->mover))
        return;
    bool file = entry->entry.type == SLUICE_ENTRY_FILE;
    if (entry->state == IN_FAILED)
        sluice_incoming_failed_continue(receiver, entry);
    else if (prepared->status == SLUICE_EBUSY && prepare_later(receiver, entry))
        return;
    else if (prepared->status)
        sluice_incoming_fail(receiver, entry, prepared->status, prepared->error.text);
    else if (prepared->verdict == SLUICE_SINK_DONE || prepared->verdict == SLUICE_SINK_SKIP)
        skip_tell(receiver, entry, prepared->verdict == SLUICE_SINK_SKIP);
    else if (!file || (prepared->verdict == SLUICE_SINK_COMPARE &&
                       (entry->compared || !receiver->readable || entry->entry.size == SLUICE_UNKNOWN)))
        sluice_incoming_fail_named(receiver, entry, SLUICE_EPLUGIN, "the sink answered what cannot be done");
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
    sluice_incoming *entry;
    while (preparing->count < SLUICE_PREPARING_MOST && (entry = TAILQ_FIRST(&receiver->queue)) &&
           (entry->opened || receiver->open_count < receiver->open_most)) {
        TAILQ_REMOVE(&receiver->queue, entry, link);
        receiver->open_count += !entry->opened;
        entry->opened = entry->busy = true;
        entry->state = IN_PREPARING;
        sluice_prepared *prepared = &preparing->entries[preparing->count++];
        prepared->entry = &entry->entry;
        prepared->user = entry;
        prepared->compared = entry->compared;
        prepared->suits = sluice_parcels_room(receiver, entry);
        prepared->parcel = false;
        prepared->object = NULL;
        prepared->have = 0;
        if (prepared->suits)
            sluice_parcels_take(receiver, entry);
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
    sluice_incoming *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the list of files");
    entry->memory_bytes = sizeof(*entry) + sluice_wire_left(body);
    int status = sluice_catalogue_get_entry(body, &entry->entry, &entry->memory);
    if (status == SLUICE_EOUTSIDE) {
        sluice_fail(error, status, "%.800s: refused: the peer sent a name that does not lie below the destination",
                    entry->entry.name);
        free(entry->memory);
        free(entry);
        return status;
    }
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
    sluice_cargo_item file = {.path = path, .state = "failed", .status = status, .message = sentence};
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
        return type & 1 ? sluice_fail(error, SLUICE_EUNSUPPORTED,
                                      "the list of files has records of type %llu, which "
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
        status =
            sluice_wire_split(bytes->bytes + at, bytes->size - at, SLUICE_CATALOGUE_RECORD_MAX, &type, &body, &used);
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
        sluice_receiver_carrier(receiver)->consumed_ordered(sluice_receiver_carrier_state(receiver),
                                                            SLUICE_OBJECT_CATALOGUE, at);
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
            sluice_cargo_item file = {
                .path = fault->name, .state = "failed", .status = fault->status, .message = fault->sentence};
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
    mover->complete = true;
    sluice_mover_end(mover, SLUICE_OK, "");
}

void sluice_receiver_pump(sluice_receiver *receiver)
{
    if (receiver->mover->catalogue.size || receiver->mover->catalogue.failed)
        catalogue_take(receiver);
    if (!sluice_mover_running(receiver->mover))
        return;
    prepare_more(receiver);
    sluice_parcels_put(receiver);
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
static int range_take(sluice_receiver *receiver, sluice_incoming *entry, bool hole, sluice_wire_reader *body,
                      sluice_error *error)
{
    uint64_t from = sluice_wire_get_number(body), to = sluice_wire_get_number(body);
    if (body->bad || from >= to || entry->attempt || entry->ended || receiver->ordered || (!hole && to > entry->have))
        return malformed(error, hole ? "HOLE" : "HAVE");
    int status = entry->parcel ? sluice_parcels_unwrap(receiver, entry) : SLUICE_OK;
    if (!status)
        status = sluice_incoming_chunks_make(receiver, entry, sluice_incoming_chunks_of(to));
    if (!status && hole && !sluice_assembly_operation_add(receiver, entry, SLUICE_OPERATION_HOLE, 0, from, to))
        return SLUICE_OK;
    for (uint64_t at = from; at < to && !status;) {
        uint64_t index = at / SLUICE_CHUNK_BYTES, end = (index + 1) * SLUICE_CHUNK_BYTES;
        uint64_t bytes = (to < end ? to : end) - at;
        sluice_incoming_chunk *chunk = &entry->chunks[index];
        if (chunk->flags & CHUNK_COMPLETE || chunk->got + bytes > SLUICE_CHUNK_BYTES)
            return malformed(error, hole ? "HOLE" : "HAVE");
        chunk->got += (uint32_t)bytes;
        if (hole)
            chunk->hole += (uint32_t)bytes;
        else if (chunk->flags & CHUNK_HELD)
            chunk->flags |= CHUNK_MINE;
        status = sluice_assembly_chunk_check(receiver, entry, index);
        at += bytes;
    }
    if (status) {
        sluice_incoming_fail_named(receiver, entry, status, sluice_incoming_put_problem(status));
        return SLUICE_OK;
    }
    sluice_mover_found(receiver->mover, to - from);
    if (!hole)
        entry->resumed_bytes += to - from;
    sluice_assembly_writing_submit(receiver, entry);
    sluice_assembly_conclude(receiver, entry);
    return SLUICE_OK;
}

static int digests_take(sluice_receiver *receiver, sluice_incoming *entry, sluice_wire_reader *body,
                        sluice_error *error)
{
    size_t bytes = sluice_digest_bytes(receiver->mover->request->checksum);
    uint64_t attempt = sluice_wire_get_number(body), first = sluice_wire_get_number(body),
             count = sluice_wire_get_number(body);
    if (body->bad || bytes == 0 || attempt != entry->attempt || entry->ended || count == 0 ||
        count > SLUICE_MESSAGE_BODY_MAX || sluice_wire_left(body) / bytes < count)
        return malformed(error, "DIGESTS");
    int status = sluice_incoming_chunks_make(receiver, entry, first + count);
    if (status) {
        sluice_incoming_fail_named(receiver, entry, status, sluice_incoming_put_problem(status));
        return SLUICE_OK;
    }
    for (uint64_t i = first; i < first + count; i++) {
        sluice_incoming_chunk *chunk = &entry->chunks[i];
        if (chunk->flags & CHUNK_THEIRS || (entry->attempt && !(chunk->flags & CHUNK_EXPECTED)))
            return malformed(error, "DIGESTS");
        memcpy(chunk->theirs.bytes, sluice_wire_get_bytes(body, bytes), bytes);
        chunk->flags |= CHUNK_THEIRS;
        sluice_assembly_settle(receiver, entry, chunk);
    }
    sluice_assembly_conclude(receiver, entry);
    return SLUICE_OK;
}

static int end_take(sluice_receiver *receiver, sluice_incoming *entry, sluice_wire_reader *body, sluice_error *error)
{
    size_t bytes = sluice_digest_bytes(receiver->mover->request->checksum);
    uint64_t attempt = sluice_wire_get_number(body), size = sluice_wire_get_number(body);
    const uint8_t *digest = sluice_wire_get_bytes(body, bytes);
    if (!digest || attempt != entry->attempt || entry->ended || (attempt && size != entry->size))
        return malformed(error, "END");
    int status = entry->parcel && size > entry->entry.size ? sluice_parcels_unwrap(receiver, entry) : SLUICE_OK;
    if (!status)
        status = sluice_incoming_chunks_make(receiver, entry, sluice_incoming_chunks_of(size));
    for (uint64_t i = sluice_incoming_chunks_of(size); i < entry->chunk_count && !status; i++)
        if (entry->chunks[i].got || entry->chunks[i].flags & CHUNK_THEIRS)
            return malformed(error, "END");
    entry->ended = true;
    entry->size = size;
    memcpy(entry->digest.bytes, digest, bytes);
    if (!status && size)
        status = sluice_assembly_chunk_check(receiver, entry, sluice_incoming_chunks_of(size) - 1);
    if (status) {
        sluice_incoming_fail_named(receiver, entry, status, sluice_incoming_put_problem(status));
        return SLUICE_OK;
    }
    sluice_assembly_writing_submit(receiver, entry);
    sluice_assembly_conclude(receiver, entry);
    return SLUICE_OK;
}

static void same_done(sluice_work *work)
{
    sluice_incoming *entry = sluice_incoming_of_work(work);
    sluice_receiver *receiver = work->mover->receiver;
    entry->busy = false;
    entry->object = NULL;
    if (!sluice_mover_running(work->mover))
        return;
    if (entry->state == IN_FAILED) {
        sluice_incoming_failed_continue(receiver, entry);
    } else if (entry->answered_same) {
        skip_tell(receiver, entry, true);
    } else {
        entry->compared = true;
        entry->state = IN_QUEUED;
        TAILQ_INSERT_HEAD(&receiver->queue, entry, link);
    }
}

/* Same: the file stays.  Different: it is prepared again, to be written. */
static int answer_take(sluice_receiver *receiver, sluice_incoming *entry, sluice_wire_reader *body, sluice_error *error)
{
    entry->answered_same = sluice_wire_get_number(body) != 0;
    if (body->bad || entry->state != IN_COMPARED || entry->busy)
        return malformed(error, "ANSWER");
    sluice_incoming_abandon_submit(receiver, entry, true, same_done);
    return SLUICE_OK;
}

static int failed_take(sluice_receiver *receiver, sluice_incoming *entry, sluice_wire_reader *body, sluice_error *error)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    int status = sluice_message_get_status(body, sentence, sizeof(sentence));
    if (body->bad)
        return malformed(error, "FAILED");
    /* It is given up too late: it is just getting its name. */
    if (status == SLUICE_ECANCELLED && entry->busy && (entry->writing.commit || entry->parcel))
        return SLUICE_OK;
    sluice_incoming_fail(receiver, entry, status ? status : SLUICE_EFAILED, sentence);
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
    sluice_incoming *entry = sluice_incoming_find(receiver, index);
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
    TAILQ_INIT(&receiver->later);
    TAILQ_INIT(&receiver->puts);
    TAILQ_INIT(&receiver->puts_later);
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
            sluice_incoming_free(receiver, (sluice_incoming *)receiver->roster.buckets[i]);
    sluice_parcels_free(receiver);
    free(receiver);
}

static void sweeping_done(sluice_work *work)
{
    sluice_incoming *entry = sluice_incoming_of_work(work);
    entry->busy = false;
    entry->object = NULL;
}

bool sluice_receiver_swept(sluice_receiver *receiver)
{
    bool clean = true;
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        for (sluice_roster_node *node = receiver->roster.buckets[i]; node; node = node->next) {
            sluice_incoming *entry = (sluice_incoming *)node;
            clean = clean && !entry->object && !entry->busy;
            if (!entry->busy && entry->object)
                sluice_incoming_abandon_submit(receiver, entry, sluice_incoming_keep(receiver, entry), sweeping_done);
        }
    return clean;
}

bool sluice_receiver_busy(const sluice_receiver *receiver)
{
    uint64_t waiting = receiver->credit_held - receiver->filling_credit; /* the rest waits for its neighbours */
    return receiver->queued > 0 && waiting > receiver->mover->setup.receive_bytes / 2;
}
