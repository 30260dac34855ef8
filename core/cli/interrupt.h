/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt.h - SIGINT, SIGTERM and SIGHUP, waited for on a thread of their own, so that nothing has to be done inside
 * of a signal handler.  A signal that was ignored when the program started stays ignored.
 */
#ifndef SLUICE_CLI_INTERRUPT_H
#define SLUICE_CLI_INTERRUPT_H

#include <pthread.h>
#include <signal.h>
#include <sluice/sluice.h>
#include <stdatomic.h>

typedef enum sluice_hangup {
    SLUICE_HANGUP_ENDS,   /* SIGHUP is one of the signals that want an end */
    SLUICE_HANGUP_RELOADS /* it wants something else: it is told, and not counted */
} sluice_hangup;

typedef struct sluice_interrupt {
    pthread_t thread;
    sigset_t signals, before; /* waited for; blocked before */
    atomic_int last;          /* the last signal that came and wants an end; 0: none yet */
    sluice_hangup hangup;
    atomic_bool ending, deaf;
    void (*came)(void *user, int signal, unsigned count);
    void *user;
} sluice_interrupt;

/* Blocks the signals in this thread and those made from here on: to be called before the library starts threads.
 * came is called on the waiting thread for each signal; count: how many came, this one included.  The third one ends
 * the program at once, with 130.  SIGHUP that reloads comes with count 0, also where it was ignored. */
int sluice_interrupt_begin(sluice_interrupt *interrupt, sluice_hangup hangup,
                           void (*came)(void *user, int signal, unsigned count), void *user, sluice_error *error);

/* The last signal that came and wants an end; 0: none.  Any thread. */
int sluice_interrupt_last(const sluice_interrupt *interrupt);

/* While it is deaf SIGINT changes nothing and is not counted, for managers send it to whatever has told them its last word, and
 * look at how it ended then.  Any thread. */
void sluice_interrupt_deafen(sluice_interrupt *interrupt, bool deaf);

/* After this `came` is called no more.  What is deaf stays so. */
void sluice_interrupt_end(sluice_interrupt *interrupt);

#endif
