/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/quay.h"

#include "sim/application.h"

#include <stdio.h>
#include <string.h>

/* ---- the loop ---- */

static void settle(sim_quay *quay);

static void work(void *subject, uint64_t argument)
{
    sim_quay *quay = subject;

    (void)argument;
    quay->work_due = false;
    if (quay->mux)
        sim_endpoint_work(quay->endpoint, UINT64_MAX);
}

static void on_wake(void *user)
{
    sim_quay *quay = user;

    if (!quay->work_due)
        sluice_sim_at(quay->simulation, quay->simulation->now, work, quay, 0);
    quay->work_due = true;
}

static void tick(void *subject, uint64_t when)
{
    sim_quay *quay = subject;

    if (!quay->mux || when != quay->tick_at)
        return;
    quay->tick_at = 0;
    quay->cargo.ops->tick(quay->cargo.state, quay->simulation->now);
    quay->setup.pumped(quay->setup.user, quay->setup.client);
    settle(quay);
}

static void pump(void *subject, uint64_t argument)
{
    sim_quay *quay = subject;

    (void)argument;
    quay->pump_due = false;
    if (!quay->mux)
        return;
    sluice_mux_pump(quay->mux);
    quay->setup.pumped(quay->setup.user, quay->setup.client);
    settle(quay);
}

/* A mux that waits for a moment which has come gets it at once, and is late for it once only. */
static void settle(sim_quay *quay)
{
    sluice_time when = quay->cargo.ops->next_wake(quay->cargo.state);

    if (when != SLUICE_NEVER && when != quay->tick_at) {
        quay->tick_at = when < quay->simulation->now ? quay->simulation->now : when;
        sluice_sim_at(quay->simulation, quay->tick_at, tick, quay, quay->tick_at);
    }
    if (quay->finished && !quay->closed && quay->cargo.ops->closes(quay->cargo.state) &&
        quay->cargo.ops->heard(quay->cargo.state)) {
        quay->closed = true;
        sim_endpoint_close(quay->endpoint, (uint64_t)-quay->status, quay->sentence);
    }
}

/* What the program's threads do to be heard. */
static void wake(void *user)
{
    sim_quay *quay = user;

    if (!quay->pump_due)
        sluice_sim_at(quay->simulation, quay->simulation->now + sluice_sim_random_below(&quay->random, quay->setup.lag_ns + 1), pump,
               quay, 0);
    quay->pump_due = true;
}

/* ---- what the mux tells ---- */

static sluice_time on_now(void *user)
{
    return ((sim_quay *)user)->simulation->now;
}

static void on_item(void *user, const sluice_cargo_item *item)
{
    sim_quay *quay = user;

    quay->items_begun += strcmp(item->state, "start") == 0;
    quay->items_done += strcmp(item->state, "done") == 0;
    quay->items_failed += strcmp(item->state, "failed") == 0;
}

static void on_warning(void *user, const char *sentence)
{
    sluice_sim_fail(((sim_quay *)user)->simulation, "warning: %s", sentence);
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
    sim_quay *quay = user;

    sluice_sim_say(quay->simulation, "%s: %s", quay->setup.client ? "client" : "server", paused ? "paused" : "goes on");
}

static void on_finished(void *user, int status, const char *sentence)
{
    sim_quay *quay = user;

    sluice_sim_say(quay->simulation, "%s: finished with %s %s", quay->setup.client ? "client" : "server",
            sluice_status_name(status), sentence);
    if (quay->finished)
        sluice_sim_fail(quay->simulation, "finished twice");
    quay->finished = true;
    quay->status = status;
    snprintf(quay->sentence, sizeof(quay->sentence), "%.190s", sentence);
}

static void on_accepted(void *user, sluice_stream *stream)
{
    sim_quay *quay = user;

    quay->setup.accepted(quay->setup.user, stream);
}

static int on_requested(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    sim_quay *quay = user;

    return quay->setup.requested(quay->setup.user, request, stream_user, error);
}

static const sluice_cargo_calls mux_calls = {
    .item = on_item,
    .warning = on_warning,
    .measure = on_measure,
    .progressed = on_progressed,
    .rate = on_rate,
    .paused = on_paused,
    .wake = on_wake,
    .finished = on_finished,
};

/* ---- the transport's calls ---- */

static sluice_cargo cargo_of(void *user)
{
    return ((sim_quay *)((sim_endpoint *)user)->setup.cargo->subject)->cargo;
}

static size_t call_fetch(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    sluice_cargo cargo = cargo_of(user);

    return cargo.ops->fetch(cargo.state, id, offset, buffers, count);
}

static void settle_soon(void *subject, uint64_t argument)
{
    sim_quay *quay = subject;

    (void)argument;
    if (quay->mux)
        settle(quay);
}

static void call_acked(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    sim_quay *quay = ((sim_endpoint *)user)->setup.cargo->subject;

    quay->cargo.ops->acked(quay->cargo.state, id, from, to);
    if (quay->finished && id == SLUICE_OBJECT_CONTROL) /* all may have been heard */
        sluice_sim_at(quay->simulation, quay->simulation->now, settle_soon, quay, 0);
}

static void call_completed(void *user, sluice_object_id id)
{
    sluice_cargo cargo = cargo_of(user);

    cargo.ops->completed(cargo.state, id);
}

static int call_opened(void *user, sluice_object_id id, unsigned flags)
{
    sluice_cargo cargo = cargo_of(user);

    return cargo.ops->opened(cargo.state, id, flags);
}

static void call_deliver(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sluice_cargo cargo = cargo_of(user);

    cargo.ops->deliver(cargo.state, id, offset, data, bytes);
}

static void call_ended(void *user, sluice_object_id id, uint64_t size)
{
    sluice_cargo cargo = cargo_of(user);

    cargo.ops->ended(cargo.state, id, size);
}

static void call_aborted(void *user, sluice_object_id id, uint64_t code)
{
    sluice_cargo cargo = cargo_of(user);

    cargo.ops->aborted(cargo.state, id, code);
}

static void call_stopped(void *user, sluice_object_id id, uint64_t code)
{
    sluice_cargo cargo = cargo_of(user);

    cargo.ops->stopped(cargo.state, id, code);
}

static void call_skipped(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_cargo cargo = cargo_of(user);

    cargo.ops->skipped(cargo.state, id, from, to);
}

static void hook_calls(sluice_transport_calls *calls)
{
    calls->fetch = call_fetch;
    calls->acked = call_acked;
    calls->completed = call_completed;
    calls->opened = call_opened;
    calls->deliver = call_deliver;
    calls->ended = call_ended;
    calls->aborted = call_aborted;
    calls->stopped = call_stopped;
    calls->skipped = call_skipped;
}

static void hook_closed(void *subject, int status, const char *reason)
{
    sim_quay *quay = subject;

    quay->closed = true;
    if (quay->mux)
        quay->cargo.ops->closed(quay->cargo.state, status, reason, quay->simulation->now);
}

/* ---- life ---- */

void sim_quay_init(sim_quay *quay, sluice_sim *simulation, const sim_quay_setup *setup)
{
    sluice_error error = {0};

    *quay = (sim_quay){.simulation = simulation, .setup = *setup};
    quay->random = sluice_sim_random_make(simulation->seed, 300u + setup->client);
    quay->hook = (sim_cargo){.subject = quay, .calls = hook_calls, .closed = hook_closed};
    if (sluice_stream_session_new(setup->client, setup->memory_bytes, &quay->session, &error))
        sluice_sim_fail(simulation, "%s", error.text);
}

void sim_quay_start(sim_quay *quay, sim_endpoint *endpoint)
{
    sluice_mux_setup setup = {.session = quay->session,
                              .carrier = {.ops = endpoint->ops, .state = endpoint->transport.state},
                              .calls = &mux_calls,
                              .user = quay,
                              .now = on_now,
                              .now_user = quay,
                              .requested = quay->setup.requested ? on_requested : NULL,
                              .accepted = on_accepted,
                              .requested_user = quay,
                              .session_user = quay};

    quay->endpoint = endpoint;
    quay->session->may_read = quay->session->may_write = true;
    quay->session->checksum = SLUICE_CHECKSUM_XXH3_128;
    if (sluice_mux_new(&setup, &quay->mux)) {
        sluice_sim_fail(quay->simulation, "no mux");
        return;
    }
    quay->cargo = sluice_mux_cargo(quay->mux);
    quay->session->wake = wake;
    quay->session->wake_user = quay;
    sluice_stream_session_stage(quay->session, SLUICE_STREAM_STANDS, NULL);
    if (quay->setup.client)
        quay->cargo.ops->start(quay->cargo.state, quay->simulation->now);
    wake(quay);
}

void sim_quay_close(sim_quay *quay)
{
    quay->session->close_asked = true;
    sluice_stream_session_wake(quay->session);
}

void sim_quay_stop(sim_quay *quay)
{
    quay->session->wake = NULL;
    if (quay->mux)
        quay->cargo.ops->free(quay->cargo.state);
    quay->mux = NULL;
}

void sim_quay_fini(sim_quay *quay)
{
    sluice_stream_session_leave(quay->session);
    quay->session = NULL;
}
