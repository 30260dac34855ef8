/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include <assert.h>
#include <string.h>

/* ---- rings of objects ---- */

static void unlink_object(udp_out *object)
{
    if (!object->list)
        return;
    if (object->next == object) {
        *object->list = NULL;
    } else {
        object->next->previous = object->previous;
        object->previous->next = object->next;
        if (*object->list == object)
            *object->list = object->next;
    }
    object->list = NULL;
}

static void append(udp_out **list, udp_out *object)
{
    if (*list) {
        udp_out *first = *list;
        object->next = first;
        object->previous = first->previous;
        first->previous->next = object;
        first->previous = object;
    } else {
        object->next = object->previous = object;
        *list = object;
    }
    object->list = list;
}

/* ---- life of an object ---- */

static udp_out *find(udp_engine *engine, uint64_t id)
{
    udp_outgoing *out = &engine->out;
    if (!out->last || out->last->id != id)
        out->last = udp_idmap_get(&out->map, id);
    return out->last && !(out->last->state & UDP_OUT_DEAD) ? out->last : NULL;
}

static void object_free(udp_engine *engine, udp_out *object)
{
    udp_ranges_fini(&object->offered, engine->host);
    udp_ranges_fini(&object->fresh, engine->host);
    udp_ranges_fini(&object->lost, engine->host);
    udp_ranges_fini(&object->settled, engine->host);
    engine->host->resize(engine->host, object, 0);
}

static udp_out *object_new(udp_engine *engine, uint64_t id, unsigned flags, unsigned priority)
{
    udp_out *object = engine->host->resize(engine->host, NULL, sizeof(*object));
    if (!object)
        return NULL;
    *object = (udp_out){.id = id, .flags = flags, .priority = priority, .limit = engine->setup.peer_ordered_bytes};
    if (udp_idmap_put(&engine->out.map, engine->host, id, object) != SLUICE_OK) {
        engine->host->resize(engine->host, object, 0);
        return NULL;
    }
    return object;
}

/* Objects that wait for others to be done may have room now. */
static void unblock(udp_engine *engine)
{
    for (udp_out *object = engine->out.blocked; object; object = engine->out.blocked) {
        unlink_object(object);
        append(&engine->out.turns[object->priority], object);
    }
}

static void bury(udp_engine *engine, udp_out *object)
{
    udp_outgoing *out = &engine->out;
    unlink_object(object);
    if (object->state & UDP_OUT_STARTED) {
        if (--out->started == UDP_STARTED_MOST / 4 * 3)
            unblock(engine);
    }
    object->state |= UDP_OUT_DEAD;
    udp_idmap_remove(&out->map, object->id);
    if (out->last == object)
        out->last = NULL;
    object->dead_next = out->dead;
    out->dead = object;
}

void udp_outgoing_reap(udp_engine *engine)
{
    while (engine->out.dead) {
        udp_out *object = engine->out.dead;
        engine->out.dead = object->dead_next;
        object_free(engine, object);
    }
}

int udp_outgoing_init(udp_engine *engine)
{
    udp_outgoing *out = &engine->out;
    *out = (udp_outgoing){.limit = engine->setup.peer_receive_bytes};
    udp_out *control = object_new(engine, SLUICE_OBJECT_CONTROL, SLUICE_OBJECT_ORDERED, 0);
    if (!control)
        return SLUICE_ENOMEM;
    control->state |= UDP_OUT_STARTED;
    out->started = 1;
    return udp_ranges_add(&out->used[0], engine->host, 0, 1, NULL);
}

void udp_outgoing_fini(udp_engine *engine)
{
    udp_outgoing *out = &engine->out;
    udp_outgoing_reap(engine);
    for (size_t i = 0; i < out->map.room; i++) {
        if (out->map.slots[i].value)
            object_free(engine, out->map.slots[i].value);
    }
    udp_idmap_fini(&out->map, engine->host);
    udp_ranges_fini(&out->used[0], engine->host);
    udp_ranges_fini(&out->used[1], engine->host);
}

/* Everything offered was acknowledged, and the end too. */
static void check_complete(udp_engine *engine, udp_out *object)
{
    if ((object->state & (UDP_OUT_ABORT | UDP_OUT_DEAD | UDP_OUT_SKIP_OPEN)) ||
        (object->state & (UDP_OUT_FINISHED | UDP_OUT_END_ACKED)) != (UDP_OUT_FINISHED | UDP_OUT_END_ACKED) ||
        object->settled.covered != object->offered.covered)
        return;
    uint64_t id = object->id;
    bury(engine, object);
    engine->calls.completed(engine->user, id);
}

/* ---- whose turn it is ---- */

bool udp_outgoing_next(const udp_engine *engine, const udp_out *object, udp_range *range, bool *lost)
{
    if (object->state & UDP_OUT_ABORT)
        return false;
    if (!(object->state & UDP_OUT_WAIT_LOST) && udp_ranges_find(&object->lost, 0, range)) {
        *lost = true;
        return true;
    }
    if ((object->state & UDP_OUT_WAIT_FRESH) || !udp_ranges_find(&object->fresh, 0, range))
        return false;
    *lost = false;
    uint64_t room;
    if (object->flags & SLUICE_OBJECT_ORDERED)
        room = object->limit > range->from ? object->limit - range->from : 0;
    else
        room = engine->out.limit - engine->out.sent;
    if (!(object->state & UDP_OUT_STARTED) && engine->out.started >= UDP_STARTED_MOST)
        room = 0;
    if (range->to - range->from > room)
        range->to = range->from + room;
    return room > 0;
}

bool udp_outgoing_at_end(udp_engine *engine, uint64_t id)
{
    const udp_out *object = find(engine, id);
    return object && (object->state & UDP_OUT_FINISHED) && object->fresh.count == 0;
}

bool udp_outgoing_end_due(const udp_out *object)
{
    return (object->state & UDP_OUT_END_DUE) && object->fresh.count == 0 && !(object->state & UDP_OUT_ABORT);
}

void udp_outgoing_place(udp_engine *engine, udp_out *object, bool turn)
{
    udp_range range;
    bool lost;
    if (object->state & UDP_OUT_DEAD)
        return;
    bool started = (object->state & UDP_OUT_STARTED) || engine->out.started < UDP_STARTED_MOST;
    bool active = (object->state & (UDP_OUT_ABORT_DUE | UDP_OUT_SKIP_DUE)) ||
                  (udp_outgoing_end_due(object) && started) || udp_outgoing_next(engine, object, &range, &lost);
    bool blocked = !active && !(object->state & (UDP_OUT_ABORT | UDP_OUT_WAIT_FRESH)) &&
                   (object->fresh.count > 0 || udp_outgoing_end_due(object));
    udp_out **list = active ? &engine->out.turns[object->priority] : blocked ? &engine->out.blocked : NULL;
    if (object->list == list && !turn)
        return;
    unlink_object(object);
    if (list)
        append(list, object);
}

udp_out *udp_outgoing_first(const udp_engine *engine)
{
    for (int i = 0; i < SLUICE_PRIORITY_LEVELS; i++) {
        if (engine->out.turns[i])
            return engine->out.turns[i];
    }
    return NULL;
}

int udp_outgoing_took(udp_engine *engine, udp_out *object, uint64_t from, uint64_t to, bool lost)
{
    if (!(object->state & UDP_OUT_STARTED)) {
        object->state |= UDP_OUT_STARTED;
        engine->out.started++;
    }
    int status = udp_ranges_remove(lost ? &object->lost : &object->fresh, engine->host, from, to, NULL);
    if (!lost && !(object->flags & SLUICE_OBJECT_ORDERED))
        engine->out.sent += to - from;
    return status;
}

/* ---- what the user wants ---- */

int udp_outgoing_open(udp_engine *engine, sluice_object_id id, unsigned flags, unsigned priority)
{
    const sluice_host *host = engine->host;
    if (id == SLUICE_OBJECT_CONTROL || id >= UINT64_C(1) << 62 || priority < 1 || priority >= SLUICE_PRIORITY_LEVELS ||
        (flags & ~(unsigned)SLUICE_OBJECT_ORDERED))
        return host->fail(host, SLUICE_EINVAL, "udp: object %llu cannot be opened with flags %u and priority %u",
                          (unsigned long long)id, flags, priority);
    udp_ranges *used = &engine->out.used[id & 1];
    if (udp_ranges_has(used, id >> 1))
        return host->fail(host, SLUICE_EINVAL, "udp: object id %llu was used before", (unsigned long long)id);
    udp_out *object = object_new(engine, id, flags, priority);
    if (!object)
        return host->fail(host, SLUICE_ENOMEM, "udp: out of memory for object %llu", (unsigned long long)id);
    if (udp_ranges_add(used, host, id >> 1, (id >> 1) + 1, NULL) != SLUICE_OK) {
        udp_idmap_remove(&engine->out.map, id);
        object_free(engine, object);
        return host->fail(host, SLUICE_ENOMEM, "udp: out of memory for object %llu", (unsigned long long)id);
    }
    return SLUICE_OK;
}

/* An object that the user names, or a status with its sentence. */
static int named(udp_engine *engine, sluice_object_id id, const char *what, udp_out **out)
{
    const sluice_host *host = engine->host;
    *out = find(engine, id);
    if (!*out)
        return host->fail(host, SLUICE_EINVAL, "udp: %s: object %llu is not open", what, (unsigned long long)id);
    return SLUICE_OK;
}

int udp_outgoing_offer(udp_engine *engine, sluice_object_id id, uint64_t from, uint64_t to)
{
    const sluice_host *host = engine->host;
    udp_out *object;
    udp_range gap;
    int status = named(engine, id, "offer", &object);
    if (status != SLUICE_OK)
        return status;
    if (object->state & UDP_OUT_ABORT)
        return SLUICE_OK;
    bool first_time = from < to && udp_ranges_gap(&object->offered, from, to, &gap) && gap.from == from && gap.to == to;
    bool in_order = !(object->flags & SLUICE_OBJECT_ORDERED) || from == object->offered.covered;
    if (!first_time || !in_order || (object->state & UDP_OUT_FINISHED) || to >= UINT64_C(1) << 62)
        return host->fail(host, SLUICE_EINVAL,
                          "udp: bytes %llu to %llu of object %llu cannot be offered (now or again)",
                          (unsigned long long)from, (unsigned long long)to, (unsigned long long)id);
    status = udp_ranges_add(&object->offered, host, from, to, NULL);
    if (status == SLUICE_OK) {
        status = udp_ranges_add(&object->fresh, host, from, to, NULL);
        if (status != SLUICE_OK)
            udp_ranges_remove(&object->offered, host, from, to, NULL);
    }
    if (status == SLUICE_OK && from < object->upto) {
        uint64_t end = to < object->upto ? to : object->upto;
        udp_ranges_remove(&object->fresh, host, from, end, NULL);
        object->unsent += end - from;
        status = udp_ranges_add(&object->settled, host, from, end, NULL);
    }
    if (status != SLUICE_OK)
        return host->fail(host, status, "udp: out of memory for the ranges of object %llu", (unsigned long long)id);
    udp_outgoing_place(engine, object, false);
    return SLUICE_OK;
}

int udp_outgoing_finish(udp_engine *engine, sluice_object_id id, uint64_t size)
{
    const sluice_host *host = engine->host;
    udp_out *object;
    udp_range beyond;
    int status = named(engine, id, "finish", &object);
    if (status != SLUICE_OK)
        return status;
    if (object->state & UDP_OUT_ABORT)
        return SLUICE_OK;
    bool short_of = udp_ranges_find(&object->offered, size, &beyond) ||
                    ((object->flags & SLUICE_OBJECT_ORDERED) && size != object->offered.covered);
    if (short_of || (object->state & UDP_OUT_FINISHED) || size >= UINT64_C(1) << 62)
        return host->fail(host, SLUICE_EINVAL, "udp: object %llu cannot end at %llu", (unsigned long long)id,
                          (unsigned long long)size);
    object->size = size;
    object->state |= UDP_OUT_FINISHED | UDP_OUT_END_DUE;
    udp_outgoing_place(engine, object, false);
    return SLUICE_OK;
}

void udp_outgoing_ready(udp_engine *engine, sluice_object_id id)
{
    udp_out *object = find(engine, id);
    if (!object)
        return;
    object->state &= ~(unsigned)(UDP_OUT_WAIT_FRESH | UDP_OUT_WAIT_LOST);
    udp_outgoing_place(engine, object, false);
}

static void give_up(udp_engine *engine, udp_out *object, uint64_t code)
{
    object->state |= UDP_OUT_ABORT | UDP_OUT_ABORT_DUE;
    object->state &= ~(unsigned)(UDP_OUT_END_DUE | UDP_OUT_SKIP_DUE);
    object->code = code & ((UINT64_C(1) << 62) - 1);
    udp_ranges_clear(&object->lost, engine->host);
    udp_outgoing_place(engine, object, false);
}

int udp_outgoing_abort(udp_engine *engine, sluice_object_id id, uint64_t code)
{
    udp_out *object;
    int status = named(engine, id, "abort", &object);
    if (status != SLUICE_OK || id == SLUICE_OBJECT_CONTROL)
        return status != SLUICE_OK ? status : SLUICE_EINVAL;
    if (object->state & UDP_OUT_ABORT)
        return SLUICE_OK;
    if (!(object->state & UDP_OUT_STARTED) && engine->out.started >= UDP_STARTED_MOST) {
        bury(engine, object); /* The peer has never heard of it. */
        return SLUICE_OK;
    }
    give_up(engine, object, code);
    return SLUICE_OK;
}

uint64_t udp_outgoing_sent_below(const udp_out *object, uint64_t upto)
{
    return udp_ranges_below(&object->offered, upto) - udp_ranges_below(&object->fresh, upto) - object->unsent;
}

int udp_outgoing_skip(udp_engine *engine, sluice_object_id id, uint64_t upto)
{
    const sluice_host *host = engine->host;
    udp_out *object;
    int status = named(engine, id, "skip", &object);
    if (status != SLUICE_OK || id == SLUICE_OBJECT_CONTROL)
        return status != SLUICE_OK ? status : SLUICE_EINVAL;
    if ((object->state & UDP_OUT_ABORT) || upto <= object->upto)
        return SLUICE_OK;
    if (upto >= UINT64_C(1) << 62)
        return host->fail(host, SLUICE_EINVAL, "udp: object %llu cannot be skipped that far", (unsigned long long)id);
    if (object->flags & SLUICE_OBJECT_ORDERED && upto > object->offered.covered)
        upto = object->offered.covered;
    object->upto = upto;
    object->state |= UDP_OUT_SKIP_DUE | UDP_OUT_SKIP_OPEN;
    udp_range range = {0, 0};
    for (uint64_t at = 0; status == SLUICE_OK && udp_ranges_find(&object->offered, at, &range) && range.from < upto;
         at = range.to)
        status = udp_ranges_add(&object->settled, host, range.from, range.to < upto ? range.to : upto, NULL);
    uint64_t unsent = 0;
    if (status == SLUICE_OK)
        status = udp_ranges_remove(&object->fresh, host, 0, upto, &unsent);
    object->unsent += unsent;
    if (status == SLUICE_OK)
        status = udp_ranges_remove(&object->lost, host, 0, upto, NULL);
    udp_outgoing_place(engine, object, false);
    return status;
}

/* ---- what the peer says ---- */

int udp_outgoing_stopped(udp_engine *engine, uint64_t id, uint64_t code)
{
    udp_out *object = find(engine, id);
    if (!object)
        return udp_ranges_has(&engine->out.used[id & 1], id >> 1) ? SLUICE_OK : SLUICE_EPROTOCOL;
    if (id == SLUICE_OBJECT_CONTROL)
        return SLUICE_EPROTOCOL;
    if (object->state & UDP_OUT_ABORT)
        return SLUICE_OK;
    give_up(engine, object, code);
    engine->calls.stopped(engine->user, id, code);
    return SLUICE_OK;
}

void udp_outgoing_credit(udp_engine *engine, uint64_t limit)
{
    if (limit <= engine->out.limit)
        return;
    engine->out.limit = limit;
    unblock(engine);
}

int udp_outgoing_credit_object(udp_engine *engine, uint64_t id, uint64_t limit)
{
    udp_out *object = find(engine, id);
    if (!object)
        return udp_ranges_has(&engine->out.used[id & 1], id >> 1) ? SLUICE_OK : SLUICE_EPROTOCOL;
    if (limit > object->limit) {
        object->limit = limit;
        udp_outgoing_place(engine, object, false);
    }
    return SLUICE_OK;
}

static int data_acked(udp_engine *engine, udp_out *object, uint64_t from, uint64_t to)
{
    udp_range gap;
    if (from < object->upto)
        from = object->upto < to ? object->upto : to;
    while (from < to && udp_ranges_gap(&object->settled, from, to, &gap)) {
        int status = udp_ranges_add(&object->settled, engine->host, gap.from, gap.to, NULL);
        if (status == SLUICE_OK && object->lost.count > 0)
            status = udp_ranges_remove(&object->lost, engine->host, gap.from, gap.to, NULL);
        if (status != SLUICE_OK)
            return status;
        engine->counts.acked_bytes += gap.to - gap.from;
        engine->calls.acked(engine->user, object->id, gap.from, gap.to);
        if (object->state & (UDP_OUT_DEAD | UDP_OUT_ABORT))
            return SLUICE_OK;
        from = gap.to;
    }
    return SLUICE_OK;
}

int udp_outgoing_record_acked(udp_engine *engine, const udp_record *record)
{
    udp_out *object = find(engine, record->id);
    int status = SLUICE_OK;
    if (!object)
        return SLUICE_OK;
    switch (record->kind) {
    case UDP_RECORD_DATA:
        if (!(object->state & UDP_OUT_ABORT))
            status = data_acked(engine, object, record->from, record->from + record->bytes);
        break;
    case UDP_RECORD_END:
        object->state |= UDP_OUT_END_ACKED;
        object->state &= ~(unsigned)UDP_OUT_END_DUE;
        break;
    case UDP_RECORD_SKIP:
        if (record->from == object->upto)
            object->state &= ~(unsigned)(UDP_OUT_SKIP_OPEN | UDP_OUT_SKIP_DUE);
        break;
    case UDP_RECORD_ABORT:
        bury(engine, object);
        return SLUICE_OK;
    default:
        break;
    }
    if (status == SLUICE_OK && !(object->state & UDP_OUT_DEAD)) {
        check_complete(engine, object);
        udp_outgoing_place(engine, object, false);
    }
    return status;
}

static int data_lost(udp_engine *engine, udp_out *object, uint64_t from, uint64_t to)
{
    udp_range gap;
    while (from < to && udp_ranges_gap(&object->settled, from, to, &gap)) {
        int status = udp_ranges_add(&object->lost, engine->host, gap.from, gap.to, NULL);
        if (status != SLUICE_OK)
            return status;
        from = gap.to;
    }
    return SLUICE_OK;
}

int udp_outgoing_record_lost(udp_engine *engine, const udp_record *record)
{
    udp_out *object = find(engine, record->id);
    int status = SLUICE_OK;
    if (!object)
        return SLUICE_OK;
    switch (record->kind) {
    case UDP_RECORD_DATA:
        if (!(object->state & UDP_OUT_ABORT))
            status = data_lost(engine, object, record->from, record->from + record->bytes);
        break;
    case UDP_RECORD_END:
        if (!(object->state & (UDP_OUT_END_ACKED | UDP_OUT_ABORT)))
            object->state |= UDP_OUT_END_DUE;
        break;
    case UDP_RECORD_SKIP:
        if (record->from == object->upto && (object->state & UDP_OUT_SKIP_OPEN))
            object->state |= UDP_OUT_SKIP_DUE;
        break;
    case UDP_RECORD_ABORT:
        object->state |= UDP_OUT_ABORT_DUE;
        break;
    default:
        break;
    }
    udp_outgoing_place(engine, object, false);
    return status;
}
