/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.h - threads of the library: no signal of the application is ever delivered to one.
 */
#ifndef SLUICE_NET_THREAD_H
#define SLUICE_NET_THREAD_H

#include <sluice/status.h>

typedef struct sluice_thread sluice_thread;

/* Starts a thread of the library: all signals but those of faults are blocked in it (SIGPIPE too), name (at most 15
 * bytes) is what ps shows.  out NULL: nobody waits for it, it ends by itself.  SLUICE_EIO: no thread to be had. */
int sluice_thread_new(sluice_thread **out, const char *name, void (*body)(void *user), void *user, sluice_error *error);
/* Waits until body has returned. */
void sluice_thread_free(sluice_thread *thread);
/* Blocks SIGPIPE in the calling thread, which is the application's; for calls that write to sockets on it. */
void sluice_thread_quiet(void);

#endif
