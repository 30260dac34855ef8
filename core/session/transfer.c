/* SPDX-License-Identifier: Apache-2.0 */
#include "session/transfer.h"

#include "session/mover.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOVER_MEMORY_LEAST (2u << 20)
#define MOVER_OPEN_MOST 512
#define MOVER_PROGRESS_NS (250 * SLUICE_MS)
#define MOVER_INBOX_MOST (1u << 20) /* control bytes that may wait for attach */
#define MOVER_CONTROL_MOST (64u << 20) /* unacknowledged control bytes: a peer that takes none ends the session */

/* ---- messages out ---- */

sluice_wire_writer *sluice_mover_message(sluice_mover *mover)
{
    sluice_wire_clear(&mover->body);
    return &mover->body;
}

/* Puts whole messages on the control stream.  Without them the session cannot go on, so lack of memory ends it. */
static void control_append(sluice_mover *mover, const sluice_wire_writer *messages)
{
    uint64_t from = mover->control.to;
    int status = messages->failed ? SLUICE_ENOMEM
                                  : sluice_outbox_append(&mover->control, messages->bytes, messages->size);
    if (!status && sluice_outbox_kept(&mover->control) > MOVER_CONTROL_MOST)
        status = SLUICE_ELIMIT;
    if (!status)
        status = mover->setup.carrier.ops->offer(mover->setup.carrier.state, SLUICE_OBJECT_CONTROL, from,
                                                 mover->control.to);
    mover->dirty = true;
    if (status)
        sluice_mover_end(mover, status, status == SLUICE_ELIMIT ? "the peer takes no control messages"
                                                                : sluice_status_text(status));
}

void sluice_mover_send(sluice_mover *mover, sluice_message type)
{
    if (mover->stage == SLUICE_MOVER_FINISHED)
        return;
    sluice_wire_clear(&mover->message);
    mover->message.failed = mover->body.failed;
    sluice_wire_put_number(&mover->message, type);
    sluice_wire_put_string(&mover->message, mover->body.bytes, mover->body.size);
    assert(mover->body.size <= SLUICE_MESSAGE_BODY_MAX);
    control_append(mover, &mover->message);
}

static void status_send(sluice_mover *mover, sluice_message type, int status, const char *sentence)
{
    sluice_message_put_status(sluice_mover_message(mover), status, sentence);
    sluice_mover_send(mover, type);
}

void sluice_mover_progress(sluice_mover *mover)
{
    sluice_progress progress = {0};
    mover->setup.calls->measure(mover->setup.user, &progress);
    progress.total_files = mover->statistics.total_files;
    progress.total_bytes = mover->statistics.total_bytes;
    progress.verified_bytes = mover->statistics.bytes;
    progress.files = mover->statistics.files;
    progress.failed = mover->statistics.failed;
    progress.skipped = mover->statistics.skipped;
    progress.moved_bytes = mover->statistics.moved_bytes;
    sluice_wire_writer *body = sluice_mover_message(mover);
#define MOVER_PROGRESS_PUT(field, number)                                                                             \
    if (progress.field)                                                                                               \
        sluice_wire_put_field_u64(body, number, progress.field);
    SLUICE_PROGRESS_MAP(MOVER_PROGRESS_PUT)
#undef MOVER_PROGRESS_PUT
    sluice_mover_send(mover, SLUICE_MESSAGE_PROGRESS);
}

static void progress_take(sluice_mover *mover, sluice_wire_reader *body)
{
    sluice_progress progress = {0};
    sluice_wire_reader field;
    uint64_t tag;
    while (sluice_wire_get_field(body, &tag, &field)) {
        switch (tag) {
#define MOVER_PROGRESS_GET(name, number)                                                                              \
    case number:                                                                                                      \
        progress.name = sluice_wire_get_u64(&field);                                                                  \
        break;
            SLUICE_PROGRESS_MAP(MOVER_PROGRESS_GET)
#undef MOVER_PROGRESS_GET
        default:
            break;
        }
    }
    mover->setup.calls->progressed(mover->setup.user, &progress);
}

/* ---- work ---- */

static void task_run(sluice_task *task)
{
    sluice_work *work = (sluice_work *)task;
    work->run(work);
}

static void ending_step(sluice_mover *mover);

static bool store_parallel(const sluice_mover *mover)
{
    return mover->store.source ? mover->store.source->capabilities & SLUICE_SOURCE_PARALLEL
                               : mover->store.sink->capabilities & SLUICE_SINK_PARALLEL;
}

/* What the carrier was given goes out soon. */
static void wake_if_dirty(sluice_mover *mover)
{
    if (!mover->dirty)
        return;
    mover->dirty = false;
    mover->setup.calls->wake(mover->setup.user);
}

static void task_done(sluice_task *task)
{
    sluice_work *work = (sluice_work *)task;
    sluice_mover *mover = work->mover;
    mover->works--;
    mover->store_busy = false;
    work->done(work);
    if (mover->waiting && !mover->store_busy) {
        sluice_work *next = mover->waiting;
        mover->waiting = next->next;
        if (!mover->waiting)
            mover->waiting_tail = &mover->waiting;
        mover->store_busy = true;
        mover->setup.crew.submit(mover->setup.crew.user, &next->task);
    }
    if (sluice_mover_running(mover) && mover->sender)
        sluice_sender_pump(mover->sender);
    if (sluice_mover_running(mover) && mover->receiver)
        sluice_receiver_pump(mover->receiver);
    if (mover->stage >= SLUICE_MOVER_ENDING)
        ending_step(mover);
    wake_if_dirty(mover);
}

void sluice_mover_submit(sluice_mover *mover, sluice_work *work, void (*run)(sluice_work *work),
                         void (*done)(sluice_work *work))
{
    work->mover = mover;
    work->run = run;
    work->done = done;
    work->next = NULL;
    work->task.run = task_run;
    work->task.done = task_done;
    mover->works++;
    if (!store_parallel(mover)) {
        if (mover->store_busy || mover->waiting) {
            *mover->waiting_tail = work;
            mover->waiting_tail = &work->next;
            return;
        }
        mover->store_busy = true;
    }
    mover->setup.crew.submit(mover->setup.crew.user, &work->task);
}

void sluice_mover_sentence(const sluice_mover *mover, int status, sluice_error *out)
{
    memset(out, 0, sizeof(*out));
    out->status = status;
    if (mover->store.sentence)
        mover->store.sentence(mover->store.user, status, out);
    if (!out->text[0])
        sluice_fail(out, status, "%s", sluice_status_text(status));
}

/* ---- the end ---- */

static void text_keep(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length > size - 1)
        length = size - 1;
    memcpy(out, text, length);
    out[length] = 0;
}

/* Status and sentence of a transfer whose files are all told: CONTRACT's exit 0, 1 or 6. */
static void outcome_set(sluice_mover *mover)
{
    const sluice_mover_statistics *counted = &mover->statistics;
    mover->status = SLUICE_OK;
    mover->sentence[0] = 0;
    if (counted->failed == 0)
        return;
    bool some_done = counted->files + counted->skipped > 0;
    mover->status = some_done ? SLUICE_EPARTIAL : SLUICE_EFAILED;
    if (!some_done && counted->failed == 1 && sluice_status_exit(mover->first_status) == 1)
        mover->status = mover->first_status;
    if (counted->failed == 1)
        snprintf(mover->sentence, sizeof(mover->sentence), "%s", mover->first_sentence);
    else
        snprintf(mover->sentence, sizeof(mover->sentence), "%.900s (and %llu more)", mover->first_sentence,
                 (unsigned long long)counted->failed - 1);
}

/* A source or sink that waits for something outside, a silent pipe perhaps, must not hold the end up. */
static void store_interrupt(const sluice_mover *mover)
{
    const sluice_mover_store *store = &mover->store;
    if (store->source && store->source->interrupt)
        store->source->interrupt(store->state);
    if (store->sink && store->sink->interrupt)
        store->sink->interrupt(store->state);
}

void sluice_mover_end(sluice_mover *mover, int status, const char *sentence)
{
    if (mover->stage >= SLUICE_MOVER_ENDING)
        return;
    mover->stage = SLUICE_MOVER_ENDING;
    atomic_store(&mover->stop_work, true);
    store_interrupt(mover);
    if (status) {
        mover->status = status;
        text_keep(mover->sentence, sizeof(mover->sentence), sentence);
    } else {
        outcome_set(mover);
    }
}

/* When nothing runs any more, objects that are still open are let go; then finished is told. */
static void ending_step(sluice_mover *mover)
{
    if (mover->stage == SLUICE_MOVER_FINISHED) {
        if (mover->works == 0)
            mover->dirty = true; /* idle has become true: the owner is woken */
        return;
    }
    if (mover->works > 0 || (mover->sender && !sluice_sender_swept(mover->sender)) ||
        (mover->receiver && !sluice_receiver_swept(mover->receiver)))
        return;
    mover->stage = SLUICE_MOVER_FINISHED;
    mover->dirty = true;
    mover->setup.calls->finished(mover->setup.user, mover->status, mover->sentence);
}

void sluice_mover_fail(sluice_mover *mover, int status, const char *format, ...)
{
    char text[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    va_list args;
    if (mover->stage >= SLUICE_MOVER_ENDING)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    status_send(mover, SLUICE_MESSAGE_ERROR, status, text);
    sluice_mover_end(mover, status, text);
}

void sluice_mover_file_told(sluice_mover *mover, const sluice_mover_file *file)
{
    if (strcmp(file->state, "done") == 0) {
        mover->statistics.files++;
        mover->statistics.bytes += file->file_bytes;
    } else if (strcmp(file->state, "skipped") == 0) {
        mover->statistics.skipped++;
    } else if (strcmp(file->state, "failed") == 0 && mover->statistics.failed++ == 0) {
        mover->first_status = file->status;
        text_keep(mover->first_sentence, sizeof(mover->first_sentence), file->message);
    }
    mover->setup.calls->file(mover->setup.user, file);
}

/* ---- messages in ---- */

static int request_whole(sluice_mover *mover)
{
    mover->request = &mover->received;
    mover->sending = !mover->received.push;
    mover->setup.calls->requested(mover->setup.user, mover->request);
    return SLUICE_OK;
}

static int request_take(sluice_mover *mover, uint64_t type, sluice_wire_reader *body, sluice_error *error)
{
    bool expected = type == SLUICE_MESSAGE_REQUEST ? !mover->receiving_request : mover->more_operands;
    if (mover->setup.client || mover->request || !expected)
        return sluice_fail(error, SLUICE_EPROTOCOL, "a request came out of turn");
    mover->receiving_request = true;
    int status = type == SLUICE_MESSAGE_REQUEST
                     ? sluice_request_decode(&mover->received, body, &mover->more_operands, error)
                     : sluice_request_decode_operands(&mover->received, body, &mover->more_operands, error);
    if (status) {
        sluice_mover_refuse(mover, status, error->text, mover->now);
        return SLUICE_OK;
    }
    return mover->more_operands ? SLUICE_OK : request_whole(mover);
}

static int rate_take(sluice_mover *mover, sluice_wire_reader *body, sluice_error *error)
{
    char policy[64];
    size_t length;
    sluice_rate target = sluice_wire_get_u64(body), minimum = sluice_wire_get_u64(body);
    const uint8_t *name = sluice_wire_get_string(body, &length);
    if (body->bad || length >= sizeof(policy) || (length && memchr(name, 0, length)))
        return sluice_fail(error, SLUICE_EPROTOCOL, "a malformed RATE message came");
    if (length)
        memcpy(policy, name, length);
    policy[length] = 0;
    mover->setup.calls->rate(mover->setup.user, target, minimum, policy);
    return SLUICE_OK;
}

static void facts_take(sluice_mover *mover, sluice_wire_reader *body)
{
    sluice_facts facts;
    if (!mover->setup.client || !mover->setup.calls->facts)
        return;
    sluice_facts_get(&facts, body);
    mover->setup.calls->facts(mover->setup.user, &facts);
}

static void pause_set(sluice_mover *mover, bool paused)
{
    mover->paused = paused;
    mover->setup.calls->paused(mover->setup.user, paused);
    if (mover->sender)
        sluice_sender_pump(mover->sender);
}

/* A client ends its probe when it has seen enough, which is the best end it can come to. */
static bool probe_is_over(const sluice_mover *mover, int status)
{
    return !mover->setup.client && mover->request && mover->request->probe && status == SLUICE_ECANCELLED;
}

/* REFUSE, ERROR, CANCEL: the peer's reason ends this side as well. */
static int ending_take(sluice_mover *mover, uint64_t type, sluice_wire_reader *body)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1] = "cancelled by the peer";
    int status = SLUICE_ECANCELLED;
    if (type != SLUICE_MESSAGE_CANCEL)
        status = sluice_message_get_status(body, sentence, sizeof(sentence));
    if (status == SLUICE_OK)
        status = SLUICE_EFAILED;
    if (probe_is_over(mover, status)) {
        sluice_mover_end(mover, SLUICE_OK, "");
        return SLUICE_OK;
    }
    mover->peer_ended = true;
    sluice_mover_end(mover, status, sentence[0] ? sentence : sluice_status_text(status));
    return SLUICE_OK;
}

/* Messages of the sender and the receiver; they wait in the inbox until there is one. */
static bool of_files(uint64_t type)
{
    bool of_session = type >= SLUICE_MESSAGE_RATE && type <= SLUICE_MESSAGE_ERROR;
    return type >= SLUICE_MESSAGE_WANT && type <= SLUICE_MESSAGE_FAULT && (type & 1) && !of_session;
}

static int message_take(sluice_mover *mover, uint64_t type, sluice_wire_reader *body, sluice_error *error)
{
    switch (type) {
    case SLUICE_MESSAGE_REQUEST:
    case SLUICE_MESSAGE_OPERANDS:
        return request_take(mover, type, body, error);
    case SLUICE_MESSAGE_PROGRESS:
        progress_take(mover, body);
        return SLUICE_OK;
    case SLUICE_MESSAGE_FACTS:
        facts_take(mover, body);
        return SLUICE_OK;
    case SLUICE_MESSAGE_ACCEPT:
        return SLUICE_OK;
    case SLUICE_MESSAGE_REFUSE:
    case SLUICE_MESSAGE_ERROR:
    case SLUICE_MESSAGE_CANCEL:
        return ending_take(mover, type, body);
    case SLUICE_MESSAGE_RATE:
        return rate_take(mover, body, error);
    case SLUICE_MESSAGE_PAUSE:
        pause_set(mover, sluice_wire_get_number(body) != 0);
        return SLUICE_OK;
    default:
        break;
    }
    if (of_files(type))
        return mover->sender ? sluice_sender_message(mover->sender, type, body, error)
                             : sluice_receiver_message(mover->receiver, type, body, error);
    if (type & 1)
        return sluice_fail(error, SLUICE_EPROTOCOL, "control message %llu is not understood here",
                           (unsigned long long)type);
    return SLUICE_OK;
}

/* Takes all whole messages that lie in the inbox. */
static void inbox_take(sluice_mover *mover)
{
    size_t at = 0, used;
    sluice_error error = {0};
    int status = SLUICE_OK;
    if (mover->taking)
        return;
    mover->taking = true;
    while (mover->stage < SLUICE_MOVER_ENDING && at < mover->inbox.size) {
        uint64_t type;
        sluice_wire_reader body;
        status = sluice_wire_split(mover->inbox.bytes + at, mover->inbox.size - at, SLUICE_MESSAGE_BODY_MAX, &type,
                                   &body, &used);
        if (status == SLUICE_EPROTOCOL)
            sluice_fail(&error, status, "a control message is longer than %u bytes", SLUICE_MESSAGE_BODY_MAX);
        if (status)
            break;
        if (of_files(type) && !mover->attached)
            break;
        at += used;
        status = message_take(mover, type, &body, &error);
        if (status)
            break;
    }
    if (mover->stage >= SLUICE_MOVER_ENDING)
        at = mover->inbox.size;
    if (at)
        memmove(mover->inbox.bytes, mover->inbox.bytes + at, mover->inbox.size - at);
    mover->inbox.size -= at;
    mover->taking = false;
    if (status && status != SLUICE_EAGAIN)
        sluice_mover_fail(mover, status, "%s", error.text[0] ? error.text : sluice_status_text(status));
}

static void control_deliver(sluice_mover *mover, const uint8_t *data, size_t bytes)
{
    mover->setup.carrier.ops->consumed_ordered(mover->setup.carrier.state, SLUICE_OBJECT_CONTROL, bytes);
    if (mover->stage >= SLUICE_MOVER_ENDING)
        return;
    sluice_wire_put_bytes(&mover->inbox, data, bytes);
    if (mover->inbox.size > MOVER_INBOX_MOST)
        sluice_mover_fail(mover, SLUICE_EPROTOCOL, "the peer goes on before its request was taken");
    else if (mover->inbox.failed)
        sluice_mover_fail(mover, SLUICE_ENOMEM, "out of memory for control messages");
    else
        inbox_take(mover);
}

/* After any call from outside: data that became possible is asked for, the end is noticed. */
static void after(sluice_mover *mover)
{
    if (sluice_mover_running(mover) && mover->sender)
        sluice_sender_pump(mover->sender);
    if (sluice_mover_running(mover) && mover->receiver)
        sluice_receiver_pump(mover->receiver);
    if (mover->stage == SLUICE_MOVER_ENDING)
        ending_step(mover);
    wake_if_dirty(mover);
}

/* ---- the transport's callbacks ---- */

size_t sluice_mover_fetch(void *mover, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    sluice_mover *self = mover;
    if (id == SLUICE_OBJECT_CONTROL)
        return sluice_outbox_fetch(&self->control, offset, buffers, count);
    return self->sender ? sluice_sender_fetch(self->sender, id, offset, buffers, count) : 0;
}

void sluice_mover_acked(void *mover, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_mover *self = mover;
    if (id == SLUICE_OBJECT_CONTROL)
        (void)sluice_outbox_acked(&self->control, from, to);
    else if (self->sender)
        sluice_sender_acked(self->sender, id, from, to);
    after(self);
}

void sluice_mover_completed(void *mover, sluice_object_id id)
{
    sluice_mover *self = mover;
    if (self->sender)
        sluice_sender_completed(self->sender, id);
    after(self);
}

int sluice_mover_opened(void *mover, sluice_object_id id, unsigned flags)
{
    sluice_mover *self = mover;
    if (id == SLUICE_OBJECT_CONTROL)
        return SLUICE_OK;
    if (self->sending || (self->setup.client && !self->request))
        return SLUICE_EPROTOCOL;
    if (id == SLUICE_OBJECT_CATALOGUE)
        return flags & SLUICE_OBJECT_ORDERED ? SLUICE_OK : SLUICE_EPROTOCOL;
    return self->receiver ? sluice_receiver_opened(self->receiver, id, flags) : SLUICE_ECANCELLED;
}

void sluice_mover_deliver(void *mover, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sluice_mover *self = mover;
    if (id == SLUICE_OBJECT_CONTROL)
        control_deliver(self, data, bytes);
    else if (id == SLUICE_OBJECT_CATALOGUE)
        sluice_wire_put_bytes(&self->catalogue, data, bytes);
    else if (self->receiver)
        sluice_receiver_deliver(self->receiver, id, offset, data, bytes);
    else
        self->setup.carrier.ops->consumed(self->setup.carrier.state, bytes);
    after(self);
}

void sluice_mover_ended(void *mover, sluice_object_id id, uint64_t size)
{
    (void)mover; /* END and the totals of the catalogue say it, in order with all else */
    (void)id;
    (void)size;
}

void sluice_mover_aborted(void *mover, sluice_object_id id, uint64_t code)
{
    sluice_mover *self = mover;
    (void)code; /* of an entry's object: FAILED says why */
    if (id <= SLUICE_OBJECT_CATALOGUE)
        sluice_mover_fail(self, SLUICE_EPROTOCOL, "the peer gave up object %llu, which carries the session",
                          (unsigned long long)id);
    after(self);
}

void sluice_mover_stopped(void *mover, sluice_object_id id, uint64_t code)
{
    sluice_mover *self = mover;
    (void)code; /* RESULT says why */
    if (id <= SLUICE_OBJECT_CATALOGUE)
        sluice_mover_fail(self, SLUICE_EPROTOCOL, "the peer stopped object %llu, which carries the session",
                          (unsigned long long)id);
    else if (self->sender)
        sluice_sender_stopped(self->sender, id);
    after(self);
}

void sluice_mover_skipped(void *mover, sluice_object_id id, uint64_t from, uint64_t to)
{
    (void)from;
    (void)to;
    sluice_mover_fail(mover, SLUICE_EPROTOCOL, "the peer skipped bytes of object %llu, which is not live data",
                      (unsigned long long)id);
    after(mover);
}

/* ---- life ---- */

int sluice_mover_new(const sluice_mover_setup *setup, sluice_mover **out)
{
    sluice_mover *mover = calloc(1, sizeof(*mover));
    if (!mover)
        return SLUICE_ENOMEM;
    mover->setup = *setup;
    if (mover->setup.memory_bytes < MOVER_MEMORY_LEAST)
        mover->setup.memory_bytes = MOVER_MEMORY_LEAST;
    if (mover->setup.open_most == 0)
        mover->setup.open_most = MOVER_OPEN_MOST;
    if (mover->setup.crew.threads == 0)
        mover->setup.crew.threads = 1;
    mover->waiting_tail = &mover->waiting;
    sluice_request_init(&mover->received);
    mover->stage = setup->client ? SLUICE_MOVER_NEW : SLUICE_MOVER_RUNNING;
    *out = mover;
    return SLUICE_OK;
}

void sluice_mover_free(sluice_mover *mover)
{
    if (!mover)
        return;
    assert(mover->works == 0);
    sluice_sender_free(mover->sender);
    sluice_receiver_free(mover->receiver);
    sluice_outbox_fini(&mover->control);
    sluice_wire_writer_fini(&mover->body);
    sluice_wire_writer_fini(&mover->message);
    sluice_wire_writer_fini(&mover->inbox);
    sluice_wire_writer_fini(&mover->catalogue);
    sluice_request_fini(&mover->received);
    free(mover);
}

int sluice_mover_start(sluice_mover *mover, sluice_time now)
{
    assert(mover->setup.client && mover->stage == SLUICE_MOVER_NEW);
    sluice_wire_writer messages = {0};
    int status = sluice_request_encode(mover->setup.request, &messages, NULL);
    if (!status) {
        mover->now = now;
        mover->request = mover->setup.request;
        mover->sending = mover->request->push;
        mover->stage = SLUICE_MOVER_RUNNING;
        control_append(mover, &messages);
        wake_if_dirty(mover);
    }
    sluice_wire_writer_fini(&messages);
    return status;
}

int sluice_mover_attach(sluice_mover *mover, const sluice_mover_store *store, sluice_time now)
{
    assert(!mover->attached && mover->request && (mover->sending ? store->source != NULL : store->sink != NULL));
    mover->now = now;
    if (!sluice_mover_running(mover))
        return SLUICE_ECANCELLED; /* it ended while source or sink was made */
    mover->store = *store;
    mover->attached = true;
    int status = mover->sending ? sluice_sender_new(mover, &mover->sender)
                                : sluice_receiver_new(mover, &mover->receiver);
    if (status)
        return status;
    if (!mover->setup.client && sluice_mover_running(mover)) {
        sluice_mover_message(mover);
        sluice_mover_send(mover, SLUICE_MESSAGE_ACCEPT);
    }
    inbox_take(mover);
    after(mover);
    return SLUICE_OK;
}

void sluice_mover_refuse(sluice_mover *mover, int status, const char *sentence, sluice_time now)
{
    mover->now = now;
    if (mover->stage >= SLUICE_MOVER_ENDING)
        return;
    status_send(mover, SLUICE_MESSAGE_REFUSE, status, sentence);
    sluice_mover_end(mover, status, sentence);
    after(mover);
}

void sluice_mover_cancel(sluice_mover *mover, int status, const char *sentence, sluice_time now)
{
    mover->now = now;
    if (mover->stage >= SLUICE_MOVER_ENDING)
        return;
    if (mover->stage == SLUICE_MOVER_RUNNING && (status == SLUICE_ECANCELLED || status == SLUICE_EINTERRUPTED)) {
        sluice_mover_message(mover);
        sluice_mover_send(mover, SLUICE_MESSAGE_CANCEL);
    } else if (mover->stage == SLUICE_MOVER_RUNNING) {
        status_send(mover, SLUICE_MESSAGE_ERROR, status, sentence);
    }
    sluice_mover_end(mover, status, sentence);
    after(mover);
}

void sluice_mover_closed(sluice_mover *mover, int status, const char *reason, sluice_time now)
{
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    mover->now = now;
    if ((status == SLUICE_OK && mover->finish_sent && !mover->setup.client) || probe_is_over(mover, status)) {
        sluice_mover_end(mover, SLUICE_OK, "");
    } else if (status == SLUICE_OK) {
        snprintf(sentence, sizeof(sentence), "the peer closed the session before all was done%s%.500s",
                 reason[0] ? ": " : "", reason);
        sluice_mover_end(mover, SLUICE_ECLOSED, sentence);
    } else {
        sluice_mover_end(mover, status, reason[0] ? reason : sluice_status_text(status));
    }
    after(mover);
}

bool sluice_mover_idle(const sluice_mover *mover)
{
    return mover->works == 0 && (mover->stage == SLUICE_MOVER_FINISHED || mover->stage == SLUICE_MOVER_NEW);
}

bool sluice_mover_heard(const sluice_mover *mover)
{
    return sluice_outbox_kept(&mover->control) == 0;
}

bool sluice_mover_complete(const sluice_mover *mover)
{
    return mover->complete;
}

void sluice_mover_tick(sluice_mover *mover, sluice_time now)
{
    mover->now = now;
    if (sluice_mover_running(mover) && mover->attached && now >= mover->progress_at) {
        mover->progress_at = now + MOVER_PROGRESS_NS;
        sluice_mover_progress(mover);
        if (mover->receiver)
            sluice_receiver_tick(mover->receiver);
    }
    if (sluice_mover_running(mover) && mover->receiver)
        sluice_receiver_wake(mover->receiver);
    after(mover);
}

sluice_time sluice_mover_next_wake(const sluice_mover *mover)
{
    if (!sluice_mover_running(mover) || !mover->attached)
        return SLUICE_NEVER;
    sluice_time receiver = mover->receiver ? sluice_receiver_next_wake(mover->receiver) : SLUICE_NEVER;
    return receiver < mover->progress_at ? receiver : mover->progress_at;
}

void sluice_mover_rate(sluice_mover *mover, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy)
{
    if (!sluice_mover_running(mover))
        return;
    sluice_wire_writer *body = sluice_mover_message(mover);
    sluice_wire_put_u64(body, target_bps);
    sluice_wire_put_u64(body, minimum_bps);
    sluice_wire_put_string(body, policy, strlen(policy));
    sluice_mover_send(mover, SLUICE_MESSAGE_RATE);
    wake_if_dirty(mover);
}

void sluice_mover_facts(sluice_mover *mover, const sluice_facts *facts)
{
    if (!sluice_mover_running(mover))
        return;
    sluice_facts_put(facts, sluice_mover_message(mover));
    sluice_mover_send(mover, SLUICE_MESSAGE_FACTS);
    wake_if_dirty(mover);
}

void sluice_mover_pause(sluice_mover *mover, bool paused)
{
    if (!sluice_mover_running(mover))
        return;
    mover->paused = paused;
    sluice_wire_put_number(sluice_mover_message(mover), paused);
    sluice_mover_send(mover, SLUICE_MESSAGE_PAUSE);
    after(mover);
}

void sluice_mover_statistics_get(const sluice_mover *mover, sluice_mover_statistics *out)
{
    *out = mover->statistics;
    out->finishing = mover->sender && mover->finish_sent;
    out->source_busy = mover->sender && sluice_sender_busy(mover->sender);
    out->sink_busy = mover->receiver && sluice_receiver_busy(mover->receiver);
}

bool sluice_mover_peer_ended(const sluice_mover *mover)
{
    return mover->peer_ended;
}

bool sluice_mover_sending(const sluice_mover *mover)
{
    return mover->sending;
}
