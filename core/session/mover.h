/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mover.h - what transfer.c, sender.c and receiver.c share: the control stream, work for the pool, the way to an end.
 *
 * Everything is on the loop thread but sluice_work.run.
 */
#ifndef SLUICE_SESSION_MOVER_H
#define SLUICE_SESSION_MOVER_H

#include "session/mailbox.h"
#include "session/outbox.h"
#include "session/transfer.h"
#include "session/wire.h"
#include <stdatomic.h>
#include <sys/queue.h>

#define SLUICE_MOVER_WINDOW 4096 /* entries listed but without RESULT */
#define SLUICE_MOVER_SLICE (8u << 20) /* bytes after which work that may take minutes lets others have a turn */

/* ---- work: a task that belongs to a mover ---- */

typedef struct sluice_work sluice_work;
struct sluice_work {
    sluice_task task;
    sluice_mover *mover;
    void (*run)(sluice_work *work);
    void (*done)(sluice_work *work);
    bool again;        /* run leaves so: it is called once more, when its turn has come, before done is */
    sluice_work *next; /* while it waits for its turn: a store that is not PARALLEL gets one call at a time */
};

/* ---- entries by index ---- */

typedef struct sluice_roster_node sluice_roster_node;
struct sluice_roster_node {
    uint64_t index;
    sluice_roster_node *next;
};
typedef struct sluice_roster {
    sluice_roster_node *buckets[SLUICE_MOVER_WINDOW];
} sluice_roster;

static inline sluice_roster_node *sluice_roster_find(const sluice_roster *roster, uint64_t index)
{
    sluice_roster_node *node = roster->buckets[index % SLUICE_MOVER_WINDOW];
    while (node && node->index != index)
        node = node->next;
    return node;
}
static inline void sluice_roster_add(sluice_roster *roster, sluice_roster_node *node)
{
    sluice_roster_node **bucket = &roster->buckets[node->index % SLUICE_MOVER_WINDOW];
    node->next = *bucket;
    *bucket = node;
}
static inline void sluice_roster_remove(sluice_roster *roster, sluice_roster_node *node)
{
    sluice_roster_node **at = &roster->buckets[node->index % SLUICE_MOVER_WINDOW];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
}

/* ---- the mover ---- */

typedef struct sluice_sender sluice_sender;
typedef struct sluice_receiver sluice_receiver;

typedef enum sluice_mover_stage {
    SLUICE_MOVER_NEW,
    SLUICE_MOVER_RUNNING,  /* the request is known on both sides, or on its way */
    SLUICE_MOVER_ENDING,   /* the outcome is known; what runs on the pool is waited for */
    SLUICE_MOVER_FINISHED  /* finished was called */
} sluice_mover_stage;

struct sluice_mover {
    sluice_mover_setup setup;
    sluice_mover_stage stage;
    const sluice_request *request; /* NULL until it is known whole */
    sluice_request received;       /* server */
    bool receiving_request, more_operands;
    bool sending, attached;
    bool own_pause, peer_pause;    /* either of them stops the data */
    bool peer_ended;               /* by REFUSE, ERROR or CANCEL */
    sluice_mover_store store;
    sluice_time now, progress_at, files_at;
    atomic_bool stop_work;         /* long work looks at it */

    sluice_mailbox mailbox;
    sluice_wire_writer catalogue;     /* receiver: bytes of object 1 that were not taken yet; the carrier bounds them */

    uint64_t works;                /* submitted, not done */
    bool store_busy;
    sluice_work *waiting, **waiting_tail;
    bool dirty;                    /* the carrier was given something */

    sluice_cargo_statistics statistics;
    int first_status;              /* of a file that failed */
    char first_sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    int status;                    /* of the end */
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    bool finish_sent;              /* sender */
    bool complete; /* FINISHED was sent, or came */

    sluice_sender *sender;
    sluice_receiver *receiver;
};

/* ---- transfer.c, for the other two ---- */

/* One message: fill mover->body after begin, then send it. */
sluice_wire_writer *sluice_mover_message(sluice_mover *mover);
void sluice_mover_send(sluice_mover *mover, sluice_message type);

/* Sends our counters, at once. */
void sluice_mover_progress(sluice_mover *mover);

/* Hands work to the pool, when its turn has come. */
void sluice_mover_submit(sluice_mover *mover, sluice_work *work, void (*run)(sluice_work *work),
                         void (*done)(sluice_work *work));

/* Tells that one file is done, skipped or failed, and counts it. */
void sluice_mover_file_told(sluice_mover *mover, const sluice_cargo_item *file);

/* Ends the whole transfer, telling the peer (ERROR). */
void sluice_mover_fail(sluice_mover *mover, int status, const char *format, ...) SLUICE_PRINTF(3, 4);
/* Ends it with what was counted, or with status if that is not SLUICE_OK.  The peer is not told. */
void sluice_mover_end(sluice_mover *mover, int status, const char *sentence);

/* The sentence of a call of the store that has just failed; on its pool thread. */
void sluice_mover_sentence(const sluice_mover *mover, int status, sluice_error *out);

static inline bool sluice_mover_running(const sluice_mover *mover)
{
    return mover->stage == SLUICE_MOVER_RUNNING;
}

/* One at least of both sides wants the data to stop. */
static inline bool sluice_mover_holds(const sluice_mover *mover)
{
    return mover->own_pause || mover->peer_pause;
}

/* Bytes that are there without having been sent: found in place, or holes. */
static inline void sluice_mover_found(sluice_mover *mover, uint64_t bytes)
{
    mover->statistics.moved_bytes += bytes;
    mover->statistics.resumed_bytes += bytes;
}

/* ---- sender.c ---- */

int sluice_sender_new(sluice_mover *mover, sluice_sender **out);
void sluice_sender_free(sluice_sender *sender); /* no work may run */
void sluice_sender_pump(sluice_sender *sender);
void sluice_sender_resume(sluice_sender *sender); /* nothing is paused any more */
/* The request, which is open or was it until now, has changed; drop: the operand of that number is given up, unless it is
 * UINT32_MAX. */
void sluice_sender_change(sluice_sender *sender, uint32_t drop);
void sluice_sender_progress(sluice_sender *sender); /* tells of each file that is moving */
/* SLUICE_OK, or a status that ends the session with the sentence in error. */
int sluice_sender_message(sluice_sender *sender, uint64_t type, sluice_wire_reader *body, sluice_error *error);
size_t sluice_sender_fetch(sluice_sender *sender, sluice_object_id id, uint64_t offset, const struct iovec *buffers,
                           int count);
const uint8_t *sluice_sender_borrow(sluice_sender *sender, sluice_object_id id, uint64_t offset, uint64_t *bytes,
                                    void **owner);
void sluice_sender_give_back(sluice_sender *sender, void *owner);
void sluice_sender_acked(sluice_sender *sender, sluice_object_id id, uint64_t from, uint64_t to);
void sluice_sender_completed(sluice_sender *sender, sluice_object_id id);
void sluice_sender_stopped(sluice_sender *sender, sluice_object_id id);
/* Lets go of all objects of the source: true when nothing is left to do; else work was submitted. */
bool sluice_sender_swept(sluice_sender *sender);
bool sluice_sender_answered(const sluice_sender *sender); /* FINISH was told, and every entry has its result */
bool sluice_sender_busy(const sluice_sender *sender);
bool sluice_sender_full(const sluice_sender *sender); /* its memory leaves no room for what could be read */

/* ---- receiver.c ---- */

int sluice_receiver_new(sluice_mover *mover, sluice_receiver **out);
void sluice_receiver_free(sluice_receiver *receiver);
void sluice_receiver_pump(sluice_receiver *receiver);
void sluice_receiver_progress(sluice_receiver *receiver); /* tells of each file that is moving */
void sluice_receiver_tick(sluice_receiver *receiver); /* a few times a second */
/* What is to be done at a time that the receiver sets: soon, where it does not know the time.  SLUICE_NEVER: nothing. */
void sluice_receiver_wake(sluice_receiver *receiver);
sluice_time sluice_receiver_next_wake(const sluice_receiver *receiver);
int sluice_receiver_message(sluice_receiver *receiver, uint64_t type, sluice_wire_reader *body, sluice_error *error);
int sluice_receiver_opened(sluice_receiver *receiver, sluice_object_id id, unsigned flags);
void sluice_receiver_deliver(sluice_receiver *receiver, sluice_object_id id, uint64_t offset, const uint8_t *data,
                             size_t bytes);
bool sluice_receiver_swept(sluice_receiver *receiver);
bool sluice_receiver_busy(const sluice_receiver *receiver);
bool sluice_receiver_hindered(const sluice_receiver *receiver); /* it waits for a file that another writer holds */

#endif
