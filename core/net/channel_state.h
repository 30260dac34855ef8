/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_state.h - between the message channel (channel.c: frames, queue, whom to tell) and what carries its bytes
 * (tls.c, pipe.c); for core/net's own files.
 *
 * A carrier embeds a sluice_channel as its first member and has the descriptors.  Bytes that came in are put where
 * sluice_channel_room says and told by sluice_channel_took; bytes that are to leave are looked at with
 * sluice_channel_next and dropped with sluice_channel_sent.  A function that answers false has told the owner something
 * that ended the channel or made him free it: the caller must not touch it again, but return to the loop.
 */
#ifndef SLUICE_NET_CHANNEL_STATE_H
#define SLUICE_NET_CHANNEL_STATE_H

#include "net/channel.h"

#define SLUICE_CHANNEL_RECORD 16384 /* bytes of one TLS record, and of SLUICE_CHANNEL_PACKET with its length */

typedef enum sluice_channel_stage {
    SLUICE_CHANNEL_OPENING,
    SLUICE_CHANNEL_READY,
    SLUICE_CHANNEL_FINISHING,
    SLUICE_CHANNEL_CLOSED
} sluice_channel_stage;

typedef struct sluice_channel_ops {
    /* Takes from the queue until it is empty or would have to wait, and sets its watches accordingly.  0, or a negative
     * errno value: the connection has failed, or -EPROTO when `why` of the channel says it better. */
    int (*write)(sluice_channel *channel);
    /* Nothing is left in the queue and nothing will be: says so to the peer, once. */
    void (*shut)(sluice_channel *channel);
    /* The deadline has passed in this stage; ends the channel. */
    void (*late)(sluice_channel *channel);
    /* Lets go of descriptors and watches; there may be none any more. */
    void (*hang_up)(sluice_channel *channel);
    /* Optional.  After hang_up at an end: true, if the owner is not to be told yet, because somebody looks for a better
     * reason and will call sluice_channel_end again. */
    bool (*hold)(sluice_channel *channel, const sluice_error *error);
    /* Optional.  After hang_up at an end, before the owner is told; may free a channel that nobody has claimed. */
    void (*ended)(sluice_channel *channel);
    /* Optional.  Before hang_up, when the owner frees the channel. */
    void (*leaving)(sluice_channel *channel);
    /* Frees what is the carrier's own. */
    void (*fini)(sluice_channel *channel);

    /* As in channel.h; NULL: there is none. */
    int (*keying)(sluice_channel *channel, const char *label, uint8_t *out, size_t count);
    sluice_duration (*rtt)(const sluice_channel *channel);
    const char *(*cipher)(const sluice_channel *channel);
    const char *guard;
} sluice_channel_ops;

struct sluice_channel {
    const sluice_channel_ops *ops;
    sluice_loop *loop;
    const sluice_channel_calls *calls;
    void *user;
    sluice_channel_stage stage;
    char label[SLUICE_ADDRESS_HOST + 16]; /* who the peer is, for sentences */
    sluice_address peer, local;
    sluice_timer *deadline, *soon; /* soon: something is to be written in the loop's next round */
    sluice_duration timeout_ns;    /* what the deadline was set to, for sentences */
    sluice_error why;              /* known before the failure that it leads to is seen */

    uint8_t *in;                              /* frames on their way in */
    size_t in_from, in_to, in_room, in_piece; /* piece: room that the carrier wants at least */

    uint8_t *queue; /* a ring of frames, not yet given to the carrier; its room is a power of two */
    size_t queue_from, queue_used, queue_room, queue_most;
    size_t split; /* bytes of the first frame in the queue that are still there after a part of it left; 0: none left */
    bool starved; /* a message was not taken: the owner waits for `writable` */

    bool turning;    /* inside a turn of the loop: what is queued leaves at its end */
    bool heard;      /* messages were handed over in this turn */
    bool in_message; /* the owner holds a piece of `in` */
    bool *gone;      /* set when the channel is freed inside a callback */
};

/* Makes the timers; the rest is zero but what is given.  On failure there is nothing to fini.  SLUICE_ENOMEM. */
int sluice_channel_init(sluice_channel *channel, const sluice_channel_ops *ops, sluice_loop *loop, size_t in_piece);

/* Where at least in_piece bytes may be put; NULL: no memory, and the channel has ended. */
uint8_t *sluice_channel_room(sluice_channel *channel, size_t *room);
/* So many bytes were put there: hands over the messages that are whole now. */
bool sluice_channel_took(sluice_channel *channel, size_t count);

/* The bytes that leave next, at most `most` of them in one piece; 0: the queue is empty.  Of whole messages as many as
 * fit, where at least one does: so a record ends where a message does. */
size_t sluice_channel_next(const sluice_channel *channel, size_t most, const uint8_t **bytes);
void sluice_channel_sent(sluice_channel *channel, size_t count);
/* Queues bytes without a frame, before any message. */
int sluice_channel_preface(sluice_channel *channel, const void *bytes, size_t count);

/* A turn of the loop: between these, messages sent in callbacks wait until its end.  The end tells of `settled`, writes
 * what is queued and asks for more. */
void sluice_channel_turn_begin(sluice_channel *channel);
bool sluice_channel_turn_end(sluice_channel *channel);

/* The channel stands: from here on it is READY. */
bool sluice_channel_ready(sluice_channel *channel);

void sluice_channel_deadline(sluice_channel *channel, sluice_duration timeout_ns);

/* The last thing that is done to a channel in any call from the loop: it may be gone afterwards. */
void sluice_channel_end(sluice_channel *channel, const sluice_error *error);
void sluice_channel_end_with(sluice_channel *channel, int status, const char *format, ...) SLUICE_PRINTF(3, 4);

#endif
