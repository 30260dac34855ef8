/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew.h - tasks of movers on a pool, their ends on a loop.
 *
 * Each session is a member of its own, so that the tasks of one do not keep the others waiting.
 */
#ifndef SLUICE_SESSION_CREW_H
#define SLUICE_SESSION_CREW_H

#include "base/pool.h"
#include "net/loop.h"
#include "session/transfer.h"

#define SLUICE_CREW_THREADS 4 /* at work, beside those whose source or sink does not answer */
#define SLUICE_CREW_EACH 16   /* calls of one session at once */
#define SLUICE_CREW_MOST 256  /* threads of a server */

typedef struct sluice_crew {
    sluice_pool *pool;
    sluice_loop *loop;
    sluice_timer *looks; /* set while tasks wait for a thread */
} sluice_crew;

/* One user of a crew; zeroed before it joins. */
typedef struct sluice_crew_member {
    sluice_crew *crew;
    sluice_pool_party *party;
} sluice_crew_member;

/* On the loop's thread, or while it does not run, as the rest.  most: threads in all.  A crew that was zeroed, or that
 * failed, may be ended as well.  The errors of sluice_pool_new. */
int sluice_crew_begin(sluice_crew *crew, sluice_loop *loop, unsigned most, sluice_error *error);
/* Waits for the tasks that run. */
void sluice_crew_end(sluice_crew *crew);

int sluice_crew_join(sluice_crew *crew, sluice_crew_member *member, sluice_error *error);
void sluice_crew_leave(sluice_crew_member *member); /* its tasks are done; one that has not joined may leave */

/* Of a member, which outlives every task; one serves any number of movers. */
sluice_crew_port sluice_crew_open(sluice_crew_member *member);

#endif
