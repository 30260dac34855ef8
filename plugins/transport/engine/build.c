/* SPDX-License-Identifier: Apache-2.0 */
/* build.c - packets that go out: what leaves now, and which frames share a packet. */
#include "engine.h"

#include "wire.h"

#include <assert.h>
#include <string.h>

#define RUN_MOST 64  /* packets filled by one fetch */
#define PAD_MOST 64u /* a packet so little short of full is padded, so that the batch can go on */
#define REPORT_ROOM 1024u
#define PING_BYTES 2u
#define PROBE_TIME (10 * SLUICE_MS)
#define PATH_FRAMES 20u   /* a challenge and an answer */
#define PATH_RESERVE 512u /* of what may be sent to an address not validated, for challenges and reports */

typedef struct builder {
    transport_engine *engine;
    sluice_packet *packets;
    size_t count, made;
    uint64_t allowed; /* full-size packets that pacing, window and path still allow */
    uint64_t sent_bytes;
    uint32_t full; /* bytes of a full packet before sealing */
    bool open;
    bool reported;     /* the open packet has a report */
    bool telling;      /* it has something of objects of ours */
    engine_sent sent;  /* what the open packet carries */
    uint8_t *at, *end; /* its free room */
    uint32_t path;
    uint32_t flags; /* of sluice_packet */
    int status;
} builder;

/* ---- one packet ---- */

static bool begin(builder *b)
{
    transport_engine *engine = b->engine;
    int status = SLUICE_OK;
    if (!engine_flight_roomy(&engine->flight)) {
        sluice_duration remember = 4 * engine_rtt_pto(&engine->rtt);
        sluice_time forget = engine->now > remember ? engine->now - remember : 0;
        status = engine_flight_room(&engine->flight, engine->host, forget);
    }
    if (status == SLUICE_ENOMEM)
        b->status = status;
    engine->ring_full = status == SLUICE_EAGAIN;
    if (status != SLUICE_OK)
        return false;
    sluice_packet *packet = &b->packets[b->made];
    assert(packet->capacity >= b->full + engine->setup.seal_bytes);
    b->sent = (engine_sent){.record = {.kind = ENGINE_RECORD_NONE}};
    b->at = packet->data + ENGINE_HEADER_BYTES;
    b->end = packet->data + b->full;
    b->path = 0;
    b->flags = 0;
    b->open = true;
    b->reported = b->telling = false;
    return true;
}

static bool is_empty(const builder *b)
{
    return b->at == b->packets[b->made].data + ENGINE_HEADER_BYTES;
}

static void abandon(builder *b)
{
    engine_flight_drop_records(&b->engine->flight, &b->sent);
    b->open = false;
}

static void record(builder *b, const engine_record *record)
{
    int status = engine_flight_record(&b->engine->flight, b->engine->host, &b->sent, record);
    if (status != SLUICE_OK)
        b->status = status;
}

/* The next key phase begins when this one is used up and the peer has shown that it knows it. */
static void phase_advance(transport_engine *engine)
{
    engine_phases *phases = &engine->phases;
    uint64_t most = engine->setup.packets_per_phase;
    if (most == 0 || phases->packets < most || !phases->acked || engine_on_bytes(engine))
        return;
    phases->sent++;
    phases->packets = 0;
    phases->acked = false;
    engine_event(engine, SLUICE_TRANSPORT_PHASE, phases->sent);
}

/* sign: 1, or all ones to take the packet back (sums are unsigned and wrap). */
void engine_build_count(transport_engine *engine, const engine_sent *sent, uint64_t sign)
{
    sluice_transport_statistics *counts = &engine->counts;
    counts->packets_sent += sign;
    counts->wire_bytes_sent += sign * sent->wire_bytes;
    if (!(sent->flags & ENGINE_SENT_DATA))
        return;
    counts->data_packets_sent += sign;
    /* A block that is sent again seldom fills a packet alike: its rest travels with new data, and that packet is not counted. */
    uint64_t again = 0, first = 0;
    bool data = false;
    const engine_record *record = &sent->record;
    for (; record; record = engine_flight_next_record(&engine->flight, record)) {
        if (record->kind != ENGINE_RECORD_DATA)
            continue;
        counts->data_bytes_sent += sign * record->bytes;
        *(record->resent ? &again : &first) += record->bytes;
        data = data || record->id != SLUICE_OBJECT_CONTROL;
    }
    counts->resent_bytes += sign * again;
    counts->resent_packets += again > first ? sign : 0;
    engine->recovery.repeat_open = engine->recovery.repeat_open || again > 0;
    if (data && counts->first_data_sent == 0)
        counts->first_data_sent = engine->now;
}

/* The client pads what it sends before it has heard anything. */
static bool is_greeting(const transport_engine *engine)
{
    return !engine->life.ready && engine->setup.role == SLUICE_CLIENT;
}

/* Writes the header and notes the packet as sent. */
static void finish(builder *b)
{
    transport_engine *engine = b->engine;
    sluice_packet *packet = &b->packets[b->made];
    size_t spare = (size_t)(b->end - b->at);
    bool padded = (b->sent.flags & ENGINE_SENT_PROBE) || is_greeting(engine) ||
                  (spare < PAD_MOST && (b->sent.flags & ENGINE_SENT_ELICITING));
    if (padded && !engine_on_bytes(engine)) {
        memset(b->at, 0, spare);
        b->at = b->end;
    }
    phase_advance(engine);
    packet->size = (uint32_t)(b->at - packet->data);
    packet->header_bytes = ENGINE_HEADER_BYTES;
    packet->number = engine->flight.next;
    packet->phase = engine->phases.sent;
    packet->flags = b->flags | (b->sent.flags & ENGINE_SENT_DATA ? SLUICE_PACKET_DATA : 0);
    packet->status = SLUICE_OK;
    packet->path = b->path;
    packet->ecn = SLUICE_ECN_NONE;
    engine_header_put(packet->data, packet->phase & 1, engine->setup.remote_id, packet->number);

    b->sent.wire_bytes = (uint32_t)engine_wire_bytes(engine, packet->size);
    bool eliciting = b->sent.flags & ENGINE_SENT_ELICITING;
    engine_recovery_stamp(engine, &b->sent);
    if (engine->recovery.repeating) {
        b->sent.flags |= engine->recovery.repeating;
        engine->recovery.repeat_bytes += b->sent.wire_bytes;
    }
    engine_build_count(engine, &b->sent, 1);
    engine_flight_push(&engine->flight, &b->sent);
    engine->phases.packets++;
    if (eliciting)
        engine_pacer_spend(&engine->pacer, engine->now, b->sent.wire_bytes);
    else
        engine_pacer_report(&engine->pacer, engine->now, b->sent.wire_bytes, engine_outgoing_first(engine) != NULL);
    engine_path_sent(&engine->path, b->path, b->sent.wire_bytes);
    engine_life_sent(engine, eliciting);
    if (eliciting) {
        b->allowed -= b->allowed > 0;
        engine->recovery.probes_due -= engine->recovery.probes_due > 0;
        engine->idle_since = SLUICE_NEVER;
    }
    b->sent_bytes += b->sent.wire_bytes;
    b->made++;
    b->open = false;
}

/* ---- frames that are not data ---- */

static size_t room(const builder *b)
{
    return (size_t)(b->end - b->at);
}

static void fields(builder *b, uint64_t type, const uint64_t *values, size_t count, const engine_record *what)
{
    b->at = engine_fields_put(b->at, type, values, count);
    b->sent.flags |= ENGINE_SENT_ELICITING;
    if (type == ENGINE_FRAME_END || type == ENGINE_FRAME_PING)
        b->sent.flags |= ENGINE_SENT_URGENT;
    if (what)
        record(b, what);
}

static void put_report(builder *b)
{
    transport_engine *engine = b->engine;
    engine_range told[2];
    if (room(b) < ENGINE_REPORT_LEAST_ROOM + 3)
        return;
    size_t most = room(b) - 3 < REPORT_ROOM ? room(b) - 3 : REPORT_ROOM;
    sluice_duration smoothed = engine_rtt_smoothed(&engine->rtt);
    uint8_t *body = b->at + 3;
    uint8_t *end = engine_receipt_write(&engine->receipt, body, most, engine->now,
                                        smoothed + smoothed / 4 + 50 * SLUICE_MS, engine->in.limit, told);
    size_t size = (size_t)(end - body);
    b->at[0] = ENGINE_FRAME_REPORT;
    b->at[1] = (uint8_t)(0x40 | size >> 8);
    b->at[2] = (uint8_t)size;
    b->at = end;
    for (int i = 0; i < 2; i++) {
        engine_record what = {
            .kind = ENGINE_RECORD_REPORT, .from = told[i].from, .bytes = (uint32_t)(told[i].to - told[i].from)};
        if (what.bytes > 0)
            record(b, &what);
    }
    engine->counts.reports_sent++;
    b->reported = true;
}

static bool report_due(const transport_engine *engine)
{
    return engine->receipt.any && engine->now >= engine->receipt.due;
}

/* Data that goes out takes a report along four times per round trip, so that the peer learns which reports came. */
static bool report_along(const transport_engine *engine)
{
    const engine_receipt *receipt = &engine->receipt;
    sluice_duration every = engine_on_bytes(engine) ? ENGINE_BYTES_REPORT_DELAY : engine_rtt_smoothed(&engine->rtt) / 4;
    return receipt->any && receipt->since > 0 &&
           (receipt->due != SLUICE_NEVER ? receipt->eliciting_since >= 16 : true) &&
           engine->now >= receipt->last + every;
}

static void put_path(builder *b)
{
    engine_path *path = &b->engine->path;
    if (path->response_due && path->response_path == b->path && room(b) >= ENGINE_FRAME_MAX) {
        b->at = engine_frame_put(b->at, ENGINE_FRAME_RESPONSE, NULL, 0, path->response, ENGINE_CHALLENGE_BYTES);
        b->sent.flags |= ENGINE_SENT_ELICITING;
        path->response_due = false;
    }
    const uint8_t *challenge = engine_path_wants(path, b->path, b->engine->now);
    if (challenge && room(b) >= ENGINE_FRAME_MAX) {
        b->at = engine_frame_put(b->at, ENGINE_FRAME_CHALLENGE, NULL, 0, challenge, ENGINE_CHALLENGE_BYTES);
        b->sent.flags |= ENGINE_SENT_ELICITING;
        engine_path_challenged(path, b->path, b->engine->now, engine_rtt_pto(&b->engine->rtt));
    }
    if (b->path != 0)
        b->sent.flags = ENGINE_SENT_ELSEWHERE;
}

static void put_object_credit(builder *b, engine_in *object)
{
    if (object->state & ENGINE_IN_STOP_DUE) {
        engine_record what = {.kind = ENGINE_RECORD_STOP, .id = object->id};
        fields(b, ENGINE_FRAME_STOP, (uint64_t[]){object->id, object->code}, 2, &what);
    } else if ((object->state & ENGINE_IN_CREDIT_DUE) && !(object->state & ENGINE_IN_STOPPED)) {
        engine_record what = {.kind = ENGINE_RECORD_CREDIT_OBJECT, .id = object->id, .from = object->limit};
        fields(b, ENGINE_FRAME_CREDIT_OBJECT, (uint64_t[]){object->id, object->limit}, 2, &what);
        object->told = object->limit;
    }
    object->state &= ~(unsigned)(ENGINE_IN_STOP_DUE | ENGINE_IN_CREDIT_DUE);
}

static void put_credit(builder *b)
{
    engine_incoming *in = &b->engine->in;
    engine_outgoing *out = &b->engine->out;
    if (in->credit_due && room(b) >= ENGINE_FRAME_MAX) {
        engine_record what = {.kind = ENGINE_RECORD_CREDIT, .from = in->limit};
        fields(b, ENGINE_FRAME_CREDIT, &in->limit, 1, &what);
        in->told = in->limit;
        in->credit_due = false;
    }
    if (out->floor_due && room(b) >= ENGINE_FRAME_MAX) {
        engine_record what = {.kind = ENGINE_RECORD_FLOOR, .from = out->floor};
        fields(b, ENGINE_FRAME_FLOOR, &out->floor, 1, &what);
        out->floor_told = out->floor;
        out->floor_due = false;
    }
    while (in->due && room(b) >= ENGINE_FRAME_MAX) {
        engine_in *object = in->due;
        in->due = object->due_next;
        if (!in->due)
            in->due_tail = NULL;
        object->in_due = false;
        put_object_credit(b, object);
    }
}

static void put_ping(builder *b)
{
    engine_life *life = &b->engine->life;
    if (!life->ping_due || room(b) < ENGINE_FRAME_MAX)
        return;
    fields(b, ENGINE_FRAME_PING, NULL, 0, NULL);
    life->ping_due = false;
}

/* ---- objects ---- */

static void start(transport_engine *engine, engine_out *object)
{
    if (object->state & ENGINE_OUT_STARTED)
        return;
    object->state |= ENGINE_OUT_STARTED;
    engine->out.started++;
}

/* ABORT and SKIP of an object.  True when something was written. */
static bool put_object_control(builder *b, engine_out *object)
{
    uint64_t flags = ENGINE_OBJECT_FLAGS(object->flags & SLUICE_OBJECT_ORDERED, object->priority);
    if (room(b) < ENGINE_FRAME_MAX)
        return false;
    if (object->state & ENGINE_OUT_ABORT_DUE) {
        engine_record what = {.kind = ENGINE_RECORD_ABORT, .id = object->id};
        uint64_t sent = engine_outgoing_sent_below(object, UINT64_MAX);
        fields(b, ENGINE_FRAME_ABORT, (uint64_t[]){object->id, flags, object->code, sent}, 4, &what);
        object->state &= ~(unsigned)ENGINE_OUT_ABORT_DUE;
        return true;
    }
    if (object->state & ENGINE_OUT_SKIP_DUE) {
        engine_record what = {.kind = ENGINE_RECORD_SKIP, .id = object->id, .from = object->upto};
        uint64_t sent = engine_outgoing_sent_below(object, object->upto);
        uint64_t offered = engine_ranges_below(&object->offered, object->upto);
        fields(b, ENGINE_FRAME_SKIP, (uint64_t[]){object->id, flags, object->upto, sent, offered}, 5, &what);
        object->state &= ~(unsigned)ENGINE_OUT_SKIP_DUE;
        start(b->engine, object);
        return true;
    }
    return false;
}

static bool put_end(builder *b, engine_out *object)
{
    if (!engine_outgoing_end_due(object) || room(b) < ENGINE_FRAME_MAX)
        return false;
    if (!(object->state & ENGINE_OUT_STARTED) && b->engine->out.started >= ENGINE_STARTED_MOST)
        return false;
    engine_record what = {.kind = ENGINE_RECORD_END, .id = object->id};
    uint64_t flags = ENGINE_OBJECT_FLAGS(object->flags & SLUICE_OBJECT_ORDERED, object->priority);
    fields(b, ENGINE_FRAME_END, (uint64_t[]){object->id, flags, object->size, object->offered.covered}, 4, &what);
    object->state &= ~(unsigned)ENGINE_OUT_END_DUE;
    start(b->engine, object);
    return true;
}

/* A part of a run of bytes that goes into one packet. */
typedef struct piece {
    uint64_t from;
    size_t bytes;
    uint8_t *frame, *end; /* where its frame begins, and where the packet's room ends */
    size_t overhead;
} piece;

/* Cuts a run into the open packet and those after it.  Returns the number of pieces. */
static int plan(const builder *b, const engine_out *object, engine_range range, piece *pieces, struct iovec *buffers)
{
    uint64_t packets = b->allowed < b->count - b->made ? b->allowed : b->count - b->made;
    uint64_t turn = engine_outgoing_turn(b->engine, object), first = range.from;
    int count = 0;
    while (count < RUN_MOST && (uint64_t)count < packets && range.from < range.to && range.from - first < turn) {
        piece *p = &pieces[count];
        const sluice_packet *packet = &b->packets[b->made + (size_t)count];
        p->frame = count == 0 ? b->at : packet->data + ENGINE_HEADER_BYTES;
        p->end = packet->data + b->full;
        size_t space = (size_t)(p->end - p->frame);
        uint64_t left = range.to - range.from;
        p->overhead = engine_data_overhead(object->id, range.from, 0, true);
        if (space <= p->overhead)
            break;
        p->bytes = space - p->overhead;
        if (left < p->bytes) {
            /* The packet is not filled: the frame says its length, and others may follow. */
            p->overhead = engine_data_overhead(object->id, range.from, (size_t)left, false);
            if (space <= p->overhead)
                break;
            p->bytes = left + p->overhead <= space ? (size_t)left : space - p->overhead;
        }
        p->from = range.from;
        buffers[count] = (struct iovec){p->frame + p->overhead, p->bytes};
        range.from += p->bytes;
        count++;
    }
    return count;
}

/* Puts the frame's head before the bytes that were fetched; moves them when fewer came than planned. */
static size_t put_piece(builder *b, const engine_out *object, const piece *p, size_t bytes, bool resent)
{
    size_t space = (size_t)(p->end - p->frame);
    bool last = engine_data_overhead(object->id, p->from, bytes, true) + bytes == space;
    size_t overhead = engine_data_overhead(object->id, p->from, bytes, last);
    if (overhead + bytes > space) {
        bytes = space - overhead;
        overhead = engine_data_overhead(object->id, p->from, bytes, false);
    }
    if (overhead != p->overhead)
        memmove(p->frame + overhead, p->frame + p->overhead, bytes);
    uint64_t flags = ENGINE_OBJECT_FLAGS(object->flags & SLUICE_OBJECT_ORDERED, object->priority);
    engine_data_put(p->frame, object->id, flags, p->from, bytes, last);
    b->at = p->frame + overhead + bytes;
    b->sent.flags |= ENGINE_SENT_ELICITING | ENGINE_SENT_DATA;
    engine_record what = {
        .kind = ENGINE_RECORD_DATA, .id = object->id, .from = p->from, .bytes = (uint32_t)bytes, .resent = resent};
    record(b, &what);
    return bytes;
}

/* Sends the next run of an object's bytes, over several packets if it is long.  True when something was written. */
static bool put_data(builder *b, engine_out *object)
{
    transport_engine *engine = b->engine;
    engine_range range;
    bool lost;
    piece pieces[RUN_MOST];
    struct iovec buffers[RUN_MOST];
    if (!engine_outgoing_next(engine, object, &range, &lost))
        return false;
    int count = plan(b, object, range, pieces, buffers);
    if (count == 0)
        return false;
    size_t got = engine->calls.fetch(engine->user, object->id, range.from, buffers, count);
    if (object->state & (ENGINE_OUT_DEAD | ENGINE_OUT_ABORT))
        return false;
    if (got == 0) {
        object->state |= lost ? ENGINE_OUT_WAIT_LOST : ENGINE_OUT_WAIT_FRESH;
        return engine_outgoing_next(engine, object, &range, &lost) ? put_data(b, object) : false;
    }
    uint64_t to = range.from;
    for (int i = 0; i < count && got > 0 && b->status == SLUICE_OK; i++) {
        const piece *p = &pieces[i];
        if (!b->open && !begin(b))
            break;
        size_t bytes = put_piece(b, object, p, got < p->bytes ? got : p->bytes, lost);
        to = p->from + bytes;
        if (bytes < p->bytes)
            break;
        got -= bytes;
        if (b->at == b->end || i + 1 < count)
            finish(b);
    }
    int status = engine_outgoing_took(engine, object, range.from, to, lost);
    if (status != SLUICE_OK)
        b->status = status;
    return true;
}

/* Gives objects their turns until the packet is full.  Several small ones share it. */
static void put_objects(builder *b)
{
    transport_engine *engine = b->engine;
    while (b->open && b->status == SLUICE_OK) {
        engine_out *object = engine_outgoing_first(engine);
        if (!object)
            break;
        bool wrote = put_object_control(b, object);
        wrote = put_data(b, object) || wrote;
        if (b->open && b->status == SLUICE_OK)
            wrote = put_end(b, object) || wrote;
        b->telling = b->telling || wrote;
        engine_outgoing_place(engine, object, true);
        if (!wrote && object->list && object->list != &engine->out.blocked)
            break; /* It has something, but it does not fit. */
    }
}

/* Nothing is left to send, so nothing that comes later may show soon that this packet was lost: the peer is asked for a
 * report at once, eight times in a round trip at most.  In its spare room the packet takes along what the peer waits to
 * be told, or may not have heard yet. */
static void put_end_of_flight(builder *b)
{
    transport_engine *engine = b->engine;
    if (!b->telling || engine_outgoing_first(engine) || engine_on_bytes(engine))
        return;
    b->sent.flags |= ENGINE_SENT_ENDS;
    if (engine_receipt_untold(&engine->receipt) && !b->reported)
        put_report(b);
    if (!(b->sent.flags & ENGINE_SENT_URGENT) && engine_recovery_may_ask(engine) && room(b) >= PING_BYTES)
        fields(b, ENGINE_FRAME_PING, NULL, 0, NULL);
}

/* ---- batches ---- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What data may use of the room on the session's path. */
static uint64_t path_room(const transport_engine *engine)
{
    uint64_t all = engine_path_room(&engine->path, 0);
    uint64_t reserve = engine->path.validated ? 0 : PATH_RESERVE;
    return all > reserve ? all - reserve : 0;
}

/* Bytes before sealing of a packet that holds all that waits, when one does; 0: it takes more, or nothing waits.  So
 * little need not wait until the pacer has room for a full packet, or for a probe of the path: a small message leaves
 * when there is room for itself. */
static uint32_t little(const transport_engine *engine)
{
    uint64_t most = engine_packet_bytes(engine) - ENGINE_HEADER_BYTES, sum = engine_outgoing_little(engine, most);
    if (is_greeting(engine))
        return 0;
    for (const engine_in *object = engine->in.due; object && sum <= most; object = object->due_next)
        sum += ENGINE_FRAME_MAX;
    if (engine->in.credit_due || engine->life.ping_due || engine->recovery.probes_due > 0)
        sum += sum <= most ? ENGINE_FRAME_MAX : 0;
    return sum > 0 && sum <= most ? ENGINE_HEADER_BYTES + (uint32_t)sum : 0;
}

sluice_time engine_build_paced(const transport_engine *engine)
{
    sluice_time full = engine_pacer_when(&engine->pacer, 0);
    uint32_t bytes = full > engine->now ? little(engine) : 0;
    return bytes > 0 ? engine_pacer_when(&engine->pacer, engine_wire_bytes(engine, bytes)) : full;
}

/* Full-size packets that may leave now. */
static uint64_t allowance(const transport_engine *engine, uint32_t wire)
{
    if (engine_build_paced(engine) > engine->now || engine->ring_full)
        return 0;
    uint64_t paced = engine_pacer_room(&engine->pacer, engine->now) / wire;
    paced = paced > 0 ? paced : 1;
    uint64_t window = engine_window(engine) / wire;
    if (window < engine->recovery.probes_due)
        window = engine->recovery.probes_due;
    /* The last of the probes is the small one: a run of data must not use them all up. */
    if (engine->recovery.ping_due && engine->recovery.probes_due > 1 && window >= engine->recovery.probes_due)
        window = engine->recovery.probes_due - 1;
    return smaller(smaller(paced, window), path_room(engine) / wire);
}

/* A probe takes at most PROBE_TIME of the line, or a burst: so no window of that time carries more than it would without.
 * At low rates the largest sizes are not worth more. */
uint64_t engine_probe_most(const transport_engine *engine)
{
    uint64_t most = engine->pacer.rate ? engine->pacer.rate / 8 / (SLUICE_SECOND / PROBE_TIME) : UINT64_MAX;
    most = most < engine->pacer.burst ? engine->pacer.burst : most;
    uint64_t path = engine_path_room(&engine->path, 0);
    most = most < path ? most : path;
    return most > engine->setup.ip_bytes ? most - engine->setup.ip_bytes : 0;
}

/* A path's challenge or answer in a packet of its own; nothing else. */
static bool build_path(builder *b, uint32_t number)
{
    transport_engine *engine = b->engine;
    engine_path *path = &engine->path;
    uint32_t wire = engine_wire_bytes(engine, ENGINE_HEADER_BYTES + PATH_FRAMES);
    if (engine_path_room(path, number) < wire || !begin(b)) {
        /* Not now: the answer is dropped, the challenge tried again later. */
        if (path->response_path == number)
            path->response_due = false;
        if (engine_path_wants(path, number, engine->now))
            engine_path_challenged(path, number, engine->now, engine_rtt_pto(&engine->rtt));
        return false;
    }
    b->path = number;
    put_path(b);
    if (is_empty(b)) {
        abandon(b);
        return false;
    }
    finish(b);
    return true;
}

/* Answers, and challenges of other paths than the session's, wait for neither window nor pacer. */
static bool build_paths(builder *b)
{
    const engine_path *path = &b->engine->path;
    if (path->response_due && build_path(b, path->response_path))
        return true;
    uint32_t other = engine_path_other(path, b->engine->now);
    return other != 0 && build_path(b, other);
}

uint32_t engine_build_probe_bytes(const transport_engine *engine)
{
    uint64_t most = engine_probe_most(engine);
    if (engine_on_bytes(engine) || !engine->life.ready || engine->recovery.probes_due > 0 ||
        engine_window(engine) < engine_wire_bytes(engine, engine_packet_bytes(engine)))
        return 0;
    return engine_pmtud_probe(&engine->pmtud, engine->now, most);
}

/* When a probe of the path's size may leave.  While nothing else is to be sent it waits until the pacer has all of its
 * room, so that some is left for a message that may come right after it. */
static sluice_time probe_paced(const transport_engine *engine, uint32_t bytes)
{
    const engine_pacer *pacer = &engine->pacer;
    bool idle = !engine_outgoing_first(engine);
    uint32_t wire = engine_wire_bytes(engine, bytes - engine->setup.seal_bytes);
    return engine_pacer_when(pacer, idle && wire < pacer->burst ? pacer->burst : wire);
}

/* A probe of the path's size, padded, on its own. */
static bool build_probe(builder *b)
{
    transport_engine *engine = b->engine;
    uint32_t bytes = engine_build_probe_bytes(engine);
    uint32_t body = bytes - engine->setup.seal_bytes;
    if (bytes == 0 || b->packets[0].capacity < bytes || probe_paced(engine, bytes) > engine->now || !begin(b))
        return false;
    b->end = b->packets[b->made].data + body;
    fields(b, ENGINE_FRAME_PING, NULL, 0, NULL);
    engine_record what = {.kind = ENGINE_RECORD_PROBE, .bytes = bytes};
    record(b, &what);
    b->sent.flags |= ENGINE_SENT_PROBE;
    b->flags = SLUICE_PACKET_ALONE;
    engine_pmtud_sent(&engine->pmtud, bytes);
    finish(b);
    return true;
}

/* CLOSE, and the report that answers the peer's. */
static void build_close(builder *b)
{
    transport_engine *engine = b->engine;
    engine_life *life = &engine->life;
    if (!life->close_due && !report_due(engine))
        return;
    if (engine_path_room(&engine->path, 0) < engine_wire_bytes(engine, b->full) || !begin(b)) {
        life->close_due = false; /* Too little came from an address that is not validated. */
        life->close_again = engine->now + engine_rtt_pto(&engine->rtt);
        engine->receipt.due = SLUICE_NEVER;
        return;
    }
    if (report_due(engine))
        put_report(b);
    size_t most = room(b) > ENGINE_FRAME_MAX ? room(b) - ENGINE_FRAME_MAX : 0;
    if (life->close_due && most > 0) {
        size_t bytes = strlen(life->reason);
        engine_record what = {.kind = ENGINE_RECORD_CLOSE};
        b->at = engine_frame_put(b->at, ENGINE_FRAME_CLOSE, &life->code, 1, life->reason, bytes < most ? bytes : most);
        b->sent.flags |= ENGINE_SENT_ELICITING;
        record(b, &what);
        life->close_due = false;
        life->closes -= life->closes > 0;
        life->close_again = engine->now + engine_rtt_pto(&engine->rtt);
    }
    if (is_empty(b))
        abandon(b);
    else
        finish(b);
}

/* A small PING among the probes shows whether only large packets die. */
static bool build_small_ping(builder *b)
{
    engine_recovery *recovery = &b->engine->recovery;
    if (!recovery->ping_due || recovery->probes_due != 1 || b->allowed == 0 || !begin(b))
        return false;
    fields(b, ENGINE_FRAME_PING, NULL, 0, NULL);
    recovery->ping_due = false;
    finish(b);
    return true;
}

/* One packet, or the run of packets that its data begins.  False when the batch ends here. */
static bool build_next(builder *b)
{
    transport_engine *engine = b->engine;
    bool report = report_due(engine);
    if (b->allowed == 0 && !(report && engine_path_room(&engine->path, 0) >= engine_wire_bytes(engine, b->full)))
        return false;
    if (build_small_ping(b))
        return false;
    if (!begin(b))
        return false;
    if (report || (b->allowed > 0 && engine_outgoing_first(engine) && report_along(engine)))
        put_report(b);
    if (b->allowed > 0) {
        put_path(b);
        put_credit(b);
        put_ping(b);
        put_objects(b);
        if (b->open)
            put_end_of_flight(b);
        else if (!engine_outgoing_first(engine))
            engine_flight_at(&engine->flight, engine->flight.next - 1)->flags |= ENGINE_SENT_ENDS;
        if (b->open && engine->recovery.probes_due > 0 && !(b->sent.flags & ENGINE_SENT_ELICITING) &&
            room(b) >= ENGINE_FRAME_MAX)
            fields(b, ENGINE_FRAME_PING, NULL, 0, NULL);
    }
    if (!b->open)
        return b->status == SLUICE_OK; /* The last packet was filled exactly. */
    if (is_empty(b)) {
        abandon(b);
        return false;
    }
    finish(b);
    return b->status == SLUICE_OK && (engine_on_bytes(engine) || b->packets[b->made - 1].size == b->full);
}

/* At the very end of everything, blocks that were lost before go out once more without waiting for news of them. */
static void build_repeats(builder *b)
{
    transport_engine *engine = b->engine;
    bool found = true;
    while (found && b->status == SLUICE_OK && b->allowed > 0 && b->made < b->count && !engine_outgoing_first(engine) &&
           (b->made == 0 || b->packets[b->made - 1].size == b->full)) {
        b->status = engine_recovery_repeat(engine, &found);
        if (found && b->status == SLUICE_OK)
            build_next(b); /* Nothing may come of it, when fetch has nothing now: then the next one is tried. */
    }
    engine->recovery.repeating = 0;
}

static void build_open(builder *b)
{
    transport_engine *engine = b->engine;
    uint32_t wire = (uint32_t)engine_wire_bytes(engine, b->full);
    if (engine->idle_since != SLUICE_NEVER && engine_outgoing_first(engine)) {
        engine->calls.restart(engine->user, engine->now, engine->idle_since, &engine->control);
        engine->idle_since = SLUICE_NEVER;
        engine_control_taken(engine);
    }
    uint32_t small = little(engine);
    if (build_paths(b) || (!small && build_probe(b)))
        return;
    /* While a probe waits for room in the pacer, data waits too, else there would never be so much: half a
     * millisecond at most.  What fits into one packet goes first. */
    b->allowed = small || engine_build_probe_bytes(engine) == 0 ? allowance(engine, wire) : 0;
    if (small && b->allowed > 0 && engine_pacer_room(&engine->pacer, engine->now) < wire)
        b->full = small;
    while (b->made < b->count && build_next(b))
        continue;
    build_repeats(b);
    /* The little that was to go first could not be had: then the probe need not wait for it. */
    if (small && b->made == 0 && b->status == SLUICE_OK && !little(engine))
        build_probe(b);
    if (b->made == 0 && b->status == SLUICE_OK && engine_path_wants(&engine->path, 0, engine->now))
        build_path(b, 0);
    if (b->allowed > 0 && !engine_outgoing_first(engine))
        engine_recovery_limited(engine);
}

size_t engine_build(transport_engine *engine, sluice_packet *packets, size_t count)
{
    builder b = {.engine = engine, .packets = packets, .count = count, .full = engine_packet_bytes(engine)};
    if (count == 0)
        return 0;
    if (engine->life.stage == ENGINE_STAGE_OPEN)
        build_open(&b);
    else
        build_close(&b);
    if (b.open)
        abandon(&b);
    engine_recovery_built(engine);
    if (b.status != SLUICE_OK)
        engine_life_break(engine, b.status, "out of memory");
    if (b.made > 0 && engine_live(engine)) {
        engine->calls.sent(engine->user, engine->now, b.sent_bytes, engine->flight.in_flight_bytes, &engine->control);
        engine_control_taken(engine);
    }
    return b.made;
}

/* Whether the window and the path let something out, were it not for pacing. */
static bool unhindered(const transport_engine *engine)
{
    uint32_t wire = engine_wire_bytes(engine, engine_packet_bytes(engine));
    return (engine_window(engine) >= wire || (engine->recovery.probes_due > 0 && !engine->ring_full)) &&
           path_room(engine) >= wire;
}

sluice_time engine_build_wake(const transport_engine *engine)
{
    const engine_path *path = &engine->path;
    if (path->response_due)
        return engine->now;
    sluice_time challenge = engine_path_wake(path);
    if (!unhindered(engine))
        return challenge;
    if (engine_build_probe_bytes(engine) != 0 && little(engine) == 0)
        return probe_paced(engine, engine_build_probe_bytes(engine));
    sluice_time paced = engine_build_paced(engine);
    if (engine_outgoing_first(engine) || engine->in.due || engine->in.credit_due || engine->life.ping_due ||
        engine->recovery.probes_due > 0 || engine_recovery_repeat_due(engine))
        return paced;
    bool probes = engine->life.ready && !engine_on_bytes(engine);
    sluice_time probe = probes ? engine_pmtud_wake(&engine->pmtud, engine_probe_most(engine)) : SLUICE_NEVER;
    sluice_time at = probe < challenge ? probe : challenge;
    return at > paced ? at : paced;
}
