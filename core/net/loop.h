/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the event loop: one thread that sleeps until a socket, a timer or another thread wants something.
 *
 * One iteration waits for the kernel, calls the watches whose descriptor is ready, then runs what was posted, then
 * the timers that are due.  All functions belong to the loop's thread (the one inside sluice_loop_run, or before the
 * loop runs the one that sets it up) unless they say otherwise.  Callbacks may free any watch or timer, their own
 * included.  Time is CLOCK_MONOTONIC in nanoseconds; timers come from a timerfd with an absolute time, so that they
 * are late by the scheduler's latency only, never by the millisecond that epoll rounds to.
 */
#ifndef SLUICE_NET_LOOP_H
#define SLUICE_NET_LOOP_H

#include "net/thread.h"
#include <sluice/status.h>
#include <sluice/types.h>

typedef struct sluice_loop sluice_loop;
typedef struct sluice_timer sluice_timer;
typedef struct sluice_watch sluice_watch;

/* Embedded in whatever is handed to the loop; must stay in place until run is called.  Zero it before first use. */
typedef struct sluice_post sluice_post;
struct sluice_post {
    sluice_post *next;              /* the loop's */
    void (*run)(sluice_post *post); /* called once on the loop's thread; may post or free the node */
};

/* SLUICE_ENOMEM, SLUICE_EIO (no descriptors left). */
int sluice_loop_new(sluice_loop **out, sluice_error *error);
/* After run has returned, or before it was called.  Watches and timers must be gone.  What is still posted is run here,
 * so that nothing it owns is lost. */
void sluice_loop_free(sluice_loop *loop);

/* Runs until sluice_loop_stop.  SLUICE_OK, or SLUICE_EIO when the kernel refuses to wait. */
int sluice_loop_run(sluice_loop *loop, sluice_error *error);
/* One iteration; waits for at most wait_ns (SLUICE_NEVER: until something happens).  For tests and embedding. */
int sluice_loop_step(sluice_loop *loop, sluice_duration wait_ns, sluice_error *error);
/* Any thread.  Run returns after the iteration that is under way; if it does
 * not run yet, the next run returns at once. */
void sluice_loop_stop(sluice_loop *loop);

/* Any thread.  Hands node to the loop and wakes it; no allocation, nodes run in the order they came.  A node must not be
 * posted again before it ran. */
void sluice_loop_post(sluice_loop *loop, sluice_post *node);
/* Takes it back if it has not run yet.  The loop's thread, or any when the loop does not run. */
void sluice_loop_unpost(sluice_loop *loop, sluice_post *node);

/* The time of this iteration: read once after the kernel woke the loop, and again before the timers are run. */
sluice_time sluice_loop_now(sluice_loop *loop);
/* Reads the clock; what sluice_loop_now says from here on. */
sluice_time sluice_loop_refresh(sluice_loop *loop);

/* A timer that is not set.  It fires once per setting, at or after `when`, never before. */
int sluice_timer_new(sluice_timer **out, sluice_loop *loop, void (*fire)(void *user, sluice_time now), void *user);
void sluice_timer_free(sluice_timer *timer); /* NULL is fine */
/* Replaces what was set.  SLUICE_NEVER: unset.  A time that has passed fires in this iteration or the next one. */
void sluice_timer_set(sluice_timer *timer, sluice_time when);
/* When it will fire, or SLUICE_NEVER. */
sluice_time sluice_timer_when(const sluice_timer *timer);

enum { SLUICE_WATCH_READ = 1, SLUICE_WATCH_WRITE = 2 };

/* Watches a descriptor that stays the caller's; level triggered.  ready is told which of the wanted directions is
 * ready (errors and hang-ups show as all wanted ones).  Nothing is wanted at first.  A watch must be freed before its
 * descriptor is closed. */
int sluice_watch_new(sluice_watch **out, sluice_loop *loop, int fd, void (*ready)(void *user, unsigned directions),
                     void *user);
void sluice_watch_free(sluice_watch *watch); /* NULL is fine */
/* The directions that are wanted from here on; cheap when nothing changes.  SLUICE_EIO: the kernel refuses to watch
 * this descriptor. */
int sluice_watch_set(sluice_watch *watch, unsigned directions);

/* A thread that runs the loop; sluice_loop_stop(loop), then sluice_thread_free end it.  How it ended is told by
 * sluice_loop_status. */
int sluice_loop_thread(sluice_thread **out, sluice_loop *loop, const char *name, sluice_error *error);
int sluice_loop_status(const sluice_loop *loop); /* after the thread was joined */

#endif
