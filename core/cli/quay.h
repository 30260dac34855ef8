/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quay.h - where a server's streams land: who gets which, and a thread for each that carries it to its sink or from its
 * source.
 */
#ifndef SLUICE_CLI_QUAY_H
#define SLUICE_CLI_QUAY_H

#include "cli/offers.h"

#include <pthread.h>
#include <sluice/stream.h>

typedef struct sluice_quay {
    sluice *library;
    bool quiet;
    sluice_stream_listener *listener;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    sluice_offers *offers;
    bool input_taken, output_taken; /* standard input and output: there is one of each */
    bool last_taken;                /* the server ends when that one is done */
    size_t under_way, done;
    int worst;                      /* exit status of a stream that is done */
} sluice_quay;

/* Takes the offers over. */
void sluice_quay_init(sluice_quay *quay, sluice *library, sluice_offers *offers);
void sluice_quay_fini(sluice_quay *quay);

/* Other offers from now on; streams that have begun go on. */
void sluice_quay_offers(sluice_quay *quay, sluice_offers *offers);

/* Listens with what the order says of settings, event and report. */
int sluice_quay_open(sluice_quay *quay, sluice_stream_listen_order *order, sluice_error *error);
/* Carries streams until the server has ended and all of them are done. */
void sluice_quay_run(sluice_quay *quay);
/* What its streams have come to: 0, or the exit status of one that failed.  *any: there was one. */
int sluice_quay_outcome(sluice_quay *quay, bool *any);

#endif
