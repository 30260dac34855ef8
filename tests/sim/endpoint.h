/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint.h - one side of a session in virtual time: a transport engine, a congestion control under the core's
 * limits, a seal that finds every changed bit, and an application that knows which bytes it must get.
 *
 * The endpoint checks at every step what must hold whatever the path does: packet numbers grow, phases follow one
 * another, no window of time carries more than pacing and one burst, the engine asks to be woken only for work, each
 * byte arrives once and is right.  What fails, fails the simulation with a sentence.
 */
#ifndef SLUICE_SIM_ENDPOINT_H
#define SLUICE_SIM_ENDPOINT_H

#include "plugin/rate.h"
#include "sim/channel.h"
#include "sim/instance.h"
#include "simulate/link.h"
#include "sim/payload.h"

#include <sluice/transport.h>

#define SIM_BATCH 44
#define SIM_BATCH_BYTES 64     /* on a byte channel */
#define SIM_BYTES_PACKET 16380 /* with its length a whole TLS record */

/* An object that an endpoint sends.  Its id is its place in the table; number 0 is the control stream. */
typedef struct sim_object_setup {
    unsigned flags, priority;
    uint64_t bytes;
    uint64_t step;                /* offered at a time; 0: all at once */
    sluice_duration start, pause; /* when the first step is offered; time between steps */
    bool holes;                   /* every third step is never offered */
    uint64_t abort_at;            /* given up when as much was offered; 0: never */
    uint64_t skip_at;             /* skipped up to here when everything was offered; 0: never */
    uint64_t stop_at;             /* the receiver stops it after as much has come; 0: never */
    bool refused;                 /* the receiver's `opened` refuses it */
} sim_object_setup;

typedef struct sim_endpoint sim_endpoint;
typedef struct sim_host sim_host;

/* What an endpoint may have in the place of objects of its own: whoever knows more of them. */
typedef struct sim_cargo {
    void *subject;
    void (*calls)(sluice_transport_calls *calls); /* sets those about objects; their user is the endpoint */
    void (*closed)(void *subject, int status, const char *reason);
} sim_cargo;

typedef struct sim_endpoint_setup {
    sluice_role role;
    const sluice_plugin *transport, *congestion;
    const char *transport_settings, *congestion_settings;
    sluice_limits limits;
    sluice_sim_link *out;                   /* NULL: it begins on the channel */
    sim_channel *channel;            /* of an endpoint that begins on one */
    sim_host *host;                  /* whose thread serves it; NULL: it has one of its own, that takes no time */
    const sim_object_setup *objects; /* borrowed */
    size_t object_count;
    const sim_cargo *cargo;          /* in their place; NULL: none */
    uint64_t receive_bytes, ordered_bytes, packets_per_phase, in_flight_most;
    sluice_duration timeout;
    uint32_t datagram_most, datagram_least;
    uint32_t local_mtu;   /* IP packets above are refused by the kernel (EMSGSIZE); 0: none */
    double refusal;       /* chance that a batch of more than one packet is refused (EIO from an offload) */
    double stall;         /* chance that a fetch gets nothing, and `ready` comes within 20 ms */
    sluice_rate sink_bps; /* rate at which data leaves the receiver; 0: at once */
    bool ecn;
    bool elided; /* neither fill nor check payload */
    void (*heard)(void *hearer, sluice_object_id id, uint64_t upto); /* bytes of the peer's object came; NULL: untold */
    void *hearer;
} sim_endpoint_setup;

typedef struct sim_object {
    sim_object_setup setup;
    sim_receipt delivered; /* kept by the receiving endpoint in the sender's table */
    sim_receipt acked;
    uint64_t offered, wanted;                        /* bytes passed so far, holes included; bytes really offered */
    uint64_t next;                                   /* of ORDERED: what must come next */
    bool open, finished, given_up, skipped, stopped; /* at the sender */
    bool completed;
    bool opened, ended, aborted, stopped_here; /* at the receiver */
    bool stalled;
} sim_object;

/* Where there are several addresses: gives a packet that leaves its addresses, finds the path that one came from, and
 * learns that a path was adopted. */
typedef struct sim_addressing {
    void *subject;
    void (*address)(void *subject, const sim_endpoint *from, uint32_t path, sluice_sim_packet *packet);
    uint32_t (*path)(void *subject, const sim_endpoint *to, const sluice_sim_packet *packet);
    void (*authentic)(void *subject, const sim_endpoint *to, const sluice_sim_packet *packet);
    void (*adopt)(void *subject, const sim_endpoint *endpoint, uint32_t path);
} sim_addressing;

struct sim_endpoint {
    sluice_sim *simulation;
    sim_endpoint_setup setup;
    sim_endpoint *peer;
    sim_instance transport, congestion;
    const sluice_transport_ops *ops;
    sluice_host host;
    sluice_transport_calls calls;
    sluice_rate_control rate;
    sluice_sim_random random;
    bool live, started;
    sim_channel *channel; /* NULL: datagrams */
    const sim_addressing *addressing;
    size_t memory_blocks; /* that the engine holds */
    size_t memory_bytes, memory_most;

    sim_object *objects;
    size_t object_count;

    sluice_sim_packet *inbox[64];
    sluice_time inbox_came[64];
    size_t inbox_count;
    bool work_due;
    uint64_t timer;
    sluice_time timer_at;
    uint8_t *buffers; /* SIM_BATCH_BYTES packets */

    /* What the invariants need. */
    bool any_sent;
    uint64_t last_number;
    uint32_t last_phase;
    double owed; /* bytes sent beyond what pacing allowed until owed_at */
    sluice_time owed_at;
    sluice_control control;
    double sink_owed;
    sluice_time sink_free;

    /* What happened. */
    bool ready, closed, silent;
    int closed_status;
    uint64_t moves, moves_in_flight; /* to byte channels; of those, with packets in flight */
    uint64_t closed_code, silences, refusals, forged, phases;
    uint64_t delivered_bytes, acked_bytes;
    sluice_time first_sent, last_delivered;
};

/* Both ends at once; forward and back links lie in the set-ups' `out`.  The setup's time-outs, windows and sizes are
 * told to the peer, as the session's set-up does.  rtt_known: initial_rtt_ns is set to the links' delays. */
void sim_endpoint_pair(sim_endpoint *client, sim_endpoint *server, sluice_sim *simulation,
                       const sim_endpoint_setup *client_setup, const sim_endpoint_setup *server_setup, bool rtt_known);
/* Ends the engine and checks that its memory came back. */
void sim_endpoint_fini(sim_endpoint *endpoint);

/* The engine moves to that byte channel. */
void sim_endpoint_move(sim_endpoint *endpoint, sim_channel *channel);

/* A packet arrives; taken over.  A sluice_sim_arrival of the endpoint. */
void sim_endpoint_arrive(void *endpoint, sluice_sim_packet *packet);
/* The host gives the endpoint a packet that has arrived then; taken over. */
void sim_endpoint_take(sim_endpoint *endpoint, sluice_sim_packet *packet, sluice_time arrived);

/* Everything that this endpoint sends has come to the end that its set-up says. */
bool sim_endpoint_done(const sim_endpoint *endpoint);
/* Fails the simulation with a sentence about the first object that is not done. */
void sim_endpoint_explain(sim_endpoint *endpoint);

void sim_endpoint_close(sim_endpoint *endpoint, uint64_t code, const char *reason);
void sim_endpoint_statistics(const sim_endpoint *endpoint, sluice_transport_statistics *out);

#endif
