/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew.h - tasks of a mover on a pool, their ends on a loop.
 */
#ifndef SLUICE_SESSION_CREW_H
#define SLUICE_SESSION_CREW_H

#include "base/pool.h"
#include "net/loop.h"
#include "session/transfer.h"

/* Both outlive every task; one crew serves any number of movers. */
typedef struct sluice_crew {
    sluice_pool *pool;
    sluice_loop *loop;
} sluice_crew;

sluice_crew_port sluice_crew_open(sluice_crew *crew);

#endif
