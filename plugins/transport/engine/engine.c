/* SPDX-License-Identifier: Apache-2.0 */
/* engine.c - the operations, and the parts put together. */
#include "engine.h"

#include <string.h>

#define CREDIT_UNTOLD (64 * 1024) /* assumed of the peer until its first report */
#define PACKET_LEAST 508u
#define SMALL_PACKET 512u /* packets remembered at most: in_flight_most of this size */
#define BYTES_MOST 16380u /* a packet on a byte channel: with its length it fills a TLS record */

/* What a packet on a byte channel is on the wire can only be estimated, since TCP cuts the stream as it likes: the
 * packet and its length (4) in one TLS 1.3 record (header 5, content type 1, tag 16), all in segments of 1448 bytes,
 * each with 52 bytes of headers (IPv4 20, TCP 20, its time stamps 12), the last one begun counted as whole. */
#define LENGTH_BYTES 4u
#define RECORD_BYTES 22u
#define TCP_SEGMENT 1448u
#define TCP_HEADER_BYTES 52u

bool engine_on_bytes(const transport_engine *engine)
{
    return engine->carriage == SLUICE_CARRIAGE_BYTES;
}

uint32_t engine_packet_bytes(const transport_engine *engine)
{
    return engine_on_bytes(engine) ? engine->byte_packet
                                   : engine_pmtud_bytes(&engine->pmtud) - engine->setup.seal_bytes;
}

uint32_t engine_wire_bytes(const transport_engine *engine, uint32_t packet_bytes)
{
    if (!engine_on_bytes(engine))
        return packet_bytes + engine->setup.seal_bytes + engine->setup.ip_bytes;
    uint32_t stream = packet_bytes + LENGTH_BYTES + RECORD_BYTES;
    return stream + (stream + TCP_SEGMENT - 1) / TCP_SEGMENT * TCP_HEADER_BYTES;
}

uint64_t engine_window(const transport_engine *engine)
{
    uint64_t most = engine->setup.in_flight_most, flying = engine->flight.in_flight_bytes;
    if (engine->control.cwnd_bytes && engine->control.cwnd_bytes < most && !engine_on_bytes(engine))
        most = engine->control.cwnd_bytes;
    most = most < engine->recovery.unread_window ? most : engine->recovery.unread_window;
    uint64_t least = engine_wire_bytes(engine, engine_packet_bytes(engine));
    most = most > least ? most : least;
    if (engine->ring_full)
        return 0;
    return most > flying ? most - flying : 0;
}

void engine_control_taken(transport_engine *engine)
{
    engine_pacer_set(&engine->pacer, engine->now, engine->control.pacing_bps,
                     engine_wire_bytes(engine, engine_packet_bytes(engine)));
}

void engine_resized(transport_engine *engine)
{
    engine_control_taken(engine);
    engine_event(engine, SLUICE_TRANSPORT_DATAGRAM, engine_packet_bytes(engine) + engine->setup.seal_bytes);
}

void engine_event(transport_engine *engine, sluice_transport_event_type type, uint64_t value)
{
    if (engine->life.stage == ENGINE_STAGE_CLOSED)
        return;
    sluice_transport_event event = {.type = type, .value = value, .reason = ""};
    engine->calls.event(engine->user, &event);
}

bool engine_live(const transport_engine *engine)
{
    return engine->life.stage == ENGINE_STAGE_OPEN;
}

/* ---- time spent waiting ---- */

static sluice_wait wait_of(const transport_engine *engine)
{
    if (!engine_outgoing_first(engine))
        return engine->out.blocked ? SLUICE_WAIT_CREDIT : SLUICE_WAIT_SOURCE;
    if (engine_build_paced(engine) > engine->now)
        return SLUICE_WAIT_PACING;
    uint32_t wire = engine_wire_bytes(engine, engine_packet_bytes(engine));
    return engine_window(engine) < wire ? SLUICE_WAIT_WINDOW : SLUICE_WAIT_NOTHING;
}

void engine_enter(transport_engine *engine, sluice_time now)
{
    if (now > engine->now)
        engine->now = now;
    engine->counts.waited_ns[engine->wait] += engine->now - engine->wait_since;
    engine->wait_since = engine->now;
}

void engine_leave(transport_engine *engine)
{
    engine_outgoing_reap(engine);
    engine_incoming_reap(engine);
    engine->wait = wait_of(engine);
}

/* ---- life of an instance ---- */

static int setup_check(const sluice_host *host, const sluice_transport_setup *setup)
{
    if (setup->seal_bytes > 64 || setup->datagram_least < PACKET_LEAST || setup->datagram_most > 16356 ||
        setup->datagram_most < setup->datagram_least || !setup->calls)
        return host->fail(host, SLUICE_EINVAL,
                          "transport: datagrams of %u to %u bytes with a seal of %u cannot be used; %u to 16356 can",
                          setup->datagram_least, setup->datagram_most, setup->seal_bytes, PACKET_LEAST);
    return SLUICE_OK;
}

static int packet_check(const sluice_host *host, uint32_t bytes)
{
    if (bytes < PACKET_LEAST || bytes > BYTES_MOST)
        return host->fail(host, SLUICE_EINVAL,
                          "transport: packets of %u bytes cannot be used on a byte channel; %u to %u can", bytes,
                          PACKET_LEAST, BYTES_MOST);
    return SLUICE_OK;
}

static void carriage_bytes(transport_engine *engine, uint32_t packet_bytes)
{
    engine->carriage = SLUICE_CARRIAGE_BYTES;
    engine->byte_packet = packet_bytes;
    engine->setup.seal_bytes = 0;
    engine_path_init(&engine->path, true);
    engine_receipt_every(&engine->receipt, ENGINE_BYTES_PER_REPORT);
}

static void setup_take(transport_engine *engine, const sluice_transport_setup *setup)
{
    memcpy(&engine->setup, setup, setup->size < sizeof(*setup) ? setup->size : sizeof(*setup));
    memcpy(&engine->calls, setup->calls,
           setup->calls->size < sizeof(engine->calls) ? setup->calls->size : sizeof(engine->calls));
    engine->user = setup->user;
    engine->now = engine->wait_since = setup->now;
    engine->control = setup->control;
    engine->idle_since = SLUICE_NEVER;
    engine->wait = SLUICE_WAIT_SOURCE;
    if (engine->setup.peer_receive_bytes == 0)
        engine->setup.peer_receive_bytes = CREDIT_UNTOLD;
    if (engine->setup.peer_ordered_bytes == 0)
        engine->setup.peer_ordered_bytes = CREDIT_UNTOLD;
    if (engine->setup.in_flight_most == 0)
        engine->setup.in_flight_most = UINT64_C(64) << 20;
}

void engine_fini(void *state)
{
    transport_engine *engine = state;
    if (!engine->host)
        return;
    engine_outgoing_fini(engine);
    engine_incoming_fini(engine);
    engine_recovery_fini(engine);
    engine_receipt_fini(&engine->receipt, engine->host);
    engine_flight_fini(&engine->flight, engine->host);
    memset(engine, 0, sizeof(*engine));
}

static int init(transport_engine *engine, const sluice_host *host, const sluice_transport_setup *setup)
{
    int status;
    engine->host = host;
    setup_take(engine, setup);
    engine_rtt_init(&engine->rtt, setup->initial_rtt_ns);
    engine_pmtud_init(&engine->pmtud, setup->datagram_least, setup->datagram_most);
    engine_path_init(&engine->path, setup->address_validated || setup->role == SLUICE_CLIENT);
    engine_recovery_init(engine);
    engine_life_init(engine);
    engine_control_taken(engine);
    if ((status = engine_flight_init(&engine->flight, host, engine->setup.in_flight_most / SMALL_PACKET)) !=
            SLUICE_OK ||
        (status = engine_receipt_init(&engine->receipt, host)) != SLUICE_OK ||
        (status = engine_outgoing_init(engine)) != SLUICE_OK || (status = engine_incoming_init(engine)) != SLUICE_OK) {
        engine_fini(engine);
        return host->fail(host, status, "transport: out of memory for a session");
    }
    return SLUICE_OK;
}

int engine_init_datagrams(void *state, const void *config, const sluice_host *host, const sluice_transport_setup *setup)
{
    (void)config;
    int status = setup_check(host, setup);
    return status == SLUICE_OK ? init(state, host, setup) : status;
}

int engine_init_bytes(void *state, const void *config, const sluice_host *host, const sluice_transport_setup *setup)
{
    transport_engine *engine = state;
    (void)config;
    int status = packet_check(host, setup->datagram_most);
    if (status == SLUICE_OK)
        status = init(engine, host, setup);
    if (status == SLUICE_OK) {
        carriage_bytes(engine, setup->datagram_most);
        engine_control_taken(engine);
    }
    return status;
}

int engine_move(void *state, sluice_time now, uint32_t packet_bytes)
{
    transport_engine *engine = state;
    int status = packet_check(engine->host, packet_bytes);
    if (status != SLUICE_OK)
        return status;
    engine_enter(engine, now);
    status = engine_recovery_take_back(engine);
    if (status != SLUICE_OK)
        engine_life_break(engine, status, "out of memory");
    engine_rtt_init(&engine->rtt, engine_rtt_smoothed(&engine->rtt));
    carriage_bytes(engine, packet_bytes);
    engine->ring_full = false;
    if (!engine->life.ready)
        engine->counts.first_data_sent = 0; /* What nobody heard was not the beginning. */
    engine_receipt_again(&engine->receipt, engine->now); /* So that the peer need not send again what has come. */
    engine_life_moved(engine);
    engine_resized(engine);
    engine_leave(engine);
    return status;
}

void engine_repath(transport_engine *engine, uint32_t path)
{
    uint32_t before = engine_packet_bytes(engine);
    engine_event(engine, SLUICE_TRANSPORT_PATH, path);
    engine_rtt_init(&engine->rtt, engine_rtt_smoothed(&engine->rtt));
    engine_pmtud_init(&engine->pmtud, engine->setup.datagram_least, engine->setup.datagram_most);
    engine_recovery_repath(engine);
    engine_receipt_again(&engine->receipt, engine->now);
    if (engine_packet_bytes(engine) != before)
        engine_resized(engine);
}

/* ---- packets ---- */

void engine_inspect(const void *state, sluice_packet *packets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        engine_arrival_inspect(state, &packets[i]);
}

void engine_receive(void *state, sluice_time now, sluice_packet *packets, size_t count)
{
    transport_engine *engine = state;
    engine_enter(engine, now);
    engine->ring_full = false;
    for (size_t i = 0; i < count; i++)
        engine_arrival_take(engine, &packets[i]);
    engine_path_settle(&engine->path);
    engine_leave(engine);
}

size_t engine_produce(void *state, sluice_time now, sluice_packet *packets, size_t count)
{
    transport_engine *engine = state;
    engine_enter(engine, now);
    engine_life_timers(engine);
    if (engine_live(engine)) {
        uint32_t path = engine_path_decide(&engine->path, engine->now);
        if (path != 0)
            engine_repath(engine, path);
        if (engine->now >= engine_recovery_wake(engine))
            engine->ring_full = false;
        int status = engine_recovery_timers(engine);
        if (status != SLUICE_OK)
            engine_life_break(engine, status, "out of memory");
    }
    size_t made = engine_build(engine, packets, count);
    engine_leave(engine);
    return made;
}

sluice_time engine_next_wake(const void *state)
{
    const transport_engine *engine = state;
    sluice_time at = engine_life_wake(engine);
    if (engine->receipt.any && engine->receipt.due < at &&
        engine_path_room(&engine->path, 0) >= engine_wire_bytes(engine, engine_packet_bytes(engine)))
        at = engine->receipt.due;
    if (!engine_live(engine))
        return at;
    sluice_time recovery = engine_recovery_wake(engine), build = engine_build_wake(engine);
    at = recovery < at ? recovery : at;
    return build < at ? build : at;
}

void engine_too_big(void *state, sluice_time now, const sluice_packet *packets, size_t count)
{
    transport_engine *engine = state;
    bool changed = false;
    engine_enter(engine, now);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = packets[i].number;
        if (!engine_flight_is_flying(&engine->flight, number))
            continue;
        uint32_t bytes = engine_flight_at(&engine->flight, number)->wire_bytes - engine->setup.ip_bytes;
        int status = engine_recovery_unsent(engine, number);
        changed = engine_pmtud_refused(&engine->pmtud, engine->now, bytes) || changed;
        if (status != SLUICE_OK)
            engine_life_break(engine, status, "out of memory");
    }
    if (changed)
        engine_resized(engine);
    engine_leave(engine);
}

void engine_dropped(void *state, uint64_t total)
{
    transport_engine *engine = state;
    if (total > engine->receipt.drop_packets)
        engine->receipt.drop_packets = total;
}

/* ---- objects ---- */

/* The wait state may change with what the user does between packets; the time until now goes to the old state when
 * the clock moves on (enter). */
int engine_open(void *state, sluice_object_id id, unsigned flags, unsigned priority)
{
    transport_engine *engine = state;
    return engine_live(engine) ? engine_outgoing_open(engine, id, flags, priority) : SLUICE_ECLOSED;
}

int engine_offer(void *state, sluice_object_id id, uint64_t from, uint64_t to)
{
    transport_engine *engine = state;
    return engine_live(engine) ? engine_outgoing_offer(engine, id, from, to) : SLUICE_ECLOSED;
}

int engine_finish(void *state, sluice_object_id id, uint64_t size)
{
    transport_engine *engine = state;
    return engine_live(engine) ? engine_outgoing_finish(engine, id, size) : SLUICE_ECLOSED;
}

void engine_ready(void *state, sluice_object_id id)
{
    engine_outgoing_ready(state, id);
}

int engine_abort(void *state, sluice_object_id id, uint64_t code)
{
    transport_engine *engine = state;
    return engine_live(engine) ? engine_outgoing_abort(engine, id, code) : SLUICE_ECLOSED;
}

int engine_skip(void *state, sluice_object_id id, uint64_t upto)
{
    transport_engine *engine = state;
    return engine_live(engine) ? engine_outgoing_skip(engine, id, upto) : SLUICE_ECLOSED;
}

void engine_consumed(void *state, uint64_t bytes)
{
    engine_incoming_consumed(state, bytes);
}

void engine_consumed_ordered(void *state, sluice_object_id id, uint64_t bytes)
{
    engine_incoming_consumed_ordered(state, id, bytes);
}

void engine_widen(void *state, sluice_object_id id, uint64_t bytes)
{
    engine_incoming_widen(state, id, bytes);
}

void engine_passed(void *state, sluice_object_id id)
{
    transport_engine *engine = state;
    if (engine_live(engine))
        engine_outgoing_passed(engine, id);
}

bool engine_knows(const void *state, sluice_object_id id)
{
    return engine_incoming_knows(state, id);
}

int engine_stop(void *state, sluice_object_id id, uint64_t code)
{
    transport_engine *engine = state;
    return engine_live(engine) ? engine_incoming_stop(engine, id, code) : SLUICE_ECLOSED;
}

/* ---- the whole ---- */

void engine_control(void *state, sluice_time now, const sluice_control *control)
{
    transport_engine *engine = state;
    if (now > engine->now)
        engine_enter(engine, now);
    engine->control = *control;
    engine_control_taken(engine);
    engine->wait = wait_of(engine);
}

void engine_close(void *state, sluice_time now, uint64_t code, const char *reason)
{
    transport_engine *engine = state;
    engine_enter(engine, now);
    engine_life_close(engine, code, reason);
}

sluice_wait engine_waits(const void *state, sluice_time now)
{
    const transport_engine *engine = state;
    (void)now;
    return wait_of(engine);
}

void engine_statistics(const void *state, sluice_time now, sluice_transport_statistics *out)
{
    const transport_engine *engine = state;
    sluice_transport_statistics counts = engine->counts;
    uint32_t size = out->size;
    counts.in_flight_bytes = engine->flight.in_flight_bytes;
    counts.ce_packets = engine->recovery.ce_packets;
    counts.datagram_bytes = engine_packet_bytes(engine) + engine->setup.seal_bytes;
    counts.phase_sent = engine->phases.sent;
    counts.phase_received = engine->phases.received;
    counts.srtt_ns = engine->rtt.srtt;
    counts.rttvar_ns = engine->rtt.rttvar;
    counts.min_rtt_ns = engine->rtt.min_rtt;
    counts.queue_ns = engine->recovery.queue;
    counts.delivery_rate_bps = engine->recovery.rate;
    counts.control = engine->control;
    if (now > engine->wait_since)
        counts.waited_ns[engine->wait] += now - engine->wait_since;
    counts.size = size;
    memcpy(out, &counts, size < sizeof(counts) ? size : sizeof(counts));
}
