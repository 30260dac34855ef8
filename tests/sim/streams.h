/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams.h - a session of streams on a path, with a program at each end that is drawn from a seed, run to its end and
 * judged: bytes in order without gaps or doubles, words about them true, memory bounded, an end in time.
 */
#ifndef SLUICE_SIM_STREAMS_H
#define SLUICE_SIM_STREAMS_H

#include "sim/quay.h"

#define SIM_STREAMS_MOST 24
#define SIM_STREAMS_TROUBLES 4

/* Where the write calls of a live stream ended, and when they were made. */
typedef struct sim_call {
    uint64_t end;
    sluice_time at;
} sim_call;

/* One direction of a stream, as both programs mean it to be, and how far it is. */
typedef struct sim_way {
    bool used;
    uint64_t bytes, write_most, read_most;
    double flushes, write_pauses, read_pauses; /* chances after a call */
    sluice_duration pause_ns, gather_ns;       /* pauses are up to so long */
    uint64_t abort_at, leave_at;               /* the writer aborts; the reader leaves: after so many bytes; 0: never */

    uint64_t written, flush_upto, read_at, skipped;
    bool finished, flushing, writer_over, reader_over, ended, writer_rests, reader_rests;
    sim_call *calls; /* live */
    size_t call_count, call_room, call_read;
    sluice_duration latest_ns; /* live: a byte was read so long after it was written */
} sim_way;

typedef struct sim_plan {
    sluice_stream_mode mode;
    sluice_time opens;
    unsigned priority;
    sluice_duration deadline_ns;
    bool refused;
    bool opened, accepted;
    int disturbed; /* status of the first end that came early, SLUICE_OK: none; what the other side may see from then on */
    sluice_stream *ends[2]; /* client's, server's */
    sim_way ways[2];        /* to the server, to the client */
} sim_plan;

typedef struct sim_pause {
    sluice_time from, to;
    bool client;
} sim_pause;

typedef struct sim_trouble_of_link {
    sluice_time at;
    sluice_sim_link *link;
    sluice_sim_link_setup setup;
} sim_trouble_of_link;

typedef struct sim_streams {
    sluice_sim simulation;
    const char *family;
    sluice_sim_link forward, back;
    sluice_sim_link_setup forward_setup, back_setup;
    sim_endpoint_setup client_setup, server_setup;
    sim_endpoint client, server;
    sim_quay quays[2]; /* client, server */
    uint64_t memory_bytes;
    sluice_duration lag_ns;
    sim_plan plans[SIM_STREAMS_MOST];
    size_t plan_count, over_count;
    sim_pause pauses[2];
    size_t pause_count;
    sim_trouble_of_link troubles[SIM_STREAMS_TROUBLES];
    size_t trouble_count;
    bool rtt_known, closing;
    bool prompt;       /* small writes, far apart, read at once: each is checked for how long it took */
    sluice_sim_random random; /* of the programs */
    sluice_time limit;
    uint64_t flushes, verified, skips, elimits, live_writes, live_late; /* what happened, for the record */
    sluice_duration latency_most;
    uint64_t prompt_writes, prompt_late, prompt_very_late; /* all; later than the path allows; than one repetition does */
} sim_streams;

unsigned sim_streams_families(void);
void sim_streams_draw(sim_streams *all, uint64_t seed);
/* False: simulation.failure says what broke. */
bool sim_streams_run(sim_streams *all, bool verbose);

#endif
