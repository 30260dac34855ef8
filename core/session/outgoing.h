/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outgoing.h - what sender.c, outgoing.c and intake.c share: the entries on their way out.  Loop thread only.
 */
#ifndef SLUICE_SESSION_OUTGOING_H
#define SLUICE_SESSION_OUTGOING_H

#include "session/reader.h"

#define SENDER_LIST_BATCH 64
#define SENDER_CATALOGUE_MOST (256u << 10) /* unacknowledged bytes of the catalogue */
#define SENDER_REREADS 4                   /* buffers that may be had above the budget to repeat what was lost */
#define SENDER_FINISH_MOST (64u << 10)     /* bytes that may still wait for their first packet when FINISH is told */
#define SENDER_SPARE_MOST ((uint64_t)8 << 20) /* bytes of buffers that are kept for the next chunks */
#define SENDER_DIGESTS 64                  /* told at once */
#define SENDER_PRIORITY 3
#define SENDER_PASSED 1024                 /* entries that go before the carrier is told which are left */
#define SENDER_SAMPLE 16 /* resume `sparse`: one chunk in so many */

enum { CHUNK_HELD = 1, CHUNK_AGAIN = 2 };

typedef struct sluice_buffer sluice_buffer;
typedef struct sluice_outgoing sluice_outgoing;

struct sluice_buffer {
    TAILQ_ENTRY(sluice_buffer) link;
    sluice_outgoing *entry;
    uint64_t chunk;
    size_t room;
    uint64_t high, fetched; /* offsets: end of what was offered, end of what was fetched; the same: it may go */
    uint64_t owed;          /* bytes that were offered and never fetched */
    bool settled;           /* filled, and can be read again */
    bool listed;            /* in `buffers`: settled, all of it was sent once, and none of it is lent */
    unsigned lent;          /* so many times to lanes of other threads */
    bool dropped;           /* its entry does not know it any more; it goes when it is given back */
    bool returned;          /* in `returned`: read again, and not fetched since */
    uint8_t bytes[];
};

typedef struct sluice_outgoing_chunk {
    sluice_digest digest; /* with CHUNK_HELD the receiver's seeded one, until the chunk is read; then its own */
    sluice_buffer *buffer;
    uint32_t unacked;
    uint8_t flags;
} sluice_outgoing_chunk;

typedef enum sluice_outgoing_state { OUT_LISTED, OUT_WANTED, OUT_ENDED, OUT_FAILED } sluice_outgoing_state;

struct sluice_outgoing {
    sluice_roster_node node; /* first */
    TAILQ_ENTRY(sluice_outgoing) link;
    sluice_outgoing_state state;
    sluice_entry_type type;
    char *name;
    uint32_t operand;
    uint64_t listed_size, size;
    bool in_ready, in_repeats, busy, retired, opened, carrier_open, started;
    bool awaited;   /* neither END nor FAILED was told of it, and it has no result: counted in the sender's `awaited` */
    bool given_up;  /* its user wants no more of it; the receiver may not know of it yet, so it is told when it asks */
    bool stopped;   /* the receiver wants no more of it; its RESULT follows */
    bool repeating; /* the reading under way repeats a chunk whose buffer was dropped */
    bool ordered, group_agreed;
    unsigned attempt;
    uint64_t next_chunk, have_bytes, have_chunks;
    unsigned stride;
    sluice_outgoing_chunk *chunks;
    uint64_t chunk_count, chunk_capacity;
    uint64_t digests_from, digests_to; /* chunks whose digests are not told yet */
    sluice_message note;               /* HOLE or HAVE for [note_from, note_to), not told yet; 0: none */
    uint64_t note_from, note_to;
    uint64_t resumed_bytes, hole_bytes, moved_bytes; /* found in place, nothing but zeroes, acknowledged */
    uint64_t gap_chunk; /* the first that was not acknowledged when that was last asked */
    uint64_t rereads[SENDER_REREADS];
    unsigned reread_count;
    size_t room_least;
    sluice_buffer *filling; /* of the reading that is under way, or a stream's chunk that is not full */
    sluice_digest digest;
    sluice_reading reading;
};

struct sluice_sender {
    sluice_mover *mover;
    sluice_roster roster;
    /* Entries that may be read: of `repeats` chunks that were dropped and are wanted again, before all others. */
    TAILQ_HEAD(, sluice_outgoing) ready, repeats;
    TAILQ_HEAD(, sluice_buffer) buffers; /* of seekable files of several chunks, sent once, oldest first */
    TAILQ_HEAD(, sluice_buffer) spare;   /* of a chunk's size, not in use: from the system they would come as cold pages */
    uint64_t buffer_bytes, spare_bytes, owed_bytes; /* owed: of all buffers */
    TAILQ_HEAD(, sluice_buffer) returned; /* read again for what was lost: the latest few, that have not been fetched since */
    unsigned returned_count;
    unsigned readings, readings_most, rereading;
    uint64_t next_index, outstanding, awaited;
    unsigned gone;             /* entries, since the carrier was told which are left */
    sluice_outbox catalogue;
    sluice_listing listing;
    bool listing_busy, listing_end, totals_told;
    bool catalogue_told;       /* of a request that is open: that all was listed so far */
    size_t added;              /* operands of the request that the source knows, or is being told */
    uint32_t *dropped;         /* operands that were given up */
    size_t dropped_count;
    bool zero_known;
    sluice_digest zero; /* of a whole chunk of zeroes */
};

static inline const sluice_transport_ops *sluice_sender_carrier(const sluice_sender *sender)
{
    return sender->mover->setup.carrier.ops;
}

static inline void *sluice_sender_carrier_state(const sluice_sender *sender)
{
    return sender->mover->setup.carrier.state;
}

static inline bool sluice_sender_seekable(const sluice_sender *sender)
{
    return sender->mover->store.source->capabilities & SLUICE_SOURCE_SEEKABLE;
}

static inline sluice_object_id sluice_outgoing_object(const sluice_outgoing *entry)
{
    return sluice_object_of_entry(entry->node.index, entry->attempt);
}

static inline uint64_t sluice_outgoing_chunks_of(uint64_t size)
{
    return size / SLUICE_CHUNK_BYTES + (size % SLUICE_CHUNK_BYTES != 0);
}

/* ---- outgoing.c ---- */

void sluice_outgoing_out_of_memory(sluice_sender *sender);
void sluice_outgoing_buffer_drop(sluice_sender *sender, sluice_buffer *old);
/* A lane of another thread reads what lies there, once more; it does so no more. */
void sluice_outgoing_buffer_lend(sluice_sender *sender, sluice_buffer *buffer);
void sluice_outgoing_buffer_return(sluice_sender *sender, sluice_buffer *buffer);
/* A buffer that was read again is kept for the bytes that it was read for, until they are fetched.  But these may have arrived
 * meanwhile, or wait behind others that are not in memory: so that is true of the latest few only, lest such buffers fill the
 * budget. */
void sluice_outgoing_returned_add(sluice_sender *sender, sluice_buffer *buffer);
void sluice_outgoing_returned_release(sluice_sender *sender, sluice_buffer *buffer);
void sluice_outgoing_chunk_drop(sluice_sender *sender, sluice_outgoing_chunk *chunk);
/* It was filled or fetched: once it is settled and all of it was sent, its memory may be had for others. */
void sluice_outgoing_buffer_list(sluice_sender *sender, sluice_buffer *buffer);
void sluice_outgoing_spare_free(sluice_sender *sender);
/* Gives up the oldest buffers that were sent once, until `need` fits into the budget. */
bool sluice_outgoing_room_make(sluice_sender *sender, size_t need);
sluice_buffer *sluice_outgoing_buffer_new(sluice_sender *sender, sluice_outgoing *entry, uint64_t chunk, size_t room);
sluice_outgoing *sluice_outgoing_find(const sluice_sender *sender, uint64_t index);
sluice_outgoing *sluice_outgoing_of_object(const sluice_sender *sender, sluice_object_id id);
void sluice_outgoing_ready_add(sluice_sender *sender, sluice_outgoing *entry, bool first);
void sluice_outgoing_ready_remove(sluice_sender *sender, sluice_outgoing *entry);
/* The buffer that a reading fills; of a stream it stands with its chunk as well. */
void sluice_outgoing_filling_drop(sluice_sender *sender, sluice_outgoing *entry);
void sluice_outgoing_buffers_drop(sluice_sender *sender, sluice_outgoing *entry);
void sluice_outgoing_free(sluice_sender *sender, sluice_outgoing *entry);
sluice_outgoing *sluice_outgoing_of_work(sluice_work *work);
/* Closes and forgets an entry that has its result, as soon as nothing needs it any more: what the peer has, but has
 * not acknowledged, may be asked for again. */
void sluice_outgoing_release(sluice_sender *sender, sluice_outgoing *entry);
void sluice_outgoing_carrier_abort(sluice_sender *sender, sluice_outgoing *entry);
/* All was told of an entry that there is to tell, in its first attempt. */
void sluice_outgoing_told(sluice_sender *sender, sluice_outgoing *entry);
void sluice_outgoing_retire(sluice_sender *sender, sluice_outgoing *entry);
void sluice_outgoing_file_told(sluice_sender *sender, const sluice_outgoing *entry, const char *state, int status,
                               const char *sentence);
/* The entry cannot be sent: the receiver is told and answers with RESULT. */
void sluice_outgoing_fail(sluice_sender *sender, sluice_outgoing *entry, int status, const char *sentence);
void sluice_outgoing_note_tell(sluice_sender *sender, sluice_outgoing *entry);
void sluice_outgoing_note_add(sluice_sender *sender, sluice_outgoing *entry, sluice_message note, uint64_t from,
                              uint64_t to);
void sluice_outgoing_digests_tell(sluice_sender *sender, sluice_outgoing *entry);
void sluice_outgoing_digest_add(sluice_sender *sender, sluice_outgoing *entry, uint64_t chunk,
                                const sluice_digest *digest);
int sluice_outgoing_chunks_make(sluice_outgoing *entry, uint64_t count);

/* ---- intake.c ---- */

/* The next chunk that is to be read; false: none, or it waits for the receiver's digest. */
bool sluice_intake_next_chunk(sluice_outgoing *entry);
/* Submits one read of an entry; false: no memory within the budget now. */
bool sluice_intake_read_submit(sluice_sender *sender, sluice_outgoing *entry);
/* Submits what is to be read again, as far as there are readings and memory. */
void sluice_intake_repeats_submit(sluice_sender *sender);

#endif
