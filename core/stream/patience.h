/* SPDX-License-Identifier: Apache-2.0 */
/* patience.h - threads of the program that wait, by the clock that everything else goes by.  Any thread. */
#ifndef SLUICE_STREAM_PATIENCE_H
#define SLUICE_STREAM_PATIENCE_H

#include <pthread.h>
#include <sluice/types.h>
#include <stdbool.h>

/* A condition whose times are CLOCK_MONOTONIC's. */
void sluice_patience_init(pthread_cond_t *condition);
/* When a wait that begins now has lasted that long; SLUICE_NEVER: never. */
sluice_time sluice_patience_until(sluice_duration wait_ns);
/* Waits, as pthread_cond_wait does.  False: it is that late. */
bool sluice_patience_wait(pthread_cond_t *condition, pthread_mutex_t *lock, sluice_time until);

#endif
