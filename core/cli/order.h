/* SPDX-License-Identifier: Apache-2.0 */
/* order.h - one transfer from its start to its one line on failure, as copy and run both need it. */
#ifndef SLUICE_CLI_ORDER_H
#define SLUICE_CLI_ORDER_H

#include "cli/interrupt.h"

/* Transfers that follow each other, and the signals that end the present one. */
typedef struct sluice_orders {
    sluice *library;
    pthread_mutex_t lock; /* guards current */
    sluice_transfer *current;
    sluice_interrupt interrupt;
} sluice_orders;

int sluice_orders_begin(sluice_orders *orders, sluice *library, sluice_error *error);
void sluice_orders_end(sluice_orders *orders);

/* Somebody has asked for the end: no further order is to be carried out. */
bool sluice_orders_interrupted(const sluice_orders *orders);

/* Carries out one order and returns the exit status.  name: of the session, or NULL.  What fails is said on stderr. */
int sluice_order_run(sluice_orders *orders, const sluice_settings *settings, const char *name,
                     const char *const *sources, size_t source_count, const char *destination);

#endif
