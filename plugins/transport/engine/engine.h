/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - one end of one lane: the parts of the engine put together.
 *
 * Nothing here is locked: an engine belongs to its lane's thread.  Calls to the user may come back into the reentrant
 * operations; therefore no object is freed before the operation that is under way ends (engine_leave).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "flight.h"
#include "incoming.h"
#include "outgoing.h"
#include "pacer.h"
#include "path.h"
#include "pmtud.h"
#include "receipt.h"
#include "recovery.h"
#include "rtt.h"

#include <sluice/transport.h>

#define ENGINE_REASON_BYTES 500

/* Reports on a byte channel carry credit, acknowledge and measure the round trip; none is ever missing.  At 10 Gbit/s
 * 32 packets of 16 KiB take 0.4 ms. */
#define ENGINE_BYTES_PER_REPORT 32u
#define ENGINE_BYTES_REPORT_DELAY (5 * SLUICE_MS)

typedef enum engine_stage {
    ENGINE_STAGE_OPEN,
    ENGINE_STAGE_CLOSING, /* we closed: CLOSE goes out until it is acknowledged */
    ENGINE_STAGE_CLOSED   /* the user has been told; only CLOSE, or the report that answers one, still go out */
} engine_stage;

typedef struct engine_life {
    engine_stage stage;
    uint64_t code;
    char reason[ENGINE_REASON_BYTES + 1];
    bool close_due;
    unsigned closes; /* CLOSE frames that may still be sent */
    bool close_open; /* CLOSE was not acknowledged */
    sluice_time close_again, close_until;

    bool ready;
    bool silent; /* SILENT has been said */
    bool ping_due;
    bool curious;                       /* the last packet wanted a report: more was to be expected */
    sluice_time started, last_received; /* last_received 0: nothing yet */
    sluice_time expecting;              /* since when an answer is due; SLUICE_NEVER: none is */
    sluice_time last_eliciting;         /* when something that wants an answer was last sent */
} engine_life;

typedef struct engine_phases {
    uint32_t sent, received;
    uint64_t packets;           /* sealed in the present phase */
    bool acked;                 /* one of them was acknowledged */
    uint64_t first_received;    /* lowest number seen in the phase that is received */
    sluice_time previous_until; /* the phase before is accepted until then */
} engine_phases;

typedef struct transport_engine {
    const sluice_host *host;
    sluice_transport_calls calls;
    void *user;
    sluice_transport_setup setup;
    sluice_carriage carriage;
    uint32_t byte_packet; /* bytes of a full packet on a byte channel */
    sluice_time now;
    sluice_control control;

    engine_flight flight;
    engine_recovery recovery;
    engine_rtt rtt;
    engine_pacer pacer;
    engine_receipt receipt;
    engine_outgoing out;
    engine_incoming in;
    engine_pmtud pmtud;
    engine_path path;
    engine_life life;
    engine_phases phases;

    sluice_transport_statistics counts;
    sluice_wait wait; /* state since wait_since */
    sluice_time wait_since;
    sluice_time idle_since; /* nothing in flight since then; SLUICE_NEVER: something is */
    bool ring_full;         /* no room to remember another packet, until something is heard or times out */
} transport_engine;

/* The operations of sluice_transport_ops, for the tables of the plugins. */
int engine_init_datagrams(void *state, const void *config, const sluice_host *host,
                          const sluice_transport_setup *setup);
int engine_init_bytes(void *state, const void *config, const sluice_host *host, const sluice_transport_setup *setup);
void engine_fini(void *state);
void engine_inspect(const void *state, sluice_packet *packets, size_t count);
void engine_receive(void *state, sluice_time now, sluice_packet *packets, size_t count);
size_t engine_produce(void *state, sluice_time now, sluice_packet *packets, size_t count);
sluice_time engine_next_wake(const void *state);
void engine_too_big(void *state, sluice_time now, const sluice_packet *packets, size_t count);
void engine_dropped(void *state, uint64_t total);
int engine_open(void *state, sluice_object_id id, unsigned flags, unsigned priority);
int engine_offer(void *state, sluice_object_id id, uint64_t from, uint64_t to);
int engine_finish(void *state, sluice_object_id id, uint64_t size);
void engine_ready(void *state, sluice_object_id id);
int engine_abort(void *state, sluice_object_id id, uint64_t code);
int engine_skip(void *state, sluice_object_id id, uint64_t upto);
void engine_consumed(void *state, uint64_t bytes);
void engine_consumed_ordered(void *state, sluice_object_id id, uint64_t bytes);
int engine_stop(void *state, sluice_object_id id, uint64_t code);
void engine_control(void *state, sluice_time now, const sluice_control *control);
void engine_close(void *state, sluice_time now, uint64_t code, const char *reason);
void engine_statistics(const void *state, sluice_time now, sluice_transport_statistics *out);
sluice_wait engine_waits(const void *state, sluice_time now);
int engine_move(void *state, sluice_time now, uint32_t packet_bytes);
void engine_widen(void *state, sluice_object_id id, uint64_t bytes);
void engine_passed(void *state, sluice_object_id id);
bool engine_knows(const void *state, sluice_object_id id);

/* On a byte channel nothing is lost, reordered or too big, and there is no path to measure: only order, credit and the
 * bound of what is in flight are left to do. */
bool engine_on_bytes(const transport_engine *engine);

/* Size of a full packet before sealing, and of its IP packets. */
uint32_t engine_packet_bytes(const transport_engine *engine);
uint32_t engine_wire_bytes(const transport_engine *engine, uint32_t packet_bytes);

/* The window has room for so many more IP bytes. */
uint64_t engine_window(const transport_engine *engine);

/* Takes over what the user answered, or what path discovery changed. */
void engine_control_taken(transport_engine *engine);
void engine_resized(transport_engine *engine);

/* The peer has another address.  Whether only its port changed, behind the same NAT, or all of the path cannot be seen
 * from here, so both are the same: delays and sizes are measured anew (a round trip or two), and what was lost on the
 * path that was left is nobody's congestion.  The rate is kept: most changes are those of a NAT, and a narrower path
 * shows itself within a round trip, as when the capacity of one falls. */
void engine_repath(transport_engine *engine, uint32_t path);

void engine_event(transport_engine *engine, sluice_transport_event_type type, uint64_t value);
bool engine_live(const transport_engine *engine);

/* An operation begins, and ends. */
void engine_enter(transport_engine *engine, sluice_time now);
void engine_leave(transport_engine *engine);

/* build.c: the next batch; 0 when nothing may leave. */
size_t engine_build(transport_engine *engine, sluice_packet *packets, size_t count);
/* When something that waits for pacing only may leave; SLUICE_NEVER: nothing does. */
sluice_time engine_build_wake(const transport_engine *engine);
/* When the pacer lets the next packet with data or the like out. */
sluice_time engine_build_paced(const transport_engine *engine);
/* The size that path discovery wants to try now (0: none), and the largest it may try. */
uint32_t engine_build_probe_bytes(const transport_engine *engine);
uint64_t engine_probe_most(const transport_engine *engine);
/* Counts a packet as sent (sign 1), or takes it back (sign all ones). */
void engine_build_count(transport_engine *engine, const engine_sent *sent, uint64_t sign);

/* arrival.c: a packet that crypto has opened. */
void engine_arrival_take(transport_engine *engine, const sluice_packet *packet);
void engine_arrival_inspect(const transport_engine *engine, sluice_packet *packet);

/* life.c */
void engine_life_init(transport_engine *engine);
void engine_life_received(transport_engine *engine);
void engine_life_sent(transport_engine *engine, bool eliciting);
void engine_life_timers(transport_engine *engine);
sluice_time engine_life_wake(const transport_engine *engine);
void engine_life_close(transport_engine *engine, uint64_t code, const char *reason);
void engine_life_closed_by_peer(transport_engine *engine, uint64_t code, const uint8_t *reason, size_t bytes);
void engine_life_close_acked(transport_engine *engine);
/* What was said of life and death counts as not said: the peer is greeted, or told once more of the end. */
void engine_life_moved(transport_engine *engine);
/* Ends the session because of the peer's or our own fault: CLOSED with that status, and CLOSE to the peer. */
void engine_life_break(transport_engine *engine, int status, const char *reason);

/* The calls of a transport whose sessions start on that kind of channel. */
#define ENGINE_OPS(channel, start)                                                                                     \
    {                                                                                                                  \
        .carriage = (channel),                                                                                         \
        .init = (start),                                                                                               \
        .fini = engine_fini,                                                                                           \
        .inspect = engine_inspect,                                                                                     \
        .receive = engine_receive,                                                                                     \
        .produce = engine_produce,                                                                                     \
        .next_wake = engine_next_wake,                                                                                 \
        .too_big = engine_too_big,                                                                                     \
        .dropped = engine_dropped,                                                                                     \
        .open = engine_open,                                                                                           \
        .offer = engine_offer,                                                                                         \
        .finish = engine_finish,                                                                                       \
        .ready = engine_ready,                                                                                         \
        .abort = engine_abort,                                                                                         \
        .skip = engine_skip,                                                                                           \
        .consumed = engine_consumed,                                                                                   \
        .consumed_ordered = engine_consumed_ordered,                                                                   \
        .stop = engine_stop,                                                                                           \
        .control = engine_control,                                                                                     \
        .close = engine_close,                                                                                         \
        .statistics = engine_statistics,                                                                               \
        .waits = engine_waits,                                                                                         \
        .move = engine_move,                                                                                           \
        .widen = engine_widen,                                                                                         \
        .knows = engine_knows,                                                                                         \
        .passed = engine_passed,                                                                                       \
    }

#endif
