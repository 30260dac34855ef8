/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quay.h - one side of a session of streams in virtual time: the mux on an endpoint's transport, and a loop for it.
 *
 * The session's loop is the simulator: what the mux is asked is done by an event of its own, at once or a little later.
 */
#ifndef SLUICE_SIM_QUAY_H
#define SLUICE_SIM_QUAY_H

#include "sim/endpoint.h"
#include "stream/mux.h"

typedef struct sim_quay_setup {
    bool client;
    uint64_t memory_bytes;
    sluice_duration lag_ns; /* pumps come so much later, at random */
    int (*requested)(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error);
    void (*accepted)(void *user, sluice_stream *stream);
    void (*pumped)(void *user, bool client); /* programs may find something new */
    void *user;
} sim_quay_setup;

typedef struct sim_quay {
    sluice_sim *simulation;
    sim_quay_setup setup;
    sim_cargo hook; /* for the endpoint's set-up */
    sim_endpoint *endpoint;
    sluice_stream_session *session;
    sluice_mux *mux;
    sluice_cargo cargo;
    sluice_sim_random random;
    bool pump_due, work_due, tick_due;
    sluice_time tick_at;
    bool finished, closed; /* by the mux; by the transport */
    int status;            /* of finished */
    char sentence[200];
    uint64_t items_begun, items_done, items_failed; /* streams that were told of */
} sim_quay;

/* Before the endpoints are made: hook goes into the endpoint's set-up. */
void sim_quay_init(sim_quay *quay, sluice_sim *simulation, const sim_quay_setup *setup);
/* They stand. */
void sim_quay_start(sim_quay *quay, sim_endpoint *endpoint);
/* The client's: what session_close asks. */
void sim_quay_close(sim_quay *quay);
/* Frees the mux; before the endpoint goes. */
void sim_quay_stop(sim_quay *quay);
/* The session; streams that are still held keep it. */
void sim_quay_fini(sim_quay *quay);

#endif
