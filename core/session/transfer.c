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
#define MOVER_FILES_NS SLUICE_SECOND

/* ---- messages out ---- */

sluice_wire_writer *sluice_mover_message(sluice_mover *mover)
{
    return sluice_mailbox_begin(&mover->mailbox);
}

/* Without its messages the session cannot go on, so what hinders them ends it. */
static void message_sent(sluice_mover *mover, int status)
{
    mover->dirty = true;
    if (status)
        sluice_mover_end(mover, status, status == SLUICE_ELIMIT ? "the peer takes no control messages"
                                                                : sluice_status_text(status));
}

void sluice_mover_send(sluice_mover *mover, sluice_message type)
{
    if (mover->stage != SLUICE_MOVER_FINISHED)
        message_sent(mover, sluice_mailbox_send(&mover->mailbox, type));
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
    sluice_progress_put(&progress, sluice_mover_message(mover));
    sluice_mover_send(mover, SLUICE_MESSAGE_PROGRESS);
}

static void progress_take(sluice_mover *mover, sluice_wire_reader *body)
{
    sluice_progress progress;
    sluice_progress_get(&progress, body);
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
    if (work->again)
        sluice_mover_submit(mover, work, work->run, work->done);
    else
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
    work->again = false;
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
    const sluice_cargo_statistics *counted = &mover->statistics;
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

void sluice_mover_file_told(sluice_mover *mover, const sluice_cargo_item *file)
{
    sluice_cargo_item given_up = *file;
    given_up.state = "skipped";
    /* Its user has thought better of it: that is no failure. */
    if (strcmp(file->state, "failed") == 0 && file->status == SLUICE_ECANCELLED)
        file = &given_up;
    if (strcmp(file->state, "done") == 0) {
        mover->statistics.files++;
        mover->statistics.bytes += file->file_bytes;
    } else if (strcmp(file->state, "skipped") == 0) {
        mover->statistics.skipped++;
    } else if (strcmp(file->state, "failed") == 0 && mover->statistics.failed++ == 0) {
        mover->first_status = file->status;
        text_keep(mover->first_sentence, sizeof(mover->first_sentence), file->message);
    }
    mover->setup.calls->item(mover->setup.user, file);
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
    sluice_rate target, minimum;
    int status = sluice_mailbox_get_rate(body, &target, &minimum, policy, error);
    if (status == SLUICE_OK)
        mover->setup.calls->rate(mover->setup.user, target, minimum, policy);
    return status;
}

static void facts_take(sluice_mover *mover, sluice_wire_reader *body)
{
    sluice_facts facts;
    if (!mover->setup.client || !mover->setup.calls->facts)
        return;
    sluice_facts_get(&facts, body);
    mover->setup.calls->facts(mover->setup.user, &facts);
}

/* was: whether the data was to stop until now. */
static void pause_apply(sluice_mover *mover, bool was)
{
    bool paused = sluice_mover_holds(mover);
    if (was == paused)
        return;
    mover->setup.calls->paused(mover->setup.user, paused);
    if (!paused && mover->sender)
        sluice_sender_resume(mover->sender);
}

static void pause_take(sluice_mover *mover, sluice_wire_reader *body)
{
    bool was = sluice_mover_holds(mover);
    mover->peer_pause = sluice_wire_get_number(body) != 0;
    pause_apply(mover, was);
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

/* Server of a pull whose request is open. */
static int sources_take(sluice_mover *mover, sluice_wire_reader *body, sluice_error *error)
{
    uint32_t drop;
    if (mover->setup.client || !mover->sender)
        return sluice_fail(error, SLUICE_EPROTOCOL, "sources came that nobody can send");
    int status = sluice_request_take_change(&mover->received, body, &drop, error);
    if (status == SLUICE_OK)
        sluice_sender_change(mover->sender, drop);
    return status;
}

/* Messages of the sender and the receiver; they wait in the inbox until there is one. */
static bool of_files(uint64_t type)
{
    if (type == SLUICE_MESSAGE_SOURCES)
        return true;
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
        pause_take(mover, body);
        return SLUICE_OK;
    case SLUICE_MESSAGE_SOURCES:
        return sources_take(mover, body, error);
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

static sluice_mailbox_verdict mail_take(void *user, uint64_t type, sluice_wire_reader *body, int *status,
                                        sluice_error *error)
{
    sluice_mover *mover = user;
    if (mover->stage >= SLUICE_MOVER_ENDING)
        return SLUICE_MAILBOX_OVER;
    if (of_files(type) && !mover->attached)
        return SLUICE_MAILBOX_LATER;
    *status = message_take(mover, type, body, error);
    return mover->stage >= SLUICE_MOVER_ENDING ? SLUICE_MAILBOX_OVER : SLUICE_MAILBOX_TAKEN;
}

/* Takes all whole messages that can be taken. */
static void messages_take(sluice_mover *mover)
{
    sluice_error error = {0};
    int status = sluice_mailbox_take(&mover->mailbox, mail_take, mover, &error);
    if (status)
        sluice_mover_fail(mover, status, "%s", error.text[0] ? error.text : sluice_status_text(status));
}

static void control_deliver(sluice_mover *mover, const uint8_t *data, size_t bytes)
{
    int status = sluice_mailbox_deliver(&mover->mailbox, data, bytes);
    if (status == SLUICE_EPROTOCOL)
        sluice_mover_fail(mover, status, "the peer goes on before its request was taken");
    else if (status)
        sluice_mover_fail(mover, status, "out of memory for control messages");
    else
        messages_take(mover);
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
        return sluice_mailbox_fetch(&self->mailbox, offset, buffers, count);
    return self->sender ? sluice_sender_fetch(self->sender, id, offset, buffers, count) : 0;
}

const uint8_t *sluice_mover_borrow(void *mover, sluice_object_id id, uint64_t offset, uint64_t *bytes, void **owner)
{
    const sluice_mover *self = mover;
    return self->sender ? sluice_sender_borrow(self->sender, id, offset, bytes, owner) : NULL;
}

void sluice_mover_give_back(void *mover, void *owner)
{
    sluice_mover *self = mover;
    sluice_sender_give_back(self->sender, owner);
    after(self);
}

void sluice_mover_acked(void *mover, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_mover *self = mover;
    if (id == SLUICE_OBJECT_CONTROL)
        sluice_mailbox_acked(&self->mailbox, from, to);
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
    sluice_mailbox_init(&mover->mailbox, &setup->carrier);
    mover->waiting_tail = &mover->waiting;
    sluice_request_init(&mover->received);
    mover->stage = setup->client ? SLUICE_MOVER_NEW : SLUICE_MOVER_RUNNING;
    *out = mover;
    return SLUICE_OK;
}

void sluice_mover_free(void *mover)
{
    sluice_mover *self = mover;
    if (!mover)
        return;
    assert(self->works == 0);
    sluice_sender_free(self->sender);
    sluice_receiver_free(self->receiver);
    sluice_mailbox_fini(&self->mailbox);
    sluice_wire_writer_fini(&self->catalogue);
    sluice_request_fini(&self->received);
    free(self);
}

int sluice_mover_start(void *mover, sluice_time now)
{
    sluice_mover *self = mover;
    assert(self->setup.client && self->stage == SLUICE_MOVER_NEW);
    sluice_wire_writer messages = {0};
    int status = sluice_request_encode(self->setup.request, &messages, NULL);
    if (!status) {
        self->now = now;
        self->request = self->setup.request;
        self->sending = self->request->push;
        self->stage = SLUICE_MOVER_RUNNING;
        message_sent(self, sluice_mailbox_append(&self->mailbox, &messages));
        wake_if_dirty(self);
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
    messages_take(mover);
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

void sluice_mover_cancel(void *mover, int status, const char *sentence, sluice_time now)
{
    sluice_mover *self = mover;
    self->now = now;
    if (self->stage >= SLUICE_MOVER_ENDING)
        return;
    if (self->stage == SLUICE_MOVER_RUNNING && (status == SLUICE_ECANCELLED || status == SLUICE_EINTERRUPTED)) {
        sluice_mover_message(self);
        sluice_mover_send(self, SLUICE_MESSAGE_CANCEL);
    } else if (self->stage == SLUICE_MOVER_RUNNING) {
        status_send(self, SLUICE_MESSAGE_ERROR, status, sentence);
    }
    sluice_mover_end(self, status, sentence);
    after(self);
}

void sluice_mover_closed(void *mover, int status, const char *reason, sluice_time now)
{
    sluice_mover *self = mover;
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    self->now = now;
    if ((status == SLUICE_OK && !self->setup.client && self->sender && sluice_sender_answered(self->sender)) || probe_is_over(self, status)) {
        sluice_mover_end(self, SLUICE_OK, "");
    } else if (status == SLUICE_OK) {
        snprintf(sentence, sizeof(sentence), "the peer closed the session before all was done%s%.500s",
                 reason[0] ? ": " : "", reason);
        sluice_mover_end(self, SLUICE_ECLOSED, sentence);
    } else {
        sluice_mover_end(self, status, reason[0] ? reason : sluice_status_text(status));
    }
    after(self);
}

bool sluice_mover_idle(const void *mover)
{
    const sluice_mover *self = mover;
    return self->works == 0 && (self->stage == SLUICE_MOVER_FINISHED || self->stage == SLUICE_MOVER_NEW);
}

bool sluice_mover_heard(const void *mover)
{
    const sluice_mover *self = mover;
    return sluice_mailbox_heard(&self->mailbox);
}

bool sluice_mover_closes(const void *mover)
{
    const sluice_mover *self = mover;
    return self->complete ? self->sending : self->setup.client;
}

static void files_tell(sluice_mover *mover)
{
    if (!mover->setup.file_progress || mover->now < mover->files_at)
        return;
    mover->files_at = mover->now + MOVER_FILES_NS;
    if (mover->sender)
        sluice_sender_progress(mover->sender);
    if (mover->receiver)
        sluice_receiver_progress(mover->receiver);
}

void sluice_mover_tick(void *mover, sluice_time now)
{
    sluice_mover *self = mover;
    self->now = now;
    if (sluice_mover_running(self) && self->attached && now >= self->progress_at) {
        self->progress_at = now + MOVER_PROGRESS_NS;
        sluice_mover_progress(self);
        if (self->receiver)
            sluice_receiver_tick(self->receiver);
        files_tell(self);
    }
    if (sluice_mover_running(self) && self->receiver)
        sluice_receiver_wake(self->receiver);
    after(self);
}

sluice_time sluice_mover_next_wake(const void *mover)
{
    const sluice_mover *self = mover;
    if (!sluice_mover_running(self) || !self->attached)
        return SLUICE_NEVER;
    sluice_time receiver = self->receiver ? sluice_receiver_next_wake(self->receiver) : SLUICE_NEVER;
    return receiver < self->progress_at ? receiver : self->progress_at;
}

void sluice_mover_rate(void *mover, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy)
{
    sluice_mover *self = mover;
    if (!sluice_mover_running(self))
        return;
    message_sent(self, sluice_mailbox_send_rate(&self->mailbox, target_bps, minimum_bps, policy));
    wake_if_dirty(self);
}

void sluice_mover_change(sluice_mover *mover, const sluice_request_change *change, sluice_time now)
{
    mover->now = now;
    if (!sluice_mover_running(mover))
        return;
    if (mover->sender) {
        sluice_sender_change(mover->sender, change->drop);
    } else {
        sluice_request_put_change(sluice_mover_message(mover), change);
        sluice_mover_send(mover, SLUICE_MESSAGE_SOURCES);
    }
    after(mover);
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
    bool was = sluice_mover_holds(mover);
    if (!sluice_mover_running(mover) || paused == mover->own_pause)
        return;
    mover->own_pause = paused;
    sluice_wire_put_number(sluice_mover_message(mover), paused);
    sluice_mover_send(mover, SLUICE_MESSAGE_PAUSE);
    pause_apply(mover, was);
    after(mover);
}

bool sluice_mover_hindered(const sluice_mover *mover)
{
    return mover->receiver && sluice_receiver_hindered(mover->receiver);
}

bool sluice_mover_paused(const sluice_mover *mover)
{
    return sluice_mover_holds(mover);
}

void sluice_mover_statistics_get(const void *mover, sluice_cargo_statistics *out)
{
    const sluice_mover *self = mover;
    *out = self->statistics;
    out->finishing = self->sender && self->finish_sent;
    bool flows = self->sender && !sluice_mover_holds(self);
    out->source_busy = flows && sluice_sender_busy(self->sender);
    out->memory_full = flows && sluice_sender_full(self->sender);
    out->sink_busy = self->receiver && sluice_receiver_busy(self->receiver);
}

bool sluice_mover_peer_ended(const void *mover)
{
    const sluice_mover *self = mover;
    return self->peer_ended;
}

bool sluice_mover_sending(const void *mover)
{
    const sluice_mover *self = mover;
    return self->sending;
}

sluice_cargo sluice_mover_cargo(sluice_mover *mover)
{
    static const sluice_cargo_ops ops = {
        .free = sluice_mover_free,
        .start = sluice_mover_start,
        .cancel = sluice_mover_cancel,
        .closed = sluice_mover_closed,
        .idle = sluice_mover_idle,
        .heard = sluice_mover_heard,
        .closes = sluice_mover_closes,
        .peer_ended = sluice_mover_peer_ended,
        .sending = sluice_mover_sending,
        .tick = sluice_mover_tick,
        .next_wake = sluice_mover_next_wake,
        .rate = sluice_mover_rate,
        .statistics = sluice_mover_statistics_get,
        .fetch = sluice_mover_fetch,
        .acked = sluice_mover_acked,
        .completed = sluice_mover_completed,
        .opened = sluice_mover_opened,
        .deliver = sluice_mover_deliver,
        .ended = sluice_mover_ended,
        .aborted = sluice_mover_aborted,
        .stopped = sluice_mover_stopped,
        .skipped = sluice_mover_skipped,
        .borrow = sluice_mover_borrow,
        .give_back = sluice_mover_give_back,
    };
    return (sluice_cargo){.ops = &ops, .state = mover};
}
