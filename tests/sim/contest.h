/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contest.h - flows of unlike controls at one bottleneck of the congestion laboratory, and what each of them gets.
 *
 * A set-up and a seed decide a run.  Seeds differ in the loss, and in when flows start: each up to one round trip late.
 */
#ifndef SLUICE_SIM_CONTEST_H
#define SLUICE_SIM_CONTEST_H

#include "sim/flow.h"

#define CONTEST_FLOWS 10
#define CONTEST_BINS 2000
#define CONTEST_BIN_SECONDS 0.1

typedef struct contest_flow {
    const sluice_plugin *plugin; /* NULL: no more flows */
    const char *settings;
    double start, stop;          /* s; stop 0: never */
    double rtt_ms;               /* 0: the path's */
    double minimum_mbit, target_mbit;
    bool reverse;                /* sends the other way, over the way back */
} contest_flow;

typedef struct contest {
    double rate_mbit, rtt_ms, loss;
    double queue_bdp, queue_least_kb; /* 0: 1 BDP; 30 KB */
    double jitter_ms;                 /* uniform; it reorders */
    double back_mbit;                 /* of the way back; 0: any */
    double seconds, from;             /* what flows get is counted from `from` on */
    double change_at, change_back, change_mbit;
    double out_at, out_until;
    contest_flow flows[CONTEST_FLOWS];
} contest;

typedef struct contest_result {
    unsigned flows;
    double mbit[CONTEST_FLOWS];      /* delivered */
    double resent[CONTEST_FLOWS];    /* of what was sent: declared lost */
    double redundant[CONTEST_FLOWS]; /* of what was sent: declared lost, and came */
    double share;                    /* of all forward flows together, of rate x (1 - loss) */
    double jain;
    double queue_ms;                 /* mean */
    double queue_most_bdp;           /* since the beginning */
    double bins[CONTEST_FLOWS][CONTEST_BINS]; /* Mbit/s delivered in each CONTEST_BIN_SECONDS */
    double queue_bins[CONTEST_BINS];          /* ms, mean of each */
    uint64_t trace;
    char failure[200]; /* "": none */
} contest_result;

/* False: the simulation failed, as out->failure says. */
bool contest_run(const contest *setup, uint64_t seed, contest_result *out);

#endif
