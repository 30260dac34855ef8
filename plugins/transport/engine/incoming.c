/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include <assert.h>
#include <string.h>

#define CREDIT_BYTES (512u << 10)

/* ---- objects ---- */

static void object_free(transport_engine *engine, engine_in *object)
{
    engine->in.ranges -= object->received.count;
    engine_waiting_fini(&object->waiting, engine->host);
    engine_ranges_fini(&object->received, engine->host);
    engine->host->resize(engine->host, object, 0);
}

static engine_in *object_new(transport_engine *engine, uint64_t id, unsigned flags)
{
    engine_in *object = engine->host->resize(engine->host, NULL, sizeof(*object));
    if (!object)
        return NULL;
    uint64_t window = engine->setup.ordered_bytes;
    *object = (engine_in){.id = id, .flags = flags, .window = window, .limit = window, .told = window};
    if (engine_idmap_put(&engine->in.map, engine->host, id, object) != SLUICE_OK) {
        engine->host->resize(engine->host, object, 0);
        return NULL;
    }
    return object;
}

engine_in *engine_incoming_find(transport_engine *engine, uint64_t id)
{
    engine_incoming *in = &engine->in;
    if (!in->last || in->last->id != id)
        in->last = engine_idmap_get(&in->map, id);
    return in->last;
}

static bool is_done(const transport_engine *engine, uint64_t id)
{
    return engine_ranges_has(&engine->in.done[id & 1], id >> 1);
}

static int mark_done(transport_engine *engine, uint64_t id)
{
    engine_ranges *done = &engine->in.done[id & 1];
    if (done->count >= ENGINE_DONE_RANGES)
        return SLUICE_ELIMIT;
    return engine_ranges_add(done, engine->host, id >> 1, (id >> 1) + 1, NULL);
}

/* Forgets an object, but for its id. */
static int retire(transport_engine *engine, engine_in *object)
{
    engine_incoming *in = &engine->in;
    if (object->state & ENGINE_IN_DEAD)
        return SLUICE_OK;
    object->state |= ENGINE_IN_DEAD;
    object->state &= ~(unsigned)(ENGINE_IN_STOP_DUE | ENGINE_IN_CREDIT_DUE);
    engine_idmap_remove(&in->map, object->id);
    if (in->last == object)
        in->last = NULL;
    object->dead_next = in->dead;
    in->dead = object;
    return mark_done(engine, object->id);
}

static void due_unlink(engine_incoming *in, engine_in *object)
{
    engine_in *before = NULL;
    for (engine_in *at = in->due; at && at != object; at = at->due_next)
        before = at;
    if (before)
        before->due_next = object->due_next;
    else
        in->due = object->due_next;
    if (in->due_tail == object)
        in->due_tail = before;
    object->in_due = false;
}

void engine_incoming_reap(transport_engine *engine)
{
    while (engine->in.dead) {
        engine_in *object = engine->in.dead;
        engine->in.dead = object->dead_next;
        if (object->in_due)
            due_unlink(&engine->in, object);
        object_free(engine, object);
    }
}

int engine_incoming_init(transport_engine *engine)
{
    engine_incoming *in = &engine->in;
    *in = (engine_incoming){.limit = engine->setup.receive_bytes, .told = engine->setup.receive_bytes};
    engine_in *control = object_new(engine, SLUICE_OBJECT_CONTROL, SLUICE_OBJECT_ORDERED);
    if (!control)
        return SLUICE_ENOMEM;
    control->state |= ENGINE_IN_OPENED;
    return SLUICE_OK;
}

void engine_incoming_fini(transport_engine *engine)
{
    engine_incoming *in = &engine->in;
    engine_incoming_reap(engine);
    for (size_t i = 0; i < in->map.room; i++) {
        if (in->map.slots[i].value)
            object_free(engine, in->map.slots[i].value);
    }
    engine_waiting_spare_fini(&in->spare, engine->host);
    engine_idmap_fini(&in->map, engine->host);
    engine_ranges_fini(&in->done[0], engine->host);
    engine_ranges_fini(&in->done[1], engine->host);
}

void engine_incoming_due(transport_engine *engine, engine_in *object, unsigned what)
{
    engine_incoming *in = &engine->in;
    object->state |= what;
    if (object->in_due)
        return;
    object->due_next = NULL;
    if (in->due)
        in->due_tail->due_next = object;
    else
        in->due = object;
    in->due_tail = object;
    object->in_due = true;
}

/* The object of a frame, made when it is new.  *out NULL with SLUICE_OK: it is done, the frame is a late repeat. */
static int object_of(transport_engine *engine, uint64_t id, uint64_t flags, engine_in **out)
{
    engine_in *object = engine_incoming_find(engine, id);
    unsigned kind = (unsigned)flags & SLUICE_OBJECT_ORDERED;
    *out = object;
    if (object && object->state & ENGINE_IN_OPENED)
        return kind == object->flags ? SLUICE_OK : SLUICE_EPROTOCOL;
    if (!object) {
        if (is_done(engine, id))
            return SLUICE_OK;
        if (engine->in.map.count >= ENGINE_INCOMING_MOST)
            return SLUICE_ELIMIT;
        object = object_new(engine, id, kind);
        if (!object)
            return SLUICE_ENOMEM;
    }
    object->flags = kind;
    object->state |= ENGINE_IN_OPENED;
    if (!(object->state & ENGINE_IN_STOPPED)) {
        int status = engine->calls.opened(engine->user, id, kind);
        if (status != SLUICE_OK && !(object->state & ENGINE_IN_STOPPED)) {
            object->state |= ENGINE_IN_STOPPED;
            object->code = status < 0 ? (uint64_t)-status : (uint64_t)status;
            engine_incoming_due(engine, object, ENGINE_IN_STOP_DUE);
        }
    }
    *out = object;
    return SLUICE_OK;
}

/* ---- credit ---- */

static void give_credit(transport_engine *engine, uint64_t bytes)
{
    engine_incoming *in = &engine->in;
    in->consumed += bytes;
    in->limit = engine->setup.receive_bytes + in->consumed;
    uint64_t open = in->limit - in->received, first = engine->setup.receive_bytes;
    if (in->limit - in->told >= (open > first ? open : first) / 8 + 1)
        in->credit_due = true;
}

void engine_incoming_consumed(transport_engine *engine, uint64_t bytes)
{
    give_credit(engine, bytes);
}

/* More credit is told when it is worth a frame: an eighth of the window, or so much that a fast sender with a large window is
 * told some hundred times a second; or, where less is open because the user takes
 * nothing or holds back what it has taken, when the peer knows of less than half of that. */
static void check_credit(transport_engine *engine, engine_in *object)
{
    bool all_known = (object->state & ENGINE_IN_SIZE) && object->told >= object->size;
    if (all_known || (object->state & (ENGINE_IN_STOPPED | ENGINE_IN_DEAD)))
        return;
    uint64_t open = object->limit - object->base, untold = object->limit - object->told;
    if (untold > object->window / 8 || untold > CREDIT_BYTES || untold > open / 2)
        engine_incoming_due(engine, object, ENGINE_IN_CREDIT_DUE);
}

static void set_limit(transport_engine *engine, engine_in *object)
{
    uint64_t limit = object->window + object->consumed;
    object->limit = limit < ENGINE_VARINT_MAX ? limit : ENGINE_VARINT_MAX;
    check_credit(engine, object);
}

static void give_credit_object(transport_engine *engine, engine_in *object, uint64_t bytes)
{
    object->consumed += bytes;
    set_limit(engine, object);
}

void engine_incoming_consumed_ordered(transport_engine *engine, sluice_object_id id, uint64_t bytes)
{
    engine_in *object = engine_incoming_find(engine, id);
    if (!object || !(object->flags & SLUICE_OBJECT_ORDERED))
        return; /* It is complete: no more credit is needed. */
    assert(object->consumed + bytes <= object->base);
    give_credit_object(engine, object, bytes);
}

void engine_incoming_widen(transport_engine *engine, sluice_object_id id, uint64_t bytes)
{
    engine_in *object = engine_incoming_find(engine, id);
    if (!object || !(object->flags & SLUICE_OBJECT_ORDERED))
        return;
    uint64_t room = ENGINE_VARINT_MAX - object->window;
    object->window += bytes < room ? bytes : room;
    set_limit(engine, object);
}

bool engine_incoming_knows(const transport_engine *engine, sluice_object_id id)
{
    const engine_in *object = engine_idmap_get(&engine->in.map, id);
    return object && (object->state & ENGINE_IN_OPENED);
}

int engine_incoming_stop(transport_engine *engine, sluice_object_id id, uint64_t code)
{
    const sluice_host *host = engine->host;
    if (id == SLUICE_OBJECT_CONTROL || id >= UINT64_C(1) << 62)
        return host->fail(host, SLUICE_EINVAL, "transport: object %llu cannot be stopped", (unsigned long long)id);
    engine_in *object = engine_incoming_find(engine, id);
    if ((object && object->state & ENGINE_IN_STOPPED) || (!object && is_done(engine, id)))
        return SLUICE_OK;
    if (!object) {
        object = object_new(engine, id, 0);
        if (!object)
            return host->fail(host, SLUICE_ENOMEM, "transport: out of memory for object %llu", (unsigned long long)id);
    }
    object->state |= ENGINE_IN_STOPPED;
    object->code = code & ((UINT64_C(1) << 62) - 1);
    if (!object->delivering)
        engine_waiting_fini(&object->waiting, engine->host);
    engine_incoming_due(engine, object, ENGINE_IN_STOP_DUE);
    return SLUICE_OK;
}

/* ---- delivery ---- */

/* Moves the base of an ordered object; what waited before it is dropped. */
static int base_move(transport_engine *engine, engine_in *object, uint64_t upto)
{
    uint64_t from = object->base;
    int status = SLUICE_OK;
    object->base = upto;
    if (object->received.count > 0) {
        size_t before = object->received.count;
        status = engine_ranges_remove(&object->received, engine->host, 0, upto, NULL);
        engine->in.ranges += object->received.count;
        engine->in.ranges -= before;
        /* When nothing waits any more, nothing behind the base in its segment does. */
        uint64_t end = object->received.count > 0 ? upto : upto + ENGINE_SEGMENT_BYTES;
        engine_waiting_move(&object->waiting, engine->host, &engine->in.spare, from, end);
    }
    check_credit(engine, object);
    return status;
}

/* Hands over what lies at the base, piece by piece. */
static int flush_waiting(transport_engine *engine, engine_in *object)
{
    engine_range range;
    while (!(object->state & (ENGINE_IN_STOPPED | ENGINE_IN_DEAD)) &&
           engine_ranges_find(&object->received, object->base, &range) && range.from <= object->base) {
        uint64_t offset = object->base;
        uint64_t part = ENGINE_SEGMENT_BYTES - offset % ENGINE_SEGMENT_BYTES;
        part = range.to - offset < part ? range.to - offset : part;
        const uint8_t *bytes = engine_waiting_at(&object->waiting, offset);
        engine->counts.delivered_bytes += part;
        /* The base moves first, so that the user may give credit back at once; the segment stays until afterwards. */
        object->base += part;
        object->delivering = true;
        engine->calls.deliver(engine->user, object->id, offset, bytes, (size_t)part);
        object->delivering = false;
        object->base = offset;
        if (object->state & ENGINE_IN_STOPPED)
            engine_waiting_fini(&object->waiting, engine->host);
        int status = base_move(engine, object, offset + part);
        if (status != SLUICE_OK)
            return status;
    }
    return SLUICE_OK;
}

/* Tells the user of the end, and forgets the object when nothing can come any more. */
static int check_end(transport_engine *engine, engine_in *object)
{
    if (!(object->state & ENGINE_IN_SIZE) || (object->state & ENGINE_IN_DEAD))
        return SLUICE_OK;
    bool ordered = object->flags & SLUICE_OBJECT_ORDERED;
    bool all = ordered ? object->base >= object->size : object->received.covered + object->given_up >= object->bytes;
    if (!(object->state & (ENGINE_IN_ENDED | ENGINE_IN_STOPPED)) && (all || !ordered)) {
        object->state |= ENGINE_IN_ENDED;
        engine->calls.ended(engine->user, object->id, object->size);
    }
    return all ? retire(engine, object) : SLUICE_OK;
}

/* Of a stopped object only the extent is kept, so that its end is recognised. */
static int ordered_dropped(transport_engine *engine, engine_in *object, uint64_t offset, uint64_t end)
{
    engine_range range;
    size_t before = object->received.count;
    if (engine->in.ranges >= ENGINE_INCOMING_RANGES)
        return SLUICE_ELIMIT;
    offset = offset > object->base ? offset : object->base;
    int status = engine_ranges_add(&object->received, engine->host, offset, end, NULL);
    engine->in.ranges += object->received.count;
    engine->in.ranges -= before;
    if (status == SLUICE_OK && engine_ranges_find(&object->received, object->base, &range) &&
        range.from <= object->base)
        status = base_move(engine, object, range.to);
    return status;
}

static int ordered_data(transport_engine *engine, engine_in *object, uint64_t offset, const uint8_t *bytes,
                        size_t count)
{
    uint64_t end = offset + count;
    if (end > object->limit)
        return SLUICE_EPROTOCOL;
    if (object->state & ENGINE_IN_STOPPED)
        return ordered_dropped(engine, object, offset, end);
    if (end <= object->base || count == 0) {
        engine->counts.redundant_bytes += count;
        return SLUICE_OK;
    }
    if (offset < object->base) {
        engine->counts.redundant_bytes += object->base - offset;
        bytes += object->base - offset;
        count -= (size_t)(object->base - offset);
        offset = object->base;
    }
    if (offset > object->base) {
        uint64_t fresh = 0;
        size_t before = object->received.count;
        if (engine->in.ranges >= ENGINE_INCOMING_RANGES)
            return SLUICE_ELIMIT;
        int status =
            engine_waiting_store(&object->waiting, engine->host, &engine->in.spare, object->base, offset, bytes, count);
        if (status == SLUICE_OK)
            status = engine_ranges_add(&object->received, engine->host, offset, end, &fresh);
        engine->in.ranges += object->received.count;
        engine->in.ranges -= before;
        engine->counts.redundant_bytes += status == SLUICE_OK ? count - fresh : 0;
        return status;
    }
    uint64_t fresh = count;
    engine_range waiting;
    for (uint64_t at = offset; engine_ranges_find(&object->received, at, &waiting) && waiting.from < end;
         at = waiting.to)
        fresh -= (waiting.to < end ? waiting.to : end) - waiting.from;
    engine->counts.delivered_bytes += count;
    engine->counts.redundant_bytes += count - fresh;
    object->base = end;
    engine->calls.deliver(engine->user, object->id, offset, bytes, count);
    object->base = offset;
    int status = base_move(engine, object, end);
    return status == SLUICE_OK ? flush_waiting(engine, object) : status;
}

static int unordered_data(transport_engine *engine, engine_in *object, uint64_t offset, const uint8_t *bytes,
                          size_t count)
{
    engine_incoming *in = &engine->in;
    uint64_t end = offset + count;
    if (offset < object->upto) {
        uint64_t late = (end < object->upto ? end : object->upto) - offset;
        engine->counts.redundant_bytes += late;
        offset += late;
        bytes += late;
    }
    engine_range gap;
    for (uint64_t at = offset; at < end && engine_ranges_gap(&object->received, at, end, &gap); at = gap.to) {
        engine->counts.redundant_bytes += gap.from - at;
        uint64_t fresh = gap.to - gap.from;
        if (fresh > in->limit - in->received)
            return SLUICE_EPROTOCOL;
        if (in->ranges >= ENGINE_INCOMING_RANGES)
            return SLUICE_ELIMIT;
        size_t before = object->received.count;
        int status = engine_ranges_add(&object->received, engine->host, gap.from, gap.to, NULL);
        in->ranges += object->received.count;
        in->ranges -= before;
        if (status != SLUICE_OK)
            return status;
        in->received += fresh;
        if (object->state & ENGINE_IN_STOPPED) {
            give_credit(engine, fresh);
        } else {
            engine->counts.delivered_bytes += fresh;
            engine->calls.deliver(engine->user, object->id, gap.from, bytes + (gap.from - offset), (size_t)fresh);
        }
        if (object->state & ENGINE_IN_DEAD)
            return SLUICE_OK;
        if (gap.to == end)
            return SLUICE_OK;
    }
    engine_range held;
    if (offset < end && engine_ranges_find(&object->received, end - 1, &held))
        engine->counts.redundant_bytes += end - (held.from > offset ? held.from : offset);
    return SLUICE_OK;
}

int engine_incoming_data(transport_engine *engine, const engine_frame *frame)
{
    uint64_t offset = frame->field[2];
    uint64_t end = offset + frame->rest_bytes;
    engine_in *object;
    if (end > ENGINE_VARINT_MAX)
        return SLUICE_EPROTOCOL;
    int status = object_of(engine, frame->field[0], frame->field[1], &object);
    if (status != SLUICE_OK)
        return status;
    if (!object) {
        engine->counts.redundant_bytes += frame->rest_bytes;
        return SLUICE_OK;
    }
    if ((object->state & ENGINE_IN_SIZE) && end > object->size)
        return SLUICE_EPROTOCOL;
    if (end > object->highest)
        object->highest = end;
    if (object->flags & SLUICE_OBJECT_ORDERED)
        status = ordered_data(engine, object, offset, frame->rest, frame->rest_bytes);
    else
        status = unordered_data(engine, object, offset, frame->rest, frame->rest_bytes);
    return status == SLUICE_OK ? check_end(engine, object) : status;
}

int engine_incoming_end(transport_engine *engine, const engine_frame *frame)
{
    uint64_t size = frame->field[2], bytes = frame->field[3];
    engine_in *object;
    int status = object_of(engine, frame->field[0], frame->field[1], &object);
    if (status != SLUICE_OK || !object)
        return status;
    bool ordered = object->flags & SLUICE_OBJECT_ORDERED;
    bool changed = (object->state & ENGINE_IN_SIZE) && (object->size != size || object->bytes != bytes);
    if (changed || object->id == SLUICE_OBJECT_CONTROL || object->highest > size || bytes > size ||
        (ordered && bytes != size) || (!ordered && object->received.covered > bytes))
        return SLUICE_EPROTOCOL;
    object->size = size;
    object->bytes = bytes;
    object->state |= ENGINE_IN_SIZE;
    return check_end(engine, object);
}

/* Bytes that were sent, counted against our credit, and will never come. */
static int write_off(transport_engine *engine, uint64_t bytes)
{
    engine_incoming *in = &engine->in;
    if (bytes > in->limit - in->received)
        return SLUICE_EPROTOCOL;
    in->received += bytes;
    give_credit(engine, bytes);
    return SLUICE_OK;
}

int engine_incoming_abort(transport_engine *engine, const engine_frame *frame)
{
    uint64_t id = frame->field[0], code = frame->field[2], sent = frame->field[3];
    if (id == SLUICE_OBJECT_CONTROL)
        return SLUICE_EPROTOCOL;
    engine_in *object = engine_incoming_find(engine, id);
    int status = SLUICE_OK;
    if (!object) {
        if (is_done(engine, id))
            return SLUICE_OK;
        if (!(frame->field[1] & SLUICE_OBJECT_ORDERED))
            status = write_off(engine, sent);
        if (status == SLUICE_OK)
            status = mark_done(engine, id);
        if (status == SLUICE_OK)
            engine->calls.aborted(engine->user, id, code);
        return status;
    }
    if (!(frame->field[1] & SLUICE_OBJECT_ORDERED)) {
        uint64_t known = object->received.covered + object->written_off;
        if (sent < known)
            return SLUICE_EPROTOCOL;
        status = write_off(engine, sent - known);
    }
    bool wanted = !(object->state & ENGINE_IN_STOPPED);
    if (status == SLUICE_OK)
        status = retire(engine, object);
    if (status == SLUICE_OK && wanted)
        engine->calls.aborted(engine->user, id, code);
    return status;
}

/* The byte at the base is missing, so all before upto is passed over: it goes on where the peer said, and not in the middle
 * of what was given up.  upto may lie beyond the window: a gap takes no memory. */
static int ordered_skip(transport_engine *engine, engine_in *object, uint64_t upto)
{
    uint64_t from = object->base;
    if (from >= upto || (object->state & (ENGINE_IN_STOPPED | ENGINE_IN_DEAD)))
        return SLUICE_OK;
    give_credit_object(engine, object, upto - from);
    int status = base_move(engine, object, upto);
    if (status != SLUICE_OK)
        return status;
    engine->calls.skipped(engine->user, object->id, from, upto);
    return flush_waiting(engine, object);
}

static int unordered_skip(transport_engine *engine, engine_in *object, uint64_t upto, uint64_t sent, uint64_t offered)
{
    engine_range gap;
    uint64_t have = engine_ranges_below(&object->received, upto);
    if (offered < sent || sent < have + object->written_off || offered < have + object->given_up)
        return SLUICE_EPROTOCOL;
    int status = write_off(engine, sent - have - object->written_off);
    if (status != SLUICE_OK)
        return status;
    object->written_off = sent - have;
    object->given_up = offered - have;
    uint64_t at = object->upto;
    object->upto = upto;
    while (at < upto && !(object->state & (ENGINE_IN_STOPPED | ENGINE_IN_DEAD)) &&
           engine_ranges_gap(&object->received, at, upto, &gap)) {
        engine->calls.skipped(engine->user, object->id, gap.from, gap.to);
        at = gap.to;
    }
    return SLUICE_OK;
}

int engine_incoming_skip(transport_engine *engine, const engine_frame *frame)
{
    uint64_t upto = frame->field[2];
    engine_in *object;
    if (frame->field[0] == SLUICE_OBJECT_CONTROL)
        return SLUICE_EPROTOCOL;
    int status = object_of(engine, frame->field[0], frame->field[1], &object);
    if (status != SLUICE_OK || !object || upto <= object->upto)
        return status;
    if (object->flags & SLUICE_OBJECT_ORDERED) {
        if ((object->state & ENGINE_IN_SIZE) && upto > object->size)
            return SLUICE_EPROTOCOL;
        object->highest = upto > object->highest ? upto : object->highest;
        status = ordered_skip(engine, object, upto);
        object->upto = upto;
    } else {
        status = unordered_skip(engine, object, upto, frame->field[3], frame->field[4]);
    }
    return status == SLUICE_OK ? check_end(engine, object) : status;
}

/* What this costs a peer that lies is its own objects. */
int engine_incoming_floor(transport_engine *engine, uint64_t id)
{
    engine_ranges *done = engine->in.done;
    if (id < 2)
        return SLUICE_OK;
    int status = engine_ranges_add(&done[0], engine->host, 0, (id + 1) / 2, NULL);
    return status == SLUICE_OK ? engine_ranges_add(&done[1], engine->host, 0, id / 2, NULL) : status;
}

void engine_incoming_record_lost(transport_engine *engine, const engine_record *record)
{
    if (record->kind == ENGINE_RECORD_CREDIT) {
        if (record->from == engine->in.told)
            engine->in.credit_due = true;
        return;
    }
    engine_in *object = engine_incoming_find(engine, record->id);
    if (!object)
        return;
    if (record->kind == ENGINE_RECORD_STOP)
        engine_incoming_due(engine, object, ENGINE_IN_STOP_DUE);
    else if (record->kind == ENGINE_RECORD_CREDIT_OBJECT && record->from == object->told)
        engine_incoming_due(engine, object, ENGINE_IN_CREDIT_DUE);
}
