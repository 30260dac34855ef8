/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox.h - one side's messages on object 0: what goes out is kept until it is acknowledged, what comes in until it is
 * a whole message that can be taken.
 *
 * A message is type, length, body (message.h).  The loop's thread.
 */
#ifndef SLUICE_SESSION_MAILBOX_H
#define SLUICE_SESSION_MAILBOX_H

#include "session/cargo.h"
#include "session/message.h"
#include "session/outbox.h"

typedef struct sluice_mailbox {
    sluice_carrier carrier;
    sluice_outbox out;
    sluice_wire_writer body, message; /* the message that is being made */
    sluice_wire_writer in;            /* bytes that are no whole message yet, or wait */
    bool taking;                      /* `in` is being read: take does nothing when called from inside */
} sluice_mailbox;

void sluice_mailbox_init(sluice_mailbox *mailbox, const sluice_carrier *carrier);
void sluice_mailbox_fini(sluice_mailbox *mailbox);

/* One message: fill the body that begin returns, then send it.  SLUICE_ENOMEM; SLUICE_ELIMIT: the peer takes none.  After a
 * failure the session cannot go on. */
sluice_wire_writer *sluice_mailbox_begin(sluice_mailbox *mailbox);
int sluice_mailbox_send(sluice_mailbox *mailbox, uint64_t type);
/* The same for a message with a status and a sentence as its body, and one of numbers. */
int sluice_mailbox_send_status(sluice_mailbox *mailbox, uint64_t type, int status, const char *sentence);
int sluice_mailbox_send_rate(sluice_mailbox *mailbox, sluice_rate target_bps, sluice_rate minimum_bps,
                             const char *policy);
/* Whole messages, made elsewhere. */
int sluice_mailbox_append(sluice_mailbox *mailbox, const sluice_wire_writer *messages);
/* Nothing that was sent waits for its acknowledgement. */
bool sluice_mailbox_heard(const sluice_mailbox *mailbox);

/* The body of RATE: policy is NUL-terminated, "" if it is to stay. */
int sluice_mailbox_get_rate(sluice_wire_reader *body, sluice_rate *target_bps, sluice_rate *minimum_bps,
                            char policy[64], sluice_error *error);

/* The transport's calls for object 0. */
size_t sluice_mailbox_fetch(const sluice_mailbox *mailbox, uint64_t offset, const struct iovec *buffers, int count);
void sluice_mailbox_acked(sluice_mailbox *mailbox, uint64_t from, uint64_t to);
/* Keeps what came.  SLUICE_ENOMEM; SLUICE_EPROTOCOL: more than may wait. */
int sluice_mailbox_deliver(sluice_mailbox *mailbox, const uint8_t *data, size_t bytes);

/* What became of a message. */
typedef enum sluice_mailbox_verdict {
    SLUICE_MAILBOX_TAKEN,
    SLUICE_MAILBOX_LATER, /* it stays, and so does what follows */
    SLUICE_MAILBOX_OVER   /* nothing is taken any more: what is there is dropped */
} sluice_mailbox_verdict;

/* Hands over whole messages one by one.  SLUICE_OK, or what take has put into *status, with the sentence in error. */
int sluice_mailbox_take(sluice_mailbox *mailbox,
                        sluice_mailbox_verdict (*take)(void *user, uint64_t type, sluice_wire_reader *body, int *status,
                                                       sluice_error *error),
                        void *user, sluice_error *error);

#endif
