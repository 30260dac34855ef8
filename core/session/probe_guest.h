/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_guest.h - what a server does with a request that is a probe: it takes nothing of its root, and tells its facts.
 */
#ifndef SLUICE_SESSION_PROBE_GUEST_H
#define SLUICE_SESSION_PROBE_GUEST_H

#include "session/facts.h"
#include "session/guest.h"

/* Of one server: its disk is measured once at a time, and not all the time.  The loop's thread. */
#define SLUICE_PROBE_DISK_PAUSE_NS (10 * SLUICE_SECOND)

/* A guest's. */
typedef struct sluice_probed {
    sluice_facts facts;
    bool disk; /* it is measured for this guest */
} sluice_probed;

/* Before the store is made.  may_write: the client has the right to write here, so that a file may be made. */
void sluice_probed_begin(sluice_probed *probed, sluice_server *server, bool may_write);
/* On the pool: measures the disk below root if that was settled, and makes source `zero` or sink `null`. */
int sluice_probed_make(sluice_probed *probed, sluice *library, const char *root, const sluice_request *request,
                       uint32_t threads, sluice_store *out, sluice_error *error);
/* After that, whatever became of it. */
void sluice_probed_made(sluice_probed *probed, sluice_server *server);
/* The session has the store: the facts go to the client. */
void sluice_probed_tell(sluice_probed *probed, const sluice_server *server, sluice_session *session);

#endif
