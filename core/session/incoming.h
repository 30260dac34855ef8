/* SPDX-License-Identifier: Apache-2.0 */
/*
 * incoming.h - what receiver.c, incoming.c, assembly.c and parcels.c share: the entries on their way in.  Loop thread only.
 */
#ifndef SLUICE_SESSION_INCOMING_H
#define SLUICE_SESSION_INCOMING_H

#include "session/parcel.h"
#include "session/writer.h"

#define RECEIVER_TABLES_MOST (256u << 20) /* bytes of all chunk tables: one file of 2.9 TiB, about */
#define RECEIVER_CRUMB_MOST (64u << 10)   /* neighbours are joined up to this when no chunk's buffer can be had */
#define RECEIVER_QUEUE_MOST 65536         /* operations that wait: tiny blocks must not multiply in memory */
#define RECEIVER_UNWRAPPED_MOST 256       /* parcels that are none any more, and are opened besides the others */
#define RECEIVER_NAMES_MOST (16u << 20)   /* bytes of entries that have no result yet */
#define RECEIVER_PATIENCE_NS (6 * SLUICE_SECOND) /* with another writer of the same file */
#define RECEIVER_HINDERED_NS SLUICE_SECOND       /* it looks several times in it whether he is still there */
#define RECEIVER_PART_LEAST (64u << 10) /* of a chunk that fills, for a sink in order: so much is written at once */
#define RECEIVER_PART_NS (10 * SLUICE_MS) /* less than that waits for so long, about */
#define RECEIVER_BATCH 16                        /* operations handed to the pool at once */
#define RECEIVER_SAMPLE 16                       /* resume `sparse`: one chunk in so many */

enum {
    CHUNK_MINE = 1,     /* our digest is known */
    CHUNK_THEIRS = 2,   /* the sender's is */
    CHUNK_SPILLED = 4,  /* part of it left memory before it was whole: it is read back for its digest */
    CHUNK_HELD = 8,     /* our digest of what lay there before is known, and counts if the sender says HAVE */
    CHUNK_SETTLED = 16, /* both digests were compared */
    CHUNK_DIFFERS = 32,
    CHUNK_COMPLETE = 64, /* all bytes are there, or on their way to the sink */
    CHUNK_EXPECTED = 128 /* it comes again */
};

typedef struct sluice_incoming_chunk {
    sluice_digest mine, theirs;
    uint32_t got, hole;
    unsigned flags;
    sluice_block *block; /* what has arrived and is in memory */
} sluice_incoming_chunk;

typedef enum sluice_incoming_state {
    IN_QUEUED,
    IN_LATER,
    IN_PREPARING,
    IN_CHECKING,
    IN_COMPARED,
    IN_WANTED,
    IN_FAILED
} sluice_incoming_state;

typedef struct sluice_incoming {
    sluice_roster_node node; /* first */
    TAILQ_ENTRY(sluice_incoming) link;
    sluice_incoming_state state;
    sluice_entry entry;
    char *memory; /* holds the entry's strings */
    size_t memory_bytes;
    sluice_time busy_since; /* another writer has it; 0: not met */
    bool opened, busy, compared, answered_same, ended, carried;
    bool parcel;             /* its bytes wait in memory until all are there; nothing of it is open */
    bool in_puts, put_later; /* it is whole and waits for the pool; for another writer */
    bool unwrapped;          /* it was a parcel */
    void *object;
    uint64_t have, size;
    unsigned attempt, stride;
    sluice_incoming_chunk *chunks;
    uint64_t chunk_count;
    uint64_t settled, differing, held_next, resumed_bytes;
    uint64_t moved_bytes; /* that have come, in the first attempt */
    uint64_t gap_chunk;   /* the first that was not complete when that was last asked */
    sluice_digest digest;
    struct sluice_operation_list operations;
    sluice_writing writing;
    sluice_checking *checking;
    int status;
    char *sentence;
} sluice_incoming;

struct sluice_receiver {
    sluice_mover *mover;
    sluice_roster roster;
    uint64_t next_index, outstanding, open_count, open_most;
    size_t names_bytes;
    bool totals_known, finish_asked;
    TAILQ_HEAD(, sluice_incoming) queue; /* to be prepared */
    sluice_time hindered_at;             /* when another writer was in the way last; 0: none ever was */
    TAILQ_HEAD(, sluice_incoming) later; /* another writer has them: prepared again soon */
    sluice_preparing preparing;
    bool preparing_busy;
    TAILQ_HEAD(, sluice_incoming) puts, puts_later; /* parcels that are whole; later: another writer has them */
    size_t put_count;                               /* in `puts` */
    unsigned putting;                               /* jobs */
    sluice_parcels *parcels_idle;
    uint64_t parcel_bytes, unwrapped_count;
    TAILQ_HEAD(, sluice_block) filling; /* blocks of chunks that are not whole, oldest first */
    uint64_t filling_bytes, filling_credit;
    bool parts_wait;                    /* some of them have bytes for a sink in order */
    sluice_time parts_due;              /* when they are written; 0: the next tick says */
    uint64_t block_bytes, table_bytes, queued; /* in memory; operations that wait or run */
    uint64_t credit_held;
    sluice_finishing finishing;
    bool ordered, readable; /* what the sink can do */
    bool zero_known;
    sluice_digest zero;
};

static inline const sluice_transport_ops *sluice_receiver_carrier(const sluice_receiver *receiver)
{
    return receiver->mover->setup.carrier.ops;
}

static inline void *sluice_receiver_carrier_state(const sluice_receiver *receiver)
{
    return receiver->mover->setup.carrier.state;
}

static inline sluice_object_id sluice_incoming_object(const sluice_incoming *entry)
{
    return sluice_object_of_entry(entry->node.index, entry->attempt);
}

static inline uint64_t sluice_incoming_chunks_of(uint64_t size)
{
    return size / SLUICE_CHUNK_BYTES + (size % SLUICE_CHUNK_BYTES != 0);
}

/* ---- incoming.c ---- */

void sluice_incoming_out_of_memory(sluice_receiver *receiver);
/* The credit of bytes that have left memory. */
void sluice_incoming_credit_return(sluice_receiver *receiver, const sluice_incoming *entry, uint64_t bytes);
void sluice_incoming_block_list(sluice_receiver *receiver, sluice_block *block);
void sluice_incoming_block_unlist(sluice_receiver *receiver, sluice_block *block);
/* Frees it, and its credit goes back; NULL is fine. */
void sluice_incoming_block_drop(sluice_receiver *receiver, const sluice_incoming *entry, sluice_block *block);
/* Room for count chunks in the entry's table: SLUICE_ELIMIT, SLUICE_ENOMEM. */
int sluice_incoming_chunks_make(sluice_receiver *receiver, sluice_incoming *entry, uint64_t count);
sluice_incoming *sluice_incoming_find(const sluice_receiver *receiver, uint64_t index);
sluice_incoming *sluice_incoming_of_work(sluice_work *work);
void sluice_incoming_operations_drop(sluice_receiver *receiver, sluice_incoming *entry,
                                     struct sluice_operation_list *list);
void sluice_incoming_free(sluice_receiver *receiver, sluice_incoming *entry);
/* The entry has its result. */
void sluice_incoming_retire(sluice_receiver *receiver, sluice_incoming *entry);
void sluice_incoming_file_told(sluice_receiver *receiver, const sluice_incoming *entry, const char *state, int status,
                               const char *sentence);
void sluice_incoming_result_tell(sluice_receiver *receiver, sluice_incoming *entry, int status, const char *sentence);
/* Whether what has come is worth something to a later transfer: of a stream nobody could say what it is a part of. */
bool sluice_incoming_keep(const sluice_receiver *receiver, const sluice_incoming *entry);
void sluice_incoming_abandon_submit(sluice_receiver *receiver, sluice_incoming *entry, bool keep,
                                    void (*done)(sluice_work *work));
/* A failed entry closes its object when nothing works on it any more; then the sender is told. */
void sluice_incoming_failed_continue(sluice_receiver *receiver, sluice_incoming *entry);
/* The entry fails: its bytes are not wanted any more.  The entry may be gone afterwards. */
void sluice_incoming_fail(sluice_receiver *receiver, sluice_incoming *entry, int status, const char *sentence);
void sluice_incoming_fail_named(sluice_receiver *receiver, sluice_incoming *entry, int status, const char *what);
const char *sluice_incoming_put_problem(int status);

/* ---- receiver.c ---- */

/* Whether an entry that another writer has is to be tried again later. */
bool sluice_receiver_patient(sluice_receiver *receiver, sluice_incoming *entry);

/* ---- parcels.c ---- */

bool sluice_parcels_room(const sluice_receiver *receiver, const sluice_incoming *entry);
void sluice_parcels_take(sluice_receiver *receiver, sluice_incoming *entry); /* the entry is one from now on */
void sluice_parcels_forget(sluice_receiver *receiver, sluice_incoming *entry); /* it is none any more, or never was */
/* It goes on as any other file.  ECHANGED: too many do. */
int sluice_parcels_unwrap(sluice_receiver *receiver, sluice_incoming *entry);
/* Looks whether one is whole; then it waits for sluice_parcels_put. */
void sluice_parcels_conclude(sluice_receiver *receiver, sluice_incoming *entry);
void sluice_parcels_put(sluice_receiver *receiver);
void sluice_parcels_tick(sluice_receiver *receiver);
void sluice_parcels_free(sluice_receiver *receiver);

/* ---- assembly.c ---- */

/* The digest of the whole, made of the sender's chunk digests, must be what END said. */
bool sluice_assembly_file_digest_agrees(const sluice_receiver *receiver, const sluice_incoming *entry);
/* All is there, but some chunks are not what the sender says: they are asked for again, or the file fails. */
void sluice_assembly_differs(sluice_receiver *receiver, sluice_incoming *entry);

/* Looks whether everything is there and compared; then the file is committed, asked for again, or failed. */
void sluice_assembly_conclude(sluice_receiver *receiver, sluice_incoming *entry);
void sluice_assembly_settle(sluice_receiver *receiver, sluice_incoming *entry, sluice_incoming_chunk *chunk);
sluice_operation *sluice_assembly_operation_add(sluice_receiver *receiver, sluice_incoming *entry,
                                                sluice_operation_type type, uint64_t chunk, uint64_t from, uint64_t to);
/* EPROTOCOL: more bytes than the chunk has. */
int sluice_assembly_chunk_check(sluice_receiver *receiver, sluice_incoming *entry, uint64_t index);
/* The next chunks of a partial file whose digests the sender waits for. */
void sluice_assembly_held_continue(sluice_receiver *receiver, sluice_incoming *entry);
void sluice_assembly_writing_submit(sluice_receiver *receiver, sluice_incoming *entry);
/* Writes what has come for sinks that take bytes in order, without waiting for whole chunks. */
void sluice_assembly_parts_write(sluice_receiver *receiver);

#endif
