/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_out.c - objects of ours that any lane may carry: which lane gets what of them, and when they are over. */
#include "session/bundle_state.h"
#include <stdlib.h>
#include <sys/param.h>

#define WANTS_NS (50 * SLUICE_MS)
#define WANTS_LEAST ((uint64_t)128 << 10)

/* ---- objects ---- */

static sluice_bundle_object **place_of(sluice_bundle *bundle, sluice_object_id id)
{
    sluice_bundle_object **at = &bundle->buckets[id / 2 % SLUICE_BUNDLE_BUCKETS];
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

sluice_bundle_object *sluice_bundle_find(sluice_bundle *bundle, sluice_object_id id)
{
    return *place_of(bundle, id);
}

static void wishes_drop(sluice_bundle *bundle, sluice_object_id id)
{
    for (sluice_bundle_wish *at = TAILQ_FIRST(&bundle->wishes), *next; at; at = next) {
        next = TAILQ_NEXT(at, link);
        if (at->id != id)
            continue;
        TAILQ_REMOVE(&bundle->wishes, at, link);
        free(at);
    }
}

static void range_free(sluice_bundle *bundle, sluice_bundle_range *at)
{
    TAILQ_REMOVE(&bundle->queue, at, link);
    at->object->waiting--;
    free(at);
}

static void ranges_drop(sluice_bundle *bundle, const sluice_bundle_object *of)
{
    for (sluice_bundle_range *at = TAILQ_FIRST(&bundle->queue), *next; at && of->waiting > 0; at = next) {
        next = TAILQ_NEXT(at, link);
        if (at->object == of)
            range_free(bundle, at);
    }
}

void sluice_bundle_object_free(sluice_bundle *bundle, sluice_bundle_object *at)
{
    sluice_bundle_object **place = place_of(bundle, at->id);
    ranges_drop(bundle, at);
    wishes_drop(bundle, at->id);
    bundle->accounts[0].fetched += at->own_ready;
    *place = at->next;
    free(at);
}

/* All of it was given to lanes, and more will not come. */
static void finish_if_given(sluice_bundle *bundle, const sluice_bundle_object *at)
{
    const sluice_lane_note note = {.type = SLUICE_NOTE_FINISH, .id = at->id, .to = at->size};
    if (!at->finished || at->waiting > 0)
        return;
    if (at->open & 1)
        (void)sluice_bundle_own_ops(bundle)->finish(sluice_bundle_own_state(bundle), at->id, at->size);
    for (uint32_t i = 1; i < bundle->lanes; i++)
        if (at->open >> i & 1)
            (void)sluice_bundle_order(bundle, i, &note);
}

/* ---- bytes to lanes ---- */

static int give_own(sluice_bundle *bundle, sluice_bundle_object *at, uint64_t from, uint64_t to)
{
    int status = SLUICE_OK;
    if (!(at->open & 1))
        status = sluice_bundle_own_ops(bundle)->open(sluice_bundle_own_state(bundle), at->id, 0, at->priority);
    if (status != SLUICE_OK)
        return status;
    at->open |= 1;
    at->own_ready += to - from;
    bundle->accounts[0].given += to - from;
    status = sluice_bundle_own_ops(bundle)->offer(sluice_bundle_own_state(bundle), at->id, from, to);
    sluice_lane_wake(bundle->own);
    return status;
}

static int give_side(sluice_bundle *bundle, uint32_t lane, sluice_bundle_object *at, uint64_t from, uint64_t to, const uint8_t *bytes,
                     void *owner)
{
    const sluice_lane_note note = {.type = SLUICE_NOTE_OFFER,
                                   .priority = at->priority,
                                   .id = at->id,
                                   .from = from,
                                   .to = to,
                                   .bytes = bytes,
                                   .owner = owner};
    int status = sluice_bundle_order(bundle, lane, &note);
    if (status != SLUICE_OK) {
        bundle->cargo.ops->give_back(bundle->cargo.state, owner);
        return status;
    }
    at->open |= UINT32_C(1) << lane;
    bundle->accounts[lane].given += to - from;
    return SLUICE_OK;
}

/* Gives the beginning of a range to a lane.  False: nothing can be given now. */
static bool give(sluice_bundle *bundle, sluice_bundle_range *first, uint32_t lane)
{
    sluice_bundle_object *at = first->object;
    sluice_object_id id = at->id;
    uint64_t from = first->from;
    uint64_t bytes = sluice_share_piece(&bundle->accounts[lane], from, first->to - from);
    const uint8_t *memory = NULL;
    void *owner = NULL;
    if (lane > 0)
        memory = bundle->cargo.ops->borrow(bundle->cargo.state, id, from, &bytes, &owner);
    if (lane > 0 && !memory && (bundle->held || sluice_bundle_find(bundle, id) != at))
        return !bundle->held; /* it was given up over that */
    /* What is not in memory lane 0 asks for as it always does. */
    int status = memory ? give_side(bundle, lane, at, from, from + bytes, memory, owner)
                        : give_own(bundle, at, from, from + bytes);
    if (status != SLUICE_OK) {
        if (status != SLUICE_ECLOSED)
            sluice_bundle_out_of_memory(bundle);
        return false;
    }
    bundle->last = memory ? (int)lane : 0;
    first->from += bytes;
    if (first->from == first->to)
        range_free(bundle, first);
    finish_if_given(bundle, at);
    return true;
}

/* As of a side lane, see side_lane.c. */
static uint64_t own_wants(const sluice_bundle *bundle)
{
    sluice_rate rate = sluice_lane_pacing(bundle->own);
    double bytes = (double)rate / 8 * WANTS_NS / SLUICE_SECOND;
    bool unlimited = rate == 0 || bytes > (double)bundle->wants_most;
    return unlimited ? bundle->wants_most : MAX((uint64_t)bytes, MIN(WANTS_LEAST, bundle->wants_most));
}

void sluice_bundle_feed(sluice_bundle *bundle)
{
    sluice_bundle_range *first;
    if (bundle->feeding || bundle->over)
        return;
    bundle->feeding = true;
    bundle->accounts[0].wants = own_wants(bundle);
    while (!bundle->failed && (first = TAILQ_FIRST(&bundle->queue))) {
        int lane = sluice_share_next(bundle->accounts, bundle->lanes, bundle->last, first->to - first->from);
        if (lane < 0 || !give(bundle, first, (uint32_t)lane))
            break;
    }
    bundle->feeding = false;
}

/* ---- the carrier ---- */

static int carrier_open(void *state, sluice_object_id id, unsigned flags, unsigned priority)
{
    sluice_bundle *bundle = state;
    if ((flags & SLUICE_OBJECT_ORDERED) || id <= SLUICE_OBJECT_CONTROL)
        return sluice_bundle_own_ops(bundle)->open(sluice_bundle_own_state(bundle), id, flags, priority);
    sluice_bundle_object **place = place_of(bundle, id);
    if (*place)
        return SLUICE_EEXIST;
    *place = calloc(1, sizeof **place);
    if (!*place)
        return SLUICE_ENOMEM;
    (*place)->id = id;
    (*place)->priority = priority;
    return SLUICE_OK;
}

static int carrier_offer(void *state, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_bundle *bundle = state;
    sluice_bundle_object *at = sluice_bundle_find(bundle, id);
    if (!at)
        return sluice_bundle_own_ops(bundle)->offer(sluice_bundle_own_state(bundle), id, from, to);
    sluice_bundle_range *made = calloc(1, sizeof *made);
    if (!made)
        return SLUICE_ENOMEM;
    made->object = at;
    made->from = from;
    made->to = to;
    at->waiting++;
    TAILQ_INSERT_TAIL(&bundle->queue, made, link);
    sluice_bundle_feed(bundle);
    return SLUICE_OK;
}

static int carrier_finish(void *state, sluice_object_id id, uint64_t size)
{
    sluice_bundle *bundle = state;
    sluice_bundle_object *at = sluice_bundle_find(bundle, id);
    if (!at)
        return sluice_bundle_own_ops(bundle)->finish(sluice_bundle_own_state(bundle), id, size);
    at->finished = true;
    at->size = size;
    finish_if_given(bundle, at);
    return SLUICE_OK;
}

static bool stow(sluice_bundle *bundle, uint32_t lane, sluice_object_id id, uint64_t from, uint64_t to)
{
    uint64_t lent = to - from;
    sluice_lane_note note = {.type = SLUICE_NOTE_STOW, .id = id, .from = from, .to = to};
    note.bytes = bundle->cargo.ops->borrow(bundle->cargo.state, id, from, &lent, &note.owner);
    if (!note.bytes)
        return false;
    if (lent < to - from || sluice_bundle_order(bundle, lane, &note) != SLUICE_OK) {
        bundle->cargo.ops->give_back(bundle->cargo.state, note.owner);
        return false;
    }
    return true;
}

/* Others may be waiting for it as well, and asking may give the object up. */
static void wishes_try(sluice_bundle *bundle, sluice_object_id id)
{
    sluice_bundle_wish *at = TAILQ_FIRST(&bundle->wishes);
    while (at) {
        sluice_bundle_wish *next = TAILQ_NEXT(at, link);
        if (at->id == id) {
            sluice_bundle_wish copy = *at;
            TAILQ_REMOVE(&bundle->wishes, at, link);
            if (stow(bundle, copy.lane, id, copy.from, copy.to) || !sluice_bundle_find(bundle, id)) {
                free(at);
                next = sluice_bundle_find(bundle, id) ? next : NULL;
            } else {
                TAILQ_INSERT_HEAD(&bundle->wishes, at, link);
            }
        }
        at = next;
    }
}

static void carrier_ready(void *state, sluice_object_id id)
{
    sluice_bundle *bundle = state;
    const sluice_bundle_object *at = sluice_bundle_find(bundle, id);
    if (!at || (at->open & 1))
        sluice_bundle_own_ops(bundle)->ready(sluice_bundle_own_state(bundle), id);
    if (at)
        wishes_try(bundle, id);
    sluice_bundle_feed(bundle);
}

static int carrier_abort(void *state, sluice_object_id id, uint64_t code)
{
    sluice_bundle *bundle = state;
    sluice_bundle_object *at = sluice_bundle_find(bundle, id);
    const sluice_lane_note note = {.type = SLUICE_NOTE_ABORT, .id = id, .to = code};
    if (!at)
        return sluice_bundle_own_ops(bundle)->abort(sluice_bundle_own_state(bundle), id, code);
    if (at->open & 1)
        (void)sluice_bundle_own_ops(bundle)->abort(sluice_bundle_own_state(bundle), id, code);
    for (uint32_t i = 1; i < bundle->lanes; i++)
        if (at->open >> i & 1)
            (void)sluice_bundle_order(bundle, i, &note);
    sluice_bundle_object_free(bundle, at);
    sluice_bundle_feed(bundle);
    return SLUICE_OK;
}

static int carrier_skip(void *state, sluice_object_id id, uint64_t upto)
{
    const sluice_bundle *bundle = state;
    return sluice_bundle_own_ops(bundle)->skip(sluice_bundle_own_state(bundle), id, upto);
}

static void carrier_consumed(void *state, uint64_t bytes)
{
    sluice_bundle *bundle = state;
    bundle->spare += bytes;
    sluice_bundle_credit_share(bundle);
}

static void carrier_consumed_ordered(void *state, sluice_object_id id, uint64_t bytes)
{
    const sluice_bundle *bundle = state;
    sluice_bundle_own_ops(bundle)->consumed_ordered(sluice_bundle_own_state(bundle), id, bytes);
}

static void carrier_widen(void *state, sluice_object_id id, uint64_t bytes)
{
    const sluice_bundle *bundle = state;
    if (sluice_bundle_own_ops(bundle)->widen)
        sluice_bundle_own_ops(bundle)->widen(sluice_bundle_own_state(bundle), id, bytes);
}

/* Of an object that came by some lanes only, the others must not be told. */
static int carrier_stop(void *state, sluice_object_id id, uint64_t code)
{
    sluice_bundle *bundle = state;
    const sluice_lane_note note = {.type = SLUICE_NOTE_STOP, .id = id, .to = code};
    sluice_bundle_order_all(bundle, &note);
    if (bundle->started && !sluice_bundle_own_ops(bundle)->knows(sluice_bundle_own_state(bundle), id))
        return SLUICE_OK;
    return sluice_bundle_own_ops(bundle)->stop(sluice_bundle_own_state(bundle), id, code);
}

static void carrier_passed(void *state, sluice_object_id id)
{
    sluice_bundle *bundle = state;
    if (!bundle->started)
        return;
    sluice_bundle_own_ops(bundle)->passed(sluice_bundle_own_state(bundle), id);
    sluice_bundle_order_all(bundle, &(sluice_lane_note){.type = SLUICE_NOTE_PASSED, .id = id});
}

static const sluice_transport_ops carrier_ops = {
    .carriage = SLUICE_CARRIAGE_DATAGRAM,
    .open = carrier_open,
    .offer = carrier_offer,
    .finish = carrier_finish,
    .ready = carrier_ready,
    .abort = carrier_abort,
    .skip = carrier_skip,
    .consumed = carrier_consumed,
    .consumed_ordered = carrier_consumed_ordered,
    .stop = carrier_stop,
    .widen = carrier_widen,
    .passed = carrier_passed,
};

sluice_carrier sluice_bundle_carrier(sluice_bundle *bundle)
{
    return (sluice_carrier){.ops = &carrier_ops, .state = bundle};
}

/* ---- what lanes tell of them ---- */

void sluice_bundle_completed(sluice_bundle *bundle, uint32_t lane, sluice_object_id id)
{
    sluice_bundle_object *at = sluice_bundle_find(bundle, id);
    if (!at) {
        if (lane == 0)
            bundle->calls->completed(bundle->user, id);
        return;
    }
    at->done |= UINT32_C(1) << lane;
    if (!at->finished || at->waiting > 0 || at->done != at->open)
        return;
    sluice_bundle_object_free(bundle, at);
    bundle->calls->completed(bundle->user, id);
}

/* The peer stops it on one lane: so it is stopped on all. */
void sluice_bundle_stopped(sluice_bundle *bundle, uint32_t lane, sluice_object_id id, uint64_t code)
{
    if (!sluice_bundle_find(bundle, id) && lane > 0)
        return;
    bundle->calls->stopped(bundle->user, id, code);
    if (sluice_bundle_find(bundle, id))
        (void)carrier_abort(bundle, id, code);
}

size_t sluice_bundle_fetch(sluice_bundle *bundle, sluice_object_id id, uint64_t offset, const struct iovec *buffers,
                           int count)
{
    size_t filled = bundle->calls->fetch(bundle->user, id, offset, buffers, count);
    sluice_bundle_object *at = filled > 0 && id > SLUICE_OBJECT_CATALOGUE ? sluice_bundle_find(bundle, id) : NULL;
    if (!at || offset + filled <= at->own_high)
        return filled;
    uint64_t bytes = MIN(offset + filled - MAX(offset, at->own_high), at->own_ready);
    at->own_high = offset + filled;
    at->own_ready -= bytes;
    sluice_lane_account *own = &bundle->accounts[0];
    own->fetched += bytes;
    if (own->given - own->fetched < own->wants / 2)
        sluice_bundle_feed(bundle);
    return filled;
}

void sluice_bundle_need(sluice_bundle *bundle, uint32_t lane, const sluice_lane_note *note)
{
    if (!sluice_bundle_find(bundle, note->id) || stow(bundle, lane, note->id, note->from, note->to) || !sluice_bundle_find(bundle, note->id))
        return;
    sluice_bundle_wish *made = calloc(1, sizeof *made);
    if (!made) {
        sluice_bundle_out_of_memory(bundle);
        return;
    }
    *made = (sluice_bundle_wish){.lane = lane, .id = note->id, .from = note->from, .to = note->to};
    TAILQ_INSERT_TAIL(&bundle->wishes, made, link);
}
