/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/application.h"

uint64_t sim_application_stream(const sim_endpoint *sender)
{
    return sender->setup.role == SLUICE_CLIENT ? 1 : 2;
}

/* ---- the engine's calls: objects out ---- */

static sim_object *object_of(sim_endpoint *endpoint, sluice_object_id id, const char *where)
{
    if (id < endpoint->object_count)
        return &endpoint->objects[id];
    sluice_sim_fail(endpoint->simulation, "%s: object %llu is unknown", where, (unsigned long long)id);
    return NULL;
}

static void resume_fetch(void *subject, uint64_t argument)
{
    sim_endpoint *endpoint = subject;

    endpoint->objects[argument].stalled = false;
    if (!endpoint->live)
        return;
    endpoint->ops->ready(endpoint->transport.state, argument);
    sim_endpoint_work(endpoint, UINT64_MAX);
}

static size_t call_fetch(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    sim_endpoint *endpoint = user;
    sim_object *object = object_of(endpoint, id, "fetch");
    size_t total = 0;

    if (!object)
        return 0;
    if (object->given_up || object->completed)
        sluice_sim_fail(endpoint->simulation, "fetch of object %llu, which is over", (unsigned long long)id);
    if (!object->stalled && sluice_sim_random_chance(&endpoint->random, endpoint->setup.stall)) {
        object->stalled = true;
        sluice_sim_at(endpoint->simulation,
               endpoint->simulation->now + sluice_sim_random_below(&endpoint->random, 20 * SLUICE_MS) + 1, resume_fetch,
               endpoint, id);
    }
    if (object->stalled)
        return 0;
    for (int i = 0; i < count; i++) {
        if (offset + total + buffers[i].iov_len > object->offered) {
            sluice_sim_fail(endpoint->simulation, "fetch of object %llu beyond what was offered", (unsigned long long)id);
            return 0;
        }
        if (!endpoint->setup.elided)
            sim_payload_fill(sim_application_stream(endpoint), id, offset + total, buffers[i].iov_base,
                             buffers[i].iov_len);
        total += buffers[i].iov_len;
    }
    return total;
}

static void call_acked(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    sim_endpoint *endpoint = user;
    sim_object *object = object_of(endpoint, id, "acked");

    if (!object)
        return;
    endpoint->acked_bytes += to - from;
    if (from >= to || !sim_receipt_add(&object->acked, from, to - from))
        sluice_sim_fail(endpoint->simulation, "bytes %llu to %llu of object %llu are acknowledged twice",
                 (unsigned long long)from, (unsigned long long)to, (unsigned long long)id);
    else if (!object->setup.stop_at && !object->setup.abort_at && !object->setup.skip_at && !object->setup.refused &&
             !endpoint->setup.elided && !(object->setup.flags & SLUICE_OBJECT_ORDERED) &&
             (!sim_receipt_has(&object->delivered, from) || !sim_receipt_has(&object->delivered, to - 1)))
        sluice_sim_fail(endpoint->simulation, "bytes %llu to %llu of object %llu are acknowledged, but did not come",
                 (unsigned long long)from, (unsigned long long)to, (unsigned long long)id);
}

static void call_completed(void *user, sluice_object_id id)
{
    sim_endpoint *endpoint = user;
    sim_object *object = object_of(endpoint, id, "completed");

    if (!object)
        return;
    if (object->completed || !object->finished)
        sluice_sim_fail(endpoint->simulation, "object %llu is completed %s", (unsigned long long)id,
                 object->completed ? "twice" : "before its end");
    if (!object->setup.skip_at && !object->stopped && object->acked.count != object->wanted)
        sluice_sim_fail(endpoint->simulation, "object %llu is completed, but %llu of %llu bytes are acknowledged",
                 (unsigned long long)id, (unsigned long long)object->acked.count, (unsigned long long)object->wanted);
    object->completed = true;
    sluice_sim_say(endpoint->simulation, "%llu: object %llu completed", (unsigned long long)sim_application_stream(endpoint),
            (unsigned long long)id);
}

static void call_stopped(void *user, sluice_object_id id, uint64_t code)
{
    sim_endpoint *endpoint = user;
    sim_object *object = object_of(endpoint, id, "stopped");

    (void)code;
    if (!object)
        return;
    if (!object->setup.stop_at && !object->setup.refused)
        sluice_sim_fail(endpoint->simulation, "object %llu is stopped by nobody", (unsigned long long)id);
    object->stopped = true;
}

/* ---- the engine's calls: objects in ---- */

static int call_opened(void *user, sluice_object_id id, unsigned flags)
{
    sim_endpoint *endpoint = user;
    sim_object *object = object_of(endpoint->peer, id, "opened");

    if (!object)
        return SLUICE_EPROTOCOL;
    if (object->opened || !object->open || flags != object->setup.flags)
        sluice_sim_fail(endpoint->simulation, "object %llu is opened wrongly, flags %u", (unsigned long long)id, flags);
    object->opened = true;
    if (!object->setup.refused)
        return SLUICE_OK;
    object->stopped_here = true;
    return SLUICE_EACCESS;
}

static void give_back(void *subject, uint64_t argument)
{
    sim_endpoint *endpoint = subject;
    sluice_object_id id = argument >> 32;
    uint64_t bytes = argument & UINT32_MAX;
    const sim_object *object = &endpoint->peer->objects[id];

    if (!endpoint->live)
        return;
    if (!(object->setup.flags & SLUICE_OBJECT_ORDERED))
        endpoint->ops->consumed(endpoint->transport.state, bytes);
    else if (!object->ended && !object->aborted && !object->stopped_here)
        endpoint->ops->consumed_ordered(endpoint->transport.state, id, bytes);
    sim_endpoint_work(endpoint, UINT64_MAX);
}

static void sink_take(sim_endpoint *endpoint, sluice_object_id id, size_t bytes)
{
    sluice_time now = endpoint->simulation->now;
    uint64_t argument = id << 32 | bytes;

    if (endpoint->setup.sink_bps) {
        if (endpoint->sink_free < now)
            endpoint->sink_free = now;
        endpoint->sink_free += (sluice_duration)((double)bytes * 8e9 / (double)endpoint->setup.sink_bps);
        sluice_sim_at(endpoint->simulation, endpoint->sink_free, give_back, endpoint, argument);
    } else if (endpoint->peer->objects[id].setup.flags & SLUICE_OBJECT_ORDERED) {
        endpoint->ops->consumed_ordered(endpoint->transport.state, id, bytes);
    } else {
        endpoint->ops->consumed(endpoint->transport.state, bytes);
    }
}

static void call_deliver(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sim_endpoint *endpoint = user;
    sim_object *object = object_of(endpoint->peer, id, "deliver");

    if (!object)
        return;
    if (!object->opened || object->stopped_here || object->aborted)
        sluice_sim_fail(endpoint->simulation, "bytes of object %llu, which is not open", (unsigned long long)id);
    if (!bytes || !sim_receipt_add(&object->delivered, offset, bytes))
        sluice_sim_fail(endpoint->simulation, "object %llu: bytes %llu to %llu are delivered twice", (unsigned long long)id,
                 (unsigned long long)offset, (unsigned long long)(offset + bytes));
    else if (!endpoint->setup.elided &&
             !sim_payload_same(sim_application_stream(endpoint->peer), id, offset, data, bytes))
        sluice_sim_fail(endpoint->simulation, "object %llu: bytes %llu to %llu are wrong", (unsigned long long)id,
                 (unsigned long long)offset, (unsigned long long)(offset + bytes));
    if (object->setup.flags & SLUICE_OBJECT_ORDERED) {
        if (offset != object->next && !object->setup.skip_at)
            sluice_sim_fail(endpoint->simulation, "object %llu: %llu is delivered where %llu was next", (unsigned long long)id,
                     (unsigned long long)offset, (unsigned long long)object->next);
        object->next = offset + bytes;
    }
    endpoint->delivered_bytes += bytes;
    endpoint->last_delivered = endpoint->simulation->now;
    sluice_sim_note(endpoint->simulation, id ^ offset << 8 ^ bytes << 40);
    if (object->setup.stop_at && object->delivered.count >= object->setup.stop_at) {
        object->stopped_here = true;
        if (endpoint->ops->stop(endpoint->transport.state, id, 77))
            sluice_sim_fail(endpoint->simulation, "stop of object %llu fails", (unsigned long long)id);
    }
    sink_take(endpoint, id, bytes);
    if (endpoint->setup.heard)
        endpoint->setup.heard(endpoint->setup.hearer, id, offset + bytes);
}

static void call_ended(void *user, sluice_object_id id, uint64_t size)
{
    sim_endpoint *endpoint = user;
    sim_object *object = object_of(endpoint->peer, id, "ended");

    if (!object)
        return;
    if (object->ended || !object->finished || size != object->setup.bytes)
        sluice_sim_fail(endpoint->simulation, "object %llu ends wrongly at %llu", (unsigned long long)id,
                 (unsigned long long)size);
    if ((object->setup.flags & SLUICE_OBJECT_ORDERED) && !object->setup.skip_at && object->next != size)
        sluice_sim_fail(endpoint->simulation, "ordered object %llu ends, but %llu was next", (unsigned long long)id,
                 (unsigned long long)object->next);
    object->ended = true;
}

static void call_aborted(void *user, sluice_object_id id, uint64_t code)
{
    sim_endpoint *endpoint = user;
    sim_object *object = object_of(endpoint->peer, id, "aborted");

    if (object && (!object->given_up || object->aborted || code != 99))
        sluice_sim_fail(endpoint->simulation, "object %llu is aborted wrongly", (unsigned long long)id);
    if (object)
        object->aborted = true;
}

static void call_skipped(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    sim_endpoint *endpoint = user;
    sim_object *object = object_of(endpoint->peer, id, "skipped");

    if (object && (!object->skipped || to > object->setup.skip_at))
        sluice_sim_fail(endpoint->simulation, "object %llu: %llu to %llu are skipped wrongly", (unsigned long long)id,
                 (unsigned long long)from, (unsigned long long)to);
    if (object && (object->setup.flags & SLUICE_OBJECT_ORDERED))
        object->next = to;
}

/* ---- the application ---- */

static void object_end(sim_endpoint *endpoint, sluice_object_id id, sim_object *object)
{
    int status = SLUICE_OK;

    if (object->setup.skip_at) {
        object->skipped = true;
        status = endpoint->ops->skip(endpoint->transport.state, id, object->setup.skip_at);
    }
    object->finished = true;
    if (!status)
        status = endpoint->ops->finish(endpoint->transport.state, id, object->setup.bytes);
    if (status)
        sluice_sim_fail(endpoint->simulation, "finish of object %llu: %s", (unsigned long long)id, sluice_status_text(status));
}

static bool object_offer(sim_endpoint *endpoint, sluice_object_id id, sim_object *object)
{
    uint64_t left = object->setup.bytes - object->offered, count = object->setup.step ? object->setup.step : left;
    uint64_t from = object->offered;
    bool hole = object->setup.holes && object->setup.step && from / object->setup.step % 3 == 1;
    int status;

    count = count < left ? count : left;
    object->offered += count;
    if (hole || !count)
        return true;
    object->wanted += count;
    status = endpoint->ops->offer(endpoint->transport.state, id, from, from + count);
    if (status)
        sluice_sim_fail(endpoint->simulation, "offer of object %llu: %s", (unsigned long long)id, sluice_status_text(status));
    return status == SLUICE_OK;
}

void sim_application_step(void *subject, uint64_t argument)
{
    sim_endpoint *endpoint = subject;
    sim_object *object = &endpoint->objects[argument];
    int status = SLUICE_OK;

    if (!endpoint->live || object->stopped)
        return;
    if (!object->open && argument != SLUICE_OBJECT_CONTROL)
        status = endpoint->ops->open(endpoint->transport.state, argument, object->setup.flags, object->setup.priority);
    object->open = true;
    if (status) {
        sluice_sim_fail(endpoint->simulation, "open: %s", sluice_status_text(status));
        return;
    }
    if (!object_offer(endpoint, argument, object))
        return;
    if (object->setup.abort_at && object->offered >= object->setup.abort_at) {
        object->given_up = true;
        if (endpoint->ops->abort(endpoint->transport.state, argument, 99))
            sluice_sim_fail(endpoint->simulation, "abort of object %llu fails", (unsigned long long)argument);
    } else if (object->offered < object->setup.bytes) {
        sluice_sim_at(endpoint->simulation, endpoint->simulation->now + object->setup.pause, sim_application_step, endpoint,
               argument);
    } else if (argument != SLUICE_OBJECT_CONTROL) {
        object_end(endpoint, argument, object);
    }
    sim_endpoint_work(endpoint, UINT64_MAX);
}

static bool object_done(const sim_object *object, bool control)
{
    const sim_object_setup *setup = &object->setup;

    if (setup->refused)
        return object->stopped || object->completed;
    if (setup->stop_at)
        return object->stopped || object->completed;
    if (setup->abort_at)
        return object->given_up && (object->aborted || !object->opened);
    if (control)
        return object->delivered.count == setup->bytes && object->acked.count == setup->bytes;
    if (setup->skip_at)
        return object->completed && (object->ended || !object->opened);
    return object->completed && object->ended && object->delivered.count == object->wanted;
}

bool sim_endpoint_done(const sim_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->object_count; i++)
        if (!object_done(&endpoint->objects[i], i == 0))
            return false;
    return true;
}

void sim_endpoint_explain(sim_endpoint *endpoint)
{
    sluice_transport_statistics statistics;

    sim_endpoint_statistics(endpoint, &statistics);
    for (size_t i = 0; i < endpoint->object_count; i++) {
        const sim_object *object = &endpoint->objects[i];

        if (!object_done(object, i == 0)) {
            sluice_sim_fail(endpoint->simulation,
                     "%s: object %zu of %zu is not done: flags %u, %llu of %llu bytes delivered, %llu acknowledged, "
                     "finished %d completed %d ended %d stopped %d aborted %d; closed %d; pacing %.3f Mbit/s, window "
                     "%llu, in flight %llu, waits %d, next wake in %.6f s",
                     endpoint->setup.role == SLUICE_CLIENT ? "client" : "server", i, endpoint->object_count,
                     object->setup.flags, (unsigned long long)object->delivered.count,
                     (unsigned long long)object->wanted, (unsigned long long)object->acked.count, object->finished,
                     object->completed, object->ended, object->stopped, object->aborted, endpoint->closed,
                     (double)statistics.control.pacing_bps * 1e-6, (unsigned long long)statistics.control.cwnd_bytes,
                     (unsigned long long)statistics.in_flight_bytes,
                     (int)endpoint->ops->waits(endpoint->transport.state, endpoint->simulation->now),
                     ((double)endpoint->ops->next_wake(endpoint->transport.state) - (double)endpoint->simulation->now) /
                         1e9);
            return;
        }
    }
}

void sim_application_calls(sluice_transport_calls *calls)
{
    calls->fetch = call_fetch;
    calls->acked = call_acked;
    calls->completed = call_completed;
    calls->stopped = call_stopped;
    calls->opened = call_opened;
    calls->deliver = call_deliver;
    calls->ended = call_ended;
    calls->aborted = call_aborted;
    calls->skipped = call_skipped;
}
