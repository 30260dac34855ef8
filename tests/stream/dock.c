/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/dock.h"

#include "session/mailbox.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_OBJECT 2

/* ---- what the mux asks of its transport ---- */

static dock_out *out_of(dock *at, sluice_object_id id)
{
    return id >= FIRST_OBJECT && id - FIRST_OBJECT < DOCK_OBJECTS ? &at->out[id - FIRST_OBJECT] : NULL;
}

static dock_in *in_of(dock *at, sluice_object_id id)
{
    return id >= FIRST_OBJECT && id - FIRST_OBJECT < DOCK_OBJECTS ? &at->in[id - FIRST_OBJECT] : NULL;
}

static int on_open(void *state, sluice_object_id id, unsigned flags, unsigned priority)
{
    dock *at = state;
    dock_out *object = out_of(at, id);
    at->broken = at->broken || flags != SLUICE_OBJECT_ORDERED || priority < 1 || priority >= SLUICE_PRIORITY_LEVELS;
    if (object) {
        at->broken = at->broken || object->open;
        *object = (dock_out){.open = true};
    }
    return SLUICE_OK;
}

static int on_offer(void *state, sluice_object_id id, uint64_t from, uint64_t to)
{
    dock *at = state;
    dock_out *object = out_of(at, id);
    if (id == SLUICE_OBJECT_CONTROL) {
        at->broken = at->broken || from != at->control_out || to <= from;
        at->control_out = to;
    } else if (object) {
        bool sendable = object->open && !object->finished && !object->aborted;
        at->broken = at->broken || !sendable || from != object->offered || to <= from;
        object->offered = to;
    }
    return SLUICE_OK;
}

static int on_finish(void *state, sluice_object_id id, uint64_t size)
{
    dock *at = state;
    dock_out *object = out_of(at, id);
    if (object) {
        at->broken = at->broken || !object->open || object->finished || object->aborted || size != object->offered;
        object->finished = true;
        object->size = size;
    }
    return SLUICE_OK;
}

static void on_ready(void *state, sluice_object_id id)
{
    (void)state;
    (void)id;
}

static int on_abort(void *state, sluice_object_id id, uint64_t code)
{
    dock *at = state;
    dock_out *object = out_of(at, id);
    at->broken = at->broken || code == 0;
    if (object) {
        at->broken = at->broken || !object->open || object->aborted;
        object->aborted = true;
    }
    return SLUICE_OK;
}

static int on_skip(void *state, sluice_object_id id, uint64_t upto)
{
    dock *at = state;
    dock_out *object = out_of(at, id);
    if (object) {
        at->broken = at->broken || !object->open || object->aborted || object->stopped || upto > object->offered;
        object->skipped = upto;
    }
    return SLUICE_OK;
}

static void on_consumed_ordered(void *state, sluice_object_id id, uint64_t bytes)
{
    dock *at = state;
    dock_in *object = in_of(at, id);
    if (object)
        object->credit += bytes;
}

static void on_widen(void *state, sluice_object_id id, uint64_t bytes)
{
    dock *at = state;
    dock_in *object = in_of(at, id);
    if (object) {
        object->credit += bytes;
        object->window += bytes;
    }
}

static int on_stop(void *state, sluice_object_id id, uint64_t code)
{
    dock *at = state;
    dock_in *object = in_of(at, id);
    at->broken = at->broken || code == 0;
    if (object) {
        at->broken = at->broken || !object->opened || object->stopped;
        object->stopped = true;
    }
    return SLUICE_OK;
}

static void on_statistics(const void *state, sluice_time now, sluice_transport_statistics *out)
{
    (void)state;
    (void)now;
    out->srtt_ns = 20 * SLUICE_MS;
}

static const sluice_transport_ops transport = {
    .open = on_open,
    .offer = on_offer,
    .finish = on_finish,
    .ready = on_ready,
    .abort = on_abort,
    .skip = on_skip,
    .consumed_ordered = on_consumed_ordered,
    .widen = on_widen,
    .stop = on_stop,
    .statistics = on_statistics,
};

/* ---- what it tells its session ---- */

static void on_item(void *user, const sluice_cargo_item *item)
{
    (void)user;
    (void)item;
}

static void on_measure(void *user, sluice_progress *out)
{
    (void)user;
    (void)out;
}

static void on_progressed(void *user, const sluice_progress *peer)
{
    (void)user;
    (void)peer;
}

static void on_rate(void *user, sluice_rate target, sluice_rate minimum, const char *policy)
{
    (void)user;
    (void)target;
    (void)minimum;
    (void)policy;
}

static void on_paused(void *user, bool paused)
{
    (void)user;
    (void)paused;
}

static void on_wake(void *user)
{
    (void)user;
}

static void on_finished(void *user, int status, const char *sentence)
{
    dock *at = user;
    at->broken = at->broken || at->finished;
    at->finished = true;
    at->status = status;
    snprintf(at->sentence, sizeof at->sentence, "%.190s", sentence);
}

static const sluice_cargo_calls calls = {
    .item = on_item,
    .measure = on_measure,
    .progressed = on_progressed,
    .rate = on_rate,
    .paused = on_paused,
    .wake = on_wake,
    .finished = on_finished,
};

static sluice_time on_now(void *user)
{
    return ((dock *)user)->now;
}

static int on_requested(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    dock *at = user;
    return at->requested ? at->requested(at, request, stream_user, error) : SLUICE_OK;
}

static void on_accepted(void *user, sluice_stream *stream)
{
    dock *at = user;
    if (at->accepted_count == at->accepted_room) {
        at->accepted_room = at->accepted_room ? 2 * at->accepted_room : 64;
        at->accepted = realloc(at->accepted, at->accepted_room * sizeof *at->accepted);
        if (!at->accepted)
            abort();
    }
    at->accepted[at->accepted_count++] = stream;
    sluice_stream_blocking(stream, false);
}

static void on_asked(void *user)
{
    atomic_store(&((dock *)user)->asked, true);
}

/* ---- life ---- */

void dock_init(dock *at, bool client, uint64_t memory_bytes)
{
    sluice_error error = {0};
    memset(at, 0, sizeof *at);
    at->now = SLUICE_SECOND;
    for (size_t i = 0; i < DOCK_OBJECTS; i++)
        at->in[i].window = at->in[i].credit = SLUICE_STREAM_FIRST_BYTES;
    if (sluice_stream_session_new(client, memory_bytes, &at->session, &error) != SLUICE_OK)
        abort();
    at->session->may_read = at->session->may_write = true;
    snprintf(at->session->peer, sizeof at->session->peer, "peer");
    const sluice_mux_setup setup = {
        .session = at->session,
        .carrier = {.ops = &transport, .state = at},
        .calls = &calls,
        .user = at,
        .now = on_now,
        .now_user = at,
        .requested = on_requested,
        .accepted = on_accepted,
        .requested_user = at,
        .session_user = at,
    };
    if (sluice_mux_new(&setup, &at->mux) != SLUICE_OK)
        abort();
    at->cargo = sluice_mux_cargo(at->mux);
    at->session->wake = on_asked;
    at->session->wake_user = at;
    sluice_stream_session_stage(at->session, SLUICE_STREAM_STANDS, NULL);
    if (client)
        at->cargo.ops->start(at->cargo.state, at->now);
    dock_pump(at);
}

void dock_fini(dock *at)
{
    at->session->wake = NULL;
    at->cargo.ops->free(at->cargo.state);
    for (size_t i = 0; i < at->accepted_count; i++)
        sluice_stream_abort(at->accepted[i], SLUICE_ECANCELLED, "the test is over");
    sluice_stream_session_leave(at->session);
    sluice_wire_writer_fini(&at->said);
    free(at->accepted);
}

void dock_pump(dock *at)
{
    atomic_store(&at->asked, false);
    sluice_mux_pump(at->mux);
    if (at->cargo.ops->next_wake(at->cargo.state) <= at->now)
        at->cargo.ops->tick(at->cargo.state, at->now);
}

/* ---- the peer ---- */

static sluice_wire_writer words;

sluice_wire_writer *dock_begin(void)
{
    sluice_wire_clear(&words);
    return &words;
}

void dock_say_bytes(dock *at, const void *bytes, size_t count)
{
    at->cargo.ops->deliver(at->cargo.state, SLUICE_OBJECT_CONTROL, at->control_in, bytes, count);
    at->control_in += count;
}

void dock_say(dock *at, uint64_t type)
{
    sluice_wire_writer message = {0};
    sluice_wire_put_number(&message, type);
    sluice_wire_put_string(&message, words.bytes, words.size);
    dock_say_bytes(at, message.bytes, message.size);
    sluice_wire_writer_fini(&message);
    sluice_wire_writer_fini(&words);
}

void dock_say_open(dock *at, uint64_t id, sluice_stream_mode mode, const char *name, sluice_duration deadline_ns)
{
    sluice_wire_writer *body = dock_begin();
    sluice_wire_put_number(body, id);
    sluice_wire_put_number(body, mode);
    sluice_wire_put_number(body, SLUICE_CHECKSUM_NONE);
    sluice_wire_put_string(body, name, strlen(name));
    if (deadline_ns)
        sluice_wire_put_field_u64(body, 3, deadline_ns);
    dock_say(at, SLUICE_MESSAGE_STREAM_OPEN);
}

void dock_say_number(dock *at, uint64_t type, uint64_t id, uint64_t number)
{
    sluice_wire_writer *body = dock_begin();
    sluice_wire_put_number(body, id);
    sluice_wire_put_number(body, number);
    dock_say(at, type);
}

static bool goes_in(dock *at, uint64_t id)
{
    dock_in *object = &at->in[id];
    if (!object->opened && !object->refused) {
        int status = at->cargo.ops->opened(at->cargo.state, FIRST_OBJECT + id, SLUICE_OBJECT_ORDERED);
        object->opened = status == SLUICE_OK;
        object->refused = !object->opened;
    }
    return object->opened && !object->stopped && !at->finished;
}

uint64_t dock_deliver(dock *at, uint64_t id, const uint8_t *bytes, uint64_t count)
{
    dock_in *object = &at->in[id];
    if (!goes_in(at, id))
        return 0;
    count = object->credit - object->arrived < count ? object->credit - object->arrived : count;
    if (count > 0)
        at->cargo.ops->deliver(at->cargo.state, FIRST_OBJECT + id, object->arrived, bytes, (size_t)count);
    object->arrived += count;
    return count;
}

void dock_skipped(dock *at, uint64_t id, uint64_t count)
{
    dock_in *object = &at->in[id];
    if (!goes_in(at, id) || count == 0)
        return;
    at->cargo.ops->skipped(at->cargo.state, FIRST_OBJECT + id, object->arrived, object->arrived + count);
    object->arrived += count;
    object->credit += count;
}

uint64_t dock_ack(dock *at, uint64_t id, uint64_t count)
{
    dock_out *object = &at->out[id];
    uint64_t from = object->acked > object->skipped ? object->acked : object->skipped;
    if (!object->open || object->aborted || from >= object->offered)
        return 0;
    count = object->offered - from < count ? object->offered - from : count;
    if (count > 0)
        at->cargo.ops->acked(at->cargo.state, FIRST_OBJECT + id, from, from + count);
    object->acked = from + count;
    return count;
}

bool dock_next(dock *at, uint64_t *type, sluice_wire_reader *body)
{
    static uint8_t bytes[SLUICE_MESSAGE_BODY_MAX + 64];
    size_t used, got = at->cargo.ops->fetch(at->cargo.state, SLUICE_OBJECT_CONTROL, at->control_read,
                                            &(struct iovec){bytes, sizeof bytes}, 1);
    if (sluice_wire_split(bytes, got, SLUICE_MESSAGE_BODY_MAX, type, body, &used) != SLUICE_OK)
        return false;
    at->cargo.ops->acked(at->cargo.state, SLUICE_OBJECT_CONTROL, at->control_read, at->control_read + used);
    at->control_read += used;
    return true;
}

bool dock_hears(dock *at, uint64_t type, sluice_wire_reader *body)
{
    uint64_t each;
    while (dock_next(at, &each, body))
        if (each == type)
            return true;
    return false;
}
