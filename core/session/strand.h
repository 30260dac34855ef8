/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strand.h - a thread with a loop and a UDP socket of its own, on which lanes live beside those of the main loop.
 *
 * A client makes one for each lane of its session but the first; a server has one for each number of lane, for all its
 * sessions.
 */
#ifndef SLUICE_SESSION_STRAND_H
#define SLUICE_SESSION_STRAND_H

#include "net/datagram.h"

typedef struct sluice_strand sluice_strand;

/* setup is borrowed for the call.  The errors of sluice_loop_new, sluice_datagram_new and sluice_loop_thread. */
int sluice_strand_new(sluice_strand **out, const sluice_datagram_setup *setup, const char *name, sluice_error *error);
/* Its lanes must be gone.  Any thread but its own.  NULL is fine. */
void sluice_strand_free(sluice_strand *strand);

sluice_loop *sluice_strand_loop(const sluice_strand *strand);
sluice_datagram *sluice_strand_datagram(const sluice_strand *strand); /* belongs to its thread */

/* Runs body on the strand's thread and waits for it; body must not wait for the caller.  Any thread but its own. */
void sluice_strand_call(sluice_strand *strand, void (*body)(void *user), void *user);

#endif
