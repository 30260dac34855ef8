/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - one end of one lane: the parts of the engine put together.
 *
 * Nothing here is locked: an engine belongs to its lane's thread.  Calls to the user may come back into the reentrant
 * operations; therefore no object is freed before the operation that is under way ends (udp_engine_leave).
 */
#ifndef UDP_ENGINE_H
#define UDP_ENGINE_H

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

#define UDP_REASON_BYTES 500

typedef enum udp_stage {
    UDP_STAGE_OPEN,
    UDP_STAGE_CLOSING, /* we closed: CLOSE goes out until it is acknowledged */
    UDP_STAGE_CLOSED   /* the user has been told; only CLOSE, or the report that answers one, still go out */
} udp_stage;

typedef struct udp_life {
    udp_stage stage;
    uint64_t code;
    char reason[UDP_REASON_BYTES + 1];
    bool close_due;
    unsigned closes; /* CLOSE frames that may still be sent */
    sluice_time close_again, close_until;

    bool ready;
    bool silent; /* SILENT has been said */
    bool ping_due;
    sluice_time started, last_received; /* last_received 0: nothing yet */
    sluice_time expecting;              /* since when an answer is due; SLUICE_NEVER: none is */
    sluice_time last_eliciting;         /* when something that wants an answer was last sent */
} udp_life;

typedef struct udp_phases {
    uint32_t sent, received;
    uint64_t packets;           /* sealed in the present phase */
    bool acked;                 /* one of them was acknowledged */
    uint64_t first_received;    /* lowest number seen in the phase that is received */
    sluice_time previous_until; /* the phase before is accepted until then */
} udp_phases;

typedef struct udp_engine {
    const sluice_host *host;
    sluice_transport_calls calls;
    void *user;
    sluice_transport_setup setup;
    sluice_time now;
    sluice_control control;

    udp_flight flight;
    udp_recovery recovery;
    udp_rtt rtt;
    udp_pacer pacer;
    udp_receipt receipt;
    udp_outgoing out;
    udp_incoming in;
    udp_pmtud pmtud;
    udp_path path;
    udp_life life;
    udp_phases phases;

    sluice_transport_statistics counts;
    sluice_wait wait; /* state since wait_since */
    sluice_time wait_since;
    sluice_time idle_since; /* nothing in flight since then; SLUICE_NEVER: something is */
    bool ring_full;         /* no room to remember another packet, until something is heard or times out */
} udp_engine;

/* Size of a full packet before sealing, and of its IP packet. */
uint32_t udp_engine_packet_bytes(const udp_engine *engine);
uint32_t udp_engine_wire_bytes(const udp_engine *engine, uint32_t packet_bytes);

/* The window has room for so many more IP bytes. */
uint64_t udp_engine_window(const udp_engine *engine);

/* Takes over what the user answered, or what path discovery changed. */
void udp_engine_control(udp_engine *engine);
void udp_engine_resized(udp_engine *engine);

void udp_engine_event(udp_engine *engine, sluice_transport_event_type type, uint64_t value);
bool udp_engine_live(const udp_engine *engine);

/* build.c: the next batch; 0 when nothing may leave. */
size_t udp_build(udp_engine *engine, sluice_packet *packets, size_t count);
/* When something that waits for pacing only may leave; SLUICE_NEVER: nothing does. */
sluice_time udp_build_wake(const udp_engine *engine);
/* The size that path discovery wants to try now (0: none), and the largest it may try. */
uint32_t udp_build_probe_bytes(const udp_engine *engine);
uint64_t udp_probe_most(const udp_engine *engine);
/* Counts a packet as sent (sign 1), or takes it back (sign all ones). */
void udp_build_count(udp_engine *engine, const udp_sent *sent, uint64_t sign);

/* arrival.c: a packet that crypto has opened. */
void udp_arrival_take(udp_engine *engine, const sluice_packet *packet);
void udp_arrival_inspect(const udp_engine *engine, sluice_packet *packet);

/* life.c */
void udp_life_init(udp_engine *engine);
void udp_life_received(udp_engine *engine);
void udp_life_sent(udp_engine *engine, bool eliciting);
void udp_life_timers(udp_engine *engine);
sluice_time udp_life_wake(const udp_engine *engine);
void udp_life_close(udp_engine *engine, uint64_t code, const char *reason);
void udp_life_closed_by_peer(udp_engine *engine, uint64_t code, const uint8_t *reason, size_t bytes);
void udp_life_close_acked(udp_engine *engine);
/* Ends the session because of the peer's or our own fault: CLOSED with that status, and CLOSE to the peer. */
void udp_life_break(udp_engine *engine, int status, const char *reason);

#endif
