/* SPDX-License-Identifier: Apache-2.0 */
#include "session/mailbox.h"

#include <assert.h>
#include <string.h>

#define IN_MOST (1u << 20)   /* bytes that may wait to be taken */
#define OUT_MOST (64u << 20) /* unacknowledged: a peer that takes none ends the session */

void sluice_mailbox_init(sluice_mailbox *mailbox, const sluice_carrier *carrier)
{
    *mailbox = (sluice_mailbox){.carrier = *carrier};
}

void sluice_mailbox_fini(sluice_mailbox *mailbox)
{
    sluice_outbox_fini(&mailbox->out);
    sluice_wire_writer_fini(&mailbox->body);
    sluice_wire_writer_fini(&mailbox->message);
    sluice_wire_writer_fini(&mailbox->in);
}

/* ---- out ---- */

sluice_wire_writer *sluice_mailbox_begin(sluice_mailbox *mailbox)
{
    sluice_wire_clear(&mailbox->body);
    return &mailbox->body;
}

int sluice_mailbox_append(sluice_mailbox *mailbox, const sluice_wire_writer *messages)
{
    uint64_t from = mailbox->out.to;
    int status = messages->failed ? SLUICE_ENOMEM
                                  : sluice_outbox_append(&mailbox->out, messages->bytes, messages->size);
    if (!status && sluice_outbox_kept(&mailbox->out) > OUT_MOST)
        status = SLUICE_ELIMIT;
    return status ? status
                  : mailbox->carrier.ops->offer(mailbox->carrier.state, SLUICE_OBJECT_CONTROL, from, mailbox->out.to);
}

int sluice_mailbox_send(sluice_mailbox *mailbox, uint64_t type)
{
    assert(mailbox->body.size <= SLUICE_MESSAGE_BODY_MAX);
    sluice_wire_clear(&mailbox->message);
    mailbox->message.failed = mailbox->body.failed;
    sluice_wire_put_number(&mailbox->message, type);
    sluice_wire_put_string(&mailbox->message, mailbox->body.bytes, mailbox->body.size);
    return sluice_mailbox_append(mailbox, &mailbox->message);
}

int sluice_mailbox_send_status(sluice_mailbox *mailbox, uint64_t type, int status, const char *sentence)
{
    sluice_message_put_status(sluice_mailbox_begin(mailbox), status, sentence);
    return sluice_mailbox_send(mailbox, type);
}

int sluice_mailbox_send_rate(sluice_mailbox *mailbox, sluice_rate target_bps, sluice_rate minimum_bps,
                             const char *policy)
{
    sluice_wire_writer *body = sluice_mailbox_begin(mailbox);
    sluice_wire_put_u64(body, target_bps);
    sluice_wire_put_u64(body, minimum_bps);
    sluice_wire_put_string(body, policy, strlen(policy));
    return sluice_mailbox_send(mailbox, SLUICE_MESSAGE_RATE);
}

bool sluice_mailbox_heard(const sluice_mailbox *mailbox)
{
    return sluice_outbox_kept(&mailbox->out) == 0;
}

/* ---- the transport's calls ---- */

size_t sluice_mailbox_fetch(const sluice_mailbox *mailbox, uint64_t offset, const struct iovec *buffers, int count)
{
    return sluice_outbox_fetch(&mailbox->out, offset, buffers, count);
}

void sluice_mailbox_acked(sluice_mailbox *mailbox, uint64_t from, uint64_t to)
{
    (void)sluice_outbox_acked(&mailbox->out, from, to);
}

int sluice_mailbox_deliver(sluice_mailbox *mailbox, const uint8_t *data, size_t bytes)
{
    mailbox->carrier.ops->consumed_ordered(mailbox->carrier.state, SLUICE_OBJECT_CONTROL, bytes);
    sluice_wire_put_bytes(&mailbox->in, data, bytes);
    if (mailbox->in.size > IN_MOST)
        return SLUICE_EPROTOCOL;
    return mailbox->in.failed ? SLUICE_ENOMEM : SLUICE_OK;
}

/* ---- in ---- */

int sluice_mailbox_get_rate(sluice_wire_reader *body, sluice_rate *target_bps, sluice_rate *minimum_bps,
                            char policy[64], sluice_error *error)
{
    size_t length;
    *target_bps = sluice_wire_get_u64(body);
    *minimum_bps = sluice_wire_get_u64(body);
    const uint8_t *name = sluice_wire_get_string(body, &length);
    if (body->bad || length >= 64 || (length && memchr(name, 0, length)))
        return sluice_fail(error, SLUICE_EPROTOCOL, "a malformed RATE message came");
    if (length)
        memcpy(policy, name, length);
    policy[length] = 0;
    return SLUICE_OK;
}

static void drop_front(sluice_mailbox *mailbox, size_t count)
{
    if (count)
        memmove(mailbox->in.bytes, mailbox->in.bytes + count, mailbox->in.size - count);
    mailbox->in.size -= count;
}

int sluice_mailbox_take(sluice_mailbox *mailbox,
                        sluice_mailbox_verdict (*take)(void *user, uint64_t type, sluice_wire_reader *body, int *status,
                                                       sluice_error *error),
                        void *user, sluice_error *error)
{
    sluice_mailbox_verdict verdict = SLUICE_MAILBOX_TAKEN;
    size_t at = 0, used;
    int status = SLUICE_OK;
    if (mailbox->taking)
        return SLUICE_OK;
    mailbox->taking = true;
    while (verdict == SLUICE_MAILBOX_TAKEN && status == SLUICE_OK && at < mailbox->in.size) {
        uint64_t type;
        sluice_wire_reader body;
        status = sluice_wire_split(mailbox->in.bytes + at, mailbox->in.size - at, SLUICE_MESSAGE_BODY_MAX, &type, &body,
                                   &used);
        if (status == SLUICE_EPROTOCOL)
            sluice_fail(error, status, "a control message is longer than %u bytes", SLUICE_MESSAGE_BODY_MAX);
        if (status)
            break;
        verdict = take(user, type, &body, &status, error);
        if (verdict == SLUICE_MAILBOX_TAKEN)
            at += used;
    }
    drop_front(mailbox, verdict == SLUICE_MAILBOX_OVER ? mailbox->in.size : at);
    mailbox->taking = false;
    return status == SLUICE_EAGAIN ? SLUICE_OK : status;
}
