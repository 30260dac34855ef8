/* SPDX-License-Identifier: Apache-2.0 */
/* order.h - one transfer of files from its start to its one line on failure, as copy and run both need it; and what it shares
 * with one of a stream (haul.h). */
#ifndef SLUICE_CLI_ORDER_H
#define SLUICE_CLI_ORDER_H

#include "cli/interrupt.h"

/* Transfers or streams that follow each other, and the signals that end the present one. */
typedef struct sluice_orders {
    sluice *library;
    pthread_mutex_t lock; /* guards current, cancel and comfort */
    void *current;
    void (*cancel)(void *current);
    atomic_bool heard;    /* a signal came that wants an end */
    const char *comfort;  /* said with the interruption: what becomes of what is there; "" */
    sluice_interrupt interrupt;
} sluice_orders;

int sluice_orders_begin(sluice_orders *orders, sluice *library, sluice_error *error);
void sluice_orders_end(sluice_orders *orders);

/* Somebody has asked for the end: no further order is to be carried out. */
bool sluice_orders_interrupted(const sluice_orders *orders);

/* From here on signals cancel this one; NULL: there is none (any more). */
void sluice_orders_current(sluice_orders *orders, void *current, void (*cancel)(void *current), const char *comfort);

/* For the event of an order: what a report plugin would have said, were there one that does.  NULL: there is one. */
typedef void sluice_order_event(void *user, const sluice_event *event);
sluice_order_event *sluice_order_warnings(const sluice_settings *settings);

/* Whether what is written to this place comes out at standard output: directly, or from a command. */
bool sluice_order_takes_output(const char *place);

/* Carries out one order and returns the exit status.  name: of the session, or NULL.  What fails is said on stderr. */
int sluice_order_run(sluice_orders *orders, const sluice_settings *settings, const char *name,
                     const char *const *sources, size_t source_count, const char *destination);

#endif
