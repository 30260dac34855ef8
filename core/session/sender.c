/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender.c - the sending side of a transfer: catalogue, read-ahead, what is kept until it is acknowledged.
 *
 * An entry's way: listed -> (compared) -> wanted -> read -> ended -> result.  One call of the source at a time per
 * entry (`busy`); entries that can be read now stand in `ready`, in the order they were wanted, and are read by as
 * many tasks as there are threads for.
 */
#include "session/outgoing.h"

#include "session/catalogue.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define GIVEN_UP "given up by its user"

/* ---- listing ---- */

static int entry_add(sluice_sender *sender, const sluice_listed *listed)
{
    sluice_outgoing *entry = calloc(1, sizeof(*entry));
    char *name = strdup(listed->name);
    if (!entry || !name) {
        free(entry);
        free(name);
        return SLUICE_ENOMEM;
    }
    entry->name = name;
    entry->type = listed->type;
    entry->operand = listed->operand;
    entry->listed_size = entry->size = listed->size;
    entry->node.index = sender->next_index++;
    sluice_roster_add(&sender->roster, &entry->node);
    sender->outstanding++;
    entry->awaited = listed->type == SLUICE_ENTRY_FILE;
    sender->awaited += entry->awaited;
    if (listed->type == SLUICE_ENTRY_FILE) {
        sender->mover->statistics.total_files++;
        if (listed->size != SLUICE_UNKNOWN)
            sender->mover->statistics.total_bytes += listed->size;
    }
    return SLUICE_OK;
}

static void catalogue_send(sluice_sender *sender)
{
    uint64_t from = sender->catalogue.to;
    const sluice_wire_writer *records = &sender->listing.records;
    int status =
        records->failed ? SLUICE_ENOMEM : sluice_outbox_append(&sender->catalogue, records->bytes, records->size);
    if (!status && records->size)
        status = sluice_sender_carrier(sender)->offer(sluice_sender_carrier_state(sender), SLUICE_OBJECT_CATALOGUE,
                                                      from, sender->catalogue.to);
    sluice_wire_clear(&sender->listing.records);
    sender->mover->dirty = true;
    if (status)
        sluice_outgoing_out_of_memory(sender);
}

/* Of a request that is open: everything so far is listed. */
static void catalogue_up_to_date(sluice_sender *sender)
{
    if (sender->catalogue_told)
        return;
    sender->catalogue_told = true;
    sender->mover->setup.calls->scanned(sender->mover->setup.user);
}

/* The last record, and the end of object 1. */
static void totals_tell(sluice_sender *sender)
{
    sluice_mover *mover = sender->mover;
    sender->totals_told = true;
    mover->statistics.scan_complete = true;
    sluice_catalogue_put_totals(&sender->listing.records, mover->statistics.total_files, mover->statistics.total_bytes);
    catalogue_send(sender);
    (void)sluice_sender_carrier(sender)->finish(sluice_sender_carrier_state(sender), SLUICE_OBJECT_CATALOGUE,
                                                sender->catalogue.to);
    mover->setup.calls->scanned(mover->setup.user);
}

static void listing_take(sluice_sender *sender)
{
    sluice_listed *listed;
    int status = SLUICE_OK;
    while ((listed = TAILQ_FIRST(&sender->listing.entries))) {
        TAILQ_REMOVE(&sender->listing.entries, listed, link);
        if (listed->status && sluice_mover_running(sender->mover)) {
            sluice_cargo_item file = {
                .path = listed->name, .state = "failed", .status = listed->status, .message = listed->sentence};
            sluice_mover_file_told(sender->mover, &file);
        } else if (!status && sluice_mover_running(sender->mover)) {
            status = entry_add(sender, listed);
        }
        sluice_listed_free(listed);
    }
    if (status)
        sluice_outgoing_out_of_memory(sender);
}

static void listing_done(sluice_work *work)
{
    sluice_sender *sender = work->mover->sender;
    sender->listing_busy = false;
    listing_take(sender);
    if (!sluice_mover_running(sender->mover))
        return;
    catalogue_send(sender);
    sender->listing_end = sender->listing.end;
    if (sender->listing.status)
        sluice_mover_fail(sender->mover, sender->listing.status, "%s", sender->listing.error.text);
}

/* What came to the request since the source was told last.  False: no memory. */
static bool adds_take(sluice_sender *sender)
{
    const sluice_request *request = sender->mover->request;
    sluice_listing *listing = &sender->listing;
    size_t count = request->operand_count - sender->added;
    free(listing->adds);
    listing->adds = NULL;
    listing->add_count = 0;
    if (count == 0)
        return true;
    listing->adds = malloc(count * sizeof *listing->adds);
    if (!listing->adds)
        return false;
    memcpy(listing->adds, request->operands + sender->added, count * sizeof *listing->adds);
    listing->add_count = count;
    sender->added += count;
    return true;
}

/* The listing runs elsewhere, and more may be given up meanwhile: it has a list of its own. */
static bool dropped_take(sluice_sender *sender)
{
    sluice_listing *listing = &sender->listing;
    if (listing->dropped_count == sender->dropped_count)
        return true;
    uint32_t *copy = reallocarray(listing->dropped, sender->dropped_count, sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, sender->dropped, sender->dropped_count * sizeof *copy);
    listing->dropped = copy;
    listing->dropped_count = sender->dropped_count;
    return true;
}

/* Nothing is to be listed now: that is the end, unless more may come. */
static void list_nothing(sluice_sender *sender)
{
    if (sender->mover->request->open)
        catalogue_up_to_date(sender);
    else if (!sender->totals_told)
        totals_tell(sender);
}

static void list_more(sluice_sender *sender)
{
    bool more = sender->mover->request->operand_count > sender->added;
    if (sender->listing_busy)
        return;
    if (sender->listing_end && !more) {
        list_nothing(sender);
        return;
    }
    if (sender->outstanding >= SLUICE_MOVER_WINDOW || sluice_outbox_kept(&sender->catalogue) > SENDER_CATALOGUE_MOST)
        return;
    if (!adds_take(sender) || !dropped_take(sender)) {
        sluice_outgoing_out_of_memory(sender);
        return;
    }
    uint64_t most = SLUICE_MOVER_WINDOW - sender->outstanding;
    sender->listing.most = most < SENDER_LIST_BATCH ? (size_t)most : SENDER_LIST_BATCH;
    if (sender->mover->store.source->capabilities & SLUICE_SOURCE_IN_TURN)
        sender->listing.most = 1;
    sender->listing_busy = true;
    sluice_mover_submit(sender->mover, &sender->listing.work, sluice_listing_run, listing_done);
}

/* FINISH does not wait for the results: the receiver does, and so a round trip is saved.  But it waits until nearly all
 * bytes have left, so that the counters that go with it are worth something. */
static void finish_maybe(sluice_sender *sender)
{
    sluice_mover *mover = sender->mover;
    if (mover->finish_sent || !sender->totals_told || sender->awaited > 0 || sender->owed_bytes > SENDER_FINISH_MOST)
        return;
    mover->finish_sent = true;
    sluice_mover_progress(mover);
    sluice_mover_message(mover);
    sluice_mover_send(mover, SLUICE_MESSAGE_FINISH);
}

void sluice_sender_pump(sluice_sender *sender)
{
    list_more(sender);
    sluice_outgoing *entry;
    sluice_intake_repeats_submit(sender);
    while (!sluice_mover_holds(sender->mover) && sender->readings < sender->readings_most &&
           (entry = TAILQ_FIRST(&sender->ready)) && sluice_intake_read_submit(sender, entry))
        continue;
    finish_maybe(sender);
}

/* What fetch had to refuse meanwhile is asked for again. */
void sluice_sender_resume(sluice_sender *sender)
{
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        for (sluice_roster_node *node = sender->roster.buckets[i]; node; node = node->next) {
            const sluice_outgoing *entry = (const sluice_outgoing *)node;
            if (entry->carrier_open)
                sluice_sender_carrier(sender)->ready(sluice_sender_carrier_state(sender), sluice_outgoing_object(entry));
        }
    sender->mover->dirty = true;
    sluice_sender_pump(sender);
}

/* ---- a request that is open ---- */

/* The receiver may have put it in place already: its RESULT says whether. */
static void ended_drop(sluice_sender *sender, const sluice_outgoing *entry)
{
    sluice_wire_writer *body = sluice_mover_message(sender->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_message_put_status(body, SLUICE_ECANCELLED, GIVEN_UP);
    sluice_mover_send(sender->mover, SLUICE_MESSAGE_FAILED);
}

/* What is under way of it is given up. */
static void entries_drop(sluice_sender *sender, uint32_t operand)
{
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        for (sluice_roster_node *node = sender->roster.buckets[i], *next; node; node = next) {
            sluice_outgoing *entry = (sluice_outgoing *)node;
            next = node->next;
            if (entry->operand != operand || entry->retired || entry->type != SLUICE_ENTRY_FILE)
                continue;
            if (entry->state == OUT_LISTED)
                entry->given_up = true;
            else if (entry->state == OUT_ENDED)
                ended_drop(sender, entry);
            else
                sluice_outgoing_fail(sender, entry, SLUICE_ECANCELLED, GIVEN_UP);
        }
}

static bool is_dropped(const sluice_sender *sender, uint32_t operand)
{
    for (size_t i = 0; i < sender->dropped_count; i++)
        if (sender->dropped[i] == operand)
            return true;
    return false;
}

static bool dropped_add(sluice_sender *sender, uint32_t operand)
{
    uint32_t *grown = reallocarray(sender->dropped, sender->dropped_count + 1, sizeof *grown);
    if (!grown)
        return false;
    sender->dropped = grown;
    sender->dropped[sender->dropped_count++] = operand;
    return true;
}

void sluice_sender_change(sluice_sender *sender, uint32_t drop)
{
    if (drop == UINT32_MAX)
        sender->catalogue_told = false;
    if (drop == UINT32_MAX || is_dropped(sender, drop))
        return;
    if (dropped_add(sender, drop))
        entries_drop(sender, drop);
    else
        sluice_outgoing_out_of_memory(sender);
}

/* Each chunk is passed once in all, however often it is asked. */
static uint64_t contiguous_of(sluice_outgoing *entry)
{
    uint64_t read = entry->state == OUT_ENDED ? entry->chunk_count : entry->next_chunk;
    while (entry->gap_chunk < read && entry->gap_chunk < entry->chunk_count &&
           entry->chunks[entry->gap_chunk].unacked == 0)
        entry->gap_chunk++;
    uint64_t bytes = entry->gap_chunk * SLUICE_CHUNK_BYTES;
    return bytes < entry->size ? bytes : entry->size;
}

void sluice_sender_progress(sluice_sender *sender)
{
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        for (sluice_roster_node *node = sender->roster.buckets[i]; node; node = node->next) {
            sluice_outgoing *entry = (sluice_outgoing *)node;
            bool moving = entry->started || entry->resumed_bytes > 0;
            if (!moving || entry->retired || entry->state == OUT_FAILED)
                continue;
            sluice_cargo_item file = {.path = entry->name,
                                      .state = "moving",
                                      .file_bytes = entry->size != SLUICE_UNKNOWN ? entry->size : 0,
                                      .resumed_bytes = entry->resumed_bytes,
                                      .moved_bytes = entry->moved_bytes,
                                      .contiguous_bytes = contiguous_of(entry),
                                      .message = ""};
            sender->mover->setup.calls->item(sender->mover->setup.user, &file);
        }
}

/* ---- messages ---- */

static int malformed(sluice_error *error, const char *what)
{
    return sluice_fail(error, SLUICE_EPROTOCOL, "the receiver sent a malformed %s", what);
}

static int want_take(sluice_sender *sender, sluice_outgoing *entry, sluice_wire_reader *body, sluice_error *error)
{
    uint64_t flags = sluice_wire_get_number(body), have = sluice_wire_get_number(body),
             stride = sluice_wire_get_number(body);
    bool known = entry->listed_size != SLUICE_UNKNOWN;
    if (body->bad || entry->state != OUT_LISTED || entry->busy || entry->type != SLUICE_ENTRY_FILE ||
        (stride > 1 && stride != SENDER_SAMPLE) || (have && (!known || have > entry->listed_size)) ||
        (have % SLUICE_CHUNK_BYTES && have != entry->listed_size))
        return malformed(error, "WANT");
    entry->state = OUT_WANTED;
    if (entry->given_up) {
        sluice_outgoing_fail(sender, entry, SLUICE_ECANCELLED, GIVEN_UP);
        return SLUICE_OK;
    }
    entry->ordered = flags & 1;
    entry->have_bytes = have;
    entry->have_chunks = sluice_outgoing_chunks_of(have);
    entry->stride = (unsigned)stride;
    if (sluice_intake_next_chunk(entry))
        sluice_outgoing_ready_add(sender, entry, false);
    return SLUICE_OK;
}

static int held_take(sluice_sender *sender, sluice_outgoing *entry, sluice_wire_reader *body, sluice_error *error)
{
    uint64_t first = sluice_wire_get_number(body), count = sluice_wire_get_number(body);
    size_t bytes = sluice_digest_seeded_bytes(sender->mover->request->checksum);
    uint64_t stride = entry->stride ? entry->stride : 1;
    if (entry->state == OUT_FAILED)
        return SLUICE_OK;
    if (body->bad || entry->attempt || entry->state != OUT_WANTED || first >= entry->have_chunks || count == 0 ||
        count > SLUICE_MESSAGE_BODY_MAX || (count - 1) * stride >= entry->have_chunks - first)
        return malformed(error, "HELD");
    if (sluice_outgoing_chunks_make(entry, entry->have_chunks)) {
        sluice_outgoing_out_of_memory(sender);
        return SLUICE_OK;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t chunk = first + i * stride;
        const uint8_t *digest = sluice_wire_get_bytes(body, bytes);
        if (!digest || chunk < entry->next_chunk || entry->chunks[chunk].flags & CHUNK_HELD)
            return malformed(error, "HELD");
        memcpy(entry->chunks[chunk].digest.bytes, digest, bytes);
        entry->chunks[chunk].flags |= CHUNK_HELD;
    }
    if (!entry->busy && sluice_intake_next_chunk(entry))
        sluice_outgoing_ready_add(sender, entry, true);
    return SLUICE_OK;
}

/* The chunks that differed are read once more, and sent as another object. */
static int again_take(sluice_sender *sender, sluice_outgoing *entry, sluice_wire_reader *body, sluice_error *error)
{
    uint64_t count = sluice_wire_get_number(body);
    if (entry->state == OUT_FAILED)
        return SLUICE_OK;
    if (body->bad || entry->state != OUT_ENDED || entry->attempt || count == 0 || count > SLUICE_MESSAGE_BODY_MAX)
        return malformed(error, "AGAIN");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = sluice_wire_get_number(body), length = sluice_wire_get_number(body);
        if (body->bad || length == 0 || first >= entry->chunk_count || length > entry->chunk_count - first)
            return malformed(error, "AGAIN");
        for (uint64_t chunk = first; chunk < first + length; chunk++)
            entry->chunks[chunk].flags |= CHUNK_AGAIN;
    }
    if (!sluice_sender_seekable(sender)) {
        char sentence[SLUICE_MESSAGE_SENTENCE_MAX];
        snprintf(sentence, sizeof(sentence), "%.800s: arrived damaged, and its source cannot be read again",
                 entry->name);
        sluice_outgoing_fail(sender, entry, SLUICE_EDIGEST, sentence);
        return SLUICE_OK;
    }
    sluice_outgoing_carrier_abort(sender, entry);
    entry->reread_count = entry->repeating ? 1 : 0;
    for (uint64_t i = 0; i < entry->chunk_count; i++) {
        sluice_outgoing_chunk_drop(sender, &entry->chunks[i]);
        entry->chunks[i].unacked = 0;
    }
    entry->attempt = 1;
    entry->next_chunk = 0;
    entry->digests_from = entry->digests_to = 0;
    entry->state = OUT_WANTED;
    (void)sluice_intake_next_chunk(entry);
    sluice_outgoing_ready_add(sender, entry, false);
    return SLUICE_OK;
}

/* A comparison under way: what the receiver says of the file that it has. */
struct compared {
    sluice_comparing comparing; /* first */
    sluice_outgoing *entry;
    uint64_t size;
    sluice_digest digest;
};

static void comparing_done(sluice_work *work)
{
    struct compared *compared = (struct compared *)work;
    const sluice_comparing *comparing = &compared->comparing;
    sluice_sender *sender = work->mover->sender;
    sluice_outgoing *entry = compared->entry;
    entry->busy = false;
    if (entry->retired || entry->state == OUT_FAILED || !sluice_mover_running(sender->mover)) {
        sluice_outgoing_release(sender, entry);
    } else if (comparing->status) {
        sluice_outgoing_fail(sender, entry, comparing->status, comparing->error.text);
    } else {
        bool same = compared->size == comparing->size && sluice_digest_equal(&compared->digest, &comparing->digest);
        sluice_wire_writer *body = sluice_mover_message(sender->mover);
        sluice_wire_put_number(body, entry->node.index);
        sluice_wire_put_number(body, same);
        sluice_mover_send(sender->mover, SLUICE_MESSAGE_ANSWER);
    }
    free(compared);
}

static int compare_take(sluice_sender *sender, sluice_outgoing *entry, sluice_wire_reader *body, sluice_error *error)
{
    size_t bytes = sluice_digest_seeded_bytes(sender->mover->request->checksum);
    uint64_t size = sluice_wire_get_number(body);
    const uint8_t *digest = sluice_wire_get_bytes(body, bytes);
    if (!digest || entry->state != OUT_LISTED || entry->busy || entry->type != SLUICE_ENTRY_FILE)
        return malformed(error, "COMPARE");
    if (entry->given_up) {
        sluice_outgoing_fail(sender, entry, SLUICE_ECANCELLED, GIVEN_UP);
        return SLUICE_OK;
    }
    if (!sluice_sender_seekable(sender)) {
        sluice_wire_writer *answer = sluice_mover_message(sender->mover);
        sluice_wire_put_number(answer, entry->node.index);
        sluice_wire_put_number(answer, 0);
        sluice_mover_send(sender->mover, SLUICE_MESSAGE_ANSWER);
        return SLUICE_OK;
    }
    struct compared *compared = calloc(1, sizeof(*compared));
    if (!compared) {
        sluice_outgoing_out_of_memory(sender);
        return SLUICE_OK;
    }
    compared->entry = entry;
    compared->size = size;
    memcpy(compared->digest.bytes, digest, bytes);
    compared->comparing.name = entry->name;
    compared->comparing.operand = entry->operand;
    entry->busy = true;
    sluice_mover_submit(sender->mover, &compared->comparing.work, sluice_comparing_run, comparing_done);
    return SLUICE_OK;
}

static int skip_take(sluice_sender *sender, sluice_outgoing *entry, sluice_wire_reader *body)
{
    bool skipped = sluice_wire_get_number(body) != 0;
    if (!entry->retired && entry->type == SLUICE_ENTRY_FILE && entry->state != OUT_FAILED) {
        if (entry->listed_size != SLUICE_UNKNOWN)
            sluice_mover_found(sender->mover, entry->listed_size);
        sluice_outgoing_file_told(sender, entry, skipped ? "skipped" : "done", SLUICE_OK, "");
    }
    sluice_outgoing_carrier_abort(sender, entry);
    sluice_outgoing_retire(sender, entry);
    return SLUICE_OK;
}

/* The result may overtake the last acknowledgements; what was sent again counts once. */
static void moved_settle(sluice_sender *sender, sluice_outgoing *entry)
{
    uint64_t counted = entry->moved_bytes + entry->resumed_bytes + entry->hole_bytes;
    if (entry->size == SLUICE_UNKNOWN || counted >= entry->size)
        return;
    entry->moved_bytes += entry->size - counted;
    sender->mover->statistics.moved_bytes += entry->size - counted;
}

static int result_take(sluice_sender *sender, sluice_outgoing *entry, sluice_wire_reader *body, sluice_error *error)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    int status = sluice_message_get_status(body, sentence, sizeof(sentence));
    if (body->bad || (status == SLUICE_OK && entry->state != OUT_ENDED && entry->state != OUT_FAILED))
        return malformed(error, "RESULT");
    if (status == SLUICE_OK && !entry->retired && entry->type == SLUICE_ENTRY_FILE)
        moved_settle(sender, entry);
    if (!entry->retired && entry->state != OUT_FAILED)
        sluice_outgoing_file_told(sender, entry, status ? "failed" : "done", status, sentence);
    if (status) {
        sluice_outgoing_carrier_abort(sender, entry);
        sluice_outgoing_buffers_drop(sender, entry);
    }
    sluice_outgoing_retire(sender, entry);
    return SLUICE_OK;
}

/* Something went wrong at the receiver after an entry had its result. */
static int fault_take(sluice_sender *sender, sluice_wire_reader *body, sluice_error *error)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    size_t length;
    const uint8_t *name = sluice_wire_get_string(body, &length);
    int status = sluice_message_get_status(body, sentence, sizeof(sentence)), text_status = SLUICE_OK;
    char *path = body->bad ? NULL : sluice_wire_text(name, length, &text_status);
    if (!path)
        return malformed(error, "FAULT");
    sluice_cargo_item file = {.path = path, .state = "failed", .status = status, .message = sentence};
    sluice_mover_file_told(sender->mover, &file);
    free(path);
    return SLUICE_OK;
}

int sluice_sender_message(sluice_sender *sender, uint64_t type, sluice_wire_reader *body, sluice_error *error)
{
    if (type == SLUICE_MESSAGE_FAULT)
        return fault_take(sender, body, error);
    if (type == SLUICE_MESSAGE_FINISHED) {
        if (!sender->mover->finish_sent || sender->outstanding > 0)
            return sluice_fail(error, SLUICE_EPROTOCOL, "the receiver finished before the sender did");
        sender->mover->complete = true;
        sluice_mover_end(sender->mover, SLUICE_OK, "");
        return SLUICE_OK;
    }
    uint64_t index = sluice_wire_get_number(body);
    if (body->bad || index >= sender->next_index)
        return malformed(error, "index");
    sluice_outgoing *entry = sluice_outgoing_find(sender, index);
    if (!entry || entry->retired)
        return SLUICE_OK;
    if (entry->state == OUT_FAILED && type != SLUICE_MESSAGE_RESULT && type != SLUICE_MESSAGE_SKIP)
        return SLUICE_OK;
    switch (type) {
    case SLUICE_MESSAGE_WANT:
        return want_take(sender, entry, body, error);
    case SLUICE_MESSAGE_HELD:
        return held_take(sender, entry, body, error);
    case SLUICE_MESSAGE_COMPARE:
        return compare_take(sender, entry, body, error);
    case SLUICE_MESSAGE_SKIP:
        return skip_take(sender, entry, body);
    case SLUICE_MESSAGE_AGAIN:
        return again_take(sender, entry, body, error);
    case SLUICE_MESSAGE_RESULT:
        return result_take(sender, entry, body, error);
    default:
        return sluice_fail(error, SLUICE_EPROTOCOL, "message %llu is not one that a receiver sends",
                           (unsigned long long)type);
    }
}

/* ---- the transport's callbacks ---- */

/* Of several lanes one may fetch behind another: what that misses here is owed until it is acknowledged. */
static void fetched_count(sluice_sender *sender, sluice_buffer *from, uint64_t offset, uint64_t bytes)
{
    sluice_outgoing_returned_release(sender, from);
    if (offset + bytes <= from->fetched)
        return;
    uint64_t fresh = from->fetched < offset ? bytes : offset + bytes - from->fetched;
    fresh = fresh < from->owed ? fresh : from->owed;
    from->owed -= fresh;
    sender->owed_bytes -= fresh;
    from->fetched = offset + bytes;
}

/* Bytes of one chunk into one buffer; 0: it is not in memory. */
static size_t chunk_fetch(sluice_sender *sender, const sluice_outgoing *entry, uint64_t offset, uint8_t *out,
                          size_t count)
{
    uint64_t index = offset / SLUICE_CHUNK_BYTES, at = offset % SLUICE_CHUNK_BYTES;
    sluice_buffer *from = index < entry->chunk_count ? entry->chunks[index].buffer : NULL;
    if (!from || at >= from->room)
        return 0;
    size_t bytes = count < from->room - at ? count : (size_t)(from->room - at);
    memcpy(out, from->bytes + at, bytes);
    fetched_count(sender, from, offset, bytes);
    sluice_outgoing_buffer_list(sender, from);
    return bytes;
}

static void reread_ask(sluice_sender *sender, sluice_outgoing *entry, uint64_t chunk)
{
    if (entry->retired || !sluice_sender_seekable(sender)) {
        sluice_outgoing_carrier_abort(sender, entry);
        sluice_outgoing_release(sender, entry);
        return;
    }
    for (unsigned i = 0; i < entry->reread_count; i++)
        if (entry->rereads[i] == chunk)
            return;
    if (chunk >= entry->chunk_count || entry->reread_count == SENDER_REREADS)
        return;
    entry->rereads[entry->reread_count++] = chunk;
    sluice_outgoing_ready_add(sender, entry, true);
    sluice_intake_repeats_submit(sender); /* no call from outside need follow before it is there */
}

size_t sluice_sender_fetch(sluice_sender *sender, sluice_object_id id, uint64_t offset, const struct iovec *buffers,
                           int count)
{
    size_t filled = 0;
    if (id == SLUICE_OBJECT_CATALOGUE)
        return sluice_outbox_fetch(&sender->catalogue, offset, buffers, count);
    sluice_outgoing *entry = sluice_outgoing_of_object(sender, id);
    if (!entry || sluice_mover_holds(sender->mover))
        return 0;
    for (int i = 0; i < count; i++) {
        uint8_t *out = buffers[i].iov_base;
        for (size_t done = 0; done < buffers[i].iov_len;) {
            size_t got = chunk_fetch(sender, entry, offset + filled, out + done, buffers[i].iov_len - done);
            if (got == 0) {
                if (filled == 0)
                    reread_ask(sender, entry, offset / SLUICE_CHUNK_BYTES);
                return filled;
            }
            done += got;
            filled += got;
        }
    }
    return filled;
}

/* What was lent counts as sent: it may be dropped when it is given back. */
const uint8_t *sluice_sender_borrow(sluice_sender *sender, sluice_object_id id, uint64_t offset, uint64_t *bytes,
                                    void **owner)
{
    sluice_outgoing *entry = sluice_outgoing_of_object(sender, id);
    uint64_t index = offset / SLUICE_CHUNK_BYTES, at = offset % SLUICE_CHUNK_BYTES;
    if (!entry || sluice_mover_holds(sender->mover))
        return NULL;
    sluice_buffer *from = index < entry->chunk_count ? entry->chunks[index].buffer : NULL;
    if (!from || at >= from->room) {
        reread_ask(sender, entry, index);
        return NULL;
    }
    sluice_outgoing_buffer_lend(sender, from);
    *bytes = MIN(*bytes, from->room - at);
    *owner = from;
    fetched_count(sender, from, offset, *bytes);
    return from->bytes + at;
}

void sluice_sender_give_back(sluice_sender *sender, void *owner)
{
    sluice_outgoing_buffer_return(sender, owner);
}

void sluice_sender_acked(sluice_sender *sender, sluice_object_id id, uint64_t from, uint64_t to)
{
    if (id == SLUICE_OBJECT_CATALOGUE) {
        (void)sluice_outbox_acked(&sender->catalogue, from, to);
        return;
    }
    sluice_outgoing *entry = sluice_outgoing_of_object(sender, id);
    while (entry && from < to) {
        uint64_t index = from / SLUICE_CHUNK_BYTES, end = (index + 1) * SLUICE_CHUNK_BYTES;
        uint64_t bytes = (to < end ? to : end) - from;
        if (index >= entry->chunk_count)
            return;
        sluice_outgoing_chunk *chunk = &entry->chunks[index];
        chunk->unacked -= bytes < chunk->unacked ? (uint32_t)bytes : chunk->unacked;
        if (!entry->retired && entry->attempt == 0) {
            entry->moved_bytes += bytes;
            sender->mover->statistics.moved_bytes += bytes;
        }
        if (chunk->unacked == 0 && chunk->buffer != entry->filling)
            sluice_outgoing_chunk_drop(sender, chunk);
        from += bytes;
    }
}

void sluice_sender_completed(sluice_sender *sender, sluice_object_id id)
{
    sluice_outgoing *entry = sluice_outgoing_of_object(sender, id);
    if (!entry)
        return;
    entry->carrier_open = false;
    sluice_outgoing_buffers_drop(sender, entry);
    sluice_outgoing_release(sender, entry);
}

void sluice_sender_stopped(sluice_sender *sender, sluice_object_id id)
{
    sluice_outgoing *entry = sluice_outgoing_of_object(sender, id);
    if (!entry || !entry->carrier_open)
        return;
    sluice_outgoing_carrier_abort(sender, entry);
    sluice_outgoing_ready_remove(sender, entry);
    sluice_outgoing_buffers_drop(sender, entry);
    entry->stopped = true;
    if (entry->state == OUT_WANTED)
        entry->state = OUT_ENDED;
    sluice_outgoing_told(sender, entry);
    sluice_outgoing_release(sender, entry);
}

/* ---- life ---- */

int sluice_sender_new(sluice_mover *mover, sluice_sender **out)
{
    sluice_sender *sender = calloc(1, sizeof(*sender));
    if (!sender)
        return SLUICE_ENOMEM;
    sender->mover = mover;
    sender->added = mover->request->operand_count;
    sender->readings_most = 2 * mover->setup.crew.threads + 2;
    if (!(mover->store.source->capabilities & SLUICE_SOURCE_PARALLEL))
        sender->readings_most = 1;
    TAILQ_INIT(&sender->ready);
    TAILQ_INIT(&sender->repeats);
    TAILQ_INIT(&sender->buffers);
    TAILQ_INIT(&sender->returned);
    TAILQ_INIT(&sender->spare);
    TAILQ_INIT(&sender->listing.entries);
    int status = sluice_sender_carrier(sender)->open(sluice_sender_carrier_state(sender), SLUICE_OBJECT_CATALOGUE,
                                                     SLUICE_OBJECT_ORDERED, 1);
    if (status) {
        free(sender);
        return status;
    }
    *out = sender;
    return SLUICE_OK;
}

void sluice_sender_free(sluice_sender *sender)
{
    if (!sender)
        return;
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        while (sender->roster.buckets[i])
            sluice_outgoing_free(sender, (sluice_outgoing *)sender->roster.buckets[i]);
    sluice_listed *listed;
    while ((listed = TAILQ_FIRST(&sender->listing.entries))) {
        TAILQ_REMOVE(&sender->listing.entries, listed, link);
        sluice_listed_free(listed);
    }
    sluice_wire_writer_fini(&sender->listing.records);
    free(sender->listing.adds);
    free(sender->listing.dropped);
    free(sender->dropped);
    sluice_outbox_fini(&sender->catalogue);
    sluice_outgoing_spare_free(sender);
    free(sender);
}

bool sluice_sender_swept(sluice_sender *sender)
{
    bool clean = true;
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        for (sluice_roster_node *node = sender->roster.buckets[i], *next; node; node = next) {
            sluice_outgoing *entry = (sluice_outgoing *)node;
            next = node->next;
            clean = clean && !entry->reading.object && !entry->busy;
            entry->retired = true;
            if (entry->reading.object)
                sluice_outgoing_release(sender, entry);
        }
    return clean;
}

bool sluice_sender_answered(const sluice_sender *sender)
{
    return sender->mover->finish_sent && sender->outstanding == 0;
}

bool sluice_sender_busy(const sluice_sender *sender)
{
    return sender->readings > 0 || sender->listing_busy;
}

/* The pump would have begun with it. */
bool sluice_sender_full(const sluice_sender *sender)
{
    return sender->readings == 0 && !(TAILQ_EMPTY(&sender->ready) && TAILQ_EMPTY(&sender->repeats));
}
