/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_lanes.c - orders to the lanes of a bundle, and what they tell. */
#include "session/bundle_state.h"
#include <stdio.h>
#include <stdlib.h>

#define SENTENCE 600

/* ---- orders ---- */

static void dispatch(sluice_bundle *bundle)
{
    for (uint32_t i = 1; i < bundle->lanes; i++) {
        sluice_lane_note credit = {.type = SLUICE_NOTE_CONSUMED, .to = bundle->credit_due[i]};
        if (!bundle->side[i])
            continue;
        if (credit.to && sluice_side_lane_order(bundle->side[i], &credit) == SLUICE_OK)
            bundle->credit_due[i] = 0;
        if (sluice_side_lane_dispatch(bundle->side[i]) != SLUICE_OK)
            sluice_bundle_out_of_memory(bundle);
    }
}

void sluice_bundle_dispatch_run(sluice_post *post)
{
    sluice_bundle *bundle = (sluice_bundle *)(void *)((char *)post - offsetof(sluice_bundle, dispatch));
    bundle->dispatch_posted = false;
    for (uint32_t i = 1; i < bundle->lanes; i++)
        if (bundle->gone >> i & 1)
            sluice_bundle_lane_end(bundle, i);
    if (bundle->gone)
        sluice_bundle_credit_share(bundle);
    dispatch(bundle);
}

void sluice_bundle_dispatch_soon(sluice_bundle *bundle)
{
    if (bundle->dispatch_posted || bundle->over || !bundle->started)
        return;
    bundle->dispatch_posted = true;
    sluice_loop_post(bundle->loop, &bundle->dispatch);
}

void sluice_bundle_lane_leave(sluice_bundle *bundle, uint32_t lane)
{
    bundle->gone |= UINT32_C(1) << lane;
    sluice_bundle_dispatch_soon(bundle);
}

int sluice_bundle_order(sluice_bundle *bundle, uint32_t lane, const sluice_lane_note *note)
{
    int status = sluice_side_lane_order(bundle->side[lane], note);
    if (status != SLUICE_OK)
        sluice_bundle_out_of_memory(bundle);
    sluice_bundle_dispatch_soon(bundle);
    return status;
}

void sluice_bundle_order_all(sluice_bundle *bundle, const sluice_lane_note *note)
{
    for (uint32_t i = 1; i < bundle->lanes; i++)
        if (bundle->side[i])
            (void)sluice_bundle_order(bundle, i, note);
}

void sluice_bundle_credit_share(sluice_bundle *bundle)
{
    bool reserved = !bundle->alone && sluice_loop_now(bundle->loop) < bundle->reserved_until;
    uint64_t open = sluice_share_open(bundle->accounts, bundle->lanes, bundle->credit, reserved), own = 0, part;
    size_t lane;
    while ((part = sluice_share_credit(bundle->accounts, bundle->lanes, bundle->spare, open, &lane)) > 0) {
        bundle->spare -= part;
        if (lane == 0)
            own += part;
        else
            bundle->credit_due[lane] += part;
    }
    if (own > 0) {
        sluice_bundle_own_ops(bundle)->consumed(sluice_bundle_own_state(bundle), own);
        sluice_lane_wake(bundle->own);
    }
    sluice_bundle_dispatch_soon(bundle);
}

/* ---- what lanes tell ---- */

/* True: of an object that is shared. */
static bool is_shared(const sluice_bundle *bundle, sluice_object_id id)
{
    return !bundle->ordered && id > SLUICE_OBJECT_CATALOGUE;
}

static void deliver(sluice_bundle *bundle, uint32_t lane, sluice_object_id id, uint64_t offset, const uint8_t *data,
                    size_t bytes)
{
    if (is_shared(bundle, id))
        bundle->accounts[lane].delivered += bytes;
    bundle->calls->deliver(bundle->user, id, offset, data, bytes);
}

static size_t on_fetch(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    return sluice_bundle_fetch(user, id, offset, buffers, count);
}

static void on_acked(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    const sluice_bundle *bundle = user;
    bundle->calls->acked(bundle->user, id, from, to);
}

static void on_completed(void *user, sluice_object_id id)
{
    sluice_bundle_completed(user, 0, id);
}

static int on_opened(void *user, sluice_object_id id, unsigned flags)
{
    sluice_bundle *bundle = user;
    int status = bundle->calls->opened(bundle->user, id, flags);
    if (status == SLUICE_OK && id > SLUICE_OBJECT_CATALOGUE && (flags & SLUICE_OBJECT_ORDERED))
        bundle->ordered = true;
    return status;
}

static void on_deliver(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    deliver(user, 0, id, offset, data, bytes);
}

static void on_ended(void *user, sluice_object_id id, uint64_t size)
{
    const sluice_bundle *bundle = user;
    bundle->calls->ended(bundle->user, id, size);
}

static void on_aborted(void *user, sluice_object_id id, uint64_t code)
{
    const sluice_bundle *bundle = user;
    bundle->calls->aborted(bundle->user, id, code);
}

static void on_stopped(void *user, sluice_object_id id, uint64_t code)
{
    sluice_bundle_stopped(user, 0, id, code);
}

static void on_skipped(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    const sluice_bundle *bundle = user;
    bundle->calls->skipped(bundle->user, id, from, to);
}

static void on_event(void *user, const sluice_transport_event *event)
{
    const sluice_bundle *bundle = user;
    bundle->calls->event(bundle->user, event);
}

const sluice_transport_calls sluice_bundle_calls = {
    .size = sizeof(sluice_transport_calls),
    .fetch = on_fetch,
    .acked = on_acked,
    .completed = on_completed,
    .opened = on_opened,
    .deliver = on_deliver,
    .ended = on_ended,
    .aborted = on_aborted,
    .stopped = on_stopped,
    .skipped = on_skipped,
    .event = on_event,
};

void sluice_bundle_cut(void *user, const sluice_error *why)
{
    const sluice_bundle *bundle = user;
    bundle->cut(bundle->user, why);
}

/* ---- news of side lanes ---- */

static void became_live(sluice_bundle *bundle, uint32_t lane)
{
    if (bundle->accounts[lane].live || bundle->gone >> lane & 1)
        return;
    bundle->accounts[lane].live = true;
    bundle->live++;
    sluice_log_say(bundle->log, SLUICE_LOG_DEBUG, "lane %u is live", (unsigned)lane);
    sluice_bundle_limits_share(bundle);
    sluice_bundle_credit_share(bundle);
    if (bundle->held)
        (void)sluice_bundle_order(bundle, lane, &(sluice_lane_note){.type = SLUICE_NOTE_HOLD, .to = 1});
}

/* Whether what comes by a side lane belongs there; else the session ends. */
static bool belongs(sluice_bundle *bundle, sluice_object_id id, uint64_t flags)
{
    if (id > SLUICE_OBJECT_CATALOGUE && !(flags & SLUICE_OBJECT_ORDERED))
        return true;
    sluice_bundle_fail(bundle, SLUICE_EPROTOCOL, "the peer sent what is ordered by a lane that carries nothing of that kind");
    return false;
}

static void opened(sluice_bundle *bundle, uint32_t lane, const sluice_lane_note *note)
{
    if (!belongs(bundle, note->id, note->to))
        return;
    int status = bundle->calls->opened(bundle->user, note->id, (unsigned)note->to);
    sluice_lane_note stop = {.type = SLUICE_NOTE_STOP, .id = note->id, .to = (uint64_t)-status};
    if (status != SLUICE_OK)
        (void)sluice_bundle_order(bundle, lane, &stop);
}

static void closed(sluice_bundle *bundle, uint32_t lane, const sluice_lane_note *note)
{
    char line[SENTENCE];
    int status = -(int)note->to;
    if (status == SLUICE_ETIMEOUT && !bundle->accounts[lane].live) { /* nothing was given to it */
        free(note->owner);
        sluice_log_say(bundle->log, SLUICE_LOG_WARNING, "the session does without lane %u: nothing came by it", (unsigned)lane);
        sluice_bundle_lane_leave(bundle, lane);
        return;
    }
    const char *why = note->owner ? note->owner : sluice_status_text(status);
    if (status == SLUICE_ETIMEOUT)
        snprintf(line, sizeof line, "lane %u of the session: nothing came from the peer for too long, though other lanes live",
                 (unsigned)lane);
    else
        snprintf(line, sizeof line, "lane %u of the session: %.500s", (unsigned)lane, why);
    free(note->owner);
    sluice_bundle_fail(bundle, status == SLUICE_OK ? SLUICE_ECLOSED : status, line);
}

static void news_one(sluice_bundle *bundle, uint32_t lane, const sluice_lane_note *note)
{
    const sluice_transport_calls *calls = bundle->calls;
    switch (note->type) {
    case SLUICE_NOTE_ACKED:
        if (sluice_bundle_find(bundle, note->id))
            calls->acked(bundle->user, note->id, note->from, note->to);
        break;
    case SLUICE_NOTE_COMPLETED:
        sluice_bundle_completed(bundle, lane, note->id);
        break;
    case SLUICE_NOTE_RELEASED:
        bundle->cargo.ops->give_back(bundle->cargo.state, note->owner);
        break;
    case SLUICE_NOTE_NEED:
        sluice_bundle_need(bundle, lane, note);
        break;
    case SLUICE_NOTE_OPENED:
        opened(bundle, lane, note);
        break;
    case SLUICE_NOTE_DELIVER:
        if (!bundle->failed && belongs(bundle, note->id, 0))
            deliver(bundle, lane, note->id, note->from, note->bytes, (size_t)(note->to - note->from));
        sluice_side_lane_parcel_free(note);
        break;
    case SLUICE_NOTE_ABORTED:
        calls->aborted(bundle->user, note->id, note->to);
        break;
    case SLUICE_NOTE_STOPPED:
        sluice_bundle_stopped(bundle, lane, note->id, note->to);
        break;
    case SLUICE_NOTE_SKIPPED:
        calls->skipped(bundle->user, note->id, note->from, note->to);
        break;
    case SLUICE_NOTE_READY:
        became_live(bundle, lane);
        break;
    case SLUICE_NOTE_CLOSED:
        closed(bundle, lane, note);
        break;
    default:
        break;
    }
}

static uint32_t number_of(const sluice_bundle *bundle, const sluice_side_lane *lane)
{
    uint32_t number = 1;
    while (bundle->side[number] != lane)
        number++;
    return number;
}

void sluice_bundle_on_news(void *user, sluice_side_lane *lane)
{
    sluice_bundle *bundle = user;
    uint32_t number = number_of(bundle, lane);
    sluice_side_lane_view view;
    sluice_side_lane_look(lane, &view);
    bundle->accounts[number].fetched = view.fetched;
    bundle->accounts[number].wants = view.wants;
    sluice_side_lane_news_take(lane, &bundle->news);
    for (size_t i = 0; i < bundle->news.count; i++)
        news_one(bundle, number, &bundle->news.at[i]);
    bundle->news.count = 0;
    sluice_bundle_feed(bundle);
    dispatch(bundle);
}
