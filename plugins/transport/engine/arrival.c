/* SPDX-License-Identifier: Apache-2.0 */
/* arrival.c - packets that came: header, duplicates, key phase, and each frame to where it belongs. */
#include "engine.h"

#include "wire.h"

#include <string.h>

#define PREVIOUS_PHASE_PTOS 3

/* The phase that the header's bit means: the present one, the next, or (for older numbers) the one before. */
static int phase_of(const transport_engine *engine, uint64_t number, bool bit, uint32_t *phase)
{
    const engine_phases *phases = &engine->phases;
    *phase = phases->received;
    if ((phases->received & 1) == bit)
        return SLUICE_OK;
    if (phases->received == 0 || number > phases->first_received) {
        *phase = phases->received + 1;
        return SLUICE_OK;
    }
    *phase = phases->received - 1;
    return engine->now <= phases->previous_until ? SLUICE_OK : SLUICE_EINVAL;
}

void engine_arrival_inspect(const transport_engine *engine, sluice_packet *packet)
{
    bool bit;
    uint32_t low;
    packet->header_bytes = ENGINE_HEADER_BYTES;
    if (packet->size < ENGINE_HEADER_BYTES + engine->setup.seal_bytes ||
        !engine_header_get(packet->data, packet->size, engine->setup.local_id, &bit, &low)) {
        packet->status = SLUICE_EINVAL;
        return;
    }
    const engine_receipt *receipt = &engine->receipt;
    packet->number = engine_number_expand(receipt->any ? receipt->high + 1 : 0, low);
    packet->status = phase_of(engine, packet->number, bit, &packet->phase);
}

static void phase_note(transport_engine *engine, const sluice_packet *packet)
{
    engine_phases *phases = &engine->phases;
    if (packet->phase == phases->received + 1) {
        phases->received++;
        phases->first_received = packet->number;
        phases->previous_until = engine->now + PREVIOUS_PHASE_PTOS * engine_rtt_pto(&engine->rtt);
    } else if (packet->phase == phases->received && packet->number < phases->first_received) {
        phases->first_received = packet->number;
    }
}

typedef struct wishes {
    bool eliciting, urgent;
} wishes;

static engine_came came_of(const transport_engine *engine, const sluice_packet *packet)
{
    const engine_receipt *receipt = &engine->receipt;
    return (engine_came){.now = engine->now,
                         .pto = engine_rtt_pto(&engine->rtt),
                         .path = packet->path,
                         .bytes = engine_wire_bytes(engine, packet->size),
                         .number = packet->number,
                         .newest = !receipt->any || packet->number >= receipt->high};
}

static void answer_take(transport_engine *engine, const sluice_packet *packet, const engine_frame *frame)
{
    engine_came came = came_of(engine, packet);
    if (engine_path_response(&engine->path, &came, frame->rest))
        engine_repath(engine, packet->path);
}

static int path_frame(transport_engine *engine, const sluice_packet *packet, const engine_frame *frame)
{
    if (frame->rest_bytes < ENGINE_CHALLENGE_BYTES)
        return SLUICE_EPROTOCOL;
    if (frame->type == ENGINE_FRAME_CHALLENGE)
        engine_path_challenge(&engine->path, engine_on_bytes(engine) ? 0 : packet->path, frame->rest);
    else
        answer_take(engine, packet, frame);
    return SLUICE_OK;
}

static int frame_take(transport_engine *engine, const sluice_packet *packet, const engine_frame *frame, wishes *asks)
{
    if (frame->type != ENGINE_FRAME_REPORT)
        asks->eliciting = true;
    switch (frame->type) {
    case ENGINE_FRAME_DATA:
    case ENGINE_FRAME_DATA_LAST:
        return engine_incoming_data(engine, frame);
    case ENGINE_FRAME_END:
        asks->urgent = true;
        return engine_incoming_end(engine, frame);
    case ENGINE_FRAME_ABORT:
        return engine_incoming_abort(engine, frame);
    case ENGINE_FRAME_STOP:
        return engine_outgoing_stopped(engine, frame->field[0], frame->field[1]);
    case ENGINE_FRAME_SKIP:
        return engine_incoming_skip(engine, frame);
    case ENGINE_FRAME_CREDIT:
        engine_outgoing_credit(engine, frame->field[0]);
        return SLUICE_OK;
    case ENGINE_FRAME_FLOOR:
        return engine_incoming_floor(engine, frame->field[0]);
    case ENGINE_FRAME_CREDIT_OBJECT:
        return engine_outgoing_credit_object(engine, frame->field[0], frame->field[1]);
    case ENGINE_FRAME_REPORT:
        return engine_recovery_report(engine, frame->rest, frame->rest_bytes,
                                      packet->received && packet->received <= engine->now ? packet->received
                                                                                          : engine->now);
    case ENGINE_FRAME_PING:
        asks->urgent = true;
        return SLUICE_OK;
    case ENGINE_FRAME_CHALLENGE:
    case ENGINE_FRAME_RESPONSE:
        return path_frame(engine, packet, frame);
    case ENGINE_FRAME_CLOSE:
        asks->urgent = true;
        engine_life_closed_by_peer(engine, frame->field[0], frame->rest, frame->rest_bytes);
        return SLUICE_OK;
    default:
        return SLUICE_EPROTOCOL;
    }
}

/* A packet that came before: what it carries is redundant, whatever it says.  But an answer counts, if it comes from
 * the path that was asked: someone may have sent a copy of it from elsewhere, and his came first. */
static void seen_again(transport_engine *engine, const sluice_packet *packet)
{
    const uint8_t *at = packet->data + packet->header_bytes, *end = packet->data + packet->size;
    engine_frame frame;
    while (engine_frame_get(&at, end, &frame) == ENGINE_FRAME_READ) {
        if (frame.type == ENGINE_FRAME_DATA || frame.type == ENGINE_FRAME_DATA_LAST)
            engine->counts.redundant_bytes += frame.rest_bytes;
        else if (frame.type == ENGINE_FRAME_RESPONSE && frame.rest_bytes >= ENGINE_CHALLENGE_BYTES &&
                 engine_live(engine))
            answer_take(engine, packet, &frame);
    }
}

/* After the end only a repeated CLOSE is answered. */
static bool frame_wanted(const transport_engine *engine, const engine_frame *frame)
{
    switch (engine->life.stage) {
    case ENGINE_STAGE_OPEN:
        return true;
    case ENGINE_STAGE_CLOSING:
        return frame->type == ENGINE_FRAME_CLOSE || frame->type == ENGINE_FRAME_REPORT;
    default:
        return frame->type == ENGINE_FRAME_CLOSE;
    }
}

static int frames_take(transport_engine *engine, const sluice_packet *packet, wishes *asks)
{
    const uint8_t *at = packet->data + packet->header_bytes, *end = packet->data + packet->size;
    for (;;) {
        engine_frame frame;
        switch (engine_frame_get(&at, end, &frame)) {
        case ENGINE_FRAME_NONE:
            return SLUICE_OK;
        case ENGINE_FRAME_MALFORMED:
        case ENGINE_FRAME_UNKNOWN:
            return SLUICE_EPROTOCOL;
        case ENGINE_FRAME_READ:
            break;
        }
        int status = frame_wanted(engine, &frame) ? frame_take(engine, packet, &frame, asks) : SLUICE_OK;
        if (status != SLUICE_OK)
            return status;
    }
}

static const char *break_reason(int status)
{
    switch (status) {
    case SLUICE_ENOMEM:
        return "out of memory";
    case SLUICE_ELIMIT:
        return "peer exceeds the limits of objects or ranges";
    default:
        return "peer broke the protocol";
    }
}

static void count_unopened(transport_engine *engine, const sluice_packet *packet)
{
    if (packet->status == SLUICE_EINVAL)
        return; /* A stranger's, not even addressed to this session. */
    engine->counts.forged_packets++;
    if (engine->setup.forgery_limit && engine->counts.forged_packets >= engine->setup.forgery_limit)
        engine_life_break(engine, SLUICE_ELIMIT, "too many forged packets");
}

static sluice_duration report_delay(const transport_engine *engine)
{
    return engine_on_bytes(engine) ? ENGINE_BYTES_REPORT_DELAY : engine_rtt_report_delay(&engine->rtt);
}

void engine_arrival_take(transport_engine *engine, const sluice_packet *packet)
{
    engine_receipt *receipt = &engine->receipt;
    if (packet->status != SLUICE_OK) {
        count_unopened(engine, packet);
        return;
    }
    uint64_t wire = engine_wire_bytes(engine, packet->size);
    engine->counts.packets_received++;
    engine->counts.wire_bytes_received += wire;
    engine->counts.last_received = engine->now;
    if (!engine_on_bytes(engine)) { /* A datagram that somebody hands over late has no say in where packets go. */
        engine_came came = came_of(engine, packet);
        engine_path_received(&engine->path, engine->host, &came);
    }
    if (engine_receipt_seen(receipt, packet->number)) {
        seen_again(engine, packet);
        return;
    }
    phase_note(engine, packet);
    engine_life_received(engine);
    wishes asks = {false, false};
    int status = frames_take(engine, packet, &asks);
    sluice_time received = packet->received && packet->received <= engine->now ? packet->received : engine->now;
    if (status == SLUICE_OK)
        status = engine_receipt_note(receipt, engine->host, packet->number, received, engine->now, engine->flight.next);
    if (status != SLUICE_OK) {
        engine_life_break(engine, status, break_reason(status));
        return;
    }
    if (packet->ecn == SLUICE_ECN_CE)
        receipt->ce_packets++;
    engine->life.curious = asks.eliciting;
    if (asks.eliciting)
        engine_receipt_want(receipt, engine->now, report_delay(engine), asks.urgent);
}
