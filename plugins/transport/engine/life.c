/* SPDX-License-Identifier: Apache-2.0 */
/* life.c - how a session comes alive, is noticed to be silent, and ends. */
#include "engine.h"

#include <stdio.h>
#include <string.h>

#define SILENCE (5 * SLUICE_SECOND)
#define CLOSE_TIMES 3
#define CURIOSITY (1 * SLUICE_SECOND)

void engine_life_init(transport_engine *engine)
{
    engine->life = (engine_life){
        .started = engine->now, .ping_due = true, .expecting = SLUICE_NEVER, .last_eliciting = engine->now};
}

void engine_life_received(transport_engine *engine)
{
    engine_life *life = &engine->life;
    life->last_received = engine->now;
    life->expecting = SLUICE_NEVER;
    if (!life->ready) {
        life->ready = true;
        engine_event(engine, SLUICE_TRANSPORT_READY, 0);
    }
    if (life->silent) {
        life->silent = false;
        engine_event(engine, SLUICE_TRANSPORT_BACK, 0);
    }
}

void engine_life_sent(transport_engine *engine, bool eliciting)
{
    engine_life *life = &engine->life;
    if (!eliciting)
        return;
    life->last_eliciting = engine->now;
    if (life->expecting == SLUICE_NEVER)
        life->expecting = engine->now;
}

static sluice_time last_heard(const engine_life *life)
{
    return life->last_received ? life->last_received : life->started;
}

static sluice_time keepalive_at(const transport_engine *engine)
{
    sluice_duration every = engine->setup.keepalive_ns;
    if (every == 0 || engine->life.ping_due)
        return SLUICE_NEVER;
    if (engine->setup.timeout_ns && every > engine->setup.timeout_ns / 3)
        every = engine->setup.timeout_ns / 3;
    return engine->life.last_eliciting + every;
}

/* Data came, and then nothing more: perhaps because the address that a NAT shows the server has changed, which only the
 * server can see, and only from a packet of ours. */
static sluice_time curious_at(const transport_engine *engine)
{
    if (!engine->life.curious || engine->setup.role != SLUICE_CLIENT || engine->flight.in_flight_packets > 0 ||
        engine_on_bytes(engine))
        return SLUICE_NEVER;
    sluice_duration pto = 2 * engine_rtt_pto(&engine->rtt);
    return engine->life.last_received + (pto > CURIOSITY ? pto : CURIOSITY);
}

static sluice_time silent_at(const engine_life *life)
{
    return life->silent || life->expecting == SLUICE_NEVER ? SLUICE_NEVER : life->expecting + SILENCE;
}

static sluice_time timeout_at(const transport_engine *engine)
{
    return engine->setup.timeout_ns ? last_heard(&engine->life) + engine->setup.timeout_ns : SLUICE_NEVER;
}

/* Says CLOSED, once and as the last event. */
static void tell_closed(transport_engine *engine, int status, uint64_t code, const char *reason)
{
    if (engine->life.stage == ENGINE_STAGE_CLOSED)
        return;
    engine->life.stage = ENGINE_STAGE_CLOSED;
    sluice_transport_event event = {.type = SLUICE_TRANSPORT_CLOSED, .status = status, .code = code, .reason = reason};
    engine->calls.event(engine->user, &event);
}

static void close_timers(transport_engine *engine)
{
    engine_life *life = &engine->life;
    if (life->closes > 0 && !life->close_due && engine->now >= life->close_again)
        life->close_due = true;
    if (life->stage == ENGINE_STAGE_CLOSING && engine->now >= life->close_until) {
        life->closes = 0;
        life->close_due = false;
        tell_closed(engine, SLUICE_OK, life->code, life->reason);
    }
}

void engine_life_timers(transport_engine *engine)
{
    engine_life *life = &engine->life;
    if (life->stage != ENGINE_STAGE_OPEN) {
        close_timers(engine);
        return;
    }
    if (engine->now >= timeout_at(engine)) {
        tell_closed(engine, SLUICE_ETIMEOUT, 0, "nothing came from the peer for too long");
        return;
    }
    if (engine->now >= silent_at(life)) {
        life->silent = true;
        engine_event(engine, SLUICE_TRANSPORT_SILENT, 0);
    }
    if (engine->now >= keepalive_at(engine))
        life->ping_due = true;
    if (engine->now >= curious_at(engine)) {
        life->ping_due = true;
        life->curious = false;
    }
}

sluice_time engine_life_wake(const transport_engine *engine)
{
    const engine_life *life = &engine->life;
    if (life->stage != ENGINE_STAGE_OPEN) {
        sluice_time at = life->stage == ENGINE_STAGE_CLOSING ? life->close_until : SLUICE_NEVER;
        sluice_time again = life->close_due ? engine->now : life->closes > 0 ? life->close_again : SLUICE_NEVER;
        return again < at ? again : at;
    }
    sluice_time at = timeout_at(engine);
    sluice_time silent = silent_at(life), keepalive = keepalive_at(engine), curious = curious_at(engine);
    at = silent < at ? silent : at;
    at = curious < at ? curious : at;
    return keepalive < at ? keepalive : at;
}

/* Printable ASCII only, cut to what a packet of any size holds. */
static void reason_copy(char out[ENGINE_REASON_BYTES + 1], const char *reason, size_t bytes)
{
    size_t count = bytes < ENGINE_REASON_BYTES ? bytes : ENGINE_REASON_BYTES;
    for (size_t i = 0; i < count; i++)
        out[i] = reason[i] >= 0x20 && reason[i] < 0x7f ? reason[i] : '?';
    out[count] = '\0';
}

static void close_begin(transport_engine *engine, uint64_t code, const char *reason)
{
    engine_life *life = &engine->life;
    life->code = code & ((UINT64_C(1) << 62) - 1);
    reason_copy(life->reason, reason ? reason : "", reason ? strlen(reason) : 0);
    life->close_due = life->close_open = true;
    life->closes = CLOSE_TIMES;
    life->close_until = engine->now + 3 * engine_rtt_pto(&engine->rtt);
}

void engine_life_close(transport_engine *engine, uint64_t code, const char *reason)
{
    if (engine->life.stage != ENGINE_STAGE_OPEN)
        return;
    close_begin(engine, code, reason);
    engine->life.stage = ENGINE_STAGE_CLOSING;
}

void engine_life_break(transport_engine *engine, int status, const char *reason)
{
    if (engine->life.stage != ENGINE_STAGE_OPEN)
        return;
    close_begin(engine, (uint64_t)-status, reason);
    tell_closed(engine, status, (uint64_t)-status, engine->life.reason);
}

/* Codes are negated statuses where the session uses them so; others mean "closed". */
static int status_of(uint64_t code)
{
    return code >= 1 && code <= (uint64_t)-SLUICE_EGONE ? -(int)code : SLUICE_ECLOSED;
}

void engine_life_closed_by_peer(transport_engine *engine, uint64_t code, const uint8_t *reason, size_t bytes)
{
    engine_life *life = &engine->life;
    char text[ENGINE_REASON_BYTES + 1];
    reason_copy(text, (const char *)reason, bytes);
    bool ours = life->stage == ENGINE_STAGE_CLOSING;
    life->closes = 0;
    life->close_due = life->close_open = false;
    tell_closed(engine, ours ? SLUICE_OK : status_of(code), code, text);
}

void engine_life_close_acked(transport_engine *engine)
{
    engine_life *life = &engine->life;
    life->closes = 0;
    life->close_due = life->close_open = false;
    if (life->stage == ENGINE_STAGE_CLOSING)
        tell_closed(engine, SLUICE_OK, life->code, life->reason);
}

void engine_life_moved(transport_engine *engine)
{
    engine_life *life = &engine->life;
    life->expecting = SLUICE_NEVER;
    life->ping_due = true;
    if (life->close_open) {
        life->close_due = true;
        life->closes = CLOSE_TIMES;
        life->close_until = engine->now + 3 * engine_rtt_pto(&engine->rtt);
    }
}
