/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include "wire.h"

#include <assert.h>
#include <string.h>

#define UNPACED_TURN 16384u

/* ---- rings of objects ---- */

static void unlink_object(transport_engine *engine, engine_out *object)
{
    if (!object->list)
        return;
    engine->out.taking_turns[object->priority] -= object->list == &engine->out.turns[object->priority];
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

static void append(transport_engine *engine, engine_out **list, engine_out *object)
{
    engine->out.taking_turns[object->priority] += list == &engine->out.turns[object->priority];
    if (*list) {
        engine_out *first = *list;
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

static engine_out *find(transport_engine *engine, uint64_t id)
{
    engine_outgoing *out = &engine->out;
    if (!out->last || out->last->id != id)
        out->last = engine_idmap_get(&out->map, id);
    return out->last && !(out->last->state & ENGINE_OUT_DEAD) ? out->last : NULL;
}

static void object_free(transport_engine *engine, engine_out *object)
{
    engine_ranges_fini(&object->offered, engine->host);
    engine_ranges_fini(&object->fresh, engine->host);
    engine_ranges_fini(&object->lost, engine->host);
    engine_ranges_fini(&object->settled, engine->host);
    engine->host->resize(engine->host, object, 0);
}

static engine_out *object_new(transport_engine *engine, uint64_t id, unsigned flags, unsigned priority)
{
    engine_out *object = engine->host->resize(engine->host, NULL, sizeof(*object));
    if (!object)
        return NULL;
    *object = (engine_out){.id = id, .flags = flags, .priority = priority, .limit = engine->setup.peer_ordered_bytes};
    if (engine_idmap_put(&engine->out.map, engine->host, id, object) != SLUICE_OK) {
        engine->host->resize(engine->host, object, 0);
        return NULL;
    }
    return object;
}

/* Objects that wait for others to be done may have room now. */
static void unblock(transport_engine *engine)
{
    for (engine_out *object = engine->out.blocked; object; object = engine->out.blocked) {
        unlink_object(engine, object);
        append(engine, &engine->out.turns[object->priority], object);
    }
}

static void bury(transport_engine *engine, engine_out *object)
{
    engine_outgoing *out = &engine->out;
    unlink_object(engine, object);
    if (object->state & ENGINE_OUT_STARTED) {
        if (--out->started == ENGINE_STARTED_MOST / 4 * 3)
            unblock(engine);
    }
    object->state |= ENGINE_OUT_DEAD;
    engine_idmap_remove(&out->map, object->id);
    if (out->last == object)
        out->last = NULL;
    object->dead_next = out->dead;
    out->dead = object;
}

void engine_outgoing_reap(transport_engine *engine)
{
    while (engine->out.dead) {
        engine_out *object = engine->out.dead;
        engine->out.dead = object->dead_next;
        object_free(engine, object);
    }
}

int engine_outgoing_init(transport_engine *engine)
{
    engine_outgoing *out = &engine->out;
    *out = (engine_outgoing){.limit = engine->setup.peer_receive_bytes};
    engine_out *control = object_new(engine, SLUICE_OBJECT_CONTROL, SLUICE_OBJECT_ORDERED, 0);
    if (!control)
        return SLUICE_ENOMEM;
    control->state |= ENGINE_OUT_STARTED;
    out->started = 1;
    return engine_ranges_add(&out->used[0], engine->host, 0, 1, NULL);
}

void engine_outgoing_fini(transport_engine *engine)
{
    engine_outgoing *out = &engine->out;
    engine_outgoing_reap(engine);
    for (size_t i = 0; i < out->map.room; i++) {
        if (out->map.slots[i].value)
            object_free(engine, out->map.slots[i].value);
    }
    engine_idmap_fini(&out->map, engine->host);
    engine_ranges_fini(&out->used[0], engine->host);
    engine_ranges_fini(&out->used[1], engine->host);
}

/* Everything offered was acknowledged, and the end too. */
static void check_complete(transport_engine *engine, engine_out *object)
{
    if ((object->state & (ENGINE_OUT_ABORT | ENGINE_OUT_DEAD | ENGINE_OUT_SKIP_OPEN)) ||
        (object->state & (ENGINE_OUT_FINISHED | ENGINE_OUT_END_ACKED)) !=
            (ENGINE_OUT_FINISHED | ENGINE_OUT_END_ACKED) ||
        object->settled.covered != object->offered.covered)
        return;
    uint64_t id = object->id;
    bury(engine, object);
    engine->calls.completed(engine->user, id);
}

/* ---- whose turn it is ---- */

bool engine_outgoing_next(const transport_engine *engine, const engine_out *object, engine_range *range, bool *lost)
{
    if (object->state & ENGINE_OUT_ABORT)
        return false;
    if (!(object->state & ENGINE_OUT_WAIT_LOST) && engine_ranges_find(&object->lost, 0, range)) {
        *lost = true;
        return true;
    }
    if ((object->state & ENGINE_OUT_WAIT_FRESH) || !engine_ranges_find(&object->fresh, 0, range))
        return false;
    *lost = false;
    uint64_t room;
    if (object->flags & SLUICE_OBJECT_ORDERED)
        room = object->limit > range->from ? object->limit - range->from : 0;
    else
        room = engine->out.limit - engine->out.sent;
    if (!(object->state & ENGINE_OUT_STARTED) && engine->out.started >= ENGINE_STARTED_MOST)
        room = 0;
    if (range->to - range->from > room)
        range->to = range->from + room;
    return room > 0;
}

bool engine_outgoing_at_end(transport_engine *engine, uint64_t id)
{
    const engine_out *object = find(engine, id);
    return object && (object->state & ENGINE_OUT_FINISHED) && object->fresh.count == 0;
}

bool engine_outgoing_end_due(const engine_out *object)
{
    return (object->state & ENGINE_OUT_END_DUE) && object->fresh.count == 0 && !(object->state & ENGINE_OUT_ABORT);
}

/* A turn is a quarter of the pacer's burst, or a packet.  What it takes too much counts in the next one (deficit round
 * robin: Shreedhar, Varghese, 1996). */
static uint64_t quantum(const transport_engine *engine)
{
    uint64_t run = engine->pacer.rate ? engine->pacer.burst / 4 : UNPACED_TURN, full = engine_packet_bytes(engine);
    return run > full ? run : full;
}

uint64_t engine_outgoing_turn(const transport_engine *engine, const engine_out *object)
{
    uint64_t whole = quantum(engine);
    if (engine->out.taking_turns[object->priority] <= 1)
        return UINT64_MAX;
    return object->served < whole ? whole - object->served : 1;
}

/* The object was the first: its turn may be over. */
static bool turn_is_over(transport_engine *engine, engine_out *object)
{
    uint64_t whole = quantum(engine);
    object->turn = engine->out.turn;
    if (object->served < whole && object->list != &engine->out.rare[object->priority])
        return false;
    object->served -= object->served < whole ? object->served : whole;
    if (object->served > whole)
        object->served = whole;
    engine->out.turn++;
    return true;
}

/* One that sends little, and had no turn while all others had one, need not wait for a round of theirs: so it gets at
 * most a packet in a round before them.  A new object waits, else a row of small ones would keep back a large one. */
static bool is_rare(const transport_engine *engine, const engine_out *object)
{
    uint64_t waits = object->lost.covered + object->fresh.covered;
    return (object->state & ENGINE_OUT_STARTED) && waits < engine_packet_bytes(engine) / 2 &&
           engine->out.turn - object->turn >= engine->out.taking_turns[object->priority];
}

static engine_out **list_of(transport_engine *engine, const engine_out *object, bool turn)
{
    engine_out **turns = &engine->out.turns[object->priority], **rare = &engine->out.rare[object->priority];
    if (!turn && (object->list == turns || object->list == rare))
        return object->list;
    return !turn && is_rare(engine, object) ? rare : turns;
}

void engine_outgoing_place(transport_engine *engine, engine_out *object, bool turn)
{
    engine_range range;
    bool lost;
    if (object->state & ENGINE_OUT_DEAD)
        return;
    bool started = (object->state & ENGINE_OUT_STARTED) || engine->out.started < ENGINE_STARTED_MOST;
    bool active = (object->state & (ENGINE_OUT_ABORT_DUE | ENGINE_OUT_SKIP_DUE)) ||
                  (engine_outgoing_end_due(object) && started) || engine_outgoing_next(engine, object, &range, &lost);
    bool blocked = !active && !(object->state & (ENGINE_OUT_ABORT | ENGINE_OUT_WAIT_FRESH)) &&
                   (object->fresh.count > 0 || engine_outgoing_end_due(object));
    bool over = turn && turn_is_over(engine, object);
    engine_out **list = active ? list_of(engine, object, over) : blocked ? &engine->out.blocked : NULL;
    if (!active)
        object->served = 0;
    if (object->list == list && !over)
        return;
    unlink_object(engine, object);
    if (list)
        append(engine, list, object);
}

engine_out *engine_outgoing_first(const transport_engine *engine)
{
    for (int i = 0; i < SLUICE_PRIORITY_LEVELS; i++) {
        if (engine->out.rare[i])
            return engine->out.rare[i];
        if (engine->out.turns[i])
            return engine->out.turns[i];
    }
    return NULL;
}

/* Its next run may end at the credit, so this is an upper bound; frames about the object itself may come first. */
static uint64_t little_of(const engine_out *object)
{
    return object->lost.covered + object->fresh.covered + (1 + object->lost.count) * ENGINE_FRAME_MAX;
}

uint64_t engine_outgoing_little(const transport_engine *engine, uint64_t most)
{
    uint64_t sum = 0;
    for (int i = 0; i < 2 * SLUICE_PRIORITY_LEVELS; i++) {
        const engine_out *first = i % 2 ? engine->out.turns[i / 2] : engine->out.rare[i / 2], *object = first;
        if (!first)
            continue;
        do {
            sum += little_of(object);
            object = object->next;
        } while (object != first && sum <= most);
        if (sum > most)
            return UINT64_MAX;
    }
    return sum;
}

int engine_outgoing_took(transport_engine *engine, engine_out *object, uint64_t from, uint64_t to, bool lost)
{
    if (!(object->state & ENGINE_OUT_STARTED)) {
        object->state |= ENGINE_OUT_STARTED;
        engine->out.started++;
    }
    uint64_t gone = 0;
    object->served += to - from;
    int status = engine_ranges_remove(lost ? &object->lost : &object->fresh, engine->host, from, to, &gone);
    if (lost)
        return status;
    object->unsent -= to - from - gone; /* Skipped in the very fetch that got them: sent they were all the same. */
    if (!(object->flags & SLUICE_OBJECT_ORDERED))
        engine->out.sent += to - from;
    return status;
}

/* ---- what the user wants ---- */

int engine_outgoing_open(transport_engine *engine, sluice_object_id id, unsigned flags, unsigned priority)
{
    const sluice_host *host = engine->host;
    if (id == SLUICE_OBJECT_CONTROL || id >= UINT64_C(1) << 62 || priority < 1 || priority >= SLUICE_PRIORITY_LEVELS ||
        (flags & ~(unsigned)SLUICE_OBJECT_ORDERED))
        return host->fail(host, SLUICE_EINVAL, "transport: object %llu cannot be opened with flags %u and priority %u",
                          (unsigned long long)id, flags, priority);
    engine_ranges *used = &engine->out.used[id & 1];
    if (engine_ranges_has(used, id >> 1))
        return host->fail(host, SLUICE_EINVAL, "transport: object id %llu was used before", (unsigned long long)id);
    engine_out *object = object_new(engine, id, flags, priority);
    if (!object)
        return host->fail(host, SLUICE_ENOMEM, "transport: out of memory for object %llu", (unsigned long long)id);
    if (engine_ranges_add(used, host, id >> 1, (id >> 1) + 1, NULL) != SLUICE_OK) {
        engine_idmap_remove(&engine->out.map, id);
        object_free(engine, object);
        return host->fail(host, SLUICE_ENOMEM, "transport: out of memory for object %llu", (unsigned long long)id);
    }
    return SLUICE_OK;
}

#define FLOOR_STEP 2048 /* ids; each of them may be a range at the peer, which keeps a hundred times as many */

/* The peer forgets single ids when it is told of all below some: so these must be over on either side, and what is still
 * unacknowledged of an object could arrive later. */
void engine_outgoing_passed(transport_engine *engine, sluice_object_id id)
{
    engine_outgoing *out = &engine->out;
    uint64_t floor = id;
    for (size_t i = 0; i < out->map.room; i++)
        if (out->map.slots[i].value && out->map.slots[i].id != SLUICE_OBJECT_CONTROL && out->map.slots[i].id < floor)
            floor = out->map.slots[i].id;
    if (floor < out->floor + FLOOR_STEP)
        return;
    /* Without memory for that the ids stay apart. */
    (void)engine_ranges_add(&out->used[0], engine->host, 0, (floor + 1) / 2, NULL);
    (void)engine_ranges_add(&out->used[1], engine->host, 0, floor / 2, NULL);
    out->floor = floor;
    out->floor_due = true;
}

/* An object that the user names, or a status with its sentence. */
static int named(transport_engine *engine, sluice_object_id id, const char *what, engine_out **out)
{
    const sluice_host *host = engine->host;
    *out = find(engine, id);
    if (!*out)
        return host->fail(host, SLUICE_EINVAL, "transport: %s: object %llu is not open", what, (unsigned long long)id);
    return SLUICE_OK;
}

int engine_outgoing_offer(transport_engine *engine, sluice_object_id id, uint64_t from, uint64_t to)
{
    const sluice_host *host = engine->host;
    engine_out *object;
    engine_range gap;
    int status = named(engine, id, "offer", &object);
    if (status != SLUICE_OK)
        return status;
    if (object->state & ENGINE_OUT_ABORT)
        return SLUICE_OK;
    bool first_time =
        from < to && engine_ranges_gap(&object->offered, from, to, &gap) && gap.from == from && gap.to == to;
    bool in_order = !(object->flags & SLUICE_OBJECT_ORDERED) || from == object->offered.covered;
    if (!first_time || !in_order || (object->state & ENGINE_OUT_FINISHED) || to >= UINT64_C(1) << 62)
        return host->fail(host, SLUICE_EINVAL,
                          "transport: bytes %llu to %llu of object %llu cannot be offered (now or again)",
                          (unsigned long long)from, (unsigned long long)to, (unsigned long long)id);
    status = engine_ranges_add(&object->offered, host, from, to, NULL);
    if (status == SLUICE_OK) {
        status = engine_ranges_add(&object->fresh, host, from, to, NULL);
        if (status != SLUICE_OK)
            engine_ranges_remove(&object->offered, host, from, to, NULL);
    }
    if (status == SLUICE_OK && from < object->upto) {
        uint64_t end = to < object->upto ? to : object->upto;
        engine_ranges_remove(&object->fresh, host, from, end, NULL);
        object->unsent += end - from;
        status = engine_ranges_add(&object->settled, host, from, end, NULL);
    }
    if (status != SLUICE_OK)
        return host->fail(host, status, "transport: out of memory for the ranges of object %llu",
                          (unsigned long long)id);
    engine_outgoing_place(engine, object, false);
    return SLUICE_OK;
}

int engine_outgoing_finish(transport_engine *engine, sluice_object_id id, uint64_t size)
{
    const sluice_host *host = engine->host;
    engine_out *object;
    engine_range beyond;
    int status = named(engine, id, "finish", &object);
    if (status != SLUICE_OK)
        return status;
    if (object->state & ENGINE_OUT_ABORT)
        return SLUICE_OK;
    bool short_of = engine_ranges_find(&object->offered, size, &beyond) ||
                    ((object->flags & SLUICE_OBJECT_ORDERED) && size != object->offered.covered);
    if (short_of || (object->state & ENGINE_OUT_FINISHED) || size >= UINT64_C(1) << 62)
        return host->fail(host, SLUICE_EINVAL, "transport: object %llu cannot end at %llu", (unsigned long long)id,
                          (unsigned long long)size);
    object->size = size;
    object->state |= ENGINE_OUT_FINISHED | ENGINE_OUT_END_DUE;
    engine_outgoing_place(engine, object, false);
    return SLUICE_OK;
}

void engine_outgoing_ready(transport_engine *engine, sluice_object_id id)
{
    engine_out *object = find(engine, id);
    if (!object)
        return;
    object->state &= ~(unsigned)(ENGINE_OUT_WAIT_FRESH | ENGINE_OUT_WAIT_LOST);
    engine_outgoing_place(engine, object, false);
}

static void give_up(transport_engine *engine, engine_out *object, uint64_t code)
{
    object->state |= ENGINE_OUT_ABORT | ENGINE_OUT_ABORT_DUE;
    object->state &= ~(unsigned)(ENGINE_OUT_END_DUE | ENGINE_OUT_SKIP_DUE);
    object->code = code & ((UINT64_C(1) << 62) - 1);
    engine_ranges_clear(&object->lost, engine->host);
    engine_outgoing_place(engine, object, false);
}

int engine_outgoing_abort(transport_engine *engine, sluice_object_id id, uint64_t code)
{
    engine_out *object;
    int status = named(engine, id, "abort", &object);
    if (status != SLUICE_OK || id == SLUICE_OBJECT_CONTROL)
        return status != SLUICE_OK ? status : SLUICE_EINVAL;
    if (object->state & ENGINE_OUT_ABORT)
        return SLUICE_OK;
    if (!(object->state & ENGINE_OUT_STARTED) && engine->out.started >= ENGINE_STARTED_MOST) {
        bury(engine, object); /* The peer has never heard of it. */
        return SLUICE_OK;
    }
    give_up(engine, object, code);
    return SLUICE_OK;
}

uint64_t engine_outgoing_sent_below(const engine_out *object, uint64_t upto)
{
    return engine_ranges_below(&object->offered, upto) - engine_ranges_below(&object->fresh, upto) - object->unsent;
}

int engine_outgoing_skip(transport_engine *engine, sluice_object_id id, uint64_t upto)
{
    const sluice_host *host = engine->host;
    engine_out *object;
    int status = named(engine, id, "skip", &object);
    if (status != SLUICE_OK || id == SLUICE_OBJECT_CONTROL)
        return status != SLUICE_OK ? status : SLUICE_EINVAL;
    if ((object->state & ENGINE_OUT_ABORT) || upto <= object->upto)
        return SLUICE_OK;
    if (upto >= UINT64_C(1) << 62)
        return host->fail(host, SLUICE_EINVAL, "transport: object %llu cannot be skipped that far",
                          (unsigned long long)id);
    engine_range gap;
    if (object->flags & SLUICE_OBJECT_ORDERED && upto > object->offered.covered)
        upto = object->offered.covered;
    if (upto <= object->upto ||
        ((object->flags & SLUICE_OBJECT_ORDERED) && !engine_ranges_gap(&object->settled, object->upto, upto, &gap)))
        return SLUICE_OK; /* Nothing is given up. */
    object->upto = upto;
    object->state |= ENGINE_OUT_SKIP_DUE | ENGINE_OUT_SKIP_OPEN;
    engine_range range = {0, 0};
    for (uint64_t at = 0; status == SLUICE_OK && engine_ranges_find(&object->offered, at, &range) && range.from < upto;
         at = range.to)
        status = engine_ranges_add(&object->settled, host, range.from, range.to < upto ? range.to : upto, NULL);
    uint64_t unsent = 0;
    if (status == SLUICE_OK)
        status = engine_ranges_remove(&object->fresh, host, 0, upto, &unsent);
    object->unsent += unsent;
    if (status == SLUICE_OK)
        status = engine_ranges_remove(&object->lost, host, 0, upto, NULL);
    engine_outgoing_place(engine, object, false);
    return status;
}

/* ---- what the peer says ---- */

int engine_outgoing_stopped(transport_engine *engine, uint64_t id, uint64_t code)
{
    engine_out *object = find(engine, id);
    if (!object)
        return engine_ranges_has(&engine->out.used[id & 1], id >> 1) ? SLUICE_OK : SLUICE_EPROTOCOL;
    if (id == SLUICE_OBJECT_CONTROL)
        return SLUICE_EPROTOCOL;
    if (object->state & ENGINE_OUT_ABORT)
        return SLUICE_OK;
    give_up(engine, object, code);
    engine->calls.stopped(engine->user, id, code);
    return SLUICE_OK;
}

void engine_outgoing_credit(transport_engine *engine, uint64_t limit)
{
    if (limit <= engine->out.limit)
        return;
    engine->out.limit = limit;
    unblock(engine);
}

int engine_outgoing_credit_object(transport_engine *engine, uint64_t id, uint64_t limit)
{
    engine_out *object = find(engine, id);
    if (!object)
        return engine_ranges_has(&engine->out.used[id & 1], id >> 1) ? SLUICE_OK : SLUICE_EPROTOCOL;
    if (limit > object->limit) {
        object->limit = limit;
        engine_outgoing_place(engine, object, false);
    }
    return SLUICE_OK;
}

static int data_acked(transport_engine *engine, engine_out *object, uint64_t from, uint64_t to)
{
    engine_range gap;
    if (from < object->upto)
        from = object->upto < to ? object->upto : to;
    while (from < to && engine_ranges_gap(&object->settled, from, to, &gap)) {
        int status = engine_ranges_add(&object->settled, engine->host, gap.from, gap.to, NULL);
        if (status == SLUICE_OK && object->lost.count > 0)
            status = engine_ranges_remove(&object->lost, engine->host, gap.from, gap.to, NULL);
        if (status != SLUICE_OK)
            return status;
        engine->counts.acked_bytes += gap.to - gap.from;
        engine->calls.acked(engine->user, object->id, gap.from, gap.to);
        if (object->state & (ENGINE_OUT_DEAD | ENGINE_OUT_ABORT))
            return SLUICE_OK;
        from = gap.to;
    }
    return SLUICE_OK;
}

int engine_outgoing_record_acked(transport_engine *engine, const engine_record *record)
{
    engine_out *object = find(engine, record->id);
    int status = SLUICE_OK;
    if (!object)
        return SLUICE_OK;
    switch (record->kind) {
    case ENGINE_RECORD_DATA:
        if (!(object->state & ENGINE_OUT_ABORT))
            status = data_acked(engine, object, record->from, record->from + record->bytes);
        break;
    case ENGINE_RECORD_END:
        object->state |= ENGINE_OUT_END_ACKED;
        object->state &= ~(unsigned)ENGINE_OUT_END_DUE;
        break;
    case ENGINE_RECORD_SKIP:
        if (record->from == object->upto)
            object->state &= ~(unsigned)(ENGINE_OUT_SKIP_OPEN | ENGINE_OUT_SKIP_DUE);
        break;
    case ENGINE_RECORD_ABORT:
        bury(engine, object);
        return SLUICE_OK;
    default:
        break;
    }
    if (status == SLUICE_OK && !(object->state & ENGINE_OUT_DEAD)) {
        check_complete(engine, object);
        engine_outgoing_place(engine, object, false);
    }
    return status;
}

static int data_lost(transport_engine *engine, engine_out *object, uint64_t from, uint64_t to)
{
    engine_range gap;
    uint64_t fresh = 0;
    while (from < to && engine_ranges_gap(&object->settled, from, to, &gap)) {
        int status = engine_ranges_add(&object->lost, engine->host, gap.from, gap.to, &fresh);
        if (status != SLUICE_OK)
            return status;
        engine->out.queued_again += fresh;
        from = gap.to;
    }
    return SLUICE_OK;
}

int engine_outgoing_record_lost(transport_engine *engine, const engine_record *record)
{
    engine_out *object = find(engine, record->id);
    int status = SLUICE_OK;
    if (!object)
        return SLUICE_OK;
    if (record->kind == ENGINE_RECORD_FLOOR) {
        engine->out.floor_due = engine->out.floor_due || record->from == engine->out.floor_told;
        return SLUICE_OK;
    }
    unsigned before = object->state;
    switch (record->kind) {
    case ENGINE_RECORD_DATA:
        if (!(object->state & ENGINE_OUT_ABORT))
            status = data_lost(engine, object, record->from, record->from + record->bytes);
        break;
    case ENGINE_RECORD_END:
        if (!(object->state & (ENGINE_OUT_END_ACKED | ENGINE_OUT_ABORT)))
            object->state |= ENGINE_OUT_END_DUE;
        break;
    case ENGINE_RECORD_SKIP:
        if (record->from == object->upto && (object->state & ENGINE_OUT_SKIP_OPEN))
            object->state |= ENGINE_OUT_SKIP_DUE;
        break;
    case ENGINE_RECORD_ABORT:
        object->state |= ENGINE_OUT_ABORT_DUE;
        break;
    default:
        break;
    }
    engine->out.queued_again += object->state != before ? ENGINE_FRAME_MAX : 0;
    engine_outgoing_place(engine, object, false);
    return status;
}
