/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender.c - the sending side of a transfer: catalogue, read-ahead, what is kept until it is acknowledged.
 *
 * An entry's way: listed -> (compared) -> wanted -> read -> ended -> result.  One call of the source at a time per
 * entry (`busy`); entries that can be read now stand in `ready`, in the order they were wanted, and are read by as
 * many tasks as there are threads for.
 */
#include "session/catalogue.h"
#include "session/reader.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENDER_LIST_BATCH 64
#define SENDER_CATALOGUE_MOST (256u << 10) /* unacknowledged bytes of the catalogue */
#define SENDER_REREADS 4                   /* buffers that may be had above the budget to repeat what was lost */
#define SENDER_DIGESTS 64                  /* told at once */
#define SENDER_PRIORITY 3
#define SENDER_SAMPLE 16                   /* resume `sparse`: one chunk in so many */

enum { CHUNK_HELD = 1, CHUNK_AGAIN = 2 };

typedef struct buffer buffer;
typedef struct outgoing outgoing;

struct buffer {
    TAILQ_ENTRY(buffer) link;
    outgoing *entry;
    uint64_t chunk;
    size_t room;
    uint64_t high, fetched; /* offsets: end of what was offered, end of what was fetched; the same: it may go */
    bool listed;            /* in `buffers`: may be dropped and read again */
    uint8_t bytes[];
};

typedef struct chunk_out {
    sluice_digest digest; /* with CHUNK_HELD the receiver's seeded one, until the chunk is read; then its own */
    buffer *buffer;
    uint32_t unacked;
    uint8_t flags;
} chunk_out;

typedef enum outgoing_state { OUT_LISTED, OUT_WANTED, OUT_ENDED, OUT_FAILED } outgoing_state;

struct outgoing {
    sluice_roster_node node; /* first */
    TAILQ_ENTRY(outgoing) link;
    outgoing_state state;
    sluice_entry_type type;
    char *name;
    uint32_t operand;
    uint64_t listed_size, size;
    bool in_ready, busy, retired, opened, carrier_open, started;
    bool repeating;                    /* the reading under way repeats a chunk whose buffer was dropped */
    bool ordered, group_agreed;
    unsigned attempt;
    uint64_t next_chunk, have_bytes, have_chunks;
    unsigned stride;
    chunk_out *chunks;
    uint64_t chunk_count, chunk_capacity;
    uint64_t digests_from, digests_to; /* chunks whose digests are not told yet */
    sluice_message note;               /* HOLE or HAVE for [note_from, note_to), not told yet; 0: none */
    uint64_t note_from, note_to, resumed_bytes;
    uint64_t rereads[SENDER_REREADS];
    unsigned reread_count;
    size_t room_least;
    buffer *filling;                   /* of the reading that is under way, or a stream's chunk that is not full */
    sluice_digest digest;
    sluice_reading reading;
};

struct sluice_sender {
    sluice_mover *mover;
    sluice_roster roster;
    TAILQ_HEAD(, outgoing) ready;
    TAILQ_HEAD(, buffer) buffers; /* of seekable files of several chunks, oldest first */
    uint64_t buffer_bytes;
    unsigned readings, readings_most, rereading;
    uint64_t next_index, outstanding;
    sluice_outbox catalogue;
    sluice_listing listing;
    bool listing_busy, listing_end, totals_told;
    bool zero_known;
    sluice_digest zero;           /* of a whole chunk of zeroes */
};

static const sluice_transport_ops *carrier(const sluice_sender *sender)
{
    return sender->mover->setup.carrier.ops;
}

static void *carrier_state(const sluice_sender *sender)
{
    return sender->mover->setup.carrier.state;
}

static bool seekable(const sluice_sender *sender)
{
    return sender->mover->store.source->capabilities & SLUICE_SOURCE_SEEKABLE;
}

static sluice_object_id object_id(const outgoing *entry)
{
    return sluice_object_of_entry(entry->node.index, entry->attempt);
}

static void out_of_memory(sluice_sender *sender)
{
    sluice_mover_fail(sender->mover, SLUICE_ENOMEM, "out of memory while sending; try a smaller --memory");
}

/* ---- buffers ---- */

static void buffer_drop(sluice_sender *sender, buffer *old)
{
    if (!old)
        return;
    if (old->listed)
        TAILQ_REMOVE(&sender->buffers, old, link);
    sender->buffer_bytes -= old->room;
    free(old);
}

static void chunk_drop(sluice_sender *sender, chunk_out *chunk)
{
    buffer_drop(sender, chunk->buffer);
    chunk->buffer = NULL;
}

/* Gives up the oldest buffers that were sent once, until `need` fits into the budget. */
static bool room_make(sluice_sender *sender, size_t need)
{
    uint64_t budget = sender->mover->setup.memory_bytes;
    buffer *at = TAILQ_FIRST(&sender->buffers), *next;
    for (; at && sender->buffer_bytes + need > budget; at = next) {
        next = TAILQ_NEXT(at, link);
        if (at->fetched >= at->high)
            chunk_drop(sender, &at->entry->chunks[at->chunk]);
    }
    return sender->buffer_bytes + need <= budget;
}

static buffer *buffer_new(sluice_sender *sender, outgoing *entry, uint64_t chunk, size_t room)
{
    buffer *made = malloc(sizeof(*made) + room);
    if (!made) {
        out_of_memory(sender);
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

static outgoing *entry_find(const sluice_sender *sender, uint64_t index)
{
    return (outgoing *)sluice_roster_find(&sender->roster, index);
}

static outgoing *entry_of_object(const sluice_sender *sender, sluice_object_id id)
{
    outgoing *entry = id < 2 ? NULL : entry_find(sender, sluice_entry_of_object(id));
    return entry && entry->attempt == sluice_attempt_of_object(id) ? entry : NULL;
}

static void ready_add(sluice_sender *sender, outgoing *entry, bool first)
{
    if (entry->in_ready || entry->busy)
        return;
    entry->in_ready = true;
    if (first)
        TAILQ_INSERT_HEAD(&sender->ready, entry, link);
    else
        TAILQ_INSERT_TAIL(&sender->ready, entry, link);
}

static void ready_remove(sluice_sender *sender, outgoing *entry)
{
    if (entry->in_ready)
        TAILQ_REMOVE(&sender->ready, entry, link);
    entry->in_ready = false;
}

/* The buffer that a reading fills; of a stream it stands with its chunk as well. */
static void filling_drop(sluice_sender *sender, outgoing *entry)
{
    buffer *old = entry->filling;
    if (old && old->chunk < entry->chunk_count && entry->chunks[old->chunk].buffer == old)
        entry->chunks[old->chunk].buffer = NULL;
    buffer_drop(sender, old);
    entry->filling = NULL;
}

static void buffers_drop(sluice_sender *sender, outgoing *entry)
{
    if (!entry->busy)
        filling_drop(sender, entry);
    for (uint64_t i = 0; i < entry->chunk_count; i++)
        if (!entry->filling || entry->chunks[i].buffer != entry->filling)
            chunk_drop(sender, &entry->chunks[i]);
}

static void entry_free(sluice_sender *sender, outgoing *entry)
{
    ready_remove(sender, entry);
    buffers_drop(sender, entry);
    sluice_roster_remove(&sender->roster, &entry->node);
    free(entry->chunks);
    free(entry->name);
    free(entry);
}

static void closing_run(sluice_work *work)
{
    sluice_reading *reading = (sluice_reading *)work;
    work->mover->store.source->close(work->mover->store.state, reading->object);
    reading->object = NULL;
}

static void entry_release(sluice_sender *sender, outgoing *entry);

static outgoing *entry_of_work(sluice_work *work)
{
    return (outgoing *)((char *)work - offsetof(outgoing, reading) - offsetof(sluice_reading, work));
}

static void closing_done(sluice_work *work)
{
    outgoing *entry = entry_of_work(work);
    entry->busy = false;
    entry_release(work->mover->sender, entry);
}

/* Closes and forgets an entry that has its result, as soon as nothing needs it any more: what the peer has, but has
 * not acknowledged, may be asked for again. */
static void entry_release(sluice_sender *sender, outgoing *entry)
{
    if (!entry->retired || entry->busy)
        return;
    if (entry->reading.object) {
        entry->busy = true;
        sluice_mover_submit(sender->mover, &entry->reading.work, closing_run, closing_done);
    } else if (!entry->carrier_open) {
        entry_free(sender, entry);
    }
}

static void carrier_abort(sluice_sender *sender, outgoing *entry)
{
    if (entry->carrier_open)
        (void)carrier(sender)->abort(carrier_state(sender), object_id(entry), 0);
    entry->carrier_open = false;
    sender->mover->dirty = true;
}

static void entry_retire(sluice_sender *sender, outgoing *entry)
{
    if (entry->retired)
        return;
    entry->retired = true;
    sender->outstanding--;
    ready_remove(sender, entry);
    entry_release(sender, entry);
}

static void file_told(sluice_sender *sender, const outgoing *entry, const char *state, int status,
                      const char *sentence)
{
    char digest[SLUICE_DIGEST_TEXT] = "";
    if (strcmp(state, "done") == 0)
        sluice_digest_text(sender->mover->request->checksum, &entry->digest, digest);
    sluice_mover_file file = {.path = entry->name,
                              .state = state,
                              .file_bytes = entry->size != SLUICE_UNKNOWN ? entry->size : 0,
                              .resumed_bytes = entry->resumed_bytes,
                              .digest = digest[0] ? digest : NULL,
                              .status = status,
                              .message = sentence};
    sluice_mover_file_told(sender->mover, &file);
}

/* The entry cannot be sent: the receiver is told and answers with RESULT. */
static void entry_fail(sluice_sender *sender, outgoing *entry, int status, const char *sentence)
{
    if (entry->state == OUT_FAILED || entry->retired)
        return;
    entry->state = OUT_FAILED;
    ready_remove(sender, entry);
    carrier_abort(sender, entry);
    buffers_drop(sender, entry);
    sluice_wire_writer *body = sluice_mover_message(sender->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_message_put_status(body, status, sentence);
    sluice_mover_send(sender->mover, SLUICE_MESSAGE_FAILED);
    file_told(sender, entry, "failed", status, sentence);
}

/* ---- listing ---- */

static int entry_add(sluice_sender *sender, const sluice_listed *listed)
{
    outgoing *entry = calloc(1, sizeof(*entry));
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
    int status = records->failed ? SLUICE_ENOMEM
                                 : sluice_outbox_append(&sender->catalogue, records->bytes, records->size);
    if (!status && records->size)
        status = carrier(sender)->offer(carrier_state(sender), SLUICE_OBJECT_CATALOGUE, from, sender->catalogue.to);
    sluice_wire_clear(&sender->listing.records);
    sender->mover->dirty = true;
    if (status)
        out_of_memory(sender);
}

/* The last record, and the end of object 1. */
static void totals_tell(sluice_sender *sender)
{
    sluice_mover *mover = sender->mover;
    sender->totals_told = true;
    mover->statistics.scan_complete = true;
    sluice_catalogue_put_totals(&sender->listing.records, mover->statistics.total_files,
                                mover->statistics.total_bytes);
    catalogue_send(sender);
    (void)carrier(sender)->finish(carrier_state(sender), SLUICE_OBJECT_CATALOGUE, sender->catalogue.to);
    mover->setup.calls->scanned(mover->setup.user);
}

static void listing_take(sluice_sender *sender)
{
    sluice_listed *listed;
    int status = SLUICE_OK;
    while ((listed = TAILQ_FIRST(&sender->listing.entries))) {
        TAILQ_REMOVE(&sender->listing.entries, listed, link);
        if (listed->status && sluice_mover_running(sender->mover)) {
            sluice_mover_file file = {.path = listed->name, .state = "failed", .status = listed->status,
                                      .message = listed->sentence};
            sluice_mover_file_told(sender->mover, &file);
        } else if (!status && sluice_mover_running(sender->mover)) {
            status = entry_add(sender, listed);
        }
        sluice_listed_free(listed);
    }
    if (status)
        out_of_memory(sender);
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
    else if (sender->listing_end)
        totals_tell(sender);
}

static void list_more(sluice_sender *sender)
{
    if (sender->listing_busy || sender->listing_end || sender->outstanding >= SLUICE_MOVER_WINDOW ||
        sluice_outbox_kept(&sender->catalogue) > SENDER_CATALOGUE_MOST)
        return;
    uint64_t most = SLUICE_MOVER_WINDOW - sender->outstanding;
    sender->listing.most = most < SENDER_LIST_BATCH ? (size_t)most : SENDER_LIST_BATCH;
    sender->listing_busy = true;
    sluice_mover_submit(sender->mover, &sender->listing.work, sluice_listing_run, listing_done);
}

/* ---- notes and digests of an entry ---- */

static void note_tell(sluice_sender *sender, outgoing *entry)
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

static void note_add(sluice_sender *sender, outgoing *entry, sluice_message note, uint64_t from, uint64_t to)
{
    if (from >= to)
        return;
    if (entry->note != note || entry->note_to != from)
        note_tell(sender, entry);
    if (!entry->note)
        entry->note_from = from;
    entry->note = note;
    entry->note_to = to;
}

static void digests_tell(sluice_sender *sender, outgoing *entry)
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

static void digest_add(sluice_sender *sender, outgoing *entry, uint64_t chunk, const sluice_digest *digest)
{
    entry->chunks[chunk].digest = *digest;
    entry->chunks[chunk].flags = 0;
    if (entry->digests_to != chunk || entry->digests_to - entry->digests_from >= SENDER_DIGESTS) {
        digests_tell(sender, entry);
        entry->digests_from = chunk;
    }
    entry->digests_to = chunk + 1;
}

static int chunks_make(outgoing *entry, uint64_t count)
{
    if (count <= entry->chunk_count)
        return SLUICE_OK;
    if (count > entry->chunk_capacity) {
        uint64_t capacity = entry->size != SLUICE_UNKNOWN || count < 2 ? count : count * 2;
        chunk_out *grown = reallocarray(entry->chunks, capacity, sizeof(*grown));
        if (!grown)
            return SLUICE_ENOMEM;
        entry->chunks = grown;
        entry->chunk_capacity = capacity;
    }
    memset(entry->chunks + entry->chunk_count, 0, (count - entry->chunk_count) * sizeof(*entry->chunks));
    entry->chunk_count = count;
    return SLUICE_OK;
}

static uint64_t chunks_of(uint64_t size)
{
    return size / SLUICE_CHUNK_BYTES + (size % SLUICE_CHUNK_BYTES != 0);
}

/* ---- reading ---- */

static bool digest_expected(const outgoing *entry, uint64_t chunk)
{
    return chunk < entry->have_chunks && entry->stride &&
           (chunk % entry->stride == 0 || chunk + 1 == entry->have_chunks);
}

/* The next chunk that is to be read; false: none, or it waits for the receiver's digest. */
static bool next_chunk(outgoing *entry)
{
    if (entry->state != OUT_WANTED)
        return false;
    if (entry->attempt) {
        while (entry->next_chunk < entry->chunk_count && !(entry->chunks[entry->next_chunk].flags & CHUNK_AGAIN))
            entry->next_chunk++;
        return true;
    }
    return !digest_expected(entry, entry->next_chunk) || (entry->next_chunk < entry->chunk_count &&
                                                          entry->chunks[entry->next_chunk].flags & CHUNK_HELD);
}

static bool all_read(const outgoing *entry)
{
    if (!entry->opened || entry->size == SLUICE_UNKNOWN || (entry->filling && !entry->busy))
        return false;
    return entry->next_chunk >= chunks_of(entry->size) && (entry->size || entry->next_chunk);
}

static void reading_done(sluice_work *work);
static void end_tell(sluice_sender *sender, outgoing *entry);

static size_t room_of_chunk(const outgoing *entry, uint64_t chunk)
{
    uint64_t size = entry->opened ? entry->size : entry->listed_size, from = chunk * SLUICE_CHUNK_BYTES;
    uint64_t room = size == SLUICE_UNKNOWN || size > from + SLUICE_CHUNK_BYTES ? SLUICE_CHUNK_BYTES
                    : size > from                                              ? size - from
                                                                               : 1;
    return room < entry->room_least ? entry->room_least : (size_t)room;
}

/* Submits one read of an entry; false: no memory within the budget now. */
static bool read_submit(sluice_sender *sender, outgoing *entry)
{
    bool again = entry->reread_count > 0;
    uint64_t chunk = again ? entry->rereads[0] : entry->next_chunk;
    sluice_reading *reading = &entry->reading;
    if (again || !entry->filling) {
        size_t room = room_of_chunk(entry, chunk);
        if (!room_make(sender, room) && !(again && sender->rereading < SENDER_REREADS) && sender->buffer_bytes > 0)
            return false;
        entry->filling = buffer_new(sender, entry, chunk, room);
        if (!entry->filling)
            return false;
        reading->filled = 0;
    }
    ready_remove(sender, entry);
    entry->repeating = again;
    if (again)
        sender->rereading++;
    reading->name = entry->name;
    reading->operand = entry->operand;
    reading->open = reading->object == NULL;
    reading->close_after = seekable(sender) && entry->listed_size <= SLUICE_CHUNK_BYTES;
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

/* Offers [from, to) of the current attempt. */
static int run_offer(sluice_sender *sender, outgoing *entry, uint64_t from, uint64_t to)
{
    int status = SLUICE_OK;
    if (!entry->carrier_open) {
        status = carrier(sender)->open(carrier_state(sender), object_id(entry),
                                       entry->ordered ? SLUICE_OBJECT_ORDERED : 0, SENDER_PRIORITY);
        entry->carrier_open = status == SLUICE_OK;
    }
    if (!entry->started)
        file_told(sender, entry, "start", SLUICE_OK, "");
    entry->started = true;
    sender->mover->dirty = true;
    return status ? status : carrier(sender)->offer(carrier_state(sender), object_id(entry), from, to);
}

/* Does the receiver hold this chunk already?  What it has not sampled is trusted if its group's sample agreed. */
static bool chunk_held(sluice_sender *sender, outgoing *entry, const sluice_reading *reading)
{
    uint64_t from = reading->chunk * SLUICE_CHUNK_BYTES;
    if (entry->attempt || reading->chunk >= entry->have_chunks || from + reading->filled > entry->have_bytes)
        return false;
    if (!entry->stride)
        return true;
    if (!digest_expected(entry, reading->chunk))
        return entry->group_agreed;
    const chunk_out *chunk = &entry->chunks[reading->chunk];
    size_t bytes = sluice_digest_seeded_bytes(sender->mover->request->checksum);
    bool same = memcmp(chunk->digest.bytes, reading->checked.bytes, bytes) == 0;
    if (reading->chunk % entry->stride == 0)
        entry->group_agreed = same;
    return same;
}

/* A row of chunks that are nothing but hole. */
static int holes_take(sluice_sender *sender, outgoing *entry, const sluice_reading *reading)
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
        digest_add(sender, entry, i, &sender->zero);
    note_add(sender, entry, SLUICE_MESSAGE_HOLE, reading->chunk * SLUICE_CHUNK_BYTES, to * SLUICE_CHUNK_BYTES);
    entry->next_chunk = to;
    filling_drop(sender, entry);
    return SLUICE_OK;
}

/* Offers the data of a chunk and notes its holes; the buffer stays with the chunk. */
static int chunk_offer(sluice_sender *sender, outgoing *entry, const sluice_reading *reading)
{
    chunk_out *chunk = &entry->chunks[reading->chunk];
    uint64_t at = reading->chunk * SLUICE_CHUNK_BYTES, to = at + reading->filled;
    bool stream = entry->filling->high > 0 || entry->size == SLUICE_UNKNOWN;
    if (stream && reading->run_count)
        at = reading->runs[0].from;
    int status = SLUICE_OK;
    for (size_t i = 0; i < reading->run_count && !status; i++) {
        const sluice_reader_run *run = &reading->runs[i];
        note_add(sender, entry, SLUICE_MESSAGE_HOLE, at, run->from);
        status = run->from < run->to ? run_offer(sender, entry, run->from, run->to) : SLUICE_OK;
        chunk->unacked += (uint32_t)(run->to - run->from);
        entry->filling->high = run->to;
        at = run->to;
    }
    if (!stream)
        note_add(sender, entry, SLUICE_MESSAGE_HOLE, at, to);
    chunk->buffer = entry->filling;
    return status;
}

/* The chunk's reading is over: its buffer is the chunk's alone, and may be dropped again if it can be read again. */
static void chunk_settle(sluice_sender *sender, outgoing *entry, chunk_out *chunk)
{
    buffer *kept = entry->filling;
    entry->filling = NULL;
    entry->next_chunk++;
    chunk->buffer = kept;
    if (chunk->unacked == 0) {
        chunk_drop(sender, chunk);
    } else if (seekable(sender) && !entry->reading.close_after) {
        kept->listed = true;
        TAILQ_INSERT_TAIL(&sender->buffers, kept, link);
    }
}

static int chunk_take(sluice_sender *sender, outgoing *entry)
{
    const sluice_reading *reading = &entry->reading;
    entry->size = reading->size;
    entry->opened = true;
    uint64_t count = reading->chunk + (reading->hole_chunks ? reading->hole_chunks : 1);
    if (entry->size != SLUICE_UNKNOWN && chunks_of(entry->size) > count)
        count = chunks_of(entry->size);
    int status = chunks_make(entry, count);
    if (status)
        return status;
    if (reading->hole_chunks > 1)
        return holes_take(sender, entry, reading);
    chunk_out *chunk = &entry->chunks[reading->chunk];
    bool whole = reading->filled == SLUICE_CHUNK_BYTES || entry->size != SLUICE_UNKNOWN;
    uint64_t from = reading->chunk * SLUICE_CHUNK_BYTES;
    if (whole && reading->filled && chunk_held(sender, entry, reading)) {
        note_add(sender, entry, SLUICE_MESSAGE_HAVE, from, from + reading->filled);
        entry->resumed_bytes += reading->filled;
        sender->mover->statistics.moved_bytes += reading->filled;
    } else {
        status = chunk_offer(sender, entry, reading);
    }
    if (whole && reading->filled)
        digest_add(sender, entry, reading->chunk, &reading->plain);
    if (whole)
        chunk_settle(sender, entry, chunk);
    return status;
}

/* A chunk that was dropped is back, for bytes that were lost. */
static void reread_take(sluice_sender *sender, outgoing *entry)
{
    chunk_out *chunk = &entry->chunks[entry->reading.chunk];
    buffer *back = entry->filling;
    entry->filling = NULL;
    if (chunk->buffer || chunk->unacked == 0) {
        buffer_drop(sender, back);
    } else {
        back->high = UINT64_MAX; /* until it is fetched */
        back->listed = true;
        chunk->buffer = back;
        TAILQ_INSERT_TAIL(&sender->buffers, back, link);
    }
    if (entry->carrier_open)
        carrier(sender)->ready(carrier_state(sender), object_id(entry));
    sender->mover->dirty = true;
}

static void ready_again(sluice_sender *sender, outgoing *entry)
{
    if (entry->retired || entry->state == OUT_FAILED)
        return;
    if (entry->reread_count || (entry->state == OUT_WANTED && !all_read(entry) && next_chunk(entry)))
        ready_add(sender, entry, true);
}

static void changed_fail(sluice_sender *sender, outgoing *entry)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX];
    snprintf(sentence, sizeof(sentence), "%.800s: changed while it was read; copy it again when nobody writes to it",
             entry->name);
    entry_fail(sender, entry, SLUICE_ECHANGED, sentence);
}

static void reading_done(sluice_work *work)
{
    sluice_sender *sender = work->mover->sender;
    outgoing *entry = entry_of_work(work);
    sluice_reading *reading = &entry->reading;
    bool again = entry->repeating;
    entry->busy = entry->repeating = false;
    sender->readings--;
    if (again) {
        sender->rereading--;
        entry->reread_count--;
        memmove(entry->rereads, entry->rereads + 1, entry->reread_count * sizeof(entry->rereads[0]));
    }
    bool gone = entry->retired || entry->state == OUT_FAILED || !sluice_mover_running(sender->mover);
    if (gone || reading->status)
        filling_drop(sender, entry);
    if (gone) {
        entry_release(sender, entry);
        return;
    }
    if (reading->status == SLUICE_EAGAIN) {
        entry->room_least = SLUICE_CHUNK_BYTES;
    } else if (reading->status) {
        entry_fail(sender, entry, reading->status, reading->error.text);
        return;
    } else if (entry->attempt && !again && reading->size != entry->size) {
        filling_drop(sender, entry);
        changed_fail(sender, entry);
        return;
    } else if (again) {
        reread_take(sender, entry);
    } else if (chunk_take(sender, entry)) {
        out_of_memory(sender);
        return;
    }
    if (entry->attempt)
        (void)next_chunk(entry);
    if (entry->state == OUT_WANTED && !again && all_read(entry))
        end_tell(sender, entry);
    ready_again(sender, entry);
}

/* Everything of this attempt is read: the receiver learns the size and what it must add up to. */
static void end_tell(sluice_sender *sender, outgoing *entry)
{
    sluice_checksum algorithm = sender->mover->request->checksum;
    entry->state = OUT_ENDED;
    note_tell(sender, entry);
    digests_tell(sender, entry);
    if (sluice_digest_file(algorithm, entry->size, entry->chunks ? &entry->chunks[0].digest : NULL,
                           chunks_of(entry->size), sizeof(*entry->chunks), &entry->digest)) {
        out_of_memory(sender);
        return;
    }
    if (entry->carrier_open)
        (void)carrier(sender)->finish(carrier_state(sender), object_id(entry), entry->size);
    sluice_wire_writer *body = sluice_mover_message(sender->mover);
    sluice_wire_put_number(body, entry->node.index);
    sluice_wire_put_number(body, entry->attempt);
    sluice_wire_put_number(body, entry->size);
    sluice_wire_put_bytes(body, entry->digest.bytes, sluice_digest_bytes(algorithm));
    sluice_mover_send(sender->mover, SLUICE_MESSAGE_END);
}

static void finish_maybe(sluice_sender *sender)
{
    sluice_mover *mover = sender->mover;
    if (mover->finish_sent || !sender->totals_told || sender->outstanding > 0)
        return;
    mover->finish_sent = true;
    sluice_mover_progress(mover);
    sluice_mover_message(mover);
    sluice_mover_send(mover, SLUICE_MESSAGE_FINISH);
}

void sluice_sender_pump(sluice_sender *sender)
{
    list_more(sender);
    outgoing *entry;
    while (!sender->mover->paused && sender->readings < sender->readings_most &&
           (entry = TAILQ_FIRST(&sender->ready)))
        if (!read_submit(sender, entry))
            break;
    finish_maybe(sender);
}

/* ---- messages ---- */

static int malformed(sluice_error *error, const char *what)
{
    return sluice_fail(error, SLUICE_EPROTOCOL, "the receiver sent a malformed %s", what);
}

static int want_take(sluice_sender *sender, outgoing *entry, sluice_wire_reader *body, sluice_error *error)
{
    uint64_t flags = sluice_wire_get_number(body), have = sluice_wire_get_number(body),
             stride = sluice_wire_get_number(body);
    bool known = entry->listed_size != SLUICE_UNKNOWN;
    if (body->bad || entry->state != OUT_LISTED || entry->busy || entry->type != SLUICE_ENTRY_FILE ||
        (stride > 1 && stride != SENDER_SAMPLE) || (have && (!known || have > entry->listed_size)) ||
        (have % SLUICE_CHUNK_BYTES && have != entry->listed_size))
        return malformed(error, "WANT");
    entry->state = OUT_WANTED;
    entry->ordered = flags & 1;
    entry->have_bytes = have;
    entry->have_chunks = chunks_of(have);
    entry->stride = (unsigned)stride;
    if (next_chunk(entry))
        ready_add(sender, entry, false);
    return SLUICE_OK;
}

static int held_take(sluice_sender *sender, outgoing *entry, sluice_wire_reader *body, sluice_error *error)
{
    uint64_t first = sluice_wire_get_number(body), count = sluice_wire_get_number(body);
    size_t bytes = sluice_digest_seeded_bytes(sender->mover->request->checksum);
    uint64_t stride = entry->stride ? entry->stride : 1;
    if (entry->state == OUT_FAILED)
        return SLUICE_OK;
    if (body->bad || entry->attempt || entry->state != OUT_WANTED || first >= entry->have_chunks || count == 0 ||
        count > SLUICE_MESSAGE_BODY_MAX || (count - 1) * stride >= entry->have_chunks - first)
        return malformed(error, "HELD");
    if (chunks_make(entry, entry->have_chunks)) {
        out_of_memory(sender);
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
    if (!entry->busy && next_chunk(entry))
        ready_add(sender, entry, true);
    return SLUICE_OK;
}

/* The chunks that differed are read once more, and sent as another object. */
static int again_take(sluice_sender *sender, outgoing *entry, sluice_wire_reader *body, sluice_error *error)
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
    if (!seekable(sender)) {
        char sentence[SLUICE_MESSAGE_SENTENCE_MAX];
        snprintf(sentence, sizeof(sentence), "%.800s: arrived damaged, and its source cannot be read again",
                 entry->name);
        entry_fail(sender, entry, SLUICE_EDIGEST, sentence);
        return SLUICE_OK;
    }
    carrier_abort(sender, entry);
    entry->reread_count = entry->repeating ? 1 : 0;
    for (uint64_t i = 0; i < entry->chunk_count; i++) {
        chunk_drop(sender, &entry->chunks[i]);
        entry->chunks[i].unacked = 0;
    }
    entry->attempt = 1;
    entry->next_chunk = 0;
    entry->digests_from = entry->digests_to = 0;
    entry->state = OUT_WANTED;
    (void)next_chunk(entry);
    ready_add(sender, entry, false);
    return SLUICE_OK;
}

/* A comparison under way: what the receiver says of the file that it has. */
struct compared {
    sluice_comparing comparing; /* first */
    outgoing *entry;
    uint64_t size;
    sluice_digest digest;
};

static void comparing_done(sluice_work *work)
{
    struct compared *compared = (struct compared *)work;
    const sluice_comparing *comparing = &compared->comparing;
    sluice_sender *sender = work->mover->sender;
    outgoing *entry = compared->entry;
    entry->busy = false;
    if (entry->retired || entry->state == OUT_FAILED || !sluice_mover_running(sender->mover)) {
        entry_release(sender, entry);
    } else if (comparing->status) {
        entry_fail(sender, entry, comparing->status, comparing->error.text);
    } else {
        bool same = compared->size == comparing->size && sluice_digest_equal(&compared->digest, &comparing->digest);
        sluice_wire_writer *body = sluice_mover_message(sender->mover);
        sluice_wire_put_number(body, entry->node.index);
        sluice_wire_put_number(body, same);
        sluice_mover_send(sender->mover, SLUICE_MESSAGE_ANSWER);
    }
    free(compared);
}

static int compare_take(sluice_sender *sender, outgoing *entry, sluice_wire_reader *body, sluice_error *error)
{
    size_t bytes = sluice_digest_seeded_bytes(sender->mover->request->checksum);
    uint64_t size = sluice_wire_get_number(body);
    const uint8_t *digest = sluice_wire_get_bytes(body, bytes);
    if (!digest || entry->state != OUT_LISTED || entry->busy || entry->type != SLUICE_ENTRY_FILE)
        return malformed(error, "COMPARE");
    if (!seekable(sender)) {
        sluice_wire_writer *answer = sluice_mover_message(sender->mover);
        sluice_wire_put_number(answer, entry->node.index);
        sluice_wire_put_number(answer, 0);
        sluice_mover_send(sender->mover, SLUICE_MESSAGE_ANSWER);
        return SLUICE_OK;
    }
    struct compared *compared = calloc(1, sizeof(*compared));
    if (!compared) {
        out_of_memory(sender);
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

static int skip_take(sluice_sender *sender, outgoing *entry, sluice_wire_reader *body)
{
    bool skipped = sluice_wire_get_number(body) != 0;
    if (!entry->retired && entry->type == SLUICE_ENTRY_FILE && entry->state != OUT_FAILED) {
        file_told(sender, entry, skipped ? "skipped" : "done", SLUICE_OK, "");
        if (entry->listed_size != SLUICE_UNKNOWN)
            sender->mover->statistics.moved_bytes += entry->listed_size;
    }
    carrier_abort(sender, entry);
    entry_retire(sender, entry);
    return SLUICE_OK;
}

static int result_take(sluice_sender *sender, outgoing *entry, sluice_wire_reader *body, sluice_error *error)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    int status = sluice_message_get_status(body, sentence, sizeof(sentence));
    if (body->bad || (status == SLUICE_OK && entry->state != OUT_ENDED && entry->state != OUT_FAILED))
        return malformed(error, "RESULT");
    if (!entry->retired && entry->state != OUT_FAILED)
        file_told(sender, entry, status ? "failed" : "done", status, sentence);
    if (status) {
        carrier_abort(sender, entry);
        buffers_drop(sender, entry);
    }
    entry_retire(sender, entry);
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
    sluice_mover_file file = {.path = path, .state = "failed", .status = status, .message = sentence};
    sluice_mover_file_told(sender->mover, &file);
    free(path);
    return SLUICE_OK;
}

int sluice_sender_message(sluice_sender *sender, uint64_t type, sluice_wire_reader *body, sluice_error *error)
{
    if (type == SLUICE_MESSAGE_FAULT)
        return fault_take(sender, body, error);
    if (type == SLUICE_MESSAGE_FINISHED) {
        if (!sender->mover->finish_sent)
            return sluice_fail(error, SLUICE_EPROTOCOL, "the receiver finished before the sender did");
        sluice_mover_end(sender->mover, SLUICE_OK, "");
        return SLUICE_OK;
    }
    uint64_t index = sluice_wire_get_number(body);
    if (body->bad || index >= sender->next_index)
        return malformed(error, "index");
    outgoing *entry = entry_find(sender, index);
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

/* Bytes of one chunk into one buffer; 0: it is not in memory. */
static size_t chunk_fetch(outgoing *entry, uint64_t offset, uint8_t *out, size_t count)
{
    uint64_t index = offset / SLUICE_CHUNK_BYTES, at = offset % SLUICE_CHUNK_BYTES;
    buffer *from = index < entry->chunk_count ? entry->chunks[index].buffer : NULL;
    if (!from || at >= from->room)
        return 0;
    size_t bytes = count < from->room - at ? count : (size_t)(from->room - at);
    memcpy(out, from->bytes + at, bytes);
    if (from->high == UINT64_MAX)
        from->high = 0;
    if (offset + bytes > from->fetched)
        from->fetched = offset + bytes;
    return bytes;
}

static void reread_ask(sluice_sender *sender, outgoing *entry, uint64_t chunk)
{
    if (entry->retired || !seekable(sender)) {
        carrier_abort(sender, entry);
        entry_release(sender, entry);
        return;
    }
    for (unsigned i = 0; i < entry->reread_count; i++)
        if (entry->rereads[i] == chunk)
            return;
    if (chunk >= entry->chunk_count || entry->reread_count == SENDER_REREADS)
        return;
    entry->rereads[entry->reread_count++] = chunk;
    ready_add(sender, entry, true);
}

size_t sluice_sender_fetch(sluice_sender *sender, sluice_object_id id, uint64_t offset, const struct iovec *buffers,
                           int count)
{
    size_t filled = 0;
    if (id == SLUICE_OBJECT_CATALOGUE)
        return sluice_outbox_fetch(&sender->catalogue, offset, buffers, count);
    outgoing *entry = entry_of_object(sender, id);
    if (!entry)
        return 0;
    for (int i = 0; i < count; i++) {
        uint8_t *out = buffers[i].iov_base;
        for (size_t done = 0; done < buffers[i].iov_len;) {
            size_t got = chunk_fetch(entry, offset + filled, out + done, buffers[i].iov_len - done);
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

void sluice_sender_acked(sluice_sender *sender, sluice_object_id id, uint64_t from, uint64_t to)
{
    if (id == SLUICE_OBJECT_CATALOGUE) {
        (void)sluice_outbox_acked(&sender->catalogue, from, to);
        return;
    }
    outgoing *entry = entry_of_object(sender, id);
    while (entry && from < to) {
        uint64_t index = from / SLUICE_CHUNK_BYTES, end = (index + 1) * SLUICE_CHUNK_BYTES;
        uint64_t bytes = (to < end ? to : end) - from;
        if (index >= entry->chunk_count)
            return;
        chunk_out *chunk = &entry->chunks[index];
        chunk->unacked -= bytes < chunk->unacked ? (uint32_t)bytes : chunk->unacked;
        sender->mover->statistics.moved_bytes += bytes;
        if (chunk->unacked == 0 && chunk->buffer != entry->filling)
            chunk_drop(sender, chunk);
        from += bytes;
    }
}

void sluice_sender_completed(sluice_sender *sender, sluice_object_id id)
{
    outgoing *entry = entry_of_object(sender, id);
    if (!entry)
        return;
    entry->carrier_open = false;
    buffers_drop(sender, entry);
    entry_release(sender, entry);
}

void sluice_sender_stopped(sluice_sender *sender, sluice_object_id id)
{
    outgoing *entry = entry_of_object(sender, id);
    if (!entry || !entry->carrier_open)
        return;
    carrier_abort(sender, entry);
    ready_remove(sender, entry);
    buffers_drop(sender, entry);
    if (entry->state == OUT_WANTED)
        entry->state = OUT_ENDED; /* RESULT follows; nothing more is read */
    entry_release(sender, entry);
}

/* ---- life ---- */

int sluice_sender_new(sluice_mover *mover, sluice_sender **out)
{
    sluice_sender *sender = calloc(1, sizeof(*sender));
    if (!sender)
        return SLUICE_ENOMEM;
    sender->mover = mover;
    sender->readings_most = 2 * mover->setup.crew.threads + 2;
    if (!(mover->store.source->capabilities & SLUICE_SOURCE_PARALLEL))
        sender->readings_most = 1;
    TAILQ_INIT(&sender->ready);
    TAILQ_INIT(&sender->buffers);
    TAILQ_INIT(&sender->listing.entries);
    int status = carrier(sender)->open(carrier_state(sender), SLUICE_OBJECT_CATALOGUE, SLUICE_OBJECT_ORDERED, 1);
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
            entry_free(sender, (outgoing *)sender->roster.buckets[i]);
    sluice_listed *listed;
    while ((listed = TAILQ_FIRST(&sender->listing.entries))) {
        TAILQ_REMOVE(&sender->listing.entries, listed, link);
        sluice_listed_free(listed);
    }
    sluice_wire_writer_fini(&sender->listing.records);
    sluice_outbox_fini(&sender->catalogue);
    free(sender);
}

bool sluice_sender_swept(sluice_sender *sender)
{
    bool clean = true;
    for (size_t i = 0; i < SLUICE_MOVER_WINDOW; i++)
        for (sluice_roster_node *node = sender->roster.buckets[i], *next; node; node = next) {
            outgoing *entry = (outgoing *)node;
            next = node->next;
            clean = clean && !entry->reading.object && !entry->busy;
            entry->retired = true;
            if (entry->reading.object)
                entry_release(sender, entry);
        }
    return clean;
}

bool sluice_sender_busy(const sluice_sender *sender)
{
    return sender->readings > 0 || sender->listing_busy;
}
